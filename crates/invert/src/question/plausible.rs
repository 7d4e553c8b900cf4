//! The most plausible answers under a prior: from data and the prior's mode to the fibre, then along it.

use netinverse_answer::{Answer, Evaluations, Nearest, Optimality};
use netinverse_base::{Budget, Progress};
use netinverse_network::Evaluator;
use rayon::prelude::*;

use super::attempt::{Aim, Attempt, Judge, MARGINS};
use super::conditions::Conditions;
use super::descent::Descent;
use super::optimum::best_apart;
use super::region;
use crate::prior::Energy;
use crate::solve::{Domain, Goal, PeeledGoal, peel};

/// Places to descend from, for one answer.
const PLACES: usize = 4;
/// Rows of data whose outputs are looked at, evenly spaced.
const ROWS: usize = 5000;
/// So many times as many rows are near enough to the goal to be among the places.
const CANDIDATES: usize = 4;
/// The share of the tolerance that descents keep to.
const SHARE: f64 = 0.1;

/// Rows of data and their outputs.
pub(super) struct Evaluated {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
}

impl Judge<'_> {
    /// Answers every aim with inputs of small energy.
    pub(super) fn most_plausible(
        &self,
        energy: &Energy,
        domain: &Domain,
        aims: &[Aim<'_>],
        count: usize,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Attempt> {
        let goals: Vec<Goal> =
            aims.iter().map(|aim| self.goal(aim.set, MARGINS[0] * self.output_size(aim))).collect();
        let places = PLACES.max(2 * count);
        let mut from: Vec<Aim<'_>> = Vec::new();
        let mut owner = Vec::new();
        for (index, (aim, goal)) in aims.iter().zip(&goals).enumerate() {
            for near in self.places(energy, domain, aim, goal, places) {
                from.push(Aim { set: aim.set, near });
                owner.push(index);
            }
        }
        let mut attempts = vec![Attempt::default(); aims.len()];
        let mut starts: Vec<(usize, Answer)> = Vec::new();
        for (found, &index) in self.search(domain, &from, 1, true, budget, progress).into_iter().zip(&owner) {
            let attempt = &mut attempts[index];
            attempt.evaluations.add(found.evaluations);
            attempt.stopped |= found.stopped;
            let nearer = |n: &Nearest| attempt.nearest.as_ref().is_none_or(|kept| n.residual < kept.residual);
            if let Some(nearest) = found.nearest.filter(nearer) {
                attempt.nearest = Some(nearest);
            }
            starts.extend(found.answers.into_iter().map(|answer| (index, answer)));
        }

        let tolerances: Vec<f64> = aims
            .iter()
            .map(|aim| SHARE * self.tolerance(aim.set).min(region::solver_tolerance(domain)))
            .collect();
        let peeled = peel(&self.prepared.inner, &goals, &tolerances);
        let evaluator = Evaluator::<f64>::new(&peeled.network);
        let stop = || budget.stop().is_some();
        let ended: Vec<(usize, Answer, Evaluations)> = starts
            .into_par_iter()
            .map(|(index, start)| {
                let mut spent = Evaluations::default();
                let aim = &aims[index];
                let mut answer = match &peeled.goals[index] {
                    PeeledGoal::Goal(goal) => {
                        let tolerance = tolerances[index];
                        let conditions = Conditions { evaluator: &evaluator, domain, goal, tolerance };
                        let x = Descent { conditions, energy }.run(&start.x, &mut spent, &stop);
                        self.answer(aim, domain, x, &mut spent).unwrap_or(start)
                    }
                    PeeledGoal::Unreachable(_) => start,
                };
                answer.prior = Some(energy.value(&answer.x));
                answer.distance = self.distance(&answer.x, &aim.near);
                answer.optimality = Optimality::Local;
                (index, answer, spent)
            })
            .collect();
        for (index, answer, spent) in ended {
            attempts[index].evaluations.add(spent);
            attempts[index].answers.push(answer);
        }
        for attempt in &mut attempts {
            attempt.stopped |= stop();
            let answers = std::mem::take(&mut attempt.answers);
            attempt.answers =
                best_apart(answers, count, self.prepared.separation, &|answer| self.rank(answer));
        }
        attempts
    }

    /// Where to descend from: the mode of the prior, the reference, and rows of data whose outputs are nearly right.
    fn places(
        &self,
        energy: &Energy,
        domain: &Domain,
        aim: &Aim<'_>,
        goal: &Goal,
        count: usize,
    ) -> Vec<Vec<f64>> {
        let mut places = vec![match energy {
            Energy::Gaussian(prior) => prior.mean().to_vec(),
            _ => aim.near.clone(),
        }];
        if let Energy::Variation(_) = energy {
            places.push(vec![0.0; aim.near.len()]);
        }
        if let Some(rows) = self.evaluated() {
            let mut ranked: Vec<(f64, usize)> =
                rows.y.iter().enumerate().map(|(row, y)| (goal.nearest_alternative(y).1, row)).collect();
            ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            ranked.truncate(CANDIDATES * count);
            let gap = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            let mut picked: Vec<usize> = Vec::new();
            while picked.len() < count.min(ranked.len()) {
                let distance = |row: usize| {
                    picked.iter().map(|&p| gap(&rows.x[p], &rows.x[row])).fold(f64::INFINITY, f64::min)
                };
                let left = ranked.iter().map(|&(_, row)| row).filter(|row| !picked.contains(row));
                // The first of the farthest: the best one to begin with.
                let next =
                    left.map(|row| (distance(row), row)).fold(None, |best: Option<(f64, usize)>, next| {
                        if best.is_none_or(|best| next.0 > best.0) { Some(next) } else { best }
                    });
                let Some((_, row)) = next else { break };
                picked.push(row);
            }
            places.extend(picked.into_iter().map(|row| rows.x[row].clone()));
        } else {
            places.push(aim.near.clone());
        }
        for place in &mut places {
            domain.clip(place);
        }
        places.dedup();
        places
    }

    /// Rows of data with their outputs, evaluated once for all queries.
    fn evaluated(&self) -> Option<&Evaluated> {
        let rows = self.prepared.belief.rows.as_ref()?;
        Some(self.evaluated.get_or_init(|| {
            let step = rows.rows().div_ceil(ROWS).max(1);
            let x: Vec<Vec<f64>> = rows.iter_rows().step_by(step).map(<[f64]>::to_vec).collect();
            let inner = Evaluator::<f64>::new(&self.prepared.inner);
            let mut y = vec![0.0; x.len() * inner.output_size()];
            inner.forward(&x.concat(), &mut y);
            Evaluated { x, y: y.chunks(inner.output_size()).map(<[f64]>::to_vec).collect() }
        }))
    }
}
