//! Trees of signs of neurons, on the whole box of a region.

use rayon::prelude::*;

use crate::kernel::{Ball, Claim, Network, Op, Prover, Row, combined, unstable};
use crate::report::{Outcome, refuse};
use crate::work::Work;

use super::ascent;
use super::format::{Leaf, Region, SignNode, SignTree};

/// Steps of ascent for the bounds of each neuron.
const NEURON_STEPS: usize = 12;

/// Whether lists of signs, read from `depth` on, take in every case: they are the paths to the leaves of a binary tree.
pub(super) fn complete(leaves: &[&[(usize, bool)]], depth: usize) -> bool {
    if leaves.iter().any(|signs| signs.len() == depth) {
        return true;
    }
    let Some(slot) = leaves.first().map(|signs| signs[depth].0) else { return false };
    let side = |positive: bool| -> Vec<&[(usize, bool)]> {
        leaves.iter().copied().filter(|signs| signs[depth] == (slot, positive)).collect()
    };
    depth < 4096 && complete(&side(true), depth + 1) && complete(&side(false), depth + 1)
}

/// Checks the trees of signs of what the root's bounds leave open.
pub(super) fn check(
    region: &Region,
    network: &Network,
    rows: &[Row],
    ball: Option<&Ball>,
    work: &Work,
) -> Result<(), Outcome> {
    let wrong = |line: usize, reason: &str| Err(refuse(line, "tree of signs", reason));
    let mut prover = Prover::within(network, ball);
    if !prover.analyse(&region.lower, &region.upper, true) || !refine(&mut prover) {
        return wrong(region.line, "nothing is known of the box");
    }
    work.add(1);
    for tree in &region.trees {
        let exists = (tree.disjunct as usize) < region.disjuncts.len();
        let own = exists.then(|| &region.disjuncts[tree.disjunct as usize]);
        if !own.is_some_and(|own| tree.rows.iter().all(|(row, _)| own.contains(row))) {
            return wrong(tree.line, "it names what does not exist");
        }
        let Some(row) = combined(rows, &tree.rows, &prover.analysis, network) else {
            return wrong(tree.line, "its multipliers prove nothing");
        };
        let leaves = leaves(tree)?;
        let claim = Claim::row(&row, false);
        let fails = |(number, signs, leaf): &Reached| {
            if let Some(end) = work.stopped() {
                return Some(end);
            }
            work.add(1);
            let slopes = ascent::slopes(&prover, leaf).filter(|_| leaf.signs == *signs);
            let Some(slopes) = slopes else {
                return Some(refuse(
                    tree.line + 1 + number,
                    "leaf of signs",
                    "its signs are not those of its path",
                ));
            };
            let with =
                signs.iter().zip(&leaf.beta).map(|(&(slot, sign), &beta)| (slot, sign, beta)).collect();
            let proved = ascent::leaf(&prover, &claim, slopes, with, ascent::STEPS);
            (!proved).then(|| refuse(tree.line + 1 + number, "leaf of signs", "the bound does not follow"))
        };
        leaves.par_iter().find_map_first(fails).map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// A leaf: its number, the signs on the way to it, and what it says.
type Reached<'a> = (usize, Vec<(usize, bool)>, &'a Leaf);

/// The leaves with the signs on the way to them.
fn leaves(tree: &SignTree) -> Result<Vec<Reached<'_>>, Outcome> {
    let mut seen = vec![false; tree.nodes.len()];
    let mut stack = vec![(0usize, Vec::new())];
    let mut leaves = Vec::new();
    while let Some((number, signs)) = stack.pop() {
        let Some(node) = tree.nodes.get(number).filter(|_| !std::mem::replace(&mut seen[number], true))
        else {
            return Err(refuse(
                tree.line,
                "tree of signs",
                format!("node {number} is missing, or is reached twice"),
            ));
        };
        match node {
            SignNode::Leaf(leaf) => leaves.push((number, signs, leaf)),
            SignNode::Split(split) => {
                for (next, positive) in
                    [(split.first, split.positive), (split.first.saturating_add(1), !split.positive)]
                {
                    let mut own = signs.clone();
                    own.push((split.neuron, positive));
                    stack.push((next, own));
                }
            }
        }
    }
    Ok(leaves)
}

/// Tightens every unstable ReLU's input by forms with slopes of their own.
fn refine(prover: &mut Prover) -> bool {
    let network = prover.network;
    for index in 0..network.steps.len() {
        if let Op::Curves(curves) = &network.steps[index].op
            && curves.iter().all(crate::kernel::Curve::is_relu)
        {
            let value = network.steps[index].inputs[0];
            let loose = unstable(network, &prover.analysis, index);
            let own: &Prover = prover;
            let bounds: Vec<(usize, f64, f64)> = loose
                .par_chunks(8)
                .flat_map_iter(|chunk| ascent::extremes(own, value, chunk, NEURON_STEPS))
                .collect();
            prover.analysis.tighten(value, bounds.into_iter());
        }
        // What was known before still holds.
        let output = network.steps[index].output;
        let before = prover.analysis.ranges[output].clone();
        if !prover.analysis.step(network, index) {
            return false;
        }
        let size = network.sizes[output];
        prover.analysis.tighten(output, (0..size).map(|j| (j, before.lo[j], before.hi[j])));
    }
    true
}
