//! Sums, products, quotients and powers, with the broadcasting of NumPy.

use netinverse_base::{Error, Result};
use netinverse_onnx::ElementType;

use super::mask;
use crate::import::constant::{Constant, Data};
use crate::import::fold::{self, Arithmetic};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Function, Linear, Op, Shape};

pub(super) fn add(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    for (x, other) in [(a, b), (b, a)] {
        if let (Operand::Value(_), Operand::Constant(constant)) = (x, other)
            && let Some(masked) = mask::infinite(constant)
        {
            let finite = constant.without_infinities();
            let sum = lowering.arithmetic(Arithmetic::Add, x, &Operand::Constant(finite))?;
            return Ok(vec![mask::apply(lowering, &sum, constant, &masked)?]);
        }
    }
    if let Some(joined) = join_bias(lowering, call, a, b)? {
        return Ok(vec![joined]);
    }
    Ok(vec![lowering.arithmetic(Arithmetic::Add, a, b)?])
}

/// Makes the constant the bias of the matrix product whose value only this addition reads.
fn join_bias(lowering: &mut Lowering, call: &Call, a: &Operand, b: &Operand) -> Result<Option<Operand>> {
    let (id, bias, index) = match (a, b) {
        (Operand::Value(id), Operand::Constant(bias)) => (*id, bias, 0),
        (Operand::Constant(bias), Operand::Value(id)) => (*id, bias, 1),
        _ => return Ok(None),
    };
    let shape = lowering.builder.shape(id).clone();
    if !bias.is_float() {
        return Ok(None);
    }
    let Some(vector) = along_last_axis(lowering, bias, &shape)? else { return Ok(None) };
    Ok(lowering.join_bias(id, &call.node.inputs[index], &vector)?.then_some(Operand::Value(id)))
}

/// The constant as one number for each element of the last axis of `shape`, if that is how it broadcasts.
pub(super) fn along_last_axis(
    lowering: &mut Lowering,
    constant: &Constant,
    shape: &Shape,
) -> Result<Option<Constant>> {
    let Some(&last) = shape.last() else { return Ok(None) };
    let size = constant.shape.last().copied().unwrap_or(1);
    let fits = constant.shape.rank() <= shape.rank() && constant.len() == size && (size == last || size == 1);
    if !fits {
        return Ok(None);
    }
    let flat = Operand::Constant(constant.reshaped(Shape::vector(size)));
    match lowering.expand(&flat, &Shape::vector(last))? {
        Operand::Constant(vector) => Ok(Some(vector)),
        Operand::Value(_) => Ok(None),
    }
}

pub(super) fn sub(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    Ok(vec![lowering.arithmetic(Arithmetic::Sub, call.input(0)?, call.input(1)?)?])
}

pub(super) fn mul(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    Ok(vec![lowering.arithmetic(Arithmetic::Mul, call.input(0)?, call.input(1)?)?])
}

pub(super) fn div(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    Ok(vec![lowering.arithmetic(Arithmetic::Div, call.input(0)?, call.input(1)?)?])
}

pub(super) fn neg(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    Ok(vec![lowering.negate(call.input(0)?)?])
}

pub(super) fn sum(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    Ok(vec![total(lowering, call)?])
}

/// The sum of all inputs: one node where all are values of one shape.
fn total(lowering: &mut Lowering, call: &Call) -> Result<Operand> {
    let inputs = call.all_inputs()?;
    let shape = lowering.shape(inputs[0]);
    let mut ids = Vec::with_capacity(inputs.len());
    for input in &inputs {
        if let Operand::Value(id) = input
            && lowering.shape(input) == shape
        {
            ids.push(*id);
        }
    }
    if ids.len() == inputs.len() && ids.len() > 1 {
        let op = Op::Linear(Linear::Combine { coefficients: vec![1.0; ids.len()] });
        return Ok(Operand::Value(lowering.emit(op, &ids)?));
    }
    let mut result = inputs[0].clone();
    for input in &inputs[1..] {
        result = lowering.arithmetic(Arithmetic::Add, &result, input)?;
    }
    Ok(result)
}

pub(super) fn mean(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let total = total(lowering, call)?;
    let count = Operand::Constant(Constant::scalar(call.inputs.len() as f64).named("count"));
    Ok(vec![lowering.arithmetic(Arithmetic::Div, &total, &count)?])
}

pub(super) fn max(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    extremum(lowering, call, true)
}

pub(super) fn min(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    extremum(lowering, call, false)
}

/// The maximum or minimum of the inputs: a Clip where one is a constant number, else `a + max(b − a, 0)`.
fn extremum(lowering: &mut Lowering, call: &Call, max: bool) -> Result<Vec<Operand>> {
    let inputs = call.all_inputs()?;
    let mut result = inputs[0].clone();
    for input in &inputs[1..] {
        let shape = lowering.broadcast(&result, input)?;
        result = match (&result, *input) {
            (Operand::Constant(a), Operand::Constant(b)) => {
                lowering.room(&shape)?;
                let name = lowering.output_name().to_string();
                Operand::Constant(fold::extremum(max, a, b, shape, &name)?)
            }
            (x @ Operand::Value(_), Operand::Constant(limit))
            | (Operand::Constant(limit), x @ Operand::Value(_))
                if limit.len() == 1 =>
            {
                let (x, limit) = (lowering.expand(x, &shape)?, limit.one_number()?);
                let function = if max {
                    Function::Clip { low: limit, high: f64::INFINITY }
                } else {
                    Function::Clip { low: f64::NEG_INFINITY, high: limit }
                };
                if limit.is_infinite() {
                    return Err(Error::input("the extremum of a value and an infinity"));
                }
                lowering.function(&x, function)?
            }
            (a, b) => {
                // min(a, b) = a − max(a − b, 0)
                let (first, second) = if max { (b, a) } else { (a, b) };
                let difference = lowering.arithmetic(Arithmetic::Sub, first, second)?;
                let excess = lowering.function(&difference, Function::Relu)?;
                let operation = if max { Arithmetic::Add } else { Arithmetic::Sub };
                lowering.arithmetic(operation, a, &excess)?
            }
        };
    }
    Ok(vec![result])
}

/// Powers: of constants any, of values those with the same exponent for all.
pub(super) fn pow(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let (base, exponent) = (call.input(0)?, call.input(1)?);
    let shape = lowering.broadcast(base, exponent)?;
    if let (Operand::Constant(base), Operand::Value(_)) = (base, exponent) {
        return Ok(vec![exponential(lowering, base, exponent)?]);
    }
    let Some(exponents) = call.constant(1, "the exponents of a Pow")? else {
        return Err(Error::input("the exponent is missing"));
    };
    if let Operand::Constant(base) = base {
        lowering.room(&shape)?;
        let name = lowering.output_name().to_string();
        return Ok(vec![Operand::Constant(fold::power(base, exponents, shape, &name)?)]);
    }
    let numbers: Vec<f64> = if let Ok(ints) = exponents.as_ints() {
        ints.iter().map(|&value| value as f64).collect()
    } else {
        let numbers = exponents.numbers()?;
        if numbers.iter().any(|number| number.radius > 0.0) {
            return Err(Error::unsupported("an exponent that is known only to within rounding"));
        }
        numbers.iter().map(|number| number.value).collect()
    };
    let x = lowering.expand(base, &shape)?;
    if let Some(&exponent) = numbers.first()
        && numbers.iter().all(|&number| number == exponent)
    {
        return Ok(vec![power(lowering, &x, exponent)?]);
    }
    // A few exponents, each for some of the elements: powers of the whole, masked and added.
    let mut distinct = numbers.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() > MOST_EXPONENTS || distinct.iter().any(|&p| p < 0.0 || p.fract() != 0.0) {
        return Err(Error::unsupported("a Pow with a different exponent for each element")
            .hint("one exponent for all elements is supported, and up to 8 different whole numbers"));
    }
    let name = lowering.output_name().to_string();
    let mut sum: Option<Operand> = None;
    for exponent in distinct {
        lowering.room(&exponents.shape)?;
        let mask = numbers.iter().map(|&number| f32::from(u8::from(number == exponent))).collect();
        let mask = Constant { name: name.clone(), shape: exponents.shape.clone(), data: Data::F32(mask) };
        let part = power(lowering, &x, exponent)?;
        let part = lowering.arithmetic(Arithmetic::Mul, &part, &Operand::Constant(mask))?;
        sum = Some(match sum {
            Some(sum) => lowering.arithmetic(Arithmetic::Add, &sum, &part)?,
            None => part,
        });
    }
    sum.map(|sum| vec![sum]).ok_or_else(|| Error::input("a Pow without exponents"))
}

/// `bˣ = e^(x log b)`
fn exponential(lowering: &mut Lowering, base: &Constant, exponent: &Operand) -> Result<Operand> {
    let name = lowering.output_name().to_string();
    lowering.room(&base.shape)?;
    let base = if base.is_float() { base.clone() } else { fold::cast(base, ElementType::F64, &name)? };
    if let Some(index) = base.numbers()?.iter().position(|number| number.value <= number.radius) {
        return Err(Error::unsupported(format!(
            "a power of the constant at index {index}, which is not positive"
        ))
        .hint("a constant base must be positive where the exponent is computed"));
    }
    let logs = lowering.function(&Operand::Constant(base), Function::Log)?;
    let scaled = lowering.arithmetic(Arithmetic::Mul, exponent, &logs)?;
    lowering.function(&scaled, Function::Exp)
}

/// The most different exponents of one Pow.
const MOST_EXPONENTS: usize = 8;

/// One power of every element of a value.
fn power(lowering: &mut Lowering, x: &Operand, exponent: f64) -> Result<Operand> {
    let function = match exponent {
        1.0 => return Ok(x.clone()),
        // x⁰ is 1, also at 0.
        0.0 => {
            let factor = Constant::scalar(0.0).named("0");
            return lowering.scale(x, Some(&factor), Some(&Constant::scalar(1.0).named("1")));
        }
        -1.0 => Function::Reciprocal,
        0.5 => Function::Sqrt,
        _ => Function::Power { exponent },
    };
    lowering.function(x, function)
}
