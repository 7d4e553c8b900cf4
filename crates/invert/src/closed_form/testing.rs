//! Random layers for the tests of this module.

use super::{Activation, Layer};
use netinverse_base::Rng;
use netinverse_linalg::Matrix;

/// Independent standard normal elements.
pub(crate) fn random_matrix(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed, 0);
    Matrix::from_fn(rows, columns, |_, _| rng.normal())
}

/// Independent elements uniform in [0, 1).
pub(crate) fn uniform_matrix(rows: usize, columns: usize, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed, 1);
    Matrix::from_fn(rows, columns, |_, _| rng.uniform())
}

/// A layer with normal weights of variance 1/n and biases of standard deviation 0.3.
pub(crate) fn random_layer(inputs: usize, outputs: usize, activation: Activation, seed: u64) -> Layer {
    let mut weight = random_matrix(inputs, outputs, seed);
    let scale = (inputs as f64).sqrt().recip();
    weight.data_mut().iter_mut().for_each(|w| *w *= scale);
    let mut rng = Rng::new(seed, 2);
    let bias = (0..outputs).map(|_| 0.3 * rng.normal()).collect();
    Layer::new(weight, bias, activation).expect("finite and not empty")
}
