//! The answer of `netinverse train`: what was trained, and what was measured.

use std::path::Path;

use netinverse_base::{Error, ErrorKind, Result};
use netinverse_train::Family;
use serde::Serialize;

use super::arguments::CourseOptions;
use super::course::{self, Course};
use super::samples::Samples;
use crate::cli::arguments::Format;
use crate::cli::{Console, Outcome, output};

/// As its JSON says it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    schema: &'static str,
    version: &'static str,
    /// What was trained.
    family: &'static str,
    /// `done`, or `partial` where a limit came first.
    status: &'static str,
    /// The file of f; absent where f is not ours.
    network: Option<String>,
    /// The file of its inverse.
    inverse: String,
    /// What was learned from.
    source: String,
    inputs: usize,
    outputs: usize,
    /// Numbers that were trained.
    parameters: usize,
    samples: usize,
    held_out: usize,
    /// Rows that the measures below are of, and what they are.
    measured: usize,
    measured_on: &'static str,
    epochs: usize,
    /// The epoch whose weights these are, where rows were held out.
    best_epoch: Option<usize>,
    stopped: Option<&'static str>,
    /// The mean of each term over the last epoch, measured before each step.
    terms: Vec<TermMean>,
    measures: Vec<Measure>,
    seconds: f64,
    /// Of the epochs of this run.
    seconds_per_epoch: Option<f64>,
    seed: u64,
}

#[derive(Debug, Serialize)]
struct TermMean {
    name: &'static str,
    value: Option<f64>,
}

/// A number, what it is, and how people read it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measure {
    name: &'static str,
    value: Option<f64>,
    text: String,
}

impl Measure {
    pub(super) fn new(name: &'static str, value: f64, text: impl Into<String>) -> Self {
        Measure { name, value: value.is_finite().then_some(value), text: text.into() }
    }

    fn line(&self) -> String {
        let value = self.value.map_or("not finite".into(), |value| match value.abs() {
            0.0 => "0".into(),
            size if (1e-3..1e4).contains(&size) => format!("{value:.4}"),
            _ => format!("{value:.2e}"),
        });
        format!("  {value:>10}  {}\n", self.text)
    }
}

/// What of an answer is the family's own.
pub(super) struct Trained<'a> {
    pub(super) name: &'static str,
    pub(super) family: &'a dyn Family,
    pub(super) terms: &'a [&'static str],
    pub(super) measures: Vec<Measure>,
    /// The files written.
    pub(super) network: Option<&'a Path>,
    pub(super) inverse: &'a Path,
    /// (n, m)
    pub(super) sizes: (usize, usize),
}

/// Prints the answer.
pub(super) fn finish(
    trained: Trained<'_>,
    course: &Course,
    samples: &Samples,
    options: &CourseOptions,
    console: &Console,
) -> Result<Outcome> {
    let report = &course.report;
    let (measured, measured_on) = samples.measured();
    let own = report.epochs - report.resumed;
    let finite = |value: f64| value.is_finite().then_some(value);
    let answer = Answer {
        schema: "netinverse.train/1",
        version: env!("CARGO_PKG_VERSION"),
        family: trained.name,
        status: if report.stopped.is_some() { "partial" } else { "done" },
        network: trained.network.map(|path| path.display().to_string()),
        inverse: trained.inverse.display().to_string(),
        source: samples.source.clone(),
        inputs: trained.sizes.0,
        outputs: trained.sizes.1,
        parameters: trained.family.weights().trained(),
        samples: samples.train.rows,
        held_out: samples.held_out.as_ref().map_or(0, |set| set.rows),
        measured: measured.rows,
        measured_on,
        epochs: report.epochs,
        best_epoch: report.best.map(|(epoch, _)| epoch),
        stopped: course::stopped(report),
        terms: trained
            .terms
            .iter()
            .zip(&report.terms)
            .map(|(&name, &value)| TermMean { name, value: finite(value) })
            .collect(),
        measures: trained.measures,
        seconds: course.seconds,
        seconds_per_epoch: (own > 0).then(|| course.seconds / own as f64),
        seed: options.limits.seed,
    };
    match options.format {
        Format::Text => output::print(&answer.text())?,
        Format::Json => output::print(&answer.json()?)?,
    }
    for path in [trained.network, Some(trained.inverse)].into_iter().flatten() {
        console.line(&format!("written: {}", path.display()));
    }
    match answer.stopped {
        None => Ok(Outcome::Answered),
        Some(why) => {
            console.line(&format!("stopped by {why} after {} whole epochs", report.epochs));
            Ok(Outcome::Unsettled)
        }
    }
}

impl Answer {
    fn text(&self) -> String {
        let best = self.best_epoch.map_or(String::new(), |epoch| format!(", the best was number {epoch}"));
        let pace = self.seconds_per_epoch.map_or(String::new(), |pace| format!(" of {pace:.2} s"));
        let mut text = format!(
            "{}, {} inputs and {} outputs, {} weights\n{} rows of {}, {} epochs{pace}{best}\n",
            self.family, self.inputs, self.outputs, self.parameters, self.samples, self.source, self.epochs
        );
        let terms: Vec<String> = self
            .terms
            .iter()
            .filter_map(|term| term.value.map(|value| format!("{} {value:.5}", term.name)))
            .collect();
        if !terms.is_empty() {
            text += "in the last epoch: ";
            text += &terms.join(", ");
            text.push('\n');
        }
        let lines: String = self.measures.iter().map(Measure::line).collect();
        format!("{text}on {} {}:\n{lines}", self.measured, self.measured_on)
    }

    fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}
