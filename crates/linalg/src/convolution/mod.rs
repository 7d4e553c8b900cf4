//! 2-D convolution of channels-first samples, its adjoint, and the gradients of its weights and bias.
//!
//! The convolution, and its adjoint where the stride is 1, is direct ([`direct`]); what is left goes through a matrix
//! product with the columns that the windows see.

mod direct;

use direct::{Direct, Weights};

use crate::simd::Lane;
use crate::{ConvShape, View, ViewMut, WindowShape};

/// The sizes of one group.
struct Group {
    inputs: usize,
    outputs: usize,
    /// Numbers of a group's part of an input sample, an output sample and the weights.
    input_len: usize,
    output_len: usize,
    weight_len: usize,
}

impl Group {
    fn of(shape: &ConvShape) -> Group {
        let groups = shape.groups;
        assert!(
            groups > 0
                && shape.channels_in.is_multiple_of(groups)
                && shape.channels_out.is_multiple_of(groups),
            "channels {} -> {} in {groups} groups",
            shape.channels_in,
            shape.channels_out
        );
        let (inputs, outputs) = (shape.channels_in / groups, shape.channels_out / groups);
        Group {
            inputs,
            outputs,
            input_len: inputs * shape.window.input_area(),
            output_len: outputs * shape.window.output_area(),
            weight_len: outputs * shape.taps(),
        }
    }
}

/// The direct convolution of a group, if it is fit for one.
fn direct(shape: &ConvShape) -> Option<Direct> {
    let group = Group::of(shape);
    if group.inputs == 0 || group.outputs == 0 {
        return None;
    }
    Direct::new(group.inputs, group.outputs, &shape.window)
}

/// The adjoint as a convolution of the output's planes with the reversed kernel, if the stride is 1.
fn direct_adjoint(shape: &ConvShape) -> Option<Direct> {
    let (group, window) = (Group::of(shape), &shape.window);
    let reach = [0, 1].map(|axis| window.kernel[axis].saturating_sub(1) * window.dilations[axis]);
    let inside = window.pads[0] <= reach[0] && window.pads[1] <= reach[1];
    if window.strides != [1, 1]
        || !inside
        || group.inputs == 0
        || group.outputs == 0
        || window.output_area() == 0
    {
        return None;
    }
    let pads = [reach[0] - window.pads[0], reach[1] - window.pads[1]];
    let window = WindowShape { input: window.output, output: window.input, pads, ..*window };
    Direct::new(group.outputs, group.inputs, &window)
}

/// Numbers of scratch that the kernels need.
pub(crate) fn scratch_len(shape: &ConvShape) -> usize {
    let columns = shape.taps() * shape.window.output_area();
    [direct(shape), direct_adjoint(shape)]
        .into_iter()
        .flatten()
        .map(|direct| direct.scratch_len())
        .fold(columns, usize::max)
}

/// How many samples `len` numbers are.
fn samples(len: usize, sample: usize) -> usize {
    if sample == 0 {
        return 0;
    }
    assert!(len.is_multiple_of(sample), "{len} numbers are not samples of {sample}");
    len / sample
}

/// y ← w ∗ x + bias for each sample, or its positive part where `relu`.
pub(crate) fn forward<T: Lane>(
    shape: &ConvShape,
    x: &[T],
    w: &[T],
    (bias, relu): (Option<&[T]>, bool),
    y: &mut [T],
    scratch: &mut [T],
) {
    let samples = samples(y.len(), shape.output_len());
    let (group, area, taps) = (Group::of(shape), shape.window.output_area(), shape.taps());
    let direct = direct(shape);
    for index in 0..if samples == 0 { 0 } else { shape.groups } {
        let w = &w[index * group.weight_len..][..group.weight_len];
        let bias = bias.map(|bias| &bias[index * group.outputs..][..group.outputs]);
        if let Some(direct) = &direct {
            direct.run(
                (&x[index * group.input_len..], shape.input_len()),
                (w, Weights::Stored),
                (bias, relu),
                (&mut y[index * group.output_len..], shape.output_len()),
                samples,
                scratch,
            );
            continue;
        }
        for sample in 0..samples {
            let x = &x[sample * shape.input_len() + index * group.input_len..][..group.input_len];
            let y = &mut y[sample * shape.output_len() + index * group.output_len..][..group.output_len];
            for (channel, row) in y.chunks_exact_mut(area).enumerate() {
                row.fill(bias.map_or(T::ZERO, |bias| bias[channel]));
            }
            let columns = &mut scratch[..taps * area];
            gather(shape, x, columns);
            let columns = View::new(columns, taps, area);
            T::product(
                T::ONE,
                View::new(w, group.outputs, taps),
                columns,
                T::ONE,
                ViewMut::new(y, group.outputs, area),
            );
            if relu {
                // As the element-wise kernel: NaN stays.
                y.iter_mut().filter(|y| **y < T::ZERO).for_each(|y| *y = T::ZERO);
            }
        }
    }
}

/// dx ← wᵀ ∗ dy for each sample.
pub(crate) fn adjoint<T: Lane>(shape: &ConvShape, dy: &[T], w: &[T], dx: &mut [T], scratch: &mut [T]) {
    let samples = samples(dx.len(), shape.input_len());
    let (group, area, taps) = (Group::of(shape), shape.window.output_area(), shape.taps());
    let direct = direct_adjoint(shape);
    for index in 0..if samples == 0 { 0 } else { shape.groups } {
        let w = &w[index * group.weight_len..][..group.weight_len];
        if let Some(direct) = &direct {
            direct.run(
                (&dy[index * group.output_len..], shape.output_len()),
                (w, Weights::Adjoint),
                (None, false),
                (&mut dx[index * group.input_len..], shape.input_len()),
                samples,
                scratch,
            );
            continue;
        }
        for sample in 0..samples {
            let dy = &dy[sample * shape.output_len() + index * group.output_len..][..group.output_len];
            let dx = &mut dx[sample * shape.input_len() + index * group.input_len..][..group.input_len];
            let columns = &mut scratch[..taps * area];
            let (w, dy) = (View::new(w, group.outputs, taps), View::new(dy, group.outputs, area));
            T::product(T::ONE, w.transposed(), dy, T::ZERO, ViewMut::new(columns, taps, area));
            scatter(shape, columns, dx);
        }
    }
}

/// dw ← dw + Σ over samples of dy ⋆ x, and db ← db + Σ dy.
pub(crate) fn gradient<T: Lane>(
    shape: &ConvShape,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    db: Option<&mut [T]>,
    scratch: &mut [T],
) {
    let samples = samples(dy.len(), shape.output_len());
    let (group, area, taps) = (Group::of(shape), shape.window.output_area(), shape.taps());
    for sample in 0..samples {
        for index in 0..shape.groups {
            let x = &x[sample * shape.input_len() + index * group.input_len..][..group.input_len];
            let dy = &dy[sample * shape.output_len() + index * group.output_len..][..group.output_len];
            let dw = &mut dw[index * group.weight_len..][..group.weight_len];
            let columns = &mut scratch[..taps * area];
            gather(shape, x, columns);
            let columns = View::new(columns, taps, area).transposed();
            T::product(
                T::ONE,
                View::new(dy, group.outputs, area),
                columns,
                T::ONE,
                ViewMut::new(dw, group.outputs, taps),
            );
        }
    }
    if let Some(db) = db {
        for dy in dy.chunks_exact(shape.output_len().max(1)) {
            for (db, plane) in db.iter_mut().zip(dy.chunks_exact(area)) {
                *db += T::total(plane);
            }
        }
    }
}

/// The positions of an axis whose tap `tap` is inside the input, and the input's position under the first.
fn inside(window: &WindowShape, axis: usize, tap: usize) -> (std::ops::Range<usize>, usize) {
    let (stride, offset, pad) = (window.strides[axis], tap * window.dilations[axis], window.pads[axis]);
    let first = pad.saturating_sub(offset).div_ceil(stride);
    let end = (window.input[axis] + pad).saturating_sub(offset).div_ceil(stride).min(window.output[axis]);
    if first >= end { (0..0, 0) } else { (first..end, first * stride + offset - pad) }
}

/// Row (channel, tap) of `columns` holds what each window position sees under that tap.
fn gather<T: Lane>(shape: &ConvShape, x: &[T], columns: &mut [T]) {
    let window = &shape.window;
    let mut rows = columns.chunks_exact_mut(window.output_area().max(1));
    for plane in x.chunks_exact(window.input_area().max(1)) {
        for tap in 0..window.kernel_area() {
            let Some(row) = rows.next() else { return };
            let (ys, y) = inside(window, 0, tap / window.kernel[1]);
            let (xs, x) = inside(window, 1, tap % window.kernel[1]);
            row.fill(T::ZERO);
            for (step, line) in ys.enumerate() {
                let from = &plane[(y + step * window.strides[0]) * window.input[1]..][..window.input[1]][x..];
                let line = &mut row[line * window.output[1]..][..window.output[1]][xs.clone()];
                if window.strides[1] == 1 {
                    line.copy_from_slice(&from[..line.len()]);
                } else {
                    for (out, value) in line.iter_mut().zip(from.iter().step_by(window.strides[1])) {
                        *out = *value;
                    }
                }
            }
        }
    }
}

/// The adjoint of [`gather`].
fn scatter<T: Lane>(shape: &ConvShape, columns: &[T], dx: &mut [T]) {
    let window = &shape.window;
    dx.fill(T::ZERO);
    let mut rows = columns.chunks_exact(window.output_area().max(1));
    for plane in dx.chunks_exact_mut(window.input_area().max(1)) {
        for tap in 0..window.kernel_area() {
            let Some(row) = rows.next() else { return };
            let (ys, y) = inside(window, 0, tap / window.kernel[1]);
            let (xs, x) = inside(window, 1, tap % window.kernel[1]);
            for (step, line) in ys.enumerate() {
                let to =
                    &mut plane[(y + step * window.strides[0]) * window.input[1]..][..window.input[1]][x..];
                let line = &row[line * window.output[1]..][..window.output[1]][xs.clone()];
                for (to, value) in to.iter_mut().step_by(window.strides[1]).zip(line) {
                    *to += *value;
                }
            }
        }
    }
}
