//! Padding, and cropping by negative padding.

use netinverse_base::{Error, Result};

use crate::import::constant::Constant;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Layout, PadMode, Shape};

/// `pads` and the constant in attributes before opset 11, in inputs since; `axes` since 18.
pub(super) fn pad(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let rank = shape.rank();
    let (pads, constant, axes) = if call.opset < 11 {
        call.at_most(1)?;
        let pads = call.ints("pads")?.map(<[i64]>::to_vec);
        (pads, call.float("value")?, None)
    } else {
        call.at_most(if call.opset < 18 { 3 } else { 4 })?;
        let constant = match call.constant(2, "the filling of a Pad")? {
            Some(constant) if constant.is_float() => Some(Constant::one_number(constant)?),
            Some(constant) => constant.as_ints()?.first().map(|&value| value as f64),
            None => None,
        };
        (call.ints_at(1, "the sizes of a Pad")?, constant, call.ints_at(3, "the axes of a Pad")?)
    };
    let pads = pads.ok_or_else(|| Error::input("the sizes of the padding are missing"))?;
    let axes: Vec<usize> = match axes {
        None => (0..rank).collect(),
        Some(axes) => axes.iter().map(|&axis| shape.axis(axis, 0)).collect::<Result<_>>()?,
    };
    if pads.len() != 2 * axes.len() {
        return Err(Error::input(format!(
            "{} sizes are given for the padding of {} axes",
            pads.len(),
            axes.len()
        )));
    }
    let value = constant.unwrap_or(0.0);
    let mode = match call.string("mode")?.unwrap_or("constant") {
        "constant" if !value.is_finite() => {
            return Err(Error::unsupported(format!("padding with {value}"))
                .hint("before a MaxPool, use the pooling's own padding, which never wins"));
        }
        "constant" => PadMode::Constant(value),
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" => return wrapped(lowering, x, &shape, &axes, &pads),
        other => {
            return Err(Error::unsupported(format!("padding in mode `{other}`"))
                .hint("the modes constant, reflect, edge and wrap are supported"));
        }
    };
    let (mut before, mut after) = (vec![0_i64; rank], vec![0_i64; rank]);
    for (index, &axis) in axes.iter().enumerate() {
        before[axis] = pads[index];
        after[axis] = pads[axes.len() + index];
    }
    let cropped = crop(lowering, x, &shape, &before, &after)?;
    let positive = |pads: &[i64]| pads.iter().map(|&pad| pad.max(0) as usize).collect::<Vec<_>>();
    let (before, after) = (positive(&before), positive(&after));
    if before.iter().chain(&after).all(|&pad| pad == 0) {
        return Ok(vec![cropped]);
    }
    Ok(vec![lowering.layout(&cropped, Layout::Pad { before, after, mode })?])
}

/// Periodic padding: along each axis, elements picked by their position in the period.
fn wrapped(
    lowering: &mut Lowering,
    x: &Operand,
    shape: &Shape,
    axes: &[usize],
    pads: &[i64],
) -> Result<Vec<Operand>> {
    let mut padded = x.clone();
    for (index, &axis) in axes.iter().enumerate() {
        let (before, after, size) = (pads[index], pads[axes.len() + index], shape[axis] as i64);
        if before == 0 && after == 0 {
            continue;
        }
        let length = before.checked_add(size).and_then(|length| length.checked_add(after));
        let Some(length) = length.filter(|&length| length >= 0 && size > 0) else {
            return Err(Error::input(format!(
                "padding by {before} and {after} does not fit axis {axis} of {shape}"
            )));
        };
        let mut sizes = lowering.shape(&padded).to_vec();
        sizes[axis] = usize::try_from(length).unwrap_or(usize::MAX);
        lowering.room(&Shape::new(sizes.clone())?)?;
        let indices: Vec<usize> = (0..length).map(|at| (at - before).rem_euclid(size) as usize).collect();
        padded = lowering.layout(&padded, Layout::Gather { axis, indices, shape: vec![sizes[axis]] })?;
    }
    Ok(vec![padded])
}

/// Takes away what negative padding says.
fn crop(
    lowering: &mut Lowering,
    x: &Operand,
    shape: &Shape,
    before: &[i64],
    after: &[i64],
) -> Result<Operand> {
    if before.iter().chain(after).all(|&pad| pad >= 0) {
        return Ok(x.clone());
    }
    let mut starts = Vec::with_capacity(shape.rank());
    let mut sizes = Vec::with_capacity(shape.rank());
    for axis in 0..shape.rank() {
        let cut = |pad: i64| pad.min(0).unsigned_abs() as usize;
        let start = cut(before[axis]);
        let size = start.checked_add(cut(after[axis])).and_then(|cut| shape[axis].checked_sub(cut));
        starts.push(start);
        sizes.push(size.ok_or_else(|| {
            Error::input(format!("negative padding leaves nothing of axis {axis} of {shape}"))
        })?);
    }
    lowering.layout(x, Layout::Slice { starts, steps: vec![1; shape.rank()], sizes })
}
