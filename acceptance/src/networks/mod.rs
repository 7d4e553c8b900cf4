//! Every network at hand: that it loads, that its derivatives are those of its values, and that its values are
//! ONNX Runtime's, before and after writing.
//!
//! - `sample`: the points at which it is looked at.
//! - `derivatives`: Jacobians against finite differences, products with vectors against each other.
//! - `peer`: files for `tools/compare_onnxruntime.py`, and running it.

mod derivatives;
mod peer;
mod sample;

use std::path::{Path, PathBuf};

use clap::Args;
use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_network::{Evaluator, Network};

use crate::verdict::Verdict;
use crate::zoo;
use derivatives::Derivatives;
use peer::Peer;

/// The largest relative difference between a Jacobian and its finite differences.
const JACOBIAN_LIMIT: f64 = 1e-6;
/// The largest relative difference between products with a Jacobian from the left and from the right.
const ADJOINT_LIMIT: f64 = 1e-12;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Random inputs for each network.
    #[arg(long, default_value_t = 100, value_name = "N")]
    rows: usize,
    /// Which random inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A Python that has onnx, onnxruntime and numpy; `python3` is tried otherwise.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where the files for the comparison are kept; a temporary folder otherwise.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options { rows: 100, seed: 1, python: None, out: None }
    }
}

/// A network to look at.
struct Subject {
    name: String,
    /// The file that it was read from; none for what the library makes.
    file: Option<PathBuf>,
    network: Network,
}

pub(crate) fn run(options: &Options, data: Option<&Path>) -> Result<Verdict> {
    if options.rows == 0 {
        return Err(Error::input("`--rows` must be positive"));
    }
    let (subjects, unreadable) = subjects(options.seed, data)?;
    let temporary = tempfile::tempdir().map_err(|error| Error::io(std::env::temp_dir(), &error))?;
    let folder = options.out.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    let mut peer = Peer::new(&folder)?;
    let mut verdict = Verdict::of(unreadable == 0);
    let mut worst = Derivatives::default();
    println!("{:>44} {:>5} {:>5} {:>10} {:>9} {:>9}", "network", "n", "m", "jacobian", "skipped", "adjoint");
    for (stream, subject) in subjects.iter().enumerate() {
        let place = || Place::Option(subject.name.clone());
        let points =
            sample::points(subject.file.as_deref(), &subject.network, options, stream as u64).at(place)?;
        let evaluator = Evaluator::<f64>::new(&subject.network);
        let own = derivatives::check(&evaluator, &points, options.seed, stream as u64);
        let passes =
            own.jacobian <= JACOBIAN_LIMIT && own.adjoint <= ADJOINT_LIMIT && 2 * own.skipped <= own.columns;
        let mark = if passes { "" } else { "  FAIL" };
        println!(
            "{:>44} {:>5} {:>5} {:>10.1e} {:>8.2}% {:>9.1e}{mark}",
            subject.name,
            evaluator.input_size(),
            evaluator.output_size(),
            own.jacobian,
            100.0 * own.skipped as f64 / own.columns as f64,
            own.adjoint
        );
        verdict = verdict.and(Verdict::of(passes));
        worst.include(&own);
        peer.add(&subject.name, subject.file.as_deref(), &subject.network, &points).at(place)?;
    }
    let files = subjects.iter().filter(|subject| subject.file.is_some()).count();
    println!(
        "{files} files and {} networks of the library, {} points each",
        subjects.len() - files,
        options.rows
    );
    println!(
        "f64 Jacobian against central differences: largest relative error {:.1e} (limit {JACOBIAN_LIMIT:.0e}) in {} columns, {} skipped at kinks",
        worst.jacobian,
        worst.columns - worst.skipped,
        worst.skipped
    );
    println!("VJP against JVP: largest relative error {:.1e} (limit {ADJOINT_LIMIT:.0e})", worst.adjoint);
    Ok(verdict.and(peer.compare(options.python.as_deref())?))
}

/// Every `.onnx` file under the folder, and the networks of the library. Files that do not load are named and
/// counted.
fn subjects(seed: u64, data: Option<&Path>) -> Result<(Vec<Subject>, usize)> {
    let mut subjects = Vec::new();
    let mut unreadable = 0;
    match data {
        None => println!("no real networks: NETINVERSE_DATA is not set, and no --data is given"),
        Some(folder) => {
            for file in onnx_files(folder)? {
                let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
                match Network::read(&file) {
                    Ok(network) => subjects.push(Subject { name, file: Some(file), network }),
                    Err(error) => {
                        println!("does not load: {error}");
                        unreadable += 1;
                    }
                }
            }
        }
    }
    for (name, network) in zoo::networks(seed)? {
        subjects.push(Subject { name: format!("(made) {name}"), file: None, network });
    }
    Ok((subjects, unreadable))
}

/// Every `.onnx` file under a folder, sorted.
pub(crate) fn onnx_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Error::io(folder, &error))?.path();
        if path.is_dir() {
            files.extend(onnx_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "onnx") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
