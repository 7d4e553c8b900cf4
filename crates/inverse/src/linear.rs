//! Systems of linear equations between elements, and their solutions as operators of the inverse.
//!
//! A system falls apart into components that share no unknown: the positions of a 1×1 convolution, the rows of a matrix
//! product, the channels of a depthwise one. Equal components share one matrix and become one batched product; components
//! of one unknown become one scaling. What a component's matrix determines is solved by its inverse (tall: by the
//! pseudo-inverse, which is exact on the image); where information is lost, the pseudo-inverse is the section of least
//! norm.

use std::collections::HashMap;

use netinverse_linalg::Matrix;

use crate::block::{Block, form};
use crate::elements::{Atom, Element};
use crate::elementwise::{row, shifted, sum};
use crate::findings::LinearPart;
use crate::recorder::{Id, Numbers, sized};
use crate::scope::Scope;

/// The most elements that the matrices of one system may have together.
const MAX_ELEMENTS: usize = 1 << 25;
/// Known elements of an equation that are subtracted one by one; beyond it by a matrix.
const MAX_SINGLE: usize = 8;
/// Above this condition number a solution is refined once: x + G (b − M x), which brings its residual down to what
/// rounding x alone gives.
const REFINED_FROM: f64 = 20.0;

/// `Σ unknown + Σ known + constant = own`, own known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Equation {
    pub(crate) own: Element,
    pub(crate) unknown: Vec<(Element, f64)>,
    pub(crate) known: Vec<(Element, f64)>,
    pub(crate) constant: f64,
}

/// Equations that share unknowns with no others.
#[derive(Debug)]
pub(crate) struct Component {
    /// Positions in the list of equations.
    pub(crate) equations: Vec<usize>,
    /// The unknowns, in the order in which the equations read them.
    pub(crate) unknowns: Vec<Element>,
}

/// Components whose matrices are equal.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) components: Vec<Component>,
    pub(crate) block: Block,
}

/// A system cut into what is solved apart.
#[derive(Debug)]
pub(crate) struct Split {
    /// Equations with one unknown that no other has.
    pub(crate) single: Vec<usize>,
    pub(crate) groups: Vec<Group>,
}

/// Cuts equations into components and inverts their matrices; `None` where these would be too large.
pub(crate) fn split(equations: &[Equation]) -> Option<Split> {
    let components = components(equations);
    let elements = |c: &Component| c.equations.len().saturating_mul(c.unknowns.len());
    if components.iter().map(elements).fold(0, usize::saturating_add) > MAX_ELEMENTS {
        return None;
    }
    let mut single = Vec::new();
    let mut matrices: Vec<(Matrix, Vec<Component>)> = Vec::new();
    let mut number: HashMap<(usize, usize, Vec<u64>), usize> = HashMap::new();
    for component in components {
        if let ([only], [_]) = (&component.equations[..], &component.unknowns[..]) {
            single.push(*only);
            continue;
        }
        let matrix = matrix(equations, &component);
        let bits = matrix.data().iter().map(|v| v.to_bits()).collect();
        let index = *number.entry((matrix.rows(), matrix.columns(), bits)).or_insert(matrices.len());
        if index == matrices.len() {
            matrices.push((matrix, Vec::new()));
        }
        matrices[index].1.push(component);
    }
    let groups = matrices
        .into_iter()
        .map(|(matrix, components)| Group { components, block: Block::new(matrix) })
        .collect();
    Some(Split { single, groups })
}

fn components(equations: &[Equation]) -> Vec<Component> {
    let mut number: HashMap<Element, usize> = HashMap::new();
    let mut unknowns: Vec<Element> = Vec::new();
    let mut parent: Vec<usize> = Vec::new();
    fn root(parent: &mut [usize], mut at: usize) -> usize {
        while parent[at] != at {
            parent[at] = parent[parent[at]];
            at = parent[at];
        }
        at
    }
    for equation in equations {
        let mut first = None;
        for &(element, _) in &equation.unknown {
            let own = *number.entry(element).or_insert_with(|| {
                unknowns.push(element);
                parent.push(parent.len());
                parent.len() - 1
            });
            let own = root(&mut parent, own);
            match first {
                None => first = Some(own),
                Some(first) => {
                    let first = root(&mut parent, first);
                    // The smaller number leads, so that components keep the order of their first unknown.
                    let (low, high) = (first.min(own), first.max(own));
                    parent[high] = low;
                }
            }
        }
    }
    let mut of_root: HashMap<usize, usize> = HashMap::new();
    let mut found: Vec<Component> = Vec::new();
    for (index, &element) in unknowns.iter().enumerate() {
        let root = root(&mut parent, index);
        let at = *of_root.entry(root).or_insert_with(|| {
            found.push(Component { equations: Vec::new(), unknowns: Vec::new() });
            found.len() - 1
        });
        found[at].unknowns.push(element);
    }
    for (index, equation) in equations.iter().enumerate() {
        if let Some((element, _)) = equation.unknown.first() {
            let root = root(&mut parent, number[element]);
            found[of_root[&root]].equations.push(index);
        }
    }
    found
}

fn matrix(equations: &[Equation], component: &Component) -> Matrix {
    let column: HashMap<Element, usize> =
        component.unknowns.iter().enumerate().map(|(column, &element)| (element, column)).collect();
    let mut matrix = Matrix::zeros(component.equations.len(), component.unknowns.len());
    for (r, &equation) in component.equations.iter().enumerate() {
        for (element, coefficient) in &equations[equation].unknown {
            matrix.row_mut(r)[column[element]] = *coefficient;
        }
    }
    matrix
}

/// Learns the unknowns of equations of one unknown each.
pub(crate) fn solve_single(scope: &mut Scope<'_>, name: &str, equations: &[&Equation]) {
    let own: Vec<Atom> = equations.iter().map(|equation| Atom::Element(equation.own)).collect();
    let divisor = |equation: &&Equation| equation.unknown[0].1;
    let factor: Vec<f64> = equations.iter().map(|equation| 1.0 / divisor(equation)).collect();
    let shift: Vec<f64> = equations.iter().map(|equation| -equation.constant / divisor(equation)).collect();
    let x = if equations.iter().all(|equation| equation.known.len() <= MAX_SINGLE) {
        let others: Vec<Vec<(Element, f64)>> = equations
            .iter()
            .map(|equation| equation.known.iter().map(|(e, c)| (*e, -c / divisor(equation))).collect())
            .collect();
        sum(scope, name, &own, &factor, &others, &shift)
    } else {
        let right = right_side(scope, name, equations);
        let scale = crate::recorder::Action::Scale { scale: Some(Numbers::row(factor)), shift: None };
        scope.recorder.map(name, scale, right)
    };
    scope.learn_all(equations.iter().map(|equation| equation.unknown[0].0), x);
}

/// own − Σ known − constant, one for each equation, as a row.
fn right_side(scope: &mut Scope<'_>, name: &str, equations: &[&Equation]) -> Id {
    let own: Vec<Atom> = equations.iter().map(|equation| Atom::Element(equation.own)).collect();
    let shift: Vec<f64> = equations.iter().map(|equation| -equation.constant).collect();
    let most = equations.iter().map(|equation| equation.known.len()).max().unwrap_or(0);
    if most <= MAX_SINGLE {
        let ones = vec![1.0; own.len()];
        let others: Vec<Vec<(Element, f64)>> =
            equations.iter().map(|equation| equation.known.iter().map(|(e, c)| (*e, -c)).collect()).collect();
        return sum(scope, name, &own, &ones, &others, &shift);
    }
    let mut number: HashMap<Element, usize> = HashMap::new();
    let mut columns: Vec<Element> = Vec::new();
    for (element, _) in equations.iter().flat_map(|equation| &equation.known) {
        number.entry(*element).or_insert_with(|| {
            columns.push(*element);
            columns.len() - 1
        });
    }
    let mut weight = vec![0.0; columns.len() * equations.len()];
    for (r, equation) in equations.iter().enumerate() {
        for (element, coefficient) in &equation.known {
            weight[number[element] * equations.len() + r] = *coefficient;
        }
    }
    let known = row(scope, name, columns.iter().map(|&element| Atom::Element(element)));
    let known = scope.recorder.dense(name, Numbers::matrix(columns.len(), equations.len(), weight), known);
    let own = row(scope, name, own.into_iter());
    let rest = scope.recorder.combine(name, &[(own, 1.0), (known, -1.0)]);
    shifted(scope, name, rest, &shift)
}

/// Learns the unknowns of a group, by its block's inverse.
pub(crate) fn solve_group(scope: &mut Scope<'_>, name: &str, equations: &[Equation], group: &Group) -> bool {
    let (rows, columns) = (group.block.matrix.rows(), group.block.matrix.columns());
    let copies = group.components.len();
    let ordered: Vec<&Equation> =
        group.components.iter().flat_map(|component| &component.equations).map(|&e| &equations[e]).collect();
    let right = right_side(scope, name, &ordered);
    let shaped = |size: usize| if copies == 1 { sized(&[1, size]) } else { sized(&[1, copies, size]) };
    let right = scope.recorder.reshape(right, &shaped(rows));
    let transposed =
        |matrix: &Matrix| Numbers::matrix(matrix.columns(), matrix.rows(), matrix.transposed().into_data());
    let inverse = transposed(&group.block.inverse);
    let mut x = scope.recorder.dense(name, inverse.clone(), right);
    let refined = group.block.condition() > REFINED_FROM;
    if refined {
        let back = scope.recorder.dense(name, transposed(&group.block.matrix), x);
        let rest = scope.recorder.combine(name, &[(right, 1.0), (back, -1.0)]);
        let step = scope.recorder.dense(name, inverse, rest);
        x = scope.recorder.combine(name, &[(x, 1.0), (step, 1.0)]);
    }
    debug_assert_eq!(scope.recorder.shape(x).elements(), copies * columns);
    scope.learn_all(group.components.iter().flat_map(|component| component.unknowns.iter().copied()), x);
    refined
}

/// What is to be said of a group.
pub(crate) fn part(name: &str, op: &str, group: &Group, refined: bool) -> LinearPart {
    let block = &group.block;
    LinearPart {
        name: name.to_string(),
        op: op.to_string(),
        copies: group.components.len(),
        rows: block.matrix.rows(),
        columns: block.matrix.columns(),
        rank: block.rank,
        form: form(&block.matrix).to_string(),
        sigma_max: block.sigma_max,
        sigma_min: block.sigma_min,
        condition: (block.sigma_min > 0.0).then(|| block.condition()),
        proved: block.proved,
        refined,
    }
}

/// What is to be said of equations of one unknown each.
pub(crate) fn scaling(name: &str, op: &str, equations: &[&Equation]) -> LinearPart {
    let sizes = equations.iter().map(|equation| equation.unknown[0].1.abs());
    let largest = sizes.clone().fold(0.0, f64::max);
    let smallest = sizes.fold(f64::INFINITY, f64::min);
    LinearPart {
        name: name.to_string(),
        op: op.to_string(),
        copies: equations.len(),
        rows: 1,
        columns: 1,
        rank: 1,
        form: "scaling".into(),
        sigma_max: largest,
        sigma_min: smallest,
        condition: Some(largest / smallest),
        proved: true,
        refined: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(index: u32) -> Element {
        Element { base: 0, index }
    }

    #[test]
    fn systems_fall_apart_and_equal_parts_share_a_matrix() {
        let equation = |own: u32, unknown: &[(u32, f64)]| Equation {
            own: Element { base: 1, index: own },
            unknown: unknown.iter().map(|&(index, c)| (element(index), c)).collect(),
            known: vec![],
            constant: 0.0,
        };
        // Two equal 2×2 parts, interleaved, one part of one unknown, and one of two equations for one unknown.
        let equations = [
            equation(0, &[(0, 1.0), (2, 2.0)]),
            equation(1, &[(1, 1.0), (3, 2.0)]),
            equation(2, &[(0, 3.0), (2, 4.0)]),
            equation(3, &[(1, 3.0), (3, 4.0)]),
            equation(4, &[(4, -2.0)]),
            equation(5, &[(5, 1.0)]),
            equation(6, &[(5, 1.0)]),
        ];
        let split = split(&equations).unwrap();
        assert_eq!(split.single, [4]);
        assert_eq!(split.groups.len(), 2);
        assert_eq!(split.groups[0].components.len(), 2);
        assert_eq!(split.groups[0].components[1].unknowns, [element(1), element(3)]);
        assert_eq!(split.groups[0].block.matrix.data(), [1.0, 2.0, 3.0, 4.0]);
        assert!(split.groups.iter().all(|group| group.block.is_injective()));
        assert_eq!(split.groups[1].block.matrix.rows(), 2);
    }
}
