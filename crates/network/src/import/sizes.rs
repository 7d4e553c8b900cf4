//! The sizes of the inputs for one sample: as declared, or as the weights that read them say.

use std::collections::HashMap;

use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_onnx::{Dimension, ElementType, ValueInfo};

use super::constant::check_rank;
use super::lowering::{Lowering, Mismatch};
use super::plan::Plan;
use crate::{Bilinear, Layout, Linear, NetworkBuilder, Op, Shape, ValueId};

/// Where a size that is not declared stands in: primes, so that no weight fits by accident and each is
/// told from the others.
const PLACEHOLDERS: [usize; 8] = [1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049];

/// The sizes of one input while they are being settled.
#[derive(Debug, Clone)]
pub(super) struct InputSizes {
    pub(super) name: String,
    pub(super) sizes: Vec<usize>,
    pub(super) origins: Vec<Origin>,
}

/// How a size came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A number in the file, or the leading axis.
    Declared,
    /// A placeholder for a dimension of that name (may be empty).
    Unknown(String),
    /// Settled by a weight.
    Settled,
}

/// A size to read an input with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Correction {
    input: usize,
    axis: usize,
    size: usize,
}

/// The sizes of every input to begin with; one result an input, because `inspect` goes on after an error.
pub(super) fn declared(plan: &Plan) -> Vec<Result<InputSizes>> {
    let mut placeholders: HashMap<String, usize> = HashMap::new();
    plan.inputs.iter().map(|input| declared_one(plan, input, &mut placeholders)).collect()
}

fn declared_one(
    plan: &Plan,
    input: &ValueInfo,
    placeholders: &mut HashMap<String, usize>,
) -> Result<InputSizes> {
    let place = || Place::Tensor(input.name.clone());
    match input.element_type {
        None | Some(ElementType::F32 | ElementType::F64 | ElementType::F16 | ElementType::BF16) => {}
        Some(other) => {
            return Err(Error::unsupported(format!("the input has elements of type {other:?}"))
                .at(place())
                .hint("points are made of real numbers; export the model with a float input"));
        }
    }
    let dims = match &input.shape {
        Some(dims) => dims.clone(),
        None => infer_rank(plan, &input.name).ok_or_else(|| {
            Error::input("the input has no declared shape, and what reads it does not say it")
                .at(place())
                .hint("declare it: `onnx.tools.update_model_dims`, or export again with an example input")
        })?,
    };
    check_rank(dims.len()).at(place)?;
    let mut sizes = Vec::with_capacity(dims.len());
    let mut origins = Vec::with_capacity(dims.len());
    for (axis, dim) in dims.iter().enumerate() {
        let name = match dim {
            Dimension::Fixed(size) if *size > 0 => {
                sizes.push(*size);
                origins.push(Origin::Declared);
                continue;
            }
            Dimension::Symbolic(name) => name.as_str(),
            _ => "",
        };
        if let Some((_, size)) = plan.dimensions.iter().find(|(own, _)| own == name && !name.is_empty()) {
            sizes.push((*size).max(1));
            origins.push(Origin::Settled);
        } else if axis == 0 && dims.len() > 1 {
            // The batch.
            sizes.push(1);
            origins.push(Origin::Declared);
        } else {
            let key = if name.is_empty() { format!("{}\u{0}{axis}", input.name) } else { name.to_string() };
            let next = PLACEHOLDERS[placeholders.len() % PLACEHOLDERS.len()];
            sizes.push(*placeholders.entry(key).or_insert(next));
            origins.push(Origin::Unknown(name.to_string()));
        }
    }
    Ok(InputSizes { name: input.name.clone(), sizes, origins })
}

/// The axes of an input without a declared shape, by the first node that tells: `[1, K]` for a matrix
/// product, `[1, C, …]` for a convolution.
fn infer_rank(plan: &Plan, name: &str) -> Option<Vec<Dimension>> {
    let mut names = vec![name];
    for node in &plan.model.graph.nodes {
        let Some(position) = node.inputs.iter().position(|input| names.contains(&input.as_str())) else {
            continue;
        };
        let rank_of = |index: usize| {
            let tensor = plan.initializers.get(node.inputs.get(index)?.as_str())?;
            Some(tensor.dims.len())
        };
        let other = || rank_of(1_usize.checked_sub(position)?).filter(|&rank| rank > 1);
        let rank = match node.op_type.as_str() {
            "Gemm" => 2,
            "MatMul" if position == 0 && rank_of(1).is_some() => 2,
            "MatMul" if position == 1 && rank_of(0).is_some() => 1,
            "Conv" if position == 0 => rank_of(1)?,
            "Add" | "Sub" | "Mul" | "Div" if other().is_some() => other()?,
            "Relu" | "Identity" | "Sigmoid" | "Tanh" | "Neg" | "Cast" | "Dropout" | "Add" | "Sub" | "Mul"
            | "Div" => {
                names.extend(node.outputs.first().map(String::as_str));
                continue;
            }
            _ => return None,
        };
        let mut dims = vec![Dimension::Unknown; rank];
        if rank > 1 {
            dims[0] = Dimension::Fixed(1);
        }
        return Some(dims);
    }
    None
}

impl Correction {
    /// Whether nothing has settled this size yet, so that it may change.
    fn is_open(self, inputs: &[InputSizes], by_weights: bool) -> bool {
        match inputs[self.input].origins[self.axis] {
            Origin::Unknown(_) => true,
            Origin::Declared => by_weights,
            Origin::Settled => false,
        }
    }

    /// Reads the input with this size from now on, and every other dimension of the same name too.
    pub(super) fn apply(self, inputs: &mut [InputSizes]) {
        let origin = inputs[self.input].origins[self.axis].clone();
        for (index, input) in inputs.iter_mut().enumerate() {
            for axis in 0..input.sizes.len() {
                let same = matches!(&origin, Origin::Unknown(name) if !name.is_empty())
                    && input.origins[axis] == origin;
                if same || (index, axis) == (self.input, self.axis) {
                    input.sizes[axis] = self.size;
                    input.origins[axis] = Origin::Settled;
                }
            }
        }
    }
}

/// Which size of which input would make a mismatch fit, traced back through nodes that keep sizes.
pub(super) fn correction(
    lowering: &Lowering,
    mismatch: Mismatch,
    inputs: &[InputSizes],
) -> Option<Correction> {
    let builder = &lowering.builder;
    let writers: HashMap<ValueId, usize> =
        builder.nodes().iter().enumerate().map(|(index, node)| (node.output, index)).collect();
    let position: HashMap<ValueId, usize> =
        lowering.inputs.iter().enumerate().map(|(index, &id)| (id, index)).collect();
    let open = |id: ValueId, axis: usize| -> bool {
        position.get(&id).is_some_and(|&index| matches!(inputs[index].origins[axis], Origin::Unknown(_)))
    };
    let (mut value, mut wanted) = (mismatch.value, mismatch.wanted);
    let mut axis = if let Some(axis) = mismatch.axis {
        axis
    } else {
        let all: Vec<usize> = (0..builder.shape(value).rank()).collect();
        let (axis, size) = factor(builder.shape(value), &all, wanted, &|axis| open(value, axis))?;
        wanted = size;
        axis
    };
    loop {
        if let Some(&input) = position.get(&value) {
            let own = Correction { input, axis, size: wanted };
            return (own.is_open(inputs, mismatch.by_weights) && wanted > 0).then_some(own);
        }
        let node = &builder.nodes()[*writers.get(&value)?];
        let source = *node.inputs.first()?;
        let is_open = |axis: usize| open(source, axis);
        (axis, wanted) = before(builder, &node.op, source, value, axis, wanted, &is_open)?;
        value = source;
    }
}

/// The axis and size of `source` that would give `value` the size `wanted` along `axis`.
fn before(
    builder: &NetworkBuilder,
    op: &Op,
    source: ValueId,
    value: ValueId,
    axis: usize,
    wanted: usize,
    open: &dyn Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let (from, to) = (builder.shape(source), builder.shape(value));
    match op {
        Op::Function(_)
        | Op::Normalizer(_)
        | Op::Bilinear(Bilinear::Multiply)
        | Op::Linear(Linear::Scale(_) | Linear::Combine { .. }) => Some((axis, wanted)),
        // The columns are the matrix's, or the other factor's.
        Op::Linear(Linear::Dense(_)) | Op::Bilinear(Bilinear::MatMul) => {
            (axis + 1 < to.rank()).then_some((axis, wanted))
        }
        Op::Linear(Linear::Conv(_) | Linear::ConvTranspose(_)) => (axis == 0).then_some((axis, wanted)),
        Op::Linear(Linear::AveragePool(_)) | Op::Extremum(_) => (axis < 2).then_some((axis, wanted)),
        Op::Linear(Linear::Reduce(reduce)) => {
            let own = if reduce.keep {
                axis
            } else {
                (0..from.rank()).filter(|own| !reduce.axes.contains(own)).nth(axis)?
            };
            (!reduce.axes.contains(&own)).then_some((own, wanted))
        }
        Op::Layout(Layout::Transpose { axes }) => Some((axes[axis], wanted)),
        Op::Layout(Layout::Reshape { .. }) => {
            let (sources, targets) = block(from, to, axis);
            let rest: usize =
                targets.iter().filter(|&&other| other != axis).map(|&other| to[other]).product();
            factor(from, &sources, rest.checked_mul(wanted)?, open)
        }
        Op::Layout(Layout::Expand { .. }) => {
            let own = (axis + from.rank()).checked_sub(to.rank())?;
            (from[own] == to[axis]).then_some((own, wanted))
        }
        Op::Layout(Layout::Slice { .. } | Layout::Pad { .. } | Layout::Concat { .. }) => {
            (from.get(axis) == to.get(axis)).then_some((axis, wanted))
        }
        Op::Layout(Layout::Gather { axis: picked, .. }) => (axis < *picked).then_some((axis, wanted)),
    }
}

/// The axes of both shapes that a reshape mixes with `axis` of the second: the smallest runs around it whose
/// sizes have the same product.
fn block(from: &Shape, to: &Shape, axis: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut i, mut j) = (0, 0);
    while i < from.rank() || j < to.rank() {
        let (first_i, first_j) = (i, j);
        let (mut left, mut right) = (1_usize, 1_usize);
        // At least one axis of each, as far as there are any.
        loop {
            if left <= right && i < from.rank() {
                left *= from[i];
                i += 1;
            } else if j < to.rank() {
                right *= to[j];
                j += 1;
            } else if i < from.rank() {
                left *= from[i];
                i += 1;
            } else {
                break;
            }
            if left == right && i > first_i && j > first_j {
                break;
            }
        }
        // Axes of size 1 behind a block belong to it.
        while i < from.rank() && from[i] == 1 && j >= to.rank() {
            i += 1;
        }
        while j < to.rank() && to[j] == 1 && i >= from.rank() {
            j += 1;
        }
        if (first_j..j).contains(&axis) {
            return ((first_i..i).collect(), (first_j..j).collect());
        }
    }
    (Vec::new(), Vec::new())
}

/// Which of these axes has to change, and to what, for their product to be `wanted`: the only one that is
/// not known, else the only one that is not 1.
fn factor(
    shape: &Shape,
    axes: &[usize],
    wanted: usize,
    open: &dyn Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let only = |candidates: Vec<usize>| match candidates[..] {
        [axis] => Some(axis),
        _ => None,
    };
    let unknown: Vec<usize> = axes.iter().copied().filter(|&axis| open(axis)).collect();
    let axis = if unknown.is_empty() {
        only(axes.iter().copied().filter(|&axis| shape[axis] != 1).collect())?
    } else {
        only(unknown)?
    };
    let others: usize = axes.iter().filter(|&&other| other != axis).map(|&other| shape[other]).product();
    (others > 0 && wanted.is_multiple_of(others)).then(|| (axis, wanted / others))
}

/// What to say of a size that nothing settles.
pub(super) fn unsettled(inputs: &[InputSizes]) -> Option<Error> {
    for input in inputs {
        for (axis, origin) in input.origins.iter().enumerate() {
            if let Origin::Unknown(name) = origin {
                let (called, fix) = if name.is_empty() {
                    (String::new(), "`onnx.tools.update_model_dims` sets sizes in a file".to_string())
                } else {
                    (
                        format!(" (`{name}`)"),
                        format!(
                            "`python -m onnxruntime.tools.make_dynamic_shape_fixed --dim_param {name} --dim_value N IN OUT` sets it in a file"
                        ),
                    )
                };
                return Some(
                    Error::input(format!(
                        "the size of axis {axis}{called} is not declared, and no weight settles it"
                    ))
                    .at(Place::Tensor(input.name.clone()))
                    .hint(format!("export the model with fixed sizes on all axes but the batch; {fix}")),
                );
            }
        }
    }
    None
}

/// Reads inputs of one axis whose size is still open as single numbers; false when there are none.
pub(super) fn settle_batches(inputs: &mut [InputSizes]) -> bool {
    let mut any = false;
    for input in inputs {
        if let (1, Some(Origin::Unknown(_))) = (input.sizes.len(), input.origins.first()) {
            input.sizes[0] = 1;
            input.origins[0] = Origin::Settled;
            any = true;
        }
    }
    any
}
