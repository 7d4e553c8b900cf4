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
}

struct Walk {
    /// Where the linearised program wants to go.
    target: Vec<f64>,
    /// The distance of the point kept.
    distance: f64,
    /// The distance of the target: what a full step could reach.
    hoped: f64,
    /// The share of the way to the target that is tried, and its length.
    fraction: f64,
    length: f64,
    corrections: usize,
    cuts: Vec<Cut>,
    replans: usize,
    steps: usize,
    phase: Phase,
}

/// `a·x ≥ b`: row `row` of the goal, linearised at a point where it did not hold. It is kept while it overestimates the
/// row where the lane stands: then the row is concave between the two, and both linearisations hold together.
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
            hoped: 0.0,
            fraction: 1.0,
            length: 0.0,
            corrections: 0,
            cuts: Vec::new(),
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
    if walk.steps >= nearness.steps || walk.distance == 0.0 {
        return;
    }
    let Lane { at, trial, solver, radius, .. } = lane;
    solver.lambda.clear();
    let ending = if walk.cuts.is_empty() {
        nearness.norm.project(solver, &at.rows(), &problem(domain, nearness, near), 1e-12)
    } else {
        let cuts = walk.cuts.iter();
        let a: Vec<f64> = at.a.iter().chain(cuts.clone().flat_map(|cut| &cut.a)).copied().collect();
        let b: Vec<f64> = at.b.iter().copied().chain(cuts.map(|cut| cut.b)).collect();
        let rows = Rows { a: &a, b: &b, equations: 0 };
        nearness.norm.project(solver, &rows, &problem(domain, nearness, near), 1e-12)
    };
    if !matches!(ending, Ending::Solved(_)) {
        return;
    }
    walk.hoped = nearness.norm.distance(&solver.x, near, nearness.weights);
    let hopeless = walk.steps > 2 && walk.hoped > (1.0 + SURPRISE) * useful;
    if walk.hoped > walk.distance * (1.0 - nearness.gain) || hopeless {
        if !walk.cuts.is_empty() {
            // Cuts of far away may be what keeps it here: once more without them.
            walk.cuts.clear();
            walk.phase = Phase::Plan;
        }
        return;
    }
    walk.target.clone_from(&solver.x);
    let way = nearness.norm.distance(&walk.target, &at.x, nearness.weights);
    // The first step halves the distance at most: far linearisations promise too much.
    let radius = radius.get_or_insert(0.5 * walk.distance);
    if *radius < SHORTEST_STEP * walk.distance {
        return;
    }
    walk.fraction = (*radius / way).min(1.0);
    walk.length = walk.fraction * way;
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
    let wanted = walk.distance - 1e-3 * walk.fraction * (walk.distance - walk.hoped);
    if lane.trial.residual <= nearness.tolerance && distance <= wanted {
        lane.accept();
        lane.radius = Some(2.0 * walk.length);
        walk.replans = 0;
        walk.cuts.retain(|cut| cut.overestimates(&lane.at));
        walk.distance = distance;
        return;
    }
    let Lane { at, trial, solver, radius, .. } = lane;
    if at.equations == 0 && walk.replans < REPLANS && walk.corrections == 0 {
        let known = walk.cuts.len();
        for (row, (a, b)) in trial.a.chunks(at.x.len()).zip(&trial.b).enumerate() {
            let cut = Cut { row, a: a.to_vec(), b: *b };
            if trial.gap[row] < 0.0 && cut.overestimates(at) {
                walk.cuts.push(cut);
            }
        }
        if walk.cuts.len() > known {
            let surplus = walk.cuts.len().saturating_sub(CUTS);
            walk.cuts.drain(..surplus);
            walk.replans += 1;
            return; // plan again, with what was learnt
        }
    }
    // Back to the fibre by the least change, while that can still end nearer than before.
    if walk.corrections < CORRECTIONS && trial.residual > nearness.tolerance {
        walk.corrections += 1;
        solver.lambda.clear();
        let ending =
            nearness.norm.project(solver, &trial.rows(), &problem(domain, nearness, &trial.x), 1e-13);
        if matches!(ending, Ending::Solved(_)) {
            let change = nearness.norm.distance(&solver.x, &trial.x, nearness.weights);
            let corrected = nearness.norm.distance(&solver.x, near, nearness.weights);
            if change <= LONGEST_CORRECTION * walk.length && corrected < walk.distance {
                trial.x.copy_from_slice(&solver.x);
                walk.phase = Phase::Move;
                return;
            }
        }
    }
    *radius = Some(0.35 * walk.length);
    walk.replans = 0;
}
