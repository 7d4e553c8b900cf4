//! The matrix product: vectors and thin shapes by kernels of our own, the rest by faer or gemm, by measurement
//! (`benches/kernels.rs`).
#![allow(unsafe_code, reason = "the products of other crates take pointers")]

mod inner;
mod selected;
mod vector;

pub use selected::{ROW_ALIGNMENT, Sign, add_selected_rows};

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::simd::Lane;
use crate::{View, ViewMut};

/// One past the last element that a view reaches.
fn reach(rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> usize {
    if rows == 0 || columns == 0 { 0 } else { (rows - 1) * row_stride + (columns - 1) * column_stride + 1 }
}

/// C ← α A B + β C.
pub(crate) fn product<T: Lane>(alpha: T, a: View<T>, b: View<T>, beta: T, mut c: ViewMut<T>) {
    assert!(a.rows == c.rows && a.columns == b.rows && b.columns == c.columns, "shapes of a product");
    assert!(reach(a.rows, a.columns, a.row_stride, a.column_stride) <= a.data.len(), "A is too short");
    assert!(reach(b.rows, b.columns, b.row_stride, b.column_stride) <= b.data.len(), "B is too short");
    assert!(reach(c.rows, c.columns, c.row_stride, 1) <= c.data.len(), "C is too short");
    if c.rows == 0 || c.columns == 0 {
        return;
    }
    if a.columns == 0 {
        return rescale(beta, &mut c);
    }
    match method(&a, &b, &c) {
        Method::Inner => inner::product(alpha, a, b, beta, c),
        Method::Row => vector::product(alpha, b.transposed(), a.data, beta, c.data),
        Method::Column => vector::product(alpha, a, b.data, beta, c.data),
        Method::Faer => by_faer(alpha, a, b, beta, &mut c),
        Method::Gemm => by_gemm(alpha, a, b, beta, &mut c),
    }
}

/// How a product is formed.
enum Method {
    /// Inner products: both operands are contiguous along the sum.
    Inner,
    /// A single row: multiples of B's contiguous rows.
    Row,
    /// A single column: multiples of A's contiguous columns.
    Column,
    Faer,
    Gemm,
}

/// What was fastest, with AVX-512 and f32, for these sizes and strides.
///
/// With both operands contiguous along the sum, faer and gemm copy the larger one first; that pays from some 16 rows
/// on, and never for a few columns. Of the two, faer is ahead where sizes are small, gemm where they are large.
fn method<T>(a: &View<T>, b: &View<T>, c: &ViewMut<T>) -> Method {
    let (m, n, k) = (c.rows, c.columns, a.columns);
    if k == 1 || a.column_stride == 1 && b.row_stride == 1 {
        return match () {
            () if m <= 2 || n == 1 => Method::Inner,
            () if n <= 16 && k >= 32 => Method::Inner,
            () if m <= 16 && k >= 128 => Method::Inner,
            () if m >= 256 && k >= 128 => Method::Gemm,
            () => Method::Faer,
        };
    }
    match () {
        () if m == 1 && a.column_stride == 1 && b.column_stride == 1 => Method::Row,
        () if n == 1 && b.row_stride == 1 && a.row_stride == 1 && c.row_stride == 1 => Method::Column,
        () if n <= 96 && k <= 96 => Method::Faer,
        () => Method::Gemm,
    }
}

/// C ← β C.
fn rescale<T: Lane>(beta: T, c: &mut ViewMut<T>) {
    for row in c.data.chunks_mut(c.row_stride.max(c.columns)).take(c.rows) {
        for value in &mut row[..c.columns] {
            *value = if beta == T::ZERO { T::ZERO } else { beta * *value };
        }
    }
}

fn by_faer<T: Lane>(alpha: T, a: View<T>, b: View<T>, beta: T, c: &mut ViewMut<T>) {
    let (rows, columns, row_stride) = (c.rows, c.columns, c.row_stride);
    let accumulate = if beta == T::ZERO { Accum::Replace } else { Accum::Add };
    if beta != T::ZERO && beta != T::ONE {
        rescale(beta, c);
    }
    // SAFETY: `product` checked that every element the strides reach lies in its slice; C is borrowed mutably.
    unsafe {
        let view = |v: View<T>| {
            MatRef::from_raw_parts(
                v.data.as_ptr(),
                v.rows,
                v.columns,
                v.row_stride as isize,
                v.column_stride as isize,
            )
        };
        let c = MatMut::from_raw_parts_mut(c.data.as_mut_ptr(), rows, columns, row_stride as isize, 1);
        matmul(c, accumulate, view(a), view(b), alpha, Par::Seq);
    }
}

fn by_gemm<T: Lane>(alpha: T, a: View<T>, b: View<T>, beta: T, c: &mut ViewMut<T>) {
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
