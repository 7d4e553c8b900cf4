//! Training of a feed-forward network by one loss.

use netinverse_base::{Budget, Progress, Result, StopReason};

use crate::objective::{Part, Term};
use crate::trainer::{Keeping, Lesson, Recipe, measure_lesson, train};
use crate::{Loss, Mlp, Objective, Optimizer, Schedule, Targets};

/// Samples and what the network should give for them.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// Rows of n values, row-major.
    pub x: &'a [f32],
    /// One target a row.
    pub targets: Targets<'a>,
}

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct FitOptions {
    /// What is minimised.
    pub loss: Loss,
    /// How steps follow from gradients.
    pub optimizer: Optimizer,
    /// The step size.
    pub rate: f32,
    /// How the step size changes.
    pub schedule: Schedule,
    /// Passes over the samples.
    pub epochs: usize,
    /// Samples a step.
    pub batch: usize,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions {
            loss: Loss::SoftmaxCrossEntropy,
            optimizer: Optimizer::Adam,
            rate: 1e-3,
            schedule: Schedule::Cosine,
            epochs: 10,
            batch: 128,
        }
    }
}

/// What training came to.
#[derive(Debug, Clone, PartialEq)]
pub struct FitReport {
    /// The mean loss over the last epoch.
    pub loss: f64,
    /// The accuracy over the last epoch, measured before each step, where targets are classes.
    pub accuracy: Option<f64>,
    /// Epochs done.
    pub epochs: usize,
    /// Why it stopped early, if it did; the weights are those reached.
    pub stopped: Option<StopReason>,
}

/// Trains `mlp` in place on mini-batches.
///
/// Each epoch visits every sample once, in an order drawn from the budget's seed. A loss that is not finite
/// is an error that names the epoch and batch; `mlp` then keeps the weights of the last whole epoch.
pub fn fit(
    mlp: &mut Mlp,
    samples: &Samples<'_>,
    options: &FitOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<FitReport> {
    let outputs = *mlp.sizes().last().expect("checked: two sizes");
    let (mut weights, network) = mlp.for_training()?;
    let objective = objective(samples, options.loss, outputs);
    let recipe = Recipe {
        optimizer: options.optimizer,
        rate: options.rate,
        schedule: options.schedule,
        epochs: options.epochs,
        batch: options.batch,
    };
    let lesson = Lesson { x: samples.x, objective: &objective };
    let trained =
        train(&mut weights, &network, &lesson, None, &recipe, &Keeping::default(), budget, progress);
    // After an error too: the weights are then those of the last whole epoch.
    mlp.set_weights(weights.iter().map(|weight| weights.free_numbers(weight).to_vec()).collect());
    let report = trained?;
    Ok(FitReport {
        loss: report.objective,
        accuracy: report.accuracy,
        epochs: report.epochs,
        stopped: report.stopped,
    })
}

/// The loss of all outputs.
fn objective<'a>(samples: &Samples<'a>, loss: Loss, outputs: usize) -> Objective<'a> {
    let term = Term::Loss(loss, samples.targets);
    Objective::new(vec![Part { name: "loss", outputs: 0..outputs, weight: 1.0, term }])
}

/// The mean loss and, where targets are classes, the accuracy on samples.
pub fn measure(mlp: &Mlp, samples: &Samples<'_>, loss: Loss) -> Result<(f64, Option<f64>)> {
    let outputs = *mlp.sizes().last().expect("checked: two sizes");
    let objective = objective(samples, loss, outputs);
    let lesson = Lesson { x: samples.x, objective: &objective };
    let (loss, _, accuracy) = measure_lesson(&mlp.logits_network()?, &lesson)?;
    Ok((loss, accuracy))
}
