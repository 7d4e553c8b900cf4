//! What can be asked of the outputs, checked against the network's numbers of inputs and outputs.

use std::sync::Arc;

use netinverse_base::{Error, Place, Result};

use crate::bounds::check_interval;
use crate::half_space::Rounding;
use crate::normal_form::NormalForm;
use crate::target_set::{Polyhedron, TargetSet, Union, wins};
use crate::{Formula, HalfSpace, Linear, Rational, Specification, Variable};

/// The outputs asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Output values, one row of m a query.
    Values(Vec<Vec<f64>>),
    /// An interval `(lo, hi)` for each output, or one for all.
    Within(Vec<(f64, f64)>),
    /// A class, one a query.
    Class {
        /// The outputs that must win, 0-based.
        classes: Vec<usize>,
        /// By how much.
        confidence: Confidence,
    },
    /// Any class but the network's own at the reference input: some other output must exceed it by
    /// the margin (units of the outputs; with 0, strictly).
    OtherClass {
        /// The margin κ.
        margin: f64,
    },
    /// A condition on the outputs.
    Where(Formula),
    /// A specification, of which the assertions about outputs count here; those about inputs are its
    /// [`Specification::cases`].
    Spec(Box<Specification>),
}

/// By how much a class must win.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Confidence {
    /// `y_k − y_j ≥ κ` for every other j, in units of the outputs; with κ = 0 it must win strictly.
    Margin(f64),
    /// The class's probability is at least p, and it wins.
    Probability(f64),
}

/// What the outputs of a classifier are, for [`Confidence::Probability`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputScale {
    /// Probabilities: a softmax or sigmoid is part of the network.
    Probabilities,
    /// Logits, of which a softmax would make probabilities.
    Logits,
}

/// What turns a target into a set: facts about the network and the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Context {
    /// How many outputs.
    pub outputs: usize,
    /// What the outputs are; needed for [`Confidence::Probability`] only.
    pub scale: OutputScale,
    /// The network's class at the reference input; needed for [`Target::OtherClass`] only.
    pub own_class: Option<usize>,
    /// The side to which rows are rounded.
    pub rounding: Rounding,
}

impl Target {
    /// The target of one row for every query's values.
    pub fn values(row: Vec<f64>) -> Self {
        Target::Values(vec![row])
    }

    /// The target of one class.
    pub fn class(class: usize, confidence: Confidence) -> Self {
        Target::Class { classes: vec![class], confidence }
    }

    /// How many rows of queries the target has: a single one is repeated.
    pub fn rows(&self) -> usize {
        match self {
            Target::Values(rows) => rows.len(),
            Target::Class { classes, .. } => classes.len(),
            _ => 1,
        }
    }

    /// Refuses a target that a network of n inputs and m outputs cannot be asked for: wrong widths,
    /// numbers that are not finite, classes out of range, empty intervals, contradictory conditions.
    pub fn check(&self, n: usize, m: usize) -> Result<()> {
        match self {
            Target::Values(rows) => check_values(rows, m),
            Target::Within(intervals) => check_within(intervals, m),
            Target::Class { classes, confidence } => check_classes(classes, *confidence, m),
            Target::OtherClass { margin } => {
                check_has_classes(m)?;
                check_confidence(Confidence::Margin(*margin))
            }
            Target::Where(formula) => {
                check_indices(formula, n, m)?;
                refuse_contradiction(&NormalForm::of(formula)?)
            }
            Target::Spec(specification) => {
                specification.check_counts(n, m)?;
                refuse_contradiction(&specification.normal_form()?)
            }
        }
    }

    /// The set of query `row` (a single row stands for all), for a target that [`Target::check`] passed.
    ///
    /// A specification must ask the same of the inputs in every case; where it does not, each of its
    /// [`Specification::cases`] has a set of its own ([`crate::Case::target`]).
    pub fn set(&self, row: usize, context: &Context) -> Result<TargetSet> {
        let m = context.outputs;
        let rounding = context.rounding;
        let one = |half_spaces: Vec<HalfSpace>, exact| {
            let shared: Vec<_> = half_spaces.into_iter().map(Arc::new).collect();
            TargetSet::Union(Union { pieces: vec![Polyhedron::of(&shared, rounding)], exact })
        };
        match self {
            Target::Values(rows) => {
                let row = rows.get(if rows.len() == 1 { 0 } else { row });
                row.cloned().map(TargetSet::Values).ok_or_else(missing_row)
            }
            Target::Within(intervals) => {
                let interval = |j: usize| intervals.get(if intervals.len() == 1 { 0 } else { j });
                let mut half_spaces = Vec::with_capacity(2 * m);
                for j in 0..m {
                    let &(lo, hi) = interval(j).ok_or_else(missing_row)?;
                    half_spaces.push(threshold(j, lo, true)?);
                    half_spaces.push(threshold(j, hi, false)?);
                }
                Ok(one(half_spaces, true).simplified(m))
            }
            Target::Class { classes, confidence } => {
                let class = classes.get(if classes.len() == 1 { 0 } else { row }).ok_or_else(missing_row)?;
                let (half_spaces, exact) = class_half_spaces(*class, *confidence, context)?;
                Ok(one(half_spaces, exact))
            }
            Target::OtherClass { margin } => {
                let own = context.own_class.filter(|&own| own < m).ok_or_else(|| {
                    Error::input("another class is asked for, and the network's own is not known")
                        .hint("give the reference input with `--near`")
                })?;
                let margin = exact(*margin)?;
                let others = (0..m).filter(|&j| j != own);
                let piece = |j| Polyhedron::of(&[Arc::new(wins(j, own, &margin))], rounding);
                Ok(TargetSet::Union(Union { pieces: others.map(piece).collect(), exact: true }))
            }
            Target::Where(formula) => Self::formula_set(formula, m, rounding),
            Target::Spec(specification) => Self::formula_set(&specification.formula, m, rounding),
        }
    }

    fn formula_set(formula: &Formula, m: usize, rounding: Rounding) -> Result<TargetSet> {
        let form = NormalForm::of(formula)?;
        if form.groups().iter().any(|&group| group > 0) {
            return Err(Error::unsupported(
                "different outputs are asked for in different regions of the inputs",
            )
            .hint("ask for one region at a time"));
        }
        let mut pieces = Vec::with_capacity(form.disjuncts().len());
        for index in 0..form.disjuncts().len() {
            pieces.push(form.conjunction(index));
        }
        Ok(TargetSet::Union(Union::of(&pieces, rounding)?).simplified(m))
    }
}

/// `y_j ≥ bound` or `y_j ≤ bound`.
fn threshold(j: usize, bound: f64, is_lower: bool) -> Result<HalfSpace> {
    let bound = exact(bound)?;
    let form = Linear::new(vec![(Variable::Output(j as u32), Rational::ONE)], -bound);
    let form = form.map_err(|_| Error::input("a bound is out of range"))?;
    Ok(HalfSpace::new(if is_lower { form } else { form.negated() }, false))
}

fn class_half_spaces(
    class: usize,
    confidence: Confidence,
    context: &Context,
) -> Result<(Vec<HalfSpace>, bool)> {
    let m = context.outputs;
    let against = |margin: &Rational| {
        (0..m).filter(|&j| j != class).map(|j| wins(class, j, margin)).collect::<Vec<_>>()
    };
    match (confidence, context.scale) {
        (Confidence::Margin(margin), _) => Ok((against(&exact(margin)?), true)),
        (Confidence::Probability(p), OutputScale::Probabilities) => {
            let mut half_spaces = against(&Rational::ZERO);
            half_spaces.push(threshold(class, p, true)?);
            Ok((half_spaces, true))
        }
        (Confidence::Probability(p), OutputScale::Logits) => {
            // softmax_k ≥ p ⟺ Σ_{j≠k} exp(y_j − y_k) ≤ (1 − p)/p. If no term exceeds its share of the
            // right-hand side the sum does not either: a polyhedron inside, and all of it for m = 2.
            let share = ((m - 1) as f64 * p / (1.0 - p)).ln();
            if share <= 0.0 {
                return Ok((against(&Rational::ZERO), true)); // p ≤ 1/m: whoever wins has as much
            }
            // The few roundings above move the logarithm by less than this.
            let error = 8.0 * f64::EPSILON * (1.0 + share.abs());
            let margin = match context.rounding {
                Rounding::Inward => share + error,
                Rounding::Nearest => share,
                Rounding::Outward => (share - error).max(0.0),
            };
            Ok((against(&exact(margin)?), m == 2))
        }
    }
}

fn exact(value: f64) -> Result<Rational> {
    Rational::from_f64(value).ok_or_else(|| Error::input(format!("{value} is not a finite number")))
}

fn missing_row() -> Error {
    Error::input("the target has fewer rows than there are queries")
        .hint("give one row for each query, or a single row for all")
}

fn check_values(rows: &[Vec<f64>], m: usize) -> Result<()> {
    if rows.is_empty() {
        return Err(Error::input("the target has no row"));
    }
    for (index, row) in rows.iter().enumerate() {
        let fault = if row.len() == m {
            row.iter().position(|v| !v.is_finite()).map(|column| {
                Error::input(format!("the target of output {column} is {}, not a finite number", row[column]))
            })
        } else {
            Some(
                Error::input(format!("{} target values, the network has {m} outputs", row.len()))
                    .hint("give one value for each output"),
            )
        };
        if let Some(error) = fault {
            return Err(error.at(Place::Row(index)));
        }
    }
    Ok(())
}

fn check_within(intervals: &[(f64, f64)], m: usize) -> Result<()> {
    if intervals.len() != 1 && intervals.len() != m {
        return Err(Error::input(format!("{} intervals, the network has {m} outputs", intervals.len()))
            .hint("give one interval `lo,hi` for each output, or a single one for all"));
    }
    for (index, &(lo, hi)) in intervals.iter().enumerate() {
        check_interval(lo, hi).map_err(|error| {
            error.at(Place::Row(index)).hint("a one-sided condition is `--where \"y0 >= 0.5\"`")
        })?;
    }
    Ok(())
}

fn check_has_classes(m: usize) -> Result<()> {
    if m >= 2 {
        return Ok(());
    }
    Err(Error::input("a network with one output has no classes")
        .hint("ask for values, for example `--where \"y0 >= 0.5\"`"))
}

fn check_classes(classes: &[usize], confidence: Confidence, m: usize) -> Result<()> {
    check_has_classes(m)?;
    check_confidence(confidence)?;
    if classes.is_empty() {
        return Err(Error::input("no class is given"));
    }
    match classes.iter().position(|&class| class >= m) {
        None => Ok(()),
        Some(row) => {
            let error =
                Error::input(format!("class {} is out of range: the network has {m} outputs", classes[row]))
                    .hint(format!("classes are counted from 0 to {}", m - 1));
            Err(if classes.len() > 1 { error.at(Place::Row(row)) } else { error })
        }
    }
}

fn check_confidence(confidence: Confidence) -> Result<()> {
    match confidence {
        Confidence::Margin(margin) if !margin.is_finite() || margin < 0.0 => {
            Err(Error::input(format!("the margin {margin} is not a finite number from 0 on"))
                .hint("the margin is how far the class must exceed the others, in units of the outputs"))
        }
        Confidence::Probability(p) if !(p > 0.0 && p < 1.0) => {
            Err(Error::input(format!("the probability {p} is not between 0 and 1")))
        }
        _ => Ok(()),
    }
}

fn check_indices(formula: &Formula, n: usize, m: usize) -> Result<()> {
    let outside = |variable| match variable {
        Variable::Input(i) => i as usize >= n,
        Variable::Output(i) => i as usize >= m,
        Variable::Hidden(_) => true,
    };
    let mut first = None;
    formula.for_each_atom(&mut |atom| {
        let found = atom.form.terms().iter().map(|(v, _)| *v).find(|v| outside(*v));
        first = first.or(found);
    });
    match first {
        None => Ok(()),
        Some(variable) => Err(Error::input(format!(
            "the condition names `{variable}`, the network has {n} inputs and {m} outputs"
        ))),
    }
}

fn refuse_contradiction(form: &NormalForm) -> Result<()> {
    if !form.is_contradictory() {
        return Ok(());
    }
    Err(match form.contradiction() {
        Some(pair) => Error::input(format!("the condition contradicts itself: {pair} exclude each other")),
        None => Error::input("the condition contradicts itself: it holds for no output"),
    })
}
