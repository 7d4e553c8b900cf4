//! The affine map of a linear region.

use std::cmp::Ordering;

use netinverse_geometry::{MAX_DIMS, determinant_sign};

use super::basis::Enclosed;
use super::forms::{Combination, Setting};
use dashu_ratio::RBig;

/// `f(x) = A x + c` to within an error, on one linear region.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineMap {
    /// A, m rows of n; columns of fixed inputs are 0, and what these add is in c.
    pub slopes: Vec<Vec<f64>>,
    /// c, m.
    pub constants: Vec<f64>,
    /// For each output how far f may be from this on the region.
    pub errors: Vec<f64>,
}

/// Whether a region keeps orientation, for as many outputs as free inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// det A > 0
    Kept,
    /// det A < 0
    Turned,
    /// det A = 0: the region is squashed.
    Flat,
}

impl Setting {
    /// The outputs on a region as functions of x; `doubts` for each how far it may be off at least.
    pub(super) fn map(&self, outputs: &[Enclosed], doubts: &[f64]) -> AffineMap {
        let mut map = AffineMap { slopes: Vec::new(), constants: Vec::new(), errors: Vec::new() };
        for (number, &doubt) in outputs.iter().zip(doubts) {
            let (slopes, constant, error) = self.in_x(&number.form, number.error().max(doubt));
            map.slopes.push(slopes);
            map.constants.push(constant);
            map.errors.push(error);
        }
        map
    }

    /// An affine function of t (constant first) as one of x: n slopes, a constant, and how far it may be off in the box.
    pub(super) fn in_x(&self, form: &[f64; MAX_DIMS + 1], error: f64) -> (Vec<f64>, f64, f64) {
        let frame = &self.frame;
        let mut slopes = vec![0.0; frame.centre.len()];
        let (mut constant, mut magnitude) = (form[0], form[0].abs());
        for (k, &i) in frame.free.iter().enumerate() {
            // A division by a power of two.
            slopes[i] = form[k + 1] / frame.scale[i];
            let shift = slopes[i] * frame.centre[i];
            constant -= shift;
            magnitude += shift.abs() + form[k + 1].abs();
        }
        let rounding = (2 * frame.dims() + 4) as f64 * f64::EPSILON * magnitude;
        (slopes, constant, (error + rounding) * (1.0 + 1e-9))
    }

    /// The sign of the determinant where the phases hold, for as many outputs as free inputs; exact where the network's constants
    /// are, `None` otherwise.
    pub(super) fn orientation(&self, phases: &[u8]) -> Option<Orientation> {
        let dims = self.frame.dims();
        if !self.exact || self.network.output().len() != dims {
            return None;
        }
        let rows = self.network.output().iter().map(|&element| {
            let combination = Combination { terms: vec![(element, RBig::ONE)], constant: RBig::ZERO };
            let mut row = self.integers(&combination, phases);
            row.truncate(dims);
            row
        });
        Some(match determinant_sign(rows.collect()) {
            Ordering::Greater => Orientation::Kept,
            Ordering::Less => Orientation::Turned,
            Ordering::Equal => Orientation::Flat,
        })
    }
}
