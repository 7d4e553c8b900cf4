//! Square maps of coupling blocks, whose inverse and determinant have formulas: densities.

use netinverse_base::{Error, Result, Rng};
use netinverse_bounds::{Bounder, Method};
use netinverse_linalg::interval::{add_up, mul_up};
use netinverse_linalg::{Interval, Lu};
use netinverse_network::{Function, Network, Shape, ValueId, enclose};

use super::{Coder, Family};
use crate::distortion::{Distortion, matrix, norm_of};
use crate::objective::{Part, Term};
use crate::{Activation, Assembly, Objective, Weight, Weights};

/// What a block does to the second half b of its coordinates, given the first half a.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coupling {
    /// b + t(a): volumes stay.
    Additive,
    /// b ⊙ exp s(a) + t(a) with s = C tanh(…): factors between e^−C and e^C.
    Affine {
        /// C
        clamp: f32,
    },
    /// The same with an s that grows with a. Far from the data its factors leave every floating-point range: for comparison
    /// only.
    Unbounded,
}

/// Blocks `x ↦ x Q`, (a, b) ↦ (a, b ⊙ exp s(a) + t(a)), with orthogonal Q; before them, inputs less their mean in units of their
/// standard deviation.
///
/// Trained as a density: f carries the samples' law to the standard normal one, and
/// log p(x) = −|f(x)|²/2 − (n/2) log 2π + Σ s + log|det| of what is linear (Dinh et al. 2015, 2017). t and s come from
/// (φ(a Aᵀ + c) B + d) · τ with orthonormal columns in A, B and φ of slope at most 1: their Lipschitz constants are at most τ,
/// which keeps the conditioning of a block within bounds that are known before training.
#[derive(Debug, Clone)]
pub struct Bijective {
    weights: Weights,
    /// (x − mean) / deviation, and back.
    normal: [Weight; 2],
    natural: [Weight; 2],
    blocks: Vec<Block>,
    coupling: Coupling,
    slope: f64,
    activation: Activation,
    inputs: usize,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    mix: Weight,
    /// A, c, B, d
    into: Weight,
    before: Weight,
    out_of: Weight,
    after: Weight,
}

/// What a [`Bijective`] is made of.
#[derive(Debug, Clone, Copy)]
pub struct BijectiveSizes {
    /// n, at least 2.
    pub inputs: usize,
    /// Units of the networks of t and s.
    pub width: usize,
    /// How many blocks.
    pub blocks: usize,
    /// What a block does.
    pub coupling: Coupling,
    /// τ
    pub slope: f32,
    /// φ
    pub activation: Activation,
}

/// Reflections of an orthogonal map at most.
const MAX_REFLECTIONS: usize = 32;

/// Two values of a block: what s is (absent for additive blocks), and t.
struct Parts {
    log_factor: Option<ValueId>,
    shift: ValueId,
}

impl Bijective {
    /// A map for rows like those of `x`, with random weights.
    ///
    /// # Errors
    /// Fewer than two inputs, no blocks, networks that are narrower than what they read or give, a clamp or slope that is not
    /// positive; an input of which all samples are the same.
    pub fn new(sizes: &BijectiveSizes, x: &[f32], seed: u64) -> Result<Self> {
        let BijectiveSizes { inputs: n, width, blocks, coupling, slope, activation } = *sizes;
        if n < 2 || blocks == 0 {
            return Err(Error::input(format!("{blocks} blocks for {n} inputs: a block needs two halves")));
        }
        if let Coupling::Affine { clamp } = coupling
            && !(clamp > 0.0 && clamp.is_finite())
        {
            return Err(Error::input(format!("a clamp of {clamp} is not a positive number")));
        }
        if !(slope > 0.0 && slope.is_finite()) {
            return Err(Error::input(format!("a slope of {slope} is not a positive number")));
        }
        let (kept, moved) = (n / 2, n - n / 2);
        let given = if coupling == Coupling::Additive { moved } else { 2 * moved };
        if width < kept.max(given) {
            return Err(Error::input(format!(
                "networks of {width} units read {kept} and give {given} numbers"
            ))
            .hint(format!("take at least {} units", kept.max(given))));
        }
        let (mean, deviation) = super::statistics(x, n);
        if let Some(column) = deviation.iter().position(|&d| d == 0.0) {
            return Err(Error::input(format!(
                "input {column} is the same in all samples: it has no density"
            ))
            .hint("leave it out"));
        }
        let mut rng = Rng::new(seed, 0);
        let mut weights = Weights::new();
        let mut row = |name: &str, values: Vec<f32>| weights.frozen(name, Shape::new([1, n])?, values);
        let unit: Vec<f32> = deviation.iter().map(|d| 1.0 / d).collect();
        let shift = mean.iter().zip(&unit).map(|(m, u)| -m * u).collect();
        let normal = [row("x_unit", unit)?, row("x_shift", shift)?];
        let natural = [row("x_deviation", deviation)?, row("x_mean", mean)?];
        let mut made = Vec::new();
        let spread = (kept as f64 / width as f64).sqrt();
        for index in 1..=blocks {
            let name = |part: &str| format!("{part}{index}");
            let mix = weights.orthogonal(name("Q"), n, n.min(MAX_REFLECTIONS), 1.0, &mut rng)?;
            let into = weights.orthonormal(name("A"), width, kept, 1.0, &mut rng)?;
            let draw = (0..width).map(|_| (spread * rng.normal()) as f32).collect();
            let before = weights.free(name("c"), Shape::vector(width), draw)?;
            let out_of = weights.orthonormal(name("B"), width, given, 1.0, &mut rng)?;
            let after = weights.free(name("d"), Shape::vector(given), vec![0.0; given])?;
            made.push(Block { mix, into, before, out_of, after });
        }
        let slope = f64::from(slope);
        Ok(Bijective { weights, normal, natural, blocks: made, coupling, slope, activation, inputs: n })
    }

    /// Blocks.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// How many coordinates are a, and how many b.
    fn halves(&self) -> (usize, usize) {
        (self.inputs / 2, self.inputs - self.inputs / 2)
    }

    fn parts(&self, assembly: &mut Assembly<'_>, block: &Block, a: ValueId) -> Result<Parts> {
        let (_, moved) = self.halves();
        let mut hidden = assembly.dense_transposed("z", a, block.into, Some(block.before))?;
        if let Some(op) = self.activation.op() {
            hidden = assembly.op("h", op, &[hidden])?;
        }
        let out = assembly.dense("out", hidden, block.out_of, Some(block.after))?;
        let scaled = assembly.sum("scaled", &[(out, self.slope)])?;
        if self.coupling == Coupling::Additive {
            return Ok(Parts { log_factor: None, shift: scaled });
        }
        let shift = assembly.slice("t", scaled, 0, moved)?;
        let raw = assembly.slice("s_before", scaled, moved, moved)?;
        let log_factor = match self.coupling {
            Coupling::Affine { clamp } => {
                let bounded = assembly.function("s_tanh", Function::Tanh, raw)?;
                assembly.sum("s", &[(bounded, f64::from(clamp))])?
            }
            Coupling::Additive | Coupling::Unbounded => raw,
        };
        Ok(Parts { log_factor: Some(log_factor), shift })
    }

    /// f(x), the logarithms of all factors, and b before each block.
    fn forward(
        &self,
        assembly: &mut Assembly<'_>,
        x: ValueId,
    ) -> Result<(ValueId, Vec<ValueId>, Vec<ValueId>)> {
        let (kept, moved) = self.halves();
        let (mut factors, mut halves) = (Vec::new(), Vec::new());
        let mut value = assembly.scale("normal", x, self.normal[0], Some(self.normal[1]))?;
        for block in &self.blocks {
            let mixed = assembly.dense("mixed", value, block.mix, None)?;
            let a = assembly.slice("a", mixed, 0, kept)?;
            let b = assembly.slice("b", mixed, kept, moved)?;
            let parts = self.parts(assembly, block, a)?;
            let stretched = match parts.log_factor {
                Some(log_factor) => {
                    let factor = assembly.function("factor", Function::Exp, log_factor)?;
                    factors.push(log_factor);
                    assembly.multiply("stretched", b, factor)?
                }
                None => b,
            };
            halves.push(b);
            let moved = assembly.sum("moved", &[(stretched, 1.0), (parts.shift, 1.0)])?;
            value = assembly.concat("block", &[a, moved])?;
        }
        Ok((value, factors, halves))
    }

    /// Σ s, a row of one; `None` where there are no factors.
    fn log_factors(assembly: &mut Assembly<'_>, factors: &[ValueId]) -> Result<Option<ValueId>> {
        if factors.is_empty() {
            return Ok(None);
        }
        let terms: Vec<(ValueId, f64)> = factors.iter().map(|&s| (s, 1.0)).collect();
        let sum = assembly.sum("log_factors", &terms)?;
        assembly.total("log_factor", sum).map(Some)
    }

    /// log|det| of the linear parts as stored: of the scale, and of the orthogonal maps, of which it is rounding.
    fn constant_log_determinant(&self) -> f64 {
        let unit = self.weights.constant(self.normal[0]);
        let scale: f64 = unit.iter().map(|&u| f64::from(u.abs()).ln()).sum();
        let mixes =
            self.blocks.iter().map(|block| Lu::new(&matrix(&self.weights, block.mix)).determinant().1);
        scale + mixes.sum::<f64>()
    }

    /// x ↦ log p(x) in nats, a row of one.
    ///
    /// # Errors
    /// A weight is not finite.
    pub fn log_density(&self) -> Result<Network> {
        let half_log = 0.5 * self.inputs as f64 * (2.0 * std::f64::consts::PI).ln();
        let mut weights = self.weights.clone();
        let one = |value: f64| vec![value as f32];
        let shape = Shape::new([1, 1])?;
        let minus = weights.frozen("minus_half", shape.clone(), one(-0.5))?;
        let constant = self.constant_log_determinant() - half_log;
        let constant = weights.frozen("log_constant", shape, one(constant))?;
        let mut assembly = Assembly::new(&weights);
        let x = assembly.input("x", self.inputs)?;
        let (y, factors, _) = self.forward(&mut assembly, x)?;
        let squares = assembly.multiply("squares", y, y)?;
        let square = assembly.total("square", squares)?;
        let mut density = assembly.scale("normal_law", square, minus, Some(constant))?;
        if let Some(log_factor) = Self::log_factors(&mut assembly, &factors)? {
            density = assembly.sum("log_density", &[(density, 1.0), (log_factor, 1.0)])?;
        }
        assembly.finish(&[density])
    }

    /// Bounds of the network as stored, in real arithmetic, for all pairs of inputs in a box: of its blocks one after the
    /// other. `None` where no bounds of the values in the box are found.
    ///
    /// # Errors
    /// A weight is not finite.
    ///
    /// Panics unless there is one finite interval an input.
    pub fn distortion(&self, bounds: &[[f64; 2]]) -> Result<Option<Distortion>> {
        let (kept, moved) = self.halves();
        let Some(ranges) = self.ranges(bounds)? else { return Ok(None) };
        let unit = self.weights.constant(self.normal[0]);
        let mut all = Distortion::of_scale(&unit);
        for (block, (largest, log_factor)) in self.blocks.iter().zip(ranges) {
            let norm = |weight, columns| norm_of(&self.weights, weight, columns);
            let into = mul_up(self.slope, norm(block.into, 0..kept));
            let shift = mul_up(into, norm(block.out_of, 0..moved));
            let own = match self.coupling {
                Coupling::Additive => Distortion::of_coupling(Interval::point(1.0), shift, shift),
                Coupling::Affine { .. } | Coupling::Unbounded => {
                    let clamp =
                        if let Coupling::Affine { clamp } = self.coupling { f64::from(clamp) } else { 1.0 };
                    let log_slope = mul_up(clamp, mul_up(into, norm(block.out_of, moved..2 * moved)));
                    let Some(factor) = enclose::function(Function::Exp, log_factor) else { return Ok(None) };
                    // Of two points: b₁e₁ − b₂e₂ = e₁(b₁ − b₂) + (e₁ − e₂) b₂, and |e₁ − e₂| ≤ max e · |s₁ − s₂|. On the
                    // way back b₁ − b₂ = (Δb′ − Δt)/e₁ − (1 − e₂/e₁) b₂, where |1 − e₂/e₁| ≤ |s₁ − s₂| for the larger e₁:
                    // coordinate by coordinate the points can change names.
                    let bent = mul_up(largest, log_slope);
                    let forward = add_up(shift, mul_up(factor.hi(), bent));
                    let backward = add_up(netinverse_linalg::interval::div_up(shift, factor.lo()), bent);
                    Distortion::of_coupling(factor, forward, backward)
                }
            };
            all = all.then(Distortion::of_orthogonal(&self.weights, block.mix)).then(own);
        }
        Ok(Some(all))
    }

    /// Of each block, on a box: the largest |b| of an element, and the range of s.
    fn ranges(&self, bounds: &[[f64; 2]]) -> Result<Option<Vec<(f64, Interval)>>> {
        let (_, moved) = self.halves();
        let mut assembly = Assembly::new(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let (_, factors, halves) = self.forward(&mut assembly, x)?;
        let outputs: Vec<ValueId> = halves.iter().chain(&factors).copied().collect();
        let all = assembly.concat("ranges", &outputs)?;
        let bounder = Bounder::new(&assembly.finish(&[all])?)?;
        let mut workspace = bounder.workspace();
        let (low, high): (Vec<f64>, Vec<f64>) = bounds.iter().map(|&[low, high]| (low, high)).unzip();
        if !bounder.analyse(&low, &high, Method::Linear, &mut workspace) {
            return Ok(None);
        }
        let (low, high) = bounder.output(&workspace);
        let range = |part: usize| {
            let own = part * moved..(part + 1) * moved;
            let least = low[own.clone()].iter().copied().fold(f64::INFINITY, f64::min);
            Interval::new(least, high[own].iter().copied().fold(f64::NEG_INFINITY, f64::max))
        };
        let count = self.blocks.len();
        let of_block = |index: usize| {
            let log_factor = if factors.is_empty() { Interval::ZERO } else { range(count + index) };
            (range(index).magnitude(), log_factor)
        };
        Ok(Some((0..count).map(of_block).collect()))
    }
}

impl Family for Bijective {
    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn weights_mut(&mut self) -> &mut Weights {
        &mut self.weights
    }

    /// Outputs: y, and −Σ s where there are factors.
    fn training_network(&self) -> Result<Network> {
        let mut assembly = Assembly::for_training(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let (y, factors, _) = self.forward(&mut assembly, x)?;
        let Some(log_factor) = Self::log_factors(&mut assembly, &factors)? else {
            return assembly.finish(&[y]);
        };
        let minus = assembly.sum("minus_log_factor", &[(log_factor, -1.0)])?;
        assembly.finish(&[y, minus])
    }

    fn network(&self) -> Result<Network> {
        let mut assembly = Assembly::new(&self.weights);
        let x = assembly.input("x", self.inputs)?;
        let (y, _, _) = self.forward(&mut assembly, x)?;
        assembly.rename(y, "y");
        assembly.finish(&[y])
    }

    /// Block by block, by formulas.
    fn inverse(&self) -> Result<Network> {
        let (kept, moved) = self.halves();
        let mut assembly = Assembly::new(&self.weights);
        let mut value = assembly.input("y", self.inputs)?;
        for block in self.blocks.iter().rev() {
            let a = assembly.slice("a", value, 0, kept)?;
            let stretched = assembly.slice("moved", value, kept, moved)?;
            let parts = self.parts(&mut assembly, block, a)?;
            let mut b = assembly.sum("stretched", &[(stretched, 1.0), (parts.shift, -1.0)])?;
            if let Some(log_factor) = parts.log_factor {
                let minus = assembly.sum("minus_s", &[(log_factor, -1.0)])?;
                let divisor = assembly.function("divisor", Function::Exp, minus)?;
                b = assembly.multiply("b", b, divisor)?;
            }
            let mixed = assembly.concat("mixed", &[a, b])?;
            value = assembly.dense_transposed("block", mixed, block.mix, None)?;
        }
        let x = assembly.scale("x", value, self.natural[0], Some(self.natural[1]))?;
        assembly.finish(&[x])
    }
}

impl Coder for Bijective {
    /// Minus the logarithm of the density, but for constants.
    fn objective<'a>(&self, _: &'a [f32], _: Option<&'a [u8]>) -> Objective<'a> {
        let n = self.inputs;
        let mut parts = vec![Part { name: "normal", outputs: 0..n, weight: 1.0, term: Term::HalfSquare }];
        if self.coupling != Coupling::Additive {
            parts.push(Part { name: "minus log factor", outputs: n..n + 1, weight: 1.0, term: Term::Sum });
        }
        Objective::new(parts)
    }
}
