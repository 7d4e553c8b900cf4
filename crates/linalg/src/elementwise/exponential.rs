//! eˣ, log x and the functions made of them, by polynomials that stay within 4 units in the last place.
//!
//! eˣ: x = n log 2 + r with |r| ≤ ½ log 2, Taylor's polynomial in r. log x: x = m 2ⁿ, fdlibm's series in
//! s = (m − 1) / (m + 1). The splitting of log 2 in two keeps both exact enough without fused operations.
#![allow(clippy::excessive_precision, reason = "coefficients as published")]

use pulp::Simd;

use super::Function;
use crate::simd::Lane;

/// The constants of one precision.
pub(crate) trait Series: Lane {
    /// Beyond these, eˣ is 0 or ∞.
    const EXP_LIMITS: [Self; 2];
    /// Below this, eˣ − 1 is −1; within, 2ⁿ is a normal number.
    const EXPM1_LOW: Self;
    /// tanh is ±1 beyond.
    const TANH_LIMIT: Self;
    /// 1 / log 2.
    const LOG2_E: Self;
    /// 1.5 · 2^mantissa: adding and subtracting it rounds to a whole number.
    const ROUNDER: Self;
    /// log 2 to as many bits as leave n log 2 exact.
    const LN_2_HIGH: Self;
    /// The rest of log 2.
    const LN_2_LOW: Self;
    /// 1/k! for k = 2, 3, …
    const EXP: &'static [Self];
    /// The coefficients of s², s⁴, … in log.
    const LOG: &'static [Self];
    /// The smallest normal number.
    const NORMAL: Self;
    /// The exponent of a power of two that makes every positive number normal.
    const LIFT: Self;
    const LIFT_FACTOR: Self;
    const INFINITE: Self;
    const NOT_A_NUMBER: Self;
}

impl Series for f32 {
    const EXP_LIMITS: [f32; 2] = [-104.5, 89.0];
    const EXPM1_LOW: f32 = -80.0;
    const TANH_LIMIT: f32 = 10.0;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const ROUNDER: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_375;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const EXP: &'static [f32] = &[1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    const LOG: &'static [f32] = &[0.666_666_6, 0.400_009_72, 0.284_987_87, 0.242_790_79];
    const NORMAL: f32 = f32::MIN_POSITIVE;
    const LIFT: f32 = 25.0;
    const LIFT_FACTOR: f32 = 33_554_432.0;
    const INFINITE: f32 = f32::INFINITY;
    const NOT_A_NUMBER: f32 = f32::NAN;
}

impl Series for f64 {
    const EXP_LIMITS: [f64; 2] = [-746.0, 710.0];
    const EXPM1_LOW: f64 = -700.0;
    const TANH_LIMIT: f64 = 20.0;
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_2e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const EXP: &'static [f64] = &[
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
        1.0 / 6_227_020_800.0,
    ];
    const LOG: &'static [f64] = &[
        6.666_666_666_666_735_1e-1,
        3.999_999_999_940_941_9e-1,
        2.857_142_874_366_239_1e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    const NORMAL: f64 = f64::MIN_POSITIVE;
    const LIFT: f64 = 54.0;
    const LIFT_FACTOR: f64 = 18_014_398_509_481_984.0;
    const INFINITE: f64 = f64::INFINITY;
    const NOT_A_NUMBER: f64 = f64::NAN;
}

/// c₀ + c₁ x + c₂ x² + …
#[inline(always)]
fn polynomial<T: Lane, S: Simd>(s: S, coefficients: &[T], x: T::V<S>) -> T::V<S> {
    let mut value = T::splat(s, coefficients[coefficients.len() - 1]);
    for c in coefficients.iter().rev().skip(1) {
        value = T::fused(s, value, x, T::splat(s, *c));
    }
    value
}

/// x limited from both sides; NaN stays.
#[inline(always)]
fn limited<T: Lane, S: Simd>(s: S, x: T::V<S>, [low, high]: [T; 2]) -> T::V<S> {
    let (low, high) = (T::splat(s, low), T::splat(s, high));
    let x = T::select(s, T::less(s, x, low), low, x);
    T::select(s, T::less(s, high, x), high, x)
}

#[inline(always)]
fn rounded<T: Series, S: Simd>(s: S, x: T::V<S>) -> T::V<S> {
    let rounder = T::splat(s, T::ROUNDER);
    T::minus_v(s, T::plus_v(s, x, rounder), rounder)
}

/// (n, eʳ − 1) with x = n log 2 + r.
#[inline(always)]
fn reduced_exp<T: Series, S: Simd>(s: S, x: T::V<S>) -> (T::V<S>, T::V<S>) {
    let n = rounded::<T, S>(s, T::times_v(s, x, T::splat(s, T::LOG2_E)));
    let r = T::fused(s, n, T::splat(s, -T::LN_2_HIGH), x);
    let r = T::fused(s, n, T::splat(s, -T::LN_2_LOW), r);
    let tail = T::times_v(s, polynomial::<T, S>(s, T::EXP, r), T::times_v(s, r, r));
    (n, T::plus_v(s, r, tail))
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp_vector<T: Series, S: Simd>(s: S, x: T::V<S>) -> T::V<S> {
    let (n, p) = reduced_exp::<T, S>(s, limited::<T, S>(s, x, T::EXP_LIMITS));
    // 2ⁿ as a product of two, so that results below the normal range are rounded once, and right.
    let half = rounded::<T, S>(s, T::times_v(s, n, T::splat(s, T::from_f64(0.5))));
    let first = T::power_of_two(s, half);
    let second = T::power_of_two(s, T::minus_v(s, n, half));
    T::times_v(s, T::fused(s, p, first, first), second)
}

/// eˣ − 1 for x small enough that 2ⁿ is finite.
#[inline(always)]
fn expm1<T: Series, S: Simd>(s: S, x: T::V<S>) -> T::V<S> {
    let (n, p) = reduced_exp::<T, S>(s, x);
    let scale = T::power_of_two(s, n);
    T::fused(s, p, scale, T::minus_v(s, scale, T::splat(s, T::ONE)))
}

/// log x + extra / x for a small extra, x a positive normal number.
#[inline(always)]
fn log_normal<T: Series, S: Simd>(s: S, x: T::V<S>, lift: T::V<S>, extra: T::V<S>) -> T::V<S> {
    let (m, n) = T::mantissa_exponent(s, x);
    let n = T::minus_v(s, n, lift);
    let f = T::minus_v(s, m, T::splat(s, T::ONE));
    let half_square = T::times_v(s, T::times_v(s, f, f), T::splat(s, T::from_f64(0.5)));
    let q = T::over_v(s, f, T::plus_v(s, f, T::splat(s, T::from_f64(2.0))));
    let square = T::times_v(s, q, q);
    let series = T::times_v(s, square, polynomial::<T, S>(s, T::LOG, square));
    // fdlibm: n log2_high + (f − (f²/2 − (q (f²/2 + series) + n log2_low)))
    let inner = T::fused(s, q, T::plus_v(s, half_square, series), extra);
    let inner = T::fused(s, n, T::splat(s, T::LN_2_LOW), inner);
    let outer = T::minus_v(s, f, T::minus_v(s, half_square, inner));
    T::fused(s, n, T::splat(s, T::LN_2_HIGH), outer)
}

/// log x for every x.
#[inline(always)]
fn log_vector<T: Series, S: Simd>(s: S, x: T::V<S>) -> T::V<S> {
    let zero = T::splat(s, T::ZERO);
    let infinite = T::splat(s, T::INFINITE);
    let small = T::less(s, x, T::splat(s, T::NORMAL));
    let lifted = T::select(s, small, T::times_v(s, x, T::splat(s, T::LIFT_FACTOR)), x);
    let lift = T::select(s, small, T::splat(s, T::LIFT), zero);
    let value = log_normal::<T, S>(s, lifted, lift, zero);
    // Below infinity or NaN, which are their own logarithms.
    let value = T::select(s, T::less(s, x, infinite), value, x);
    let value = T::select(s, T::less(s, zero, x), value, T::plus_v(s, x, T::neg_v(s, infinite)));
    T::select(s, T::less(s, x, zero), T::splat(s, T::NOT_A_NUMBER), value)
}

/// log(1 + z) for 0 ≤ z ≤ 1.
#[inline(always)]
fn log1p_unit<T: Series, S: Simd>(s: S, z: T::V<S>) -> T::V<S> {
    let one = T::splat(s, T::ONE);
    let u = T::plus_v(s, one, z);
    // What was lost in 1 + z, to first order.
    let lost = T::minus_v(s, z, T::minus_v(s, u, one));
    log_normal::<T, S>(s, u, T::splat(s, T::ZERO), T::over_v(s, lost, u))
}

/// eˣ.
#[derive(Clone, Copy)]
pub(crate) struct Exp;

impl<T: Series> Function<T> for Exp {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        exp_vector::<T, S>(s, x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, _: T::V<S>, y: T::V<S>, dy: T::V<S>) -> T::V<S> {
        T::times_v(s, dy, y)
    }
}

/// log x.
#[derive(Clone, Copy)]
pub(crate) struct Log;

impl<T: Series> Function<T> for Log {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        log_vector::<T, S>(s, x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        T::over_v(s, dy, x)
    }
}

/// x above 0, α(eˣ − 1) elsewhere, with derivative α at 0.
#[derive(Clone, Copy)]
pub(crate) struct Elu<T>(pub(crate) T);

impl<T: Series> Function<T> for Elu<T> {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        let low = limited::<T, S>(s, x, [T::EXPM1_LOW, T::ZERO]);
        let below = T::times_v(s, expm1::<T, S>(s, low), T::splat(s, self.0));
        T::select(s, T::less(s, T::splat(s, T::ZERO), x), x, below)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        // From x, not as y + α, which is nothing but rounding where eˣ is small.
        let slope = T::times_v(s, exp_vector::<T, S>(s, x), T::splat(s, self.0));
        T::select(s, T::less(s, T::splat(s, T::ZERO), x), dy, T::times_v(s, dy, slope))
    }
}

/// (e^−|x|, and 1 where x ≥ 0 but e^−|x| below): numerator and what denominator needs in 1 / (1 + e⁻ˣ).
#[inline(always)]
fn sigmoid_vector<T: Series, S: Simd>(s: S, x: T::V<S>) -> T::V<S> {
    let one = T::splat(s, T::ONE);
    let z = exp_vector::<T, S>(s, T::neg_v(s, T::abs_v(s, x)));
    let numerator = T::select(s, T::less(s, x, T::splat(s, T::ZERO)), z, one);
    T::over_v(s, numerator, T::plus_v(s, one, z))
}

/// 1 / (1 + e⁻ˣ).
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid;

impl<T: Series> Function<T> for Sigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        sigmoid_vector::<T, S>(s, x)
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, _: T::V<S>, y: T::V<S>, dy: T::V<S>) -> T::V<S> {
        let slope = T::times_v(s, y, T::minus_v(s, T::splat(s, T::ONE), y));
        T::times_v(s, dy, slope)
    }
}

/// log(1 + eˣ).
#[derive(Clone, Copy)]
pub(crate) struct Softplus;

impl<T: Series> Function<T> for Softplus {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        let zero = T::splat(s, T::ZERO);
        let z = exp_vector::<T, S>(s, T::neg_v(s, T::abs_v(s, x)));
        let positive = T::select(s, T::less(s, x, zero), zero, x);
        T::plus_v(s, positive, log1p_unit::<T, S>(s, z))
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, x: T::V<S>, _: T::V<S>, dy: T::V<S>) -> T::V<S> {
        T::times_v(s, dy, sigmoid_vector::<T, S>(s, x))
    }
}

/// tanh x.
#[derive(Clone, Copy)]
pub(crate) struct Tanh;

impl<T: Series> Function<T> for Tanh {
    #[inline(always)]
    fn value<S: Simd>(self, s: S, x: T::V<S>) -> T::V<S> {
        // tanh x = e / (e + 2) with e = e²ˣ − 1
        let x = limited::<T, S>(s, x, [-T::TANH_LIMIT, T::TANH_LIMIT]);
        let e = expm1::<T, S>(s, T::plus_v(s, x, x));
        T::over_v(s, e, T::plus_v(s, e, T::splat(s, T::from_f64(2.0))))
    }

    #[inline(always)]
    fn vjp<S: Simd>(self, s: S, _: T::V<S>, y: T::V<S>, dy: T::V<S>) -> T::V<S> {
        let one = T::splat(s, T::ONE);
        // (1 − y)(1 + y) keeps the digits that 1 − y² loses near ±1.
        let slope = T::times_v(s, T::minus_v(s, one, y), T::plus_v(s, one, y));
        T::times_v(s, dy, slope)
    }
}
