//! Sums, means and norms over axes.

use netinverse_base::Result;

use super::axes;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Function, Reduce};

/// The reduced axes, ascending; `None` for the identity (`noop_with_empty_axes`).
pub(super) fn reduced_axes(lowering: &mut Lowering, call: &Call) -> Result<Option<Vec<usize>>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let since = if call.op() == "ReduceSum" { 13 } else { 18 };
    let named = if call.opset < since {
        call.at_most(1)?;
        call.ints("axes")?.map(<[i64]>::to_vec)
    } else {
        call.at_most(2)?;
        call.ints_at(1, "the axes")?
    };
    let nothing = call.opset >= since && call.flag("noop_with_empty_axes")?;
    match named.filter(|named| !named.is_empty()) {
        Some(named) => axes(&shape, &named).map(Some),
        None if nothing => Ok(None),
        None => Ok(Some((0..shape.rank()).collect())),
    }
}

pub(super) fn keeps(call: &Call) -> Result<bool> {
    Ok(call.int("keepdims")?.unwrap_or(1) != 0)
}

/// ReduceSum and ReduceMean.
pub(super) fn reduce(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let keep = keeps(call)?;
    let Some(axes) = reduced_axes(lowering, call)? else { return Ok(vec![x.clone()]) };
    if axes.is_empty() {
        return Ok(vec![x.clone()]);
    }
    let shape = lowering.shape(x);
    // Over axes of size 1 there is nothing to add.
    if axes.iter().all(|&axis| shape[axis] == 1) {
        let sizes: Vec<usize> =
            (0..shape.rank()).filter(|axis| keep || !axes.contains(axis)).map(|axis| shape[axis]).collect();
        return Ok(vec![lowering.reshape(x, crate::Shape::new(sizes)?)?]);
    }
    Ok(vec![lowering.reduce(x, Reduce { axes, keep, mean: call.op() == "ReduceMean" })?])
}

/// ReduceL1, ReduceL2, ReduceSumSquare and ReduceLogSum: a sum between functions.
pub(super) fn reduce_norm(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?.clone();
    let keep = keeps(call)?;
    let axes = reduced_axes(lowering, call)?;
    let (before, after) = match call.op() {
        "ReduceL1" => (Some(Function::Abs), None),
        "ReduceL2" => (Some(Function::Power { exponent: 2.0 }), Some(Function::Sqrt)),
        "ReduceSumSquare" => (Some(Function::Power { exponent: 2.0 }), None),
        _ => (None, Some(Function::Log)),
    };
    let mut x = match before {
        Some(function) => lowering.function(&x, function)?,
        None => x,
    };
    if let Some(axes) = axes.filter(|axes| !axes.is_empty()) {
        x = lowering.reduce(&x, Reduce { axes, keep, mean: false })?;
    }
    Ok(vec![match after {
        Some(function) => lowering.function(&x, function)?,
        None => x,
    }])
}
