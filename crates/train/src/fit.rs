use std::sync::atomic::{AtomicUsize, Ordering};

use netinverse_base::{Budget, Error, Place, Progress, Result, Rng, StopReason};
use netinverse_network::{Evaluator, Gradients, ParamId};

use crate::optimizer::Moments;
use crate::{Loss, Mlp, Optimizer, Schedule, Targets};

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
    let (inputs, outputs) = (mlp.sizes()[0], *mlp.sizes().last().expect("checked: two sizes"));
    let count = check(samples, inputs, outputs)?;
    if options.batch == 0 || options.epochs == 0 {
        return Err(Error::input("training needs at least one epoch and one sample a batch"));
    }
    if !(options.rate > 0.0 && options.rate.is_finite()) {
        return Err(Error::input(format!("a step size of {} cannot train", options.rate)));
    }
    let mut evaluator = Evaluator::<f32>::new(&mlp.logits_network()?);
    let network = evaluator.network().clone();
    let ids: Vec<ParamId> = network.param_ids().collect();
    let mut gradients = Gradients::new(&network);
    let mut moments: Vec<_> =
        ids.iter().map(|&id| Moments::new(options.optimizer, network.param(id).elements())).collect();

    let mut order: Vec<usize> = (0..count).collect();
    let mut rng = Rng::new(budget.seed(), 0x7EA1);
    let batches = count.div_ceil(options.batch);
    let steps = options.epochs * batches;
    let mut step = 0;
    let mut x = Vec::with_capacity(options.batch * inputs);
    let mut report = FitReport { loss: f64::NAN, accuracy: None, epochs: 0, stopped: None };

    progress.stage("training", Some(steps as u64));
    'epochs: for epoch in 0..options.epochs {
        rng.shuffle(&mut order);
        let (mut loss_sum, mut seen) = (0.0, 0);
        let hits = AtomicUsize::new(0);
        for (batch, rows) in order.chunks(options.batch).enumerate() {
            if let Some(reason) = budget.stop() {
                report.stopped = Some(reason);
                break 'epochs;
            }
            x.clear();
            for &row in rows {
                x.extend_from_slice(&samples.x[row * inputs..(row + 1) * inputs]);
            }
            let loss = |first: usize, z: &[f32], dz: &mut [f32]| {
                let mut sum = 0.0;
                let mut own_hits = 0;
                for (row, (z, dz)) in z.chunks(outputs).zip(dz.chunks_mut(outputs)).enumerate() {
                    let sample = rows[first + row];
                    sum += options.loss.value_and_gradient(&samples.targets, sample, z, dz);
                    own_hits += usize::from(samples.targets.hit(sample, z) == Some(true));
                }
                hits.fetch_add(own_hits, Ordering::Relaxed);
                sum
            };
            let loss = evaluator.gradient(&x, &loss, &mut gradients);
            if !loss.is_finite() {
                return Err(Error::input(format!(
                    "the loss is {loss} at epoch {}, batch {batch}",
                    epoch + 1
                ))
                .hint("a smaller step size (`--rate`) usually helps; check the data for huge values"));
            }
            loss_sum += loss;
            seen += rows.len();
            step += 1;
            let rate = options.rate * options.schedule.factor(step - 1, steps);
            let scale = 1.0 / rows.len() as f32;
            for (&id, moments) in ids.iter().zip(&mut moments) {
                moments.step(options.optimizer, rate, step, gradients.of(id), scale, evaluator.param_mut(id));
            }
            if batch % 16 == 0 {
                let accuracy = accuracy_words(samples, &hits, seen);
                let state = format!("epoch {}, loss {:.4}{accuracy}", epoch + 1, loss_sum / seen as f64);
                progress.update(step as u64, &state);
            }
        }
        report.loss = loss_sum / seen as f64;
        report.accuracy = matches!(samples.targets, Targets::Classes(_))
            .then(|| hits.load(Ordering::Relaxed) as f64 / seen as f64);
        report.epochs = epoch + 1;
        take_weights(mlp, &mut evaluator, &ids);
    }
    progress.update(step as u64, &format!("loss {:.4}", report.loss));
    take_weights(mlp, &mut evaluator, &ids);
    Ok(report)
}

/// The mean loss and, where targets are classes, the accuracy on samples.
pub fn measure(mlp: &Mlp, samples: &Samples<'_>, loss: Loss) -> Result<(f64, Option<f64>)> {
    let (inputs, outputs) = (mlp.sizes()[0], *mlp.sizes().last().expect("checked: two sizes"));
    let count = check(samples, inputs, outputs)?;
    let evaluator = Evaluator::<f32>::new(&mlp.logits_network()?);
    let mut z = vec![0.0; count * outputs];
    evaluator.forward(samples.x, &mut z);
    let mut scratch = vec![0.0; outputs];
    let (mut sum, mut hits) = (0.0, 0);
    for (row, z) in z.chunks(outputs).enumerate() {
        sum += loss.value_and_gradient(&samples.targets, row, z, &mut scratch);
        hits += usize::from(samples.targets.hit(row, z) == Some(true));
    }
    let accuracy = matches!(samples.targets, Targets::Classes(_)).then(|| hits as f64 / count as f64);
    Ok((sum / count as f64, accuracy))
}

fn check(samples: &Samples<'_>, inputs: usize, outputs: usize) -> Result<usize> {
    if samples.x.is_empty() {
        return Err(Error::input("there are no samples to train on"));
    }
    if !samples.x.len().is_multiple_of(inputs) {
        return Err(Error::input(format!(
            "{} values are not rows of {inputs}, the size of the first layer",
            samples.x.len()
        )));
    }
    if let Some(index) = samples.x.iter().position(|value| !value.is_finite()) {
        return Err(Error::input(format!("value {} is not a finite number", index % inputs))
            .at(Place::Row(index / inputs)));
    }
    let count = samples.x.len() / inputs;
    samples.targets.check(count, outputs)?;
    Ok(count)
}

fn accuracy_words(samples: &Samples<'_>, hits: &AtomicUsize, seen: usize) -> String {
    match samples.targets {
        Targets::Classes(_) => format!(", accuracy {:.4}", hits.load(Ordering::Relaxed) as f64 / seen as f64),
        Targets::Values(_) => String::new(),
    }
}

fn take_weights(mlp: &mut Mlp, evaluator: &mut Evaluator<f32>, ids: &[ParamId]) {
    mlp.set_weights(|index| evaluator.param_mut(ids[index]).to_vec());
}
