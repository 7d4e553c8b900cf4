use netinverse_linalg::{Cholesky, Matrix};

use crate::closed_form::GaussianPrior;

/// A symmetric positive (semi-)definite matrix H, n×n, which can be solved with a diagonal added.
#[derive(Debug, Clone)]
pub enum Curvature<'a> {
    /// The identity.
    Identity,
    /// S⁻¹ of a Gaussian with S = FFᵀ + diag(d).
    Precision(&'a GaussianPrior),
    /// Non-zero near the diagonal only.
    Banded(Band),
}

/// The lower half of a symmetric banded matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// How far from the diagonal elements may be non-zero.
    width: usize,
    /// Row i holds the elements (i, i − width) … (i, i).
    data: Vec<f64>,
}

impl Band {
    /// Zero, n×n.
    pub fn zeros(n: usize, width: usize) -> Self {
        Band { width, data: vec![0.0; n * (width + 1)] }
    }

    fn n(&self) -> usize {
        self.data.len() / (self.width + 1)
    }

    fn position(&self, i: usize, j: usize) -> usize {
        i * (self.width + 1) + self.width + j - i
    }

    /// Adds to the elements (i, j) and (j, i), |i − j| ≤ width.
    pub fn add(&mut self, i: usize, j: usize, value: f64) {
        let position = self.position(i.max(j), i.min(j));
        self.data[position] += value;
    }

    fn apply(&self, v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; v.len()];
        for i in 0..self.n() {
            for j in i.saturating_sub(self.width)..=i {
                let element = self.data[self.position(i, j)];
                out[i] += element * v[j];
                if j < i {
                    out[j] += element * v[i];
                }
            }
        }
        out
    }

    /// The Cholesky factor in place; `false` where the matrix is not positive definite.
    fn factorise(&mut self) -> bool {
        for i in 0..self.n() {
            let first = i.saturating_sub(self.width);
            for j in first..=i {
                let start = first.max(j.saturating_sub(self.width));
                let (own, other) = (self.position(i, start), self.position(j, start));
                let count = j - start;
                let sum: f64 = (0..count).map(|k| self.data[own + k] * self.data[other + k]).sum();
                let value = self.data[own + count] - sum;
                let diagonal = self.position(j, j);
                self.data[own + count] = if i == j {
                    if value <= 0.0 || !value.is_finite() {
                        return false;
                    }
                    value.sqrt()
                } else {
                    value / self.data[diagonal]
                };
            }
        }
        true
    }

    fn solve(&self, b: &mut [f64]) {
        let n = self.n();
        for i in 0..n {
            let first = i.saturating_sub(self.width);
            let sum: f64 = (first..i).map(|j| self.data[self.position(i, j)] * b[j]).sum();
            b[i] = (b[i] - sum) / self.data[self.position(i, i)];
        }
        for i in (0..n).rev() {
            b[i] /= self.data[self.position(i, i)];
            let own = b[i];
            for j in i.saturating_sub(self.width)..i {
                b[j] -= self.data[self.position(i, j)] * own;
            }
        }
    }
}

/// H + diag(σ), ready to be solved; where σ is infinite the solution is 0.
pub(super) enum Factor {
    Diagonal(Vec<f64>),
    LowRank { inverse: Vec<f64>, factors: Matrix, inner: Cholesky },
    Banded { band: Band, pinned: Vec<bool> },
}

impl Curvature<'_> {
    /// H v
    pub fn apply(&self, v: &[f64]) -> Vec<f64> {
        match self {
            Curvature::Identity => v.to_vec(),
            Curvature::Precision(prior) => prior.precision_times(v),
            Curvature::Banded(band) => band.apply(v),
        }
    }

    /// H + diag(σ), σ ≥ 0; `None` where it is singular.
    ///
    /// For a precision, with P = diag(1/d + σ): `(P − D⁻¹F M⁻¹FᵀD⁻¹)⁻¹ = P⁻¹ + F′(I + Fᵀ diag(σ/(1 + dσ)) F)⁻¹F′ᵀ`,
    /// F′ = diag(1/(1 + dσ)) F, by Woodbury's identity twice: nothing cancels, whatever σ is.
    pub(super) fn factor(&self, sigma: &[f64]) -> Option<Factor> {
        match self {
            Curvature::Identity => Some(Factor::Diagonal(sigma.iter().map(|s| 1.0 / (1.0 + s)).collect())),
            Curvature::Precision(prior) => {
                let (f, d) = (prior.factors(), prior.diagonal());
                let k = f.columns();
                let shrink: Vec<f64> = d.iter().zip(sigma).map(|(d, s)| 1.0 / (1.0 + d * s)).collect();
                let inverse = d.iter().zip(&shrink).map(|(d, s)| d * s).collect();
                let held = |i: usize| if sigma[i].is_finite() { sigma[i] * shrink[i] } else { 1.0 / d[i] };
                let weighted = Matrix::from_fn(f.rows(), k, |i, j| held(i) * f.row(i)[j]);
                let mut inner = f.transposed_product(&weighted);
                for j in 0..k {
                    inner.row_mut(j)[j] += 1.0;
                }
                let inner = Cholesky::new(&inner)?;
                let factors = Matrix::from_fn(f.rows(), k, |i, j| shrink[i] * f.row(i)[j]);
                Some(Factor::LowRank { inverse, factors, inner })
            }
            Curvature::Banded(band) => {
                let mut band = band.clone();
                let pinned: Vec<bool> = sigma.iter().map(|s| s.is_infinite()).collect();
                for i in 0..band.n() {
                    for j in i.saturating_sub(band.width)..=i {
                        let position = band.position(i, j);
                        if pinned[i] || pinned[j] {
                            band.data[position] = f64::from(u8::from(i == j));
                        } else if i == j {
                            band.data[position] += sigma[i];
                        }
                    }
                }
                band.factorise().then_some(Factor::Banded { band, pinned })
            }
        }
    }
}

impl Factor {
    /// The solution of (H + diag σ) x = b, in place of b.
    pub(super) fn solve(&self, b: &mut [f64]) {
        match self {
            Factor::Diagonal(inverse) => b.iter_mut().zip(inverse).for_each(|(b, i)| *b *= i),
            Factor::LowRank { inverse, factors, inner } => {
                let mut inside = factors.apply_left(b);
                inner.solve(&mut inside);
                let low_rank = factors.apply(&inside);
                for ((b, i), l) in b.iter_mut().zip(inverse).zip(low_rank) {
                    *b = *b * i + l;
                }
            }
            Factor::Banded { band, pinned } => {
                b.iter_mut().zip(pinned).for_each(|(b, pinned)| *b = if *pinned { 0.0 } else { *b });
                band.solve(b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use netinverse_base::Rng;
    use netinverse_linalg::{Lu, Matrix};

    use super::*;

    /// (H + diag σ) x = b against a dense solve, with one element pinned.
    fn check(curvature: &Curvature<'_>, n: usize) {
        let mut rng = Rng::new(4, 0);
        let mut sigma: Vec<f64> =
            (0..n).map(|i| if i % 3 == 0 { 0.0 } else { 1e3 * rng.uniform() }).collect();
        sigma[2] = f64::INFINITY;
        let unit = |i: usize| (0..n).map(|j| f64::from(u8::from(i == j))).collect::<Vec<_>>();
        let columns: Vec<Vec<f64>> = (0..n).map(|i| curvature.apply(&unit(i))).collect();
        let dense = Matrix::from_fn(n, n, |i, j| match (i, j) {
            (2, _) | (_, 2) => f64::from(u8::from(i == j)),
            _ => columns[j][i] + if i == j { sigma[i] } else { 0.0 },
        });
        let b: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mut rest = b.clone();
        rest[2] = 0.0;
        let expected = Lu::new(&dense).solve_vector(&rest).unwrap();
        let mut x = b;
        curvature.factor(&sigma).unwrap().solve(&mut x);
        for (x, e) in x.iter().zip(&expected) {
            assert!((x - e).abs() <= 1e-9 * (1.0 + e.abs()), "{x} against {e}");
        }
    }

    #[test]
    fn factors_solve_what_dense_matrices_solve() {
        let n = 9;
        let mut rng = Rng::new(1, 0);
        check(&Curvature::Identity, n);
        let factors = Matrix::from_fn(n, 3, |_, _| rng.normal());
        let diagonal = (0..n).map(|_| 0.01 + rng.uniform()).collect();
        check(&Curvature::Precision(&GaussianPrior::new(vec![0.0; n], factors, diagonal).unwrap()), n);
        let mut band = Band::zeros(n, 3);
        for i in 0..n {
            band.add(i, i, 0.1 + rng.uniform());
            for j in i.saturating_sub(3)..i {
                let weight = rng.uniform();
                band.add(i, i, weight);
                band.add(j, j, weight);
                band.add(i, j, -weight);
            }
        }
        check(&Curvature::Banded(band), n);
    }
}
