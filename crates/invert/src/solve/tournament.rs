//! The nearest answer of a goal with an interior, from points inside it.
//!
//! Far from the boundary a classifier saturates, and its gradient points nowhere. But any point of another class (a row
//! of data, a point of the pool) is a feasible start, and the segment from the reference to it crosses the boundary. One
//! start an alternative walks a few steps; those that came nearest walk on, and the best of them to its end.

use super::lane::Lane;
use super::nearest::{Nearness, make_nearest};
use super::starts::Pool;
use super::{Domain, Goal, Oracle};

/// Bisections of the segment from the reference to the point inside.
const BISECTIONS: usize = 3;

/// Rounds: evaluations of each lane (with its derivatives), and how many lanes of a query walk.
const ROUNDS: [(usize, usize); 3] = [(5, 7), (8, 3), (14, 1)];

/// A feasible start for each alternative of each wanted query, on the segment from the reference.
pub(crate) fn bracketed_starts(
    oracle: &mut Oracle<'_>,
    goals: &[Goal],
    near: &[Vec<f64>],
    pool: &Pool,
    distance: &(dyn Fn(usize, &[f64]) -> f64 + Sync),
) -> Vec<Lane> {
    let mut starts: Vec<(usize, usize, Vec<f64>, f64)> = Vec::new();
    for (query, goal) in goals.iter().enumerate() {
        let interior = goal.alternatives.iter().all(|polyhedron| polyhedron.equations == 0);
        if interior {
            let inside = pool.inside(goal, &|x| distance(query, x));
            starts.extend(inside.into_iter().map(|(alternative, x)| (query, alternative, x, 1.0)));
        }
    }
    let queries: Vec<usize> = starts.iter().map(|start| start.0).collect();
    let m = oracle.output_size();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    let at = |query: usize, inside: &[f64], share: f64| -> Vec<f64> {
        near[query].iter().zip(inside).map(|(r, i)| r + share * (i - r)).collect()
    };
    let mut low = vec![0.0; starts.len()];
    for _ in 0..BISECTIONS {
        x.clear();
        for ((query, _, inside, high), low) in &mut starts.iter().zip(&low) {
            x.extend(at(*query, inside, 0.5 * (low + high)));
        }
        if x.is_empty() {
            break;
        }
        oracle.forward(&queries, &x, &mut y);
        for ((start, low), y) in starts.iter_mut().zip(&mut low).zip(y.chunks(m)) {
            let middle = 0.5 * (*low + start.3);
            if goals[start.0].alternatives[start.1].residual(y) <= 0.0 {
                start.3 = middle;
            } else {
                *low = middle;
            }
        }
    }
    let lanes = starts.into_iter().map(|(query, alternative, inside, high)| {
        let x = if high == 1.0 { inside } else { at(query, &inside, high) };
        Lane::new(query, alternative, x)
    });
    lanes.collect()
}

/// Walks the lanes in rounds; fewer of each query go on in each. All of them are returned, where they stopped.
pub(crate) fn walk_in_rounds<'n>(
    oracle: &mut Oracle<'_>,
    mut lanes: Vec<Lane>,
    domain: &Domain,
    nearness: &Nearness<'_>,
    near: &(dyn Fn(usize) -> (&'n [f64], f64) + Sync),
    stop: &dyn Fn() -> bool,
) -> Vec<Lane> {
    let mut ended = Vec::new();
    for (evaluations, places) in ROUNDS {
        let mut place = vec![0usize; 1 + lanes.iter().map(|lane| lane.query).max().unwrap_or(0)];
        let distance = |lane: &Lane| nearness.norm.distance(&lane.at.x, near(lane.query).0, nearness.weights);
        lanes.sort_by(|a, b| a.query.cmp(&b.query).then(distance(a).total_cmp(&distance(b))));
        let (mut on, out): (Vec<Lane>, Vec<Lane>) = lanes.into_iter().partition(|lane| {
            place[lane.query] += 1;
            place[lane.query] <= places
        });
        ended.extend(out);
        let round = Nearness { steps: evaluations, ..*nearness };
        make_nearest(oracle, &mut on, domain, &round, near, stop);
        lanes = on;
    }
    ended.extend(lanes);
    ended
}
