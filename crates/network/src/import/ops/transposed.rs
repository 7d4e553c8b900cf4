//! Transposed convolution.

use netinverse_base::{Error, Result};

use super::convolution::positive;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{ConvTranspose, Linear, Op, Window};

/// A list attribute of numbers that are not negative, one a spatial axis.
fn sizes(call: &Call, name: &'static str, rank: usize) -> Result<Option<Vec<usize>>> {
    let Some(values) = call.ints(name)? else { return Ok(None) };
    let sizes: Option<Vec<usize>> = values
        .iter()
        .map(|&value| usize::try_from(value).ok().filter(|&size| i32::try_from(size).is_ok()))
        .collect();
    match sizes.filter(|sizes| sizes.len() == rank) {
        Some(sizes) => Ok(Some(sizes)),
        None => Err(Error::input(format!(
            "the attribute `{name}` is {values:?}, {rank} numbers that are not negative are expected"
        ))),
    }
}

/// How far the kernels of all positions reach, and what is cropped of that before and after.
fn reach(window: &Window, axis: usize) -> Result<usize> {
    let positions = window.output[axis].saturating_sub(1).checked_mul(window.strides[axis]);
    let kernel = (window.kernel[axis] - 1).checked_mul(window.dilations[axis]);
    let reach = positions.zip(kernel).and_then(|(p, k)| p.checked_add(k)).and_then(|r| r.checked_add(1));
    reach.filter(|&reach| i32::try_from(reach).is_ok()).ok_or_else(|| Error::input("the window overflows"))
}

pub(super) fn conv_transpose(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    let x = call.input(0)?;
    let Some(weight) = call.constant(1, "the weights of a ConvTranspose")? else {
        return Err(Error::input("the weights are missing"));
    };
    let bias = call.constant(2, "the bias of a ConvTranspose")?;
    let shape = lowering.shape(x);
    let kernel = weight.shape.get(2..).unwrap_or_default().to_vec();
    let rank = kernel.len();
    if !(1..=2).contains(&rank) || kernel.contains(&0) {
        return Err(Error::unsupported(format!("a ConvTranspose with weights of shape {}", weight.shape))
            .hint("kernels over 1 or 2 spatial axes are supported"));
    }
    if shape.rank() != rank + 2 {
        return Err(Error::input(format!(
            "a window over {rank} spatial axes needs a value of {} axes, not {shape}",
            rank + 2
        )));
    }
    if let Some(declared) = call.ints("kernel_shape")?
        && !declared.iter().map(|&size| size as usize).eq(kernel.iter().copied())
    {
        return Err(Error::input(format!(
            "kernel_shape is {declared:?}, the weights have shape {}",
            weight.shape
        )));
    }
    let groups = usize::try_from(call.int("group")?.unwrap_or(1)).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| Error::input("the number of groups is not positive"))?;
    if shape[1] != weight.shape[0] {
        if let Operand::Value(id) = x {
            lowering.misfit(*id, Some(1), weight.shape[0], true);
        }
        return Err(Error::input(format!(
            "`{}` of shape {} takes {} channels, the value has shape {shape}",
            weight.name, weight.shape, weight.shape[0]
        )));
    }
    let mut window = Window {
        kernel,
        strides: positive(call, "strides", rank)?,
        dilations: positive(call, "dilations", rank)?,
        pads_begin: vec![0; rank],
        pads_end: vec![0; rank],
        output: shape[2..].to_vec(),
    };
    let pads = call.ints("pads")?;
    let wanted = sizes(call, "output_shape", rank)?;
    let extra = sizes(call, "output_padding", rank)?.unwrap_or_else(|| vec![0; rank]);
    let automatic = call.string("auto_pad")?.unwrap_or("NOTSET");
    let mut output = vec![0; rank];
    for axis in 0..rank {
        let reached = reach(&window, axis)? + extra[axis];
        // What is asked for, where the crop follows from it.
        let fixed = match automatic {
            "SAME_UPPER" | "SAME_LOWER" if wanted.is_none() => {
                Some(window.output[axis].saturating_mul(window.strides[axis]))
            }
            "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER" => wanted.as_ref().map(|wanted| wanted[axis]),
            other => return Err(Error::unsupported(format!("auto_pad `{other}`"))),
        };
        let (begin, size) = match (fixed, pads) {
            (Some(size), _) => {
                let crop = reached.saturating_sub(size);
                let less = crop / 2;
                (if automatic == "SAME_UPPER" { less } else { crop - less }, size)
            }
            (None, Some(pads)) if automatic == "NOTSET" => {
                let pad = |index: usize| -> Result<usize> {
                    let pad = pads.get(index).and_then(|&pad| usize::try_from(pad).ok());
                    pad.filter(|_| pads.len() == 2 * rank)
                        .ok_or_else(|| Error::input(format!("pads of {pads:?} are not supported")))
                };
                let (begin, end) = (pad(axis)?, pad(rank + axis)?);
                let size = reached.checked_sub(begin).and_then(|size| size.checked_sub(end));
                (begin, size.unwrap_or(0))
            }
            (None, _) => (0, reached),
        };
        if size == 0 {
            return Err(Error::input(format!("nothing is left of axis {axis}: the padding crops all")));
        }
        window.pads_begin[axis] = begin;
        window.pads_end[axis] = reached.saturating_sub(begin + size);
        output[axis] = size;
    }
    let x = lowering.value(x)?;
    let conv = ConvTranspose {
        weight: lowering.param(weight)?,
        bias: bias.map(|bias| lowering.param(bias)).transpose()?,
        window,
        output,
        groups,
    };
    Ok(vec![Operand::Value(lowering.emit(Op::Linear(Linear::ConvTranspose(conv)), &[x])?)])
}
