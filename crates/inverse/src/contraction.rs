//! Residual blocks: `y = x + g(x)` with a contraction g has one x for each y, the fixed point of `x ← y − g(x)`.
//!
//! That g contracts is proved: the product of rigorous bounds of the norms of its operators ([`crate::lipschitz`]) is
//! less than 1. The inverse holds a loop that runs until the iterate stays.

use std::collections::HashSet;

use netinverse_linalg::Precision;
use netinverse_network::{Linear, Op};

use crate::elements::{Atom, Element};
use crate::elementwise::row;
use crate::findings::LoopPart;
use crate::lipschitz::Bounds;
use crate::propagation::Inversion;
use crate::recorder::{Action, FixedPoint, Recorder, sized};
use crate::scope::Scope;

/// Iterations that are never more than this: a contraction that needs more is as good as none.
const MAX_ITERATIONS: f64 = 20_000.0;

/// `own = c x + rest`: x unknown, rest computed from it.
struct Residual {
    /// The node that sums.
    index: usize,
    own: Vec<Element>,
    x: Vec<Element>,
    /// c
    factor: f64,
    /// The other operands and their coefficients: positions in the node's inputs.
    others: Vec<(usize, f64)>,
    /// Positions in the values of `own`.
    positions: Vec<usize>,
    /// The nodes between x and the rest, in order.
    nodes: Vec<usize>,
}

/// Turns the last residual block that is stuck into a loop; whether there was one.
pub(crate) fn undo(inversion: &mut Inversion<'_>, stuck: &[usize]) -> bool {
    for &index in stuck.iter().rev() {
        let Op::Linear(Linear::Combine { coefficients }) = &inversion.scope.node(index).op else { continue };
        for operand in 0..coefficients.len() {
            if let Some(residual) = residual(inversion, index, operand, coefficients)
                && solve(inversion, &residual)
            {
                return true;
            }
        }
    }
    false
}

/// The sum as a residual block around one of its operands.
fn residual(
    inversion: &Inversion<'_>,
    index: usize,
    operand: usize,
    coefficients: &[f64],
) -> Option<Residual> {
    let elements = inversion.scope.elements;
    let scope = &inversion.scope;
    let node = scope.node(index);
    let base = elements.base_of(index)?;
    let maker = elements.elementwise(index)?;
    let values: Vec<_> = node.inputs.iter().map(|&id| elements.value(id)).collect();
    let (mut own, mut x, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for element in elements.all(base) {
        let position = element.index as usize;
        let Some(formula) = maker.formula(position) else { continue };
        if !scope.knows(element) || scope.unknown_of(&formula).is_empty() {
            continue;
        }
        match values[operand][position] {
            Atom::Element(unknown) if !scope.knows(unknown) => x.push(unknown),
            _ => return None,
        }
        own.push(element);
        positions.push(position);
    }
    let set: HashSet<Element> = x.iter().copied().collect();
    if x.is_empty() || set.len() != x.len() || coefficients[operand] == 0.0 {
        return None;
    }
    // What can be computed from x and what is known.
    let mut computed: HashSet<u32> = HashSet::new();
    let available = |atom: &Atom, computed: &HashSet<u32>| match atom {
        Atom::Constant(_) => true,
        Atom::Element(element) => {
            scope.knows(*element) || set.contains(element) || computed.contains(&element.base)
        }
    };
    let mut nodes = Vec::new();
    for candidate in 0..index {
        let Some(own) = elements.base_of(candidate).filter(|&own| scope.unknown_in(own) > 0) else {
            continue;
        };
        let mut read = scope.node(candidate).inputs.iter().flat_map(|&id| elements.value(id).iter());
        if read.all(|atom| available(atom, &computed)) {
            computed.insert(own);
            nodes.push(candidate);
        }
    }
    let others: Vec<(usize, f64)> =
        coefficients.iter().copied().enumerate().filter(|&(position, _)| position != operand).collect();
    let complete = others
        .iter()
        .all(|&(position, _)| positions.iter().all(|&at| available(&values[position][at], &computed)));
    if !complete {
        return None;
    }
    // Of these, what the rest needs.
    let mut needed: HashSet<u32> = HashSet::new();
    let need = |atom: &Atom, needed: &mut HashSet<u32>| {
        if let Atom::Element(element) = atom
            && !scope.knows(*element)
            && !set.contains(element)
        {
            needed.insert(element.base);
        }
    };
    for &(position, _) in &others {
        for &at in &positions {
            need(&values[position][at], &mut needed);
        }
    }
    nodes.reverse();
    nodes.retain(|&node| {
        let wanted = elements.base_of(node).is_some_and(|base| needed.contains(&base));
        if wanted {
            for &id in &scope.node(node).inputs {
                elements.value(id).iter().for_each(|atom| need(atom, &mut needed));
            }
        }
        wanted
    });
    nodes.reverse();
    Some(Residual { index, own, x, factor: coefficients[operand], others, positions, nodes })
}

fn solve(inversion: &mut Inversion<'_>, residual: &Residual) -> bool {
    let elements = inversion.scope.elements;
    let values: Vec<_> =
        inversion.scope.node(residual.index).inputs.iter().map(|&id| elements.value(id).clone()).collect();
    let rest = |position: usize| residual.positions.iter().map(move |&at| (position, at));
    let mut bounds = Bounds::new(&inversion.scope, &residual.x);
    for &node in &residual.nodes {
        if let Err(why) = bounds.node(node) {
            let reason = format!(
                "the sum x + g(x) has an inverse where g is a contraction, which is not proved: {why}"
            );
            inversion.reasons.insert(residual.index, reason);
            return false;
        }
    }
    let terms = residual.others.iter().map(|&(position, coefficient)| {
        (coefficient.abs(), residual.positions.iter().map(|&at| values[position][at]).collect::<Vec<_>>())
    });
    let lipschitz = bounds.sum(terms) / residual.factor.abs() * (1.0 + 4.0 * f64::EPSILON);
    let unit = match inversion.scope.recorder.precision {
        Precision::F32 => 2f64.powi(-24),
        Precision::F64 => 2f64.powi(-53),
    };
    let iterations = (unit.ln() + (1.0 - lipschitz).ln()) / lipschitz.max(1e-300).ln();
    if !(lipschitz < 1.0 && iterations < MAX_ITERATIONS) {
        inversion.reasons.insert(
            residual.index,
            format!(
                "the sum x + g(x) has an inverse where g is a contraction, and the bound of g's Lipschitz constant that is proved \
                 is {lipschitz:.3}: it must be below 1"
            ),
        );
        return false;
    }
    let limit = iterations.ceil() as usize + 8;
    let tolerance = unit * (1.0 - lipschitz).max(0.25);

    // The body: the iterate, the outputs, and what else is known.
    let (name, _) = inversion.called(residual.index);
    let size = residual.x.len();
    let mut body = Scope::new(elements, Recorder::new(inversion.scope.recorder.precision));
    let iterate = body.recorder.input(&format!("{name}_iterate"), sized(&[1, size]));
    body.learn_all(residual.x.iter().copied(), iterate);
    let own = row(&mut inversion.scope, &name, residual.own.iter().map(|&own| Atom::Element(own)));
    let given = body.recorder.input(&format!("{name}_given"), sized(&[1, size]));
    let (mut step_inputs, mut body_inputs) = (vec![own], vec![iterate, given]);
    let captured = captured(inversion, residual, &body, &values);
    if !captured.is_empty() {
        let known = row(&mut inversion.scope, &name, captured.iter().map(|&element| Atom::Element(element)));
        let inside = body.recorder.input(&format!("{name}_known"), sized(&[1, captured.len()]));
        body.learn_all(captured, inside);
        step_inputs.push(known);
        body_inputs.push(inside);
    }
    for &node in &residual.nodes {
        if !body.forward(node) {
            return false;
        }
    }
    let mut terms = vec![(given, 1.0 / residual.factor)];
    for &(position, coefficient) in &residual.others {
        let atoms: Vec<Atom> = rest(position).map(|(position, at)| values[position][at]).collect();
        terms.push((row(&mut body, &name, atoms.into_iter()), -coefficient / residual.factor));
    }
    let next = body.recorder.combine(&name, &terms);
    let fixed = FixedPoint { body: body.recorder, inputs: body_inputs, output: next, limit, tolerance };
    let action = Action::FixedPoint(Box::new(fixed));
    let x = inversion.scope.recorder.push(&name, action, &step_inputs, sized(&[1, size]));
    inversion.scope.learn_all(residual.x.iter().copied(), x);
    inversion.findings.loops.push(LoopPart { name, lipschitz, limit, tolerance });
    true
}

/// The elements known outside that the body reads.
fn captured(
    inversion: &Inversion<'_>,
    residual: &Residual,
    body: &Scope<'_>,
    values: &[std::sync::Arc<[Atom]>],
) -> Vec<Element> {
    let elements = inversion.scope.elements;
    let mut found: Vec<Element> = Vec::new();
    let mut look = |atom: &Atom| {
        if let Atom::Element(element) = atom
            && inversion.scope.knows(*element)
            && !body.knows(*element)
        {
            found.push(*element);
        }
    };
    for &node in &residual.nodes {
        inversion
            .scope
            .node(node)
            .inputs
            .iter()
            .for_each(|&id| elements.value(id).iter().for_each(&mut look));
    }
    for &(position, _) in &residual.others {
        residual.positions.iter().for_each(|&at| look(&values[position][at]));
    }
    found.sort_unstable();
    found.dedup();
    found
}
