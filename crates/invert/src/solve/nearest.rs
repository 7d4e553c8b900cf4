//! From an answer to the nearest one: sequential quadratic programming along the fibre.
//!
//! At a feasible x the program "nearest to x₀ among the points that satisfy the linearised rows and the box" gives z;
//! the lane moves towards z, is brought back to the fibre by Newton steps of least norm, and keeps the point if it is
//! feasible and nearer. Inside one linear region of a piecewise-linear network the first full step is the region's
//! exact solution. The end point is a local solution; nothing here claims more.

use rayon::prelude::*;

use super::lane::{Batch, Domain, Lane};
use super::least_distance::{Ending, Nearest};
use super::{Norm, Oracle};

/// The question of nearness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nearness<'a> {
    pub(crate) norm: Norm,
    /// Weights of the norm, 1 when absent.
    pub(crate) weights: Option<&'a [f64]>,
    /// A point is feasible when no row is violated by more.
    pub(crate) tolerance: f64,
    /// Full steps of a lane at most.
    pub(crate) steps: usize,
}

struct Walk {
    /// Where the linearised program wants to go.
    target: Vec<f64>,
    /// The distance of the point kept.
    distance: f64,
    /// The distance of the target: what a full step could reach.
    hoped: f64,
    fraction: f64,
    corrections: usize,
    steps: usize,
    kept: Kept,
    phase: Phase,
}

/// A feasible point with its linearisation.
struct Kept {
    x: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    gap: Vec<f64>,
    residual: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// At a feasible point, about to ask where to go.
    Plan,
    /// On the way: the candidate is to be evaluated.
    Move,
    Done,
}

const CORRECTIONS: usize = 4;

/// Moves every feasible lane to a nearest answer; lanes that are not feasible stay. `near(query)` is x₀.
pub(crate) fn make_nearest<'n>(
    oracle: &mut Oracle<'_>,
    lanes: &mut [Lane],
    domain: &Domain,
    nearness: &Nearness<'_>,
    near: &(dyn Fn(usize) -> &'n [f64] + Sync),
    stop: &dyn Fn() -> bool,
) {
    let n = domain.lower.len();
    let mut walks: Vec<Walk> = lanes
        .iter()
        .map(|lane| Walk {
            target: Vec::new(),
            distance: nearness.norm.distance(&lane.x, near(lane.query), nearness.weights),
            hoped: 0.0,
            fraction: 1.0,
            corrections: 0,
            steps: 0,
            kept: Kept::of(lane),
            phase: if lane.residual <= nearness.tolerance { Phase::Plan } else { Phase::Done },
        })
        .collect();
    let mut batch = Batch::new();
    while !stop() {
        lanes.par_iter_mut().zip(walks.par_iter_mut()).for_each(|(lane, walk)| {
            if walk.phase == Phase::Plan {
                plan(lane, walk, domain, nearness, near(lane.query));
            }
        });
        batch.linearise(oracle, lanes, |index| walks[index].phase == Phase::Move);
        if batch.picked.is_empty() {
            break;
        }
        for (position, &index) in batch.picked.iter().enumerate() {
            let lane = &mut lanes[index];
            let (y, jacobian) = batch.result(position, n);
            lane.x.copy_from_slice(&lane.candidate);
            let polyhedron = &oracle.goal(lane.query).alternatives[lane.alternative];
            lane.linearise(polyhedron, domain, y, jacobian);
        }
        let picked = std::mem::take(&mut batch.picked);
        let mut moving = vec![false; lanes.len()];
        picked.iter().for_each(|&index| moving[index] = true);
        lanes.par_iter_mut().zip(walks.par_iter_mut()).zip(&moving).for_each(|((lane, walk), &moving)| {
            if moving {
                judge(lane, walk, domain, nearness, near(lane.query));
            }
        });
    }
    for (lane, walk) in lanes.iter_mut().zip(walks) {
        if walk.kept.residual <= nearness.tolerance {
            walk.kept.restore(lane);
        }
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

fn plan(lane: &mut Lane, walk: &mut Walk, domain: &Domain, nearness: &Nearness<'_>, near: &[f64]) {
    walk.phase = Phase::Done;
    walk.steps += 1;
    if walk.steps > nearness.steps || walk.distance == 0.0 {
        return;
    }
    let mut solver = std::mem::take(&mut lane.solver);
    solver.lambda.fill(0.0);
    let ending = nearness.norm.project(&mut solver, &lane.rows(), &problem(domain, nearness, near), 1e-12);
    if matches!(ending, Ending::Solved(_)) {
        walk.hoped = nearness.norm.distance(&solver.x, near, nearness.weights);
        if walk.hoped < walk.distance * (1.0 - 1e-9) {
            walk.target.clone_from(&solver.x);
            walk.fraction = 1.0;
            walk.corrections = 0;
            lane.candidate.copy_from_slice(&walk.target);
            walk.phase = Phase::Move;
        }
    }
    lane.solver = solver;
}

fn judge(lane: &mut Lane, walk: &mut Walk, domain: &Domain, nearness: &Nearness<'_>, near: &[f64]) {
    let distance = nearness.norm.distance(&lane.x, near, nearness.weights);
    let wanted = walk.distance - 1e-3 * walk.fraction * (walk.distance - walk.hoped);
    if lane.residual <= nearness.tolerance && distance <= wanted {
        let gained = walk.distance - distance;
        walk.kept = Kept::of(lane);
        let before = walk.distance;
        walk.distance = distance;
        walk.phase = if gained <= 1e-10 * before { Phase::Done } else { Phase::Plan };
        return;
    }
    // Back to the fibre by the least change, while that can still end nearer than before.
    if walk.corrections < CORRECTIONS && lane.residual > nearness.tolerance {
        walk.corrections += 1;
        let mut solver = std::mem::take(&mut lane.solver);
        solver.lambda.fill(0.0);
        let ending =
            nearness.norm.project(&mut solver, &lane.rows(), &problem(domain, nearness, &lane.x), 1e-13);
        let solved = matches!(ending, Ending::Solved(_));
        if solved {
            lane.candidate.copy_from_slice(&solver.x);
        }
        lane.solver = solver;
        if solved && nearness.norm.distance(&lane.candidate, near, nearness.weights) < walk.distance {
            return;
        }
    }
    walk.fraction *= 0.5;
    walk.corrections = 0;
    if walk.fraction < 1.0 / 128.0 {
        walk.phase = Phase::Done;
        return;
    }
    for ((candidate, kept), target) in lane.candidate.iter_mut().zip(&walk.kept.x).zip(&walk.target) {
        *candidate = kept + walk.fraction * (target - kept);
    }
    domain.clip(&mut lane.candidate);
}

impl Kept {
    fn of(lane: &Lane) -> Self {
        Kept {
            x: lane.x.clone(),
            a: lane.a.clone(),
            b: lane.b.clone(),
            gap: lane.gap.clone(),
            residual: lane.residual,
        }
    }

    fn restore(self, lane: &mut Lane) {
        lane.x = self.x;
        lane.a = self.a;
        lane.b = self.b;
        lane.gap = self.gap;
        lane.residual = self.residual;
    }
}
