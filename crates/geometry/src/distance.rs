//! Weighted distances from a point, and what a linear form can be within one: bounds by Lagrange multipliers.
//!
//! Over a box and a ball a linear form has its least value where one multiplier λ ≥ 0 says so: for every λ,
//! `s·x ≥ min over the box of s·x + λ (p(x) − p(r))`, with p the norm's penalty (`Σ wᵢ dᵢ²` or `Σ wᵢ |dᵢ|`). The
//! right-hand side falls apart into coordinates, so it is evaluated in closed form, with its rounding bounded; λ itself comes
//! from plain floating point, since any λ is right. In the maximum norm the ball is a box. The same multiplier the other way
//! round bounds the distance to a half-space in the box.

use crate::polytope::Norm;

/// u, the unit roundoff, and a little more than that for the rounding of error terms.
const UNIT: f64 = f64::EPSILON * 0.5 * (1.0 + 1.0 / 1024.0);

/// Beyond all that underflows in a sum.
const TINY: f64 = 1e-290;

/// How far inputs are from a point: `Σ wᵢ |dᵢ|`, `√Σ wᵢ dᵢ²` or `max wᵢ |dᵢ|`, d = x − centre, w > 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Distance {
    norm: Norm,
    centre: Vec<f64>,
    weights: Vec<f64>,
}

/// The inputs within a radius of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    /// How far is measured, and from where.
    pub distance: Distance,
    /// How far they may be.
    pub radius: f64,
}

impl Distance {
    /// The distance from `centre`, n numbers, with n positive weights (1 when absent).
    ///
    /// Panics unless there are as many weights as coordinates, all positive and finite.
    pub fn new(norm: Norm, centre: &[f64], weights: Option<&[f64]>) -> Self {
        let weights = weights.map_or_else(|| vec![1.0; centre.len()], <[f64]>::to_vec);
        assert_eq!(weights.len(), centre.len(), "one weight a coordinate");
        assert!(weights.iter().all(|w| w.is_finite() && *w > 0.0), "weights are positive");
        Distance { norm, centre: centre.to_vec(), weights }
    }

    /// The norm.
    pub fn norm(&self) -> Norm {
        self.norm
    }

    /// Where it is measured from, n numbers.
    pub fn centre(&self) -> &[f64] {
        &self.centre
    }

    /// The distance of a point, in floating point.
    pub fn of(&self, x: &[f64]) -> f64 {
        let gaps = x.iter().zip(&self.centre).zip(&self.weights).map(|((x, c), w)| (w, (x - c).abs()));
        match self.norm {
            Norm::L1 => gaps.map(|(w, d)| w * d).sum(),
            Norm::L2 => gaps.map(|(w, d)| w * d * d).sum::<f64>().sqrt(),
            Norm::LInfinity => gaps.map(|(w, d)| w * d).fold(0.0, f64::max),
        }
    }

    /// The box around all points within the radius, rounded outward, cut with a box.
    pub fn reach(&self, radius: f64, lower: &mut [f64], upper: &mut [f64]) {
        for i in 0..self.centre.len() {
            let side = match self.norm {
                Norm::L2 => (radius / self.weights[i].sqrt().next_down()).next_up(),
                Norm::L1 | Norm::LInfinity => radius / self.weights[i],
            }
            .next_up();
            lower[i] = lower[i].max((self.centre[i] - side).next_down());
            upper[i] = upper[i].min((self.centre[i] + side).next_up());
        }
    }

    /// A lower bound of the distance to the box.
    pub fn to_box(&self, lower: &[f64], upper: &[f64]) -> f64 {
        let gap = |i: usize| (lower[i] - self.centre[i]).max(self.centre[i] - upper[i]).max(0.0);
        let n = self.centre.len();
        let down = |value: f64, roundings: usize| value * (1.0 - roundings as f64 * 2.0 * UNIT);
        match self.norm {
            Norm::L1 => down((0..n).map(|i| self.weights[i] * gap(i)).sum::<f64>(), n + 4),
            Norm::L2 => down((0..n).map(|i| self.weights[i] * gap(i) * gap(i)).sum::<f64>().sqrt(), n + 8),
            Norm::LInfinity => down((0..n).map(|i| self.weights[i] * gap(i)).fold(0.0, f64::max), 4),
        }
    }

    /// A lower bound of the distance to the points of the box with `slopes·x + constant ≥ 0`; infinite where that is
    /// proved to be none of them.
    pub fn to_half_space(&self, slopes: &[f64], constant: f64, lower: &[f64], upper: &[f64]) -> f64 {
        let n = self.centre.len();
        let negative: Vec<f64> = slopes.iter().map(|s| -s).collect();
        let mut at = Vec::new();
        let least = |multiplier: f64, at: &mut Vec<f64>| {
            self.penalised(&negative, -constant, multiplier, lower, upper, at)
        };
        if least(0.0, &mut at) > 0.0 {
            return f64::INFINITY;
        }
        let near = self.to_box(lower, upper);
        let start: Vec<f64> = (0..n).map(|i| self.centre[i].max(lower[i]).min(upper[i])).collect();
        let missing = -(constant + slopes.iter().zip(&start).map(|(s, x)| s * x).sum::<f64>());
        if missing <= 0.0 {
            return near;
        }
        // How far coordinate i can still move in the direction that helps.
        let room = |i: usize| if slopes[i] > 0.0 { upper[i] - start[i] } else { start[i] - lower[i] };
        let found = match self.norm {
            Norm::L2 => {
                let multiplier = self.square_multiplier(slopes, missing, lower, upper);
                (least(multiplier, &mut at) / multiplier).max(0.0).sqrt() * (1.0 - 8.0 * UNIT)
            }
            Norm::L1 => {
                let multiplier = self.absolute_multiplier(slopes, missing, &room, |i| slopes[i].abs());
                least(multiplier, &mut at) / multiplier * (1.0 - 8.0 * UNIT)
            }
            Norm::LInfinity => self.cube_radius(slopes, constant, lower, upper),
        };
        if found.is_finite() { near.max(found) } else { near }
    }

    /// A lower bound of the distance to the points of the box where every `slopes·x + constant ≥ 0`; infinite where that is
    /// proved to be none of them.
    ///
    /// Each half-space by itself, and one combination of them that is implied by all: its multipliers are ascended one after
    /// the other (Hildreth's method for the squared distance), and what they are worth is proved as for a single half-space.
    pub fn to_half_spaces(&self, rows: &[(&[f64], f64)], lower: &[f64], upper: &[f64]) -> f64 {
        let single = |&(slopes, constant): &(&[f64], f64)| self.to_half_space(slopes, constant, lower, upper);
        let best = rows.iter().map(single).fold(self.to_box(lower, upper), f64::max);
        if rows.len() < 2 || best.is_infinite() {
            return best;
        }
        const SWEEPS: usize = 24;
        let n = self.centre.len();
        let mut multipliers = vec![0.0; rows.len()];
        // x = clamp(centre + Σ γ s / (2w)) for the penalty Σ w d².
        let mut pull = vec![0.0; n];
        for _ in 0..SWEEPS {
            let mut moved = false;
            for (&(slopes, constant), multiplier) in rows.iter().zip(&mut multipliers) {
                let (mut value, mut rate) = (constant, 0.0);
                for i in 0..n {
                    let free = self.centre[i] + pull[i] / (2.0 * self.weights[i]);
                    let x = free.max(lower[i]).min(upper[i]);
                    value += slopes[i] * x;
                    if x == free {
                        rate += slopes[i] * slopes[i] / (2.0 * self.weights[i]);
                    }
                }
                if rate <= 0.0 {
                    continue;
                }
                let next = f64::max(*multiplier - value / rate, 0.0);
                let step = next - *multiplier;
                if step.is_finite() && step != 0.0 {
                    moved |= step.abs() > 1e-9 * next;
                    *multiplier = next;
                    for (pull, slope) in pull.iter_mut().zip(slopes) {
                        *pull += step * slope;
                    }
                }
            }
            if !moved {
                break;
            }
        }
        let used = multipliers.iter().filter(|g| **g > 0.0).count();
        if used < 2 {
            return best;
        }
        // The combined row, its rounding moved into the constant.
        let (mut slopes, mut sizes, mut constant, mut magnitude) = (vec![0.0; n], vec![0.0; n], 0.0, 0.0f64);
        for (&(row, d), &g) in rows.iter().zip(&multipliers) {
            for i in 0..n {
                slopes[i] += g * row[i];
                sizes[i] += (g * row[i]).abs();
            }
            constant += g * d;
            magnitude += (g * d).abs();
        }
        for i in 0..n {
            magnitude += sizes[i] * lower[i].abs().max(upper[i].abs());
        }
        let error = (2 * rows.len() + n + 16) as f64 * UNIT * magnitude * (1.0 + 1e-9) + TINY;
        best.max(self.to_half_space(&slopes, (constant + error).next_up(), lower, upper))
    }

    /// 1/(2t) where moving from the centre along `t s/w`, clamped to the box, gains what is missing.
    fn square_multiplier(&self, slopes: &[f64], missing: f64, lower: &[f64], upper: &[f64]) -> f64 {
        let moves = (0..slopes.len()).filter(|&i| slopes[i] != 0.0 && lower[i] < upper[i]);
        let moves: Vec<(f64, f64, f64, f64)> = moves
            .map(|i| {
                // Turned so that every coordinate moves up: its rate, and where it starts and ends.
                let (c, s) = (self.centre[i], slopes[i].abs());
                let (low, high) =
                    if slopes[i] > 0.0 { (lower[i] - c, upper[i] - c) } else { (c - upper[i], c - lower[i]) };
                (s, s / self.weights[i], low, high)
            })
            .collect();
        let gained = |t: f64| -> f64 {
            let gain = |&(s, rate, low, high): &(f64, f64, f64, f64)| {
                s * ((t * rate).max(low).min(high) - 0f64.max(low).min(high))
            };
            moves.iter().map(gain).sum()
        };
        let ends = moves.iter().map(|&(_, rate, _, high)| high / rate);
        let (mut low, mut high) = (0.0, ends.fold(0.0, f64::max));
        for _ in 0..52 {
            let t = f64::midpoint(low, high);
            if gained(t) < missing { low = t } else { high = t }
        }
        if high > 0.0 { 0.5 / high } else { f64::INFINITY }
    }

    /// The ratio `|s|/w` of the coordinate with which, in falling order, `amount` is used up.
    fn absolute_multiplier(
        &self,
        slopes: &[f64],
        amount: f64,
        room: &dyn Fn(usize) -> f64,
        price: impl Fn(usize) -> f64,
    ) -> f64 {
        let ratio = |i: usize| slopes[i].abs() / self.weights[i];
        let mut order: Vec<usize> =
            (0..slopes.len()).filter(|&i| slopes[i] != 0.0 && room(i) > 0.0).collect();
        order.sort_by(|&a, &b| ratio(b).total_cmp(&ratio(a)));
        let mut left = amount;
        for &i in &order {
            left -= price(i) * room(i);
            if left <= 0.0 {
                return ratio(i);
            }
        }
        0.0
    }

    /// The largest radius found at which no point of the box in the cube around the centre is in the half-space.
    fn cube_radius(&self, slopes: &[f64], constant: f64, lower: &[f64], upper: &[f64]) -> f64 {
        let n = slopes.len();
        let highest = |radius: f64| {
            let end = |i: usize| self.centre[i] + (radius / self.weights[i]).copysign(slopes[i]);
            constant + (0..n).map(|i| slopes[i] * end(i).max(lower[i]).min(upper[i])).sum::<f64>()
        };
        let far = |i: usize| {
            self.weights[i] * (self.centre[i] - lower[i]).abs().max((upper[i] - self.centre[i]).abs())
        };
        let (mut radius, mut beyond) = (self.to_box(lower, upper), (0..n).map(far).fold(0.0, f64::max));
        for _ in 0..52 {
            let middle = f64::midpoint(radius, beyond);
            if highest(middle) < 0.0 { radius = middle } else { beyond = middle }
        }
        let negative: Vec<f64> = slopes.iter().map(|s| -s).collect();
        let mut at = Vec::new();
        let mut back = 1e-14;
        for _ in 0..12 {
            let tried = radius * (1.0 - back);
            let (mut low, mut high) = (lower.to_vec(), upper.to_vec());
            self.reach(tried, &mut low, &mut high);
            let none = low.iter().zip(&high).any(|(l, h)| l > h);
            if none || self.penalised(&negative, -constant, 0.0, &low, &high, &mut at) > 0.0 {
                return tried;
            }
            back *= 8.0;
        }
        0.0
    }

    /// A lower bound of `constant + min over the box of slopes·x + multiplier·p(x)`, and where that is.
    fn penalised(
        &self,
        slopes: &[f64],
        constant: f64,
        multiplier: f64,
        lower: &[f64],
        upper: &[f64],
        at: &mut Vec<f64>,
    ) -> f64 {
        let n = slopes.len();
        at.clear();
        let (mut sum, mut magnitude) = (constant, constant.abs());
        for i in 0..n {
            let (s, l, u, c) = (slopes[i], lower[i], upper[i], self.centre[i]);
            let weight = multiplier * self.weights[i];
            let (x, value, size) = if multiplier <= 0.0 {
                let x = if s >= 0.0 { l } else { u };
                (x, s * x, (s * x).abs())
            } else if self.norm == Norm::L2 {
                let x = (c - s / (2.0 * weight)).max(l).min(u);
                let d = x - c;
                // Convex: above its tangent at x, wherever x came to lie.
                let tangent = s + 2.0 * weight * d;
                let slack = (tangent * (l - x)).min(tangent * (u - x)).min(0.0);
                let size = s.abs() + 2.0 * weight * d.abs();
                let value = s * x + weight * d * d + slack;
                (x, value, (s * x).abs() + weight * d * d + size * (u - x).max(x - l))
            } else {
                let cost = |x: f64| s * x + weight * (x - c).abs();
                let kink = c.max(l).min(u);
                let x = [l, u, kink].into_iter().min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(kink);
                let size = s.abs() * l.abs().max(u.abs()) + weight * (l - c).abs().max((u - c).abs());
                (x, cost(x), size)
            };
            at.push(x);
            sum += value;
            magnitude += size;
        }
        let error = (n + 16) as f64 * UNIT * magnitude * (1.0 + (2 * n + 32) as f64 * UNIT);
        (sum - error - TINY).next_down()
    }
}

impl Ball {
    /// A lower bound of `slopes·x + constant` over the points of the box in the ball, and about where it is least.
    pub fn minimum(
        &self,
        slopes: &[f64],
        constant: f64,
        lower: &[f64],
        upper: &[f64],
        at: &mut Vec<f64>,
    ) -> f64 {
        let Distance { norm, centre, weights } = &self.distance;
        let n = slopes.len();
        if *norm == Norm::LInfinity {
            let (mut low, mut high) = (lower.to_vec(), upper.to_vec());
            self.distance.reach(self.radius, &mut low, &mut high);
            return self.distance.penalised(slopes, constant, 0.0, &low, &high, at);
        }
        let start = |i: usize| centre[i].max(lower[i]).min(upper[i]);
        let multiplier = if *norm == Norm::L2 {
            let room = self.radius * self.radius;
            let unit = |i: usize| slopes[i] / weights[i];
            let steepness: f64 = (0..n).map(|i| slopes[i] * unit(i)).sum();
            let mut t = self.radius / steepness.sqrt();
            for _ in 0..24 {
                let (mut held, mut free) = (0.0, 0.0);
                for i in 0..n {
                    let x = centre[i] - t * unit(i);
                    let clamped = x.max(lower[i]).min(upper[i]);
                    if clamped == x {
                        free += slopes[i] * unit(i);
                    } else {
                        held += weights[i] * (clamped - centre[i]) * (clamped - centre[i]);
                    }
                }
                if free <= 0.0 {
                    // All at the ends of the box: within the ball or not.
                    t = if held <= room { f64::INFINITY } else { 0.5 * t };
                    if held <= room {
                        break;
                    }
                    continue;
                }
                let next = ((room - held).max(0.0) / free).sqrt();
                if (next - t).abs() <= 1e-12 * t {
                    break;
                }
                t = if next > 0.0 { next } else { 0.5 * t };
            }
            if t.is_finite() && t > 0.0 { 0.5 / t } else { 0.0 }
        } else {
            let used: f64 = (0..n).map(|i| weights[i] * (start(i) - centre[i]).abs()).sum();
            let room = |i: usize| if slopes[i] > 0.0 { start(i) - lower[i] } else { upper[i] - start(i) };
            self.distance.absolute_multiplier(slopes, self.radius - used, &room, |i| weights[i])
        };
        let penalty = if *norm == Norm::L2 { self.radius * self.radius } else { self.radius };
        let multiplier = if multiplier.is_finite() { multiplier } else { 0.0 };
        let bound = self.distance.penalised(slopes, constant, multiplier, lower, upper, at);
        let least = (bound - (multiplier * penalty.next_up()).next_up()).next_down();
        if *norm == Norm::L1 {
            self.spend(slopes, lower, upper, at);
        }
        let mut corner = Vec::new();
        let boxed = self.distance.penalised(slopes, constant, 0.0, lower, upper, &mut corner);
        if boxed > least {
            return boxed;
        }
        least
    }

    /// The point of the box in an L1 ball where a form is least: the coordinates that gain most for their price move first.
    fn spend(&self, slopes: &[f64], lower: &[f64], upper: &[f64], at: &mut Vec<f64>) {
        let Distance { centre, weights, .. } = &self.distance;
        let n = slopes.len();
        at.clear();
        at.extend((0..n).map(|i| centre[i].max(lower[i]).min(upper[i])));
        let mut left = self.radius - (0..n).map(|i| weights[i] * (at[i] - centre[i]).abs()).sum::<f64>();
        let ratio = |i: usize| slopes[i].abs() / weights[i];
        let mut order: Vec<usize> = (0..n).filter(|&i| slopes[i] != 0.0).collect();
        order.sort_by(|&a, &b| ratio(b).total_cmp(&ratio(a)));
        for i in order {
            if left <= 0.0 {
                break;
            }
            let end = if slopes[i] > 0.0 { lower[i] } else { upper[i] };
            let step = (end - at[i]).abs().min(left / weights[i]);
            at[i] += step * (end - at[i]).signum();
            left -= step * weights[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use netinverse_base::Rng;

    use super::*;

    struct Case {
        ball: Ball,
        slopes: Vec<f64>,
        constant: f64,
        lower: Vec<f64>,
        upper: Vec<f64>,
    }

    fn cases(norm: Norm) -> impl Iterator<Item = (Case, Rng)> {
        (0..300).map(move |seed| {
            let mut random = Rng::new(seed, 0);
            let n = 1 + (seed as usize) % 5;
            let mut draw = |lo: f64, hi: f64| (0..n).map(|_| random.range(lo, hi)).collect::<Vec<f64>>();
            let lower = draw(-1.0, 0.0);
            let upper = draw(0.0, 1.0);
            let centre = draw(-1.2, 1.2);
            let weights = draw(0.5, 2.0);
            let slopes: Vec<f64> = draw(-1.0, 1.0);
            let distance = Distance::new(norm, &centre, (seed % 2 == 0).then_some(&weights[..]));
            let radius = draw(0.1, 2.0)[0];
            let constant = draw(-1.0, 1.0)[0];
            (Case { ball: Ball { distance, radius }, slopes, constant, lower, upper }, random)
        })
    }

    /// No sampled point contradicts a bound, and where points are near the optimum, bounds are near them.
    #[test]
    fn bounds_hold_and_are_attained() {
        for norm in [Norm::L1, Norm::L2, Norm::LInfinity] {
            let (mut tight, mut tight_distances, mut all) = (0, 0, 0);
            for (case, mut random) in cases(norm) {
                let Case { ball, slopes, constant, lower, upper } = &case;
                let n = slopes.len();
                let value = |x: &[f64]| constant + slopes.iter().zip(x).map(|(s, x)| s * x).sum::<f64>();
                let mut at = Vec::new();
                let bound = ball.minimum(slopes, *constant, lower, upper, &mut at);
                let half = ball.distance.to_half_space(slopes, *constant, lower, upper);
                let boxed = ball.distance.to_box(lower, upper);
                let (mut least, mut nearest, mut nearest_box) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
                // Points of the box, some at its ends, then walks that improve.
                let consider = |x: &[f64], least: &mut f64, nearest: &mut f64, nearest_box: &mut f64| {
                    let far = ball.distance.of(x);
                    *nearest_box = nearest_box.min(far);
                    let inside = far <= ball.radius;
                    let better = inside && value(x) < *least;
                    if better {
                        *least = value(x);
                    }
                    let nearer = value(x) >= 0.0 && far < *nearest;
                    if nearer {
                        *nearest = far;
                    }
                    (better, nearer)
                };
                let draw = |random: &mut Rng| -> Vec<f64> {
                    (0..n)
                        .map(|i| random.range(lower[i] - 0.5, upper[i] + 0.5).clamp(lower[i], upper[i]))
                        .collect()
                };
                let mut best = [draw(&mut random), draw(&mut random)];
                for step in 0..4000 {
                    let scale = 0.997f64.powi(step);
                    for k in 0..2 {
                        let x: Vec<f64> = if step < 400 {
                            draw(&mut random)
                        } else {
                            (0..n)
                                .map(|i| {
                                    (best[k][i] + scale * random.range(-1.0, 1.0)).clamp(lower[i], upper[i])
                                })
                                .collect()
                        };
                        let improved = consider(&x, &mut least, &mut nearest, &mut nearest_box);
                        if [improved.0, improved.1][k] {
                            best[k] = x;
                        }
                    }
                }
                assert!(bound <= least + 1e-12, "{norm:?}: {bound} against {least}");
                assert!(half <= nearest + 1e-12, "{norm:?}: {half} against {nearest}");
                assert!(boxed <= nearest_box + 1e-12, "{norm:?}: {boxed} against {nearest_box}");
                if least.is_finite() && nearest.is_finite() {
                    all += 1;
                    tight += usize::from(bound > least - 0.05);
                    tight_distances += usize::from(half > nearest - 0.05);
                }
            }
            assert!(all > 60, "{norm:?}: {all} cases with points on both sides");
            assert!(tight * 10 >= all * 9, "{norm:?}: {tight} of {all} minima are tight");
            assert!(
                tight_distances * 10 >= all * 9,
                "{norm:?}: {tight_distances} of {all} distances are tight"
            );
        }
    }

    #[test]
    fn a_round_ball_inside_the_box_has_a_closed_form() {
        let distance = Distance::new(Norm::L2, &[0.1, -0.2, 0.3], None);
        let ball = Ball { distance, radius: 0.5 };
        let mut at = Vec::new();
        let bound = ball.minimum(&[2.0, -1.0, 2.0], 0.25, &[-9.0; 3], &[9.0; 3], &mut at);
        let exact = 0.25 + 0.2 + 0.2 + 0.6 - 0.5 * 3.0;
        assert!(bound <= exact && exact - bound < 1e-12, "{bound} for {exact}");
        let far = ball.distance.to_half_space(&[2.0, -1.0, 2.0], -4.0, &[-9.0; 3], &[9.0; 3]);
        assert!(far <= 1.0 && 1.0 - far < 1e-12, "{far}");
    }

    /// Two planes that meet in a line: the distance to the line, which neither plane gives.
    #[test]
    fn the_distance_to_an_edge_is_that_of_both_half_spaces() {
        let distance = Distance::new(Norm::L2, &[0.0; 3], None);
        let rows: [(&[f64], f64); 2] = [(&[1.0, 0.2, 0.0], -1.0), (&[-0.2, 1.0, 0.0], -1.0)];
        let edge = distance.to_half_spaces(&rows, &[-9.0; 3], &[9.0; 3]);
        // x = (0.8, 1.2)/1.04
        let exact = (0.8f64 * 0.8 + 1.2 * 1.2).sqrt() / 1.04;
        assert!(edge <= exact && exact - edge < 1e-6, "{edge} for {exact}");
        let alone = distance.to_half_space(rows[0].0, rows[0].1, &[-9.0; 3], &[9.0; 3]);
        assert!(alone < exact - 0.1, "{alone}");
    }

    #[test]
    fn what_the_half_space_leaves_out_is_infinitely_far() {
        for norm in [Norm::L1, Norm::L2, Norm::LInfinity] {
            let distance = Distance::new(norm, &[0.0; 2], None);
            assert!(distance.to_half_space(&[1.0, 1.0], -2.1, &[-1.0; 2], &[1.0; 2]).is_infinite());
            assert!(distance.to_half_space(&[1.0, 1.0], -2.0, &[-1.0; 2], &[1.0; 2]) <= 2.0);
            assert_eq!(distance.to_half_space(&[1.0, 1.0], 0.0, &[-1.0; 2], &[1.0; 2]), 0.0);
        }
    }
}
