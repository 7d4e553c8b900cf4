//! Mutated files: an error or a value each time, no panic, no memory over the limit, no endless loop.
//!
//! - `seeds`: the files that mutation starts from.
//! - `case`: from a seed and an index to one mutated file; the same file every time.
//! - `onnx`, `arrays`, `bytes`: the mutations.
//! - `trial`: what is done with a file.
//! - `worker`: a process that tries one case after the other and says so; [`run`] starts the workers, notes
//!   what ended badly (a panic, an abort, a stack overflow, a hang) and starts them again after it.

mod arrays;
mod bytes;
mod case;
mod onnx;
mod seeds;
mod supervisor;
mod trial;
mod worker;

use std::path::{Path, PathBuf};

use clap::Args;
use netinverse_base::{Error, Result};

use crate::verdict::Verdict;
use case::Generator;
use supervisor::{Supervisor, Tally};

/// The most that may be live at once, in bytes.
const MEMORY_LIMIT: usize = 1 << 30;

/// A case that takes longer has failed, in seconds.
const PATIENCE: u64 = 60;

/// A worker that keeps dying is not started more often than this.
const MAX_RESTARTS: usize = 200;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// The number of mutated files.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    count: u64,
    /// Which mutations: a seed gives the same files every time.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of processes.
    #[arg(long, default_value_t = default_workers())]
    workers: u64,
    /// Where files that failed are saved.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Try this case only, in this process, and save its file.
    #[arg(long, value_name = "INDEX")]
    only: Option<u64>,
    /// (internal) Try every `workers`-th case from here on, and report each on stdout.
    #[arg(long, hide = true)]
    worker_from: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            count: 100_000,
            seed: 1,
            workers: default_workers(),
            save: None,
            only: None,
            worker_from: None,
        }
    }
}

fn default_workers() -> u64 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u64)
}

pub(crate) fn run(options: &Options, data: Option<&Path>) -> Result<Verdict> {
    if options.workers == 0 {
        return Err(Error::input("`--workers` must be positive"));
    }
    let generator = Generator::new(options.seed, seeds::collect(options.seed, data)?);
    if let Some(first) = options.worker_from {
        worker::run(&generator, (first..options.count).step_by(options.workers as usize));
        return Ok(Verdict::Pass);
    }
    let folder = options.save.clone().unwrap_or_else(|| std::env::temp_dir().join("netinverse-fuzz"));
    if let Some(index) = options.only {
        let path = save(&generator, index, &folder)?;
        println!("case {index} of seed {} is {}", options.seed, path.display());
        let outcome = trial::attempt(&generator.case(index));
        println!("{outcome}");
        return Ok(Verdict::of(!outcome.is_failure()));
    }
    println!("{} seed files, {} mutated files, seed {}", generator.seeds(), options.count, options.seed);
    let tally = Supervisor::new(options, data).run()?;
    report(&tally, options, &generator, &folder)
}

fn report(tally: &Tally, options: &Options, generator: &Generator, folder: &Path) -> Result<Verdict> {
    println!("{:>8} {:>9} {:>9} {:>9}", "format", "values", "errors", "failures");
    for (kind, row) in &tally.rows {
        println!("{kind:>8} {:>9} {:>9} {:>9}", row.values, row.errors, row.failures);
    }
    let total = tally.total();
    println!("{:>8} {:>9} {:>9} {:>9}", "all", total.values, total.errors, total.failures);
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!(
        "peak memory {:.0} MiB (limit {:.0}), slowest case {} ms (case {})",
        mib(tally.peak),
        mib(MEMORY_LIMIT),
        tally.slowest.0,
        tally.slowest.1
    );
    for (index, reason) in &tally.failures {
        let path = save(generator, *index, folder)?;
        println!("case {index}: {reason}");
        println!("  file {}; again: fuzz --seed {} --only {index}", path.display(), options.seed);
    }
    let done = total.values + total.errors + total.failures;
    if done != options.count {
        println!("only {done} of {} files were tried", options.count);
    }
    Ok(Verdict::of(total.failures == 0 && done == options.count))
}

/// Writes the file of a case, for whoever looks into it.
fn save(generator: &Generator, index: u64, folder: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
    let case = generator.case(index);
    let path = folder.join(format!("case-{index}.{}", case.kind.extension()));
    std::fs::write(&path, &case.bytes).map_err(|error| Error::io(&path, &error))?;
    Ok(path)
}
