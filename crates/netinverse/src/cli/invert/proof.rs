//! The proof of certified distances in a file: `docs/format-distance.md`.

use std::io::Write as _;
use std::path::Path;

use netinverse_answer::{Measured, Model, Query, proof_lines};
use netinverse_base::{Error, Result};
use netinverse_data::files::write_atomically;
use netinverse_invert::question::{NormName, Problem};

/// Writes the proofs of all rows.
pub(super) fn write(
    path: &Path,
    model: &Model,
    output: Option<&str>,
    problem: &Problem,
    queries: &[Query],
) -> Result<()> {
    let norm = match problem.norm {
        NormName::L1 => "l1",
        NormName::L2 => "l2",
        NormName::Linf => "linf",
    };
    let measured = Measured { model, output, norm, weights: problem.weights.as_deref() };
    write_atomically(path, |file| {
        proof_lines(&measured, queries, &mut |line| {
            writeln!(file, "{line}").map_err(|error| Error::io(path, &error))
        })
    })
}
