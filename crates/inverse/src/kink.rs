//! Lines with a kink at 0, undone as one function.
//!
//! A rectifier with a slope for each channel is exported as a sum of the value and of its positive part. Such a sum
//! `c x + Σ cₖ fₖ(aₖ x)` with fₖ a line on each side of 0 is itself one: invertible where its two slopes have one sign.

use netinverse_network::{Function, Op};

use crate::elements::{Atom, Element, Formula, Origin};
use crate::elementwise::sum;
use crate::linear::Equation;
use crate::propagation::Inversion;
use crate::recorder::{Action, Numbers};

/// A sum as a line with a kink: `left · x` below 0, `right · x` above.
struct Kinked {
    x: Element,
    left: f64,
    right: f64,
}

/// Undoes the equations that are lines with a kink; whether there were any.
pub(crate) fn undo(inversion: &mut Inversion<'_>, equations: &[Equation]) -> bool {
    let mut found: Vec<(&Equation, Kinked)> = Vec::new();
    for equation in equations {
        if let Some(kinked) = kinked(inversion, equation)
            && kinked.left * kinked.right > 0.0
            && found.last().is_none_or(|(_, last)| last.x != kinked.x)
        {
            found.push((equation, kinked));
        }
    }
    let Some((first, _)) = found.first() else { return false };
    let node = inversion.scope.elements.node_of(first.own.base);
    let name = node.map_or_else(String::new, |index| inversion.scope.node(index).name.clone());
    let scope = &mut inversion.scope;

    // z = ± (own − known − constant), which has the sign of x.
    let sign = |kinked: &Kinked| kinked.right.signum();
    let own: Vec<Atom> = found.iter().map(|(equation, _)| Atom::Element(equation.own)).collect();
    let factor: Vec<f64> = found.iter().map(|(_, kinked)| sign(kinked)).collect();
    let others: Vec<Vec<(Element, f64)>> = found
        .iter()
        .map(|(equation, kinked)| equation.known.iter().map(|(e, c)| (*e, -c * sign(kinked))).collect())
        .collect();
    let shift: Vec<f64> = found.iter().map(|(equation, kinked)| -equation.constant * sign(kinked)).collect();
    let z = sum(scope, &name, &own, &factor, &others, &shift);

    // x = relu(z) / right − relu(−z) / left
    let recorder = &mut scope.recorder;
    let above = recorder.function(&name, Function::Relu, z);
    let negated = recorder.combine(&name, &[(z, -1.0)]);
    let below = recorder.function(&name, Function::Relu, negated);
    let mut divided = |value, slope: fn(&Kinked) -> f64| {
        let factors = found.iter().map(|(_, kinked)| 1.0 / slope(kinked).abs()).collect();
        recorder.map(&name, Action::Scale { scale: Some(Numbers::row(factors)), shift: None }, value)
    };
    let (above, below) = (divided(above, |kinked| kinked.right), divided(below, |kinked| kinked.left));
    let x = recorder.combine(&name, &[(above, 1.0), (below, -1.0)]);
    scope.learn_all(found.iter().map(|(_, kinked)| kinked.x), x);
    true
}

fn kinked(inversion: &mut Inversion<'_>, equation: &Equation) -> Option<Kinked> {
    let mut sum: Option<Kinked> = None;
    for &(leaf, coefficient) in &equation.unknown {
        let (x, left, right) = slopes(inversion, leaf)?;
        let sum = sum.get_or_insert(Kinked { x, left: 0.0, right: 0.0 });
        if sum.x != x {
            return None;
        }
        sum.left += coefficient * left;
        sum.right += coefficient * right;
    }
    // Without a kink it is an equation like any other.
    sum.filter(|_| equation.unknown.len() > 1)
}

/// An element as a line with a kink of another: what it is of, and its slopes.
fn slopes(inversion: &mut Inversion<'_>, element: Element) -> Option<(Element, f64, f64)> {
    let elements = inversion.scope.elements;
    let Origin::Node(index) = elements.bases[element.base as usize].origin else {
        return Some((element, 1.0, 1.0));
    };
    let Op::Function(_) = inversion.scope.node(index).op else { return Some((element, 1.0, 1.0)) };
    let formula = elements.elementwise(index)?.formula(element.index as usize)?;
    let Formula::Function(function, argument) = formula else { return None };
    let (below, above) = match function {
        Function::Relu => (0.0, 1.0),
        Function::LeakyRelu { alpha } => (alpha, 1.0),
        Function::Abs => (-1.0, 1.0),
        _ => return Some((element, 1.0, 1.0)),
    };
    // The argument may be the value times a number.
    let (mut x, mut factor) = (argument, 1.0);
    while elements.node_of(x.base).is_some_and(|index| elements.is_elementwise(index))
        && let Some(row) = inversion.row_of(x)
    {
        let [(next, coefficient)] = row.terms[..] else { break };
        if row.constant != 0.0 {
            break;
        }
        (x, factor) = (next, factor * coefficient);
    }
    let (left, right) = if factor > 0.0 { (below, above) } else { (above, below) };
    Some((x, factor * left, factor * right))
}
