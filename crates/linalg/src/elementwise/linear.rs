//! Sums, products and affine maps of slices, in place or not, with operands repeated over rows or channels.
#![allow(unsafe_code, reason = "the loop takes pointers, so that outputs can be inputs")]

use pulp::{Simd, WithSimd};

use super::pointwise::{Pointwise, run};
use crate::simd::{Lane, dispatch};

macro_rules! pointwise {
    ($(#[$doc:meta])* $name:ident, $K:literal, |$s:ident, $inputs:pat_param| $value:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl<T: Lane> Pointwise<T, $K> for $name {
            #[inline(always)]
            fn at<S: Simd>(self, $s: S, $inputs: [T::V<S>; $K]) -> T::V<S> {
                $value
            }
        }
    };
}

pointwise!(/** a + b */ Sum, 2, |s, [a, b]| T::plus_v(s, a, b));
pointwise!(/** a − b */ Difference, 2, |s, [a, b]| T::minus_v(s, a, b));
pointwise!(/** a b */ Product, 2, |s, [a, b]| T::times_v(s, a, b));
pointwise!(/** a b + c */ Fused, 3, |s, [a, b, c]| T::fused(s, a, b, c));
pointwise!(/** max(a + b, 0) */ SumRelu, 2, |s, [a, b]| {
    let (sum, zero) = (T::plus_v(s, a, b), T::splat(s, T::ZERO));
    T::select(s, T::less(s, sum, zero), zero, sum)
});

/// α x
#[derive(Clone, Copy)]
pub(crate) struct Scale<T>(pub(crate) T);

impl<T: Lane> Pointwise<T, 1> for Scale<T> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, [x]: [T::V<S>; 1]) -> T::V<S> {
        T::times_v(s, x, T::splat(s, self.0))
    }
}

/// α x + y
#[derive(Clone, Copy)]
struct ScaleAdd<T>(T);

impl<T: Lane> Pointwise<T, 2> for ScaleAdd<T> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, [x, y]: [T::V<S>; 2]) -> T::V<S> {
        T::fused(s, x, T::splat(s, self.0), y)
    }
}

/// α x + β
#[derive(Clone, Copy)]
struct Affine<T>(T, T);

impl<T: Lane> Pointwise<T, 1> for Affine<T> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, [x]: [T::V<S>; 1]) -> T::V<S> {
        T::fused(s, x, T::splat(s, self.0), T::splat(s, self.1))
    }
}

/// A loop over `count` rows of `length` elements: where each operand begins, and how far it is from row to row.
struct Rows<T, R, const K: usize> {
    count: usize,
    length: usize,
    /// What is done in a row.
    operation: R,
    inputs: [(*const T, usize); K],
    output: (*mut T, usize),
}

impl<T: Lane, P: Pointwise<T, K>, R: Fn(usize) -> P, const K: usize> WithSimd for Rows<T, R, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        for row in 0..self.count {
            // SAFETY: whoever builds `Rows` checks that all rows of each operand lie inside its slice.
            unsafe {
                let inputs = self.inputs.map(|(start, step)| start.add(row * step));
                let output = self.output.0.add(row * self.output.1);
                run(s, (self.operation)(row), inputs, output, self.length);
            }
        }
    }
}

/// How many rows of `length` make up `total`; the rows must come out even.
fn rows_of(total: usize, length: usize) -> usize {
    if total == 0 {
        return 0;
    }
    assert!(length > 0 && total.is_multiple_of(length), "{total} elements are not rows of {length}");
    total / length
}

fn over_bias_rows<T: Lane, P: Pointwise<T, 2>>(operation: P, y: &mut [T], bias: &[T]) {
    let length = bias.len();
    let output = y.as_mut_ptr();
    dispatch(Rows {
        count: rows_of(y.len(), length),
        length,
        operation: |_| operation,
        inputs: [(output.cast_const(), length), (bias.as_ptr(), 0)],
        output: (output, length),
    });
}

/// Each row of y ← row + bias.
pub(crate) fn bias_add_rows<T: Lane>(y: &mut [T], bias: &[T]) {
    over_bias_rows(Sum, y, bias);
}

/// Each row of y ← max(row + bias, 0).
pub(crate) fn bias_relu_rows<T: Lane>(y: &mut [T], bias: &[T]) {
    over_bias_rows(SumRelu, y, bias);
}

/// y ← α x + y.
pub(crate) fn axpy<T: Lane>(alpha: T, x: &[T], y: &mut [T]) {
    assert!(x.len() == y.len(), "slices of different lengths");
    let output = y.as_mut_ptr();
    dispatch(Rows {
        count: 1,
        length: y.len(),
        operation: |_| ScaleAdd(alpha),
        inputs: [(x.as_ptr(), 0), (output.cast_const(), 0)],
        output: (output, 0),
    });
}

/// y ← y + a ⊙ b.
pub(crate) fn multiply_add<T: Lane>(a: &[T], b: &[T], y: &mut [T]) {
    assert!(a.len() == y.len() && b.len() == y.len(), "slices of different lengths");
    let output = y.as_mut_ptr();
    dispatch(Rows {
        count: 1,
        length: y.len(),
        operation: |_| Fused,
        inputs: [(a.as_ptr(), 0), (b.as_ptr(), 0), (output.cast_const(), 0)],
        output: (output, 0),
    });
}

/// y ← x ⊙ s + t in each row as long as s and t.
pub(crate) fn scale_shift<T: Lane>(x: &[T], scale: &[T], shift: &[T], y: &mut [T]) {
    let length = scale.len();
    assert!(x.len() == y.len() && shift.len() == length, "slices of different lengths");
    dispatch(Rows {
        count: rows_of(y.len(), length),
        length,
        operation: |_| Fused,
        inputs: [(x.as_ptr(), length), (scale.as_ptr(), 0), (shift.as_ptr(), 0)],
        output: (y.as_mut_ptr(), length),
    });
}

/// y ← x ⊙ s + t with one s and t for each channel of `[…, channels, inner]`.
pub(crate) fn scale_shift_channels<T: Lane>(x: &[T], scale: &[T], shift: &[T], inner: usize, y: &mut [T]) {
    let channels = scale.len();
    assert!(x.len() == y.len() && shift.len() == channels, "slices of different lengths");
    let planes = rows_of(y.len(), inner);
    assert!(planes == 0 || channels > 0 && planes.is_multiple_of(channels), "planes do not come in channels");
    dispatch(Rows {
        count: planes,
        length: inner,
        operation: |row| Affine(scale[row % channels], shift[row % channels]),
        inputs: [(x.as_ptr(), inner)],
        output: (y.as_mut_ptr(), inner),
    });
}
