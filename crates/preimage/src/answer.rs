//! What a paving answers: the question, the tree with what is proved of its leaves, and the pieces.

use netinverse_answer::Model;
use netinverse_base::{Error, Result};
use netinverse_network::Network;
use netinverse_spec::{Bounds, Formula, Specification, Vocabulary, parse_where};
use serde::{Deserialize, Serialize};

use crate::cell::State;
use crate::compact::Piece;
use crate::paving::{Node, Shard, coverage, is_empty, proved_volume};
use crate::question::Question;

/// The schema of an answer, as JSON and as a file.
pub const SCHEMA: &str = "netinverse.preimage/1";

/// How the question was put, so that it can be put again: what `--resume` and a checker start from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The text of a VNN-LIB file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<String>,
    /// A condition over `x0, x1, …` and `y0, y1, …`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Lower and upper bound of every input, or one pair for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Vec<[f64; 2]>>,
    /// An intermediate value of the graph that stands for the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

impl Asked {
    /// The formula over a network's inputs and outputs: specification and condition together.
    pub fn formula(&self, network: &Network) -> Result<Formula> {
        let (n, m) = (network.input_size(), network.output_size());
        let mut parts = Vec::new();
        if let Some(text) = &self.spec {
            let specification = Specification::parse(text)?;
            specification.check_counts(n, m)?;
            parts.push(specification.formula);
        }
        if let Some(text) = &self.condition {
            parts.push(parse_where(text, &Vocabulary::both(n, m))?);
        }
        if parts.is_empty() {
            return Err(Error::input("nothing is asked of the outputs")
                .hint("give --spec, --where, --class or --within"));
        }
        Ok(Formula::all(parts))
    }

    /// The bounds beside those of the specification.
    pub fn given_bounds(&self, n: usize) -> Result<Option<Bounds>> {
        self.bounds.as_ref().map(|rows| Bounds::from_rows(n, rows)).transpose()
    }
}

/// The end of a paving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The goal asked for is reached.
    Complete,
    /// A limit ended the work; what is there is proved.
    Partial,
    /// No input at all: every leaf is proved out.
    Empty,
}

/// Proved volumes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// V_lo: the preimage is at least this large.
    pub lower: f64,
    /// V_hi: at most this.
    pub upper: f64,
    /// The volume of the box.
    #[serde(rename = "box")]
    pub whole: f64,
    /// The inputs that are not fixed, over which volumes are.
    pub dimensions: usize,
}

/// How many polytopes there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    /// Inside the preimage.
    pub inner: usize,
    /// Covering it; 0 where the outer set was not compacted.
    pub outer: usize,
}

/// A row of the target as the forms of the leaves bound it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowText {
    /// The half-space, exactly.
    pub text: String,
    /// Coefficients of the outputs.
    pub outputs: Vec<f64>,
    /// Coefficients of the inputs; none where it speaks of outputs only.
    pub inputs: Vec<f64>,
    /// The constant with which the row implies the half-space.
    pub inner: f64,
    /// The constant with which the half-space implies the row.
    pub outer: f64,
    /// Whether the boundary is excluded.
    pub strict: bool,
}

/// Everything but the tree and the pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA`]
    pub schema: String,
    /// The version of netinverse that wrote it.
    pub version: String,
    /// The network's file.
    pub model: Model,
    /// The question.
    pub asked: Asked,
    /// The exact bounds of every input, as fractions.
    pub bounds: Vec<[String; 2]>,
    /// The box of doubles that is paved: lower corner.
    pub lower: Vec<f64>,
    /// Upper corner.
    pub upper: Vec<f64>,
    /// By how much at most the paved box is larger than the exact one.
    pub shell: f64,
    /// The rows of the target.
    pub rows: Vec<RowText>,
    /// Disjuncts: rows by index.
    pub disjuncts: Vec<Vec<u32>>,
    /// Sides no longer than this were not bisected.
    pub min_width: f64,
    /// `[index, count]` of a shard; absent for a whole paving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<[usize; 2]>,
    /// How the work ended.
    pub status: Status,
    /// What ended it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// The proved volumes.
    pub volume: Volume,
    /// V_lo/V_hi, rounded down; null when V_hi is 0.
    pub coverage: Option<f64>,
    /// How many polytopes follow.
    pub pieces: Pieces,
    /// The volume of the inner pieces together, from below.
    pub pieces_lower: f64,
    /// The volume of the outer pieces together, from above; null without.
    pub pieces_upper: Option<f64>,
    /// Boxes bounded.
    pub boxes: u64,
    /// Nodes of the tree.
    pub nodes: usize,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// An answer: what `netinverse preimage` prints, draws and saves.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was asked and how it ended.
    pub header: Header,
    /// The tree, the root first.
    pub nodes: Vec<Node>,
    /// Polytopes inside the preimage, disjoint but for their faces.
    pub inner: Vec<Piece>,
    /// Polytopes that cover it; none where that was not asked for.
    pub outer: Vec<Piece>,
}

impl Answer {
    /// The answer that the leaves of a tree over a question's box give, pieces not yet made: `status` unless it is empty.
    pub fn of(
        question: &Question,
        nodes: Vec<Node>,
        shard: Option<Shard>,
        boxes: u64,
        model: Model,
        asked: Asked,
        min_width: f64,
        status: Status,
    ) -> Answer {
        let (lower, upper) = proved_volume(question, &nodes);
        let (_, whole, dimensions) = question.volume();
        let header = Header {
            schema: SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            model,
            asked,
            bounds: bounds_text(question),
            lower: question.lower.clone(),
            upper: question.upper.clone(),
            shell: question.shell,
            rows: row_texts(question),
            disjuncts: question.target.disjuncts().to_vec(),
            min_width,
            shard: shard.map(|shard| [shard.index, shard.count]),
            status: if is_empty(question, &nodes) { Status::Empty } else { status },
            stopped_by: None,
            volume: Volume { lower, upper, whole, dimensions },
            coverage: coverage((lower, upper)),
            pieces: Pieces::default(),
            pieces_lower: 0.0,
            pieces_upper: None,
            boxes,
            nodes: nodes.len(),
            seconds: 0.0,
        };
        Answer { header, nodes, inner: Vec::new(), outer: Vec::new() }
    }

    /// Refuses to go on from, or merge with, the answer of another question or model.
    pub fn check_same(&self, other: &Header) -> Result<()> {
        let own = &self.header;
        let differs = |what: &str| Err(Error::input(format!("the answer is that of another {what}")));
        if own.model.sha256 != other.model.sha256 {
            return differs("model").map_err(|error| {
                error.hint(format!(
                    "it was made with {} (sha256 {}…)",
                    own.model.path,
                    &short(&own.model.sha256)
                ))
            });
        }
        if own.bounds != other.bounds || own.lower != other.lower || own.upper != other.upper {
            return differs("box");
        }
        if own.rows != other.rows || own.disjuncts != other.disjuncts {
            return differs("question");
        }
        if own.min_width != other.min_width {
            return differs("--min-width");
        }
        Ok(())
    }

    /// The leaves with their boxes.
    pub fn cells(&self) -> impl Iterator<Item = &crate::cell::Cell> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Leaf(cell) => Some(cell),
            _ => None,
        })
    }

    /// The leaf that holds a point of the box; `None` outside, or where another shard has it.
    pub fn leaf(&self, x: &[f64]) -> Option<&crate::cell::Cell> {
        let header = &self.header;
        let inside = x.len() == header.lower.len()
            && (0..x.len()).all(|i| header.lower[i] <= x[i] && x[i] <= header.upper[i]);
        if !inside {
            return None;
        }
        let mut id = 0;
        loop {
            match self.nodes.get(id)? {
                Node::Split { input, at, halves } => {
                    id = halves[usize::from(x[*input as usize] > *at)] as usize;
                }
                Node::Leaf(cell) => return Some(cell),
                Node::Elsewhere => return None,
            }
        }
    }

    /// Whether x is in the preimage: `Some(true)` and `Some(false)` are proved.
    pub fn contains(&self, question: &Question, x: &[f64]) -> Option<bool> {
        if !question.in_box(x) {
            return Some(false);
        }
        let cell = self.leaf(x)?;
        match cell.state {
            State::In => Some(true),
            State::Out => Some(false),
            State::Cut => cell.decides(&question.target, x),
        }
    }
}

/// The rows of a question's target as an answer holds them.
pub(crate) fn row_texts(question: &Question) -> Vec<RowText> {
    let target = &question.target;
    let texts = target.half_spaces().iter().zip(target.rows());
    texts
        .map(|(half_space, row)| RowText {
            text: half_space.to_string(),
            outputs: row.outputs.clone(),
            inputs: row.inputs.clone(),
            inner: row.inner,
            outer: row.outer,
            strict: row.strict,
        })
        .collect()
}

/// The exact bounds of a question as fractions.
pub(crate) fn bounds_text(question: &Question) -> Vec<[String; 2]> {
    let side = |side: &Option<netinverse_spec::Rational>| {
        // The exact fraction is what is printed for debugging.
        side.as_ref().map_or_else(String::new, |side| format!("{side:?}"))
    };
    let bounds = &question.bounds;
    bounds.lower.iter().zip(&bounds.upper).map(|(lo, hi)| [side(lo), side(hi)]).collect()
}

fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}
