//! As plausible an input as possible among those that give what is asked: sequential quadratic programs on the fibre.
//!
//! From an answer x the energy's quadratic model is minimised over the linearised conditions and the box, by an
//! interior-point method. The step is shortened until the candidate, brought back to the conditions by steps of least
//! change, has a smaller energy. The target is a constraint throughout: every iterate gives what is asked. What it
//! ends in is a local optimum.

use netinverse_answer::Evaluations;

use super::conditions::{Conditions, widths};
use crate::prior::{Energy, interior};
use crate::solve::least_distance::LeastDistance;

/// Steps at most.
const STEPS: usize = 60;
/// Halvings of a step at most.
const HALVINGS: usize = 12;
/// The share of the expected decrease that is enough.
const ENOUGH: f64 = 1e-3;
/// A relative decrease below this ends the descent.
const SMALL: f64 = 1e-9;
/// What an interior point leaves between a column and its bound, relative to the box.
const SNAP: f64 = 1e-7;

/// The energy and the conditions of one query.
pub(super) struct Descent<'a> {
    pub(super) conditions: Conditions<'a>,
    pub(super) energy: &'a Energy,
}

impl Descent<'_> {
    /// The most plausible point of the descent from an answer; the answer itself if nothing is better.
    pub(super) fn run(
        &self,
        start: &[f64],
        evaluations: &mut Evaluations,
        stop: &dyn Fn() -> bool,
    ) -> Vec<f64> {
        let conditions = &self.conditions;
        let domain = conditions.domain;
        let n = start.len();
        let alternative = conditions.nearest_alternative(start, evaluations);
        let widths = widths(domain);
        let weights: Vec<f64> = widths.iter().map(|w| 1.0 / (w * w)).collect();
        let mut solver = LeastDistance::default();
        let mut at = conditions.linearise(start, alternative, evaluations);
        let mut value = self.energy.value(start);
        let mut share = 1.0f64;
        for _ in 0..STEPS {
            if stop() {
                break;
            }
            let model = self.energy.model(&at.x);
            let targets: Vec<f64> =
                at.a.chunks_exact(n)
                    .zip(&at.b)
                    .map(|(row, b)| b - row.iter().zip(&at.x).map(|(a, x)| a * x).sum::<f64>())
                    .collect();
            let room = |bound: &[f64]| -> Vec<f64> { bound.iter().zip(&at.x).map(|(b, x)| b - x).collect() };
            let (lower, upper) = (room(&domain.lower), room(&domain.upper));
            let program = interior::Program {
                gradient: &model.gradient,
                curvature: &model.curvature,
                rows: &at.a,
                targets: &targets,
                equations: at.equations,
                lower: &lower,
                upper: &upper,
            };
            let Some(p) = interior::minimise(&program) else { break };
            let curved = model.curvature.apply(&p);
            let expected: f64 = -p
                .iter()
                .zip(model.gradient.iter().zip(&curved))
                .map(|(p, (g, h))| p * (g + 0.5 * h))
                .sum::<f64>();
            if expected.is_nan() || expected <= SMALL * value.abs().max(1e-12) {
                break;
            }
            share = (4.0 * share).min(1.0);
            let mut next = None;
            for _ in 0..HALVINGS {
                let mut x: Vec<f64> = at.x.iter().zip(&p).map(|(x, p)| x + share * p).collect();
                for i in 0..n {
                    for bound in [domain.lower[i], domain.upper[i]] {
                        if (x[i] - bound).abs() <= SNAP * widths[i] {
                            x[i] = bound;
                        }
                    }
                }
                domain.clip(&mut x);
                let settled = conditions.settle(x, alternative, &weights, &mut solver, evaluations);
                next = settled
                    .map(|point| (self.energy.value(&point.x), point))
                    .filter(|(energy, _)| *energy < value - ENOUGH * share * expected);
                if next.is_some() || stop() {
                    break;
                }
                share *= 0.5;
            }
            let Some((energy, point)) = next else { break };
            (at, value) = (point, energy);
        }
        at.x
    }
}
