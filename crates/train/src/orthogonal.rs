//! Orthogonal matrices, and some of their columns, with free parameters: products of Householder reflections.

/// `factor · H₁ H₂ ⋯ H_k` with `H = I − 2 v vᵀ / (vᵀv)`, computed in float64.
///
/// For any normals v ≠ 0 the product is orthogonal up to the rounding of its elements to float32. A normal
/// of zeros stands for the identity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reflections {
    /// n
    pub(crate) size: usize,
    /// How many columns of the product are made: all n, or fewer.
    pub(crate) columns: usize,
    /// k
    pub(crate) count: usize,
    /// The length of the rows of the product.
    pub(crate) factor: f64,
}

impl Reflections {
    /// The product, row-major, from `count` normals of `size` numbers.
    pub(crate) fn matrix(&self, normals: &[f32], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(self.product(normals)) {
            *out = (self.factor * value) as f32;
        }
    }

    fn product(&self, normals: &[f32]) -> Vec<f64> {
        let (n, m) = (self.size, self.columns);
        let mut product = vec![0.0; n * m];
        (0..m).for_each(|i| product[i * m + i] = 1.0);
        let mut image = vec![0.0; m];
        for normal in normals.chunks_exact(n).rev() {
            reflect(&wide(normal), &mut product, &mut image);
        }
        product
    }

    /// The gradient of the normals from that of the product's elements.
    ///
    /// With `M_i = H_i M_{i+1}` and G the gradient of M_i, that of M_{i+1} is `H_i G`, and that of v is
    /// `−β (G p + M q) + (2β / vᵀv) (vᵀ G p) v` with M = M_{i+1}, p = Mᵀv, q = Gᵀv, β = 2 / vᵀv.
    /// Reflections undo themselves, so nothing is kept from the way forward.
    pub(crate) fn pull_back(&self, normals: &[f32], gradient: &[f32], out: &mut [f32]) {
        let (n, m) = (self.size, self.columns);
        let mut matrix = self.product(normals);
        let mut gradient: Vec<f64> = gradient.iter().map(|&g| self.factor * f64::from(g)).collect();
        let (mut image, mut p, mut q) = (vec![0.0; m], vec![0.0; m], vec![0.0; m]);
        for (normal, out) in normals.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let v = wide(normal);
            let square: f64 = v.iter().map(|v| v * v).sum();
            if square == 0.0 {
                out.fill(0.0);
                continue;
            }
            let beta = 2.0 / square;
            reflect(&v, &mut matrix, &mut image);
            apply_left(&v, &matrix, &mut p);
            apply_left(&v, &gradient, &mut q);
            let both: Vec<(f64, f64)> = (0..n)
                .map(|i| {
                    let row = i * m..(i + 1) * m;
                    (dot(&gradient[row.clone()], &p), dot(&matrix[row], &q))
                })
                .collect();
            let along: f64 = both.iter().zip(&v).map(|((gp, _), v)| gp * v).sum();
            for ((out, (gp, mq)), v) in out.iter_mut().zip(&both).zip(&v) {
                *out = (-beta * (gp + mq) + 2.0 * beta / square * along * v) as f32;
            }
            reflect(&v, &mut gradient, &mut image);
        }
    }
}

/// M ← (I − 2 v vᵀ / vᵀv) M.
fn reflect(v: &[f64], matrix: &mut [f64], image: &mut [f64]) {
    let square: f64 = v.iter().map(|v| v * v).sum();
    if square == 0.0 {
        return;
    }
    apply_left(v, matrix, image);
    for (row, v) in matrix.chunks_exact_mut(image.len()).zip(v) {
        let factor = 2.0 * v / square;
        row.iter_mut().zip(&*image).for_each(|(m, p)| *m -= factor * p);
    }
}

/// p ← Mᵀ v.
fn apply_left(v: &[f64], matrix: &[f64], p: &mut [f64]) {
    p.fill(0.0);
    for (row, &v) in matrix.chunks_exact(p.len()).zip(v) {
        p.iter_mut().zip(row).for_each(|(p, m)| *p += v * m);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    netinverse_linalg::dot(a, b)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netinverse_base::Rng;

    fn normals(size: usize, count: usize) -> Vec<f32> {
        let mut rng = Rng::new(4, 0);
        (0..size * count).map(|_| rng.normal() as f32).collect()
    }

    #[test]
    fn the_columns_are_orthonormal() {
        for (size, columns, count) in [(1, 1, 1), (2, 2, 2), (7, 7, 3), (5, 5, 5), (9, 4, 4)] {
            let reflections = Reflections { size, columns, count, factor: 1.0 };
            let q = reflections.product(&normals(size, count));
            for i in 0..columns {
                for j in 0..columns {
                    let product: f64 = (0..size).map(|k| q[k * columns + i] * q[k * columns + j]).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-14);
                }
            }
        }
    }

    /// Of a reflection in the plane, whose matrix is known.
    #[test]
    fn one_reflection_is_the_mirror_image() {
        let mut q = [0.0; 4];
        Reflections { size: 2, columns: 2, count: 1, factor: 2.0 }.matrix(&[0.0, 3.0], &mut q);
        assert_eq!(q, [2.0, 0.0, 0.0, -2.0]);
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        for (size, columns, count) in [(5, 5, 3), (6, 2, 2)] {
            let reflections = Reflections { size, columns, count, factor: 0.7 };
            let normals = normals(size, count);
            let mut rng = Rng::new(8, 1);
            let weight: Vec<f32> = (0..size * columns).map(|_| rng.normal() as f32).collect();
            let value = |normals: &[f32]| -> f64 {
                let product = reflections.product(normals);
                product.iter().zip(&weight).map(|(q, &w)| 0.7 * q * f64::from(w)).sum()
            };
            let mut gradient = vec![0.0; size * count];
            reflections.pull_back(&normals, &weight, &mut gradient);
            for index in 0..normals.len() {
                // Steps that float32 holds exactly.
                let (mut up, mut down) = (normals.clone(), normals.clone());
                up[index] += 1.0 / 1024.0;
                down[index] -= 1.0 / 1024.0;
                let step = f64::from(up[index]) - f64::from(down[index]);
                let difference = (value(&up) - value(&down)) / step;
                assert!(
                    (difference - f64::from(gradient[index])).abs() < 1e-5 * (1.0 + difference.abs()),
                    "{index}: {difference} and {}",
                    gradient[index]
                );
            }
        }
    }
}
