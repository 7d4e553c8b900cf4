use netinverse_base::{Error, Result};
use netinverse_linalg::{Matrix, symmetric_eigen};

use crate::closed_form::GaussianPrior;
use crate::closed_form::energy::{Pca, mean};

/// Principal components of a Gaussian at most, unless more are asked for.
const COMPONENTS: usize = 60;
/// Rows that a Gaussian is fitted to at most, evenly spaced.
const ROWS: usize = 20_000;
/// With more inputs than this the rows' products are decomposed instead of the inputs'.
const WIDE: usize = 2048;
/// Rows of wide data at most.
const WIDE_ROWS: usize = 2000;
/// The least variance of an input beside the components, relative to the mean variance.
const FLOOR: f64 = 1e-2;
/// The share of the variance that the components keep, where their number is not given.
const KEPT: f64 = 0.95;

/// What is left beside the principal components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Each input keeps its own variance.
    EachInput,
    /// The same in every direction (probabilistic principal components, Tipping & Bishop 1999).
    Same,
}

/// A Gaussian of the rows: μ their mean, S of their leading `rank` principal components and what is left. Components
/// are those of the inputs divided by `scale`, so that inputs in different units have a like say.
///
/// # Errors
/// Fewer than two rows, or rows that are all the same.
pub fn fit(rows: &Matrix, scale: &[f64], rank: Option<usize>, noise: Noise) -> Result<GaussianPrior> {
    let n = rows.columns();
    let most = if n > WIDE { WIDE_ROWS } else { ROWS };
    let step = rows.rows().div_ceil(most).max(1);
    let picked: Vec<usize> = (0..rows.rows()).step_by(step).collect();
    if picked.len() < 2 {
        return Err(Error::input(format!("{} rows do not give a covariance", picked.len())));
    }
    let scaled = Matrix::from_fn(picked.len(), n, |r, i| rows.row(picked[r])[i] / scale[i]);
    let (about, values, vectors) = if n > WIDE { by_rows(&scaled) } else { by_inputs(&scaled)? };
    let total: f64 = values.iter().sum();
    if total.is_nan() || total <= 0.0 {
        return Err(Error::input("all rows are the same").hint("a prior is learned from rows that differ"));
    }
    let floor = FLOOR * total / n as f64;
    let enough = values
        .iter()
        .scan(0.0, |kept, value| {
            *kept += value;
            Some(*kept < KEPT * total)
        })
        .take_while(|below| *below)
        .count()
        + 1;
    let wanted = rank.unwrap_or(match noise {
        Noise::EachInput => COMPONENTS,
        Noise::Same => enough,
    });
    let k = wanted.min(values.iter().filter(|&&value| value > 0.0).count());
    let kept: f64 = values[..k].iter().sum();
    let same = if n > k { ((total - kept) / (n - k) as f64).max(floor) } else { floor };
    let left = |i: usize| -> f64 {
        match noise {
            Noise::Same => same,
            Noise::EachInput => {
                let variance: f64 = scaled.iter_rows().map(|row| (row[i] - about[i]).powi(2)).sum::<f64>()
                    / picked.len() as f64;
                let explained: f64 = (0..k).map(|j| vectors.row(i)[j].powi(2) * values[j]).sum();
                (variance - explained).max(floor)
            }
        }
    };
    let weight = |j: usize| match noise {
        Noise::EachInput => values[j].sqrt(),
        Noise::Same => (values[j] - same).max(0.0).sqrt(),
    };
    let factors = Matrix::from_fn(n, k, |i, j| scale[i] * vectors.row(i)[j] * weight(j));
    let diagonal = (0..n).map(|i| left(i) * scale[i] * scale[i]).collect();
    let mean = about.iter().zip(scale).map(|(m, s)| m * s).collect();
    GaussianPrior::new(mean, factors, diagonal)
}

/// Mean, eigenvalues (descending) and eigenvectors (columns) of the covariance.
type Components = (Vec<f64>, Vec<f64>, Matrix);

fn by_inputs(rows: &Matrix) -> Result<Components> {
    let pca = Pca::new(rows, true)?;
    Ok((pca.about, pca.values, pca.vectors))
}

/// Of fewer rows than inputs: XXᵀ has the same eigenvalues as XᵀX, and u gives Xᵀu.
fn by_rows(rows: &Matrix) -> Components {
    let about = mean(rows);
    let count = rows.rows();
    let centred = Matrix::from_fn(count, rows.columns(), |r, i| rows.row(r)[i] - about[i]);
    let mut gram = centred.product_transposed(&centred);
    gram.data_mut().iter_mut().for_each(|g| *g /= count as f64);
    let (values, vectors) = symmetric_eigen(&gram);
    let values: Vec<f64> = values.into_iter().map(|v| v.max(0.0)).collect();
    let largest = values.first().copied().unwrap_or(0.0);
    let k = values.iter().filter(|&&v| v > 1e-12 * largest).count();
    let lengths: Vec<f64> = values[..k].iter().map(|v| (v * count as f64).sqrt()).collect();
    let kept = Matrix::from_fn(count, k, |r, j| vectors.row(r)[j] / lengths[j]);
    (about, values[..k].to_vec(), centred.transposed_product(&kept))
}

#[cfg(test)]
mod tests {
    use netinverse_base::Rng;

    use super::*;

    #[test]
    fn both_ways_of_decomposing_agree_and_variances_are_the_datas() {
        let mut rng = Rng::new(2, 0);
        let rows = Matrix::from_fn(12, 20, |_, i| rng.normal() * (1.0 + i as f64));
        let (about, values, vectors) = by_inputs(&rows).unwrap();
        let (about2, values2, vectors2) = by_rows(&rows);
        assert_eq!(about, about2);
        for j in 0..11 {
            assert!((values[j] - values2[j]).abs() < 1e-9 * values[0]);
            let product: f64 = (0..20).map(|i| vectors.row(i)[j] * vectors2.row(i)[j]).sum();
            assert!((product.abs() - 1.0).abs() < 1e-8);
        }
        let scale = vec![1.0; 20];
        let prior = fit(&rows, &scale, Some(4), Noise::EachInput).unwrap();
        let deviations = prior.marginal_deviations();
        for i in 0..20 {
            let m = prior.mean()[i];
            let variance: f64 = rows.iter_rows().map(|r| (r[i] - m).powi(2)).sum::<f64>() / 12.0;
            assert!(deviations[i].powi(2) >= variance - 1e-9 && deviations[i].powi(2) < 1.3 * variance + 2.0);
        }
        assert!(fit(&Matrix::from_fn(5, 3, |_, i| i as f64), &[1.0; 3], None, Noise::Same).is_err());
    }

    #[test]
    fn units_do_not_matter() {
        let mut rng = Rng::new(3, 0);
        let rows = Matrix::from_fn(200, 3, |_, _| rng.normal());
        let units = [1.0, 1e6, 1e-3];
        let scaled = Matrix::from_fn(200, 3, |r, i| rows.row(r)[i] * units[i]);
        for noise in [Noise::EachInput, Noise::Same] {
            let plain = fit(&rows, &[1.0; 3], Some(2), noise).unwrap();
            let other = fit(&scaled, &units, Some(2), noise).unwrap();
            let x = [0.3, -0.4, 0.7];
            let y: Vec<f64> = x.iter().zip(units).map(|(x, u)| x * u).collect();
            let (a, b) = (plain.mahalanobis_squared(&x).unwrap(), other.mahalanobis_squared(&y).unwrap());
            assert!((a - b).abs() < 1e-9 * a, "{a} and {b}");
        }
    }
}
