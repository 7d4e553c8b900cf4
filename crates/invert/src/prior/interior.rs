//! The quadratic program of a step towards plausibility, by a primal–dual interior-point method.
//!
//! ```text
//! minimise   gᵀp + ½ pᵀHp
//! subject to a_k·p = r_k  (k an equation)    a_k·p ≥ r_k  (k an inequality)    l ≤ p ≤ u
//! ```
//!
//! with few rows and possibly many columns. H is solved with a diagonal added, whatever it is, and the rows by a small
//! Schur complement; predictor and corrector are Mehrotra's (1992). Columns with l = u are pinned. The solution is
//! inside the box by what the gap leaves; whoever needs a bound exactly clips.

use netinverse_linalg::{Cholesky, Matrix, dot};

use super::curvature::{Curvature, Factor};

/// The program.
pub struct Program<'a> {
    /// g
    pub gradient: &'a [f64],
    /// H
    pub curvature: &'a Curvature<'a>,
    /// The coefficients of the rows, row-major.
    pub rows: &'a [f64],
    /// r
    pub targets: &'a [f64],
    /// How many of the rows, from the first on, are equations.
    pub equations: usize,
    /// l, −∞ where there is no bound.
    pub lower: &'a [f64],
    /// u, +∞ where there is no bound.
    pub upper: &'a [f64],
}

const ITERATIONS: usize = 60;
/// The relative accuracy that is enough: every step is followed by a projection on the rows.
const ACCURACY: f64 = 1e-9;

/// A linearised row is not violated this far away, in units of the inputs, or the step is none to believe in.
const FARTHEST: f64 = 1e6;

/// The iterate: the point, the rows' multipliers and slacks, the multipliers of the bounds.
struct Iterate {
    p: Vec<f64>,
    lambda: Vec<f64>,
    slack: Vec<f64>,
    below: Vec<f64>,
    above: Vec<f64>,
}

/// What is left of the optimality conditions.
struct Residuals {
    dual: Vec<f64>,
    primal: Vec<f64>,
    /// The mean product of a slack with its multiplier.
    gap: f64,
}

/// The minimiser, or `None` where the rows have no solution in the box, as far as this method can tell.
pub fn minimise(program: &Program<'_>) -> Option<Vec<f64>> {
    Solver::new(program).run()
}

struct Solver<'a> {
    program: &'a Program<'a>,
    /// Rows that may bind, brought to unit length, over the columns that are not pinned.
    rows: Matrix,
    targets: Vec<f64>,
    pinned: Vec<bool>,
    /// The magnitude of gradients, and of right-hand sides.
    scale: (f64, f64),
}

impl<'a> Solver<'a> {
    fn new(program: &'a Program<'a>) -> Self {
        let n = program.gradient.len();
        let pinned: Vec<bool> = program.lower.iter().zip(program.upper).map(|(l, u)| l >= u).collect();
        let mut rows = Matrix::from_fn(program.targets.len(), n, |k, i| program.rows[k * n + i]);
        let mut targets = program.targets.to_vec();
        for (k, target) in targets.iter_mut().enumerate() {
            let row = rows.row_mut(k);
            // A pinned column is a constant of the row.
            for i in (0..n).filter(|&i| pinned[i]) {
                *target -= row[i] * program.lower[i];
                row[i] = 0.0;
            }
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                for a in row.iter_mut() {
                    *a /= length;
                }
                *target /= length;
            }
        }
        // A row that no step in the box violates, or none of a sensible length, has no say, and its numbers only
        // drown those of the others (what is asked of a saturated output is such a row).
        let least = |k: usize| -> f64 {
            let ends = rows.row(k).iter().zip(program.lower.iter().zip(program.upper));
            ends.filter(|(a, _)| **a != 0.0).map(|(a, (l, u))| if *a > 0.0 { a * l } else { a * u }).sum()
        };
        let kept: Vec<usize> = (0..targets.len())
            .filter(|&k| k < program.equations || (targets[k] > -FARTHEST && least(k) < targets[k]))
            .collect();
        let targets: Vec<f64> = kept.iter().map(|&k| targets[k]).collect();
        let rows = rows.select_rows(&kept);
        let asked = |(k, target): (usize, &f64)| {
            if k < program.equations { target.abs() } else { target.max(0.0) }
        };
        let farthest = targets.iter().enumerate().map(asked).fold(0.0, f64::max);
        let scale = (largest(program.gradient).max(1e-12), 1.0 + farthest);
        Solver { program, rows, targets, pinned, scale }
    }

    fn run(&self) -> Option<Vec<f64>> {
        let mut at = self.start();
        for _ in 0..ITERATIONS {
            let residuals = self.residuals(&at);
            if !residuals.gap.is_finite() {
                return None;
            }
            let exact = largest(&residuals.primal) <= ACCURACY * self.scale.1
                && largest(&residuals.dual) <= 1e2 * ACCURACY * self.scale.0
                && residuals.gap <= ACCURACY * self.scale.0 * self.scale.1;
            if exact {
                return Some(self.finish(at));
            }
            let sigma = self.sigma(&at);
            let factor = self.program.curvature.factor(&sigma)?;
            let (spread, schur) = self.schur(&factor, &at)?;
            let none = Iterate { p: vec![], lambda: vec![], slack: vec![], below: vec![], above: vec![] };
            let affine = self.direction(&at, &residuals, &factor, &spread, &schur, 0.0, &none);
            let reach = self.reach(&at, &affine, 1.0);
            let after = self.gap_after(&at, &affine, reach);
            let centring = (after / residuals.gap.max(1e-300)).powi(3).clamp(0.0, 1.0);
            let target = centring * residuals.gap;
            let step = self.direction(&at, &residuals, &factor, &spread, &schur, target, &affine);
            let reach = self.reach(&at, &step, 0.995);
            advance(&mut at, &step, reach);
        }
        let residuals = self.residuals(&at);
        let missed = largest(&residuals.primal);
        // Short of the accuracy it may still be a step worth trying; off the rows it is none.
        (missed <= 1e-6 * self.scale.1).then(|| self.finish(at))
    }

    fn finish(&self, at: Iterate) -> Vec<f64> {
        let mut p = at.p;
        for (i, p) in p.iter_mut().enumerate() {
            if self.pinned[i] {
                *p = self.program.lower[i];
            }
        }
        p
    }

    /// Inside the box, as near to 0 as a tenth of its width allows.
    fn start(&self) -> Iterate {
        let (lower, upper) = (self.program.lower, self.program.upper);
        let p = (0..lower.len())
            .map(|i| {
                let (l, u) = (lower[i], upper[i]);
                if self.pinned[i] {
                    0.0
                } else if l.is_finite() && u.is_finite() {
                    0f64.clamp(l + 0.1 * (u - l), u - 0.1 * (u - l))
                } else if l.is_finite() {
                    0f64.max(l + 1.0)
                } else if u.is_finite() {
                    0f64.min(u - 1.0)
                } else {
                    0.0
                }
            })
            .collect::<Vec<f64>>();
        let size = self.scale.0;
        let bounded = |bound: &f64, i: usize| if bound.is_finite() && !self.pinned[i] { size } else { 0.0 };
        let inequality = |k: usize| k >= self.program.equations;
        Iterate {
            lambda: (0..self.targets.len()).map(|k| if inequality(k) { size } else { 0.0 }).collect(),
            slack: (0..self.targets.len())
                .map(|k| if inequality(k) { 1f64.max(-self.targets[k]) } else { 0.0 })
                .collect(),
            below: lower.iter().enumerate().map(|(i, l)| bounded(l, i)).collect(),
            above: upper.iter().enumerate().map(|(i, u)| bounded(u, i)).collect(),
            p,
        }
    }

    fn residuals(&self, at: &Iterate) -> Residuals {
        let program = self.program;
        let mut dual = program.curvature.apply(&at.p);
        let pull = self.rows.apply_left(&at.lambda);
        for i in 0..dual.len() {
            dual[i] += program.gradient[i] - pull[i] - at.below[i] + at.above[i];
            if self.pinned[i] {
                dual[i] = 0.0;
            }
        }
        let values = self.rows.apply(&at.p);
        let primal = (0..values.len()).map(|k| values[k] - self.targets[k] - at.slack[k]).collect();
        Residuals { dual, primal, gap: self.gap_after(at, at, 0.0) }
    }

    /// The mean of the complementary products a share of a step ahead.
    fn gap_after(&self, at: &Iterate, step: &Iterate, share: f64) -> f64 {
        let (mut sum, mut count) = (0.0, 0usize);
        let ahead = |value: &[f64], change: &[f64], i: usize| value[i] + share * change[i];
        for i in 0..at.p.len() {
            let p = ahead(&at.p, &step.p, i);
            if at.below[i] > 0.0 {
                sum += ahead(&at.below, &step.below, i) * (p - self.program.lower[i]);
                count += 1;
            }
            if at.above[i] > 0.0 {
                sum += ahead(&at.above, &step.above, i) * (self.program.upper[i] - p);
                count += 1;
            }
        }
        for k in self.program.equations..self.targets.len() {
            sum += ahead(&at.lambda, &step.lambda, k) * ahead(&at.slack, &step.slack, k);
            count += 1;
        }
        if count == 0 { 0.0 } else { sum / count as f64 }
    }

    fn sigma(&self, at: &Iterate) -> Vec<f64> {
        (0..at.p.len())
            .map(|i| {
                if self.pinned[i] {
                    return f64::INFINITY;
                }
                let below =
                    if at.below[i] > 0.0 { at.below[i] / (at.p[i] - self.program.lower[i]) } else { 0.0 };
                let above =
                    if at.above[i] > 0.0 { at.above[i] / (self.program.upper[i] - at.p[i]) } else { 0.0 };
                below + above
            })
            .collect()
    }

    /// K⁻¹Aᵀ (a row each), and the factor of A K⁻¹Aᵀ + W.
    fn schur(&self, factor: &Factor, at: &Iterate) -> Option<(Matrix, Cholesky)> {
        let mut spread = self.rows.clone();
        for k in 0..spread.rows() {
            factor.solve(spread.row_mut(k));
        }
        let mut schur = self.rows.product_transposed(&spread);
        let mean = (0..schur.rows()).map(|k| schur.row(k)[k]).sum::<f64>() / schur.rows().max(1) as f64;
        for k in 0..schur.rows() {
            // Rows that say the same twice are no reason to fail.
            schur.row_mut(k)[k] += 1e-13 * mean + f64::MIN_POSITIVE;
            if k >= self.program.equations {
                schur.row_mut(k)[k] += at.slack[k] / at.lambda[k];
            }
        }
        Some((spread, Cholesky::new(&schur)?))
    }

    /// Newton's direction towards products of `target`, with the second-order terms of `affine`.
    fn direction(
        &self,
        at: &Iterate,
        residuals: &Residuals,
        factor: &Factor,
        spread: &Matrix,
        schur: &Cholesky,
        target: f64,
        affine: &Iterate,
    ) -> Iterate {
        let program = self.program;
        let n = at.p.len();
        let second = |change: &[f64], i: usize, other: &[f64]| {
            if change.is_empty() { 0.0 } else { change[i] * other[i] }
        };
        let low = |i: usize| at.p[i] - program.lower[i];
        let high = |i: usize| program.upper[i] - at.p[i];
        let below = |i: usize| target - second(&affine.p, i, &affine.below);
        let above = |i: usize| target + second(&affine.p, i, &affine.above);
        let mut right: Vec<f64> = (0..n)
            .map(|i| {
                let mut value = -residuals.dual[i];
                if at.below[i] > 0.0 {
                    value += below(i) / low(i) - at.below[i];
                }
                if at.above[i] > 0.0 {
                    value -= above(i) / high(i) - at.above[i];
                }
                if self.pinned[i] { 0.0 } else { value }
            })
            .collect();
        let inequality = |k: usize| k >= program.equations;
        let wanted = |k: usize| target - second(&affine.slack, k, &affine.lambda);
        let mut lambda: Vec<f64> = (0..self.targets.len())
            .map(|k| {
                let own = if inequality(k) { wanted(k) / at.lambda[k] - at.slack[k] } else { 0.0 };
                own - residuals.primal[k] - dot(spread.row(k), &right)
            })
            .collect();
        schur.solve(&mut lambda);
        let pull = self.rows.apply_left(&lambda);
        right.iter_mut().zip(pull).for_each(|(r, p)| *r += p);
        factor.solve(&mut right);
        let p = right;
        let values = self.rows.apply(&p);
        let slack =
            (0..lambda.len()).map(|k| if inequality(k) { values[k] + residuals.primal[k] } else { 0.0 });
        Iterate {
            slack: slack.collect(),
            below: (0..n)
                .map(|i| {
                    if at.below[i] > 0.0 {
                        (below(i) - at.below[i] * p[i]) / low(i) - at.below[i]
                    } else {
                        0.0
                    }
                })
                .collect(),
            above: (0..n)
                .map(|i| {
                    if at.above[i] > 0.0 {
                        (above(i) + at.above[i] * p[i]) / high(i) - at.above[i]
                    } else {
                        0.0
                    }
                })
                .collect(),
            lambda,
            p,
        }
    }

    /// The share of the step that stays inside, at most 1, times `margin` where something blocks.
    fn reach(&self, at: &Iterate, step: &Iterate, margin: f64) -> f64 {
        let mut reach = f64::INFINITY;
        let mut block = |room: f64, change: f64| {
            if change < 0.0 {
                reach = reach.min(-room / change);
            }
        };
        for i in 0..at.p.len() {
            if at.below[i] > 0.0 {
                block(at.p[i] - self.program.lower[i], step.p[i]);
                block(at.below[i], step.below[i]);
            }
            if at.above[i] > 0.0 {
                block(self.program.upper[i] - at.p[i], -step.p[i]);
                block(at.above[i], step.above[i]);
            }
        }
        for k in self.program.equations..self.targets.len() {
            block(at.slack[k], step.slack[k]);
            block(at.lambda[k], step.lambda[k]);
        }
        (margin * reach).min(1.0)
    }
}

/// The largest magnitude; infinite if something is no number.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0f64, |most, v| if v.is_nan() { f64::INFINITY } else { most.max(v.abs()) })
}

fn advance(at: &mut Iterate, step: &Iterate, share: f64) {
    let move_by = |value: &mut [f64], change: &[f64]| {
        value.iter_mut().zip(change).for_each(|(v, c)| *v += share * c);
    };
    move_by(&mut at.p, &step.p);
    move_by(&mut at.lambda, &step.lambda);
    move_by(&mut at.slack, &step.slack);
    move_by(&mut at.below, &step.below);
    move_by(&mut at.above, &step.above);
}

#[cfg(test)]
mod tests {
    use netinverse_base::Rng;

    use super::*;
    use crate::closed_form::GaussianPrior;

    /// The optimality conditions, checked from p alone: the gradient is a combination of the rows and of the bounds
    /// that p lies on, with signs.
    fn check(program: &Program<'_>, p: &[f64]) {
        let n = p.len();
        let m = program.targets.len();
        let mut gradient = program.curvature.apply(p);
        gradient.iter_mut().zip(program.gradient).for_each(|(h, g)| *h += g);
        let size = gradient.iter().fold(1.0f64, |m, g| m.max(g.abs()));
        let on = |i: usize, bound: f64| (p[i] - bound).abs() < 1e-5;
        let inside: Vec<usize> =
            (0..n).filter(|&i| !on(i, program.lower[i]) && !on(i, program.upper[i])).collect();
        let mut active = Vec::new();
        for k in 0..m {
            let value = dot(&program.rows[k * n..(k + 1) * n], p) - program.targets[k];
            assert!(
                if k < program.equations { value.abs() < 1e-6 } else { value > -1e-6 },
                "row {k}: {value}"
            );
            if k < program.equations || value < 1e-5 {
                active.push(k);
            }
        }
        // Least squares for the multipliers over the columns inside.
        let normal = Matrix::from_fn(active.len(), active.len(), |a, b| {
            inside.iter().map(|&i| program.rows[active[a] * n + i] * program.rows[active[b] * n + i]).sum()
        });
        let right: Vec<f64> = active
            .iter()
            .map(|&k| inside.iter().map(|&i| program.rows[k * n + i] * gradient[i]).sum())
            .collect();
        let lambda = netinverse_linalg::Lu::new(&normal).solve_vector(&right).unwrap();
        for (position, &k) in active.iter().enumerate() {
            assert!(
                k < program.equations || lambda[position] > -1e-5 * size,
                "multiplier {}",
                lambda[position]
            );
        }
        for i in 0..n {
            let pull: f64 = active.iter().zip(&lambda).map(|(&k, l)| l * program.rows[k * n + i]).sum();
            let rest = gradient[i] - pull;
            assert!(p[i] >= program.lower[i] - 1e-7 && p[i] <= program.upper[i] + 1e-7);
            if on(i, program.lower[i]) && on(i, program.upper[i]) {
                continue;
            }
            if on(i, program.lower[i]) {
                assert!(rest > -1e-5 * size, "{rest}");
            } else if on(i, program.upper[i]) {
                assert!(rest < 1e-5 * size, "{rest}");
            } else {
                assert!(rest.abs() < 1e-5 * size, "{rest}");
            }
        }
    }

    #[test]
    fn solutions_meet_the_optimality_conditions() {
        for seed in 0..20 {
            let mut rng = Rng::new(seed, 0);
            let n = 12;
            let factors = Matrix::from_fn(n, 4, |_, _| rng.normal());
            let diagonal = (0..n).map(|_| 0.05 + rng.uniform()).collect();
            let prior = GaussianPrior::new(vec![0.0; n], factors, diagonal).unwrap();
            let gradient: Vec<f64> = (0..n).map(|_| 3.0 * rng.normal()).collect();
            let rows: Vec<f64> = (0..4 * n).map(|_| rng.normal()).collect();
            let mut lower = vec![-0.5; n];
            let mut upper = vec![0.5; n];
            (lower[0], upper[1]) = (f64::NEG_INFINITY, f64::INFINITY);
            (lower[2], upper[2]) = (0.0, 0.0);
            let inner: Vec<f64> = (0..n).map(|i| if i == 2 { 0.0 } else { rng.range(-0.3, 0.3) }).collect();
            let targets: Vec<f64> = (0..4).map(|k| dot(&rows[k * n..(k + 1) * n], &inner)).collect();
            for curvature in [Curvature::Identity, Curvature::Precision(&prior)] {
                let program = Program {
                    gradient: &gradient,
                    curvature: &curvature,
                    rows: &rows,
                    targets: &targets,
                    equations: 2,
                    lower: &lower,
                    upper: &upper,
                };
                let p = minimise(&program).expect("there is a solution");
                check(&program, &p);
            }
        }
    }

    #[test]
    fn rows_that_cannot_bind_have_no_say() {
        // The least of ½|p − (1, 1)|² with p₀ ≥ 0.25·p₁ in [−2, 2]², and a row as of a saturated output.
        let program = Program {
            gradient: &[-1.0; 2],
            curvature: &Curvature::Identity,
            rows: &[1e-13, -2e-13, 1.0, -4.0],
            targets: &[-0.01, 0.0],
            equations: 0,
            lower: &[-2.0; 2],
            upper: &[2.0; 2],
        };
        let p = minimise(&program).unwrap();
        // On the line p = t·(4, 1): t = 5/17.
        assert!((p[0] - 20.0 / 17.0).abs() < 1e-6 && (p[1] - 5.0 / 17.0).abs() < 1e-6, "{p:?}");
    }

    #[test]
    fn rows_without_a_solution_in_the_box_are_noticed() {
        let program = Program {
            gradient: &[0.0; 2],
            curvature: &Curvature::Identity,
            rows: &[1.0, 1.0],
            targets: &[5.0],
            equations: 1,
            lower: &[-1.0; 2],
            upper: &[1.0; 2],
        };
        assert!(minimise(&program).is_none());
    }
}
