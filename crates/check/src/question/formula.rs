//! Formulas and their disjunctive form.

use super::linear::Linear;
use crate::Trouble;
use crate::kernel::{HalfSpace, Question};

/// The most disjuncts of a question, and half-spaces of all together.
const MOST_DISJUNCTS: usize = 20_000;
const MOST_ATOMS: usize = 2_000_000;

#[derive(Debug, Clone)]
pub(super) enum Formula {
    And(Vec<Formula>),
    Or(Vec<Formula>),
    Atom(HalfSpace),
}

impl Formula {
    /// `a ≥ b`, or `a > b`; `a = b` with `equal`.
    pub(super) fn compare(a: Linear, b: Linear, strict: bool, equal: bool) -> Self {
        let atom = |form: Linear| {
            let Linear { terms, constant } = form;
            Formula::Atom(HalfSpace { terms: terms.into_iter().collect(), constant, strict })
        };
        if equal {
            return Formula::And(vec![atom(a.clone().minus(b.clone())), atom(b.minus(a))]);
        }
        atom(a.minus(b))
    }

    /// The complement; with `closed` its closure.
    pub(super) fn negated(self, closed: bool) -> Self {
        match self {
            Formula::And(parts) => Formula::Or(parts.into_iter().map(|p| p.negated(closed)).collect()),
            Formula::Or(parts) => Formula::And(parts.into_iter().map(|p| p.negated(closed)).collect()),
            Formula::Atom(h) => Formula::Atom(HalfSpace {
                terms: h.terms.into_iter().map(|(v, c)| (v, -c)).collect(),
                constant: -h.constant,
                strict: !closed && !h.strict,
            }),
        }
    }
}

/// The disjunctive form; what is asserted outside of every `or` is common.
pub(super) fn question(formula: Formula) -> Result<Question, Trouble> {
    let (mut common, mut choices, mut open) = (Vec::new(), Vec::new(), vec![formula]);
    while let Some(part) = open.pop() {
        match part {
            Formula::And(parts) => open.extend(parts.into_iter().rev()),
            Formula::Atom(half_space) => common.push(half_space),
            Formula::Or(mut parts) if parts.len() == 1 => open.extend(parts.pop()),
            other @ Formula::Or(_) => choices.push(other),
        }
    }
    let mut disjuncts = vec![Vec::new()];
    for choice in &choices {
        disjuncts = product(&disjuncts, &expand(choice)?)?;
    }
    Ok(Question { common, disjuncts })
}

fn expand(formula: &Formula) -> Result<Vec<Vec<HalfSpace>>, Trouble> {
    match formula {
        Formula::Atom(half_space) => Ok(vec![vec![half_space.clone()]]),
        Formula::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(expand(part)?);
                limited(&all)?;
            }
            Ok(all)
        }
        Formula::And(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |own, part| product(&own, &expand(part)?))
        }
    }
}

fn limited(disjuncts: &[Vec<HalfSpace>]) -> Result<(), Trouble> {
    let atoms: usize = disjuncts.iter().map(Vec::len).sum();
    if disjuncts.len() > MOST_DISJUNCTS || atoms > MOST_ATOMS {
        return Err(Trouble::not_checkable("the question has too many cases"));
    }
    Ok(())
}

fn product(a: &[Vec<HalfSpace>], b: &[Vec<HalfSpace>]) -> Result<Vec<Vec<HalfSpace>>, Trouble> {
    if a.len().saturating_mul(b.len()) > MOST_DISJUNCTS {
        return Err(Trouble::not_checkable("the question has too many cases"));
    }
    let all: Vec<_> = a.iter().flat_map(|a| b.iter().map(move |b| [&a[..], &b[..]].concat())).collect();
    limited(&all)?;
    Ok(all)
}
