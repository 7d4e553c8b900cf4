//! `netinverse check`: an answer, confirmed by a program that trusts nobody.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_check::{Options, Report, Verdict, check};
use netinverse_data::{RowsOptions, read_rows};

use super::arguments::Format;
use super::{Console, Outcome, output};

/// The options of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The answer: a .preimage file, or the proof of `verify -o`
    pub(crate) answer: PathBuf,
    /// The network, an ONNX file
    #[arg(long, value_name = "MODEL.onnx")]
    pub(crate) model: PathBuf,
    /// The question that must have been answered, a VNN-LIB file; without a question, the one that the answer states is
    /// confirmed and printed
    #[arg(long, value_name = "QUESTION.vnnlib")]
    pub(crate) spec: Option<PathBuf>,
    /// A condition that the question consists of, alone or beside --spec
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: Option<String>,
    /// Bounds of the inputs that the question has: lo,hi for all, or a file of rows lo,hi
    #[arg(long, value_name = "LO,HI|FILE", allow_hyphen_values = true)]
    pub(crate) bounds: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Use at most this many threads [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

pub(crate) fn run(options: &CheckOptions, console: &Console) -> Result<Outcome> {
    if let Some(threads) = options.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
        pool.map_err(|error| Error::input(format!("cannot start {threads} threads: {error}")))?;
    }
    let bounds = options.bounds.as_deref().map(|spec| {
        let columns = RowsOptions { columns: Some(2), ..RowsOptions::default() };
        let rows = read_rows(spec, &columns).at(|| Place::Option("--bounds".into()))?;
        Ok((0..rows.rows).map(|row| [rows.row(row)[0], rows.row(row)[1]]).collect())
    });
    let report = check(&Options {
        answer: options.answer.clone(),
        model: options.model.clone(),
        specification: options.spec.clone(),
        condition: options.condition.clone(),
        bounds: bounds.transpose()?,
        stop: None,
    })
    .map_err(|trouble| Error::input(trouble.message()))?;
    console.clear();
    output::print(&match options.format {
        Format::Text => text(&report),
        Format::Json => report.json().to_string() + "\n",
    })?;
    Ok(match report.verdict {
        Verdict::Confirmed => Outcome::Answered,
        Verdict::Refused => Outcome::Impossible,
        Verdict::NotCheckable => Outcome::Unsettled,
    })
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    match report.verdict {
        Verdict::Confirmed => {
            lines.push(format!("confirmed: {}", report.claim));
        }
        Verdict::Refused => {
            lines.push("refused".to_string());
            if let Some(failure) = &report.first_failure {
                lines.push(format!("  line {}, {}: {}", failure.line, failure.claim, failure.reason));
            }
        }
        Verdict::NotCheckable => {
            lines.push(format!("not checkable: {}", report.why.as_deref().unwrap_or("")));
        }
    }
    if !report.question.is_empty() {
        lines.push(format!("question: {}", report.question));
    }
    let checked = report.checked;
    lines.push(format!(
        "{} leaves, {} pieces, {} boxes bounded in {:.2} s",
        checked.leaves, checked.pieces, checked.boxes, report.seconds
    ));
    lines.join("\n") + "\n"
}
