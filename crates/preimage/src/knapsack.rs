//! The largest value of one linear form where another is not positive, on a box: a fractional knapsack, bounded by its dual.

use netinverse_bounds::minimum_on_box;

/// An upper bound, in real arithmetic, of `a·x` over `lower ≤ x ≤ upper` with `s·x + c ≤ 0`; `None` where no point satisfies the
/// constraint. Nearly the maximum itself.
///
/// For every λ ≥ 0 the maximum is at most that of `(a − λ s)·x − λ c` over the box, which is found for the best λ: the dual is
/// convex and piecewise linear with corners at the ratios aᵢ/sᵢ. `order` is scratch.
pub(crate) fn maximum_where_not_positive(
    a: &[f64],
    s: &[f64],
    c: f64,
    lower: &[f64],
    upper: &[f64],
    order: &mut Vec<(f64, f64)>,
) -> Option<f64> {
    if minimum_on_box(s, c, lower, upper) > 0.0 {
        return None;
    }
    // At the corner that is best for a alone, how much the constraint is exceeded; moving input i against a's wish takes
    // |s_i|·width off that at the price of the ratio a_i/s_i each.
    order.clear();
    let mut excess = c;
    for i in 0..a.len() {
        let best = if a[i] > 0.0 { upper[i] } else { lower[i] };
        excess += s[i] * best;
        let width = upper[i] - lower[i];
        if width > 0.0 && s[i] != 0.0 {
            if a[i] == 0.0 {
                // Free to move: to the end that is best for the constraint.
                let gain = if s[i] > 0.0 { s[i] * (best - lower[i]) } else { s[i] * (best - upper[i]) };
                excess -= gain;
            } else if (a[i] > 0.0) == (s[i] > 0.0) {
                order.push((a[i] / s[i], s[i].abs() * width));
            }
        }
    }
    let mut multiplier = 0.0;
    if excess > 0.0 {
        order.sort_unstable_by(|p, q| p.0.total_cmp(&q.0));
        for &(ratio, relief) in order.iter() {
            multiplier = ratio;
            excess -= relief;
            if excess <= 0.0 {
                break;
            }
        }
    }
    Some(dual(a, s, c, lower, upper, multiplier))
}

/// max over the box of `(a − λ s)·x − λ c`, rounded up.
fn dual(a: &[f64], s: &[f64], c: f64, lower: &[f64], upper: &[f64], multiplier: f64) -> f64 {
    let (mut sum, mut magnitude) = (-multiplier * c, (multiplier * c).abs());
    for i in 0..a.len() {
        let slope = a[i] - multiplier * s[i];
        // The term is largest at an end; the slope's own rounding moves it by less than its magnitude here.
        let size = a[i].abs() + (multiplier * s[i]).abs();
        let reach = lower[i].abs().max(upper[i].abs());
        sum += (slope * lower[i]).max(slope * upper[i]);
        magnitude += size * reach;
    }
    let error = (a.len() + 8) as f64 * f64::EPSILON * magnitude + 1e-290;
    (sum + error).next_up()
}
