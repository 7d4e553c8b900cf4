//! Sliding windows: convolution and pooling, with `auto_pad` and `ceil_mode` resolved.

use netinverse_base::{Error, Result};

use super::volume;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{AveragePool, Conv, Extremum, Linear, Op, Reduce, Shape, Window};

/// The most spatial axes of a pooling.
const MOST_AXES: usize = 8;

/// A list attribute of one positive number a spatial axis, 1 where absent.
pub(super) fn positive(call: &Call, name: &'static str, rank: usize) -> Result<Vec<usize>> {
    let Some(values) = call.ints(name)? else { return Ok(vec![1; rank]) };
    let sizes: Option<Vec<usize>> = values
        .iter()
        .map(|&value| usize::try_from(value).ok().filter(|&size| size > 0 && i32::try_from(size).is_ok()))
        .collect();
    sizes.filter(|sizes| sizes.len() == rank).ok_or_else(|| {
        Error::input(format!("the attribute `{name}` is {values:?}, {rank} positive numbers are expected"))
    })
}

/// The window over a value `[N, C, …spatial]`.
fn window(call: &Call, input: &Shape, kernel: Vec<usize>, dilated: bool, ceil: bool) -> Result<Window> {
    let rank = kernel.len();
    if !(1..=2).contains(&rank) && (call.op() == "Conv" || !(3..=MOST_AXES).contains(&rank)) {
        return Err(Error::unsupported(format!("a {} over {rank} spatial axes", call.op()))
            .hint("windows over 1 or 2 spatial axes are supported, poolings over more too"));
    }
    if input.rank() != rank + 2 {
        return Err(Error::input(format!(
            "a window over {rank} spatial axes needs a value of {} axes, not {input}",
            rank + 2
        )));
    }
    let strides = positive(call, "strides", rank)?;
    let dilations = if dilated { positive(call, "dilations", rank)? } else { vec![1; rank] };
    let given = call.ints("pads")?;
    let automatic = call.string("auto_pad")?.unwrap_or("NOTSET");
    let mut window = Window {
        kernel,
        strides,
        dilations,
        pads_begin: vec![0; rank],
        pads_end: vec![0; rank],
        output: vec![0; rank],
    };
    for axis in 0..rank {
        let size = input[axis + 2];
        let (stride, tap) = (window.strides[axis], window.dilations[axis]);
        let reach = (window.kernel[axis] - 1).checked_mul(tap).and_then(|reach| reach.checked_add(1));
        let reach = reach.ok_or_else(|| Error::input("the window overflows"))?;
        match automatic {
            "NOTSET" => {
                if let Some(pads) = given {
                    if pads.len() != 2 * rank {
                        return Err(Error::input(format!(
                            "{} pads are given, {} are expected",
                            pads.len(),
                            2 * rank
                        )));
                    }
                    let pad = |index: usize| {
                        usize::try_from(pads[index])
                            .ok()
                            .filter(|&pad| i32::try_from(pad).is_ok())
                            .ok_or_else(|| Error::input(format!("pads of {} are not supported", pads[index])))
                    };
                    window.pads_begin[axis] = pad(axis)?;
                    window.pads_end[axis] = pad(rank + axis)?;
                }
            }
            "VALID" => {}
            "SAME_UPPER" | "SAME_LOWER" => {
                let positions = size.div_ceil(stride);
                let total = ((positions.max(1) - 1) * stride + reach).saturating_sub(size);
                let (less, more) = (total / 2, total - total / 2);
                let (begin, end) = if automatic == "SAME_UPPER" { (less, more) } else { (more, less) };
                (window.pads_begin[axis], window.pads_end[axis]) = (begin, end);
                window.output[axis] = positions;
                continue;
            }
            other => return Err(Error::unsupported(format!("auto_pad `{other}`"))),
        }
        let padded = size + window.pads_begin[axis] + window.pads_end[axis];
        let Some(room) = padded.checked_sub(reach) else {
            return Err(Error::input(format!(
                "a window of {reach} positions does not fit a padded axis of {padded}, of a value of shape {input}"
            )));
        };
        let mut positions = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
        // A window that would start in the padding after the input is dropped.
        if ceil && (positions - 1) * stride >= size + window.pads_begin[axis] {
            positions -= 1;
        }
        window.output[axis] = positions;
    }
    Ok(window)
}

/// Refuses windows that lie wholly in the padding: a pooling has no value there.
fn check_windows_reach_input(window: &Window, input: &Shape) -> Result<()> {
    for axis in 0..window.rank() {
        let (size, begin) = (input[axis + 2], window.pads_begin[axis]);
        let reaches = |position: usize| {
            let start = position * window.strides[axis];
            let tap = begin.saturating_sub(start).div_ceil(window.dilations[axis]);
            tap < window.kernel[axis] && start + tap * window.dilations[axis] - begin < size
        };
        if let Some(position) = (0..window.output[axis]).find(|&position| !reaches(position)) {
            return Err(Error::unsupported(format!(
                "window {position} along axis {axis} sees nothing but padding"
            ))
            .hint("the padding of a pooling must be smaller than its kernel"));
        }
    }
    Ok(())
}

pub(super) fn conv(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    let x = call.input(0)?;
    let Some(weight) = call.constant(1, "the weights of a Conv")? else {
        return Err(Error::input("the weights are missing"));
    };
    let bias = call.constant(2, "the bias of a Conv")?;
    let shape = lowering.shape(x);
    let kernel = weight.shape.get(2..).unwrap_or_default().to_vec();
    if kernel.is_empty() || kernel.contains(&0) {
        return Err(Error::input(format!("weights of shape {} are no kernel", weight.shape)));
    }
    if let Some(declared) = call.ints("kernel_shape")?
        && !declared.iter().map(|&size| size as usize).eq(kernel.iter().copied())
    {
        return Err(Error::input(format!(
            "kernel_shape is {declared:?}, the weights have shape {}",
            weight.shape
        )));
    }
    let groups = call.int("group")?.unwrap_or(1);
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| Error::input("the number of groups is not positive"))?;
    let window = window(call, &shape, kernel, true, false)?;
    let taken = weight.shape[1].checked_mul(groups).ok_or_else(|| Error::input("the groups overflow"))?;
    if shape[1] != taken {
        if let Operand::Value(id) = x {
            lowering.misfit(*id, Some(1), taken, true);
        }
        return Err(Error::input(format!(
            "`{}` of shape {} takes {taken} channels in {groups} groups, the value has shape {shape}",
            weight.name, weight.shape
        )));
    }
    let x = lowering.value(x)?;
    let conv = Conv {
        weight: lowering.param(weight)?,
        bias: bias.map(|bias| lowering.param(bias)).transpose()?,
        window,
        groups,
    };
    Ok(vec![Operand::Value(lowering.emit(Op::Linear(Linear::Conv(conv)), &[x])?)])
}

/// The window of a pooling.
fn pooling(lowering: &mut Lowering, call: &Call, dilated: bool) -> Result<Window> {
    let input = lowering.shape(call.input(0)?);
    let rank = call.ints("kernel_shape")?.map(<[i64]>::len);
    let rank = rank.ok_or_else(|| Error::input("the attribute `kernel_shape` is missing"))?;
    let kernel = positive(call, "kernel_shape", rank)?;
    let ceil = call.opset >= 10 && call.flag("ceil_mode")?;
    let window = window(call, &input, kernel, dilated, ceil)?;
    // Before the windows are looked at one by one.
    if rank <= 2 {
        window.output_shape(&input)?;
    } else {
        lowering.room(&Shape::new([&input[..2], &window.output[..]].concat())?)?;
    }
    check_windows_reach_input(&window, &input)?;
    Ok(window)
}

pub(super) fn max_pool(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    // The order of the indices in the second output, which is refused where it is read.
    call.ignore("storage_order");
    let window = pooling(lowering, call, call.opset >= 10)?;
    if window.rank() > 2 {
        return Ok(vec![volume::max_pool(lowering, call.input(0)?, &window)?]);
    }
    let x = lowering.value(call.input(0)?)?;
    Ok(vec![Operand::Value(lowering.emit(Op::Extremum(Extremum::MaxPool(window)), &[x])?)])
}

pub(super) fn average_pool(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let count_padding = call.flag("count_include_pad")?;
    let window = pooling(lowering, call, call.opset >= 19)?;
    let pool = AveragePool { window, count_padding };
    if pool.window.rank() > 2 {
        return Ok(vec![volume::average_pool(lowering, call.input(0)?, &pool)?]);
    }
    let x = lowering.value(call.input(0)?)?;
    Ok(vec![Operand::Value(lowering.emit(Op::Linear(Linear::AveragePool(pool)), &[x])?)])
}

pub(super) fn global_average_pool(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    let rank = lowering.shape(x).rank();
    if rank < 3 {
        return Err(Error::input(format!("a value of shape {} has no spatial axes", lowering.shape(x))));
    }
    let axes = (2..rank).collect();
    Ok(vec![lowering.reduce(x, Reduce { axes, keep: true, mean: true })?])
}
