//! The operators.

use netinverse_onnx::{AttributeValue, Node};

use super::affine::{arithmetic, convolution, gemm, matmul, normalisation, pool};
use super::layout::{axis, concatenate, integers, pad, reshape, slice, squeeze};
use super::tensor::{Tensor, Value, broadcast, indices, source, strides};
use super::{Lowered, Lowering, constant};
use crate::Trouble;
use crate::kernel::{Curve, Op};

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
