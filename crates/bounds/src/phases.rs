//! Bounds with chosen slopes and with signs of neurons given: one linear form pushed back with its own lines (α-CROWN, β-CROWN).
//!
//! Below an unstable ReLU every line `α z`, 0 ≤ α ≤ 1, may be taken; and where the sign of z is given, `z ≥ 0` or `z ≤ 0`, any
//! multiple `β ≥ 0` of it may be subtracted from a form without lifting it. So for every α and β the form stays below
//! `c·f(x)` on the part of the box where the signs are as given. The bound is concave in β and piecewise smooth in α; with
//! x* the corner where the form is least, its derivatives are `λⱼ zⱼ(x*)` and `∓zⱼ(x*)`, z followed forward through the lines
//! that were taken: one more pass. Xu et al., "Fast and Complete" (2021); Wang et al., "Beta-CROWN" (2021).
//!
//! **Rounding.** As in `backward`. A sum `λ ∓ β` rounds once, by no more than u |λ ∓ β|, times the largest |z|.

use netinverse_geometry::Ball;
use netinverse_network::Function;
use rayon::prelude::*;

use crate::bounder::{Bounder, MAX_FORWARD_INPUTS, minimum_on_box};
use crate::forward::{self, Forms};
use crate::map::padded;
use crate::program::Kind;
use crate::rounding::{TINY, gamma, inflation};
use crate::workspace::Workspace;

/// A ReLU's sign that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phase {
    /// The step of the program that is the ReLU.
    pub step: u32,
    /// The element.
    pub element: u32,
    /// z ≥ 0, else z ≤ 0.
    pub positive: bool,
}

/// Slopes and multipliers of one form: what is optimised.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slopes {
    /// α of every element of every ReLU step, steps in order, elements not padded.
    pub alpha: Vec<f64>,
    /// β of every given sign, in their order.
    pub beta: Vec<f64>,
}

/// One form to be pushed back, and what comes of it.
#[derive(Debug, Clone, Default)]
pub struct PhaseTask {
    /// Coefficients of the outputs, m.
    pub row: Vec<f64>,
    /// The constant.
    pub constant: f64,
    /// The signs that are given.
    pub phases: Vec<Phase>,
    /// In: where to start; out: untouched by [`Bounder::push_phases`].
    pub slopes: Slopes,
    /// The form's least value on the box, rounded down: a lower bound of `row·f(x) + constant` where the signs hold.
    pub bound: f64,
    /// Where the form is least.
    pub corner: Vec<f64>,
    /// The bound's derivatives by the slopes.
    pub gradient: Slopes,
    /// How much the bound loses at each ReLU element, like `alpha`: for choosing the next sign.
    pub loss: Vec<f64>,
}

impl Bounder {
    /// The ReLU steps with their numbers of elements: the order of [`Slopes::alpha`].
    pub fn relu_steps(&self) -> Vec<(u32, usize)> {
        let program = self.program();
        let relu =
            |(_, step): &(usize, &crate::program::Step)| matches!(step.kind, Kind::Function(Function::Relu));
        let all = program.steps.iter().enumerate().filter(relu);
        all.map(|(index, step)| (index as u32, program.sizes[step.output])).collect()
    }

    /// Whether every step that is not linear is a ReLU: then all signs given, a form is exact.
    pub fn is_relu_network(&self) -> bool {
        let fits = |kind: &Kind| matches!(kind, Kind::Linear { .. } | Kind::Function(Function::Relu));
        self.program().steps.iter().all(|step| fits(&step.kind))
    }

    /// The slopes below unstable ReLUs that the last analysis chose.
    pub fn default_slopes(&self, workspace: &Workspace) -> Vec<f64> {
        let mut alpha = Vec::new();
        for (step, size) in self.relu_steps() {
            alpha.extend_from_slice(&workspace.steps[step as usize].lines.lower_slope[..size]);
        }
        alpha
    }

    /// Whether each ReLU element is unstable on the box of the last analysis.
    pub fn unstable(&self, workspace: &Workspace) -> Vec<bool> {
        let mut all = Vec::new();
        for (step, size) in self.relu_steps() {
            let input = &workspace.values[self.program().steps[step as usize].inputs[0]];
            all.extend((0..size).map(|j| input.lower[j] < 0.0 && input.upper[j] > 0.0));
        }
        all
    }

    /// Pushes the tasks' forms back over the last analysis, together, and follows their least corners forward.
    ///
    /// Needs a network of linear maps and ReLUs only ([`Bounder::is_relu_network`]).
    pub fn push_phases(&self, workspace: &mut Workspace, tasks: &mut [PhaseTask]) {
        self.push_from(workspace, self.program().output, tasks);
    }

    /// Tightens what the last analysis knows of every unstable ReLU's input by forms with slopes of their own, ascended in
    /// `rounds` steps. `false` where `stop` said so, or bounds overflowed; then the analysis is void.
    ///
    /// Needs a network of linear maps and ReLUs only ([`Bounder::is_relu_network`]).
    pub fn refine(&self, workspace: &mut Workspace, rounds: usize, stop: &(dyn Fn() -> bool + Sync)) -> bool {
        const TASKS: usize = 16;
        let program = self.program();
        let few = workspace.free.len() <= MAX_FORWARD_INPUTS;
        let forms = if few { Forms::Carried } else { Forms::Intervals };
        for index in 0..program.steps.len() {
            let step = &program.steps[index];
            if matches!(step.kind, Kind::Function(_)) {
                let value = step.inputs[0];
                let known = &workspace.values[value];
                let loose: Vec<usize> = (0..program.sizes[value])
                    .filter(|&j| known.lower[j] < 0.0 && known.upper[j] > 0.0)
                    .collect();
                let start = Slopes { alpha: self.default_slopes(workspace), beta: Vec::new() };
                let prepared = &*workspace;
                let tightened: Vec<(usize, f64, f64)> = loose
                    .par_chunks(TASKS / 2)
                    .map_init(
                        || prepared.clone(),
                        |own, elements| self.tightest(own, value, elements, &start, rounds, stop),
                    )
                    .flatten()
                    .collect();
                if stop() {
                    workspace.valid = false;
                    return false;
                }
                let known = &mut workspace.values[value];
                for (j, low, high) in tightened {
                    known.lower[j] = known.lower[j].max(low);
                    known.upper[j] = known.upper[j].min(high);
                }
                known.summarise();
            }
            let known = &workspace.values[step.output];
            let (lower, upper) = (known.lower.clone(), known.upper.clone());
            if !forward::step(program, index, workspace, forms) {
                workspace.valid = false;
                return false;
            }
            // What was known before still holds.
            let known = &mut workspace.values[step.output];
            for j in 0..lower.len() {
                known.lower[j] = known.lower[j].max(lower[j]);
                known.upper[j] = known.upper[j].min(upper[j]);
            }
            known.summarise();
        }
        true
    }

    /// Bounds of some elements of a value, by two forms each.
    fn tightest(
        &self,
        workspace: &mut Workspace,
        value: usize,
        elements: &[usize],
        start: &Slopes,
        rounds: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Vec<(usize, f64, f64)> {
        let size = self.program().sizes[value];
        let unit = |j: usize, sign: f64| {
            let mut row = vec![0.0; size];
            row[j] = sign;
            PhaseTask { row, slopes: start.clone(), ..PhaseTask::default() }
        };
        let mut tasks: Vec<PhaseTask> =
            elements.iter().flat_map(|&j| [unit(j, 1.0), unit(j, -1.0)]).collect();
        let mut best = vec![f64::NEG_INFINITY; tasks.len()];
        let mut ascents = vec![Ascent::default(); tasks.len()];
        for round in 0..=rounds {
            if stop() {
                break;
            }
            self.push_from(workspace, value, &mut tasks);
            for ((task, best), ascent) in tasks.iter_mut().zip(&mut best).zip(&mut ascents) {
                *best = best.max(task.bound);
                if round < rounds {
                    ascent.advance(task, 0.2 * 0.9f64.powi(round as i32), 0.0);
                }
            }
        }
        elements.iter().zip(best.chunks_exact(2)).map(|(&j, ends)| (j, ends[0], -ends[1])).collect()
    }

    /// As [`Bounder::push_phases`], the rows over the elements of any value.
    fn push_from(&self, workspace: &mut Workspace, value: usize, tasks: &mut [PhaseTask]) {
        assert!(workspace.valid, "an analysis must have gone through");
        let program = self.program();
        let relus = self.relu_steps();
        let offsets = offsets(&relus, program.steps.len());
        let rows = tasks.len();
        let Workspace { steps, values, scratch, ball, .. } = workspace;
        let mut coefficients: Vec<Vec<f64>> = program.sizes.iter().map(|_| Vec::new()).collect();
        let stride = padded(program.sizes[value]);
        let mut seed = vec![0.0; rows * stride];
        for (task, seed) in tasks.iter().zip(seed.chunks_exact_mut(stride.max(1))) {
            seed[..task.row.len()].copy_from_slice(&task.row);
        }
        coefficients[value] = seed;
        let mut sums: Vec<(f64, f64, f64)> =
            tasks.iter().map(|t| (t.constant, t.constant.abs(), 0.0)).collect();
        let mut terms = 1 + tasks.iter().map(|task| task.phases.len()).max().unwrap_or(0);
        for task in tasks.iter_mut() {
            let count = task.slopes.alpha.len();
            task.gradient.alpha.clear();
            task.gradient.alpha.resize(count, 0.0);
            task.gradient.beta.clear();
            task.gradient.beta.resize(task.phases.len(), 0.0);
            task.loss.clear();
            task.loss.resize(count, 0.0);
        }
        for (index, step) in program.steps.iter().enumerate().rev() {
            let own = std::mem::take(&mut coefficients[step.output]);
            if own.is_empty() {
                continue;
            }
            let size = program.sizes[step.output];
            let stride = padded(size);
            for &input in &step.inputs {
                let back = &mut coefficients[input];
                if back.is_empty() {
                    back.resize(rows * padded(program.sizes[input]), 0.0);
                }
            }
            terms += size + 4;
            match &step.kind {
                Kind::Linear { maps, bias, .. } => {
                    let used = |j: &usize| (0..rows).any(|k| own[k * stride + j] != 0.0);
                    let selected: Vec<u32> = (0..size).filter(used).map(|j| j as u32).collect();
                    let scale = &steps[index].scale;
                    for k in 0..rows {
                        let own = &own[k * stride..k * stride + size];
                        let (sum, magnitude, error) = &mut sums[k];
                        for j in 0..size {
                            let term = own[j] * bias[j];
                            *sum += term;
                            *magnitude += term.abs();
                            *error += own[j].abs() * scale[j];
                        }
                    }
                    for (map, &input) in maps.iter().zip(&step.inputs) {
                        let mut back = std::mem::take(&mut coefficients[input]);
                        map.apply_adjoint(rows, &own, &selected, &mut back, &mut scratch.packed);
                        coefficients[input] = back;
                    }
                }
                Kind::Function(_) => {
                    let input = &values[step.inputs[0]];
                    let lines = &steps[index].lines;
                    let unit = gamma(8);
                    let back = &mut coefficients[step.inputs[0]];
                    for (k, task) in tasks.iter().enumerate() {
                        let alpha = &task.slopes.alpha[offsets[index]..offsets[index] + size];
                        let own = &own[k * stride..k * stride + size];
                        let to = &mut back[k * stride..k * stride + size];
                        let (sum, magnitude, error) = &mut sums[k];
                        for j in 0..size {
                            let (l, u) = (input.lower[j], input.upper[j]);
                            let reach = l.abs().max(u.abs());
                            let coefficient = own[j];
                            if l >= 0.0 {
                                to[j] += coefficient;
                                // Exact, but for a sum with what another step made of the same value.
                                *error += coefficient.abs() * unit * reach;
                            } else if u > 0.0 {
                                if coefficient >= 0.0 {
                                    to[j] += coefficient * alpha[j].clamp(0.0, 1.0);
                                    *error += coefficient * unit * reach;
                                } else {
                                    to[j] += coefficient * lines.upper_slope[j];
                                    let term = coefficient * lines.upper_offset[j];
                                    *sum += term;
                                    *magnitude += term.abs();
                                    *error -= coefficient * unit * (reach + lines.upper_offset[j]);
                                }
                            }
                        }
                        for (phase, beta) in task.phases.iter().zip(&task.slopes.beta) {
                            if phase.step as usize != index {
                                continue;
                            }
                            let j = phase.element as usize;
                            let reach = input.lower[j].abs().max(input.upper[j].abs());
                            // Given the sign, the ReLU is z or 0: what the lines made of it is undone.
                            let coefficient = own[j];
                            if input.lower[j] < 0.0 && input.upper[j] > 0.0 && coefficient < 0.0 {
                                let term = coefficient * lines.upper_offset[j];
                                *sum -= term;
                                *magnitude += term.abs();
                            }
                            let beta = beta.max(0.0);
                            let exact = if phase.positive { coefficient } else { 0.0 };
                            to[j] = if phase.positive { exact - beta } else { exact + beta };
                            *error += unit * (coefficient.abs() + beta) * reach;
                        }
                    }
                }
                _ => unreachable!("a network of linear maps and ReLUs"),
            }
            // Kept for the gradients.
            coefficients[step.output] = own;
        }
        self.finish(values, ball.as_deref(), tasks, &coefficients, &sums, terms);
        self.follow(workspace, value, tasks, &coefficients, &offsets);
    }

    fn finish(
        &self,
        values: &[crate::workspace::ValueBounds],
        ball: Option<&Ball>,
        tasks: &mut [PhaseTask],
        coefficients: &[Vec<f64>],
        sums: &[(f64, f64, f64)],
        terms: usize,
    ) {
        let n = self.input_size();
        let stride = padded(n);
        let input = &values[0];
        let unit = gamma(terms + 8);
        for (k, task) in tasks.iter_mut().enumerate() {
            let zeros = vec![0.0; n];
            let slopes = if coefficients[0].is_empty() {
                &zeros[..]
            } else {
                &coefficients[0][k * stride..k * stride + n]
            };
            let (sum, magnitude, error) = sums[k];
            let error = (error + unit * magnitude) * inflation(terms + 8) + TINY;
            let constant = (sum - error).next_down();
            let (lower, upper) = (&input.lower[..n], &input.upper[..n]);
            if let Some(ball) = ball {
                task.bound = ball.minimum(slopes, constant, lower, upper, &mut task.corner);
                continue;
            }
            task.bound = minimum_on_box(slopes, constant, lower, upper);
            task.corner.clear();
            task.corner.extend((0..n).map(|i| if slopes[i] >= 0.0 { lower[i] } else { upper[i] }));
        }
    }

    /// Follows the corners forward through the lines that were taken, for gradients and losses.
    fn follow(
        &self,
        workspace: &mut Workspace,
        value: usize,
        tasks: &mut [PhaseTask],
        coefficients: &[Vec<f64>],
        offsets: &[usize],
    ) {
        let program = self.program();
        let rows = tasks.len();
        let Workspace { steps, values, scratch, .. } = workspace;
        let mut forward: Vec<Vec<f64>> = program.sizes.iter().map(|_| Vec::new()).collect();
        let stride = padded(self.input_size());
        let mut start = vec![0.0; rows * stride];
        for (task, row) in tasks.iter().zip(start.chunks_exact_mut(stride.max(1))) {
            row[..task.corner.len()].copy_from_slice(&task.corner);
        }
        forward[0] = start;
        for (index, step) in program.steps.iter().enumerate() {
            if step.output == value {
                // Nothing behind it has a slope of its own.
                break;
            }
            let size = program.sizes[step.output];
            let stride = padded(size);
            let mut out = vec![0.0; rows * stride];
            match &step.kind {
                Kind::Linear { maps, bias, .. } => {
                    for row in out.chunks_exact_mut(stride.max(1)) {
                        row.copy_from_slice(bias);
                    }
                    for (map, &input) in maps.iter().zip(&step.inputs) {
                        let x = &forward[input];
                        let in_stride = padded(map.inputs());
                        let used = |i: &usize| (0..rows).any(|k| x[k * in_stride + i] != 0.0);
                        let selected: Vec<u32> = (0..map.inputs()).filter(used).map(|i| i as u32).collect();
                        map.apply(
                            rows,
                            x,
                            &selected,
                            netinverse_linalg::Sign::Kept,
                            &mut out,
                            &mut scratch.packed,
                        );
                    }
                }
                Kind::Function(_) => {
                    let input = &values[step.inputs[0]];
                    let lines = &steps[index].lines;
                    let z = &forward[step.inputs[0]];
                    let lambda = &coefficients[step.output];
                    for (k, task) in tasks.iter_mut().enumerate() {
                        for j in 0..size {
                            let (l, u) = (input.lower[j], input.upper[j]);
                            let at = z[k * stride + j];
                            out[k * stride + j] = if l >= 0.0 {
                                at
                            } else if u <= 0.0 {
                                0.0
                            } else {
                                let own = lambda.get(k * stride + j).copied().unwrap_or(0.0);
                                let slot = offsets[index] + j;
                                let value = if own >= 0.0 {
                                    task.gradient.alpha[slot] = own * at;
                                    task.slopes.alpha[slot].clamp(0.0, 1.0) * at
                                } else {
                                    lines.upper_slope[j] * at + lines.upper_offset[j]
                                };
                                task.loss[slot] = own * (at.max(0.0) - value);
                                value
                            };
                        }
                        for (p, phase) in task.phases.iter().enumerate() {
                            if phase.step as usize != index {
                                continue;
                            }
                            let j = phase.element as usize;
                            let at = z[k * stride + j];
                            out[k * stride + j] = if phase.positive { at } else { 0.0 };
                            task.gradient.beta[p] = if phase.positive { -at } else { at };
                            task.gradient.alpha[offsets[index] + j] = 0.0;
                            task.loss[offsets[index] + j] = 0.0;
                        }
                    }
                }
                _ => unreachable!("a network of linear maps and ReLUs"),
            }
            forward[step.output] = out;
        }
    }
}

/// Where the elements of each ReLU step begin in [`Slopes::alpha`].
fn offsets(relus: &[(u32, usize)], steps: usize) -> Vec<usize> {
    let mut all = vec![0; steps];
    let mut next = 0;
    for &(step, size) in relus {
        all[step as usize] = next;
        next += size;
    }
    all
}

/// The steps of Adam on slopes and multipliers.
#[derive(Debug, Clone, Default)]
pub struct Ascent {
    first: Slopes,
    second: Slopes,
    step: i32,
}

impl Ascent {
    /// One step up the task's gradient.
    pub fn advance(&mut self, task: &mut PhaseTask, alpha_rate: f64, beta_rate: f64) {
        self.step += 1;
        let PhaseTask { slopes, gradient, .. } = task;
        let scale = (1.0 - 0.9f64.powi(self.step), 1.0 - 0.999f64.powi(self.step));
        climb(
            &mut slopes.alpha,
            &gradient.alpha,
            &mut self.first.alpha,
            &mut self.second.alpha,
            alpha_rate,
            scale,
            1.0,
        );
        climb(
            &mut slopes.beta,
            &gradient.beta,
            &mut self.first.beta,
            &mut self.second.beta,
            beta_rate,
            scale,
            f64::MAX,
        );
    }
}

fn climb(
    values: &mut [f64],
    gradient: &[f64],
    first: &mut Vec<f64>,
    second: &mut Vec<f64>,
    rate: f64,
    scale: (f64, f64),
    most: f64,
) {
    first.resize(values.len(), 0.0);
    second.resize(values.len(), 0.0);
    for i in 0..values.len() {
        let g = gradient[i];
        first[i] = 0.9 * first[i] + 0.1 * g;
        second[i] = 0.999 * second[i] + 0.001 * g * g;
        if first[i] != 0.0 {
            let step = rate * (first[i] / scale.0) / ((second[i] / scale.1).sqrt() + 1e-12);
            values[i] = (values[i] + step).clamp(0.0, most);
        }
    }
}
