//! Formulas: half-spaces joined by "and" and "or".
//!
//! Negation needs no node of its own: the complement of a half-space is one, and De Morgan's laws
//! do the rest, so [`Formula::negated`] pushes it down at once.

use std::sync::Arc;

use crate::half_space::Shared;
use crate::linear::Oversized;
use crate::{HalfSpace, Linear, Relation, Variable};

/// A quantifier-free linear formula in negation normal form.
///
/// Parsers of this crate limit how deeply they nest "and" and "or" in turn ([`Formula::MAX_DEPTH`]), so
/// that recursion over a parsed formula is bounded; whoever builds formulas by hand keeps to it too.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// One half-space.
    Atom(Shared),
    /// All of them; true if there are none.
    And(Vec<Formula>),
    /// Any of them; false if there are none.
    Or(Vec<Formula>),
}

impl Formula {
    /// How deeply a parsed formula may nest.
    pub const MAX_DEPTH: usize = 256;

    /// The formula that always holds.
    pub const fn truth() -> Self {
        Formula::And(Vec::new())
    }

    /// The formula that never holds.
    pub const fn falsehood() -> Self {
        Formula::Or(Vec::new())
    }

    /// Whether this is the constant true.
    pub fn is_truth(&self) -> bool {
        matches!(self, Formula::And(parts) if parts.is_empty())
    }

    /// Whether this is the constant false.
    pub fn is_falsehood(&self) -> bool {
        matches!(self, Formula::Or(parts) if parts.is_empty())
    }

    /// One half-space as a formula; a form without variables is decided at once.
    pub fn atom(half_space: HalfSpace) -> Self {
        match half_space.form.as_constant() {
            Some(value) if value.is_negative() || (half_space.strict && value.is_zero()) => Self::falsehood(),
            Some(_) => Self::truth(),
            None => Formula::Atom(Arc::new(half_space)),
        }
    }

    /// All of `parts`, flattened: no "and" directly inside an "and", constants decided.
    pub fn all(parts: Vec<Formula>) -> Self {
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Formula::And(inner) => kept.extend(inner),
                part if part.is_falsehood() => return Self::falsehood(),
                part => kept.push(part),
            }
        }
        if kept.len() == 1 { kept.swap_remove(0) } else { Formula::And(kept) }
    }

    /// Any of `parts`, flattened likewise.
    pub fn any(parts: Vec<Formula>) -> Self {
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Formula::Or(inner) => kept.extend(inner),
                part if part.is_truth() => return Self::truth(),
                part => kept.push(part),
            }
        }
        if kept.len() == 1 { kept.swap_remove(0) } else { Formula::Or(kept) }
    }

    /// `left relation right`. An equality is two half-spaces, an inequality `≠` two strict ones.
    pub fn compare(left: Linear, relation: Relation, right: Linear) -> Result<Self, Oversized> {
        let at_least = |form: Linear, strict| Formula::atom(HalfSpace::new(form, strict));
        let form = left.minus(right)?;
        if !form.is_in_range() {
            return Err(Oversized);
        }
        Ok(match relation {
            Relation::GreaterEqual => at_least(form, false),
            Relation::Greater => at_least(form, true),
            Relation::LessEqual => at_least(form.negated(), false),
            Relation::Less => at_least(form.negated(), true),
            Relation::Equal => {
                Self::all(vec![at_least(form.clone(), false), at_least(form.negated(), false)])
            }
            Relation::NotEqual => {
                Self::any(vec![at_least(form.clone(), true), at_least(form.negated(), true)])
            }
        })
    }

    /// The complement.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Formula::Atom(half_space) => Formula::Atom(Arc::new(half_space.complement())),
            Formula::And(parts) => Self::any(parts.into_iter().map(Formula::negated).collect()),
            Formula::Or(parts) => Self::all(parts.into_iter().map(Formula::negated).collect()),
        }
    }

    /// The formula with every half-space closed: `<` read as `≤`.
    #[must_use]
    pub fn closed(self) -> Self {
        match self {
            Formula::Atom(half_space) if half_space.strict => {
                Formula::Atom(Arc::new(HalfSpace::new(half_space.form.clone(), false)))
            }
            Formula::Atom(half_space) => Formula::Atom(half_space),
            Formula::And(parts) => Formula::And(parts.into_iter().map(Formula::closed).collect()),
            Formula::Or(parts) => Formula::Or(parts.into_iter().map(Formula::closed).collect()),
        }
    }

    /// Whether the formula holds at a point, decided exactly on the doubles' values; `None` where it
    /// asks for a variable that the point lacks.
    pub fn holds(&self, x: &[f64], y: &[f64]) -> Option<bool> {
        match self {
            Formula::Atom(half_space) => half_space.contains(x, y),
            Formula::And(parts) => {
                let mut all = true;
                for part in parts {
                    all &= part.holds(x, y)?;
                }
                Some(all)
            }
            Formula::Or(parts) => {
                let mut any = false;
                for part in parts {
                    any |= part.holds(x, y)?;
                }
                Some(any)
            }
        }
    }

    /// Calls `visit` with every half-space, in the order of the text.
    pub fn for_each_atom(&self, visit: &mut impl FnMut(&Shared)) {
        match self {
            Formula::Atom(half_space) => visit(half_space),
            Formula::And(parts) | Formula::Or(parts) => {
                for part in parts {
                    part.for_each_atom(visit);
                }
            }
        }
    }

    /// Whether some half-space has a variable for which `is` holds.
    pub fn mentions(&self, is: impl Fn(Variable) -> bool) -> bool {
        let mut found = false;
        self.for_each_atom(&mut |atom| found |= atom.form.terms().iter().any(|(v, _)| is(*v)));
        found
    }

    /// The formula with every variable replaced.
    #[must_use]
    pub(crate) fn map_variables(&self, map: &impl Fn(Variable) -> Variable) -> Self {
        match self {
            Formula::Atom(half_space) => {
                let form = half_space.form.map_variables(map);
                Formula::Atom(Arc::new(HalfSpace::new(form, half_space.strict)))
            }
            Formula::And(parts) => Formula::And(parts.iter().map(|p| p.map_variables(map)).collect()),
            Formula::Or(parts) => Formula::Or(parts.iter().map(|p| p.map_variables(map)).collect()),
        }
    }
}
