//! Collisions: two inputs with one output, existence proved.
//!
//! | file | what |
//! |---|---|
//! | `scan` | straight lines through the box: flat pieces, and where the map turns over |
//! | `search` | from there, and from anywhere, to two points whose outputs agree in floating point |
//! | `exact` | the proof in rational arithmetic, within linear pieces |
//! | `krawczyk` | the proof by intervals |

mod exact;
mod krawczyk;
mod scan;
mod search;

use netinverse_base::{Budget, Result, Rng};
use netinverse_bounds::{Bounder, Method};
use netinverse_network::{Evaluator, Network};
use serde::Serialize;

use crate::Region;
use crate::injectivity::{RankAnswer, full_rank};
use scan::Place;
use search::{Points, across_facet, across_fold, along_null, approach, gap, nearest_pair};
pub(crate) use search::{distance, random_point};

/// Two different inputs with one output.
#[derive(Debug, Clone, Serialize)]
pub struct Collision {
    /// The first input.
    pub x1: Vec<f64>,
    /// The second input.
    pub x2: Vec<f64>,
    /// |x₁ − x₂|₂, at least this.
    pub distance: f64,
    /// max |f(x₁) − f(x₂)| of the inputs as printed, in f64.
    pub output_gap: f64,
    /// Why there are two such inputs here, exactly.
    pub proof: CollisionProof,
    /// The rows of data next to which it was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<NearRows>,
}

/// Two rows of data.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NearRows {
    /// The row near x1 and the row near x2, counted from 0.
    pub rows: [usize; 2],
    /// How far apart the rows are.
    pub distance: f64,
}

/// Why a collision exists.
#[derive(Debug, Clone, Serialize)]
pub struct CollisionProof {
    /// `rational`: both inputs are given as fractions, and f of both is the same in exact arithmetic; `krawczyk`: an interval
    /// argument.
    pub method: &'static str,
    /// One sentence.
    pub statement: String,
    /// Every coordinate of the true pair is within this of the printed one.
    pub radius: f64,
    /// The value on which both agree, where it is not the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// The exact inputs, as fractions, where the method is `rational`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<[Vec<String>; 2]>,
}

/// Two points of a box at which the Jacobian's determinant has opposite signs, proved. A continuous one-to-one map of a box
/// keeps its orientation (invariance of domain), so there is no one-to-one map.
#[derive(Debug, Clone, Serialize)]
pub struct Turn {
    /// One point.
    pub x1: Vec<f64>,
    /// The other.
    pub x2: Vec<f64>,
}

/// What walking through the box found.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    /// A collision.
    pub collision: Option<Collision>,
    /// Without one: a change of orientation.
    pub turn: Option<Turn>,
}

/// What a search may use.
#[derive(Debug, Clone, Copy)]
pub struct SearchEffort {
    /// Chords walked.
    pub chords: usize,
    /// Pieces looked at on all of them.
    pub pieces: usize,
    /// Pairs of random points to start from.
    pub starts: usize,
}

impl Default for SearchEffort {
    fn default() -> Self {
        SearchEffort { chords: 64, pieces: 2000, starts: 200 }
    }
}

/// Searches and proves, for one network without its tail on one region.
pub struct Finder<'a> {
    network: &'a Network,
    bounder: Bounder,
    evaluator: Evaluator<f64>,
    region: &'a Region,
}

impl<'a> Finder<'a> {
    /// For a network without its tail.
    ///
    /// # Errors
    /// An operator without bounds.
    pub fn new(network: &'a Network, region: &'a Region) -> Result<Self> {
        Ok(Finder { network, bounder: Bounder::new(network)?, evaluator: Evaluator::new(network), region })
    }

    /// Multiplications for one look at a point: a Jacobian.
    pub fn cost(&self) -> usize {
        let directions = self.network.output_size().min(self.network.input_size()) + 1;
        crate::account::work(self.network).saturating_mul(2 * directions)
    }

    /// Near two given inputs, moving them as little as possible: at the layer that needs the fewest equations, else at the
    /// output.
    pub fn near(&self, a: &[f64], b: &[f64], budget: &Budget) -> Option<Collision> {
        let enough = 0.9 * distance(a, b);
        let mut best: Option<Collision> = None;
        let m = self.network.output_size();
        for gate in search::gates(self.network, a).iter().take(2).filter(|gate| 2 * gate.on < m) {
            let pair = search::agree_at(self.network, self.region, a, b, gate, budget);
            if keep(&mut best, pair.and_then(|pair| self.prove_at(&pair, &gate.after))) >= enough {
                return best;
            }
        }
        if best.is_some() {
            // Found, if not far enough apart: other rows are a better try than the output's own equations.
            return best;
        }
        let pair = nearest_pair(self.network, self.region, a, b, budget);
        if keep(&mut best, pair.and_then(|pair| self.prove(&pair))) >= enough {
            return best;
        }
        let pair = approach(&self.evaluator, self.region, a, b, false);
        keep(&mut best, pair.and_then(|pair| self.prove(&pair)));
        best
    }

    /// Beside one input: a step along a direction that its outputs do not see, and back to the same output.
    pub fn beside(&self, x: &[f64], budget: &Budget) -> Option<Collision> {
        let along = scan::local(&self.evaluator, x, &self.region.free()).null?;
        let mut best: Option<Collision> = None;
        for share in [0.3, 0.1, 0.03, 0.01, 1e-3] {
            for sign in [1.0, -1.0] {
                let step = sign * share * self.region.diagonal();
                let mut other: Vec<f64> = x.iter().zip(&along).map(|(x, d)| x + step * d).collect();
                self.region.clip(&mut other);
                let pair = approach(&self.evaluator, self.region, x, &other, true);
                keep(&mut best, pair.and_then(|pair| self.prove(&pair)));
                if budget.stop().is_some() {
                    return best;
                }
            }
            if best.is_some() {
                break;
            }
        }
        best
    }

    /// Where the map loses rank or turns over, on chords of the box.
    pub fn scan(&self, effort: SearchEffort, budget: &Budget) -> Scanned {
        let mut rng = Rng::new(budget.seed(), 0x5CA7);
        let mut found = None;
        let mut turned: Option<Points> = None;
        let mut attempts = 0;
        let square = self.network.output_size() == self.region.free().len();
        scan::walk(
            &self.bounder,
            &self.evaluator,
            self.region,
            effort.chords,
            effort.pieces,
            &mut rng,
            &mut |place| {
                attempts += 1;
                found = match &place {
                    Place::Flat { x, along } => {
                        let pair = along_null(&self.evaluator, self.region, x, along);
                        pair.and_then(|pair| self.prove(&pair)).or_else(|| self.in_piece(x, along))
                    }
                    Place::Turn { before, after } if square => {
                        turned.get_or_insert_with(|| (before.clone(), after.clone()));
                        let pair = if self.bounder.is_piecewise_linear() {
                            across_facet(&self.bounder, &self.evaluator, self.region, before, after)
                        } else {
                            across_fold(&self.evaluator, self.region, before, after)
                        };
                        pair.and_then(|pair| self.prove(&pair))
                    }
                    Place::Turn { .. } => None,
                };
                found.is_none() && attempts < 24 && budget.stop().is_none()
            },
        );
        let turn = if found.is_none() { turned.and_then(|(a, b)| self.turn(a, b)) } else { None };
        Scanned { collision: found, turn }
    }

    /// A short step inside the linear piece of x: rank can be short in a piece that the long step leaves.
    fn in_piece(&self, x: &[f64], along: &[f64]) -> Option<Collision> {
        let length = self.bounder.piece_end(x, along)?;
        let back: Vec<f64> = along.iter().map(|d| -d).collect();
        let length = length.min(self.bounder.piece_end(x, &back)?).min(self.region.diagonal());
        for share in [0.5, 0.05, 1e-3] {
            let step = |sign: f64| -> Vec<f64> {
                let mut end: Vec<f64> =
                    x.iter().zip(along).map(|(x, d)| x + sign * share * length * d).collect();
                self.region.clip(&mut end);
                end
            };
            if let Some(found) = self.prove(&(step(-1.0), step(1.0))) {
                return Some(found);
            }
        }
        None
    }

    /// From pairs of points anywhere.
    pub fn anywhere(
        &self,
        starts: usize,
        first: &[(Vec<f64>, Vec<f64>)],
        budget: &Budget,
    ) -> Option<Collision> {
        let mut rng = Rng::new(budget.seed(), 0xA11);
        let square = self.network.output_size() <= self.region.free().len();
        let drawn =
            (0..starts).map(|_| (random_point(self.region, &mut rng), random_point(self.region, &mut rng)));
        let all: Vec<Points> = first.iter().cloned().chain(drawn.collect::<Vec<_>>()).collect();
        let mut proofs = 0;
        for (index, (a, b)) in all.iter().enumerate() {
            if index % 16 == 0 && budget.stop().is_some() {
                return None;
            }
            if a == b {
                if let Some(found) = self.here(a) {
                    return Some(found);
                }
                continue;
            }
            let pair = approach(&self.evaluator, self.region, a, b, square && index % 2 == 0);
            if let Some((a, b)) = pair
                && distance(&a, &b) > 1e-5 * self.region.diagonal()
            {
                proofs += 1;
                if let Some(found) = self.prove(&(a, b)) {
                    return Some(found);
                }
                if proofs > 24 {
                    return None;
                }
            }
        }
        None
    }

    /// At a point where the rank is short.
    pub fn here(&self, x: &[f64]) -> Option<Collision> {
        let along = scan::local(&self.evaluator, x, &self.region.free()).null?;
        along_null(&self.evaluator, self.region, x, &along)
            .and_then(|pair| self.prove(&pair))
            .or_else(|| self.in_piece(x, &along))
    }

    /// Proves that there is a collision next to two points.
    fn prove(&self, (x1, x2): &Points) -> Option<Collision> {
        if let Some(exact) = exact::exact_pair(&self.bounder, x1, x2, self.region) {
            return Some(self.rational(&exact, None));
        }
        if let Some(enclosed) = krawczyk::enclose_pair(&self.bounder, &self.evaluator, x1, x2, self.region) {
            return Some(self.enclosed(enclosed, None));
        }
        // Inputs that agree on a value through which everything passes agree on the output.
        let cuts = self.network.cuts();
        let outputs = self.network.outputs();
        for &id in cuts.iter().rev().filter(|id| outputs != [**id]).take(24) {
            if self.network.inputs().contains(&id) {
                break;
            }
            let name = &self.network.value(id).name;
            let before = self.network.with_outputs(&[name]).ok()?;
            if gap(&Evaluator::new(&before), x1, x2) > 1e-9 {
                break;
            }
            if let Some(found) = self.prove_at(&(x1.clone(), x2.clone()), name) {
                return Some(found);
            }
        }
        None
    }

    /// Proves that two inputs next to these agree on a value through which everything passes.
    fn prove_at(&self, (x1, x2): &Points, name: &str) -> Option<Collision> {
        let before = self.network.with_outputs(&[name]).ok()?;
        let bounder = Bounder::new(&before).ok()?;
        if let Some(exact) = exact::exact_pair(&bounder, x1, x2, self.region) {
            return Some(self.rational(&exact, Some(name.to_string())));
        }
        let enclosed = krawczyk::enclose_pair(&bounder, &Evaluator::new(&before), x1, x2, self.region)?;
        Some(self.enclosed(enclosed, Some(name.to_string())))
    }

    fn rational(&self, exact: &exact::ExactPair, through: Option<String>) -> Collision {
        let (a, b) = (exact::doubles(&exact.x1), exact::doubles(&exact.x2));
        let text = |x: &[dashu_ratio::RBig]| x.iter().map(ToString::to_string).collect::<Vec<_>>();
        let rounded = [(&a, &exact.x1), (&b, &exact.x2)]
            .iter()
            .any(|(doubles, x)| doubles.iter().zip(*x).any(|(&d, x)| exact::rational(d) != *x));
        let radius = if rounded {
            a.iter().chain(&b).map(|x| x.abs()).fold(0.0, f64::max) * f64::EPSILON
        } else {
            0.0
        };
        let statement = match &through {
            None => "f(x1) = f(x2) in rational arithmetic, for the exact inputs that are given as fractions"
                .to_string(),
            Some(name) => format!(
                "x1 and x2 agree on `{name}`, through which everything passes, in rational arithmetic"
            ),
        };
        let proof = CollisionProof {
            method: "rational",
            statement,
            radius,
            through,
            exact: Some([text(&exact.x1), text(&exact.x2)]),
        };
        self.collision(a, b, proof)
    }

    fn enclosed(&self, found: krawczyk::Enclosed, through: Option<String>) -> Collision {
        let krawczyk::Enclosed { x1, x2, radius, coordinates } = found;
        let agree = match &through {
            None => "have f(x1) = f(x2)".to_string(),
            Some(name) => format!("agree on `{name}`, through which everything passes"),
        };
        let statement = format!(
            "within {radius:.1e} of the printed numbers lie inputs x1 and x2 of the box that {agree}: a Krawczyk test in {coordinates} coordinates"
        );
        self.collision(x1, x2, CollisionProof { method: "krawczyk", statement, radius, through, exact: None })
    }

    fn collision(&self, x1: Vec<f64>, x2: Vec<f64>, proof: CollisionProof) -> Collision {
        let slack = 2.0 * proof.radius * (x1.len() as f64).sqrt();
        let distance = ((distance(&x1, &x2) - slack) * (1.0 - 1e-12)).max(0.0);
        Collision { distance, output_gap: gap(&self.evaluator, &x1, &x2), x1, x2, proof, near: None }
    }

    /// Opposite orientations at two points, proved.
    fn turn(&self, x1: Vec<f64>, x2: Vec<f64>) -> Option<Turn> {
        (self.sign(&x1)? * self.sign(&x2)? < 0).then_some(Turn { x1, x2 })
    }

    fn sign(&self, x: &[f64]) -> Option<i8> {
        let free = self.region.free();
        let (n, k) = (x.len(), free.len());
        let mut directions = vec![0.0; n * k];
        for (column, &i) in free.iter().enumerate() {
            directions[i * k + column] = 1.0;
        }
        let mut workspace = self.bounder.workspace();
        self.bounder.analyse(x, x, Method::Intervals, &mut workspace).then_some(())?;
        let ranges = self.bounder.ranges(&workspace);
        let mut slopes = self.bounder.slopes(&ranges, &ranges)?;
        let mut work = 256;
        match full_rank(&self.bounder, &mut slopes, &directions, k, &mut work) {
            RankAnswer::Full(proof) => Some(proof.orientation).filter(|&sign| sign != 0),
            _ => None,
        }
    }
}

/// Keeps what is farther apart, and says how far that is.
fn keep(best: &mut Option<Collision>, found: Option<Collision>) -> f64 {
    if let Some(found) = found
        && best.as_ref().is_none_or(|best| found.distance > best.distance)
    {
        *best = Some(found);
    }
    best.as_ref().map_or(0.0, |best| best.distance)
}
