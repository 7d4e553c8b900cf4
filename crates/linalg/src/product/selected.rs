//! Sums of multiples of selected rows of a matrix: a product with a left operand of which most columns are zero.
#![allow(unsafe_code, reason = "vector loads and stores")]

use pulp::{Simd, WithSimd};

use crate::simd::{Lane, dispatch};

/// The columns of the matrix that [`add_selected_rows`] reads must be a multiple of this, the widest vector there is.
pub const ROW_ALIGNMENT: usize = 8;

/// Whether the matrix enters as it is, or by the magnitudes of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// W
    Kept,
    /// |W|, element by element
    Dropped,
}

/// `out[k, j] += Σ_s coefficients[s, k] · W[selected[s], j]`, or with |W|.
///
/// `coefficients` is `selected.len()` × `width`, W has `columns` columns, `out` is `width` × `columns`, all row-major;
/// `columns` is a multiple of [`ROW_ALIGNMENT`]. Each element of `out` is one chain of fused additions in the order of
/// `selected`, so that its rounding error is at most γ_{s+1} times the sum of the magnitudes.
///
/// Panics where the sizes do not fit.
pub fn add_selected_rows(
    width: usize,
    coefficients: &[f64],
    selected: &[u32],
    matrix: &[f64],
    columns: usize,
    sign: Sign,
    out: &mut [f64],
) {
    assert!(columns.is_multiple_of(ROW_ALIGNMENT), "{columns} columns");
    assert!(coefficients.len() >= selected.len() * width, "too few coefficients");
    assert!(out.len() >= width * columns, "the result has too few elements");
    let rows = matrix.len().checked_div(columns).unwrap_or(0);
    assert!(selected.iter().all(|&row| (row as usize) < rows), "a selected row does not exist");
    if columns > 0 && !selected.is_empty() {
        dispatch(SelectedRows { width, coefficients, selected, matrix, columns, sign, out });
    }
}

struct SelectedRows<'a> {
    width: usize,
    coefficients: &'a [f64],
    selected: &'a [u32],
    matrix: &'a [f64],
    columns: usize,
    sign: Sign,
    out: &'a mut [f64],
}

impl WithSimd for SelectedRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, s: S) {
        let mut first = 0;
        while first < self.width {
            // Blocks of nearly equal size that fit the registers.
            let left = self.width - first;
            let block = left.div_ceil(left.div_ceil(10));
            // SAFETY: rows `first..first + block` of the result exist, and the sizes were checked by the caller.
            unsafe {
                match block {
                    1 => strip::<S, 1, 8>(s, &mut self, first),
                    2 => strip::<S, 2, 8>(s, &mut self, first),
                    3 => strip::<S, 3, 4>(s, &mut self, first),
                    4 => strip::<S, 4, 4>(s, &mut self, first),
                    5 => strip::<S, 5, 4>(s, &mut self, first),
                    6 => strip::<S, 6, 4>(s, &mut self, first),
                    7 => strip::<S, 7, 2>(s, &mut self, first),
                    8 => strip::<S, 8, 2>(s, &mut self, first),
                    9 => strip::<S, 9, 2>(s, &mut self, first),
                    _ => strip::<S, 10, 2>(s, &mut self, first),
                }
            }
            first += block;
        }
    }
}

/// Rows `first..first + W` of the result, V vectors at a time.
///
/// # Safety
/// These rows exist, and the sizes of the task fit.
#[inline(always)]
unsafe fn strip<S: Simd, const W: usize, const V: usize>(s: S, task: &mut SelectedRows, first: usize) {
    let lanes = f64::lanes(s);
    let mut at = 0;
    // SAFETY: the caller's; every block ends at or before the last column.
    unsafe {
        while at + V * lanes <= task.columns {
            block::<S, W, V>(s, task, first, at);
            at += V * lanes;
        }
        while V > 4 && at + 4 * lanes <= task.columns {
            block::<S, W, 4>(s, task, first, at);
            at += 4 * lanes;
        }
        while V > 2 && at + 2 * lanes <= task.columns {
            block::<S, W, 2>(s, task, first, at);
            at += 2 * lanes;
        }
        while at < task.columns {
            block::<S, W, 1>(s, task, first, at);
            at += lanes;
        }
    }
}

/// # Safety
/// As [`strip`], and columns `at..at + V · lanes` exist.
#[inline(always)]
unsafe fn block<S: Simd, const W: usize, const V: usize>(
    s: S,
    task: &mut SelectedRows,
    first: usize,
    at: usize,
) {
    let lanes = f64::lanes(s);
    // SAFETY: the caller's.
    unsafe {
        let out = task.out.as_mut_ptr().add(first * task.columns + at);
        let mut sums = [[f64::splat(s, 0.0); V]; W];
        for k in 0..W {
            for v in 0..V {
                sums[k][v] = f64::load(s, out.add(k * task.columns + v * lanes));
            }
        }
        let matrix = task.matrix.as_ptr().add(at);
        let mut coefficients = task.coefficients.as_ptr().add(first);
        for &row in task.selected {
            let row = matrix.add(row as usize * task.columns);
            let mut weights = [f64::splat(s, 0.0); V];
            for v in 0..V {
                weights[v] = f64::load(s, row.add(v * lanes));
                if task.sign == Sign::Dropped {
                    weights[v] = f64::abs_v(s, weights[v]);
                }
            }
            for k in 0..W {
                let coefficient = f64::splat(s, *coefficients.add(k));
                for v in 0..V {
                    sums[k][v] = f64::fused(s, coefficient, weights[v], sums[k][v]);
                }
            }
            coefficients = coefficients.add(task.width);
        }
        for k in 0..W {
            for v in 0..V {
                f64::store(s, out.add(k * task.columns + v * lanes), sums[k][v]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netinverse_base::Rng;

    #[test]
    fn every_width_agrees_with_the_definition() {
        let mut rng = Rng::new(5, 0);
        for width in 1..=23 {
            for columns in [8, 24, 40, 88] {
                let rows = 13;
                let matrix: Vec<f64> = (0..rows * columns).map(|_| rng.below(9) as f64 - 4.0).collect();
                let selected: Vec<u32> = [0, 3, 4, 9, 12].into();
                let coefficients: Vec<f64> =
                    (0..selected.len() * width).map(|_| rng.below(7) as f64 - 3.0).collect();
                for sign in [Sign::Kept, Sign::Dropped] {
                    let mut out: Vec<f64> = (0..width * columns).map(|i| (i % 5) as f64).collect();
                    let mut expected = out.clone();
                    for (s, &row) in selected.iter().enumerate() {
                        for k in 0..width {
                            for j in 0..columns {
                                let w = matrix[row as usize * columns + j];
                                let w = if sign == Sign::Dropped { w.abs() } else { w };
                                expected[k * columns + j] += coefficients[s * width + k] * w;
                            }
                        }
                    }
                    add_selected_rows(width, &coefficients, &selected, &matrix, columns, sign, &mut out);
                    assert_eq!(out, expected, "width {width}, {columns} columns, {sign:?}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "does not exist")]
    fn a_row_beyond_the_matrix_panics() {
        add_selected_rows(1, &[1.0], &[2], &[0.0; 16], 8, Sign::Kept, &mut [0.0; 8]);
    }
}
