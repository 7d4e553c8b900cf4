//! What is tried in order to prove a claim: how hard to bound, where to bisect, which multipliers. The kernel decides what
//! that proves.

use crate::kernel::{Claim, Network, Prover, dominates, unstable};

/// Of all these, one each must be proved; of each, all claims of one group.
pub(crate) type Requirement<'a> = Vec<Vec<Claim<'a>>>;

/// The end of an attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    Proved,
    /// It is false at this point.
    False(Vec<f64>),
    /// Not proved with the work allowed; by how much it fails on the last box.
    Open(f64),
}

/// Boxes that one claim may take.
pub(crate) const MOST_BOXES: usize = 2000;

/// A margin that misses 0 by no more than this, relative to the form's size or as it is, may do so by rounding alone: then
/// the claim is worth another look. A form that vanishes has no size to compare with.
const NEARLY: f64 = 1e-9;
const TINY: f64 = 1e-12;

struct Pending {
    lower: Vec<f64>,
    upper: Vec<f64>,
    open: Vec<usize>,
}

/// Proves requirements on a box: by carried forms, by forms pushed back for every unstable element, without rounding, and on
/// its halves. `boxes` counts analyses.
pub(crate) fn establish(
    prover: &mut Prover,
    lower: &[f64],
    upper: &[f64],
    requirements: &[Requirement],
    boxes: &mut u64,
) -> Attempt {
    let all = (0..requirements.len()).filter(|&r| !requirements[r].iter().any(Vec::is_empty)).collect();
    let mut stack = vec![Pending { lower: lower.to_vec(), upper: upper.to_vec(), open: all }];
    let mut count = 0;
    while let Some(mut own) = stack.pop() {
        let mut worst = f64::NEG_INFINITY;
        let mut scores = vec![0.0; lower.len()];
        for backward in [false, true] {
            if own.open.is_empty() {
                break;
            }
            if backward && count > 0 && !any_unstable(prover) {
                break;
            }
            count += 1;
            *boxes += 1;
            if !prover.analyse(&own.lower, &own.upper, backward) {
                continue;
            }
            (worst, scores) = attempt(prover, &mut own.open, requirements, &own.lower, &own.upper, backward);
        }
        if own.open.is_empty() {
            continue;
        }
        let centre: Vec<f64> = own.lower.iter().zip(&own.upper).map(|(l, u)| f64::midpoint(*l, *u)).collect();
        // In a ball the centre of a box may be too far.
        if prover.analysis.ball.is_none()
            && own.open.iter().any(|&r| is_false(prover, &requirements[r], &centre))
        {
            return Attempt::False(centre);
        }
        let middle = |i: &usize| own.lower[*i] < centre[*i] && centre[*i] < own.upper[*i];
        let width = |i: usize| own.upper[i] - own.lower[i];
        let best = (0..centre.len())
            .filter(middle)
            .max_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(width(a).total_cmp(&width(b))));
        let Some(input) = best.filter(|_| count < MOST_BOXES) else { return Attempt::Open(worst) };
        for high in [true, false] {
            let mut half =
                Pending { lower: own.lower.clone(), upper: own.upper.clone(), open: own.open.clone() };
            *(if high { &mut half.lower[input] } else { &mut half.upper[input] }) = centre[input];
            stack.push(half);
        }
    }
    Attempt::Proved
}

fn any_unstable(prover: &Prover) -> bool {
    let network: &Network = prover.network;
    (0..network.steps.len()).any(|s| {
        !matches!(network.steps[s].op, crate::kernel::Op::Affine { .. })
            && !unstable(network, &prover.analysis, s).is_empty()
    })
}

/// Takes off the requirements that the last analysis proves; the worst margin of the others, and how much each input moves
/// the forms that fail.
fn attempt(
    prover: &Prover,
    open: &mut Vec<usize>,
    requirements: &[Requirement],
    lower: &[f64],
    upper: &[f64],
    backward: bool,
) -> (f64, Vec<f64>) {
    let claims: Vec<Claim> = open.iter().flat_map(|&r| requirements[r].iter().flatten().copied()).collect();
    let forms = prover.forms(&claims, &[]);
    let mut scores = vec![0.0; lower.len()];
    let mut worst = f64::INFINITY;
    let mut outputs: Option<Vec<(f64, f64)>> = None;
    let exact_is_due = backward || !any_unstable(prover);
    let mut at = 0;
    open.retain(|&r| {
        let first = at;
        at += requirements[r].iter().map(Vec::len).sum::<usize>();
        let mut next = first;
        let mut best = f64::NEG_INFINITY;
        let proved = requirements[r].iter().any(|group| {
            let own = next..next + group.len();
            next = own.end;
            let mut least = f64::INFINITY;
            let all = own.clone().all(|k| {
                let (slopes, constant) = (forms.slopes(k), forms.constants[k]);
                let margin = prover.margin(&claims[k], slopes, constant);
                least = least.min(margin);
                if margin > 0.0 || margin == 0.0 && !claims[k].strict {
                    return true;
                }
                let reach = |i: usize| slopes[i].abs() * lower[i].abs().max(upper[i].abs());
                let size = constant.abs() + (0..lower.len()).map(reach).sum::<f64>();
                // Intervals keep what lines lose: a sum of functions that are not negative is not negative.
                exact_is_due
                    && (claims[k].above.is_none()
                        && prover.follows_from(&claims[k], outputs.get_or_insert_with(|| prover.intervals()))
                        || margin > -NEARLY * size - TINY && prover.exactly(&claims[k]))
            });
            best = best.max(least);
            all
        });
        if !proved {
            worst = worst.min(best);
            for k in first..at {
                for (i, score) in scores.iter_mut().enumerate() {
                    *score += forms.slopes(k)[i].abs() * (upper[i] - lower[i]);
                }
            }
        }
        !proved
    });
    (worst, scores)
}

/// Whether every group of a requirement has a claim that is false at x.
fn is_false(prover: &mut Prover, requirement: &Requirement, x: &[f64]) -> bool {
    requirement.iter().all(|group| group.iter().any(|claim| prover.is_false_at(claim, x)))
}

/// A half-space `slopes·x + constant ≥ 0`.
pub(crate) type Facet<'a> = (&'a [f64], f64);

/// Whether no point of the box with `facet ≥ 0` has `form < 0` (with `strict`: `≤ 0`), shown by one multiplier.
pub(crate) fn inside(form: Facet, facet: Option<Facet>, lower: &[f64], upper: &[f64], strict: bool) -> bool {
    let Some((a, b)) = facet else { return dominates(form, None, lower, upper, strict) };
    // The dual has its corners where the form minus the multiple of the facet is level along some input.
    let value = |lambda: f64| {
        let sum = (0..a.len()).map(|i| {
            let slope = form.0[i] - lambda * a[i];
            (slope * lower[i]).min(slope * upper[i])
        });
        sum.sum::<f64>() + form.1 - lambda * b
    };
    let ratios = (0..a.len()).filter(|&i| lower[i] < upper[i] && a[i] != 0.0).map(|i| form.0[i] / a[i]);
    let best = ratios.filter(|r| *r > 0.0 && r.is_finite()).max_by(|p, q| value(*p).total_cmp(&value(*q)));
    best.is_some_and(|lambda| dominates(form, Some((a, b, lambda)), lower, upper, strict))
}

/// Whether the facet is below 0 on the whole box.
pub(crate) fn beyond(facet: Facet, lower: &[f64], upper: &[f64]) -> bool {
    let zeros = vec![0.0; lower.len()];
    dominates((&zeros, 0.0), Some((facet.0, facet.1, 1.0)), lower, upper, true)
}
