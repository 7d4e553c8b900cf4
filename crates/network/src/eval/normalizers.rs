//! Log-softmax and standardisation, and their derivatives. Sums are taken in f64 in both precisions.

use netinverse_linalg::Real;

/// Groups of elements: the middle axis of `[…, length, inner]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups {
    pub(super) length: usize,
    pub(super) inner: usize,
}

impl Groups {
    /// The first element of each group of an array.
    fn starts(self, elements: usize) -> impl Iterator<Item = usize> {
        let block = (self.length * self.inner).max(1);
        (0..elements / block).flat_map(move |outer| (0..self.inner).map(move |inner| outer * block + inner))
    }

    /// The elements of the group that starts there.
    fn elements(self, start: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.length).map(move |index| start + index * self.inner)
    }

    /// y ← x − log Σ eˣ
    pub(super) fn log_softmax<T: Real>(self, x: &[T], y: &mut [T]) {
        for start in self.starts(x.len()) {
            let x = |index: usize| x[index].to_f64();
            let most = self.elements(start).map(x).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = self.elements(start).map(|index| (x(index) - most).exp()).sum();
            let log = sum.ln();
            for index in self.elements(start) {
                // The difference first: it is exact where the two are close.
                y[index] = T::from_f64((x(index) - most) - log);
            }
        }
    }

    /// dy ← dx − ⟨eʸ, dx⟩, given y
    pub(super) fn log_softmax_jvp<T: Real>(self, y: &[T], dx: &[T], dy: &mut [T]) {
        for start in self.starts(y.len()) {
            let mean: f64 =
                self.elements(start).map(|index| y[index].to_f64().exp() * dx[index].to_f64()).sum();
            for index in self.elements(start) {
                dy[index] = T::from_f64(dx[index].to_f64() - mean);
            }
        }
    }

    /// dx ← dy − eʸ Σ dy, given y
    pub(super) fn log_softmax_vjp<T: Real>(self, y: &[T], dy: &[T], dx: &mut [T]) {
        for start in self.starts(y.len()) {
            let sum: f64 = self.elements(start).map(|index| dy[index].to_f64()).sum();
            for index in self.elements(start) {
                dx[index] = T::from_f64(dy[index].to_f64() - y[index].to_f64().exp() * sum);
            }
        }
    }
}

/// Mean and 1 / √(variance + ε) of numbers.
fn moments<T: Real>(x: &[T], epsilon: f64) -> (f64, f64) {
    let count = x.len() as f64;
    let mean = x.iter().map(|x| x.to_f64()).sum::<f64>() / count;
    let squares: f64 = x.iter().map(|x| (x.to_f64() - mean) * (x.to_f64() - mean)).sum();
    (mean, 1.0 / (squares / count + epsilon).sqrt())
}

/// y ← (x − μ) / √(v + ε) for each run of `length` elements.
pub(super) fn standardize<T: Real>(length: usize, epsilon: f64, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks_exact(length.max(1)).zip(y.chunks_exact_mut(length.max(1))) {
        let (mean, factor) = moments(x, epsilon);
        for (x, y) in x.iter().zip(y) {
            *y = T::from_f64((x.to_f64() - mean) * factor);
        }
    }
}

/// dx ← s (dy − mean dy − y mean (y ∘ dy)) with s = 1 / √(v + ε), given x; the Jacobian is symmetric.
pub(super) fn standardize_vjp<T: Real>(length: usize, epsilon: f64, x: &[T], dy: &[T], dx: &mut [T]) {
    let length = length.max(1);
    for ((x, dy), dx) in x.chunks_exact(length).zip(dy.chunks_exact(length)).zip(dx.chunks_exact_mut(length))
    {
        let (mean, factor) = moments(x, epsilon);
        let count = length as f64;
        let (mut sum, mut along) = (0.0, 0.0);
        for (x, dy) in x.iter().zip(dy) {
            sum += dy.to_f64();
            along += (x.to_f64() - mean) * factor * dy.to_f64();
        }
        for ((x, dy), dx) in x.iter().zip(dy).zip(dx) {
            let y = (x.to_f64() - mean) * factor;
            *dx = T::from_f64(factor * (dy.to_f64() - sum / count - y * (along / count)));
        }
    }
}
