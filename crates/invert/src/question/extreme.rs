//! As large an objective as possible among the inputs that give what is asked: projected ascent from many answers.
//!
//! From an answer x the step goes α along the gradient, measured in widths of the bounds, and is projected onto the
//! linearised conditions and the box (one quadratic program); the candidate is brought back to the conditions by steps
//! of least change, and kept if it is an answer with a larger objective; α grows and shrinks with success. Inside a
//! linear region of a piecewise-linear network a long step ends in a vertex. What it ends in is a local optimum.

use netinverse_answer::Evaluations;
use netinverse_network::Evaluator;

use super::region;
use crate::solve::least_distance::{Ending, LeastDistance, Nearest, Rows};
use crate::solve::{Domain, Goal, Polyhedron};

/// Steps of an ascent at most.
const STEPS: usize = 400;
/// Steps back to the conditions for one candidate at most.
const CORRECTIONS: usize = 4;
/// The first step, in widths of the bounds.
const FIRST_STEP: f64 = 0.25;
/// Steps shorter than this share of the bounds end the ascent.
const SMALLEST_STEP: f64 = 1e-10;

/// The objective and the conditions of one query.
pub(super) struct Ascent<'a> {
    pub(super) evaluator: &'a Evaluator<f64>,
    pub(super) domain: &'a Domain,
    /// The conditions, in outputs of the evaluator's network.
    pub(super) goal: &'a Goal,
    /// The objective: `c·y` is to be large.
    pub(super) form: &'a [f64],
    pub(super) tolerance: f64,
}

/// A point and its linearisation.
struct Point {
    x: Vec<f64>,
    value: f64,
    violation: f64,
    /// The gradient of the objective.
    gradient: Vec<f64>,
    /// Rows `a·x ≥ b` (or `= b`) of the conditions.
    a: Vec<f64>,
    b: Vec<f64>,
    equations: usize,
}

impl Ascent<'_> {
    /// The best point of the ascent from an answer; the answer itself if nothing is better.
    pub(super) fn run(
        &self,
        start: &[f64],
        evaluations: &mut Evaluations,
        stop: &dyn Fn() -> bool,
    ) -> Vec<f64> {
        let alternative = {
            let y = self.linearise(start, 0, evaluations).1;
            self.goal
                .alternatives
                .iter()
                .map(|piece| piece.residual(&y))
                .enumerate()
                .fold((0, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
        };
        let mut at = self.linearise(start, alternative.0, evaluations).0;
        let widths = widths(self.domain);
        let weights: Vec<f64> = widths.iter().map(|w| 1.0 / (w * w)).collect();
        let mut solver = LeastDistance::default();
        let mut step = FIRST_STEP;
        for _ in 0..STEPS {
            if step < SMALLEST_STEP || stop() {
                break;
            }
            let length = at.gradient.iter().zip(&widths).map(|(g, w)| (g * w) * (g * w)).sum::<f64>().sqrt();
            if !(length > 0.0 && length.is_finite()) {
                break;
            }
            let aim: Vec<f64> = (0..at.x.len())
                .map(|i| at.x[i] + step / length * at.gradient[i] * widths[i] * widths[i])
                .collect();
            match self.candidate(&at, &aim, &weights, alternative.0, &mut solver, evaluations) {
                Some(next) if next.value > at.value => {
                    let gained = next.value - at.value;
                    let small = gained <= 1e-14 * at.value.abs().max(1e-300);
                    at = next;
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

    /// The point nearest to `aim` under the conditions linearised at `at`, brought back to them.
    fn candidate(
        &self,
        at: &Point,
        aim: &[f64],
        weights: &[f64],
        alternative: usize,
        solver: &mut LeastDistance,
        evaluations: &mut Evaluations,
    ) -> Option<Point> {
        let mut x = self.project(at, aim, weights, solver)?;
        if x == at.x {
            return None;
        }
        for _ in 0..=CORRECTIONS {
            let point = self.linearise(&x, alternative, evaluations).0;
            if point.violation <= self.tolerance && region::contains(self.domain, &point.x) {
                return Some(point);
            }
            if !point.violation.is_finite() {
                return None;
            }
            x = self.project(&point, &point.x, weights, solver)?;
        }
        None
    }

    fn project(
        &self,
        at: &Point,
        aim: &[f64],
        weights: &[f64],
        solver: &mut LeastDistance,
    ) -> Option<Vec<f64>> {
        let rows = Rows { a: &at.a, b: &at.b, equations: at.equations };
        let nearest = Nearest {
            reference: aim,
            weights: Some(weights),
            lower: &self.domain.lower,
            upper: &self.domain.upper,
            softness: 0.0,
        };
        solver.lambda.fill(0.0);
        match solver.solve(&rows, &nearest, 1e-13) {
            Ending::Solved(_) => {
                let mut x = solver.x.clone();
                self.domain.clip(&mut x);
                Some(x)
            }
            _ => None,
        }
    }

    fn linearise(&self, x: &[f64], alternative: usize, evaluations: &mut Evaluations) -> (Point, Vec<f64>) {
        let (n, m) = (self.evaluator.input_size(), self.evaluator.output_size());
        let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
        self.evaluator.jacobian(x, &mut y, &mut jacobian);
        evaluations.forward += 1;
        if n < m {
            evaluations.jvp += n as u64;
        } else {
            evaluations.vjp += m as u64;
        }
        let pullback = |row: &[f64]| -> Vec<f64> {
            let mut product = vec![0.0; n];
            for (&c, j) in row.iter().zip(jacobian.chunks_exact(n)).filter(|(c, _)| **c != 0.0) {
                product.iter_mut().zip(j).for_each(|(p, j)| *p += c * j);
            }
            product
        };
        let polyhedron: &Polyhedron = &self.goal.alternatives[alternative];
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let mut violation = self.domain.violation(x).max(0.0);
        for equations in [true, false] {
            for k in (0..polyhedron.len()).filter(|&k| (k < polyhedron.equations) == equations) {
                let row = pullback(&polyhedron.rows[k * m..(k + 1) * m]);
                let value = polyhedron.value(k, &y);
                violation = violation.max(polyhedron.shortfall(k, value));
                let ax: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum();
                a.extend(row);
                b.push(ax - value);
            }
            for k in (0..self.domain.constraints()).filter(|&k| (k < self.domain.equations) == equations) {
                a.extend_from_slice(&self.domain.coefficients[k * n..(k + 1) * n]);
                b.push(self.domain.constants[k]);
            }
        }
        let point = Point {
            value: self.form.iter().zip(&y).map(|(c, y)| c * y).sum(),
            gradient: pullback(self.form),
            violation,
            equations: polyhedron.equations + self.domain.equations,
            x: x.to_vec(),
            a,
            b,
        };
        (point, y)
    }
}

/// The widths of the bounds; small for what is fixed, so that it has no say.
fn widths(domain: &Domain) -> Vec<f64> {
    let sides = domain.lower.iter().zip(&domain.upper).map(|(low, high)| high - low);
    let largest = sides.clone().filter(|w| w.is_finite()).fold(1e-300f64, f64::max);
    sides.map(|w| if w.is_finite() && w > 0.0 { w } else { 1e-3 * largest }).collect()
}
