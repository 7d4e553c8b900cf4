//! Functions without transcendental parts. Derivatives at kinks are PyTorch's; NaN passes through.

use pulp::Simd;

use super::Function;
use crate::simd::Lane;

/// max(x, 0), with derivative 0 at 0.
#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl<T: Lane> Function<T> for Relu {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        let zero = T::splat(s, T::ZERO);
        T::select(s, T::less(s, x, zero), zero, x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        let zero = T::splat(s, T::ZERO);
        T::select(s, T::less(s, zero, x), dy, zero)
    }
}

/// x above 0, αx elsewhere, with derivative α at 0.
#[derive(Clone, Copy)]
pub(crate) struct LeakyRelu<T>(pub(crate) T);

impl<T: Lane> Function<T> for LeakyRelu<T> {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        let positive = T::less(s, T::splat(s, T::ZERO), x);
        T::select(s, positive, x, T::times_v(s, x, T::splat(s, self.0)))
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        let positive = T::less(s, T::splat(s, T::ZERO), x);
        T::select(s, positive, dy, T::times_v(s, dy, T::splat(s, self.0)))
    }
}

/// |x|, with derivative 0 at 0.
#[derive(Clone, Copy)]
pub(crate) struct Abs;

impl<T: Lane> Function<T> for Abs {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        T::abs_v(s, x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        let zero = T::splat(s, T::ZERO);
        let at_most_zero = T::select(s, T::less(s, x, zero), T::neg_v(s, dy), zero);
        T::select(s, T::less(s, zero, x), dy, at_most_zero)
    }
}

/// min(max(x, low), high), with derivative 1 at the limits.
#[derive(Clone, Copy)]
pub(crate) struct Clip<T> {
    pub(crate) low: T,
    pub(crate) high: T,
}

impl<T: Lane> Function<T> for Clip<T> {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        let (low, high) = (T::splat(s, self.low), T::splat(s, self.high));
        let x = T::select(s, T::less(s, x, low), low, x);
        T::select(s, T::less(s, high, x), high, x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        let (low, high, zero) = (T::splat(s, self.low), T::splat(s, self.high), T::splat(s, T::ZERO));
        let dy = T::select(s, T::less(s, x, low), zero, dy);
        T::select(s, T::less(s, high, x), zero, dy)
    }
}

/// 1 / x.
#[derive(Clone, Copy)]
pub(crate) struct Reciprocal;

impl<T: Lane> Function<T> for Reciprocal {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        T::over_v(s, T::splat(s, T::ONE), x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, _: T::V<S>, y: T::V<S>, dy: T::V<S>) -> T::V<S> {
        T::neg_v(s, T::times_v(s, dy, T::times_v(s, y, y)))
    }
}
