//! Assignments to parts of a value: ScatterND and ScatterElements with constant indices.
//!
//! What is written is one of the two values at each position: both side by side, and a list of which.

use netinverse_base::{Error, Result};

use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Layout, Shape};

/// `data` with blocks replaced: the last axis of the indices names where each block of `updates` goes.
pub(super) fn scatter_nd(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    assignment(call)?;
    let (data, updates) = (call.input(0)?.clone(), call.input(2)?.clone());
    let (shape, update_shape) = (lowering.shape(&data), lowering.shape(&updates));
    let Some(picked) = call.constant(1, "the indices of a ScatterND")? else {
        return Err(Error::input("the indices are missing"));
    };
    let misfit = || {
        Error::input(format!(
            "indices of shape {} and updates of shape {update_shape} do not fit a value of shape {shape}",
            picked.shape
        ))
    };
    let Some((&depth, lead)) = picked.shape.split_last() else { return Err(misfit()) };
    let expected = shape.get(depth..).map(|rest| [lead, rest].concat());
    if depth == 0 || expected.as_deref() != Some(&update_shape[..]) {
        return Err(misfit());
    }
    lowering.room(&update_shape)?;
    let block: usize = shape[depth..].iter().product();
    let mut sources: Vec<usize> = (0..shape.elements()).collect();
    for (number, own) in picked.as_ints()?.chunks_exact(depth).enumerate() {
        let mut flat = 0;
        for (&index, &size) in own.iter().zip(&shape[..depth]) {
            flat = flat * size + position(index, size, &shape)?;
        }
        for k in 0..block {
            sources[flat * block + k] = shape.elements() + number * block + k;
        }
    }
    picked_from(lowering, &data, &updates, sources)
}

/// `data` with elements replaced: each index names where along `axis` the element of `updates` at its place goes.
pub(super) fn scatter_elements(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    assignment(call)?;
    let (data, updates) = (call.input(0)?.clone(), call.input(2)?.clone());
    let (shape, update_shape) = (lowering.shape(&data), lowering.shape(&updates));
    let axis = shape.axis(call.int("axis")?.unwrap_or(0), 0)?;
    let Some(picked) = call.constant(1, "the indices of a ScatterElements")? else {
        return Err(Error::input("the indices are missing"));
    };
    let inside = picked.shape.rank() == shape.rank()
        && (0..shape.rank()).all(|other| other == axis || picked.shape[other] <= shape[other]);
    if picked.shape != update_shape || !inside {
        return Err(Error::input(format!(
            "indices of shape {} and updates of shape {update_shape} do not fit a value of shape {shape}",
            picked.shape
        )));
    }
    lowering.room(&update_shape)?;
    let (strides, own) = (shape.strides(), picked.shape.strides());
    let mut sources: Vec<usize> = (0..shape.elements()).collect();
    for (number, &index) in picked.as_ints()?.iter().enumerate() {
        let flat: usize = (0..shape.rank())
            .map(|other| {
                let along = if other == axis {
                    position(index, shape[axis], &shape)?
                } else {
                    number / own[other] % picked.shape[other]
                };
                Ok(along * strides[other])
            })
            .sum::<Result<usize>>()?;
        sources[flat] = shape.elements() + number;
    }
    picked_from(lowering, &data, &updates, sources)
}

fn assignment(call: &Call) -> Result<()> {
    match call.string("reduction")?.unwrap_or("none") {
        "none" => Ok(()),
        other => Err(Error::unsupported(format!("the reduction `{other}`"))
            .hint("assignments are supported; write sums with Add and Where")),
    }
}

fn position(index: i64, size: usize, shape: &Shape) -> Result<usize> {
    let own = if index < 0 { index.saturating_add(size as i64) } else { index };
    if (0..size as i64).contains(&own) {
        return Ok(own as usize);
    }
    Err(Error::input(format!("index {index} is outside a value of shape {shape}")))
}

/// Elements of two values side by side, in the shape of the first; a leading axis of size 1 stays apart, so that it can be a
/// batch.
fn picked_from(
    lowering: &mut Lowering,
    data: &Operand,
    updates: &Operand,
    indices: Vec<usize>,
) -> Result<Vec<Operand>> {
    let shape = lowering.shape(data);
    let row = |lowering: &mut Lowering, x: &Operand| -> Result<Operand> {
        let elements = lowering.shape(x).elements();
        lowering.reshape(x, Shape::new([1, elements])?)
    };
    let (left, right) = (row(lowering, data)?, row(lowering, updates)?);
    let both = lowering.concat(&[&left, &right], 1)?;
    let count = indices.len();
    let picked = lowering.layout(&both, Layout::Gather { axis: 1, indices, shape: vec![count] })?;
    Ok(vec![lowering.reshape(&picked, shape)?])
}
