//! Operators that keep every element: other shapes, other orders, repetition, identities.

use netinverse_base::{Error, Result};

use super::axes;
use super::constants::shape_of_sizes;
use crate::Shape;
use crate::import::constant::check_rank;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;

/// Sizes where 0 keeps the input's (unless `allowzero`) and -1 is whatever fits.
pub(super) fn reshape(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let Some(target) = call.ints_at(1, "the sizes of a Reshape")? else {
        return Err(Error::input("the sizes are missing"));
    };
    check_rank(target.len())?;
    let keep_zeros = call.flag("allowzero")?;
    let input = lowering.shape(x);
    let mut sizes = Vec::with_capacity(target.len());
    let mut free = None;
    for (axis, &size) in target.iter().enumerate() {
        sizes.push(match size {
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            0 if !keep_zeros => *input
                .get(axis)
                .ok_or_else(|| Error::input(format!("size {axis} of {target:?} is not in {input}")))?,
            size => usize::try_from(size)
                .map_err(|_| Error::input(format!("the sizes {target:?} are not a shape")))?,
        });
    }
    let fixed = Shape::new(sizes.clone())?.elements();
    let fits = |elements: usize| {
        if free.is_some() { fixed > 0 && elements.is_multiple_of(fixed) } else { elements == fixed }
    };
    if !fits(input.elements()) {
        if let Operand::Value(id) = x
            && free.is_none()
            && !target.contains(&0)
        {
            lowering.misfit(*id, None, fixed, false);
        }
        return Err(Error::input(format!("a value of shape {input} cannot take the sizes {target:?}")));
    }
    if let Some(axis) = free {
        sizes[axis] = input.elements() / fixed;
    }
    Ok(vec![lowering.reshape(x, Shape::new(sizes)?)?])
}

/// Two axes: everything before `axis`, and the rest.
pub(super) fn flatten(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    // From -rank to rank, both included: -1 is the last axis, not one past the end.
    let axis = match call.int("axis")?.unwrap_or(1) {
        named if named == shape.rank() as i64 => shape.rank(),
        named => shape.axis(named, 0)?,
    };
    let product = |sizes: &[usize]| sizes.iter().product::<usize>();
    let flat = Shape::new([product(&shape[..axis]), product(&shape[axis..])])?;
    Ok(vec![lowering.reshape(x, flat)?])
}

/// The axes that a Squeeze or Unsqueeze names: an attribute before opset 13, an input since.
fn named_axes(call: &Call) -> Result<Option<Vec<i64>>> {
    if call.opset < 13 {
        call.at_most(1)?;
        Ok(call.ints("axes")?.map(<[i64]>::to_vec))
    } else {
        call.at_most(2)?;
        call.ints_at(1, "the axes")
    }
}

pub(super) fn squeeze(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let drop = match named_axes(call)? {
        Some(named) => axes(&shape, &named)?,
        None => (0..shape.rank()).filter(|&axis| shape[axis] == 1).collect(),
    };
    if let Some(&axis) = drop.iter().find(|&&axis| shape[axis] != 1) {
        if let Operand::Value(id) = x {
            lowering.misfit(*id, Some(axis), 1, false);
        }
        return Err(Error::input(format!("axis {axis} of {shape} has not size 1")));
    }
    let sizes: Vec<usize> =
        (0..shape.rank()).filter(|axis| !drop.contains(axis)).map(|axis| shape[axis]).collect();
    Ok(vec![lowering.reshape(x, Shape::new(sizes)?)?])
}

pub(super) fn unsqueeze(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let named = named_axes(call)?.ok_or_else(|| Error::input("the axes are missing"))?;
    let rank = shape.rank() + named.len();
    check_rank(rank)?;
    // Axes are those of the result.
    let new = axes(&Shape::new(vec![1; rank])?, &named)?;
    let mut old = shape.iter();
    let sizes: Vec<usize> = (0..rank)
        .map(|axis| if new.contains(&axis) { 1 } else { old.next().copied().unwrap_or(1) })
        .collect();
    Ok(vec![lowering.reshape(x, Shape::new(sizes)?)?])
}

pub(super) fn transpose(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let order = match call.ints("perm")? {
        None => (0..shape.rank()).rev().collect(),
        Some(order) => order.iter().map(|&axis| shape.axis(axis, 0)).collect::<Result<Vec<_>>>()?,
    };
    Ok(vec![lowering.transpose(x, order)?])
}

/// Repetition to the shape that input and target broadcast to.
pub(super) fn expand(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let Some(sizes) = call.ints_at(1, "the sizes of an Expand")? else {
        return Err(Error::input("the sizes are missing"));
    };
    let (from, to) = (lowering.shape(x), shape_of_sizes(&sizes)?);
    let Some(shape) = from.broadcast(&to) else {
        return Err(Error::input(format!("a value of shape {from} does not expand to {to}")));
    };
    Ok(vec![lowering.expand(x, &Shape::new(shape.to_vec())?)?])
}

/// Repetition of the whole along axes: `[a, b]` is `[1, a, 1, b]`, expanded to `[r, a, s, b]`.
pub(super) fn tile(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let Some(repeats) = call.ints_at(1, "the repeats of a Tile")? else {
        return Err(Error::input("the repeats are missing"));
    };
    let (shape, repeats) = (lowering.shape(x), shape_of_sizes(&repeats)?);
    if repeats.rank() != shape.rank() {
        return Err(Error::input(format!(
            "{} repeats are given for a value of shape {shape}",
            repeats.rank()
        )));
    }
    let pairs = |pair: fn(usize, usize) -> [usize; 2]| -> Result<Shape> {
        Shape::new(repeats.iter().zip(shape.iter()).flat_map(|(&r, &size)| pair(r, size)).collect::<Vec<_>>())
    };
    let result: Option<Vec<usize>> =
        repeats.iter().zip(shape.iter()).map(|(&r, &size)| r.checked_mul(size)).collect();
    let result = Shape::new(result.ok_or_else(|| Error::input("a Tile overflows"))?)?;
    let split = lowering.reshape(x, pairs(|_, size| [1, size])?)?;
    let wide = lowering.expand(&split, &pairs(|r, size| [r, size])?)?;
    Ok(vec![lowering.reshape(&wide, result)?])
}

pub(super) fn identity(_: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    Ok(vec![call.input(0)?.clone()])
}

/// The identity: dropout acts in training only.
pub(super) fn dropout(_: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    call.ignore("seed");
    call.ignore("ratio");
    if let Some(training) = call.constant(2, "the training flag of a Dropout")?
        && training.as_bools()?.contains(&true)
        && call
            .constant(1, "the ratio of a Dropout")?
            .is_none_or(|ratio| ratio.one_number().ok() != Some(0.0))
    {
        return Err(Error::unsupported("Dropout in training mode")
            .hint("export the model in inference mode: `model.eval()` before the export"));
    }
    Ok(vec![call.input(0)?.clone()])
}

/// Channels to blocks of an image, or back: `[N, C, H, W]` split, turned and joined.
pub(super) fn depth_and_space(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let block = call.int("blocksize")?.and_then(|block| usize::try_from(block).ok()).unwrap_or(0);
    let to_space = call.op() == "DepthToSpace";
    let columns_first = match call.string("mode")?.unwrap_or("DCR") {
        "DCR" => true,
        "CRD" => false,
        other => return Err(Error::input(format!("the mode `{other}`, neither DCR nor CRD"))),
    };
    let &[n, c, h, w] = &shape[..] else {
        return Err(Error::input(format!("an image is expected, the value has shape {shape}")));
    };
    let square = block.checked_mul(block).filter(|&square| square > 0);
    let fits = square.is_some_and(
        |square| {
            if to_space { c % square == 0 } else { h % block == 0 && w % block == 0 }
        },
    );
    let Some(square) = square.filter(|_| fits) else {
        return Err(Error::input(format!("blocks of {block} do not fit a value of shape {shape}")));
    };
    let (split, order, joined) = if to_space {
        let depth = c / square;
        let joined = [n, depth, h * block, w * block];
        if columns_first {
            (vec![n, block, block, depth, h, w], vec![0, 3, 4, 1, 5, 2], joined)
        } else {
            (vec![n, depth, block, block, h, w], vec![0, 1, 4, 2, 5, 3], joined)
        }
    } else {
        let (rows, columns) = (h / block, w / block);
        let order = if columns_first { vec![0, 3, 5, 1, 2, 4] } else { vec![0, 1, 3, 5, 2, 4] };
        (vec![n, c, rows, block, columns, block], order, [n, c * square, rows, columns])
    };
    let parts = lowering.reshape(x, Shape::new(split)?)?;
    let turned = lowering.transpose(&parts, order)?;
    Ok(vec![lowering.reshape(&turned, Shape::new(joined)?)?])
}
