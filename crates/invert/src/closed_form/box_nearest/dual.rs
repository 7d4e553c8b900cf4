//! Damped semismooth Newton on the dual of the box-constrained projection.
//!
//! φ(λ) = Σᵢ hᵢ(rᵢ + (Uλ)ᵢ) − t·λ, hᵢ′ = clip; ∇φ = x(λ)U − t; generalised Hessian Uᵀ D U with D = 1 on
//! inputs strictly inside their bounds. With U orthonormal its eigenvalues lie in [0, 1], so that one
//! shift serves every problem. It is singular when fewer than r inputs are free: the shift, proportional
//! to the gradient (which keeps the last steps exact Newton steps), then gives a direction along which the exact
//! line search finds either the next free inputs or a ray.

use super::kernel::{Columns, Kernel, padded};
use super::line_search::{Line, Step};
use super::{BoxAnswer, BoxOptions, BoxStatus, Certificate, InputBox, distance};
use crate::closed_form::Layer;
use netinverse_linalg::{Cholesky, Matrix, norm};

/// Steps after which every line search is exact, for guaranteed descent.
const PATIENCE: usize = 15;
/// The shift of the Hessian for a gradient of relative size 1, and the least one.
const SHIFT: f64 = 1e-4;
const LEAST_SHIFT: f64 = 1e-14;

/// What does not depend on the target.
#[derive(Debug)]
pub(crate) struct Problem<'a> {
    pub(crate) layer: &'a Layer,
    input_box: &'a InputBox,
    kernel: Kernel,
    /// Inputs whose row of W is not zero: the others stay at clip(r).
    active: Vec<usize>,
    /// U on the active inputs.
    basis: Columns,
    /// W on the active inputs.
    weight: Columns,
    low: Vec<f64>,
    high: Vec<f64>,
    /// Σ
    sigma: Vec<f64>,
    /// I − V Vᵀ where W is rank deficient: the logits that no input can change.
    unreachable: Option<Matrix>,
}

/// The vectors of one row's solution, reused from row to row.
#[derive(Debug)]
pub(crate) struct Workspace {
    reference: Vec<f64>,
    v: Vec<f64>,
    s: Vec<f64>,
    x: Vec<f64>,
    free: Vec<f64>,
    t: Vec<f64>,
    gradient: Vec<f64>,
    direction: Vec<f64>,
    lambda: Vec<f64>,
    hessian: Vec<f64>,
    factor: Cholesky,
    breaks: Vec<f64>,
    outputs: Vec<f64>,
}

impl Workspace {
    pub(crate) fn new(problem: &Problem) -> Self {
        let (n, r) = (problem.basis.length(), problem.sigma.len());
        Workspace {
            reference: vec![0.0; n],
            v: vec![0.0; n],
            s: vec![0.0; n],
            x: vec![0.0; n],
            free: vec![0.0; n],
            t: vec![0.0; r],
            gradient: vec![0.0; r],
            direction: vec![0.0; r],
            lambda: vec![0.0; r],
            hessian: vec![0.0; r * r],
            factor: Cholesky::default(),
            breaks: Vec::new(),
            outputs: vec![0.0; problem.layer.outputs()],
        }
    }
}

/// How the iteration ended, before the answer is recomputed and judged.
enum End {
    Stopped(usize),
    Proved(usize, Certificate),
}

impl<'a> Problem<'a> {
    pub(crate) fn new(layer: &'a Layer, input_box: &'a InputBox) -> Self {
        let weight = layer.weight();
        let active: Vec<usize> =
            (0..weight.rows()).filter(|&i| weight.row(i).iter().any(|&w| w != 0.0)).collect();
        let bounds = |of: &[f64]| {
            let mut values: Vec<f64> = active.iter().map(|&i| of[i]).collect();
            values.resize(padded(active.len()), 0.0);
            values
        };
        let rank = layer.rank();
        let svd = layer.decomposition();
        let v = Matrix::from_fn(layer.outputs(), rank, |i, j| svd.v.row(i)[j]);
        let unreachable = (rank < layer.outputs()).then(|| {
            let onto = v.product_transposed(&v);
            Matrix::from_fn(v.rows(), v.rows(), |i, j| f64::from(u8::from(i == j)) - onto.row(i)[j])
        });
        Problem {
            kernel: Kernel::new(),
            basis: Columns::new(layer.basis(), &active),
            weight: Columns::new(weight, &active),
            low: bounds(input_box.lower()),
            high: bounds(input_box.upper()),
            sigma: svd.singular_values[..rank].to_vec(),
            unreachable,
            active,
            layer,
            input_box,
        }
    }

    /// Solves one row into `out`.
    pub(crate) fn solve(
        &self,
        logits: &[f64],
        reference: &[f64],
        start: Option<&[f64]>,
        options: &BoxOptions,
        work: &mut Workspace,
        out: &mut [f64],
    ) -> BoxAnswer {
        for (to, &i) in work.reference.iter_mut().zip(&self.active) {
            *to = reference[i];
        }
        for (((out, &r), &low), &high) in
            out.iter_mut().zip(reference).zip(self.input_box.lower()).zip(self.input_box.upper())
        {
            *out = r.clamp(low, high);
        }
        let shifted: Vec<f64> = logits.iter().zip(self.layer.bias()).map(|(z, b)| z - b).collect();
        let scale = shifted.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        work.t = self.layer.coordinates(logits).expect("checked by the callers");
        self.begin(start, work);
        let end = match self.contradiction(logits, &shifted, scale) {
            Some(certificate) => End::Proved(0, certificate),
            None => self.iterate(logits, scale, options, work),
        };
        let (steps, certificate) = match end {
            End::Stopped(steps) => (steps, None),
            End::Proved(steps, certificate) => (steps, Some(certificate)),
        };
        self.finish(&shifted, scale, reference, steps, certificate, options, work, out)
    }

    /// λ from the caller, or that of the problem without bounds, t − rU (the first Newton step from 0).
    fn begin(&self, start: Option<&[f64]>, work: &mut Workspace) {
        if let Some(multipliers) = start {
            let rotated = self.layer.decomposition().v.apply_left(multipliers);
            for ((to, v), sigma) in work.lambda.iter_mut().zip(rotated).zip(&self.sigma) {
                *to = sigma * v;
            }
        } else {
            self.kernel.reduce(&self.basis, &work.reference, &mut work.lambda);
            for (to, t) in work.lambda.iter_mut().zip(&work.t) {
                *to = t - *to;
            }
        }
        self.kernel.combine(&self.basis, &work.lambda, Some(&work.reference), &mut work.v);
    }

    /// The proof that the logits ask for something outside the rows of Wᵀ, where W is rank deficient.
    fn contradiction(&self, logits: &[f64], shifted: &[f64], scale: f64) -> Option<Certificate> {
        let outside = self.unreachable.as_ref()?.apply(shifted);
        if norm(&outside) <= 1e-13 * scale {
            return None;
        }
        Certificate::along(self.layer, logits, self.input_box, &outside)
    }

    /// V Σ⁻¹ d: a direction in orthonormal coordinates as one for the logits.
    fn to_logits(&self, direction: &[f64]) -> Vec<f64> {
        let scaled: Vec<f64> = direction.iter().zip(&self.sigma).map(|(d, s)| d / s).collect();
        let v = &self.layer.decomposition().v;
        v.iter_rows().map(|row| row.iter().zip(&scaled).map(|(v, d)| v * d).sum()).collect()
    }

    fn prove(&self, logits: &[f64], direction: &[f64]) -> Option<Certificate> {
        Certificate::along(self.layer, logits, self.input_box, &self.to_logits(direction))
    }

    fn iterate(&self, logits: &[f64], scale: f64, options: &BoxOptions, work: &mut Workspace) -> End {
        let r = self.sigma.len();
        let (kernel, basis) = (self.kernel, &self.basis);
        let size = norm(&work.t).max(f64::MIN_POSITIVE);
        let mut shift = SHIFT;
        let mut best = f64::INFINITY;
        let mut stalled = 0;
        for step in 0..options.max_steps {
            kernel.clip(&work.v, &self.low, &self.high, &mut work.x, &mut work.free);
            kernel.reduce(basis, &work.x, &mut work.gradient);
            let mut residual = 0.0;
            let mut length = 0.0;
            for ((g, t), sigma) in work.gradient.iter_mut().zip(&work.t).zip(&self.sigma) {
                *g -= t;
                residual += (*g * sigma).powi(2);
                length += *g * *g;
            }
            let (residual, length) = (residual.sqrt(), length.sqrt());
            // Aim at round-off; be content with the tolerance once no progress is made.
            if residual <= 1e-14 * scale {
                return End::Stopped(step);
            }
            stalled = if residual < 0.5 * best { 0 } else { stalled + 1 };
            best = best.min(residual);
            if stalled >= 2 && residual <= 0.1 * options.tolerance * scale {
                return End::Stopped(step);
            }
            kernel.gram(basis, &work.free, &mut work.hessian);
            let damping = (shift * (length / size).min(1.0)).max(LEAST_SHIFT);
            work.direction.clear();
            work.direction.extend(work.gradient.iter().map(|g| -g));
            if work.factor.factorise(&work.hessian, r, damping) {
                work.factor.solve(&mut work.direction);
            } else {
                shift = (shift * 10.0).min(1.0);
                if shift < 1.0 {
                    continue;
                }
            }
            let initial: f64 = work.gradient.iter().zip(&work.direction).map(|(g, d)| g * d).sum();
            kernel.combine(basis, &work.direction, None, &mut work.s);
            let target: f64 = work.t.iter().zip(&work.direction).map(|(t, d)| t * d).sum();
            let noise = 1e-15 * (size + norm(&work.x)) * norm(&work.direction);
            let line = Line {
                kernel,
                v: &work.v,
                s: &work.s,
                low: &self.low,
                high: &self.high,
                target,
                initial,
                noise,
            };
            match line.search(step >= PATIENCE, &mut work.breaks) {
                Step::Unbounded => {
                    if let Some(certificate) = self.prove(logits, &work.direction) {
                        return End::Proved(step + 1, certificate);
                    }
                    shift = (shift * 10.0).min(1.0);
                }
                Step::To(alpha) => {
                    for (l, d) in work.lambda.iter_mut().zip(&work.direction) {
                        *l += alpha * d;
                    }
                    for (v, s) in work.v.iter_mut().zip(&work.s) {
                        *v += alpha * s;
                    }
                    shift = if alpha < 0.1 { (shift * 4.0).min(1.0) } else { (shift * 0.5).max(1e-8) };
                }
            }
            // The gradient tends to the shortest residual that the box leaves, whose negative is a ray.
            if step >= 8 && step % 4 == 0 {
                work.direction.clear();
                work.direction.extend(work.gradient.iter().map(|g| -g));
                if let Some(certificate) =
                    self.prove(logits, &work.direction).or_else(|| self.prove(logits, &work.lambda))
                {
                    return End::Proved(step + 1, certificate);
                }
            }
        }
        End::Stopped(options.max_steps)
    }

    /// Recomputes x from λ alone, and judges it against W as stored.
    fn finish(
        &self,
        shifted: &[f64],
        scale: f64,
        reference: &[f64],
        steps: usize,
        certificate: Option<Certificate>,
        options: &BoxOptions,
        work: &mut Workspace,
        out: &mut [f64],
    ) -> BoxAnswer {
        let kernel = self.kernel;
        kernel.clip(&work.v, &self.low, &self.high, &mut work.x, &mut work.free);
        kernel.combine(&self.basis, &work.lambda, Some(&work.reference), &mut work.s);
        let mut kkt_error = 0.0f64;
        let mut largest = 1.0f64;
        for i in 0..self.active.len() {
            kkt_error = kkt_error.max((work.x[i] - work.s[i].clamp(self.low[i], self.high[i])).abs());
            largest = largest.max(work.x[i].abs());
            out[self.active[i]] = work.x[i];
        }
        let kkt_error = kkt_error / largest;
        kernel.reduce(&self.weight, &work.x, &mut work.outputs);
        let residual =
            work.outputs.iter().zip(shifted).fold(0.0f64, |m, (o, z)| m.max((o - z).abs())) / scale;
        let free = work.free[..self.active.len()].iter().filter(|&&f| f > 0.0).count();
        let status = match certificate {
            Some(certificate) => BoxStatus::Unreachable(certificate),
            None if residual <= options.tolerance && kkt_error <= options.tolerance => BoxStatus::Solved,
            None => BoxStatus::NotSettled,
        };
        BoxAnswer {
            status,
            multipliers: self.to_logits(&work.lambda),
            residual,
            kkt_error,
            distance: distance(out, reference),
            steps,
            free: free + self.idle_free(out),
        }
    }

    /// Free inputs among those that W does not see.
    fn idle_free(&self, x: &[f64]) -> usize {
        if self.active.len() == x.len() {
            return 0;
        }
        let mut next = self.active.iter().peekable();
        let mut count = 0;
        for (i, &value) in x.iter().enumerate() {
            if next.next_if(|&&a| a == i).is_none() {
                count += usize::from(self.input_box.lower()[i] < value && value < self.input_box.upper()[i]);
            }
        }
        count
    }
}
