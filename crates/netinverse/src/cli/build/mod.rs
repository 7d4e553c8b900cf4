//! `netinverse build`.

pub(crate) mod arguments;
mod text;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use netinverse_answer::Model;
use netinverse_base::{Error, ErrorKind, Place, Progress as _, Result, ResultExt};
use netinverse_data::files::write_atomically;
use netinverse_data::{RowRange, RowsOptions, read_rows};
use netinverse_inverse::{BuildOptions as Asked, Built, Samples, build};
use netinverse_linalg::Precision;
use netinverse_network::{ImportOptions, Network};

use super::arguments::Format;
use super::typed::typed;
use super::{Console, Outcome, output};
use arguments::{BuildOptions, PrecisionOption};
use netinverse::answers::build::{Targets, measure, quasi_random_samples};
use netinverse::pages;

/// The files to write.
#[derive(Default)]
struct Files {
    inverse: Option<PathBuf>,
    json: Option<PathBuf>,
    html: Option<PathBuf>,
}

pub(crate) fn run(options: &BuildOptions, console: &Console) -> Result<Outcome> {
    let start = Instant::now();
    let budget = super::budget(&options.limits)?;
    let files = files(options)?;
    let network = network(options)?;
    for warning in network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let model = Model::of(&options.model)?;
    let samples = samples(options, &network)?;
    let asked = Asked {
        precision: options.precision.map(|precision| match precision {
            PrecisionOption::F32 => Precision::F32,
            PrecisionOption::F64 => Precision::F64,
        }),
        given: options.given.clone(),
    };
    let built = build(&network, &asked, &budget, console).at(|| Place::file(&options.model))?;
    let targets = targets(options, &built)?;
    if let Some(path) = &files.inverse {
        built.inverse.write(path)?;
    }
    console.stage("measuring the round trips", None);
    let mut answer = measure(&network, &asked, &built, &samples, targets.as_ref(), model, &budget);
    console.clear();
    answer.inverse = files.inverse.as_ref().map(|path| path.display().to_string());
    answer.seconds = start.elapsed().as_secs_f64();
    let text = |path: &Path, text: &str| {
        write_atomically(path, |writer| {
            writer.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })
    };
    if let Some(path) = &files.json {
        text(path, &answer.json()?)?;
    }
    if let Some(path) = &files.html {
        text(path, &pages::build(&answer, Some(&typed())))?;
    }
    for path in [&files.inverse, &files.json, &files.html].into_iter().flatten() {
        console.line(&format!("written: {}", path.display()));
    }
    match options.format {
        Format::Text => output::print(&text::render(&answer))?,
        Format::Json => output::print(&answer.json()?)?,
    }
    Ok(Outcome::Answered)
}

/// The network with the outputs that are asked for.
fn network(options: &BuildOptions) -> Result<Network> {
    let import = ImportOptions { outputs: options.outputs.clone(), ..ImportOptions::default() };
    Network::read_with(&options.model, &import)
}

/// Which file gets what, by extension; a folder that is missing is noticed before any work.
fn files(options: &BuildOptions) -> Result<Files> {
    let mut files = Files::default();
    for (path, option) in options
        .files
        .iter()
        .map(|path| (path, "-o"))
        .chain(options.report.iter().map(|path| (path, "--report")))
    {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let place = match extension.as_deref() {
            Some("onnx") if option == "-o" => &mut files.inverse,
            Some("json") => &mut files.json,
            Some("html") => &mut files.html,
            _ => {
                return Err(Error::input(format!(
                    "`{}` has no extension that is known here",
                    path.display()
                ))
                .at(Place::Option(option.into()))
                .hint("the inverse is written as .onnx, the report as .json or .html"));
            }
        };
        if place.replace(path.clone()).is_some() {
            return Err(Error::input(format!("`{}` is the second file of its kind", path.display()))
                .at(Place::Option(option.into())));
        }
        match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) if !folder.is_dir() => {
                return Err(Error::new(ErrorKind::Io, format!("there is no folder `{}`", folder.display()))
                    .at(Place::Option(option.into())));
            }
            _ => {}
        }
    }
    Ok(files)
}

fn range(options: &BuildOptions) -> Result<Option<RowRange>> {
    options
        .rows
        .as_ref()
        .map(|text| text.parse::<RowRange>().at(|| Place::Option("--rows".into())))
        .transpose()
}

/// The points of the round trips.
fn samples(options: &BuildOptions, network: &Network) -> Result<Samples> {
    let n = network.input_size();
    if let Some(spec) = &options.data {
        let read = RowsOptions { range: range(options)?, scale: options.scale, columns: Some(n) };
        let rows = read_rows(spec, &read).at(|| Place::Option("--data".into()))?;
        return Ok(Samples {
            rows: rows.rows,
            x: rows.values,
            source: format!("{} rows of {spec}", rows.rows),
        });
    }
    let bounds = match &options.bounds {
        Some(spec) => {
            let read = RowsOptions { columns: Some(2), ..RowsOptions::default() };
            let rows = read_rows(spec, &read).at(|| Place::Option("--bounds".into()))?;
            Some(((0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]).collect(), spec.clone()))
        }
        None => None,
    };
    quasi_random_samples(network, bounds, options.samples, options.limits.seed)
}

/// Rows of the outputs that the inverse takes.
fn targets(options: &BuildOptions, built: &Built) -> Result<Option<Targets>> {
    let Some(spec) = &options.targets else { return Ok(None) };
    let columns = Some(built.network.output_size());
    let read = RowsOptions { range: None, scale: options.scale, columns };
    let rows = read_rows(spec, &read).at(|| Place::Option("--targets".into()))?;
    Ok(Some(Targets { y: rows.values, source: spec.clone() }))
}
