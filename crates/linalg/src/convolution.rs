//! 2-D convolution of channels-first samples, its adjoint, and the gradients of its weights and bias.

use crate::{ConvShape, Real, View, ViewMut};

/// y ← w ∗ x + bias for each sample.
pub(crate) fn forward<T: Real>(
    shape: &ConvShape,
    x: &[T],
    w: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
    scratch: &mut [T],
) {
    let (area, taps) = (shape.window.output_area(), shape.taps());
    let (inputs, outputs) = (shape.channels_in / shape.groups, shape.channels_out / shape.groups);
    if shape.output_len() == 0 {
        return;
    }
    let group_len = inputs * shape.window.input_area();
    let columns = &mut scratch[..taps * area];
    for (sample, y) in y.chunks_exact_mut(shape.output_len()).enumerate() {
        let x = &x[sample * shape.input_len()..][..shape.input_len()];
        for (group, y) in y.chunks_exact_mut(outputs * area).enumerate() {
            let x = &x[group * group_len..][..group_len];
            let w = &w[group * outputs * taps..][..outputs * taps];
            if let Some(bias) = bias {
                for (row, b) in y.chunks_exact_mut(area).zip(&bias[group * outputs..]) {
                    row.fill(*b);
                }
            }
            let beta = if bias.is_some() { T::ONE } else { T::ZERO };
            gather(shape, x, columns);
            T::product(
                T::ONE,
                View::new(w, outputs, taps),
                View::new(columns, taps, area),
                beta,
                ViewMut::new(y, outputs, area),
            );
        }
    }
}

/// dx ← wᵀ ∗ dy for each sample.
pub(crate) fn adjoint<T: Real>(shape: &ConvShape, dy: &[T], w: &[T], dx: &mut [T], scratch: &mut [T]) {
    let (area, taps) = (shape.window.output_area(), shape.taps());
    let (inputs, outputs) = (shape.channels_in / shape.groups, shape.channels_out / shape.groups);
    if shape.input_len() == 0 {
        return;
    }
    let group_len = inputs * shape.window.input_area();
    let columns = &mut scratch[..taps * area];
    for (sample, dx) in dx.chunks_exact_mut(shape.input_len()).enumerate() {
        let dy = &dy[sample * shape.output_len()..][..shape.output_len()];
        for (group, dx) in dx.chunks_exact_mut(group_len).enumerate() {
            let dy = &dy[group * outputs * area..][..outputs * area];
            let w = &w[group * outputs * taps..][..outputs * taps];
            T::product(
                T::ONE,
                View::new(w, outputs, taps).transposed(),
                View::new(dy, outputs, area),
                T::ZERO,
                ViewMut::new(columns, taps, area),
            );
            scatter(shape, columns, dx);
        }
    }
}

/// dw ← dw + Σ over samples of dy ⋆ x, and db ← db + Σ dy.
pub(crate) fn weight_gradient<T: Real>(
    shape: &ConvShape,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    db: Option<&mut [T]>,
    scratch: &mut [T],
) {
    let (area, taps) = (shape.window.output_area(), shape.taps());
    let (inputs, outputs) = (shape.channels_in / shape.groups, shape.channels_out / shape.groups);
    if shape.output_len() == 0 {
        return;
    }
    let group_len = inputs * shape.window.input_area();
    let columns = &mut scratch[..taps * area];
    for (sample, dy) in dy.chunks_exact(shape.output_len()).enumerate() {
        let x = &x[sample * shape.input_len()..][..shape.input_len()];
        for (group, dy) in dy.chunks_exact(outputs * area).enumerate() {
            gather(shape, &x[group * group_len..][..group_len], columns);
            T::product(
                T::ONE,
                View::new(dy, outputs, area),
                View::new(columns, taps, area).transposed(),
                T::ONE,
                ViewMut::new(&mut dw[group * outputs * taps..][..outputs * taps], outputs, taps),
            );
        }
    }
    if let Some(db) = db {
        for dy in dy.chunks_exact(shape.output_len()) {
            for (db, plane) in db.iter_mut().zip(dy.chunks_exact(area)) {
                *db += T::total(plane);
            }
        }
    }
}

/// Row (channel, tap) of `columns` holds what each window position sees under that tap.
fn gather<T: Real>(shape: &ConvShape, x: &[T], columns: &mut [T]) {
    let window = &shape.window;
    let [height, width] = window.output;
    let mut rows = columns.chunks_exact_mut(height * width);
    for plane in x.chunks_exact(window.input_area()) {
        for tap_y in 0..window.kernel[0] {
            for tap_x in 0..window.kernel[1] {
                let Some(row) = rows.next() else { return };
                for (oy, line) in row.chunks_exact_mut(width).enumerate() {
                    let Some(iy) = window.source(0, oy, tap_y) else {
                        line.fill(T::ZERO);
                        continue;
                    };
                    for (ox, out) in line.iter_mut().enumerate() {
                        *out = window
                            .source(1, ox, tap_x)
                            .map_or(T::ZERO, |ix| plane[iy * window.input[1] + ix]);
                    }
                }
            }
        }
    }
}

/// The adjoint of [`gather`].
fn scatter<T: Real>(shape: &ConvShape, columns: &[T], dx: &mut [T]) {
    let window = &shape.window;
    let [height, width] = window.output;
    dx.fill(T::ZERO);
    let mut rows = columns.chunks_exact(height * width);
    for plane in dx.chunks_exact_mut(window.input_area()) {
        for tap_y in 0..window.kernel[0] {
            for tap_x in 0..window.kernel[1] {
                let Some(row) = rows.next() else { return };
                for (oy, line) in row.chunks_exact(width).enumerate() {
                    let Some(iy) = window.source(0, oy, tap_y) else { continue };
                    for (ox, value) in line.iter().enumerate() {
                        if let Some(ix) = window.source(1, ox, tap_x) {
                            plane[iy * window.input[1] + ix] += *value;
                        }
                    }
                }
            }
        }
    }
}
