//! The proofs of certified distances as lines: `docs/format-distance.md`.

use serde_json::json;

use crate::{Model, Query};

/// What the proofs of all rows share.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The network.
    pub model: &'a Model,
    /// The value of the graph that is the output; `None`: the graph's own.
    pub output: Option<&'a str>,
    /// `l1`, `l2` or `linf`.
    pub norm: &'a str,
    /// A positive number for each input; `None`: all 1.
    pub weights: Option<&'a [f64]>,
}

/// Gives every line of the proof file to `each`: a head, then of every row with a proof its line and its cases.
///
/// # Errors
/// What `each` fails with.
pub fn proof_lines<E>(
    measured: &Measured<'_>,
    queries: &[Query],
    each: &mut dyn FnMut(&str) -> Result<(), E>,
) -> Result<(), E> {
    let (proved, unproved): (Vec<&Query>, Vec<&Query>) =
        queries.iter().partition(|query| query.proof.is_some());
    let head = json!({
        "schema": "netinverse.distance/1",
        "version": env!("CARGO_PKG_VERSION"),
        "model": {"path": measured.model.path, "sha256": measured.model.sha256},
        "output": measured.output,
        "norm": measured.norm,
        "weights": measured.weights,
        "rows": proved.len(),
        "unproved": unproved.iter().map(|query| query.row).collect::<Vec<_>>(),
    });
    each(&head.to_string())?;
    for query in proved {
        let Some(proof) = &query.proof else { continue };
        let answer = query.answers.first();
        let row = json!({
            "row": query.row,
            "near": proof.near,
            "bound": proof.bound,
            "x": answer.map(|answer| &answer.x),
            "distance": answer.map(|answer| answer.distance),
            "cases": proof.cases,
        });
        each(&row.to_string())?;
        proof.lines.iter().try_for_each(|line| each(line))?;
    }
    Ok(())
}
