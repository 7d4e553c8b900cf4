//! The loop over a slice, with whole vectors first and one masked vector at the end.
#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Simd, WithSimd};

use crate::simd::{Lane, dispatch};

/// What becomes of the vectors of K inputs.
pub(crate) trait Pointwise<T: Lane, const K: usize>: Copy {
    /// The output's vector.
    fn at<S: Simd>(self, s: S, inputs: [T::V<S>; K]) -> T::V<S>;
}

/// A scalar function with its derivative.
pub(crate) trait Function<T: Lane>: Copy {
    /// f(x).
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S>;
    /// dy f′(x), given y = f(x).
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, y: T::V<S>, dy: T::V<S>) -> T::V<S>;
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<T: Lane, F: Function<T>> Pointwise<T, 1> for Value<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, [x]: [T::V<S>; 1]) -> T::V<S> {
        self.0.value(s, x)
    }
}

#[derive(Clone, Copy)]
struct Derivative<F>(F);

impl<T: Lane, F: Function<T>> Pointwise<T, 3> for Derivative<F> {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, [x, y, dy]: [T::V<S>; 3]) -> T::V<S> {
        self.0.vjp(s, x, y, dy)
    }
}

/// y ← f(x).
pub(crate) fn map<T: Lane>(f: impl Function<T>, x: &[T], y: &mut [T]) {
    apply(Value(f), [x], y);
}

/// dx ← dy ⊙ f′(x), given y = f(x).
pub(crate) fn vjp<T: Lane>(f: impl Function<T>, x: &[T], y: &[T], dy: &[T], dx: &mut [T]) {
    apply(Derivative(f), [x, y, dy], dx);
}

/// The outputs from K slices of the same length.
pub(crate) fn apply<T: Lane, const K: usize>(f: impl Pointwise<T, K>, inputs: [&[T]; K], output: &mut [T]) {
    assert!(inputs.iter().all(|input| input.len() == output.len()), "slices of different lengths");
    dispatch(Slices { f, inputs, output });
}

struct Slices<'a, T, F, const K: usize> {
    f: F,
    inputs: [&'a [T]; K],
    output: &'a mut [T],
}

impl<T: Lane, F: Pointwise<T, K>, const K: usize> WithSimd for Slices<'_, T, F, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        // SAFETY: `apply` checked that the slices have one length.
        unsafe { run(s, self.f, self.inputs.map(<[T]>::as_ptr), self.output.as_mut_ptr(), self.output.len()) }
    }
}

/// The loop itself; the output may be one of the inputs.
///
/// # Safety
/// The inputs are valid for reads, and the output for writes, of `len` elements.
#[inline(always)]
pub(crate) unsafe fn run<T: Lane, S: Simd, const K: usize>(
    s: S,
    f: impl Pointwise<T, K>,
    inputs: [*const T; K],
    output: *mut T,
    len: usize,
) {
    let lanes = T::lanes(s);
    let whole = len - len % lanes;
    let mut at = 0;
    while at < whole {
        // SAFETY: at + lanes ≤ len.
        unsafe {
            let vectors = inputs.map(|input| T::load(s, input.add(at)));
            T::store(s, output.add(at), f.at(s, vectors));
        }
        at += lanes;
    }
    if at < len {
        let mask = T::head(s, len - at);
        // SAFETY: the mask holds the len − at elements that remain.
        unsafe {
            let vectors = inputs.map(|input| T::load_masked(s, mask, input.add(at)));
            T::store_masked(s, mask, output.add(at), f.at(s, vectors));
        }
    }
}
