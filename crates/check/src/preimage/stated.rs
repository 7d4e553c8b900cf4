//! What the header of an answer says of model and question, and whether that is what was asked.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::Context;
use crate::kernel::{Network, Part, Prover, Question, Ranges, Rational, Row, parse_number, rational};
use crate::question::describe;
use crate::report::{Outcome, refuse};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    #[allow(dead_code, reason = "no claim")]
    path: String,
    sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    spec: Option<String>,
    #[serde(default, rename = "where")]
    condition: Option<String>,
    #[serde(default)]
    bounds: Option<Vec<[f64; 2]>>,
    #[serde(default)]
    output: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowText {
    text: String,
    outputs: Vec<f64>,
    inputs: Vec<f64>,
    inner: f64,
    outer: f64,
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Complete,
    Partial,
    Empty,
}

/// Box and rows of a header.
#[derive(Debug)]
pub(crate) struct Stated<'a> {
    pub(crate) bounds: &'a [[String; 2]],
    pub(crate) lower: &'a [f64],
    pub(crate) upper: &'a [f64],
    pub(crate) rows: &'a [RowText],
    pub(crate) disjuncts: &'a [Vec<u32>],
    /// Whether the question is said to contradict itself.
    pub(crate) nothing: bool,
}

/// A header's rows and exact box, which are those of the question.
#[derive(Debug)]
pub(crate) struct Same {
    pub(crate) rows: Vec<Row>,
    pub(crate) lower: Vec<Rational>,
    pub(crate) upper: Vec<Rational>,
}

impl Model {
    /// Refuses an answer about another model.
    pub(crate) fn is_that_of(&self, context: &Context) -> Result<(), Outcome> {
        if self.sha256 == context.sha256 {
            return Ok(());
        }
        Err(refuse(1, "model", format!("the answer is about a model with the SHA-256 {}", self.sha256)))
    }
}

impl Asked {
    /// The network and the question: the one that the user states, else the answer's own; `anything` where that need not speak of
    /// outputs.
    pub(crate) fn read(&self, context: &Context, anything: bool) -> Result<(Network, Question), Outcome> {
        let asked = context.stated.clone().unwrap_or_else(|| crate::question::Asked {
            specification: self.spec.clone(),
            condition: self.condition.clone(),
            bounds: self.bounds.clone(),
            ..Default::default()
        });
        let asked = crate::question::Asked { output: self.output.clone(), anything, ..asked };
        let read = asked.read()?;
        let network = crate::model::network(&context.model, &read.outputs)?;
        let question = asked.question(&read, network.inputs(), network.outputs())?;
        Ok((network, question))
    }

    /// The question in words.
    pub(crate) fn words(&self, question: &Question, inputs: usize) -> String {
        let mut words = describe(question, inputs);
        if let Some(output) = &self.output {
            let _ = write!(words, "; y is the value `{output}`");
        }
        words
    }
}

impl Stated<'_> {
    /// Refuses box and rows that are not those of the question.
    pub(crate) fn same(&self, network: &Network, question: &Question) -> Result<Same, Outcome> {
        let (n, m) = (network.inputs(), network.outputs());
        let claim = |reason: String| refuse(1, "question", reason);
        let fits = |r: &&RowText| r.outputs.len() == m && (r.inputs.is_empty() || r.inputs.len() == n);
        if self.lower.len() != n || self.upper.len() != n || self.bounds.len() != n {
            return Err(claim(format!("the box has {} inputs, the network has {n}", self.lower.len())));
        }
        if !self.rows.iter().all(|r| fits(&r)) {
            return Err(claim("a row has other sizes than the network".into()));
        }
        if self.disjuncts.iter().flatten().any(|&row| row as usize >= self.rows.len()) {
            return Err(claim("a disjunct names a row that does not exist".into()));
        }
        let row = |r: &RowText| Row {
            outputs: r.outputs.clone(),
            inputs: r.inputs.clone(),
            inner: r.inner,
            outer: r.outer,
            strict: r.strict,
        };
        let rows: Vec<Row> = self.rows.iter().map(row).collect();
        if self.nothing {
            return match question.is_covered(n, &[]) {
                Ok(()) => Ok(Same { rows, lower: Vec::new(), upper: Vec::new() }),
                Err(_) => Err(claim("the question does not contradict itself, and no leaf follows".into())),
            };
        }
        if (0..n).any(|i| self.lower[i] > self.upper[i]) {
            return Err(claim("the box is turned inside out".into()));
        }
        let side = |at: usize| -> Result<Vec<Rational>, Outcome> {
            let parse = |(i, pair): (usize, &[String; 2])| {
                parse_number(&pair[at]).ok_or_else(|| claim(format!("`{}` is no bound of x{i}", pair[at])))
            };
            self.bounds.iter().enumerate().map(parse).collect()
        };
        let (lower, upper) = (side(0)?, side(1)?);
        for i in 0..n {
            if lower[i] > upper[i] {
                return Err(claim(format!("the bounds of x{i} are turned inside out")));
            }
            if rational(self.lower[i]) > lower[i] || rational(self.upper[i]) < upper[i] {
                return Err(claim(format!("the box of doubles does not hold the exact bounds of x{i}")));
            }
        }
        let reach = Prover::new(network).reach(self.lower, self.upper);
        let ranges = || Ranges { lower: &lower, upper: &upper, outputs: &reach };
        let part = Part { ranges: ranges(), rows: &rows, disjuncts: self.disjuncts };
        if question.is_covered(n, &[part]).is_err() {
            return Err(claim(
                "the answer is that of another question: it leaves out points that are asked for".into(),
            ));
        }
        // The rows are used on the box of doubles, which is a hair larger than the exact one.
        if question.covers(&ranges(), &rows, self.disjuncts).is_err() {
            return Err(claim(
                "the answer is that of another question: it takes in points that are not asked for".into(),
            ));
        }
        for (k, row) in self.rows.iter().enumerate() {
            if row.inner > row.outer {
                return Err(claim(format!("row {k} (`{}`) has its constants the wrong way round", row.text)));
            }
        }
        Ok(Same { rows, lower, upper })
    }
}
