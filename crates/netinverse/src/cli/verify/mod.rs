//! `netinverse verify` and `netinverse supports`: the verifier's command line of the VNN-LIB 2.0 standard.
//!
//! Standard output has the verdict (`sat`, `unsat`, `unknown`, `timed-out`) and, for `sat`, the assignment; everything else
//! goes to standard error.

mod assignment;
mod networks;
mod proof;

pub(crate) use proof::check_name;

use std::path::PathBuf;

use clap::Args;
use netinverse_base::{Budget, Error, Place, Result, ResultExt, StopReason};
use netinverse_network::import::{OPSETS, SUPPORTED_OPERATORS};
use netinverse_preimage::verify::{Verdict, Verification, Witness, verify};
use netinverse_spec::{Specification, Version};

use super::arguments::Limits;
use super::{Console, Outcome, output};

/// The options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The query, a VNN-LIB file (2.0 or 1.0)
    #[arg(value_name = "QUERY.vnnlib")]
    pub(crate) query: PathBuf,
    /// The ONNX file of a network that the query declares; without a name for VNN-LIB 1.0
    #[arg(long = "network", value_name = "NAME=MODEL.onnx", required = true)]
    pub(crate) networks: Vec<String>,
    /// Write the proof here: the tree of an `unsat`, the witness of a `sat`, as lines of JSON
    #[arg(short = 'o', long = "output", value_name = "PROOF.jsonl")]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// The options of `supports`: each asks for one list.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
#[allow(clippy::struct_excessive_bools, reason = "the flags are the standard's")]
pub(crate) struct SupportsOptions {
    /// The oldest and the newest operator set
    #[arg(long)]
    onnx_opset_versions: bool,
    /// The element types for which verdicts are sound
    #[arg(long)]
    onnx_element_types: bool,
    /// The operators
    #[arg(long)]
    onnx_operators: bool,
    /// The oldest and the newest version of VNN-LIB
    #[arg(long)]
    vnnlib_versions: bool,
    /// Whether queries may speak of hidden tensors
    #[arg(long)]
    hidden_node_theories: bool,
    /// Networks with several inputs or outputs
    #[arg(long, alias = "multiple-inputs-output-theories")]
    multiple_input_output_theories: bool,
    /// Queries about several networks
    #[arg(long)]
    multiple_network_theories: bool,
    /// Comparisons of several elements
    #[arg(long)]
    multiple_node_comparison_theories: bool,
    /// Which arithmetic
    #[arg(long)]
    arithmetic_complexity_theories: bool,
    /// Whether disjunctions are more than multiplied out
    #[arg(long)]
    optimised_disjunctive_reasoning: bool,
    /// Whether assignments can be written as tensor files
    #[arg(long)]
    serialise_assignments: bool,
}

pub(crate) fn run(options: &VerifyOptions, console: &Console) -> Result<Outcome> {
    if let Some(path) = &options.proof {
        check_name(path, "-o")?;
    }
    let budget = super::budget(&options.limits)?;
    let specification = Specification::read(&options.query)?;
    let loaded = networks::load(&options.networks, &specification)?;
    for warning in loaded.network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let declared = specification.network();
    let mut tensors = declared.inputs.iter().chain(&declared.outputs);
    if let Some(tensor) = tensors.find(|tensor| !tensor.element.eq_ignore_ascii_case("real")) {
        let (name, element) = (&tensor.name, &tensor.element);
        console.line(&format!("note: `{name}` is declared {element}; the verdict is about real arithmetic"));
    }
    let answer = verify(&loaded.network, &specification, options.proof.is_some(), &budget, console)
        .at(|| Place::file(&options.query))?;
    console.clear();
    if console.verbose() {
        console.line(&format!("{} boxes", answer.boxes));
    }
    if let Some(path) = &options.proof {
        proof::write(path, &options.query, &loaded, &answer)?;
        console.line(&format!("written: {}", path.display()));
    }
    report(&answer, &loaded, &specification, &budget, console)
}

fn report(
    answer: &Verification,
    loaded: &networks::Loaded,
    specification: &Specification,
    budget: &Budget,
    console: &Console,
) -> Result<Outcome> {
    match &answer.verdict {
        Verdict::Sat(witness) => {
            explain(witness, console);
            let assignment = match specification.version {
                Version::V1 => assignment::scalars(witness),
                Version::V2 { .. } => assignment::tensors(witness, loaded, specification)?,
            };
            output::print(&format!("sat\n{assignment}"))?;
            Ok(Outcome::Answered)
        }
        Verdict::Unsat => output::print("unsat\n").map(|()| Outcome::Answered),
        Verdict::Unknown(why) => {
            console.line(&format!("note: {why}"));
            output::print("unknown\n").map(|()| Outcome::Unsettled)
        }
        Verdict::Stopped(_) => {
            let word = match budget.stop() {
                Some(StopReason::Cancelled) => "unknown\n",
                _ => "timed-out\n",
            };
            output::print(word).map(|()| Outcome::Unsettled)
        }
    }
}

/// How the witness was proved, and what single precision makes of it.
fn explain(witness: &Witness, console: &Console) {
    if console.verbose() {
        let how = if witness.exact { "without rounding" } else { "by outward-rounded intervals" };
        console.line(&format!("the assignment is proved {how}"));
        let single: Vec<String> = witness.y_f32.iter().map(ToString::to_string).collect();
        console.line(&format!("outputs in single precision: {}", single.join(" ")));
    }
    if !witness.f32_holds {
        console.line("note: evaluated in single precision the assignment does not satisfy the query");
    }
}

pub(crate) fn supports(options: &SupportsOptions) -> Result<Outcome> {
    let lines: Vec<String> = if options.onnx_opset_versions {
        vec![OPSETS.start().to_string(), OPSETS.end().to_string()]
    } else if options.onnx_element_types {
        vec!["real".into()]
    } else if options.onnx_operators {
        SUPPORTED_OPERATORS.iter().map(|operator| operator.name.to_string()).collect()
    } else if options.vnnlib_versions {
        vec!["1.0".into(), "2.0".into()]
    } else if options.hidden_node_theories {
        vec!["NH".into()]
    } else if options.multiple_input_output_theories {
        vec!["MIO".into()]
    } else if options.multiple_network_theories {
        vec!["SNET".into()]
    } else if options.multiple_node_comparison_theories {
        vec!["MNC".into()]
    } else if options.arithmetic_complexity_theories {
        vec!["LIN".into()]
    } else if options.optimised_disjunctive_reasoning {
        vec!["true".into()]
    } else if options.serialise_assignments {
        vec!["false".into()]
    } else {
        return Err(Error::input("nothing is asked for").at(Place::Option("supports".into())));
    };
    output::print(&lines.iter().fold(String::new(), |all, line| all + line + "\n"))?;
    Ok(Outcome::Answered)
}
