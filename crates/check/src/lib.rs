//! The independent checker: is an answer true of a model and a question?
//!
//! [`check`] reads an answer, the model and, where it is given, the question, and derives every claim of the answer anew. It uses
//! the ONNX reader and nothing else of netinverse: its bounds, volumes and readers of questions are its own. The verdict is
//! [`Verdict::Confirmed`] only if every claim was; docs/checker.md says what that rests on.
//!
//! | folder | what |
//! |---|---|
//! | `kernel` | what is trusted: arithmetic, bounds, volumes, proofs |
//! | `model` | what the operators mean |
//! | `question` | VNN-LIB, conditions |
//! | `preimage` | the claims of a `.preimage` file |
//! | `regions` | the claims of an exact preimage |
//! | `verify` | the claims of a proof of `netinverse verify` |
//! | `distance` | the claims of `netinverse invert --certify` |
//! | `search` | what is tried: no result depends on it for its truth |

mod distance;
mod kernel;
mod model;
mod preimage;
mod question;
mod regions;
mod report;
mod search;
mod verify;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use sha2::{Digest as _, Sha256};

pub use report::{Checked, Failure, Report, Trouble, TroubleKind, Verdict};

use question::Asked;
use report::Outcome;

/// What to check, and against what.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The answer: a `.preimage` file, or the proof that `netinverse verify -o` writes.
    pub answer: PathBuf,
    /// The ONNX file.
    pub model: PathBuf,
    /// The question as a VNN-LIB file.
    pub specification: Option<PathBuf>,
    /// A condition beside it, or alone.
    pub condition: Option<String>,
    /// Bounds of the inputs beside those of the specification: one pair for all, or one an input.
    pub bounds: Option<Vec<[f64; 2]>>,
    /// The check ends soon after someone sets this.
    pub stop: Option<Arc<AtomicBool>>,
}

/// Checks an answer.
///
/// # Errors
/// Files that cannot be read or are no answer, no model, no question. A false answer is no error.
pub fn check(options: &Options) -> Result<Report, Trouble> {
    let answer = read(&options.answer)?;
    let model =
        netinverse_onnx::Model::read(&options.model).map_err(|error| Trouble::input(error.to_string()))?;
    let io = |error| Trouble::input(format!("{}: {error}", options.model.display()));
    let bytes = std::fs::read(&options.model).map_err(io)?;
    check_read(&answer, model, &bytes, options)
}

/// Checks an answer that was read, against a model that was read, with the bytes of its file: answers name a model by the hash of
/// its own file. The paths in `options` are what the report calls them; only the question is read here.
///
/// # Errors
/// As [`check`].
pub fn check_read(
    answer: &str,
    model: netinverse_onnx::Model,
    bytes: &[u8],
    options: &Options,
) -> Result<Report, Trouble> {
    let start = Instant::now();
    let sha256 = sha256(bytes);
    let given = match &options.specification {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let stated =
        (given.is_some() || options.condition.is_some() || options.bounds.is_some()).then(|| Asked {
            specification: given,
            condition: options.condition.clone(),
            bounds: options.bounds.clone(),
            ..Asked::default()
        });
    let context = Context { model, sha256, stated, stop: options.stop.clone() };
    let mut report = Report::new(&options.answer, &options.model, &context.sha256);
    let first = answer.lines().next().unwrap_or("");
    // A file of lines, or one object over several.
    let schema: serde_json::Value = serde_json::from_str(first)
        .or_else(|error| serde_json::from_str(answer).map_err(|_| error))
        .map_err(|error| Trouble::input(format!("{}: line 1: {error}", options.answer.display())))?;
    report.schema = schema.get("schema").and_then(|s| s.as_str()).unwrap_or("").to_string();
    let outcome = match report.schema.as_str() {
        preimage::SCHEMA => preimage::check(answer, &context, &mut report),
        regions::SCHEMA => regions::check(answer, &context, &mut report),
        distance::SCHEMA => distance::check(answer, &context, &mut report),
        verify::SCHEMA => verify::check(answer, &context, &mut report),
        "netinverse.verify/1" => {
            let why = "proofs of version 1 do not hold what a checker needs: make it again with this version";
            Err(Trouble::not_checkable(why).into())
        }
        other => {
            Err(Trouble::not_checkable(format!("answers of the schema `{other}` are not covered")).into())
        }
    };
    match outcome {
        Ok(()) => report.verdict = Verdict::Confirmed,
        Err(Outcome::Refused(failure)) => {
            report.verdict = Verdict::Refused;
            report.first_failure = Some(failure);
        }
        Err(Outcome::Trouble(trouble)) if trouble.kind() == TroubleKind::NotCheckable => {
            report.verdict = Verdict::NotCheckable;
            report.why = Some(trouble.message().to_string());
        }
        Err(Outcome::Trouble(trouble)) => return Err(trouble),
    }
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// What an answer is checked against.
#[derive(Debug)]
struct Context {
    model: netinverse_onnx::Model,
    sha256: String,
    /// The question as the user states it.
    stated: Option<Asked>,
    /// Set by someone who wants the end.
    stop: Option<Arc<AtomicBool>>,
}

fn read(path: &Path) -> Result<String, Trouble> {
    let bytes =
        std::fs::read(path).map_err(|error| Trouble::input(format!("{}: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|_| Trouble::input(format!("{}: not a text file", path.display())))
}

fn sha256(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("four bits");
    Sha256::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
