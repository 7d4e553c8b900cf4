//! The node tests of the onnx package: every operator that is read, against the standard's own numbers.

mod case;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use netinverse_base::{Error, Result};
use netinverse_network::import::{CLASSICAL_OPERATORS, SUPPORTED_OPERATORS};
use serde::Deserialize;

use crate::verdict::Verdict;
use case::{Case, Outcome};

/// The script, from the root of the repository.
const SCRIPT: &str = "tools/node_tests.py";

/// The largest share of the tests that may be refused.
const MOST_REFUSED: f64 = 0.03;

/// Operators of which one use is read, the assignment of elements that exported flows make: their refused cases are listed,
/// and do not count in the share.
const IN_PART: [&str; 2] = ["ScatterElements", "ScatterND"];

#[derive(Args, Default)]
pub(crate) struct Options {
    /// A Python that has onnx and numpy; python3 where this is not given.
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Write the list of operators there.
    #[arg(long, value_name = "FILE")]
    docs: Option<PathBuf>,
    /// Only the tests whose names contain this, each with what came of it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    onnx: String,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    name: String,
    rtol: f64,
    atol: f64,
}

/// What became of the tests of one operator.
#[derive(Default)]
pub(crate) struct Tally {
    /// Passed with a value computed by the network, and folded from constants.
    pub(crate) computed: usize,
    pub(crate) folded: usize,
    /// Refused, by name and why.
    pub(crate) refused: Vec<(String, String)>,
    pub(crate) failed: Vec<(String, String)>,
}

pub(crate) fn run(options: &Options) -> Result<Verdict> {
    let folder = tempfile::tempdir().map_err(|error| Error::io(Path::new("a temporary folder"), &error))?;
    let program = options.python.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let probe = Command::new(&program)
        .args(["-c", "import numpy, onnx.backend.test.case.node"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("node tests: NOT RUN, `{}` cannot import numpy and onnx", program.display());
        // Asked for by name it must work; otherwise there is nothing to judge.
        return Ok(Verdict::of(options.python.is_none()));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(SCRIPT);
    let status = Command::new(&program).arg(&script).arg(folder.path()).stderr(Stdio::null()).status();
    if !status.map_err(|error| Error::io(&program, &error))?.success() {
        return Err(Error::input(format!("{SCRIPT} failed")));
    }
    let path = folder.path().join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, &error))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| Error::input(format!("the list of tests: {error}")))?;

    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut expanded, mut expanded_passed, mut unknown) = (0, 0, 0);
    for test in &manifest.tests {
        if options.only.as_ref().is_some_and(|only| !test.name.contains(only.as_str())) {
            continue;
        }
        let case = Case::read(folder.path(), &test.name)?;
        let Some(operator) = operator(&case) else {
            unknown += 1;
            continue;
        };
        let outcome = case.run(test.rtol, test.atol);
        if options.only.is_some() {
            println!("{}: {outcome:?}", test.name);
        }
        if case.model.graph.nodes.len() > 1 {
            // An operator written as others: of interest where all of them are read.
            expanded += 1;
            expanded_passed += usize::from(matches!(outcome, Outcome::Passed { .. }));
            if let Outcome::Failed(why) = outcome {
                tallies.entry("(expanded)".into()).or_default().failed.push((test.name.clone(), why));
            }
            continue;
        }
        let tally = tallies.entry(operator).or_default();
        match outcome {
            Outcome::Passed { folded: false } => tally.computed += 1,
            Outcome::Passed { folded: true } => tally.folded += 1,
            Outcome::Refused(why) => tally.refused.push((test.name.clone(), why)),
            Outcome::Failed(why) => tally.failed.push((test.name.clone(), why)),
        }
    }
    let verdict = summary(&tallies, unknown, expanded, expanded_passed);
    if let Some(path) = &options.docs {
        page::write(path, &tallies, &manifest.onnx)?;
    }
    Ok(verdict)
}

/// The operator that a case is a test of, if it is read: the only one, or, of an expanded case, its name.
fn operator(case: &Case) -> Option<String> {
    let known = |node: &netinverse_onnx::Node| match node.domain.as_str() {
        "" => SUPPORTED_OPERATORS.iter().any(|operator| operator.name == node.op_type),
        _ => CLASSICAL_OPERATORS.iter().any(|operator| operator.name == node.op_type),
    };
    let nodes = &case.model.graph.nodes;
    nodes.iter().all(known).then(|| nodes.first().map(|node| node.op_type.clone())).flatten()
}

fn summary(tallies: &BTreeMap<String, Tally>, unknown: usize, expanded: usize, passed: usize) -> Verdict {
    let count = |f: fn(&Tally) -> usize| tallies.values().map(f).sum::<usize>();
    let (computed, folded) = (count(|tally| tally.computed), count(|tally| tally.folded));
    let (refused, failed) = (count(|tally| tally.refused.len()), count(|tally| tally.failed.len()));
    for (operator, tally) in tallies {
        for (name, why) in &tally.refused {
            println!("refused  {operator:20} {name}: {why}");
        }
        for (name, why) in &tally.failed {
            println!("FAILED   {operator:20} {name}: {why}");
        }
    }
    let all = computed + folded + refused + failed;
    let in_part: usize = tallies
        .iter()
        .filter(|(name, _)| IN_PART.contains(&name.as_str()))
        .map(|(_, tally)| tally.refused.len())
        .sum();
    let share = (refused - in_part) as f64 / (all - in_part).max(1) as f64;
    println!(
        "node tests of {} operators: {all}, of which {computed} passed computing and {folded} folding, {refused} refused \
         ({in_part} of them reductions of assignments; of the others {:.1} %, at most {:.0} %), {failed} failed",
        tallies.len(),
        100.0 * share,
        100.0 * MOST_REFUSED
    );
    println!(
        "operators written as others: {passed} of {expanded} passed; {unknown} tests are of operators that are not read"
    );
    Verdict::of(failed == 0 && share <= MOST_REFUSED && all > 0)
}
