//! The nearest point of a polyhedron inside a box: the quadratic program behind every step.
//!
//! ```text
//! minimise   ½ Σᵢ wᵢ (xᵢ − rᵢ)² + (1/2ε) |s|²
//! subject to a_k·x + s_k = b_k  (k an equation)    a_k·x + s_k ≥ b_k  (k an inequality)
//!            lᵢ ≤ xᵢ ≤ uᵢ
//! ```
//!
//! with few rows (the outputs of a network) and possibly many columns (its inputs). The dual has one unknown λ_k a
//! row: `x(λ) = clip(r + W⁻¹Aᵀλ, l, u)`, its gradient is `b − A x(λ) − ελ`, its generalised Hessian
//! `−(A_F W_F⁻¹ A_Fᵀ + εI)` over the columns F that are off their bounds: a damped semismooth Newton method on a
//! handful of unknowns (Mangasarian 2006; Qi & Sun 1993). With softness ε = 0 the rows are constraints, and a dual
//! ray is the proof that no point of the box satisfies them; with ε > 0 this is the Levenberg–Marquardt step in the box.

/// Rows `a_k·x = b_k` (first) and `a_k·x ≥ b_k` (then), as `rows × columns` numbers, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The coefficients.
    pub a: &'a [f64],
    /// The right-hand sides, one a row.
    pub b: &'a [f64],
    /// How many of the rows, from the first on, are equations.
    pub equations: usize,
}

/// The objective and the box.
#[derive(Debug, Clone, Copy)]
pub struct Nearest<'a> {
    /// r: the point to be near to.
    pub reference: &'a [f64],
    /// w: positive weights, 1 when absent.
    pub weights: Option<&'a [f64]>,
    /// l; −∞ where there is no bound.
    pub lower: &'a [f64],
    /// u; +∞ where there is no bound.
    pub upper: &'a [f64],
    /// ε ≥ 0: how soft the rows are.
    pub softness: f64,
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    /// `x` is the solution; the largest violation of a row, in the units of `b`.
    Solved(f64),
    /// No point of the box satisfies the rows: `λ` separates them, by this much (in exact arithmetic of the
    /// given numbers up to round-off; whoever prints it as proved re-checks it with outward rounding).
    Infeasible(f64),
    /// Neither was reached within the iterations; `x` is the best point.
    Unsettled(f64),
}

/// Reusable memory: no allocation after the first program of a size.
#[derive(Debug, Clone, Default)]
pub struct LeastDistance {
    /// The solution, in the box.
    pub x: Vec<f64>,
    /// The multipliers of the rows; those of inequalities are not negative. Kept between calls as a start.
    pub lambda: Vec<f64>,
    gradient: Vec<f64>,
    direction: Vec<f64>,
    trial: Vec<f64>,
    trial_x: Vec<f64>,
    trial_gradient: Vec<f64>,
    hessian: Vec<f64>,
    factor: Vec<f64>,
    solution: Vec<f64>,
    column: Vec<f64>,
    working: Vec<usize>,
}

const ITERATIONS: usize = 60;

impl LeastDistance {
    /// Solves the program to a violation of `tolerance · max(1, |b|_∞)` or round-off.
    ///
    /// Panics if the sizes do not agree.
    pub fn solve(&mut self, rows: &Rows<'_>, nearest: &Nearest<'_>, tolerance: f64) -> Ending {
        let (m, n) = (rows.b.len(), nearest.reference.len());
        assert_eq!(rows.a.len(), m * n, "a row has one coefficient a column");
        assert!(rows.equations <= m && nearest.lower.len() == n && nearest.upper.len() == n);
        if self.lambda.len() != m {
            self.lambda.clear();
            self.lambda.resize(m, 0.0);
        }
        for buffer in [&mut self.gradient, &mut self.direction, &mut self.trial, &mut self.trial_gradient] {
            buffer.resize(m, 0.0);
        }
        self.x.resize(n, 0.0);
        self.trial_x.resize(n, 0.0);
        for k in rows.equations..m {
            self.lambda[k] = self.lambda[k].max(0.0);
        }
        if self.lambda.iter().any(|value| !value.is_finite()) {
            self.lambda.fill(0.0);
        }
        let scale = rows.b.iter().fold(1.0f64, |scale, b| scale.max(b.abs()));
        let goal = tolerance * scale;

        let mut dual = primal(rows, nearest, &self.lambda, &mut self.x, &mut self.gradient);
        let mut best = f64::INFINITY;
        for iteration in 0..ITERATIONS {
            let violation = self.violation(rows);
            best = best.min(violation);
            if violation <= goal {
                return Ending::Solved(violation);
            }
            if nearest.softness == 0.0
                && iteration >= 4
                && let Some(gap) = separation(rows, nearest, &self.lambda)
            {
                return Ending::Infeasible(gap);
            }
            self.working.clear();
            for k in 0..m {
                if k < rows.equations || self.lambda[k] > 0.0 || self.gradient[k] > 0.0 {
                    self.working.push(k);
                }
            }
            if !self.newton_direction(rows, nearest, violation) {
                return Ending::Unsettled(violation);
            }
            let mut step = 1.0;
            let mut moved = false;
            for _ in 0..40 {
                let mut ascent = 0.0;
                for k in 0..m {
                    let target = self.lambda[k] + step * self.direction[k];
                    self.trial[k] = if k < rows.equations { target } else { target.max(0.0) };
                    ascent += self.gradient[k] * (self.trial[k] - self.lambda[k]);
                }
                let value = primal(rows, nearest, &self.trial, &mut self.trial_x, &mut self.trial_gradient);
                let round_off = 1e-14 * (1.0 + dual.abs());
                if value >= dual + 1e-4 * ascent - round_off && ascent >= 0.0 {
                    dual = value;
                    std::mem::swap(&mut self.lambda, &mut self.trial);
                    std::mem::swap(&mut self.x, &mut self.trial_x);
                    std::mem::swap(&mut self.gradient, &mut self.trial_gradient);
                    moved = true;
                    break;
                }
                step *= 0.5;
            }
            if !moved {
                break;
            }
        }
        let violation = self.violation(rows);
        if nearest.softness == 0.0
            && violation > goal
            && let Some(gap) = separation(rows, nearest, &self.lambda)
        {
            return Ending::Infeasible(gap);
        }
        if violation <= goal.max(1e3 * f64::EPSILON * scale) {
            Ending::Solved(violation)
        } else {
            Ending::Unsettled(violation)
        }
    }

    /// The optimality residual of the dual: the violated part of the rows.
    fn violation(&self, rows: &Rows<'_>) -> f64 {
        let mut worst = 0.0f64;
        for (k, &g) in self.gradient.iter().enumerate() {
            let violated = if k < rows.equations {
                g.abs()
            } else if self.lambda[k] > 0.0 {
                // Complementarity: a positive multiplier means that the row holds with equality.
                g.abs().min(g.max(0.0).max(self.lambda[k]))
            } else {
                g.max(0.0)
            };
            worst = worst.max(violated);
        }
        worst
    }

    /// Solves `(A_F W⁻¹ A_Fᵀ + (ε + δ) I) d = gradient` on the working rows; zero elsewhere.
    fn newton_direction(&mut self, rows: &Rows<'_>, nearest: &Nearest<'_>, violation: f64) -> bool {
        let n = nearest.reference.len();
        let size = self.working.len();
        self.direction.fill(0.0);
        if size == 0 {
            return false;
        }
        self.hessian.clear();
        self.hessian.resize(size * size, 0.0);
        self.column.clear();
        self.column.extend((0..n).map(|i| {
            let x = self.x[i];
            let free = x > nearest.lower[i] && x < nearest.upper[i];
            if free { nearest.weights.map_or(1.0, |w| 1.0 / w[i]) } else { 0.0 }
        }));
        for (i, &ki) in self.working.iter().enumerate() {
            let row_i = &rows.a[ki * n..(ki + 1) * n];
            for (j, &kj) in self.working[..=i].iter().enumerate() {
                let row_j = &rows.a[kj * n..(kj + 1) * n];
                let dot = weighted_dot(row_i, row_j, &self.column);
                self.hessian[i * size + j] = dot;
                self.hessian[j * size + i] = dot;
            }
        }
        let largest = (0..size).map(|i| self.hessian[i * size + i]).fold(0.0, f64::max);
        // Few free columns make the Hessian singular: the shift keeps the direction an ascent direction and
        // vanishes with the violation, so that the last steps are Newton's.
        let whole = rows.a.iter().fold(0.0f64, |most, a| most.max(a * a));
        let mut shift = (1e-12 * largest).max(1e-10 * whole * violation.min(1.0)).max(f64::MIN_POSITIVE);
        for _ in 0..30 {
            self.factor.clone_from(&self.hessian);
            for i in 0..size {
                self.factor[i * size + i] += nearest.softness + shift;
            }
            self.solution.clear();
            self.solution.extend(self.working.iter().map(|&k| self.gradient[k]));
            let definite = cholesky_solve(&mut self.factor, size, &mut self.solution);
            if definite && self.solution.iter().all(|v| v.is_finite()) {
                for (&k, value) in self.working.iter().zip(&self.solution) {
                    self.direction[k] = *value;
                }
                return true;
            }
            shift = (shift * 100.0).max(1e-14 * whole).max(f64::MIN_POSITIVE);
        }
        false
    }
}

/// `x(λ)`, the dual's value there (up to a constant) and its gradient.
fn primal(
    rows: &Rows<'_>,
    nearest: &Nearest<'_>,
    lambda: &[f64],
    x: &mut [f64],
    gradient: &mut [f64],
) -> f64 {
    let n = x.len();
    x.fill(0.0);
    for (k, &multiplier) in lambda.iter().enumerate() {
        if multiplier != 0.0 {
            for (x, a) in x.iter_mut().zip(&rows.a[k * n..(k + 1) * n]) {
                *x += multiplier * a;
            }
        }
    }
    let mut value = 0.0;
    for (i, x) in x.iter_mut().enumerate() {
        let pull = *x;
        let weight = nearest.weights.map_or(1.0, |w| w[i]);
        let free = nearest.reference[i] + pull / weight;
        *x = free.max(nearest.lower[i]).min(nearest.upper[i]);
        let moved = *x - nearest.reference[i];
        value += 0.5 * weight * moved * moved - pull * *x;
    }
    for (k, g) in gradient.iter_mut().enumerate() {
        let ax: f64 = rows.a[k * n..(k + 1) * n].iter().zip(x.iter()).map(|(a, x)| a * x).sum();
        *g = rows.b[k] - ax - nearest.softness * lambda[k];
        value += lambda[k] * rows.b[k] - 0.5 * nearest.softness * lambda[k] * lambda[k];
    }
    value
}

/// By how much `λ·b` exceeds the largest `λ·Ax` over the box, if it does: then no point satisfies the rows.
fn separation(rows: &Rows<'_>, nearest: &Nearest<'_>, lambda: &[f64]) -> Option<f64> {
    let n = nearest.reference.len();
    let norm = lambda.iter().fold(0.0f64, |norm, value| norm.max(value.abs()));
    if norm == 0.0 {
        return None;
    }
    let (mut supremum, mut magnitude) = (0.0, 0.0);
    for i in 0..n {
        let pull: f64 = lambda.iter().enumerate().map(|(k, value)| value / norm * rows.a[k * n + i]).sum();
        let end = if pull > 0.0 { nearest.upper[i] } else { nearest.lower[i] };
        if pull != 0.0 {
            supremum += pull * end;
            magnitude += (pull * end).abs();
        }
    }
    let demand: f64 = lambda.iter().zip(rows.b).map(|(value, b)| value / norm * b).sum();
    let gap = demand - supremum;
    let round_off = 1e-12 * (magnitude + demand.abs() + 1e-300);
    (gap.is_finite() && gap > round_off).then_some(gap)
}

fn weighted_dot(a: &[f64], b: &[f64], w: &[f64]) -> f64 {
    // Eight partial sums: the compiler keeps them in one vector register.
    let mut sums = [0.0; 8];
    let chunks = a.chunks_exact(8).zip(b.chunks_exact(8)).zip(w.chunks_exact(8));
    for ((a, b), w) in chunks {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane] * w[lane];
        }
    }
    let tail = a.len() / 8 * 8;
    let rest: f64 = (tail..a.len()).map(|i| a[i] * b[i] * w[i]).sum();
    sums.iter().sum::<f64>() + rest
}

/// Solves `Mx = v` in place for a symmetric positive definite `M`; `false` when it is not.
fn cholesky_solve(matrix: &mut [f64], size: usize, v: &mut [f64]) -> bool {
    for j in 0..size {
        for i in j..size {
            let mut sum = matrix[i * size + j];
            for k in 0..j {
                sum -= matrix[i * size + k] * matrix[j * size + k];
            }
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return false;
                }
                matrix[j * size + j] = sum.sqrt();
            } else {
                matrix[i * size + j] = sum / matrix[j * size + j];
            }
        }
    }
    for i in 0..size {
        let sum: f64 = (0..i).map(|k| matrix[i * size + k] * v[k]).sum();
        v[i] = (v[i] - sum) / matrix[i * size + i];
    }
    for i in (0..size).rev() {
        let sum: f64 = (i + 1..size).map(|k| matrix[k * size + i] * v[k]).sum();
        v[i] = (v[i] - sum) / matrix[i * size + i];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use netinverse_base::Rng;

    /// The optimality conditions, from scratch: feasible, and r − x is a combination of active normals.
    fn check_optimal(solver: &LeastDistance, rows: &Rows<'_>, nearest: &Nearest<'_>) {
        let n = nearest.reference.len();
        for k in 0..rows.b.len() {
            let ax: f64 = (0..n).map(|i| rows.a[k * n + i] * solver.x[i]).sum();
            if k < rows.equations {
                assert!((ax - rows.b[k]).abs() < 1e-8, "equation {k}: {ax} against {}", rows.b[k]);
            } else {
                assert!(ax >= rows.b[k] - 1e-8, "inequality {k}");
                assert!(solver.lambda[k] >= 0.0);
                assert!(solver.lambda[k] * (ax - rows.b[k]) < 1e-6, "complementarity {k}");
            }
        }
        for i in 0..n {
            let pull: f64 = (0..rows.b.len()).map(|k| solver.lambda[k] * rows.a[k * n + i]).sum();
            let free = nearest.reference[i] + pull / nearest.weights.map_or(1.0, |w| w[i]);
            assert_eq!(solver.x[i], free.max(nearest.lower[i]).min(nearest.upper[i]));
        }
    }

    #[test]
    fn random_programs_satisfy_their_optimality_conditions() {
        let mut solved = 0;
        for case in 0..300 {
            let mut rng = Rng::new(1, case);
            let (n, m) = (1 + rng.below(12), 1 + rng.below(4));
            let a: Vec<f64> = (0..m * n).map(|_| rng.normal()).collect();
            // A point of the box makes the program feasible.
            let inside: Vec<f64> = (0..n).map(|_| rng.range(-1.0, 1.0)).collect();
            let b: Vec<f64> = (0..m).map(|k| (0..n).map(|i| a[k * n + i] * inside[i]).sum::<f64>()).collect();
            let reference: Vec<f64> = (0..n).map(|_| 2.0 * rng.normal()).collect();
            let weights: Vec<f64> = (0..n).map(|_| rng.range(0.5, 2.0)).collect();
            let (lower, upper) = (vec![-1.0; n], vec![1.0; n]);
            let rows = Rows { a: &a, b: &b, equations: rng.below(m + 1) };
            let nearest = Nearest {
                reference: &reference,
                weights: Some(&weights),
                lower: &lower,
                upper: &upper,
                softness: 0.0,
            };
            let mut solver = LeastDistance::default();
            match solver.solve(&rows, &nearest, 1e-11) {
                Ending::Solved(_) => {
                    solved += 1;
                    check_optimal(&solver, &rows, &nearest);
                }
                ending @ Ending::Infeasible(_) => panic!("case {case} is feasible: {ending:?}"),
                Ending::Unsettled(_) => {}
            }
        }
        assert!(solved >= 290, "only {solved} of 300 settled");
    }

    #[test]
    fn infeasible_rows_are_separated() {
        let rows = Rows { a: &[1.0, 1.0], b: &[3.0], equations: 1 };
        let nearest = Nearest {
            reference: &[0.0; 2],
            weights: None,
            lower: &[0.0; 2],
            upper: &[1.0; 2],
            softness: 0.0,
        };
        let mut solver = LeastDistance::default();
        match solver.solve(&rows, &nearest, 1e-10) {
            Ending::Infeasible(gap) => assert!(gap > 0.0 && gap <= 1.0 + 1e-12),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_vertex_that_only_just_exists_is_found() {
        let rows = Rows { a: &[1.0, 1.0], b: &[2.0], equations: 1 };
        let nearest = Nearest {
            reference: &[0.0; 2],
            weights: None,
            lower: &[0.0; 2],
            upper: &[1.0; 2],
            softness: 0.0,
        };
        let mut solver = LeastDistance::default();
        assert!(matches!(solver.solve(&rows, &nearest, 1e-10), Ending::Solved(_)));
        assert_eq!(solver.x, [1.0, 1.0]);
    }

    /// Without active bounds the soft program is ridge regression: (AᵀA + εI)(x − r) = Aᵀ(b − Ar).
    #[test]
    fn softness_is_the_levenberg_marquardt_step() {
        let a = [1.0, 2.0, -1.0, 0.5];
        let (b, reference, softness) = ([1.0, -2.0], [0.3, 0.1], 0.7);
        let rows = Rows { a: &a, b: &b, equations: 2 };
        let (lower, upper) = ([-100.0; 2], [100.0; 2]);
        let nearest =
            Nearest { reference: &reference, weights: None, lower: &lower, upper: &upper, softness };
        let mut solver = LeastDistance::default();
        solver.solve(&rows, &nearest, 1e-13);
        let residual = |k: usize| b[k] - (a[2 * k] * solver.x[0] + a[2 * k + 1] * solver.x[1]);
        for i in 0..2 {
            let normal =
                a[i] * residual(0) + a[2 + i] * residual(1) - softness * (solver.x[i] - reference[i]);
            assert!(normal.abs() < 1e-9, "{normal}");
        }
    }
}
