//! Variables and linear forms over them, with exact coefficients.

use std::cmp::Ordering;
use std::fmt;

use crate::Rational;

/// A scalar variable of a network, by its flat 0-based row-major index over all tensors of its kind
/// in the order of their declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// An element of the inputs.
    Input(u32),
    /// An element of the outputs.
    Output(u32),
    /// An element of the hidden tensors that a specification declares.
    Hidden(u32),
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Variable::Input(i) => write!(f, "x{i}"),
            Variable::Output(i) => write!(f, "y{i}"),
            Variable::Hidden(i) => write!(f, "h{i}"),
        }
    }
}

/// `Σ cᵢ·vᵢ + d` with exact rational coefficients: variables ascending, each once, none with
/// coefficient 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Linear {
    terms: Vec<(Variable, Rational)>,
    constant: Rational,
}

/// Sums and products have grown past any sensible size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oversized;

impl Linear {
    /// The constant form.
    pub fn constant_form(constant: Rational) -> Self {
        Linear { terms: Vec::new(), constant }
    }

    /// The form `v`.
    pub fn variable(variable: Variable) -> Self {
        Linear { terms: vec![(variable, Rational::ONE)], constant: Rational::ZERO }
    }

    /// `Σ cᵢ·vᵢ + d` from terms in any order; terms of one variable are added up.
    pub fn new(terms: Vec<(Variable, Rational)>, constant: Rational) -> Result<Self, Oversized> {
        Self::collect(terms, constant)
    }

    /// The sum of any number of forms, in one pass.
    pub fn sum(forms: impl IntoIterator<Item = Linear>) -> Result<Self, Oversized> {
        let mut forms = forms.into_iter();
        let Some(mut first) = forms.next() else { return Ok(Self::constant_form(Rational::ZERO)) };
        for form in forms {
            // Most forms are a variable or a number: adding 0 exactly is a detour through a gcd.
            first.constant = match (first.constant.is_zero(), form.constant.is_zero()) {
                (_, true) => first.constant,
                (true, false) => form.constant,
                (false, false) => checked(first.constant + form.constant)?,
            };
            first.terms.extend(form.terms);
        }
        Self::collect(first.terms, first.constant)
    }

    /// `self − other`.
    pub fn minus(self, other: Linear) -> Result<Self, Oversized> {
        Self::sum([self, other.negated()])
    }

    /// `factor · self`.
    pub fn scaled(self, factor: &Rational) -> Result<Self, Oversized> {
        if *factor == Rational::ONE {
            return Ok(self);
        }
        if factor.is_zero() {
            return Ok(Self::constant_form(Rational::ZERO));
        }
        let terms = self
            .terms
            .into_iter()
            .map(|(variable, c)| Ok((variable, checked(&c * factor)?)))
            .collect::<Result<_, Oversized>>()?;
        Ok(Linear { terms, constant: checked(&self.constant * factor)? })
    }

    /// `−self`.
    #[must_use]
    pub fn negated(self) -> Self {
        let terms = self.terms.into_iter().map(|(variable, c)| (variable, -c)).collect();
        Linear { terms, constant: -self.constant }
    }

    /// The terms `(v, c)`, variables ascending.
    pub fn terms(&self) -> &[(Variable, Rational)] {
        &self.terms
    }

    /// The constant `d`.
    pub fn constant(&self) -> &Rational {
        &self.constant
    }

    /// The form's value if it has no variable.
    pub fn as_constant(&self) -> Option<&Rational> {
        self.terms.is_empty().then_some(&self.constant)
    }

    /// Whether every coefficient and the constant lie in the range of doubles.
    pub(crate) fn is_in_range(&self) -> bool {
        self.constant.is_in_range() && self.terms.iter().all(|(_, c)| c.is_in_range())
    }

    /// The exact value at a point; `None` where the point lacks a variable or is not finite.
    /// Hidden variables have no value here.
    pub fn value(&self, x: &[f64], y: &[f64]) -> Option<Rational> {
        let mut sum = self.constant.clone();
        for (variable, coefficient) in &self.terms {
            let value = match *variable {
                Variable::Input(i) => *x.get(i as usize)?,
                Variable::Output(i) => *y.get(i as usize)?,
                Variable::Hidden(_) => return None,
            };
            sum = sum + coefficient * &Rational::from_f64(value)?;
        }
        Some(sum)
    }

    /// The form with every variable replaced.
    #[must_use]
    pub(crate) fn map_variables(&self, map: &impl Fn(Variable) -> Variable) -> Self {
        let mut terms: Vec<_> = self.terms.iter().map(|(variable, c)| (map(*variable), c.clone())).collect();
        terms.sort_by_key(|(variable, _)| *variable);
        Linear { terms, constant: self.constant.clone() }
    }

    fn collect(mut terms: Vec<(Variable, Rational)>, constant: Rational) -> Result<Self, Oversized> {
        let ascending = terms.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending {
            terms.sort_by_key(|(variable, _)| *variable);
            let mut merged: Vec<(Variable, Rational)> = Vec::with_capacity(terms.len());
            for (variable, c) in terms {
                match merged.last_mut() {
                    Some(last) if last.0 == variable => {
                        let sum = std::mem::replace(&mut last.1, Rational::ZERO) + c;
                        last.1 = checked(sum)?;
                    }
                    _ => merged.push((variable, c)),
                }
            }
            terms = merged;
        }
        terms.retain(|(_, c)| !c.is_zero());
        Ok(Linear { terms, constant })
    }
}

fn checked(value: Rational) -> Result<Rational, Oversized> {
    if value.is_oversized() { Err(Oversized) } else { Ok(value) }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (variable, c)) in self.terms.iter().enumerate() {
            let magnitude = c.abs();
            match (position, c.is_negative()) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            if magnitude != Rational::ONE {
                write!(f, "{magnitude}*")?;
            }
            write!(f, "{variable}")?;
        }
        match (self.terms.is_empty(), self.constant.cmp(&Rational::ZERO)) {
            (true, _) => write!(f, "{}", self.constant),
            (false, Ordering::Equal) => Ok(()),
            (false, Ordering::Less) => write!(f, " - {}", self.constant.abs()),
            (false, Ordering::Greater) => write!(f, " + {}", self.constant),
        }
    }
}
