//! Slopes below ReLUs and multipliers of signs, ascended: α-CROWN and β-CROWN. The kernel bounds whatever comes of it.
//!
//! With x* the corner where a form is least, the derivatives of its least value are `λⱼ zⱼ(x*)` by the slope below ReLU j and
//! `∓zⱼ(x*)` by the multiplier of its sign, z followed forward through the lines that were taken.

use super::format::Leaf;
use crate::kernel::{Choice, Claim, Forms, Network, Norm, Op, Prover, padded, push};

/// Steps for a leaf whose stored slopes do not suffice.
pub(super) const STEPS: usize = 60;

/// Slots with a sign and its multiplier.
type Signs = Vec<(usize, bool, f64)>;

/// A row whose form is ascended.
struct Task {
    slopes: Vec<f64>,
    signs: Signs,
    best: f64,
    moments: (Vec<f64>, Vec<f64>),
}

impl Task {
    fn new(slopes: Vec<f64>, signs: Signs) -> Self {
        let count = slopes.len() + signs.len();
        Task { slopes, signs, best: f64::NEG_INFINITY, moments: (vec![0.0; count], vec![0.0; count]) }
    }

    /// A step of Adam along `gradient`, slopes first.
    fn advance(&mut self, gradient: &[f64], step: i32, rate: f64, size: f64) {
        let (first, second) = &mut self.moments;
        for (i, &g) in gradient.iter().enumerate() {
            first[i] = 0.9 * first[i] + 0.1 * g;
            second[i] = 0.999 * second[i] + 0.001 * g * g;
            let (a, b) = (first[i] / (1.0 - 0.9f64.powi(step)), second[i] / (1.0 - 0.999f64.powi(step)));
            if first[i] == 0.0 {
                continue;
            }
            let move_by = rate * a / (b.sqrt() + 1e-12);
            match i.checked_sub(self.slopes.len()) {
                None => self.slopes[i] = (self.slopes[i] + move_by).clamp(0.0, 1.0),
                Some(k) => self.signs[k].2 = (self.signs[k].2 + size * move_by).max(0.0),
            }
        }
    }
}

/// A leaf's slopes: those of the last analysis where it has none of its own. `None` for slots that do not exist.
pub(super) fn slopes(prover: &Prover, leaf: &Leaf) -> Option<Vec<f64>> {
    let mut slopes = default_slopes(prover);
    for &(slot, parts) in &leaf.alpha {
        *slopes.get_mut(slot)? = f64::from(parts) / 256.0;
    }
    let exist = leaf.beta.len() == leaf.signs.len() && leaf.signs.iter().all(|s| s.0 < slopes.len());
    exist.then_some(slopes)
}

/// The slopes that the last analysis chose, of all slots.
fn default_slopes(prover: &Prover) -> Vec<f64> {
    let (slots, count) = prover.network.relu_slots();
    let mut slopes = vec![0.0; count];
    for (index, first) in slots.iter().enumerate().filter_map(|(i, f)| f.map(|f| (i, f))) {
        let size = prover.network.sizes[prover.network.steps[index].output];
        slopes[first..first + size].copy_from_slice(&prover.analysis.relaxations[index].low_slope[..size]);
    }
    slopes
}

/// Whether a claim follows where signs are given, from the slopes and multipliers given or better ones.
pub(super) fn leaf(prover: &Prover, claim: &Claim, slopes: Vec<f64>, signs: Signs, steps: usize) -> bool {
    let mut task = Task::new(slopes, signs);
    let size = claim.row.outputs.iter().fold(0.0f64, |size, c| size.max(c.abs()));
    for step in 0..=steps {
        let choice = Choice { slopes: Some(&task.slopes), signs: &task.signs };
        let forms = prover.forms(&[*claim], &[choice]);
        let margin = prover.margin(claim, forms.slopes(0), forms.constants[0]);
        if margin > 0.0 {
            return true;
        }
        if step < steps {
            let gradient = gradient(prover, prover.network.output, &forms, std::slice::from_ref(&task));
            let rate = 0.1 * 0.97f64.powi(step as i32);
            task.advance(&gradient[0], step as i32 + 1, rate, size);
        }
    }
    false
}

/// Bounds of some elements of a value, by two forms each with slopes of their own.
pub(super) fn extremes(
    prover: &Prover,
    value: usize,
    elements: &[usize],
    steps: usize,
) -> Vec<(usize, f64, f64)> {
    let network = prover.network;
    let stride = padded(network.sizes[value]);
    let mut rows = vec![0.0; 2 * elements.len() * stride];
    for (k, &j) in elements.iter().enumerate() {
        rows[2 * k * stride + j] = 1.0;
        rows[(2 * k + 1) * stride + j] = -1.0;
    }
    let start = default_slopes(prover);
    let mut tasks: Vec<Task> =
        (0..2 * elements.len()).map(|_| Task::new(start.clone(), Vec::new())).collect();
    let zeros = vec![0.0; tasks.len()];
    for step in 0..=steps {
        let choices: Vec<Choice> =
            tasks.iter().map(|t| Choice { slopes: Some(&t.slopes), signs: &t.signs }).collect();
        let forms = push(network, &prover.analysis, value, rows.clone(), &zeros, &choices);
        for (k, task) in tasks.iter_mut().enumerate() {
            let bound = prover.analysis.least(forms.slopes(k), forms.constants[k]);
            task.best = task.best.max(bound);
        }
        if step < steps {
            let gradients = gradient(prover, value, &forms, &tasks);
            for (task, gradient) in tasks.iter_mut().zip(&gradients) {
                task.advance(gradient, step as i32 + 1, 0.2 * 0.9f64.powi(step as i32), 0.0);
            }
        }
    }
    elements.iter().zip(tasks.chunks_exact(2)).map(|(&j, ends)| (j, ends[0].best, -ends[1].best)).collect()
}

/// The derivatives of each form's least value by slopes and multipliers.
fn gradient(prover: &Prover, value: usize, forms: &Forms, tasks: &[Task]) -> Vec<Vec<f64>> {
    let network: &Network = prover.network;
    let (slots, count) = network.relu_slots();
    let mut gradients: Vec<Vec<f64>> = tasks.iter().map(|t| vec![0.0; count + t.signs.len()]).collect();
    let (n, range) = (network.inputs(), &prover.analysis.ranges[0]);
    let stride = padded(n);
    let mut corner = vec![0.0; tasks.len() * stride];
    for k in 0..tasks.len() {
        if let Some(ball) = prover.analysis.ball.as_ref().filter(|ball| ball.norm != Norm::LInfinity) {
            let lowest = ball.lowest(forms.slopes(k), &range.lo[..n], &range.hi[..n]);
            corner[k * stride..][..n].copy_from_slice(&lowest);
            continue;
        }
        for i in 0..n {
            corner[k * stride + i] = if forms.slopes(k)[i] >= 0.0 { range.lo[i] } else { range.hi[i] };
        }
    }
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); network.sizes.len()];
    values[0] = corner;
    for (index, step) in network.steps.iter().enumerate() {
        if step.output == value {
            // Nothing behind it has a slope.
            break;
        }
        let size = network.sizes[step.output];
        let stride = padded(size);
        let mut out = vec![0.0; tasks.len() * stride];
        match &step.op {
            Op::Affine { maps, bias, .. } => {
                for row in out.chunks_exact_mut(stride) {
                    row[..size].copy_from_slice(bias);
                }
                for (map, &input) in maps.iter().zip(&step.inputs) {
                    let own = padded(map.inputs);
                    let used =
                        |i: &u32| (0..tasks.len()).any(|k| values[input][k * own + *i as usize] != 0.0);
                    let active: Vec<u32> = (0..map.inputs as u32).filter(used).collect();
                    map.forward(&values[input], &active, false, &mut out);
                }
            }
            Op::Curves(_) => {
                let (own, relaxation) =
                    (&prover.analysis.ranges[step.inputs[0]], &prover.analysis.relaxations[index]);
                let lambda = &forms.coefficients[step.output];
                for (k, task) in tasks.iter().enumerate() {
                    for j in 0..size {
                        let (l, u, at) = (own.lo[j], own.hi[j], values[step.inputs[0]][k * stride + j]);
                        let coefficient = lambda.get(k * stride + j).copied().unwrap_or(0.0);
                        out[k * stride + j] = if coefficient < 0.0 {
                            relaxation.high_slope[j] * at + relaxation.high_offset[j]
                        } else if let Some(first) = slots[index].filter(|_| l < 0.0 && u > 0.0) {
                            gradients[k][first + j] = coefficient * at;
                            task.slopes[first + j].clamp(0.0, 1.0) * at
                        } else {
                            relaxation.low_slope[j] * at + relaxation.low_offset[j]
                        };
                    }
                    let Some(first) = slots[index] else { continue };
                    for (s, &(slot, positive, _)) in task.signs.iter().enumerate() {
                        let Some(j) = slot.checked_sub(first).filter(|j| *j < size) else { continue };
                        let at = values[step.inputs[0]][k * stride + j];
                        out[k * stride + j] = if positive { at } else { 0.0 };
                        gradients[k][slot] = 0.0;
                        gradients[k][count + s] = if positive { -at } else { at };
                    }
                }
            }
            Op::Maximum { .. } => {
                let (own, from) =
                    (&prover.analysis.relaxations[index], padded(network.sizes[step.inputs[0]]));
                for k in 0..tasks.len() {
                    for j in 0..size {
                        out[k * stride + j] = values[step.inputs[0]][k * from + own.low_source[j] as usize];
                    }
                }
            }
        }
        values[step.output] = out;
    }
    gradients
}
