//! Outputs of a node that follow from some of its operands.
//!
//! In an autoregressive network the weights that would read later inputs are 0: its first outputs follow from the first
//! inputs, which give the next ones, and so on. Nodes are computed whole where that is possible; here the elements are
//! computed whose operands happen to be known.

use netinverse_network::Function;

use crate::elements::{Atom, Element, Formula};
use crate::elementwise::{row, shifted, sum};
use crate::propagation::Inversion;
use crate::recorder::{Action, Numbers};
use crate::rows::{self, Row};

/// The most coefficients of an operator that is computed in part, and of the matrix that does it.
const MAX_COEFFICIENTS: usize = 1 << 22;

/// Computes what can be computed of nodes that cannot be computed whole; whether that was anything.
pub(crate) fn forward(inversion: &mut Inversion<'_>) -> bool {
    let elements = inversion.scope.elements;
    let mut learned = false;
    for index in 0..elements.network.nodes().len() {
        let Some(base) = elements.base_of(index).filter(|&base| inversion.scope.unknown_in(base) > 0) else {
            continue;
        };
        let node = inversion.scope.node(index);
        let known = |atom: &Atom| matches!(atom, Atom::Element(_)) && inversion.scope.knows_atom(*atom);
        if !node.inputs.iter().any(|&id| elements.value(id).iter().any(known)) {
            continue;
        }
        learned |= if elements.elementwise(index).is_some() {
            elementwise(inversion, index, base)
        } else {
            linear(inversion, index, base)
        };
    }
    learned
}

fn elementwise(inversion: &mut Inversion<'_>, index: usize, base: u32) -> bool {
    let elements = inversion.scope.elements;
    let Some(maker) = elements.elementwise(index) else { return false };
    let scope = &mut inversion.scope;
    let computable = |own: Element| {
        let formula = maker.formula(own.index as usize)?;
        (!scope.knows(own) && scope.unknown_of(&formula).is_empty()).then_some((own, formula))
    };
    let found: Vec<(Element, Formula)> = elements.all(base).filter_map(computable).collect();
    let name = scope.node(index).name.clone();
    let mut functions: Vec<(Element, Element)> = Vec::new();
    let mut function = Function::Relu;
    let mut products: Vec<(Element, [Element; 2])> = Vec::new();
    let mut sums: Vec<Row> = Vec::new();
    for (own, formula) in found {
        match formula {
            Formula::Function(of, argument) => {
                function = of;
                functions.push((own, argument));
            }
            Formula::Product(a, b) => products.push((own, [a, b])),
            Formula::Affine { terms, constant } => sums.push(Row { own, terms, constant }),
        }
    }
    let learned = !(functions.is_empty() && products.is_empty() && sums.is_empty());
    if !functions.is_empty() {
        let x = row(scope, &name, functions.iter().map(|&(_, argument)| Atom::Element(argument)));
        let y = scope.recorder.function(&name, function, x);
        scope.learn_all(functions.into_iter().map(|(own, _)| own), y);
    }
    if !products.is_empty() {
        let [a, b] =
            [0, 1].map(|side| row(scope, &name, products.iter().map(|(_, pair)| Atom::Element(pair[side]))));
        let y = scope.recorder.multiply(&name, a, b);
        scope.learn_all(products.into_iter().map(|(own, _)| own), y);
    }
    if !sums.is_empty() {
        let zeros = vec![Atom::Constant(0.0); sums.len()];
        let terms: Vec<Vec<(Element, f64)>> = sums.iter().map(|row| row.terms.clone()).collect();
        let shift: Vec<f64> = sums.iter().map(|row| row.constant).collect();
        let y = sum(scope, &name, &zeros, &vec![1.0; sums.len()], &terms, &shift);
        scope.learn_all(sums.into_iter().map(|row| row.own), y);
    }
    learned
}

fn linear(inversion: &mut Inversion<'_>, index: usize, base: u32) -> bool {
    let elements = inversion.scope.elements;
    if !rows::is_affine(elements, base) || rows::coefficients(elements, base) > MAX_COEFFICIENTS {
        return false;
    }
    let mut found: Vec<Row> = Vec::new();
    for own in elements.all(base) {
        if inversion.scope.knows(own) {
            continue;
        }
        let scope_knows =
            |row: &Row, inversion: &Inversion<'_>| row.terms.iter().all(|(e, _)| inversion.scope.knows(*e));
        let Some(row) = inversion.row_of(own).cloned() else { continue };
        if scope_knows(&row, inversion) {
            found.push(row);
        }
    }
    let mut columns: Vec<Element> = found.iter().flat_map(|row| row.terms.iter().map(|(e, _)| *e)).collect();
    columns.sort_unstable();
    columns.dedup();
    if found.is_empty() || columns.len() * found.len() > MAX_COEFFICIENTS {
        return false;
    }
    let scope = &mut inversion.scope;
    let name = scope.node(index).name.clone();
    let constants: Vec<f64> = found.iter().map(|row| row.constant).collect();
    let y = if columns.is_empty() {
        row(scope, &name, constants.into_iter().map(Atom::Constant))
    } else {
        let mut weight = vec![0.0; columns.len() * found.len()];
        for (n, row) in found.iter().enumerate() {
            for (element, coefficient) in &row.terms {
                if let Ok(k) = columns.binary_search(element) {
                    weight[k * found.len() + n] = *coefficient;
                }
            }
        }
        let x = row(scope, &name, columns.iter().map(|&element| Atom::Element(element)));
        let weight = Action::Dense(Numbers::matrix(columns.len(), found.len(), weight));
        let shape = crate::recorder::sized(&[1, found.len()]);
        let y = scope.recorder.push(&name, weight, &[x], shape);
        shifted(scope, &name, y, &constants)
    };
    scope.learn_all(found.into_iter().map(|row| row.own), y);
    true
}
