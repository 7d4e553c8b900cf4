//! The nearest answer of a query: which alternatives to pursue first, and where to look again.
//!
//! One linearisation at the reference ranks the alternatives of a goal (the nine other classes of a digit, say) by the
//! distance at which their linearised rows would hold; the first are pursued at once, the others only if they might end
//! nearer. What was found is local, so later attempts begin beside the incumbent, far enough away to lie in other linear
//! regions, and give up once they cannot end nearer.

use netinverse_base::Rng;
use rayon::prelude::*;

use super::lane::{Domain, Lane};
use super::least_distance::{Ending, Nearest};
use super::{Goal, Norm, Oracle};

/// Alternatives that are pursued at once.
const FIRST: usize = 2;
/// Further alternatives that are pursued when the first have ended.
const SECOND: usize = 2;
/// An alternative is pursued while its linearised distance is below this share of the incumbent's.
const PROMISING: f64 = 1.0;

/// The question of nearness, for one group of queries.
#[derive(Clone, Copy)]
pub(crate) struct Pursuit<'a> {
    pub(crate) domain: &'a Domain,
    pub(crate) goals: &'a [Goal],
    pub(crate) near: &'a [Vec<f64>],
    pub(crate) norm: Norm,
    pub(crate) weights: Option<&'a [f64]>,
}

/// The attempts of a query from its reference, the most promising one last.
pub(crate) struct Ranked {
    waiting: Vec<(f64, Lane)>,
}

impl Pursuit<'_> {
    /// The attempts from the references of the wanted queries, ranked where a goal has several alternatives.
    pub(crate) fn rank(
        &self,
        oracle: &mut Oracle<'_>,
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Vec<Ranked> {
        let (n, m) = (oracle.input_size(), oracle.output_size());
        let (mut y, mut jacobian) = (Vec::new(), Vec::new());
        let mut ranked = Vec::with_capacity(self.goals.len());
        // A bounded number of Jacobians at a time.
        let at_a_time = ((1 << 22) / (n * m)).max(1);
        for first in (0..self.goals.len()).step_by(at_a_time) {
            let queries = first..(first + at_a_time).min(self.goals.len());
            let several: Vec<usize> = queries
                .clone()
                .filter(|&query| wanted(query) && self.goals[query].alternatives.len() > 1)
                .collect();
            let x: Vec<f64> = several.iter().flat_map(|&query| self.clipped(query)).collect();
            if !several.is_empty() {
                oracle.jacobian(&several, &x, &mut y, &mut jacobian);
            }
            let part: Vec<Ranked> = queries
                .into_par_iter()
                .map(|query| {
                    if !wanted(query) {
                        return Ranked { waiting: Vec::new() };
                    }
                    match several.binary_search(&query) {
                        Err(_) => Ranked { waiting: vec![(0.0, Lane::new(query, 0, self.clipped(query)))] },
                        Ok(row) => self.rank_query(
                            query,
                            &y[row * m..(row + 1) * m],
                            &jacobian[row * m * n..(row + 1) * m * n],
                        ),
                    }
                })
                .collect();
            ranked.extend(part);
        }
        ranked
    }

    fn clipped(&self, query: usize) -> Vec<f64> {
        let mut x = self.near[query].clone();
        self.domain.clip(&mut x);
        x
    }

    fn rank_query(&self, query: usize, y: &[f64], jacobian: &[f64]) -> Ranked {
        let n = self.near[query].len();
        let mut waiting: Vec<(f64, Lane)> = Vec::new();
        for (alternative, polyhedron) in self.goals[query].alternatives.iter().enumerate() {
            let mut lane = Lane::new(query, alternative, self.clipped(query));
            let mut rows = vec![0.0; polyhedron.len() * n];
            polyhedron.chain(jacobian, n, &mut rows);
            lane.at.linearise(polyhedron, self.domain, y, &rows);
            waiting.push((self.linearised_distance(&mut lane), lane));
        }
        waiting.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ranked { waiting }
    }

    /// How far the linearised rows are; +∞ where they cannot hold in the box.
    fn linearised_distance(&self, lane: &mut Lane) -> f64 {
        let near = &self.near[lane.query];
        let problem = Nearest {
            reference: near,
            weights: self.weights,
            lower: &self.domain.lower,
            upper: &self.domain.upper,
            softness: 0.0,
        };
        let Lane { at, solver, .. } = lane;
        match self.norm.project(solver, &at.rows(), &problem, 1e-9) {
            Ending::Solved(_) => self.norm.distance(&solver.x, near, self.weights),
            _ => f64::INFINITY,
        }
    }

    /// The `index`-th attempt beside the best answer so far.
    pub(crate) fn beside(&self, best: &Lane, index: usize, seed: u64, query: u64) -> Lane {
        let near = &self.near[best.query];
        let mut rng = Rng::new(seed ^ query.wrapping_mul(0xA076_1D64_78BD_642F), 0xBE51 + index as u64);
        let spread = [0.5, 1.0, 0.25, 0.75][index % 4];
        let noise: Vec<f64> = best.at.x.iter().map(|_| rng.normal()).collect();
        let length = Norm::L2.distance(&best.at.x, near, None);
        let size = noise.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let mut x: Vec<f64> =
            best.at.x.iter().zip(&noise).map(|(x, v)| x + spread * length / size * v).collect();
        self.domain.clip(&mut x);
        Lane::new(best.query, best.alternative, x)
    }
}

/// The next attempts of the queries from their references, given the incumbents' distances.
pub(crate) fn next_attempts(
    ranked: &mut [Ranked],
    wave: usize,
    incumbent: &dyn Fn(usize) -> Option<f64>,
) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for (query, ranked) in ranked.iter_mut().enumerate() {
        let incumbent = incumbent(query);
        let limit = match (wave, incumbent) {
            (0, _) => FIRST,
            (1, Some(_)) => SECOND,
            (1, None) => usize::MAX,
            _ => 0,
        };
        for _ in 0..limit {
            let Some((distance, lane)) = ranked.waiting.pop() else { break };
            if incumbent.is_some_and(|incumbent| distance >= PROMISING * incumbent) {
                break;
            }
            lanes.push(lane);
        }
    }
    lanes
}
