//! `netinverse train sweep`: accuracy against reconstruction.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::sheet::ImageShape;
use netinverse_base::{Budget, Error, ErrorKind, Place, Result, ResultExt as _};
use netinverse_data::files::write_atomically;
use netinverse_report::{Bars, Page, Picture, Section};
use netinverse_train::{Coder as _, EncoderDecoder, Family as _, Keeping, Lesson};
use serde::Serialize;

use super::arguments::SweepOptions;
use super::course;
use super::samples::Samples;
use super::yardsticks;
use crate::cli::arguments::Format;
use crate::cli::page::{Draw, typed};
use crate::cli::{Console, Outcome, budget, output};

#[derive(Debug, Serialize)]
struct Answer {
    schema: &'static str,
    version: &'static str,
    /// `done`, or `partial` where a limit came first: then later rows are missing.
    status: &'static str,
    source: String,
    inputs: usize,
    outputs: usize,
    samples: usize,
    measured: usize,
    measured_on: &'static str,
    rows: Vec<Row>,
    /// Mean squared errors an input of principal components and of the mean.
    pca_error: Option<f64>,
    mean_error: Option<f64>,
    seed: u64,
}

/// One network with what gives its inputs back.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    lambda: Option<f32>,
    accuracy: Option<f64>,
    accuracy_of_inverses: Option<f64>,
    reconstruction_error: f64,
    seconds: f64,
    /// Inputs given back, for the page.
    #[serde(skip)]
    shown: Vec<f32>,
}

pub(super) fn run(options: &SweepOptions, console: &Console) -> Result<Outcome> {
    if let Some(path) = &options.output {
        check_file(path)?;
    }
    if let Some(lambda) = options.lambdas.iter().find(|lambda| !(lambda.is_finite() && **lambda > 0.0)) {
        return Err(Error::input(format!("a weight of {lambda} is not a positive number"))
            .at(Place::Option("--lambdas".into()))
            .hint("the plain classifier, whose weight is 0, is always among the rows"));
    }
    let budget = budget(&options.limits)?;
    let samples = Samples::read(&options.samples, None, None, &budget)?;
    let classes = samples.classes(options.classes)?;
    let sizes = options.layers.sizes(&samples, classes);
    let sweep =
        Sweep { options, samples: &samples, chosen: chosen(&samples, classes), budget: &budget, console };
    let mut rows = Vec::new();
    let mut plain = EncoderDecoder::classifier(&sizes, 0.0, budget.seed())?;
    let start = Instant::now();
    if sweep.train(&mut plain)? {
        let seconds = start.elapsed().as_secs_f64();
        plain.freeze_network();
        let row = sweep.row("plain classifier, then a decoder", Some(0.0), plain)?;
        rows.extend(row.map(|row| Row { seconds: seconds + row.seconds, ..row }));
    }
    for &lambda in &options.lambdas {
        let family = EncoderDecoder::classifier(&sizes, lambda, budget.seed())?;
        rows.extend(sweep.row("invertible classifier", Some(lambda), family)?);
    }
    let family = EncoderDecoder::autoencoder(&sizes, budget.seed())?;
    rows.extend(sweep.row("autoencoder", None, family)?);

    let (mean, components) = yardsticks::by_components(&samples, classes)?.unzip();
    let (measured, measured_on) = samples.measured();
    let answer = Answer {
        schema: "netinverse.sweep/1",
        version: env!("CARGO_PKG_VERSION"),
        status: if rows.len() == options.lambdas.len() + 2 { "done" } else { "partial" },
        source: samples.source.clone(),
        inputs: samples.inputs,
        outputs: classes,
        samples: samples.train.rows,
        measured: measured.rows,
        measured_on,
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
        let text = if is_page(path) { sweep.page(&answer) } else { answer.json()? };
        write_atomically(path, |file| file.write_all(text.as_bytes()).map_err(|e| Error::io(path, &e)))?;
        console.line(&format!("written: {}", path.display()));
    }
    Ok(if answer.status == "done" { Outcome::Answered } else { Outcome::Unsettled })
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

/// What all rows share.
struct Sweep<'a> {
    options: &'a SweepOptions,
    samples: &'a Samples,
    /// Inputs that are shown, one a class.
    chosen: Vec<f32>,
    budget: &'a Budget,
    console: &'a Console,
}

impl Sweep<'_> {
    /// Whether it was trained to the end.
    fn train(&self, family: &mut EncoderDecoder) -> Result<bool> {
        let samples = self.samples;
        let own = family.objective(&samples.train.x, samples.train.labels.as_deref());
        let lesson = Lesson { x: &samples.train.x, objective: &own };
        let held = samples.held_out.as_ref();
        let held = held.map(|set| (set, family.objective(&set.x, set.labels.as_deref())));
        let held = held.as_ref().map(|(set, objective)| Lesson { x: &set.x, objective });
        let (recipe, keeping) = (course::recipe(&self.options.steps), Keeping::default());
        let report = family.train(&lesson, held.as_ref(), &recipe, &keeping, self.budget, self.console)?;
        Ok(report.stopped.is_none())
    }

    /// Trains and measures; nothing where a limit came first.
    fn row(&self, name: &str, lambda: Option<f32>, mut family: EncoderDecoder) -> Result<Option<Row>> {
        let start = Instant::now();
        let place = || Place::Option("--lambdas".into());
        if !self.train(&mut family).at(place)? {
            return Ok(None);
        }
        let seconds = start.elapsed().as_secs_f64();
        let (f, g) = (family.network()?, family.inverse()?);
        let (set, _) = self.samples.measured();
        let y = yardsticks::outputs(&f, &set.x);
        let back = yardsticks::outputs(&g, &y);
        let labels = set.labels.as_deref().filter(|_| lambda.is_some());
        let row = Row {
            name: name.into(),
            lambda,
            accuracy: labels.map(|labels| yardsticks::accuracy(&y, labels)),
            accuracy_of_inverses: labels.map(|l| yardsticks::accuracy(&yardsticks::outputs(&f, &back), l)),
            reconstruction_error: yardsticks::mean_square(&back, &set.x),
            seconds,
            shown: yardsticks::outputs(&g, &yardsticks::outputs(&f, &self.chosen)),
        };
        self.console.line(&row.words().join("  "));
        Ok(Some(row))
    }

    fn page(&self, answer: &Answer) -> String {
        let title = "Accuracy against reconstruction";
        let lead = format!(
            "Networks from {} numbers to {}, learned from {} rows of {}; measured on {} {}.",
            answer.inputs, answer.outputs, answer.samples, answer.source, answer.measured, answer.measured_on
        );
        let mut page = Page::new(title, lead);
        let table: Vec<Vec<String>> = answer.rows.iter().map(|row| row.words().to_vec()).collect();
        let bars = Bars {
            scale: "mean squared error an input of g(f(x))".into(),
            bars: answer
                .rows
                .iter()
                .map(|row| (row.label(), row.reconstruction_error))
                .chain(answer.pca_error.map(|error| (format!("PCA-{}", answer.outputs), error)))
                .chain(answer.mean_error.map(|error| ("the mean".into(), error)))
                .collect(),
            marks: Vec::new(),
        };
        page.push(
            Section::new("The trade-off")
                .table(&HEAD, &table)
                .chart(&bars.svg(), "What is lost of an input on the way through the outputs")
                .command(&typed()),
        );
        let n = answer.inputs;
        if let Some(image) = ImageShape::of(&[n]) {
            let low = self.chosen.iter().copied().fold(0.0f32, f32::min);
            let high = self.chosen.iter().copied().fold(1.0f32, f32::max);
            let draw = Draw { image, range: (f64::from(low), f64::from(high)) };
            let mut section = Section::new("One input a class, and what comes back");
            let inputs = [("as they are".to_string(), &self.chosen)];
            let rows = answer.rows.iter().map(|row| (row.label(), &row.shown));
            for (label, rows) in inputs.into_iter().chain(rows) {
                let picture = |x: &[f32]| draw.plain(&x.iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
                let pictures: Vec<Picture> = rows.chunks(n).map(picture).collect();
                let captions: Vec<(&Picture, String)> = pictures
                    .iter()
                    .enumerate()
                    .map(|(class, picture)| (picture, class.to_string()))
                    .collect();
                section = section.text(&label).pictures(&captions);
            }
            page.push(section);
        }
        page.html()
    }
}

const HEAD: [&str; 6] = ["network", "λ", "accuracy", "accuracy on g(f(x))", "error of g(f(x))", "seconds"];

impl Row {
    /// For a chart.
    fn label(&self) -> String {
        match self.lambda {
            Some(0.0) => "plain, λ = 0".into(),
            Some(lambda) => format!("λ = {lambda}"),
            None => self.name.clone(),
        }
    }

    fn words(&self) -> [String; 6] {
        let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        [
            self.name.clone(),
            self.lambda.map_or("-".into(), |lambda| lambda.to_string()),
            share(self.accuracy),
            share(self.accuracy_of_inverses),
            format!("{:.4}", self.reconstruction_error),
            format!("{:.0}", self.seconds),
        ]
    }
}

impl Answer {
    /// A table that a page in Markdown takes as it is.
    fn text(&self) -> String {
        let mut lines = vec![format!("| {} |", HEAD.join(" | ")), "|---|---|---|---|---|---|".to_string()];
        lines.extend(self.rows.iter().map(|row| format!("| {} |", row.words().join(" | "))));
        let yardsticks =
            [(format!("PCA-{}", self.outputs), self.pca_error), ("the mean".into(), self.mean_error)];
        for (name, error) in yardsticks {
            lines.extend(error.map(|error| format!("| {name} | - | - | - | {error:.4} | - |")));
        }
        lines.join("\n") + "\n"
    }

    fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}
