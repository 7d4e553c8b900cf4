//! The operators.

use netinverse_onnx::{AttributeValue, Node};

use super::tensor::{Tensor, Value, broadcast, indices, source, strides};
use super::window::windows;
use super::{Lowering, constant};
use crate::Trouble;
use crate::kernel::{Curve, Map, Op, gamma};

type Lowered = Result<Value, Trouble>;

/// What a node makes of its inputs.
pub(super) fn lower(lowering: &mut Lowering, node: &Node) -> Lowered {
    if !node.domain.is_empty() {
        return Err(Trouble::not_checkable(format!("the operator is of the domain `{}`", node.domain)));
    }
    let mut inputs = Vec::new();
    for name in &node.inputs {
        inputs.push(if name.is_empty() { None } else { lowering.values.get(name).cloned() });
    }
    let x = || inputs.first().cloned().flatten().ok_or_else(|| Trouble::not_checkable("an input is missing"));
    let given = |at: usize| inputs.get(at).and_then(Option::as_ref);
    let need = |at: usize| given(at).ok_or_else(|| Trouble::not_checkable("an input is missing"));
    let int = |name: &str, default: i64| {
        node.attr_int(name).map(|v| v.unwrap_or(default)).map_err(|e| Trouble::not_checkable(e.to_string()))
    };
    let float = |name: &str, default: f32| {
        node.attr_float(name)
            .map(|v| f64::from(v.unwrap_or(default)))
            .map_err(|e| Trouble::not_checkable(e.to_string()))
    };
    match node.op_type.as_str() {
        "Constant" => literal(node),
        "Identity" | "Dropout" => {
            if let Some(Value::Constant(mode)) = given(2)
                && mode.data.iter().any(|&v| v != 0.0)
            {
                return Err(Trouble::not_checkable("dropout in training"));
            }
            x()
        }
        "Cast" => match (int("to", 0)?, x()?) {
            // Between floats only the real number counts; of constants, integers stay what they are.
            (10 | 16, value @ Value::Flow { .. }) | (1 | 11, value) => Ok(value),
            (6 | 7, value @ Value::Constant(_))
                if value.constant()?.data.iter().all(|v| v.fract() == 0.0) =>
            {
                Ok(value)
            }
            _ => Err(Trouble::not_checkable("a cast that changes numbers")),
        },
        "Flatten" => {
            let x = x()?;
            let at = axis(int("axis", 1)?, x.dims().len() + 1)?;
            let front = x.dims()[..at].iter().product();
            let back = x.dims()[at..].iter().product();
            x.reshaped(vec![front, back])
        }
        "Reshape" => reshape(x()?, &need(1)?.constant()?.data, int("allowzero", 0)? != 0),
        "Squeeze" | "Unsqueeze" => {
            let axes = match given(1) {
                Some(list) => Some(integers(&list.constant()?.data)?),
                None => node
                    .attr_ints("axes")
                    .map_err(|e| Trouble::not_checkable(e.to_string()))?
                    .map(<[i64]>::to_vec),
            };
            squeeze(x()?, axes, node.op_type == "Squeeze")
        }
        "Transpose" => {
            let x = x()?;
            let rank = x.dims().len();
            let perm = match node.attr_ints("perm").map_err(|e| Trouble::not_checkable(e.to_string()))? {
                Some(list) => list.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
                None => (0..rank).rev().collect(),
            };
            if perm.len() != rank {
                return Err(Trouble::not_checkable("a permutation of another rank"));
            }
            let dims: Vec<usize> = perm.iter().map(|&a| x.dims()[a]).collect();
            let across = strides(x.dims());
            let shape = dims.clone();
            lowering.gather(&x, dims, &mut |at| {
                Some(indices(at, &shape).iter().zip(&perm).map(|(i, &a)| i * across[a]).sum())
            })
        }
        "Concat" => {
            let parts: Option<Vec<Value>> = inputs.iter().cloned().collect();
            let parts = parts.ok_or_else(|| Trouble::not_checkable("an input is missing"))?;
            let rank = parts.first().map_or(0, |p| p.dims().len());
            concatenate(lowering, &parts, axis(int("axis", 0)?, rank)?)
        }
        "Slice" => slice(lowering, node, &x()?, &inputs),
        "Pad" => pad(lowering, node, &x()?, &inputs),
        "Gemm" => gemm(lowering, node, &inputs, float("alpha", 1.0)?, float("beta", 1.0)?),
        "MatMul" => matmul(lowering, &x()?, need(1)?, 1.0),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(lowering, &node.op_type, &x()?, need(1)?),
        "Neg" => {
            let minus = Value::Constant(Tensor { dims: Vec::new(), data: vec![-1.0] });
            arithmetic(lowering, "Mul", &x()?, &minus)
        }
        "Conv" => convolution(lowering, node, &inputs),
        "BatchNormalization" => normalisation(lowering, node, &inputs, float("epsilon", 1e-5)?),
        "AveragePool" | "GlobalAveragePool" | "MaxPool" | "GlobalMaxPool" => pool(lowering, node, &x()?),
        "Relu" => curve(lowering, &x()?, vec![Curve::bent(0.0, 1.0)]),
        "LeakyRelu" => curve(lowering, &x()?, vec![Curve::bent(float("alpha", 0.01)?, 1.0)]),
        "Abs" => curve(lowering, &x()?, vec![Curve::bent(-1.0, 1.0)]),
        "Sigmoid" => curve(lowering, &x()?, vec![Curve::Sigmoid]),
        "Tanh" => curve(lowering, &x()?, vec![Curve::Tanh]),
        "PRelu" => {
            let (x, slopes) = (x()?, need(1)?.constant()?);
            if broadcast(x.dims(), &slopes.dims)? != x.dims() {
                return Err(Trouble::not_checkable("slopes of another shape"));
            }
            let slope = |at| slopes.data[source(at, x.dims(), &slopes.dims)];
            let curves = (0..x.size()).map(|at| Curve::bent(slope(at), 1.0)).collect();
            curve(lowering, &x, curves)
        }
        "HardSigmoid" => {
            let scalar = |v: f64| Value::Constant(Tensor { dims: Vec::new(), data: vec![v] });
            let (alpha, beta) = (scalar(float("alpha", 0.2)?), scalar(float("beta", 0.5)?));
            let line = arithmetic(lowering, "Mul", &x()?, &alpha)?;
            let line = arithmetic(lowering, "Add", &line, &beta)?;
            curve(lowering, &line, vec![clip(Some(0.0), Some(1.0))?])
        }
        "Clip" => {
            let bound = |name: &str, at: usize| -> Result<Option<f64>, Trouble> {
                let value = if lowering.opset < 11 {
                    node.attr_float(name).map_err(|e| Trouble::not_checkable(e.to_string()))?.map(f64::from)
                } else {
                    given(at).map(Value::constant).transpose()?.and_then(|t| t.data.first().copied())
                };
                // The largest float and beyond is no bound.
                Ok(value.filter(|v| v.abs() < f64::from(f32::MAX) || v.is_nan()))
            };
            let clip = clip(bound("min", 1)?, bound("max", 2)?)?;
            curve(lowering, &x()?, vec![clip])
        }
        other => Err(Trouble::not_checkable(format!("the operator {other} is not covered"))),
    }
}

/// An axis, counted from the end if negative.
fn axis(axis: i64, rank: usize) -> Result<usize, Trouble> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at)
        .ok()
        .filter(|&a| a < rank)
        .ok_or_else(|| Trouble::not_checkable(format!("no axis {axis}")))
}

fn integers(data: &[f64]) -> Result<Vec<i64>, Trouble> {
    let whole = data.iter().all(|v| v.fract() == 0.0 && v.abs() <= (1u64 << 53) as f64);
    if whole {
        Ok(data.iter().map(|&v| v as i64).collect())
    } else {
        Err(Trouble::not_checkable("integers are expected"))
    }
}

fn literal(node: &Node) -> Lowered {
    let vector = |data: Vec<f64>| Value::Constant(Tensor { dims: vec![data.len()], data });
    let scalar = |v: f64| Value::Constant(Tensor { dims: Vec::new(), data: vec![v] });
    match node.attributes.first().map(|a| (a.name.as_str(), &a.value)) {
        Some(("value", AttributeValue::Tensor(tensor))) => constant(tensor),
        Some(("value_float", AttributeValue::Float(v))) => Ok(scalar(f64::from(*v))),
        Some(("value_int", AttributeValue::Int(v))) => Ok(scalar(*v as f64)),
        Some(("value_floats", AttributeValue::Floats(v))) => {
            Ok(vector(v.iter().map(|&v| f64::from(v)).collect()))
        }
        Some(("value_ints", AttributeValue::Ints(v))) => Ok(vector(v.iter().map(|&v| v as f64).collect())),
        _ => Err(Trouble::not_checkable("a constant of another kind")),
    }
}

fn reshape(x: Value, shape: &[f64], zero_is_zero: bool) -> Lowered {
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

fn squeeze(x: Value, axes: Option<Vec<i64>>, remove: bool) -> Lowered {
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

fn slice(lowering: &mut Lowering, node: &Node, x: &Value, inputs: &[Option<Value>]) -> Lowered {
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

fn pad(lowering: &mut Lowering, node: &Node, x: &Value, inputs: &[Option<Value>]) -> Lowered {
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

/// a · b, and how far that may be off.
fn times(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let exact = a == 0.0 || b == 0.0 || (product.abs() > 1e-250 && a.mul_add(b, -product) == 0.0);
    (product, if exact { 0.0 } else { product.abs() * f64::EPSILON + 1e-300 })
}

fn gemm(lowering: &mut Lowering, node: &Node, inputs: &[Option<Value>], alpha: f64, beta: f64) -> Lowered {
    let flag = |name: &str| node.attr_int(name).ok().flatten().unwrap_or(0) != 0;
    let operand = |at: usize| {
        inputs.get(at).cloned().flatten().ok_or_else(|| Trouble::not_checkable("an input is missing"))
    };
    let mut turned = |value: Value, turn: bool| -> Lowered {
        let dims = value.dims().to_vec();
        let [r, c] = dims[..] else { return Err(Trouble::not_checkable("a factor that is no matrix")) };
        if turn {
            lowering.gather(&value, vec![c, r], &mut |at| Some(at % r * c + at / r))
        } else {
            Ok(value)
        }
    };
    let (a, b) = (turned(operand(0)?, flag("transA"))?, turned(operand(1)?, flag("transB"))?);
    let product = matmul(lowering, &a, &b, alpha)?;
    let Some(Some(c)) = inputs.get(2) else { return Ok(product) };
    if beta == 1.0 {
        return arithmetic(lowering, "Add", &product, c);
    }
    let factor = Value::Constant(Tensor { dims: Vec::new(), data: vec![beta] });
    let scaled = arithmetic(lowering, "Mul", c, &factor)?;
    arithmetic(lowering, "Add", &product, &scaled)
}

fn matmul(lowering: &mut Lowering, a: &Value, b: &Value, alpha: f64) -> Lowered {
    let (da, db) = (a.dims().to_vec(), b.dims().to_vec());
    let unfit =
        || Trouble::not_checkable(format!("the product of the shapes {da:?} and {db:?} is not covered"));
    // As matrices, and the result's own shape.
    let (rows, inner) = match da[..] {
        [] => return Err(unfit()),
        [k] => (1, k),
        [.., k] => (a.size() / k.max(1), k),
    };
    let columns = match db[..] {
        [k] if k == inner => 1,
        [k, n] if k == inner => n,
        _ => return Err(unfit()),
    };
    let mut dims = da[..da.len() - 1].to_vec();
    dims.extend((db.len() == 2).then_some(columns));
    match (a, b) {
        (Value::Flow { id, .. }, Value::Constant(w)) => {
            let scaled: Vec<(f64, f64)> = w.data.iter().map(|&w| times(alpha, w)).collect();
            let weights: Vec<f64> =
                (0..columns * inner).map(|at| scaled[at % inner * columns + at / inner].0).collect();
            let inexact = scaled.iter().any(|s| s.1 > 0.0);
            if rows == 1 && !inexact {
                let op = Op::Affine {
                    maps: vec![Map::dense(columns, inner, &weights)],
                    bias: vec![0.0; columns],
                    bias_radius: None,
                };
                return Ok(Value::Flow { id: lowering.push(vec![*id], columns, op)?, dims });
            }
            let row = |at: usize| {
                let (r, c) = (at / columns, at % columns);
                (0..inner)
                    .map(|k| (r * inner + k, scaled[k * columns + c].0, scaled[k * columns + c].1))
                    .collect()
            };
            lowering.rows(*id, dims, (0..rows * columns).map(row), vec![0.0; rows * columns])
        }
        (Value::Constant(w), Value::Flow { id, .. }) => {
            let row = |at: usize| {
                let (r, c) = (at / columns, at % columns);
                let entry = |k: usize| {
                    let (value, off) = times(alpha, w.data[r * inner + k]);
                    (k * columns + c, value, off)
                };
                (0..inner).map(entry).collect()
            };
            lowering.rows(*id, dims, (0..rows * columns).map(row), vec![0.0; rows * columns])
        }
        _ => Err(Trouble::not_checkable("a product of two values that depend on the input, or of constants")),
    }
}

fn arithmetic(lowering: &mut Lowering, name: &str, a: &Value, b: &Value) -> Lowered {
    let dims = broadcast(a.dims(), b.dims())?;
    let size: usize = dims.iter().product();
    if size > super::MOST_ELEMENTS {
        return Err(Trouble::not_checkable("too many elements"));
    }
    let at = |value: &Value, at: usize| source(at, &dims, value.dims());
    let minus = if name == "Sub" { -1.0 } else { 1.0 };
    match (name, a, b) {
        ("Add" | "Sub", Value::Flow { id, .. }, Value::Constant(t)) => {
            let bias: Vec<f64> = (0..size).map(|j| minus * t.data[at(b, j)]).collect();
            // A bias joins the product before it.
            let alone = lowering.network.steps.len() == *id
                && lowering.network.sizes[*id] == size
                && a.dims() == dims;
            let named = |v: &Value| matches!(v, Value::Flow { id: other, .. } if other == id);
            let once = |name: &String| lowering.uses.get(name) == Some(&1);
            if alone
                && lowering.values.iter().filter(|(_, v)| named(v)).all(|(name, _)| once(name))
                && let Some(step) = lowering.network.steps.last_mut()
                && let Op::Affine { bias: own, bias_radius: None, .. } = &mut step.op
                && own.iter().all(|&v| v == 0.0)
            {
                *own = bias;
                return Ok(Value::Flow { id: *id, dims });
            }
            let rows: Vec<Vec<_>> = (0..size).map(|j| vec![(at(a, j), 1.0, 0.0)]).collect();
            lowering.rows(*id, dims, rows.into_iter(), bias)
        }
        ("Add" | "Sub", Value::Constant(t), Value::Flow { id, .. }) => {
            let bias: Vec<f64> = (0..size).map(|j| t.data[at(a, j)]).collect();
            let rows: Vec<Vec<_>> = (0..size).map(|j| vec![(at(b, j), minus, 0.0)]).collect();
            lowering.rows(*id, dims, rows.into_iter(), bias)
        }
        ("Add" | "Sub", Value::Flow { id, .. }, Value::Flow { id: other, .. }) => {
            let map = |value: &Value, id: usize, sign: f64| {
                super::sparse(lowering.network.sizes[id], (0..size).map(|j| vec![(at(value, j), sign, 0.0)]))
            };
            let maps = vec![map(a, *id, 1.0), map(b, *other, minus)];
            let op = Op::Affine { maps, bias: vec![0.0; size], bias_radius: None };
            Ok(Value::Flow { id: lowering.push(vec![*id, *other], size, op)?, dims })
        }
        ("Mul", Value::Flow { id, .. }, Value::Constant(t))
        | ("Mul", Value::Constant(t), Value::Flow { id, .. }) => {
            let (flow, other) = if matches!(a, Value::Flow { .. }) { (a, b) } else { (b, a) };
            let rows: Vec<Vec<_>> =
                (0..size).map(|j| vec![(at(flow, j), t.data[at(other, j)], 0.0)]).collect();
            lowering.rows(*id, dims, rows.into_iter(), vec![0.0; size])
        }
        ("Div", Value::Flow { id, .. }, Value::Constant(t)) => {
            let inverse = |c: f64| {
                let value = 1.0 / c;
                let exact = value.mul_add(c, -1.0) == 0.0;
                (value, if exact { 0.0 } else { value.abs() * f64::EPSILON })
            };
            if t.data.iter().any(|c| !(c.abs() > 1e-200 && c.abs() < 1e200)) {
                return Err(Trouble::not_checkable("a divisor that is zero, or nearly"));
            }
            let entry = |j: usize| {
                let (value, off) = inverse(t.data[at(b, j)]);
                vec![(at(a, j), value, off)]
            };
            let rows: Vec<Vec<_>> = (0..size).map(entry).collect();
            lowering.rows(*id, dims, rows.into_iter(), vec![0.0; size])
        }
        _ => Err(Trouble::not_checkable(
            "arithmetic of constants alone, or of two values that depend on the input",
        )),
    }
}

fn curve(lowering: &mut Lowering, x: &Value, curves: Vec<Curve>) -> Lowered {
    let Value::Flow { id, dims } = x else {
        return Err(Trouble::not_checkable("a function of constants alone"));
    };
    let id = lowering.push(vec![*id], lowering.network.sizes[*id], Op::Curves(curves))?;
    Ok(Value::Flow { id, dims: dims.clone() })
}

fn clip(low: Option<f64>, high: Option<f64>) -> Result<Curve, Trouble> {
    let ordered = match (low, high) {
        (Some(a), Some(b)) => a < b,
        (a, b) => a.or(b).is_none_or(|v| !v.is_nan()),
    };
    if !ordered {
        return Err(Trouble::not_checkable("bounds that are not in order"));
    }
    let mut segments = vec![(1.0, 0.0)];
    segments.splice(0..0, low.map(|v| (0.0, v)));
    segments.extend(high.map(|v| (0.0, v)));
    Ok(Curve::Piecewise { kinks: low.into_iter().chain(high).collect(), segments })
}

fn convolution(lowering: &mut Lowering, node: &Node, inputs: &[Option<Value>]) -> Lowered {
    let (Some(Some(x)), Some(Some(w))) = (inputs.first(), inputs.get(1)) else {
        return Err(Trouble::not_checkable("an input is missing"));
    };
    let (weights, dims) = (w.constant()?, x.dims());
    let Value::Flow { id, .. } = x else { return Err(Trouble::not_checkable("a convolution of constants")) };
    let groups = usize::try_from(node.attr_int("group").ok().flatten().unwrap_or(1)).unwrap_or(0);
    let fits = dims.len() > 2
        && weights.dims.len() == dims.len()
        && groups > 0
        && weights.dims[1] * groups == dims[1];
    if !fits || weights.dims[0] % groups.max(1) != 0 {
        return Err(Trouble::not_checkable("a convolution of other shapes"));
    }
    let kernel = &weights.dims[2..];
    let windows = windows(node, &dims[2..], kernel)?;
    let (samples, channels, filters, inner) = (dims[0], dims[1], weights.dims[0], weights.dims[1]);
    let (plane, taps, places): (usize, usize, usize) =
        (dims[2..].iter().product(), kernel.iter().product(), windows.sources.len());
    let size = samples * filters * places;
    if size.saturating_mul(inner * taps) > super::MOST_ELEMENTS {
        return Err(Trouble::not_checkable("a convolution with too many products"));
    }
    let bias = match inputs.get(2) {
        Some(Some(b)) => b.constant()?.data.clone(),
        _ => vec![0.0; filters],
    };
    if bias.len() != filters {
        return Err(Trouble::not_checkable("a bias of another size"));
    }
    let row = |at: usize| {
        let (sample, filter, place) = (at / (filters * places), at / places % filters, at % places);
        let group = filter / (filters / groups);
        let mut entries = Vec::with_capacity(inner * taps);
        for c in 0..inner {
            let first = (sample * channels + group * inner + c) * plane;
            for (tap, from) in windows.sources[place].iter().enumerate() {
                let weight = weights.data[(filter * inner + c) * taps + tap];
                entries.extend(from.filter(|_| weight != 0.0).map(|i| (first + i, weight, 0.0)));
            }
        }
        entries
    };
    let shape = [&[samples, filters], &windows.out[..]].concat();
    let bias = (0..size).map(|at| bias[at / places % filters]).collect();
    lowering.rows(*id, shape, (0..size).map(row), bias)
}

/// γ (x − μ) / √(σ² + ε) + β, channel by channel.
fn normalisation(lowering: &mut Lowering, node: &Node, inputs: &[Option<Value>], epsilon: f64) -> Lowered {
    let flag = |name: &str, default: i64| node.attr_int(name).ok().flatten().unwrap_or(default);
    let Some(Some(Value::Flow { id, dims })) = inputs.first() else {
        return Err(Trouble::not_checkable("an input is missing"));
    };
    if flag("training_mode", 0) != 0 || flag("spatial", 1) != 1 || dims.len() < 2 {
        return Err(Trouble::not_checkable("normalisation in training, or not by channel"));
    }
    let list = |at: usize| {
        let value = inputs
            .get(at)
            .and_then(Option::as_ref)
            .ok_or_else(|| Trouble::not_checkable("an input is missing"))?;
        let data = value.constant()?.data.clone();
        if data.len() == dims[1] {
            Ok(data)
        } else {
            Err(Trouble::not_checkable("parameters of another size"))
        }
    };
    let (gamma_, beta, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
    if variance.iter().any(|v| !(v + epsilon > 1e-100 && *v >= 0.0)) {
        return Err(Trouble::not_checkable("a variance that is not positive"));
    }
    // A sum, a root, a quotient: three roundings; the bias has two more, of terms no larger than these.
    let scale: Vec<f64> = (0..dims[1]).map(|c| gamma_[c] / (variance[c] + epsilon).sqrt()).collect();
    let scale_off: Vec<f64> = scale.iter().map(|s| s.abs() * gamma(8) + 1e-300).collect();
    let bias: Vec<f64> = (0..dims[1]).map(|c| beta[c] - mean[c] * scale[c]).collect();
    let bias_off: Vec<f64> = (0..dims[1])
        .map(|c| {
            (mean[c].abs() * (scale_off[c] + scale[c].abs() * gamma(4)) + beta[c].abs() * gamma(4))
                * (1.0 + 1e-9)
                + 1e-300
        })
        .collect();
    let (size, plane): (usize, usize) = (dims.iter().product(), dims[2..].iter().product());
    let channel = |at: usize| at / plane % dims[1];
    let rows = (0..size).map(|at| vec![(at, scale[channel(at)], scale_off[channel(at)])]);
    let map = super::sparse(size, rows);
    let per = |list: &[f64]| (0..size).map(|at| list[channel(at)]).collect::<Vec<f64>>();
    let op = Op::Affine { maps: vec![map], bias: per(&bias), bias_radius: Some(per(&bias_off)) };
    Ok(Value::Flow { id: lowering.push(vec![*id], size, op)?, dims: dims.clone() })
}

fn pool(lowering: &mut Lowering, node: &Node, x: &Value) -> Lowered {
    let Value::Flow { id, dims } = x else { return Err(Trouble::not_checkable("a pool of constants")) };
    if dims.len() < 3 {
        return Err(Trouble::not_checkable("a pool without spatial axes"));
    }
    let global = node.op_type.starts_with("Global");
    let kernel: Vec<usize> = if global {
        dims[2..].to_vec()
    } else {
        let given = node.attr_ints("kernel_shape").ok().flatten().unwrap_or(&[]);
        given.iter().map(|&k| usize::try_from(k).unwrap_or(0)).collect()
    };
    if kernel.len() + 2 != dims.len() || kernel.contains(&0) {
        return Err(Trouble::not_checkable("a kernel of another rank"));
    }
    let windows = windows(node, &dims[2..], &kernel)?;
    let (planes, plane): (usize, usize) = (dims[0] * dims[1], dims[2..].iter().product());
    let shape = [&dims[..2], &windows.out[..]].concat();
    let places = windows.sources.len();
    let taps =
        |at: usize| windows.sources[at % places].iter().flatten().map(move |&i| at / places * plane + i);
    let size = planes * places;
    if size.saturating_mul(kernel.iter().product()) > super::MOST_ELEMENTS {
        return Err(Trouble::not_checkable("a pool with too many elements"));
    }
    if node.op_type.contains("Max") {
        let (mut starts, mut sources) = (vec![0], Vec::new());
        for at in 0..size {
            sources.extend(taps(at).map(|i| i as u32));
            starts.push(sources.len());
        }
        if starts.windows(2).any(|w| w[0] == w[1]) {
            return Err(Trouble::not_checkable("a window that is all padding"));
        }
        let id = lowering.push(vec![*id], size, Op::Maximum { starts, sources })?;
        return Ok(Value::Flow { id, dims: shape });
    }
    let whole = node.attr_int("count_include_pad").ok().flatten().unwrap_or(0) != 0;
    let row = |at: usize| {
        let count = if whole { kernel.iter().product() } else { taps(at).count() } as f64;
        let weight = 1.0 / count;
        let off = if weight.mul_add(count, -1.0) == 0.0 { 0.0 } else { weight * f64::EPSILON };
        taps(at).map(|i| (i, weight, off)).collect()
    };
    lowering.rows(*id, shape, (0..size).map(row), vec![0.0; size])
}
