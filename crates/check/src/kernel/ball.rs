//! Balls: what a linear form is at least on a box and within a distance of a point.
//!
//! With p(x) the sum of `wᵢ |xᵢ − cᵢ|` or of `wᵢ (xᵢ − cᵢ)²`, and R at least p at the radius: where p(x) ≤ R,
//! `s·x + t ≥ t − λ R + Σ (sᵢ xᵢ + λ pᵢ(xᵢ))` for every λ ≥ 0, and a sum of functions of one coordinate each is least where each
//! is. A function of the first kind is least at an end or its kink; one of the second lies above its tangent at any point.
//! Every operation is rounded down; λ is a guess. In the maximum norm the ball is a box, and [`Ball::reach`] is all of it.

use super::number::{LARGEST, Rational, add_down, add_up, mul_down, mul_up, rational};

/// How distances are measured: `Σ wᵢ |dᵢ|`, `√Σ wᵢ dᵢ²`, `max wᵢ |dᵢ|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Norm {
    L1,
    L2,
    LInfinity,
}

/// The inputs within a radius of a point.
#[derive(Debug, Clone)]
pub(crate) struct Ball {
    pub(crate) norm: Norm,
    pub(crate) centre: Vec<f64>,
    /// Positive and finite.
    pub(crate) weights: Vec<f64>,
    pub(crate) radius: f64,
}

impl Ball {
    /// The ends of coordinate i, rounded outward.
    pub(crate) fn reach(&self, i: usize) -> (f64, f64) {
        let weight = match self.norm {
            // The root is rounded to nearest.
            Norm::L2 => self.weights[i].sqrt().next_down(),
            Norm::L1 | Norm::LInfinity => self.weights[i],
        };
        let side = (self.radius / weight).next_up();
        (add_down(self.centre[i], -side), add_up(self.centre[i], side))
    }

    /// The part of a box that the ball reaches, rounded outward; `None` where that is none.
    pub(crate) fn meet(&self, lower: &[f64], upper: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
        let ends = |i: usize| (lower[i].max(self.reach(i).0), upper[i].min(self.reach(i).1));
        let (lower, upper): (Vec<f64>, Vec<f64>) = (0..lower.len()).map(ends).unzip();
        lower.iter().zip(&upper).all(|(l, u)| l <= u).then_some((lower, upper))
    }

    /// The distance of a point, squared in the second norm, without rounding.
    pub(crate) fn measure(&self, x: &[f64]) -> Rational {
        let term = |i: usize| {
            let d = rational(x[i]) - rational(self.centre[i]);
            let size = match self.norm {
                Norm::L2 => d.clone() * d,
                Norm::L1 | Norm::LInfinity => {
                    if d < Rational::ZERO {
                        -d
                    } else {
                        d
                    }
                }
            };
            rational(self.weights[i]) * size
        };
        (0..x.len()).map(term).fold(Rational::ZERO, |sum, term| match self.norm {
            Norm::LInfinity => sum.max(term),
            Norm::L1 | Norm::L2 => sum + term,
        })
    }

    /// A lower bound of `slopes·x + constant` on the part of a box within the ball; infinite where there is none.
    pub(crate) fn least(&self, slopes: &[f64], constant: f64, lower: &[f64], upper: &[f64]) -> f64 {
        if self.norm == Norm::LInfinity {
            return f64::NEG_INFINITY;
        }
        let nothing = vec![0.0; slopes.len()];
        if self.penalised(&nothing, 0.0, 1.0, lower, upper) > 0.0 {
            return f64::INFINITY;
        }
        let multiplier = self.multiplier(slopes, lower, upper);
        let valid = multiplier.is_finite() && multiplier > 0.0;
        if valid { self.penalised(slopes, constant, multiplier, lower, upper) } else { f64::NEG_INFINITY }
    }

    /// A point of the box near where the form is least in the ball: a guess.
    pub(crate) fn lowest(&self, slopes: &[f64], lower: &[f64], upper: &[f64]) -> Vec<f64> {
        if self.norm == Norm::L1 {
            return self.spend(slopes, lower, upper).1;
        }
        let multiplier = self.multiplier(slopes, lower, upper);
        (0..slopes.len()).map(|i| self.lowest_of(i, slopes[i], multiplier, lower[i], upper[i])).collect()
    }

    /// Where `s x + λ p(x)` is least between two ends, about.
    fn lowest_of(&self, i: usize, s: f64, multiplier: f64, lower: f64, upper: f64) -> f64 {
        let (c, weight) = (self.centre[i], multiplier * self.weights[i]);
        let free = match self.norm {
            Norm::L2 if weight > 0.0 => c - s / (2.0 * weight),
            Norm::L1 if s.abs() <= weight => c,
            _ => {
                if s > 0.0 {
                    lower
                } else if s < 0.0 {
                    upper
                } else {
                    c
                }
            }
        };
        free.max(lower).min(upper)
    }

    /// A lower bound of `constant + min over the box of slopes·x + λ (p(x) − R)`, λ > 0.
    fn penalised(&self, slopes: &[f64], constant: f64, multiplier: f64, lower: &[f64], upper: &[f64]) -> f64 {
        let most = if self.norm == Norm::L2 { mul_up(self.radius, self.radius) } else { self.radius };
        let mut sum = add_down(constant, -mul_up(multiplier, most));
        for (i, &s) in slopes.iter().enumerate() {
            let (l, u, c) = (lower[i], upper[i], self.centre[i]);
            // Less than λ w, which only lowers what is not negative.
            let weight = mul_down(multiplier, self.weights[i]).max(0.0);
            let x = self.lowest_of(i, s, multiplier, l, u);
            let gap = |x: f64| add_down(x, -c).max(add_down(c, -x)).max(0.0);
            let term = if self.norm == Norm::L2 {
                let at = add_down(mul_down(s, x), mul_down(weight, mul_down(gap(x), gap(x)).max(0.0)));
                let rate = 2.0 * weight;
                let low = add_down(s, mul_down(rate, add_down(x, -c)));
                let high = add_up(s, mul_up(rate, add_up(x, -c)));
                let ahead = mul_down(low.min(0.0), add_up(u, -x));
                let behind = mul_down(-high.max(0.0), add_up(x, -l));
                add_down(at, ahead.min(behind))
            } else {
                let cost = |x: f64| add_down(mul_down(s, x), mul_down(weight, gap(x)));
                cost(l).min(cost(u)).min(cost(c.max(l).min(u)))
            };
            sum = add_down(sum, term);
            // Beyond, operations may overflow; what is not a number is not at most anything.
            if !(term.abs() <= LARGEST && sum.abs() <= LARGEST) {
                return f64::NEG_INFINITY;
            }
        }
        sum
    }

    /// The radius spent on one coordinate after the other, those first that gain most by it, in the first norm: what the last
    /// one gains, and where that leads.
    fn spend(&self, slopes: &[f64], lower: &[f64], upper: &[f64]) -> (f64, Vec<f64>) {
        let gain = |i: usize| slopes[i].abs() / self.weights[i];
        let mut x: Vec<f64> = (0..slopes.len()).map(|i| self.centre[i].max(lower[i]).min(upper[i])).collect();
        let mut order: Vec<usize> = (0..slopes.len()).filter(|&i| slopes[i] != 0.0).collect();
        order.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)));
        let spent = |i: usize| self.weights[i] * (x[i] - self.centre[i]).abs();
        let mut left = self.radius - (0..slopes.len()).map(spent).sum::<f64>();
        for i in order {
            let room = if slopes[i] > 0.0 { x[i] - lower[i] } else { upper[i] - x[i] };
            let go = room.min(left.max(0.0) / self.weights[i]);
            x[i] -= go.copysign(slopes[i]);
            left -= self.weights[i] * room;
            if left <= 0.0 {
                return (gain(i), x);
            }
        }
        (0.0, x)
    }

    /// The multiplier at which the point where the penalised form is least comes to lie on the sphere, about.
    fn multiplier(&self, slopes: &[f64], lower: &[f64], upper: &[f64]) -> f64 {
        let size = |i: usize| slopes[i].abs() / self.weights[i];
        if self.norm == Norm::L1 {
            return self.spend(slopes, lower, upper).0;
        }
        let beyond = |multiplier: f64| {
            let term = |i: usize| {
                let d = self.lowest_of(i, slopes[i], multiplier, lower[i], upper[i]) - self.centre[i];
                self.weights[i] * d * d
            };
            (0..slopes.len()).map(term).sum::<f64>() > self.radius * self.radius
        };
        // Without a box it would be √(Σ s² / w) / 2r, and no box makes it more.
        let high = (0..slopes.len()).map(|i| slopes[i] * size(i)).map(f64::abs).sum::<f64>().sqrt();
        let mut high = high / (2.0 * self.radius) * (1.0 + 1e-12);
        if !high.is_finite() || !beyond(0.0) {
            return 0.0;
        }
        let mut low = high * 1e-9;
        for _ in 0..40 {
            let middle = (low * high).sqrt();
            if beyond(middle) { low = middle } else { high = middle }
        }
        high
    }
}
