//! How much a map changes distances: proved for layers of known form, and measured on pairs.

use netinverse_inverse::{norm_bound, orthonormality_defect};
use netinverse_linalg::interval::{add_down, add_up, div_down, div_up, mul_down, mul_up};
use netinverse_linalg::{Interval, Matrix};
use netinverse_network::{Evaluator, Network};

use crate::{Weight, Weights};

/// `lower · |x − x′| ≤ |f(x) − f(x′)| ≤ upper · |x − x′|` in the Euclidean norm, for all x and x′ of some set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distortion {
    /// μ
    pub lower: f64,
    /// ν
    pub upper: f64,
}

impl Distortion {
    /// Of the identity.
    pub const NONE: Distortion = Distortion { lower: 1.0, upper: 1.0 };

    /// κ = ν / μ: how much larger a relative error can become on the way through the map or back.
    pub fn condition(self) -> f64 {
        div_up(self.upper, self.lower)
    }

    /// Of one map after the other, rounded outward.
    #[must_use]
    pub(crate) fn then(self, next: Self) -> Self {
        Distortion { lower: mul_down(self.lower, next.lower).max(0.0), upper: mul_up(self.upper, next.upper) }
    }

    /// Of x ↦ x Q with a stored square Q that is orthogonal but for rounding.
    pub(crate) fn of_orthogonal(weights: &Weights, q: Weight) -> Self {
        let defect = orthonormality_defect(&matrix(weights, q));
        let squares = Interval::new(add_down(1.0, -defect).max(0.0), add_up(1.0, defect));
        let roots = squares.sqrt().unwrap_or(Interval::ENTIRE);
        Distortion { lower: roots.lo(), upper: roots.hi() }
    }

    /// Of x ↦ s ⊙ x + t.
    pub(crate) fn of_scale(s: &[f32]) -> Self {
        let sizes = || s.iter().map(|&s| f64::from(s.abs()));
        Distortion { lower: sizes().fold(f64::INFINITY, f64::min), upper: sizes().fold(0.0, f64::max) }
    }

    /// Of a coupling (a, b) ↦ (a, e(a) ⊙ b + t(a)) whose factors lie in `factor`, where what a does to the second part is at most
    /// `forward` times as long as the change of a, and `backward` on the way back.
    pub(crate) fn of_coupling(factor: Interval, forward: f64, backward: f64) -> Self {
        Distortion {
            lower: div_down(1.0, triangular_norm(backward, div_up(1.0, factor.lo()))),
            upper: triangular_norm(forward, factor.hi()),
        }
    }

    /// Measured: the least and the greatest quotient over pairs of rows of x and x′, in float64. `None` without pairs that
    /// differ.
    pub fn measured(network: &Network, x: &[f64], other: &[f64]) -> Option<Self> {
        const CHUNK: usize = 1024;
        let (n, m) = (network.input_size(), network.output_size());
        let evaluator = Evaluator::<f64>::new(network);
        let (mut y, mut y_other) = (Vec::new(), Vec::new());
        let mut found: Option<Distortion> = None;
        for (x, other) in x.chunks(CHUNK * n).zip(other.chunks(CHUNK * n)) {
            let rows = x.len() / n;
            y.resize(rows * m, 0.0);
            y_other.resize(rows * m, 0.0);
            evaluator.forward(x, &mut y);
            evaluator.forward(other, &mut y_other);
            let outputs = y.chunks(m).zip(y_other.chunks(m));
            for ((x, other), (y, y_other)) in x.chunks(n).zip(other.chunks(n)).zip(outputs) {
                let apart = distance(x, other);
                if apart > 0.0 {
                    let quotient = distance(y, y_other) / apart;
                    let own = found.get_or_insert(Distortion { lower: f64::INFINITY, upper: 0.0 });
                    own.lower = own.lower.min(quotient);
                    own.upper = own.upper.max(quotient);
                }
            }
        }
        found
    }
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// A number ≥ the norm of `[[1, 0], [g, e]]`, (√((1 + e)² + g²) + √((1 − e)² + g²)) / 2.
fn triangular_norm(g: f64, e: f64) -> f64 {
    let (one, g, e) = (Interval::point(1.0), Interval::point(g), Interval::point(e));
    let root = |side: Interval| (side * side + g * g).sqrt().map_or(f64::INFINITY, Interval::hi);
    add_up(root(one + e), root(one - e)) / 2.0
}

/// A constant as a matrix in float64.
pub(crate) fn matrix(weights: &Weights, weight: Weight) -> Matrix {
    let shape = weights.shape(weight);
    let values = weights.constant(weight);
    let columns = shape[1];
    Matrix::from_fn(shape[0], columns, |i, j| f64::from(values[i * columns + j]))
}

/// A number ≥ the norm of a constant, or of some of its columns.
pub(crate) fn norm_of(weights: &Weights, weight: Weight, columns: std::ops::Range<usize>) -> f64 {
    let all = matrix(weights, weight);
    norm_bound(&Matrix::from_fn(all.rows(), columns.len(), |i, j| all.row(i)[columns.start + j]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netinverse_linalg::singular_values;

    /// The closed form against a singular value decomposition.
    #[test]
    fn the_norm_of_a_coupling_is_that_of_its_block_matrix() {
        for (g, e) in [(0.0, 1.0), (0.0, 0.3), (1.0, 1.0), (2.5, 0.1), (1e-9, 1.0), (40.0, 3.0)] {
            let exact = singular_values(&Matrix::new(2, 2, vec![1.0, 0.0, g, e]).unwrap())[0];
            let bound = triangular_norm(g, e);
            assert!(
                bound >= exact * (1.0 - 1e-15) && bound <= exact * (1.0 + 1e-12),
                "{g} {e}: {bound} {exact}"
            );
        }
    }

    #[test]
    fn measured_distortion_of_a_diagonal_map_is_between_its_entries() {
        let mut weights = Weights::new();
        let shape = netinverse_network::Shape::new([1, 2]).unwrap();
        let s = weights.frozen("s", shape, vec![3.0, -0.5]).unwrap();
        let mut assembly = crate::Assembly::new(&weights);
        let x = assembly.input("x", 2).unwrap();
        let y = assembly.scale("y", x, s, None).unwrap();
        let network = assembly.finish(&[y]).unwrap();
        let found = Distortion::measured(&network, &[0.0, 0.0, 1.0, 1.0], &[1.0, 0.0, 1.0, 2.0]).unwrap();
        assert_eq!((found.lower, found.upper), (0.5, 3.0));
        assert_eq!(Distortion::of_scale(&[3.0, -0.5]), found);
        assert!(Distortion::measured(&network, &[1.0, 1.0], &[1.0, 1.0]).is_none());
    }
}
