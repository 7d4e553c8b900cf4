use super::energy::Pca;
use super::{Layer, check_columns, check_vector};
use netinverse_base::{Error, Result, Rng};
use netinverse_linalg::{Cholesky, Matrix, dot};

/// How a covariance is estimated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriorOptions {
    /// Principal components kept (k).
    pub rank: usize,
    /// The least variance of a single input beside them: above 0, so that every target has a finite cost.
    pub floor: f64,
}

impl Default for PriorOptions {
    /// For images in [0, 1]: 60 components, a floor of 10⁻³ (a deviation of 0.03).
    fn default() -> Self {
        PriorOptions { rank: 60, floor: 1e-3 }
    }
}

/// A Gaussian N(μ, S) with S = F Fᵀ + diag(d), F n×k: what images of a class look like, to second order.
#[derive(Debug, Clone)]
pub struct GaussianPrior {
    mean: Vec<f64>,
    factors: Matrix,
    diagonal: Vec<f64>,
    /// I + Fᵀ diag(d)⁻¹ F
    inner: Cholesky,
}

impl GaussianPrior {
    /// The Gaussian with these parameters.
    ///
    /// # Errors
    /// Sizes that do not fit, or a variance that is not positive.
    pub fn new(mean: Vec<f64>, factors: Matrix, diagonal: Vec<f64>) -> Result<Self> {
        let n = mean.len();
        check_vector("mean", &mean, n)?;
        check_vector("diagonal", &diagonal, n)?;
        if factors.rows() != n {
            return Err(Error::input(format!("factors with {} rows for {n} inputs", factors.rows())));
        }
        if let Some(i) = diagonal.iter().position(|&d| d <= 0.0) {
            return Err(Error::input(format!("input {i} has a variance of {}", diagonal[i]))
                .hint("give a floor above 0"));
        }
        let k = factors.columns();
        let scaled = Matrix::from_fn(n, k, |i, j| factors.row(i)[j] / diagonal[i]);
        let mut inner = factors.transposed_product(&scaled);
        for j in 0..k {
            inner.row_mut(j)[j] += 1.0;
        }
        let inner = Cholesky::new(&inner)
            .ok_or_else(|| Error::input("the covariance is not positive definite").hint("raise the floor"))?;
        Ok(GaussianPrior { mean, factors, diagonal, inner })
    }

    /// The Gaussian of the rows: their mean, the leading k principal components of their covariance, and
    /// the variance that is left of each input, at least the floor.
    ///
    /// # Errors
    /// Fewer than two rows, or a floor that is not positive.
    pub fn fit(images: &Matrix, options: PriorOptions) -> Result<Self> {
        if images.rows() < 2 {
            return Err(Error::input(format!("{} images do not give a covariance", images.rows())));
        }
        if !(options.floor > 0.0 && options.floor.is_finite()) {
            return Err(Error::input(format!("a floor of {}", options.floor)).hint("it must be above 0"));
        }
        let pca = Pca::new(images, true)?;
        let k = options.rank.min(images.rows() - 1).min(images.columns());
        let factors =
            Matrix::from_fn(images.columns(), k, |i, j| pca.vectors.row(i)[j] * pca.values[j].sqrt());
        let diagonal = (0..images.columns())
            .map(|i| {
                let row = pca.vectors.row(i);
                let left: f64 = row[k..].iter().zip(&pca.values[k..]).map(|(v, l)| v * v * l).sum();
                left.max(options.floor)
            })
            .collect();
        Self::new(pca.about, factors, diagonal)
    }

    /// μ
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.mean.len()
    }

    /// F, n×k
    pub(crate) fn factors(&self) -> &Matrix {
        &self.factors
    }

    /// d
    pub(crate) fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// The standard deviation of each input alone.
    pub fn marginal_deviations(&self) -> Vec<f64> {
        let variance = |i: usize| dot(self.factors.row(i), self.factors.row(i)) + self.diagonal[i];
        (0..self.inputs()).map(|i| variance(i).sqrt()).collect()
    }

    /// S⁻¹v, by Woodbury's identity.
    pub fn precision_times(&self, v: &[f64]) -> Vec<f64> {
        let scaled: Vec<f64> = v.iter().zip(&self.diagonal).map(|(v, d)| v / d).collect();
        let mut inside = self.factors.apply_left(&scaled);
        self.inner.solve(&mut inside);
        let explained = self.factors.apply(&inside);
        scaled.iter().zip(explained).zip(&self.diagonal).map(|((s, e), d)| s - e / d).collect()
    }

    /// S A for A n×r, without forming S.
    fn covariance_times(&self, a: &Matrix) -> Matrix {
        let mut out = self.factors.product(&self.factors.transposed_product(a));
        for i in 0..out.rows() {
            let d = self.diagonal[i];
            out.row_mut(i).iter_mut().zip(a.row(i)).for_each(|(o, a)| *o += d * a);
        }
        out
    }

    /// A draw from N(μ, S).
    pub fn sample(&self, rng: &mut Rng) -> Vec<f64> {
        let mut x = self.deviation(rng);
        x.iter_mut().zip(&self.mean).for_each(|(x, m)| *x += m);
        x
    }

    /// A draw from N(0, S): F e₁ + √d ∘ e₂.
    fn deviation(&self, rng: &mut Rng) -> Vec<f64> {
        let common: Vec<f64> = (0..self.factors.columns()).map(|_| rng.normal()).collect();
        let mut x = self.factors.apply(&common);
        x.iter_mut().zip(&self.diagonal).for_each(|(x, d)| *x += d.sqrt() * rng.normal());
        x
    }

    /// The squared Mahalanobis distance (x − μ)ᵀ S⁻¹ (x − μ), by Woodbury's identity.
    pub fn mahalanobis_squared(&self, x: &[f64]) -> Result<f64> {
        check_vector("input", x, self.inputs())?;
        let away: Vec<f64> = x.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        let scaled: Vec<f64> = away.iter().zip(&self.diagonal).map(|(a, d)| a / d).collect();
        let mut inside = self.factors.apply_left(&scaled);
        self.inner.solve_lower(&mut inside);
        Ok(dot(&away, &scaled) - dot(&inside, &inside))
    }

    /// ln of the density at x.
    pub fn log_density(&self, x: &[f64]) -> Result<f64> {
        let log_determinant =
            self.inner.log_determinant() + self.diagonal.iter().map(|d| d.ln()).sum::<f64>();
        let constant = self.inputs() as f64 * std::f64::consts::TAU.ln();
        Ok(-0.5 * (self.mahalanobis_squared(x)? + log_determinant + constant))
    }

    /// This Gaussian, given the output of a layer.
    ///
    /// # Errors
    /// The layer has another number of inputs.
    pub fn posterior<'a>(&'a self, layer: &'a Layer) -> Result<Posterior<'a>> {
        if layer.inputs() != self.inputs() {
            let message = format!("a prior on {} inputs for a layer of {}", self.inputs(), layer.inputs());
            return Err(Error::input(message));
        }
        let spread = self.covariance_times(layer.basis());
        let inner = layer.basis().transposed_product(&spread);
        let solve = Cholesky::new(&inner).ok_or_else(|| {
            Error::input("the prior gives some logits no variance to working precision")
                .hint("raise the floor")
        })?;
        let mut gain = spread;
        for i in 0..gain.rows() {
            solve.solve(gain.row_mut(i));
        }
        let expected = layer.basis().apply_left(&self.mean);
        Ok(Posterior { prior: self, layer, gain, expected })
    }
}

/// A Gaussian conditioned on the logits of a layer, exactly (no noise added anywhere).
///
/// The textbook form is x_MAP = μ + S W (WᵀSW)⁻¹ (z − b − Wᵀμ), covariance S − S W (WᵀSW)⁻¹ WᵀS; in the
/// orthonormal coordinates xU = t of the layer it is the same with U and t, and defined for every rank.
/// Neither the most plausible input nor samples know of a box: give them as references to
/// [`BoxNearest`](super::BoxNearest), with the same logits, for the nearest images inside it.
#[derive(Debug, Clone)]
pub struct Posterior<'a> {
    prior: &'a GaussianPrior,
    layer: &'a Layer,
    /// S U (UᵀSU)⁻¹, n×r
    gain: Matrix,
    /// μ U
    expected: Vec<f64>,
}

impl Posterior<'_> {
    /// The most plausible input with these logits.
    pub fn map(&self, logits: &[f64]) -> Result<Vec<f64>> {
        let mut asked = self.layer.coordinates(logits)?;
        asked.iter_mut().zip(&self.expected).for_each(|(t, e)| *t -= e);
        let mut x = self.gain.apply(&asked);
        x.iter_mut().zip(&self.prior.mean).for_each(|(x, m)| *x += m);
        Ok(x)
    }

    /// The most plausible input for every row of logits.
    pub fn map_rows(&self, logits: &Matrix) -> Result<Matrix> {
        check_columns("logits", logits, self.layer.outputs())?;
        let mut out = Matrix::zeros(logits.rows(), self.layer.inputs());
        for i in 0..logits.rows() {
            out.row_mut(i).copy_from_slice(&self.map(logits.row(i))?);
        }
        Ok(out)
    }

    /// A draw from the posterior: a draw from the prior, moved onto the fibre by the gain of the MAP
    /// (Matheron's rule), so that both rest on the same covariance.
    pub fn sample(&self, logits: &[f64], rng: &mut Rng) -> Result<Vec<f64>> {
        let mut x = self.map(logits)?;
        let deviation = self.prior.deviation(rng);
        let seen = self.layer.basis().apply_left(&deviation);
        let correction = self.gain.apply(&seen);
        for ((x, d), c) in x.iter_mut().zip(&deviation).zip(&correction) {
            *x += d - c;
        }
        Ok(x)
    }

    /// `count` draws, one stream of the seed each.
    pub fn samples(&self, logits: &[f64], count: usize, seed: u64) -> Result<Matrix> {
        let mut out = Matrix::zeros(count, self.layer.inputs());
        for i in 0..count {
            out.row_mut(i).copy_from_slice(&self.sample(logits, &mut Rng::new(seed, i as u64))?);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Activation;
    use crate::closed_form::energy::mean;
    use crate::closed_form::testing::{random_layer, random_matrix, uniform_matrix};
    use netinverse_linalg::Lu;

    fn prior(n: usize, k: usize, seed: u64) -> GaussianPrior {
        let factors = random_matrix(n, k, seed);
        let diagonal = uniform_matrix(1, n, seed).into_data().iter().map(|u| 0.05 + u).collect();
        GaussianPrior::new(random_matrix(1, n, seed + 1).into_data(), factors, diagonal).unwrap()
    }

    fn dense(p: &GaussianPrior) -> Matrix {
        p.covariance_times(&Matrix::identity(p.inputs()))
    }

    fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
    }

    #[test]
    fn the_map_is_the_dense_formula_and_minimises_the_mahalanobis_distance() {
        let p = prior(25, 6, 1);
        let layer = random_layer(25, 4, Activation::Sigmoid, 2);
        let posterior = p.posterior(&layer).unwrap();
        let s = dense(&p);
        let sw = s.product(layer.weight());
        let inner = Lu::new(&layer.weight().transposed_product(&sw));
        let z = random_matrix(1, 4, 3).into_data();
        let missing: Vec<f64> = z.iter().zip(layer.affine(p.mean()).unwrap()).map(|(z, a)| z - a).collect();
        let mut expected = sw.apply(&inner.solve_vector(&missing).unwrap());
        expected.iter_mut().zip(p.mean()).for_each(|(x, m)| *x += m);
        let x = posterior.map(&z).unwrap();
        assert!(close(&x, &expected, 1e-10));
        assert!(close(&layer.affine(&x).unwrap(), &z, 1e-12));
        assert_eq!(posterior.map_rows(&Matrix::new(1, 4, z.clone()).unwrap()).unwrap().row(0), x);
        let best = p.mahalanobis_squared(&x).unwrap();
        for i in 0..50 {
            let other = posterior.sample(&z, &mut Rng::new(4, i)).unwrap();
            assert!(close(&layer.affine(&other).unwrap(), &z, 1e-12));
            assert!(p.mahalanobis_squared(&other).unwrap() > best);
        }
    }

    #[test]
    fn samples_have_the_posterior_covariance() {
        let p = prior(8, 3, 5);
        let layer = random_layer(8, 2, Activation::Identity, 6);
        let posterior = p.posterior(&layer).unwrap();
        let s = dense(&p);
        let sw = s.product(layer.weight());
        let inverse = Lu::new(&layer.weight().transposed_product(&sw)).solve(&Matrix::identity(2)).unwrap();
        let correction = sw.product(&inverse).product_transposed(&sw);
        let z = [0.3, -0.2];
        let draws = posterior.samples(&z, 40_000, 7).unwrap();
        assert!(close(&mean(&draws), &posterior.map(&z).unwrap(), 0.05));
        let m = mean(&draws);
        for i in 0..8 {
            for j in 0..8 {
                let expected = s.row(i)[j] - correction.row(i)[j];
                let seen = draws.iter_rows().map(|r| (r[i] - m[i]) * (r[j] - m[j])).sum::<f64>() / 40_000.0;
                // four standard errors of a covariance of 40 000 Gaussian draws
                let (vi, vj) = (s.row(i)[i] - correction.row(i)[i], s.row(j)[j] - correction.row(j)[j]);
                let error = ((vi * vj + expected * expected) / 40_000.0).sqrt();
                assert!((seen - expected).abs() <= 4.0 * error + 1e-12, "({i}, {j}): {seen} {expected}");
            }
        }
    }

    #[test]
    fn mahalanobis_and_density_agree_with_the_dense_covariance() {
        let p = prior(12, 4, 8);
        let s = dense(&p);
        let x = random_matrix(1, 12, 99).into_data();
        let away: Vec<f64> = x.iter().zip(p.mean()).map(|(x, m)| x - m).collect();
        let lu = Lu::new(&s);
        let expected = dot(&away, &lu.solve_vector(&away).unwrap());
        assert!((p.mahalanobis_squared(&x).unwrap() - expected).abs() < 1e-9 * expected);
        let (sign, log_determinant) = lu.determinant();
        assert_eq!(sign, 1);
        let density = -0.5 * (expected + log_determinant + 12.0 * std::f64::consts::TAU.ln());
        assert!((p.log_density(&x).unwrap() - density).abs() < 1e-9 * density.abs());
    }

    #[test]
    fn fitting_finds_the_parameters_and_respects_the_floor() {
        let truth = prior(6, 2, 10);
        let images = Matrix::from_fn(20_000, 6, {
            let mut rng = Rng::new(11, 0);
            let mut row = Vec::new();
            move |_, j| {
                if j == 0 {
                    row = truth.sample(&mut rng);
                }
                row[j]
            }
        });
        let truth = prior(6, 2, 10);
        let fitted = GaussianPrior::fit(&images, PriorOptions { rank: 6, floor: 1e-6 }).unwrap();
        assert!(close(fitted.mean(), truth.mean(), 0.06));
        assert!(close(dense(&fitted).data(), dense(&truth).data(), 0.15));
        // a pixel that never changes keeps the floor; marginal variances stay those of the data
        let flat = Matrix::from_fn(50, 4, |i, j| if j == 3 { 0.0 } else { ((i * (j + 2)) as f64).sin() });
        let fitted = GaussianPrior::fit(&flat, PriorOptions { rank: 1, floor: 1e-3 }).unwrap();
        let s = dense(&fitted);
        assert!((s.row(3)[3] - 1e-3).abs() < 1e-12);
        for j in 0..3 {
            let m = mean(&flat)[j];
            let variance = flat.iter_rows().map(|r| (r[j] - m).powi(2)).sum::<f64>() / 50.0;
            assert!((s.row(j)[j] - variance).abs() < 1e-12);
        }
        assert!(GaussianPrior::fit(&flat, PriorOptions { rank: 1, floor: 0.0 }).is_err());
        assert!(GaussianPrior::fit(&Matrix::zeros(1, 3), PriorOptions::default()).is_err());
        assert!(fitted.posterior(&random_layer(5, 2, Activation::Identity, 1)).is_err());
    }
}
