//! The options of `netinverse build`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::arguments::{Format, Limits};

/// What `netinverse build` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The inverse takes the network's outputs and gives its inputs, under the same names. Where every operator is a bijection it is
exact; where information is lost it is a section of least norm, and the operator is marked.
FILE is .npy, .npz:KEY, .csv, .png, idx (gzipped or not), or numbers: 0.1,-3 (`;` begins another row).
Exit status: 0 built, 2 bad input or no inverse as a network (with the reason), 3 stopped.")]
pub(crate) struct BuildOptions {
    /// The network, an ONNX file
    pub(crate) model: PathBuf,
    /// Write the inverse here (.onnx), or the report (.json, .html); may be given several times
    #[arg(short = 'o', long = "out", value_name = "INVERSE.onnx")]
    pub(crate) files: Vec<PathBuf>,
    /// Write the report here: .html or .json
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// An output to invert, where the network has several, or a value inside; may be given several times
    #[arg(long = "output", value_name = "NAME", help_heading = "Network")]
    pub(crate) outputs: Vec<String>,
    /// An input that is known beside the outputs (a condition): the inverse takes it too; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub(crate) given: Vec<String>,
    /// The precision in which the inverse is stored and runs [default: the network's own]
    #[arg(long, value_enum, help_heading = "Network")]
    pub(crate) precision: Option<PrecisionOption>,

    /// Measure the round trips at these inputs instead of at quasi-random ones
    #[arg(long, value_name = "ROW|FILE", allow_hyphen_values = true, help_heading = "Round trips")]
    pub(crate) data: Option<String>,
    /// Measure f(g(y)) at these outputs instead of at those of the inputs
    #[arg(long, value_name = "ROW|FILE", allow_hyphen_values = true, help_heading = "Round trips")]
    pub(crate) targets: Option<String>,
    /// Take these rows, a..b (b not included)
    #[arg(long, value_name = "A..B", help_heading = "Round trips")]
    pub(crate) rows: Option<String>,
    /// Stored numbers are multiplied by this, pixels too [default: pixels by 1/255]
    #[arg(long, allow_negative_numbers = true, value_name = "S", help_heading = "Round trips")]
    pub(crate) scale: Option<f64>,
    /// Where quasi-random inputs lie: lo,hi for all inputs, or a FILE of rows lo,hi [default: -1,1, or the file's own bounds]
    #[arg(long, value_name = "LO,HI|FILE", allow_hyphen_values = true, help_heading = "Round trips")]
    pub(crate) bounds: Option<String>,
    /// How many quasi-random inputs
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Round trips")]
    pub(crate) samples: usize,

    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// A precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionOption {
    /// float32
    F32,
    /// float64
    F64,
}
