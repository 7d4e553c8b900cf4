//! One box of inputs with what is asked there, as rows that bounds take: `c·f(x) + e·x + d ≥ 0`.

use std::collections::HashMap;
use std::sync::Arc;

use netinverse_base::{Error, Result};
use netinverse_geometry::Ball;
use netinverse_spec::{Case, ExactBounds, HalfSpace, Rational, Rounding, Shared, Variable};

/// A box, and the disjuncts of which one must hold: a case of the specification.
#[derive(Debug, Clone)]
pub(crate) struct Region {
    /// The exact conditions.
    pub(crate) case: Case,
    pub(crate) bounds: ExactBounds,
    /// What is asked of the inputs beside the box.
    pub(crate) constraints: Vec<Shared>,
    /// The smallest box of doubles around the exact one.
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// Doubles inside the exact box; where none is between a side's ends, the nearest to both.
    pub(crate) inner_lower: Vec<f64>,
    pub(crate) inner_upper: Vec<f64>,
    /// Inputs without a bound on one side or both; the box has a stand-in there, and proves nothing.
    pub(crate) unbounded: Vec<usize>,
    pub(crate) rows: Vec<Row>,
    /// The exact half-space of each row.
    pub(crate) half_spaces: Vec<Shared>,
    /// Rows by index; an empty disjunct asks nothing.
    pub(crate) disjuncts: Vec<Vec<u32>>,
    /// Only inputs in this ball matter.
    pub(crate) ball: Option<Arc<Ball>>,
}

/// A half-space over outputs and inputs in doubles: what violates the row violates the half-space.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// m coefficients.
    pub(crate) outputs: Vec<f64>,
    /// n coefficients; empty where the row speaks of outputs only.
    pub(crate) inputs: Vec<f64>,
    /// Rounded so that the exact half-space implies the row.
    pub(crate) constant: f64,
    pub(crate) strict: bool,
    /// 1 / Σ|coefficients|, to compare rows.
    pub(crate) scale: f64,
}

impl Region {
    /// The region of a case over n inputs; `magnitude` gives upper bounds of |outputs| over a box, where it can.
    pub(crate) fn new(
        case: Case,
        n: usize,
        m: usize,
        magnitude: impl FnMut(&[f64], &[f64]) -> Option<Vec<f64>>,
    ) -> Result<Self> {
        let bounds = case.bounds();
        let unbounded = bounds.unbounded();
        let (mut lower, mut upper) = bounds.rounded(Rounding::Outward);
        let (mut inner_lower, mut inner_upper) = bounds.rounded(Rounding::Inward);
        for i in 0..n {
            // A stand-in for attacks: near the bound that is there, else around 0.
            let (lo, hi) = (lower[i], upper[i]);
            if lo.is_infinite() {
                lower[i] = if hi.is_finite() { hi - hi.abs().max(1.0) } else { -1.0 };
                inner_lower[i] = lower[i];
            }
            if hi.is_infinite() {
                upper[i] = if lo.is_finite() { lo + lo.abs().max(1.0) } else { 1.0 };
                inner_upper[i] = upper[i];
            }
            if inner_lower[i] > inner_upper[i] {
                let nearest = bounds.lower[i].as_ref().map_or(lower[i], Rational::nearest);
                (inner_lower[i], inner_upper[i]) = (nearest, nearest);
            }
            if !(lower[i].is_finite() && upper[i].is_finite()) {
                return Err(Error::unsupported(format!("the bounds of x{i} are beyond all doubles")));
            }
        }
        let constraints = case.constraints();
        let mut region = Region {
            case,
            bounds,
            constraints,
            lower,
            upper,
            inner_lower,
            inner_upper,
            unbounded,
            rows: Vec::new(),
            half_spaces: Vec::new(),
            disjuncts: Vec::new(),
            ball: None,
        };
        region.fill_rows(n, m, magnitude)?;
        Ok(region)
    }

    fn fill_rows(
        &mut self,
        n: usize,
        m: usize,
        mut magnitude: impl FnMut(&[f64], &[f64]) -> Option<Vec<f64>>,
    ) -> Result<()> {
        let mut known: HashMap<Shared, u32> = HashMap::new();
        let mut outputs: Option<Vec<f64>> = None;
        for piece in &self.case.pieces {
            let mut ids = Vec::new();
            for half_space in self.constraints.iter().chain(piece.iter()) {
                if let Some(&id) = known.get(half_space) {
                    ids.push(id);
                    continue;
                }
                let inexact = half_space.row(Rounding::Outward).errors.iter().any(|&e| e > 0.0);
                if inexact && outputs.is_none() {
                    let reach = magnitude(&self.lower, &self.upper);
                    outputs = Some(reach.unwrap_or_else(|| vec![f64::INFINITY; m]));
                }
                let row = self.row(half_space, n, m, outputs.as_deref().unwrap_or(&[]))?;
                let id = self.rows.len() as u32;
                self.rows.push(row);
                self.half_spaces.push(Shared::clone(half_space));
                known.insert(Shared::clone(half_space), id);
                ids.push(id);
            }
            ids.sort_unstable();
            ids.dedup();
            self.disjuncts.push(ids);
        }
        Ok(())
    }

    fn row(&self, half_space: &HalfSpace, n: usize, m: usize, magnitude: &[f64]) -> Result<Row> {
        let doubles = half_space.row(Rounding::Outward);
        let mut row = Row {
            outputs: vec![0.0; m],
            inputs: Vec::new(),
            constant: doubles.constant,
            strict: half_space.strict,
            scale: 1.0,
        };
        let (mut error, mut sum) = (0.0f64, 0.0f64);
        for ((variable, _), (&(index, coefficient), &off)) in
            half_space.form.terms().iter().zip(doubles.terms.iter().zip(&doubles.errors))
        {
            let reach = match variable {
                Variable::Output(_) => {
                    row.outputs[index] = coefficient;
                    magnitude.get(index).copied().unwrap_or(0.0)
                }
                Variable::Input(_) => {
                    if row.inputs.is_empty() {
                        row.inputs = vec![0.0; n];
                    }
                    row.inputs[index] = coefficient;
                    self.lower[index].abs().max(self.upper[index].abs())
                }
                Variable::Hidden(_) => {
                    return Err(Error::unsupported(format!(
                        "`{half_space}` constrains hidden tensors beside outputs"
                    ))
                    .hint("ask about the hidden tensors alone"));
                }
            };
            sum += coefficient.abs();
            if off > 0.0 {
                error = (error + (off * reach).next_up()).next_up();
            }
        }
        if error > 0.0 {
            row.constant = (row.constant + error).next_up();
        }
        if sum > 0.0 && sum.is_finite() {
            row.scale = 1.0 / sum;
        }
        Ok(row)
    }

    /// Inputs that are not fixed.
    pub(crate) fn free_inputs(&self) -> usize {
        self.lower.iter().zip(&self.upper).filter(|(lo, hi)| lo < hi).count()
    }

    /// `c·y + e·x + d` of a row in doubles, for searches.
    pub(crate) fn value(&self, row: u32, x: &[f64], y: &[f64]) -> f64 {
        let row = &self.rows[row as usize];
        let dot = |c: &[f64], v: &[f64]| c.iter().zip(v).map(|(c, v)| c * v).sum::<f64>();
        (dot(&row.outputs, y) + dot(&row.inputs, x) + row.constant) * row.scale
    }

    /// The least value of a disjunct's rows and the row that has it; +∞ for a disjunct that asks nothing.
    pub(crate) fn margin(&self, disjunct: usize, x: &[f64], y: &[f64]) -> (f64, u32) {
        let mut worst = (f64::INFINITY, 0);
        for &row in &self.disjuncts[disjunct] {
            let value = self.value(row, x, y);
            if value < worst.0 {
                worst = (value, row);
            }
        }
        worst
    }

    /// The largest margin of all disjuncts.
    pub(crate) fn best_margin(&self, x: &[f64], y: &[f64]) -> f64 {
        let margins = (0..self.disjuncts.len()).map(|d| self.margin(d, x, y).0);
        margins.fold(f64::NEG_INFINITY, f64::max)
    }
}
