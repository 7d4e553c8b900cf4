//! Dense layers one after the other, in a store of weights.

use netinverse_base::{Error, Result, Rng};
use netinverse_network::{Shape, ValueId};

use crate::{Activation, Assembly, Weight, Weights};

/// `x ↦ last(… hidden(x W₁ + b₁) … Wₖ + bₖ)`, its constants in a [`Weights`].
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    prefix: String,
    /// Of each layer, W and b.
    layers: Vec<(Weight, Weight)>,
    hidden: Activation,
    last: Activation,
}

impl Stack {
    /// Layers of these sizes, inputs first, with initial weights drawn at random: He's normal law before a
    /// rectifier, Glorot's otherwise; biases zero. `prefix` comes before the names of constants and values.
    ///
    /// # Errors
    /// Fewer than two sizes, a size of 0, too many weights, a softmax between layers.
    pub(crate) fn new(
        weights: &mut Weights,
        prefix: &str,
        sizes: &[usize],
        hidden: Activation,
        last: Activation,
        rng: &mut Rng,
    ) -> Result<Self> {
        if sizes.len() < 2 {
            return Err(Error::input("a network needs at least two layer sizes, inputs and outputs"));
        }
        if let Some(position) = sizes.iter().position(|&size| size == 0) {
            return Err(Error::input(format!("layer {position} has no units")));
        }
        if hidden == Activation::Softmax {
            return Err(Error::unsupported("softmax between layers"));
        }
        let mut layers = Vec::new();
        for (index, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let shape = Shape::new([inputs, outputs])?;
            let rectified =
                index + 2 < sizes.len() && matches!(hidden, Activation::Relu | Activation::LeakyRelu);
            let variance = if rectified { 2.0 / inputs as f64 } else { 2.0 / (inputs + outputs) as f64 };
            let scale = variance.sqrt();
            let draw = (0..shape.elements()).map(|_| (scale * rng.normal()) as f32).collect();
            let w = weights.free(format!("{prefix}W{}", index + 1), shape, draw)?;
            let shape = Shape::vector(outputs);
            let b = weights.free(format!("{prefix}b{}", index + 1), shape, vec![0.0; outputs])?;
            layers.push((w, b));
        }
        Ok(Stack { prefix: prefix.into(), layers, hidden, last })
    }

    /// Leaves all weights as they are from now on.
    pub(crate) fn freeze(&self, weights: &mut Weights) {
        for &(w, b) in &self.layers {
            weights.freeze(w);
            weights.freeze(b);
        }
    }

    /// The stack's output for x.
    ///
    /// # Errors
    /// x is of another size.
    pub(crate) fn apply(&self, assembly: &mut Assembly<'_>, x: ValueId) -> Result<ValueId> {
        let mut value = x;
        for (index, &(w, b)) in self.layers.iter().enumerate() {
            let name = |part: &str| format!("{}{part}{}", self.prefix, index + 1);
            value = assembly.dense(&name("z"), value, w, Some(b))?;
            let last = index + 1 == self.layers.len();
            if let Some(op) = if last { self.last } else { self.hidden }.op() {
                value = assembly.op(&name("h"), op, &[value])?;
            }
        }
        Ok(value)
    }
}
