//! The thread's edit: the other way round it works. Why, and what the reverse network knows.

use std::collections::HashSet;

use netinverse_base::{Budget, Result, Rng};
use netinverse_data::digits::{Digits, PIXELS};
use netinverse_invert::closed_form::reverse::{class_variance, one_hots, recover_inputs};
use netinverse_linalg::{Matrix, Precision};
use netinverse_network::Evaluator;

use super::measure::{largest, matrix};
use super::networks::{CLASSES, Trained, one_hot};
use super::summary::Reverse;

/// The numbers, and the ten images beside the class means.
pub(super) struct Reversed {
    pub(super) label_recovery: f64,
    pub(super) numbers: Reverse,
    pub(super) images: Vec<Vec<f64>>,
    pub(super) means: Vec<Vec<f64>>,
}

pub(super) fn measure(trained: &Trained, digits: &Digits, budget: &Budget) -> Result<Reversed> {
    let layer = &trained.layer;
    let test = digits.test.first(10_000);

    // The thread's lines: labels to images in float32, then logit and pseudo-inverse.
    let labels = one_hot(test.labels());
    let mut pictures = vec![0.0f32; test.len() * PIXELS];
    Evaluator::<f32>::new(&trained.network).forward(&labels, &mut pictures);
    let outputs = Matrix::new(test.len(), PIXELS, pictures.iter().map(|&v| f64::from(v)).collect())?;
    let logits = layer.logits(&outputs, layer.activation().clip(Precision::F32))?;
    let back = layer.minimum_norm_rows(&logits.values)?;
    let same = (0..test.len()).filter(|&i| largest(back.row(i)) == usize::from(test.labels()[i])).count();

    // And not only for labels: any real y comes back to round-off.
    let mut rng = Rng::new(budget.seed(), 0x4E7);
    let random = Matrix::from_fn(1000, CLASSES, |_, _| rng.uniform());
    let recovered = recover_inputs(layer, &random, layer.activation().clip(Precision::F64))?;

    let distinct: HashSet<Vec<u32>> =
        pictures.chunks(PIXELS).map(|row| row.iter().map(|v| v.to_bits()).collect()).collect();
    let images = layer.forward_rows(&one_hots(CLASSES))?;
    let truth = matrix(&test)?;
    let variance = class_variance(&truth, &outputs, test.labels(), CLASSES)?;
    let within: f64 = variance.iter().map(|class| class.within * class.count as f64).sum();
    let explained: f64 =
        variance.iter().map(|class| class.explained * class.within * class.count as f64).sum();
    let means = class_means(&truth, test.labels());
    let distance = |class: usize| {
        let gaps = images.row(class).iter().zip(&means[class]).map(|(a, b)| (a - b) * (a - b));
        gaps.sum::<f64>() / PIXELS as f64
    };
    Ok(Reversed {
        label_recovery: same as f64 / test.len() as f64,
        numbers: Reverse {
            random_recovery_error: recovered.worst(),
            distinct_images: distinct.len(),
            within_class_explained: if within > 0.0 { explained / within } else { 0.0 },
            distance_to_class_means: (0..CLASSES).map(distance).fold(0.0, f64::max),
        },
        images: images.iter_rows().map(<[f64]>::to_vec).collect(),
        means,
    })
}

fn class_means(images: &Matrix, labels: &[u8]) -> Vec<Vec<f64>> {
    let mut means = vec![vec![0.0; PIXELS]; CLASSES];
    let mut counts = [0.0; CLASSES];
    for (row, &label) in images.iter_rows().zip(labels) {
        counts[usize::from(label)] += 1.0;
        for (mean, x) in means[usize::from(label)].iter_mut().zip(row) {
            *mean += x;
        }
    }
    for (mean, count) in means.iter_mut().zip(counts) {
        for v in mean {
            *v /= f64::max(count, 1.0);
        }
    }
    means
}
