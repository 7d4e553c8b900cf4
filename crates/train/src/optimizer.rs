use rayon::prelude::*;

/// Numbers that one thread moves at a time.
const PIECE: usize = 1 << 15;

/// How a step follows from a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Adam (Kingma & Ba 2015, algorithm 1) with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    Adam,
    /// Stochastic gradient descent with this momentum.
    Sgd {
        /// In [0, 1).
        momentum: f32,
    },
}

/// How the step size changes over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It falls along a half cosine to zero (Loshchilov & Hutter 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// The factor on the step size at step `step` of `steps`.
    pub(crate) fn factor(self, step: usize, steps: usize) -> f32 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => {
                let done = step as f64 / steps.max(1) as f64;
                (0.5 * (1.0 + (std::f64::consts::PI * done).cos())) as f32
            }
        }
    }
}

/// The memory of an optimizer for one parameter tensor.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Moments {
    pub(crate) fn new(optimizer: Optimizer, elements: usize) -> Self {
        let second = if optimizer == Optimizer::Adam { elements } else { 0 };
        Moments { first: vec![0.0; elements], second: vec![0.0; second] }
    }

    /// The memory as a checkpoint has it: the moving means of the gradient and, for Adam, of its square.
    pub(crate) fn parts(&self) -> (&[f32], &[f32]) {
        (&self.first, &self.second)
    }

    /// The inverse of [`Moments::parts`].
    pub(crate) fn of(first: Vec<f32>, second: Vec<f32>) -> Self {
        Moments { first, second }
    }

    /// Moves `weights` along `−scale · gradient`; `step` counts from 1.
    pub(crate) fn step(
        &mut self,
        optimizer: Optimizer,
        rate: f32,
        step: usize,
        gradient: &[f32],
        scale: f32,
        weights: &mut [f32],
    ) {
        match optimizer {
            Optimizer::Adam => {
                const B1: f32 = 0.9;
                const B2: f32 = 0.999;
                let exponent = i32::try_from(step).unwrap_or(i32::MAX);
                let rate = rate * (1.0 - B2.powi(exponent)).sqrt() / (1.0 - B1.powi(exponent));
                // Each number by itself: the cut into pieces changes nothing.
                weights
                    .par_chunks_mut(PIECE)
                    .zip(gradient.par_chunks(PIECE))
                    .zip(self.first.par_chunks_mut(PIECE).zip(self.second.par_chunks_mut(PIECE)))
                    .for_each(|((weights, gradient), (first, second))| {
                        let moments = first.iter_mut().zip(second);
                        for ((w, &g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
                            let g = g * scale;
                            *m = B1 * *m + (1.0 - B1) * g;
                            *v = B2 * *v + (1.0 - B2) * g * g;
                            *w -= rate * *m / (v.sqrt() + 1e-8);
                        }
                    });
            }
            Optimizer::Sgd { momentum } => {
                for ((w, &g), m) in weights.iter_mut().zip(gradient).zip(&mut self.first) {
                    *m = momentum * *m + g * scale;
                    *w -= rate * *m;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adam's first step has size `rate` in every coordinate, whatever the gradient's.
    #[test]
    fn the_first_adam_step_is_the_rate() {
        let mut moments = Moments::new(Optimizer::Adam, 2);
        let mut weights = [1.0, 1.0];
        moments.step(Optimizer::Adam, 0.01, 1, &[3.0, -1e-3], 1.0, &mut weights);
        assert!((weights[0] - 0.99).abs() < 1e-6 && (weights[1] - 1.01).abs() < 1e-5);
    }

    /// On a quadratic bowl both find the bottom.
    #[test]
    fn both_descend_a_quadratic() {
        for (optimizer, rate) in [(Optimizer::Adam, 0.05), (Optimizer::Sgd { momentum: 0.9 }, 0.02)] {
            let mut moments = Moments::new(optimizer, 1);
            let mut w = [5.0f32];
            for step in 1..=500 {
                let gradient = [2.0 * (w[0] - 1.0)];
                let rate = rate * Schedule::Cosine.factor(step, 500);
                moments.step(optimizer, rate, step, &gradient, 1.0, &mut w);
            }
            assert!((w[0] - 1.0).abs() < 1e-3, "{optimizer:?}: {}", w[0]);
        }
    }
}
