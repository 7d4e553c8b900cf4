//! The images nearest to the training mean with the outputs of test images, in the box [0, 1]^784: METHODS.md §1.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use netinverse_base::{Budget, Error, Result, Silent};
use netinverse_data::digits::PIXELS;
use netinverse_data::generated::generate_sized;
use netinverse_data::mnist::load_mnist;
use netinverse_data::{DigitSet, Digits};
use netinverse_invert::closed_form::box_nearest::{BoxBatch, BoxOptions};
use netinverse_invert::closed_form::{Activation, BoxNearest, InputBox, Layer};
use netinverse_linalg::Matrix;
use netinverse_train::{FitOptions, Loss, Mlp, Samples, Targets, fit};

use crate::verdict::Verdict;

/// The largest relative residual and KKT error.
const LIMIT: f64 = 1e-10;
/// Seconds for ten thousand images, on one core.
const SECONDS: f64 = 1.0;
/// The images that the seconds are for.
const IMAGES: usize = 10_000;
const CLASSES: usize = 10;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Passes over the training digits.
    #[arg(long, default_value_t = 6, value_name = "N")]
    epochs: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { epochs: 6, seed: 1 }
    }
}

pub(crate) fn run(options: &Options, data: Option<&Path>) -> Result<Verdict> {
    let digits = digits(options, data)?;
    let layer = trained(&digits.train, options)?;
    let test = matrix(&digits.test)?;
    let logits = layer.affine_rows(&test)?;
    let hits =
        logits.iter_rows().zip(digits.test.labels()).filter(|(z, label)| winner(z) == usize::from(**label));
    let accuracy = hits.count() as f64 / test.rows() as f64;
    println!("784 to 10, sigmoid, {} epochs: test accuracy {accuracy:.4}", options.epochs);

    let mean = mean(&digits.train)?;
    let unit = InputBox::unit(PIXELS);
    let budget = Budget::default().with_threads(NonZeroUsize::MIN);
    let start = Instant::now();
    let batch =
        BoxNearest::new(&layer, &unit, BoxOptions::default())?.solve_rows(&logits, &mean, None, &budget)?;
    let seconds = start.elapsed().as_secs_f64();

    let replay = replay(&layer, &logits, mean.row(0), &batch);
    println!(
        "{} of {} solved in {seconds:.3} s on one core (limit {SECONDS} s)",
        batch.solved(),
        test.rows()
    );
    println!(
        "largest relative residual {:.1e}, KKT error {:.1e} (limit {LIMIT:.0e}), outside the box {:.1e}",
        replay.residual, replay.kkt, replay.outside
    );
    let exact = replay.residual <= LIMIT && replay.kkt <= LIMIT && replay.outside == 0.0;
    Ok(Verdict::of(test.rows() == IMAGES && batch.solved() == IMAGES && exact && seconds < SECONDS))
}

/// MNIST where it is at hand, else as many digits of our own.
fn digits(options: &Options, data: Option<&Path>) -> Result<Digits> {
    let digits = if let Some(folder) = data {
        load_mnist(&folder.join("mnist"))?
    } else {
        println!("no MNIST: NETINVERSE_DATA is not set; digits of our own are used");
        generate_sized(options.seed, 2 * IMAGES, IMAGES)
    };
    println!("digits: {}, {} to learn from", digits.source.name(), digits.train.len());
    Ok(Digits { test: digits.test.first(IMAGES), ..digits })
}

fn trained(digits: &DigitSet, options: &Options) -> Result<Layer> {
    let (linear, sigmoid) = (netinverse_train::Activation::Identity, netinverse_train::Activation::Sigmoid);
    let mut mlp = Mlp::new(&[PIXELS, CLASSES], linear, sigmoid, options.seed)?;
    let x = digits.images();
    let samples = Samples { x: &x, targets: Targets::Classes(digits.labels()) };
    let fit_options =
        FitOptions { loss: Loss::SigmoidCrossEntropy, epochs: options.epochs, ..FitOptions::default() };
    fit(&mut mlp, &samples, &fit_options, &Budget::default().with_seed(options.seed), &Silent)?;
    let (weight, bias) = mlp.layer(0);
    let widen = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
    Layer::new(Matrix::new(PIXELS, CLASSES, widen(weight))?, widen(bias), Activation::Sigmoid)
}

fn matrix(digits: &DigitSet) -> Result<Matrix> {
    Matrix::new(digits.len(), PIXELS, (0..digits.len()).flat_map(|index| digits.image(index)).collect())
}

/// The mean image, a matrix of one row.
fn mean(digits: &DigitSet) -> Result<Matrix> {
    if digits.is_empty() {
        return Err(Error::input("there are no digits to learn from"));
    }
    let mut mean = vec![0.0; PIXELS];
    for picture in digits.pixels().chunks(PIXELS) {
        for (mean, &pixel) in mean.iter_mut().zip(picture) {
            *mean += f64::from(pixel);
        }
    }
    let factor = 1.0 / (255.0 * digits.len() as f64);
    Matrix::new(1, PIXELS, mean.iter().map(|sum| sum * factor).collect())
}

fn winner(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0)
}

/// The largest violations of what makes an image the nearest one.
struct Replay {
    residual: f64,
    kkt: f64,
    outside: f64,
}

/// Computes them from the images and multipliers alone: `|xW + b − z|` relative to `max(1, |z − b|)`, and
/// `|x − clip(r + Wλ, 0, 1)|`, which vanishes exactly at the nearest image.
fn replay(layer: &Layer, logits: &Matrix, reference: &[f64], batch: &BoxBatch) -> Replay {
    let (weight, bias) = (layer.weight(), layer.bias());
    let mut worst = Replay { residual: 0.0, kkt: 0.0, outside: 0.0 };
    for (row, answer) in batch.answers.iter().enumerate() {
        let (x, z) = (batch.inputs.row(row), logits.row(row));
        let mut sums = bias.to_vec();
        for (pixel, &value) in x.iter().enumerate() {
            let own = weight.row(pixel);
            let step: f64 =
                own.iter().zip(&answer.multipliers).map(|(weight, multiplier)| weight * multiplier).sum();
            let stationary = (reference[pixel] + step).clamp(0.0, 1.0);
            worst.kkt = worst.kkt.max((value - stationary).abs());
            worst.outside = worst.outside.max((-value).max(value - 1.0));
            for (sum, weight) in sums.iter_mut().zip(own) {
                *sum += value * weight;
            }
        }
        let scale = z.iter().zip(bias).fold(1.0, |scale: f64, (z, b)| scale.max((z - b).abs()));
        let residual = sums.iter().zip(z).fold(0.0, |most: f64, (sum, z)| most.max((sum - z).abs()));
        worst.residual = worst.residual.max(residual / scale);
    }
    worst
}
