//! The tree of boxes: what is out on a box, which slabs of it, and that nothing is left.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::kernel::{Ball, Choice, Claim, Network, Prover, Row, combined, evaluate, rational};
use crate::report::{Outcome, refuse};
use crate::search::{Attempt, Requirement, establish};
use crate::work::Work;

use super::ascent;
use super::format::{Leaf, Node, Region};
use super::signs;

/// A box with what is claimed there.
struct Task<'a> {
    node: &'a Node,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Disjuncts that nothing above has dismissed, and those that `out` leaves.
    open: Vec<u32>,
    left: Vec<u32>,
    /// The box that the cuts leave.
    cut_lower: Vec<f64>,
    cut_upper: Vec<f64>,
}

/// Disjuncts that are still to be proved out on a box, and by which claim.
type Pending = (Vec<u32>, &'static str, Vec<f64>, Vec<f64>);

/// Checks a region: every box, and that all of it is done.
pub(super) fn check(
    region: &Region,
    network: &Network,
    rows: &[Row],
    ball: Option<&Ball>,
    work: &Work,
) -> Result<(), Outcome> {
    let by_signs: Vec<u32> = region.trees.iter().map(|tree| tree.disjunct).collect();
    let (tasks, rest) = walk(region, &by_signs, ball)?;
    let failure = tasks
        .par_iter()
        .map_init(
            || Prover::within(network, ball),
            |prover, task| {
                if let Some(end) = work.stopped() {
                    return Some(end);
                }
                let mut own = 0;
                let result = claims(prover, task, region, rows, &mut own);
                work.add(own);
                result.err()
            },
        )
        .find_map_first(|failure| failure);
    failure.map_or(Ok(()), Err)?;
    if rest { signs::check(region, network, rows, ball, work) } else { Ok(()) }
}

/// The boxes of the tree; whether trees of signs are needed for what the root leaves open.
fn walk<'a>(
    region: &'a Region,
    by_signs: &[u32],
    ball: Option<&Ball>,
) -> Result<(Vec<Task<'a>>, bool), Outcome> {
    let mut tasks = Vec::new();
    let mut seen = vec![false; region.nodes.len()];
    let all: Vec<u32> = (0..region.disjuncts.len() as u32).collect();
    let mut stack = vec![(0usize, region.lower.clone(), region.upper.clone(), all)];
    let mut rest = false;
    while let Some((number, lower, upper, open)) = stack.pop() {
        let Some(node) = region.nodes.get(number).filter(|_| !std::mem::replace(&mut seen[number], true))
        else {
            return Err(refuse(region.line, "tree", format!("box {number} is missing, or is reached twice")));
        };
        let claim = |reason: String| Err(refuse(node.line, "box", reason));
        let left: Vec<u32> =
            open.iter().copied().filter(|d| !node.out.iter().any(|out| out.disjunct == *d)).collect();
        let (mut cut_lower, mut cut_upper) = (lower.clone(), upper.clone());
        for cut in &node.cut {
            if cut.input >= lower.len() || !(lower[cut.input] <= cut.at && cut.at <= upper[cut.input]) {
                return claim(format!("a cut of input {} at {} outside the box", cut.input, cut.at));
            }
            if cut.low {
                cut_lower[cut.input] = cut_lower[cut.input].max(cut.at);
            } else {
                cut_upper[cut.input] = cut_upper[cut.input].min(cut.at);
            }
        }
        let gone = left.is_empty()
            || cut_lower.iter().zip(&cut_upper).any(|(l, u)| l >= u && !node.cut.is_empty() && l > u)
            || node.cut.iter().any(|cut| cut_lower[cut.input] >= cut_upper[cut.input]);
        if node.far && ball.is_none() {
            return claim("it is said to be far, and no distance is claimed".into());
        }
        if !gone && !node.exact && !node.far {
            match node.split {
                Some(split) => {
                    let i = split.input;
                    if i >= lower.len()
                        || !(cut_lower[i] <= split.at && split.at <= cut_upper[i])
                        || split.first <= number
                    {
                        return claim(format!("a split of input {i} at {} outside the box", split.at));
                    }
                    let (mut below, mut above) = (cut_upper.clone(), cut_lower.clone());
                    (below[i], above[i]) = (split.at, split.at);
                    stack.push((split.first + 1, above, cut_upper.clone(), left.clone()));
                    stack.push((split.first, cut_lower.clone(), below, left.clone()));
                }
                None if number == 0 && left.iter().all(|d| by_signs.contains(d)) && node.cut.is_empty() => {
                    rest = true;
                }
                None => return claim("it is not done: something is open there, and it is not split".into()),
            }
        }
        tasks.push(Task { node, lower, upper, open, left, cut_lower, cut_upper });
    }
    tasks.sort_by_key(|task| task.node.line);
    Ok((tasks, rest))
}

/// The claims of one box.
fn claims(
    prover: &mut Prover,
    task: &Task,
    region: &Region,
    rows: &[Row],
    boxes: &mut u64,
) -> Result<(), Outcome> {
    let node = task.node;
    let wrong = |claim: &str, reason: String| Err(refuse(node.line, claim, reason));
    if node.out.is_empty() && node.cut.is_empty() && !node.exact && !node.far {
        return Ok(());
    }
    let known = |row: u32| (row as usize) < rows.len();
    let ball = prover.analysis.ball.clone();
    let meet = |lower: &[f64], upper: &[f64]| match &ball {
        Some(ball) => ball.meet(lower, upper),
        None => Some((lower.to_vec(), upper.to_vec())),
    };
    let Some((own_lower, own_upper)) = meet(&task.lower, &task.upper) else { return Ok(()) };
    let analysed = (!node.out.is_empty() || !node.cut.is_empty()) && {
        *boxes += 1;
        prover.analyse(&own_lower, &own_upper, true)
    };
    let mut pending: Vec<Pending> = Vec::new();
    for out in &node.out {
        let exists = (out.disjunct as usize) < region.disjuncts.len();
        if !exists || !out.rows.iter().all(|(row, _)| known(*row)) {
            return wrong("out", "it names what does not exist".into());
        }
        if !task.open.contains(&out.disjunct) {
            continue;
        }
        let own = &region.disjuncts[out.disjunct as usize];
        let proved = analysed && out.rows.iter().all(|(row, _)| own.contains(row)) && {
            let row = combined(rows, &out.rows, &prover.analysis, prover.network);
            row.is_some_and(|row| is_false(prover, &row, &out.leaves))
        };
        if !proved {
            pending.push((vec![out.disjunct], "out", task.lower.clone(), task.upper.clone()));
        }
    }
    // Slabs by the forms of single rows on the whole box.
    let mut forms: HashMap<u32, (Vec<f64>, f64)> = HashMap::new();
    let mut used: Vec<u32> = node.cut.iter().flat_map(|cut| cut.rows.iter().map(|(_, row)| *row)).collect();
    used.sort_unstable();
    used.dedup();
    if !used.iter().all(|&row| known(row)) {
        return wrong("cut", "it names a row that does not exist".into());
    }
    if analysed && !used.is_empty() {
        let claims: Vec<Claim> = used.iter().map(|&row| Claim::row(&rows[row as usize], false)).collect();
        let own = prover.forms(&claims, &[]);
        for (k, &row) in used.iter().enumerate() {
            forms.insert(row, (own.slopes(k).to_vec(), own.constants[k]));
        }
    }
    let (mut lower, mut upper) = (task.lower.clone(), task.upper.clone());
    for cut in &node.cut {
        let (mut low, mut high) = (lower.clone(), upper.clone());
        if cut.low {
            high[cut.input] = cut.at.clamp(lower[cut.input], upper[cut.input]);
            lower[cut.input] = high[cut.input];
        } else {
            low[cut.input] = cut.at.clamp(lower[cut.input], upper[cut.input]);
            upper[cut.input] = low[cut.input];
        }
        let fails = |d: &u32| {
            cut.rows.iter().filter(|(of, row)| of == d && region.disjuncts[*d as usize].contains(row)).any(
                |(_, row)| {
                    forms.get(row).is_some_and(|(slopes, constant)| {
                        crate::kernel::least(slopes, *constant, &low, &high) > 0.0
                    })
                },
            )
        };
        let left: Vec<u32> = task.left.iter().copied().filter(|d| !fails(d)).collect();
        if !left.is_empty() {
            pending.push((left, "cut", low, high));
        }
    }
    if node.far && !task.left.is_empty() {
        pending.push((task.left.clone(), "far", task.cut_lower.clone(), task.cut_upper.clone()));
    }
    if node.exact && !task.left.is_empty() && !exactly_false(prover.network, task, region, rows) {
        return wrong("exact", "the query is not false there by evaluation".into());
    }
    for (disjuncts, claim, low, high) in pending {
        let Some((low, high)) = meet(&low, &high) else { continue };
        let fails = |row: &u32| vec![Claim::row(&rows[*row as usize], false)];
        let requirements: Vec<Requirement> =
            disjuncts.iter().map(|&d| region.disjuncts[d as usize].iter().map(fails).collect()).collect();
        if requirements.iter().any(Vec::is_empty) {
            return wrong(claim, "a disjunct that asks nothing is not false anywhere".into());
        }
        match establish(prover, &low, &high, &requirements, boxes) {
            Attempt::Proved => {}
            Attempt::False(x) => return wrong(claim, format!("it is false at x = {x:?}")),
            Attempt::Open(worst) => {
                return wrong(claim, format!("it does not follow: the bound is {worst:e}"));
            }
        }
    }
    Ok(())
}

/// Whether a row is false on the box of the last analysis, on all parts that signs make.
fn is_false(prover: &Prover, row: &Row, leaves: &[Leaf]) -> bool {
    let claim = Claim::row(row, false);
    let positive = |forms: &crate::kernel::Forms, k: usize| {
        prover.margin(&claim, forms.slopes(k), forms.constants[k]) > 0.0
    };
    if leaves.is_empty() {
        return positive(&prover.forms(&[claim], &[]), 0);
    }
    let slopes: Option<Vec<Vec<f64>>> = leaves.iter().map(|leaf| ascent::slopes(prover, leaf)).collect();
    let Some(slopes) = slopes else { return false };
    if !signs::complete(&leaves.iter().map(|l| &l.signs[..]).collect::<Vec<_>>(), 0) {
        return false;
    }
    let signs: Vec<Vec<(usize, bool, f64)>> = leaves
        .iter()
        .map(|leaf| {
            leaf.signs.iter().zip(&leaf.beta).map(|(&(slot, sign), &beta)| (slot, sign, beta)).collect()
        })
        .collect();
    let choices: Vec<Choice> =
        slopes.iter().zip(&signs).map(|(slopes, signs)| Choice { slopes: Some(slopes), signs }).collect();
    let forms = prover.forms(&vec![claim; leaves.len()], &choices);
    (0..leaves.len()).all(|k| {
        positive(&forms, k)
            || ascent::leaf(prover, &claim, slopes[k].clone(), signs[k].clone(), ascent::STEPS)
    })
}

/// Whether every disjunct that is left is false at the one point of a box.
fn exactly_false(network: &Network, task: &Task, region: &Region, rows: &[Row]) -> bool {
    if task.cut_lower != task.cut_upper {
        return false;
    }
    let x: Vec<_> = task.cut_lower.iter().map(|&v| rational(v)).collect();
    let Some(y) = evaluate(network, &x) else { return false };
    let fails = |row: &Row| {
        let value = row.value(&x, &y);
        value < rational(0.0) || value == rational(0.0) && row.strict
    };
    task.left.iter().all(|&d| region.disjuncts[d as usize].iter().any(|&row| fails(&rows[row as usize])))
}
