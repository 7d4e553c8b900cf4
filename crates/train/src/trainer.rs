//! The loop over mini-batches, shared by all that is trained.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use netinverse_base::{Budget, Error, Place, Progress, Result, Rng, StopReason};
use netinverse_network::{Evaluator, Gradients, Network, ParamId};

use crate::assembly::trained_constants;
use crate::checkpoint::{self, Best, Fingerprint, State};
use crate::objective::Term;
use crate::optimizer::Moments;
use crate::{Objective, Optimizer, Schedule, Targets, Weight, Weights};

/// How steps are taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
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

impl Default for Recipe {
    fn default() -> Self {
        Recipe { optimizer: Optimizer::Adam, rate: 1e-3, schedule: Schedule::Cosine, epochs: 10, batch: 128 }
    }
}

/// What is kept on the way, and when to stop early.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// The file of the run's state, written after each epoch. Where it is there already, the run goes on from
    /// it, to the same weights bit for bit.
    pub checkpoint: Option<PathBuf>,
    /// Stop after this many epochs in which the objective on the samples held out has not become better. Needs
    /// some.
    pub patience: Option<usize>,
}

/// Samples and what the network should make of them.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// Rows of as many numbers as the network takes, row-major.
    pub x: &'a [f32],
    /// What is minimised; its targets have one row a sample.
    pub objective: &'a Objective<'a>,
}

/// What training came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainReport {
    /// The mean objective over the last epoch, measured before each step.
    pub objective: f64,
    /// The mean of each term, likewise.
    pub terms: Vec<f64>,
    /// The accuracy, likewise, where a term has classes.
    pub accuracy: Option<f64>,
    /// Epochs done, those of earlier parts of the run too.
    pub epochs: usize,
    /// Epochs done by earlier parts of the run.
    pub resumed: usize,
    /// The epoch whose weights were best on samples held out, from 1, and their mean objective. These are the
    /// weights at the end.
    pub best: Option<(usize, f64)>,
    /// Why it stopped early, if it did; the weights are those reached.
    pub stopped: Option<StopReason>,
}

/// Trains the weights in place on mini-batches. `network` was assembled from them
/// [for training](crate::Assembly::for_training).
///
/// Each epoch visits every sample once, in an order drawn from the budget's seed. The result is the same for
/// any number of threads. Where samples are held out, the weights at the end are those that did best on them.
///
/// # Errors
/// Samples or options that cannot train; a loss that is not finite, with its epoch and batch: the weights are then
/// those of the last whole epoch, as is the checkpoint.
pub fn train(
    weights: &mut Weights,
    network: &Network,
    lesson: &Lesson<'_>,
    held_out: Option<&Lesson<'_>>,
    recipe: &Recipe,
    keeping: &Keeping,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<TrainReport> {
    let count = check(lesson, network, recipe)?;
    if let Some(held_out) = held_out {
        check(held_out, network, recipe)?;
    } else if keeping.patience.is_some() {
        return Err(Error::input("stopping early needs samples that are held out"));
    }
    let inputs = network.input_size();
    let mut run = Run::new(weights, network, recipe);
    let fingerprint = fingerprint(weights, network, lesson, held_out, recipe, budget.seed());
    let moments = run.initial_moments(weights);
    let mut state = State { epoch: 0, step: 0, moments, best: None };
    if let Some(path) = &keeping.checkpoint
        && let Some(found) = checkpoint::read(path, fingerprint, weights, &state.moments)?
    {
        progress.note(&format!("going on after epoch {} of {}", found.epoch, path.display()));
        state = found;
    }
    run.load(weights);

    let mut order: Vec<usize> = (0..count).collect();
    let mut rng = Rng::new(budget.seed(), 0x7EA1);
    for _ in 0..state.epoch {
        rng.shuffle(&mut order);
    }
    let steps = recipe.epochs * count.div_ceil(recipe.batch);
    let mut report = TrainReport {
        objective: f64::NAN,
        terms: vec![f64::NAN; lesson.objective.parts().len()],
        accuracy: None,
        epochs: state.epoch,
        resumed: state.epoch,
        best: None,
        stopped: None,
    };
    let mut x = Vec::with_capacity(recipe.batch * inputs);
    progress.stage("training", Some(steps as u64));
    'epochs: while state.epoch < recipe.epochs && !out_of_patience(&state, keeping) {
        let before = weights.clone();
        rng.shuffle(&mut order);
        let mut seen = Seen::new(lesson.objective);
        for (batch, rows) in order.chunks(recipe.batch).enumerate() {
            if let Some(reason) = budget.stop() {
                report.stopped = Some(reason);
                break 'epochs;
            }
            x.clear();
            for &row in rows {
                x.extend_from_slice(&lesson.x[row * inputs..(row + 1) * inputs]);
            }
            let loss = run.gradient(&x, rows, lesson.objective, &mut seen);
            if !loss.is_finite() {
                *weights = before;
                return Err(diverged(&format!("the loss is {loss}"), state.epoch, batch, keeping));
            }
            state.step += 1;
            run.step(weights, &mut state, recipe, steps, rows.len());
            if batch % 16 == 0 {
                progress.update(state.step as u64, &seen.words(state.epoch, &state));
            }
        }
        if !weights.are_finite() {
            *weights = before;
            let last = count.div_ceil(recipe.batch) - 1;
            return Err(diverged("a weight is not finite", state.epoch, last, keeping));
        }
        state.epoch += 1;
        report.epochs = state.epoch;
        seen.write(&mut report);
        if let Some(held_out) = held_out {
            let (value, _, _) = run.measure(held_out);
            if state.best.as_ref().is_none_or(|best| value < best.value) {
                let free = weights.iter().map(|weight| weights.free_numbers(weight).to_vec()).collect();
                state.best = Some(Best { value, epoch: state.epoch, free });
            }
        }
        if let Some(path) = &keeping.checkpoint {
            checkpoint::write(path, fingerprint, weights, &state)?;
        }
    }
    progress.update(state.step as u64, &format!("loss {:.4}", report.objective));
    if report.stopped.is_none()
        && let Some(best) = &state.best
    {
        report.best = Some((best.epoch, best.value));
        for (weight, free) in weights.iter().collect::<Vec<_>>().into_iter().zip(&best.free) {
            weights.free_numbers_mut(weight).copy_from_slice(free);
        }
    }
    Ok(report)
}

/// The mean objective, the mean of each term, and the accuracy where a term has classes.
///
/// # Errors
/// Samples that do not fit.
pub fn measure_lesson(network: &Network, lesson: &Lesson<'_>) -> Result<(f64, Vec<f64>, Option<f64>)> {
    check(lesson, network, &Recipe::default())?;
    Ok(measure_with(&Evaluator::new(network), lesson))
}

fn diverged(what: &str, epoch: usize, batch: usize, keeping: &Keeping) -> Error {
    let error = Error::input(format!("{what} at epoch {}, batch {batch}", epoch + 1))
        .hint("a smaller step size (`--rate`) usually helps; check the data for huge values");
    match &keeping.checkpoint {
        Some(path) if path.exists() => {
            error.hint(format!("the weights after epoch {epoch} are in {}", path.display()))
        }
        _ => error,
    }
}

fn out_of_patience(state: &State, keeping: &Keeping) -> bool {
    let waited = state.best.as_ref().map_or(0, |best| state.epoch - best.epoch);
    keeping.patience.is_some_and(|patience| waited >= patience.max(1))
}

/// Checks samples and options; gives the number of samples.
fn check(lesson: &Lesson<'_>, network: &Network, recipe: &Recipe) -> Result<usize> {
    let inputs = network.input_size();
    if lesson.x.is_empty() {
        return Err(Error::input("there are no samples to train on"));
    }
    if !lesson.x.len().is_multiple_of(inputs) {
        return Err(Error::input(format!(
            "{} values are not rows of {inputs}, the size of the first layer",
            lesson.x.len()
        )));
    }
    if let Some(index) = lesson.x.iter().position(|value| !value.is_finite()) {
        return Err(Error::input(format!("value {} is not a finite number", index % inputs))
            .at(Place::Row(index / inputs)));
    }
    let count = lesson.x.len() / inputs;
    lesson.objective.check(count, network.output_size())?;
    if recipe.batch == 0 || recipe.epochs == 0 {
        return Err(Error::input("training needs at least one epoch and one sample a batch"));
    }
    if !(recipe.rate > 0.0 && recipe.rate.is_finite()) {
        return Err(Error::input(format!("a step size of {} cannot train", recipe.rate)));
    }
    Ok(count)
}

/// A network that is trained, with the buffers of a step.
struct Run {
    evaluator: Evaluator<f32>,
    gradients: Gradients<f32>,
    /// The constants that training changes.
    constants: Vec<(ParamId, Weight)>,
    optimizer: Optimizer,
    /// The gradient of the free numbers of a weight.
    free: Vec<f32>,
}

impl Run {
    fn new(weights: &Weights, network: &Network, recipe: &Recipe) -> Self {
        let constants: Vec<(ParamId, Weight)> = trained_constants(network, weights)
            .into_iter()
            .filter(|&(_, weight)| weights.is_trained(weight))
            .collect();
        Run {
            evaluator: Evaluator::new(network),
            gradients: Gradients::new(network),
            constants,
            optimizer: recipe.optimizer,
            free: Vec::new(),
        }
    }

    /// One for each weight; empty for those that stay, and for those that the network does not read.
    fn initial_moments(&self, weights: &Weights) -> Vec<Moments> {
        let read = |weight: Weight| self.constants.iter().any(|&(_, own)| own == weight);
        weights
            .iter()
            .map(|weight| {
                let elements = if read(weight) { weights.free_numbers(weight).len() } else { 0 };
                Moments::new(self.optimizer, elements)
            })
            .collect()
    }

    /// Takes the constants over into the evaluator.
    fn load(&mut self, weights: &Weights) {
        for &(id, weight) in &self.constants {
            weights.write_constant(weight, self.evaluator.param_mut(id));
        }
    }

    /// The sum of the objective over some samples; the gradients are kept.
    fn gradient(&mut self, x: &[f32], rows: &[usize], objective: &Objective<'_>, seen: &mut Seen) -> f64 {
        let outputs = self.evaluator.output_size();
        // Rows are added in their order whatever thread had them: what is printed is the same too.
        let slots: Vec<Mutex<Vec<f64>>> = rows.iter().map(|_| Mutex::default()).collect();
        let hits = AtomicUsize::new(0);
        let loss = |first: usize, y: &[f32], dy: &mut [f32]| {
            let (mut sum, mut own_hits) = (0.0, 0);
            let mut terms = vec![0.0; objective.parts().len()];
            for (row, (y, dy)) in y.chunks(outputs).zip(dy.chunks_mut(outputs)).enumerate() {
                let (value, hit) = objective.value_and_gradient(rows[first + row], y, dy, &mut terms);
                sum += value;
                own_hits += usize::from(hit);
            }
            hits.fetch_add(own_hits, Ordering::Relaxed);
            if let Ok(mut slot) = slots[first].lock() {
                *slot = terms;
            }
            sum
        };
        let loss = self.evaluator.gradient(x, &loss, &mut self.gradients);
        for terms in slots.into_iter().filter_map(|slot| slot.into_inner().ok()) {
            seen.terms.iter_mut().zip(&terms).for_each(|(sum, term)| *sum += term);
        }
        seen.sum += loss;
        seen.hits += hits.into_inner();
        seen.samples += rows.len();
        loss
    }

    /// Moves the weights against the gradients.
    fn step(
        &mut self,
        weights: &mut Weights,
        state: &mut State,
        recipe: &Recipe,
        steps: usize,
        samples: usize,
    ) {
        let rate = recipe.rate * recipe.schedule.factor(state.step - 1, steps);
        let scale = 1.0 / samples as f32;
        let all: Vec<Weight> = weights.iter().collect();
        for &(id, weight) in &self.constants {
            let gradient = if weights.is_direct(weight) {
                self.gradients.of(id)
            } else {
                self.free.resize(weights.free_numbers(weight).len(), 0.0);
                weights.pull_back(weight, self.gradients.of(id), &mut self.free);
                &self.free
            };
            let index = all.iter().position(|&other| other == weight).expect("a weight of the store");
            let moments = &mut state.moments[index];
            let numbers = weights.free_numbers_mut(weight);
            moments.step(self.optimizer, rate, state.step, gradient, scale, numbers);
            weights.write_constant(weight, self.evaluator.param_mut(id));
        }
    }

    fn measure(&self, lesson: &Lesson<'_>) -> (f64, Vec<f64>, Option<f64>) {
        measure_with(&self.evaluator, lesson)
    }
}

/// Rows that are measured at a time.
const CHUNK: usize = 1024;

fn measure_with(evaluator: &Evaluator<f32>, lesson: &Lesson<'_>) -> (f64, Vec<f64>, Option<f64>) {
    let (inputs, outputs) = (evaluator.input_size(), evaluator.output_size());
    let mut seen = Seen::new(lesson.objective);
    let (mut y, mut dy) = (Vec::new(), vec![0.0; outputs]);
    for x in lesson.x.chunks(CHUNK * inputs) {
        y.resize(x.len() / inputs * outputs, 0.0);
        evaluator.forward(x, &mut y);
        for y in y.chunks(outputs) {
            let (value, hit) = lesson.objective.value_and_gradient(seen.samples, y, &mut dy, &mut seen.terms);
            seen.sum += value;
            seen.hits += usize::from(hit);
            seen.samples += 1;
        }
    }
    let means = seen.terms.iter().map(|term| term / seen.samples as f64).collect();
    (seen.sum / seen.samples as f64, means, seen.accuracy())
}

/// Sums over the samples of an epoch.
struct Seen {
    sum: f64,
    terms: Vec<f64>,
    names: Vec<&'static str>,
    hits: usize,
    samples: usize,
    counts: bool,
}

impl Seen {
    fn new(objective: &Objective<'_>) -> Self {
        Seen {
            sum: 0.0,
            terms: vec![0.0; objective.parts().len()],
            names: objective.parts().iter().map(|part| part.name).collect(),
            hits: 0,
            samples: 0,
            counts: objective.counts(),
        }
    }

    fn accuracy(&self) -> Option<f64> {
        self.counts.then(|| self.hits as f64 / self.samples as f64)
    }

    fn write(&self, report: &mut TrainReport) {
        report.objective = self.sum / self.samples as f64;
        report.terms = self.terms.iter().map(|term| term / self.samples as f64).collect();
        report.accuracy = self.accuracy();
    }

    fn words(&self, epoch: usize, state: &State) -> String {
        let mean = |sum: f64| sum / self.samples as f64;
        let mut words = vec![format!("epoch {}, loss {:.4}", epoch + 1, mean(self.sum))];
        if self.terms.len() > 1 {
            let terms = self.names.iter().zip(&self.terms);
            words.extend(terms.map(|(name, &term)| format!("{name} {:.4}", mean(term))));
        }
        words.extend(self.accuracy().map(|accuracy| format!("accuracy {accuracy:.4}")));
        words.extend(state.best.as_ref().map(|best| format!("best held out {:.4}", best.value)));
        words.join(", ")
    }
}

/// What makes two runs the same.
fn fingerprint(
    weights: &Weights,
    network: &Network,
    lesson: &Lesson<'_>,
    held_out: Option<&Lesson<'_>>,
    recipe: &Recipe,
    seed: u64,
) -> Fingerprint {
    let mut fingerprint = Fingerprint::new();
    fingerprint.add(seed);
    fingerprint.add_text(&format!("{recipe:?}"));
    for lesson in [Some(lesson), held_out].into_iter().flatten() {
        fingerprint.add_all(lesson.x);
        for part in lesson.objective.parts() {
            fingerprint.add_text(part.name);
            fingerprint.add(u64::from(part.weight.to_bits()));
            match part.term {
                Term::Loss(loss, Targets::Classes(classes)) => {
                    fingerprint.add_text(&format!("{loss:?}"));
                    for &class in classes {
                        fingerprint.add(u64::from(class));
                    }
                }
                Term::Loss(loss, Targets::Values(values)) => {
                    fingerprint.add_text(&format!("{loss:?}"));
                    fingerprint.add_all(values);
                }
                Term::MeanSquare(values) => fingerprint.add_all(values),
                Term::HalfSquare => fingerprint.add_text("half square"),
                Term::Sum => fingerprint.add_text("sum"),
            }
        }
    }
    for node in network.nodes() {
        fingerprint.add_text(node.op.name());
    }
    for weight in weights.iter() {
        fingerprint.add_text(weights.name(weight));
        fingerprint.add_all(weights.free_numbers(weight));
    }
    fingerprint
}
