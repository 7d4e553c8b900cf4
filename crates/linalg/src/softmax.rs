//! Softmax along an axis, and its derivative.

use crate::Real;

/// y ← softmax of x along the middle axis of `[…, length, inner]`, shifted by the maximum so that nothing overflows.
pub(crate) fn forward<T: Real>(x: &[T], y: &mut [T], length: usize, inner: usize) {
    if length * inner == 0 {
        return;
    }
    for (x, y) in x.chunks_exact(length * inner).zip(y.chunks_exact_mut(length * inner)) {
        for i in 0..inner {
            let max = (0..length).map(|k| x[k * inner + i]).fold(x[i], |a, b| if b > a { b } else { a });
            let mut total = T::ZERO;
            for k in 0..length {
                let e = T::from_f64((x[k * inner + i] - max).to_f64().exp());
                y[k * inner + i] = e;
                total += e;
            }
            for k in 0..length {
                y[k * inner + i] = y[k * inner + i] / total;
            }
        }
    }
}

/// dx ← y ⊙ (dy − ⟨y, dy⟩) along the middle axis of `[…, length, inner]`, given y = softmax(x).
pub(crate) fn vjp<T: Real>(y: &[T], dy: &[T], dx: &mut [T], length: usize, inner: usize) {
    if length * inner == 0 {
        return;
    }
    let group = length * inner;
    for ((y, dy), dx) in y.chunks_exact(group).zip(dy.chunks_exact(group)).zip(dx.chunks_exact_mut(group)) {
        for i in 0..inner {
            let mut dot = T::ZERO;
            for k in 0..length {
                dot += y[k * inner + i] * dy[k * inner + i];
            }
            for k in 0..length {
                dx[k * inner + i] = y[k * inner + i] * (dy[k * inner + i] - dot);
            }
        }
    }
}
