//! What is linear in the value that flows, and pooling: products by constants, sums, convolutions, batch normalisation.

use netinverse_onnx::Node;

use super::tensor::{Tensor, Value, broadcast, source};
use super::window::windows;
use super::{Lowered, Lowering};
use crate::Trouble;
use crate::kernel::{Map, Op, gamma};

/// a · b, and how far that may be off.
pub(super) fn times(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    let exact = a == 0.0 || b == 0.0 || (product.abs() > 1e-250 && a.mul_add(b, -product) == 0.0);
    (product, if exact { 0.0 } else { product.abs() * f64::EPSILON + 1e-300 })
}

pub(super) fn gemm(
    lowering: &mut Lowering,
    node: &Node,
    inputs: &[Option<Value>],
    alpha: f64,
    beta: f64,
) -> Lowered {
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

pub(super) fn matmul(lowering: &mut Lowering, a: &Value, b: &Value, alpha: f64) -> Lowered {
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

pub(super) fn arithmetic(lowering: &mut Lowering, name: &str, a: &Value, b: &Value) -> Lowered {
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

pub(super) fn convolution(lowering: &mut Lowering, node: &Node, inputs: &[Option<Value>]) -> Lowered {
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
pub(super) fn normalisation(
    lowering: &mut Lowering,
    node: &Node,
    inputs: &[Option<Value>],
    epsilon: f64,
) -> Lowered {
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

pub(super) fn pool(lowering: &mut Lowering, node: &Node, x: &Value) -> Lowered {
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
