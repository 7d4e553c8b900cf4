//! The proof of certified distances in a file: `docs/format-distance.md`.

use std::io::Write as _;
use std::path::Path;

use netinverse_answer::{Model, Query};
use netinverse_base::{Error, Result};
use netinverse_data::files::write_atomically;
use netinverse_invert::question::{NormName, Problem};
use serde_json::json;

/// Writes the proofs of all rows, which are taken from them.
pub(super) fn write(
    path: &Path,
    model: &Model,
    output: Option<&str>,
    problem: &Problem,
    queries: &mut [Query],
) -> Result<()> {
    let (proved, unproved): (Vec<&mut Query>, Vec<&mut Query>) =
        queries.iter_mut().partition(|query| query.proof.is_some());
    let norm = match problem.norm {
        NormName::L1 => "l1",
        NormName::L2 => "l2",
        NormName::Linf => "linf",
    };
    let head = json!({
        "schema": "netinverse.distance/1",
        "version": env!("CARGO_PKG_VERSION"),
        "model": {"path": model.path, "sha256": model.sha256},
        "output": output,
        "norm": norm,
        "weights": problem.weights,
        "rows": proved.len(),
        "unproved": unproved.iter().map(|query| query.row).collect::<Vec<_>>(),
    });
    write_atomically(path, |file| {
        let mut line = |line: &str| writeln!(file, "{line}").map_err(|error| Error::io(path, &error));
        line(&head.to_string())?;
        for query in proved {
            let Some(proof) = query.proof.take() else { continue };
            let answer = query.answers.first();
            let row = json!({
                "row": query.row,
                "near": proof.near,
                "bound": proof.bound,
                "x": answer.map(|answer| &answer.x),
                "distance": answer.map(|answer| answer.distance),
                "cases": proof.cases,
            });
            line(&row.to_string())?;
            for text in &proof.lines {
                line(text)?;
            }
        }
        Ok(())
    })
}
