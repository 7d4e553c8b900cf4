//! `docs/operators.md`: what is read, from which version on, what is refused and why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use netinverse_base::{Error, Result};
use netinverse_network::import::{CLASSICAL_OPERATORS, SUPPORTED_OPERATORS, SupportedOperator, advice};

use super::Tally;

pub(super) fn write(path: &Path, tallies: &BTreeMap<String, Tally>, version: &str) -> Result<()> {
    let mut page = String::new();
    let _ = write!(
        page,
        "# Operators\n\n\
         Written by `cargo run --release -p acceptance -- node-tests --docs docs/operators.md`: do not edit.\n\n\
         ONNX operators that are read, at every version from the one named up to opset 28. *Tests* are the node tests \
         of onnx {version} that compute with float numbers: how many pass with a value that depends on the network's \
         input, how many fold constants, how many are refused (below, with the reason). Every value is compared in \
         float64 and float32.\n\n\
         ## Standard operators\n\n"
    );
    table(&mut page, SUPPORTED_OPERATORS, tallies);
    page.push_str("\n## Classical models (`ai.onnx.ml`)\n\nThe versions are those of that domain.\n\n");
    table(&mut page, CLASSICAL_OPERATORS, tallies);
    page.push_str(
        "\nAn output that chooses is read as what it chooses among: ArgMax and the label of a classifier as the scores, \
         whose largest is then the class to ask for; ZipMap as its tensor. Where there are numbers beside a label, the \
         label is left out. `netinverse inspect` says what was done.\n\n## Tests that are refused\n\n",
    );
    page.push_str("| test | reason |\n|---|---|\n");
    for (name, why) in tallies.values().flat_map(|tally| &tally.refused) {
        let why = why.lines().next().unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(page, "| `{name}` | {why} |");
    }
    page.push_str(
        "\n## What is not read\n\nEvery other operator is refused by name. For these the message says what to do:\n\n\
         | operators | instead |\n|---|---|\n",
    );
    for (names, what) in advice() {
        let _ = writeln!(page, "| {} | {what} |", names.join(", "));
    }
    std::fs::write(path, page).map_err(|error| Error::io(path, &error))
}

fn table(page: &mut String, operators: &[SupportedOperator], tallies: &BTreeMap<String, Tally>) {
    page.push_str(
        "| operator | since | supported | computed | folded | refused |\n|---|---|---|---|---|---|\n",
    );
    for operator in operators {
        let none = Tally::default();
        let tally = tallies.get(operator.name).unwrap_or(&none);
        let note = if operator.note.is_empty() { "all of it" } else { operator.note };
        let _ = writeln!(
            page,
            "| {} | {} | {note} | {} | {} | {} |",
            operator.name,
            operator.since,
            tally.computed,
            tally.folded,
            tally.refused.len()
        );
    }
}
