//! The dual simplex method on the active constraints.
//!
//! Coordinates are scaled to s ∈ [0, 1]ⁿ and rows by powers of two, so that one tolerance serves all. At a
//! vertex n constraints g_j·s ≥ h_j are active; the columns of the inverse of their matrix are the edge
//! directions d_j that leave constraint j and keep the others, and the multipliers are y_j = cost·d_j ≥ 0. A
//! step takes the most violated constraint p in: with r_j = g_p·d_j, the multipliers change by −t r_j, so
//! that the j with the least y_j/r_j over r_j > 0 leaves; if there is none, p contradicts the active ones,
//! with multipliers −r_j.

use super::certificate::{combination_below_zero, lower_bound};
use super::{LinearProgram, LpOutcome, LpSolution};

/// Violations of scaled rows below this are none.
const FEASIBLE: f64 = 1e-10;
/// Scaled pivots below this are 0.
const PIVOT: f64 = 1e-9;
/// Steps between recomputing the inverse.
const REFRESH: usize = 40;

/// A constraint of the scaled program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Constraint {
    /// s_i ≥ 0
    Lower(u32),
    /// −s_i ≥ −1
    Upper(u32),
    Row(u32),
}

/// The n constraints that are active at a vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis(Vec<Constraint>);

/// The program in scaled coordinates, and the state.
struct Simplex<'a> {
    program: &'a LinearProgram,
    n: usize,
    m: usize,
    /// m × n and m: rows·s + right ≥ 0.
    rows: Vec<f64>,
    right: Vec<f64>,
    /// What each row was multiplied by.
    factors: Vec<f64>,
    cost: Vec<f64>,
    cost_factor: f64,
    active: Vec<Constraint>,
    /// n × n by edges: `edges[j]` leaves constraint j.
    edges: Vec<f64>,
    multipliers: Vec<f64>,
    s: Vec<f64>,
}

pub(super) fn solve(program: &LinearProgram, start: Option<&Basis>) -> LpOutcome {
    let mut simplex = Simplex::new(program);
    if !start.is_some_and(|basis| simplex.warm(basis)) {
        simplex.cold();
    }
    simplex.run()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

impl<'a> Simplex<'a> {
    fn new(program: &'a LinearProgram) -> Self {
        let (n, m) = (program.domain.dims(), program.rows());
        let lower = program.domain.lower();
        let width: Vec<f64> = (0..n).map(|i| program.domain.width(i)).collect();
        let mut rows: Vec<f64> = Vec::with_capacity(n * m);
        let (mut right, mut factors) = (Vec::with_capacity(m), Vec::with_capacity(m));
        for k in 0..m {
            let normal = &program.normals[k * n..(k + 1) * n];
            let largest = normal.iter().zip(&width).map(|(a, w)| (a * w).abs()).fold(0.0, f64::max);
            let offset = program.offsets[k] + dot(normal, lower);
            // A row that does not vary is scaled by its value, so that it is either satisfied or not.
            let factor = power_near(if largest > 0.0 { largest } else { offset.abs() });
            rows.extend(normal.iter().zip(&width).map(|(a, w)| a * w * factor));
            right.push(offset * factor);
            factors.push(factor);
        }
        let scaled: Vec<f64> = program.cost.iter().zip(&width).map(|(c, w)| c * w).collect();
        let cost_factor = power_near(scaled.iter().fold(0.0, |a: f64, c| a.max(c.abs())));
        let cost = scaled.iter().map(|c| c * cost_factor).collect();
        Simplex {
            program,
            n,
            m,
            rows,
            right,
            factors,
            cost,
            cost_factor,
            active: Vec::new(),
            edges: vec![0.0; n * n],
            multipliers: vec![0.0; n],
            s: vec![0.0; n],
        }
    }

    fn row(&self, k: u32) -> &[f64] {
        &self.rows[k as usize * self.n..(k as usize + 1) * self.n]
    }

    /// The cheapest vertex of the box.
    fn cold(&mut self) {
        let n = self.n;
        self.active = (0..n as u32)
            .map(|i| if self.cost[i as usize] >= 0.0 { Constraint::Lower(i) } else { Constraint::Upper(i) })
            .collect();
        self.edges.fill(0.0);
        for i in 0..n {
            let upper = matches!(self.active[i], Constraint::Upper(_));
            self.edges[i * n + i] = if upper { -1.0 } else { 1.0 };
        }
        self.settle();
    }

    /// From another program's basis, repaired to be dual feasible; false if that does not succeed.
    fn warm(&mut self, basis: &Basis) -> bool {
        let valid = |c: &Constraint| match *c {
            Constraint::Lower(i) | Constraint::Upper(i) => (i as usize) < self.n,
            Constraint::Row(k) => (k as usize) < self.m,
        };
        if basis.0.len() != self.n || !basis.0.iter().all(valid) {
            return false;
        }
        self.active.clone_from(&basis.0);
        if !self.invert() {
            return false;
        }
        for _ in 0..=self.n {
            // The opposite bound has the opposite multiplier; a row must go for a bound.
            for j in 0..self.n {
                if self.multipliers[j] < 0.0 {
                    self.active[j] = match self.active[j] {
                        Constraint::Lower(i) => Constraint::Upper(i),
                        Constraint::Upper(i) => Constraint::Lower(i),
                        row @ Constraint::Row(_) => {
                            if self.multipliers[j] > -PIVOT {
                                self.multipliers[j] = 0.0;
                            }
                            row
                        }
                    };
                    if !matches!(self.active[j], Constraint::Row(_)) {
                        self.edges[j * self.n..(j + 1) * self.n].iter_mut().for_each(|d| *d = -*d);
                        self.multipliers[j] = -self.multipliers[j];
                    }
                }
            }
            let Some(j) = (0..self.n).find(|&j| self.multipliers[j] < 0.0) else {
                self.settle();
                return true;
            };
            let edge = &self.edges[j * self.n..(j + 1) * self.n];
            let used =
                |i: u32| self.active.iter().any(|&c| c == Constraint::Lower(i) || c == Constraint::Upper(i));
            let Some(i) = (0..self.n as u32)
                .filter(|&i| !used(i))
                .max_by(|&a, &b| edge[a as usize].abs().total_cmp(&edge[b as usize].abs()))
            else {
                return false;
            };
            if edge[i as usize].abs() < 1e-6 {
                return false;
            }
            // y_j/r_j ≥ 0 asks for r_j < 0
            let enter = if edge[i as usize] < 0.0 { Constraint::Lower(i) } else { Constraint::Upper(i) };
            let r = self.along(enter);
            self.exchange(j, enter, &r);
        }
        false
    }

    /// g·d_j for all edges.
    fn along(&self, constraint: Constraint) -> Vec<f64> {
        let n = self.n;
        match constraint {
            Constraint::Lower(i) => (0..n).map(|j| self.edges[j * n + i as usize]).collect(),
            Constraint::Upper(i) => (0..n).map(|j| -self.edges[j * n + i as usize]).collect(),
            Constraint::Row(k) => {
                let row = self.row(k);
                (0..n).map(|j| dot(row, &self.edges[j * n..(j + 1) * n])).collect()
            }
        }
    }

    /// g·s − h
    fn slack(&self, constraint: Constraint) -> f64 {
        match constraint {
            Constraint::Lower(i) => self.s[i as usize],
            Constraint::Upper(i) => 1.0 - self.s[i as usize],
            Constraint::Row(k) => dot(self.row(k), &self.s) + self.right[k as usize],
        }
    }

    /// Replaces active constraint j; edges and multipliers follow.
    fn exchange(&mut self, j: usize, enter: Constraint, r: &[f64]) {
        let n = self.n;
        let pivot: Vec<f64> = self.edges[j * n..(j + 1) * n].iter().map(|d| d / r[j]).collect();
        let step = self.multipliers[j] / r[j];
        for l in 0..n {
            if l == j {
                self.edges[j * n..(j + 1) * n].copy_from_slice(&pivot);
                self.multipliers[j] = step;
            } else if r[l] != 0.0 {
                for (d, p) in self.edges[l * n..(l + 1) * n].iter_mut().zip(&pivot) {
                    *d -= r[l] * p;
                }
                self.multipliers[l] -= r[l] * step;
            }
        }
        self.active[j] = enter;
    }

    /// The multipliers and the vertex from the edges.
    fn settle(&mut self) {
        let n = self.n;
        for j in 0..n {
            self.multipliers[j] = dot(&self.cost, &self.edges[j * n..(j + 1) * n]).max(0.0);
        }
        self.s.fill(0.0);
        for j in 0..n {
            let h = match self.active[j] {
                Constraint::Lower(_) => 0.0,
                Constraint::Upper(_) => -1.0,
                Constraint::Row(k) => -self.right[k as usize],
            };
            if h != 0.0 {
                for (s, d) in self.s.iter_mut().zip(&self.edges[j * n..(j + 1) * n]) {
                    *s += h * d;
                }
            }
        }
    }

    /// The edges afresh, as the columns of the inverse of the active constraints' matrix (Gauss–Jordan, row
    /// pivoting), with signed multipliers; false if it is singular.
    fn invert(&mut self) -> bool {
        let n = self.n;
        let mut matrix = vec![0.0; n * n];
        for (j, &constraint) in self.active.iter().enumerate() {
            match constraint {
                Constraint::Lower(i) => matrix[j * n + i as usize] = 1.0,
                Constraint::Upper(i) => matrix[j * n + i as usize] = -1.0,
                Constraint::Row(k) => matrix[j * n..(j + 1) * n].copy_from_slice(self.row(k)),
            }
        }
        let mut inverse = vec![0.0; n * n];
        for i in 0..n {
            inverse[i * n + i] = 1.0;
        }
        for c in 0..n {
            let p = (c..n)
                .max_by(|&a, &b| matrix[a * n + c].abs().total_cmp(&matrix[b * n + c].abs()))
                .unwrap_or(c);
            if matrix[p * n + c].abs() < 1e-11 {
                return false;
            }
            for l in 0..n {
                matrix.swap(p * n + l, c * n + l);
                inverse.swap(p * n + l, c * n + l);
            }
            let scale = 1.0 / matrix[c * n + c];
            for l in 0..n {
                matrix[c * n + l] *= scale;
                inverse[c * n + l] *= scale;
            }
            for q in 0..n {
                let factor = matrix[q * n + c];
                if q != c && factor != 0.0 {
                    for l in 0..n {
                        matrix[q * n + l] -= factor * matrix[c * n + l];
                        inverse[q * n + l] -= factor * inverse[c * n + l];
                    }
                }
            }
        }
        for j in 0..n {
            for i in 0..n {
                self.edges[j * n + i] = inverse[i * n + j];
            }
            self.multipliers[j] = dot(&self.cost, &self.edges[j * n..(j + 1) * n]);
        }
        true
    }

    fn refresh(&mut self) -> bool {
        let kept = self.edges.clone();
        if self.invert() {
            self.settle();
            return true;
        }
        self.edges = kept;
        self.settle();
        false
    }

    fn run(&mut self) -> LpOutcome {
        let most = 200 + 20 * (self.n + self.m);
        // Steps that leave the dual objective where it is may cycle; after so many, the first index decides
        // (Bland).
        let (mut idle, patience) = (0, 10 + 2 * self.n);
        let (mut since_refresh, mut fresh) = (0, false);
        for _ in 0..most {
            if since_refresh >= REFRESH {
                self.refresh();
                (since_refresh, fresh) = (0, true);
            }
            let Some(enter) = self.entering(idle > patience) else {
                // The vertex, unless rounding made it so.
                if since_refresh > 0 && !fresh {
                    self.refresh();
                    (since_refresh, fresh) = (0, true);
                    continue;
                }
                return self.optimal();
            };
            let r = self.along(enter);
            if let Some(j) = self.leaving(&r, idle > patience) {
                let step = self.multipliers[j] / r[j];
                let gap = self.slack(enter);
                idle = if step * -gap > 1e-13 { 0 } else { idle + 1 };
                let n = self.n;
                let along = -gap / r[j];
                for i in 0..n {
                    self.s[i] += along * self.edges[j * n + i];
                }
                self.exchange(j, enter, &r);
                for y in &mut self.multipliers {
                    *y = y.max(0.0);
                }
                since_refresh += 1;
                fresh = false;
            } else {
                let multipliers = self.ray(enter, &r);
                let AxisEnds { lower, upper } = self.ends();
                if combination_below_zero(
                    &self.program.normals,
                    &self.program.offsets,
                    &multipliers,
                    lower,
                    upper,
                ) {
                    return LpOutcome::Infeasible { multipliers };
                }
                if fresh || !self.refresh() {
                    break;
                }
                (since_refresh, fresh) = (0, true);
            }
        }
        let multipliers = self.row_multipliers();
        LpOutcome::Undecided { bound: self.bound(&multipliers), multipliers }
    }

    fn ends(&self) -> AxisEnds<'a> {
        AxisEnds { lower: self.program.domain.lower(), upper: self.program.domain.upper() }
    }

    /// The most violated constraint, or the first one.
    fn entering(&self, first: bool) -> Option<Constraint> {
        let mut worst = (-FEASIBLE, None);
        let bounds = (0..self.n as u32).flat_map(|i| [Constraint::Lower(i), Constraint::Upper(i)]);
        for constraint in bounds.chain((0..self.m as u32).map(Constraint::Row)) {
            let slack = self.slack(constraint);
            if slack < worst.0 {
                worst = (slack, Some(constraint));
                if first {
                    break;
                }
            }
        }
        worst.1
    }

    /// The active constraint whose multiplier reaches 0 first; of equals, the one with the largest pivot, or
    /// the first.
    fn leaving(&self, r: &[f64], first: bool) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for (j, &r_j) in r.iter().enumerate() {
            if r_j <= PIVOT {
                continue;
            }
            let ratio = self.multipliers[j] / r_j;
            let better = best.is_none_or(|(least, at)| {
                let equal = (ratio - least).abs() <= 1e-12;
                if equal {
                    if first { self.active[j] < self.active[at] } else { r_j > r[at] }
                } else {
                    ratio < least
                }
            });
            if better {
                best = Some((ratio, j));
            }
        }
        best.map(|(_, j)| j)
    }

    /// Multipliers of the unscaled rows from those of the active constraints.
    fn unscaled(&self, of_active: impl Fn(usize) -> f64, factor: f64) -> Vec<f64> {
        let mut out = vec![0.0; self.m];
        for (j, &constraint) in self.active.iter().enumerate() {
            if let Constraint::Row(k) = constraint {
                let y = of_active(j).max(0.0) * self.factors[k as usize] * factor;
                out[k as usize] = if y.is_finite() { y } else { 0.0 };
            }
        }
        out
    }

    fn row_multipliers(&self) -> Vec<f64> {
        self.unscaled(|j| self.multipliers[j], 1.0 / self.cost_factor)
    }

    fn ray(&self, enter: Constraint, r: &[f64]) -> Vec<f64> {
        let mut out = self.unscaled(|j| -r[j], 1.0);
        if let Constraint::Row(k) = enter {
            out[k as usize] = self.factors[k as usize];
        }
        out
    }

    fn bound(&self, multipliers: &[f64]) -> f64 {
        let (program, AxisEnds { lower, upper }) = (self.program, self.ends());
        lower_bound(&program.cost, &program.normals, &program.offsets, multipliers, lower, upper)
    }

    fn optimal(&self) -> LpOutcome {
        let AxisEnds { lower, upper } = self.ends();
        let x: Vec<f64> = (0..self.n)
            .map(|i| {
                // the ends themselves where the vertex lies on them
                let s = self.s[i];
                if s <= 0.0 {
                    lower[i]
                } else if s >= 1.0 {
                    upper[i]
                } else {
                    (lower[i] + s * (upper[i] - lower[i])).clamp(lower[i], upper[i])
                }
            })
            .collect();
        let multipliers = self.row_multipliers();
        let (objective, bound) = (dot(&self.program.cost, &x), self.bound(&multipliers));
        LpOutcome::Optimal(LpSolution { x, objective, multipliers, bound, basis: Basis(self.active.clone()) })
    }
}

struct AxisEnds<'a> {
    lower: &'a [f64],
    upper: &'a [f64],
}

/// A power of two f with f·x in [½, 2], or 1 for 0 and the like.
fn power_near(x: f64) -> f64 {
    if x.is_normal() { 2f64.powi(-(x.log2().floor() as i32).clamp(-1000, 1000)) } else { 1.0 }
}
