//! The `.preimage` file: JSON, one object a line; docs/preimage-format.md says it byte for byte.
//!
//! The header, then the nodes of the tree in preorder (a split, or a leaf), then the pieces, then a last line with the
//! SHA-256 of all bytes before it. A file that was cut short or edited is refused.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt as _};
use netinverse_data::files::write_atomically;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, Header, SCHEMA};
use crate::cell::{Cell, State};
use crate::compact::Piece;
use crate::exact::EXACT_SCHEMA;
use crate::paving::Node;

/// A line of the tree.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum NodeLine {
    /// The input, and where.
    Split(u32, f64),
    /// Every point is in the preimage.
    In(f64, f64),
    /// None is; a row that is false on the whole leaf, where one is.
    Out(Option<u32>),
    Cut(CutLine),
    /// Another shard has it.
    Elsewhere(bool),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CutLine {
    /// Inner and outer volume.
    v: [f64; 2],
    /// Open rows.
    r: Vec<u32>,
    /// Open disjuncts; absent where there is only one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    d: Vec<u32>,
    /// The input to bisect next; absent where none can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<u32>,
    /// For each open row its lower form and that of its negation: slopes, constant.
    f: Vec<f64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PieceLine {
    Inner(PieceText),
    Outer(PieceText),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceText {
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Slopes and constant.
    rows: Vec<Vec<f64>>,
    volume: [f64; 2],
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndLine {
    pub(crate) sha256: String,
}

impl Answer {
    /// Writes the answer under a temporary name and renames it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.text()?;
        write_atomically(path, |file| {
            file.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })
    }

    /// The file's text.
    pub fn text(&self) -> Result<String> {
        let mut text = line(&self.header)?;
        let mut stack: Vec<u32> = if self.nodes.is_empty() { Vec::new() } else { vec![0] };
        while let Some(id) = stack.pop() {
            let node = match &self.nodes[id as usize] {
                Node::Split { input, at, halves } => {
                    stack.extend([halves[1], halves[0]]);
                    NodeLine::Split(*input, *at)
                }
                Node::Elsewhere => NodeLine::Elsewhere(true),
                Node::Leaf(cell) => leaf_line(cell, self.header.disjuncts.len()),
            };
            text.push_str(&line(&node)?);
        }
        let piece_text = |piece: &Piece| PieceText {
            lower: piece.lower.clone(),
            upper: piece.upper.clone(),
            rows: piece.rows.iter().map(|(slopes, c)| [slopes.as_slice(), &[*c]].concat()).collect(),
            volume: [piece.volume.0, piece.volume.1],
        };
        for piece in &self.inner {
            text.push_str(&line(&PieceLine::Inner(piece_text(piece)))?);
        }
        for piece in &self.outer {
            text.push_str(&line(&PieceLine::Outer(piece_text(piece)))?);
        }
        let end = line(&EndLine { sha256: hash(text.as_bytes()) })?;
        text.push_str(&end);
        Ok(text)
    }

    /// Reads an answer; refuses, with line and reason, what was cut short, edited or made by another program.
    pub fn read(path: &Path) -> Result<Answer> {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, &error))?;
        let text =
            String::from_utf8(bytes).map_err(|_| Error::input("not a text file").at(Place::file(path)))?;
        Self::parse(&text).at(|| Place::file(path))
    }

    /// As [`Answer::read`], of the file's text.
    pub fn parse(text: &str) -> Result<Answer> {
        let refused = |number: usize, why: String| Error::input(why).at(Place::Line(number));
        let cut = || {
            Error::input("the file ends before its last line: it was cut short").hint(
                "an interrupted run leaves the last whole answer; make it again, or use the earlier file",
            )
        };
        let body = text.strip_suffix('\n').ok_or_else(cut)?;
        let start = body.rfind('\n').map_or(0, |at| at + 1);
        let end: EndLine = serde_json::from_str(&body[start..]).map_err(|_| cut())?;
        if hash(&text.as_bytes()[..start]) != end.sha256 {
            return Err(Error::input("the file was changed after it was written: its SHA-256 is another"));
        }
        let mut lines = text[..start].lines().enumerate().map(|(at, line)| (at + 1, line));
        let (number, first) = lines.next().ok_or_else(cut)?;
        if first.starts_with(&format!("{{\"schema\":\"{EXACT_SCHEMA}\"")) {
            return Err(refused(number, "an exact answer, where that of a paving is expected".into())
                .hint("exact answers are complete: they are not resumed, sharded or merged"));
        }
        let header: Header = serde_json::from_str(first)
            .map_err(|error| refused(number, format!("not the header of an answer: {error}")))?;
        if header.schema != SCHEMA {
            return Err(refused(number, format!("schema `{}`, `{SCHEMA}` is expected", header.schema)));
        }
        let n = header.lower.len();
        if header.upper.len() != n || header.bounds.len() != n {
            return Err(refused(number, "the corners of the box differ in length".into()));
        }
        let mut reader = TreeReader { header: &header, nodes: Vec::new() };
        let mut open: Vec<Pending> = Vec::new();
        if header.nodes > 0 {
            reader.nodes.push(Node::Elsewhere);
            open.push((0, header.lower.clone().into(), header.upper.clone().into()));
        }
        while let Some((id, lower, upper)) = open.pop() {
            let (number, line) = lines.next().ok_or_else(cut)?;
            let node: NodeLine = serde_json::from_str(line)
                .map_err(|error| refused(number, format!("not a node: {error}")))?;
            reader.node(id, node, lower, upper, &mut open).at(|| Place::Line(number))?;
        }
        let nodes = reader.nodes;
        if nodes.len() != header.nodes {
            return Err(Error::input(format!("{} nodes, the header says {}", nodes.len(), header.nodes)));
        }
        let mut answer = Answer { header, nodes, inner: Vec::new(), outer: Vec::new() };
        for (number, line) in lines {
            let piece: PieceLine = serde_json::from_str(line)
                .map_err(|error| refused(number, format!("not a piece: {error}")))?;
            let (side, text) = match piece {
                PieceLine::Inner(text) => (&mut answer.inner, text),
                PieceLine::Outer(text) => (&mut answer.outer, text),
            };
            if text.lower.len() != n
                || text.upper.len() != n
                || text.rows.iter().any(|row| row.len() != n + 1)
            {
                return Err(refused(number, format!("a piece of another dimension than {n}")));
            }
            side.push(Piece {
                lower: text.lower,
                upper: text.upper,
                rows: text
                    .rows
                    .into_iter()
                    .map(|mut row| {
                        let c = row.pop().unwrap_or(0.0);
                        (row, c)
                    })
                    .collect(),
                volume: (text.volume[0], text.volume[1]),
            });
        }
        Ok(answer)
    }
}

fn leaf_line(cell: &Cell, disjuncts: usize) -> NodeLine {
    match cell.state {
        State::In => NodeLine::In(cell.inner, cell.outer),
        State::Out => NodeLine::Out(cell.open_rows.first().copied()),
        State::Cut => NodeLine::Cut(CutLine {
            v: [cell.inner, cell.outer],
            r: cell.open_rows.to_vec(),
            d: if disjuncts == 1 { Vec::new() } else { cell.open_disjuncts.to_vec() },
            s: (cell.split != Cell::WHOLE).then_some(cell.split),
            f: cell.forms.to_vec(),
        }),
    }
}

struct TreeReader<'a> {
    header: &'a Header,
    nodes: Vec<Node>,
}

type Pending = (u32, Box<[f64]>, Box<[f64]>);

impl TreeReader<'_> {
    fn node(
        &mut self,
        id: u32,
        node: NodeLine,
        lower: Box<[f64]>,
        upper: Box<[f64]>,
        open: &mut Vec<Pending>,
    ) -> Result<()> {
        let (n, rows, disjuncts) = (lower.len(), self.header.rows.len(), self.header.disjuncts.len());
        let known = |ids: &[u32], count: usize, what: &str| match ids.iter().find(|&&i| i as usize >= count) {
            Some(i) => Err(Error::input(format!("{what} {i} does not exist"))),
            None => Ok(()),
        };
        let whole = crate::cell::volume(&lower, &upper);
        let leaf =
            |state, (inner, outer), open_rows: Vec<u32>, open_disjuncts: Vec<u32>, forms: Vec<f64>, split| {
                Node::Leaf(Cell {
                    lower: lower.clone(),
                    upper: upper.clone(),
                    state,
                    inner,
                    outer,
                    open_rows: open_rows.into(),
                    open_disjuncts: open_disjuncts.into(),
                    forms: forms.into(),
                    split,
                })
            };
        self.nodes[id as usize] = match node {
            NodeLine::Split(input, at) => {
                let i = input as usize;
                if i >= n || !(lower[i] < at && at < upper[i]) {
                    return Err(Error::input(format!("a split of input {input} at {at} outside its cell")));
                }
                let first = self.nodes.len() as u32;
                self.nodes.extend([Node::Elsewhere, Node::Elsewhere]);
                let (mut below, mut above) = (upper.clone(), lower.clone());
                (below[i], above[i]) = (at, at);
                open.push((first + 1, above, upper));
                open.push((first, lower, below));
                Node::Split { input, at, halves: [first, first + 1] }
            }
            NodeLine::Elsewhere(_) => Node::Elsewhere,
            NodeLine::In(inner, outer) => {
                if (inner, outer) != whole {
                    return Err(Error::input("the volume of a leaf is not that of its box"));
                }
                leaf(State::In, whole, Vec::new(), Vec::new(), Vec::new(), Cell::WHOLE)
            }
            NodeLine::Out(row) => {
                known(row.as_slice(), rows, "row")?;
                leaf(State::Out, (0.0, 0.0), row.into_iter().collect(), Vec::new(), Vec::new(), Cell::WHOLE)
            }
            NodeLine::Cut(cut) => {
                known(&cut.r, rows, "row")?;
                known(&cut.d, disjuncts, "disjunct")?;
                known(cut.s.as_slice(), n, "input")?;
                let [inner, outer] = cut.v;
                if !(0.0 <= inner && inner <= outer && outer <= whole.1) {
                    return Err(Error::input(format!("a leaf with the volumes {inner} and {outer}")));
                }
                if !(cut.f.is_empty() || cut.f.len() == cut.r.len() * 2 * (n + 1)) {
                    return Err(Error::input("a leaf's forms are not two for each open row"));
                }
                let alive = if cut.d.is_empty() { (0..disjuncts as u32).collect() } else { cut.d };
                leaf(State::Cut, (inner, outer), cut.r, alive, cut.f, cut.s.unwrap_or(Cell::WHOLE))
            }
        };
        Ok(())
    }
}

pub(crate) fn line(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
    Ok(text + "\n")
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
