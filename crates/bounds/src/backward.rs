//! Linear forms from the output back to the input (CROWN, DeepPoly): what `c·f(x)` can do, as a linear function of x.
//!
//! A form `λ·h + β − ε ≤ c·f(x)` over some values h is pushed through the step that made h: through a linear map by its
//! adjoint, through a function by the line that is below where λ ≥ 0 and by the one above where λ < 0, until only the point
//! is left. Zhang et al., "Efficient Neural Network Robustness Certification with General Activation Functions" (2018);
//! Singh et al., "An Abstract Domain for Certifying Neural Networks" (2019).
//!
//! **Rounding.** A computed coefficient of λ W differs from the exact one by at most γ Σ|λⱼ||Wⱼᵢ|, which times |hᵢ| and
//! summed over i is at most γ Σ|λⱼ| (|W| |h|)ⱼ: the forward pass has left `scale` = γ (|W| |h| + |b|) with every step, so
//! that each step adds Σ|λⱼ| scaleⱼ to ε. The coefficients of a value that several steps read are one sum over all of them:
//! γ is that of its whole length ([`Step::back_terms`](crate::program::Step)). What underflows in a coefficient adds no more
//! than [`UNDERFLOW`](crate::rounding::UNDERFLOW) times the value that it multiplies.

use netinverse_linalg::vectorised;

use crate::map::padded;
use crate::program::{Kind, Program};
use crate::rounding::{TINY, gamma, inflation};
use crate::workspace::{Lines, Workspace};

/// Linear forms over the point: `slopes[k]·x + constants[k] ≤ c_k·f(x)` on the box, for every k, in real arithmetic.
#[derive(Debug, Clone, Default)]
pub struct LinearForms {
    /// n
    pub inputs: usize,
    /// One row of n numbers for each form.
    pub slopes: Vec<f64>,
    /// One number for each form, rounded down.
    pub constants: Vec<f64>,
    /// What was taken off each constant for rounding.
    errors: Vec<f64>,
}

impl LinearForms {
    /// The number of forms.
    pub fn len(&self) -> usize {
        self.constants.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.constants.is_empty()
    }

    /// Lowers every constant by a multiple of what rounding took off it: a proof from other roundings then finds the forms true too.
    pub fn slacken(&mut self, times: f64) {
        for (constant, error) in self.constants.iter_mut().zip(&self.errors) {
            *constant = (*constant - times * error).next_down();
        }
    }

    /// The slopes and the constant of form k.
    pub fn form(&self, k: usize) -> (&[f64], f64) {
        (&self.slopes[k * self.inputs..(k + 1) * self.inputs], self.constants[k])
    }
}

/// Where a form starts: coefficients over the padded elements of a value, and a constant that is exact.
pub(crate) struct Seeds<'a> {
    pub(crate) value: usize,
    /// `constants.len()` padded rows.
    pub(crate) coefficients: &'a [f64],
    pub(crate) constants: &'a [f64],
}

/// Pushes the forms back to the point. The workspace must hold the analysis of a box, up to the seeds' value.
pub(crate) fn push(program: &Program, workspace: &mut Workspace, seeds: &Seeds, forms: &mut LinearForms) {
    let rows = seeds.constants.len();
    let n = program.input_size();
    let Workspace { steps, scratch, .. } = workspace;
    scratch.constants.clear();
    scratch.constants.extend_from_slice(seeds.constants);
    scratch.magnitudes.clear();
    scratch.magnitudes.extend(seeds.constants.iter().map(|c| c.abs()));
    scratch.errors.clear();
    scratch.errors.resize(rows, 0.0);
    // Which values carry coefficients: those that the seeds' value is made of.
    let mut carries = vec![false; program.sizes.len()];
    carries[seeds.value] = true;
    scratch.back[seeds.value].clear();
    scratch.back[seeds.value].extend_from_slice(seeds.coefficients);
    let mut terms = 1;
    for (index, step) in program.steps.iter().enumerate().rev() {
        if !carries[step.output] {
            continue;
        }
        let own = std::mem::take(&mut scratch.back[step.output]);
        let stride = padded(program.sizes[step.output]);
        let bounds = &steps[index];
        for &input in &step.inputs {
            if !std::mem::replace(&mut carries[input], true) {
                scratch.back[input].clear();
                scratch.back[input].resize(rows * padded(program.sizes[input]), 0.0);
            }
        }
        terms += program.sizes[step.output] + 4;
        match &step.kind {
            Kind::Linear { maps, bias, .. } => {
                scratch.selected.clear();
                let used = |j: &usize| (0..rows).any(|k| own[k * stride + j] != 0.0);
                scratch.selected.extend((0..program.sizes[step.output]).filter(used).map(|j| j as u32));
                for k in 0..rows {
                    let (sum, magnitude, error) =
                        affine_terms(&own[k * stride..(k + 1) * stride], bias, &bounds.scale);
                    scratch.constants[k] += sum;
                    scratch.magnitudes[k] += magnitude;
                    scratch.errors[k] += error;
                }
                for (map, &input) in maps.iter().zip(&step.inputs) {
                    let mut back = std::mem::take(&mut scratch.back[input]);
                    map.apply_adjoint(rows, &own, &scratch.selected, &mut back, &mut scratch.packed);
                    scratch.back[input] = back;
                }
            }
            Kind::Function(_) => {
                let back = &mut scratch.back[step.inputs[0]];
                for k in 0..rows {
                    let range = k * stride..(k + 1) * stride;
                    let (sum, magnitude, error) =
                        through_lines(&own[range.clone()], &bounds.lines, &bounds.scale, &mut back[range]);
                    scratch.constants[k] += sum;
                    scratch.magnitudes[k] += magnitude;
                    scratch.errors[k] += error;
                }
            }
            Kind::Maximum { .. } | Kind::Product | Kind::Softmax { .. } => {
                let planes = bounds.planes.as_ref().expect("the analysis has made them");
                for k in 0..rows {
                    for j in 0..program.sizes[step.output] {
                        let coefficient = own[k * stride + j];
                        if coefficient == 0.0 {
                            continue;
                        }
                        let side = if coefficient > 0.0 { &planes.lower } else { &planes.upper };
                        let (entries, constant) = side.row(j);
                        for entry in entries {
                            let value = step.inputs[entry.input as usize];
                            let at = k * padded(program.sizes[value]) + entry.element as usize;
                            scratch.back[value][at] += coefficient * entry.slope;
                        }
                        scratch.constants[k] += coefficient * constant;
                        scratch.magnitudes[k] += (coefficient * constant).abs();
                        scratch.errors[k] += coefficient.abs() * bounds.scale[j];
                    }
                }
            }
        }
        scratch.errors[..rows].iter_mut().for_each(|error| *error += bounds.underflow);
        scratch.back[step.output] = own;
    }
    forms.inputs = n;
    forms.slopes.clear();
    forms.constants.clear();
    forms.errors.clear();
    let stride = padded(n);
    let unit = gamma(terms + 8);
    for k in 0..rows {
        let row = &scratch.back[0][k * stride..k * stride + n];
        if carries[0] {
            forms.slopes.extend_from_slice(row);
        } else {
            forms.slopes.resize(forms.slopes.len() + n, 0.0);
        }
        let error = (scratch.errors[k] + unit * scratch.magnitudes[k]) * inflation(terms + 8) + TINY;
        forms.constants.push((scratch.constants[k] - error).next_down());
        forms.errors.push(error);
    }
}

/// Σ λ b, Σ |λ b| and Σ |λ| scale.
fn affine_terms(own: &[f64], bias: &[f64], scale: &[f64]) -> (f64, f64, f64) {
    vectorised(
        #[inline(always)]
        || {
            let (mut sum, mut magnitude, mut error) = ([0.0; 8], [0.0; 8], [0.0; 8]);
            for first in (0..own.len()).step_by(8) {
                let (own, bias, scale) = (&own[first..][..8], &bias[first..][..8], &scale[first..][..8]);
                for lane in 0..8 {
                    let term = own[lane] * bias[lane];
                    sum[lane] += term;
                    magnitude[lane] += term.abs();
                    error[lane] += own[lane].abs() * scale[lane];
                }
            }
            (sum.iter().sum(), magnitude.iter().sum(), error.iter().sum())
        },
    )
}

/// `back += λ · slope` with the line that is on λ's side; Σ λ offset, its magnitudes, and Σ |λ| scale.
fn through_lines(own: &[f64], lines: &Lines, scale: &[f64], back: &mut [f64]) -> (f64, f64, f64) {
    vectorised(
        #[inline(always)]
        || {
            let (mut sum, mut magnitude, mut error) = ([0.0; 8], [0.0; 8], [0.0; 8]);
            for first in (0..own.len()).step_by(8) {
                let own = &own[first..][..8];
                let back = &mut back[first..][..8];
                let (low, low_offset) = (&lines.lower_slope[first..][..8], &lines.lower_offset[first..][..8]);
                let (high, high_offset) =
                    (&lines.upper_slope[first..][..8], &lines.upper_offset[first..][..8]);
                let scale = &scale[first..][..8];
                for lane in 0..8 {
                    let up = own[lane] < 0.0;
                    let slope = if up { high[lane] } else { low[lane] };
                    let offset = if up { high_offset[lane] } else { low_offset[lane] };
                    back[lane] += own[lane] * slope;
                    let term = own[lane] * offset;
                    sum[lane] += term;
                    magnitude[lane] += term.abs();
                    error[lane] += own[lane].abs() * scale[lane];
                }
            }
            (sum.iter().sum(), magnitude.iter().sum(), error.iter().sum())
        },
    )
}
