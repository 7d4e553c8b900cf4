//! Half-spaces `c·v + d ≥ 0`, exact, and their rows of doubles rounded to the side that a proof needs.

use std::fmt;
use std::sync::Arc;

use crate::{Linear, Rational, Variable};

/// The six comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// ≤
    LessEqual,
    /// <
    Less,
    /// ≥
    GreaterEqual,
    /// >
    Greater,
    /// =
    Equal,
    /// ≠
    NotEqual,
}

/// The set `form ≥ 0`, or `form > 0` where `strict`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HalfSpace {
    /// The form that must not be negative; it has at least one variable.
    pub form: Linear,
    /// Whether the boundary is excluded.
    pub strict: bool,
}

/// Which variables a half-space speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Inputs only.
    Inputs,
    /// Outputs only.
    Outputs,
    /// Inputs and outputs together, or hidden variables.
    Mixed,
}

/// Where the doubles of a row may lie in relation to the exact half-space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// The row's set lies inside the exact one: what satisfies the row is a witness.
    Inward,
    /// The row's set contains the exact one: what violates the row is outside.
    Outward,
    /// To the nearest doubles, for solvers.
    Nearest,
}

/// `Σ cᵢ·vᵢ + d ≥ 0` in doubles, over inputs or outputs by flat index.
///
/// The constant is rounded as asked. A coefficient that is no double is rounded to the nearest one,
/// and `errors` bounds by how much (0 where it is exact, the usual case: ±1 and short binary
/// fractions): [`Row::over`] moves that error into the constant once the variables' range is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// `(index, coefficient)`, indices ascending.
    pub terms: Vec<(usize, f64)>,
    /// The constant `d`.
    pub constant: f64,
    /// Whether the boundary is excluded.
    pub strict: bool,
    /// For each term, an upper bound of |exact coefficient − coefficient|.
    pub errors: Vec<f64>,
    /// How the constant was rounded.
    pub rounding: Rounding,
}

/// A half-space up to a positive factor: `direction·v ≥ threshold` or `≤ threshold`, where the
/// direction's first coefficient is 1. Parallel half-spaces share the direction.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    pub(crate) direction: Vec<(Variable, Rational)>,
    pub(crate) threshold: Rational,
    /// `true`: direction·v ≥ threshold.
    pub(crate) is_lower: bool,
}

impl HalfSpace {
    /// `form ≥ 0`, or `form > 0`.
    pub fn new(form: Linear, strict: bool) -> Self {
        HalfSpace { form, strict }
    }

    /// The complement, whose strictness is the other one.
    #[must_use]
    pub fn complement(&self) -> Self {
        HalfSpace { form: self.form.clone().negated(), strict: !self.strict }
    }

    /// Which variables the half-space speaks of.
    pub fn over(&self) -> Over {
        let terms = self.form.terms();
        if terms.iter().all(|(v, _)| matches!(v, Variable::Input(_))) {
            Over::Inputs
        } else if terms.iter().all(|(v, _)| matches!(v, Variable::Output(_))) {
            Over::Outputs
        } else {
            Over::Mixed
        }
    }

    /// Whether the exact half-space holds the point; `None` where the point lacks a variable.
    pub fn contains(&self, x: &[f64], y: &[f64]) -> Option<bool> {
        let value = self.form.value(x, y)?;
        Some(if self.strict { value > Rational::ZERO } else { value >= Rational::ZERO })
    }

    /// The half-space as a row of doubles; the kind of its variables is dropped ([`HalfSpace::over`]).
    pub fn row(&self, rounding: Rounding) -> Row {
        let constant = self.form.constant();
        let mut row = Row {
            terms: Vec::with_capacity(self.form.terms().len()),
            constant: match rounding {
                Rounding::Inward => constant.lower(),
                Rounding::Outward => constant.upper(),
                Rounding::Nearest => constant.nearest(),
            },
            strict: self.strict,
            errors: Vec::with_capacity(self.form.terms().len()),
            rounding,
        };
        for (variable, coefficient) in self.form.terms() {
            let (Variable::Input(index) | Variable::Output(index) | Variable::Hidden(index)) = *variable;
            let nearest = coefficient.nearest();
            let error = Rational::from_f64(nearest)
                .map_or(f64::INFINITY, |double| (coefficient - &double).abs().upper());
            row.terms.push((index as usize, nearest));
            row.errors.push(error);
        }
        row
    }

    /// The half-space up to a positive factor.
    pub(crate) fn side(&self) -> Side {
        let terms = self.form.terms();
        let (threshold, is_lower) = self.threshold();
        let direction = match terms.first().and_then(|(_, c)| c.reciprocal()) {
            Some(scale) if scale != Rational::ONE => terms.iter().map(|(v, c)| (*v, c * &scale)).collect(),
            _ => terms.to_vec(),
        };
        Side { direction, threshold, is_lower }
    }

    /// The threshold of the direction whose first coefficient is 1, and whether it bounds from below.
    pub(crate) fn threshold(&self) -> (Rational, bool) {
        let constant = self.form.constant();
        match self.form.terms().first().map(|(_, c)| c) {
            None => (-constant, true),
            Some(c) if c.is_unit() => {
                (if c.is_negative() { constant.clone() } else { -constant }, !c.is_negative())
            }
            Some(c) => {
                let scale = c.reciprocal().unwrap_or(Rational::ONE);
                (-(constant * &scale), !c.is_negative())
            }
        }
    }

    /// `v ≥ t` or `v ≤ t` for a half-space over one variable: the variable, t, and whether it is ≥.
    pub fn bound(&self) -> Option<(Variable, Rational, bool)> {
        match self.form.terms() {
            [(variable, _)] => {
                let (threshold, is_lower) = self.threshold();
                Some((*variable, threshold, is_lower))
            }
            _ => None,
        }
    }
}

impl fmt::Display for HalfSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = Linear::new(self.form.terms().to_vec(), Rational::ZERO).map_err(|_| fmt::Error)?;
        let leading_negative = terms.terms().first().is_some_and(|(_, c)| c.is_negative());
        let equal = if self.strict { "" } else { "=" };
        if leading_negative {
            write!(f, "{} <{equal} {}", terms.negated(), self.form.constant())
        } else {
            write!(f, "{terms} >{equal} {}", -self.form.constant())
        }
    }
}

impl Row {
    /// The largest index plus 1.
    pub fn width(&self) -> usize {
        self.terms.last().map_or(0, |(index, _)| index + 1)
    }

    /// `Σ cᵢ·vᵢ + d` in doubles; every index must be within `v`.
    pub fn value(&self, v: &[f64]) -> f64 {
        self.terms.iter().map(|&(index, c)| c * v[index]).sum::<f64>() + self.constant
    }

    /// How far the point is from satisfying the row: 0 where it does.
    pub fn violation(&self, v: &[f64]) -> f64 {
        (-self.value(v)).max(0.0)
    }

    /// The coefficients as a dense row of `n` entries; every index must be below `n`.
    pub fn dense(&self, n: usize) -> Vec<f64> {
        let mut dense = vec![0.0; n];
        for &(index, c) in &self.terms {
            dense[index] = c;
        }
        dense
    }

    /// Whether every coefficient is the exact one, so that the constant's rounding says it all.
    pub fn has_exact_coefficients(&self) -> bool {
        self.errors.iter().all(|&e| e == 0.0)
    }

    /// The row with its coefficients' errors moved into the constant, so that its rounding holds for
    /// every `v` with `lower ≤ v ≤ upper`: `Σ eᵢ·max(|lowerᵢ|, |upperᵢ|)`, itself rounded up.
    #[must_use]
    pub fn over(mut self, lower: &[f64], upper: &[f64]) -> Row {
        let mut total = 0.0f64;
        for (&(index, _), error) in self.terms.iter().zip(&mut self.errors) {
            if *error > 0.0 {
                let reach = lower[index].abs().max(upper[index].abs());
                total = (total + (*error * reach).next_up()).next_up();
            }
            *error = 0.0;
        }
        if total > 0.0 {
            match self.rounding {
                Rounding::Inward => self.constant = (self.constant - total).next_down(),
                Rounding::Outward => self.constant = (self.constant + total).next_up(),
                Rounding::Nearest => {}
            }
        }
        self
    }
}

/// The shared half-spaces of a formula: disjuncts repeat them, so they are counted, not copied.
pub type Shared = Arc<HalfSpace>;
