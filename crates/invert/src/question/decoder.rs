//! Answers among the images of a decoder: the search is in its latent space, for f ∘ g.
//!
//! z is standard normal, so that the most plausible answer is the one of least |z|. Bounds, fixed inputs and linear
//! conditions on x = g(z) are rows of the goal; bounds enter only where an answer violates them (most decoders end in a
//! function whose range is within the bounds).

use netinverse_answer::{Answer, Evaluations, Nearest};
use netinverse_base::{Budget, Progress};
use netinverse_network::{Evaluator, Network};

use super::attempt::{Aim, Attempt, Judge, MARGINS};
use super::optimum::best_apart;
use super::region;
use crate::solve::{Domain, Goal, Norm, Options, PeeledGoal, Polyhedron, QueryResult, peel, solve};

/// Rounds of adding violated bounds.
const ROUNDS: usize = 6;
/// Shares of the tolerance, one a try.
const SHARES: [f64; 2] = [0.5, 0.005];
/// Answers are at least this far apart in the latent space, where a deviation is 1.
const APART: f64 = 0.1;
/// How far outside the bounds a decoded input may be for it to be clipped: what rounding leaves.
const ROUNDING: f64 = 1e-9;
/// How far a decoded input may be moved to meet everything exactly, relative to its magnitude.
const POLISH: f64 = 1e-5;

/// What is asked of x = g(z) besides the output, for one query.
#[derive(Debug, Clone, Default)]
struct Rows {
    /// `x_i = v`
    fixed: Vec<(usize, f64)>,
    /// `x_i ≥ l`
    lower: Vec<(usize, f64)>,
    /// `x_i ≤ u`
    upper: Vec<(usize, f64)>,
}

impl Judge<'_> {
    /// Answers every aim with decoded inputs.
    pub(super) fn decoded(
        &self,
        decoder: &Network,
        domain: &Domain,
        aims: &[Aim<'_>],
        count: usize,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Attempt> {
        let inner = &self.prepared.inner;
        let mut attempts = vec![Attempt::default(); aims.len()];
        // The widths were checked when the question was prepared.
        let (Ok(plain), Ok(both)) = (inner.after(decoder, false), inner.after(decoder, true)) else {
            return attempts;
        };
        let generator = Evaluator::<f64>::new(decoder);
        let fixed: Vec<(usize, f64)> = (0..domain.lower.len())
            .filter(|&i| domain.lower[i] >= domain.upper[i])
            .map(|i| (i, domain.lower[i]))
            .collect();
        let mut rows = vec![Rows { fixed, ..Rows::default() }; aims.len()];
        let linked = !rows.iter().all(|rows| rows.fixed.is_empty()) || domain.constraints() > 0;
        let mut pending: Vec<usize> = (0..aims.len()).collect();
        for round in 0..ROUNDS {
            for share in SHARES {
                if pending.is_empty() || (round > 0 && budget.stop().is_some()) {
                    break;
                }
                let part = Part { judge: self, domain, aims, share, count };
                let results = if round == 0 && !linked {
                    part.plain(&plain, &pending, budget, progress)
                } else {
                    part.both(&both, &pending, &rows, budget, progress)
                };
                let mut again = Vec::new();
                for (&index, result) in pending.iter().zip(results) {
                    let Some(result) = result else { continue };
                    let attempt = &mut attempts[index];
                    let unmet = self.take_decoded(
                        attempt,
                        &aims[index],
                        domain,
                        &generator,
                        result,
                        &mut rows[index],
                    );
                    if attempt.answers.is_empty() && unmet {
                        again.push(index);
                    }
                }
                pending = again;
            }
        }
        for attempt in &mut attempts {
            let answers = std::mem::take(&mut attempt.answers);
            attempt.answers =
                best_apart(answers, count, self.prepared.separation, &|answer| self.rank(answer));
        }
        attempts
    }

    /// Keeps what the replay confirms; whether something was found that violates the bounds or was not confirmed.
    fn take_decoded(
        &self,
        attempt: &mut Attempt,
        aim: &Aim<'_>,
        domain: &Domain,
        generator: &Evaluator<f64>,
        result: QueryResult,
        rows: &mut Rows,
    ) -> bool {
        let spent = result.evaluations;
        attempt.evaluations.add(Evaluations { forward: spent.forward, vjp: spent.vjp, jvp: spent.jvp });
        attempt.stopped = result.stopped.is_some();
        let mut unmet = false;
        for found in result.answers {
            let z = found.x;
            let mut x = vec![0.0; generator.output_size()];
            generator.forward(&z, &mut x);
            let mut outside = false;
            for i in 0..x.len() {
                let reach = ROUNDING * (1.0 + x[i].abs());
                let add = |list: &mut Vec<(usize, f64)>, bound: f64| {
                    if !list.iter().any(|row| row.0 == i) {
                        list.push((i, bound));
                    }
                };
                if x[i] < domain.lower[i] - reach {
                    add(&mut rows.lower, domain.lower[i]);
                    outside = true;
                } else if x[i] > domain.upper[i] + reach {
                    add(&mut rows.upper, domain.upper[i]);
                    outside = true;
                }
            }
            let answer =
                if outside { None } else { self.confirmed(aim, domain, x, &mut attempt.evaluations) };
            match answer {
                Some(mut answer) => {
                    answer.prior = Some(0.5 * z.iter().map(|z| z * z).sum::<f64>());
                    answer.distance = self.distance(&answer.x, &aim.near);
                    answer.latent = Some(z);
                    attempt.answers.push(answer);
                }
                None => unmet = true,
            }
        }
        if let (true, Some(seen), Some(set)) = (attempt.answers.is_empty(), result.best, aim.set) {
            let mut x = vec![0.0; generator.output_size()];
            generator.forward(&seen.x, &mut x);
            domain.clip(&mut x);
            let y = self.output(&x);
            attempt.evaluations.forward += 1;
            let residual = set.residual(&y);
            let closer = attempt.nearest.as_ref().is_none_or(|nearest| residual < nearest.residual);
            if closer && residual.is_finite() && x.iter().chain(&y).all(|v| v.is_finite()) {
                attempt.nearest = Some(Nearest { x, y, residual });
            }
        }
        unmet
    }

    /// The answer at a decoded input, moved by no more than rounding explains.
    fn confirmed(
        &self,
        aim: &Aim<'_>,
        domain: &Domain,
        mut x: Vec<f64>,
        evaluations: &mut Evaluations,
    ) -> Option<Answer> {
        domain.clip(&mut x);
        if let Some(answer) = self.answer(aim, domain, x.clone(), evaluations) {
            return Some(answer);
        }
        let size = x.iter().fold(1.0f64, |m, x| m.max(x.abs()));
        let beside = Aim { set: aim.set, near: x.clone() };
        let budget = Budget::default();
        let found =
            self.search(domain, std::slice::from_ref(&beside), 1, true, &budget, &netinverse_base::Silent);
        let attempt = found.into_iter().next()?;
        evaluations.add(attempt.evaluations);
        let answer = attempt.answers.into_iter().next()?;
        (Norm::LInf.distance(&answer.x, &x, None) <= POLISH * size).then_some(answer)
    }
}

/// One try at some of the aims.
struct Part<'a> {
    judge: &'a Judge<'a>,
    domain: &'a Domain,
    aims: &'a [Aim<'a>],
    share: f64,
    count: usize,
}

impl Part<'_> {
    fn goal(&self, index: usize) -> Goal {
        let aim = &self.aims[index];
        self.judge.goal(aim.set, MARGINS[0] * self.judge.output_size(aim))
    }

    fn tolerance(&self, index: usize) -> f64 {
        self.share * self.judge.tolerance(self.aims[index].set).min(region::solver_tolerance(self.domain))
    }

    /// In the outputs of f ∘ g alone, its invertible tail undone.
    fn plain(
        &self,
        network: &Network,
        pending: &[usize],
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Option<QueryResult>> {
        let goals: Vec<Goal> = pending.iter().map(|&index| self.goal(index)).collect();
        let tolerances: Vec<f64> = pending.iter().map(|&index| self.tolerance(index)).collect();
        let peeled = peel(network, &goals, &tolerances);
        let (mut kept, mut inside, mut own) = (vec![], vec![], vec![]);
        for (position, goal) in peeled.goals.into_iter().enumerate() {
            if let PeeledGoal::Goal(goal) = goal {
                kept.push(position);
                inside.push(goal);
                own.push(tolerances[position]);
            }
        }
        let mut results: Vec<Option<QueryResult>> = vec![None; pending.len()];
        if !inside.is_empty() {
            let solved = self.solve(&peeled.network, &inside, own, budget, progress);
            for (position, result) in kept.into_iter().zip(solved) {
                results[position] = Some(result);
            }
        }
        results
    }

    /// With rows on g(z).
    fn both(
        &self,
        network: &Network,
        pending: &[usize],
        rows: &[Rows],
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<Option<QueryResult>> {
        let goals: Vec<Goal> =
            pending.iter().map(|&index| with_rows(&self.goal(index), &rows[index], self.domain)).collect();
        let tolerances = pending.iter().map(|&index| self.tolerance(index)).collect();
        self.solve(network, &goals, tolerances, budget, progress).into_iter().map(Some).collect()
    }

    fn solve(
        &self,
        network: &Network,
        goals: &[Goal],
        tolerance: Vec<f64>,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Vec<QueryResult> {
        let k = network.input_size();
        let latent = Domain::boxed(vec![f64::NEG_INFINITY; k], vec![f64::INFINITY; k]);
        let near = vec![vec![0.0; k]; goals.len()];
        let count = if self.count > 1 { 2 * self.count } else { 1 };
        let options = Options {
            norm: Norm::L2,
            count,
            separation: APART,
            tolerance,
            starts: self.judge.prepared.problem().starts,
            batch: 256,
            steps: 100,
            ..Options::new(goals.len())
        };
        solve(network, &latent, goals, &near, &options, budget, progress)
    }
}

/// The goal in (y, x) of a goal in y, with rows on x; equations first.
fn with_rows(goal: &Goal, rows: &Rows, domain: &Domain) -> Goal {
    let n = domain.lower.len();
    let alternatives = goal
        .alternatives
        .iter()
        .map(|piece| {
            let m = if piece.is_empty() { 0 } else { piece.rows.len() / piece.len() };
            let mut joined = Polyhedron { rows: Vec::new(), constants: Vec::new(), equations: 0 };
            let mut add = |on_y: &[f64], on_x: &dyn Fn(usize) -> f64, constant: f64| {
                joined.rows.extend_from_slice(on_y);
                joined.rows.extend((0..n).map(on_x));
                joined.constants.push(constant);
            };
            let none = vec![0.0; m];
            let unit = |i: usize, sign: f64| move |j: usize| if i == j { sign } else { 0.0 };
            let linear = |k: usize| {
                let row = &domain.coefficients[k * n..(k + 1) * n];
                move |j: usize| row[j]
            };
            for k in 0..piece.equations {
                add(&piece.rows[k * m..(k + 1) * m], &|_| 0.0, piece.constants[k]);
            }
            for &(i, value) in &rows.fixed {
                add(&none, &unit(i, 1.0), -value);
            }
            for k in 0..domain.equations {
                add(&none, &linear(k), -domain.constants[k]);
            }
            for k in piece.equations..piece.len() {
                add(&piece.rows[k * m..(k + 1) * m], &|_| 0.0, piece.constants[k]);
            }
            for &(i, bound) in &rows.lower {
                add(&none, &unit(i, 1.0), -bound);
            }
            for &(i, bound) in &rows.upper {
                add(&none, &unit(i, -1.0), bound);
            }
            for k in domain.equations..domain.constraints() {
                add(&none, &linear(k), -domain.constants[k]);
            }
            joined.equations = piece.equations + rows.fixed.len() + domain.equations;
            joined
        })
        .collect();
    Goal { alternatives }
}
