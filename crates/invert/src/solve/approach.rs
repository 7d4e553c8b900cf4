//! Nearer along the fibre of equations, one evaluation a step.
//!
//! A step need not end on the fibre: what counts of a point is its *merit*, the distance that the reference has from where
//! the least change would bring the point onto its linearised rows. The next step makes that change on its way, so that
//! only the last one has to be brought to the fibre. A step that does not pay is made shorter, once the merit of where the
//! lane stands was confirmed on the fibre.

use rayon::prelude::*;

use super::lane::{Batch, Domain, Lane, Point};
use super::least_distance::{Ending, LeastDistance, Nearest};
use super::nearest::Nearness;
use super::{Norm, Oracle};

/// A change onto the rows that is longer than this share of the step says that they are of no use that far away.
const LONGEST_CHANGE: f64 = 0.7;
/// A step must gain this share of what it promised.
const PAYS: f64 = 0.05;
/// and may be longer the next time if it gained this share.
const KEPT: f64 = 0.5;
/// How much shorter the next step is after one that failed.
const SHRINK: f64 = 0.35;
/// A lane whose steps must be shorter than this share of its distance is done.
const SHORTEST: f64 = 2e-3;
/// Newton steps back to the fibre at most.
const RETURNS: usize = 6;
/// A lane whose merit is this many times that of its query's best after a step gives up.
const BEHIND: f64 = 1.05;
/// By what share the next linear region may turn out nearer than this one promises.
const SURPRISE: f64 = 0.1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// About to ask where to go.
    Plan,
    /// On the way to the reference: the trial point is to be evaluated.
    Move,
    /// On the way to the fibre, to go on from there or to end.
    Return {
        last: bool,
    },
    Done,
}

struct Walk {
    /// Where the lane set off, if that was on the fibre, and how far that is.
    start: Option<(f64, Point)>,
    /// The nearest point on the rows where the lane stands, and its distance from the reference.
    onto: Vec<f64>,
    merit: f64,
    hoped: f64,
    fraction: f64,
    length: f64,
    radius: Option<f64>,
    returns: usize,
    steps: usize,
    phase: Phase,
}

/// Moves lanes that are linearised towards the reference and back to the fibre. A lane that was on the fibre ends there, no
/// farther than it was. `near(query)` is x₀, and the distance beyond which an answer is of no use.
pub(crate) fn approach<'n>(
    oracle: &mut Oracle<'_>,
    lanes: &mut [Lane],
    domain: &Domain,
    nearness: &Nearness<'_>,
    near: &(dyn Fn(usize) -> (&'n [f64], f64) + Sync),
    stop: &dyn Fn() -> bool,
) {
    let mut walks: Vec<Walk> = lanes
        .par_iter_mut()
        .with_min_len(16)
        .map(|lane| {
            let on = lane.at.residual <= nearness.tolerance;
            let distance = nearness.norm.distance(&lane.at.x, near(lane.query).0, nearness.weights);
            let mut walk = Walk {
                start: on.then(|| (distance, lane.at.clone())),
                onto: Vec::new(),
                merit: f64::INFINITY,
                hoped: 0.0,
                fraction: 1.0,
                length: 0.0,
                radius: lane.radius,
                returns: 0,
                steps: 0,
                phase: Phase::Plan,
            };
            match onto(&lane.at, &mut lane.solver, domain, nearness, near(lane.query).0) {
                Some((point, merit)) => (walk.onto, walk.merit) = (point, merit),
                None => walk.phase = Phase::Done,
            }
            walk
        })
        .collect();
    let mut batch = Batch::default();
    while !stop() {
        lanes.par_iter_mut().zip(walks.par_iter_mut()).with_min_len(8).for_each(|(lane, walk)| {
            if walk.phase == Phase::Plan {
                plan(lane, walk, domain, nearness, near(lane.query));
            }
        });
        give_up(lanes, &mut walks);
        let moved = batch.linearise(oracle, lanes, domain, |index| walks[index].phase != Phase::Done);
        if moved.is_empty() {
            break;
        }
        lanes.par_iter_mut().zip(walks.par_iter_mut()).zip(moved).with_min_len(8).for_each(
            |((lane, walk), &moved)| {
                if moved {
                    judge(lane, walk, domain, nearness, near(lane.query).0);
                }
            },
        );
    }
    for (lane, walk) in lanes.iter_mut().zip(walks) {
        lane.radius = walk.radius;
        let Some((distance, start)) = walk.start else { continue };
        let now = nearness.norm.distance(&lane.at.x, near(lane.query).0, nearness.weights);
        if lane.at.residual > nearness.tolerance || now > distance {
            lane.at = start;
            lane.trial.x.clone_from(&lane.at.x);
        }
    }
}

/// Of a query's lanes, those that are much farther than the nearest one after a step end where they are.
fn give_up(lanes: &[Lane], walks: &mut [Walk]) {
    let queries = lanes.iter().map(|lane| lane.query + 1).max().unwrap_or(0);
    let mut best = vec![f64::INFINITY; queries];
    for (lane, walk) in lanes.iter().zip(&*walks) {
        best[lane.query] = best[lane.query].min(walk.merit);
    }
    for (lane, walk) in lanes.iter().zip(walks) {
        if walk.steps > 0 && walk.phase == Phase::Move && walk.merit > BEHIND * best[lane.query] {
            walk.phase = Phase::Done;
        }
    }
}

/// The nearest point on the rows linearised at a point, and its distance from the reference.
fn onto(
    at: &Point,
    solver: &mut LeastDistance,
    domain: &Domain,
    nearness: &Nearness<'_>,
    near: &[f64],
) -> Option<(Vec<f64>, f64)> {
    let distance = |x: &[f64]| nearness.norm.distance(x, near, nearness.weights);
    if at.residual <= nearness.tolerance {
        return Some((at.x.clone(), distance(&at.x)));
    }
    let problem = Nearest {
        reference: &at.x,
        weights: nearness.weights,
        lower: &domain.lower,
        upper: &domain.upper,
        softness: 0.0,
    };
    solver.lambda.clear();
    matches!(Norm::L2.project(solver, &at.rows(), &problem, 1e-12), Ending::Solved(_))
        .then(|| (solver.x.clone(), distance(&solver.x)))
}

fn plan(
    lane: &mut Lane,
    walk: &mut Walk,
    domain: &Domain,
    nearness: &Nearness<'_>,
    (near, useful): (&[f64], f64),
) {
    let Lane { at, trial, solver, .. } = lane;
    let problem = Nearest {
        reference: near,
        weights: nearness.weights,
        lower: &domain.lower,
        upper: &domain.upper,
        softness: 0.0,
    };
    solver.lambda.clear();
    let solved = matches!(nearness.norm.project(solver, &at.rows(), &problem, 1e-12), Ending::Solved(_));
    walk.hoped = nearness.norm.distance(&solver.x, near, nearness.weights);
    let way = nearness.norm.distance(&solver.x, &walk.onto, nearness.weights);
    // Far linearisations promise too much.
    let radius = *walk.radius.get_or_insert(nearness.first * walk.merit);
    let settled = !solved
        || walk.hoped >= walk.merit * (1.0 - nearness.gain)
        || radius < SHORTEST * walk.merit
        || walk.steps >= nearness.steps;
    if settled || walk.steps > 2 && walk.hoped > (1.0 + SURPRISE) * useful {
        walk.phase = if settled && at.residual > nearness.tolerance && walk.returns < RETURNS {
            trial.x.copy_from_slice(&walk.onto);
            Phase::Return { last: true }
        } else {
            Phase::Done
        };
        return;
    }
    walk.fraction = (radius / way).min(1.0);
    walk.length = walk.fraction * way;
    for ((trial, on), target) in trial.x.iter_mut().zip(&walk.onto).zip(&solver.x) {
        *trial = if walk.fraction == 1.0 { *target } else { on + walk.fraction * (target - on) };
    }
    domain.clip(&mut trial.x);
    walk.phase = Phase::Move;
}

fn judge(lane: &mut Lane, walk: &mut Walk, domain: &Domain, nearness: &Nearness<'_>, near: &[f64]) {
    walk.steps += 1;
    let landed = onto(&lane.trial, &mut lane.solver, domain, nearness, near);
    let length = |a: &[f64], b: &[f64]| nearness.norm.distance(a, b, nearness.weights);
    if let Phase::Return { last } = walk.phase {
        walk.returns += 1;
        let Some((point, merit)) = landed.filter(|_| lane.trial.residual < lane.at.residual) else {
            walk.phase = Phase::Done;
            return;
        };
        lane.accept();
        (walk.onto, walk.merit) = (point, merit);
        walk.phase = if lane.at.residual <= nearness.tolerance {
            walk.returns = 0;
            if last { Phase::Done } else { Phase::Plan }
        } else if walk.returns < RETURNS {
            lane.trial.x.copy_from_slice(&walk.onto);
            Phase::Return { last }
        } else {
            Phase::Done
        };
        return;
    }
    walk.phase = Phase::Plan;
    let promised = walk.merit - length(&lane.trial.x, near);
    if let Some((point, merit)) = landed {
        let change = length(&point, &lane.trial.x);
        let moved = length(&lane.trial.x, &lane.at.x);
        let gained = walk.merit - merit;
        if change <= LONGEST_CHANGE * moved && gained >= PAYS * promised.max(0.0) {
            walk.radius = Some(if gained >= KEPT * promised { 2.0 * walk.length } else { walk.length });
            lane.accept();
            (walk.onto, walk.merit) = (point, merit);
            return;
        }
    }
    walk.radius = Some(SHRINK * walk.length);
    if lane.at.residual > nearness.tolerance && walk.returns < RETURNS {
        lane.trial.x.copy_from_slice(&walk.onto);
        walk.phase = Phase::Return { last: false };
    }
}
