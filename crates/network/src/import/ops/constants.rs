//! Constants, shapes, casts, and the arithmetic on them that is folded away.

use netinverse_base::{Error, Result, ResultExt};
use netinverse_onnx::{ElementType, Tensor, TensorData};

use super::mask;
use crate::import::constant::{Constant, Data, check_rank};
use crate::import::enclosure::Enclosure;
use crate::import::fold::{self, Arithmetic, Comparison};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Layout, Shape};

/// The one input, which must be a constant.
fn only_constant<'a>(call: &'a Call, what: &str) -> Result<&'a Constant> {
    call.constant(0, what)?.ok_or_else(|| Error::input("its input is missing"))
}

/// The first two inputs, which must be constants.
fn two_constants<'a>(call: &'a Call, what: &str) -> Result<[&'a Constant; 2]> {
    call.at_most(2)?;
    match (call.constant(0, what)?, call.constant(1, what)?) {
        (Some(a), Some(b)) => Ok([a, b]),
        _ => Err(Error::input("an input is missing")),
    }
}

pub(super) fn constant(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(0)?;
    let name = lowering.output_name().to_string();
    let floats = |values: &[f32], dims: Vec<usize>| Tensor {
        name: String::new(),
        dims,
        data: TensorData::F32(values.to_vec()),
    };
    let ints = |values: &[i64], dims: Vec<usize>| Tensor {
        name: String::new(),
        dims,
        data: TensorData::I64(values.to_vec()),
    };
    let made;
    let tensor = if let Some(tensor) = call.tensor("value")? {
        tensor
    } else {
        made = if let Some(value) = call.float("value_float")? {
            floats(&[value as f32], vec![])
        } else if let Some(values) = call.floats("value_floats")? {
            floats(values, vec![values.len()])
        } else if let Some(value) = call.int("value_int")? {
            ints(&[value], vec![])
        } else if let Some(values) = call.ints("value_ints")? {
            ints(values, vec![values.len()])
        } else {
            return Err(Error::unsupported("a constant that is not a dense tensor of numbers")
                .hint("sparse and text constants are not supported; export with dense weights"));
        };
        &made
    };
    Ok(vec![Operand::Constant(Constant::from_tensor(tensor, &name)?.named(&name))])
}

pub(super) fn constant_of_shape(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let sizes = only_constant(call, "the sizes of a ConstantOfShape")?.as_ints()?;
    let shape = shape_of_sizes(sizes)?;
    let name = lowering.output_name().to_string();
    let one = match call.tensor("value")? {
        Some(tensor) => Constant::from_tensor(tensor, &name)?,
        None => Constant { name: name.clone(), shape: Shape::vector(1), data: Data::F32([0.0].into()) },
    };
    if one.len() != 1 {
        return Err(Error::input(format!("the value has {} elements, 1 is expected", one.len())));
    }
    let scalar = Operand::Constant(one.reshaped(Shape::default()).named(&name));
    Ok(vec![lowering.layout(&scalar, Layout::Expand { shape })?])
}

/// A shape from constant sizes, none negative.
pub(super) fn shape_of_sizes(sizes: &[i64]) -> Result<Shape> {
    check_rank(sizes.len())?;
    let sizes: Result<Vec<usize>, _> = sizes.iter().map(|&size| usize::try_from(size)).collect();
    Shape::new(sizes.map_err(|_| Error::input("a size is negative"))?)
}

/// The shape for one sample, `start` and `end` since opset 15.
pub(super) fn shape(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let shape = lowering.shape(call.input(0)?);
    let rank = shape.rank() as i64;
    let clamp = |position: i64| {
        (if position < 0 { position.saturating_add(rank) } else { position }).clamp(0, rank) as usize
    };
    let start = clamp(call.int("start")?.unwrap_or(0));
    let end = clamp(call.int("end")?.unwrap_or(rank)).max(start);
    let sizes: Vec<i64> = shape[start..end].iter().map(|&size| size as i64).collect();
    Ok(vec![Operand::Constant(Constant::ints(lowering.output_name(), Shape::vector(sizes.len()), sizes))])
}

pub(super) fn size(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let count = lowering.shape(call.input(0)?).elements() as i64;
    Ok(vec![Operand::Constant(Constant::ints(lowering.output_name(), Shape::default(), vec![count]))])
}

/// The element type of that number in `TensorProto.DataType`.
fn element_type(number: i64) -> Result<ElementType> {
    Ok(match number {
        1 => ElementType::F32,
        2 => ElementType::U8,
        3 => ElementType::I8,
        4 => ElementType::U16,
        5 => ElementType::I16,
        6 => ElementType::I32,
        7 => ElementType::I64,
        9 => ElementType::Bool,
        10 => ElementType::F16,
        11 => ElementType::F64,
        12 => ElementType::U32,
        13 => ElementType::U64,
        16 => ElementType::BF16,
        other => return Err(Error::unsupported(format!("a cast to element type {other}"))),
    })
}

pub(super) fn cast(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    call.ignore("saturate");
    call.ignore("round_mode");
    let to = call.int("to")?.ok_or_else(|| Error::input("the attribute `to` is missing"))?;
    cast_to(lowering, call.input(0)?, element_type(to)?)
}

pub(super) fn cast_like(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    call.ignore("saturate");
    call.ignore("round_mode");
    let to = match call.input(1)? {
        Operand::Value(_) => ElementType::F32,
        Operand::Constant(like) => match like.data {
            Data::Int(_) => ElementType::I64,
            Data::Bool(_) => ElementType::Bool,
            Data::F32(_) => ElementType::F32,
            Data::F64 { .. } => ElementType::F64,
        },
    };
    cast_to(lowering, call.input(0)?, to)
}

fn cast_to(lowering: &mut Lowering, x: &Operand, to: ElementType) -> Result<Vec<Operand>> {
    match x {
        Operand::Constant(constant) => {
            let name = lowering.output_name().to_string();
            Ok(vec![Operand::Constant(lowering.folded(&constant.shape, || fold::cast(constant, to, &name))?)])
        }
        // A network is a function of real numbers: the precision that it is evaluated in is not part of it.
        Operand::Value(_) if matches!(to, ElementType::F32 | ElementType::F64) => Ok(vec![x.clone()]),
        Operand::Value(_) if matches!(to, ElementType::F16 | ElementType::BF16) => Err(Error::unsupported(
            "a cast of a value to half precision",
        )
        .hint("export the model in float32; mixed precision is a property of the run, not of the function")),
        Operand::Value(_) => Err(Error::unsupported(format!("a cast of a value to {to:?}"))
            .hint("rounding is not invertible; choose an output before the cast with `--output NAME`")),
    }
}

/// And, Or, Xor.
pub(super) fn logic(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let [a, b] = two_constants(call, "the operands of a logical operation")?;
    let operation: fn(bool, bool) -> bool = match call.op() {
        "And" => |a, b| a && b,
        "Or" => |a, b| a || b,
        _ => |a, b| a != b,
    };
    let shape = lowering.broadcast(&Operand::Constant(a.clone()), &Operand::Constant(b.clone()))?;
    let name = lowering.output_name().to_string();
    let result = lowering.folded(&shape.clone(), || fold::logic(operation, a, b, shape, &name))?;
    Ok(vec![Operand::Constant(result)])
}

pub(super) fn not(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let constant = only_constant(call, "the operands of a logical operation")?;
    let values: Vec<bool> = constant.as_bools()?.iter().map(|value| !value).collect();
    lowering.room(&constant.shape)?;
    Ok(vec![Operand::Constant(Constant::bools(lowering.output_name(), constant.shape.clone(), values))])
}

pub(super) fn compare(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let [a, b] = two_constants(call, "the operands of a comparison").hint(|| {
        "PyTorch's newer exporter writes Softplus with a comparison; `torch.onnx.export(…, dynamo=False)` writes it plainly"
    })?;
    let comparison = match call.op() {
        "Equal" => Comparison::Equal,
        "Less" => Comparison::Less,
        "LessOrEqual" => Comparison::LessOrEqual,
        "Greater" => Comparison::Greater,
        _ => Comparison::GreaterOrEqual,
    };
    let shape = lowering.broadcast(&Operand::Constant(a.clone()), &Operand::Constant(b.clone()))?;
    let name = lowering.output_name().to_string();
    let result = lowering.folded(&shape.clone(), || fold::compare(comparison, a, b, shape, &name))?;
    Ok(vec![Operand::Constant(result)])
}

/// IsNaN and IsInf of a value: false everywhere, since a network is a function of real numbers.
pub(super) fn never(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    call.ignore("detect_negative");
    call.ignore("detect_positive");
    let shape = lowering.shape(call.input(0)?);
    if let Operand::Constant(constant) = call.input(0)? {
        constant.numbers()?;
    }
    lowering.room(&shape)?;
    let values = vec![false; shape.elements()];
    Ok(vec![Operand::Constant(Constant::bools(lowering.output_name(), shape, values))])
}

/// Where: of constants, or a constant mask on values, which is an affine map.
pub(super) fn select(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    let condition = only_constant(call, "the condition of a Where")?;
    let (a, b) = (call.input(1)?, call.input(2)?);
    let name = lowering.output_name().to_string();
    let values = lowering.broadcast(a, b)?;
    if let (Operand::Constant(a), Operand::Constant(b)) = (a, b) {
        let shape = condition.shape.broadcast(&values).ok_or_else(|| {
            Error::input(format!("shapes {} and {values} do not broadcast to one", condition.shape))
        })?;
        let shape = Shape::new(shape.to_vec())?;
        let result = lowering.folded(&shape.clone(), || fold::select(condition, a, b, shape, &name))?;
        return Ok(vec![Operand::Constant(result)]);
    }
    // Scores or −∞: a mask of attention.
    for (x, other, chosen) in [(a, b, false), (b, a, true)] {
        if let (Operand::Value(_), Operand::Constant(constant)) = (x, other)
            && let Some(infinite) = mask::infinite(constant)
            && infinite.iter().all(|&infinite| infinite)
        {
            let masked: Vec<bool> = condition.as_bools()?.iter().map(|&value| value == chosen).collect();
            return Ok(vec![mask::apply(lowering, x, condition, &masked)?]);
        }
    }
    let mask = |chosen: bool| -> Result<Operand> {
        let values =
            condition.as_bools()?.iter().map(|&value| f32::from(u8::from(value == chosen))).collect();
        Ok(Operand::Constant(Constant {
            name: name.clone(),
            shape: condition.shape.clone(),
            data: Data::F32(values),
        }))
    };
    lowering.room(&condition.shape)?;
    let first = lowering.arithmetic(Arithmetic::Mul, a, &mask(true)?)?;
    let second = lowering.arithmetic(Arithmetic::Mul, b, &mask(false)?)?;
    Ok(vec![lowering.arithmetic(Arithmetic::Add, &first, &second)?])
}

/// Floor and Ceil of constants.
pub(super) fn round(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let constant = match call.input(0)? {
        Operand::Constant(constant) => constant,
        Operand::Value(_) => {
            return Err(Error::unsupported("rounding of a value").hint(
                "a function with jumps is not supported; choose an output before it with `--output NAME`",
            ));
        }
    };
    let name = lowering.output_name().to_string();
    let up = call.op() == "Ceil";
    let result = lowering.folded(&constant.shape, || {
        if !constant.is_float() {
            return Ok(constant.clone());
        }
        fold::map(constant, &name, |number| number.rounded(if up { f64::ceil } else { f64::floor }))
    })?;
    Ok(vec![Operand::Constant(result)])
}

/// `start, start + delta, …` before `limit`.
pub(super) fn range(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    call.ignore("stash_type");
    let name = lowering.output_name().to_string();
    let limits: Vec<&Constant> = (0..3)
        .map(|index| call.constant(index, "the limits of a Range"))
        .collect::<Result<Option<_>>>()?
        .ok_or_else(|| Error::input("a limit is missing"))?;
    if limits.iter().any(|limit| limit.len() != 1) {
        return Err(Error::input("each limit is one number"));
    }
    let count = |distance: f64, step: f64| -> Result<usize> {
        let count = (distance / step).ceil().max(0.0);
        if step == 0.0 || count.is_nan() || count > f64::from(i32::MAX) {
            return Err(Error::input("the step of a Range is 0, or it has too many elements"));
        }
        Ok(count as usize)
    };
    if limits.iter().all(|limit| !limit.is_float()) {
        let number = |index: usize| -> Result<i64> { Ok(limits[index].as_ints()?[0]) };
        let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
        // Exact in 128 bits: a float may round the count.
        let distance = i128::from(limit) - i128::from(start);
        let steps = if delta == 0 {
            0
        } else {
            (distance + i128::from(delta) - i128::from(delta.signum())) / i128::from(delta)
        };
        let shape = Shape::vector(count(steps.max(0) as f64, if delta == 0 { 0.0 } else { 1.0 })?);
        lowering.room(&shape)?;
        let values = (0..shape.elements() as i64).map(|index| start + index * delta).collect();
        return Ok(vec![Operand::Constant(Constant::ints(&name, shape, values))]);
    }
    let number = |index: usize| limits[index].one_number();
    let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
    let shape = Shape::vector(count(limit - start, delta)?);
    lowering.room(&shape)?;
    let exact = Enclosure::exact;
    let numbers: Vec<_> =
        (0..shape.elements()).map(|index| exact(start).add(exact(index as f64).mul(exact(delta)))).collect();
    Ok(vec![Operand::Constant(Constant::floats(&name, shape, &numbers)?)])
}
