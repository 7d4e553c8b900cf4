//! Softmax along an axis, and its derivative.
#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Simd, WithSimd};

use crate::elementwise::{Series, exp_vector};
use crate::simd::{Lane, dispatch};

/// y ← softmax of x along the middle axis of `[…, length, inner]`, shifted by the maximum so that nothing overflows.
pub(crate) fn forward<T: Series>(x: &[T], y: &mut [T], length: usize, inner: usize) {
    assert!(x.len() == y.len(), "slices of different lengths");
    dispatch(Groups { inputs: [x, x], output: y, length, inner, kernel: Forward });
}

/// dx ← y ⊙ (dy − ⟨y, dy⟩) along the middle axis of `[…, length, inner]`, given y = softmax(x).
pub(crate) fn vjp<T: Series>(y: &[T], dy: &[T], dx: &mut [T], length: usize, inner: usize) {
    assert!(y.len() == dx.len() && dy.len() == dx.len(), "slices of different lengths");
    dispatch(Groups { inputs: [y, dy], output: dx, length, inner, kernel: Vjp });
}

struct Groups<'a, T, K> {
    inputs: [&'a [T]; 2],
    output: &'a mut [T],
    length: usize,
    inner: usize,
    kernel: K,
}

/// What is done to one softmax (rows) or to as many as there are lanes (columns).
trait Kernel<T: Series>: Copy {
    /// A contiguous group.
    fn row<S: Simd>(self, s: S, inputs: [&[T]; 2], output: &mut [T]);

    /// The groups of the columns where the mask is true, `step` apart from element to element.
    ///
    /// # Safety
    /// The pointers are valid for the masked lanes at each multiple of `step` below `length * step`.
    unsafe fn columns<S: Simd>(
        self,
        s: S,
        mask: T::M<S>,
        inputs: [*const T; 2],
        output: *mut T,
        length: usize,
        step: usize,
    );
}

impl<T: Series, K: Kernel<T>> WithSimd for Groups<'_, T, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let group = self.length * self.inner;
        if group == 0 {
            return;
        }
        let lanes = T::lanes(s);
        for (index, output) in self.output.chunks_exact_mut(group).enumerate() {
            let inputs = self.inputs.map(|input| &input[index * group..][..group]);
            if self.inner == 1 {
                self.kernel.row(s, inputs, output);
                continue;
            }
            for column in (0..self.inner).step_by(lanes) {
                let mask = T::head(s, lanes.min(self.inner - column));
                // SAFETY: the masked lanes are columns of this group, whose rows are `inner` apart.
                unsafe {
                    let inputs = inputs.map(|input| input.as_ptr().add(column));
                    let output = output.as_mut_ptr().add(column);
                    self.kernel.columns(s, mask, inputs, output, self.length, self.inner);
                }
            }
        }
    }
}

/// The larger; NaN wins over a number that comes first.
#[inline(always)]
fn larger<T: Lane, S: Simd>(s: S, a: T::V<S>, b: T::V<S>) -> T::V<S> {
    T::select(s, T::less(s, b, a), a, b)
}

#[derive(Clone, Copy)]
struct Forward;

impl<T: Series> Kernel<T> for Forward {
    #[inline(always)]
    fn row<S: Simd>(self, s: S, [x, _]: [&[T]; 2], y: &mut [T]) {
        // NaN anywhere reaches every output through the sum, so the maximum may skip it.
        let max = x.iter().fold(T::from_f64(f64::NEG_INFINITY), |a, &b| if b > a { b } else { a });
        let lanes = T::lanes(s);
        let max = T::splat(s, max);
        let mut sum = T::splat(s, T::ZERO);
        for at in (0..x.len()).step_by(lanes) {
            let count = lanes.min(x.len() - at);
            let mask = T::head(s, count);
            // SAFETY: the mask holds the elements that remain.
            unsafe {
                let e =
                    exp_vector::<T, S>(s, T::minus_v(s, T::load_masked(s, mask, x.as_ptr().add(at)), max));
                T::store_masked(s, mask, y.as_mut_ptr().add(at), e);
                // What was stored, with zeros behind the end.
                sum = T::plus_v(s, sum, T::load_masked(s, mask, y.as_ptr().add(at)));
            }
        }
        let total = T::sum_lanes(s, sum);
        for y in y.iter_mut() {
            *y /= total;
        }
    }

    #[inline(always)]
    unsafe fn columns<S: Simd>(
        self,
        s: S,
        mask: T::M<S>,
        [x, _]: [*const T; 2],
        y: *mut T,
        length: usize,
        step: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let mut max = T::load_masked(s, mask, x);
            for k in 1..length {
                max = larger::<T, S>(s, max, T::load_masked(s, mask, x.add(k * step)));
            }
            let mut sum = T::splat(s, T::ZERO);
            for k in 0..length {
                let e = exp_vector::<T, S>(s, T::minus_v(s, T::load_masked(s, mask, x.add(k * step)), max));
                T::store_masked(s, mask, y.add(k * step), e);
                sum = T::plus_v(s, sum, e);
            }
            for k in 0..length {
                let e = T::load_masked(s, mask, y.add(k * step));
                T::store_masked(s, mask, y.add(k * step), T::over_v(s, e, sum));
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Vjp;

impl<T: Series> Kernel<T> for Vjp {
    #[inline(always)]
    fn row<S: Simd>(self, s: S, [y, dy]: [&[T]; 2], dx: &mut [T]) {
        // SAFETY: the three slices have one length.
        let mean = unsafe { crate::elementwise::dot_vectors(s, y.as_ptr(), dy.as_ptr(), y.len()) };
        for i in 0..dx.len() {
            dx[i] = y[i] * (dy[i] - mean);
        }
    }

    #[inline(always)]
    unsafe fn columns<S: Simd>(
        self,
        s: S,
        mask: T::M<S>,
        [y, dy]: [*const T; 2],
        dx: *mut T,
        length: usize,
        step: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            let mut mean = T::splat(s, T::ZERO);
            for k in 0..length {
                let (y, dy) =
                    (T::load_masked(s, mask, y.add(k * step)), T::load_masked(s, mask, dy.add(k * step)));
                mean = T::fused(s, y, dy, mean);
            }
            for k in 0..length {
                let (y, dy) =
                    (T::load_masked(s, mask, y.add(k * step)), T::load_masked(s, mask, dy.add(k * step)));
                T::store_masked(s, mask, dx.add(k * step), T::times_v(s, y, T::minus_v(s, dy, mean)));
            }
        }
    }
}
