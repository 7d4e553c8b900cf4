//! Classifiers (or codes) that are onto, with an exact right inverse by construction.

use netinverse_base::{Error, Result, Rng};
use netinverse_network::{Function, Network, ValueId};

use super::{Coder, Family, Sizes, check_weight};
use crate::objective::{Part, Term};
use crate::stack::Stack;
use crate::{Activation, Assembly, Loss, Objective, Targets, Weight, Weights};

/// `y = u₀ ⊙ exp s(u₁) + t(u₁)` with u₀ = x Q the m coordinates of x along orthonormal columns Q, and
/// u₁ = x − u₀ Qᵀ what is left of it.
///
/// Whatever u₁ is, u₀ can be solved for: each y has an input for each v,
/// `f⁺(y, v) = u₁ + ((y − t(u₁)) ⊙ exp −s(u₁)) Qᵀ` with u₁ = v − v Q Qᵀ, and f(f⁺(y, v)) = y where QᵀQ = I: the
/// stored Q is orthonormal to float32, and y comes back to that. A decoder r is
/// trained beside f, so that f⁺(y) = f⁺(y, r(y)) is near the samples with these outputs (surjective coupling, after
/// Ehrlich et al. 2026). s = tanh(…) keeps the factors between 1/e and e.
#[derive(Debug, Clone)]
pub struct Surjective {
    weights: Weights,
    q: Weight,
    /// u₁ ↦ (t, s before its tanh)
    coupling: Stack,
    /// r
    decoder: Stack,
    inputs: usize,
    outputs: usize,
    lambda: f32,
    size: f32,
}

impl Surjective {
    /// A classifier of `sizes.outputs` classes, with λ · mean squared error of f⁺(f(x)) and `size` · ½|y|² beside its
    /// cross-entropy. The coupling's network has the hidden layers, the decoder has them in reverse order. Smaller outputs are
    /// closer to each other in float32, and so is y to f(f⁺(y)).
    ///
    /// # Errors
    /// A size of 0, too many weights, as many outputs as inputs or more, a λ that is not a finite number from 0 on.
    pub fn classifier(sizes: &Sizes<'_>, lambda: f32, size: f32, seed: u64) -> Result<Self> {
        let (n, m) = (sizes.inputs, sizes.outputs);
        check_weight(lambda)?;
        check_weight(size)?;
        if n == 0 || m == 0 || m >= n {
            return Err(Error::input(format!("{n} inputs do not leave {m} outputs a free part")));
        }
        let mut rng = Rng::new(seed, 0);
        let mut weights = Weights::new();
        // Long normals: Q stays nearly random, a direction of noise. Where it turns to what classes differ in, solving
        // for u₀ moves an input visibly, and other classifiers are misled.
        let q = weights.orthonormal("Q", n, m, (n as f64).sqrt(), &mut rng)?;
        let down = [&[n], sizes.hidden, &[2 * m]].concat();
        let mut up: Vec<usize> = [&[n], sizes.hidden, &[m]].concat();
        up.reverse();
        let last = if sizes.unit { Activation::Sigmoid } else { Activation::Identity };
        let (activation, none) = (sizes.activation, Activation::Identity);
        let coupling = Stack::new(&mut weights, "c_", &down, activation, none, &mut rng)?;
        let decoder = Stack::new(&mut weights, "r_", &up, activation, last, &mut rng)?;
        Ok(Surjective { weights, q, coupling, decoder, inputs: n, outputs: m, lambda, size })
    }

    /// u₀ and u₁ of x.
    fn split(&self, assembly: &mut Assembly<'_>, x: ValueId) -> Result<(ValueId, ValueId)> {
        let along = assembly.dense("u0", x, self.q, None)?;
        let back = assembly.dense_transposed("inside", along, self.q, None)?;
        let rest = assembly.sum("u1", &[(x, 1.0), (back, -1.0)])?;
        Ok((along, rest))
    }

    /// t and s of u₁.
    fn shift_and_scale(&self, assembly: &mut Assembly<'_>, rest: ValueId) -> Result<(ValueId, ValueId)> {
        let both = self.coupling.apply(assembly, rest)?;
        let shift = assembly.slice("t", both, 0, self.outputs)?;
        let scale = assembly.slice("s_before", both, self.outputs, self.outputs)?;
        Ok((shift, assembly.function("s", Function::Tanh, scale)?))
    }

    /// u₀ ⊙ exp s
    fn stretch(assembly: &mut Assembly<'_>, along: ValueId, scale: ValueId) -> Result<ValueId> {
        let factor = assembly.function("factor", Function::Exp, scale)?;
        assembly.multiply("scaled", along, factor)
    }

    /// (left ⊙ exp −s) Qᵀ
    fn undo(&self, assembly: &mut Assembly<'_>, left: ValueId, scale: ValueId) -> Result<ValueId> {
        let minus = assembly.sum("minus_s", &[(scale, -1.0)])?;
        let divisor = assembly.function("divisor", Function::Exp, minus)?;
        let along = assembly.multiply("along", left, divisor)?;
        assembly.dense_transposed("inside", along, self.q, None)
    }

    /// f(x)
    fn forward(&self, assembly: &mut Assembly<'_>, x: ValueId) -> Result<ValueId> {
        let (along, rest) = self.split(assembly, x)?;
        let (shift, scale) = self.shift_and_scale(assembly, rest)?;
        let scaled = Self::stretch(assembly, along, scale)?;
        assembly.sum("y", &[(scaled, 1.0), (shift, 1.0)])
    }

    /// f⁺(y, v)
    fn preimage(&self, assembly: &mut Assembly<'_>, y: ValueId, v: ValueId) -> Result<ValueId> {
        let (_, rest) = self.split(assembly, v)?;
        let (shift, scale) = self.shift_and_scale(assembly, rest)?;
        let left = assembly.sum("left", &[(y, 1.0), (shift, -1.0)])?;
        let inside = self.undo(assembly, left, scale)?;
        assembly.sum("x", &[(rest, 1.0), (inside, 1.0)])
    }

    /// f⁺(y, v), corrected along Q once by what f makes of it: what the stored Q and float32 have left is nearly undone.
    fn corrected(&self, assembly: &mut Assembly<'_>, y: ValueId, v: ValueId) -> Result<ValueId> {
        let first = self.preimage(assembly, y, v)?;
        let (along, rest) = self.split(assembly, first)?;
        let (shift, scale) = self.shift_and_scale(assembly, rest)?;
        let scaled = Self::stretch(assembly, along, scale)?;
        let left = assembly.sum("residual", &[(y, 1.0), (shift, -1.0), (scaled, -1.0)])?;
        let inside = self.undo(assembly, left, scale)?;
        assembly.sum("x", &[(first, 1.0), (inside, 1.0)])
    }

    /// f⁺ of outputs and of any v of n numbers, which says which of the inputs with these outputs is meant: inputs y
    /// and v.
    ///
    /// # Errors
    /// A weight is not finite.
    pub fn fibre(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let y = assembly.input("y", self.outputs)?;
        let v = assembly.input("v", self.inputs)?;
        let x = self.corrected(&mut assembly, y, v)?;
        assembly.finish(&[x])
    }
}

impl Family for Surjective {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Outputs: y, and f⁺(y).
    fn training_network(&self) -> Result<Network> {
        let mut assembly = Assembly::for_training(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let y = self.forward(&mut assembly, x)?;
        let v = self.decoder.apply(&mut assembly, y)?;
        let back = self.preimage(&mut assembly, y, v)?;
        assembly.finish(&[y, back])
    }

    fn network(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let y = self.forward(&mut assembly, x)?;
        assembly.finish(&[y])
    }

    /// f⁺(y, r(y)): f(f⁺(y)) = y for every y, to the rounding of Q.
    fn inverse(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let y = assembly.input("y", self.outputs)?;
        let v = self.decoder.apply(&mut assembly, y)?;
        let x = self.corrected(&mut assembly, y, v)?;
        assembly.finish(&[x])
    }
}

impl Coder for Surjective {
    fn objective<'a>(&self, x: &'a [f32], classes: Option<&'a [u8]>) -> Objective<'a> {
        let (n, m) = (self.inputs, self.outputs);
        let task = Term::Loss(Loss::SoftmaxCrossEntropy, Targets::Classes(classes.unwrap_or_default()));
        Objective::new(vec![
            Part { name: "task", outputs: 0..m, weight: 1.0, term: task },
            Part {
                name: "reconstruction",
                outputs: m..m + n,
                weight: self.lambda,
                term: Term::MeanSquare(x),
            },
            Part { name: "size", outputs: 0..m, weight: self.size, term: Term::HalfSquare },
        ])
    }
}
