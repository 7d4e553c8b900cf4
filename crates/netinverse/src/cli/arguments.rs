//! Every command and option, defined once: help, manual and completions come from here.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::build::arguments::BuildOptions;
use super::check::CheckOptions;
use super::explain::arguments::ExplainOptions;
use super::invert::arguments::InvertOptions;
use super::preimage::arguments::PreimageOptions;
use super::train::arguments::TrainOptions;
use super::verify::{SupportsOptions, VerifyOptions};

/// The inverse of a neural network: at a point, as a set, as a network
#[derive(Debug, Parser)]
#[command(name = "netinverse", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 answered as asked, 1 the answer is no, 2 bad input, 3 not settled within the limits."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Show errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Show more; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The inverse of a digit classifier, end to end, with pictures
    Demo(DemoOptions),
    /// What a network takes, gives and is made of, and what of it is supported
    Inspect(InspectOptions),
    /// Is there an inverse, why not, and where does the information go?
    Explain(Box<ExplainOptions>),
    /// Inputs for outputs: values, intervals, classes, conditions; nearest, and all the different ones
    Invert(Box<InvertOptions>),
    /// The inverse as a network: exact where every operator is a bijection, else a section with what is lost marked
    Build(Box<BuildOptions>),
    /// The whole set of inputs with such outputs, proved from both sides
    Preimage(Box<PreimageOptions>),
    /// Whether some input satisfies a VNN-LIB query: an input that does, or the proof that there is none
    Verify(VerifyOptions),
    /// Whether an answer is true: every claim derived anew, independently
    Check(CheckOptions),
    /// What `verify` can do, in the words of the VNN-LIB standard
    Supports(SupportsOptions),
    /// Train a network that has an inverse, or an inverse of a network
    Train(Box<TrainOptions>),
    /// Fetch data
    Data(DataOptions),
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// What a computation may use.
#[derive(Debug, Args)]
pub(crate) struct Limits {
    /// The seed of everything random
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,
    /// Use at most this many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Stop after this many seconds with what there is
    #[arg(long, visible_alias = "timeout", value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) time_limit: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// A folder with the four MNIST files; without it, digits that netinverse draws itself
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Where the report goes; report.json and the two networks go beside it
    #[arg(short, long, value_name = "REPORT.html", default_value = "netinverse-demo/report.html")]
    pub(crate) output: PathBuf,
    /// Show the report in the browser
    #[arg(long)]
    pub(crate) open: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Args)]
pub(crate) struct InspectOptions {
    /// The network, an ONNX file
    pub(crate) model: PathBuf,
    /// Another value of the graph as the output; may be given several times
    #[arg(long = "output", value_name = "NAME")]
    pub(crate) outputs: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct DataOptions {
    #[command(subcommand)]
    pub(crate) set: DataSet,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataSet {
    /// Fetch the MNIST digits, check them, and print the folder they are in
    Mnist {
        /// Fetch from here first; may be given several times
        #[arg(long = "mirror", value_name = "URL")]
        mirrors: Vec<String>,
        /// Keep them in this folder [default: the user's cache]
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is expected".to_string())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "a number of seconds, not negative, is expected".to_string())
}
