//! The matrix product: vectors and thin shapes by kernels of our own, the rest by faer or gemm, by measurement
//! (`benches/kernels.rs`).
#![allow(unsafe_code, reason = "the products of other crates take pointers")]

mod vector;

use crate::simd::Lane;
use crate::{View, ViewMut};

/// One past the last element that a view reaches.
fn reach(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// C ← α A B + β C.
pub(crate) fn product<T: Lane>(alpha: T, a: View<T>, b: View<T>, beta: T, c: ViewMut<T>) {
    assert!(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns, "shapes of a product");
    assert!(reach(a.rows, a.columns, a.row_stride, a.column_stride) <= a.data.len(), "A is too short");
    assert!(reach(b.rows, b.columns, b.row_stride, b.column_stride) <= b.data.len(), "B is too short");
    assert!(reach(c.rows, c.columns, c.row_stride, 1) <= c.data.len(), "C is too short");
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    if c.rows == 1 && (a.column_stride == 1 || a.columns <= 1) {
        // The row a times B, as Bᵀ times the vector a.
        if let Some(form) = vector::form(b.transposed()) {
            return vector::product(form, alpha, b.transposed(), a.data, beta, c.data, 1);
        }
    }
    if c.columns == 1 && (b.row_stride == 1 || b.rows <= 1) {
        if let Some(form) = vector::form(a) {
            if c.row_stride == 1 || form == vector::Form::Rows {
                return vector::product(form, alpha, a, b.data, beta, c.data, c.row_stride);
            }
        }
    }
    by_gemm(alpha, a, b, beta, c);
}

fn by_gemm<T: Lane>(alpha: T, a: View<T>, b: View<T>, beta: T, c: ViewMut<T>) {
    // SAFETY: `product` checked that every element the strides reach lies in its slice; C is borrowed mutably.
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
