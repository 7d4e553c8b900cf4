//! What is asked of a point, as rows that bounds take: `c·f(x) + e·x + d ≥ 0`, joined by "and" and "or".

use std::collections::HashMap;
use std::sync::Arc;

use netinverse_base::{Error, Result};
use netinverse_linalg::Interval;
use netinverse_spec::{ExactBounds, HalfSpace, NormalForm, Rounding, Variable};

/// A union of intersections of half-spaces over outputs and inputs.
///
/// Half-spaces that several disjuncts share are one row. The coefficients are doubles; where a written number is none, the
/// constants make up for it on a stated box of inputs and outputs, so that `inner` implies the exact half-space and the exact
/// half-space implies `outer`.
#[derive(Debug, Clone)]
pub struct Target {
    inputs: usize,
    outputs: usize,
    rows: Vec<TargetRow>,
    disjuncts: Vec<Vec<u32>>,
    half_spaces: Vec<Arc<HalfSpace>>,
}

/// `outputs·f(x) + inputs·x + d ≥ 0` with two constants d.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// Coefficients of the outputs, m.
    pub outputs: Vec<f64>,
    /// Coefficients of the inputs, n; empty where the row speaks of outputs only.
    pub inputs: Vec<f64>,
    /// With this constant the row implies the exact half-space.
    pub inner: f64,
    /// With this constant the exact half-space implies the row.
    pub outer: f64,
    /// Whether the boundary is excluded.
    pub strict: bool,
}

impl TargetRow {
    /// `c·y + d` over enclosures of the outputs, rounded outward.
    pub(crate) fn value(&self, outputs: &[Interval], constant: f64) -> Interval {
        let term =
            |(y, c): (&Interval, &f64)| if *c == 0.0 { Interval::ZERO } else { *y * Interval::point(*c) };
        outputs.iter().zip(&self.outputs).map(term).fold(Interval::point(constant), |sum, term| sum + term)
    }
}

impl Target {
    /// The target of a normal form over n inputs and m outputs, inputs within `bounds`, of which `lower ≤ x ≤ upper` is the
    /// box of doubles around it.
    ///
    /// Half-spaces over a single input that the bounds imply are left out, strict ones read as closed. Rows with coefficients that are no
    /// doubles need the outputs' range, `output_magnitude`, to move the error into the constant.
    pub fn new(
        form: &NormalForm,
        bounds: &ExactBounds,
        lower: &[f64],
        upper: &[f64],
        output_magnitude: &[f64],
    ) -> Result<Self> {
        let mut target = Target {
            inputs: lower.len(),
            outputs: output_magnitude.len(),
            rows: Vec::new(),
            disjuncts: Vec::new(),
            half_spaces: Vec::new(),
        };
        let mut known: HashMap<HalfSpace, u32> = HashMap::new();
        for own in form.disjuncts() {
            let mut ids = Vec::new();
            for half_space in form.common().iter().chain(own.iter()) {
                if implied(half_space, bounds) {
                    continue;
                }
                let id = if let Some(&id) = known.get(half_space.as_ref()) {
                    id
                } else {
                    let row = target.row(half_space, lower, upper, output_magnitude)?;
                    let id = target.rows.len() as u32;
                    target.rows.push(row);
                    target.half_spaces.push(Arc::clone(half_space));
                    known.insert(half_space.as_ref().clone(), id);
                    id
                };
                ids.push(id);
            }
            ids.sort_unstable();
            ids.dedup();
            target.disjuncts.push(ids);
        }
        if target.disjuncts.iter().any(Vec::is_empty) {
            // One disjunct asks nothing: the whole box.
            target.disjuncts = vec![Vec::new()];
        }
        Ok(target)
    }

    /// The target of rows and disjuncts that an answer holds; the exact half-spaces are not known.
    pub(crate) fn from_rows(
        inputs: usize,
        outputs: usize,
        rows: Vec<TargetRow>,
        disjuncts: Vec<Vec<u32>>,
    ) -> Self {
        Target { inputs, outputs, rows, disjuncts, half_spaces: Vec::new() }
    }

    /// The target that nothing satisfies.
    pub fn nothing(inputs: usize, outputs: usize) -> Self {
        Target { inputs, outputs, rows: Vec::new(), disjuncts: Vec::new(), half_spaces: Vec::new() }
    }

    fn row(
        &self,
        half_space: &HalfSpace,
        lower: &[f64],
        upper: &[f64],
        output_magnitude: &[f64],
    ) -> Result<TargetRow> {
        let (inner, outer) = (half_space.row(Rounding::Inward), half_space.row(Rounding::Outward));
        let mut row = TargetRow {
            outputs: vec![0.0; self.outputs],
            inputs: Vec::new(),
            inner: inner.constant,
            outer: outer.constant,
            strict: half_space.strict,
        };
        let mut error = 0.0f64;
        for ((variable, _), (&(index, coefficient), &off)) in
            half_space.form.terms().iter().zip(inner.terms.iter().zip(&inner.errors))
        {
            let magnitude = match variable {
                Variable::Output(_) => {
                    *row.outputs.get_mut(index).ok_or_else(|| beyond(*variable))? = coefficient;
                    output_magnitude[index]
                }
                Variable::Input(_) => {
                    if row.inputs.is_empty() {
                        row.inputs = vec![0.0; self.inputs];
                    }
                    *row.inputs.get_mut(index).ok_or_else(|| beyond(*variable))? = coefficient;
                    lower[index].abs().max(upper[index].abs())
                }
                Variable::Hidden(_) => {
                    return Err(Error::unsupported(format!(
                        "`{half_space}` constrains hidden tensors beside outputs"
                    ))
                    .hint("ask about the hidden tensors alone"));
                }
            };
            if off > 0.0 {
                error = (error + (off * magnitude).next_up()).next_up();
            }
        }
        if error > 0.0 {
            row.inner = (row.inner - error).next_down();
            row.outer = (row.outer + error).next_up();
        }
        if !(row.inner.is_finite() && row.outer.is_finite()) {
            return Err(Error::unsupported(format!("the numbers in `{half_space}` are too large")));
        }
        Ok(row)
    }

    /// n
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// m
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The rows, each once.
    pub fn rows(&self) -> &[TargetRow] {
        &self.rows
    }

    /// The exact half-space of each row.
    pub fn half_spaces(&self) -> &[Arc<HalfSpace>] {
        &self.half_spaces
    }

    /// The disjuncts: rows by index. No disjunct: nothing satisfies; an empty one: everything does.
    pub fn disjuncts(&self) -> &[Vec<u32>] {
        &self.disjuncts
    }
}

fn beyond(variable: Variable) -> Error {
    Error::input(format!("`{variable}` does not exist in the network"))
}

/// Whether every point of the bounds satisfies a half-space over one input, read as closed.
fn implied(half_space: &HalfSpace, bounds: &ExactBounds) -> bool {
    let Some((Variable::Input(index), threshold, is_lower)) = half_space.bound() else { return false };
    let sides = if is_lower { &bounds.lower } else { &bounds.upper };
    match sides.get(index as usize) {
        Some(Some(side)) if is_lower => threshold <= *side,
        Some(Some(side)) => threshold >= *side,
        _ => false,
    }
}
