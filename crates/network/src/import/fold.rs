//! Constant folding: integers exactly in 64 bits, floats in enclosures.

use std::sync::Arc;

use netinverse_base::{Error, Place, Result};
use netinverse_onnx::ElementType;

use super::constant::{Constant, Data};
use super::enclosure::Enclosure;
use crate::{Layout, Reduce, Shape};

/// The four operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What several numbers are reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fold {
    Sum,
    Product,
    Max,
    Min,
}

type Integers = fn(i64, i64) -> Option<i64>;
type Numbers = fn(Enclosure, Enclosure) -> Enclosure;

fn overflow(name: &str) -> Error {
    Error::input("integer arithmetic overflows or divides by zero").at(Place::Tensor(name.to_string()))
}

/// One element-wise operation on two constants of one type, broadcast to `shape`.
fn binary(
    a: &Constant,
    b: &Constant,
    shape: Shape,
    name: &str,
    integers: Integers,
    numbers: Numbers,
) -> Result<Constant> {
    let (a, b) = (spread(a, &shape), spread(b, &shape));
    if let (Data::Int(a), Data::Int(b)) = (&a.data, &b.data) {
        let values: Option<Vec<i64>> = a.iter().zip(b.iter()).map(|(&a, &b)| integers(a, b)).collect();
        return Ok(Constant::ints(name, shape, values.ok_or_else(|| overflow(name))?));
    }
    let pairs = a.numbers()?.into_iter().zip(b.numbers()?);
    Constant::floats(name, shape, &pairs.map(|(a, b)| numbers(a, b)).collect::<Vec<_>>())
}

fn spread(constant: &Constant, shape: &Shape) -> Constant {
    if &constant.shape == shape {
        return constant.clone();
    }
    constant.laid_out(&Layout::Expand { shape: shape.clone() }, shape.clone())
}

/// The four operations; the division of integers truncates.
pub(super) fn arithmetic(
    operation: Arithmetic,
    a: &Constant,
    b: &Constant,
    shape: Shape,
    name: &str,
) -> Result<Constant> {
    let (integers, numbers): (Integers, Numbers) = match operation {
        Arithmetic::Add => (i64::checked_add, Enclosure::add),
        Arithmetic::Sub => (i64::checked_sub, Enclosure::sub),
        Arithmetic::Mul => (i64::checked_mul, Enclosure::mul),
        Arithmetic::Div => (i64::checked_div, Enclosure::div),
    };
    binary(a, b, shape, name, integers, numbers)
}

/// The larger or the smaller of two, element by element.
pub(super) fn extremum(max: bool, a: &Constant, b: &Constant, shape: Shape, name: &str) -> Result<Constant> {
    if max {
        binary(a, b, shape, name, |a, b| Some(a.max(b)), Enclosure::max)
    } else {
        binary(a, b, shape, name, |a, b| Some(a.min(b)), Enclosure::min)
    }
}

/// `aᵇ`. A float may have an integer exponent; integers have exponents that are not negative.
pub(super) fn power(a: &Constant, b: &Constant, shape: Shape, name: &str) -> Result<Constant> {
    let exponent = if a.is_float() { cast_exact(b, name)? } else { b.clone() };
    let integers = |a: i64, b: i64| u32::try_from(b).ok().and_then(|b| a.checked_pow(b));
    binary(a, &exponent, shape, name, integers, Enclosure::pow)
}

/// An integer constant as floats, exactly; floats stay.
fn cast_exact(constant: &Constant, name: &str) -> Result<Constant> {
    match &constant.data {
        Data::Int(values) => {
            let numbers: Vec<_> = values.iter().map(|&value| integer(value)).collect();
            Constant::floats(name, constant.shape.clone(), &numbers)
        }
        _ => Ok(constant.clone()),
    }
}

/// An integer as a real number: inexact above 2⁵³.
fn integer(value: i64) -> Enclosure {
    let nearest = value as f64;
    let error = (i128::from(value) - nearest as i128).unsigned_abs();
    Enclosure { value: nearest, radius: error as f64 }
}

/// A comparison, element by element.
pub(super) fn compare(
    comparison: Comparison,
    a: &Constant,
    b: &Constant,
    shape: Shape,
    name: &str,
) -> Result<Constant> {
    fn holds<T: PartialOrd + ?Sized>(comparison: Comparison, a: &T, b: &T) -> bool {
        match comparison {
            Comparison::Equal => a == b,
            Comparison::Less => a < b,
            Comparison::LessOrEqual => a <= b,
            Comparison::Greater => a > b,
            Comparison::GreaterOrEqual => a >= b,
        }
    }
    let (a, b) = (spread(a, &shape), spread(b, &shape));
    let values = match (&a.data, &b.data) {
        (Data::Int(a), Data::Int(b)) => {
            a.iter().zip(b.iter()).map(|(a, b)| holds(comparison, a, b)).collect()
        }
        (Data::Bool(a), Data::Bool(b)) if comparison == Comparison::Equal => {
            a.iter().zip(b.iter()).map(|(a, b)| a == b).collect()
        }
        _ => {
            let (a, b) = (a.numbers()?, b.numbers()?);
            if a.iter().chain(&b).any(|number| number.radius > 0.0) {
                return Err(Error::unsupported(
                    "a comparison of constants that are known only to within rounding",
                )
                .at(Place::Tensor(name.to_string())));
            }
            a.iter().zip(&b).map(|(a, b)| holds(comparison, &a.value, &b.value)).collect()
        }
    };
    Ok(Constant::bools(name, shape, values))
}

/// A logical operation, element by element.
pub(super) fn logic(
    operation: fn(bool, bool) -> bool,
    a: &Constant,
    b: &Constant,
    shape: Shape,
    name: &str,
) -> Result<Constant> {
    let (a, b) = (spread(a, &shape), spread(b, &shape));
    let values = a.as_bools()?.iter().zip(b.as_bools()?).map(|(&a, &b)| operation(a, b)).collect();
    Ok(Constant::bools(name, shape, values))
}

/// `a` where the condition holds, else `b`.
pub(super) fn select(
    condition: &Constant,
    a: &Constant,
    b: &Constant,
    shape: Shape,
    name: &str,
) -> Result<Constant> {
    fn pick<T: Copy>(condition: &[bool], a: &[T], b: &[T]) -> Arc<[T]> {
        condition.iter().zip(a.iter().zip(b)).map(|(&first, (&a, &b))| if first { a } else { b }).collect()
    }
    let (condition, a, b) = (spread(condition, &shape), spread(a, &shape), spread(b, &shape));
    let condition = condition.as_bools()?;
    let data = match (&a.data, &b.data) {
        (Data::Int(a), Data::Int(b)) => Data::Int(pick(condition, a, b)),
        (Data::Bool(a), Data::Bool(b)) => Data::Bool(pick(condition, a, b)),
        (Data::F32(a), Data::F32(b)) => Data::F32(pick(condition, a, b)),
        _ => return Constant::floats(name, shape, &pick(condition, &a.numbers()?, &b.numbers()?)),
    };
    Ok(Constant { name: name.to_string(), shape, data })
}

/// A function of each number of a float constant.
pub(super) fn map(constant: &Constant, name: &str, f: impl Fn(Enclosure) -> Enclosure) -> Result<Constant> {
    let numbers: Vec<_> = constant.numbers()?.into_iter().map(f).collect();
    Constant::floats(name, constant.shape.clone(), &numbers)
}

/// A function of each integer, `None` where it overflows.
pub(super) fn map_ints(constant: &Constant, name: &str, f: impl Fn(i64) -> Option<i64>) -> Result<Constant> {
    let values: Option<Vec<i64>> = constant.as_ints()?.iter().map(|&value| f(value)).collect();
    Ok(Constant::ints(name, constant.shape.clone(), values.ok_or_else(|| overflow(name))?))
}

/// `−c`, in the precision as stored.
pub(super) fn negate(constant: &Constant, name: &str) -> Result<Constant> {
    match &constant.data {
        Data::Int(_) => map_ints(constant, name, i64::checked_neg),
        Data::F32(values) => {
            let data = Data::F32(values.iter().map(|value| -value).collect());
            Ok(Constant { name: name.to_string(), shape: constant.shape.clone(), data })
        }
        _ => map(constant, name, Enclosure::neg),
    }
}

/// `1 / c`.
pub(super) fn reciprocal(constant: &Constant, name: &str) -> Result<Constant> {
    let zero = constant.numbers()?.iter().position(|number| number.value.abs() <= number.radius);
    match zero {
        Some(index) => Err(Error::input(format!("the network divides by 0, at index {index}"))
            .at(Place::Tensor(constant.name.clone()))),
        None => map(constant, name, |number| Enclosure::exact(1.0).div(number)),
    }
}

/// Sums or means over axes.
pub(super) fn sum(constant: &Constant, reduce: &Reduce, name: &str) -> Result<Constant> {
    let total = fold_axes(constant, &reduce.axes, reduce.keep, Fold::Sum, name)?;
    if !reduce.mean {
        return Ok(total);
    }
    let count: usize = reduce.axes.iter().map(|&axis| constant.shape[axis]).product();
    match &total.data {
        Data::Int(_) => map_ints(&total, name, |value| value.checked_div(count as i64)),
        _ => map(&total, name, |number| number.div(Enclosure::exact(count as f64))),
    }
}

/// One number for all elements that differ only in their positions along `axes`.
pub(super) fn fold_axes(
    constant: &Constant,
    axes: &[usize],
    keep: bool,
    fold: Fold,
    name: &str,
) -> Result<Constant> {
    let input = &constant.shape;
    let sizes = |keep: bool| -> Vec<usize> {
        let size = |axis: usize| if axes.contains(&axis) { keep.then_some(1) } else { Some(input[axis]) };
        (0..input.rank()).filter_map(size).collect()
    };
    // Where each element goes: the strides of the output, 0 along the axes that are folded.
    let kept = Shape::new(sizes(true))?;
    let strides: Vec<usize> = kept
        .strides()
        .iter()
        .enumerate()
        .map(|(axis, &stride)| if axes.contains(&axis) { 0 } else { stride })
        .collect();
    let mut targets = Vec::with_capacity(input.elements());
    let mut position = vec![0; input.rank()];
    for _ in 0..input.elements() {
        targets.push(position.iter().zip(&strides).map(|(p, stride)| p * stride).sum::<usize>());
        for axis in (0..position.len()).rev() {
            position[axis] += 1;
            if position[axis] < input[axis] {
                break;
            }
            position[axis] = 0;
        }
    }
    fn gather<T: Copy>(
        values: &[T],
        targets: &[usize],
        count: usize,
        f: impl Fn(T, T) -> Option<T>,
    ) -> Option<Vec<Option<T>>> {
        let mut results = vec![None; count];
        for (&value, &target) in values.iter().zip(targets) {
            results[target] = Some(match results[target] {
                None => value,
                Some(old) => f(old, value)?,
            });
        }
        Some(results)
    }
    let shape = Shape::new(sizes(keep))?;
    let empty = || {
        Error::input(format!("nothing to reduce in shape {input}")).at(Place::Tensor(constant.name.clone()))
    };
    if let Data::Int(values) = &constant.data {
        let f: Integers = match fold {
            Fold::Sum => i64::checked_add,
            Fold::Product => i64::checked_mul,
            Fold::Max => |a, b| Some(a.max(b)),
            Fold::Min => |a, b| Some(a.min(b)),
        };
        let neutral = match fold {
            Fold::Sum => Some(0),
            Fold::Product => Some(1),
            Fold::Max | Fold::Min => None,
        };
        let results = gather(values, &targets, shape.elements(), f).ok_or_else(|| overflow(name))?;
        let values: Option<Vec<i64>> = results.into_iter().map(|result| result.or(neutral)).collect();
        return Ok(Constant::ints(name, shape, values.ok_or_else(empty)?));
    }
    let f: Numbers = match fold {
        Fold::Sum => Enclosure::add,
        Fold::Product => Enclosure::mul,
        Fold::Max => Enclosure::max,
        Fold::Min => Enclosure::min,
    };
    let numbers = constant.numbers()?;
    let results = gather(&numbers, &targets, shape.elements(), |a, b| Some(f(a, b)));
    let neutral = match fold {
        Fold::Sum => Some(Enclosure::exact(0.0)),
        Fold::Product => Some(Enclosure::exact(1.0)),
        Fold::Max | Fold::Min => None,
    };
    let results: Option<Vec<Enclosure>> =
        results.and_then(|results| results.into_iter().map(|result| result.or(neutral)).collect());
    Constant::floats(name, shape, &results.ok_or_else(empty)?)
}

/// The product of two matrices `[m, k]` and `[k, n]`.
pub(super) fn matrix_product(a: &Constant, b: &Constant, name: &str) -> Result<Constant> {
    let (&[m, k], &[rows, n]) = (&a.shape[..], &b.shape[..]) else {
        return Err(Error::input(format!("shapes {} and {} are not two matrices", a.shape, b.shape)));
    };
    if k != rows {
        return Err(Error::input(format!("matrices of shapes {} and {} have no product", a.shape, b.shape)));
    }
    let shape = Shape::new([m, n])?;
    if let (Data::Int(_), Data::Int(_)) = (&a.data, &b.data) {
        return Err(Error::unsupported("a product of integer matrices"));
    }
    let (left, right) = (a.numbers()?, b.numbers()?);
    let mut product = vec![Enclosure::exact(0.0); m * n];
    for i in 0..m {
        for j in 0..k {
            let factor = left[i * k + j];
            for (sum, &other) in product[i * n..(i + 1) * n].iter_mut().zip(&right[j * n..(j + 1) * n]) {
                *sum = sum.add(factor.mul(other));
            }
        }
    }
    Constant::floats(name, shape, &product)
}

/// A cast as ONNX defines it, where that is unambiguous.
pub(super) fn cast(constant: &Constant, to: ElementType, name: &str) -> Result<Constant> {
    let shape = constant.shape.clone();
    let refuse = |what: &str| Err(Error::unsupported(what).at(Place::Tensor(constant.name.clone())));
    let range = match to {
        ElementType::I8 => Some((i64::from(i8::MIN), i64::from(i8::MAX))),
        ElementType::I16 => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
        ElementType::I32 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        ElementType::I64 => Some((i64::MIN, i64::MAX)),
        ElementType::U8 => Some((0, i64::from(u8::MAX))),
        ElementType::U16 => Some((0, i64::from(u16::MAX))),
        ElementType::U32 => Some((0, i64::from(u32::MAX))),
        ElementType::U64 => Some((0, i64::MAX)),
        _ => None,
    };
    if let Some((low, high)) = range {
        let values: Vec<i64> = match &constant.data {
            Data::Int(values) => values.to_vec(),
            Data::Bool(values) => values.iter().map(|&value| i64::from(value)).collect(),
            _ => {
                let numbers = constant.numbers()?;
                if numbers.iter().any(|number| number.radius > 0.0 || number.value.abs() >= 9.2e18) {
                    return refuse("a cast to integers of numbers that are not exact, or too large");
                }
                // Casting to an integer truncates.
                numbers.iter().map(|number| number.value.trunc() as i64).collect()
            }
        };
        if values.iter().any(|value| !(low..=high).contains(value)) {
            return refuse("a cast to an integer type that is too small for a value");
        }
        return Ok(Constant::ints(name, shape, values));
    }
    if to == ElementType::Bool {
        let values = match &constant.data {
            Data::Int(values) => values.iter().map(|&value| value != 0).collect(),
            Data::Bool(values) => values.to_vec(),
            _ => constant.numbers()?.iter().map(|number| number.value != 0.0).collect(),
        };
        return Ok(Constant::bools(name, shape, values));
    }
    let round: fn(f64) -> f64 = match to {
        ElementType::F32 => |value| f64::from(value as f32),
        ElementType::F64 => |value| value,
        ElementType::F16 => |value| half::f16::from_f64(value).to_f64(),
        ElementType::BF16 => |value| half::bf16::from_f64(value).to_f64(),
        _ => return refuse("a cast to this type"),
    };
    match (&constant.data, to) {
        // As stored, infinite limits included.
        (Data::F32(_), ElementType::F32 | ElementType::F64) | (Data::F64 { .. }, ElementType::F64) => {
            Ok(constant.clone())
        }
        (Data::Bool(values), _) => Ok(Constant {
            name: name.to_string(),
            shape,
            data: Data::F32(values.iter().map(|&v| f32::from(v)).collect()),
        }),
        _ => {
            let numbers: Vec<Enclosure> = match &constant.data {
                // Straight to float32: by way of float64 it would be rounded twice.
                Data::Int(values) if to == ElementType::F32 => {
                    values.iter().map(|&value| Enclosure::exact(f64::from(value as f32))).collect()
                }
                Data::Int(values) => {
                    values.iter().map(|&value| Enclosure::exact(round(value as f64))).collect()
                }
                _ => constant.numbers()?.into_iter().map(|number| number.rounded(round)).collect(),
            };
            let mut result = Constant::floats(name, shape, &numbers)?;
            if let (Data::F64 { values, radius: None }, ElementType::F32) = (&result.data, to) {
                result.data = Data::F32(values.iter().map(|&value| value as f32).collect());
            }
            Ok(result)
        }
    }
}
