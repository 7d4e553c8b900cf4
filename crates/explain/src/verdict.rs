//! Is there an inverse? The verdict, and what it rests on.

use netinverse_base::{Budget, ErrorKind, Progress, Result, Rng};
use netinverse_linalg::Matrix;
use netinverse_network::Network;
use serde::Serialize;

use crate::collision::{Collision, Finder, NearRows, SearchEffort, Turn, distance, random_point};
use crate::injectivity::{Effort, Injectivity, prove_by_pairs, prove_by_parts};
use crate::{Region, behead};

/// Whether the network has an inverse on the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One input for every output it takes, proved.
    Invertible,
    /// Two inputs with one output, proved.
    NotInvertible,
    /// Neither is proved; all rows of the data have outputs of their own, and locally one-to-one.
    InvertibleOnData,
    /// Neither is proved.
    Unknown,
}

/// How a statement is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// It holds in real arithmetic, for the graph as stored.
    Proved,
    /// It was computed for rows of data or samples.
    Measured,
    /// It is an estimate.
    Estimate,
}

/// A sentence and how it is known.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    /// The sentence.
    pub text: String,
    /// How it is known.
    pub basis: Basis,
    /// The rows it was measured on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
}

impl Statement {
    /// Proved.
    pub fn proved(text: impl Into<String>) -> Self {
        Statement { text: text.into(), basis: Basis::Proved, rows: None }
    }

    /// Measured on rows.
    pub fn measured(text: impl Into<String>, rows: usize) -> Self {
        Statement { text: text.into(), basis: Basis::Measured, rows: Some(rows) }
    }

    /// An estimate.
    pub fn estimate(text: impl Into<String>) -> Self {
        Statement { text: text.into(), basis: Basis::Estimate, rows: None }
    }
}

/// A verdict with its evidence.
#[derive(Debug, Clone)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on, and what else was found on the way.
    pub evidence: Vec<Statement>,
    /// Two inputs with one output.
    pub collision: Option<Collision>,
    /// A change of orientation, where that is the proof.
    pub turn: Option<Turn>,
    /// |g(x) − g(x′)| ≥ μ |x − x′| for the network g without its tail, where a proof gives it.
    pub modulus: Option<f64>,
}

/// How much may be done, in counted work.
#[derive(Debug, Clone, Copy)]
pub struct DecideOptions {
    /// Pairs of boxes in branch and bound.
    pub pairs: usize,
    /// Matrices for one pair.
    pub matrices: usize,
    /// The search for collisions.
    pub search: SearchEffort,
    /// Pairs of rows (or random points) tried for a collision where there are more inputs than outputs.
    pub candidates: usize,
}

impl Default for DecideOptions {
    fn default() -> Self {
        DecideOptions { pairs: 6000, matrices: 1 << 14, search: SearchEffort::default(), candidates: 6 }
    }
}

/// Decides on the region, with rows of data where there are some, each with its class.
///
/// # Errors
/// None for a network that evaluates; an operator without bounds leaves the verdict to counting.
pub fn decide(
    network: &Network,
    region: &Region,
    data: Option<(&Matrix, &[usize])>,
    options: &DecideOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Decision> {
    let headless = behead(network)?;
    let n = region.free().len();
    let m = headless.network.output_size();
    let mut decision = Decision {
        verdict: Verdict::Unknown,
        evidence: Vec::new(),
        collision: None,
        turn: None,
        modulus: None,
    };
    if n == 0 {
        decision.verdict = Verdict::Invertible;
        decision.evidence.push(Statement::proved("every input is fixed, so there is only one"));
        return Ok(decision);
    }
    if n > m {
        let softmax =
            if headless.softmax { " (a softmax sums to 1, so one of its outputs says nothing)" } else { "" };
        decision.verdict = Verdict::NotInvertible;
        decision.evidence.push(Statement::proved(format!(
            "{n} inputs that can vary, {m} numbers out{softmax}: no continuous map from more dimensions to fewer is one-to-one (invariance of domain)"
        )));
        progress.stage("looking for a collision", None);
        match Finder::new(&headless.network, region) {
            Ok(finder) => decision.collision = collide(&finder, region, data, options, budget),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                decision.evidence.push(Statement::estimate(format!("no collision is proved: {error}")));
            }
            Err(error) => return Err(error),
        }
        return Ok(decision);
    }
    match one_to_one(&headless.network, region, options, budget, progress, &mut decision) {
        Ok(()) => Ok(decision),
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            decision.evidence.push(Statement::estimate(format!("nothing is proved: {error}")));
            Ok(decision)
        }
        Err(error) => Err(error),
    }
}

/// n ≤ m: proofs and counterexamples in turn, the cheap ones first.
fn one_to_one(
    network: &Network,
    region: &Region,
    options: &DecideOptions,
    budget: &Budget,
    progress: &dyn Progress,
    decision: &mut Decision,
) -> Result<()> {
    progress.stage("looking for an inverse", None);
    let mut proof = prove_by_parts(network, region, budget, progress)?;
    if proof.proved() {
        // Structure says that there is an inverse, not how steep it is.
        if proof.modulus.is_none() {
            let effort = Effort { pairs: 16, matrices: 1 << 10 };
            proof.modulus = prove_by_pairs(network, region, effort, budget, progress)?.modulus;
        }
        accept(decision, &proof);
        return Ok(());
    }
    let finder = Finder::new(network, region)?;
    let rounds =
        [(8, 1 << 10, 8, 200, 24), (256, options.matrices, 64, options.search.pieces, options.search.starts)];
    for (pairs, matrices, chords, pieces, starts) in rounds {
        let scanned = finder.scan(SearchEffort { chords, pieces, starts: 0 }, budget);
        if let Some(collision) = scanned.collision {
            refuse(decision, collision);
            return Ok(());
        }
        if let Some(turn) = scanned.turn {
            decision.verdict = Verdict::NotInvertible;
            decision.evidence.push(Statement::proved(
                "the map turns space over: the determinant of its Jacobian is positive at one input and negative at another",
            ));
            decision.collision = finder.anywhere(starts, &[], budget);
            decision.turn = Some(turn);
            return Ok(());
        }
        let proof = prove_by_pairs(network, region, Effort { pairs, matrices }, budget, progress)?;
        if proof.proved() {
            accept(decision, &proof);
            return Ok(());
        }
        if let Some(collision) = finder.anywhere(starts, &proof.open, budget) {
            refuse(decision, collision);
            return Ok(());
        }
        if budget.stop().is_some() {
            break;
        }
    }
    let proof = prove_by_pairs(
        network,
        region,
        Effort { pairs: options.pairs, matrices: 1 << 10 },
        budget,
        progress,
    )?;
    if proof.proved() {
        accept(decision, &proof);
    } else if let Some(collision) = finder.anywhere(0, &proof.open, budget) {
        refuse(decision, collision);
    }
    Ok(())
}

fn accept(decision: &mut Decision, proof: &Injectivity) {
    decision.verdict = Verdict::Invertible;
    decision.modulus = proof.modulus.filter(|modulus| modulus.is_finite());
    for part in &proof.parts {
        let text = match proof.parts.len() {
            1 => format!("no two inputs share an output: {}", part.how),
            _ => format!("`{}` → `{}`: {}", part.from, part.to, part.how),
        };
        decision.evidence.push(Statement::proved(text));
    }
}

fn refuse(decision: &mut Decision, collision: Collision) {
    decision.verdict = Verdict::NotInvertible;
    decision
        .evidence
        .push(Statement::proved(format!("two inputs {:.3e} apart have the same output", collision.distance)));
    decision.collision = Some(collision);
}

/// A collision far apart: near two rows of different classes whose outputs are alike, or near two points.
fn collide(
    finder: &Finder,
    region: &Region,
    data: Option<(&Matrix, &[usize])>,
    options: &DecideOptions,
    budget: &Budget,
) -> Option<Collision> {
    let pairs = if let Some((rows, classes)) = data {
        row_pairs(rows, classes, region, options.candidates)
    } else {
        let mut rng = Rng::new(budget.seed(), 0xC011);
        (0..options.candidates)
            .map(|_| {
                let a = random_point(region, &mut rng);
                // Towards the opposite end of the box, so that they are far apart.
                let mut b: Vec<f64> =
                    (0..a.len()).map(|i| region.lower[i] + region.upper[i] - a[i]).collect();
                region.clip(&mut b);
                Candidate { a, b, rows: None }
            })
            .collect()
    };
    let mut best: Option<Collision> = None;
    for Candidate { a, b, rows } in &pairs {
        if let Some(mut found) = finder.near(a, b, budget) {
            let enough = found.distance >= 0.9 * distance(a, b);
            found.near = rows.map(|rows| NearRows { rows, distance: distance(a, b) });
            if best.as_ref().is_none_or(|best| found.distance > best.distance) {
                best = Some(found);
            }
            if enough {
                break;
            }
        }
        if budget.stop().is_some() {
            break;
        }
    }
    if best.is_none() {
        best = pairs.iter().take(3).find_map(|candidate| finder.beside(&candidate.a, budget));
    }
    // Counted work: what a large network costs is not spent on many starts.
    let affordable = (1usize << 33) / finder.cost();
    best.or_else(|| {
        finder.scan(SearchEffort { chords: 8, pieces: affordable.min(100), starts: 0 }, budget).collision
    })
    .or_else(|| finder.anywhere(options.search.starts.min(affordable / 40), &[], budget))
}

/// Two points next to which a collision is looked for.
struct Candidate {
    a: Vec<f64>,
    b: Vec<f64>,
    rows: Option<[usize; 2]>,
}

/// Rows of different classes, those far apart first: any two inputs can be moved to one output, and far pairs lose least of
/// their distance.
fn row_pairs(rows: &Matrix, classes: &[usize], region: &Region, count: usize) -> Vec<Candidate> {
    let shown = rows.rows().min(64);
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for a in 0..shown {
        for b in a + 1..shown {
            if classes[a] != classes[b] {
                found.push((distance(rows.row(a), rows.row(b)), a, b));
            }
        }
    }
    if found.is_empty() {
        for a in 0..shown {
            found.extend((a + 1..shown).map(|b| (distance(rows.row(a), rows.row(b)), a, b)));
        }
    }
    found.sort_by(|p, q| q.0.total_cmp(&p.0));
    let clipped = |i: usize| {
        let mut x = rows.row(i).to_vec();
        region.clip(&mut x);
        x
    };
    // Spread over the first half of the list, so that one odd row is not in all of them.
    let step = (found.len() / 2 / count.max(1)).max(1);
    found
        .iter()
        .step_by(step)
        .take(count)
        .map(|&(_, a, b)| Candidate { a: clipped(a), b: clipped(b), rows: Some([a, b]) })
        .collect()
}
