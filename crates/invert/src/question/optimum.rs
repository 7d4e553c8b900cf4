//! What is preferred among answers: the nearest or the best, integral where that is asked.

use netinverse_answer::{Answer, Evaluations, Optimality};
use netinverse_base::{Budget, Progress, Silent};
use rayon::prelude::*;

use super::attempt::{Aim, Attempt, Judge, MARGINS, anything};
use super::certificate::Proofs;
use super::conditions::Conditions;
use super::extreme::Ascent;
use super::{goals, integers, region};
use crate::solve::Domain;

/// Answers from which an objective is raised, for one query.
const ASCENTS: usize = 12;

impl Judge<'_> {
    /// Answers every aim in the domain: with an objective the best, with integers integral ones.
    pub(super) fn answers(
        &self,
        domain: &Domain,
        aims: &[Aim<'_>],
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Attempt> {
        let problem = self.prepared.problem();
        if problem.integers.is_empty() {
            return self.best(domain, aims, problem.count, budget, progress);
        }
        let node = |domain: &Domain, aim: &Aim<'_>| {
            let mut one = self.best(domain, std::slice::from_ref(aim), 1, budget, &Silent);
            one.pop().unwrap_or_default()
        };
        let better = |a: &Answer, b: &Answer| self.rank(a) < self.rank(b);
        let mut attempts = Vec::with_capacity(aims.len());
        for aim in aims {
            let (count, gap) = (problem.count, self.prepared.separation);
            let mut found = integers::search(domain, &problem.integers, aim, count, budget, &node, &better);
            found.answers = best_apart(found.answers, count, gap, &|a| self.rank(a));
            attempts.push(found);
            progress.update(attempts.len() as u64, "branching");
        }
        attempts
    }

    /// What answers are ordered by, the smallest first: the distance, the objective, or the prior's energy.
    pub(super) fn rank(&self, answer: &Answer) -> f64 {
        match (answer.objective, &self.prepared.problem().objective) {
            (Some(value), Some(objective)) => {
                if objective.maximize {
                    -value
                } else {
                    value
                }
            }
            _ => answer.prior.unwrap_or(answer.distance),
        }
    }

    /// Answers every aim, all inputs continuous.
    fn best(
        &self,
        domain: &Domain,
        aims: &[Aim<'_>],
        count: usize,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Attempt> {
        if let Some(energy) = &self.prepared.belief.energy {
            return self.most_plausible(energy, domain, aims, count, budget, progress);
        }
        if let Some(decoder) = &self.prepared.belief.decoder {
            return self.decoded(decoder, domain, aims, count, budget, progress);
        }
        let Some((form, _)) = &self.prepared.objective else {
            return self.search(domain, aims, count, true, budget, progress);
        };
        let first = self.search(domain, aims, count.max(ASCENTS), false, budget, progress);
        // One region only: the bound of one says nothing about another.
        let limit = match (&self.proofs[..], &self.prepared.regions[..]) {
            ([proofs], [region]) => {
                proofs.get_or_init(|| Proofs::new(&self.prepared.network, &region.domain)).largest(form)
            }
            _ => None,
        };
        first
            .into_iter()
            .zip(aims)
            .map(|(attempt, aim)| self.ascend(attempt, aim, domain, limit, budget))
            .collect()
    }

    /// Raises the objective from each answer of an attempt.
    fn ascend(
        &self,
        mut attempt: Attempt,
        aim: &Aim<'_>,
        domain: &Domain,
        limit: Option<f64>,
        budget: &Budget,
    ) -> Attempt {
        let Some((form, constant)) = &self.prepared.objective else { return attempt };
        let margin = MARGINS[0] * self.output_size(aim);
        let goal = aim.set.map_or_else(anything, |set| goals::goal(set, self.prepared.outputs(), margin));
        let tolerance = self.tolerance(aim.set).min(region::solver_tolerance(domain));
        let conditions = Conditions { evaluator: &self.evaluator, domain, goal: &goal, tolerance };
        let ascent = Ascent { conditions, form };
        let stop = || budget.stop().is_some();
        let raised: Vec<(Option<Answer>, Evaluations)> = attempt
            .answers
            .par_iter()
            .map(|start| {
                let mut spent = Evaluations::default();
                let x = ascent.run(&start.x, &mut spent, &stop);
                let answer = self.answer(aim, domain, x, &mut spent).or_else(|| Some(start.clone()));
                (answer, spent)
            })
            .collect();
        attempt.stopped |= stop();
        attempt.answers.clear();
        for (answer, spent) in raised {
            attempt.evaluations.add(spent);
            attempt.answers.extend(answer);
        }
        for answer in &mut attempt.answers {
            let value = -self.rank(answer);
            let reached = limit.is_some_and(|l| l + constant - value <= 1e-10 * value.abs().max(1.0));
            answer.component = None; // an ascent does not stay on the fibre
            answer.optimality = if reached { Optimality::Proved } else { Optimality::Local };
        }
        let count = self.prepared.problem().count;
        attempt.answers =
            best_apart(std::mem::take(&mut attempt.answers), count, self.prepared.separation, &|a| {
                self.rank(a)
            });
        attempt
    }
}

/// The best answers that are `separation` apart, best first; `rank` is small for what is preferred.
pub(super) fn best_apart(
    mut answers: Vec<Answer>,
    count: usize,
    separation: f64,
    rank: &dyn Fn(&Answer) -> f64,
) -> Vec<Answer> {
    answers.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let mut kept: Vec<Answer> = Vec::new();
    for answer in answers {
        let apart = kept.iter().all(|other| {
            let square: f64 = other.x.iter().zip(&answer.x).map(|(a, b)| (a - b) * (a - b)).sum();
            square.sqrt() >= separation && square > 0.0
        });
        if apart && kept.len() < count {
            kept.push(answer);
        }
    }
    kept
}
