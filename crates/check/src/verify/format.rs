//! The proof file as it is written (docs/format-verify.md).

use serde::Deserialize;

use crate::Trouble;
use crate::kernel::Row;

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
pub(crate) struct RowText {
    #[allow(dead_code, reason = "for people")]
    pub(super) text: String,
    pub(super) outputs: Vec<f64>,
    pub(super) inputs: Vec<f64>,
    pub(super) outer: f64,
    pub(super) strict: bool,
}

impl RowText {
    pub(crate) fn row(&self) -> Row {
        Row {
            outputs: self.outputs.clone(),
            inputs: self.inputs.clone(),
            inner: self.outer,
            outer: self.outer,
            strict: self.strict,
        }
    }
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
    /// What is left is beyond the ball.
    #[serde(default)]
    pub(super) far: bool,
    #[serde(default)]
    pub(super) split: Option<Split>,
    #[serde(skip)]
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Out {
    pub(super) disjunct: u32,
    #[serde(default)]
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
pub(crate) struct Region {
    pub(crate) line: usize,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(crate) rows: Vec<RowText>,
    pub(crate) disjuncts: Vec<Vec<u32>>,
    pub(super) nodes: Vec<Node>,
    pub(super) trees: Vec<SignTree>,
}

/// The lines of a file with their numbers, counted from 1.
pub(crate) struct Lines<'a>(std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>);

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Lines(text.lines().enumerate().peekable())
    }

    /// The next line, if there is one that `fits`, as what it says.
    pub(crate) fn next_if<T: serde::de::DeserializeOwned>(
        &mut self,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Option<(usize, T)>, Trouble> {
        let Some((at, text)) = self.0.next_if(|(_, text)| fits(text)) else { return Ok(None) };
        let value = serde_json::from_str(text)
            .map_err(|error| Trouble::input(format!("line {}: {error}", at + 1)))?;
        Ok(Some((at + 1, value)))
    }

    /// The next line, which must be there.
    pub(crate) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<(usize, T), Trouble> {
        let cut = || Trouble::input("the file ends before its last line: it was cut short");
        self.next_if(|_| true)?.ok_or_else(cut)
    }

    /// Region `number`, if a line follows.
    pub(crate) fn region(&mut self, number: usize) -> Result<Option<Region>, Trouble> {
        let Some((line, own)) = self.next_if::<RegionLine>(|_| true)? else { return Ok(None) };
        if own.region != number {
            let said = own.region;
            return Err(Trouble::input(format!(
                "line {line}: region {number} is expected, this is region {said}"
            )));
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
            let (line, node) = self.next::<Node>()?;
            region.nodes.push(Node { line, ..node });
        }
        while let Some((line, own)) = self.next_if::<SignsLine>(|text| text.starts_with("{\"nodes\""))? {
            let mut tree = SignTree { line, disjunct: own.signs, rows: own.rows, nodes: Vec::new() };
            for _ in 0..own.nodes {
                tree.nodes.push(self.next()?.1);
            }
            region.trees.push(tree);
        }
        Ok(Some(region))
    }
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<(Head, Vec<Region>), Trouble> {
    let mut lines = Lines::new(text);
    let (_, head) = lines.next()?;
    let mut regions: Vec<Region> = Vec::new();
    while let Some(region) = lines.region(regions.len())? {
        regions.push(region);
    }
    Ok((head, regions))
}
