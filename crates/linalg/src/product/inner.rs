//! Products whose two operands are both contiguous along the sum: tiles of inner products.
//!
//! This is a row, or a thin batch, through weights stored `[out, in]`; packing the weights, as general products do,
//! would cost more than the product.
#![allow(unsafe_code, reason = "vector loads")]

use pulp::{Simd, WithSimd};

use crate::simd::{Lane, dispatch};
use crate::{View, ViewMut};

/// C ← α A B + β C, where A has contiguous rows and B contiguous columns.
///
/// The caller has checked the shapes, and that the strides stay inside the data.
pub(super) fn product<T: Lane>(alpha: T, a: View<T>, b: View<T>, beta: T, c: ViewMut<T>) {
    dispatch(InnerProducts { alpha, a, b, beta, c });
}

struct InnerProducts<'a, T> {
    alpha: T,
    a: View<'a, T>,
    b: View<'a, T>,
    beta: T,
    c: ViewMut<'a, T>,
}

/// The most rows of A, and columns of B, in a tile.
const SIDE: usize = 4;

/// The largest of the sides of tiles, 4, 2 and 1, that `left` holds.
#[inline(always)]
fn side(left: usize) -> usize {
    if left >= SIDE { SIDE } else { 1 + usize::from(left >= 2) }
}

impl<T: Lane> WithSimd for InnerProducts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let (rows, columns) = (self.c.rows, self.c.columns);
        // Columns of B outside: they are the weights, read once; the rows of A stay in the cache.
        let mut column = 0;
        while column < columns {
            let wide = side(columns - column);
            let mut row = 0;
            while row < rows {
                let tall = side(rows - row);
                // SAFETY: the tile's rows and columns are inside A and B.
                unsafe {
                    match (tall, wide) {
                        (4, 4) => self.tile::<S, 4, 4>(s, row, column),
                        (4, 2) => self.tile::<S, 4, 2>(s, row, column),
                        (4, _) => self.tile::<S, 4, 1>(s, row, column),
                        (2, 4) => self.tile::<S, 2, 4>(s, row, column),
                        (2, 2) => self.tile::<S, 2, 2>(s, row, column),
                        (2, _) => self.tile::<S, 2, 1>(s, row, column),
                        (_, 4) => self.tile::<S, 1, 4>(s, row, column),
                        (_, 2) => self.tile::<S, 1, 2>(s, row, column),
                        (_, _) => self.tile::<S, 1, 1>(s, row, column),
                    }
                }
                row += tall;
            }
            column += wide;
        }
    }
}

impl<T: Lane> InnerProducts<'_, T> {
    /// R rows of A times C columns of B.
    ///
    /// # Safety
    /// The rows are inside A and the columns inside B.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const C: usize>(&mut self, s: S, row: usize, column: usize) {
        let lanes = T::lanes(s);
        let len = self.a.columns;
        // SAFETY: the caller's; along the sum both operands have `len` contiguous elements.
        unsafe {
            let a = self.a.data.as_ptr().add(row * self.a.row_stride);
            let b = self.b.data.as_ptr().add(column * self.b.column_stride);
            let a: [*const T; R] = std::array::from_fn(|i| a.add(i * self.a.row_stride));
            let b: [*const T; C] = std::array::from_fn(|j| b.add(j * self.b.column_stride));
            let mut even = [[T::splat(s, T::ZERO); C]; R];
            let mut odd = even;
            let mut at = 0;
            if R * C <= SIDE {
                // Few sums: a second set, so that they do not wait for themselves.
                while at + 2 * lanes <= len {
                    add::<T, S, R, C>(
                        s,
                        &mut even,
                        a.map(|a| T::load(s, a.add(at))),
                        b.map(|b| T::load(s, b.add(at))),
                    );
                    let next = at + lanes;
                    add::<T, S, R, C>(
                        s,
                        &mut odd,
                        a.map(|a| T::load(s, a.add(next))),
                        b.map(|b| T::load(s, b.add(next))),
                    );
                    at += 2 * lanes;
                }
            }
            while at + lanes <= len {
                add::<T, S, R, C>(
                    s,
                    &mut even,
                    a.map(|a| T::load(s, a.add(at))),
                    b.map(|b| T::load(s, b.add(at))),
                );
                at += lanes;
            }
            if at < len {
                let mask = T::head(s, len - at);
                let a = a.map(|a| T::load_masked(s, mask, a.add(at)));
                let b = b.map(|b| T::load_masked(s, mask, b.add(at)));
                add::<T, S, R, C>(s, if R * C <= SIDE { &mut odd } else { &mut even }, a, b);
            }
            for i in 0..R {
                for j in 0..C {
                    let sum = if R * C <= SIDE { T::plus_v(s, even[i][j], odd[i][j]) } else { even[i][j] };
                    let value = self.alpha * T::sum_lanes(s, sum);
                    let c = self.c.data.get_unchecked_mut((row + i) * self.c.row_stride + column + j);
                    *c = if self.beta == T::ZERO { value } else { value + self.beta * *c };
                }
            }
        }
    }
}

/// sums ← sums + a bᵀ, lane by lane.
#[inline(always)]
fn add<T: Lane, S: Simd, const R: usize, const C: usize>(
    s: S,
    sums: &mut [[T::V<S>; C]; R],
    a: [T::V<S>; R],
    b: [T::V<S>; C],
) {
    for i in 0..R {
        for j in 0..C {
            sums[i][j] = T::fused(s, a[i], b[j], sums[i][j]);
        }
    }
}
