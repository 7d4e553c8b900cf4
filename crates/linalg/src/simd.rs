//! Vectors of f32 or f64 under one name, so that a kernel is written once and compiled for both precisions and for
//! every instruction set that [`pulp`] chooses from at run time.
//!
//! Everything here is `#[inline(always)]`: it must become part of the function that was compiled for the instruction
//! set, or each operation would be a call.
#![allow(unsafe_code, reason = "loads and stores of SIMD vectors take pointers")]

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use crate::Real;

/// Runs `op` as compiled for the best instruction set of this processor.
///
/// `NETINVERSE_SIMD`, read once, asks for a lesser one, to reproduce what another processor computes: `scalar`, or
/// `avx2` where the processor has it. Products of large matrices do not heed it.
#[inline]
pub(crate) fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    static ARCH: LazyLock<Arch> = LazyLock::new(|| match std::env::var("NETINVERSE_SIMD").as_deref() {
        Ok("scalar") => Arch::Scalar,
        #[cfg(target_arch = "x86_64")]
        Ok("avx2") => pulp::x86::V3::try_new().map_or(Arch::Scalar, Arch::V3),
        _ => Arch::new(),
    });
    ARCH.dispatch(op)
}

/// Runs a loop over numbers as compiled for the best instruction set of this processor: the closure, marked
/// `#[inline(always)]` as what it calls, is vectorised by the compiler. It rounds operation by operation, the same on all.
///
/// `FnMut`, not `FnOnce`: of a closure that can be called again `call_once` is a function of its own, which is not always inlined,
/// and one that is not is compiled for the least instruction set.
#[inline]
pub fn vectorised<R>(kernel: impl FnMut() -> R) -> R {
    struct Loop<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Loop<F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }
    dispatch(Loop(kernel))
}

/// A precision with its vectors: `T::V<S>` holds `T::lanes(s)` numbers, `T::M<S>` one truth value for each.
pub(crate) trait Lane: Real + faer::traits::ComplexField {
    /// A vector of numbers.
    type V<S: Simd>: Copy;
    /// A vector of truth values.
    type M<S: Simd>: Copy;

    /// Numbers in a vector, fixed by the instruction set.
    fn lanes<S: Simd>(s: S) -> usize;

    /// The mask that is true in the first `count` lanes.
    fn head<S: Simd>(s: S, count: usize) -> Self::M<S>;
    /// # Safety
    /// `from` is valid for reads of a whole vector.
    unsafe fn load<S: Simd>(s: S, from: *const Self) -> Self::V<S>;
    /// # Safety
    /// `to` is valid for writes of a whole vector.
    unsafe fn store<S: Simd>(s: S, to: *mut Self, value: Self::V<S>);
    /// Zero where the mask is false.
    ///
    /// # Safety
    /// `from` is valid for reads of the lanes where the mask, a [`Lane::head`], is true.
    unsafe fn load_masked<S: Simd>(s: S, mask: Self::M<S>, from: *const Self) -> Self::V<S>;
    /// # Safety
    /// `to` is valid for writes of the lanes where the mask, a [`Lane::head`], is true.
    unsafe fn store_masked<S: Simd>(s: S, mask: Self::M<S>, to: *mut Self, value: Self::V<S>);

    fn splat<S: Simd>(s: S, value: Self) -> Self::V<S>;
    fn plus_v<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn minus_v<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn times_v<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    fn over_v<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// a b + c, fused where the instruction set has it.
    fn fused<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    fn abs_v<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S>;
    fn neg_v<S: Simd>(s: S, a: Self::V<S>) -> Self::V<S>;
    /// a < b, false with NaN.
    fn less<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::M<S>;
    /// a ≤ b, false with NaN.
    fn at_most<S: Simd>(s: S, a: Self::V<S>, b: Self::V<S>) -> Self::M<S>;
    fn select<S: Simd>(s: S, mask: Self::M<S>, yes: Self::V<S>, no: Self::V<S>) -> Self::V<S>;
    /// The sum of the lanes.
    fn sum_lanes<S: Simd>(s: S, a: Self::V<S>) -> Self;

    /// 2ⁿ for whole n in the normal range.
    fn power_of_two<S: Simd>(s: S, n: Self::V<S>) -> Self::V<S>;
    /// (m, n) with x = m 2ⁿ and √½ ≤ m < √2, for positive normal x.
    fn mantissa_exponent<S: Simd>(s: S, x: Self::V<S>) -> (Self::V<S>, Self::V<S>);
}

macro_rules! lane {
    ($T:ident, $Bits:ident, mantissa $mantissa:literal, bias $bias:literal,
     $V:ident, $M:ident, $lanes:ident, $splat:ident, $between:ident, $load:ident, $store:ident,
     $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident, $abs:ident, $neg:ident, $less:ident, $at_most:ident,
     $select:ident, $sum:ident) => {
        impl Lane for $T {
            type V<S: Simd> = S::$V;
            type M<S: Simd> = S::$M;

            #[inline(always)]
            fn lanes<S: Simd>(_: S) -> usize {
                S::$lanes
            }

            #[inline(always)]
            fn head<S: Simd>(s: S, count: usize) -> S::$M {
                s.$between(0, count as _).mask()
            }

            #[inline(always)]
            unsafe fn load<S: Simd>(_: S, from: *const Self) -> S::$V {
                // SAFETY: the caller's.
                unsafe { from.cast::<S::$V>().read_unaligned() }
            }

            #[inline(always)]
            unsafe fn store<S: Simd>(_: S, to: *mut Self, value: S::$V) {
                // SAFETY: the caller's.
                unsafe { to.cast::<S::$V>().write_unaligned(value) }
            }

            #[inline(always)]
            unsafe fn load_masked<S: Simd>(s: S, mask: S::$M, from: *const Self) -> S::$V {
                // SAFETY: the caller's.
                unsafe { s.$load(mask.into(), from) }
            }

            #[inline(always)]
            unsafe fn store_masked<S: Simd>(s: S, mask: S::$M, to: *mut Self, value: S::$V) {
                // SAFETY: the caller's.
                unsafe { s.$store(mask.into(), to, value) }
            }

            #[inline(always)]
            fn splat<S: Simd>(s: S, value: Self) -> S::$V {
                s.$splat(value)
            }

            #[inline(always)]
            fn plus_v<S: Simd>(s: S, a: S::$V, b: S::$V) -> S::$V {
                s.$add(a, b)
            }

            #[inline(always)]
            fn minus_v<S: Simd>(s: S, a: S::$V, b: S::$V) -> S::$V {
                s.$sub(a, b)
            }

            #[inline(always)]
            fn times_v<S: Simd>(s: S, a: S::$V, b: S::$V) -> S::$V {
                s.$mul(a, b)
            }

            #[inline(always)]
            fn over_v<S: Simd>(s: S, a: S::$V, b: S::$V) -> S::$V {
                s.$div(a, b)
            }

            #[inline(always)]
            fn fused<S: Simd>(s: S, a: S::$V, b: S::$V, c: S::$V) -> S::$V {
                s.$fma(a, b, c)
            }

            #[inline(always)]
            fn abs_v<S: Simd>(s: S, a: S::$V) -> S::$V {
                s.$abs(a)
            }

            #[inline(always)]
            fn neg_v<S: Simd>(s: S, a: S::$V) -> S::$V {
                s.$neg(a)
            }

            #[inline(always)]
            fn less<S: Simd>(s: S, a: S::$V, b: S::$V) -> S::$M {
                s.$less(a, b)
            }

            #[inline(always)]
            fn at_most<S: Simd>(s: S, a: S::$V, b: S::$V) -> S::$M {
                s.$at_most(a, b)
            }

            #[inline(always)]
            fn select<S: Simd>(s: S, mask: S::$M, yes: S::$V, no: S::$V) -> S::$V {
                s.$select(mask, yes, no)
            }

            #[inline(always)]
            fn sum_lanes<S: Simd>(s: S, a: S::$V) -> Self {
                s.$sum(a)
            }

            #[inline(always)]
            fn power_of_two<S: Simd>(s: S, n: S::$V) -> S::$V {
                // Adding 1.5 · 2^mantissa leaves n + bias in the lowest bits; the shift drops the rest.
                let shifter = (3u64 << ($mantissa - 1)) as $T + $bias as $T;
                let mut v = s.$add(n, s.$splat(shifter));
                for bits in bytemuck::cast_slice_mut::<S::$V, $Bits>(std::slice::from_mut(&mut v)) {
                    *bits <<= $mantissa;
                }
                v
            }

            #[inline(always)]
            fn mantissa_exponent<S: Simd>(s: S, x: S::$V) -> (S::$V, S::$V) {
                const ROOT: $Bits = std::$T::consts::FRAC_1_SQRT_2.to_bits();
                const LOW: $Bits = (1 << $mantissa) - 1;
                // 2^mantissa as a float: or-ing a small whole number into it and subtracting converts the number.
                const WHOLE: $T = (1u64 << $mantissa) as $T;
                let (mut m, mut n) = (x, x);
                for bits in bytemuck::cast_slice_mut::<S::$V, $Bits>(std::slice::from_mut(&mut n)) {
                    // The biased exponent of x / √½.
                    let shifted = bits.wrapping_sub(ROOT).wrapping_add(($bias as $Bits) << $mantissa);
                    *bits = (shifted >> $mantissa) | WHOLE.to_bits();
                }
                for bits in bytemuck::cast_slice_mut::<S::$V, $Bits>(std::slice::from_mut(&mut m)) {
                    *bits = (bits.wrapping_sub(ROOT) & LOW).wrapping_add(ROOT);
                }
                (m, s.$sub(n, s.$splat(WHOLE + $bias as $T)))
            }
        }
    };
}

lane!(f32, u32, mantissa 23, bias 127, f32s, m32s, F32_LANES, splat_f32s, mask_between_m32s,
    mask_load_ptr_f32s, mask_store_ptr_f32s, add_f32s, sub_f32s, mul_f32s, div_f32s, mul_add_e_f32s,
    abs_f32s, neg_f32s, less_than_f32s, less_than_or_equal_f32s, select_f32s, reduce_sum_f32s);
lane!(f64, u64, mantissa 52, bias 1023, f64s, m64s, F64_LANES, splat_f64s, mask_between_m64s,
    mask_load_ptr_f64s, mask_store_ptr_f64s, add_f64s, sub_f64s, mul_f64s, div_f64s, mul_add_e_f64s,
    abs_f64s, neg_f64s, less_than_f64s, less_than_or_equal_f64s, select_f64s, reduce_sum_f64s);
