//! The proof file as it is written (docs/format-verify.md).

use serde::Deserialize;

use crate::Trouble;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    #[allow(dead_code, reason = "read before")]
    pub(super) schema: String,
    #[allow(dead_code, reason = "no claim")]
    pub(super) version: String,
    pub(super) query: Query,
    pub(super) model: Model,
    pub(super) verdict: Verdict,
    #[allow(dead_code, reason = "no claim")]
    pub(super) boxes: u64,
    #[serde(default)]
    pub(super) x: Option<Vec<String>>,
    #[serde(default)]
    pub(super) y: Option<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    #[allow(dead_code, reason = "no claim")]
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    #[allow(dead_code, reason = "no claim")]
    pub(super) path: String,
    pub(super) sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Sat,
    Unsat,
    Unknown,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegionLine {
    region: usize,
    lower: Vec<f64>,
    upper: Vec<f64>,
    rows: Vec<RowText>,
    disjuncts: Vec<Vec<u32>>,
    boxes: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowText {
    #[allow(dead_code, reason = "for people")]
    pub(super) text: String,
    pub(super) outputs: Vec<f64>,
    pub(super) inputs: Vec<f64>,
    pub(super) outer: f64,
    pub(super) strict: bool,
}

/// A box of the tree.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Node {
    #[serde(default)]
    pub(super) out: Vec<Out>,
    #[serde(default)]
    pub(super) cut: Vec<Cut>,
    #[serde(default)]
    pub(super) exact: bool,
    #[serde(default)]
    pub(super) split: Option<Split>,
    #[serde(skip)]
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Out {
    pub(super) disjunct: u32,
    pub(super) rows: Vec<(u32, f64)>,
    #[serde(default)]
    pub(super) leaves: Vec<Leaf>,
}

/// Signs of ReLUs by slot, slopes that differ from the rule's in parts of 256, multipliers of the signs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Leaf {
    pub(super) signs: Vec<(usize, bool)>,
    pub(super) alpha: Vec<(usize, u32)>,
    pub(super) beta: Vec<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cut {
    pub(super) input: usize,
    pub(super) at: f64,
    pub(super) low: bool,
    pub(super) rows: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Split {
    pub(super) input: usize,
    pub(super) at: f64,
    pub(super) first: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignsLine {
    signs: u32,
    rows: Vec<(u32, f64)>,
    nodes: usize,
}

/// A node of a tree of signs.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum SignNode {
    Leaf(Leaf),
    Split(SignSplit),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignSplit {
    pub(super) neuron: usize,
    pub(super) first: usize,
    pub(super) positive: bool,
}

#[derive(Debug)]
pub(super) struct SignTree {
    pub(super) line: usize,
    pub(super) disjunct: u32,
    pub(super) rows: Vec<(u32, f64)>,
    pub(super) nodes: Vec<SignNode>,
}

#[derive(Debug)]
pub(super) struct Region {
    pub(super) line: usize,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) rows: Vec<RowText>,
    pub(super) disjuncts: Vec<Vec<u32>>,
    pub(super) nodes: Vec<Node>,
    pub(super) trees: Vec<SignTree>,
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<(Head, Vec<Region>), Trouble> {
    let at = |line: usize, error: String| Trouble::input(format!("line {line}: {error}"));
    let cut = || Trouble::input("the file ends before its last line: it was cut short");
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
    let (_, first) = lines.next().ok_or_else(cut)?;
    let head: Head = serde_json::from_str(first).map_err(|error| at(1, error.to_string()))?;
    let mut regions: Vec<Region> = Vec::new();
    while let Some((line, text)) = lines.next() {
        let own: RegionLine = serde_json::from_str(text).map_err(|error| at(line, error.to_string()))?;
        if own.region != regions.len() {
            return Err(at(
                line,
                format!("region {} is expected, this is region {}", regions.len(), own.region),
            ));
        }
        let mut region = Region {
            line,
            lower: own.lower,
            upper: own.upper,
            rows: own.rows,
            disjuncts: own.disjuncts,
            nodes: Vec::new(),
            trees: Vec::new(),
        };
        for _ in 0..own.boxes {
            let (line, text) = lines.next().ok_or_else(cut)?;
            let mut node: Node = serde_json::from_str(text).map_err(|error| at(line, error.to_string()))?;
            node.line = line;
            region.nodes.push(node);
        }
        while let Some((line, text)) = lines.next_if(|(_, text)| text.starts_with("{\"nodes\"")) {
            let own: SignsLine = serde_json::from_str(text).map_err(|error| at(line, error.to_string()))?;
            let mut tree = SignTree { line, disjunct: own.signs, rows: own.rows, nodes: Vec::new() };
            for _ in 0..own.nodes {
                let (line, text) = lines.next().ok_or_else(cut)?;
                tree.nodes.push(serde_json::from_str(text).map_err(|error| at(line, error.to_string()))?);
            }
            region.trees.push(tree);
        }
        regions.push(region);
    }
    Ok((head, regions))
}
