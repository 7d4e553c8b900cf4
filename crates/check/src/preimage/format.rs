//! The `.preimage` file as it is written (docs/preimage-format.md).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::stated::{Asked, Model, RowText, Status};
use crate::Trouble;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[allow(dead_code, reason = "read before")]
    pub(super) schema: String,
    #[allow(dead_code, reason = "no claim")]
    pub(super) version: String,
    pub(super) model: Model,
    pub(super) asked: Asked,
    pub(super) bounds: Vec<[String; 2]>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) shell: f64,
    pub(super) rows: Vec<RowText>,
    pub(super) disjuncts: Vec<Vec<u32>>,
    #[allow(dead_code, reason = "no claim")]
    pub(super) min_width: f64,
    #[serde(default)]
    pub(super) shard: Option<[usize; 2]>,
    pub(super) status: Status,
    #[serde(default)]
    #[allow(dead_code, reason = "no claim")]
    pub(super) stopped_by: Option<String>,
    pub(super) volume: Volume,
    pub(super) coverage: Option<f64>,
    pub(super) pieces: Pieces,
    pub(super) pieces_lower: f64,
    pub(super) pieces_upper: Option<f64>,
    #[allow(dead_code, reason = "no claim")]
    pub(super) boxes: u64,
    pub(super) nodes: usize,
    #[allow(dead_code, reason = "no claim")]
    pub(super) seconds: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) lower: f64,
    pub(super) upper: f64,
    #[serde(rename = "box")]
    pub(super) whole: f64,
    pub(super) dimensions: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pieces {
    pub(super) inner: usize,
    pub(super) outer: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum NodeLine {
    Split(u32, f64),
    In(f64, f64),
    Out(Option<u32>),
    Cut(Cut),
    Elsewhere(#[allow(dead_code, reason = "always true")] bool),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cut {
    pub(super) v: [f64; 2],
    pub(super) r: Vec<u32>,
    #[serde(default)]
    pub(super) d: Vec<u32>,
    #[serde(default)]
    pub(super) s: Option<u32>,
    pub(super) f: Vec<f64>,
}

#[derive(Debug)]
pub(super) enum Kind {
    In([f64; 2]),
    Out(Option<u32>),
    Cut(Cut),
    Elsewhere,
}

/// A leaf, with the box that its path makes.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) line: usize,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) kind: Kind,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) rows: Vec<Vec<f64>>,
    pub(super) volume: [f64; 2],
    #[serde(skip)]
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    sha256: String,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) header: Header,
    pub(super) leaves: Vec<Leaf>,
    pub(super) inner: Vec<Piece>,
    pub(super) outer: Vec<Piece>,
    /// The line that the hash is on, and whether it is that of the lines before it.
    pub(super) end: (usize, bool),
}

/// Reads a file. The leaves tile the header's box: each split cuts a box strictly inside, and every half has its node.
pub(super) fn read(text: &str) -> Result<File, Trouble> {
    let at = |line: usize, what: String| Trouble::input(format!("line {line}: {what}"));
    let cut = || Trouble::input("the file ends before its last line: it was cut short");
    let body = text.strip_suffix('\n').ok_or_else(cut)?;
    let start = body.rfind('\n').map_or(0, |at| at + 1);
    let end: End = serde_json::from_str(&body[start..]).map_err(|_| cut())?;
    let mut lines = text[..start].lines().enumerate().map(|(at, line)| (at + 1, line));
    let (_, first) = lines.next().ok_or_else(cut)?;
    let header: Header = serde_json::from_str(first).map_err(|error| at(1, error.to_string()))?;
    let n = header.lower.len();
    if header.upper.len() != n {
        return Err(at(1, "the corners of the box differ in length".into()));
    }
    let mut leaves = Vec::new();
    let mut open =
        if header.nodes > 0 { vec![(header.lower.clone(), header.upper.clone())] } else { Vec::new() };
    let mut nodes = 0;
    while let Some((lower, upper)) = open.pop() {
        let (line, text) = lines.next().ok_or_else(cut)?;
        nodes += 1;
        let kind =
            match serde_json::from_str(text).map_err(|error| at(line, format!("not a node: {error}")))? {
                NodeLine::Split(input, t) => {
                    let i = input as usize;
                    if i >= n || !(lower[i] < t && t < upper[i]) {
                        return Err(at(line, format!("a split of input {input} at {t} outside its box")));
                    }
                    let (mut below, mut above) = (upper.clone(), lower.clone());
                    (below[i], above[i]) = (t, t);
                    open.push((above, upper));
                    open.push((lower, below));
                    continue;
                }
                NodeLine::In(v, w) => Kind::In([v, w]),
                NodeLine::Out(row) => Kind::Out(row),
                NodeLine::Cut(cut) => Kind::Cut(cut),
                NodeLine::Elsewhere(_) => Kind::Elsewhere,
            };
        leaves.push(Leaf { line, lower, upper, kind });
    }
    if nodes != header.nodes {
        return Err(at(1, format!("the header says {} nodes, there are {nodes}", header.nodes)));
    }
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    let mut last = 1 + nodes;
    for (line, text) in lines {
        last = line;
        let mut pieces: BTreeMap<String, Piece> =
            serde_json::from_str(text).map_err(|error| at(line, format!("not a piece: {error}")))?;
        let (side, mut piece) = pieces.pop_first().ok_or_else(|| at(line, "not a piece".into()))?;
        let list = match side.as_str() {
            "inner" => &mut inner,
            "outer" => &mut outer,
            _ => return Err(at(line, format!("`{side}` is no piece"))),
        };
        let fits =
            piece.lower.len() == n && piece.upper.len() == n && piece.rows.iter().all(|r| r.len() == n + 1);
        if !fits || !pieces.is_empty() {
            return Err(at(line, format!("a piece of another dimension than {n}")));
        }
        piece.line = line;
        list.push(piece);
    }
    let hash = crate::sha256(&text.as_bytes()[..start]) == end.sha256;
    Ok(File { header, leaves, inner, outer, end: (last + 1, hash) })
}
