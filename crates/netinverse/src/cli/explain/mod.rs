//! `netinverse explain`.

pub(crate) mod arguments;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use netinverse_answer::Model;
use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_data::files::write_atomically;
use netinverse_data::{Rows, RowsOptions, read_rows};
use netinverse_explain::{DecideOptions, Question, RadiusOptions, explain, render};
use netinverse_linalg::Matrix;
use netinverse_network::{ImportOptions, Network};

use super::typed::typed;
use super::{Console, Outcome, output};
use arguments::ExplainOptions;
use netinverse::answers::explain::{Answer, region};
use netinverse::pages;

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
    let answer = Answer::new(&model, &explanation, start.elapsed().as_secs_f64(), options.limits.seed);
    match options.format {
        super::arguments::Format::Text => output::print(&render(&explanation, &model.path))?,
        super::arguments::Format::Json => output::print(&answer.json()?)?,
    }
    if let Some(path) = &options.file {
        let text = if has_extension(path, "html") {
            pages::explain(&explanation, &network, &question, &model.path, answer.seconds, Some(&typed()))
        } else {
            answer.json()?
        };
        write_atomically(path, |file| {
            file.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })?;
        console.line(&format!("written: {}", path.display()));
    }
    Ok(if explanation.stopped.is_some() { Outcome::Unsettled } else { Outcome::Answered })
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
    let bounds = match &options.bounds {
        Some(spec) => {
            let read = RowsOptions { columns: Some(2), ..RowsOptions::default() };
            let rows = read_rows(spec, &read).at(|| Place::Option("--bounds".into()))?;
            let pairs = (0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]);
            Some((pairs.collect::<Vec<_>>(), spec.as_str()))
        }
        None => None,
    };
    let (region, region_source) =
        region(network, bounds.as_ref().map(|(rows, source)| (&rows[..], *source)), data.as_ref())?;
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
