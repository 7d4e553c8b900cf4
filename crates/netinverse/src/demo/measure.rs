//! What the classifier keeps and loses, measured on the test digits.

use std::collections::HashSet;

use netinverse_base::{Budget, Error, Result};
use netinverse_data::digits::{DigitSet, Digits, PIXELS};
use netinverse_invert::closed_form::box_nearest::{BoxOptions, BoxStatus};
use netinverse_invert::closed_form::{self, InputBox, Layer, determinant, energy, pigeonhole, restricted};
use netinverse_linalg::{Interval, Matrix, Precision};
use netinverse_network::Evaluator;

use super::networks::{CLASSES, Trained};
use super::summary::{BoxNearest, Determinant, Pigeonholes, Spectrum, Twins};

/// Test digits that the costly measures use, and training digits that principal components come from.
const SAMPLE: usize = 20_000;

/// The numbers, and the images that show them.
pub(super) struct Measured {
    pub(super) naive_error: f64,
    pub(super) naive_error_mean: f64,
    pub(super) label_recovery: f64,
    pub(super) output_recovery_error: f64,
    pub(super) clip_margins: [f64; 2],
    /// Kept by W, by a random space, by principal components.
    pub(super) energy: (f64, f64, f64),
    pub(super) energy_per_class: Vec<f64>,
    pub(super) restricted: RestrictedErrors,
    pub(super) twins: Twins,
    pub(super) spectrum: Spectrum,
    pub(super) pigeonhole: Pigeonholes,
    pub(super) box_nearest: BoxNearest,
    /// The 5, its naive inverse, its kept and its lost part.
    pub(super) five: Vec<f64>,
    pub(super) naive: Vec<f64>,
    pub(super) kept: Vec<f64>,
    pub(super) lost: Vec<f64>,
    /// The image that the 5's twin was made to look like, and the twin.
    pub(super) wanted: Vec<f64>,
    pub(super) twin: Vec<f64>,
    /// The image nearest to the mean digit with the output of the 5.
    pub(super) nearest: Vec<f64>,
    /// A clear test digit of each class.
    pub(super) chosen: Vec<usize>,
    /// All test digits, one a row.
    pub(super) images: Matrix,
}

pub(super) struct RestrictedErrors {
    pub(super) logits: f64,
    pub(super) f64_output: f64,
    pub(super) f64_bound: f64,
    pub(super) f32_output: f64,
    pub(super) f32_bound: f64,
    pub(super) saturated: usize,
}

pub(super) fn measure(trained: &Trained, digits: &Digits, budget: &Budget) -> Result<Measured> {
    let layer = &trained.layer;
    let test = digits.test.first(SAMPLE);
    let images = matrix(&test)?;
    let outputs = outputs_f32(trained, &test);
    let chosen = choose(&test, &outputs)?;
    let five = images.row(chosen[5]).to_vec();

    // The thread's two lines, on float32 outputs as a framework gives them.
    let clip = layer.activation().clip(Precision::F32);
    let rows = Matrix::new(test.len(), CLASSES, outputs.iter().map(|&y| f64::from(y)).collect())?;
    let logits = layer.logits(&rows, clip)?;
    let inverse = layer.minimum_norm_rows(&logits.values)?;
    let again = layer.forward_rows(&inverse)?;
    let same = (0..test.len()).filter(|&i| largest(again.row(i)) == largest(rows.row(i))).count();
    let gap = again.data().iter().zip(rows.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let errors: Vec<f64> = (0..test.len()).map(|i| relative_error(inverse.row(i), images.row(i))).collect();
    let naive = inverse.row(chosen[5]).to_vec();

    let kept_by_w = energy::energy_kept(&images, layer.basis(), None)?;
    let pca = energy::Pca::new(&matrix(&digits.train.first(SAMPLE))?, false)?;
    let kept_by_pca = energy::energy_kept(&images, &pca.basis(CLASSES), None)?;
    let per_class = energy::per_class(&kept_by_w.rows, test.labels(), CLASSES)?;

    let round_trip = restricted::restricted_inverse(layer, &images)?;
    let restricted = RestrictedErrors {
        logits: round_trip.from_logits.worst(),
        f64_output: round_trip.from_f64_outputs.worst_unsaturated(),
        f64_bound: round_trip.from_f64_outputs.worst_bound(),
        f32_output: round_trip.from_f32_outputs.worst_unsaturated(),
        f32_bound: round_trip.from_f32_outputs.worst_bound(),
        saturated: round_trip.from_f32_outputs.saturated_total(),
    };

    let unit = InputBox::unit(PIXELS);
    let looks_like = 0;
    let wanted = images.row(chosen[looks_like]).to_vec();
    let twin = layer.twin(&five, &wanted, &unit)?;
    let (nearest, box_nearest) = nearest_in_box(layer, &unit, &five, &energy::mean(&images), budget)?;

    Ok(Measured {
        naive_error: relative_error(&naive, &five),
        naive_error_mean: errors.iter().sum::<f64>() / errors.len() as f64,
        label_recovery: same as f64 / test.len() as f64,
        output_recovery_error: gap,
        clip_margins: [clip.low_margin, clip.high_margin],
        energy: (kept_by_w.mean, energy::energy_kept_by_random(CLASSES, PIXELS), kept_by_pca.mean),
        energy_per_class: per_class.iter().map(|(mean, _)| *mean).collect(),
        restricted,
        twins: Twins {
            null_space_dimension: layer.inputs() - layer.rank(),
            label: 5,
            looks_like: looks_like as u8,
            distance: twin.distance,
            norm: norm(&five),
            output_gap: twin.output_gap,
        },
        spectrum: spectrum(layer),
        pigeonhole: pigeonholes(&test, &outputs),
        box_nearest,
        kept: layer.kept(&five)?,
        lost: layer.lost(&five)?,
        five,
        naive,
        wanted,
        twin: twin.twin,
        nearest,
        chosen,
        images,
    })
}

/// The pictures as rows of numbers in [0, 1].
pub(super) fn matrix(set: &DigitSet) -> Result<Matrix> {
    Matrix::new(set.len(), PIXELS, set.images().iter().map(|&v| f64::from(v)).collect())
}

/// The position of the largest value.
pub(super) fn largest(values: &[f64]) -> usize {
    closed_form::reverse::largest(values)
}

pub(super) fn relative_error(found: &[f64], truth: &[f64]) -> f64 {
    let gap: Vec<f64> = found.iter().zip(truth).map(|(a, b)| a - b).collect();
    norm(&gap) / norm(truth)
}

pub(super) fn norm(v: &[f64]) -> f64 {
    netinverse_linalg::norm(v)
}

fn outputs_f32(trained: &Trained, set: &DigitSet) -> Vec<f32> {
    let mut outputs = vec![0.0; set.len() * CLASSES];
    Evaluator::<f32>::new(&trained.network).forward(&set.images(), &mut outputs);
    outputs
}

/// For each class a clear test digit: of its first hundred, the one that the network is surest of and gets right, so that
/// a reader sees at once what was lost.
fn choose(set: &DigitSet, outputs: &[f32]) -> Result<Vec<usize>> {
    (0..CLASSES)
        .map(|class| {
            let sureness = |i: usize| {
                let row = &outputs[i * CLASSES..(i + 1) * CLASSES];
                let others = (0..CLASSES).filter(|&j| j != class).map(|j| row[j]).fold(0.0, f32::max);
                row[class] - others
            };
            (0..set.len())
                .filter(|&i| usize::from(set.labels()[i]) == class)
                .take(100)
                .max_by(|&a, &b| sureness(a).total_cmp(&sureness(b)))
                .ok_or_else(|| Error::input(format!("no test digit shows a {class}")))
        })
        .collect()
}

fn nearest_in_box(
    layer: &Layer,
    unit: &InputBox,
    five: &[f64],
    mean: &[f64],
    budget: &Budget,
) -> Result<(Vec<f64>, BoxNearest)> {
    let solver = closed_form::BoxNearest::new(layer, unit, BoxOptions::default())?;
    let (nearest, answer) = solver.solve(&layer.affine(five)?, mean)?;
    // An output that no image has: the logits of the 5, pushed apart until the box cannot follow.
    let mut demanded = layer.affine(five)?;
    let mut verified = false;
    for _ in 0..20 {
        if budget.stop().is_some() {
            break;
        }
        for z in &mut demanded {
            *z *= 2.0;
        }
        let (_, answer) = solver.solve(&demanded, mean)?;
        if let BoxStatus::Unreachable(certificate) = answer.status {
            let targets: Vec<Interval> = demanded.iter().map(|&z| Interval::point(z)).collect();
            verified = certificate.verify(layer, &targets, unit);
            break;
        }
    }
    let numbers = BoxNearest {
        residual: answer.residual,
        kkt_error: answer.kkt_error,
        free_pixels: answer.free,
        unreachable_certificate_verified: verified,
    };
    Ok((nearest, numbers))
}

fn spectrum(layer: &Layer) -> Spectrum {
    let illusions = determinant::determinant_illusion(layer, true);
    let determinants =
        illusions.iter().zip(["float32", "float64"]).map(|(illusion, precision)| Determinant {
            precision,
            sign: illusion.computed.sign,
            log10_magnitude: Some(illusion.computed.log10_magnitude).filter(|v| v.is_finite()),
            inverse_error: illusion.computed.inverse_error.filter(|v| v.is_finite()),
        });
    Spectrum {
        singular_values: layer.spectrum().to_vec(),
        rank: layer.rank(),
        size: illusions[0].size,
        determinants: determinants.collect(),
    }
}

fn pigeonholes(set: &DigitSet, outputs: &[f32]) -> Pigeonholes {
    let counts = pigeonhole::pigeonhole(PIXELS, CLASSES);
    let pictures: HashSet<&[u8]> = set.pixels().chunks(PIXELS).collect();
    let distinct: HashSet<Vec<u32>> =
        outputs.chunks(CLASSES).map(|row| row.iter().map(|y| y.to_bits()).collect()).collect();
    Pigeonholes {
        float_input_bits: counts.float_input_bits,
        float_output_bits: counts.float_output_bits,
        pixel_input_bits: counts.pixel_input_bits,
        unit_output_bits: counts.unit_output_bits,
        pictures_per_output_bits: counts.pixel_images_per_output_bits,
        distinct_pictures: pictures.len(),
        distinct_outputs: distinct.len(),
    }
}
