//! A linear classifier of digits, for the tests and examples that want a real one.

use netinverse_base::{Result, Rng};
use netinverse_data::DigitSet;
use netinverse_invert::closed_form::{Activation, Layer};
use netinverse_linalg::Matrix;

/// One image a row, pixels in [0, 1].
pub(crate) fn images(set: &DigitSet) -> Result<Matrix> {
    Matrix::new(set.len(), 784, set.pixels().iter().map(|&p| f64::from(p) / 255.0).collect())
}

/// The layer 784 → 10 after some epochs of plain stochastic gradient descent in batches of 50.
pub(crate) fn train_classifier(
    images: &Matrix,
    labels: &[u8],
    softmax: bool,
    epochs: usize,
) -> Result<Layer> {
    let mut rng = Rng::new(0, 0);
    let mut weight = Matrix::from_fn(784, 10, |_, _| 0.01 * rng.normal());
    let mut bias = vec![0.0; 10];
    let rate = if softmax { 0.2 } else { 0.5 };
    let mut order: Vec<usize> = (0..labels.len()).collect();
    for _epoch in 0..epochs {
        rng.shuffle(&mut order);
        for batch in order.chunks(50) {
            let x = images.select_rows(batch);
            let mut error = x.product(&weight);
            for (i, &row) in batch.iter().enumerate() {
                let z = error.row_mut(i);
                z.iter_mut().zip(&bias).for_each(|(z, b)| *z += b);
                if softmax {
                    let top = z.iter().fold(f64::MIN, |m, v| m.max(*v));
                    for z in z.iter_mut() {
                        *z = (*z - top).exp();
                    }
                    let sum: f64 = z.iter().sum();
                    for z in z.iter_mut() {
                        *z /= sum;
                    }
                } else {
                    for z in z.iter_mut() {
                        *z = Activation::Sigmoid.apply(*z);
                    }
                }
                z[usize::from(labels[row])] -= 1.0;
            }
            let step = rate / batch.len() as f64;
            let gradient = x.transposed_product(&error);
            weight.data_mut().iter_mut().zip(gradient.data()).for_each(|(w, g)| *w -= step * g);
            for row in error.iter_rows() {
                bias.iter_mut().zip(row).for_each(|(b, e)| *b -= step * e);
            }
        }
    }
    Layer::new(weight, bias, Activation::Sigmoid)
}
