//! What is known spreads backwards through the network, from its outputs to its inputs.
//!
//! Every node is a relation between elements. Whatever is bijective in the one operand that is not known is undone; what has
//! all its operands known is computed as the network does, which is how the inner networks of couplings come into the
//! inverse. Where this stops, in this order:
//!
//! 1. outputs some of whose operands are known are computed in part (autoregressive networks);
//! 2. a line with a kink at 0 is undone as one function ([`crate::kink`]);
//! 3. linear operators in a row are taken together: what each loses, their product may keep ([`crate::merged`]);
//! 4. a sum `x + g(x)` with a contraction g becomes a loop ([`crate::contraction`]);
//! 5. an operator that loses information gives a section of least norm, and is marked ([`crate::section`]);
//! 6. inputs of which the outputs say nothing are 0, and marked.

use std::collections::HashMap;

use netinverse_base::{Budget, Error, Place as Where, Progress, Result};
use netinverse_linalg::Precision;
use netinverse_network::{Bilinear, Function, Linear, Normalizer, Op, Reduce, ValueId};

use crate::elements::{Atom, Element, Elements, Formula, Origin};
use crate::elementwise::{self, Used};
use crate::findings::{Condition, Findings, Mark, MarkKind};
use crate::function;
use crate::linear::{self, Equation};
use crate::merged::Depth;
use crate::recorder::{Action, Id, Recorder, sized};
use crate::rows::{self, Row};
use crate::scope::Scope;
use crate::{contraction, kink, merged, partial, section};

/// What is given, and what is to be found.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// Values of the network that the inverse takes: outputs, and inputs that are known beside them.
    pub(crate) values: Vec<ValueId>,
    /// Positions of the network's inputs that the inverse gives.
    pub(crate) wanted: Vec<usize>,
}

/// The inverse, written down.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) recorder: Recorder,
    /// The inverse's inputs, one for each value given.
    pub(crate) inputs: Vec<Id>,
    /// The inverse's outputs, one for each input wanted.
    pub(crate) outputs: Vec<Id>,
    pub(crate) findings: Findings,
}

/// The state of the inversion.
pub(crate) struct Inversion<'e> {
    pub(crate) scope: Scope<'e>,
    pub(crate) findings: Findings,
    /// The equations of linear bases, where they were needed.
    rows: HashMap<u32, HashMap<u32, Row>>,
    /// What was known around a node when its equations were last tried.
    tried: HashMap<usize, (usize, usize)>,
    /// Why a node was not undone.
    pub(crate) reasons: HashMap<usize, String>,
}

/// Inverts a network.
///
/// # Errors
/// No inverse is known, with the operators that stand in the way; the budget ended.
pub(crate) fn invert(
    elements: &Elements,
    given: &Given,
    precision: Precision,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Written> {
    let mut scope = Scope::new(elements, Recorder::new(precision));
    let mut inputs = Vec::new();
    for &id in &given.values {
        let value = elements.network.value(id);
        let input = scope.recorder.input(&value.name, value.shape.clone());
        inputs.push(input);
        let atoms = elements.value(id).clone();
        for (index, atom) in atoms.iter().enumerate() {
            if let Atom::Element(element) = atom {
                scope.learn(*element, crate::recorder::Place { value: input, index: index as u32 });
            }
        }
    }
    let mut inversion = Inversion {
        scope,
        findings: Findings::default(),
        rows: HashMap::new(),
        tried: HashMap::new(),
        reasons: HashMap::new(),
    };
    let wanted: Vec<ValueId> =
        given.wanted.iter().map(|&position| elements.network.inputs()[position]).collect();
    let total: usize = wanted.iter().map(|&id| elements.value(id).len()).sum();
    progress.stage("inverting", Some(total as u64));
    loop {
        inversion.spread(budget)?;
        let left: usize = wanted.iter().map(|&id| inversion.unknown_of(id)).sum();
        progress.update((total - left) as u64, &format!("{left} of {total} inputs not known yet"));
        if left == 0 {
            break;
        }
        let stuck = inversion.stuck();
        if partial::forward(&mut inversion) {
            continue;
        }
        let elementwise = merged::equations(&mut inversion, &stuck, Depth::Elementwise);
        if kink::undo(&mut inversion, &elementwise) {
            continue;
        }
        let equations = merged::equations(&mut inversion, &stuck, Depth::Linear);
        let went_on = merged::solve(&mut inversion, &equations)
            || contraction::undo(&mut inversion, &stuck)
            || section::choose(&mut inversion, &stuck, &equations)
            || section::free(&mut inversion, &stuck, &wanted);
        if !went_on {
            return Err(inversion.refusal(&stuck));
        }
    }
    let mut outputs = Vec::new();
    for &id in &wanted {
        outputs.push(inversion.scope.value(id).ok_or_else(|| Error::input("an input is not known"))?);
    }
    Ok(Written { recorder: inversion.scope.recorder, inputs, outputs, findings: inversion.findings })
}

impl Inversion<'_> {
    /// Local steps until there are no more.
    fn spread(&mut self, budget: &Budget) -> Result<()> {
        while let Some(index) = self.scope.next_changed() {
            if budget.stop().is_some() {
                return Err(Error::interrupted("the inversion was stopped before it was done"));
            }
            if self.scope.forward(index) {
                continue;
            }
            if let Some(used) = elementwise::backward(&mut self.scope, index) {
                self.note_conditions(index, &used);
            } else {
                self.softmax_backward(index);
                self.linear_backward(index);
            }
        }
        Ok(())
    }

    /// How many elements of a value are not known.
    fn unknown_of(&self, id: ValueId) -> usize {
        self.scope.elements.value(id).iter().filter(|&&atom| !self.scope.knows_atom(atom)).count()
    }

    /// Nodes with known elements and operands that are not known, in order.
    pub(crate) fn stuck(&self) -> Vec<usize> {
        let elements = self.scope.elements;
        let is_stuck = |index: &usize| {
            let node = self.scope.node(*index);
            let bases = [elements.base_of(*index), elements.centred_of(*index)];
            let known =
                bases.into_iter().flatten().any(|base| self.scope.unknown_in(base) < elements.size(base));
            known && node.inputs.iter().any(|&id| !self.scope.knows_value(id)) && self.unexplained(*index)
        };
        (0..elements.network.nodes().len()).filter(is_stuck).collect()
    }

    /// Whether a known element of a node reads one that is not known.
    fn unexplained(&self, index: usize) -> bool {
        let elements = self.scope.elements;
        let (Some(base), Some(maker)) = (elements.base_of(index), elements.elementwise(index)) else {
            return true;
        };
        elements.all(base).any(|own| {
            self.scope.knows(own)
                && maker.formula(own.index as usize).is_some_and(|f| !self.scope.unknown_of(&f).is_empty())
        })
    }

    /// Undoes a linear operator where it determines what it reads.
    fn linear_backward(&mut self, index: usize) {
        let elements = self.scope.elements;
        let Some(base) = elements.base_of(index).filter(|&base| rows::is_affine(elements, base)) else {
            return;
        };
        if elements.elementwise(index).is_some() {
            return;
        }
        let known = elements.size(base) - self.scope.unknown_in(base);
        let unknown: usize = self.scope.node(index).inputs.iter().map(|&id| self.unknown_of(id)).sum();
        if known == 0 || unknown == 0 || self.tried.insert(index, (known, unknown)) == Some((known, unknown))
        {
            return;
        }
        if rows::coefficients(elements, base) > rows::MAX_COEFFICIENTS {
            self.reasons.insert(index, "it is too large to be inverted as a matrix".into());
            return;
        }
        let equations: Vec<Equation> =
            rows::rows(elements, base).into_iter().filter_map(|row| self.equation(row)).collect();
        self.solve(index, &equations);
    }

    /// A row whose own element is known and that reads something that is not.
    fn equation(&self, row: Row) -> Option<Equation> {
        if !self.scope.knows(row.own) {
            return None;
        }
        let (known, unknown): (Vec<_>, Vec<_>) =
            row.terms.into_iter().partition(|(e, _)| self.scope.knows(*e));
        (!unknown.is_empty()).then_some(Equation { own: row.own, unknown, known, constant: row.constant })
    }

    /// Solves what equations determine, and notes it under a node; whether that was anything.
    pub(crate) fn solve(&mut self, index: usize, equations: &[Equation]) -> bool {
        let (name, op) = self.called(index);
        let Some(split) = linear::split(equations) else {
            self.reasons.insert(index, "it is too large to be inverted as a matrix".into());
            return false;
        };
        let mut solved = false;
        let single: Vec<&Equation> = split.single.iter().map(|&e| &equations[e]).collect();
        if !single.is_empty() {
            linear::solve_single(&mut self.scope, &name, &single);
            self.findings.parts.push(linear::scaling(&name, &op, &single));
            solved = true;
        }
        for group in split.groups.iter().filter(|group| group.block.is_injective()) {
            let refined = linear::solve_group(&mut self.scope, &name, equations, group);
            self.findings.parts.push(linear::part(&name, &op, group, refined));
            let (rows, columns) = (group.block.matrix.rows(), group.block.matrix.columns());
            // The centred outputs of a softmax lie in a plane by themselves.
            let by_itself = usize::from(matches!(self.scope.node(index).op, Op::Normalizer(_)));
            if rows > columns + by_itself {
                self.mark(
                    index,
                    MarkKind::Projection,
                    group.components.len() * (rows - columns - by_itself),
                    format!("nothing: {columns} inputs give {rows} outputs, which lie in a {columns}-dimensional plane"),
                    "exact on that plane; outputs off it are moved to the nearest point of it".into(),
                );
            }
            solved = true;
        }
        solved
    }

    pub(crate) fn mark(
        &mut self,
        index: usize,
        kind: MarkKind,
        elements: usize,
        lost: String,
        chosen: String,
    ) {
        let (name, op) = self.called(index);
        self.findings.marks.push(Mark { name, op, kind, elements, lost, chosen });
    }

    /// A node's name and operator.
    pub(crate) fn called(&self, index: usize) -> (String, String) {
        let node = self.scope.node(index);
        (node.name.clone(), node.op.name().to_string())
    }

    /// The equation of an element of a linear base.
    pub(crate) fn row_of(&mut self, element: Element) -> Option<&Row> {
        let elements = self.scope.elements;
        if !rows::is_affine(elements, element.base)
            || rows::coefficients(elements, element.base) > rows::MAX_COEFFICIENTS
        {
            return None;
        }
        let rows = self.rows.entry(element.base).or_insert_with(|| {
            rows::rows(elements, element.base).into_iter().map(|row| (row.own.index, row)).collect()
        });
        rows.get(&element.index)
    }

    /// log y, less its mean over each group: the input of a softmax, less its mean.
    fn softmax_backward(&mut self, index: usize) {
        let elements = self.scope.elements;
        let (Some(base), Some(centred)) = (elements.base_of(index), elements.centred_of(index)) else {
            return;
        };
        let Op::Normalizer(normalizer) = &self.scope.node(index).op else { return };
        let shape = &elements.bases[base as usize].shape;
        let of = |base: u32, group: &[usize]| -> Vec<Element> {
            group.iter().map(|&flat| Element { base, index: flat as u32 }).collect()
        };
        let mut groups = rows::groups(shape, rows::axis_of(normalizer));
        groups.retain(|group| {
            of(base, group).iter().all(|&e| self.scope.knows(e))
                && !of(centred, group).iter().all(|&e| self.scope.knows(e))
        });
        let Some(size) = groups.first().map(Vec::len) else { return };
        let (name, op) = self.called(index);
        let sizes = sized(&[1, groups.len(), size]);
        let own = groups.iter().flat_map(|group| of(base, group)).map(Atom::Element);
        let Some(y) = self.scope.assemble(&name, own, &sizes) else { return };
        let recorder = &mut self.scope.recorder;
        let logs = match normalizer {
            Normalizer::LogSoftmax { .. } => y,
            _ => function::log(recorder, &name, y),
        };
        let mean = recorder.push(&name, Action::Mean, &[logs], sized(&[1, groups.len(), 1]));
        let expand = netinverse_network::Layout::Expand { shape: sizes.clone() };
        let mean = recorder.push(&name, Action::Layout(expand), &[mean], sizes);
        let x = recorder.combine(&name, &[(logs, 1.0), (mean, -1.0)]);
        self.scope.learn_all(groups.iter().flat_map(|group| of(centred, group)), x);
        let logarithms = matches!(normalizer, Normalizer::LogSoftmax { .. });
        let text = if logarithms {
            "logarithms of shares: their exponentials sum to 1"
        } else {
            "positive, with the sum 1"
        };
        self.condition(
            index,
            groups.len() * size,
            (!logarithms).then_some(0.0),
            Some(if logarithms { 0.0 } else { 1.0 }),
            &format!("{text} over each group of {size} ({op})"),
        );
    }

    fn note_conditions(&mut self, index: usize, used: &Used) {
        if let Some((function, count)) = used.function {
            let (low, high) = function.range();
            let bound = |bound: f64| bound.is_finite().then_some(bound);
            match function {
                Function::Reciprocal => self.condition(index, count, None, None, "not 0"),
                _ if low.is_finite() || high.is_finite() => {
                    let left = if closed(function) { "[" } else { "(" };
                    let text = match (bound(low), bound(high)) {
                        (Some(low), Some(high)) => format!("in {left}{low}, {high})"),
                        (Some(low), None) => format!("in {left}{low}, ∞)"),
                        (None, Some(high)) => format!("in (-∞, {high})"),
                        (None, None) => String::new(),
                    };
                    self.condition(index, count, bound(low), bound(high), &text);
                }
                _ => {}
            }
        }
        let nonzero = |element: &&Element| !self.is_positive(**element);
        let factors = used.divisors.iter().filter(nonzero).count();
        if factors > 0 {
            self.condition(index, factors, None, None, "the known factor is not 0");
        }
    }

    /// Whether an element is positive whatever the input.
    fn is_positive(&self, element: Element) -> bool {
        let elements = self.scope.elements;
        let Origin::Node(node) = elements.bases[element.base as usize].origin else { return false };
        match &self.scope.node(node).op {
            Op::Function(Function::Exp | Function::Sigmoid | Function::Softplus) => true,
            Op::Function(Function::Reciprocal) | Op::Linear(_) => {
                let maker = elements.elementwise(node);
                match maker.and_then(|maker| maker.formula(element.index as usize)) {
                    Some(Formula::Function(_, argument)) => self.is_positive(argument),
                    Some(Formula::Affine { terms, constant }) => {
                        constant >= 0.0 && terms.iter().all(|&(e, c)| c > 0.0 && self.is_positive(e))
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    pub(crate) fn condition(
        &mut self,
        index: usize,
        count: usize,
        low: Option<f64>,
        high: Option<f64>,
        text: &str,
    ) {
        let elements = self.scope.elements;
        let network = &elements.network;
        let node = self.scope.node(index);
        // An output may be the same elements under another name.
        let own = elements.base_of(index);
        let is_own = |atom: &Atom| matches!(atom, Atom::Element(element) if Some(element.base) == own);
        let output = network.outputs().iter().find(|&&id| elements.value(id).iter().any(is_own));
        let value = network.value(output.copied().unwrap_or(node.output)).name.clone();
        let op = node.op.name().to_string();
        let text = text.to_string();
        let made = Condition { value, output: output.is_some(), op, elements: count, low, high, text };
        let conditions = &mut self.findings.conditions;
        let alike =
            conditions.iter_mut().find(|c| c.value == made.value && c.op == made.op && c.text == made.text);
        match alike {
            Some(alike) => alike.elements += count,
            None => conditions.push(made),
        }
    }

    fn refusal(&self, stuck: &[usize]) -> Error {
        let Some(&index) = stuck.iter().rev().find(|index| self.reasons.contains_key(index)).or(stuck.last())
        else {
            return Error::unsupported("the outputs do not lead back to the inputs")
                .hint("`netinverse explain` says where the information goes");
        };
        let (name, op) = self.called(index);
        let reason = self.reasons.get(&index).cloned().unwrap_or_else(|| self.reason(index));
        let mut error = Error::unsupported(format!("there is no inverse as a network: {reason}"))
            .at(Where::node(name, op))
            .hint("`netinverse invert` finds inputs for given outputs, one by one, of any network");
        if self.scope.elements.network.outputs().len() == 1 {
            error = error.hint(
                "a part of the network may have one: choose an output before this node with `--output NAME`",
            );
        }
        error
    }

    /// Why a node stands in the way.
    fn reason(&self, index: usize) -> String {
        let node = self.scope.node(index);
        match &node.op {
            Op::Function(function) => match function::kind(*function) {
                function::Inverse::None(reason) => reason.to_string(),
                _ => "what it reads is not known".into(),
            },
            Op::Bilinear(Bilinear::Multiply) => {
                "it multiplies two values that both depend on the input, and neither is known from the outputs".into()
            }
            Op::Bilinear(Bilinear::MatMul) => {
                "it multiplies matrices that depend on the input, which no fixed matrix undoes".into()
            }
            Op::Linear(Linear::Combine { .. }) => {
                "the terms of the sum depend on the same unknown values, which the sum alone does not tell apart".into()
            }
            Op::Linear(Linear::Reduce(Reduce { .. })) => "sums of values do not tell their terms".into(),
            _ => "what it loses cannot be chosen by itself: its inputs depend on one another".into(),
        }
    }
}

fn closed(function: Function) -> bool {
    matches!(function, Function::Sqrt) || matches!(function, Function::Power { exponent } if exponent > 0.0)
}
