//! Flows of eight coupling blocks from PyTorch's two exporters, residual blocks and more: built, and run in ONNX Runtime.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use netinverse_base::{Budget, Error, Result, Silent};
use netinverse_data::{Array, Values, npz};
use netinverse_inverse::{BuildOptions, Built, Samples, build, conditioning, f_of_g, g_of_f, quasi_random};
use netinverse_linalg::Precision;
use netinverse_network::{Evaluator, Network};
use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// The scripts, from the root of the repository.
const EXPORT: &str = "tools/export_flows.py";
const COMPARE: &str = "tools/compare_inverses.py";
/// Relative errors of a round trip that are allowed.
const SINGLE: f64 = 1e-4;
const DOUBLE: f64 = 1e-10;

#[derive(Args, Default)]
pub(crate) struct Options {
    /// A Python that has torch, onnx, onnxscript and onnxruntime; python3 where this is not given.
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Keep the networks and their inverses in this folder; networks that are there already are not exported again.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Points of each round trip.
    #[arg(long, default_value_t = 64)]
    points: usize,
}

/// A network that was exported.
#[derive(Deserialize)]
struct Exported {
    name: String,
    file: String,
    /// `exact`, `section`, `loop` or `refused`.
    expected: String,
    given: Option<String>,
}

/// A network and its inverse, for the script that compares.
#[derive(Serialize)]
struct Entry {
    name: String,
    network: PathBuf,
    inverse: String,
    points: String,
    limit: f64,
    exact: bool,
}

pub(crate) fn run(options: &Options) -> Result<Verdict> {
    let points = if options.points == 0 { 64 } else { options.points };
    let python = options.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    if !imports(&python) {
        println!("NOT RUN: `{}` cannot import torch, onnx, onnxscript and onnxruntime", python.display());
        return Ok(Verdict::of(options.python.is_none()));
    }
    let kept = options.out.clone();
    let scratch = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), &error))?;
    let folder = kept.unwrap_or_else(|| scratch.path().to_path_buf());
    std::fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, &error))?;
    let index = folder.join("index.json");
    if !index.exists() {
        script(&python, EXPORT, &[folder.as_os_str(), "--large".as_ref()], true)?;
    }
    let text = std::fs::read_to_string(&index).map_err(|error| Error::io(&index, &error))?;
    let exported: Vec<Exported> =
        serde_json::from_str(&text).map_err(|error| Error::input(error.to_string()))?;
    let mut verdict = Verdict::of(!exported.is_empty());
    let mut entries = Vec::new();
    println!(
        "{:36} {:>7} {:>9} {:>9} {:>9} {:>8} {:>7}",
        "netinverse's own evaluation", "exact", "g(f(x))", "f(g(y))", "g(f(x))", "nodes", "built"
    );
    println!("{:36} {:>7} {:>9} {:>9} {:>9}", "", "", "own", "own", "float64");
    for one in &exported {
        verdict = verdict.and(check(one, &folder, points, &mut entries)?);
    }
    let manifest = folder.join("manifest.json");
    let text = serde_json::to_string_pretty(&entries).expect("names and numbers are always JSON");
    std::fs::write(&manifest, text).map_err(|error| Error::io(&manifest, &error))?;
    println!("ONNX Runtime, both networks as files, all points in one batch:");
    let agrees = script(&python, COMPARE, &[folder.as_os_str()], false)?;
    Ok(verdict.and(Verdict::of(agrees)))
}

/// Builds the inverse of one network, measures it, and writes what the script compares.
fn check(one: &Exported, folder: &Path, points: usize, entries: &mut Vec<Entry>) -> Result<Verdict> {
    let network = match Network::read(folder.join(&one.file)) {
        Ok(network) => network,
        Err(error) => {
            println!("{:36} not read: {error}", one.name);
            return Ok(Verdict::Fail);
        }
    };
    let double = one.name.ends_with("_f64");
    let own = if double { Precision::F64 } else { Precision::F32 };
    let built_in = |precision| -> Result<Built> {
        let given = one.given.iter().cloned().collect();
        build(&network, &BuildOptions { precision: Some(precision), given }, &Budget::default(), &Silent)
    };
    let start = std::time::Instant::now();
    let built = match built_in(own) {
        Ok(built) => built,
        Err(error) => {
            let wanted = one.expected == "refused";
            println!("{:36} refused{}: {error}", one.name, if wanted { ", as expected" } else { "" });
            return Ok(Verdict::of(wanted));
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let twin = built_in(Precision::F64)?;
    let n = network.input_size();
    let samples =
        Samples { x: quasi_random(&vec![[-1.0, 1.0]; n], points, 1), rows: points, source: String::new() };
    let (there, back) = (g_of_f(&built, &samples), f_of_g(&built, &samples, None));
    let of = |trip: netinverse_inverse::RoundTrip| if double { trip.f64 } else { trip.f32 }.relative;
    let (there, back, exactly) = (of(there), of(back), g_of_f(&twin, &samples).f64.relative);
    let exact = matches!(one.expected.as_str(), "exact" | "loop");
    let limit = if double { DOUBLE } else { SINGLE };
    // Where rounding y alone moves x further, nothing better is promised.
    let made = conditioning(&built, &samples).filter(|_| exact);
    let least = |rounding: Option<f64>| 10.0 * rounding.unwrap_or(0.0);
    let (single, wide) = (least(made.and_then(|m| m.rounding_f32)), least(made.and_then(|m| m.rounding_f64)));
    let limit = limit.max(if double { wide } else { single });
    let within = |error: Option<f64>, limit: f64| error.is_some_and(|error| error <= limit);
    // Layers that narrow after others: the sections of the layers are not one of the network.
    let judged = one.name.starts_with("leaky_funnel");
    let holds = built.exact == exact
        && one.expected != "refused"
        && if exact {
            within(there, limit) && within(exactly, DOUBLE.max(wide))
        } else {
            judged || within(back, limit)
        };
    let number = |error: Option<f64>| error.map_or("-".into(), |error| format!("{error:.1e}"));
    println!(
        "{:36} {:>7} {:>9} {:>9} {:>9} {:>8} {:>6.2}s{}",
        one.name,
        if built.exact { "yes" } else { "no" },
        number(there),
        number(back),
        number(exactly),
        built.inverse.nodes(),
        seconds,
        if holds { "" } else { "  FAIL" }
    );
    let inverse = format!("{}_inverse.onnx", one.name);
    built.inverse.write(folder.join(&inverse))?;
    let mut y = vec![0.0; points * built.network.output_size()];
    Evaluator::<f64>::new(&built.network).forward(&samples.x, &mut y);
    let table = format!("{}_points.npz", one.name);
    save(&folder.join(&table), points, &samples.x, &y)?;
    if !judged {
        let network = folder.join(&one.file);
        let network = network.canonicalize().unwrap_or(network);
        entries.push(Entry { name: one.name.clone(), network, inverse, points: table, limit, exact });
    }
    Ok(Verdict::of(holds))
}

fn save(path: &Path, rows: usize, x: &[f64], y: &[f64]) -> Result<()> {
    let array = |values: &[f64]| Array::new(vec![rows, values.len() / rows], Values::F64(values.to_vec()));
    let (x, y) = (array(x)?, array(y)?);
    let failed = |error: std::io::Error| Error::io(path, &error);
    let mut writer = BufWriter::new(File::create(path).map_err(failed)?);
    npz::write(&mut writer, &[("x", &x), ("y", &y)], false)?;
    writer.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok(())
}

fn imports(python: &Path) -> bool {
    let probe = Command::new(python)
        .args(["-c", "import torch, onnx, onnxscript, onnxruntime"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    probe.is_ok_and(|status| status.success())
}

/// Runs a script of the repository; whether it ended with status 0, 1 meaning that it did not.
fn script(python: &Path, name: &str, arguments: &[&std::ffi::OsStr], quiet: bool) -> Result<bool> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let mut command = Command::new(python);
    command.arg(&path).args(arguments);
    if quiet {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    let status = command.status().map_err(|error| Error::io(python, &error))?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) if !quiet => Ok(false),
        _ => Err(Error::input(format!("{name} ended with {status}"))),
    }
}
