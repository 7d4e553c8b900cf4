//! `netinverse explain`.

pub(crate) mod arguments;
mod page;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::Model;
use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt as _};
use netinverse_data::files::write_atomically;
use netinverse_data::{Rows, RowsOptions, read_rows};
use netinverse_explain::{DecideOptions, Explanation, Question, RadiusOptions, Region, explain, render};
use netinverse_linalg::Matrix;
use netinverse_network::{ImportOptions, Network};
use serde::Serialize;

use super::{Console, Outcome, output};
use arguments::ExplainOptions;

/// What is printed as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    version: &'static str,
    model: &'a Model,
    /// `done`, or `partial` where a limit came first.
    status: &'static str,
    #[serde(flatten)]
    explanation: &'a Explanation,
    seconds: f64,
    seed: u64,
}

pub(crate) fn run(options: &ExplainOptions, console: &Console) -> Result<Outcome> {
    let start = Instant::now();
    if let Some(path) = &options.file {
        check_file(path)?;
    }
    let budget = super::budget(&options.limits)?;
    let network = network(options)?;
    for warning in network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let model = Model::of(&options.model)?;
    let question = question(options, &network)?;
    let explanation = explain(&network, &question, &budget, console).at(|| Place::file(&options.model))?;
    console.clear();
    let answer = Answer {
        schema: "netinverse.explain/1",
        version: env!("CARGO_PKG_VERSION"),
        model: &model,
        status: if explanation.stopped.is_some() { "partial" } else { "done" },
        explanation: &explanation,
        seconds: start.elapsed().as_secs_f64(),
        seed: options.limits.seed,
    };
    match options.format {
        super::arguments::Format::Text => output::print(&render(&explanation, &model.path))?,
        super::arguments::Format::Json => output::print(&json(&answer)?)?,
    }
    if let Some(path) = &options.file {
        let text = if has_extension(path, "html") {
            page::page(&explanation, &network, &question, &model.path, answer.seconds)
        } else {
            json(&answer)?
        };
        write_atomically(path, |file| {
            file.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })?;
        console.line(&format!("written: {}", path.display()));
    }
    Ok(if explanation.stopped.is_some() { Outcome::Unsettled } else { Outcome::Answered })
}

fn json(answer: &Answer) -> Result<String> {
    let text = serde_json::to_string_pretty(answer);
    text.map(|text| text + "\n").map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

fn network(options: &ExplainOptions) -> Result<Network> {
    let outputs = options.output.iter().cloned().collect();
    let read = Network::read_with(&options.model, &ImportOptions { outputs, ..ImportOptions::default() });
    if options.output.is_some() && Network::read(&options.model).is_ok() {
        return read.at(|| Place::Option("--output".into()));
    }
    read
}

fn question(options: &ExplainOptions, network: &Network) -> Result<Question> {
    let n = network.input_size();
    let read = |spec: &str, columns: usize, option: &'static str, scale: Option<f64>| -> Result<Rows> {
        let rows = RowsOptions { range: options.rows, scale, columns: Some(columns) };
        read_rows(spec, &rows).at(|| Place::Option(option.into()))
    };
    let data = match &options.data {
        Some(spec) => {
            let rows = read(spec, n, "--data", options.scale)?;
            Some(Matrix::new(rows.rows, rows.columns, rows.values)?)
        }
        None => None,
    };
    let labels = match (&options.labels, &data) {
        (Some(spec), Some(data)) => Some(labels(&read(spec, 1, "--labels", Some(1.0))?, data.rows())?),
        _ => None,
    };
    let points = match &options.point {
        Some(spec) => {
            let one = RowsOptions { range: None, scale: options.scale, columns: Some(n) };
            let rows = read_rows(spec, &one).at(|| Place::Option("--point".into()))?;
            (0..rows.rows).map(|row| rows.row(row).to_vec()).collect()
        }
        None => Vec::new(),
    };
    let (region, region_source) = region(options, network, data.as_ref())?;
    Ok(Question {
        region,
        region_source,
        data,
        labels,
        points,
        clusters: options.clusters,
        decide: DecideOptions::default(),
        radius: RadiusOptions::default(),
    })
}

fn labels(rows: &Rows, count: usize) -> Result<Vec<usize>> {
    let bad = |message: String| Error::input(message).at(Place::Option("--labels".into()));
    if rows.values.len() != count {
        return Err(bad(format!("{} labels for {count} rows", rows.values.len()))
            .hint("one number a row of the data; `--rows` takes the same rows of both"));
    }
    let class = |(row, &value): (usize, &f64)| {
        if value >= 0.0 && value.fract() == 0.0 && value < 1e6 {
            return Ok(value as usize);
        }
        Err(bad(format!("{value} is not a class")).at(Place::Row(row)).hint("classes are counted from 0"))
    };
    rows.values.iter().enumerate().map(class).collect()
}

/// The box, and where it comes from.
fn region(options: &ExplainOptions, network: &Network, data: Option<&Matrix>) -> Result<(Region, String)> {
    let n = network.input_size();
    if let Some(spec) = &options.bounds {
        let rows = RowsOptions { columns: Some(2), ..RowsOptions::default() };
        let rows = read_rows(spec, &rows).at(|| Place::Option("--bounds".into()))?;
        if rows.rows != 1 && rows.rows != n {
            return Err(Error::input(format!("{} intervals, the network has {n} inputs", rows.rows))
                .at(Place::Option("--bounds".into()))
                .hint("give one row lo,hi for each input, or a single row for all"));
        }
        let at = |i: usize| rows.row(if rows.rows == 1 { 0 } else { i });
        let region = Region::boxed((0..n).map(|i| at(i)[0]).collect(), (0..n).map(|i| at(i)[1]).collect())
            .at(|| Place::Option("--bounds".into()))?;
        return Ok((region, format!("given by --bounds {spec}")));
    }
    if let Some(bounds) = network.input_bounds() {
        let region =
            Region::boxed(bounds.iter().map(|b| b[0]).collect(), bounds.iter().map(|b| b[1]).collect())?;
        return Ok((region, "as the model's file says".into()));
    }
    if let Some(data) = data {
        if data.data().iter().all(|v| (0.0..=1.0).contains(v)) {
            let region = Region::boxed(vec![0.0; n], vec![1.0; n])?;
            return Ok((region, "[0, 1] for every input, where all data lie; --bounds gives another".into()));
        }
        let column = |pick: fn(f64, f64) -> f64, start: f64| -> Vec<f64> {
            (0..n).map(|j| data.iter_rows().fold(start, |best, row| pick(best, row[j]))).collect()
        };
        let region = Region::boxed(column(f64::min, f64::INFINITY), column(f64::max, f64::NEG_INFINITY))?;
        return Ok((
            region,
            "the range of each input in the data (what is constant there counts as fixed); --bounds gives another".into(),
        ));
    }
    let region = Region::boxed(vec![-1.0; n], vec![1.0; n])?;
    Ok((region, "[-1, 1] for every input, for want of --bounds or --data".into()))
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// Refuses, before any work, a file that could not be written in the end.
fn check_file(path: &Path) -> Result<()> {
    if !["json", "html"].iter().any(|extension| has_extension(path, extension)) {
        return Err(Error::input(format!("`{}` has no extension that is known here", path.display()))
            .at(Place::Option("-o".into()))
            .hint("explanations are written as .json or .html"));
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => {
            Err(Error::input(format!("there is no folder `{}`", folder.display()))
                .at(Place::Option("-o".into())))
        }
        _ => Ok(()),
    }
}
