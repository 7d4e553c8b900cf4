//! As large an objective as possible among the inputs that give what is asked: projected ascent from many answers.
//!
//! From an answer x the step goes α along the gradient, measured in widths of the bounds, and is projected onto the
//! linearised conditions and the box (one quadratic program); the candidate is brought back to the conditions by steps
//! of least change, and kept if it is an answer with a larger objective; α grows and shrinks with success. Inside a
//! linear region of a piecewise-linear network a long step ends in a vertex. What it ends in is a local optimum.

use netinverse_answer::Evaluations;

use super::conditions::{Conditions, Point, widths};
use crate::solve::least_distance::LeastDistance;

/// Steps of an ascent at most.
const STEPS: usize = 400;
/// The first step, in widths of the bounds.
const FIRST_STEP: f64 = 0.25;
/// Steps shorter than this share of the bounds end the ascent.
const SMALLEST_STEP: f64 = 1e-10;

/// The objective and the conditions of one query.
pub(super) struct Ascent<'a> {
    pub(super) conditions: Conditions<'a>,
    /// The objective: `c·y` is to be large.
    pub(super) form: &'a [f64],
}

impl Ascent<'_> {
    /// The best point of the ascent from an answer; the answer itself if nothing is better.
    pub(super) fn run(
        &self,
        start: &[f64],
        evaluations: &mut Evaluations,
        stop: &dyn Fn() -> bool,
    ) -> Vec<f64> {
        let conditions = &self.conditions;
        let alternative = conditions.nearest_alternative(start, evaluations);
        let mut at = conditions.linearise(start, alternative, evaluations);
        let mut value = self.value(&at);
        let widths = widths(conditions.domain);
        let weights: Vec<f64> = widths.iter().map(|w| 1.0 / (w * w)).collect();
        let mut solver = LeastDistance::default();
        let mut step = FIRST_STEP;
        for _ in 0..STEPS {
            if step < SMALLEST_STEP || stop() {
                break;
            }
            let gradient = at.gradient(self.form);
            let length = gradient.iter().zip(&widths).map(|(g, w)| (g * w) * (g * w)).sum::<f64>().sqrt();
            if !(length > 0.0 && length.is_finite()) {
                break;
            }
            let aim: Vec<f64> = (0..at.x.len())
                .map(|i| at.x[i] + step / length * gradient[i] * widths[i] * widths[i])
                .collect();
            let next = conditions
                .project(&at, &aim, &weights, &mut solver)
                .filter(|x| *x != at.x)
                .and_then(|x| conditions.settle(x, alternative, &weights, &mut solver, evaluations));
            match next.map(|next| (self.value(&next), next)) {
                Some((larger, next)) if larger > value => {
                    let small = larger - value <= 1e-14 * value.abs().max(1e-300);
                    (at, value) = (next, larger);
                    step = (2.0 * step).min(4.0);
                    if small {
                        break;
                    }
                }
                _ => step *= 0.25,
            }
        }
        at.x
    }

    fn value(&self, at: &Point) -> f64 {
        self.form.iter().zip(&at.y).map(|(c, y)| c * y).sum()
    }
}
