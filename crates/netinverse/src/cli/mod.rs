//! The command line: arguments to library calls, answers to streams and files.
//!
//! Data goes to standard output, everything else to standard error. Exit status: 0 answered as asked,
//! 1 answered and the answer is no, 2 bad input, 3 not settled within the limits.

mod arguments;
mod build;
mod check;
mod console;
mod data;
mod demo;
mod explain;
mod inspect;
mod invert;
mod output;
mod preimage;
mod train;
mod typed;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use netinverse_base::{Budget, Error, ErrorKind, Result};

use arguments::{Arguments, Verb};
use console::Console;

/// How a command ended, for the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered as asked: status 0.
    Answered,
    /// Answered, and the answer is no, with its proof: status 1.
    Impossible,
    /// Stopped by the user or a limit, partial results kept: status 3.
    Unsettled,
}

const EXAMPLES: &str = "\
netinverse: which inputs of a neural network give this output?

  netinverse demo                        the inverse of a digit classifier, end to end, with pictures
  netinverse inspect MODEL.onnx          what a network takes, gives and is made of
  netinverse train mlp --layers 784,10 --data DIR -o net.onnx
                                         a network to try things on

`netinverse --help` lists every command.
";

/// Runs the command line and gives the exit status.
pub(crate) fn run() -> ExitCode {
    if std::env::args_os().len() <= 1 {
        return finish(output::print(EXAMPLES).map(|()| Outcome::Answered), &Console::new(0));
    }
    // The VNN-LIB standard asks for it beside the commands.
    if std::env::args_os().skip(1).eq(["--name"]) {
        return finish(output::print("netinverse\n").map(|()| Outcome::Answered), &Console::new(0));
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Clap prints help and version to standard output, errors to standard error, and ends errors
            // with status 2.
            let status = error.exit_code();
            return match error.print() {
                Ok(()) => ExitCode::from(u8::try_from(status).unwrap_or(2)),
                Err(_) => ExitCode::SUCCESS,
            };
        }
    };
    let verbosity = i8::try_from(arguments.verbose).unwrap_or(1) - i8::from(arguments.quiet);
    let console = Console::new(verbosity);
    finish(dispatch(&arguments, &console), &console)
}

fn dispatch(arguments: &Arguments, console: &Console) -> Result<Outcome> {
    match &arguments.verb {
        Verb::Demo(options) => demo::run(options, &budget(&options.limits)?, console),
        Verb::Inspect(options) => inspect::run(options, console),
        Verb::Explain(options) => explain::run(options, console),
        Verb::Invert(options) => invert::run(options, console),
        Verb::Build(options) => build::run(options, console),
        Verb::Preimage(options) => preimage::run(options, console),
        Verb::Verify(options) => verify::run(options, console),
        Verb::Check(options) => check::run(options, console),
        Verb::Supports(options) => verify::supports(options),
        Verb::Train(options) => train::run(options, console),
        Verb::Data(options) => data::run(options, console),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "netinverse", &mut script);
            output::print_bytes(&script).map(|()| Outcome::Answered)
        }
        Verb::Man => {
            let mut page = Vec::new();
            output::manual(&mut page).map_err(|error| Error::io("standard output", &error))?;
            output::print_bytes(&page).map(|()| Outcome::Answered)
        }
    }
}

/// The budget that the options give, with Ctrl-C wired to its cancellation, and the pool of threads set up.
fn budget(limits: &arguments::Limits) -> Result<Budget> {
    let mut budget = Budget::default().with_seed(limits.seed);
    if let Some(threads) = limits.threads {
        budget = budget.with_threads(threads);
    }
    if let Some(seconds) = limits.time_limit {
        budget = budget.with_time_limit(seconds);
    }
    // The pool can be set up once a process, which is what a command line does.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(budget.threads()).build_global();
    pool.map_err(|error| Error::input(format!("cannot start {} threads: {error}", budget.threads())))?;
    let cancelled = budget.cancel_flag();
    // The second Ctrl-C ends the process at once; 130 is what shells report for it.
    let handler = move || {
        if cancelled.swap(true, std::sync::atomic::Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Error::input(format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(budget)
}

fn finish(result: Result<Outcome>, console: &Console) -> ExitCode {
    console.clear();
    match result {
        Ok(Outcome::Answered) => ExitCode::SUCCESS,
        Ok(Outcome::Impossible) => ExitCode::from(1),
        Ok(Outcome::Unsettled) => ExitCode::from(3),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            ExitCode::from(if error.kind() == ErrorKind::Interrupted { 3 } else { 2 })
        }
    }
}
