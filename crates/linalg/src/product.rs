//! The matrix product.
#![allow(unsafe_code, reason = "gemm takes pointers")]

use crate::{Real, View, ViewMut};

/// One past the last element that a view reaches.
fn reach(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows * columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// C ← α A B + β C.
pub(crate) fn product<T: Real>(alpha: T, a: View<T>, b: View<T>, beta: T, c: ViewMut<T>) {
    assert!(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns, "shapes of a product");
    assert!(reach(a.rows, a.columns, a.row_stride, a.column_stride) <= a.data.len(), "A is too short");
    assert!(reach(b.rows, b.columns, b.row_stride, b.column_stride) <= b.data.len(), "B is too short");
    assert!(reach(c.rows, c.columns, c.row_stride, 1) <= c.data.len(), "C is too short");
    if c.rows * c.columns == 0 {
        return;
    }
    // SAFETY: every element that the strides reach was just checked to lie in its slice; C is borrowed mutably.
    unsafe {
        gemm::gemm(
            c.rows,
            c.columns,
            a.columns,
            c.data.as_mut_ptr(),
            1,
            c.row_stride as isize,
            beta != T::ZERO,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            beta,
            alpha,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
