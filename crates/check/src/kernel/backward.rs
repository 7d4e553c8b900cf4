//! Linear forms of the input below rows of a value, pushed back from the value (CROWN, DeepPoly, β-CROWN).
//!
//! A form `λ·h + β − ε` below a row is pushed through the step that made h: through a matrix by λ W, through a curve by the
//! line below where λ ≥ 0 and above where λ < 0. What a computed λ W is off by, times |h|, is at most Σ|λⱼ| `scale`ⱼ, which
//! the analysis has left. Below a ReLU that is unstable any line through 0 with a slope between 0 and 1 may be taken, and
//! where the sign of its input z is given, z ≥ 0 or z ≤ 0, any multiple of z that is not negative there may be subtracted.

use super::forward::Analysis;
use super::network::{Network, Op, padded};
use super::number::{LARGEST, TINY, gamma};

/// Terms that are summed before they are added to the rest, which keeps the chains of roundings short.
const BLOCK: usize = 16;

/// What may be chosen for one row: any choice is sound.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Choice<'a> {
    /// The slope below each ReLU's element, by slot; clamped to [0, 1]. None: the analysis's own.
    pub(crate) slopes: Option<&'a [f64]>,
    /// Slots whose sign is given: whether z ≥ 0, and the multiplier; ascending.
    pub(crate) signs: &'a [(usize, bool, f64)],
}

/// Forms below rows: `slopes·x + constant`, n slopes each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Forms {
    pub(crate) inputs: usize,
    pub(crate) slopes: Vec<f64>,
    pub(crate) constants: Vec<f64>,
    /// Of every value that the rows were pushed through: the coefficients, rows padded. For choosing slopes.
    pub(crate) coefficients: Vec<Vec<f64>>,
}

impl Forms {
    pub(crate) fn slopes(&self, row: usize) -> &[f64] {
        &self.slopes[row * self.inputs..][..self.inputs]
    }
}

/// Forms below `rows · value + constants` on the analysis's box, where the signs that are given hold. `rows` are padded;
/// `choices` is one for each row, or none.
pub(crate) fn push(
    network: &Network,
    analysis: &Analysis,
    value: usize,
    rows: Vec<f64>,
    constants: &[f64],
    choices: &[Choice],
) -> Forms {
    let count = constants.len();
    let (slots, _) = network.relu_slots();
    let mut coefficients: Vec<Vec<f64>> = vec![Vec::new(); network.sizes.len()];
    coefficients[value] = rows;
    let mut sums = constants.to_vec();
    let mut magnitudes: Vec<f64> = constants.iter().map(|c| c.abs()).collect();
    let mut errors = vec![0.0; count];
    // Roundings that a term of a constant takes part in, and terms in all.
    let (mut roundings, mut terms) = (2 * BLOCK, 8);
    for (index, step) in network.steps.iter().enumerate().rev() {
        if coefficients[step.output].is_empty() {
            continue;
        }
        let own = std::mem::take(&mut coefficients[step.output]);
        let size = network.sizes[step.output];
        let stride = padded(size);
        (roundings, terms) = (roundings + size.div_ceil(BLOCK) + 1, terms + size + 4);
        for &input in &step.inputs {
            let length = count * padded(network.sizes[input]);
            coefficients[input].resize(length, 0.0);
        }
        let relaxation = &analysis.relaxations[index];
        match &step.op {
            Op::Affine { maps, bias, .. } => {
                let used = |j: &u32| (0..count).any(|k| own[k * stride + *j as usize] != 0.0);
                let active: Vec<u32> = (0..size as u32).filter(used).collect();
                for k in 0..count {
                    let own = &own[k * stride..][..size];
                    for block in active.chunks(BLOCK) {
                        let mut sum = 0.0;
                        for &j in block {
                            let (term, j) = (own[j as usize] * bias[j as usize], j as usize);
                            sum += term;
                            magnitudes[k] += term.abs();
                            errors[k] += own[j].abs() * relaxation.scale[j];
                        }
                        sums[k] += sum;
                    }
                }
                for (map, &input) in maps.iter().zip(&step.inputs) {
                    map.backward(&own, &active, &mut coefficients[input]);
                }
            }
            Op::Curves(_) => {
                let range = &analysis.ranges[step.inputs[0]];
                let back = &mut coefficients[step.inputs[0]];
                for k in 0..count {
                    let choice = choices.get(k).copied().unwrap_or_default();
                    let chosen = slots[index].and_then(|first| Some(&choice.slopes?[first..first + size]));
                    let mut sum = 0.0;
                    for j in 0..size {
                        if j % BLOCK == 0 {
                            sums[k] += std::mem::take(&mut sum);
                        }
                        let lambda = own[k * stride + j];
                        if lambda == 0.0 {
                            continue;
                        }
                        let (l, u) = (range.lo[j], range.hi[j]);
                        let (slope, offset) = if lambda < 0.0 {
                            (relaxation.high_slope[j], relaxation.high_offset[j])
                        } else if let Some(chosen) = chosen.filter(|_| l < 0.0 && u > 0.0) {
                            (chosen[j].clamp(0.0, 1.0), 0.0)
                        } else {
                            (relaxation.low_slope[j], relaxation.low_offset[j])
                        };
                        back[k * stride + j] += lambda * slope;
                        sum += lambda * offset;
                        magnitudes[k] += (lambda * offset).abs();
                        errors[k] += lambda.abs() * relaxation.scale[j];
                    }
                    sums[k] += sum;
                    roundings += choice.signs.len();
                    let Some(first) = slots[index] else { continue };
                    for &(slot, positive, multiplier) in choice.signs {
                        let Some(j) = slot.checked_sub(first).filter(|j| *j < size) else { continue };
                        // Given the sign, the ReLU is z or 0: what the lines made of it is undone.
                        let (l, u, lambda) = (range.lo[j], range.hi[j], own[k * stride + j]);
                        if lambda < 0.0 {
                            sums[k] -= lambda * relaxation.high_offset[j];
                            magnitudes[k] += (lambda * relaxation.high_offset[j]).abs();
                        }
                        let multiplier = multiplier.max(0.0);
                        let exact = if positive { lambda } else { 0.0 };
                        let was = back[k * stride + j];
                        let line = if lambda < 0.0 {
                            lambda * relaxation.high_slope[j]
                        } else if let Some(chosen) = chosen.filter(|_| l < 0.0 && u > 0.0) {
                            lambda * chosen[j].clamp(0.0, 1.0)
                        } else {
                            lambda * relaxation.low_slope[j]
                        };
                        let signed = if positive { -multiplier } else { multiplier };
                        back[k * stride + j] = was - line + exact + signed;
                        let reach =
                            (was.abs() + line.abs() + exact.abs() + multiplier) * l.abs().max(u.abs());
                        errors[k] += gamma(16) * reach;
                    }
                }
            }
            Op::Maximum { .. } => {
                roundings += size;
                let from = padded(network.sizes[step.inputs[0]]);
                let back = &mut coefficients[step.inputs[0]];
                for k in 0..count {
                    for j in 0..size {
                        let lambda = own[k * stride + j];
                        let source = if lambda < 0.0 {
                            relaxation.high_source[j]
                        } else {
                            Some(relaxation.low_source[j])
                        };
                        if let Some(source) = source {
                            back[k * from + source as usize] += lambda;
                        } else {
                            sums[k] += lambda * relaxation.high_offset[j];
                            magnitudes[k] += (lambda * relaxation.high_offset[j]).abs();
                        }
                        errors[k] += lambda.abs() * relaxation.scale[j];
                    }
                }
            }
        }
        coefficients[step.output] = own;
    }
    let n = network.inputs();
    let mut slopes = vec![0.0; count * n];
    if !coefficients[0].is_empty() {
        for k in 0..count {
            slopes[k * n..(k + 1) * n].copy_from_slice(&coefficients[0][k * padded(n)..][..n]);
        }
    }
    let constants = (0..count).map(|k| {
        let error = (errors[k] + gamma(roundings) * magnitudes[k]) * (1.0 + 4.0 * gamma(terms)) + TINY;
        let bounded = magnitudes[k] <= LARGEST && errors[k] <= LARGEST;
        if bounded { (sums[k] - error).next_down() } else { f64::NEG_INFINITY }
    });
    Forms { inputs: n, constants: constants.collect(), slopes, coefficients }
}

/// The least value of `slopes·x + constant` on a box, rounded down.
pub(crate) fn least(slopes: &[f64], constant: f64, lower: &[f64], upper: &[f64]) -> f64 {
    let (mut sum, mut magnitude) = (constant, constant.abs());
    for (i, &slope) in slopes.iter().enumerate() {
        let term = if slope >= 0.0 { slope * lower[i] } else { slope * upper[i] };
        sum += term;
        magnitude += term.abs();
    }
    let error = gamma(slopes.len() + 4) * magnitude * (1.0 + 1e-9) + TINY;
    let least = (sum - error).next_down();
    if least.is_nan() { f64::NEG_INFINITY } else { least }
}

/// Bounds every value on the box; with `backward`, tightens what unstable elements may be by forms pushed back from them.
/// `false` where nothing is known.
pub(crate) fn analyse(
    network: &Network,
    analysis: &mut Analysis,
    lower: &[f64],
    upper: &[f64],
    backward: bool,
) -> bool {
    if lower.iter().chain(upper).any(|v| v.is_nan() || v.abs() > LARGEST) {
        return false;
    }
    analysis.start(lower, upper);
    for (index, step) in network.steps.iter().enumerate() {
        if backward && !matches!(step.op, Op::Affine { .. }) {
            let value = step.inputs[0];
            let loose = unstable(network, analysis, index);
            let mut tighter = Vec::with_capacity(loose.len());
            for chunk in loose.chunks(8) {
                let bounds = extremes(network, analysis, value, chunk, &[]);
                tighter.extend(chunk.iter().zip(bounds).map(|(&j, (low, high))| (j, low, high)));
            }
            analysis.tighten(value, tighter.into_iter());
        }
        if !analysis.step(network, index) {
            return false;
        }
    }
    true
}

/// The elements that a step relaxes.
pub(crate) fn unstable(network: &Network, analysis: &Analysis, index: usize) -> Vec<usize> {
    let step = &network.steps[index];
    let range = &analysis.ranges[step.inputs[0]];
    let loose = |j: &usize| {
        let (l, u) = (range.lo[*j], range.hi[*j]);
        match &step.op {
            Op::Curves(curves) => {
                let curve = if curves.len() == 1 { &curves[0] } else { &curves[*j] };
                curve.bends(l, u)
            }
            _ => l < u,
        }
    };
    (0..network.sizes[step.inputs[0]]).filter(loose).collect()
}

/// Proved bounds of some elements of a value, by two forms each; `choices` is none or two for each element.
pub(crate) fn extremes(
    network: &Network,
    analysis: &Analysis,
    value: usize,
    elements: &[usize],
    choices: &[Choice],
) -> Vec<(f64, f64)> {
    let stride = padded(network.sizes[value]);
    let mut rows = vec![0.0; 2 * elements.len() * stride];
    for (k, &j) in elements.iter().enumerate() {
        rows[2 * k * stride + j] = 1.0;
        rows[(2 * k + 1) * stride + j] = -1.0;
    }
    let forms = push(network, analysis, value, rows, &vec![0.0; 2 * elements.len()], choices);
    let least = |k: usize| analysis.least(forms.slopes(k), forms.constants[k]);
    (0..elements.len()).map(|k| (least(2 * k), -least(2 * k + 1))).collect()
}
