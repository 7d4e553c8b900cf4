//! Linear operators in a row, taken together.
//!
//! A matrix that widens and one that narrows again may be invertible together though neither is; so may a skip connection and
//! the matrix beside it, or a sum and a difference of the same two values. The equations of the outermost operators are
//! written in what no linear operator makes: inputs, and what nonlinear operators give.

use std::collections::{BTreeMap, HashMap};

use crate::elements::Element;
use crate::linear::Equation;
use crate::propagation::Inversion;
use crate::rows;

/// The most terms that are written while equations are put into one another.
const MAX_WORK: usize = 1 << 27;

/// How far equations are put into one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Through operators that work element by element.
    Elementwise,
    /// Through all linear operators.
    Linear,
}

/// The equations of the linear operators that are stuck, in what no linear operator (of that depth) makes.
pub(crate) fn equations(inversion: &mut Inversion<'_>, stuck: &[usize], depth: Depth) -> Vec<Equation> {
    let elements = inversion.scope.elements;
    let mut made = Vec::new();
    let mut work = MAX_WORK;
    for &index in stuck {
        for base in [elements.base_of(index), elements.centred_of(index)].into_iter().flatten() {
            if !rows::is_affine(elements, base) || !reaches(inversion, base, depth) {
                continue;
            }
            if rows::coefficients(elements, base) > rows::MAX_COEFFICIENTS {
                inversion.reasons.insert(index, "it is too large to be inverted as a matrix".into());
                continue;
            }
            for own in elements.all(base) {
                if !inversion.scope.knows(own) || inversion.row_of(own).is_none() {
                    continue;
                }
                match expanded(inversion, own, depth, &mut work) {
                    Some(equation) if !equation.unknown.is_empty() => made.push(equation),
                    Some(_) => {}
                    None => {
                        inversion.reasons.insert(
                            index,
                            "the linear operators before it are too large to be taken together".into(),
                        );
                        return Vec::new();
                    }
                }
            }
        }
    }
    made
}

/// Whether equations of a base are put into others.
fn reaches(inversion: &Inversion<'_>, base: u32, depth: Depth) -> bool {
    let elements = inversion.scope.elements;
    depth == Depth::Linear
        || elements
            .node_of(base)
            .is_some_and(|index| elements.base_of(index) == Some(base) && elements.is_elementwise(index))
}

/// The equation of an element whose unknown terms no linear operator makes; `None` where that takes too long.
fn expanded(inversion: &mut Inversion<'_>, own: Element, depth: Depth, work: &mut usize) -> Option<Equation> {
    // Bases are in topological order: the last unknown is never made of those before it again.
    let mut waiting: BTreeMap<Element, f64> = BTreeMap::new();
    let mut known: HashMap<Element, f64> = HashMap::new();
    let mut equation = Equation { own, unknown: Vec::new(), known: Vec::new(), constant: 0.0 };
    let mut next = Some((own, 1.0));
    while let Some((element, factor)) = next {
        let reached = reaches(inversion, element.base, depth);
        let row = inversion.row_of(element).filter(|_| reached).map(|row| (row.terms.clone(), row.constant));
        match row {
            Some((terms, constant)) => {
                *work = work.checked_sub(terms.len())?;
                equation.constant += factor * constant;
                for (term, coefficient) in terms {
                    let side = if inversion.scope.knows(term) {
                        known.entry(term).or_insert(0.0)
                    } else {
                        waiting.entry(term).or_insert(0.0)
                    };
                    *side += factor * coefficient;
                }
            }
            None => equation.unknown.push((element, factor)),
        }
        next = waiting.pop_last();
    }
    equation.unknown.retain(|(_, coefficient)| *coefficient != 0.0);
    equation.unknown.sort_by_key(|(element, _)| *element);
    equation.known = known.into_iter().filter(|(_, coefficient)| *coefficient != 0.0).collect();
    equation.known.sort_by_key(|(element, _)| *element);
    Some(equation)
}

/// Solves what the equations determine together.
pub(crate) fn solve(inversion: &mut Inversion<'_>, equations: &[Equation]) -> bool {
    let last =
        equations.iter().filter_map(|equation| inversion.scope.elements.node_of(equation.own.base)).max();
    last.is_some_and(|index| inversion.solve(index, equations))
}
