//! What moves elements and changes no number: shapes, parts, slices, padding with zeros.

use netinverse_onnx::Node;

use super::tensor::{Tensor, Value, indices, strides};
use super::{Lowered, Lowering};
use crate::Trouble;
use crate::kernel::{Map, Op};

/// An axis, counted from the end if negative.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Trouble> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Trouble::not_checkable(format!("no axis {axis}")))
}

pub(super) fn integers(data: &[f64]) -> Result<Vec<i64>, Trouble> {
    let whole = data.iter().all(|v| v.fract() == 0.0 && v.abs() <= (1u64 << 53) as f64);
    if whole {
        Ok(data.iter().map(|&v| v as i64).collect())
    } else {
        Err(Trouble::not_checkable("integers are expected"))
    }
}

pub(super) fn reshape(x: Value, shape: &[f64], zero_is_zero: bool) -> Lowered {
    let shape = integers(shape)?;
    let copied = |(at, &size): (usize, &i64)| match size {
        0 if !zero_is_zero => {
            x.dims().get(at).copied().ok_or_else(|| Trouble::not_checkable("a size to be copied is missing"))
        }
        -1 => Ok(0),
        size => usize::try_from(size).map_err(|_| Trouble::not_checkable("a negative size")),
    };
    let mut dims: Vec<usize> = shape.iter().enumerate().map(copied).collect::<Result<_, _>>()?;
    if let Some(open) = shape.iter().position(|&s| s == -1) {
        let rest: usize = dims.iter().enumerate().filter(|(at, _)| *at != open).map(|(_, &d)| d).product();
        dims[open] = x.size().checked_div(rest).unwrap_or(0);
    }
    x.reshaped(dims)
}

pub(super) fn squeeze(x: Value, axes: Option<Vec<i64>>, remove: bool) -> Lowered {
    let old = x.dims().to_vec();
    let rank = if remove { old.len() } else { old.len() + axes.as_ref().map_or(0, Vec::len) };
    let axes = match axes {
        Some(list) => list.into_iter().map(|a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..old.len()).filter(|&a| old[a] == 1).collect(),
    };
    let dims = if remove {
        if axes.iter().any(|&a| old[a] != 1) {
            return Err(Trouble::not_checkable("an axis to be squeezed is not 1"));
        }
        (0..old.len()).filter(|a| !axes.contains(a)).map(|a| old[a]).collect()
    } else {
        let mut rest = old.iter();
        (0..rank).map(|a| if axes.contains(&a) { 1 } else { rest.next().copied().unwrap_or(1) }).collect()
    };
    x.reshaped(dims)
}

pub(super) fn concatenate(lowering: &mut Lowering, parts: &[Value], axis: usize) -> Lowered {
    let mut dims = parts.first().map(|p| p.dims().to_vec()).unwrap_or_default();
    let fits = |p: &Value| {
        p.dims().len() == dims.len() && (0..dims.len()).all(|a| a == axis || p.dims()[a] == dims[a])
    };
    if axis >= dims.len() || !parts.iter().all(fits) {
        return Err(Trouble::not_checkable("parts of different shapes"));
    }
    dims[axis] = parts.iter().map(|p| p.dims()[axis]).sum();
    let size: usize = dims.iter().product();
    // Which part an element comes from, and where it is there.
    let find = |at: usize| {
        let mut at = indices(at, &dims);
        let mut part = 0;
        while at[axis] >= parts[part].dims()[axis] {
            at[axis] -= parts[part].dims()[axis];
            part += 1;
        }
        let across = strides(parts[part].dims());
        (part, at.iter().zip(across).map(|(i, s)| i * s).sum::<usize>())
    };
    if parts.iter().all(|p| matches!(p, Value::Constant(_))) {
        let value = |at| {
            let (part, i) = find(at);
            parts[part].constant().map(|t| t.data[i])
        };
        let data = (0..size).map(value).collect::<Result<_, _>>()?;
        return Ok(Value::Constant(Tensor { dims, data }));
    }
    let (mut bias, mut ids) = (vec![0.0; size], Vec::new());
    let mut rows: Vec<Vec<Vec<(usize, f64, f64)>>> = Vec::new();
    let mut numbers = vec![usize::MAX; parts.len()];
    for (part, value) in parts.iter().enumerate() {
        if let Value::Flow { id, .. } = value {
            numbers[part] = ids.iter().position(|other| other == id).unwrap_or_else(|| {
                ids.push(*id);
                rows.push(vec![Vec::new(); size]);
                ids.len() - 1
            });
        }
    }
    for at in 0..size {
        let (part, i) = find(at);
        match &parts[part] {
            Value::Constant(tensor) => bias[at] = tensor.data[i],
            Value::Flow { .. } => rows[numbers[part]][at].push((i, 1.0, 0.0)),
        }
    }
    let maps: Vec<Map> = rows
        .into_iter()
        .zip(&ids)
        .map(|(rows, &id)| super::sparse(lowering.network.sizes[id], rows.into_iter()))
        .collect();
    Ok(Value::Flow { id: lowering.push(ids, size, Op::Affine { maps, bias, bias_radius: None })?, dims })
}

pub(super) fn slice(lowering: &mut Lowering, node: &Node, x: &Value, inputs: &[Option<Value>]) -> Lowered {
    let list = |name: &str, at: usize| -> Result<Option<Vec<i64>>, Trouble> {
        match inputs.get(at).and_then(Option::as_ref) {
            Some(value) => integers(&value.constant()?.data).map(Some),
            None => Ok(node
                .attr_ints(name)
                .map_err(|e| Trouble::not_checkable(e.to_string()))?
                .map(<[i64]>::to_vec)),
        }
    };
    let missing = || Trouble::not_checkable("a slice without ends");
    let (starts, ends) = (list("starts", 1)?.ok_or_else(missing)?, list("ends", 2)?.ok_or_else(missing)?);
    let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(Trouble::not_checkable("a slice with lists of different lengths"));
    }
    let mut dims = x.dims().to_vec();
    let (mut first, mut every) = (vec![0i64; dims.len()], vec![1i64; dims.len()]);
    for k in 0..starts.len() {
        let a = axis(axes[k], dims.len())?;
        let (size, step) = (x.dims()[a] as i64, steps[k]);
        if step == 0 {
            return Err(Trouble::not_checkable("a slice with steps of 0"));
        }
        let from_end = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
        let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let (start, end) = (from_end(starts[k]).clamp(low.max(0), high), from_end(ends[k]).clamp(low, high));
        let span = if step > 0 { end - start } else { start - end };
        dims[a] = if span > 0 { ((span - 1) / step.abs() + 1) as usize } else { 0 };
        (first[a], every[a]) = (start, step);
    }
    let (across, shape) = (strides(x.dims()), dims.clone());
    lowering.gather(x, dims, &mut |at| {
        let along = indices(at, &shape);
        Some((0..along.len()).map(|a| (first[a] + along[a] as i64 * every[a]) as usize * across[a]).sum())
    })
}

pub(super) fn pad(lowering: &mut Lowering, node: &Node, x: &Value, inputs: &[Option<Value>]) -> Lowered {
    let mode = node.attr_string("mode").ok().flatten().unwrap_or("constant");
    let pads = match inputs.get(1).and_then(Option::as_ref) {
        Some(value) => integers(&value.constant()?.data)?,
        None => node.attr_ints("pads").ok().flatten().unwrap_or(&[]).to_vec(),
    };
    let filler = match inputs.get(2).and_then(Option::as_ref) {
        Some(value) => value.constant()?.data.first().copied().unwrap_or(0.0),
        None => f64::from(node.attr_float("value").ok().flatten().unwrap_or(0.0)),
    };
    let rank = x.dims().len();
    if mode != "constant"
        || filler != 0.0
        || pads.len() != 2 * rank
        || inputs.len() > 3
        || pads.iter().any(|&p| p < 0)
    {
        return Err(Trouble::not_checkable("padding with anything but zeros"));
    }
    let dims: Vec<usize> = (0..rank).map(|a| x.dims()[a] + (pads[a] + pads[rank + a]) as usize).collect();
    if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_none_or(|n| n > super::MOST_ELEMENTS) {
        return Err(Trouble::not_checkable("too many elements"));
    }
    let (across, shape, old) = (strides(x.dims()), dims.clone(), x.dims().to_vec());
    lowering.gather(x, dims, &mut |at| {
        let along = indices(at, &shape);
        let inner = |a: usize| along[a].checked_sub(pads[a] as usize).filter(|&i| i < old[a]);
        (0..rank).map(|a| inner(a).map(|i| i * across[a])).sum()
    })
}
