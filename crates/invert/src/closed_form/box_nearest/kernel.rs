//! The loops over inputs: everything here costs n or n·r operations, and is compiled for each instruction set.
//!
//! Vectors over inputs are padded with zeros to whole SIMD vectors of every supported width ([`PAD`]);
//! padded inputs have bounds [0, 0] and a zero row in the basis, so they add nothing to any sum.

use netinverse_linalg::Matrix;
use pulp::{Arch, Simd, WithSimd};

/// Lengths are multiples of this: the widest vector (512 bits) in f64.
pub(crate) const PAD: usize = 8;

/// A matrix stored column after column, each padded.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    length: usize,
    count: usize,
    data: Vec<f64>,
}

impl Columns {
    /// The given rows of `matrix`.
    pub(crate) fn new(matrix: &Matrix, rows: &[usize]) -> Self {
        let length = padded(rows.len());
        let count = matrix.columns();
        let mut data = vec![0.0; length * count];
        for (at, &row) in rows.iter().enumerate() {
            for (column, &value) in matrix.row(row).iter().enumerate() {
                data[column * length + at] = value;
            }
        }
        Columns { length, count, data }
    }

    /// The padded number of rows.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    fn column(&self, c: usize) -> &[f64] {
        &self.data[c * self.length..(c + 1) * self.length]
    }

    fn chunk<'a, S: Simd>(&'a self, first: usize) -> impl Fn(usize) -> &'a [S::f64s] {
        move |offset| S::as_simd_f64s(self.column(first + offset)).0
    }
}

/// The next multiple of [`PAD`].
pub(crate) fn padded(length: usize) -> usize {
    length.next_multiple_of(PAD)
}

/// The kernels, for the instruction set of this processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel(Arch);

impl Kernel {
    pub(crate) fn new() -> Self {
        Kernel(Arch::new())
    }

    /// out = base + Σ_c coefficient_c column_c
    pub(crate) fn combine(
        self,
        columns: &Columns,
        coefficients: &[f64],
        base: Option<&[f64]>,
        out: &mut [f64],
    ) {
        match base {
            Some(base) => out.copy_from_slice(base),
            None => out.fill(0.0),
        }
        let mut c = 0;
        while c < columns.count {
            if columns.count - c >= 5 {
                self.0.dispatch(Combine::<5> { columns, coefficients, first: c, out });
                c += 5;
            } else {
                self.0.dispatch(Combine::<1> { columns, coefficients, first: c, out });
                c += 1;
            }
        }
    }

    /// x = clip(v); free = 1 where low < v < high, else 0. Returns the number of free inputs.
    pub(crate) fn clip(self, v: &[f64], low: &[f64], high: &[f64], x: &mut [f64], free: &mut [f64]) -> usize {
        self.0.dispatch(Clip { v, low, high, x, free }) as usize
    }

    /// out_c = column_c · x
    pub(crate) fn reduce(self, columns: &Columns, x: &[f64], out: &mut [f64]) {
        let mut c = 0;
        while c < columns.count {
            if columns.count - c >= 5 {
                self.0.dispatch(Reduce::<5> { columns, first: c, x, out });
                c += 5;
            } else {
                self.0.dispatch(Reduce::<1> { columns, first: c, x, out });
                c += 1;
            }
        }
    }

    /// The lower triangle of Uᵀ diag(free) U, row-major count×count.
    pub(crate) fn gram(self, columns: &Columns, free: &[f64], out: &mut [f64]) {
        let count = columns.count;
        let mut a = 0;
        while a < count {
            let width = block(count - a);
            let mut b = 0;
            while b <= a {
                let right = block(count - b);
                match (width, right) {
                    (5, _) => self.0.dispatch(Gram::<5, 5> { columns, rows: a, cols: b, free, out }),
                    (_, 5) => self.0.dispatch(Gram::<1, 5> { columns, rows: a, cols: b, free, out }),
                    _ => self.0.dispatch(Gram::<1, 1> { columns, rows: a, cols: b, free, out }),
                }
                b += right;
            }
            a += width;
        }
    }

    /// With y(α) = clip(v + α s): (Σ y s, Σ s² over inputs strictly inside, Σ |y s|).
    pub(crate) fn slope(self, v: &[f64], s: &[f64], low: &[f64], high: &[f64], alpha: f64) -> (f64, f64) {
        self.0.dispatch(Slope { v, s, low, high, alpha })
    }
}

/// Columns are taken five at a time while there are five: 25 sums fit the registers.
fn block(left: usize) -> usize {
    if left >= 5 { 5 } else { 1 }
}

struct Combine<'a, const B: usize> {
    columns: &'a Columns,
    coefficients: &'a [f64],
    first: usize,
    out: &'a mut [f64],
}

impl<const B: usize> WithSimd for Combine<'_, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (out, _) = S::as_mut_simd_f64s(self.out);
        let column = self.columns.chunk::<S>(self.first);
        let columns: [&[S::f64s]; B] = std::array::from_fn(|b| &column(b)[..out.len()]);
        let factors: [S::f64s; B] =
            std::array::from_fn(|b| simd.splat_f64s(self.coefficients[self.first + b]));
        for i in 0..out.len() {
            let mut sum = out[i];
            for b in 0..B {
                sum = simd.mul_add_e_f64s(factors[b], columns[b][i], sum);
            }
            out[i] = sum;
        }
    }
}

struct Clip<'a> {
    v: &'a [f64],
    low: &'a [f64],
    high: &'a [f64],
    x: &'a mut [f64],
    free: &'a mut [f64],
}

impl WithSimd for Clip<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (x, _) = S::as_mut_simd_f64s(self.x);
        let n = x.len();
        let (free, _) = S::as_mut_simd_f64s(self.free);
        let (v, low, high) =
            (S::as_simd_f64s(self.v).0, S::as_simd_f64s(self.low).0, S::as_simd_f64s(self.high).0);
        let (free, v, low, high) = (&mut free[..n], &v[..n], &low[..n], &high[..n]);
        let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
        let mut count = zero;
        for i in 0..n {
            x[i] = simd.min_f64s(simd.max_f64s(v[i], low[i]), high[i]);
            let inside = simd.select_f64s(simd.less_than_f64s(low[i], v[i]), one, zero);
            free[i] = simd.select_f64s(simd.less_than_f64s(v[i], high[i]), inside, zero);
            count = simd.add_f64s(count, free[i]);
        }
        simd.reduce_sum_f64s(count)
    }
}

struct Reduce<'a, const B: usize> {
    columns: &'a Columns,
    first: usize,
    x: &'a [f64],
    out: &'a mut [f64],
}

impl<const B: usize> WithSimd for Reduce<'_, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (x, _) = S::as_simd_f64s(self.x);
        let column = self.columns.chunk::<S>(self.first);
        let columns: [&[S::f64s]; B] = std::array::from_fn(|b| &column(b)[..x.len()]);
        let mut sums = [simd.splat_f64s(0.0); B];
        for i in 0..x.len() {
            for b in 0..B {
                sums[b] = simd.mul_add_e_f64s(x[i], columns[b][i], sums[b]);
            }
        }
        for b in 0..B {
            self.out[self.first + b] = simd.reduce_sum_f64s(sums[b]);
        }
    }
}

struct Gram<'a, const A: usize, const B: usize> {
    columns: &'a Columns,
    rows: usize,
    cols: usize,
    free: &'a [f64],
    out: &'a mut [f64],
}

impl<const A: usize, const B: usize> WithSimd for Gram<'_, A, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (free, _) = S::as_simd_f64s(self.free);
        let left = self.columns.chunk::<S>(self.rows);
        let right = self.columns.chunk::<S>(self.cols);
        let left: [&[S::f64s]; A] = std::array::from_fn(|a| &left(a)[..free.len()]);
        let right: [&[S::f64s]; B] = std::array::from_fn(|b| &right(b)[..free.len()]);
        let mut sums = [[simd.splat_f64s(0.0); B]; A];
        for i in 0..free.len() {
            for b in 0..B {
                let masked = simd.mul_f64s(free[i], right[b][i]);
                for a in 0..A {
                    sums[a][b] = simd.mul_add_e_f64s(left[a][i], masked, sums[a][b]);
                }
            }
        }
        for a in 0..A {
            for b in 0..B {
                self.out[(self.rows + a) * self.columns.count + self.cols + b] =
                    simd.reduce_sum_f64s(sums[a][b]);
            }
        }
    }
}

struct Slope<'a> {
    v: &'a [f64],
    s: &'a [f64],
    low: &'a [f64],
    high: &'a [f64],
    alpha: f64,
}

impl WithSimd for Slope<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f64, f64) {
        let (v, s) = (S::as_simd_f64s(self.v).0, S::as_simd_f64s(self.s).0);
        let (low, high) = (S::as_simd_f64s(self.low).0, S::as_simd_f64s(self.high).0);
        let n = v.len();
        let (s, low, high) = (&s[..n], &low[..n], &high[..n]);
        let (alpha, zero) = (simd.splat_f64s(self.alpha), simd.splat_f64s(0.0));
        let (mut value, mut curvature) = (zero, zero);
        for i in 0..n {
            let moved = simd.mul_add_e_f64s(alpha, s[i], v[i]);
            let y = simd.min_f64s(simd.max_f64s(moved, low[i]), high[i]);
            value = simd.mul_add_e_f64s(y, s[i], value);
            let inside = simd.select_f64s(simd.less_than_f64s(low[i], moved), s[i], zero);
            let inside = simd.select_f64s(simd.less_than_f64s(moved, high[i]), inside, zero);
            curvature = simd.mul_add_e_f64s(inside, inside, curvature);
        }
        (simd.reduce_sum_f64s(value), simd.reduce_sum_f64s(curvature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::testing::random_matrix;
    use netinverse_base::Rng;

    #[test]
    fn kernels_agree_with_plain_loops_for_every_number_of_columns() {
        let kernel = Kernel::new();
        for (n, r) in [(1, 1), (7, 3), (8, 5), (31, 10), (40, 13), (100, 17)] {
            let matrix = random_matrix(n, r, 1);
            let columns = Columns::new(&matrix, &(0..n).collect::<Vec<_>>());
            let length = columns.length();
            let mut rng = Rng::new(2, r as u64);
            let mut vector = |scale: f64| {
                let mut v: Vec<f64> = (0..n).map(|_| scale * rng.normal()).collect();
                v.resize(length, 0.0);
                v
            };
            let (v, s, low) = (vector(1.0), vector(1.0), vector(0.3));
            let high: Vec<f64> =
                low.iter().enumerate().map(|(i, l)| l + f64::from(u8::from(i < n)) * 0.7).collect();
            let coefficients: Vec<f64> = (0..r).map(|c| c as f64 - 2.5).collect();

            let mut out = vec![0.0; length];
            kernel.combine(&columns, &coefficients, Some(&v), &mut out);
            for i in 0..n {
                let expected =
                    v[i] + matrix.row(i).iter().zip(&coefficients).map(|(a, b)| a * b).sum::<f64>();
                assert!((out[i] - expected).abs() < 1e-12);
            }

            let (mut x, mut free) = (vec![0.0; length], vec![0.0; length]);
            let count = kernel.clip(&v, &low, &high, &mut x, &mut free);
            assert_eq!(count, (0..n).filter(|&i| low[i] < v[i] && v[i] < high[i]).count());
            assert!((0..n).all(|i| x[i] == v[i].clamp(low[i], high[i])));

            let mut sums = vec![0.0; r];
            kernel.reduce(&columns, &x, &mut sums);
            let mut gram = vec![0.0; r * r];
            kernel.gram(&columns, &free, &mut gram);
            for a in 0..r {
                let expected: f64 = (0..n).map(|i| matrix.row(i)[a] * x[i]).sum();
                assert!((sums[a] - expected).abs() < 1e-12);
                for b in 0..=a {
                    let expected: f64 = (0..n).map(|i| free[i] * matrix.row(i)[a] * matrix.row(i)[b]).sum();
                    assert!((gram[a * r + b] - expected).abs() < 1e-12, "n {n} r {r} ({a}, {b})");
                }
            }

            let (value, curvature) = kernel.slope(&v, &s, &low, &high, 0.4);
            let moved = |i: usize| v[i] + 0.4 * s[i];
            let expected: f64 = (0..n).map(|i| moved(i).clamp(low[i], high[i]) * s[i]).sum();
            assert!((value - expected).abs() < 1e-12);
            let inside = |i: &usize| low[*i] < moved(*i) && moved(*i) < high[*i];
            let expected: f64 = (0..n).filter(inside).map(|i| s[i] * s[i]).sum();
            assert!((curvature - expected).abs() < 1e-12);
        }
    }
}
