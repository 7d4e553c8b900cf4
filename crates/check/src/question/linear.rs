//! Linear forms with exact coefficients.

use std::collections::BTreeMap;

use crate::kernel::{Rational, Variable};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linear {
    pub(super) terms: BTreeMap<Variable, Rational>,
    pub(super) constant: Rational,
}

impl Linear {
    pub(super) fn constant(value: Rational) -> Self {
        Linear { terms: BTreeMap::new(), constant: value }
    }

    pub(super) fn variable(variable: Variable) -> Self {
        Linear { terms: BTreeMap::from([(variable, Rational::ONE)]), constant: Rational::ZERO }
    }

    /// The value, where there is no variable.
    pub(super) fn number(&self) -> Option<&Rational> {
        self.terms.is_empty().then_some(&self.constant)
    }

    pub(super) fn plus(mut self, other: Linear) -> Self {
        for (variable, c) in other.terms {
            *self.terms.entry(variable).or_insert(Rational::ZERO) += c;
        }
        self.terms.retain(|_, c| *c != Rational::ZERO);
        self.constant += other.constant;
        self
    }

    pub(super) fn times(mut self, factor: &Rational) -> Self {
        self.terms.values_mut().for_each(|c| *c *= factor.clone());
        self.terms.retain(|_, c| *c != Rational::ZERO);
        self.constant *= factor.clone();
        self
    }

    pub(super) fn minus(self, other: Linear) -> Self {
        self.plus(other.times(&-Rational::ONE))
    }
}
