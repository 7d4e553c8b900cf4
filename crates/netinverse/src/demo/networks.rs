//! The three networks of the experiment: the thread's classifier, its reverse, and a judge.

use netinverse_base::{Budget, Error, Progress, Result};
use netinverse_data::digits::{DigitSet, Digits, PIXELS};
use netinverse_invert::closed_form::{self, Layer};
use netinverse_linalg::Matrix;
use netinverse_network::Network;
use netinverse_train::{Activation, FitOptions, Loss, Mlp, Samples, Targets, fit, measure};

/// The number of classes.
pub(super) const CLASSES: usize = 10;

/// A trained network of one layer, as a network and as the layer whose inverse has a formula.
pub(super) struct Trained {
    pub(super) network: Network,
    pub(super) layer: Layer,
}

/// The thread's network `f(x) = σ(xW + b)`, 784 → 10, with its accuracy on training and test digits.
pub(super) fn classifier(
    digits: &Digits,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<(Trained, f64, f64)> {
    progress.note("training 784 → 10, f(x) = σ(xW + b)");
    let mut mlp = Mlp::new(&[PIXELS, CLASSES], Activation::Identity, Activation::Sigmoid, budget.seed())?;
    // Few samples need more passes to reach the same weights.
    let epochs = (600_000 / digits.train.len().max(1)).clamp(8, 40);
    let options = FitOptions {
        loss: Loss::SigmoidCrossEntropy,
        rate: 3e-3,
        epochs,
        batch: 128,
        ..FitOptions::default()
    };
    let train = learn(&mut mlp, &digits.train, &options, budget, progress)?;
    let test = accuracy(&mlp, &digits.test, options.loss)?;
    Ok((trained(&mlp)?, train, test))
}

/// The other way round, 10 → 784: from a one-hot label to an image.
pub(super) fn reverse(digits: &Digits, budget: &Budget, progress: &dyn Progress) -> Result<Trained> {
    progress.note("training 10 → 784, from a label to an image");
    let mut mlp = Mlp::new(&[CLASSES, PIXELS], Activation::Identity, Activation::Sigmoid, budget.seed())?;
    let set = digits.train.first(20_000);
    let one_hot = one_hot(set.labels());
    let images = set.images();
    let options = FitOptions {
        loss: Loss::SigmoidCrossEntropy,
        rate: 0.05,
        epochs: (60_000 / set.len().max(1)).clamp(3, 10),
        batch: 256,
        ..FitOptions::default()
    };
    let samples = Samples { x: &one_hot, targets: Targets::Values(&images) };
    let report = fit(&mut mlp, &samples, &options, budget, progress)?;
    interrupted(report.stopped.is_some())?;
    trained(&mlp)
}

/// A classifier of its own kind, 784 → 64 → 10 with a rectifier, that judges images independently of `f`.
pub(super) fn judge(digits: &Digits, budget: &Budget, progress: &dyn Progress) -> Result<(Network, f64)> {
    progress.note("training a judge, 784 → 64 → 10");
    // Another seed: the judge shares nothing with the classifier but the digits.
    let budget = budget.clone().with_seed(budget.seed() ^ 0x6A09_E667);
    let mut mlp = Mlp::new(&[PIXELS, 64, CLASSES], Activation::Relu, Activation::Softmax, budget.seed())?;
    let options = FitOptions { rate: 2e-3, epochs: 4, batch: 128, ..FitOptions::default() };
    learn(&mut mlp, &digits.train, &options, &budget, progress)?;
    let accuracy = accuracy(&mlp, &digits.test, options.loss)?;
    Ok((mlp.network()?, accuracy))
}

/// Refuses digits that lack a class: there would be nothing to show of it.
pub(super) fn check(digits: &Digits) -> Result<()> {
    for (name, set) in [("training", &digits.train), ("test", &digits.test)] {
        for class in 0..CLASSES {
            let count = set.labels().iter().filter(|&&label| usize::from(label) == class).count();
            if count < 2 {
                return Err(Error::input(format!("the {name} digits show the {class} {count} times")).hint(
                    "the demo needs every digit at least twice among the training and the test digits",
                ));
            }
        }
    }
    Ok(())
}

/// One-hot rows of labels.
pub(super) fn one_hot(labels: &[u8]) -> Vec<f32> {
    let mut rows = vec![0.0; labels.len() * CLASSES];
    for (row, &label) in labels.iter().enumerate() {
        rows[row * CLASSES + usize::from(label)] = 1.0;
    }
    rows
}

fn learn(
    mlp: &mut Mlp,
    set: &DigitSet,
    options: &FitOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<f64> {
    let images = set.images();
    let samples = Samples { x: &images, targets: Targets::Classes(set.labels()) };
    let report = fit(mlp, &samples, options, budget, progress)?;
    interrupted(report.stopped.is_some())?;
    Ok(report.accuracy.unwrap_or(f64::NAN))
}

fn interrupted(stopped: bool) -> Result<()> {
    if stopped {
        return Err(Error::interrupted("stopped before the networks were trained; nothing is written"));
    }
    Ok(())
}

fn accuracy(mlp: &Mlp, set: &DigitSet, loss: Loss) -> Result<f64> {
    let images = set.images();
    let samples = Samples { x: &images, targets: Targets::Classes(set.labels()) };
    Ok(measure(mlp, &samples, loss)?.1.unwrap_or(f64::NAN))
}

fn trained(mlp: &Mlp) -> Result<Trained> {
    let (weight, bias) = mlp.layer(0);
    let (inputs, outputs) = (mlp.sizes()[0], mlp.sizes()[1]);
    let weight = Matrix::new(inputs, outputs, weight.iter().map(|&w| f64::from(w)).collect())?;
    let bias = bias.iter().map(|&b| f64::from(b)).collect();
    Ok(Trained {
        network: mlp.network()?,
        layer: Layer::new(weight, bias, closed_form::Activation::Sigmoid)?,
    })
}
