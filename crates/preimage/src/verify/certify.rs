//! How far away the nearest input with the output asked for is, at least: ball ∩ box without such an input.

use std::sync::Arc;

use netinverse_base::{Budget, Progress, Result};
use netinverse_bounds::{Bounder, Method};
use netinverse_geometry::{Ball, Distance};
use netinverse_network::{Evaluator, Network};
use netinverse_spec::{Case, Formula, HalfSpace, Linear, NormalForm, Rational, Variable};

use super::FEW_INPUTS;
use super::attack::Attack;
use super::nearest_search::NearestSearch;
use super::radius_search::RadiusSearch;
use super::region::Region;
use super::tree::Tree;

/// A bound is said to be less than what was found by this, relative to it.
const ROOM: f64 = 1e-9;

/// Where the nearest input is asked for.
#[derive(Debug, Clone)]
pub struct NearestQuestion<'a> {
    /// What is asked of the outputs, and of inputs beside the box.
    pub formula: Formula,
    /// The box, n finite or infinite ends each.
    pub lower: &'a [f64],
    /// The upper ends.
    pub upper: &'a [f64],
    /// How far inputs are.
    pub distance: &'a Distance,
    /// The distance of the nearest input found.
    pub found: Option<f64>,
    /// Multiplications that the proof may take, about.
    pub work: u64,
    /// Whether what proves the answer is kept.
    pub keep_proof: bool,
}

/// A case of what is asked, and the tree that proves that nothing of it is nearer.
#[derive(Debug)]
pub struct ProvedCase {
    /// The box of the case, n ends each, which may be infinite; the tree's box is its part that matters.
    pub lower: Vec<f64>,
    /// The upper ends.
    pub upper: Vec<f64>,
    /// The proof.
    pub tree: Tree,
}

/// What is proved of the nearest input.
#[derive(Debug)]
pub struct Certified {
    /// No input with what is asked is nearer; infinite where there is none at all.
    pub distance: f64,
    /// Boxes and parts of boxes bounded.
    pub boxes: u64,
    /// An input with what is asked, as far as floating point can tell, that is nearer than what was found.
    pub nearer: Option<Vec<f64>>,
    /// The proof, a tree for every case; `None` where there is none, or it was not asked for.
    pub proof: Option<Vec<ProvedCase>>,
}

/// A lower bound of the distance of every input with what is asked, in real arithmetic, for the graph as stored.
///
/// Branch and bound on inputs where few are free: the nearest boxes first, until the nearest open one is as far as what was
/// found. Where many are, on signs of neurons, in balls that grow as long as they are proved to hold nothing. It ends with
/// what is proved when the work is done or the budget ends.
///
/// Errors: an operator without bounds; a formula with too many cases.
pub fn certify(
    network: &Network,
    question: &NearestQuestion<'_>,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Certified> {
    let (n, m) = (network.input_size(), network.output_size());
    let radius = question.found.unwrap_or(f64::INFINITY);
    let (mut lower, mut upper) = (question.lower.to_vec(), question.upper.to_vec());
    if radius.is_finite() {
        question.distance.reach(radius, &mut lower, &mut upper);
    }
    let nothing_known = Certified { distance: 0.0, boxes: 0, nearer: None, proof: None };
    if lower.iter().zip(&upper).any(|(lo, hi)| lo > hi) {
        return Ok(Certified { distance: radius, ..nothing_known });
    }
    if lower.iter().chain(&upper).any(|end| !end.is_finite()) {
        return Ok(nothing_known);
    }
    let form = NormalForm::of(&Formula::all(vec![question.formula.clone(), box_formula(&lower, &upper)]))?;
    let proof = question.keep_proof.then(Vec::new);
    let mut certified = Certified { distance: f64::INFINITY, boxes: 0, nearer: None, proof };
    if form.is_contradictory() {
        return Ok(certified);
    }
    let bounder = Bounder::new(network)?;
    let mut workspace = bounder.workspace();
    let mut magnitude = |lower: &[f64], upper: &[f64]| {
        bounder.analyse(lower, upper, Method::Linear, &mut workspace).then(|| {
            let (low, high) = bounder.output(&workspace);
            low.iter().zip(high).map(|(l, h)| l.abs().max(h.abs())).collect::<Vec<f64>>()
        })
    };
    let evaluator = Evaluator::<f64>::new(network);
    let mut attack = Attack { bounder: &bounder, evaluator: &evaluator, workspace: bounder.workspace() };
    let cases = Case::of(&form, n)?;
    let share = question.work / cases.len().max(1) as u64;
    let mut radius = radius;
    for case in cases {
        let mut region = Region::new(case, n, m, &mut magnitude)?;
        region.ball = Some(Arc::new(Ball { distance: question.distance.clone(), radius }));
        let (distance, boxes, tree) = if region.free_inputs() <= FEW_INPUTS {
            let mut search = NearestSearch::new(&region, &mut attack, share, question.keep_proof);
            let distance = search.run(budget, progress);
            if let Some((nearer, x)) = search.nearer.take() {
                radius = nearer;
                certified.nearer = Some(x);
            }
            (distance, search.boxes, search.tree)
        } else {
            let mut search = RadiusSearch::new(&region, &mut attack, share, question.keep_proof);
            (search.run(budget, progress), search.nodes, search.tree)
        };
        certified.distance = certified.distance.min(distance);
        certified.proof = certified.proof.zip(tree).map(|(mut cases, tree)| {
            // Where the ball cut the box, the case goes on to the question's own end.
            let end = |own: f64, cut: f64, asked: f64| if own == cut { asked } else { own };
            let ends = |own: &[f64], cut: &[f64], asked: &[f64]| -> Vec<f64> {
                (0..n).map(|i| end(own[i], cut[i], asked[i])).collect()
            };
            cases.push(ProvedCase {
                lower: ends(&region.lower, &lower, question.lower),
                upper: ends(&region.upper, &upper, question.upper),
                tree,
            });
            cases
        });
        certified.boxes += boxes;
    }
    // Room for the roundings of whoever checks it.
    certified.distance *= 1.0 - ROOM;
    Ok(certified)
}

/// The box as half-spaces.
fn box_formula(lower: &[f64], upper: &[f64]) -> Formula {
    let side = |i: usize, end: f64, up: bool| {
        let sign = if up { -Rational::ONE } else { Rational::ONE };
        let end = Rational::from_f64(if up { end } else { -end }).unwrap_or(Rational::ZERO);
        // One term and one constant are of bounded size.
        let form = Linear::new(vec![(Variable::Input(i as u32), sign)], end).expect("two doubles");
        Formula::atom(HalfSpace::new(form, false))
    };
    let sides = (0..lower.len()).flat_map(|i| [side(i, lower[i], false), side(i, upper[i], true)]);
    Formula::all(sides.collect())
}
