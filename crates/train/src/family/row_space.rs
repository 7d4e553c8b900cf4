//! A single layer whose rows (or columns, as one writes it) are pulled towards the data.

use netinverse_base::{Error, Result, Rng};
use netinverse_linalg::{Matrix, Svd};
use netinverse_network::{Network, Shape};

use super::{Coder, Family, check_weight};
use crate::objective::{Part, Term};
use crate::{Assembly, Loss, Objective, Targets, Weight, Weights};

/// `y = x W + b` with n inputs and m ≤ n classes, and a penalty λ · |x − W W⁺ x|² / n: what of the data lies outside
/// the space in which the pseudo-inverse is a true inverse.
///
/// W = Q R with orthonormal columns Q (a product of reflections) and any R: then W W⁺ = Q Qᵀ wherever R is
/// regular, and the penalty has a gradient without a pseudo-inverse in it.
#[derive(Debug, Clone)]
pub struct RowSpace {
    weights: Weights,
    q: Weight,
    r: Weight,
    bias: Weight,
    inputs: usize,
    outputs: usize,
    lambda: f32,
}

impl RowSpace {
    /// A layer of n inputs and m outputs with this weight of the penalty.
    ///
    /// # Errors
    /// No inputs or outputs, more outputs than inputs, a λ that is not a finite number from 0 on.
    pub fn new(inputs: usize, outputs: usize, lambda: f32, seed: u64) -> Result<Self> {
        if inputs == 0 || outputs == 0 {
            return Err(Error::input("a layer needs inputs and outputs"));
        }
        if outputs > inputs {
            return Err(Error::input(format!(
                "{outputs} outputs of {inputs} inputs: the row space is everything, there is nothing to penalise"
            )));
        }
        check_weight(lambda)?;
        let mut rng = Rng::new(seed, 0);
        let mut weights = Weights::new();
        let q = weights.orthonormal("Q", inputs, outputs, 1.0, &mut rng)?;
        let scale = (1.0 / outputs as f64).sqrt();
        let draw = (0..outputs * outputs).map(|_| (scale * rng.normal()) as f32).collect();
        let r = weights.free("R", Shape::new([outputs, outputs])?, draw)?;
        let bias = weights.free("b", Shape::vector(outputs), vec![0.0; outputs])?;
        Ok(RowSpace { weights, q, r, bias, inputs, outputs, lambda })
    }

    /// W, n × m.
    ///
    /// # Errors
    /// A weight is not finite.
    pub fn matrix(&self) -> Result<Matrix> {
        let wide = |weight: Weight| self.weights.constant(weight).into_iter().map(f64::from).collect();
        let q = Matrix::new(self.inputs, self.outputs, wide(self.q))?;
        let r = Matrix::new(self.outputs, self.outputs, wide(self.r))?;
        Ok(q.product(&r))
    }

    /// A single affine layer, as a network.
    fn layer(input: &str, output: &str, names: [&str; 2], w: &Matrix, b: &[f64]) -> Result<Network> {
        let narrow = |values: &[f64]| values.iter().map(|&v| v as f32).collect();
        let mut weights = Weights::new();
        let shape = Shape::new([w.rows(), w.columns()])?;
        let matrix = weights.frozen(names[0], shape, narrow(w.data()))?;
        let bias = weights.frozen(names[1], Shape::vector(b.len()), narrow(b))?;
        let mut assembly = Assembly::new(&weights);
        let x = assembly.input(input, w.rows())?;
        let y = assembly.dense(output, x, matrix, Some(bias))?;
        assembly.finish(&[y])
    }

    fn bias(&self) -> Vec<f64> {
        self.weights.constant(self.bias).into_iter().map(f64::from).collect()
    }
}

impl Family for RowSpace {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Outputs: y, and Q Qᵀ x.
    fn training_network(&self) -> Result<Network> {
        let mut assembly = Assembly::for_training(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let inside = assembly.dense("inside", x, self.q, None)?;
        let y = assembly.dense("y", inside, self.r, Some(self.bias))?;
        let back = assembly.dense_transposed("back", inside, self.q, None)?;
        assembly.finish(&[y, back])
    }

    fn network(&self) -> Result<Network> {
        Self::layer("x", "y", ["W", "b"], &self.matrix()?, &self.bias())
    }

    /// `y ↦ (y − b) W⁺`: the shortest input with these outputs, which is x itself where x is in the row space.
    fn inverse(&self) -> Result<Network> {
        // Of W as the file has it.
        let w = self.matrix()?;
        let stored = Matrix::from_fn(w.rows(), w.columns(), |i, j| f64::from(w.row(i)[j] as f32));
        let svd = Svd::new(&stored);
        let pseudo = svd.pseudo_inverse(svd.rank(netinverse_linalg::Precision::F32));
        let shift: Vec<f64> = pseudo.apply_left(&self.bias()).iter().map(|v| -v).collect();
        Self::layer("y", "x", ["W_plus", "b_plus"], &pseudo, &shift)
    }
}

impl Coder for RowSpace {
    fn objective<'a>(&self, x: &'a [f32], classes: Option<&'a [u8]>) -> Objective<'a> {
        let (m, n) = (self.outputs, self.inputs);
        let task = Term::Loss(Loss::SoftmaxCrossEntropy, Targets::Classes(classes.unwrap_or_default()));
        Objective::new(vec![
            Part { name: "task", outputs: 0..m, weight: 1.0, term: task },
            Part { name: "outside", outputs: m..m + n, weight: self.lambda, term: Term::MeanSquare(x) },
        ])
    }
}
