//! Scalers and linear models of the `ai.onnx.ml` domain, as skl2onnx writes them.

use netinverse_base::{Error, Result};

use crate::import::constant::{Constant, Data};
use crate::import::fold::Arithmetic;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Function, Layout, Normalizer, Op, Reduce, Shape, WeightOrder};

/// A list attribute of finite numbers as a constant.
fn numbers(call: &Call, name: &'static str, shape: impl Into<Vec<usize>>) -> Result<Option<Constant>> {
    let Some(values) = call.floats(name)? else { return Ok(None) };
    let shape = Shape::new(shape)?;
    if values.len() != shape.elements() {
        return Err(Error::input(format!(
            "the attribute `{name}` has {} numbers, {} are expected",
            values.len(),
            shape.elements()
        )));
    }
    Ok(Some(Constant { name: name.to_string(), shape, data: Data::F32(values.into()) }))
}

/// `(x − offset) · scale`, with one number for all features or one for each.
pub(super) fn scaler(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let mut x = call.input(0)?.clone();
    let shape = lowering.shape(&x);
    for (name, operation) in [("offset", Arithmetic::Sub), ("scale", Arithmetic::Mul)] {
        let count = call.floats(name)?.map_or(0, <[f32]>::len);
        if let Some(constant) = numbers(call, name, [count])?.filter(|_| count > 0) {
            if count != 1 && shape.last() != Some(&count) {
                if let (Operand::Value(id), Some(axis)) = (&x, shape.rank().checked_sub(1)) {
                    lowering.misfit(*id, Some(axis), count, true);
                }
                return Err(Error::input(format!(
                    "the attribute `{name}` has {count} numbers, the value has shape {shape}"
                )));
            }
            x = lowering.arithmetic(operation, &x, &Operand::Constant(constant))?;
        }
    }
    Ok(vec![x])
}

/// Each row divided by its norm.
pub(super) fn normalizer(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let rank = lowering.shape(x).rank();
    let Some(axis) = rank.checked_sub(1) else {
        return Err(Error::input("a scalar has no norm"));
    };
    let sum = |lowering: &mut Lowering, x: &Operand| {
        lowering.reduce(x, Reduce { axes: vec![axis], keep: true, mean: false })
    };
    let inverse = match call.string("norm")?.unwrap_or("MAX") {
        "L1" => {
            let sizes = lowering.function(x, Function::Abs)?;
            let norm = sum(lowering, &sizes)?;
            lowering.function(&norm, Function::Reciprocal)?
        }
        "L2" => {
            let squares = lowering.function(x, Function::Power { exponent: 2.0 })?;
            let norm = sum(lowering, &squares)?;
            lowering.function(&norm, Function::Power { exponent: -0.5 })?
        }
        other => {
            return Err(Error::unsupported(format!("the norm `{other}`"))
                .hint("the largest element is the largest itself to some runtimes, and the largest size to others; L1 and L2 are supported"));
        }
    };
    Ok(vec![lowering.arithmetic(Arithmetic::Mul, x, &inverse)?])
}

/// `x · W + b`, W one row of coefficients a target.
fn scores(lowering: &mut Lowering, call: &Call, targets: usize) -> Result<Operand> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let count = call.floats("coefficients")?.map_or(0, <[f32]>::len);
    if targets == 0 || count == 0 || !count.is_multiple_of(targets) {
        return Err(Error::input(format!("{count} coefficients do not make {targets} rows")));
    }
    let weight = numbers(call, "coefficients", [targets, count / targets])?;
    let weight = weight.ok_or_else(|| Error::input("the coefficients are missing"))?;
    let bias = match call.floats("intercepts")? {
        Some(intercepts) if !intercepts.is_empty() => numbers(call, "intercepts", [targets])?,
        _ => None,
    };
    // One point may come without a leading axis.
    let x = if lowering.shape(x).rank() == 1 {
        let shape = Shape::new([1, lowering.shape(x).elements()])?;
        lowering.reshape(x, shape)?
    } else {
        x.clone()
    };
    let id = lowering.value(&x)?;
    Ok(Operand::Value(lowering.dense(id, &weight, WeightOrder::OutputsFirst, bias.as_ref())?))
}

/// What is made of the scores.
fn transformed(lowering: &mut Lowering, call: &Call, scores: Operand) -> Result<Operand> {
    let shape = lowering.shape(&scores);
    match call.string("post_transform")?.unwrap_or("NONE") {
        "NONE" => Ok(scores),
        "LOGISTIC" => lowering.function(&scores, Function::Sigmoid),
        "SOFTMAX" => {
            let id = lowering.value(&scores)?;
            let axis = shape.rank() - 1;
            Ok(Operand::Value(lowering.emit(Op::Normalizer(Normalizer::Softmax { axis }), &[id])?))
        }
        other => Err(Error::unsupported(format!("the post_transform `{other}`"))
            .hint("NONE, LOGISTIC and SOFTMAX are supported")),
    }
}

pub(super) fn linear_regressor(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let targets = usize::try_from(call.int("targets")?.unwrap_or(1)).unwrap_or(0);
    let scores = scores(lowering, call, targets)?;
    Ok(vec![transformed(lowering, call, scores)?])
}

/// The scores, which are the second output; the first, the label, is a choice among them (see
/// [`crate::import::plan`]).
pub(super) fn linear_classifier(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.ignore("classlabels_strings");
    call.ignore("multi_class");
    let labels = match call.ints("classlabels_ints")? {
        Some(labels) => labels.len(),
        None => call.strings("classlabels_strings")?.unwrap_or(0),
    };
    let intercepts = call.floats("intercepts")?.map_or(0, <[f32]>::len);
    // Two classes may have one row: the second's scores are those, the first's their opposites.
    let rows = if intercepts == 1 && labels == 2 { 1 } else { labels.max(intercepts) };
    let scores = scores(lowering, call, rows)?;
    if rows != 1 {
        let scores = transformed(lowering, call, scores)?;
        return Ok(vec![scores.clone(), scores]);
    }
    let logistic = call.string("post_transform")?.unwrap_or("NONE") == "LOGISTIC";
    let second = transformed(lowering, call, scores)?;
    let first = if logistic {
        let one = Operand::Constant(Constant::scalar(1.0).named("1"));
        lowering.arithmetic(Arithmetic::Sub, &one, &second)?
    } else {
        lowering.negate(&second)?
    };
    let axis = lowering.shape(&second).rank() - 1;
    let both = lowering.concat(&[&first, &second], axis)?;
    Ok(vec![both.clone(), both])
}

/// Columns picked by constant indices.
pub(super) fn feature_extractor(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let Some(axis) = shape.rank().checked_sub(1) else {
        return Err(Error::input("a scalar has no columns"));
    };
    let indices = call.ints_at(1, "the columns")?.ok_or_else(|| Error::input("the columns are missing"))?;
    let size = shape[axis];
    let indices: Option<Vec<usize>> =
        indices.iter().map(|&index| usize::try_from(index).ok().filter(|&index| index < size)).collect();
    let indices = indices.ok_or_else(|| Error::input(format!("a column is outside shape {shape}")))?;
    let count = indices.len();
    lowering.room_for(count)?;
    Ok(vec![lowering.layout(x, Layout::Gather { axis, indices, shape: vec![count] })?])
}

/// Values one after the other along the last axis.
pub(super) fn vectorizer(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.ignore("inputdimensions");
    let parts = call.all_inputs()?;
    let axis = lowering.shape(parts[0]).rank().checked_sub(1);
    let axis = axis.ok_or_else(|| Error::input("a scalar has no columns"))?;
    Ok(vec![lowering.concat(&parts, axis)?])
}
