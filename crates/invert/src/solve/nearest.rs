//! From an answer to the nearest one: sequential quadratic programming along the fibre.
//!
//! At a feasible x the program "nearest to x₀ among the points that satisfy the linearised rows and the box" gives z;
//! the lane moves towards z, as far as steps have lately been good for, is brought back to the fibre by Newton steps of
//! least norm, and keeps the point if it is feasible and nearer. Inside one linear region of a piecewise-linear network the first full step is the region's
//! exact solution. The end point is a local solution; nothing here claims more.

use rayon::prelude::*;

use super::lane::{Batch, Domain, Lane, Point, dot};
use super::least_distance::{Ending, Nearest, Rows};
use super::{Norm, Oracle};

/// The question of nearness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nearness<'a> {
    pub(crate) norm: Norm,
    /// Weights of the norm, 1 when absent.
    pub(crate) weights: Option<&'a [f64]>,
    /// A point is feasible when no row is violated by more.
    pub(crate) tolerance: f64,
    /// Evaluations of a lane at most.
    pub(crate) steps: usize,
    /// A step that promises or gains a smaller share of the distance is the last one.
    pub(crate) gain: f64,
    /// How often a lane may drop what it learnt where it was.
    pub(crate) clears: usize,
    /// The length of a lane's first step at most, as a share of its distance.
    pub(crate) first: f64,
}

struct Walk {
    /// Where the linearised program wants to go.
    target: Vec<f64>,
    /// The distance of the point kept.
    distance: f64,
    /// The share of the way to the target that is tried, and its length.
    fraction: f64,
    length: f64,
    corrections: usize,
    replans: usize,
    steps: usize,
    phase: Phase,
}

/// What a lane knows of the way to a nearer point.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prospect {
    cuts: Vec<Cut>,
    /// The distance that the linearised program promises from where the lane stands.
    pub(crate) hoped: f64,
    /// The length of the last step.
    length: f64,
    /// How often the cuts were dropped for being what kept the lane where it is.
    clears: usize,
    /// Whether no nearer point is in sight.
    pub(crate) settled: bool,
}

/// `a·x ≥ b`: row `row` of the goal, linearised at a point where it did not hold. It is kept while it overestimates the
/// row where the lane stands: then the row is concave between the two, and both linearisations hold together.
#[derive(Debug, Clone)]
struct Cut {
    row: usize,
    a: Vec<f64>,
    b: f64,
}

impl Cut {
    fn overestimates(&self, point: &Point) -> bool {
        let promised = dot(&self.a, &point.x) - self.b;
        promised >= point.gap[self.row] - 1e-9 * (1.0 + promised.abs())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At a feasible point, about to ask where to go.
    Plan,
    /// On the way: the trial point is to be evaluated.
    Move,
    Done,
}

/// Newton corrections of a step at most.
const CORRECTIONS: usize = 2;
/// Cuts that are kept at most, and programs with a new cut at one point at most.
const CUTS: usize = 6;
const REPLANS: usize = 3;
/// A correction longer than this share of its step means that the linearisation said nothing about where it led.
const LONGEST_CORRECTION: f64 = 0.7;
/// A correction is tried before a program with a new cut when it keeps this share of what the step hoped to gain,
const KEPT: f64 = 0.5;
/// and it aims beyond a row by this share of what was missing: to be inside at once.
const BEYOND: f64 = 0.3;
/// How much shorter the next step is after one that failed.
const SHRINK: f64 = 0.35;
/// A lane whose steps must be shorter than this share of its distance is done.
const SHORTEST_STEP: f64 = 1e-3;
/// By what share the next linear region may turn out nearer than this one promises.
const SURPRISE: f64 = 0.1;

/// Moves every feasible lane to a nearest answer; lanes that are not feasible stay. `near(query)` is
/// x₀, and the distance beyond which an answer is of no use: a lane that is farther, and could not end nearer in its
/// linear region, gives up.
pub(crate) fn make_nearest<'n>(
    oracle: &mut Oracle<'_>,
    lanes: &mut [Lane],
    domain: &Domain,
    nearness: &Nearness<'_>,
    near: &(dyn Fn(usize) -> (&'n [f64], f64) + Sync),
    stop: &dyn Fn() -> bool,
) {
    let mut walks: Vec<Walk> = lanes
        .iter()
        .map(|lane| Walk {
            target: Vec::new(),
            distance: nearness.norm.distance(&lane.at.x, near(lane.query).0, nearness.weights),
            fraction: 1.0,
            length: 0.0,
            corrections: 0,
            replans: 0,
            steps: 0,
            phase: if lane.at.residual <= nearness.tolerance { Phase::Plan } else { Phase::Done },
        })
        .collect();
    let mut batch = Batch::default();
    while !stop() {
        lanes.par_iter_mut().zip(walks.par_iter_mut()).for_each(|(lane, walk)| {
            while walk.phase == Phase::Plan {
                plan(lane, walk, domain, nearness, near(lane.query));
            }
        });
        let moved = batch.linearise(oracle, lanes, domain, |index| walks[index].phase == Phase::Move);
        if moved.is_empty() {
            break;
        }
        lanes.par_iter_mut().zip(walks.par_iter_mut()).zip(moved).for_each(|((lane, walk), &moved)| {
            if moved {
                judge(lane, walk, domain, nearness, near(lane.query).0);
            }
        });
    }
}

fn problem<'p>(domain: &'p Domain, nearness: &Nearness<'p>, reference: &'p [f64]) -> Nearest<'p> {
    Nearest {
        reference,
        weights: nearness.weights,
        lower: &domain.lower,
        upper: &domain.upper,
        softness: 0.0,
    }
}

fn plan(
    lane: &mut Lane,
    walk: &mut Walk,
    domain: &Domain,
    nearness: &Nearness<'_>,
    (near, useful): (&[f64], f64),
) {
    walk.phase = Phase::Done;
    if walk.distance == 0.0 {
        lane.prospect.settled = true;
        return;
    }
    let Lane { at, trial, solver, radius, prospect, .. } = lane;
    let problem = problem(domain, nearness, near);
    loop {
        solver.lambda.clear();
        let ending = if prospect.cuts.is_empty() {
            nearness.norm.project(solver, &at.rows(), &problem, 1e-12)
        } else {
            let cuts = prospect.cuts.iter();
            let a: Vec<f64> = at.a.iter().chain(cuts.clone().flat_map(|cut| &cut.a)).copied().collect();
            let b: Vec<f64> = at.b.iter().copied().chain(cuts.map(|cut| cut.b)).collect();
            nearness.norm.project(solver, &Rows { a: &a, b: &b, equations: 0 }, &problem, 1e-12)
        };
        prospect.hoped = nearness.norm.distance(&solver.x, near, nearness.weights);
        let solved = matches!(ending, Ending::Solved(_));
        if solved && prospect.hoped <= walk.distance * (1.0 - nearness.gain) {
            break;
        }
        // Cuts of far away may be what keeps it here: once more without them, and not so far.
        prospect.settled = prospect.cuts.is_empty() || prospect.clears >= nearness.clears;
        if prospect.settled {
            return;
        }
        prospect.cuts.clear();
        prospect.clears += 1;
        *radius = radius.map(|radius| radius.min(SHRINK * prospect.length));
    }
    prospect.settled = walk.steps > 2 && prospect.hoped > (1.0 + SURPRISE) * useful;
    if prospect.settled || walk.steps >= nearness.steps {
        return;
    }
    walk.target.clone_from(&solver.x);
    let way = nearness.norm.distance(&walk.target, &at.x, nearness.weights);
    // The first step halves the distance at most: far linearisations promise too much.
    let radius = radius.get_or_insert(nearness.first * walk.distance);
    if *radius < SHORTEST_STEP * walk.distance {
        prospect.settled = true;
        return;
    }
    walk.fraction = (*radius / way).min(1.0);
    walk.length = walk.fraction * way;
    prospect.length = walk.length;
    walk.corrections = 0;
    for ((trial, x), target) in trial.x.iter_mut().zip(&at.x).zip(&walk.target) {
        *trial = if walk.fraction == 1.0 { *target } else { x + walk.fraction * (target - x) };
    }
    domain.clip(&mut trial.x);
    walk.phase = Phase::Move;
}

fn judge(lane: &mut Lane, walk: &mut Walk, domain: &Domain, nearness: &Nearness<'_>, near: &[f64]) {
    walk.steps += 1;
    walk.phase = Phase::Plan;
    let distance = nearness.norm.distance(&lane.trial.x, near, nearness.weights);
    let wanted = walk.distance - 1e-3 * walk.fraction * (walk.distance - lane.prospect.hoped);
    if lane.trial.residual <= nearness.tolerance && distance <= wanted {
        lane.accept();
        lane.radius = Some(2.0 * walk.length);
        walk.replans = 0;
        let Lane { at, prospect, .. } = lane;
        prospect.cuts.retain(|cut| cut.overestimates(at));
        walk.distance = distance;
        return;
    }
    let Lane { at, trial, solver, radius, prospect, .. } = lane;
    let mut learnt = false;
    if at.equations == 0 {
        let known = prospect.cuts.len();
        for (row, (a, b)) in trial.a.chunks(at.x.len()).zip(&trial.b).enumerate() {
            let cut = Cut { row, a: a.to_vec(), b: *b };
            if trial.gap[row] < 0.0 && cut.overestimates(at) {
                prospect.cuts.push(cut);
            }
        }
        if prospect.cuts.len() > known {
            let surplus = prospect.cuts.len().saturating_sub(CUTS);
            prospect.cuts.drain(..surplus);
            learnt = true;
        }
    }
    // Back to the fibre by the least change, while that can still end nearer than before.
    let may_replan = learnt && walk.replans < REPLANS;
    let equations = at.equations;
    let aim =
        |(k, (b, gap)): (usize, (&f64, &f64))| b - if k < equations { 0.0 } else { BEYOND * gap.min(0.0) };
    if walk.corrections < CORRECTIONS && trial.residual > nearness.tolerance {
        solver.lambda.clear();
        let b: Vec<f64> = trial.b.iter().zip(&trial.gap).enumerate().map(aim).collect();
        let rows = Rows { b: &b, ..trial.rows() };
        let ending = nearness.norm.project(solver, &rows, &problem(domain, nearness, &trial.x), 1e-13);
        if matches!(ending, Ending::Solved(_)) {
            let change = nearness.norm.distance(&solver.x, &trial.x, nearness.weights);
            let corrected = nearness.norm.distance(&solver.x, near, nearness.weights);
            let hoped = walk.fraction * (walk.distance - prospect.hoped);
            let near_enough = walk.distance - corrected >= KEPT * hoped || !may_replan;
            let short = change <= LONGEST_CORRECTION * walk.length;
            if short && corrected < walk.distance && near_enough {
                walk.corrections += 1;
                trial.x.copy_from_slice(&solver.x);
                walk.phase = Phase::Move;
                return;
            }
        }
    }
    if may_replan && walk.corrections == 0 {
        walk.replans += 1;
        return; // plan again, with what was learnt
    }
    *radius = Some(SHRINK * walk.length);
    walk.replans = 0;
}
