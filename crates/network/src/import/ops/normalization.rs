//! Normalisation: with stored statistics, with those of the value itself, and softmax.

use netinverse_base::{Error, Result};

use super::mask;
use crate::import::constant::Constant;
use crate::import::enclosure::Enclosure;
use crate::import::fold::Arithmetic;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Function, Normalizer, Op, Reduce, Shape};

/// `γ (x − μ) / √(v + ε) + β` for each channel: an affine map whose coefficients are folded in enclosures.
pub(super) fn batch_normalization(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(5)?;
    call.ignore("momentum");
    let epsilon = call.finite("epsilon", f64::from(1e-5_f32))?;
    let training = call.opset >= 14 && call.flag("training_mode")?;
    if training || (call.opset < 14 && call.output_count() > 1) {
        return Err(Error::unsupported("BatchNormalization in training mode")
            .hint("export the model in inference mode: `model.eval()` before the export"));
    }
    let by_channel = call.opset >= 9 || call.int("spatial")?.unwrap_or(1) != 0;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let statistics: Vec<&Constant> = (1..5)
        .map(|index| call.constant(index, "the statistics of a BatchNormalization"))
        .collect::<Result<Option<_>>>()?
        .ok_or_else(|| Error::input("a statistic is missing"))?;
    if shape.rank() < 2 {
        return Err(Error::input(format!("a value of shape {shape} has no channels")));
    }
    // `[C]` as `[C, 1, …]`, which broadcasts along the channels; `[C, H, W]` as it is before opset 9.
    let mut sizes = shape[1..].to_vec();
    if by_channel {
        sizes[1..].fill(1);
    }
    let wanted = Shape::new(sizes)?;
    for statistic in &statistics {
        if statistic.len() != wanted.elements() {
            if let (Operand::Value(id), true) = (x, by_channel) {
                lowering.misfit(*id, Some(1), statistic.len(), true);
            }
            return Err(Error::input(format!(
                "`{}` of shape {} does not fit the channels of a value of shape {shape}",
                statistic.name, statistic.shape
            )));
        }
        lowering.room(&wanted)?;
    }
    let numbers: Vec<Vec<Enclosure>> =
        statistics.iter().map(|statistic| statistic.numbers()).collect::<Result<_>>()?;
    let epsilon = Enclosure::exact(epsilon);
    let (mut scale, mut shift) = (Vec::new(), Vec::new());
    for channel in 0..wanted.elements() {
        let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|which| numbers[which][channel]);
        let factor = gamma.div(variance.add(epsilon).sqrt());
        scale.push(factor);
        shift.push(beta.sub(mean.mul(factor)));
    }
    let scale = Constant::floats(&statistics[0].name, wanted.clone(), &scale)?;
    let shift = Constant::floats(&statistics[1].name, wanted, &shift)?;
    Ok(vec![lowering.scale(x, Some(&scale), Some(&shift))?])
}

/// Softmax and LogSoftmax: along one axis since opset 13; before, along all axes from `axis` on together.
pub(super) fn softmax(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let log = call.op() == "LogSoftmax";
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let named = call.int("axis")?;
    if call.opset >= 13 {
        let axis = shape.axis(named.unwrap_or(-1), 0)?;
        return Ok(vec![softmax_along(lowering, x, axis, log)?]);
    }
    let axis = shape.axis(named.unwrap_or(1), 0)?;
    if axis + 1 == shape.rank() {
        return Ok(vec![softmax_along(lowering, x, axis, log)?]);
    }
    // Several axes together: a mask does not follow.
    mask::refuse(lowering, "a Softmax over several axes", &[Some(x.clone())])?;
    let product = |sizes: &[usize]| sizes.iter().product::<usize>();
    let flat = lowering.reshape(x, Shape::new([product(&shape[..axis]), product(&shape[axis..])])?)?;
    let result = softmax_along(lowering, &flat, 1, log)?;
    Ok(vec![lowering.reshape(&result, shape)?])
}

fn softmax_along(lowering: &mut Lowering, x: &Operand, axis: usize, log: bool) -> Result<Operand> {
    if log {
        normalize(lowering, x, Normalizer::LogSoftmax { axis })
    } else {
        mask::softmax(lowering, x, axis)
    }
}

fn normalize(lowering: &mut Lowering, x: &Operand, normalizer: Normalizer) -> Result<Operand> {
    let id = lowering.value(x)?;
    Ok(Operand::Value(lowering.emit(Op::Normalizer(normalizer), &[id])?))
}

/// ε, which must not be negative.
fn epsilon(call: &Call) -> Result<f64> {
    let epsilon = call.finite("epsilon", f64::from(1e-5_f32))?;
    if epsilon < 0.0 {
        return Err(Error::input(format!("an epsilon of {epsilon}: it must not be negative")));
    }
    Ok(epsilon)
}

/// `γ ∘ x + β` with operands that are mostly constants.
fn affine(
    lowering: &mut Lowering,
    x: &Operand,
    factor: Option<&Operand>,
    shift: Option<&Operand>,
) -> Result<Operand> {
    let shape = lowering.shape(x);
    // The standard asks for factors where a framework has none: they are ones.
    let ones = |factor: &&Operand| match factor {
        Operand::Constant(factor) if factor.shape.broadcast(&shape).as_ref() == Some(&shape) => {
            factor.numbers().is_ok_and(|all| all.iter().all(|&number| number == Enclosure::exact(1.0)))
        }
        _ => false,
    };
    let factor = factor.filter(|factor| !ones(factor));
    let result = match (x, factor, shift) {
        (Operand::Value(_), Some(Operand::Constant(factor)), Some(Operand::Constant(shift)))
            if [factor, shift].iter().all(|c| c.shape.broadcast(&shape).as_ref() == Some(&shape)) =>
        {
            lowering.scale(x, Some(factor), Some(shift))?
        }
        _ => {
            let mut x = x.clone();
            if let Some(factor) = factor {
                x = lowering.arithmetic(Arithmetic::Mul, &x, factor)?;
            }
            if let Some(shift) = shift {
                x = lowering.arithmetic(Arithmetic::Add, &x, shift)?;
            }
            x
        }
    };
    if lowering.shape(&result) != shape {
        return Err(Error::input(format!("the factors and shifts do not fit a value of shape {shape}")));
    }
    Ok(result)
}

/// Statistics over the axes from `axis` on, then factors and shifts.
pub(super) fn layer_normalization(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    // The precision of the statistics is a property of the run.
    call.ignore("stash_type");
    let x = call.input(0)?;
    let axis = lowering.shape(x).axis(call.int("axis")?.unwrap_or(-1), 0)?;
    let normalized = normalize(lowering, x, Normalizer::Standardize { axis, epsilon: epsilon(call)? })?;
    Ok(vec![affine(lowering, &normalized, call.optional(1), call.optional(2))?])
}

/// `x / √(mean(x²) + ε)` over the axes from `axis` on, then factors.
pub(super) fn rms_normalization(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    call.ignore("stash_type");
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let axis = shape.axis(call.int("axis")?.unwrap_or(-1), 0)?;
    let epsilon = Constant::scalar(epsilon(call)?).named("epsilon");
    let square = lowering.function(x, Function::Power { exponent: 2.0 })?;
    let axes = (axis..shape.rank()).collect();
    let mean = lowering.reduce(&square, Reduce { axes, keep: true, mean: true })?;
    let mean = lowering.arithmetic(Arithmetic::Add, &mean, &Operand::Constant(epsilon))?;
    let factor = lowering.function(&mean, Function::Power { exponent: -0.5 })?;
    let normalized = lowering.arithmetic(Arithmetic::Mul, x, &factor)?;
    Ok(vec![affine(lowering, &normalized, call.optional(1), None)?])
}

/// Statistics of each of `groups` groups of channels of a value `[N, C, …]`, without factors.
fn by_groups(lowering: &mut Lowering, x: &Operand, groups: usize, epsilon: f64) -> Result<Operand> {
    let shape = lowering.shape(x);
    if shape.rank() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
        return Err(Error::input(format!("a value of shape {shape} has no {groups} groups of channels")));
    }
    let runs = Shape::new([shape[0], groups, shape[1..].iter().product::<usize>() / groups])?;
    let flat = lowering.reshape(x, runs)?;
    let normalized = normalize(lowering, &flat, Normalizer::Standardize { axis: 2, epsilon })?;
    lowering.reshape(&normalized, shape)
}

/// An operand of one number for each of the axis's entries, so that it broadcasts along axis 1 of that rank.
fn along_channels(lowering: &mut Lowering, x: &Operand, count: usize, rank: usize) -> Result<Operand> {
    let shape = lowering.shape(x);
    if shape.elements() != count {
        return Err(Error::input(format!("{count} factors or shifts are expected, the shape is {shape}")));
    }
    let mut sizes = vec![1; rank.saturating_sub(1)];
    if let Some(first) = sizes.first_mut() {
        *first = count;
    }
    lowering.reshape(x, Shape::new(sizes)?)
}

pub(super) fn instance_normalization(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let channels = shape.get(1).copied().unwrap_or(0);
    let normalized = by_groups(lowering, x, channels, epsilon(call)?)?;
    let factor = along_channels(lowering, call.input(1)?, channels, shape.rank())?;
    let shift = along_channels(lowering, call.input(2)?, channels, shape.rank())?;
    Ok(vec![affine(lowering, &normalized, Some(&factor), Some(&shift))?])
}

/// Factors and shifts one a channel since opset 21, one a group before.
pub(super) fn group_normalization(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    call.ignore("stash_type");
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let groups = call.int("num_groups")?.and_then(|groups| usize::try_from(groups).ok());
    let groups = groups.ok_or_else(|| Error::input("the attribute `num_groups` is missing"))?;
    let normalized = by_groups(lowering, x, groups, epsilon(call)?)?;
    let channels = shape[1];
    let mut parts = Vec::new();
    for index in [1, 2] {
        let mut part = call.input(index)?.clone();
        if call.opset < 21 && lowering.shape(&part).elements() == groups {
            let column = lowering.reshape(&part, Shape::new([groups, 1])?)?;
            let wide = lowering.expand(&column, &Shape::new([groups, channels / groups])?)?;
            part = lowering.reshape(&wide, Shape::vector(channels))?;
        }
        parts.push(along_channels(lowering, &part, channels, shape.rank())?);
    }
    Ok(vec![affine(lowering, &normalized, Some(&parts[0]), Some(&parts[1]))?])
}
