//! What proves that a part of the box holds no answer.

use netinverse_bounds::{LinearForms, minimum_on_box};
use netinverse_geometry::Ball;

use super::phases::PhaseNode;

/// Why a disjunct holds nowhere on a box.
#[derive(Debug, Clone)]
pub(crate) enum Reason {
    /// The row is false everywhere: its linear form stays below zero.
    Row(u32),
    /// The sum of rows with these multipliers is: if all rows held, it would not be negative.
    Combination(Vec<(u32, f64)>),
    /// That sum is, on each part of the box that signs of neurons make, with the slopes and multipliers that are kept.
    Phases(Vec<(u32, f64)>, Vec<PhaseNode>),
    /// Where the rows could hold is beyond the ball.
    Far,
}

/// Linear forms below −g for rows g, on one box.
pub(crate) struct Against<'a> {
    pub(crate) forms: &'a LinearForms,
    pub(crate) lower: &'a [f64],
    pub(crate) upper: &'a [f64],
    /// Only inputs in this ball matter.
    pub(crate) ball: Option<&'a Ball>,
}

impl Against<'_> {
    /// A lower bound of −g of the k-th form on the box: above zero, the row is false there.
    pub(crate) fn minimum(&self, k: usize) -> f64 {
        let (slopes, constant) = self.forms.form(k);
        match self.ball {
            None => minimum_on_box(slopes, constant, self.lower, self.upper),
            Some(ball) => ball.minimum(slopes, constant, self.lower, self.upper, &mut Vec::new()),
        }
    }

    /// Multipliers γ ≥ 0, Σ γ = 1, that make `min over the box of Σ γₖ Fₖ` large, and that value: ascent along the
    /// subgradient, the forms' values at the minimiser, with Polyak's step towards a level just above 0, which is all that is
    /// needed. A guess: what it is worth is decided by bounding the combined row.
    pub(crate) fn multipliers(&self, own: &[usize]) -> (Vec<f64>, f64) {
        const STEPS: usize = 48;
        const GRID: f64 = (1u64 << 20) as f64;
        let n = self.lower.len();
        let values = own.iter().map(|&k| self.minimum(k));
        let (best, start) =
            values.enumerate().fold((0, f64::NEG_INFINITY), |a, b| if b.1 > a.1 { b } else { a });
        let mut gamma = vec![0.0; own.len()];
        gamma[best] = 1.0;
        let (mut kept, mut value) = (gamma.clone(), start);
        let level = 1e-3 * start.abs();
        let mut slopes = vec![0.0; n];
        let mut at = vec![0.0; own.len()];
        let mut least = Vec::with_capacity(n);
        for _ in 0..STEPS {
            slopes.fill(0.0);
            for (&k, &g) in own.iter().zip(&gamma).filter(|(_, g)| **g > 0.0) {
                for (sum, slope) in slopes.iter_mut().zip(self.forms.form(k).0) {
                    *sum += g * slope;
                }
            }
            if let Some(ball) = self.ball {
                ball.minimum(&slopes, 0.0, self.lower, self.upper, &mut least);
            } else {
                least.clear();
                least.extend((0..n).map(|i| if slopes[i] >= 0.0 { self.lower[i] } else { self.upper[i] }));
            }
            for (at, &k) in at.iter_mut().zip(own) {
                let (form, constant) = self.forms.form(k);
                *at = constant + form.iter().zip(&least).map(|(s, x)| s * x).sum::<f64>();
            }
            let reached: f64 = gamma.iter().zip(&at).map(|(g, at)| g * at).sum();
            if reached > value {
                (kept, value) = (gamma.clone(), reached);
            }
            if value > 0.5 * level {
                break;
            }
            let mean = at.iter().sum::<f64>() / at.len() as f64;
            let steepness: f64 = at.iter().map(|at| (at - mean) * (at - mean)).sum();
            if steepness <= 1e-12 * level * level {
                break;
            }
            let step = (level - reached) / steepness;
            for (g, at) in gamma.iter_mut().zip(&at) {
                *g += step * (at - mean);
            }
            onto_simplex(&mut gamma);
        }
        // Few digits: then the combined coefficients are exact where the rows' are short.
        for g in &mut kept {
            *g = (*g * GRID).round() / GRID;
        }
        (kept, value)
    }

    /// Where along input i the form is surely positive next to an end of the box: the part of the side that can be cut
    /// off at its lower (`low`) or upper end, as the coordinate at which the rest begins; `None` where nothing is.
    pub(crate) fn cut(&self, k: usize, i: usize, low: bool) -> Option<f64> {
        let (slopes, _) = self.forms.form(k);
        let slope = slopes[i];
        let (lo, hi) = (self.lower[i], self.upper[i]);
        // The form must grow towards the end that is cut off.
        if lo >= hi || slope == 0.0 || (slope < 0.0) != low {
            return None;
        }
        let least = self.minimum(k);
        let rise = slope.abs() * (hi - lo);
        // Over all other inputs the form is least + |slope| · (distance from the far end).
        let share = (-least / rise) * (1.0 + 1e-9) + 1e-9;
        if share >= 1.0 || share.is_nan() {
            return None;
        }
        let at = if low { hi - share * (hi - lo) } else { lo + share * (hi - lo) };
        (lo < at && at < hi).then_some(at)
    }

    /// Whether the form is proved positive on the part of the box where input i is beyond `at`.
    pub(crate) fn holds_beyond(&self, k: usize, i: usize, at: f64, low: bool) -> bool {
        let (slopes, constant) = self.forms.form(k);
        let (mut lower, mut upper) = (self.lower.to_vec(), self.upper.to_vec());
        if low {
            upper[i] = at;
        } else {
            lower[i] = at;
        }
        minimum_on_box(slopes, constant, &lower, &upper) > 0.0
    }
}

/// The nearest point with coordinates that are not negative and sum to 1.
fn onto_simplex(point: &mut [f64]) {
    let mut sorted = point.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (count, value) in sorted.iter().enumerate() {
        sum += value;
        let candidate = (sum - 1.0) / (count + 1) as f64;
        if value - candidate > 0.0 {
            shift = candidate;
        }
    }
    for v in point {
        *v = (*v - shift).max(0.0);
    }
}
