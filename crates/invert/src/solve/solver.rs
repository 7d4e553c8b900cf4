//! From questions to answers: starts, the two phases, and the choice among what was found.

use netinverse_base::{Budget, Progress, StopReason};
use netinverse_linalg::{Matrix, singular_values};
use netinverse_network::Network;
use rayon::prelude::*;

use super::distinct::farthest_first;
use super::feasible::{FeasibleOptions, make_feasible};
use super::lane::Lane;
use super::nearest::{Nearness, make_nearest};
use super::starts::start;
use super::{Domain, Evaluations, Goal, Norm, Oracle, Seen};

/// How to search.
#[derive(Debug, Clone)]
pub struct Options {
    /// What "nearest" means.
    pub norm: Norm,
    /// Weights of the norm, one an input; 1 when absent.
    pub weights: Option<Vec<f64>>,
    /// Answers a query.
    pub count: usize,
    /// Answers are at least this far apart (L2).
    pub separation: f64,
    /// The largest residual of an answer, for each query.
    pub tolerance: Vec<f64>,
    /// Starts of a query at most, the reference itself not counted.
    pub starts: usize,
    /// Whether each answer is moved to the nearest one of its component. When several are asked for, only the first.
    pub nearest: bool,
    /// Steps of an attempt at most, in each phase.
    pub steps: usize,
    /// Rows evaluated at a time at most: bounds the memory.
    pub batch: usize,
}

/// An input that gives the output asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The input.
    pub x: Vec<f64>,
    /// f(x), by the forward pass in f64.
    pub y: Vec<f64>,
    /// The residual of the goal.
    pub residual: f64,
    /// The distance to the reference.
    pub distance: f64,
    /// The numerical rank of the Jacobian over the inputs that are not fixed.
    pub rank: usize,
    /// Its smallest singular value (of min(n, m)).
    pub sigma_min: f64,
    /// The dimension of the fibre there: inputs that are not fixed less the rank.
    pub fibre_dimension: usize,
}

/// What became of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// The answers, the nearest first, then the farthest from those before.
    pub answers: Vec<Found>,
    /// The evaluations spent.
    pub evaluations: Evaluations,
    /// The point of smallest residual seen; what is nearest to an answer when there is none.
    pub best: Option<Seen>,
    /// How far any other point found lies from the answers at most.
    pub radius: f64,
    /// Why the search stopped early, if it did.
    pub stopped: Option<StopReason>,
}

/// Answers every query: `goals[q]` near `near[q]`.
///
/// Queries are taken in groups of fixed size, all starts of a group in one batch; the group's size depends on the
/// options only, so the answers do not depend on the number of threads, nor on how many queries there are.
pub fn solve(
    network: &Network,
    domain: &Domain,
    goals: &[Goal],
    near: &[Vec<f64>],
    options: &Options,
    budget: &Budget,
    progress: &dyn Progress,
) -> Vec<QueryResult> {
    assert_eq!(goals.len(), near.len(), "one reference a query");
    let wave = options.count + options.count / 2 + 1;
    let group = (options.batch / wave).max(1);
    progress.stage("inverting", Some(goals.len() as u64));
    let mut results = Vec::with_capacity(goals.len());
    for first in (0..goals.len()).step_by(group) {
        let range = first..(first + group).min(goals.len());
        let part = Group {
            network,
            domain,
            goals: &goals[range.clone()],
            near: &near[range.clone()],
            tolerance: &options.tolerance[range.clone()],
            options,
            first,
        };
        results.extend(part.solve(budget, wave));
        let solved = results.iter().filter(|result| !result.answers.is_empty()).count();
        progress.update(range.end as u64, &format!("{solved} solved"));
    }
    results
}

struct Group<'a> {
    network: &'a Network,
    domain: &'a Domain,
    goals: &'a [Goal],
    near: &'a [Vec<f64>],
    tolerance: &'a [f64],
    options: &'a Options,
    /// The position of the group's first query in the command: seeds its starts.
    first: usize,
}

impl Group<'_> {
    fn solve(&self, budget: &Budget, wave: usize) -> Vec<QueryResult> {
        let mut oracle = Oracle::new(self.network, self.goals);
        let mut found: Vec<Vec<Lane>> = vec![Vec::new(); self.goals.len()];
        let stop = || budget.stop().is_some();
        let scale = step_weights(self.domain);

        // The references come first: without a count they are often all that is needed.
        let mut lanes: Vec<Lane> = Vec::new();
        for (query, goal) in self.goals.iter().enumerate() {
            for alternative in 0..goal.alternatives.len() {
                lanes.push(Lane::new(query, alternative, self.near[query].clone()));
            }
        }
        self.run(&mut oracle, lanes, &scale, true, &mut found, &stop);

        let mut used = 0;
        while used < self.options.starts && !stop() {
            let mut lanes: Vec<Lane> = Vec::new();
            for (query, goal) in self.goals.iter().enumerate() {
                if self.settled(&found[query]) {
                    continue;
                }
                for index in used..(used + wave).min(self.options.starts) {
                    let alternative = index % goal.alternatives.len();
                    let seed = budget.seed();
                    let x = start(
                        self.domain,
                        &self.near[query],
                        index as u64,
                        seed,
                        (self.first + query) as u64,
                    );
                    lanes.push(Lane::new(query, alternative, x));
                }
            }
            if lanes.is_empty() {
                break;
            }
            self.run(&mut oracle, lanes, &scale, false, &mut found, &stop);
            used += wave;
        }

        let answers: Vec<(Vec<Found>, f64)> =
            found.par_iter().enumerate().map(|(query, lanes)| self.choose(query, lanes)).collect();
        answers
            .into_iter()
            .enumerate()
            .map(|(query, (mut answers, radius))| {
                self.replay(&mut oracle, query, &mut answers);
                QueryResult {
                    stopped: if answers.len() < self.options.count { budget.stop() } else { None },
                    answers,
                    evaluations: oracle.evaluations(query),
                    best: oracle.best(query).cloned(),
                    radius,
                }
            })
            .collect()
    }

    /// Both phases for a set of lanes; those that end feasible are kept.
    fn run(
        &self,
        oracle: &mut Oracle<'_>,
        mut lanes: Vec<Lane>,
        scale: &[f64],
        references: bool,
        found: &mut [Vec<Lane>],
        stop: &dyn Fn() -> bool,
    ) {
        // One tolerance serves the batch: the strictest, which quadratic convergence makes nearly free.
        let tolerance = self.tolerance.iter().copied().fold(f64::INFINITY, f64::min);
        let options = FeasibleOptions { tolerance, steps: self.options.steps };
        make_feasible(oracle, &mut lanes, self.domain, scale, &options, stop);
        if self.options.nearest && (references || self.options.count == 1) {
            let nearness = Nearness {
                norm: self.options.norm,
                weights: self.options.weights.as_deref(),
                tolerance,
                steps: self.options.steps,
            };
            make_nearest(oracle, &mut lanes, self.domain, &nearness, &|query| &self.near[query], stop);
        }
        for lane in lanes {
            if lane.residual <= self.tolerance[lane.query] {
                found[lane.query].push(lane);
            }
        }
    }

    fn settled(&self, lanes: &[Lane]) -> bool {
        if lanes.len() < self.options.count {
            return false;
        }
        let points: Vec<&[f64]> = lanes.iter().map(|lane| &lane.x[..]).collect();
        farthest_first(&points, self.options.count, self.options.separation).0.len() >= self.options.count
    }

    /// The answers of a query among the lanes that ended feasible.
    fn choose(&self, query: usize, lanes: &[Lane]) -> (Vec<Found>, f64) {
        let weights = self.options.weights.as_deref();
        let distance = |lane: &Lane| self.options.norm.distance(&lane.x, &self.near[query], weights);
        let mut order: Vec<usize> = (0..lanes.len()).collect();
        order.sort_by(|&a, &b| distance(&lanes[a]).total_cmp(&distance(&lanes[b])));
        let points: Vec<&[f64]> = order.iter().map(|&index| &lanes[index].x[..]).collect();
        let (picked, radius) = farthest_first(&points, self.options.count, self.options.separation);
        let found = picked.iter().map(|&position| {
            let lane = &lanes[order[position]];
            Found {
                x: lane.x.clone(),
                y: Vec::new(),
                residual: f64::INFINITY,
                distance: distance(lane),
                rank: 0,
                sigma_min: 0.0,
                fibre_dimension: 0,
            }
        });
        (found.collect(), radius)
    }

    /// Evaluates the answers once more, for what is reported.
    fn replay(&self, oracle: &mut Oracle<'_>, query: usize, answers: &mut [Found]) {
        if answers.is_empty() {
            return;
        }
        let (n, m) = (oracle.input_size(), oracle.output_size());
        let x: Vec<f64> = answers.iter().flat_map(|answer| answer.x.iter().copied()).collect();
        let (mut y, mut jacobian) = (Vec::new(), Vec::new());
        oracle.linearise(&vec![query; answers.len()], &x, &mut y, &mut jacobian);
        let free: Vec<usize> = (0..n).filter(|&i| self.domain.lower[i] < self.domain.upper[i]).collect();
        for (row, answer) in answers.iter_mut().enumerate() {
            answer.y = y[row * m..(row + 1) * m].to_vec();
            answer.residual = self.goals[query].residual(&answer.y);
            let own = &jacobian[row * m * n..(row + 1) * m * n];
            let spectrum = singular_values(&Matrix::from_fn(m, free.len(), |k, i| own[k * n + free[i]]));
            let largest = spectrum.first().copied().unwrap_or(0.0);
            let threshold = m.max(free.len()) as f64 * f64::EPSILON * largest;
            answer.rank = spectrum.iter().filter(|&&s| s > threshold).count();
            answer.sigma_min = spectrum.last().copied().unwrap_or(0.0);
            answer.fibre_dimension = free.len() - answer.rank;
        }
    }
}

/// Weights that make a step scale-free: an input's step is measured against the width of its bounds.
fn step_weights(domain: &Domain) -> Vec<f64> {
    domain
        .lower
        .iter()
        .zip(&domain.upper)
        .map(|(low, high)| {
            let width = high - low;
            if width.is_finite() && width > 0.0 { 1.0 / (width * width) } else { 1.0 }
        })
        .collect()
}
