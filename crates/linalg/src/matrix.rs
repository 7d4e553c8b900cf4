use faer::{Accum, Mat, MatMut, MatRef, Par};
use netinverse_base::{Error, Place, Result};

/// A dense row-major matrix of f64: element (i, j) is `data[i * columns + j]`.
///
/// Products run on one thread; callers parallelise over samples or boxes. Operations on matrices whose
/// shapes do not fit panic: shapes are checked where data enters the program.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// The matrix with these elements, row after row.
    ///
    /// # Errors
    /// The number of elements is not `rows · columns`, or one of them is not finite.
    pub fn new(rows: usize, columns: usize, data: Vec<f64>) -> Result<Self> {
        if rows.checked_mul(columns) != Some(data.len()) {
            return Err(Error::input(format!(
                "a {rows} × {columns} matrix does not have {} elements",
                data.len()
            )));
        }
        if let Some(at) = data.iter().position(|v| !v.is_finite()) {
            let message = format!("column {} is {}, a finite number is expected", at % columns, data[at]);
            return Err(Error::input(message).at(Place::Row(at / columns)));
        }
        Ok(Matrix { rows, columns, data })
    }

    /// All zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Matrix { rows, columns, data: vec![0.0; rows * columns] }
    }

    /// The identity of the given size.
    pub fn identity(size: usize) -> Self {
        Self::from_fn(size, size, |i, j| f64::from(u8::from(i == j)))
    }

    /// Element (i, j) is `element(i, j)`.
    pub fn from_fn(rows: usize, columns: usize, mut element: impl FnMut(usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(rows * columns);
        for i in 0..rows {
            data.extend((0..columns).map(|j| element(i, j)));
        }
        Matrix { rows, columns, data }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The elements, row after row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The elements, row after row.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The elements, row after row.
    pub fn into_data(self) -> Vec<f64> {
        self.data
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.columns..(i + 1) * self.columns]
    }

    /// Row `i`.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.columns..(i + 1) * self.columns]
    }

    /// The rows in order. A matrix without columns has empty rows.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.rows).map(|i| self.row(i))
    }

    /// The rows with the given indices, in that order.
    #[must_use]
    pub fn select_rows(&self, indices: &[usize]) -> Matrix {
        let mut data = Vec::with_capacity(indices.len() * self.columns);
        for &i in indices {
            data.extend_from_slice(self.row(i));
        }
        Matrix { rows: indices.len(), columns: self.columns, data }
    }

    /// Rows `start..end`.
    #[must_use]
    pub fn row_range(&self, start: usize, end: usize) -> Matrix {
        let data = self.data[start * self.columns..end * self.columns].to_vec();
        Matrix { rows: end - start, columns: self.columns, data }
    }

    /// Aᵀ
    #[must_use]
    pub fn transposed(&self) -> Matrix {
        Self::from_fn(self.columns, self.rows, |i, j| self.data[j * self.columns + i])
    }

    /// A B
    #[must_use]
    pub fn product(&self, right: &Matrix) -> Matrix {
        multiply(self.view(), right.view())
    }

    /// Aᵀ B
    #[must_use]
    pub fn transposed_product(&self, right: &Matrix) -> Matrix {
        multiply(self.view().transpose(), right.view())
    }

    /// A Bᵀ
    #[must_use]
    pub fn product_transposed(&self, right: &Matrix) -> Matrix {
        multiply(self.view(), right.view().transpose())
    }

    /// A v
    pub fn apply(&self, v: &[f64]) -> Vec<f64> {
        assert_eq!(v.len(), self.columns, "A v needs one element a column");
        self.iter_rows().map(|row| dot(row, v)).collect()
    }

    /// v A, that is Aᵀ v
    pub fn apply_left(&self, v: &[f64]) -> Vec<f64> {
        assert_eq!(v.len(), self.rows, "v A needs one element a row");
        let mut out = vec![0.0; self.columns];
        for (row, &factor) in self.iter_rows().zip(v) {
            for (o, &a) in out.iter_mut().zip(row) {
                *o += factor * a;
            }
        }
        out
    }

    /// The largest magnitude of an element, 0 for an empty matrix.
    pub fn max_abs(&self) -> f64 {
        self.data.iter().fold(0.0, |m, v| m.max(v.abs()))
    }

    pub(crate) fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.data, self.rows, self.columns)
    }

    pub(crate) fn from_faer(matrix: MatRef<'_, f64>) -> Matrix {
        Self::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)])
    }
}

/// aᵀ b, summed in eight lanes.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "a dot product needs vectors of one length");
    const LANES: usize = 8;
    let (heads_a, tail_a) = a.as_chunks::<LANES>();
    let (heads_b, tail_b) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (p, q) in heads_a.iter().zip(heads_b) {
        for lane in 0..LANES {
            sums[lane] += p[lane] * q[lane];
        }
    }
    let tail: f64 = tail_a.iter().zip(tail_b).map(|(p, q)| p * q).sum();
    sums.iter().sum::<f64>() + tail
}

/// |a|₂
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn multiply(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Matrix {
    assert_eq!(left.ncols(), right.nrows(), "the inner sizes of a product differ");
    let mut out = Matrix::zeros(left.nrows(), right.ncols());
    let (rows, columns) = (out.rows, out.columns);
    let target = MatMut::from_row_major_slice_mut(&mut out.data, rows, columns);
    faer::linalg::matmul::matmul(target, Accum::Replace, left, right, 1.0, Par::Seq);
    out
}

/// The matrix rounded to f32.
pub(crate) fn to_f32(matrix: &Matrix) -> Mat<f32> {
    Mat::from_fn(matrix.rows, matrix.columns, |i, j| matrix.data[i * matrix.columns + j] as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(a: &Matrix, b: &Matrix) -> Matrix {
        Matrix::from_fn(a.rows(), b.columns(), |i, j| {
            (0..a.columns()).map(|k| a.row(i)[k] * b.row(k)[j]).sum()
        })
    }

    #[test]
    fn the_three_products_agree_with_the_definition() {
        let a = Matrix::from_fn(5, 7, |i, j| (i * 7 + j) as f64 - 11.0);
        let b = Matrix::from_fn(7, 3, |i, j| (i as f64) * 0.5 - j as f64);
        let expected = plain(&a, &b);
        assert_eq!(a.product(&b), expected);
        assert_eq!(a.transposed().transposed_product(&b), expected);
        assert_eq!(a.product_transposed(&b.transposed()), expected);
        let v: Vec<f64> = (0..7).map(f64::from).collect();
        let column = Matrix::new(7, 1, v.clone()).unwrap();
        assert_eq!(a.apply(&v), a.product(&column).into_data());
        assert_eq!(a.transposed().apply_left(&v), a.apply(&v));
        assert_eq!(dot(&v, &v), 91.0);
    }

    #[test]
    fn bad_data_is_refused_with_its_place() {
        assert!(Matrix::new(2, 2, vec![0.0; 3]).is_err());
        let error = Matrix::new(2, 2, vec![0.0, 1.0, f64::NAN, 3.0]).unwrap_err();
        assert_eq!(error.to_string(), "row 1: column 0 is NaN, a finite number is expected");
        assert!(Matrix::new(usize::MAX, 2, vec![]).is_err());
    }

    #[test]
    fn empty_shapes_are_matrices() {
        let none = Matrix::zeros(0, 3);
        assert_eq!(none.product(&Matrix::identity(3)).rows(), 0);
        assert_eq!(Matrix::zeros(2, 0).product(&Matrix::zeros(0, 2)), Matrix::zeros(2, 2));
        assert_eq!(Matrix::zeros(2, 0).iter_rows().len(), 2);
    }
}
