//! Steps along a direction of the dual function, which restricted to a line is convex and piecewise quadratic.

use super::kernel::Kernel;

/// A line v + α s in input space, s = U d, seen by the dual function: its derivative along the line is
/// f(α) = clip(v + α s)·s − t·d, nondecreasing and piecewise linear.
pub(crate) struct Line<'a> {
    pub(crate) kernel: Kernel,
    pub(crate) v: &'a [f64],
    pub(crate) s: &'a [f64],
    pub(crate) low: &'a [f64],
    pub(crate) high: &'a [f64],
    /// t·d
    pub(crate) target: f64,
    /// f(0) < 0
    pub(crate) initial: f64,
    /// Round-off in f.
    pub(crate) noise: f64,
}

/// Where a search along a line ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// Go this far.
    To(f64),
    /// The derivative stays negative for ever: the direction is a ray.
    Unbounded,
}

impl Line<'_> {
    /// The full step if it does well, otherwise the exact minimum; exact at once when `exact` is set.
    pub(crate) fn search(&self, exact: bool, breaks: &mut Vec<f64>) -> Step {
        let full = self.derivative(1.0);
        if !exact && full.abs() <= 0.5 * self.initial.abs() + self.noise {
            return Step::To(1.0);
        }
        if full < 0.0 && self.slope_at_infinity() < 0.0 {
            return Step::Unbounded;
        }
        self.exact_minimum(full, breaks)
    }

    fn derivative(&self, alpha: f64) -> f64 {
        self.kernel.slope(self.v, self.s, self.low, self.high, alpha).0 - self.target
    }

    /// lim f(α): each input at the end of its range to which it moves.
    fn slope_at_infinity(&self) -> f64 {
        let mut sum = -self.target;
        for ((&s, &low), &high) in self.s.iter().zip(self.low).zip(self.high) {
            if s != 0.0 {
                sum += s * if s > 0.0 { high } else { low };
            }
        }
        sum
    }

    /// The zero of f, by bisection over the sorted points where an input meets a bound, then on the linear piece.
    fn exact_minimum(&self, full: f64, breaks: &mut Vec<f64>) -> Step {
        breaks.clear();
        let (from, to) = if full < 0.0 { (1.0, f64::INFINITY) } else { (0.0, 1.0) };
        for i in 0..self.v.len() {
            let s = self.s[i];
            if s == 0.0 {
                continue;
            }
            for bound in [self.low[i], self.high[i]] {
                let at = (bound - self.v[i]) / s;
                if at > from && at < to {
                    breaks.push(at);
                }
            }
        }
        breaks.sort_unstable_by(f64::total_cmp);
        // f(left) < 0 ≤ f(right), the right end being ∞ until a break with f ≥ 0 is met.
        let (mut left, mut f_left) = if full < 0.0 { (1.0, full) } else { (0.0, self.initial) };
        let (mut right, mut f_right) = if full < 0.0 { (f64::INFINITY, f64::NAN) } else { (1.0, full) };
        let (mut first, mut end) = (0, breaks.len());
        while first < end {
            let middle = usize::midpoint(first, end);
            let at = breaks[middle];
            let value = self.derivative(at);
            if value < 0.0 {
                (left, f_left, first) = (at, value, middle + 1);
            } else {
                (right, f_right, end) = (at, value, middle);
            }
        }
        if right.is_infinite() {
            // The last piece: f is linear from `left` on.
            let curvature = self.kernel.slope(self.v, self.s, self.low, self.high, left.next_up()).1;
            let step = left - f_left / curvature;
            return if step.is_finite() { Step::To(step) } else { Step::To(left) };
        }
        let fraction = if f_right > f_left { -f_left / (f_right - f_left) } else { 1.0 };
        Step::To(left + fraction * (right - left))
    }
}
