//! Answers from the inputs that an inverse of the network gives for the targets.

use netinverse_base::{Budget, Error, Place, Progress, Result};
use netinverse_network::{Evaluator, Network};
use netinverse_spec::Target;

use super::attempt::{Aim, Attempt, Effort, Judge};
use super::belief::Resources;
use super::problem::{Asked, PriorName, Problem};
use crate::solve::Domain;

/// The inverse that a problem names, checked against the network's n inputs and m outputs.
///
/// # Errors
/// It is not given, its sizes do not fit, or the question is not one input for given output values.
pub(super) fn inverse<'a>(
    problem: &Problem,
    (n, m): (usize, usize),
    resources: &'a Resources,
) -> Result<Option<&'a Network>> {
    if problem.start.is_none() {
        return Ok(None);
    }
    let at = || Place::Option("--start".into());
    let Some(inverse) = &resources.start else {
        return Err(Error::input("the inverse is not given").at(at()));
    };
    let (takes, gives) = (inverse.input_size(), inverse.output_size());
    if (takes, gives) != (m, n) {
        return Err(Error::input(format!(
            "it takes {takes} numbers and gives {gives}; the network has {m} outputs and {n} inputs"
        ))
        .at(at())
        .hint(
            "an inverse takes what the network gives: `netinverse train inverse MODEL -o g.onnx` makes one",
        ));
    }
    let fault = if !matches!(problem.asked, Asked::Values { .. }) {
        "an inverse gives inputs for output values"
    } else if problem.count > 1 || problem.sample.is_some() || problem.complete {
        "an inverse gives one input for an output"
    } else if problem.objective.is_some() || problem.prior != PriorName::None {
        "an objective or a prior chooses among the answers, and what an inverse gives is but one"
    } else if !problem.integers.is_empty() {
        "what an inverse gives is not integral"
    } else {
        return Ok(Some(inverse));
    };
    Err(Error::unsupported(fault)
        .at(at())
        .hint("with `--target` and one answer a row it says where to begin"))
}

impl Judge<'_> {
    /// Answers every aim: from what the inverse gives for its query's target, where there is one, and as always where
    /// that leads nowhere.
    ///
    /// An answer that is reached from there is taken as it is: it is near g(y), not the nearest one to the reference.
    pub(super) fn answers_from_starts(
        &self,
        domain: &Domain,
        queries: &[usize],
        aims: &[Aim<'_>],
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Attempt> {
        let (Some(inverse), Some(Target::Values(rows))) = (&self.prepared.start, &self.prepared.target)
        else {
            return self.answers(domain, aims, budget, progress);
        };
        if aims.is_empty() {
            return Vec::new();
        }
        let evaluator = Evaluator::<f64>::new(inverse);
        let from: Vec<Aim<'_>> = queries
            .iter()
            .zip(aims)
            .map(|(&query, aim)| {
                let mut near = vec![0.0; self.prepared.inputs()];
                evaluator.forward(&rows[if rows.len() == 1 { 0 } else { query }], &mut near);
                if near.iter().any(|x| !x.is_finite()) {
                    near.clone_from(&aim.near);
                }
                domain.clip(&mut near);
                Aim { set: aim.set, near }
            })
            .collect();
        let pending: Vec<usize> = (0..aims.len()).collect();
        let effort = Effort { count: 1, nearest: false, starts: 0 };
        let results = self.level(domain, &from, &pending, 0, false, effort, budget, progress);
        let mut attempts = vec![Attempt::default(); aims.len()];
        self.take(&mut attempts, aims, domain, results.into_iter().enumerate(), effort);
        let open: Vec<usize> =
            pending.into_iter().filter(|&index| attempts[index].answers.is_empty()).collect();
        if open.is_empty() || budget.stop().is_some() {
            return attempts;
        }
        let rest: Vec<Aim<'_>> = open.iter().map(|&index| aims[index].clone()).collect();
        for (&index, mut attempt) in open.iter().zip(self.answers(domain, &rest, budget, progress)) {
            attempt.evaluations.add(attempts[index].evaluations);
            attempts[index] = attempt;
        }
        attempts
    }
}
