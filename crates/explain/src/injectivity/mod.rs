//! Is the network one-to-one on a region? Proofs that it is.
//!
//! | file | what |
//! |---|---|
//! | `structure` | outputs known, inputs unknown, element by element: bijections, couplings, orthogonal layers |
//! | `lipschitz` | residual steps whose branch contracts |
//! | `rank` | every matrix of a box of slopes has full column rank |
//! | `pairs` | branch and bound on pairs of boxes |
//! | `matrix` | verified small matrices |
//!
//! A network is cut where everything passes through one value no wider than any later one; it is injective where each part is,
//! on a box around what reaches it. What no part-wise proof settles goes to branch and bound as a whole.

mod lipschitz;
mod matrix;
mod pairs;
mod rank;
mod structure;

pub(crate) use matrix::{UP, rounding};
pub use pairs::{Effort, PairProof, prove_injective};
pub(crate) use rank::{RankAnswer, full_rank};

use netinverse_base::{Budget, Progress, Result};
use netinverse_bounds::{Bounder, Method, Ranges};
use netinverse_network::{Network, ValueId};

use crate::Region;

/// The most free inputs for which boxes are cut.
const MAX_CUT: usize = 12;

/// The most free inputs for which the hull test is tried at all.
const MAX_HULL: usize = 128;

/// One part of a proof.
#[derive(Debug, Clone)]
pub struct Part {
    /// The value it starts from and the one it ends in.
    pub from: String,
    /// The value it ends in.
    pub to: String,
    /// How it was settled, one clause.
    pub how: String,
}

/// What a search for a proof found.
#[derive(Debug, Clone, Default)]
pub struct Injectivity {
    /// The proof, part by part; empty where there is none.
    pub parts: Vec<Part>,
    /// |f(x) − f(x′)| ≥ μ |x − x′| on the region, where the method gives it.
    pub modulus: Option<f64>,
    /// Pairs of boxes that were looked at.
    pub pairs: usize,
    /// Without a proof: pairs of points around which nothing was settled.
    pub open: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Injectivity {
    /// Whether f is one-to-one, proved.
    pub fn proved(&self) -> bool {
        !self.parts.is_empty()
    }
}

/// What is cheap: structure and the hull test, part by part.
///
/// The network is one without its tail ([`crate::behead`]).
///
/// # Errors
/// An operator without bounds.
pub fn prove_by_parts(
    network: &Network,
    region: &Region,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Injectivity> {
    let n = region.free().len();
    if n > network.output_size() {
        return Ok(Injectivity::default());
    }
    let whole = Bounder::new(network)?;
    let fixed: Vec<bool> = (0..region.lower.len()).map(|i| region.lower[i] == region.upper[i]).collect();
    let ranges = ranges(&whole, region);
    let name = |id: ValueId| network.value(id).name.clone();
    let ends = || {
        let inputs: Vec<String> = network.inputs().iter().map(|&id| name(id)).collect();
        let outputs: Vec<String> = network.outputs().iter().map(|&id| name(id)).collect();
        (inputs.join(", "), outputs.join(", "))
    };
    if structure::recover(&whole, &fixed, ranges.as_ref()).all {
        let (from, to) = ends();
        let how = "every layer gives its input back: strictly monotone functions, maps of full column rank, couplings";
        return Ok(Injectivity { parts: vec![Part { from, to, how: how.into() }], ..Injectivity::default() });
    }
    let boundaries = boundaries(network);
    let mut parts = Vec::new();
    // The parts must reach from the whole input to the whole output: several tensors, or an input that is wider than what
    // can vary of it, leave an end that no part covers.
    let covers = boundaries.first() == network.inputs().first()
        && boundaries.last() == network.outputs().first()
        && network.inputs().len() == 1
        && network.outputs().len() == 1;
    if boundaries.len() > 2 && covers {
        for window in boundaries.windows(2) {
            let part = network.between(window[0], window[1])?;
            let from = if network.inputs() == [window[0]] {
                Some(region.clone())
            } else {
                reached(network, window[0], region)?
            };
            match prove_part(&part, from.as_ref(), budget, progress)? {
                Some(how) => parts.push(Part { from: name(window[0]), to: name(window[1]), how }),
                None => return Ok(Injectivity::default()),
            }
            if budget.stop().is_some() {
                return Ok(Injectivity::default());
            }
        }
        return Ok(Injectivity { parts, ..Injectivity::default() });
    }
    if let Some(residual) = lipschitz::residual(&whole, ranges.as_ref()) {
        let (from, to) = ends();
        return Ok(Injectivity {
            parts: vec![Part { from, to, how: residual_words(residual) }],
            modulus: Some(residual.modulus),
            ..Injectivity::default()
        });
    }
    Ok(Injectivity::default())
}

/// Branch and bound on the whole.
pub fn prove_by_pairs(
    network: &Network,
    region: &Region,
    effort: Effort,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Injectivity> {
    let n = region.free().len();
    if n > network.output_size() || n > MAX_HULL {
        return Ok(Injectivity::default());
    }
    let bounder = Bounder::new(network)?;
    let effort = if n > MAX_CUT { Effort { pairs: 1, ..effort } } else { effort };
    let proof = prove_injective(&bounder, region, effort, budget, progress);
    let mut found = Injectivity { pairs: proof.pairs, open: proof.open, ..Injectivity::default() };
    if proof.injective {
        let name = |id: &ValueId| network.value(*id).name.clone();
        let join = |ids: &[ValueId]| ids.iter().map(name).collect::<Vec<_>>().join(", ");
        found.parts = vec![Part {
            from: join(network.inputs()),
            to: join(network.outputs()),
            how: pair_words(proof.pairs),
        }];
        found.modulus = Some(proof.modulus);
    }
    Ok(found)
}

fn prove_part(
    part: &Network,
    region: Option<&Region>,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Option<String>> {
    let bounder = Bounder::new(part)?;
    let ranges = region.and_then(|region| ranges(&bounder, region));
    let fixed = match region {
        Some(region) => (0..region.lower.len()).map(|i| region.lower[i] == region.upper[i]).collect(),
        None => vec![false; part.input_size()],
    };
    if structure::recover(&bounder, &fixed, ranges.as_ref()).all {
        return Ok(Some("gives its input back layer by layer".into()));
    }
    if let Some(residual) = lipschitz::residual(&bounder, ranges.as_ref()) {
        return Ok(Some(residual_words(residual)));
    }
    let Some(region) = region else { return Ok(None) };
    let k = region.free().len();
    if k > MAX_HULL || k > part.output_size() {
        return Ok(None);
    }
    let pairs = if k > MAX_CUT { 1 } else { 400 };
    let proof = prove_injective(&bounder, region, Effort { pairs, matrices: 1024 }, budget, progress);
    Ok(proof.injective.then(|| pair_words(proof.pairs)))
}

fn residual_words(residual: lipschitz::Residual) -> String {
    format!("adds to its input a branch of Lipschitz constant at most {:.4} times it", residual.constant)
}

fn pair_words(pairs: usize) -> String {
    match pairs {
        1 => "every mean of its Jacobians on the whole box has full column rank".into(),
        _ => format!("no pair of {pairs} pairs of boxes holds two inputs of one output"),
    }
}

/// What functions read on the region.
fn ranges(bounder: &Bounder, region: &Region) -> Option<Ranges> {
    let mut workspace = bounder.workspace();
    bounder
        .analyse(&region.lower, &region.upper, Method::Linear, &mut workspace)
        .then(|| bounder.ranges(&workspace))
}

/// A box around what a value can be.
fn reached(network: &Network, id: ValueId, region: &Region) -> Result<Option<Region>> {
    let before = network.with_outputs(&[&network.value(id).name])?;
    let bounder = Bounder::new(&before)?;
    let mut workspace = bounder.workspace();
    if !bounder.analyse(&region.lower, &region.upper, Method::Linear, &mut workspace) {
        return Ok(None);
    }
    let (lower, upper) = bounder.output(&workspace);
    Ok(Region::boxed(lower.to_vec(), upper.to_vec()).ok())
}

/// The cuts that are no wider than any later one: only there can the rest be injective on a box.
fn boundaries(network: &Network) -> Vec<ValueId> {
    let mut narrowest = usize::MAX;
    let mut kept: Vec<ValueId> = Vec::new();
    for &id in network.cuts().iter().rev() {
        let size = network.value(id).shape.elements();
        if size <= narrowest {
            kept.push(id);
            narrowest = size;
        }
    }
    kept.reverse();
    kept
}
