//! The options of `netinverse explain`.

use std::path::PathBuf;

use clap::Args;
use netinverse_data::RowRange;

use crate::cli::arguments::{Format, Limits};

/// What `netinverse explain` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Every claim says how it is known: proved (in real arithmetic, for the graph as stored), measured on N rows, or an estimate.
Without --bounds the box is that of the model's file, else that of the data, else [-1, 1] for every input; what is proved is
proved on that box, and the first lines say which it is.
Exit status: 0 done, 2 bad input, 3 stopped by a limit (what there is is printed).")]
pub(crate) struct ExplainOptions {
    /// The network, an ONNX file
    pub(crate) model: PathBuf,
    /// Rows of inputs: what is measured is measured on them
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Question")]
    pub(crate) data: Option<String>,
    /// Take these rows of the data only
    #[arg(long, value_name = "A..B", requires = "data", help_heading = "Question")]
    pub(crate) rows: Option<RowRange>,
    /// The rows' classes, one number a row [default: the largest output]
    #[arg(long, value_name = "FILE", requires = "data", help_heading = "Question")]
    pub(crate) labels: Option<String>,
    /// Each stored number of the data is multiplied by this [default: pixels by 1/255]
    #[arg(long, value_name = "S", help_heading = "Question")]
    pub(crate) scale: Option<f64>,
    /// Rows lo,hi: the box of the inputs, or one pair for all
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Question")]
    pub(crate) bounds: Option<String>,
    /// Look at this input too: what happens around it, and on what ball the network is one-to-one
    #[arg(long, value_name = "POINT", allow_hyphen_values = true, help_heading = "Question")]
    pub(crate) point: Option<String>,
    /// Group the rows that share an output by paths that keep it
    #[arg(long, help_heading = "Question")]
    pub(crate) clusters: bool,
    /// An intermediate value of the graph as the output
    #[arg(long, value_name = "NAME", help_heading = "Question")]
    pub(crate) output: Option<String>,
    /// Where the answer goes: .json .html
    #[arg(short = 'o', long = "save", value_name = "FILE", help_heading = "Answer")]
    pub(crate) file: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Answer")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) limits: Limits,
}
