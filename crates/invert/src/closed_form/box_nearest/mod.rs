//! The nearest input inside a box: minimise ½|x − r|² subject to xW + b = z and low ≤ x ≤ high.
//!
//! In the orthonormal coordinates of the layer (W = U Σ Vᵀ) the constraint is xU = t. The minimiser is
//! x(λ) = clip(r + Uλ) for a λ with x(λ)U = t, the stationary point of a convex, piecewise quadratic
//! function of r ≤ m unknowns, which damped semismooth Newton finds. Where that function is unbounded below there is no such input, and the direction in which it falls is the proof
//! ([`Certificate`]).
//!
//! A row costs about ten Newton steps of n·r²/2 operations, whatever the others cost; rows are solved in
//! fixed chunks in parallel, and the answer does not depend on the number of threads.

mod certificate;
mod dual;
mod kernel;
mod line_search;

pub use certificate::Certificate;

use super::layer::{check_references, pair};
use super::{Layer, check_columns, check_vector};
use dual::{Problem, Workspace};
use netinverse_base::{Budget, Error, Result};
use netinverse_linalg::{Matrix, dot};
use rayon::prelude::*;

/// Rows solved one after the other by one thread.
const CHUNK: usize = 64;

/// Where inputs may lie: low ≤ x ≤ high, ends possibly infinite.
#[derive(Debug, Clone, PartialEq)]
pub struct InputBox {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl InputBox {
    /// The box with these bounds for each input.
    ///
    /// # Errors
    /// Different lengths, NaN, low > high, or an infinity on the wrong side.
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self> {
        if lower.len() != upper.len() {
            let message = format!("{} lower and {} upper bounds", lower.len(), upper.len());
            return Err(Error::input(message).hint("give one of each for every input"));
        }
        for (i, (&low, &high)) in lower.iter().zip(&upper).enumerate() {
            let ordered = low <= high; // false for NaN
            if !ordered || low == f64::INFINITY || high == f64::NEG_INFINITY {
                return Err(Error::input(format!(
                    "input {i} has no value between the bounds {low} and {high}"
                )));
            }
        }
        Ok(InputBox { lower, upper })
    }

    /// [0, 1]ⁿ
    pub fn unit(inputs: usize) -> Self {
        InputBox { lower: vec![0.0; inputs], upper: vec![1.0; inputs] }
    }

    /// The lower bounds.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// The upper bounds.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// Whether x lies inside, bounds included.
    pub fn contains(&self, x: &[f64]) -> bool {
        x.len() == self.lower.len()
            && x.iter().zip(self.lower.iter().zip(&self.upper)).all(|(x, (low, high))| low <= x && x <= high)
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxOptions {
    /// Solved when the relative residual and the KKT error are at most this.
    pub tolerance: f64,
    /// The largest number of Newton steps for a row.
    pub max_steps: usize,
}

impl Default for BoxOptions {
    fn default() -> Self {
        BoxOptions { tolerance: 1e-10, max_steps: 200 }
    }
}

/// How a row ended.
#[derive(Debug, Clone, PartialEq)]
pub enum BoxStatus {
    /// The nearest input, to the tolerance.
    Solved,
    /// No input of the box gives these logits; the proof.
    Unreachable(Certificate),
    /// Neither was established within the steps or the budget; the row holds the best input found.
    NotSettled,
}

/// What was found for one row, beside the input itself.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxAnswer {
    /// How it ended.
    pub status: BoxStatus,
    /// The multipliers λ of xW = z − b: x = clip(r + Wλ). (m values)
    pub multipliers: Vec<f64>,
    /// max |xW + b − z| / max(1, max |z − b|), from W as stored.
    pub residual: f64,
    /// max |x − clip(r + Uλ̃)| / max(1, max |x|) in orthonormal coordinates λ̃ = Σ Vᵀ λ, recomputed at the end.
    pub kkt_error: f64,
    /// |x − r|₂
    pub distance: f64,
    /// Newton steps taken.
    pub steps: usize,
    /// Inputs strictly between their bounds.
    pub free: usize,
}

impl BoxAnswer {
    /// Whether the input of the row is the nearest one.
    pub fn is_solved(&self) -> bool {
        self.status == BoxStatus::Solved
    }
}

/// The answers for a batch of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxBatch {
    /// One input a row, always inside the box.
    pub inputs: Matrix,
    /// What is known of each.
    pub answers: Vec<BoxAnswer>,
}

impl BoxBatch {
    /// The number of rows solved.
    pub fn solved(&self) -> usize {
        self.answers.iter().filter(|a| a.is_solved()).count()
    }
}

/// The solver for one layer and one box, with everything that does not depend on the target prepared.
#[derive(Debug)]
pub struct BoxNearest<'a> {
    problem: Problem<'a>,
    options: BoxOptions,
}

impl<'a> BoxNearest<'a> {
    /// Prepares for inputs of `layer` in `input_box`.
    ///
    /// # Errors
    /// The box has another number of inputs.
    pub fn new(layer: &'a Layer, input_box: &'a InputBox, options: BoxOptions) -> Result<Self> {
        if input_box.lower.len() != layer.inputs() {
            let message =
                format!("the box has {} inputs, the layer {}", input_box.lower.len(), layer.inputs());
            return Err(Error::input(message));
        }
        if options.tolerance.is_nan() || options.tolerance <= 0.0 {
            return Err(Error::input(format!("a tolerance of {} is never met", options.tolerance)));
        }
        Ok(BoxNearest { problem: Problem::new(layer, input_box), options })
    }

    /// The input of the box nearest to `reference` with the given logits.
    pub fn solve(&self, logits: &[f64], reference: &[f64]) -> Result<(Vec<f64>, BoxAnswer)> {
        check_vector("logits", logits, self.problem.layer.outputs())?;
        check_vector("reference", reference, self.problem.layer.inputs())?;
        let mut x = vec![0.0; reference.len()];
        let mut workspace = Workspace::new(&self.problem);
        let answer = self.problem.solve(logits, reference, None, &self.options, &mut workspace, &mut x);
        Ok((x, answer))
    }

    /// The same for every row of logits, with one reference for all rows or one for each. `starts` are
    /// multipliers (one row each) to begin from instead of the solution without bounds, for targets near
    /// ones already solved.
    ///
    /// # Errors
    /// Widths or numbers of rows that do not fit. A stopped budget leaves rows
    /// [not settled](BoxStatus::NotSettled), which is an answer.
    pub fn solve_rows(
        &self,
        logits: &Matrix,
        references: &Matrix,
        starts: Option<&Matrix>,
        budget: &Budget,
    ) -> Result<BoxBatch> {
        let layer = self.problem.layer;
        check_columns("logits", logits, layer.outputs())?;
        check_references(references, logits.rows(), layer.inputs())?;
        if let Some(starts) = starts {
            check_references(starts, logits.rows(), layer.outputs())?;
        }
        let n = layer.inputs();
        let mut inputs = Matrix::zeros(logits.rows(), n);
        let chunk = |workspace: &mut Workspace, (index, rows): (usize, &mut [f64])| -> Vec<BoxAnswer> {
            let mut answers = Vec::with_capacity(CHUNK);
            let stopped = budget.stop().is_some();
            for (at, x) in rows.chunks_exact_mut(n).enumerate() {
                let row = index * CHUNK + at;
                let reference = references.row(pair(references, row));
                let start = starts.map(|s| s.row(pair(s, row)));
                let options =
                    if stopped { BoxOptions { max_steps: 0, ..self.options } } else { self.options };
                answers.push(self.problem.solve(logits.row(row), reference, start, &options, workspace, x));
            }
            answers
        };
        let fresh = || Workspace::new(&self.problem);
        let answers: Vec<Vec<BoxAnswer>> = if budget.threads() == 1 {
            let mut workspace = fresh();
            inputs
                .data_mut()
                .chunks_mut(CHUNK * n)
                .enumerate()
                .map(|part| chunk(&mut workspace, part))
                .collect()
        } else {
            inputs.data_mut().par_chunks_mut(CHUNK * n).enumerate().map_init(fresh, chunk).collect()
        };
        Ok(BoxBatch { inputs, answers: answers.into_iter().flatten().collect() })
    }
}

/// |a − b|₂
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    dot(&difference, &difference).sqrt()
}

#[cfg(test)]
mod tests;
