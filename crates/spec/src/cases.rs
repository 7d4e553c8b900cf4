//! A specification as solvers take it: boxes of inputs, each with the outputs asked for there.

use std::sync::Arc;

use netinverse_base::{Error, Result};

use crate::bounds::ExactBounds;
use crate::half_space::{Rounding, Shared};
use crate::normal_form::{Conjunction, MAX_ATOMS, NormalForm};
use crate::target_set::{TargetSet, Union};
use crate::{Rational, Variable};

/// The disjuncts that ask the same of the inputs: `x ∈ bounds ∩ constraints`, and one of the pieces.
///
/// A formula is the union of its cases; their boxes may overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    input_count: usize,
    common: Arc<Conjunction>,
    own_inputs: Vec<Shared>,
    /// What is asked of the outputs, alone or together with inputs (`mixed`): at least one of these
    /// must hold. The lists `inputs` are empty here. A piece that is empty asks nothing.
    pub pieces: Vec<Conjunction>,
}

impl Case {
    /// The cases of a normal form over `n` inputs; none if it is contradictory.
    pub fn of(form: &NormalForm, n: usize) -> Result<Vec<Case>> {
        let shared = form.common().outputs.len() + form.common().mixed.len();
        if shared.saturating_mul(form.disjuncts().len()) > MAX_ATOMS {
            return Err(Error::unsupported("the formula has too many cases for the constraints they share")
                .hint("split it into several questions, one for each case of its outermost `or`"));
        }
        let common = Arc::new(form.common().clone());
        let count = form.groups().iter().max().map_or(0, |last| last + 1);
        let mut cases: Vec<Option<Case>> = vec![None; count];
        for (own, &group) in form.disjuncts().iter().zip(form.groups()) {
            let case = cases[group].get_or_insert_with(|| Case {
                input_count: n,
                common: Arc::clone(&common),
                own_inputs: own.inputs.clone(),
                pieces: Vec::new(),
            });
            let join = |common: &[Shared], own: &[Shared]| [common, own].concat();
            case.pieces.push(Conjunction {
                inputs: Vec::new(),
                outputs: join(&common.outputs, &own.outputs),
                mixed: join(&common.mixed, &own.mixed),
            });
        }
        Ok(cases.into_iter().flatten().collect())
    }

    /// Every half-space over inputs.
    pub fn input_half_spaces(&self) -> impl Iterator<Item = &Shared> {
        self.common.inputs.iter().chain(&self.own_inputs)
    }

    /// The box that the half-spaces over single inputs make, strict ones counted as closed.
    pub fn bounds(&self) -> ExactBounds {
        ExactBounds::of_inputs(self.input_count, self.input_half_spaces())
    }

    /// What else is asked of the inputs: half-spaces over several of them, and strict ones over one
    /// (of which the box is the closure).
    pub fn constraints(&self) -> Vec<Shared> {
        let is_box = |h: &&Shared| !h.strict && h.form.terms().len() == 1;
        self.input_half_spaces().filter(|h| !is_box(h)).cloned().collect()
    }

    /// The outputs asked for, rows rounded as asked; refused where inputs and outputs are constrained
    /// together.
    pub fn target(&self, rounding: Rounding) -> Result<TargetSet> {
        Ok(TargetSet::Union(Union::of(&self.pieces, rounding)?))
    }

    /// Whether a point satisfies the case, exactly; `None` where the point lacks a variable.
    pub fn holds(&self, x: &[f64], y: &[f64]) -> Option<bool> {
        let mut inside = true;
        for half_space in self.input_half_spaces() {
            inside &= half_space.contains(x, y)?;
        }
        let mut any = false;
        for piece in &self.pieces {
            any |= piece.holds(x, y)?;
        }
        Some(inside && any)
    }

    /// The inputs without a bound on one side or both.
    pub fn unbounded(&self) -> Vec<Variable> {
        self.bounds().unbounded().into_iter().map(|i| Variable::Input(i as u32)).collect()
    }
}

impl ExactBounds {
    /// The smallest box around both; a side that either lacks is missing.
    #[must_use]
    pub fn hull(mut self, other: &ExactBounds) -> ExactBounds {
        let widen = |a: &mut Vec<Option<Rational>>, b: &[Option<Rational>], up: bool| {
            for (a, b) in a.iter_mut().zip(b) {
                match (a.as_ref(), b) {
                    (Some(old), Some(new)) if (new > old) == up => *a = Some(new.clone()),
                    (Some(_), Some(_)) => {}
                    _ => *a = None,
                }
            }
        };
        widen(&mut self.lower, &other.lower, false);
        widen(&mut self.upper, &other.upper, true);
        self
    }
}
