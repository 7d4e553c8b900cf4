//! Polytopes in half-space form within a box.
//!
//! [`Polytope`] is {x ∈ box : a_k·x + b_k ≥ 0 for all k}. What is said of it is proved for the doubles given:
//! membership by an exact sign, emptiness by multipliers ([`EmptinessCertificate`]), supports and bounding
//! boxes by weak duality, volumes from both sides or exactly. Samples, nearest points and polygons are found
//! in floating point.

mod nearest;
mod picture;
mod samples;
mod volume;

pub use nearest::Norm;
pub use samples::{Samples, SamplingMethod};

use crate::axis_box::AxisBox;
use crate::exact_sum::ExactSum;
use crate::intersection::HalfSpaces;
use crate::lp::{LinearProgram, LpOutcome, combination_below_zero, lower_bound};
use netinverse_base::Result;
use netinverse_linalg::Interval;

/// {x ∈ domain : normals·x + offsets ≥ 0}, closed; it may be empty or of lower dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Polytope {
    domain: AxisBox,
    /// m × n, by rows.
    normals: Vec<f64>,
    offsets: Vec<f64>,
}

/// Whether a point is in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Proved to be in it.
    Inside,
    /// Proved to be outside.
    Outside,
    /// Not decided: a product of two numbers underflowed or overflowed.
    Unknown,
}

/// m multipliers ≥ 0 whose combination of the rows is negative on the whole box (Farkas): no point satisfies
/// all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct EmptinessCertificate {
    /// One number for each row.
    pub multipliers: Vec<f64>,
}

impl EmptinessCertificate {
    /// Whether it proves `polytope` empty, evaluated afresh with outward rounding.
    pub fn proves(&self, polytope: &Polytope) -> bool {
        self.multipliers.len() == polytope.rows()
            && combination_below_zero(
                &polytope.normals,
                &polytope.offsets,
                &self.multipliers,
                polytope.domain.lower(),
                polytope.domain.upper(),
            )
    }
}

/// The largest value of a linear function on a polytope.
#[derive(Debug, Clone)]
pub struct Support {
    /// A proved upper bound; −∞ if the polytope is proved empty.
    pub bound: f64,
    /// A maximiser as the solver found it, n numbers, if it found one.
    pub point: Option<Vec<f64>>,
    /// The m multipliers that prove the bound.
    pub multipliers: Vec<f64>,
}

impl Polytope {
    /// The whole box.
    pub fn from_box(domain: AxisBox) -> Self {
        Polytope { domain, normals: Vec::new(), offsets: Vec::new() }
    }

    /// Adds the half-space normal·x + offset ≥ 0.
    ///
    /// # Errors
    /// If it is not n + 1 finite numbers.
    pub fn add_row(&mut self, normal: &[f64], offset: f64) -> Result<()> {
        let mut checked = LinearProgram::new(self.domain.clone(), vec![0.0; self.dims()])?;
        checked.add_row(normal, offset)?;
        self.normals.extend_from_slice(normal);
        self.offsets.push(offset);
        Ok(())
    }

    /// The number of coordinates n.
    pub fn dims(&self) -> usize {
        self.domain.dims()
    }

    /// The number of half-spaces m, the box's own not counted.
    pub fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Half-space `k`: its normal, n numbers, and its offset.
    pub fn row(&self, k: usize) -> (&[f64], f64) {
        self.half_spaces().row(k, self.dims())
    }

    /// All half-spaces, flat.
    pub fn half_spaces(&self) -> HalfSpaces<'_> {
        HalfSpaces { normals: &self.normals, offsets: &self.offsets }
    }

    /// The box it lies in.
    pub fn domain(&self) -> &AxisBox {
        &self.domain
    }

    /// Whether the point `x` (n numbers) satisfies all rows and lies in the box, by exact signs.
    pub fn contains(&self, x: &[f64]) -> Membership {
        if !self.domain.contains(x) {
            return Membership::Outside;
        }
        let mut answer = Membership::Inside;
        for k in 0..self.rows() {
            let (normal, offset) = self.row(k);
            match sign(normal, offset, x) {
                Some(false) => return Membership::Outside,
                Some(true) => {}
                None => answer = Membership::Unknown,
            }
        }
        answer
    }

    /// The program that minimises `cost` over the polytope.
    fn program(&self, cost: Vec<f64>) -> LinearProgram {
        LinearProgram {
            domain: self.domain.clone(),
            cost,
            normals: self.normals.clone(),
            offsets: self.offsets.clone(),
        }
    }

    /// A proof that there is no point, if one is found. Sets that touch in a point are not empty.
    pub fn emptiness(&self) -> Option<EmptinessCertificate> {
        match self.program(vec![0.0; self.dims()]).solve() {
            LpOutcome::Infeasible { multipliers } => Some(EmptinessCertificate { multipliers }),
            _ => None,
        }
    }

    /// The largest direction·x, `direction` of n finite numbers.
    pub fn support(&self, direction: &[f64]) -> Support {
        match self.program(direction.iter().map(|d| -d).collect()).solve() {
            LpOutcome::Optimal(solution) => {
                Support { bound: -solution.bound, point: Some(solution.x), multipliers: solution.multipliers }
            }
            LpOutcome::Infeasible { multipliers } => {
                Support { bound: f64::NEG_INFINITY, point: None, multipliers }
            }
            LpOutcome::Undecided { bound, multipliers } => {
                Support { bound: -bound, point: None, multipliers }
            }
        }
    }

    /// A box that is proved to contain the polytope and is the smallest one but for rounding; `None` if it is
    /// proved empty.
    pub fn bounding_box(&self) -> Option<AxisBox> {
        let n = self.dims();
        let (mut lower, mut upper) = (self.domain.lower().to_vec(), self.domain.upper().to_vec());
        let mut program = self.program(vec![0.0; n]);
        let mut basis = None;
        for i in 0..n {
            for sign in [1.0, -1.0] {
                program.cost.fill(0.0);
                program.cost[i] = sign;
                let outcome = match &basis {
                    Some(basis) => program.solve_from(basis),
                    None => program.solve(),
                };
                if let LpOutcome::Infeasible { .. } = outcome {
                    return None;
                }
                let bound = outcome.bound();
                if sign > 0.0 {
                    lower[i] = lower[i].max(bound);
                } else {
                    upper[i] = upper[i].min(-bound);
                }
                if let LpOutcome::Optimal(solution) = outcome {
                    basis = Some(solution.basis);
                }
            }
            if lower[i] > upper[i] {
                return None;
            }
        }
        AxisBox::new(lower, upper).ok()
    }

    /// The same set without the rows that are proved to follow from the others and the box.
    #[must_use]
    pub fn without_redundant_rows(&self) -> Self {
        let (lower, upper) = (self.domain.lower(), self.domain.upper());
        let n = self.dims();
        let mut kept: Vec<usize> = (0..self.rows())
            .filter(|&k| {
                let (normal, offset) = self.row(k);
                let least = lower_bound(normal, &[], &[], &[], lower, upper);
                (Interval::point(least) + Interval::point(offset)).lo() < 0.0
            })
            .collect();
        let mut place = 0;
        while place < kept.len() {
            let k = kept[place];
            let (normal, offset) = self.row(k);
            let mut others = Polytope::from_box(self.domain.clone());
            for &other in kept.iter().filter(|&&other| other != k) {
                others.normals.extend_from_slice(&self.normals[other * n..(other + 1) * n]);
                others.offsets.push(self.offsets[other]);
            }
            let least = others.program(normal.to_vec()).solve().bound();
            // ∞ if the others are empty already: then this row says nothing more.
            if least == f64::INFINITY || (Interval::point(least) + Interval::point(offset)).lo() >= 0.0 {
                kept.remove(place);
            } else {
                place += 1;
            }
        }
        let mut out = Polytope::from_box(self.domain.clone());
        for k in kept {
            out.normals.extend_from_slice(&self.normals[k * n..(k + 1) * n]);
            out.offsets.push(self.offsets[k]);
        }
        out
    }
}

/// Whether normal·x + offset ≥ 0, in real arithmetic; `None` if a product leaves the range in which its error
/// is a double.
fn sign(normal: &[f64], offset: f64, x: &[f64]) -> Option<bool> {
    let quick = Interval::dot(normal, x) + Interval::point(offset);
    if quick.lo() >= 0.0 {
        return Some(true);
    }
    if quick.hi() < 0.0 {
        return Some(false);
    }
    let mut sum = ExactSum::new();
    sum.add(offset);
    for (&a, &x) in normal.iter().zip(x) {
        if a != 0.0 && x != 0.0 {
            let product = a * x;
            if !product.is_finite() || product.abs() < f64::MIN_POSITIVE * (1u64 << 62) as f64 {
                return None;
            }
            sum.add(product);
            sum.add(a.mul_add(x, -product));
        }
    }
    Some(sum.lower() >= 0.0)
}
