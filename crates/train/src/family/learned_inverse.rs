//! An inverse of a frozen network, learned from inputs.

use netinverse_base::{Error, Place, Result, Rng};
use netinverse_network::{Evaluator, Network, Shape, ValueId};

use super::{Family, check_weight, statistics};
use crate::objective::{Part, Term};
use crate::stack::Stack;
use crate::{Activation, Assembly, Objective, Weight, Weights};

/// g with f(g(y)) ≈ y for the outputs y = f(x) of samples x, trained on |f(g(y)) − y|² + β |g(y) − x|².
///
/// The first term is what an inverse is; where several inputs share an output, the second, small one pulls g towards
/// the mean of those, in the samples' region. Inputs and outputs are measured in their standard deviations. With
/// bounds, g keeps to them: it ends in a sigmoid between them.
#[derive(Debug, Clone)]
pub struct LearnedInverse {
    forward: Network,
    weights: Weights,
    stack: Stack,
    /// y ↦ (y − mean) / deviation: factor and shift.
    normal: [Weight; 2],
    /// From the stack's outputs to inputs of f.
    range: [Weight; 2],
    /// 1 / deviation of each output and input.
    units: [Weight; 2],
    bounded: bool,
    beta: f32,
}

/// Samples of a [`LearnedInverse`]: outputs, and what the terms of its objective are compared with.
#[derive(Debug, Clone)]
pub struct RoundTrips {
    /// f(x), one row a sample: what g takes.
    pub y: Vec<f32>,
    /// The same in standard deviations.
    scaled_y: Vec<f32>,
    /// x in standard deviations.
    scaled_x: Vec<f32>,
}

impl LearnedInverse {
    /// An inverse of `forward` with these hidden layers. The samples x give the scales of inputs and outputs.
    ///
    /// # Errors
    /// Samples that are no rows of f's inputs, whose outputs are not finite, or all the same; bounds that do not fit
    /// or are not finite; a β that is not a finite number from 0 on.
    pub fn new(
        forward: &Network,
        x: &[f32],
        bounds: Option<&[[f64; 2]]>,
        hidden: &[usize],
        activation: Activation,
        beta: f32,
        seed: u64,
    ) -> Result<Self> {
        let (n, m) = (forward.input_size(), forward.output_size());
        check_weight(beta)?;
        let y = outputs(forward, x)?;
        let (mean_x, deviation_x) = statistics(x, n);
        let (mean_y, deviation_y) = statistics(&y, m);
        if deviation_y.iter().all(|&d| d == 0.0) {
            return Err(Error::input("all samples have the same outputs: there is nothing to learn from")
                .hint("give other samples, or wider bounds"));
        }
        let units = |deviation: &[f32]| -> Vec<f32> {
            deviation.iter().map(|&d| if d > 0.0 { 1.0 / d } else { 1.0 }).collect()
        };
        let (unit_x, unit_y) = (units(&deviation_x), units(&deviation_y));
        let (factor, shift): (Vec<f32>, Vec<f32>) = match bounds {
            Some(bounds) => {
                if bounds.len() != n {
                    let message = format!("{} intervals, the network has {n} inputs", bounds.len());
                    return Err(Error::input(message));
                }
                if let Some(i) = bounds
                    .iter()
                    .position(|[low, high]| !(low.is_finite() && high.is_finite() && low <= high))
                {
                    return Err(Error::input(format!("[{}, {}] bounds nothing", bounds[i][0], bounds[i][1]))
                        .at(Place::Row(i)));
                }
                bounds.iter().map(|[low, high]| ((high - low) as f32, *low as f32)).unzip()
            }
            None => deviation_x.iter().zip(&mean_x).map(|(&d, &m)| (d, m)).unzip(),
        };
        let mut weights = Weights::new();
        let mut pair = |name: [&str; 2], first: Vec<f32>, second: Vec<f32>| -> Result<[Weight; 2]> {
            let shape = |values: &[f32]| Shape::new([1, values.len()]);
            let first = weights.frozen(name[0], shape(&first)?, first)?;
            Ok([first, weights.frozen(name[1], shape(&second)?, second)?])
        };
        let centred = mean_y.iter().zip(&unit_y).map(|(m, u)| -m * u).collect();
        let normal = pair(["y_factor", "y_shift"], unit_y.clone(), centred)?;
        let range = pair(["x_factor", "x_shift"], factor, shift)?;
        let units = pair(["y_unit", "x_unit"], unit_y, unit_x)?;
        let sizes = [&[m], hidden, &[n]].concat();
        let last = if bounds.is_some() { Activation::Sigmoid } else { Activation::Identity };
        let mut rng = Rng::new(seed, 0);
        let stack = Stack::new(&mut weights, "g_", &sizes, activation, last, &mut rng)?;
        let bounded = bounds.is_some();
        Ok(LearnedInverse { forward: forward.clone(), weights, stack, normal, range, units, bounded, beta })
    }

    /// Whether g keeps to bounds.
    pub fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// The samples x as this family takes them.
    ///
    /// # Errors
    /// Rows of another width; outputs that are not finite.
    pub fn samples(&self, x: &[f32]) -> Result<RoundTrips> {
        let y = outputs(&self.forward, x)?;
        let [unit_y, unit_x] = self.units.map(|unit| self.weights.constant(unit));
        let scaled = |values: &[f32], unit: &[f32]| -> Vec<f32> {
            values.iter().zip(unit.iter().cycle()).map(|(v, u)| v * u).collect()
        };
        Ok(RoundTrips { scaled_y: scaled(&y, &unit_y), scaled_x: scaled(x, &unit_x), y })
    }

    /// What is minimised: |f(g(y)) − y|², then |g(y) − x|², each a mean over elements in standard deviations.
    pub fn objective<'a>(&self, samples: &'a RoundTrips) -> Objective<'a> {
        let (n, m) = (self.forward.input_size(), self.forward.output_size());
        let part =
            |name, outputs, weight, targets| Part { name, outputs, weight, term: Term::MeanSquare(targets) };
        Objective::new(vec![
            part("output", 0..m, 1.0, &samples.scaled_y),
            part("input", m..m + n, self.beta, &samples.scaled_x),
        ])
    }

    fn g(&self, assembly: &mut Assembly<'_>, y: ValueId) -> Result<ValueId> {
        let [factor, shift] = self.normal;
        let y = assembly.scale("y_normal", y, factor, Some(shift))?;
        let u = self.stack.apply(assembly, y)?;
        let [factor, shift] = self.range;
        assembly.scale("x", u, factor, Some(shift))
    }
}

impl Family for LearnedInverse {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Takes y; outputs: f(g(y)) and g(y), in standard deviations.
    fn training_network(&self) -> Result<Network> {
        let mut assembly = Assembly::for_training(&self.weights);
        let y = assembly.input("y", self.forward.output_size())?;
        let x = self.g(&mut assembly, y)?;
        let again = assembly.append(&self.forward, x)?;
        let [unit_y, unit_x] = self.units;
        let again = assembly.scale("again", again, unit_y, None)?;
        let x = assembly.scale("scaled", x, unit_x, None)?;
        assembly.finish(&[again, x])
    }

    fn network(&self) -> Result<Network> {
        Ok(self.forward.clone())
    }

    fn inverse(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let y = assembly.input("y", self.forward.output_size())?;
        let x = self.g(&mut assembly, y)?;
        assembly.finish(&[x])
    }
}

/// f of each row.
fn outputs(forward: &Network, x: &[f32]) -> Result<Vec<f32>> {
    let (n, m) = (forward.input_size(), forward.output_size());
    if x.is_empty() || !x.len().is_multiple_of(n) {
        return Err(Error::input(format!("{} values are not rows of {n}, the network's inputs", x.len())));
    }
    let mut y = vec![0.0; x.len() / n * m];
    Evaluator::<f32>::new(forward).forward(x, &mut y);
    match y.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::input(format!("output {} of the network is not finite", index % m))
            .at(Place::Row(index / m))),
        None => Ok(y),
    }
}
