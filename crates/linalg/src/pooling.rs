//! Max pooling of planes, with the position of each maximum for the way back.

use crate::{Real, WindowShape};

/// Written to `argmax` where a window lies wholly in the padding.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// y ← the maximum of each window, argmax ← its position in the plane; padding never wins, NaN does.
pub(crate) fn forward<T: Real>(window: &WindowShape, x: &[T], y: &mut [T], argmax: &mut [u32]) {
    let (input, output) = (window.input_area(), window.output_area());
    if output == 0 {
        return;
    }
    for (plane, (y, argmax)) in y.chunks_exact_mut(output).zip(argmax.chunks_exact_mut(output)).enumerate() {
        let x = &x[plane * input..][..input];
        for oy in 0..window.output[0] {
            for ox in 0..window.output[1] {
                let mut best = (T::from_f64(f64::NEG_INFINITY), NOWHERE);
                for iy in (0..window.kernel[0]).filter_map(|tap| window.source(0, oy, tap)) {
                    for ix in (0..window.kernel[1]).filter_map(|tap| window.source(1, ox, tap)) {
                        let at = iy * window.input[1] + ix;
                        if best.1 == NOWHERE || x[at] > best.0 || (x[at] != x[at] && best.0 == best.0) {
                            best = (x[at], at as u32);
                        }
                    }
                }
                (y[oy * window.output[1] + ox], argmax[oy * window.output[1] + ox]) = best;
            }
        }
    }
}

/// dx ← dy at the position of each maximum, summed where windows share it, 0 elsewhere.
pub(crate) fn vjp<T: Real>(window: &WindowShape, argmax: &[u32], dy: &[T], dx: &mut [T]) {
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
