//! Gauss–Newton steps from what a learned inverse gives towards an input with the outputs asked for.

use netinverse_linalg::{Matrix, Precision, Svd, norm};
use netinverse_network::{Evaluator, Network};

/// A step is halved so often before it is given up.
const HALVINGS: usize = 8;

/// Moves each row of x to where f gives the row of y, in float64: at most `steps` steps `x ← x − J⁺ (f(x) − y)`, the shortest that
/// solve the linearised equations, halved until the residual falls and cut off at the bounds. A row whose residual no
/// step makes smaller stays. Returns the largest |f(x) − y| of each row.
///
/// Panics unless x and y are as many rows, and there is one interval an input.
pub fn polish(
    forward: &Network,
    bounds: Option<&[[f64; 2]]>,
    x: &mut [f64],
    y: &[f64],
    steps: usize,
) -> Vec<f64> {
    let (n, m) = (forward.input_size(), forward.output_size());
    assert_eq!(x.len() / n, y.len() / m, "a row of x for each of y");
    assert!(bounds.is_none_or(|bounds| bounds.len() == n), "one interval an input");
    let evaluator = Evaluator::<f64>::new(forward);
    let (mut value, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
    let residual = |value: &[f64], y: &[f64]| value.iter().zip(y).map(|(v, y)| v - y).collect::<Vec<f64>>();
    let mut left = Vec::new();
    for (x, y) in x.chunks_exact_mut(n).zip(y.chunks_exact(m)) {
        evaluator.forward(x, &mut value);
        let mut miss = residual(&value, y);
        for _ in 0..steps {
            evaluator.jacobian(x, &mut value, &mut jacobian);
            if miss.iter().chain(&jacobian).any(|v| !v.is_finite()) {
                break;
            }
            let svd = Svd::new(&Matrix::from_fn(m, n, |i, j| jacobian[i * n + j]));
            let step = svd.pseudo_inverse(svd.rank(Precision::F64)).apply(&miss);
            let moved = (0..HALVINGS).find_map(|halving| {
                let factor = 0.5f64.powi(halving as i32);
                let mut next: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x - factor * s).collect();
                if let Some(bounds) = bounds {
                    next.iter_mut().zip(bounds).for_each(|(x, b)| *x = x.clamp(b[0], b[1]));
                }
                evaluator.forward(&next, &mut value);
                let own = residual(&value, y);
                (norm(&own) < norm(&miss)).then_some((next, own))
            });
            let Some((next, own)) = moved else { break };
            x.copy_from_slice(&next);
            miss = own;
        }
        left.push(
            miss.iter().fold(0.0, |most: f64, v| if v.is_nan() { f64::INFINITY } else { most.max(v.abs()) }),
        );
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assembly, Weights};

    /// y = x₀² + x₁² in the plane, from a point near the circle of radius 2.
    fn square() -> Network {
        let weights = Weights::new();
        let mut assembly = Assembly::new(&weights);
        let x = assembly.input("x", 2).unwrap();
        let squares = assembly.multiply("squares", x, x).unwrap();
        let y = assembly.total("y", squares).unwrap();
        assembly.finish(&[y]).unwrap()
    }

    #[test]
    fn steps_end_on_the_fibre_and_go_the_short_way() {
        let mut x = [1.5, 1.5];
        let left = polish(&square(), None, &mut x, &[4.0], 6);
        assert!(left[0] < 1e-12, "{left:?}");
        // Along the gradient, which is radial here.
        assert!(x.iter().all(|x| (x - 2f64.sqrt()).abs() < 1e-9), "{x:?}");
    }

    #[test]
    fn bounds_hold_and_what_cannot_be_reached_stays_off() {
        let mut x = [0.5, 0.5, 0.5, 0.5];
        let left = polish(&square(), Some(&[[0.0, 1.0], [0.0, 1.0]]), &mut x, &[1.5, 4.0], 20);
        assert!(left[0] < 1e-12 && (left[1] - 2.0).abs() < 1e-12, "{left:?}");
        assert!(x.iter().all(|x| (0.0..=1.0).contains(x)));
    }
}
