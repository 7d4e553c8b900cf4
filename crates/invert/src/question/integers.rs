//! Inputs that are integers: rounding first, then branching on a fractional one, each node a search of its own.

use netinverse_answer::{Answer, Nearest};
use netinverse_base::Budget;

use super::attempt::{Aim, Attempt};
use crate::solve::Domain;

/// Nodes of a query at most.
const NODES: usize = 256;
/// Nodes after the first answer at most: the search for a better one is not for ever.
const NODES_AFTER_ANSWER: usize = 32;

/// Answers of one query in which the given inputs are integers. `search` answers the query in a domain, `better` says
/// whether the first of two answers is preferred.
pub(super) fn search(
    domain: &Domain,
    integers: &[usize],
    aim: &Aim<'_>,
    count: usize,
    budget: &Budget,
    search: &dyn Fn(&Domain, &Aim<'_>) -> Attempt,
    better: &dyn Fn(&Answer, &Answer) -> bool,
) -> Attempt {
    let mut total = Attempt::default();
    let mut stack = vec![domain.clone()];
    let mut nodes = 0;
    let mut limit = NODES;
    while let Some(node) = stack.pop() {
        if nodes >= limit || budget.stop().is_some() {
            total.stopped |= budget.stop().is_some();
            break;
        }
        nodes += 1;
        let Some(relaxed) = visit(&mut total, &node, aim, search) else { continue };
        // Bounds by a local search are no proof; they say where not to look first.
        if count == 1 && total.answers.iter().any(|best| !better(&relaxed, best)) {
            continue;
        }
        let free = |&i: &usize| node.lower[i] < node.upper[i];
        let distance = |i: usize| (relaxed.x[i] - relaxed.x[i].round()).abs();
        let fractional = integers.iter().copied().filter(|&i| distance(i) > 0.0);
        let most = fractional.max_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        let Some(branch) = most else {
            let next = integers.iter().copied().find(|i| free(i)).map(|i| (i, relaxed.x[i]));
            keep(&mut total, relaxed, better);
            limit = limit.min(nodes + NODES_AFTER_ANSWER);
            // More answers lie beside this one's integers.
            if let (Some((i, value)), true) = (next, total.answers.len() < count) {
                split(&mut stack, &node, i, value - 1.0, value + 1.0, value);
            }
            continue;
        };
        // All at once where they are nearly there, and at the root.
        if nodes == 1 || distance(branch) < 0.05 {
            let mut rounded = node.clone();
            for &i in integers {
                let value = relaxed.x[i].round().clamp(node.lower[i], node.upper[i]) + 0.0;
                (rounded.lower[i], rounded.upper[i]) = (value, value);
            }
            if let Some(answer) = visit(&mut total, &rounded, aim, search) {
                keep(&mut total, answer, better);
                limit = limit.min(nodes + NODES_AFTER_ANSWER);
            }
        }
        let x = relaxed.x[branch];
        split(&mut stack, &node, branch, x.floor(), x.ceil(), x);
    }
    total
}

/// Searches a node; its first answer.
fn visit(
    total: &mut Attempt,
    node: &Domain,
    aim: &Aim<'_>,
    search: &dyn Fn(&Domain, &Aim<'_>) -> Attempt,
) -> Option<Answer> {
    let attempt = search(node, aim);
    total.evaluations.add(attempt.evaluations);
    let nearer =
        |nearest: &Nearest| total.nearest.as_ref().is_none_or(|kept| nearest.residual < kept.residual);
    if let Some(nearest) = attempt.nearest.filter(nearer) {
        total.nearest = Some(nearest);
    }
    attempt.answers.into_iter().next()
}

fn keep(total: &mut Attempt, answer: Answer, better: &dyn Fn(&Answer, &Answer) -> bool) {
    if total.answers.iter().any(|other| other.x == answer.x) {
        return;
    }
    let place = total.answers.iter().position(|other| better(&answer, other)).unwrap_or(total.answers.len());
    total.answers.insert(place, answer);
}

/// The two halves of a node, the one nearer to `x` to be visited first.
fn split(stack: &mut Vec<Domain>, node: &Domain, i: usize, below: f64, above: f64, x: f64) {
    let (mut low, mut high) = (node.clone(), node.clone());
    low.upper[i] = below;
    high.lower[i] = above;
    let mut halves = [low, high];
    if x - below < above - x {
        halves.reverse();
    }
    stack.extend(halves.into_iter().filter(|half| half.lower[i] <= half.upper[i]));
}
