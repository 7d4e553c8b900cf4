//! Batch normalisation with stored statistics, and softmax.

use netinverse_base::{Error, Result};

use crate::import::constant::Constant;
use crate::import::enclosure::Enclosure;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Normalizer, Op, Shape};

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

/// Along one axis since opset 13; before, along all axes from `axis` on together.
pub(super) fn softmax(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let named = call.int("axis")?;
    if call.opset >= 13 {
        let axis = shape.axis(named.unwrap_or(-1), 0)?;
        return Ok(vec![softmax_along(lowering, x, axis)?]);
    }
    let axis = shape.axis(named.unwrap_or(1), 0)?;
    if axis + 1 == shape.rank() {
        return Ok(vec![softmax_along(lowering, x, axis)?]);
    }
    let product = |sizes: &[usize]| sizes.iter().product::<usize>();
    let flat = lowering.reshape(x, Shape::new([product(&shape[..axis]), product(&shape[axis..])])?)?;
    let result = softmax_along(lowering, &flat, 1)?;
    Ok(vec![lowering.reshape(&result, shape)?])
}

fn softmax_along(lowering: &mut Lowering, x: &Operand, axis: usize) -> Result<Operand> {
    let id = lowering.value(x)?;
    Ok(Operand::Value(lowering.emit(Op::Normalizer(Normalizer::Softmax { axis }), &[id])?))
}
