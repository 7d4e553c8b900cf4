//! Pooling of planes: maxima, with their positions for the way back or without, and sums.
//!
//! Windows that lie wholly inside the input are done a block of neighbours at a time, in fixed-size arrays that the
//! compiler turns into vectors; the others one by one.

#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Simd, WithSimd};

use crate::WindowShape;
use crate::simd::{Lane, dispatch};

/// Written to `argmax` where a window lies wholly in the padding.
const NOWHERE: u32 = u32::MAX;

/// Neighbouring windows in a block.
const BLOCK: usize = 16;

/// y ← the maximum of each window, argmax ← its position in the plane; padding never wins, NaN does.
pub(crate) fn forward<T: Lane>(window: &WindowShape, x: &[T], y: &mut [T], argmax: &mut [u32]) {
    let (input, output) = (window.input_area(), window.output_area());
    if output == 0 {
        return;
    }
    assert!(argmax.len() == y.len() && y.len().is_multiple_of(output), "planes of windows");
    assert!(x.len() >= y.len() / output * input, "x is too short");
    match window.strides[1] {
        1 => dispatch(Planes::<T, 1, true> { window, x, y, argmax }),
        2 => dispatch(Planes::<T, 2, true> { window, x, y, argmax }),
        3 => dispatch(Planes::<T, 3, true> { window, x, y, argmax }),
        // No blocks: each window by itself.
        _ => dispatch(Planes::<T, 0, true> { window, x, y, argmax }),
    }
}

/// y ← the maximum of each window, as [`forward`].
pub(crate) fn values<T: Lane>(window: &WindowShape, x: &[T], y: &mut [T]) {
    let (input, output) = (window.input_area(), window.output_area());
    if output == 0 {
        return;
    }
    assert!(y.len().is_multiple_of(output), "planes of windows");
    assert!(x.len() >= y.len() / output * input, "x is too short");
    let argmax = &mut [];
    let halved = [0, 1].iter().all(|&axis| window.input[axis] == 2 * window.output[axis]);
    let squares = window.kernel == [2, 2] && window.strides == [2, 2] && window.dilations == [1, 1];
    if halved && squares && window.pads == [0, 0] && 2 * window.output[1] <= PAIRS {
        dispatch(Halves { width: window.output[1], x: &x[..4 * y.len()], y });
        return;
    }
    match window.strides[1] {
        1 => dispatch(Planes::<T, 1, false> { window, x, y, argmax }),
        2 => dispatch(Planes::<T, 2, false> { window, x, y, argmax }),
        3 => dispatch(Planes::<T, 3, false> { window, x, y, argmax }),
        _ => dispatch(Planes::<T, 0, false> { window, x, y, argmax }),
    }
}

/// All planes, with the horizontal stride known to the compiler, 0 for any, and whether positions are wanted.
struct Planes<'a, T, const STRIDE: usize, const POSITIONS: bool> {
    window: &'a WindowShape,
    x: &'a [T],
    y: &'a mut [T],
    /// As long as y where positions are wanted.
    argmax: &'a mut [u32],
}

impl<T: Lane, const STRIDE: usize, const POSITIONS: bool> WithSimd for Planes<'_, T, STRIDE, POSITIONS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let window = self.window;
        let (input, output) = (window.input_area(), window.output_area());
        let [_, width] = window.output;
        let whole = [whole_windows(window, 0), whole_windows(window, 1)];
        let reach = window.kernel[0].saturating_sub(1) * window.dilations[0] * window.input[1]
            + window.kernel[1].saturating_sub(1) * window.dilations[1]
            + BLOCK * STRIDE;
        for plane in 0..self.y.len() / output {
            for row in 0..window.output[0] {
                let mut column = 0;
                while column < width {
                    let at = plane * output + row * width + column;
                    if STRIDE > 0 && whole[0].contains(&row) && whole[1].contains(&column) {
                        // A block may read behind its row, but not behind x, and may write windows of the next rows,
                        // which are overwritten when their turn comes.
                        let top = row * window.strides[0] - window.pads[0];
                        let left = column * STRIDE - window.pads[1];
                        let corner = top * window.input[1] + left;
                        let x = self.x.get(plane * input + corner..plane * input + corner + reach);
                        let y = self.y.get_mut(at..at + BLOCK).and_then(<[T]>::first_chunk_mut::<BLOCK>);
                        if let (Some(x), Some(y)) = (x, y) {
                            if POSITIONS {
                                let argmax = &mut self.argmax[at..at + BLOCK];
                                let argmax = argmax.first_chunk_mut::<BLOCK>().expect("a whole block");
                                block::<T, STRIDE>(window, x, corner as u32, y, argmax);
                            } else {
                                block_values::<T, STRIDE>(window, x, y);
                            }
                            column += BLOCK.min(whole[1].end - column);
                            continue;
                        }
                    }
                    let x = &self.x[plane * input..][..input];
                    let (value, position) = single(window, x, row, column);
                    self.y[at] = value;
                    if POSITIONS {
                        self.argmax[at] = position;
                    }
                    column += 1;
                }
            }
        }
    }
}

/// The windows along an axis that see no padding.
fn whole_windows(window: &WindowShape, axis: usize) -> std::ops::Range<usize> {
    let reach = window.kernel[axis].saturating_sub(1) * window.dilations[axis] + 1;
    let first = window.pads[axis].div_ceil(window.strides[axis]);
    let end = (window.input[axis] + window.pads[axis])
        .checked_sub(reach)
        .map_or(0, |last| (last / window.strides[axis] + 1).min(window.output[axis]));
    first..end
}

/// Whether `value` takes the place of `best`, which comes first.
#[inline(always)]
#[expect(clippy::eq_op, clippy::needless_bitwise_bool, reason = "NaN differs from itself; no branches")]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "true with NaN, too")]
fn wins<T: Lane>(value: T, best: T) -> bool {
    !(value <= best) & (best == best)
}

/// Every `STRIDE`-th number.
#[inline(always)]
fn spread<T: Lane, const STRIDE: usize>(x: &[T]) -> [T; BLOCK] {
    std::array::from_fn(|i| x[i * STRIDE])
}

/// A block of windows that see no padding; `x` begins at the first one's corner.
#[inline(always)]
fn block<T: Lane, const STRIDE: usize>(
    window: &WindowShape,
    x: &[T],
    corner: u32,
    y: &mut [T; BLOCK],
    argmax: &mut [u32; BLOCK],
) {
    let mut best = spread::<T, STRIDE>(&x[..BLOCK * STRIDE]);
    let mut from = [0u32; BLOCK];
    for tap_y in 0..window.kernel[0] {
        for tap_x in 0..window.kernel[1] {
            let offset = tap_y * window.dilations[0] * window.input[1] + tap_x * window.dilations[1];
            let values = spread::<T, STRIDE>(&x[offset..offset + BLOCK * STRIDE]);
            let better: [bool; BLOCK] = std::array::from_fn(|i| wins(values[i], best[i]));
            best = std::array::from_fn(|i| if better[i] { values[i] } else { best[i] });
            from = std::array::from_fn(|i| if better[i] { offset as u32 } else { from[i] });
        }
    }
    *y = best;
    *argmax = std::array::from_fn(|i| corner + (i * STRIDE) as u32 + from[i]);
}

/// The values of [`block`].
#[inline(always)]
fn block_values<T: Lane, const STRIDE: usize>(window: &WindowShape, x: &[T], y: &mut [T; BLOCK]) {
    let mut best = spread::<T, STRIDE>(&x[..BLOCK * STRIDE]);
    for tap_y in 0..window.kernel[0] {
        let line = &x[tap_y * window.dilations[0] * window.input[1]..];
        for tap_x in usize::from(tap_y == 0)..window.kernel[1] {
            let values = spread::<T, STRIDE>(&line[tap_x * window.dilations[1]..][..BLOCK * STRIDE]);
            best = std::array::from_fn(|i| if wins(values[i], best[i]) { values[i] } else { best[i] });
        }
    }
    *y = best;
}

/// One window anywhere.
fn single<T: Lane>(window: &WindowShape, x: &[T], row: usize, column: usize) -> (T, u32) {
    let mut best = (T::from_f64(f64::NEG_INFINITY), NOWHERE);
    for iy in (0..window.kernel[0]).filter_map(|tap| window.source(0, row, tap)) {
        for ix in (0..window.kernel[1]).filter_map(|tap| window.source(1, column, tap)) {
            let at = iy * window.input[1] + ix;
            if best.1 == NOWHERE || wins(x[at], best.0) {
                best = (x[at], at as u32);
            }
        }
    }
    best
}

/// dx ← dy at the position of each maximum, summed where windows share it, 0 elsewhere.
pub(crate) fn vjp<T: Lane>(window: &WindowShape, argmax: &[u32], dy: &[T], dx: &mut [T]) {
    let (input, output) = (window.input_area(), window.output_area());
    dx.fill(T::ZERO);
    if output == 0 || input == 0 {
        return;
    }
    for (plane, dx) in dx.chunks_exact_mut(input).enumerate() {
        let at = plane * output..(plane + 1) * output;
        for (&position, &value) in argmax[at.clone()].iter().zip(&dy[at]) {
            if position != NOWHERE {
                dx[position as usize] += value;
            }
        }
    }
}

/// Maxima of pairs that are kept at a time.
const PAIRS: usize = 1024;

/// Planes in squares of 2 × 2: one long line of pairs, and then rows of half the width, two by two. No plane has half a
/// square, so that all planes are one.
struct Halves<'a, T> {
    /// Of y.
    width: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Lane> WithSimd for Halves<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Halves { width, x, y } = self;
        let lanes = T::lanes(s);
        let mut pairs = [T::ZERO; PAIRS];
        // Of y, at a time.
        let rows = PAIRS / (2 * width);
        for (x, y) in x.chunks(4 * rows * width).zip(y.chunks_mut(rows * width)) {
            // The compiler makes vectors of this one, as it is long.
            for (most, pair) in pairs.iter_mut().zip(x.chunks_exact(2)) {
                *most = larger(pair[0], pair[1]);
            }
            for (y, pairs) in y.chunks_exact_mut(width).zip(pairs.chunks_exact(2 * width)) {
                let (above, below) = pairs.split_at(width);
                for ((y, a), b) in y.chunks_mut(lanes).zip(above.chunks(lanes)).zip(below.chunks(lanes)) {
                    let head = T::head(s, y.len());
                    // SAFETY: the mask is true in as many lanes as all three have numbers.
                    unsafe {
                        let a = T::load_masked(s, head, a.as_ptr());
                        let b = T::load_masked(s, head, b.as_ptr());
                        T::store_masked(s, head, y.as_mut_ptr(), larger_vector::<T, S>(s, a, b));
                    }
                }
            }
        }
    }
}

/// The one that [`wins`] names.
#[inline(always)]
fn larger<T: Lane>(best: T, value: T) -> T {
    if wins(value, best) { value } else { best }
}

/// [`larger`] for vectors.
#[inline(always)]
fn larger_vector<T: Lane, S: Simd>(s: S, best: T::V<S>, value: T::V<S>) -> T::V<S> {
    T::select(s, T::at_most(s, value, best), best, T::select(s, T::at_most(s, best, best), value, best))
}

/// Numbers of scratch for [`sums`]: two rows with their padding, and what vectors reach behind them.
pub(crate) fn scratch_len(window: &WindowShape) -> usize {
    2 * line_len(window)
}

/// Numbers that a row of windows sees, from the padding on, and two vectors.
fn line_len(window: &WindowShape) -> usize {
    let reach = window.kernel[1].saturating_sub(1) * window.dilations[1];
    let seen = window.output[1].saturating_sub(1) * window.strides[1] + reach + 1;
    seen.max(window.pads[1] + window.input[1]) + 2 * BLOCK
}

/// y ← `weights` ⊙ the sums of the windows, one weight for each window of a plane; padding is 0.
pub(crate) fn sums<T: Lane>(window: &WindowShape, weights: &[T], x: &[T], y: &mut [T], scratch: &mut [T]) {
    let (input, output) = (window.input_area(), window.output_area());
    if output == 0 {
        return;
    }
    assert!(weights.len() == output && y.len().is_multiple_of(output), "planes of windows");
    assert!(x.len() >= y.len() / output * input, "x is too short");
    let (columns, windows) = scratch[..scratch_len(window)].split_at_mut(line_len(window));
    columns.fill(T::ZERO);
    dispatch(Sums { window, weights, x, y, columns, windows });
}

/// The sums of all planes.
struct Sums<'a, T> {
    window: &'a WindowShape,
    weights: &'a [T],
    x: &'a [T],
    y: &'a mut [T],
    /// The sum of the rows that a row of windows sees, with zeros around it.
    columns: &'a mut [T],
    /// The sums of the windows that begin at each column, whatever the stride.
    windows: &'a mut [T],
}

impl<T: Lane> WithSimd for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Sums { window, weights, x, y, columns, windows } = self;
        let lanes = T::lanes(s);
        let (width, stride) = (window.input[1], window.strides[1]);
        let [_, outputs] = window.output;
        let starts = outputs.saturating_sub(1) * stride + 1;
        assert!(lanes <= BLOCK && columns.len() == line_len(window) && windows.len() == columns.len());
        for (plane, y) in y.chunks_exact_mut(weights.len()).enumerate() {
            let x = &x[plane * window.input_area()..][..window.input_area()];
            for (row, (y, weights)) in
                y.chunks_exact_mut(outputs).zip(weights.chunks_exact(outputs)).enumerate()
            {
                for at in (0..width).step_by(lanes) {
                    let count = (width - at).min(lanes);
                    let head = T::head(s, count);
                    let mut sum = T::splat(s, T::ZERO);
                    for tap in 0..window.kernel[0] {
                        if let Some(row) = window.source(0, row, tap) {
                            let from = &x[row * width + at..][..count];
                            // SAFETY: as many numbers as the mask has lanes.
                            sum = T::plus_v(s, sum, unsafe { T::load_masked(s, head, from.as_ptr()) });
                        }
                    }
                    let to = &mut columns[window.pads[1] + at..][..lanes];
                    // SAFETY: room for a vector; behind the row it writes zeros, which are the padding.
                    unsafe { T::store(s, to.as_mut_ptr(), sum) };
                }
                for at in (0..starts).step_by(lanes) {
                    let mut sum = T::splat(s, T::ZERO);
                    for tap in 0..window.kernel[1] {
                        let from = &columns[at + tap * window.dilations[1]..][..lanes];
                        // SAFETY: a whole vector.
                        sum = T::plus_v(s, sum, unsafe { T::load(s, from.as_ptr()) });
                    }
                    let to = &mut windows[at..][..lanes];
                    // SAFETY: room for a vector.
                    unsafe { T::store(s, to.as_mut_ptr(), sum) };
                }
                for ((y, weight), sum) in y.iter_mut().zip(weights).zip(windows.iter().step_by(stride)) {
                    *y = *weight * *sum;
                }
            }
        }
    }
}
