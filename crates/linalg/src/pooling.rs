//! Max pooling of planes, with the position of each maximum for the way back.
//!
//! Windows that lie wholly inside the input are done a block of neighbours at a time, in fixed-size arrays that the
//! compiler turns into vectors; the others one by one.

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
        1 => dispatch(Planes::<T, 1> { window, x, y, argmax }),
        2 => dispatch(Planes::<T, 2> { window, x, y, argmax }),
        3 => dispatch(Planes::<T, 3> { window, x, y, argmax }),
        // No blocks: each window by itself.
        _ => dispatch(Planes::<T, 0> { window, x, y, argmax }),
    }
}

/// All planes, with the horizontal stride known to the compiler; 0 for any.
struct Planes<'a, T, const STRIDE: usize> {
    window: &'a WindowShape,
    x: &'a [T],
    y: &'a mut [T],
    argmax: &'a mut [u32],
}

impl<T: Lane, const STRIDE: usize> WithSimd for Planes<'_, T, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let window = self.window;
        let (input, output) = (window.input_area(), window.output_area());
        let [_, width] = window.output;
        let whole = [whole_windows(window, 0), whole_windows(window, 1)];
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
                        let reach = (window.kernel[0] - 1) * window.dilations[0] * window.input[1]
                            + (window.kernel[1] - 1) * window.dilations[1]
                            + BLOCK * STRIDE;
                        let x = self.x.get(plane * input + corner..plane * input + corner + reach);
                        let y = self.y.get_mut(at..at + BLOCK).and_then(<[T]>::first_chunk_mut::<BLOCK>);
                        let argmax =
                            self.argmax.get_mut(at..at + BLOCK).and_then(<[u32]>::first_chunk_mut::<BLOCK>);
                        if let (Some(x), Some(y), Some(argmax)) = (x, y, argmax) {
                            block::<T, STRIDE>(window, x, corner as u32, y, argmax);
                            column += BLOCK.min(whole[1].end - column);
                            continue;
                        }
                    }
                    let x = &self.x[plane * input..][..input];
                    (self.y[at], self.argmax[at]) = single(window, x, row, column);
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
fn wins<T: Lane>(value: T, best: T) -> bool {
    (value > best) | ((value != value) & (best == best))
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
