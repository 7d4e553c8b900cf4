//! One batch of queries in one region: peel, solve, replay through the unmodified graph, and again with a
//! larger margin or a smaller tolerance for what the replay rejects.

use std::sync::OnceLock;

use netinverse_answer::{Answer, Certificate, Evaluations, Nearest, Optimality};
use netinverse_base::{Budget, Progress, Rng};
use netinverse_linalg::{Matrix, singular_values};
use netinverse_network::{Evaluator, Network};
use netinverse_spec::TargetSet;
use rayon::prelude::*;

use super::certificate::{Proofs, by_multipliers, by_range};
use super::plausible::Evaluated;
use super::prepare::Prepared;
use super::{goals, region};
use crate::solve::{Domain, Found, Goal, Norm, Options, PeeledGoal, Polyhedron, QueryResult, peel, solve};

/// Bytes of Jacobians held at a time at most.
const JACOBIAN_BYTES: usize = 1 << 26;
/// Queries that are solved in one group, where memory allows: small enough for the live line to move.
const GROUP: usize = 256;
/// Steps of an attempt at most, in each phase of the solver.
const STEPS: usize = 100;
/// Rows of data that nearest answers may be looked for from, evenly spaced; they are evaluated once for all queries. And the
/// numbers that they may have together.
const ROWS_TO_BEGIN_FROM: usize = 2000;
const NUMBERS_TO_BEGIN_FROM: usize = 1 << 23;
/// Margins, relative to the magnitude of the outputs, by which strict rows are asked to hold, one a try:
/// small against any distance, and the first is already above what f32 rounds in any
/// order of summation.
pub(super) const MARGINS: [f64; 4] = [1e-5, 1e-4, 1e-3, 1e-2];
/// Shares of the tolerance, one a try: undoing a tail may stretch what is left.
const SHARES: [f64; 4] = [0.5, 0.05, 5e-3, 5e-4];

/// Starts at and near each corner, for what was not found elsewhere.
const CORNER_ROUNDS: usize = 9;
/// The random stream of these starts.
const CORNER_STREAM: u64 = 0xC0_4E45;

/// A query in a region.
#[derive(Debug, Clone)]
pub(super) struct Aim<'a> {
    /// What is asked; `None`: anything.
    pub(super) set: Option<&'a TargetSet>,
    /// The reference.
    pub(super) near: Vec<f64>,
}

/// How a search goes about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub(super) count: usize,
    pub(super) nearest: bool,
    pub(super) starts: usize,
}

impl Effort {
    /// Whether the solver walks between answers to tell components apart.
    fn told_apart(self) -> bool {
        self.count > 1
    }
}

/// What became of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    pub(super) answers: Vec<Answer>,
    pub(super) evaluations: Evaluations,
    pub(super) nearest: Option<Nearest>,
    pub(super) radius: f64,
    /// Components of the fibre that were met, where they were told apart.
    pub(super) components: Option<usize>,
    /// Whether a limit ended the search.
    pub(super) stopped: bool,
}

/// The network in both precisions, and what an answer must be.
pub(super) struct Judge<'a> {
    pub(super) prepared: &'a Prepared,
    pub(super) evaluator: Evaluator<f64>,
    single: Evaluator<f32>,
    norm: Norm,
    /// What is proved of each region, once it was asked for.
    pub(super) proofs: Vec<OnceLock<Proofs>>,
    /// Rows of data with their outputs, once they were asked for.
    pub(super) evaluated: OnceLock<Evaluated>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(prepared: &'a Prepared) -> Self {
        Judge {
            evaluator: Evaluator::new(&prepared.network),
            single: Evaluator::new(&prepared.network),
            norm: prepared.problem().norm.into(),
            proofs: prepared.regions.iter().map(|_| OnceLock::new()).collect(),
            evaluated: OnceLock::new(),
            prepared,
        }
    }

    /// f(x), replayed.
    pub(super) fn output(&self, x: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; self.prepared.outputs()];
        self.evaluator.forward(x, &mut y);
        y
    }

    /// f of rows of x in f32.
    fn output_f32(&self, x: &[f64]) -> Vec<f64> {
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let mut y = vec![0.0f32; x.len() / self.prepared.inputs() * self.prepared.outputs()];
        self.single.forward(&x, &mut y);
        y.into_iter().map(f64::from).collect()
    }

    /// The network's class at x.
    pub(super) fn class(&self, x: &[f64]) -> usize {
        let y = self.output(x);
        (0..y.len()).fold(0, |best, j| if y[j] > y[best] { j } else { best })
    }

    /// The tolerance of a set.
    pub(super) fn tolerance(&self, set: Option<&TargetSet>) -> f64 {
        let default = 1e-10 * set.map_or(1.0, goals::magnitude);
        self.prepared.problem().tolerance.unwrap_or(default)
    }

    pub(super) fn distance(&self, x: &[f64], near: &[f64]) -> f64 {
        self.norm.distance(x, near, self.prepared.problem().weights.as_deref())
    }

    /// The answer at x if x is one: in the domain, and its output in the set.
    pub(super) fn answer(
        &self,
        aim: &Aim<'_>,
        domain: &Domain,
        x: Vec<f64>,
        evaluations: &mut Evaluations,
    ) -> Option<Answer> {
        let mut spent = [*evaluations];
        let answer = self.judge_all(domain, vec![(0, aim, x)], &mut spent).pop().flatten();
        *evaluations = spent[0];
        answer
    }

    /// The answer at each point that is one, as [`Judge::answer`]; a point comes with the position of its query in `evaluations`.
    fn judge_all(
        &self,
        domain: &Domain,
        points: Vec<(usize, &Aim<'_>, Vec<f64>)>,
        evaluations: &mut [Evaluations],
    ) -> Vec<Option<Answer>> {
        let (n, m) = (self.prepared.inputs(), self.prepared.outputs());
        let mut answers: Vec<Option<Answer>> = vec![None; points.len()];
        let mut inside: Vec<(usize, &Aim<'_>, Vec<f64>)> = Vec::with_capacity(points.len());
        for (position, (query, aim, x)) in points.into_iter().enumerate() {
            if !region::contains(domain, &x) || x.iter().any(|v| !v.is_finite()) {
                continue;
            }
            let spent = &mut evaluations[query];
            spent.forward += 1 + u64::from(aim.set.is_some_and(goals::has_strict_rows));
            if n < m {
                spent.jvp += n as u64;
            } else {
                spent.vjp += m as u64;
            }
            inside.push((position, aim, x));
        }
        for part in inside.chunks_mut((JACOBIAN_BYTES / (8 * n * m).max(1)).max(1)) {
            let x: Vec<f64> = part.iter().flat_map(|(_, _, x)| x.iter().copied()).collect();
            let (mut y, mut jacobian) = (vec![0.0; part.len() * m], vec![0.0; part.len() * m * n]);
            self.evaluator.jacobian(&x, &mut y, &mut jacobian);
            let strict = |aim: &Aim<'_>| aim.set.is_some_and(goals::has_strict_rows);
            let y32 = part.iter().any(|(_, aim, _)| strict(aim)).then(|| self.output_f32(&x));
            let judged: Vec<Option<Answer>> = part
                .par_iter_mut()
                .with_min_len(16)
                .enumerate()
                .map(|(row, (_, aim, x))| {
                    let own = row * m..(row + 1) * m;
                    let y32 = y32.as_ref().filter(|_| strict(aim)).map(|y32| &y32[own.clone()]);
                    let jacobian = &jacobian[row * m * n..(row + 1) * m * n];
                    self.judged(aim, domain, std::mem::take(x), y[own.clone()].to_vec(), y32, jacobian)
                })
                .collect();
            for ((position, _, _), answer) in part.iter().zip(judged) {
                answers[*position] = answer;
            }
        }
        answers
    }

    /// The answer at x if its output y is in the set.
    fn judged(
        &self,
        aim: &Aim<'_>,
        domain: &Domain,
        x: Vec<f64>,
        y: Vec<f64>,
        y32: Option<&[f64]>,
        jacobian: &[f64],
    ) -> Option<Answer> {
        let (n, m) = (self.prepared.inputs(), self.prepared.outputs());
        let residual = match aim.set {
            Some(set) if !goals::answers(set, &y, y32, self.tolerance(aim.set)) => return None,
            Some(set) => set.residual(&y),
            None => 0.0,
        };
        if !residual.is_finite() || y.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let integers = &self.prepared.problem().integers;
        let free: Vec<usize> =
            (0..n).filter(|i| domain.lower[*i] < domain.upper[*i] && !integers.contains(i)).collect();
        let spectrum = singular_values(&Matrix::from_fn(m, free.len(), |k, i| jacobian[k * n + free[i]]));
        let largest = spectrum.first().copied().unwrap_or(0.0);
        let threshold = m.max(free.len()) as f64 * f64::EPSILON * largest;
        let rank = spectrum.iter().filter(|&&s| s > threshold).count();
        let objective = self.prepared.objective.as_ref().map(|(coefficients, constant)| {
            let value = coefficients.iter().zip(&y).map(|(c, y)| c * y).sum::<f64>() + constant;
            let maximize = self.prepared.problem().objective.as_ref().is_none_or(|o| o.maximize);
            if maximize { value } else { -value }
        });
        Some(Answer {
            distance: self.distance(&x, &aim.near),
            residual,
            rank,
            sigma_min: spectrum.last().copied().unwrap_or(0.0),
            fibre_dimension: free.len() - rank,
            // Without freedom there is no nearer answer; the solver's end points are local otherwise.
            optimality: if free.is_empty() { Optimality::Proved } else { Optimality::Local },
            objective,
            x,
            y,
            ..Answer::default()
        })
    }

    /// Searches for every aim in the domain.
    pub(super) fn search(
        &self,
        domain: &Domain,
        aims: &[Aim<'_>],
        count: usize,
        nearest: bool,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Attempt> {
        let mut attempts = vec![Attempt::default(); aims.len()];
        let mut pending: Vec<usize> = (0..aims.len()).collect();
        for level in 0..MARGINS.len() {
            if pending.is_empty() || (level > 0 && budget.stop().is_some()) {
                break;
            }
            let mut again = Vec::new();
            // The last try solves in outputs, in case the tail's inverse is what fails.
            let whole = level + 1 == MARGINS.len();
            let starts = self.prepared.problem().starts;
            let effort = Effort { count, nearest, starts };
            let results = self.level(domain, aims, &pending, level, whole, effort, budget, progress);
            for (&index, result) in pending.iter().zip(&results) {
                if result.as_ref().is_some_and(|result| !result.answers.is_empty()) {
                    again.push(index);
                }
            }
            self.take(&mut attempts, aims, domain, pending.iter().copied().zip(results), effort);
            again.retain(|&index| attempts[index].answers.is_empty());
            pending = again;
        }
        self.try_corners(&mut attempts, domain, aims, budget, progress);
        attempts
    }

    /// A classifier may be constant where most of the box is: half-grey noise is a plateau for many that saw dark
    /// images with few bright pixels. What was not found from anywhere else is tried from the corners, and from
    /// random points ever nearer to them.
    fn try_corners(
        &self,
        attempts: &mut [Attempt],
        domain: &Domain,
        aims: &[Aim<'_>],
        budget: &Budget,
        progress: &dyn Progress,
    ) {
        let mut zero = vec![0.0; domain.lower.len()];
        domain.clip(&mut zero);
        let mut corners = vec![zero, domain.lower.clone(), domain.upper.clone()];
        corners.retain(|corner| corner.iter().all(|x| x.is_finite()));
        corners.dedup();
        let finite = domain.lower.iter().chain(&domain.upper).all(|bound| bound.is_finite());
        let mut rng = Rng::new(budget.seed(), CORNER_STREAM);
        for round in 0..CORNER_ROUNDS {
            for corner in &corners {
                let pending: Vec<usize> = (0..aims.len())
                    .filter(|&i| attempts[i].answers.is_empty() && !attempts[i].stopped)
                    .collect();
                if pending.is_empty() || budget.stop().is_some() || (round > 0 && !finite) {
                    return;
                }
                let share = if round == 0 { 0.0 } else { 0.5f64.powi(1 + (round as i32 - 1) % 5) };
                let mut near = corner.clone();
                for (x, (low, high)) in near.iter_mut().zip(domain.lower.iter().zip(&domain.upper)) {
                    *x += share * (low + (high - low) * rng.uniform() - *x);
                }
                domain.clip(&mut near);
                let from: Vec<Aim<'_>> =
                    aims.iter().map(|aim| Aim { set: aim.set, near: near.clone() }).collect();
                let effort = Effort { count: 1, nearest: false, starts: 0 };
                let results = self.level(domain, &from, &pending, 0, false, effort, budget, progress);
                self.take(attempts, aims, domain, pending.into_iter().zip(results), effort);
            }
        }
    }

    /// One try at the pending aims: `None` where the goal is outside the range of the tail.
    pub(super) fn level(
        &self,
        domain: &Domain,
        aims: &[Aim<'_>],
        pending: &[usize],
        level: usize,
        whole: bool,
        effort: Effort,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Option<QueryResult>> {
        let scale = self.output_size(&aims[pending[0]]);
        let margin = MARGINS[level] * scale;
        let mut tolerances = Vec::with_capacity(pending.len());
        let goals: Vec<Goal> = pending
            .iter()
            .map(|&index| {
                let set = aims[index].set;
                tolerances.push(SHARES[level] * self.tolerance(set).min(region::solver_tolerance(domain)));
                self.goal(set, margin)
            })
            .collect();
        let network = &self.prepared.inner;
        if whole {
            let near = pending.iter().map(|&index| aims[index].near.clone()).collect::<Vec<_>>();
            let options = self.options(network, &goals, tolerances, effort);
            return solve(network, domain, &goals, &near, &options, budget, progress)
                .into_iter()
                .map(Some)
                .collect();
        }
        let peeled = peel(network, &goals, &tolerances);
        let (mut kept, mut inside, mut near, mut kept_tolerances) = (vec![], vec![], vec![], vec![]);
        for (position, goal) in peeled.goals.into_iter().enumerate() {
            if let PeeledGoal::Goal(goal) = goal {
                kept.push(position);
                inside.push(goal);
                near.push(aims[pending[position]].near.clone());
                kept_tolerances.push(tolerances[position]);
            }
        }
        let mut results: Vec<Option<QueryResult>> = vec![None; pending.len()];
        if !inside.is_empty() {
            let options = self.options(&peeled.network, &inside, kept_tolerances, effort);
            let solved = solve(&peeled.network, domain, &inside, &near, &options, budget, progress);
            for (position, result) in kept.into_iter().zip(solved) {
                results[position] = Some(result);
            }
        }
        results
    }

    /// The goal of a set in the outputs of the inner network.
    pub(super) fn goal(&self, set: Option<&TargetSet>, margin: f64) -> Goal {
        let goal = set.map_or_else(anything, |set| goals::goal(set, self.prepared.outputs(), margin));
        match &self.prepared.output_scale {
            Some(scale) => goals::unscaled(goal, scale),
            None => goal,
        }
    }

    /// A proof that nothing in the region is in the set, before any search.
    pub(super) fn disprove(&self, region: usize, set: &TargetSet) -> Option<Certificate> {
        let domain = &self.prepared.regions[region].domain;
        let tolerance = self.tolerance(Some(set));
        let inexact = matches!(set, TargetSet::Union(union) if !union.exact);
        let proofs = self.proofs[region].get_or_init(|| Proofs::new(&self.prepared.network, domain));
        proofs.by_intervals(set, tolerance).or_else(|| {
            (!inexact)
                .then(|| by_range(&self.prepared.inner, &self.goal(Some(set), 0.0), tolerance))
                .flatten()
        })
    }

    /// The same after a search that found nothing: closed forms.
    pub(super) fn disprove_layer(&self, domain: &Domain, set: &TargetSet) -> Option<Certificate> {
        if matches!(set, TargetSet::Union(union) if !union.exact) {
            return None;
        }
        let goal = self.goal(Some(set), 0.0);
        by_multipliers(&self.prepared.inner, domain, &goal, set, self.tolerance(Some(set)))
    }

    /// The magnitude of the outputs at the reference, at least 1e-3: margins are relative to it.
    pub(super) fn output_size(&self, aim: &Aim<'_>) -> f64 {
        if aim.set.is_some_and(goals::has_strict_rows) {
            self.output(&aim.near).iter().fold(1e-3, |m: f64, y| m.max(y.abs())).min(1e12)
        } else {
            0.0
        }
    }

    fn options(&self, network: &Network, goals: &[Goal], tolerance: Vec<f64>, effort: Effort) -> Options {
        let problem = self.prepared.problem();
        let alternatives = goals.iter().map(|goal| goal.alternatives.len()).max().unwrap_or(1);
        let row = 8 * network.input_size() * network.output_size() * alternatives.max(1);
        let data =
            if effort.nearest && effort.count == 1 { self.rows_to_begin_from(goals) } else { Vec::new() };
        Options {
            norm: self.norm,
            weights: problem.weights.clone(),
            count: effort.count,
            separation: self.prepared.separation,
            tolerance,
            starts: effort.starts,
            nearest: effort.nearest,
            restarts: 4,
            race: Options::race(!data.is_empty()),
            data,
            describe: false,
            steps: STEPS,
            batch: (JACOBIAN_BYTES / row.max(1)).clamp(8, 2 * GROUP.max(GROUP * effort.count)),
        }
    }

    /// Rows of data, where there is no prior that has a use of its own for them, and where some of them may be inside a goal;
    /// none for integer inputs, whose search asks again for every part of the box.
    fn rows_to_begin_from(&self, goals: &[Goal]) -> Vec<Vec<f64>> {
        let belief = &self.prepared.belief;
        let has_inside = |goal: &Goal| goal.alternatives.iter().all(|own| own.equations == 0);
        let of_use = self.prepared.problem().integers.is_empty() && goals.iter().any(has_inside);
        match &belief.rows {
            Some(rows) if of_use && !belief.prefers() => {
                let most = ROWS_TO_BEGIN_FROM.min(NUMBERS_TO_BEGIN_FROM / rows.columns().max(1)).max(1);
                let step = rows.rows().div_ceil(most).max(1);
                rows.iter_rows().step_by(step).map(<[f64]>::to_vec).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Keeps of the results of some queries what the replay confirms.
    pub(super) fn take(
        &self,
        attempts: &mut [Attempt],
        aims: &[Aim<'_>],
        domain: &Domain,
        results: impl Iterator<Item = (usize, Option<QueryResult>)>,
        effort: Effort,
    ) {
        let (mut points, mut components, mut unsolved) = (Vec::new(), Vec::new(), Vec::new());
        for (index, result) in results {
            let Some(result) = result else { continue };
            let attempt = &mut attempts[index];
            let spent = result.evaluations;
            attempt.evaluations.add(Evaluations { forward: spent.forward, vjp: spent.vjp, jvp: spent.jvp });
            attempt.stopped = result.stopped.is_some();
            attempt.radius = result.radius;
            attempt.components = effort.told_apart().then_some(result.components);
            for Found { x, component, .. } in result.answers {
                points.push((index, &aims[index], x));
                components.push(component);
            }
            unsolved.push((index, result.best));
        }
        let mut evaluations: Vec<Evaluations> = attempts.iter().map(|attempt| attempt.evaluations).collect();
        let queries: Vec<usize> = points.iter().map(|(index, _, _)| *index).collect();
        let judged = self.judge_all(domain, points, &mut evaluations);
        for ((index, component), answer) in queries.into_iter().zip(components).zip(judged) {
            if let Some(mut answer) = answer {
                answer.component = effort.told_apart().then_some(component);
                attempts[index].answers.push(answer);
            }
        }
        for (attempt, evaluations) in attempts.iter_mut().zip(evaluations) {
            attempt.evaluations = evaluations;
        }
        for (index, best) in unsolved {
            let attempt = &mut attempts[index];
            if attempt.answers.is_empty()
                && let (Some(seen), Some(set)) = (best, aims[index].set)
            {
                // Before the tail the tolerance is another one: what came nearest may answer after all.
                let x = seen.x.clone();
                if let Some(answer) = self.answer(&aims[index], domain, x, &mut attempt.evaluations) {
                    attempt.answers.push(answer);
                    continue;
                }
                let y = self.output(&seen.x);
                attempt.evaluations.forward += 1;
                let residual = set.residual(&y);
                let closer = attempt.nearest.as_ref().is_none_or(|nearest| residual < nearest.residual);
                if closer && residual.is_finite() && y.iter().all(|v| v.is_finite()) {
                    attempt.nearest = Some(Nearest { x: seen.x, y, residual });
                }
            }
        }
    }
}

/// The goal that every output meets.
pub(super) fn anything() -> Goal {
    Goal::one(Polyhedron { rows: Vec::new(), constants: Vec::new(), equations: 0 })
}
