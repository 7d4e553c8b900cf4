//! Operators of elements, backwards: an output, and all operands but one, give that one.

use netinverse_network::Function;

use crate::elements::{Atom, Element, Formula};
use crate::function::{self, Inverse};
use crate::recorder::{Action, Id, Numbers, sized};
use crate::scope::Scope;

/// Elements of one node whose formulas have one unknown each.
#[derive(Default)]
struct Eligible {
    /// What is known: the node's own elements.
    own: Vec<Element>,
    /// What they tell.
    told: Vec<Element>,
    formulas: Vec<Formula>,
}

/// What a step backwards rested on.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// The function that was undone, and how many of its elements.
    pub(crate) function: Option<(Function, usize)>,
    /// The factors that were divided by.
    pub(crate) divisors: Vec<Element>,
}

/// Learns what a node's known elements tell of its operands; `None` if that is nothing.
pub(crate) fn backward(scope: &mut Scope<'_>, index: usize) -> Option<Used> {
    let base = scope.elements.base_of(index)?;
    let maker = scope.elements.elementwise(index)?;
    let mut eligible = Eligible::default();
    let mut told = std::collections::HashSet::new();
    for own in scope.elements.all(base) {
        if !scope.knows(own) {
            continue;
        }
        let Some(formula) = maker.formula(own.index as usize) else { continue };
        let [unknown] = scope.unknown_of(&formula)[..] else { continue };
        let solvable = match &formula {
            Formula::Affine { .. } => true,
            Formula::Function(function, _) => function::kind(*function) == Inverse::Bijection,
            Formula::Product(a, b) => a != b,
        };
        if solvable && told.insert(unknown) {
            eligible.own.push(own);
            eligible.told.push(unknown);
            eligible.formulas.push(formula);
        }
    }
    if eligible.own.is_empty() {
        return None;
    }
    let mut used = Used::default();
    let name = scope.node(index).name.clone();
    match eligible.formulas[0] {
        Formula::Function(function, _) => {
            functions(scope, &name, function, &eligible);
            used.function = Some((function, eligible.own.len()));
        }
        Formula::Affine { .. } | Formula::Product(..) => {
            // A product with a constant is affine: a node may have formulas of both kinds.
            let (products, sums): (Vec<usize>, Vec<usize>) =
                (0..eligible.own.len()).partition(|&i| matches!(eligible.formulas[i], Formula::Product(..)));
            sums_backward(scope, &name, &eligible.only(&sums));
            used.divisors = products_backward(scope, &name, &eligible.only(&products));
        }
    }
    Some(used)
}

impl Eligible {
    fn only(&self, which: &[usize]) -> Eligible {
        Eligible {
            own: which.iter().map(|&i| self.own[i]).collect(),
            told: which.iter().map(|&i| self.told[i]).collect(),
            formulas: which.iter().map(|&i| self.formulas[i].clone()).collect(),
        }
    }
}

/// A row of known elements.
pub(crate) fn row(scope: &mut Scope<'_>, name: &str, atoms: impl ExactSizeIterator<Item = Atom>) -> Id {
    let shape = sized(&[1, atoms.len()]);
    scope.assemble(name, atoms, &shape).expect("only what is known is asked for")
}

fn functions(scope: &mut Scope<'_>, name: &str, function: Function, eligible: &Eligible) {
    let y = row(scope, name, eligible.own.iter().map(|&own| Atom::Element(own)));
    let x = function::write(&mut scope.recorder, name, function, y);
    scope.learn_all(eligible.told.iter().copied(), x);
}

/// e = (own − constant − Σ cₖ eₖ) / c
fn sums_backward(scope: &mut Scope<'_>, name: &str, eligible: &Eligible) {
    if eligible.own.is_empty() {
        return;
    }
    let mut own_factor = Vec::new();
    let mut shift = Vec::new();
    let mut others: Vec<Vec<(Element, f64)>> = Vec::new();
    for (formula, &told) in eligible.formulas.iter().zip(&eligible.told) {
        let Formula::Affine { terms, constant } = formula else { unreachable!("sums only") };
        let divisor = terms.iter().find(|(element, _)| *element == told).map_or(1.0, |(_, c)| *c);
        own_factor.push(1.0 / divisor);
        shift.push(-constant / divisor);
        others.push(
            terms.iter().filter(|(element, _)| *element != told).map(|(e, c)| (*e, -c / divisor)).collect(),
        );
    }
    let own: Vec<Atom> = eligible.own.iter().map(|&own| Atom::Element(own)).collect();
    let x = sum(scope, name, &own, &own_factor, &others, &shift);
    scope.learn_all(eligible.told.iter().copied(), x);
}

/// `factor ∘ own + Σ of other known elements + shift`, element by element.
pub(crate) fn sum(
    scope: &mut Scope<'_>,
    name: &str,
    own: &[Atom],
    factor: &[f64],
    others: &[Vec<(Element, f64)>],
    shift: &[f64],
) -> Id {
    let mut terms = vec![scaled(scope, name, own, factor)];
    let most = others.iter().map(Vec::len).max().unwrap_or(0);
    for position in 0..most {
        let atoms: Vec<Atom> = others
            .iter()
            .map(|other| {
                other.get(position).map_or(Atom::Constant(0.0), |(element, _)| Atom::Element(*element))
            })
            .collect();
        let coefficients: Vec<f64> =
            others.iter().map(|other| other.get(position).map_or(f64::NAN, |(_, c)| *c)).collect();
        terms.push(scaled(scope, name, &atoms, &coefficients));
    }
    let sum = scope.recorder.combine(name, &terms);
    shifted(scope, name, sum, shift)
}

/// Known atoms, and the one factor that all of them take; NaN stands for any factor.
fn scaled(scope: &mut Scope<'_>, name: &str, atoms: &[Atom], factors: &[f64]) -> (Id, f64) {
    let value = row(scope, name, atoms.iter().copied());
    let first = factors.iter().copied().find(|factor| !factor.is_nan()).unwrap_or(0.0);
    if factors.iter().all(|factor| factor.is_nan() || *factor == first) {
        return (value, first);
    }
    let factors = factors.iter().map(|&factor| if factor.is_nan() { 0.0 } else { factor }).collect();
    let scale = Action::Scale { scale: Some(Numbers::row(factors)), shift: None };
    (scope.recorder.map(name, scale, value), 1.0)
}

/// A row plus constants.
pub(crate) fn shifted(scope: &mut Scope<'_>, name: &str, row: Id, shift: &[f64]) -> Id {
    if shift.iter().all(|&shift| shift == 0.0) {
        return row;
    }
    let shift = Numbers::row(shift.to_vec());
    scope.recorder.map(name, Action::Scale { scale: None, shift: Some(shift) }, row)
}

/// e = own / other; the others.
fn products_backward(scope: &mut Scope<'_>, name: &str, eligible: &Eligible) -> Vec<Element> {
    if eligible.own.is_empty() {
        return Vec::new();
    }
    let own = row(scope, name, eligible.own.iter().map(|&own| Atom::Element(own)));
    let others: Vec<Element> = eligible
        .formulas
        .iter()
        .zip(&eligible.told)
        .map(|(formula, &told)| match formula {
            Formula::Product(a, b) if *a == told => *b,
            Formula::Product(a, _) => *a,
            _ => unreachable!("products only"),
        })
        .collect();
    let other = row(scope, name, others.iter().map(|&element| Atom::Element(element)));
    let inverse = scope.recorder.function(name, Function::Reciprocal, other);
    let x = scope.recorder.multiply(name, own, inverse);
    scope.learn_all(eligible.told.iter().copied(), x);
    others
}
