//! f and its inverse as two networks trained together: autoencoders, and classifiers that keep the image.

use netinverse_base::{Result, Rng};
use netinverse_network::Network;

use super::{Coder, Family, check_weight};
use crate::objective::{Part, Term};
use crate::stack::Stack;
use crate::{Activation, Assembly, Loss, Objective, Targets, Weights};

/// An encoder `x ↦ y` of n inputs and m outputs, and a decoder `y ↦ x` trained beside it.
///
/// An autoencoder is trained to give its inputs back through the m numbers. An invertible classifier is trained
/// for its task too: the class is in the argmax of y, the rest of the input in the freedom that remains.
#[derive(Debug, Clone)]
pub struct EncoderDecoder {
    weights: Weights,
    encoder: Stack,
    decoder: Stack,
    inputs: usize,
    outputs: usize,
    /// The weight of the reconstruction beside the task; `None`: there is no task.
    lambda: Option<f32>,
}

/// The sizes of an [`EncoderDecoder`].
#[derive(Debug, Clone)]
pub struct Sizes<'a> {
    /// n
    pub inputs: usize,
    /// Those between inputs and outputs; the decoder has them in reverse order.
    pub hidden: &'a [usize],
    /// m: the width of the code, or the number of classes.
    pub outputs: usize,
    /// The activation between layers.
    pub activation: Activation,
    /// Whether inputs lie in [0, 1]: the decoder then ends in a sigmoid.
    pub unit: bool,
}

impl EncoderDecoder {
    /// An autoencoder with a code of `sizes.outputs` numbers.
    ///
    /// # Errors
    /// A size of 0, too many weights.
    pub fn autoencoder(sizes: &Sizes<'_>, seed: u64) -> Result<Self> {
        Self::new(sizes, None, seed)
    }

    /// A classifier of `sizes.outputs` classes: cross-entropy + λ · mean squared error of the reconstruction.
    ///
    /// # Errors
    /// As [`EncoderDecoder::autoencoder`]; a λ that is not a finite number from 0 on.
    pub fn classifier(sizes: &Sizes<'_>, lambda: f32, seed: u64) -> Result<Self> {
        check_weight(lambda)?;
        Self::new(sizes, Some(lambda), seed)
    }

    fn new(sizes: &Sizes<'_>, lambda: Option<f32>, seed: u64) -> Result<Self> {
        let mut weights = Weights::new();
        let encoder_sizes = [&[sizes.inputs], sizes.hidden, &[sizes.outputs]].concat();
        let decoder_sizes: Vec<usize> = encoder_sizes.iter().rev().copied().collect();
        let last = if sizes.unit { Activation::Sigmoid } else { Activation::Identity };
        let mut rng = Rng::new(seed, 0);
        let activation = sizes.activation;
        let encoder =
            Stack::new(&mut weights, "f_", &encoder_sizes, activation, Activation::Identity, &mut rng)?;
        let decoder = Stack::new(&mut weights, "g_", &decoder_sizes, activation, last, &mut rng)?;
        Ok(EncoderDecoder { weights, encoder, decoder, inputs: sizes.inputs, outputs: sizes.outputs, lambda })
    }

    /// Leaves f as it is from now on: training finds the best decoder for it.
    pub fn freeze_network(&mut self) {
        self.encoder.freeze(&mut self.weights);
        self.lambda = self.lambda.map(|_| 1.0);
    }
}

impl Family for EncoderDecoder {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Outputs: y if there is a task, and g(f(x)).
    fn training_network(&self) -> Result<Network> {
        let mut assembly = Assembly::for_training(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let y = self.encoder.apply(&mut assembly, x)?;
        let back = self.decoder.apply(&mut assembly, y)?;
        let outputs = if self.lambda.is_some() { vec![y, back] } else { vec![back] };
        assembly.finish(&outputs)
    }

    fn network(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let y = self.encoder.apply(&mut assembly, x)?;
        assembly.rename(y, "y");
        assembly.finish(&[y])
    }

    /// The decoder.
    fn inverse(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let y = assembly.input("y", self.outputs)?;
        let x = self.decoder.apply(&mut assembly, y)?;
        assembly.rename(x, "x");
        assembly.finish(&[x])
    }
}

impl Coder for EncoderDecoder {
    fn objective<'a>(&self, x: &'a [f32], classes: Option<&'a [u8]>) -> Objective<'a> {
        let (m, n) = (self.outputs, self.inputs);
        let Some(lambda) = self.lambda else {
            return Objective::new(vec![Part {
                name: "reconstruction",
                outputs: 0..n,
                weight: 1.0,
                term: Term::MeanSquare(x),
            }]);
        };
        let classes = Targets::Classes(classes.unwrap_or_default());
        let task = Term::Loss(Loss::SoftmaxCrossEntropy, classes);
        Objective::new(vec![
            Part { name: "task", outputs: 0..m, weight: 1.0, term: task },
            Part { name: "reconstruction", outputs: m..m + n, weight: lambda, term: Term::MeanSquare(x) },
        ])
    }
}
