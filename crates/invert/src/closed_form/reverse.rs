//! The reverse network, from labels to images: f(y) = σ(yW + b) with W 10×784 of full row rank. It is
//! inverted by y = (σ⁻¹(x) − b) W⁺ ([`Layer::minimum_norm_rows`] of its logits), for every real y. And it
//! knows ten images: what it explains of the differences inside a class is nothing.

use super::energy::check_labels;
use super::{Clip, Layer, check_columns};
use netinverse_base::{Error, Result};
use netinverse_linalg::Matrix;

/// How well inputs come back from their outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// The recovered inputs.
    pub inputs: Matrix,
    /// max |recovered − true| of each row.
    pub errors: Vec<f64>,
    /// Rows whose largest element is at the same place.
    pub same_label: usize,
    /// Saturated outputs in all rows.
    pub saturated: usize,
}

impl Recovery {
    /// The largest error of a row.
    pub fn worst(&self) -> f64 {
        self.errors.iter().copied().fold(0.0, f64::max)
    }
}

/// Sends inputs through the layer in f64 and back.
///
/// # Errors
/// Widths that do not fit; a layer of rank less than n, whose inputs do not come back.
pub fn recover_inputs(layer: &Layer, inputs: &Matrix, clip: Clip) -> Result<Recovery> {
    check_columns("inputs", inputs, layer.inputs())?;
    if layer.rank() < layer.inputs() {
        let message =
            format!("a layer of rank {} does not determine its {} inputs", layer.rank(), layer.inputs());
        return Err(Error::input(message).hint("the reverse network needs a weight of full row rank"));
    }
    let logits = layer.logits(&layer.forward_rows(inputs)?, clip)?;
    let back = layer.minimum_norm_rows(&logits.values)?;
    let mut errors = Vec::with_capacity(inputs.rows());
    let mut same_label = 0;
    for (a, b) in back.iter_rows().zip(inputs.iter_rows()) {
        errors.push(a.iter().zip(b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs())));
        same_label += usize::from(largest(a) == largest(b));
    }
    Ok(Recovery { inputs: back, errors, same_label, saturated: logits.saturated_total() })
}

/// The place of the largest value (the first of equals).
pub fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best
}

/// The identity of the given size: the ten one-hot labels.
pub fn one_hots(classes: usize) -> Matrix {
    Matrix::identity(classes)
}

/// The variance of one class, and what a model's outputs for that class have of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassVariance {
    /// Images of the class.
    pub count: usize,
    /// Σ|x − x̄|²/count over the class: what there is to know beyond the class.
    pub within: f64,
    /// The same for the model's outputs: 0 for a model that sees the label only.
    pub within_model: f64,
    /// 1 − Σ|x − f|²/Σ|x − x̄|²: the share of `within` that the outputs explain; at most 0 where they do not
    /// vary, and 0 exactly where they are the class mean. 0 for a class without variance.
    pub explained: f64,
}

/// Compares images with a model's outputs for them, class by class.
pub fn class_variance(
    images: &Matrix,
    outputs: &Matrix,
    labels: &[u8],
    classes: usize,
) -> Result<Vec<ClassVariance>> {
    check_labels(labels, images.rows(), classes)?;
    check_columns("outputs", outputs, images.columns())?;
    if outputs.rows() != images.rows() {
        return Err(Error::input(format!("{} outputs for {} images", outputs.rows(), images.rows())));
    }
    (0..classes)
        .map(|class| {
            let members: Vec<usize> =
                (0..labels.len()).filter(|&i| usize::from(labels[i]) == class).collect();
            let (x, f) = (images.select_rows(&members), outputs.select_rows(&members));
            let within = scatter(&x);
            let missed: f64 = x.data().iter().zip(f.data()).map(|(a, b)| (a - b).powi(2)).sum();
            let count = members.len();
            let share = 1.0 / count.max(1) as f64;
            Ok(ClassVariance {
                count,
                within: within * share,
                within_model: scatter(&f) * share,
                explained: if within > 0.0 { 1.0 - missed / within } else { 0.0 },
            })
        })
        .collect()
}

/// Σ|x − x̄|²
fn scatter(rows: &Matrix) -> f64 {
    let Some(first) = rows.iter_rows().next() else { return 0.0 };
    // Deviations from the first row keep identical rows at exactly 0.
    let mut mean = vec![0.0; first.len()];
    for row in rows.iter_rows() {
        mean.iter_mut().zip(row.iter().zip(first)).for_each(|(m, (x, f))| *m += x - f);
    }
    let count = rows.rows() as f64;
    let deviation = |row: &[f64]| -> f64 {
        row.iter().zip(first).zip(&mean).map(|((x, f), m)| (x - f - m / count).powi(2)).sum()
    };
    rows.iter_rows().map(deviation).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Activation;
    use crate::closed_form::energy::mean;
    use crate::closed_form::testing::{random_layer, random_matrix, uniform_matrix};
    use netinverse_linalg::Precision;

    #[test]
    fn one_hots_and_random_labels_come_back_to_round_off() {
        let layer = random_layer(10, 784, Activation::Sigmoid, 1);
        let clip = Activation::Sigmoid.clip(Precision::F64);
        let hot = recover_inputs(&layer, &one_hots(10), clip).unwrap();
        assert!(hot.worst() < 1e-13 && hot.same_label == 10 && hot.saturated == 0);
        let real = recover_inputs(&layer, &random_matrix(500, 10, 2), clip).unwrap();
        assert!(real.worst() < 1e-12 && real.same_label == 500);
        let narrow = random_layer(20, 5, Activation::Sigmoid, 3);
        assert!(recover_inputs(&narrow, &Matrix::zeros(1, 20), clip).is_err());
    }

    #[test]
    fn a_model_of_the_label_explains_nothing_inside_a_class() {
        let images = uniform_matrix(60, 12, 4);
        let labels: Vec<u8> = (0..60).map(|i| (i % 3) as u8).collect();
        let layer = random_layer(3, 12, Activation::Sigmoid, 5);
        let hot = Matrix::from_fn(60, 3, |i, j| f64::from(u8::from(usize::from(labels[i]) == j)));
        for class in class_variance(&images, &layer.forward_rows(&hot).unwrap(), &labels, 3).unwrap() {
            assert_eq!((class.count, class.within_model), (20, 0.0));
            assert!(class.within > 0.5 && class.explained < 0.0);
        }
        // the class means themselves: exactly nothing; the images themselves: everything
        let means: Vec<Vec<f64>> = (0..3)
            .map(|c| mean(&images.select_rows(&(0..60).filter(|i| i % 3 == c).collect::<Vec<_>>())))
            .collect();
        let constant = Matrix::from_fn(60, 12, |i, j| means[i % 3][j]);
        for class in class_variance(&images, &constant, &labels, 3).unwrap() {
            assert!(class.explained.abs() < 1e-12);
        }
        for class in class_variance(&images, &images, &labels, 4).unwrap().into_iter().take(3) {
            assert!(class.explained == 1.0 && class.within == class.within_model);
        }
    }
}
