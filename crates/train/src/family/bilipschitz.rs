//! Square maps that change distances by factors between μ and ν, whatever their weights are.

use netinverse_base::{Error, Result, Rng};
use netinverse_linalg::interval::{add_down, add_up, mul_up};
use netinverse_network::{Function, Network, Shape, ValueId};

use super::{Coder, Family};
use crate::distortion::{Distortion, norm_of};
use crate::objective::{Part, Term};
use crate::{Assembly, Loss, Objective, Targets, Weight, Weights};

/// Layers `y = c x + a (σ ⊙ |x Uᵀ + b|) U + d` between orthogonal maps, with orthonormal columns in the tall U and signs σ.
///
/// The generalised Jacobian c I + a Uᵀ diag(±1) U is symmetric, with eigenvalues between c − a and c + a, for every x. With
/// c = (μ + ν)/2 and a = (ν − μ)/2 of a layer, the L layers have factors between μ and ν in all, each its root of order L; orthogonal
/// maps change no distance. A layer is undone by `x ← (y − a (…) U − d) / c`, which gains a factor a/c with each step: the
/// inverse is a network that does as many as float32 needs.
///
/// (Layers of known monotonicity between orthogonal maps: after Wang et al. 2024; here a tight frame U has the bound by
/// construction.)
#[derive(Debug, Clone)]
pub struct BiLipschitz {
    weights: Weights,
    /// One before each layer and one after the last.
    mixes: Vec<Weight>,
    layers: Vec<Layer>,
    signs: Weight,
    /// c and a of every layer, numbers of float32.
    centre: f64,
    half_width: f64,
    inputs: usize,
    classes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Layer {
    frame: Weight,
    before: Weight,
    after: Weight,
}

/// What a [`BiLipschitz`] is made of.
#[derive(Debug, Clone, Copy)]
pub struct BiLipschitzSizes {
    /// n
    pub inputs: usize,
    /// The rows of U, n at least.
    pub width: usize,
    /// L
    pub layers: usize,
    /// μ, positive.
    pub lower: f64,
    /// ν, above μ.
    pub upper: f64,
    /// Classes that the first outputs are trained to tell apart, at most n.
    pub classes: usize,
    /// About the size of an input's elements: kinks are spread so far at first.
    pub spread: f64,
}

/// What rounding to float32 may take from [μ, ν] a layer.
const MARGIN: f64 = 1e-4;
/// Steps back through a layer at most.
const MAX_STEPS: usize = 400;
/// Reflections of an orthogonal map at most: all orthogonal maps of so many dimensions, some of more.
const MAX_REFLECTIONS: usize = 32;

impl BiLipschitz {
    /// A map with these sizes and random weights.
    ///
    /// # Errors
    /// Sizes that do not fit; μ and ν that are not 0 < μ < ν, too near to each other for float32, or so far apart for so few
    /// layers that undoing one would take more than 400 steps.
    pub fn new(sizes: &BiLipschitzSizes, seed: u64) -> Result<Self> {
        let BiLipschitzSizes { inputs: n, width, layers, lower, upper, classes, spread } = *sizes;
        if n == 0 || layers == 0 || width < n {
            return Err(Error::input(format!("{layers} layers of width {width} for {n} inputs"))
                .hint("at least one layer, at least as wide as there are inputs"));
        }
        if classes > n {
            return Err(Error::input(format!("{classes} classes of {n} outputs")));
        }
        if !(lower > 0.0 && lower < upper && upper.is_finite()) {
            return Err(Error::input(format!("factors from {lower} to {upper} are not 0 < μ < ν")));
        }
        let root = |v: f64| v.powf(1.0 / layers as f64);
        let (low, high) = (root(lower) * (1.0 + MARGIN), root(upper) * (1.0 - MARGIN));
        if low >= high * (1.0 - MARGIN) {
            return Err(Error::input(format!("μ = {lower} and ν = {upper} leave {layers} layers nothing"))
                .hint("take them further apart, or fewer layers"));
        }
        let centre = f64::from(f64::midpoint(low, high) as f32);
        let half_width = f64::from(((high - low) / 2.0) as f32);
        let mut rng = Rng::new(seed, 0);
        let mut weights = Weights::new();
        let mut mixes = Vec::new();
        for index in 0..=layers {
            mixes.push(weights.orthogonal(format!("Q{index}"), n, n.min(MAX_REFLECTIONS), 1.0, &mut rng)?);
        }
        let mut made = Vec::new();
        let deviation = spread * (n as f64 / width as f64).sqrt();
        for index in 1..=layers {
            let frame = weights.orthonormal(format!("U{index}"), width, n, 1.0, &mut rng)?;
            let draw = (0..width).map(|_| (deviation * rng.normal()) as f32).collect();
            let before = weights.free(format!("b{index}"), Shape::vector(width), draw)?;
            let after = weights.free(format!("d{index}"), Shape::vector(n), vec![0.0; n])?;
            made.push(Layer { frame, before, after });
        }
        let signs = (0..width).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let signs = weights.frozen("signs", Shape::new([1, width])?, signs)?;
        let family =
            BiLipschitz { weights, mixes, layers: made, signs, centre, half_width, inputs: n, classes };
        if family.steps() > MAX_STEPS {
            return Err(Error::input(format!(
                "undoing a layer with factors from {low:.3} to {high:.3} takes {} steps",
                family.steps()
            ))
            .hint("more layers share the factors: each then has less"));
        }
        Ok(family)
    }

    /// Steps of the iteration that undoes a layer: until what is left is below the rounding of float32.
    pub fn steps(&self) -> usize {
        let gain = self.half_width / self.centre;
        ((-26.0 * std::f64::consts::LN_2) / gain.ln()).ceil() as usize + 2
    }

    /// Layers.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Bounds of the network as stored, in real arithmetic, for all inputs.
    pub fn distortion(&self) -> Distortion {
        let mixes = self.mixes.iter().map(|&q| Distortion::of_orthogonal(&self.weights, q));
        let layers = self.layers.iter().map(|layer| {
            let norm = norm_of(&self.weights, layer.frame, 0..self.inputs);
            let reach = mul_up(self.half_width, mul_up(norm, norm));
            Distortion { lower: add_down(self.centre, -reach), upper: add_up(self.centre, reach) }
        });
        mixes.chain(layers).fold(Distortion::NONE, Distortion::then)
    }

    /// (σ ⊙ |x Uᵀ + b|) U + d
    fn bend(&self, assembly: &mut Assembly<'_>, layer: &Layer, x: ValueId) -> Result<ValueId> {
        let z = assembly.dense_transposed("z", x, layer.frame, Some(layer.before))?;
        let size = assembly.function("size", Function::Abs, z)?;
        let signed = assembly.scale("signed", size, self.signs, None)?;
        assembly.dense("bend", signed, layer.frame, Some(layer.after))
    }

    fn forward(&self, assembly: &mut Assembly<'_>, x: ValueId) -> Result<ValueId> {
        let mut value = x;
        for (layer, &mix) in self.layers.iter().zip(&self.mixes) {
            let mixed = assembly.dense("mixed", value, mix, None)?;
            let bend = self.bend(assembly, layer, mixed)?;
            value = assembly.sum("layer", &[(mixed, self.centre), (bend, self.half_width)])?;
        }
        assembly.dense("y", value, self.mixes[self.layers.len()], None)
    }
}

impl Family for BiLipschitz {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Outputs: y.
    fn training_network(&self) -> Result<Network> {
        let mut assembly = Assembly::for_training(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let y = self.forward(&mut assembly, x)?;
        assembly.finish(&[y])
    }

    fn network(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let y = self.forward(&mut assembly, x)?;
        assembly.finish(&[y])
    }

    /// Layer by layer, [`BiLipschitz::steps`] of the iteration each.
    fn inverse(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let mut value = assembly.input("y", self.inputs)?;
        value = assembly.dense_transposed("mixed", value, self.mixes[self.layers.len()], None)?;
        for (layer, &mix) in self.layers.iter().zip(&self.mixes).rev() {
            let given = value;
            let mut x = assembly.sum("start", &[(given, 1.0 / self.centre)])?;
            for _ in 0..self.steps() {
                let bend = self.bend(&mut assembly, layer, x)?;
                let terms = [(given, 1.0 / self.centre), (bend, -self.half_width / self.centre)];
                x = assembly.sum("step", &terms)?;
            }
            value = assembly.dense_transposed("x", x, mix, None)?;
        }
        assembly.finish(&[value])
    }
}

impl Coder for BiLipschitz {
    /// Cross-entropy of the first outputs.
    fn objective<'a>(&self, _: &'a [f32], classes: Option<&'a [u8]>) -> Objective<'a> {
        let targets = Targets::Classes(classes.unwrap_or_default());
        let term = Term::Loss(Loss::SoftmaxCrossEntropy, targets);
        Objective::new(vec![Part { name: "task", outputs: 0..self.classes, weight: 1.0, term }])
    }
}
