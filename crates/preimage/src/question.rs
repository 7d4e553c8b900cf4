//! What is asked: a formula over inputs and outputs, inside a box.

use netinverse_base::{Error, Result};
use netinverse_bounds::{Bounder, Method};
use netinverse_linalg::interval::{add_down, add_up};
use netinverse_spec::{Bounds, Case, ExactBounds, Formula, NormalForm, Rational, Variable};

use crate::answer::{Header, RowText};
use crate::cell::volume;
use crate::target::{Target, TargetRow};

/// The set `{x ∈ B : x and f(x) satisfy the formula}`, ready for a paving.
#[derive(Debug, Clone)]
pub struct Question {
    /// The formula as a target for bounds.
    pub target: Target,
    /// The box, exactly.
    pub bounds: ExactBounds,
    /// The box of doubles around it, which is paved.
    pub lower: Vec<f64>,
    /// See `lower`.
    pub upper: Vec<f64>,
    /// Proved: the paved box is larger than the exact one by at most this volume.
    pub shell: f64,
    /// Whether the formula contradicts itself, or the box is empty: the set is.
    pub contradictory: bool,
}

impl Question {
    /// The question of a formula over a network's inputs and outputs, inputs within the formula's own bounds and within
    /// `given`, if any.
    ///
    /// # Errors
    /// An input without a bound on some side; a variable that the network has not.
    pub fn new(bounder: &Bounder, formula: &Formula, given: Option<&Bounds>) -> Result<Self> {
        let (n, m) = (bounder.input_size(), bounder.output_size());
        if formula.mentions(|variable| match variable {
            Variable::Input(i) => i as usize >= n,
            Variable::Output(i) => i as usize >= m,
            Variable::Hidden(_) => false,
        }) {
            return Err(Error::input(format!(
                "the question speaks of inputs or outputs beyond the network's {n} inputs and {m} outputs"
            ))
            .hint("check that the specification belongs to this model"));
        }
        if let Some(given) = given {
            given.check_dimension(n)?;
        }
        let form = NormalForm::of(formula)?;
        let cases = Case::of(&form, n)?;
        let stated = cases.iter().map(Case::bounds).reduce(|a, b| a.hull(&b));
        let mut bounds = stated.unwrap_or(ExactBounds { lower: vec![None; n], upper: vec![None; n] });
        if let Some(given) = given {
            for i in 0..n {
                let exact = |x: f64| Rational::from_f64(x);
                let (lo, hi) = (exact(given.lower()[i]), exact(given.upper()[i]));
                bounds.lower[i] = bounds.lower[i].take().max(lo);
                bounds.upper[i] = match (bounds.upper[i].take(), hi) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        let empty =
            (0..n).any(|i| matches!((&bounds.lower[i], &bounds.upper[i]), (Some(lo), Some(hi)) if lo > hi));
        if form.is_contradictory() || cases.is_empty() || empty {
            return Ok(Question {
                target: Target::nothing(n, m),
                lower: vec![0.0; n],
                upper: vec![0.0; n],
                bounds,
                shell: 0.0,
                contradictory: true,
            });
        }
        let missing = bounds.unbounded();
        if let Some(&first) = missing.first() {
            let more =
                if missing.len() > 1 { format!(" and {} more", missing.len() - 1) } else { String::new() };
            return Err(Error::input(format!("input x{first}{more} has no bounds on both sides"))
                .hint("what is proved over a box needs one: give --bounds, or bounds in the specification"));
        }
        let side = |sides: &[Option<Rational>], round: fn(&Rational) -> f64| -> Vec<f64> {
            sides.iter().flatten().map(round).collect()
        };
        let (lower, upper) = (side(&bounds.lower, Rational::lower), side(&bounds.upper, Rational::upper));
        if let Some(i) = (0..n).find(|&i| !(lower[i].is_finite() && upper[i].is_finite())) {
            return Err(Error::input(format!("the bounds of input x{i} are beyond the range of doubles")));
        }
        // Inward, for the volume of what was added.
        let (low, high) = (side(&bounds.lower, Rational::upper), side(&bounds.upper, Rational::lower));
        let shell = if (low.iter().zip(&high)).any(|(lo, hi)| lo > hi) {
            volume(&lower, &upper).1
        } else if low == lower && high == upper {
            0.0
        } else {
            let thin = (0..n).any(|i| lower[i] < upper[i] && low[i] == high[i]);
            let kept = if thin { 0.0 } else { volume(&low, &high).0 };
            add_up(volume(&lower, &upper).1, -kept).max(0.0)
        };
        let mut workspace = bounder.workspace();
        let magnitude = if bounder.analyse(&lower, &upper, Method::Intervals, &mut workspace) {
            let (lo, hi) = bounder.output(&workspace);
            lo.iter().zip(hi).map(|(lo, hi)| lo.abs().max(hi.abs())).collect()
        } else {
            // Rows with coefficients that are no doubles are refused then.
            vec![f64::INFINITY; m]
        };
        let target = Target::new(&form, &bounds, &lower, &upper, &magnitude)?;
        Ok(Question { target, bounds, lower, upper, shell, contradictory: false })
    }

    /// The question that an answer's header states, without its model: enough to use the answer, not to pave on.
    pub fn of_header(header: &Header) -> Result<Self> {
        let own =
            Self::stated(&header.bounds, &header.lower, &header.upper, &header.rows, &header.disjuncts)?;
        Ok(Question { shell: header.shell, contradictory: header.nodes == 0, ..own })
    }

    /// The question of an exact box, the box of doubles around it, rows and disjuncts.
    pub(crate) fn stated(
        bounds: &[[String; 2]],
        lower: &[f64],
        upper: &[f64],
        rows: &[RowText],
        disjuncts: &[Vec<u32>],
    ) -> Result<Self> {
        let n = lower.len();
        let outputs = rows.first().map_or(0, |row| row.outputs.len());
        let fits =
            |row: &RowText| row.outputs.len() == outputs && (row.inputs.is_empty() || row.inputs.len() == n);
        let exists = |row: &u32| (*row as usize) < rows.len();
        let reversed = (0..n).any(|i| lower[i] > upper[i]);
        if !rows.iter().all(fits) || !disjuncts.iter().flatten().all(exists) || reversed {
            return Err(Error::input("the answer's question contradicts itself"));
        }
        let row = |row: &RowText| TargetRow {
            outputs: row.outputs.clone(),
            inputs: row.inputs.clone(),
            inner: row.inner,
            outer: row.outer,
            strict: row.strict,
        };
        let side = |index: usize| -> Result<Vec<Option<Rational>>> {
            bounds.iter().map(|pair| fraction(&pair[index])).collect()
        };
        Ok(Question {
            target: Target::from_rows(n, outputs, rows.iter().map(row).collect(), disjuncts.to_vec()),
            bounds: ExactBounds { lower: side(0)?, upper: side(1)? },
            lower: lower.to_vec(),
            upper: upper.to_vec(),
            shell: 0.0,
            contradictory: false,
        })
    }

    /// The volume of the exact box over the inputs that are not fixed, enclosed, and their number.
    pub fn volume(&self) -> (f64, f64, usize) {
        let (low, high) = volume(&self.lower, &self.upper);
        let dimensions = self.lower.iter().zip(&self.upper).filter(|(lo, hi)| lo < hi).count();
        (add_down(low, -self.shell).max(0.0), high, dimensions)
    }

    /// Whether x lies in the exact box.
    pub fn in_box(&self, x: &[f64]) -> bool {
        x.len() == self.lower.len()
            && x.iter().enumerate().all(|(i, &x)| {
                let Some(x) = Rational::from_f64(x) else { return false };
                self.bounds.lower[i].as_ref().is_none_or(|lo| *lo <= x)
                    && self.bounds.upper[i].as_ref().is_none_or(|hi| x <= *hi)
            })
    }
}

/// A fraction such as `-1/3`; nothing for a missing bound.
fn fraction(text: &str) -> Result<Option<Rational>> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = || Error::input(format!("`{text}` is no fraction"));
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    let part = |text: &str| Rational::parse(text).map_err(|_| refused());
    let inverse = part(denominator)?.reciprocal().ok_or_else(refused)?;
    Ok(Some(&part(numerator)? * &inverse))
}
