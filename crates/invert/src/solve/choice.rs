//! The choice of answers among what a search found: picked by component and distance, confirmed, described.

use netinverse_linalg::{Matrix, singular_values};
use rayon::prelude::*;

use super::Oracle;
use super::components::Components;
use super::distinct::components_first;
use super::lane::{Lane, Standing};
use super::oracle::Precision;
use super::refine::refine;
use super::solver::Group;

/// An input that gives the output asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The input.
    pub x: Vec<f64>,
    /// f(x), by the forward pass in f64; empty, like the following but for distance and component, where answers are not
    /// described.
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
    /// Which component of the fibre it lies on, as far as walks could tell: answers with one number are joined by a
    /// path on the fibre. The first answer's is 0.
    pub component: usize,
}

impl Group<'_> {
    /// The answers of every query, in double precision. What was found in single precision is refined when it is
    /// picked, and others are picked where that fails.
    pub(super) fn confirm(
        &self,
        oracle: &mut Oracle<'_>,
        found: &mut [Vec<Lane>],
        components: &[Components],
        scale: &[f64],
    ) -> Vec<(Vec<Found>, f64)> {
        loop {
            let chosen: Vec<(Vec<usize>, f64)> = found
                .par_iter()
                .zip(components)
                .enumerate()
                .map(|(query, (lanes, components))| {
                    let (order, picked, radius) = self.pick(query, lanes, components);
                    (picked.into_iter().map(|position| order[position]).collect(), radius)
                })
                .collect();
            let rough: Vec<(usize, usize)> = chosen
                .iter()
                .enumerate()
                .flat_map(|(query, (picked, _))| picked.iter().map(move |&index| (query, index)))
                .filter(|&(query, index)| found[query][index].standing == Standing::Rough)
                .collect();
            if rough.is_empty() {
                oracle.set_precision(Precision::Double);
                return found
                    .iter()
                    .zip(chosen)
                    .zip(components)
                    .enumerate()
                    .map(|(query, ((lanes, (picked, radius)), components))| {
                        (self.found(query, lanes, &picked, components), radius)
                    })
                    .collect();
            }
            let mut lanes: Vec<Lane> =
                rough.iter().map(|&(query, index)| std::mem::take(&mut found[query][index])).collect();
            oracle.set_precision(self.precision());
            refine(oracle, &mut lanes, self.domain, scale, self.tolerance, self.options.steps);
            for ((query, index), lane) in rough.into_iter().zip(lanes) {
                found[query][index] = lane;
            }
        }
    }

    /// The lanes of a query by distance, and the positions of the answers among them with the radius.
    pub(super) fn pick(
        &self,
        query: usize,
        lanes: &[Lane],
        components: &Components,
    ) -> (Vec<usize>, Vec<usize>, f64) {
        let distances: Vec<f64> = lanes.iter().map(|lane| self.distance(query, &lane.at.x)).collect();
        let mut order: Vec<usize> =
            (0..lanes.len()).filter(|&index| lanes[index].standing != Standing::Lost).collect();
        order.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
        let points: Vec<&[f64]> = order.iter().map(|&index| &lanes[index].at.x[..]).collect();
        let own: Vec<usize> = order.iter().map(|&index| components.root(index)).collect();
        let (picked, radius) = components_first(&points, &own, self.options.count, self.options.separation);
        (order, picked, radius)
    }

    /// The answers of a query: the lanes picked, where they stand.
    fn found(&self, query: usize, lanes: &[Lane], picked: &[usize], components: &Components) -> Vec<Found> {
        let mut names: Vec<usize> = Vec::new();
        let found = picked.iter().map(|&index| {
            let root = components.root(index);
            let component = names.iter().position(|&name| name == root).unwrap_or_else(|| {
                names.push(root);
                names.len() - 1
            });
            let x = lanes[index].at.x.clone();
            Found {
                distance: self.distance(query, &x),
                x,
                y: Vec::new(),
                residual: f64::INFINITY,
                rank: 0,
                sigma_min: 0.0,
                fibre_dimension: 0,
                component,
            }
        });
        found.collect()
    }

    /// Evaluates the answers once more, for what is reported.
    pub(super) fn describe(&self, oracle: &mut Oracle<'_>, answers: &mut [(Vec<Found>, f64)]) {
        let (n, m) = (oracle.input_size(), oracle.output_size());
        let free: Vec<usize> = (0..n).filter(|&i| self.domain.lower[i] < self.domain.upper[i]).collect();
        let mut all: Vec<(usize, &mut Found)> = answers
            .iter_mut()
            .enumerate()
            .flat_map(|(query, (found, _))| found.iter_mut().map(move |answer| (query, answer)))
            .collect();
        let (mut y, mut jacobian) = (Vec::new(), Vec::new());
        for part in all.chunks_mut(jacobians_at_a_time(n, m)) {
            let queries: Vec<usize> = part.iter().map(|(query, _)| *query).collect();
            let x: Vec<f64> = part.iter().flat_map(|(_, answer)| answer.x.iter().copied()).collect();
            oracle.jacobian(&queries, &x, &mut y, &mut jacobian);
            let rows = y.par_chunks(m).zip(jacobian.par_chunks(m * n));
            part.par_iter_mut().zip(rows).with_min_len(16).for_each(|((query, answer), (y, own))| {
                answer.y = y.to_vec();
                answer.residual = self.goals[*query].residual(y);
                let spectrum = singular_values(&Matrix::from_fn(m, free.len(), |k, i| own[k * n + free[i]]));
                let largest = spectrum.first().copied().unwrap_or(0.0);
                let threshold = m.max(free.len()) as f64 * f64::EPSILON * largest;
                answer.rank = spectrum.iter().filter(|&&s| s > threshold).count();
                answer.sigma_min = spectrum.last().copied().unwrap_or(0.0);
                answer.fibre_dimension = free.len() - answer.rank;
            });
        }
    }
}

/// Whole Jacobians that are held at a time.
fn jacobians_at_a_time(n: usize, m: usize) -> usize {
    ((1 << 22) / (n * m).max(1)).max(1)
}
