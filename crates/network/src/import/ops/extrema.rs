//! Maxima, minima and products over axes, and over whole images.

use netinverse_base::{Error, Result};

use super::reduction::{keeps, reduced_axes};
use crate::import::fold::{self, Arithmetic, Fold};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Extremum, Function, Layout, Op, Reduce, Shape, Window};

/// The maximum over axes: one window over each run of them.
pub(super) fn maximum(lowering: &mut Lowering, x: &Operand, axes: &[usize], keep: bool) -> Result<Operand> {
    let shape = lowering.shape(x);
    let kept: Vec<usize> = (0..shape.rank()).filter(|axis| !axes.contains(axis)).collect();
    let sizes: Vec<usize> = if keep {
        (0..shape.rank()).map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect()
    } else {
        kept.iter().map(|&axis| shape[axis]).collect()
    };
    let run: usize = axes.iter().map(|&axis| shape[axis]).product();
    let output = Shape::new(sizes)?;
    if run == 0 {
        return Err(Error::input(format!("nothing to reduce in shape {shape}")));
    }
    if run == 1 {
        return lowering.reshape(x, output);
    }
    let turned = lowering.transpose(x, kept.iter().chain(axes).copied().collect())?;
    let flat = lowering.reshape(&turned, Shape::new([1, output.elements(), run])?)?;
    let window = Window {
        kernel: vec![run],
        strides: vec![1],
        dilations: vec![1],
        pads_begin: vec![0],
        pads_end: vec![0],
        output: vec![1],
    };
    let id = lowering.value(&flat)?;
    let most = Operand::Value(lowering.emit(Op::Extremum(Extremum::MaxPool(window)), &[id])?);
    lowering.reshape(&most, output)
}

/// The most factors of a ReduceProd.
const MOST_FACTORS: usize = 64;

/// The product over axes, factor by factor.
fn product(lowering: &mut Lowering, x: &Operand, axes: &[usize], keep: bool) -> Result<Operand> {
    let shape = lowering.shape(x);
    let kept: Vec<usize> = (0..shape.rank()).filter(|axis| !axes.contains(axis)).collect();
    let run: usize = axes.iter().map(|&axis| shape[axis]).product();
    if run == 0 || run > MOST_FACTORS {
        return Err(Error::unsupported(format!("a product of {run} elements of a value"))
            .hint("up to 64 factors are supported"));
    }
    let sizes: Vec<usize> = (0..shape.rank())
        .filter(|axis| keep || !axes.contains(axis))
        .map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] })
        .collect();
    let output = Shape::new(sizes)?;
    let turned = lowering.transpose(x, kept.iter().chain(axes).copied().collect())?;
    let flat = lowering.reshape(&turned, Shape::new([output.elements(), run])?)?;
    let mut result: Option<Operand> = None;
    for index in 0..run {
        let pick = Layout::Gather { axis: 1, indices: vec![index], shape: Vec::new() };
        let factor = lowering.layout(&flat, pick)?;
        result = Some(match result {
            Some(result) => lowering.arithmetic(Arithmetic::Mul, &result, &factor)?,
            None => factor,
        });
    }
    let result = result.ok_or_else(|| Error::input("nothing to multiply"))?;
    lowering.reshape(&result, output)
}

/// log Σ eˣ = m + log Σ e^(x − m), m the maximum.
pub(super) fn log_sum_exp(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let keep = keeps(call)?;
    let x = call.input(0)?;
    let Some(axes) = reduced_axes(lowering, call)? else { return Ok(vec![x.clone()]) };
    let shape = lowering.shape(x);
    let most = match x {
        Operand::Constant(constant) => {
            let name = lowering.output_name().to_string();
            let most = lowering
                .folded(&constant.shape, || fold::fold_axes(constant, &axes, true, Fold::Max, &name))?;
            Operand::Constant(most)
        }
        Operand::Value(_) => maximum(lowering, x, &axes, true)?,
    };
    let shifted = lowering.arithmetic(Arithmetic::Sub, x, &most)?;
    let powers = lowering.function(&shifted, Function::Exp)?;
    let sum = lowering.reduce(&powers, Reduce { axes: axes.clone(), keep: true, mean: false })?;
    let log = lowering.function(&sum, Function::Log)?;
    let result = lowering.arithmetic(Arithmetic::Add, &log, &most)?;
    if keep {
        return Ok(vec![result]);
    }
    let sizes: Vec<usize> =
        (0..shape.rank()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect();
    Ok(vec![lowering.reshape(&result, Shape::new(sizes)?)?])
}

/// ReduceMax, ReduceMin and ReduceProd.
pub(super) fn reduce(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let keep = keeps(call)?;
    let Some(axes) = reduced_axes(lowering, call)? else { return Ok(vec![call.input(0)?.clone()]) };
    let fold = match call.op() {
        "ReduceProd" => Fold::Product,
        "ReduceMax" => Fold::Max,
        _ => Fold::Min,
    };
    match call.input(0)? {
        Operand::Constant(constant) => {
            let name = lowering.output_name().to_string();
            let result =
                lowering.folded(&constant.shape, || fold::fold_axes(constant, &axes, keep, fold, &name))?;
            Ok(vec![Operand::Constant(result)])
        }
        x @ Operand::Value(_) => match fold {
            Fold::Max => Ok(vec![maximum(lowering, x, &axes, keep)?]),
            Fold::Min => {
                let mirrored = lowering.negate(x)?;
                let most = maximum(lowering, &mirrored, &axes, keep)?;
                Ok(vec![lowering.negate(&most)?])
            }
            _ => Ok(vec![product(lowering, x, &axes, keep)?]),
        },
    }
}

pub(super) fn global_max_pool(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let rank = lowering.shape(x).rank();
    if rank < 3 {
        return Err(Error::input(format!("a value of shape {} has no spatial axes", lowering.shape(x))));
    }
    Ok(vec![maximum(lowering, x, &(2..rank).collect::<Vec<_>>(), true)?])
}
