//! From starts to answers: Levenberg–Marquardt in the box, for all queries and starts as one batch.
//!
//! Each step minimises `½|W^½(x' − x)|² + (1/2ε)|violation of the linearised rows|²` over the box, so a bound that
//! blocks is an active set inside the step and never a penalty. Trial points are evaluated together with their
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
    /// Whether rows follow from the values while that leads on, and Jacobians are evaluated where it does not.
    pub secants: bool,
}

/// The damping that a lane starts with, relative to the mean diagonal of A W⁻¹ Aᵀ.
const FIRST_DAMPING: f64 = 1e-4;

/// The damping of a lane: ε relative to the mean diagonal of A W⁻¹ Aᵀ.
struct Damping {
    value: f64,
    growth: f64,
    steps: usize,
    /// Steps in a row that hardly helped.
    idle: usize,
    /// Whether the rows where the lane stands are those of the Jacobian there, and whether they are asked for.
    fresh: bool,
    renew: bool,
    done: bool,
}

/// A step by secants that leaves more of the merit asks for the Jacobian.
const SLOW: f64 = 0.25;
/// Steps in a row that hardly help, after which a lane is at a local minimum of the violation.
const PATIENCE: usize = 4;

/// Moves every lane to its goal, or until it is stuck. Afterwards `lane.at.residual` says how near it came, and the
/// rows are linearised there.
pub(crate) fn make_feasible(
    oracle: &mut Oracle<'_>,
    lanes: &mut [Lane],
    domain: &Domain,
    weights: &[f64],
    options: &FeasibleOptions,
    stop: &dyn Fn() -> bool,
) {
    let mut batch = Batch::default();
    for lane in lanes.iter_mut() {
        domain.clip(&mut lane.trial.x);
    }
    // A lane that knows its linearisation needs no evaluation to begin.
    let known: Vec<bool> = lanes.iter().map(|lane| lane.at.residual.is_finite()).collect();
    batch.linearise(oracle, lanes, domain, |index| !known[index]);
    let mut damping: Vec<Damping> = lanes
        .iter_mut()
        .zip(&known)
        .map(|(lane, &known)| {
            if !known {
                lane.accept();
            }
            let done = lane.at.residual <= options.tolerance || options.steps == 0;
            Damping { value: FIRST_DAMPING, growth: 4.0, steps: 0, idle: 0, fresh: true, renew: false, done }
        })
        .collect();
    while !stop() {
        lanes.par_iter_mut().zip(damping.par_iter_mut()).with_min_len(8).for_each(|(lane, damping)| {
            if damping.renew {
                lane.trial.x.copy_from_slice(&lane.at.x);
            } else if !damping.done {
                propose(lane, damping, domain, weights);
            }
        });
        let mut moved = vec![false; lanes.len()];
        if options.secants {
            let by_secant = |index: usize| !damping[index].done && !damping[index].renew;
            for (moved, now) in
                moved.iter_mut().zip(batch.by_secant(oracle, lanes, domain, weights, by_secant))
            {
                *moved |= now;
            }
        }
        let whole = |index: usize| !damping[index].done && (damping[index].renew || !options.secants);
        for (moved, now) in moved.iter_mut().zip(batch.linearise(oracle, lanes, domain, whole)) {
            *moved |= now;
        }
        if !moved.contains(&true) {
            break;
        }
        for ((lane, damping), _) in lanes.iter_mut().zip(&mut damping).zip(moved).filter(|(_, moved)| *moved)
        {
            if damping.renew {
                lane.accept();
                damping.steps += 1;
                (damping.renew, damping.fresh) = (false, true);
                damping.done = damping.steps >= options.steps;
                continue;
            }
            judge(lane, damping, options);
        }
    }
}

/// Sets the trial point of a lane; marks it done when it cannot move.
fn propose(lane: &mut Lane, damping: &mut Damping, domain: &Domain, weights: &[f64]) {
    let Lane { at, trial, solver, .. } = lane;
    let diagonal: f64 =
        at.a.chunks(weights.len()).flat_map(|row| row.iter().zip(weights).map(|(a, w)| a * a / w)).sum();
    if diagonal == 0.0 || !diagonal.is_finite() {
        (damping.renew, damping.done) = (!damping.fresh, damping.fresh); // a plateau: no direction leads anywhere
        return;
    }
    let nearest = Nearest {
        reference: &at.x,
        weights: Some(weights),
        lower: &domain.lower,
        upper: &domain.upper,
        softness: damping.value * diagonal / at.b.len() as f64,
    };
    solver.lambda.fill(0.0);
    solver.solve(&at.rows(), &nearest, 1e-13);
    trial.x.copy_from_slice(&solver.x);
    if trial.x == at.x {
        // A local minimum of the violation in the box, if the rows are to be believed.
        (damping.renew, damping.done) = (!damping.fresh, damping.fresh);
    }
}

/// Accepts or rejects the trial point.
fn judge(lane: &mut Lane, damping: &mut Damping, options: &FeasibleOptions) {
    damping.steps += 1;
    let before = lane.at.merit();
    let expected = before - lane.at.predicted(&lane.trial.x);
    let gained = before - lane.trial.merit();
    if gained > 0.0 || lane.trial.residual <= options.tolerance {
        let ratio = if expected > 0.0 { gained / expected } else { 0.0 };
        if ratio > 0.75 {
            // In one linear region the model is exact: the damping must not be what is left.
            damping.value = (damping.value * if ratio > 0.99 { 1e-4 } else { 0.1 }).max(1e-15);
        } else if ratio < 0.25 {
            damping.value = damping.value.max(1e-9) * 2.0;
        }
        damping.growth = 4.0;
        lane.accept();
        damping.fresh = !options.secants;
        damping.renew = options.secants && lane.at.merit() > SLOW * before;
        damping.idle = if gained < 0.02 * before { damping.idle + 1 } else { 0 };
        let stalled = gained <= 1e-13 * before || damping.idle == PATIENCE;
        damping.done = lane.at.residual <= options.tolerance || stalled;
    } else if !damping.fresh {
        damping.renew = true;
    } else {
        damping.value = damping.value.max(1e-6) * damping.growth;
        damping.growth *= 2.0;
        damping.done = damping.value > 1e12;
    }
    damping.done |= damping.steps >= options.steps;
    damping.renew &= !damping.done;
}
