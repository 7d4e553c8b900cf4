//! The buffers of one thread: what is known of every value of a program on the box at hand.

use std::sync::Arc;

use netinverse_geometry::Ball;

use crate::lines::LinePair;
use crate::map::padded;
use crate::planes::Planes;
use crate::program::{Kind, Program};

/// What is known of the values of a network on one box, and the buffers to find it out.
///
/// Made once a thread by [`crate::Bounder::workspace`] and filled by [`crate::Bounder::analyse`].
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The centre of the box and the half-widths around it, rounded up; n elements.
    pub(crate) centre: Vec<f64>,
    pub(crate) radius: Vec<f64>,
    /// The inputs with a positive half-width: the variables of linear forms.
    pub(crate) free: Vec<u32>,
    /// What underflows in the coefficients of a form may add up to on the box.
    pub(crate) underflow: f64,
    pub(crate) values: Vec<ValueBounds>,
    pub(crate) steps: Vec<StepBounds>,
    /// Whether the last analysis went through.
    pub(crate) valid: bool,
    /// Only inputs in this ball matter, beside the box.
    pub(crate) ball: Option<Arc<Ball>>,
    pub(crate) scratch: Scratch,
}

/// What is known of one value: `lower ≤ h ≤ upper`, and linear forms in δ = x − centre.
#[derive(Debug, Default, Clone)]
pub(crate) struct ValueBounds {
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// Rows of M, one for each free input and one for the constant, and a row of interval centres.
    pub(crate) signed: Vec<f64>,
    /// Rows of R likewise, then rows of: errors, interval half-widths, magnitudes.
    pub(crate) absolute: Vec<f64>,
    /// Whether R is zero: the value is an affine function of the point.
    pub(crate) affine: bool,
    /// Elements that are not identically zero.
    pub(crate) alive: Vec<u32>,
}

/// What a step needs on the way back.
#[derive(Debug, Default, Clone)]
pub(crate) struct StepBounds {
    /// The rounding error that an output element brings into a linear form, for each unit of its coefficient.
    pub(crate) scale: Vec<f64>,
    /// What underflows in the coefficients of a form over the step's inputs may add up to.
    pub(crate) underflow: f64,
    pub(crate) lines: Lines,
    pub(crate) planes: Option<Planes>,
}

/// Lines around every element of a function's input.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lines {
    pub(crate) lower_slope: Vec<f64>,
    pub(crate) lower_offset: Vec<f64>,
    pub(crate) upper_slope: Vec<f64>,
    pub(crate) upper_offset: Vec<f64>,
}

/// Buffers without meaning from call to call.
#[derive(Debug, Default, Clone)]
pub(crate) struct Scratch {
    pub(crate) packed: Vec<f64>,
    pub(crate) selected: Vec<u32>,
    /// The coefficients of linear forms over each value on the way back.
    pub(crate) back: Vec<Vec<f64>>,
    pub(crate) constants: Vec<f64>,
    pub(crate) magnitudes: Vec<f64>,
    pub(crate) errors: Vec<f64>,
}

impl Workspace {
    pub(crate) fn new(program: &Program) -> Self {
        let values = program
            .sizes
            .iter()
            .map(|&size| ValueBounds {
                lower: vec![0.0; padded(size)],
                upper: vec![0.0; padded(size)],
                ..ValueBounds::default()
            })
            .collect();
        let steps = program
            .steps
            .iter()
            .map(|step| {
                let stride = padded(program.sizes[step.output]);
                let lines = match step.kind {
                    Kind::Function(_) => Lines::new(stride),
                    _ => Lines::default(),
                };
                StepBounds { scale: vec![0.0; stride], underflow: 0.0, lines, planes: None }
            })
            .collect();
        Workspace {
            centre: vec![0.0; program.input_size()],
            radius: vec![0.0; program.input_size()],
            free: Vec::new(),
            underflow: 0.0,
            values,
            steps,
            valid: false,
            ball: None,
            scratch: Scratch { back: vec![Vec::new(); program.sizes.len()], ..Scratch::default() },
        }
    }
}

impl Lines {
    fn new(stride: usize) -> Self {
        let zeros = || vec![0.0; stride];
        Lines { lower_slope: zeros(), lower_offset: zeros(), upper_slope: zeros(), upper_offset: zeros() }
    }

    pub(crate) fn set(&mut self, j: usize, pair: LinePair) {
        (self.lower_slope[j], self.lower_offset[j]) = (pair.lower.slope, pair.lower.offset);
        (self.upper_slope[j], self.upper_offset[j]) = (pair.upper.slope, pair.upper.offset);
    }
}
