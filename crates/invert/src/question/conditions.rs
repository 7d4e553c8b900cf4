//! What an answer must satisfy, linearised: the rows of one alternative of a goal and of a domain.

use netinverse_answer::Evaluations;
use netinverse_network::Evaluator;

use super::region;
use crate::solve::least_distance::{Ending, LeastDistance, Nearest, Rows};
use crate::solve::{Domain, Goal, Polyhedron};

/// Steps back to the conditions for one candidate at most.
const CORRECTIONS: usize = 4;

/// The conditions of one query.
pub(super) struct Conditions<'a> {
    pub(super) evaluator: &'a Evaluator<f64>,
    pub(super) domain: &'a Domain,
    /// What is asked, in outputs of the evaluator's network.
    pub(super) goal: &'a Goal,
    pub(super) tolerance: f64,
}

/// A point and its linearisation.
pub(super) struct Point {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    jacobian: Vec<f64>,
    violation: f64,
    /// Rows `a·x ≥ b` (or `= b`) of the conditions.
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    pub(super) equations: usize,
}

impl Conditions<'_> {
    /// The alternative of the goal that an input is nearest to.
    pub(super) fn nearest_alternative(&self, x: &[f64], evaluations: &mut Evaluations) -> usize {
        let mut y = vec![0.0; self.evaluator.output_size()];
        self.evaluator.forward(x, &mut y);
        evaluations.forward += 1;
        self.goal.nearest_alternative(&y).0
    }

    /// Values, Jacobian and rows at x.
    pub(super) fn linearise(&self, x: &[f64], alternative: usize, evaluations: &mut Evaluations) -> Point {
        let (n, m) = (self.evaluator.input_size(), self.evaluator.output_size());
        let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
        self.evaluator.jacobian(x, &mut y, &mut jacobian);
        evaluations.forward += 1;
        if n < m {
            evaluations.jvp += n as u64;
        } else {
            evaluations.vjp += m as u64;
        }
        let polyhedron: &Polyhedron = &self.goal.alternatives[alternative];
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let mut violation = self.domain.violation(x).max(0.0);
        for equations in [true, false] {
            for k in (0..polyhedron.len()).filter(|&k| (k < polyhedron.equations) == equations) {
                let row = pullback(&jacobian, &polyhedron.rows[k * m..(k + 1) * m], n);
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
        let equations = polyhedron.equations + self.domain.equations;
        Point { x: x.to_vec(), y, jacobian, violation, a, b, equations }
    }

    /// The point nearest to `aim` under the conditions linearised at `at`.
    pub(super) fn project(
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

    /// A point brought back to the conditions by steps of least change.
    pub(super) fn settle(
        &self,
        mut x: Vec<f64>,
        alternative: usize,
        weights: &[f64],
        solver: &mut LeastDistance,
        evaluations: &mut Evaluations,
    ) -> Option<Point> {
        for _ in 0..=CORRECTIONS {
            let point = self.linearise(&x, alternative, evaluations);
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
}

impl Point {
    /// The gradient of a linear form of the outputs.
    pub(super) fn gradient(&self, form: &[f64]) -> Vec<f64> {
        pullback(&self.jacobian, form, self.x.len())
    }
}

/// rowᵀ J
fn pullback(jacobian: &[f64], row: &[f64], n: usize) -> Vec<f64> {
    let mut product = vec![0.0; n];
    for (&c, j) in row.iter().zip(jacobian.chunks_exact(n)).filter(|(c, _)| **c != 0.0) {
        product.iter_mut().zip(j).for_each(|(p, j)| *p += c * j);
    }
    product
}

/// The widths of the bounds, the widest for what has none; small for what is fixed, so that it has no say.
pub(super) fn widths(domain: &Domain) -> Vec<f64> {
    let sides = domain.lower.iter().zip(&domain.upper).map(|(low, high)| high - low);
    let largest = sides.clone().filter(|w| w.is_finite()).fold(0.0f64, f64::max);
    let largest = if largest > 0.0 { largest } else { 1.0 };
    let width = |w: f64| match (w.is_finite(), w > 0.0) {
        (true, true) => w,
        (true, false) => 1e-3 * largest,
        (false, _) => largest,
    };
    sides.map(width).collect()
}
