//! The options of `netinverse preimage`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::arguments::{Format, Limits};

/// What `netinverse preimage` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Every volume that is printed is proved: V_lo <= volume of {x in the box : f(x) is as asked} <= V_hi.
The answer goes to the file of -o: .preimage (everything; can be resumed, merged, sampled, drawn), .json, .svg, .png, .html (a report).
With --exact it is the whole preimage of a piecewise-linear network: polytopes of every dimension, none missing.
Exit status: 0 the goal is reached, 1 proved empty, 2 bad input, 3 stopped before the goal."
)]
pub(crate) struct PreimageOptions {
    #[command(subcommand)]
    pub(crate) using: Option<Using>,
    /// The network, an ONNX file
    #[arg(required_unless_present = "merge")]
    pub(crate) model: Option<PathBuf>,
    /// A VNN-LIB file (1.0 or 2.0): bounds of the inputs, and what the outputs must satisfy
    #[arg(long, value_name = "FILE", help_heading = "Question")]
    pub(crate) spec: Option<PathBuf>,
    /// A condition on outputs and inputs, such as "y0 >= y1 && x2 <= 0.5"
    #[arg(long = "where", value_name = "CONDITION", help_heading = "Question")]
    pub(crate) condition: Option<String>,
    /// This output must be the largest; a tie counts, unless a margin is asked for
    #[arg(long, value_name = "K", conflicts_with = "condition", help_heading = "Question")]
    pub(crate) class: Option<usize>,
    /// By how much the class must exceed every other output
    #[arg(
        long,
        value_name = "M",
        requires = "class",
        allow_negative_numbers = true,
        help_heading = "Question"
    )]
    pub(crate) margin: Option<f64>,
    /// Rows lo,hi: an interval for every output, or one for all
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, conflicts_with_all = ["condition", "class"], help_heading = "Question")]
    pub(crate) within: Option<String>,
    /// Outputs exactly: all inputs with these outputs, as points and polytopes (implies --exact)
    #[arg(long, value_name = "Y", allow_hyphen_values = true, conflicts_with_all = ["condition", "class", "within"], help_heading = "Question")]
    pub(crate) target: Option<String>,
    /// Rows lo,hi: the box of the inputs, or one pair for all
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Question")]
    pub(crate) bounds: Option<String>,
    /// An intermediate value of the graph as the output
    #[arg(long, value_name = "NAME", help_heading = "Question")]
    pub(crate) output: Option<String>,

    /// Stop when V_lo >= C V_hi, and compact the inner set [default: 0.9, unless another goal is given]; 1 is --exact where the network is piecewise linear
    #[arg(long, value_name = "C", value_parser = share, help_heading = "Goal")]
    pub(crate) coverage: Option<f64>,
    /// Stop when V_hi <= R V_lo, and compact the outer set
    #[arg(long, value_name = "R", value_parser = ratio, help_heading = "Goal")]
    pub(crate) over: Option<f64>,
    /// Exactly, linear region by linear region: for piecewise-linear networks with few free inputs
    #[arg(long, conflicts_with_all = ["over", "max_pieces", "min_width", "resume", "shard", "merge"], help_heading = "Goal")]
    pub(crate) exact: bool,
    /// All linear regions of the box with their affine maps, and where the determinant changes its sign (implies --exact)
    #[arg(long, conflicts_with_all = ["over", "max_pieces", "min_width", "resume", "shard", "merge"], help_heading = "Goal")]
    pub(crate) regions: bool,
    /// No more polytopes than this
    #[arg(long, value_name = "N", help_heading = "Goal")]
    pub(crate) max_pieces: Option<usize>,
    /// Keep every cell (with --exact: every part of a linear region) as a piece of its own
    #[arg(long, conflicts_with = "max_pieces", help_heading = "Goal")]
    pub(crate) no_compact: bool,
    /// Do not bisect sides that are no longer than this; stop when none is left
    #[arg(long, value_name = "W", value_parser = width, help_heading = "Goal")]
    pub(crate) min_width: Option<f64>,

    /// Where the answer goes: .preimage .json .svg .png, a report .html
    #[arg(short = 'o', long = "save", value_name = "FILE", help_heading = "Answer")]
    pub(crate) file: Option<PathBuf>,
    /// Go on from this answer
    #[arg(long, value_name = "FILE.preimage", help_heading = "Answer")]
    pub(crate) resume: Option<PathBuf>,
    /// Pave only part I of N, counted from 1
    #[arg(long, value_name = "I/N", conflicts_with = "resume", help_heading = "Answer")]
    pub(crate) shard: Option<String>,
    /// Put the answers of shards together
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["model", "resume", "shard", "spec"], help_heading = "Answer")]
    pub(crate) merge: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Answer")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// What can be done with an answer.
#[derive(Debug, Subcommand)]
pub(crate) enum Using {
    /// Is a point in the preimage: yes (proved), no (proved), or unknown
    Contains {
        /// A .preimage file
        answer: PathBuf,
        /// Rows of n numbers
        #[arg(allow_hyphen_values = true)]
        points: String,
    },
    /// Draw points uniformly from the inner set
    Sample {
        /// A .preimage file
        answer: PathBuf,
        /// How many
        #[arg(short, long, default_value_t = 10)]
        count: usize,
        /// The seed
        #[arg(long, default_value_t = 0, value_name = "N")]
        seed: u64,
        /// Where the points go: .csv .npy .npz [default: printed as CSV]
        #[arg(short = 'o', long = "save", value_name = "FILE")]
        file: Option<String>,
    },
    /// The proved input that is nearest to a point
    Nearest {
        /// A .preimage file
        answer: PathBuf,
        /// Rows of n numbers
        #[arg(allow_hyphen_values = true)]
        points: String,
        /// What is near
        #[arg(long, value_enum, default_value_t = NearNorm::L2)]
        norm: NearNorm,
    },
    /// Draw two inputs of an answer: a slice, or the shadow of its pieces
    Picture {
        /// A .preimage file
        answer: PathBuf,
        /// The input to the right and the input upwards
        #[arg(long, value_name = "I,J", default_value = "0,1")]
        axes: String,
        /// The other inputs' values, n numbers [default: the middle of the box]
        #[arg(long, value_name = "POINT", allow_hyphen_values = true, conflicts_with = "project")]
        at: Option<String>,
        /// The shadow of the inner pieces instead of a slice
        #[arg(long)]
        project: bool,
        /// .svg, .html with the report around it, or .png for a slice
        #[arg(short = 'o', long = "save", value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NearNorm {
    /// Euclidean
    L2,
    /// Sum of the deviations
    L1,
    /// The largest deviation
    Linf,
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(|| "a number is expected".to_string())
}

fn share(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    if 0.0 < share && share <= 1.0 { Ok(share) } else { Err("a share between 0 and 1 is expected".into()) }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = number(text)?;
    if ratio >= 1.0 { Ok(ratio) } else { Err("a ratio of at least 1 is expected".into()) }
}

fn width(text: &str) -> Result<f64, String> {
    let width = number(text)?;
    if width >= 0.0 { Ok(width) } else { Err("a width that is not negative is expected".into()) }
}
