//! The point of a polytope that is nearest to a given one.

use super::Polytope;
use crate::axis_box::AxisBox;
use crate::lp::{LinearProgram, LpOutcome};

/// How far is far; weights multiply the coordinates' deviations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Σ w_i |x_i − p_i|
    L1,
    /// √Σ w_i² (x_i − p_i)²
    L2,
    /// max w_i |x_i − p_i|
    LInfinity,
}

impl Polytope {
    /// The point nearest to `p` with the weights w > 0 (n numbers each) as found in floating point, and its
    /// distance; `None` if there is none or the solver failed.
    pub fn nearest(&self, p: &[f64], weights: &[f64], norm: Norm) -> Option<(Vec<f64>, f64)> {
        assert!(p.len() == self.dims() && weights.len() == self.dims(), "a point of another dimension");
        let x = match norm {
            Norm::L1 | Norm::LInfinity => self.nearest_by_program(p, weights, norm == Norm::L1)?,
            Norm::L2 => self.nearest_by_active_set(p, weights)?,
        };
        let deviations = x.iter().zip(p).zip(weights).map(|((x, p), w)| w * (x - p).abs());
        let distance = match norm {
            Norm::L1 => deviations.sum(),
            Norm::L2 => deviations.map(|d| d * d).sum::<f64>().sqrt(),
            Norm::LInfinity => deviations.fold(0.0, f64::max),
        };
        Some((x, distance))
    }

    /// Minimises Σ e or max e subject to e ≥ ±w(x − p), one deviation e a coordinate or one for all.
    fn nearest_by_program(&self, p: &[f64], weights: &[f64], each: bool) -> Option<Vec<f64>> {
        let n = self.dims();
        let deviations = if each { n } else { 1 };
        let (mut lower, mut upper) = (self.domain.lower().to_vec(), self.domain.upper().to_vec());
        let farthest: Vec<f64> =
            (0..n).map(|i| weights[i] * (lower[i] - p[i]).abs().max((upper[i] - p[i]).abs())).collect();
        lower.extend(vec![0.0; deviations]);
        if each {
            upper.extend_from_slice(&farthest);
        } else {
            upper.push(farthest.iter().fold(0.0, |a: f64, b| a.max(*b)));
        }
        let mut cost = vec![0.0; n];
        cost.extend(vec![1.0; deviations]);
        let mut program = LinearProgram::new(AxisBox::new(lower, upper).ok()?, cost).ok()?;
        for i in 0..n {
            for sign in [1.0, -1.0] {
                let mut normal = vec![0.0; n + deviations];
                normal[i] = -sign * weights[i];
                normal[n + if each { i } else { 0 }] = 1.0;
                program.add_row(&normal, sign * weights[i] * p[i]).ok()?;
            }
        }
        for k in 0..self.rows() {
            let (normal, offset) = self.row(k);
            let mut wider = normal.to_vec();
            wider.resize(n + deviations, 0.0);
            program.add_row(&wider, offset).ok()?;
        }
        match program.solve() {
            LpOutcome::Optimal(solution) => Some(solution.x[..n].to_vec()),
            _ => None,
        }
    }

    /// Goldfarb and Idnani's dual active-set method (1983) in the coordinates z = w(x − p), where the free
    /// optimum is 0.
    fn nearest_by_active_set(&self, p: &[f64], weights: &[f64]) -> Option<Vec<f64>> {
        let n = self.dims();
        // unit rows g·z ≥ h
        let mut rows: Vec<(Vec<f64>, f64)> = Vec::new();
        for i in 0..n {
            for (sign, end) in [(1.0, self.domain.lower()[i]), (-1.0, self.domain.upper()[i])] {
                let mut normal = vec![0.0; n];
                normal[i] = sign;
                rows.push((normal, sign * weights[i] * (end - p[i])));
            }
        }
        for k in 0..self.rows() {
            let (normal, offset) = self.row(k);
            let at: f64 = normal.iter().zip(p).map(|(a, p)| a * p).sum::<f64>() + offset;
            let scaled: Vec<f64> = normal.iter().zip(weights).map(|(a, w)| a / w).collect();
            let norm = netinverse_linalg::norm(&scaled);
            if norm > 0.0 {
                rows.push((scaled.iter().map(|a| a / norm).collect(), -at / norm));
            } else if offset < 0.0 {
                return None;
            }
        }
        let scale = rows.iter().fold(1e-300, |a: f64, row| a.max(row.1.abs()));
        let mut z = vec![0.0; n];
        let mut active: Vec<(usize, f64)> = Vec::new();
        for _ in 0..50 * (n + rows.len()) {
            let slack = |k: usize, z: &[f64]| dot(&rows[k].0, z) - rows[k].1;
            let worst = (0..rows.len()).min_by(|&a, &b| slack(a, &z).total_cmp(&slack(b, &z)))?;
            if slack(worst, &z) >= -1e-12 * scale {
                let x = (0..n).map(|i| p[i] + z[i] / weights[i]);
                let (lower, upper) = (self.domain.lower(), self.domain.upper());
                return Some(x.enumerate().map(|(i, x)| x.clamp(lower[i], upper[i])).collect());
            }
            // Move until the violated row holds, dropping rows whose multipliers reach 0 on the way.
            let mut multiplier = 0.0;
            loop {
                let (direction, r) = project(&rows, &active, &rows[worst].0)?;
                let curvature = dot(&direction, &rows[worst].0);
                let full = if curvature > 1e-12 { -slack(worst, &z) / curvature } else { f64::INFINITY };
                let (drop, partial) = (0..active.len())
                    .filter(|&j| r[j] > 1e-14)
                    .map(|j| (Some(j), active[j].1 / r[j]))
                    .fold((None, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best });
                let step = full.min(partial);
                if step.is_infinite() {
                    return None;
                }
                for (j, r) in r.iter().enumerate() {
                    active[j].1 = (active[j].1 - step * r).max(0.0);
                }
                multiplier += step;
                if full.is_finite() {
                    for (z, d) in z.iter_mut().zip(&direction) {
                        *z += step * d;
                    }
                }
                if full <= partial {
                    active.push((worst, multiplier));
                    break;
                }
                active.remove(drop?);
            }
        }
        None
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    netinverse_linalg::dot(a, b)
}

/// g less its projection onto the span of the active rows, and the coefficients of that projection
/// (Gram–Schmidt, twice).
fn project(rows: &[(Vec<f64>, f64)], active: &[(usize, f64)], g: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let k = active.len();
    let (mut basis, mut triangle): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
    for &(row, _) in active {
        let (rest, column) = orthogonalise(&basis, &rows[row].0);
        let norm = netinverse_linalg::norm(&rest);
        if norm < 1e-12 {
            return None;
        }
        basis.push(rest.iter().map(|v| v / norm).collect());
        let mut column = column;
        column.push(norm);
        triangle.push(column);
    }
    let (rest, mut r) = orthogonalise(&basis, g);
    for j in (0..k).rev() {
        r[j] /= triangle[j][j];
        for i in 0..j {
            r[i] -= triangle[j][i] * r[j];
        }
    }
    Some((rest, r))
}

fn orthogonalise(basis: &[Vec<f64>], g: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut rest, mut coefficients) = (g.to_vec(), vec![0.0; basis.len()]);
    for _ in 0..2 {
        for (q, c) in basis.iter().zip(&mut coefficients) {
            let along = dot(q, &rest);
            *c += along;
            for (v, q) in rest.iter_mut().zip(q) {
                *v -= along * q;
            }
        }
    }
    (rest, coefficients)
}
