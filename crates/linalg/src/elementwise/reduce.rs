//! Sums and inner products, associated in a way that depends on the length and the vectors' width only.
#![allow(unsafe_code, reason = "vector loads")]

use pulp::{Simd, WithSimd};

use crate::simd::{Lane, dispatch};

/// Partial sums that hide the latency of an addition.
const CHAINS: usize = 4;

/// Σ x.
pub(crate) fn total<T: Lane>(x: &[T]) -> T {
    dispatch(Total(x))
}

/// Σ a ⊙ b.
pub(crate) fn dot<T: Lane>(a: &[T], b: &[T]) -> T {
    assert!(a.len() == b.len(), "slices of different lengths");
    dispatch(Dot(a, b))
}

struct Total<'a, T>(&'a [T]);

impl<T: Lane> WithSimd for Total<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> T {
        // SAFETY: the pointer is valid for the slice's length.
        unsafe { reduce::<T, S, 1>(s, [self.0.as_ptr()], self.0.len(), |sum, [x]| T::plus_v(s, sum, x)) }
    }
}

struct Dot<'a, T>(&'a [T], &'a [T]);

impl<T: Lane> WithSimd for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> T {
        // SAFETY: `dot` checked that the lengths agree.
        unsafe { dot_vectors(s, self.0.as_ptr(), self.1.as_ptr(), self.0.len()) }
    }
}

/// Σ a ⊙ b.
///
/// # Safety
/// Both pointers are valid for reads of `len` elements.
#[inline(always)]
pub(crate) unsafe fn dot_vectors<T: Lane, S: Simd>(s: S, a: *const T, b: *const T, len: usize) -> T {
    // SAFETY: the caller's.
    unsafe { reduce::<T, S, 2>(s, [a, b], len, |sum, [a, b]| T::fused(s, a, b, sum)) }
}

/// # Safety
/// The inputs are valid for reads of `len` elements.
#[inline(always)]
unsafe fn reduce<T: Lane, S: Simd, const K: usize>(
    s: S,
    inputs: [*const T; K],
    len: usize,
    step: impl Fn(T::V<S>, [T::V<S>; K]) -> T::V<S>,
) -> T {
    let lanes = T::lanes(s);
    let mut sums = [T::splat(s, T::ZERO); CHAINS];
    let mut at = 0;
    while at + CHAINS * lanes <= len {
        for (chain, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the whole block ends at or before len.
            *sum = step(*sum, inputs.map(|input| unsafe { T::load(s, input.add(at + chain * lanes)) }));
        }
        at += CHAINS * lanes;
    }
    let mut chain = 0;
    while at + lanes <= len {
        // SAFETY: the vector ends at or before len.
        sums[chain] = step(sums[chain], inputs.map(|input| unsafe { T::load(s, input.add(at)) }));
        at += lanes;
        chain += 1;
    }
    if at < len {
        let mask = T::head(s, len - at);
        // SAFETY: the mask holds the len − at elements that remain; the other lanes add 0.
        let last = inputs.map(|input| unsafe { T::load_masked(s, mask, input.add(at)) });
        sums[CHAINS - 1] = step(sums[CHAINS - 1], last);
    }
    T::sum_lanes(s, T::plus_v(s, T::plus_v(s, sums[0], sums[1]), T::plus_v(s, sums[2], sums[3])))
}
