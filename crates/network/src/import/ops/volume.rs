//! Pooling over three spatial axes or more: every window is gathered, then reduced.

use netinverse_base::{Error, Result};

use super::extrema::maximum;
use crate::import::constant::Constant;
use crate::import::enclosure::Enclosure;
use crate::import::fold::Arithmetic;
use crate::import::lowering::{Lowering, Operand};
use crate::{AveragePool, Layout, PadMode, Reduce, Shape, Window};

/// All index tuples below `sizes`, the last axis fastest.
fn grid(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &size in sizes {
        all = all.iter().flat_map(|head| (0..size).map(move |i| [head.as_slice(), &[i]].concat())).collect();
    }
    all
}

/// For each position of the window the elements of the flattened image under its taps; `None` in the padding.
fn taps(lowering: &mut Lowering, window: &Window, spatial: &[usize]) -> Result<Vec<Vec<Option<usize>>>> {
    let count = |sizes: &[usize]| sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    let all = count(&window.output).zip(count(&window.kernel)).and_then(|(a, b)| a.checked_mul(b));
    lowering.room_for(all.ok_or_else(|| Error::input("the windows overflow"))?)?;
    let kernel = grid(&window.kernel);
    let source = |position: &[usize], tap: &[usize]| {
        (0..spatial.len()).try_fold(0, |flat, axis| {
            let source = window.source(axis, position[axis], tap[axis], spatial[axis])?;
            Some(flat * spatial[axis] + source)
        })
    };
    let positions = grid(&window.output);
    Ok(positions.iter().map(|position| kernel.iter().map(|tap| source(position, tap)).collect()).collect())
}

/// `[N, C, plane]` gathered to `[N, C, positions, taps]`.
fn windows(lowering: &mut Lowering, flat: &Operand, indices: Vec<usize>, taps: usize) -> Result<Operand> {
    let shape = vec![indices.len() / taps, taps];
    lowering.layout(flat, Layout::Gather { axis: 2, indices, shape })
}

fn flattened(lowering: &mut Lowering, x: &Operand, shape: &Shape) -> Result<Operand> {
    lowering.reshape(x, Shape::new([shape[0], shape[1], shape[2..].iter().product()])?)
}

fn output_shape(shape: &Shape, window: &Window) -> Result<Shape> {
    Shape::new([&shape[..2], &window.output[..]].concat())
}

pub(super) fn max_pool(lowering: &mut Lowering, x: &Operand, window: &Window) -> Result<Operand> {
    let shape = lowering.shape(x);
    let taps = taps(lowering, window, &shape[2..])?;
    let count = taps.first().map_or(0, Vec::len);
    let mut indices = Vec::with_capacity(taps.len() * count);
    for taps in &taps {
        // An element twice does not change the maximum: the padding is one that is inside.
        let inside = taps.iter().flatten().next();
        let inside = *inside.ok_or_else(|| Error::input("a window sees nothing but padding"))?;
        indices.extend(taps.iter().map(|tap| tap.unwrap_or(inside)));
    }
    let flat = flattened(lowering, x, &shape)?;
    let windows = windows(lowering, &flat, indices, count)?;
    let most = maximum(lowering, &windows, &[3], false)?;
    lowering.reshape(&most, output_shape(&shape, window)?)
}

pub(super) fn average_pool(lowering: &mut Lowering, x: &Operand, pool: &AveragePool) -> Result<Operand> {
    let shape = lowering.shape(x);
    let window = &pool.window;
    let taps = taps(lowering, window, &shape[2..])?;
    let count = taps.first().map_or(0, Vec::len);
    let plane: usize = shape[2..].iter().product();
    // One zero behind the image stands for the padding.
    let indices = taps.iter().flatten().map(|tap| tap.unwrap_or(plane)).collect();
    let flat = flattened(lowering, x, &shape)?;
    let (before, after) = (vec![0; 3], vec![0, 0, 1]);
    let padded = lowering.layout(&flat, Layout::Pad { before, after, mode: PadMode::Constant(0.0) })?;
    let windows = windows(lowering, &padded, indices, count)?;
    let sums = lowering.reduce(&windows, Reduce { axes: vec![3], keep: false, mean: false })?;
    let one = Enclosure::exact(1.0);
    let shares: Vec<Enclosure> = grid(&window.output)
        .iter()
        .map(|position| one.div(Enclosure::exact(pool.divisor(position, &shape[2..]) as f64)))
        .collect();
    let shares = Constant::floats("shares", Shape::vector(shares.len()), &shares)?;
    let means = lowering.arithmetic(Arithmetic::Mul, &sums, &Operand::Constant(shares))?;
    lowering.reshape(&means, output_shape(&shape, window)?)
}
