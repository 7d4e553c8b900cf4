//! Constants broadcast to a value: which element belongs to which, told once.

use netinverse_linalg::Real;

use crate::Shape;

/// How the elements of a constant spread over a value.
#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    /// Along the middle axis of `[…, length, inner]`: one number for all (length 1), one an element
    /// (inner 1, length the size), one a channel.
    Middle { length: usize, inner: usize },
    /// The constant's element for each of the value's.
    Indexed { indices: Vec<u32> },
}

impl Pattern {
    /// The pattern of a constant of shape `own` that broadcasts to `value`.
    pub(super) fn new(own: &Shape, value: &Shape) -> Self {
        let lead = value.rank() - own.rank();
        let length = own.elements();
        let long = |axis: &usize| *axis >= lead && own[*axis - lead] > 1;
        let axes = || (0..value.rank()).filter(long);
        let (Some(first), Some(last)) = (axes().next(), axes().next_back()) else {
            return Pattern::Middle { length, inner: value.elements() };
        };
        // Between the first and the last long axis, short ones are harmless where the value is short too.
        if (first..=last).all(|axis| own[axis - lead] == value[axis]) {
            return Pattern::Middle { length, inner: value[last + 1..].iter().product() };
        }
        let (strides, value_strides) = (own.strides(), value.strides());
        let index = |element: usize| {
            axes()
                .map(|axis| element / value_strides[axis] % value[axis] * strides[axis - lead])
                .sum::<usize>()
        };
        let indices = (0..value.elements()).map(|element| index(element) as u32).collect();
        Pattern::Indexed { indices }
    }
}

impl Pattern {
    /// y ← s ∘ x, with s spread over each row of `size` elements.
    pub(super) fn scale<T: Real>(&self, s: &[T], x: &[T], y: &mut [T], size: usize) {
        match self {
            Pattern::Middle { length, inner: 1 } => {
                let length = (*length).max(1);
                for (x, y) in x.chunks_exact(length).zip(y.chunks_exact_mut(length)) {
                    T::multiply(x, s, y);
                }
            }
            Pattern::Middle { length, inner } => {
                let inner = (*inner).max(1);
                for (index, (x, y)) in x.chunks_exact(inner).zip(y.chunks_exact_mut(inner)).enumerate() {
                    T::scale(s[index % length], x, y);
                }
            }
            Pattern::Indexed { indices } => {
                let size = size.max(1);
                for (x, y) in x.chunks_exact(size).zip(y.chunks_exact_mut(size)) {
                    for (i, &index) in indices.iter().enumerate() {
                        y[i] = s[index as usize] * x[i];
                    }
                }
            }
        }
    }

    /// y ← y + t, with t spread over each row of `size` elements.
    pub(super) fn shift<T: Real>(&self, t: &[T], y: &mut [T], size: usize) {
        match self {
            Pattern::Middle { inner: 1, .. } => T::bias_add_rows(y, t),
            Pattern::Middle { length, inner } => {
                for (index, y) in y.chunks_exact_mut((*inner).max(1)).enumerate() {
                    let t = t[index % length];
                    for y in y {
                        *y += t;
                    }
                }
            }
            Pattern::Indexed { indices } => {
                for y in y.chunks_exact_mut(size.max(1)) {
                    for (y, &index) in y.iter_mut().zip(indices) {
                        *y += t[index as usize];
                    }
                }
            }
        }
    }

    /// y ← s ∘ x + t, where both spread alike.
    pub(super) fn scale_shift<T: Real>(&self, s: &[T], t: &[T], x: &[T], y: &mut [T], size: usize) {
        match self {
            Pattern::Middle { inner: 1, .. } => T::scale_shift(x, s, t, y),
            Pattern::Middle { inner, .. } if *inner > 0 => T::scale_shift_channels(x, s, t, *inner, y),
            _ => {
                self.scale(s, x, y, size);
                self.shift(t, y, size);
            }
        }
    }

    /// ds ← ds + Σ dy ∘ x over what each element of s spread to.
    pub(super) fn scale_gradient<T: Real>(&self, x: &[T], dy: &[T], ds: &mut [T], size: usize) {
        match self {
            Pattern::Middle { length, inner: 1 } => {
                let length = (*length).max(1);
                for (x, dy) in x.chunks_exact(length).zip(dy.chunks_exact(length)) {
                    T::multiply_add(x, dy, ds);
                }
            }
            Pattern::Middle { length, inner } => {
                let inner = (*inner).max(1);
                for (index, (x, dy)) in x.chunks_exact(inner).zip(dy.chunks_exact(inner)).enumerate() {
                    ds[index % length] += T::dot(x, dy);
                }
            }
            Pattern::Indexed { indices } => {
                let size = size.max(1);
                for (x, dy) in x.chunks_exact(size).zip(dy.chunks_exact(size)) {
                    for (i, &index) in indices.iter().enumerate() {
                        ds[index as usize] += x[i] * dy[i];
                    }
                }
            }
        }
    }

    /// dt ← dt + Σ dy over what each element of t spread to.
    pub(super) fn shift_gradient<T: Real>(&self, dy: &[T], dt: &mut [T], size: usize) {
        match self {
            Pattern::Middle { length, inner: 1 } => {
                for dy in dy.chunks_exact((*length).max(1)) {
                    T::axpy(T::ONE, dy, dt);
                }
            }
            Pattern::Middle { length, inner } => {
                for (index, dy) in dy.chunks_exact((*inner).max(1)).enumerate() {
                    dt[index % length] += T::total(dy);
                }
            }
            Pattern::Indexed { indices } => {
                for dy in dy.chunks_exact(size.max(1)) {
                    for (&dy, &index) in dy.iter().zip(indices) {
                        dt[index as usize] += dy;
                    }
                }
            }
        }
    }
}
