//! Where information is lost: one of many inputs, that of least norm, and a mark.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use netinverse_network::{Extremum, Function, Normalizer, Op, ValueId, Window};

use crate::elements::{Atom, Element, Formula};
use crate::elementwise::row;
use crate::findings::MarkKind;
use crate::function::{self, Inverse};
use crate::linear::{self, Equation};
use crate::propagation::Inversion;

/// Chooses a section for the last node that has one; whether there was any.
pub(crate) fn choose(inversion: &mut Inversion<'_>, stuck: &[usize], equations: &[Equation]) -> bool {
    let elements = inversion.scope.elements;
    let mut by_node: BTreeMap<usize, Vec<Equation>> = BTreeMap::new();
    for equation in equations {
        if let Some(index) = elements.node_of(equation.own.base) {
            by_node.entry(index).or_default().push(equation.clone());
        }
    }
    for &index in stuck.iter().rev() {
        let chosen = match &inversion.scope.node(index).op {
            Op::Function(function) => of_function(inversion, index, *function),
            Op::Extremum(Extremum::MaxPool(window)) => of_max_pool(inversion, index, window),
            Op::Normalizer(Normalizer::Standardize { axis, .. }) => of_standardize(inversion, index, *axis),
            _ => false,
        };
        if chosen || by_node.get(&index).is_some_and(|_| of_system(inversion, index, equations)) {
            return true;
        }
    }
    false
}

/// A function that is not injective.
fn of_function(inversion: &mut Inversion<'_>, index: usize, function: Function) -> bool {
    let Inverse::Section { lost, chosen } = function::kind(function) else { return false };
    let elements = inversion.scope.elements;
    let (Some(base), Some(maker)) = (elements.base_of(index), elements.elementwise(index)) else {
        return false;
    };
    let mut told = BTreeSet::new();
    let mut pairs: Vec<(Element, Element)> = Vec::new();
    for own in elements.all(base).filter(|&own| inversion.scope.knows(own)) {
        if let Some(Formula::Function(_, argument)) = maker.formula(own.index as usize)
            && !inversion.scope.knows(argument)
            && told.insert(argument)
        {
            pairs.push((own, argument));
        }
    }
    if pairs.is_empty() {
        return false;
    }
    let (name, _) = inversion.called(index);
    let scope = &mut inversion.scope;
    let y = row(scope, &name, pairs.iter().map(|&(own, _)| Atom::Element(own)));
    let x = function::write(&mut scope.recorder, &name, function, y);
    scope.learn_all(pairs.iter().map(|&(_, argument)| argument), x);
    let (low, high) = function.range();
    let bound = |bound: f64| bound.is_finite().then_some(bound);
    let text = match (bound(low), bound(high)) {
        (Some(low), Some(high)) => format!("in [{low}, {high}]"),
        (Some(low), None) => format!("at least {low}"),
        (None, Some(high)) => format!("at most {high}"),
        (None, None) => "any number".into(),
    };
    inversion.condition(index, pairs.len(), bound(low), bound(high), &text);
    inversion.mark(index, MarkKind::Section, pairs.len(), lost.into(), chosen.into());
    true
}

/// Windows that share no element: the largest element is the first one, the others are 0, or as large where it is negative.
fn of_max_pool(inversion: &mut Inversion<'_>, index: usize, window: &Window) -> bool {
    let elements = inversion.scope.elements;
    let node = inversion.scope.node(index);
    let Some(base) = elements.base_of(index) else { return false };
    if inversion.scope.unknown_in(base) > 0 {
        return false;
    }
    if (0..window.rank())
        .any(|axis| window.strides[axis] < (window.kernel[axis] - 1) * window.dilations[axis] + 1)
    {
        inversion.reasons.insert(
            index,
            "its windows overlap: an element that one of them chooses may be too large for another".into(),
        );
        return false;
    }
    let shape = &elements.network.value(node.inputs[0]).shape;
    let read = elements.value(node.inputs[0]).clone();
    let spatial = &shape[2..];
    let (plane, positions) = (spatial.iter().product::<usize>(), window.output.iter().product::<usize>());
    let taps = window.kernel.iter().product::<usize>();
    // (own, element read, whether it is the window's first)
    let mut pairs: Vec<(u32, Element, bool)> = Vec::new();
    for channel in 0..shape[1] {
        for position in 0..positions {
            let mut first = true;
            for tap in 0..taps {
                let Some(source) = source(window, spatial, position, tap) else { continue };
                if let Atom::Element(element) = read[channel * plane + source] {
                    pairs.push(((channel * positions + position) as u32, element, first));
                    first = false;
                }
            }
        }
    }
    let (name, _) = inversion.called(index);
    let scope = &mut inversion.scope;
    let mut place = |first: bool| {
        let chosen: Vec<&(u32, Element, bool)> = pairs.iter().filter(|pair| pair.2 == first).collect();
        if chosen.is_empty() {
            return;
        }
        let y = row(scope, &name, chosen.iter().map(|pair| Atom::Element(Element { base, index: pair.0 })));
        let x = if first {
            y
        } else {
            let low = Function::Clip { low: f64::NEG_INFINITY, high: 0.0 };
            scope.recorder.function(&name, low, y)
        };
        scope.learn_all(chosen.iter().map(|pair| pair.1), x);
    };
    place(true);
    place(false);
    let lost = pairs.iter().filter(|pair| !pair.2).count();
    inversion.mark(
        index,
        MarkKind::Section,
        lost,
        "all elements of a window but the largest, and which one that is".into(),
        "the first element is the largest; the others are 0, or as large where it is negative".into(),
    );
    true
}

/// The position that a tap of a window reads, flat.
fn source(window: &Window, spatial: &[usize], position: usize, tap: usize) -> Option<usize> {
    let (mut flat, mut stride, mut position, mut tap) = (0, 1, position, tap);
    for axis in (0..window.rank()).rev() {
        let (p, t) = (position % window.output[axis], tap % window.kernel[axis]);
        (position, tap) = (position / window.output[axis], tap / window.kernel[axis]);
        flat += stride * window.source(axis, p, t, spatial[axis])?;
        stride *= spatial[axis];
    }
    Some(flat)
}

/// A normalisation by statistics: the normalised value itself, whose mean is 0 and whose spread is nearly 1.
fn of_standardize(inversion: &mut Inversion<'_>, index: usize, axis: usize) -> bool {
    let elements = inversion.scope.elements;
    let node = inversion.scope.node(index);
    let Some(base) = elements.base_of(index).filter(|&base| inversion.scope.unknown_in(base) == 0) else {
        return false;
    };
    let read = elements.value(node.inputs[0]).clone();
    let pairs: Vec<(Element, Element)> = elements
        .all(base)
        .zip(read.iter())
        .filter_map(|(own, atom)| match atom {
            Atom::Element(element) => Some((own, *element)),
            Atom::Constant(_) => None,
        })
        .collect();
    if pairs.is_empty() {
        return false;
    }
    let (name, _) = inversion.called(index);
    let scope = &mut inversion.scope;
    let x = row(scope, &name, pairs.iter().map(|&(own, _)| Atom::Element(own)));
    scope.learn_all(pairs.iter().map(|&(_, element)| element), x);
    let shape = &elements.network.value(node.inputs[0]).shape;
    let groups: usize = shape[..axis].iter().product();
    inversion.mark(
        index,
        MarkKind::Section,
        2 * groups,
        "the mean and the spread of each group".into(),
        "mean 0 and spread 1".into(),
    );
    true
}

/// The component of a linear system that the last node is part of, by its pseudo-inverse.
fn of_system(inversion: &mut Inversion<'_>, index: usize, equations: &[Equation]) -> bool {
    let elements = inversion.scope.elements;
    let Some(split) = linear::split(equations) else {
        inversion.reasons.insert(index, "it is too large to be inverted as a matrix".into());
        return false;
    };
    let (name, op) = inversion.called(index);
    let mut chosen = false;
    for group in &split.groups {
        let of_node = |equation: &usize| elements.node_of(equations[*equation].own.base) == Some(index);
        if group.block.is_injective()
            || !group.components.iter().any(|component| component.equations.iter().any(of_node))
        {
            continue;
        }
        let bases: BTreeSet<u32> =
            group.components.iter().flat_map(|component| component.unknowns.iter().map(|e| e.base)).collect();
        if let Some(reason) = dependent(inversion, &bases) {
            inversion.reasons.entry(index).or_insert(reason);
            continue;
        }
        let refined = linear::solve_group(&mut inversion.scope, &name, equations, group);
        inversion.findings.parts.push(linear::part(&name, &op, group, refined));
        let copies = group.components.len();
        let (block, columns) = (&group.block, group.block.matrix.columns());
        let lost = columns - block.rank;
        inversion.mark(
            index,
            MarkKind::Section,
            copies * lost,
            format!(
                "{lost} of {columns} dimensions{}",
                if copies > 1 { format!(", {copies} times") } else { String::new() }
            ),
            "the solution of least norm (the pseudo-inverse)".into(),
        );
        // The centred outputs of a softmax lie in a plane by themselves.
        let by_itself = usize::from(matches!(inversion.scope.node(index).op, Op::Normalizer(_)));
        let unreached = (block.matrix.rows() - block.rank).saturating_sub(by_itself);
        if unreached > 0 {
            inversion.mark(
                index,
                MarkKind::Projection,
                copies * unreached,
                format!("nothing: {} outputs lie in a {}-dimensional plane", block.matrix.rows(), block.rank),
                "exact on that plane; outputs off it are moved to the nearest point of it".into(),
            );
        }
        chosen = true;
    }
    chosen
}

/// Why unknowns of these bases cannot be chosen freely: one is made of another, or two of the same.
fn dependent(inversion: &Inversion<'_>, bases: &BTreeSet<u32>) -> Option<String> {
    let elements = inversion.scope.elements;
    let mut owner: HashMap<u32, u32> = HashMap::new();
    for &leaf in bases {
        let mut waiting = vec![leaf];
        let mut seen = BTreeSet::from([leaf]);
        while let Some(base) = waiting.pop() {
            // What is known is fixed already and ties nothing together.
            if inversion.scope.unknown_in(base) == 0 {
                continue;
            }
            if let Some(other) = owner.insert(base, leaf).filter(|&other| other != leaf) {
                let name = |base: u32| match elements.node_of(base) {
                    Some(index) => inversion.called(index).0,
                    None => "an input".into(),
                };
                return Some(format!(
                    "it adds up values that depend on the same unknown ones (`{}` and `{}`), and the sum does not tell them apart",
                    name(other),
                    name(leaf)
                ));
            }
            let Some(index) = elements.node_of(base) else { continue };
            for &id in &inversion.scope.node(index).inputs {
                for atom in elements.value(id).iter() {
                    if let Atom::Element(element) = atom
                        && !inversion.scope.knows(*element)
                        && seen.insert(element.base)
                    {
                        waiting.push(element.base);
                    }
                }
            }
        }
    }
    None
}

/// Inputs of which the outputs say nothing: 0.
pub(crate) fn free(inversion: &mut Inversion<'_>, stuck: &[usize], wanted: &[ValueId]) -> bool {
    if !stuck.is_empty() {
        return false;
    }
    let elements = inversion.scope.elements;
    let mut chosen = false;
    for &id in wanted {
        let mut unknown: Vec<Element> = elements
            .value(id)
            .iter()
            .filter_map(|atom| match atom {
                Atom::Element(element) if !inversion.scope.knows(*element) => Some(*element),
                _ => None,
            })
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            continue;
        }
        let name = elements.network.value(id).name.clone();
        let zeros = row(&mut inversion.scope, &name, unknown.iter().map(|_| Atom::Constant(0.0)));
        let elements = unknown.len();
        inversion.scope.learn_all(unknown, zeros);
        inversion.findings.marks.push(crate::findings::Mark {
            name,
            op: "input".into(),
            kind: MarkKind::Free,
            elements,
            lost: "these inputs: no output depends on them".into(),
            chosen: "0".into(),
        });
        chosen = true;
    }
    chosen
}
