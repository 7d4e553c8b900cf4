//! Undoing the invertible tail of a network, so that the solve happens where it is well conditioned.
//!
//! A sigmoid, tanh, softmax or leaky rectifier after the last layer is a bijection onto its range: a goal on its outputs
//! is the same goal on its inputs. Near saturation the outputs hardly move while the pre-activations do, so Newton's
//! method converges in pre-activations and crawls in outputs. What lies outside the range cannot be reached, and the
//! range is the proof.

use netinverse_network::{Function, Network, Node, Normalizer, Op};

use super::{Goal, Polyhedron};

/// A network without its invertible tail, and the goals before it.
#[derive(Debug, Clone)]
pub struct Peeled {
    /// The network up to the tail.
    pub network: Network,
    /// The goals in its outputs, one a query.
    pub goals: Vec<PeeledGoal>,
    /// The operators taken off, the last one first.
    pub tail: Vec<&'static str>,
}

/// What a goal becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum PeeledGoal {
    /// The same set, in the pre-activations.
    Goal(Goal),
    /// No output of the network is in the goal: the reason is a proof.
    Unreachable(String),
}

/// Takes off bijections as long as every goal can be carried through them. `tolerance[q]` is the residual that answers
/// query q: a target outside the range by less is moved inside.
pub fn peel(network: &Network, goals: &[Goal], tolerance: &[f64]) -> Peeled {
    let mut peeled = Peeled {
        network: network.clone(),
        goals: goals.iter().cloned().map(PeeledGoal::Goal).collect(),
        tail: Vec::new(),
    };
    while let Some((network, goals, name)) = peel_one(&peeled, tolerance) {
        peeled.network = network;
        peeled.goals = goals;
        peeled.tail.push(name);
    }
    peeled
}

fn peel_one(peeled: &Peeled, tolerance: &[f64]) -> Option<(Network, Vec<PeeledGoal>, &'static str)> {
    let network = &peeled.network;
    let [output] = network.outputs() else { return None };
    let node = network.nodes().iter().find(|node| node.output == *output)?;
    let carry = tail_of(network, node)?;
    let goals: Option<Vec<PeeledGoal>> = peeled
        .goals
        .iter()
        .zip(tolerance)
        .map(|(goal, &tolerance)| match goal {
            PeeledGoal::Goal(goal) => carry_goal(&carry, goal, tolerance),
            PeeledGoal::Unreachable(reason) => Some(PeeledGoal::Unreachable(reason.clone())),
        })
        .collect();
    let before = &network.value(node.inputs[0]).name;
    let network = network.with_outputs(&[before]).ok()?;
    Some((network, goals?, node.op.name()))
}

enum Tail {
    /// An increasing bijection onto its range, element by element.
    Increasing(Function),
    /// The softmax of all outputs together.
    Softmax,
    /// The same elements in another shape.
    Reshape,
}

fn tail_of(network: &Network, node: &Node) -> Option<Tail> {
    match &node.op {
        Op::Function(function) if function.is_injective() => {
            let increasing = matches!(function.monotonicity(), netinverse_network::Monotonicity::Increasing);
            increasing.then_some(Tail::Increasing(*function))
        }
        Op::Normalizer(Normalizer::Softmax { axis }) => {
            let shape = &network.value(node.output).shape;
            (shape[*axis] == shape.elements()).then_some(Tail::Softmax)
        }
        Op::Layout(netinverse_network::Layout::Reshape { .. }) => Some(Tail::Reshape),
        _ => None,
    }
}

/// `None` when the goal's form does not survive the tail.
fn carry_goal(tail: &Tail, goal: &Goal, tolerance: f64) -> Option<PeeledGoal> {
    let mut alternatives = Vec::new();
    let mut reason = None;
    for polyhedron in &goal.alternatives {
        let carried = match tail {
            Tail::Reshape => Ok(polyhedron.clone()),
            Tail::Increasing(function) => carry_increasing(*function, polyhedron, tolerance)?,
            Tail::Softmax => carry_softmax(polyhedron, tolerance)?,
        };
        match carried {
            Ok(polyhedron) => alternatives.push(polyhedron),
            Err(why) => reason = Some(why),
        }
    }
    Some(match (alternatives.is_empty(), reason) {
        (true, Some(reason)) => PeeledGoal::Unreachable(reason),
        _ => PeeledGoal::Goal(Goal { alternatives }),
    })
}

/// A row of a polyhedron in one of the forms that survive.
enum Form {
    /// `c·y_j + d`
    Single {
        j: usize,
        c: f64,
        d: f64,
    },
    /// `c·(y_i − y_j)`, c > 0
    Order,
    Other,
}

fn form(polyhedron: &Polyhedron, k: usize) -> Form {
    let m = polyhedron.rows.len() / polyhedron.len();
    let row = &polyhedron.rows[k * m..(k + 1) * m];
    let d = polyhedron.constants[k];
    let terms: Vec<(usize, f64)> = row.iter().copied().enumerate().filter(|(_, c)| *c != 0.0).collect();
    match terms[..] {
        [(j, c)] => Form::Single { j, c, d },
        [(_, a), (_, b)] if a == -b && d == 0.0 => Form::Order,
        _ => Form::Other,
    }
}

type Carried = Result<Polyhedron, String>;

fn carry_increasing(function: Function, polyhedron: &Polyhedron, tolerance: f64) -> Option<Carried> {
    let m = polyhedron.rows.len() / polyhedron.len().max(1);
    let (low, high) = function.range();
    let mut carried = Polyhedron { rows: Vec::new(), constants: Vec::new(), equations: 0 };
    for k in 0..polyhedron.len() {
        let equation = k < polyhedron.equations;
        match form(polyhedron, k) {
            Form::Order => {
                carried.rows.extend_from_slice(&polyhedron.rows[k * m..(k + 1) * m]);
                carried.constants.push(0.0);
            }
            Form::Single { j, c, d } => {
                let bound = -d / c;
                let at_least = !equation && c > 0.0;
                let at_most = !equation && c < 0.0;
                // Reaching the bound within the tolerance is all that is asked.
                let slack = 0.5 * tolerance / c.abs();
                let outside = |why: &str| {
                    format!(
                        "output {j} would have to be {why} {bound}, and {} only gives values between {low} and {high}",
                        function.name()
                    )
                };
                if (equation || at_least) && bound > high + 2.0 * slack {
                    return Some(Err(outside(if equation { "equal to" } else { "at least" })));
                }
                if (equation || at_most) && bound < low - 2.0 * slack {
                    return Some(Err(outside(if equation { "equal to" } else { "at most" })));
                }
                let open_low = low + slack.min(0.25 * (high - low));
                let open_high = high - slack.min(0.25 * (high - low));
                // A bound beyond the range's end on the harmless side asks nothing.
                if (at_least && bound <= low) || (at_most && bound >= high) {
                    continue;
                }
                let inside = if low.is_finite() { bound.max(open_low) } else { bound };
                let inside = if high.is_finite() { inside.min(open_high) } else { inside };
                let z = function.inverse(inside)?;
                if !z.is_finite() {
                    return None;
                }
                let start = carried.rows.len();
                carried.rows.resize(start + m, 0.0);
                let sign = if at_most { -1.0 } else { 1.0 };
                carried.rows[start + j] = sign;
                carried.constants.push(-sign * z);
            }
            Form::Other => return None,
        }
        if equation {
            carried.equations = carried.constants.len();
        }
    }
    Some(Ok(carried))
}

fn carry_softmax(polyhedron: &Polyhedron, tolerance: f64) -> Option<Carried> {
    if polyhedron.is_empty() {
        return Some(Ok(polyhedron.clone()));
    }
    let m = polyhedron.rows.len() / polyhedron.len();
    if (0..polyhedron.len()).all(|k| matches!(form(polyhedron, k), Form::Order)) {
        return Some(Ok(polyhedron.clone())); // orders of outputs are orders of pre-activations
    }
    // A whole output: the pre-activations are log y up to one common shift, m − 1 equations.
    if polyhedron.equations != m || polyhedron.len() != m {
        return None;
    }
    let mut y = vec![f64::NAN; m];
    for k in 0..m {
        let Form::Single { j, c, d } = form(polyhedron, k) else { return None };
        y[j] = -d / c;
    }
    let sum: f64 = y.iter().sum();
    if (sum - 1.0).abs() > m as f64 * tolerance + 1e-12 {
        return Some(Err(format!("the outputs of a softmax sum to 1, the target's to {sum}")));
    }
    if let Some(j) = y.iter().position(|&value| value < -tolerance) {
        return Some(Err(format!("output {j} of a softmax is positive, the target's is {}", y[j])));
    }
    let logs: Vec<f64> = y.iter().map(|value| value.max(0.5 * tolerance).ln()).collect();
    let pivot = (0..m).fold(0, |best, j| if y[j] > y[best] { j } else { best });
    let mut carried = Polyhedron { rows: Vec::new(), constants: Vec::new(), equations: m - 1 };
    for j in (0..m).filter(|&j| j != pivot) {
        let start = carried.rows.len();
        carried.rows.resize(start + m, 0.0);
        carried.rows[start + j] = 1.0;
        carried.rows[start + pivot] = -1.0;
        carried.constants.push(logs[pivot] - logs[j]);
    }
    Some(Ok(carried))
}
