//! From starts to answers: Levenberg–Marquardt in the box, for all queries and starts as one batch.
//!
//! Each step minimises `½|W^½(x' − x)|² + (1/2ε)|violation of the linearised rows|²` over the box, so a bound that
//! blocks is an active set inside the step and never a penalty. Candidates are evaluated together with their
//! Jacobians: nearly all are accepted, and then nothing is evaluated twice. Inside one linear region of a
//! piecewise-linear network the last step is exact.

use rayon::prelude::*;

use super::Oracle;
use super::lane::{Batch, Domain, Lane};
use super::least_distance::Nearest;

/// Limits of the phase.
#[derive(Debug, Clone, Copy)]
pub struct FeasibleOptions {
    /// A lane is done when no row is violated by more.
    pub tolerance: f64,
    /// Steps of a lane at most.
    pub steps: usize,
}

/// The damping of a lane: ε relative to the mean diagonal of A W⁻¹ Aᵀ.
struct Damping {
    value: f64,
    growth: f64,
    steps: usize,
    done: bool,
    /// Merit where the lane stands.
    merit: f64,
}

/// Moves every lane to its goal, or until it is stuck. Afterwards `lane.residual` says how near it came, and the
/// rows are linearised there.
pub(crate) fn make_feasible(
    oracle: &mut Oracle<'_>,
    lanes: &mut [Lane],
    domain: &Domain,
    weights: &[f64],
    options: &FeasibleOptions,
    stop: &dyn Fn() -> bool,
) {
    let n = domain.lower.len();
    let mut batch = Batch::new();
    for lane in lanes.iter_mut() {
        domain.clip(&mut lane.x);
        lane.candidate.copy_from_slice(&lane.x);
    }
    batch.linearise(oracle, lanes, |_| true);
    let mut damping: Vec<Damping> = Vec::with_capacity(lanes.len());
    for (position, lane) in lanes.iter_mut().enumerate() {
        let (y, jacobian) = batch.result(position, n);
        lane.linearise(&oracle.goal(lane.query).alternatives[lane.alternative], domain, y, jacobian);
        let merit = lane.merit(lane.gap.iter().copied());
        let done = lane.residual <= options.tolerance;
        damping.push(Damping { value: 1e-3, growth: 4.0, steps: 0, done, merit });
    }
    while !stop() {
        lanes.par_iter_mut().zip(damping.par_iter_mut()).filter(|(_, d)| !d.done).for_each(
            |(lane, damping)| {
                propose(lane, damping, domain, weights);
            },
        );
        batch.linearise(oracle, lanes, |index| !damping[index].done);
        if batch.picked.is_empty() {
            break;
        }
        for (position, &index) in batch.picked.iter().enumerate() {
            let (y, jacobian) = batch.result(position, n);
            let polyhedron = &oracle.goal(lanes[index].query).alternatives[lanes[index].alternative];
            judge(&mut lanes[index], &mut damping[index], polyhedron, domain, (y, jacobian), options);
        }
    }
}

/// Sets the candidate of a lane; marks it done when it cannot move.
fn propose(lane: &mut Lane, damping: &mut Damping, domain: &Domain, weights: &[f64]) {
    let n = lane.x.len();
    let rows = lane.b.len();
    let diagonal: f64 = lane.a.iter().enumerate().map(|(k, a)| a * a / weights[k % n]).sum();
    if diagonal == 0.0 || !diagonal.is_finite() {
        damping.done = true; // a plateau: no direction leads anywhere
        return;
    }
    let softness = damping.value * diagonal / rows as f64;
    let Lane { x, a, b, equations, candidate, solver, .. } = lane;
    let rows = super::least_distance::Rows { a, b, equations: *equations };
    let nearest = Nearest {
        reference: x,
        weights: Some(weights),
        lower: &domain.lower,
        upper: &domain.upper,
        softness,
    };
    solver.lambda.fill(0.0);
    solver.solve(&rows, &nearest, 1e-13);
    candidate.copy_from_slice(&solver.x);
    if candidate == x {
        damping.done = true; // a local minimum of the violation in the box
    }
}

/// Accepts or rejects the candidate.
fn judge(
    lane: &mut Lane,
    damping: &mut Damping,
    polyhedron: &super::Polyhedron,
    domain: &Domain,
    (y, jacobian): (&[f64], &[f64]),
    options: &FeasibleOptions,
) {
    damping.steps += 1;
    let expected = damping.merit - lane.predicted();
    let old_x = std::mem::replace(&mut lane.x, lane.candidate.clone());
    let (old_a, old_b, old_gap, old_residual) =
        (lane.a.clone(), lane.b.clone(), lane.gap.clone(), lane.residual);
    lane.linearise(polyhedron, domain, y, jacobian);
    let merit = lane.merit(lane.gap.iter().copied());
    let gained = damping.merit - merit;
    if gained > 0.0 || lane.residual <= options.tolerance {
        let ratio = if expected > 0.0 { gained / expected } else { 0.0 };
        damping.value = if ratio > 0.75 {
            (damping.value * 0.1).max(1e-15)
        } else if ratio < 0.25 {
            damping.value * 2.0
        } else {
            damping.value
        };
        damping.growth = 4.0;
        let stalled = gained <= 1e-13 * damping.merit;
        damping.merit = merit;
        damping.done = lane.residual <= options.tolerance || stalled;
    } else {
        lane.x = old_x;
        lane.a = old_a;
        lane.b = old_b;
        lane.gap = old_gap;
        lane.residual = old_residual;
        damping.value = damping.value.max(1e-12) * damping.growth;
        damping.growth *= 2.0;
        damping.done = damping.value > 1e12;
    }
    damping.done |= damping.steps >= options.steps;
}
