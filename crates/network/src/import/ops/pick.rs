//! Parts of values and values in parts: Slice, Split, Gather, Concat.

use netinverse_base::{Error, Result};

use crate::import::constant::{Constant, Data};
use crate::import::fold::{self, Arithmetic};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Layout, Shape};

pub(super) fn concat(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let parts = call.all_inputs()?;
    let first = lowering.shape(parts[0]);
    let axis = call.int("axis")?.ok_or_else(|| Error::input("the attribute `axis` is missing"))?;
    Ok(vec![lowering.concat(&parts, first.axis(axis, 0)?)?])
}

/// A slice with unit steps along one axis.
fn part(lowering: &mut Lowering, x: &Operand, axis: usize, start: usize, size: usize) -> Result<Operand> {
    let shape = lowering.shape(x);
    let mut starts = vec![0; shape.rank()];
    let mut sizes = shape.to_vec();
    starts[axis] = start;
    sizes[axis] = size;
    slice_to(lowering, x, &shape, starts, vec![1; shape.rank()], sizes)
}

/// A slice; nothing is done where it takes everything as it stands.
fn slice_to(
    lowering: &mut Lowering,
    x: &Operand,
    shape: &Shape,
    starts: Vec<usize>,
    steps: Vec<isize>,
    sizes: Vec<usize>,
) -> Result<Operand> {
    let whole = sizes[..] == shape[..] && (0..sizes.len()).all(|axis| steps[axis] == 1 || sizes[axis] <= 1);
    if whole {
        return Ok(x.clone());
    }
    lowering.layout(x, Layout::Slice { starts, steps, sizes })
}

/// Limits in attributes before opset 10, in inputs since.
pub(super) fn slice(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let attribute = |name| -> Result<Option<Vec<i64>>> { Ok(call.ints(name)?.map(<[i64]>::to_vec)) };
    let [from, to, axes, steps] = if call.opset < 10 {
        call.at_most(1)?;
        [attribute("starts")?, attribute("ends")?, attribute("axes")?, None]
    } else {
        call.at_most(5)?;
        let input = |index| call.ints_at(index, "the limits of a Slice");
        [input(1)?, input(2)?, input(3)?, input(4)?]
    };
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Error::input("the limits are missing"));
    };
    let axes = match axes {
        Some(axes) => axes.iter().map(|&axis| shape.axis(axis, 0)).collect::<Result<Vec<_>>>()?,
        None => (0..from.len()).collect(),
    };
    let steps = steps.unwrap_or_else(|| vec![1; from.len()]);
    if [to.len(), axes.len(), steps.len()].iter().any(|&length| length != from.len())
        || from.len() > shape.rank()
    {
        return Err(Error::input(format!("the lists of limits do not fit together, or the shape {shape}")));
    }
    let (mut starts, mut own_steps, mut sizes) =
        (vec![0; shape.rank()], vec![1_isize; shape.rank()], shape.to_vec());
    for (index, &axis) in axes.iter().enumerate() {
        let (start, step, count) = limits(from[index], to[index], steps[index], shape[axis])?;
        (starts[axis], own_steps[axis], sizes[axis]) = (start, step, count);
    }
    Ok(vec![slice_to(lowering, x, &shape, starts, own_steps, sizes)?])
}

/// (first position, step, how many) of a slice of an axis, limits clamped as NumPy does.
fn limits(from: i64, to: i64, step: i64, size: usize) -> Result<(usize, isize, usize)> {
    let length = size as i128;
    if step == 0 {
        return Err(Error::input("a step of a Slice is 0"));
    }
    let own = |position: i64| if position < 0 { i128::from(position) + length } else { i128::from(position) };
    let step = i128::from(step);
    let (first, end) = if step > 0 {
        (own(from).clamp(0, length), own(to).clamp(0, length))
    } else {
        (own(from).clamp(-1, length - 1), own(to).clamp(-1, length - 1))
    };
    let distance = if step > 0 { end - first } else { first - end };
    let count = if distance <= 0 { 0 } else { (distance + step.abs() - 1) / step.abs() };
    // A step over the end reaches one element only, whatever its size.
    let step = if count <= 1 { step.signum() } else { step };
    Ok((first.max(0) as usize, step as isize, count as usize))
}

/// Sizes in an attribute before opset 13, in an input since, or equal ones; the number of parts since 18.
pub(super) fn split(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let axis = shape.axis(call.int("axis")?.unwrap_or(0), 0)?;
    let given = if call.opset < 13 {
        call.at_most(1)?;
        call.ints("split")?.map(<[i64]>::to_vec)
    } else {
        call.at_most(2)?;
        call.ints_at(1, "the sizes of a Split")?
    };
    let outputs = call.node.outputs.len();
    let parts = match if call.opset < 18 { None } else { call.int("num_outputs")? } {
        Some(parts) if parts != outputs as i64 => {
            return Err(Error::input(format!("num_outputs is {parts}, the node has {outputs} outputs")));
        }
        _ => outputs,
    };
    let size = shape[axis];
    let sizes: Vec<usize> = match given {
        Some(given) => {
            let sizes: Result<Vec<usize>, _> = given.iter().map(|&size| usize::try_from(size)).collect();
            sizes.map_err(|_| Error::input("a size of a Split is negative"))?
        }
        None if parts == 0 => return Err(Error::input("a Split without outputs")),
        None => {
            // The last part is the shorter one.
            let chunk = size.div_ceil(parts);
            if call.opset < 18 && !size.is_multiple_of(parts) {
                return Err(Error::input(format!(
                    "axis {axis} of {shape} does not split into {parts} equal parts"
                )));
            }
            (0..parts).map(|index| chunk.min(size.saturating_sub(index * chunk))).collect()
        }
    };
    let total = sizes.iter().try_fold(0_usize, |sum, &size| sum.checked_add(size));
    if total != Some(size) || sizes.len() != outputs {
        if let (Operand::Value(id), Some(total)) = (x, total) {
            lowering.misfit(*id, Some(axis), total, false);
        }
        return Err(Error::input(format!(
            "axis {axis} of {shape} does not split into {outputs} outputs of sizes {sizes:?}"
        )));
    }
    let mut results = Vec::with_capacity(outputs);
    let mut start = 0;
    for size in sizes {
        results.push(part(lowering, x, axis, start, size)?);
        start += size;
    }
    Ok(results)
}

pub(super) fn gather(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let axis = shape.axis(call.int("axis")?.unwrap_or(0), 0)?;
    let Some(picked) = call.constant(1, "the indices of a Gather")? else {
        return Err(Error::input("the indices are missing"));
    };
    let size = shape[axis] as i64;
    let indices = picked
        .as_ints()?
        .iter()
        .map(|&index| {
            let own = if index < 0 { index.saturating_add(size) } else { index };
            if (0..size).contains(&own) {
                Ok(own as usize)
            } else {
                Err(Error::input(format!("index {index} is outside axis {axis} of {shape}")))
            }
        })
        .collect::<Result<Vec<_>>>()?;
    lowering.room(&picked.shape)?;
    Ok(vec![lowering.layout(x, Layout::Gather { axis, indices, shape: picked.shape.to_vec() })?])
}

/// Elements or blocks named by tuples of constant indices along the first axes, after `batch_dims` that both have.
pub(super) fn gather_nd(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let batch = usize::try_from(call.int("batch_dims")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let Some(picked) = call.constant(1, "the indices of a GatherND")? else {
        return Err(Error::input("the indices are missing"));
    };
    let (rank, Some(&tuple)) = (picked.shape.rank(), picked.shape.last()) else {
        return Err(Error::input("a scalar has no tuples of indices"));
    };
    let depth = batch.saturating_add(tuple);
    if batch >= rank || depth > shape.rank() || picked.shape[..batch] != shape[..batch] {
        return Err(Error::input(format!(
            "indices of shape {} do not fit a value of shape {shape}",
            picked.shape
        )));
    }
    lowering.room(&picked.shape)?;
    let per_batch: usize = picked.shape[batch..rank - 1].iter().product();
    let mut indices = Vec::new();
    if tuple > 0 {
        for (position, own) in picked.as_ints()?.chunks_exact(tuple).enumerate() {
            let mut flat = position / per_batch.max(1);
            for (&index, &size) in own.iter().zip(&shape[batch..depth]) {
                let own = if index < 0 { index.saturating_add(size as i64) } else { index };
                if !(0..size as i64).contains(&own) {
                    return Err(Error::input(format!("index {index} is outside a value of shape {shape}")));
                }
                flat = flat * size + own as usize;
            }
            indices.push(flat);
        }
    } else {
        return Err(Error::input("tuples of no indices"));
    }
    let blocks = [&[shape[..depth].iter().product()], &shape[depth..]].concat();
    let flat = lowering.reshape(x, Shape::new(blocks)?)?;
    let own = picked.shape[..rank - 1].to_vec();
    Ok(vec![lowering.layout(&flat, Layout::Gather { axis: 0, indices, shape: own })?])
}

/// The upper or the lower triangle of matrices: of constants picked, of values a mask.
pub(super) fn trilu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let upper = call.int("upper")?.unwrap_or(1) != 0;
    let k = match call.ints_at(1, "the diagonal of a Trilu")?.as_deref() {
        None => 0,
        Some(&[k]) => k,
        Some(_) => return Err(Error::input("the diagonal is one number")),
    };
    let Some((_, &[rows, columns])) = shape.split_last_chunk() else {
        return Err(Error::input(format!("a value of shape {shape} is no matrix")));
    };
    lowering.room(&Shape::new([rows, columns])?)?;
    let kept = |i: usize, j: usize| {
        let above = j as i128 - i as i128;
        if upper { above >= i128::from(k) } else { above <= i128::from(k) }
    };
    let mask: Vec<bool> =
        (0..rows * columns).map(|at| kept(at / columns.max(1), at % columns.max(1))).collect();
    let name = lowering.output_name().to_string();
    let mask_shape = Shape::new([rows, columns])?;
    match x {
        Operand::Constant(constant) => {
            let mask = Constant::bools(&name, mask_shape, mask);
            let zero = match &constant.data {
                Data::Int(_) => Data::Int([0].into()),
                Data::Bool(_) => Data::Bool([false].into()),
                Data::F32(_) => Data::F32([0.0].into()),
                Data::F64 { .. } => Data::F64 { values: [0.0].into(), radius: None },
            };
            let zero = Constant { name: name.clone(), shape: Shape::default(), data: zero };
            let result =
                lowering.folded(&shape, || fold::select(&mask, constant, &zero, shape.clone(), &name))?;
            Ok(vec![Operand::Constant(result)])
        }
        Operand::Value(_) => {
            let data = Data::F32(mask.iter().map(|&kept| f32::from(u8::from(kept))).collect());
            let mask = Constant { name, shape: mask_shape, data };
            Ok(vec![lowering.arithmetic(Arithmetic::Mul, x, &Operand::Constant(mask))?])
        }
    }
}
