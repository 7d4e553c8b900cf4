//! `netinverse train sweep`: accuracy against reconstruction.
//!
//! With several seeds every network is trained from each, on samples of which each seed holds out others; the step size of
//! the autoencoder and λ are chosen on rows held out, never on those that are measured with.

mod answer;
mod page;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use netinverse_base::{Budget, Error, Place, Result, ResultExt as _};
use netinverse_data::files::write_atomically;
use netinverse_network::Network;
use netinverse_train::{Coder as _, EncoderDecoder, Family as _, Keeping, Lesson, Sizes};

use super::arguments::SweepOptions;
use super::course;
use super::samples::{Samples, Set};
use super::yardsticks;
use crate::cli::arguments::Format;
use crate::cli::{Console, Outcome, budget, output};
use answer::{Answer, Choice, Row, Run};

pub(super) fn run(options: &SweepOptions, console: &Console) -> Result<Outcome> {
    if let Some(path) = &options.output {
        check_file(path)?;
    }
    check(options)?;
    let budget = budget(&options.limits)?;
    let mut columns: Vec<Column> = Vec::new();
    let mut first = None;
    for number in 0..u64::from(options.seeds) {
        let budget = budget.clone().with_seed(options.limits.seed.wrapping_add(number));
        let samples = Samples::read(&options.samples, None, None, &budget)?;
        if options.seeds > 1 && samples.held_out.is_none() {
            return Err(Error::input("choosing among several trainings needs rows that are held out")
                .at(Place::Option("--seeds".into()))
                .hint("for example `--held-out 0.1`"));
        }
        let classes = samples.classes(options.classes)?;
        let chosen = chosen(&samples, classes);
        let sizes = options.layers.sizes(&samples, classes);
        let sweep = Sweep { options, samples: &samples, chosen: &chosen, budget: &budget, console };
        columns.push(sweep.column(&sizes)?);
        if first.is_none() {
            first = Some((samples, classes, chosen));
        }
    }
    let Some((samples, classes, chosen)) = first else {
        return Err(Error::input("there is no seed").at(Place::Option("--seeds".into())));
    };
    let complete = columns.iter().all(|column| column.len() == options.lambdas.len() + 2);
    let rows = rows(columns);
    let (mean, components) = yardsticks::by_components(&samples, classes)?.unzip();
    let (measured, measured_on) = samples.measured();
    let answer = Answer {
        schema: "netinverse.sweep/1",
        version: env!("CARGO_PKG_VERSION"),
        status: if complete { "done" } else { "partial" },
        source: samples.source.clone(),
        inputs: samples.inputs,
        outputs: classes,
        samples: samples.train.rows,
        held_out: samples.held_out.as_ref().map_or(0, |set| set.rows),
        measured: measured.rows,
        measured_on,
        choice: Choice::of(&rows, options.cost, components).filter(|_| complete),
        rows,
        pca_error: components,
        mean_error: mean,
        seed: options.limits.seed,
    };
    console.clear();
    match options.format {
        Format::Text => output::print(&answer.text())?,
        Format::Json => output::print(&answer.json()?)?,
    }
    if let Some(path) = &options.output {
        let text = if is_page(path) { page::page(&answer, &chosen) } else { answer.json()? };
        write_atomically(path, |file| file.write_all(text.as_bytes()).map_err(|e| Error::io(path, &e)))?;
        console.line(&format!("written: {}", path.display()));
    }
    Ok(if answer.status == "done" { Outcome::Answered } else { Outcome::Unsettled })
}

/// Refuses options without meaning, before any work.
fn check(options: &SweepOptions) -> Result<()> {
    if let Some(lambda) = options.lambdas.iter().find(|lambda| !(lambda.is_finite() && **lambda > 0.0)) {
        return Err(Error::input(format!("a weight of {lambda} is not a positive number"))
            .at(Place::Option("--lambdas".into()))
            .hint("the plain classifier, whose weight is 0, is always among the rows"));
    }
    if options.rates.len() > 1 && !options.samples.held_out.is_some_and(|share| share > 0.0) {
        return Err(Error::input("choosing among several step sizes needs rows that are held out")
            .at(Place::Option("--rates".into()))
            .hint("for example `--held-out 0.1`"));
    }
    if !(options.cost.is_finite() && options.cost >= 0.0) {
        return Err(Error::input(format!("a cost of {} is not a share of the rows", options.cost))
            .at(Place::Option("--cost".into())));
    }
    Ok(())
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"))
}

/// Refuses, before any work, a file that could not be written in the end.
fn check_file(path: &Path) -> Result<()> {
    let at = || Place::Option("-o".into());
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if !json && !is_page(path) {
        return Err(Error::input(format!("`{}` has no extension that is known here", path.display()))
            .at(at())
            .hint("sweeps are written as .json or .html"));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Error::input(format!("there is no folder `{}`", folder.display())).at(at()))
        }
        _ => Ok(()),
    }
}

/// The first measured input of each class.
fn chosen(samples: &Samples, classes: usize) -> Vec<f32> {
    let (set, _) = samples.measured();
    let labels = set.labels.as_deref().unwrap_or_default();
    let first = |class: usize| labels.iter().position(|&label| usize::from(label) == class);
    let rows = (0..classes).filter_map(first);
    rows.flat_map(|row| set.x[row * samples.inputs..(row + 1) * samples.inputs].to_vec()).collect()
}

/// What one seed gives: a run of each network, as far as the limits let it.
type Column = Vec<(&'static str, Option<f32>, Run)>;

/// Runs of the same network side by side.
fn rows(columns: Vec<Column>) -> Vec<Row> {
    let mut grouped: Vec<(&'static str, Option<f32>, Vec<Run>)> = Vec::new();
    for (name, lambda, run) in columns.into_iter().flatten() {
        match grouped.iter_mut().find(|row| (row.0, row.1) == (name, lambda)) {
            Some(row) => row.2.push(run),
            None => grouped.push((name, lambda, vec![run])),
        }
    }
    grouped.into_iter().map(|(name, lambda, runs)| Row::new(name, lambda, runs)).collect()
}

/// What all trainings of a seed share.
struct Sweep<'a> {
    options: &'a SweepOptions,
    samples: &'a Samples,
    /// Inputs that are shown, one a class.
    chosen: &'a [f32],
    budget: &'a Budget,
    console: &'a Console,
}

impl Sweep<'_> {
    fn column(&self, sizes: &Sizes<'_>) -> Result<Column> {
        let seed = self.budget.seed();
        let usual = course::recipe(&self.options.steps).rate;
        let mut column = Column::new();
        let mut plain = EncoderDecoder::classifier(sizes, 0.0, seed)?;
        let start = Instant::now();
        if self.train(&mut plain, usual)? {
            let seconds = start.elapsed().as_secs_f64();
            plain.freeze_network();
            let run = self.run(Some(0.0), plain, usual)?;
            column.extend(run.map(|run| {
                let run = Run { seconds: seconds + run.seconds, ..run };
                ("plain classifier, then a decoder", Some(0.0), run)
            }));
        }
        for &lambda in &self.options.lambdas {
            let family = EncoderDecoder::classifier(sizes, lambda, seed)?;
            let run = self.run(Some(lambda), family, usual)?;
            column.extend(run.map(|run| ("invertible classifier", Some(lambda), run)));
        }
        let mut best: Option<Run> = None;
        let usual = [usual];
        let rates = if self.options.rates.is_empty() { &usual[..] } else { &self.options.rates };
        for &rate in rates {
            let Some(run) = self.run(None, EncoderDecoder::autoencoder(sizes, seed)?, rate)? else {
                return Ok(column);
            };
            if best.as_ref().is_none_or(|best| run.held_out_error < best.held_out_error) {
                best = Some(run);
            }
        }
        column.extend(best.map(|run| ("autoencoder", None, run)));
        Ok(column)
    }

    /// Whether it came to its end.
    fn train(&self, family: &mut EncoderDecoder, rate: f32) -> Result<bool> {
        let samples = self.samples;
        let own = family.objective(&samples.train.x, samples.train.labels.as_deref());
        let lesson = Lesson { x: &samples.train.x, objective: &own };
        // Rows held out choose among networks, not among epochs: where classes are learned by heart the objective on them is
        // best long before the input is given back best.
        let recipe = netinverse_train::Recipe { rate, ..course::recipe(&self.options.steps) };
        let keeping = Keeping::default();
        let report = family.train(&lesson, None, &recipe, &keeping, self.budget, self.console)?;
        Ok(report.stopped.is_none())
    }

    /// Trains and measures; nothing where a limit came first.
    fn run(&self, lambda: Option<f32>, mut family: EncoderDecoder, rate: f32) -> Result<Option<Run>> {
        let start = Instant::now();
        let place = || Place::Option("--lambdas".into());
        if !self.train(&mut family, rate).at(place)? {
            return Ok(None);
        }
        let seconds = start.elapsed().as_secs_f64();
        let (f, g) = (family.network()?, family.inverse()?);
        let figures = Figures::of(&f, &g, self.samples.measured().0, lambda.is_some());
        let held = self.samples.held_out.as_ref().map(|set| Figures::of(&f, &g, set, lambda.is_some()));
        let run = Run {
            seed: self.budget.seed(),
            rate,
            accuracy: figures.accuracy,
            accuracy_of_inverses: figures.accuracy_of_inverses,
            reconstruction_error: figures.error,
            held_out_accuracy: held.as_ref().and_then(|held| held.accuracy),
            held_out_error: held.as_ref().map(|held| held.error),
            seconds,
            shown: yardsticks::outputs(&g, &yardsticks::outputs(&f, self.chosen)),
        };
        let label = lambda.map_or("autoencoder".into(), |lambda| format!("λ = {lambda}"));
        self.console.line(&run.line(&label));
        Ok(Some(run))
    }
}

/// What is measured of f and g on a set.
struct Figures {
    accuracy: Option<f64>,
    accuracy_of_inverses: Option<f64>,
    error: f64,
}

impl Figures {
    fn of(f: &Network, g: &Network, set: &Set, classifies: bool) -> Self {
        let y = yardsticks::outputs(f, &set.x);
        let back = yardsticks::outputs(g, &y);
        let labels = set.labels.as_deref().filter(|_| classifies);
        Figures {
            accuracy: labels.map(|labels| yardsticks::accuracy(&y, labels)),
            accuracy_of_inverses: labels.map(|l| yardsticks::accuracy(&yardsticks::outputs(f, &back), l)),
            error: yardsticks::mean_square(&back, &set.x),
        }
    }
}
