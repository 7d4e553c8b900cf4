//! Linear forms from the input on, and intervals beside them.
//!
//! With δ = x − c, |δₖ| ≤ rₖ, every element h of a value is kept between two linear forms: `M(δ) − R(δ) − e ≤ h ≤
//! M(δ) + R(δ) + e`, M and R as computed and e ≥ 0. Through a linear map M becomes W M, R becomes |W| R and e becomes
//! |W| e, so that one product with W and one with |W| carry both sides, and further columns of the same products carry
//! the interval of every element (its centre, its half-width) and its magnitude.
//!
//! **Rounding.** A computed coefficient of W M differs from the exact one by at most γ Σ|wᵢ||Mᵢₖ|, so that on the whole
//! box the form is off by at most γ Σ|wᵢ| ‖Mᵢ‖ with ‖M‖ = Σₖ|Mₖ| rₖ + |M₀|. The column of errors therefore starts from
//! `eᵢ + γ (‖Mᵢ‖ + ‖Rᵢ‖)`, and the bias, with which the sums begin, adds γ |b|.

use netinverse_linalg::{Interval, Sign, vectorised};
use netinverse_network::{Function, enclose};

use crate::lines;
use crate::map::{Map, padded};
use crate::planes;
use crate::program::{Kind, Program, Step};
use crate::rounding::{TINY, UNDERFLOW, gamma, inflation};
use crate::workspace::{Lines, Scratch, ValueBounds, Workspace};

/// Rows after those of R in `absolute`.
const EXTRA: usize = 3;

/// Whether linear forms are carried forward, or intervals only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    Carried,
    Intervals,
}

/// Writes what is known of the point.
pub(crate) fn start(
    program: &Program,
    workspace: &mut Workspace,
    lower: &[f64],
    upper: &[f64],
    forms: Forms,
) {
    let Workspace { centre, radius, free, underflow, values, .. } = workspace;
    free.clear();
    for i in 0..lower.len() {
        let (lo, hi) = (lower[i], upper[i]);
        assert!(lo <= hi && lo.is_finite() && hi.is_finite(), "[{lo}, {hi}] is no side of a box");
        centre[i] = lo.midpoint(hi).clamp(lo, hi);
        // A real difference of doubles is within an ulp of the rounded one.
        radius[i] = if lo == hi { 0.0 } else { (hi - centre[i]).max(centre[i] - lo).next_up() };
        if radius[i] > 0.0 {
            free.push(i as u32);
        }
    }
    *underflow = TINY + UNDERFLOW * radius.iter().sum::<f64>();
    let width = if forms == Forms::Carried { free.len() + 1 } else { 0 };
    let value = &mut values[0];
    let stride = padded(lower.len());
    value.reset(width, stride);
    value.affine = true;
    value.lower[..lower.len()].copy_from_slice(lower);
    value.upper[..upper.len()].copy_from_slice(upper);
    let carried = 2.0 * gamma(program.longest + width + 16);
    for i in 0..lower.len() {
        value.signed[width * stride + i] = centre[i];
        value.absolute[width * stride + i] = carried * (centre[i].abs() + radius[i]) + TINY;
        value.absolute[(width + 1) * stride + i] = radius[i];
        value.absolute[(width + 2) * stride + i] = lower[i].abs().max(upper[i].abs());
    }
    if forms == Forms::Carried {
        for (k, &i) in free.iter().enumerate() {
            value.signed[k * stride + i as usize] = 1.0;
        }
        for i in 0..lower.len() {
            value.signed[(width - 1) * stride + i] = centre[i];
        }
    }
    value.alive.clear();
    value.alive.extend(0..lower.len() as u32);
}

impl ValueBounds {
    /// Writes the rows that follow from `lower` and `upper` anew, after they were tightened.
    pub(crate) fn summarise(&mut self) {
        let stride = self.lower.len();
        let ValueBounds { lower, upper, signed, absolute, .. } = self;
        let centres = signed.len() - stride;
        let rest = absolute.len() - 2 * stride;
        let (half_widths, magnitudes) = absolute[rest..].split_at_mut(stride);
        summarise(&mut signed[centres..], half_widths, magnitudes, lower, upper);
    }

    fn reset(&mut self, width: usize, stride: usize) {
        self.signed.clear();
        self.signed.resize((width + 1) * stride, 0.0);
        self.absolute.clear();
        self.absolute.resize((width + EXTRA) * stride, 0.0);
    }
}

/// Writes what is known of a step's output; `false` where no bound is known.
pub(crate) fn step(program: &Program, index: usize, workspace: &mut Workspace, forms: Forms) -> bool {
    let step = &program.steps[index];
    let width = if forms == Forms::Carried { workspace.free.len() + 1 } else { 0 };
    let (before, after) = workspace.values.split_at_mut(step.output);
    let output = &mut after[0];
    let bounds = &mut workspace.steps[index];
    let stride = padded(program.sizes[step.output]);
    output.reset(width, stride);
    let magnitudes = |&value: &usize| {
        let ValueBounds { lower, upper, .. } = &before[value];
        lower.iter().zip(upper).map(|(l, u)| l.abs().max(u.abs())).sum::<f64>()
    };
    bounds.underflow = TINY + UNDERFLOW * step.inputs.iter().map(magnitudes).sum::<f64>();
    let box_radius =
        BoxRadius { free: &workspace.free, radius: &workspace.radius, underflow: workspace.underflow };
    match &step.kind {
        Kind::Linear { maps, bias, bias_radius } => {
            linear(step, maps, bias, width, before, output, &mut workspace.scratch);
            let uncertain = uncertainty(step, maps, bias_radius.as_deref(), before, stride);
            finish_linear(
                program,
                step,
                bias,
                uncertain.as_deref(),
                width,
                stride,
                box_radius,
                output,
                &mut bounds.scale,
            );
        }
        Kind::Function(function) => {
            let input = &before[step.inputs[0]];
            let size = program.sizes[step.output];
            if !function_lines(*function, size, input, output, &mut bounds.lines) {
                return false;
            }
            function_forms(
                gamma(program.longest + width + 16),
                gamma(step.back_terms + 8),
                width,
                stride,
                box_radius,
                input,
                &bounds.lines,
                output,
                &mut bounds.scale,
            );
        }
        kind => {
            let inputs: Vec<&ValueBounds> = step.inputs.iter().map(|&value| &before[value]).collect();
            let Some(planes) = planes::around(kind, &step.inputs, &inputs, program, output) else {
                return false;
            };
            planes.forward(program, step, width, stride, box_radius, &inputs, output, &mut bounds.scale);
            bounds.planes = Some(planes);
        }
    }
    output.alive.clear();
    let size = program.sizes[step.output];
    let alive = |j: &usize| output.lower[*j] != 0.0 || output.upper[*j] != 0.0;
    output.alive.extend((0..size).filter(alive).map(|j| j as u32));
    let finite = |ends: &[f64]| ends[..size].iter().all(|end| end.is_finite());
    finite(&output.lower) && finite(&output.upper)
}

/// The half-widths of the free inputs, the variables of linear forms.
#[derive(Clone, Copy)]
pub(crate) struct BoxRadius<'a> {
    pub(crate) free: &'a [u32],
    pub(crate) radius: &'a [f64],
    /// What underflows in the coefficients of a form may add up to on the box.
    pub(crate) underflow: f64,
}

fn linear(
    step: &Step,
    maps: &[Map],
    bias: &[f64],
    width: usize,
    values: &[ValueBounds],
    output: &mut ValueBounds,
    scratch: &mut Scratch,
) {
    let stride = bias.len();
    if width > 0 {
        output.signed[(width - 1) * stride..width * stride].copy_from_slice(bias);
    }
    output.signed[width * stride..].copy_from_slice(bias);
    output.affine = step.inputs.iter().all(|&value| values[value].affine);
    for (map, &value) in maps.iter().zip(&step.inputs) {
        let input = &values[value];
        let in_stride = padded(map.inputs());
        let packed = &mut scratch.packed;
        map.apply(width + 1, &input.signed, &input.alive, Sign::Kept, &mut output.signed, packed);
        let first = if input.affine { width } else { 0 };
        map.apply(
            width + EXTRA - first,
            &input.absolute[first * in_stride..],
            &input.alive,
            Sign::Dropped,
            &mut output.absolute[first * stride..],
            packed,
        );
    }
}

/// What constants that are not exact add to every output element: `Σ ρᵢ max|hᵢ| + ρ`.
fn uncertainty(
    step: &Step,
    maps: &[Map],
    bias_radius: Option<&[f64]>,
    values: &[ValueBounds],
    stride: usize,
) -> Option<Vec<f64>> {
    if bias_radius.is_none() && !maps.iter().any(Map::has_radius) {
        return None;
    }
    let mut total = bias_radius.map_or_else(|| vec![0.0; stride], <[f64]>::to_vec);
    let mut terms = 1;
    for (map, &value) in maps.iter().zip(&step.inputs).filter(|(map, _)| map.has_radius()) {
        let (lower, upper) = (&values[value].lower, &values[value].upper);
        terms += map.longest_row();
        for j in 0..map.outputs() {
            map.for_row(j, |i, _, radius| total[j] += radius * lower[i].abs().max(upper[i].abs()));
        }
    }
    for total in &mut total {
        *total = *total * inflation(terms) + TINY;
    }
    Some(total)
}

fn finish_linear(
    program: &Program,
    step: &Step,
    bias: &[f64],
    uncertain: Option<&[f64]>,
    width: usize,
    stride: usize,
    box_radius: BoxRadius,
    output: &mut ValueBounds,
    scale: &mut [f64],
) {
    let rows = program.longest;
    let factors = Factors {
        sum: gamma(rows + 4),
        back: gamma(step.back_terms + 4),
        forms: gamma(width + rows + 16),
        inflate: inflation(rows + width + 8),
    };
    vectorised(
        #[inline(always)]
        || {
            let ValueBounds { lower, upper, signed, absolute, affine, .. } = output;
            let (forms, centres) = signed.split_at_mut(width * stride);
            let (slack, rest) = absolute.split_at_mut(width * stride);
            let (errors, rest) = rest.split_at_mut(stride);
            let (half_widths, magnitudes) = rest.split_at_mut(stride);
            let zero = [0.0; 0];
            for j in 0..stride {
                // Σ|w||h| + |b| bounds every term of the sum that makes this element.
                let magnitude = (magnitudes[j] + bias[j].abs()) * factors.inflate;
                let uncertain = uncertain.map_or(0.0, |uncertain| uncertain[j]);
                let around = half_widths[j] * factors.inflate + factors.sum * magnitude + uncertain + TINY;
                lower[j] = (centres[j] - around).next_down();
                upper[j] = (centres[j] + around).next_up();
                scale[j] = factors.back * magnitude * factors.inflate + uncertain + TINY;
                errors[j] = errors[j] * factors.inflate
                    + uncertain
                    + factors.sum * bias[j].abs() * factors.inflate
                    + box_radius.underflow;
            }
            if width > 0 {
                let slack: &[f64] = if *affine { &zero } else { slack };
                concretise(forms, slack, errors, width, stride, box_radius, factors.forms, lower, upper);
            }
            summarise(centres, half_widths, magnitudes, lower, upper);
        },
    );
}

struct Factors {
    sum: f64,
    back: f64,
    forms: f64,
    inflate: f64,
}

/// Tightens `lower ≤ h ≤ upper` by the linear forms, and adds to the errors what carrying the forms on will round: see the
/// module's text.
#[inline(always)]
pub(crate) fn concretise(
    forms: &[f64],
    slack: &[f64],
    errors: &mut [f64],
    width: usize,
    stride: usize,
    box_radius: BoxRadius,
    gamma: f64,
    lower: &mut [f64],
    upper: &mut [f64],
) {
    const LANES: usize = 8;
    let constant = (width - 1) * stride;
    for first in (0..stride).step_by(LANES) {
        let mut below = [0.0; LANES];
        let mut above = [0.0; LANES];
        let mut norm = [0.0; LANES];
        for (k, &i) in box_radius.free.iter().enumerate() {
            let r = box_radius.radius[i as usize];
            let m = &forms[k * stride + first..][..LANES];
            if slack.is_empty() {
                for lane in 0..LANES {
                    let reach = m[lane].abs() * r;
                    below[lane] += reach;
                    norm[lane] += reach;
                }
            } else {
                let s = &slack[k * stride + first..][..LANES];
                for lane in 0..LANES {
                    below[lane] += (m[lane] - s[lane]).abs() * r;
                    above[lane] += (m[lane] + s[lane]).abs() * r;
                    norm[lane] += (m[lane].abs() + s[lane].abs()) * r;
                }
            }
        }
        let m = &forms[constant + first..][..LANES];
        for lane in 0..LANES {
            let j = first + lane;
            let s = if slack.is_empty() { 0.0 } else { slack[constant + j] };
            let above = if slack.is_empty() { below[lane] } else { above[lane] };
            let norm = norm[lane] + m[lane].abs() + s.abs();
            // γ (‖M‖ + ‖R‖) twice: once for the evaluation here, once for the sums that will be made of the coefficients.
            let rounding = gamma * norm * (1.0 + 1e-9);
            let error = (errors[j] + rounding) * (1.0 + 4.0 * f64::EPSILON);
            let low = m[lane] - s - below[lane] - error - rounding;
            let high = m[lane] + s + above + error + rounding;
            errors[j] = error;
            lower[j] = lower[j].max(low.next_down());
            upper[j] = upper[j].min(high.next_up());
        }
    }
}

/// Centres, half-widths and magnitudes of intervals.
#[inline(always)]
pub(crate) fn summarise(
    centres: &mut [f64],
    half_widths: &mut [f64],
    magnitudes: &mut [f64],
    lower: &mut [f64],
    upper: &mut [f64],
) {
    for j in 0..centres.len() {
        // Both are bounds of the same number; where rounding made them cross, it is nearly a point.
        let (lo, hi) = (lower[j].min(upper[j]), lower[j].max(upper[j]));
        (lower[j], upper[j]) = (lo, hi);
        let centre = 0.5 * lo + 0.5 * hi;
        centres[j] = centre;
        half_widths[j] = (hi - centre).max(centre - lo) * (1.0 + 2.0 * f64::EPSILON) + TINY;
        magnitudes[j] = lo.abs().max(hi.abs());
    }
}

/// The lines around every element, and the interval of the function there; `false` where it is not defined.
fn function_lines(
    function: Function,
    size: usize,
    input: &ValueBounds,
    output: &mut ValueBounds,
    lines: &mut Lines,
) -> bool {
    if function == Function::Relu {
        vectorised(
            #[inline(always)]
            || {
                for j in 0..size {
                    let (l, u) = (input.lower[j], input.upper[j]);
                    lines.set(j, lines::relu(l, u));
                    output.lower[j] = l.max(0.0);
                    output.upper[j] = u.max(0.0);
                }
            },
        );
        return true;
    }
    for j in 0..size {
        let (l, u) = (input.lower[j], input.upper[j]);
        let value = (l.is_finite() && u.is_finite())
            .then(|| enclose::function(function, Interval::new(l, u)))
            .flatten();
        let (Some(value), Some(pair)) = (value, lines::lines(function, l, u)) else { return false };
        lines.set(j, pair);
        (output.lower[j], output.upper[j]) = (value.lo(), value.hi());
    }
    true
}

fn function_forms(
    rounding: f64,
    unit: f64,
    width: usize,
    stride: usize,
    box_radius: BoxRadius,
    input: &ValueBounds,
    lines: &Lines,
    output: &mut ValueBounds,
    scale: &mut [f64],
) {
    vectorised(
        #[inline(always)]
        || {
            output.affine = false;
            for j in 0..stride {
                let magnitude = input.lower[j].abs().max(input.upper[j].abs());
                let low = lines.lower_slope[j].abs() * magnitude + lines.lower_offset[j].abs();
                let high = lines.upper_slope[j].abs() * magnitude + lines.upper_offset[j].abs();
                scale[j] = unit * low.max(high) + TINY;
            }
            if width > 0 {
                forms_through_lines(width, stride, box_radius.underflow, lines, input, output);
                let ValueBounds { lower, upper, signed, absolute, .. } = output;
                let (forms, _) = signed.split_at_mut(width * stride);
                let (slack, rest) = absolute.split_at_mut(width * stride);
                let errors = &mut rest[..stride];
                concretise(forms, slack, errors, width, stride, box_radius, rounding, lower, upper);
            }
            let ValueBounds { lower, upper, signed, absolute, .. } = output;
            let (half_widths, magnitudes) = absolute[(width + 1) * stride..].split_at_mut(stride);
            summarise(&mut signed[width * stride..], half_widths, magnitudes, lower, upper);
        },
    );
}

/// `a_u > 0 ? a_u U : a_u L` above and likewise below, in M and R: with the lines' slopes a and a′,
/// M′ = ½(a′ + a) M + ½(|a′| − |a|) R and R′ = ½(a′ − a) M + ½(|a′| + |a|) R, offsets added to the constants.
#[inline(always)]
fn forms_through_lines(
    width: usize,
    stride: usize,
    underflow: f64,
    lines: &Lines,
    input: &ValueBounds,
    output: &mut ValueBounds,
) {
    let affine = input.affine;
    for k in 0..width {
        let range = k * stride..(k + 1) * stride;
        let m = &input.signed[range.clone()];
        let s = &input.absolute[range.clone()];
        let out_m = &mut output.signed[range.clone()];
        let out_s = &mut output.absolute[range];
        let (low, high) = (&lines.lower_slope[..stride], &lines.upper_slope[..stride]);
        if affine {
            for j in 0..stride {
                out_m[j] = 0.5 * (high[j] + low[j]) * m[j];
                out_s[j] = 0.5 * (high[j] - low[j]) * m[j];
            }
        } else {
            for j in 0..stride {
                let (l, h) = (low[j], high[j]);
                let (la, ha) = (l.abs(), h.abs());
                out_m[j] = 0.5 * (h + l) * m[j] + 0.5 * (ha - la) * s[j];
                out_s[j] = 0.5 * (h - l) * m[j] + 0.5 * (ha + la) * s[j];
            }
        }
    }
    let constant = (width - 1) * stride;
    for j in 0..stride {
        let (l, h) = (lines.lower_offset[j], lines.upper_offset[j]);
        output.signed[constant + j] += 0.5 * (h + l);
        output.absolute[constant + j] += 0.5 * (h - l);
        // The input's error, and the roundings of six operations on terms no larger than slope · (‖M‖ + ‖R‖) + |offset|:
        // the input's error already holds γ (‖M‖ + ‖R‖) for a γ of more than eight.
        let steepest = lines.lower_slope[j].abs().max(lines.upper_slope[j].abs());
        let rounding = gamma(8) * (l.abs() + h.abs());
        output.absolute[width * stride + j] =
            (steepest * input.absolute[width * stride + j] + rounding) * (1.0 + 1e-9) + underflow;
    }
}
