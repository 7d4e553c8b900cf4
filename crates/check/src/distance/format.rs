//! The proof file of `invert --certify --proof` (docs/format-distance.md).

use serde::Deserialize;

use crate::Trouble;
use crate::verify::format::{Lines, Region};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    #[allow(dead_code, reason = "read before")]
    pub(super) schema: String,
    #[allow(dead_code, reason = "no claim")]
    pub(super) version: String,
    pub(super) model: Model,
    /// The value of the graph that is the output; none: the graph's own.
    pub(super) output: Option<String>,
    pub(super) norm: String,
    pub(super) weights: Option<Vec<f64>>,
    /// How many rows follow, and the rows of which nothing in the file is a proof.
    pub(super) rows: usize,
    pub(super) unproved: Vec<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    #[allow(dead_code, reason = "no claim")]
    pub(super) path: String,
    pub(super) sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowLine {
    pub(super) row: usize,
    pub(super) near: Vec<f64>,
    /// The proved bound; none: there is no such input at all.
    pub(super) bound: Option<f64>,
    pub(super) x: Option<Vec<f64>>,
    pub(super) distance: Option<f64>,
    pub(super) cases: usize,
}

/// The box of a case; an end that is null is infinite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseLine {
    #[allow(dead_code, reason = "the order says it")]
    pub(super) case: usize,
    pub(super) lower: Vec<Option<f64>>,
    pub(super) upper: Vec<Option<f64>>,
}

/// A row asked, with its cases and their trees.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) line: usize,
    pub(super) said: RowLine,
    pub(super) cases: Vec<CaseLine>,
    pub(super) regions: Vec<Region>,
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<(Head, Vec<Claimed>), Trouble> {
    let mut lines = Lines::new(text);
    let (_, head) = lines.next::<Head>()?;
    let mut rows = Vec::new();
    for _ in 0..head.rows {
        let (line, said) = lines.next::<RowLine>()?;
        let mut own = Claimed { line, said, cases: Vec::new(), regions: Vec::new() };
        for case in 0..own.said.cases {
            own.cases.push(lines.next()?.1);
            let cut = || Trouble::input("the file ends before its last line: it was cut short");
            own.regions.push(lines.region(case)?.ok_or_else(cut)?);
        }
        rows.push(own);
    }
    if lines.next_if::<serde_json::Value>(|_| true)?.is_some() {
        return Err(Trouble::input("the file goes on after its last row"));
    }
    Ok((head, rows))
}
