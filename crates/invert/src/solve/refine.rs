//! From points that single precision found to answers in double precision.
//!
//! A point found in single precision is off the fibre by what its evaluation was off, and its rows are nearly those of
//! double precision. So the value alone is evaluated anew, and a step of least change with the rows as they are takes off
//! nearly all that is missing; twice is enough almost always. What does not converge is left to Levenberg–Marquardt.

use rayon::prelude::*;

use super::feasible::{FeasibleOptions, make_feasible};
use super::lane::{Domain, Lane, Standing, linearise_guessed};
use super::least_distance::{Ending, Nearest};
use super::oracle::{Oracle, Precision};

/// Steps with the rows of single precision, led on by secants, at most.
const CHORDS: usize = 5;
/// A step that leaves a larger share of what was missing says that the rows are others there.
const LEFT: f64 = 0.1;

/// Brings lanes to their goals in double precision: afterwards each stands on an answer, exactly, or is lost. The oracle
/// comes in the precision of the search, and leaves in double precision.
pub(crate) fn refine(
    oracle: &mut Oracle<'_>,
    lanes: &mut [Lane],
    domain: &Domain,
    weights: &[f64],
    tolerance: &[f64],
    steps: usize,
) {
    linearise_guessed(oracle, lanes, domain);
    oracle.set_precision(Precision::Double);
    let m = oracle.output_size();
    let mut before = vec![f64::INFINITY; lanes.len()];
    let mut open: Vec<usize> = (0..lanes.len()).collect();
    let mut slow: Vec<usize> = Vec::new();
    let mut y = Vec::new();
    for chord in 0..=CHORDS {
        if open.is_empty() {
            break;
        }
        let queries: Vec<usize> = open.iter().map(|&index| lanes[index].query).collect();
        let place = |lane: &Lane| if chord == 0 { lane.at.x.clone() } else { lane.trial.x.clone() };
        let x: Vec<f64> = open.iter().flat_map(|&index| place(&lanes[index])).collect();
        oracle.forward(&queries, &x, &mut y);
        let mut moving = vec![None; lanes.len()];
        for (row, &index) in open.iter().enumerate() {
            moving[index] = Some(row);
        }
        let values = &y;
        let known: &Oracle<'_> = oracle;
        lanes.par_iter_mut().zip(before.par_iter_mut()).enumerate().with_min_len(16).for_each(
            |(index, (lane, before))| {
                let Some(row) = moving[index] else { return };
                let polyhedron = &known.goal(lane.query).alternatives[lane.alternative];
                let y = &values[row * m..(row + 1) * m];
                if chord == 0 {
                    lane.at.revalue(polyhedron, domain, y);
                } else {
                    let Lane { at, trial, .. } = lane;
                    trial.linearise_by_secant(at, polyhedron, domain, weights, y);
                    lane.accept();
                }
                let residual = lane.at.residual;
                if residual <= tolerance[lane.query] {
                    lane.standing = Standing::Exact;
                } else if chord < CHORDS && residual <= LEFT * *before && step(lane, domain) {
                    *before = residual;
                } else {
                    lane.standing = Standing::Lost;
                }
            },
        );
        slow.extend(open.iter().copied().filter(|&index| lanes[index].standing == Standing::Lost));
        open.retain(|&index| lanes[index].standing == Standing::Rough);
    }
    if slow.is_empty() {
        return;
    }
    slow.sort_unstable();
    let again = slow.iter().map(|&index| &lanes[index]);
    let mut again: Vec<Lane> =
        again.map(|lane| Lane::new(lane.query, lane.alternative, lane.at.x.clone())).collect();
    let strictest = again.iter().map(|lane| tolerance[lane.query]).fold(f64::INFINITY, f64::min);
    let options = FeasibleOptions { tolerance: strictest, steps, secants: false };
    make_feasible(oracle, &mut again, domain, weights, &options, &|| false);
    for (&index, mut lane) in slow.iter().zip(again) {
        let solved = lane.at.residual <= tolerance[lane.query];
        lane.standing = if solved { Standing::Exact } else { Standing::Lost };
        lanes[index] = lane;
    }
}

/// Moves a lane by the least change onto its rows.
fn step(lane: &mut Lane, domain: &Domain) -> bool {
    let Lane { at, trial, solver, .. } = lane;
    let nearest = Nearest {
        reference: &at.x,
        weights: None,
        lower: &domain.lower,
        upper: &domain.upper,
        softness: 0.0,
    };
    solver.lambda.clear();
    let solved = matches!(solver.solve(&at.rows(), &nearest, 1e-13), Ending::Solved(_));
    if solved {
        trial.x.copy_from_slice(&solver.x);
    }
    solved
}
