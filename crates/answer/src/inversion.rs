//! The answer of `netinverse invert`, as its JSON says it.

use std::io::Read as _;
use std::path::Path;

use netinverse_base::{Error, Result, StopReason};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fibre::{Preimage, Sampling};

/// The name and version of the format.
pub const SCHEMA: &str = "netinverse.invert/1";

/// What was found for every row asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inversion {
    /// [`SCHEMA`].
    pub schema: String,
    /// The network.
    pub model: Model,
    /// The least favourable status of a query, in the order unreachable, limit, not found, solved.
    pub status: Status,
    /// The SHA-256 of the question: two runs with the same one ask the same.
    pub question: String,
    /// Why the run ended before it was done, if it did.
    pub stopped: Option<Stopped>,
    /// The queries, by row.
    pub queries: Vec<Query>,
    /// Wall time.
    pub seconds: f64,
    /// The seed of everything random.
    pub seed: u64,
}

/// A network's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The path, as given.
    pub path: String,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At least one input gives the output asked for, to the tolerance.
    Solved,
    /// No input does: the query's certificate proves it.
    Unreachable,
    /// The search ended without an answer and without a proof; `nearest` says how near it came.
    #[default]
    NotFound,
    /// The time limit or the user ended the search.
    Limit,
}

/// Why a run ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// `--time-limit`.
    TimeLimit,
    /// Ctrl-C.
    Cancelled,
}

/// One row asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Query {
    /// The row's number in what was asked, 0-based.
    pub row: usize,
    /// What became of it.
    pub status: Status,
    /// The inputs found: the nearest first, then the farthest from those before.
    pub answers: Vec<Answer>,
    /// What it cost.
    pub evaluations: Evaluations,
    /// Every other answer that was met lies within this distance (L2) of one returned; `null` when one
    /// answer was asked for.
    pub radius: Option<f64>,
    /// How many components of the fibre were met, as far as walks on it could join answers: an estimate. `null`
    /// when one answer was asked for, and where answers are picked by an objective or are integers.
    pub components: Option<usize>,
    /// No input that gives the output is nearer to the reference than this, proved; `null` where that was not asked for.
    #[serde(default)]
    pub certified: Option<f64>,
    /// What proves `certified` and `unreachable`, for the proof file; no part of an answer.
    #[serde(skip)]
    pub proof: Option<DistanceProof>,
    /// How the answers were drawn, for `--sample`.
    pub sampling: Option<Sampling>,
    /// All of the preimage, for `--complete`.
    pub preimage: Option<Preimage>,
    /// The point of smallest residual seen, where nothing was found.
    pub nearest: Option<Nearest>,
    /// The proof, where no input can give the output.
    pub certificate: Option<Certificate>,
}

/// The proof that no input with what is asked is nearer than a bound: what a row of the proof file says.
#[derive(Debug, Clone, PartialEq)]
pub struct DistanceProof {
    /// Where distances are measured from, n numbers.
    pub near: Vec<f64>,
    /// The proved bound; `None` where there is no such input at all.
    pub bound: Option<f64>,
    /// The lines of its cases.
    pub lines: Vec<String>,
    /// How many cases these are.
    pub cases: usize,
}

/// An input that gives the output asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The input, flat.
    pub x: Vec<f64>,
    /// The network's output there, replayed in f64 through the unmodified graph.
    pub y: Vec<f64>,
    /// `max |f_i(x) − y_i|` for values, the largest violation for sets, in units of the outputs.
    pub residual: f64,
    /// From the reference, in the norm asked for.
    pub distance: f64,
    /// The numerical rank of the Jacobian over the inputs that are not fixed.
    pub rank: usize,
    /// The smallest of its min(n, m) singular values.
    pub sigma_min: f64,
    /// The dimension of the fibre `{x : f(x) = y}` there: inputs that are not fixed less the rank.
    pub fibre_dimension: usize,
    /// Which of the query's components it lies on; `null` where components were not told apart.
    pub component: Option<usize>,
    /// What is claimed of the distance, or of the objective where there is one.
    pub optimality: Optimality,
    /// The value of the objective of `--maximize` or `--minimize`.
    pub objective: Option<f64>,
    /// How plausible the input is beside the data given: the share of the held-out rows that lie at least as far from
    /// their nearest neighbour as the input does. `null` without data.
    pub plausibility: Option<f64>,
    /// The distance to the nearest held-out row, over the median of these rows' own distance to theirs.
    pub data_distance: Option<f64>,
    /// The prior's energy, the smaller the more plausible to it; `null` without a prior.
    pub prior: Option<f64>,
    /// Where the input came from in the latent space of a decoder.
    pub latent: Option<Vec<f64>>,
}

/// What is claimed of an optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimality {
    /// No better one nearby.
    #[default]
    Local,
    /// No better one at all.
    Proved,
}

/// Evaluations: one is one sample through one forward pass or one product with the Jacobian.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluations {
    /// Forward passes.
    pub forward: u64,
    /// Vector–Jacobian products.
    pub vjp: u64,
    /// Jacobian–vector products.
    pub jvp: u64,
}

/// The point that came nearest to what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// The input.
    pub x: Vec<f64>,
    /// The network's output there.
    pub y: Vec<f64>,
    /// How far that is from what was asked.
    pub residual: f64,
}

/// A proof that no input gives what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// What it rests on.
    pub kind: CertificateKind,
    /// In a sentence.
    pub reason: String,
    /// The numbers of the proof: the proved `[low, high]` of every output for [`CertificateKind::Interval`],
    /// the multipliers of the rows for [`CertificateKind::Farkas`], nothing else.
    pub numbers: Vec<f64>,
}

/// What a [`Certificate`] rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// The last operator does not take the value anywhere.
    Range,
    /// Intervals through the network, rounded outward: the outputs of all inputs in the bounds.
    Interval,
    /// One affine layer: multipliers of the rows that add up to a contradiction in the bounds.
    Farkas,
    /// Branch and bound: every part of the bounds was proved to hold no answer.
    Paving,
}

/// One query as a line of a `.jsonl` file: the question's hash says which run it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`Inversion::question`].
    pub question: String,
    /// The query.
    #[serde(flatten)]
    pub query: Query,
}

impl Inversion {
    /// The least favourable status: what is proved impossible, what a limit ended, what was not found.
    pub fn overall(queries: &[Query]) -> Status {
        let any = |status| queries.iter().any(|query| query.status == status);
        [Status::Unreachable, Status::Limit, Status::NotFound]
            .into_iter()
            .find(|&status| any(status))
            .unwrap_or(Status::Solved)
    }

    /// How many queries have the status.
    pub fn count(&self, status: Status) -> usize {
        self.queries.iter().filter(|query| query.status == status).count()
    }

    /// Every answer with its query, in order.
    pub fn answers(&self) -> impl Iterator<Item = (&Query, &Answer)> {
        self.queries.iter().flat_map(|query| query.answers.iter().map(move |answer| (query, answer)))
    }
}

impl Query {
    /// Drops the inputs and outputs of the answers, and what was said of the fibre: what is left says how many answers
    /// there were and how good.
    pub fn forget_inputs(&mut self) {
        for answer in &mut self.answers {
            (answer.x, answer.y, answer.latent) = (Vec::new(), Vec::new(), None);
        }
        if let Some(sampling) = &mut self.sampling {
            (sampling.chains, sampling.plateaus) = (Vec::new(), Vec::new());
        }
        self.preimage = None;
        if let Some(nearest) = &mut self.nearest {
            (nearest.x, nearest.y) = (Vec::new(), Vec::new());
        }
    }
}

impl Status {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Status::Solved => "solved",
            Status::Unreachable => "unreachable",
            Status::NotFound => "not found",
            Status::Limit => "limit",
        }
    }
}

impl From<StopReason> for Stopped {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::TimeLimit => Stopped::TimeLimit,
            StopReason::Cancelled => Stopped::Cancelled,
        }
    }
}

impl Evaluations {
    /// Adds others.
    pub fn add(&mut self, other: Evaluations) {
        self.forward += other.forward;
        self.vjp += other.vjp;
        self.jvp += other.jvp;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.forward + self.vjp + self.jvp
    }
}

impl Model {
    /// The file's path and hash.
    pub fn of(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| Error::io(path, &error);
        let mut file = std::fs::File::open(path).map_err(failed)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer).map_err(failed)? {
                0 => break,
                read => digest.update(&buffer[..read]),
            }
        }
        Ok(Model { path: path.display().to_string(), sha256: hexadecimal(&digest.finalize()) })
    }

    /// The hash of a file's bytes.
    pub fn hash(bytes: &[u8]) -> String {
        sha256(bytes)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string does not fail
        text
    })
}

/// The SHA-256 of bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

impl Line {
    /// The hash of a question from its canonical JSON.
    pub fn hash(json: &[u8]) -> String {
        sha256(json)
    }
}
