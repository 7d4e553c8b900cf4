//! The checks too heavy for the test suite, one command each.
//!
//!     cargo run --release -p acceptance -- NAME [ARGS]
//!
//! Each prints its figures and PASS or FAIL; the exit status is 0 or 1 (2 for bad arguments). `README.md`
//! says what each one shows.

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;

use cap::Cap;
use clap::{Parser, Subcommand};
use netinverse_base::Result;

mod box_nearest;
mod check_fuzz;
mod complete_plane;
mod explain;
mod flows;
mod fuzz;
mod networks;
mod node_tests;
mod verdict;
mod zoo;

use verdict::Verdict;

/// Counts the live bytes, and refuses what goes beyond the limit that a check sets.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

#[derive(Parser)]
#[command(
    name = "acceptance",
    about = "Heavy checks of netinverse: each prints its figures and PASS or FAIL"
)]
struct Arguments {
    /// The folder of real networks and digits.
    #[arg(long, global = true, env = "NETINVERSE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    check: Check,
}

#[derive(Subcommand)]
enum Check {
    /// Every network at hand: derivatives against finite differences, values against ONNX Runtime, before and after writing.
    Networks(networks::Options),
    /// Mutated files: an error or a value each time, no panic, no memory over 1 GiB.
    Fuzz(fuzz::Options),
    /// Ten thousand images nearest to the mean with given outputs, in the box, in under a second on one core.
    BoxNearest(box_nearest::Options),
    /// The complete preimages of a ReLU network with two inputs, against a fine grid.
    CompletePlane(complete_plane::Options),
    /// Verdicts of `explain` on a thousand networks of known answer, and certified radii against a search.
    Explain(explain::Options),
    /// Answers changed at random: never a panic, never confirmed where they are false.
    #[command(name = "check-fuzz")]
    Answers(check_fuzz::Options),
    /// Flows and residual blocks from PyTorch's two exporters: their inverses built, and run in ONNX Runtime.
    Flows(flows::Options),
    /// The node tests of the onnx package: every operator that is read, against the standard's own numbers.
    NodeTests(node_tests::Options),
    /// Every check, with its defaults.
    All,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let data = arguments.data.as_deref();
    let result = match arguments.check {
        Check::Networks(options) => networks::run(&options, data),
        Check::Fuzz(options) => fuzz::run(&options, data),
        Check::BoxNearest(options) => box_nearest::run(&options, data),
        Check::CompletePlane(options) => complete_plane::run(&options, data),
        Check::Explain(options) => explain::run(&options),
        Check::Answers(options) => check_fuzz::run(&options),
        Check::Flows(options) => flows::run(&options),
        Check::NodeTests(options) => node_tests::run(&options),
        Check::All => all(data),
    };
    match result {
        Ok(verdict) => {
            println!("{verdict}");
            if verdict == Verdict::Pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            for hint in error.hints() {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(2)
        }
    }
}

fn all(data: Option<&std::path::Path>) -> Result<Verdict> {
    let mut verdict = Verdict::Pass;
    println!("== networks");
    verdict = verdict.and(networks::run(&networks::Options::default(), data)?);
    println!("== fuzz");
    verdict = verdict.and(fuzz::run(&fuzz::Options::default(), data)?);
    println!("== check-fuzz");
    verdict = verdict.and(check_fuzz::run(&check_fuzz::Options::default())?);
    println!("== node-tests");
    verdict = verdict.and(node_tests::run(&node_tests::Options::default())?);
    println!("== flows");
    verdict = verdict.and(flows::run(&flows::Options::default())?);
    println!("== box-nearest");
    verdict = verdict.and(box_nearest::run(&box_nearest::Options::default(), data)?);
    println!("== complete-plane");
    verdict = verdict.and(complete_plane::run(&complete_plane::Options::default(), data)?);
    println!("== explain");
    verdict = verdict.and(explain::run(&explain::Options::default())?);
    Ok(verdict)
}
