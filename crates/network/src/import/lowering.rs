//! The state of reading one graph, and the steps that operators are lowered to.
//!
//! Every step takes constants and values alike: on constants it folds, on values it adds a node.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use netinverse_base::{Error, Result};

use super::constant::{Constant, Data};
use super::fold::{self, Arithmetic};
use crate::{
    Bilinear, Dense, Function, Layout, Linear, NetworkBuilder, Op, ParamId, Reduce, Scale, Shape, ValueId,
    WeightOrder,
};

/// The most elements that all values of one sample may have together (of a file that asks for more,
/// evaluation would need gigabytes for each sample).
const MAX_VALUE_ELEMENTS: usize = 1 << 28;
/// The constants that folding may compute, in elements: this many, and [`FOLDED_PER_STORED`] for each one
/// that the file holds.
const MAX_FOLDED: usize = 1 << 22;
const FOLDED_PER_STORED: usize = 8;

/// What a tensor of the model is while lowering: known now, or computed by the network.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Constant(Constant),
    Value(ValueId),
}

/// A size that does not fit what reads it; an input of the model may have to be read with another size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mismatch {
    pub(super) value: ValueId,
    /// The axis, or `None` for the number of elements.
    pub(super) axis: Option<usize>,
    pub(super) wanted: usize,
    /// Whether weights ask for it (else another value, or a size written in the graph).
    pub(super) by_weights: bool,
}

/// The state of reading one graph.
#[derive(Debug)]
pub(super) struct Lowering {
    pub(super) builder: NetworkBuilder,
    pub(super) inputs: Vec<ValueId>,
    /// The first mismatch met.
    pub(super) mismatch: Option<Mismatch>,
    /// The node being lowered, and the tensor that it writes.
    node: String,
    output: String,
    params: HashMap<(usize, Vec<usize>), ParamId>,
    /// The dense layers, by what they write: where their nodes are.
    dense: HashMap<ValueId, usize>,
    /// Tensors that are read once, and not outputs: an addition may disappear into what writes one.
    read_once: Arc<HashSet<String>>,
    /// Values that a mask of −∞ was added to, with 1 where they are kept ([`super::ops`]).
    pub(super) masks: HashMap<ValueId, Constant>,
    /// The value that the current node added its constant to, in place.
    joined: Option<ValueId>,
    room_for_values: usize,
    room_for_constants: usize,
}

impl Lowering {
    /// `stored`: the number of elements that the file holds.
    pub(super) fn new(stored: usize, read_once: &Arc<HashSet<String>>) -> Self {
        Lowering {
            builder: NetworkBuilder::new(),
            inputs: Vec::new(),
            mismatch: None,
            node: String::new(),
            output: String::new(),
            params: HashMap::new(),
            dense: HashMap::new(),
            read_once: Arc::clone(read_once),
            masks: HashMap::new(),
            joined: None,
            room_for_values: MAX_VALUE_ELEMENTS,
            room_for_constants: MAX_FOLDED.saturating_add(stored.saturating_mul(FOLDED_PER_STORED)),
        }
    }

    /// What follows belongs to this node, which writes this tensor.
    pub(super) fn begin(&mut self, node: &str, output: &str) {
        node.clone_into(&mut self.node);
        output.clone_into(&mut self.output);
        self.joined = None;
    }

    /// The name of the tensor being computed.
    pub(super) fn output_name(&self) -> &str {
        &self.output
    }

    pub(super) fn input(&mut self, name: &str, shape: Shape) -> Result<ValueId> {
        self.take_room(&shape)?;
        let id = self.builder.input(name, shape)?;
        self.inputs.push(id);
        Ok(id)
    }

    fn take_room(&mut self, shape: &Shape) -> Result<()> {
        match self.room_for_values.checked_sub(shape.elements()) {
            Some(left) => {
                self.room_for_values = left;
                Ok(())
            }
            None => Err(Error::input(format!(
                "the values of one sample have more than {MAX_VALUE_ELEMENTS} elements together"
            ))),
        }
    }

    /// Takes room for a constant of that shape; call before computing one.
    pub(super) fn room(&mut self, shape: &Shape) -> Result<()> {
        self.room_for(shape.elements())
    }

    /// Takes room for so many elements, or for work that takes as long as computing so many.
    pub(super) fn room_for(&mut self, elements: usize) -> Result<()> {
        match self.room_for_constants.checked_sub(elements) {
            Some(left) => {
                self.room_for_constants = left;
                Ok(())
            }
            None => {
                Err(Error::input("the constants that the graph computes are far larger than its weights")
                    .hint("if this is meant, fold them before: `onnxsim MODEL OUT`"))
            }
        }
    }

    /// Notes that `value` does not fit, for [`super::sizes`]; the caller returns the error.
    pub(super) fn misfit(&mut self, value: ValueId, axis: Option<usize>, wanted: usize, by_weights: bool) {
        self.mismatch.get_or_insert(Mismatch { value, axis, wanted, by_weights });
    }

    pub(super) fn emit(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId> {
        // The last step of a node gets the tensor's name when the node is done.
        let id = self.builder.node_writing(&self.node, format!("{}~", self.output), op, inputs)?;
        let shape = self.shape_of(id);
        if shape.elements() == 0 {
            return Err(Error::input(format!("a value of shape {shape} has no elements")));
        }
        self.take_room(&shape)?;
        Ok(id)
    }

    fn shape_of(&self, id: ValueId) -> Shape {
        self.builder.shape(id).clone()
    }

    /// The shape of an operand.
    pub(super) fn shape(&self, x: &Operand) -> Shape {
        match x {
            Operand::Constant(constant) => constant.shape.clone(),
            Operand::Value(id) => self.shape_of(*id),
        }
    }

    /// The constant as the network keeps it; the same array in the same shape is kept once.
    pub(super) fn param(&mut self, constant: &Constant) -> Result<ParamId> {
        let address = match &constant.data {
            Data::Int(values) => values.as_ptr() as usize,
            Data::Bool(values) => values.as_ptr() as usize,
            Data::F32(values) => values.as_ptr() as usize,
            Data::F64 { values, .. } => values.as_ptr() as usize,
        };
        let key = (address, constant.shape.to_vec());
        if let Some(&id) = self.params.get(&key).filter(|_| constant.len() > 0) {
            return Ok(id);
        }
        let named =
            if constant.name.is_empty() { constant.clone().named(&self.output) } else { constant.clone() };
        let id = self.builder.param(named.to_param()?);
        self.params.insert(key, id);
        Ok(id)
    }

    /// The operand as a value; a constant is written as 0 · x + c of some element x of the input.
    pub(super) fn value(&mut self, x: &Operand) -> Result<ValueId> {
        let constant = match x {
            Operand::Value(id) => return Ok(*id),
            Operand::Constant(constant) => constant,
        };
        let Some(&input) = self.inputs.first() else {
            return Err(Error::input("the model has no input that a constant could be computed beside"));
        };
        let shape = constant.shape.clone();
        let flat = self.reshape(&Operand::Value(input), Shape::vector(self.shape_of(input).elements()))?;
        let slice = Layout::Slice { starts: vec![0], steps: vec![1], sizes: vec![1] };
        let one = self.layout(&flat, slice)?;
        let ranked = self.reshape(&one, Shape::new(vec![1; shape.rank()])?)?;
        let wide = self.expand(&ranked, &shape)?;
        let scale = Some(self.param(&Constant::scalar(0.0).named("0"))?);
        let shift = Some(self.param(constant)?);
        let wide = self.value(&wide)?;
        self.emit(Op::Linear(Linear::Scale(Scale { scale, shift })), &[wide])
    }

    /// A rearrangement of elements.
    pub(super) fn layout(&mut self, x: &Operand, layout: Layout) -> Result<Operand> {
        match x {
            Operand::Value(id) => Ok(Operand::Value(self.emit(Op::Layout(layout), &[*id])?)),
            Operand::Constant(constant) => {
                let op = Op::Layout(layout);
                let shape = op.output_shape(&[&constant.shape], &[])?;
                self.room(&shape)?;
                let Op::Layout(layout) = op else { unreachable!("made above") };
                Ok(Operand::Constant(constant.laid_out(&layout, shape)))
            }
        }
    }

    /// The same elements in another shape of as many.
    pub(super) fn reshape(&mut self, x: &Operand, shape: Shape) -> Result<Operand> {
        let from = self.shape(x);
        if from == shape {
            return Ok(x.clone());
        }
        if from.elements() != shape.elements() {
            return Err(Error::input(format!(
                "{from} cannot become {shape}: the numbers of elements differ"
            )));
        }
        match x {
            Operand::Constant(constant) => Ok(Operand::Constant(constant.reshaped(shape))),
            Operand::Value(_) => self.layout(x, Layout::Reshape { shape }),
        }
    }

    pub(super) fn transpose(&mut self, x: &Operand, axes: Vec<usize>) -> Result<Operand> {
        let shape = self.shape(x);
        // Moving axes of size 1 moves no element.
        let moved: Vec<usize> = axes.iter().copied().filter(|&axis| shape.get(axis) != Some(&1)).collect();
        let valid = axes.len() == shape.rank() && (0..axes.len()).all(|axis| axes.contains(&axis));
        if valid && moved.is_sorted() {
            let sizes: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
            return self.reshape(x, Shape::new(sizes)?);
        }
        self.layout(x, Layout::Transpose { axes })
    }

    /// Repetition to a shape that the operand broadcasts to.
    pub(super) fn expand(&mut self, x: &Operand, shape: &Shape) -> Result<Operand> {
        let from = self.shape(x);
        if &from == shape {
            return Ok(x.clone());
        }
        if from.elements() == shape.elements() && from.broadcast(shape).as_ref() == Some(shape) {
            return self.reshape(x, shape.clone());
        }
        self.layout(x, Layout::Expand { shape: shape.clone() })
    }

    /// Operands one after the other along an axis.
    pub(super) fn concat(&mut self, parts: &[&Operand], axis: usize) -> Result<Operand> {
        let shapes: Vec<Shape> = parts.iter().map(|part| self.shape(part)).collect();
        let op = Op::Layout(Layout::Concat { axis });
        let shape = op.output_shape(&shapes.iter().collect::<Vec<_>>(), &[])?;
        let constants: Option<Vec<&Constant>> = parts
            .iter()
            .map(|part| match part {
                Operand::Constant(constant) => Some(constant),
                Operand::Value(_) => None,
            })
            .collect();
        if let Some(constants) = constants {
            self.room(&shape)?;
            let name = self.output.clone();
            return Ok(Operand::Constant(Constant::concat(&constants, axis, shape, &name)?));
        }
        let mut ids = Vec::with_capacity(parts.len());
        for (part, shape) in parts.iter().zip(&shapes) {
            // A part without elements adds nothing.
            if shape.elements() > 0 {
                ids.push(self.value(part)?);
            }
        }
        match ids.as_slice() {
            [only] => Ok(Operand::Value(*only)),
            _ => Ok(Operand::Value(self.emit(op, &ids)?)),
        }
    }

    /// A scalar function of each element.
    pub(super) fn function(&mut self, x: &Operand, function: Function) -> Result<Operand> {
        match x {
            Operand::Value(id) => Ok(Operand::Value(self.emit(Op::Function(function), &[*id])?)),
            Operand::Constant(constant) => {
                self.room(&constant.shape)?;
                fold::map(constant, &self.output, |number| number.function(function)).map(Operand::Constant)
            }
        }
    }

    /// Sums or means over axes.
    pub(super) fn reduce(&mut self, x: &Operand, reduce: Reduce) -> Result<Operand> {
        match x {
            Operand::Value(id) => Ok(Operand::Value(self.emit(Op::Linear(Linear::Reduce(reduce)), &[*id])?)),
            Operand::Constant(constant) => {
                self.room(&constant.shape)?;
                fold::sum(constant, &reduce, &self.output).map(Operand::Constant)
            }
        }
    }

    /// A matrix applied to the last axis of a value.
    pub(super) fn dense(
        &mut self,
        x: ValueId,
        weight: &Constant,
        order: WeightOrder,
        bias: Option<&Constant>,
    ) -> Result<ValueId> {
        let shape = self.shape_of(x);
        let taken = match order {
            WeightOrder::InputsFirst => weight.shape[0],
            WeightOrder::OutputsFirst => weight.shape[1],
        };
        if shape.last() != Some(&taken) {
            if let Some(axis) = shape.rank().checked_sub(1) {
                self.misfit(x, Some(axis), taken, true);
            }
            let name = self.builder.value_name(x);
            return Err(Error::input(format!(
                "`{}` of shape {} takes {taken} inputs, the value `{name}` has shape {shape}",
                weight.name, weight.shape
            )));
        }
        let dense = Dense {
            weight: self.param(weight)?,
            bias: bias.map(|bias| self.param(bias)).transpose()?,
            order,
        };
        let id = self.emit(Op::Linear(Linear::Dense(dense)), &[x])?;
        self.dense.insert(id, self.builder.nodes().len() - 1);
        Ok(id)
    }

    /// The shape that both broadcast to.
    pub(super) fn broadcast(&mut self, a: &Operand, b: &Operand) -> Result<Shape> {
        let (left, right) = (self.shape(a), self.shape(b));
        if let Some(shape) = left.broadcast(&right) {
            return Shape::new(shape.to_vec());
        }
        let common = left.rank().min(right.rank());
        let axis = (1..=common).find(|&back| {
            let (l, r) = (left[left.rank() - back], right[right.rank() - back]);
            l != r && l != 1 && r != 1
        });
        if let Some(back) = axis {
            let (l, r) = (left[left.rank() - back], right[right.rank() - back]);
            match (a, b) {
                (Operand::Value(id), Operand::Constant(_)) => {
                    self.misfit(*id, Some(left.rank() - back), r, true);
                }
                (Operand::Constant(_), Operand::Value(id)) => {
                    self.misfit(*id, Some(right.rank() - back), l, true);
                }
                (Operand::Value(id), Operand::Value(_)) => {
                    self.misfit(*id, Some(left.rank() - back), r, false);
                }
                (Operand::Constant(_), Operand::Constant(_)) => {}
            }
        }
        Err(Error::input(format!("shapes {left} and {right} do not broadcast to one")))
    }

    /// `a + b`, `a − b`, `a · b` or `a / b` with the broadcasting of NumPy.
    pub(super) fn arithmetic(&mut self, operation: Arithmetic, a: &Operand, b: &Operand) -> Result<Operand> {
        let shape = self.broadcast(a, b)?;
        match (a, b) {
            (Operand::Constant(a), Operand::Constant(b)) => {
                self.room(&shape)?;
                fold::arithmetic(operation, a, b, shape, &self.output).map(Operand::Constant)
            }
            (Operand::Value(_), Operand::Constant(c)) => {
                let x = self.expand(a, &shape)?;
                let name = self.output.clone();
                match operation {
                    Arithmetic::Add => self.scale(&x, None, Some(c)),
                    Arithmetic::Sub => {
                        let c = self.folded(&c.shape, || fold::negate(c, &name))?;
                        self.scale(&x, None, Some(&c))
                    }
                    Arithmetic::Mul => self.scale(&x, Some(c), None),
                    Arithmetic::Div => {
                        let c = self.folded(&c.shape, || fold::reciprocal(c, &name))?;
                        self.scale(&x, Some(&c), None)
                    }
                }
            }
            (Operand::Constant(c), Operand::Value(_)) => match operation {
                Arithmetic::Add | Arithmetic::Mul => self.arithmetic(operation, b, a),
                Arithmetic::Sub => {
                    let x = self.expand(b, &shape)?;
                    self.scale(&x, Some(&Constant::scalar(-1.0).named("-1")), Some(c))
                }
                Arithmetic::Div => {
                    let inverse = self.function(b, Function::Reciprocal)?;
                    self.arithmetic(Arithmetic::Mul, &inverse, a)
                }
            },
            (Operand::Value(_), Operand::Value(_)) => {
                let divisor;
                let b = if operation == Arithmetic::Div {
                    divisor = self.function(b, Function::Reciprocal)?;
                    &divisor
                } else {
                    b
                };
                let (x, y) = (self.expand(a, &shape)?, self.expand(b, &shape)?);
                let ids = [self.value(&x)?, self.value(&y)?];
                if matches!(operation, Arithmetic::Mul | Arithmetic::Div)
                    && let Some((x, function)) = self.product_of_one(ids)
                {
                    return Ok(Operand::Value(self.emit(Op::Function(function), &[x])?));
                }
                let op = match operation {
                    Arithmetic::Add => Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] }),
                    Arithmetic::Sub => Op::Linear(Linear::Combine { coefficients: vec![1.0, -1.0] }),
                    Arithmetic::Mul | Arithmetic::Div => Op::Bilinear(Bilinear::Multiply),
                };
                Ok(Operand::Value(self.emit(op, &ids)?))
            }
        }
    }

    /// The function of one value that a product of two is: the square, `x σ(βx)`, `x tanh(log(1 + eˣ))`,
    /// `x / (1 + |x|)`.
    fn product_of_one(&self, [a, b]: [ValueId; 2]) -> Option<(ValueId, Function)> {
        if a == b {
            return Some((a, Function::Power { exponent: 2.0 }));
        }
        let writer = |id: ValueId| self.builder.nodes().iter().rev().find(|node| node.output == id);
        let gate = |x: ValueId, gate: ValueId| -> Option<Function> {
            let node = writer(gate)?;
            match node.op {
                Op::Function(Function::Sigmoid) if node.inputs[0] == x => Some(Function::Silu { beta: 1.0 }),
                Op::Function(Function::Sigmoid) => {
                    let inner = writer(node.inputs[0])?;
                    let Op::Linear(Linear::Scale(Scale { scale: Some(scale), shift: None })) = inner.op
                    else {
                        return None;
                    };
                    let factor = self.builder.param_of(scale);
                    let beta = *factor.f64().first()?;
                    let fits = factor.elements() == 1 && factor.radius().is_none() && beta > 0.0;
                    (fits && inner.inputs[0] == x).then_some(Function::Silu { beta })
                }
                Op::Function(Function::Tanh) => {
                    let inner = writer(node.inputs[0])?;
                    (inner.op == Op::Function(Function::Softplus) && inner.inputs[0] == x)
                        .then_some(Function::Mish)
                }
                // x / (1 + |x|)
                Op::Function(Function::Reciprocal) => {
                    let sum = writer(node.inputs[0])?;
                    let Op::Linear(Linear::Scale(Scale { scale: None, shift: Some(shift) })) = sum.op else {
                        return None;
                    };
                    let one = self.builder.param_of(shift);
                    let size = writer(sum.inputs[0])?;
                    let fits = one.radius().is_none() && one.f64().iter().all(|&value| value == 1.0);
                    let fits = fits && size.op == Op::Function(Function::Abs) && size.inputs[0] == x;
                    fits.then_some(Function::Softsign)
                }
                _ => None,
            }
        };
        gate(a, b).map(|function| (a, function)).or_else(|| gate(b, a).map(|function| (b, function)))
    }

    /// `−x`.
    pub(super) fn negate(&mut self, x: &Operand) -> Result<Operand> {
        match x {
            Operand::Value(id) => {
                let op = Op::Linear(Linear::Combine { coefficients: vec![-1.0] });
                Ok(Operand::Value(self.emit(op, &[*id])?))
            }
            Operand::Constant(constant) => {
                self.room(&constant.shape)?;
                fold::negate(constant, &self.output).map(Operand::Constant)
            }
        }
    }

    /// `s ∘ x + t` of a value (a constant is folded); s and t broadcast to the shape of x.
    pub(super) fn scale(
        &mut self,
        x: &Operand,
        scale: Option<&Constant>,
        shift: Option<&Constant>,
    ) -> Result<Operand> {
        match x {
            Operand::Value(id) => {
                let scale = scale.map(|scale| self.param(scale)).transpose()?;
                let shift = shift.map(|shift| self.param(shift)).transpose()?;
                Ok(Operand::Value(self.emit(Op::Linear(Linear::Scale(Scale { scale, shift })), &[*id])?))
            }
            Operand::Constant(_) => {
                let mut x = x.clone();
                if let Some(scale) = scale {
                    x = self.arithmetic(Arithmetic::Mul, &x, &Operand::Constant(scale.clone()))?;
                }
                if let Some(shift) = shift {
                    x = self.arithmetic(Arithmetic::Add, &x, &Operand::Constant(shift.clone()))?;
                }
                Ok(x)
            }
        }
    }

    /// Computes a constant of that shape, having taken room for it.
    pub(super) fn folded(
        &mut self,
        shape: &Shape,
        fold: impl FnOnce() -> Result<Constant>,
    ) -> Result<Constant> {
        self.room(shape)?;
        fold()
    }

    /// Makes `bias` the bias of the dense layer that writes `value`, if it has none yet and only the current
    /// node reads it, by the name `read_as`.
    pub(super) fn join_bias(&mut self, value: ValueId, read_as: &str, bias: &Constant) -> Result<bool> {
        // Another name of the same value may have other readers.
        let alone = self.builder.value_name(value) == read_as && self.read_once.contains(read_as);
        let Some(&index) = self.dense.get(&value).filter(|_| alone) else { return Ok(false) };
        let free = |op: &Op| matches!(op, Op::Linear(Linear::Dense(dense)) if dense.bias.is_none());
        if !free(&self.builder.nodes()[index].op) {
            return Ok(false);
        }
        let bias = self.param(bias)?;
        if let Op::Linear(Linear::Dense(dense)) = self.builder.op_mut(index) {
            dense.bias = Some(bias);
        }
        self.joined = Some(value);
        Ok(true)
    }

    /// Whether the current node disappeared into the one that writes this value.
    pub(super) fn joined(&self, value: ValueId) -> bool {
        self.joined == Some(value)
    }
}
