//! How much of the data a subspace keeps: Σ|x U|²/Σ|x|².
//!
//! The same convention for every subspace that is compared: `about` is either 0 (energy of the images as
//! they are) or a mean that is subtracted first (variance). The total is a ratio of sums over all rows, of
//! which the leading principal components are exactly the maximum over all subspaces of their dimension,
//! and of which a uniformly random subspace keeps r/n on average.

use super::check_vector;
use netinverse_base::{Error, Result};
use netinverse_linalg::{Matrix, dot, symmetric_eigen};
use rayon::prelude::*;

/// Rows whose products are summed by one thread.
const CHUNK: usize = 4096;

/// The share of the energy that a subspace keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyKept {
    /// |x U|²/|x|² of each row, 0 for a row that is 0.
    pub rows: Vec<f64>,
    /// The mean of `rows`.
    pub mean: f64,
    /// Σ|x U|²/Σ|x|², 0 if all rows are 0.
    pub total: f64,
}

/// What the subspace with this orthonormal basis (n×r) keeps of the rows of `inputs`, less `about`.
pub fn energy_kept(inputs: &Matrix, basis: &Matrix, about: Option<&[f64]>) -> Result<EnergyKept> {
    if basis.rows() != inputs.columns() {
        let message = format!("a basis in {} dimensions for inputs of {}", basis.rows(), inputs.columns());
        return Err(Error::input(message));
    }
    let centred = centre(inputs, about)?;
    let coordinates = centred.product(basis);
    let mut out = EnergyKept { rows: Vec::with_capacity(inputs.rows()), mean: 0.0, total: 0.0 };
    let (mut kept_sum, mut all_sum) = (0.0, 0.0);
    for (kept, all) in coordinates.iter_rows().zip(centred.iter_rows()) {
        let (kept, all) = (dot(kept, kept), dot(all, all));
        out.rows.push(if all > 0.0 { kept / all } else { 0.0 });
        kept_sum += kept;
        all_sum += all;
    }
    if !out.rows.is_empty() {
        out.mean = out.rows.iter().sum::<f64>() / out.rows.len() as f64;
    }
    if all_sum > 0.0 {
        out.total = kept_sum / all_sum;
    }
    Ok(out)
}

/// The share that a uniformly random subspace of dimension r of Rⁿ keeps of any vector, on average: r/n.
pub fn energy_kept_by_random(dimension: usize, inputs: usize) -> f64 {
    dimension as f64 / inputs as f64
}

/// The means of `rows` by class, and their numbers: `per_class(&energy.rows, labels, 10)`.
pub fn per_class(rows: &[f64], labels: &[u8], classes: usize) -> Result<Vec<(f64, usize)>> {
    check_labels(labels, rows.len(), classes)?;
    let mut sums = vec![(0.0, 0); classes];
    for (value, &label) in rows.iter().zip(labels) {
        let (sum, count) = &mut sums[usize::from(label)];
        *sum += value;
        *count += 1;
    }
    Ok(sums
        .into_iter()
        .map(|(sum, count)| (if count > 0 { sum / count as f64 } else { 0.0 }, count))
        .collect())
}

/// Refuses labels that do not fit the rows or the classes.
pub(crate) fn check_labels(labels: &[u8], rows: usize, classes: usize) -> Result<()> {
    if labels.len() != rows {
        return Err(Error::input(format!("{} labels for {rows} rows", labels.len())));
    }
    match labels.iter().position(|&l| usize::from(l) >= classes) {
        Some(i) => Err(Error::input(format!("label {} in a problem of {classes} classes", labels[i]))
            .at(netinverse_base::Place::Row(i))),
        None => Ok(()),
    }
}

/// Principal components: the eigenvectors of Σ (x − about)ᵀ(x − about)/N.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// What was subtracted: the mean, or 0.
    pub about: Vec<f64>,
    /// The eigenvectors as columns (n×n), by descending eigenvalue.
    pub vectors: Matrix,
    /// The eigenvalues, descending, not negative.
    pub values: Vec<f64>,
}

impl Pca {
    /// About the mean of the rows (variance), or about 0 (energy).
    ///
    /// # Errors
    /// No rows.
    pub fn new(inputs: &Matrix, about_mean: bool) -> Result<Self> {
        if inputs.rows() == 0 {
            return Err(Error::input("principal components of no data"));
        }
        let about = if about_mean { mean(inputs) } else { vec![0.0; inputs.columns()] };
        let (values, vectors) = symmetric_eigen(&second_moment(inputs, &about));
        Ok(Pca { about, vectors, values: values.into_iter().map(|v| v.max(0.0)).collect() })
    }

    /// The leading r components (n×r).
    pub fn basis(&self, r: usize) -> Matrix {
        Matrix::from_fn(self.vectors.rows(), r.min(self.vectors.columns()), |i, j| self.vectors.row(i)[j])
    }

    /// The share of the total that the leading r components keep of the data they come from.
    pub fn kept(&self, r: usize) -> f64 {
        let total: f64 = self.values.iter().sum();
        if total > 0.0 { self.values.iter().take(r).sum::<f64>() / total } else { 0.0 }
    }
}

/// The mean of the rows, 0 for none.
pub fn mean(inputs: &Matrix) -> Vec<f64> {
    let mut mean = vec![0.0; inputs.columns()];
    for row in inputs.iter_rows() {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
    }
    let count = inputs.rows().max(1) as f64;
    for m in &mut mean {
        *m /= count;
    }
    mean
}

/// Σ (x − about)ᵀ(x − about)/N, summed in fixed chunks: the same whatever the number of threads.
fn second_moment(inputs: &Matrix, about: &[f64]) -> Matrix {
    let n = inputs.columns();
    let starts: Vec<usize> = (0..inputs.rows()).step_by(CHUNK).collect();
    let mut sum = Matrix::zeros(n, n);
    // A few chunks at a time, to bound the memory of their n×n products.
    for group in starts.chunks(8) {
        let parts: Vec<Matrix> = group
            .par_iter()
            .map(|&start| {
                let rows = inputs.row_range(start, (start + CHUNK).min(inputs.rows()));
                let centred = subtract(rows, about);
                centred.transposed_product(&centred)
            })
            .collect();
        for part in parts {
            sum.data_mut().iter_mut().zip(part.data()).for_each(|(s, p)| *s += p);
        }
    }
    let count = inputs.rows() as f64;
    for s in sum.data_mut() {
        *s /= count;
    }
    sum
}

fn centre(inputs: &Matrix, about: Option<&[f64]>) -> Result<Matrix> {
    match about {
        Some(about) => {
            check_vector("mean", about, inputs.columns())?;
            Ok(subtract(inputs.clone(), about))
        }
        None => Ok(inputs.clone()),
    }
}

fn subtract(mut rows: Matrix, about: &[f64]) -> Matrix {
    for i in 0..rows.rows() {
        rows.row_mut(i).iter_mut().zip(about).for_each(|(x, a)| *x -= a);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Activation;
    use crate::closed_form::testing::{random_layer, random_matrix};
    use netinverse_linalg::Qr;

    fn skewed(rows: usize, n: usize, seed: u64) -> Matrix {
        let mut x = random_matrix(rows, n, seed);
        for i in 0..rows {
            for (j, v) in x.row_mut(i).iter_mut().enumerate() {
                *v = *v / (1.0 + j as f64) + 0.2;
            }
        }
        x
    }

    #[test]
    fn principal_components_keep_the_most_and_random_ones_r_over_n() {
        let x = skewed(500, 20, 1);
        for about_mean in [false, true] {
            let pca = Pca::new(&x, about_mean).unwrap();
            let about = about_mean.then_some(pca.about.as_slice());
            let best = energy_kept(&x, &pca.basis(4), about).unwrap();
            assert!((best.total - pca.kept(4)).abs() < 1e-12);
            assert!((energy_kept(&x, &pca.basis(20), about).unwrap().total - 1.0).abs() < 1e-12);
            let mut average = 0.0;
            for seed in 0..400 {
                let random = Qr::new(&random_matrix(20, 4, 100 + seed)).thin_q();
                let kept = energy_kept(&x, &random, about).unwrap();
                assert!(kept.total <= best.total + 1e-12);
                average += kept.total / 400.0;
            }
            assert!((average - energy_kept_by_random(4, 20)).abs() < 0.03, "{average}");
        }
        let layer = random_layer(20, 4, Activation::Sigmoid, 2);
        let kept = energy_kept(&x, layer.basis(), None).unwrap();
        for (i, share) in kept.rows.iter().enumerate() {
            let part = layer.kept(x.row(i)).unwrap();
            assert!((dot(&part, &part) / dot(x.row(i), x.row(i)) - share).abs() < 1e-12);
        }
    }

    #[test]
    fn many_chunks_sum_to_the_same_moment() {
        let x = skewed(CHUNK * 2 + 17, 5, 3);
        let moment = second_moment(&x, &mean(&x));
        for i in 0..5 {
            for j in 0..5 {
                let m = mean(&x);
                let plain: f64 =
                    x.iter_rows().map(|r| (r[i] - m[i]) * (r[j] - m[j])).sum::<f64>() / x.rows() as f64;
                assert!((moment.row(i)[j] - plain).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn classes_are_averaged_apart() {
        assert_eq!(per_class(&[1.0, 3.0, 5.0], &[0, 0, 2], 3).unwrap(), [(2.0, 2), (0.0, 0), (5.0, 1)]);
        assert!(per_class(&[1.0], &[3], 3).is_err());
        assert!(per_class(&[1.0], &[], 3).is_err());
        assert!(Pca::new(&Matrix::zeros(0, 3), true).is_err());
    }
}
