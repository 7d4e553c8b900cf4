//! Bounds from multipliers, in real arithmetic.

use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, mul_down};

/// A proved lower bound of cost·x over {x ∈ [lower, upper] : normals·x + offsets ≥ 0}, by weak duality from m
/// multipliers y: every feasible x has cost·x ≥ cost·x − Σ y_k(a_k·x + b_k) ≥ min over the box of (cost − Σ
/// y_k a_k)·x − Σ y_k b_k, evaluated with outward rounding. It holds for whatever multipliers; negative and
/// non-finite ones count as 0.
///
/// Shapes: cost, lower, upper n; normals m × n by rows; offsets and multipliers m.
pub fn lower_bound(
    cost: &[f64],
    normals: &[f64],
    offsets: &[f64],
    multipliers: &[f64],
    lower: &[f64],
    upper: &[f64],
) -> f64 {
    let n = cost.len();
    assert!(normals.len() == offsets.len() * n && offsets.len() == multipliers.len(), "shapes differ");
    let mut reduced: Vec<Interval> = cost.iter().map(|&c| Interval::point(c)).collect();
    let mut constant = Interval::ZERO;
    for (k, &y) in multipliers.iter().enumerate() {
        if y > 0.0 && y.is_finite() {
            let y = Interval::point(-y);
            for (r, &a) in reduced.iter_mut().zip(&normals[k * n..(k + 1) * n]) {
                if a != 0.0 {
                    *r = *r + y * Interval::point(a);
                }
            }
            constant = constant + y * Interval::point(offsets[k]);
        }
    }
    let mut bound = constant.lo();
    for (i, r) in reduced.iter().enumerate() {
        let least = [(r.lo(), lower[i]), (r.lo(), upper[i]), (r.hi(), lower[i]), (r.hi(), upper[i])]
            .map(|(r, x)| mul_down(r, x));
        bound = add_down(bound, least.into_iter().fold(f64::INFINITY, f64::min));
    }
    bound
}

/// Whether Σ y_k(a_k·x + b_k) < 0 for all x of the box, proved: then no x satisfies all rows a_k·x + b_k ≥ 0
/// (Farkas). Negative multipliers are refused.
pub fn combination_below_zero(
    normals: &[f64],
    offsets: &[f64],
    multipliers: &[f64],
    lower: &[f64],
    upper: &[f64],
) -> bool {
    multipliers.iter().all(|&y| y >= 0.0 && y.is_finite())
        && lower_bound(&vec![0.0; lower.len()], normals, offsets, multipliers, lower, upper) > 0.0
}
