//! Functions of one number: their values enclosed, and lines proved to lie above or below them.

use super::number::{add_down, add_up, mul_down, mul_up};

/// A function of one number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Curve {
    /// Lines between kinks, continuous: below `kinks[0]` it is `slope · z + offset` of `segments[0]`, and so on.
    Piecewise {
        /// Ascending.
        kinks: Vec<f64>,
        /// One more than kinks.
        segments: Vec<(f64, f64)>,
    },
    /// 1 / (1 + e⁻ᶻ)
    Sigmoid,
    /// tanh z
    Tanh,
}

impl Curve {
    /// `low · z` below 0, `high · z` above.
    pub(crate) fn bent(low: f64, high: f64) -> Self {
        Curve::Piecewise { kinks: vec![0.0], segments: vec![(low, 0.0), (high, 0.0)] }
    }

    pub(crate) fn is_relu(&self) -> bool {
        matches!(self, Curve::Piecewise { kinks, segments }
            if kinks[..] == [0.0] && segments[..] == [(0.0, 0.0), (1.0, 0.0)])
    }

    /// An enclosure of the value at z.
    pub(crate) fn value(&self, z: f64) -> (f64, f64) {
        match self {
            Curve::Piecewise { kinks, segments } => {
                let (slope, offset) = segments[kinks.partition_point(|&k| k < z)];
                (add_down(mul_down(slope, z), offset), add_up(mul_up(slope, z), offset))
            }
            Curve::Sigmoid => sigmoid(z),
            Curve::Tanh => {
                let (low, high) = sigmoid(2.0 * z);
                (add_down(2.0 * low, -1.0).max(-1.0), add_up(2.0 * high, -1.0).min(1.0))
            }
        }
    }

    /// An enclosure of the values on [l, u].
    pub(crate) fn range(&self, l: f64, u: f64) -> (f64, f64) {
        let (a, b) = (self.value(l), self.value(u));
        let ends = (a.0.min(b.0), a.1.max(b.1));
        self.kinks_within(l, u).map(|k| self.value(k)).fold(ends, |r, v| (r.0.min(v.0), r.1.max(v.1)))
    }

    /// An offset b such that f(z) ≤ slope · z + b on [l, u].
    pub(crate) fn offset_above(&self, slope: f64, l: f64, u: f64) -> f64 {
        let over = |z: f64| add_up(self.value(z).1, -mul_down(slope, z));
        if matches!(self, Curve::Piecewise { .. }) {
            return self.kinks_within(l, u).map(over).fold(over(l).max(over(u)), f64::max);
        }
        // Sigmoid and tanh are convex up to 0: largest at an end; and concave from there on: below every tangent.
        let mut most = over(l).max(over(u));
        if u > 0.0 {
            let from = l.max(0.0);
            most = most.max(over(from));
            let touching = bisect(from, u, |t| self.guess(t).1 > slope);
            let (value, (low, high)) = (self.value(touching).1, self.slope(touching));
            for end in [from, u] {
                let reach = end - touching;
                let (down, up) = (reach.next_down(), reach.next_up());
                let rise = [low, high].into_iter().flat_map(|d| [mul_up(d, down), mul_up(d, up)]);
                let rise = rise.fold(f64::NEG_INFINITY, f64::max);
                most = most.max(add_up(add_up(value, rise), -mul_down(slope, end)));
            }
        }
        most
    }

    /// An offset b such that f(z) ≥ slope · z + b on [l, u].
    pub(crate) fn offset_below(&self, slope: f64, l: f64, u: f64) -> f64 {
        match self {
            Curve::Piecewise { .. } => {
                let under = |z: f64| add_down(self.value(z).0, -mul_up(slope, z));
                self.kinks_within(l, u).map(under).fold(under(l).min(under(u)), f64::min)
            }
            // f(−z) = c − f(z)
            Curve::Sigmoid => add_down(1.0, -self.offset_above(slope, -u, -l)),
            Curve::Tanh => -self.offset_above(slope, -u, -l),
        }
    }

    /// Slopes of a lower and an upper line on [l, u]: those that leave least at the middle. Any would do.
    pub(crate) fn slopes(&self, l: f64, u: f64) -> (f64, f64) {
        let middle = f64::midpoint(l, u);
        let mut best = ((0.0, f64::NEG_INFINITY), (0.0, f64::INFINITY));
        let candidates = self.candidates(l, u);
        for slope in candidates.into_iter().filter(|s| s.is_finite()) {
            let (below, above) = self.gaps(slope, l, u);
            let heights = (slope * middle + below, slope * middle + above);
            if heights.0 > best.0.1 {
                best.0 = (slope, heights.0);
            }
            if heights.1 < best.1.1 {
                best.1 = (slope, heights.1);
            }
        }
        (best.0.0, best.1.0)
    }

    /// About the least and the largest f(z) − slope · z on [l, u].
    fn gaps(&self, slope: f64, l: f64, u: f64) -> (f64, f64) {
        let over = |z: f64| self.guess(z).0 - slope * z;
        let mut points = vec![l, u];
        points.extend(self.kinks_within(l, u));
        if !matches!(self, Curve::Piecewise { .. }) {
            points.push(bisect(l.max(0.0), u.max(0.0), |t| self.guess(t).1 > slope).clamp(l, u));
            points.push(-bisect((-u).max(0.0), (-l).max(0.0), |t| self.guess(t).1 > slope).clamp(-u, -l));
        }
        let values = points.into_iter().map(over);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
    }

    /// About f(z) and f′(z).
    fn guess(&self, z: f64) -> (f64, f64) {
        match self {
            Curve::Piecewise { kinks, segments } => {
                let (slope, offset) = segments[kinks.partition_point(|&k| k < z)];
                (slope * z + offset, slope)
            }
            Curve::Sigmoid => {
                let s = 1.0 / (1.0 + (-z).exp());
                (s, s * (1.0 - s))
            }
            Curve::Tanh => (z.tanh(), 1.0 - z.tanh() * z.tanh()),
        }
    }

    fn candidates(&self, l: f64, u: f64) -> Vec<f64> {
        let value = |z: f64| self.guess(z).0;
        let chord = |a: f64, b: f64| if b > a { (value(b) - value(a)) / (b - a) } else { 0.0 };
        let mut slopes = vec![0.0, chord(l, u)];
        if let Curve::Piecewise { segments, .. } = self {
            slopes.extend(segments.iter().map(|s| s.0));
            slopes.extend(self.kinks_within(l, u).flat_map(|k| [chord(l, k), chord(k, u)]));
        } else {
            let tangent = |z: f64| self.guess(z).1;
            slopes.extend([l, u, f64::midpoint(l, u)].map(tangent));
            let gap = |t: f64, end: f64| tangent(t) * (t - end) - (value(t) - value(end));
            slopes.push(tangent(bisect(l.max(0.0), u.max(0.0), |t| gap(t, l) > 0.0)));
            slopes.push(tangent(bisect(l.min(0.0), u.min(0.0), |t| gap(t, u) > 0.0)));
        }
        slopes
    }

    /// Whether the curve is no line on [l, u].
    pub(crate) fn bends(&self, l: f64, u: f64) -> bool {
        match self {
            Curve::Piecewise { .. } => self.kinks_within(l, u).next().is_some(),
            _ => l < u,
        }
    }

    fn kinks_within(&self, l: f64, u: f64) -> impl Iterator<Item = f64> + '_ {
        let kinks: &[f64] = if let Curve::Piecewise { kinks, .. } = self { kinks } else { &[] };
        kinks.iter().copied().filter(move |&k| l < k && k < u)
    }

    /// An enclosure of the derivative of sigmoid or tanh.
    fn slope(&self, z: f64) -> (f64, f64) {
        let (low, high) = self.value(z);
        if matches!(self, Curve::Tanh) {
            let (least, most) = if low > 0.0 {
                (low, high)
            } else if high < 0.0 {
                (-high, -low)
            } else {
                (0.0, (-low).max(high))
            };
            return (add_down(1.0, -mul_up(most, most)).max(0.0), add_up(1.0, -mul_down(least, least)));
        }
        // s (1 − s), s between low and high.
        let a = mul_up(high, add_up(1.0, -low));
        (mul_down(low, add_down(1.0, -high)).max(0.0), a.min(0.25))
    }
}

/// A point near the border of the `ahead` part of an interval that begins with it.
fn bisect(mut from: f64, mut to: f64, ahead: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let t = f64::midpoint(from, to);
        *(if ahead(t) { &mut from } else { &mut to }) = t;
    }
    from
}

fn sigmoid(z: f64) -> (f64, f64) {
    const FAR: f64 = 700.0;
    if z > FAR {
        return (1.0f64.next_down(), 1.0);
    }
    if z < -FAR {
        return (0.0, 1e-300);
    }
    let (low, high) = exponential(-z);
    let (low, high) = (add_down(1.0, low), add_up(1.0, high));
    ((1.0 / high).next_down(), (1.0 / low).next_up().min(1.0))
}

/// e^x enclosed, |x| ≤ 700: with x = k ln 2 + r, 2^k Σ rⁱ/i! and the remainder of the series.
fn exponential(x: f64) -> (f64, f64) {
    // ln 2 = LN_2 + ρ, 2.3190468138462e-17 < ρ < 2.3190468138463e-17.
    const REST: (f64, f64) = (2.319_046_813_846_2e-17, 2.319_046_813_846_3e-17);
    let k = (x / std::f64::consts::LN_2).round();
    let times = |a: f64, b: (f64, f64)| {
        if a >= 0.0 { (mul_down(a, b.0), mul_up(a, b.1)) } else { (mul_down(a, b.1), mul_up(a, b.0)) }
    };
    let rest = times(-k, REST);
    let r = (
        add_down(add_down(x, mul_down(-k, std::f64::consts::LN_2)), rest.0),
        add_up(add_up(x, mul_up(-k, std::f64::consts::LN_2)), rest.1),
    );
    // Horner; the partial sums are positive.
    let mut sum = (1.0, 1.0);
    for i in (1..=17).rev() {
        let product = (
            mul_down(r.0, if r.0 >= 0.0 { sum.0 } else { sum.1 }),
            mul_up(r.1, if r.1 >= 0.0 { sum.1 } else { sum.0 }),
        );
        let i = f64::from(i);
        sum = (add_down(1.0, (product.0 / i).next_down()), add_up(1.0, (product.1 / i).next_up()));
    }
    // |r| < 0.35: the remainder is below 0.35¹⁸/18! · 1.5 < 2e-24.
    let scale = 2f64.powi(k as i32);
    ((sum.0 - 2e-24).next_down() * scale, (sum.1 + 2e-24).next_up() * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enclosures_hold_the_values_of_a_long_series() {
        use crate::kernel::number::{Rational, rational};
        for step in -40..=40 {
            let z = f64::from(step) * 0.25;
            // e^−z by 90 terms in rationals; the remainder is far below the enclosure's width.
            let minus = -rational(z);
            let (mut term, mut sum) = (Rational::ONE, Rational::ONE);
            for i in 1..90u32 {
                term = term * minus.clone() / Rational::from(i);
                sum += term.clone();
            }
            let exact = Rational::ONE / (Rational::ONE + sum);
            let (low, high) = Curve::Sigmoid.value(z);
            assert!(rational(low) <= exact && exact <= rational(high), "sigmoid({z})");
            assert!(high - low < 2e-15, "sigmoid({z}) in [{low}, {high}]");
            let (low, high) = Curve::Tanh.value(z / 2.0);
            let tanh = rational(2.0) * exact - Rational::ONE;
            assert!(rational(low) <= tanh && tanh <= rational(high), "tanh({z}/2)");
        }
    }

    #[test]
    fn lines_lie_on_their_side() {
        let clip =
            Curve::Piecewise { kinks: vec![-1.0, 0.5], segments: vec![(0.0, -1.0), (1.0, 0.0), (0.0, 0.5)] };
        for curve in [
            Curve::Sigmoid,
            Curve::Tanh,
            Curve::bent(0.0, 1.0),
            Curve::bent(0.1, 1.0),
            Curve::bent(-1.0, 1.0),
            clip,
        ] {
            for (l, u) in [(-3.0, 2.0), (-1.0, 4.0), (0.25, 3.0), (-5.0, -0.5), (-0.1, 0.1), (-40.0, 30.0)] {
                for slope in curve.candidates(l, u) {
                    let (above, below) = (curve.offset_above(slope, l, u), curve.offset_below(slope, l, u));
                    let (low, high) = curve.range(l, u);
                    for step in 0..=400 {
                        let z = l + (u - l) * f64::from(step) / 400.0;
                        let (a, b) = curve.value(z);
                        assert!(
                            a <= slope * z + above + 1e-14 && b >= slope * z + below - 1e-14,
                            "{curve:?} at {z}"
                        );
                        assert!(low <= b && a <= high, "{curve:?} on [{l}, {u}]");
                    }
                }
            }
        }
    }
}
