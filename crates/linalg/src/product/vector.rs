//! Matrix times vector, with the matrix's rows (inner products) or its columns (sums of multiples) contiguous.
#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Arch, Simd, WithSimd};

use crate::View;
use crate::simd::Lane;

/// Which way through the matrix is contiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Each row of the matrix is contiguous: y has inner products.
    Rows,
    /// Each column is: y is a sum of multiples of columns.
    Columns,
}

/// The form of a matrix, if one of its strides is 1.
pub(super) fn form<T>(matrix: View<T>) -> Option<Form> {
    if matrix.column_stride == 1 {
        Some(Form::Rows)
    } else if matrix.row_stride == 1 {
        Some(Form::Columns)
    } else {
        None
    }
}

/// y ← α A x + β y, with the elements of y `step` apart (1 for [`Form::Columns`]).
///
/// The caller has checked that A's strides stay inside its data.
pub(super) fn product<T: Lane>(form: Form, alpha: T, a: View<T>, x: &[T], beta: T, y: &mut [T], step: usize) {
    assert!(x.len() >= a.columns && y.len() > (a.rows - 1) * step, "vectors are too short");
    let task = Task { alpha, a, x, beta, y, step };
    match form {
        Form::Rows => Arch::new().dispatch(InnerProducts(task)),
        Form::Columns => Arch::new().dispatch(SumOfColumns(task)),
    }
}

struct Task<'a, T> {
    alpha: T,
    a: View<'a, T>,
    x: &'a [T],
    beta: T,
    y: &'a mut [T],
    step: usize,
}

impl<T: Lane> Task<'_, T> {
    /// α times the product, plus β times what was there.
    #[inline(always)]
    fn write(&mut self, row: usize, value: T) {
        let y = &mut self.y[row * self.step];
        *y = if self.beta == T::ZERO { self.alpha * value } else { self.alpha * value + self.beta * *y };
    }
}

struct InnerProducts<'a, T>(Task<'a, T>);

/// Rows whose inner products are formed together, each with two chains of additions.
const ROWS: usize = 4;

impl<T: Lane> WithSimd for InnerProducts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let mut task = self.0;
        let mut row = 0;
        while row + ROWS <= task.a.rows {
            // SAFETY: the rows are inside A.
            let values = unsafe { inner_products::<T, S, ROWS>(s, &task, row) };
            for (i, value) in values.into_iter().enumerate() {
                task.write(row + i, value);
            }
            row += ROWS;
        }
        while row < task.a.rows {
            // SAFETY: the row is inside A.
            let [value] = unsafe { inner_products::<T, S, 1>(s, &task, row) };
            task.write(row, value);
            row += 1;
        }
    }
}

/// # Safety
/// Rows `row` to `row + R − 1` are inside A.
#[inline(always)]
unsafe fn inner_products<T: Lane, S: Simd, const R: usize>(s: S, task: &Task<T>, row: usize) -> [T; R] {
    let lanes = T::lanes(s);
    let len = task.a.columns;
    // SAFETY: the caller's; every row has `len` contiguous elements, as x does.
    unsafe {
        let x = task.x.as_ptr();
        let start = task.a.data.as_ptr().add(row * task.a.row_stride);
        let rows: [*const T; R] = std::array::from_fn(|i| start.add(i * task.a.row_stride));
        let mut even = [T::splat(s, T::ZERO); R];
        let mut odd = even;
        let mut at = 0;
        while at + 2 * lanes <= len {
            let (first, second) = (T::load(s, x.add(at)), T::load(s, x.add(at + lanes)));
            for i in 0..R {
                even[i] = T::fused(s, T::load(s, rows[i].add(at)), first, even[i]);
                odd[i] = T::fused(s, T::load(s, rows[i].add(at + lanes)), second, odd[i]);
            }
            at += 2 * lanes;
        }
        if at + lanes <= len {
            let first = T::load(s, x.add(at));
            for i in 0..R {
                even[i] = T::fused(s, T::load(s, rows[i].add(at)), first, even[i]);
            }
            at += lanes;
        }
        if at < len {
            let mask = T::head(s, len - at);
            let second = T::load_masked(s, mask, x.add(at));
            for i in 0..R {
                odd[i] = T::fused(s, T::load_masked(s, mask, rows[i].add(at)), second, odd[i]);
            }
        }
        std::array::from_fn(|i| T::sum_lanes(s, T::plus_v(s, even[i], odd[i])))
    }
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
