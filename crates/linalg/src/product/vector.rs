//! Matrix times vector, for a matrix with contiguous columns: a sum of multiples of them.
#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Simd, WithSimd};

use crate::View;
use crate::simd::{Lane, dispatch};

/// y ← α A x + β y for a matrix with contiguous columns.
///
/// The caller has checked that A's strides stay inside its data.
pub(super) fn product<T: Lane>(alpha: T, a: View<T>, x: &[T], beta: T, y: &mut [T]) {
    assert!(x.len() >= a.columns && y.len() >= a.rows, "vectors are too short");
    dispatch(SumOfColumns(Task { alpha, a, x, beta, y }));
}

struct Task<'a, T> {
    alpha: T,
    a: View<'a, T>,
    x: &'a [T],
    beta: T,
    y: &'a mut [T],
}

struct SumOfColumns<'a, T>(Task<'a, T>);

impl<T: Lane> WithSimd for SumOfColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let mut task = self.0;
        let lanes = T::lanes(s);
        let len = task.a.rows;
        let mut at = 0;
        // SAFETY: each block ends at or before `len`, the last one by its mask.
        unsafe {
            while at + 8 * lanes <= len {
                sum_of_columns::<T, S, 8>(s, &mut task, at, lanes);
                at += 8 * lanes;
            }
            while at < len {
                let vectors = (len - at).div_ceil(lanes);
                let last = (len - at - 1) % lanes + 1;
                match vectors {
                    1 => sum_of_columns::<T, S, 1>(s, &mut task, at, last),
                    2 => sum_of_columns::<T, S, 2>(s, &mut task, at, last),
                    3 => sum_of_columns::<T, S, 3>(s, &mut task, at, last),
                    4 => sum_of_columns::<T, S, 4>(s, &mut task, at, last),
                    _ => {
                        sum_of_columns::<T, S, 4>(s, &mut task, at, lanes);
                        at += 4 * lanes;
                        continue;
                    }
                }
                break;
            }
        }
    }
}

/// Elements `at..` of y: V vectors, of which the last has `last` elements.
///
/// # Safety
/// These elements are inside y and inside A's columns.
#[inline(always)]
unsafe fn sum_of_columns<T: Lane, S: Simd, const V: usize>(s: S, task: &mut Task<T>, at: usize, last: usize) {
    let lanes = T::lanes(s);
    let mask = T::head(s, last);
    let (full, stride) = (V - 1, task.a.column_stride);
    // SAFETY: the caller's.
    unsafe {
        // Two sets of sums where one alone would wait for its own additions.
        let chains = if V >= 4 { 1 } else { 2 };
        let mut sums = [[T::splat(s, T::ZERO); V]; 2];
        let columns = task.a.data.as_ptr().add(at);
        for k in 0..task.a.columns {
            let x = T::splat(s, *task.x.as_ptr().add(k));
            let column = columns.add(k * stride);
            let sums = &mut sums[k % chains];
            for v in 0..full {
                sums[v] = T::fused(s, x, T::load(s, column.add(v * lanes)), sums[v]);
            }
            sums[full] = T::fused(s, x, T::load_masked(s, mask, column.add(full * lanes)), sums[full]);
        }
        let y = task.y.as_mut_ptr().add(at);
        let (alpha, beta) = (T::splat(s, task.alpha), T::splat(s, task.beta));
        for v in 0..V {
            let mut value = T::times_v(s, alpha, T::plus_v(s, sums[0][v], sums[1][v]));
            let y = y.add(v * lanes);
            if v < full {
                if task.beta != T::ZERO {
                    value = T::fused(s, beta, T::load(s, y), value);
                }
                T::store(s, y, value);
            } else {
                if task.beta != T::ZERO {
                    value = T::fused(s, beta, T::load_masked(s, mask, y), value);
                }
                T::store_masked(s, mask, y, value);
            }
        }
    }
}
