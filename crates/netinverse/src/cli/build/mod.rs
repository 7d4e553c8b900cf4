//! `netinverse build`.

mod answer;
pub(crate) mod arguments;
mod page;
mod text;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use netinverse_answer::Model;
use netinverse_base::{Budget, Error, ErrorKind, Place, Progress as _, Result, ResultExt};
use netinverse_data::files::write_atomically;
use netinverse_data::{RowRange, RowsOptions, read_rows};
use netinverse_inverse::{
    BuildOptions as Asked, Built, RoundTrip, Samples, Slot, build, conditioning, f_of_g, g_of_f, quasi_random,
};
use netinverse_linalg::Precision;
use netinverse_network::{ImportOptions, Network};

use super::arguments::Format;
use super::{Console, Outcome, output};
use answer::{Answer, Points, Port, SCHEMA};
use arguments::{BuildOptions, PrecisionOption};

/// Where quasi-random inputs lie when nothing is said.
const BOX: [f64; 2] = [-1.0, 1.0];

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
    let trips = round_trips(&network, &asked, &built, &samples, targets.as_deref(), &budget);
    let conditioning = conditioning(&built, &samples);
    console.clear();
    let answer = Answer {
        schema: SCHEMA,
        model,
        status: "done",
        exact: built.exact,
        inverse: files.inverse.as_ref().map(|path| path.display().to_string()),
        precision: match built.inverse.precision() {
            Precision::F32 => "float32",
            Precision::F64 => "float64",
        },
        inputs: ports(built.inverse.inputs()),
        outputs: ports(built.inverse.outputs()),
        unused_outputs: built.unused.clone(),
        given: built.given.clone(),
        nodes: built.inverse.nodes(),
        parameters: built.inverse.parameters(),
        marked_ops: built.findings.marks.clone(),
        domain: built.findings.conditions.clone(),
        linear_parts: built.findings.parts.clone(),
        loops: built.findings.loops.clone(),
        samples: Points {
            x: samples.source.clone(),
            y: match &options.targets {
                Some(source) => source.clone(),
                None => "f(x)".into(),
            },
        },
        f_of_g: trips[0],
        g_of_f: trips[1],
        conditioning,
        warnings: network.warnings().to_vec(),
        seconds: start.elapsed().as_secs_f64(),
        seed: options.limits.seed,
    };
    let text = |path: &Path, text: &str| {
        write_atomically(path, |writer| {
            writer.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })
    };
    if let Some(path) = &files.json {
        text(path, &answer.json()?)?;
    }
    if let Some(path) = &files.html {
        text(path, &page::page(&answer))?;
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
    if options.samples == 0 {
        return Err(Error::input("at least one point is needed").at(Place::Option("--samples".into())));
    }
    let (bounds, source) = match &options.bounds {
        Some(spec) => {
            let read = RowsOptions { columns: Some(2), ..RowsOptions::default() };
            let rows = read_rows(spec, &read).at(|| Place::Option("--bounds".into()))?;
            let pairs: Vec<[f64; 2]> =
                (0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]).collect();
            let pairs = if let [only] = pairs[..] { vec![only; n] } else { pairs };
            if pairs.len() != n || pairs.iter().any(|[low, high]| low > high) {
                return Err(Error::input(format!(
                    "{n} rows lo,hi with lo ≤ hi are expected, or one for all"
                ))
                .at(Place::Option("--bounds".into())));
            }
            (pairs, spec.clone())
        }
        None => match network.input_bounds() {
            Some(bounds) => (bounds.to_vec(), "the file's own bounds".into()),
            None => (vec![BOX; n], format!("{},{}", BOX[0], BOX[1])),
        },
    };
    let source = format!("{} quasi-random points in {source}, seed {}", options.samples, options.limits.seed);
    Ok(Samples {
        x: quasi_random(&bounds, options.samples, options.limits.seed),
        rows: options.samples,
        source,
    })
}

/// Rows of the outputs that the inverse takes.
fn targets(options: &BuildOptions, built: &Built) -> Result<Option<Vec<f64>>> {
    let Some(spec) = &options.targets else { return Ok(None) };
    let columns = Some(built.network.output_size());
    let read = RowsOptions { range: None, scale: options.scale, columns };
    let rows = read_rows(spec, &read).at(|| Place::Option("--targets".into()))?;
    Ok(Some(rows.values))
}

/// f(g(y)) and g(f(x)): in float32 by the inverse that is stored, in float64 by the one that float64 would store.
fn round_trips(
    network: &Network,
    asked: &Asked,
    built: &Built,
    samples: &Samples,
    targets: Option<&[f64]>,
    budget: &Budget,
) -> [RoundTrip; 2] {
    let measured = [f_of_g(built, samples, targets), g_of_f(built, samples)];
    let other = match built.inverse.precision() {
        Precision::F32 => Precision::F64,
        Precision::F64 => Precision::F32,
    };
    let again = Asked { precision: Some(other), ..asked.clone() };
    let Ok(twin) = build(network, &again, budget, &netinverse_base::Silent) else {
        // Weights that float32 cannot hold: float64 alone says something.
        return measured;
    };
    let twins = [f_of_g(&twin, samples, targets), g_of_f(&twin, samples)];
    [0, 1].map(|k| match other {
        Precision::F64 => RoundTrip { f64: twins[k].f64, ..measured[k] },
        Precision::F32 => RoundTrip { f32: twins[k].f32, ..measured[k] },
    })
}

fn ports<'a>(slots: impl Iterator<Item = &'a Slot>) -> Vec<Port> {
    slots.map(|slot| Port { name: slot.name.clone(), shape: slot.shape.to_vec() }).collect()
}
