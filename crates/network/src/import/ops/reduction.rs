//! Sums, means, products and extrema over axes.

use netinverse_base::{Error, Result};

use super::axes;
use crate::Reduce;
use crate::import::fold::{self, Fold};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;

/// The reduced axes, ascending; `None` for the identity (`noop_with_empty_axes`).
fn reduced_axes(lowering: &mut Lowering, call: &Call) -> Result<Option<Vec<usize>>> {
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

fn keeps(call: &Call) -> Result<bool> {
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

/// ReduceProd, ReduceMax and ReduceMin, of constants.
pub(super) fn reduce_constant(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let keep = keeps(call)?;
    let Some(axes) = reduced_axes(lowering, call)? else { return Ok(vec![call.input(0)?.clone()]) };
    let fold = match call.op() {
        "ReduceProd" => Fold::Product,
        "ReduceMax" => Fold::Max,
        _ => Fold::Min,
    };
    match call.input(0)? {
        Operand::Constant(constant) => {
            let name = lowering.output_name().to_string();
            let result =
                lowering.folded(&constant.shape, || fold::fold_axes(constant, &axes, keep, fold, &name))?;
            Ok(vec![Operand::Constant(result)])
        }
        Operand::Value(_) => Err(Error::unsupported(format!("{} of a value", call.op())).hint(
            "over the windows of an image, a global maximum is a MaxPool; or choose an output before it",
        )),
    }
}
