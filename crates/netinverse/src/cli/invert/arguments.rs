//! The options of `netinverse invert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::arguments::Limits;

/// What `netinverse invert` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
FILE is .npy, .npz:KEY, .csv, .png, idx (gzipped or not), or numbers: 0.1,-3 (`;` begins another row).
Targets and references pair by row; a single row is repeated. Inputs and outputs are counted from 0.
Exit status: 0 every row solved, 1 some row proved unreachable, 2 bad input, 3 not found or not settled.")]
pub(crate) struct InvertOptions {
    /// The network, an ONNX file
    pub(crate) model: PathBuf,
    /// An intermediate value of the graph as the output
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub(crate) output: Option<String>,
    /// Rows offset,scale: the network takes (x - offset)/scale
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Network")]
    pub(crate) input_scale: Option<String>,
    /// Rows offset,scale: the network gives (y - offset)/scale
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Network")]
    pub(crate) output_scale: Option<String>,

    #[command(flatten)]
    pub(crate) asked: AskedOptions,
    /// The class must exceed every other by K, in units of the outputs
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "K",
        requires = "class",
        help_heading = "Outputs"
    )]
    pub(crate) margin: Option<f64>,
    /// The class must have this probability
    #[arg(
        long,
        allow_negative_numbers = true,
        value_name = "P",
        requires = "class",
        conflicts_with = "margin",
        help_heading = "Outputs"
    )]
    pub(crate) probability: Option<f64>,
    /// Make this linear form of the outputs as large as possible, such as "y0 - 2*y1"
    #[arg(long, value_name = "FORM", allow_hyphen_values = true, help_heading = "Outputs")]
    pub(crate) maximize: Option<String>,
    /// Make this linear form of the outputs as small as possible
    #[arg(
        long,
        value_name = "FORM",
        allow_hyphen_values = true,
        conflicts_with = "maximize",
        help_heading = "Outputs"
    )]
    pub(crate) minimize: Option<String>,
    /// Stored numbers of targets, references and data are multiplied by this, pixels too [default: pixels by 1/255]
    #[arg(long, allow_negative_numbers = true, value_name = "S", help_heading = "Outputs")]
    pub(crate) scale: Option<f64>,
    /// Take these rows, a..b (b not included)
    #[arg(long, value_name = "A..B", help_heading = "Outputs")]
    pub(crate) rows: Option<String>,

    /// lo,hi for all inputs, or a FILE of rows lo,hi
    #[arg(long, value_name = "LO,HI|FILE", allow_hyphen_values = true, help_heading = "Inputs")]
    pub(crate) bounds: Option<String>,
    /// Answers are near this, a row, a number for all inputs, or FILE [default: the centre of the bounds, 0 without bounds]
    #[arg(long, value_name = "ROW|FILE", allow_hyphen_values = true, help_heading = "Inputs")]
    pub(crate) near: Option<String>,
    /// What near means
    #[arg(long, value_enum, default_value_t = NormOption::L2, help_heading = "Inputs")]
    pub(crate) norm: NormOption,
    /// Weights of the norm, one an input
    #[arg(long, value_name = "ROW|FILE", help_heading = "Inputs")]
    pub(crate) weights: Option<String>,
    /// Keep input I (index or name) at V; several separated by commas, or given several times
    #[arg(long, value_name = "I=V", value_delimiter = ',', help_heading = "Inputs")]
    pub(crate) fix: Vec<String>,
    /// Inputs that are integers, by index or name
    #[arg(long, value_name = "I,…", value_delimiter = ',', help_heading = "Inputs")]
    pub(crate) integer: Vec<String>,
    /// A linear condition on the inputs, such as "x0 + x1 <= 1"; may be given several times
    #[arg(long, value_name = "CONDITION", allow_hyphen_values = true, help_heading = "Inputs")]
    pub(crate) subject_to: Vec<String>,

    /// Plausible answers instead of near ones: gaussian[=K], pca[=K] (of --data), tv, decoder=FILE, autoencoder=FILE [default: none]
    #[arg(long, value_name = "PRIOR", help_heading = "Plausibility")]
    pub(crate) prior: Option<String>,
    /// Rows of inputs: to learn the prior from, to start from, and (every fifth) to judge answers by
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Plausibility")]
    pub(crate) data: Option<String>,

    /// Answers a row
    #[arg(long, value_name = "K", default_value_t = 1, help_heading = "Answers")]
    pub(crate) count: usize,
    /// Draw N samples of all inputs that give the target, uniform in the bounds or under --prior gaussian or pca
    #[arg(long, value_name = "N", conflicts_with_all = ["count", "complete"], help_heading = "Answers")]
    pub(crate) sample: Option<usize>,
    /// All inputs that give the target, where two inputs are free and one output is asked of a piecewise-linear network
    #[arg(long, conflicts_with = "count", help_heading = "Answers")]
    pub(crate) complete: bool,
    /// Answers are this far apart [default: 5 % of the bounds' diagonal]
    #[arg(long, allow_negative_numbers = true, value_name = "D", help_heading = "Answers")]
    pub(crate) separation: Option<f64>,
    /// The largest residual of an answer [default: 1e-10 of the target's magnitude, at least 1e-10]
    #[arg(long, allow_negative_numbers = true, value_name = "T", help_heading = "Answers")]
    pub(crate) tolerance: Option<f64>,
    /// Begin at g(y), for an inverse g of the network in ONNX (`netinverse train inverse`), and take the answer found from
    /// there; the usual search where there is none
    #[arg(
        long,
        value_name = "INVERSE.onnx",
        requires = "target",
        conflicts_with_all = ["count", "sample", "complete"],
        help_heading = "Answers"
    )]
    pub(crate) start: Option<PathBuf>,
    /// Prove how far any answer is at least, and that there is none where none is found; EFFORT 1 is some ten seconds a row [default: 1]
    #[arg(
        long,
        value_name = "EFFORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        conflicts_with_all = ["sample", "complete"],
        help_heading = "Answers"
    )]
    pub(crate) certify: Option<f64>,
    /// Write what proves the bounds and the rows without an answer, lines of JSON for `netinverse check`
    #[arg(
        long,
        value_name = "PROOF.jsonl",
        requires = "certify",
        conflicts_with = "resume",
        help_heading = "Answers"
    )]
    pub(crate) proof: Option<PathBuf>,
    /// Starts of the search for a row at most
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Answers")]
    pub(crate) starts: usize,
    /// How to print
    #[arg(long, value_enum, default_value_t = InvertFormat::Text, help_heading = "Answers")]
    pub(crate) format: InvertFormat,
    /// Write the answer here: .json .jsonl .npz .npy .csv .png, a page .html, and .svg of a complete preimage
    #[arg(short = 'o', long = "out", value_name = "FILE", help_heading = "Answers")]
    pub(crate) file: Option<PathBuf>,
    /// Go on where an earlier run of the same question stopped: its .json or .jsonl
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub(crate) resume: Option<PathBuf>,
    /// Write the question and its options here, in one JSON file
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub(crate) save_problem: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// What is asked of the outputs; at most one of these.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct AskedOptions {
    /// Output values, a row or FILE of rows
    #[arg(long, value_name = "ROW|FILE", allow_hyphen_values = true, help_heading = "Outputs")]
    pub(crate) target: Option<String>,
    /// lo,hi for all outputs, or a FILE of rows lo,hi
    #[arg(long, value_name = "LO,HI|FILE", allow_hyphen_values = true, help_heading = "Outputs")]
    pub(crate) within: Option<String>,
    /// The class: a number, `other` (any but the network's own at --near), or a FILE of one a row
    #[arg(long, value_name = "K|other|FILE", allow_hyphen_values = true, help_heading = "Outputs")]
    pub(crate) class: Option<String>,
    /// A condition on the outputs, such as "y0 >= y1 && y2 in [0.2, 0.4]"
    #[arg(long = "where", value_name = "CONDITION", allow_hyphen_values = true, help_heading = "Outputs")]
    pub(crate) condition: Option<String>,
    /// A VNN-LIB file (1.0 or 2.0): its inputs and outputs
    #[arg(long, value_name = "FILE.vnnlib", help_heading = "Outputs")]
    pub(crate) spec: Option<PathBuf>,
}

/// A norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NormOption {
    /// The sum of the changes
    L1,
    /// The length of the change
    L2,
    /// The largest change
    Linf,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InvertFormat {
    /// For people
    Text,
    /// One object
    Json,
    /// One object a row, each as soon as it is known
    Jsonl,
}
