//! Bounds for any number of coefficients.

use super::quantise::{Quantised, power_of_two};
use super::{Coefficients, NOTHING_KNOWN};
use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};

/// Bounds on the fraction from the moments of S = Σ c_i σ_i, σ_i uniform on [−½, ½], and the form's value at
/// the centre, whose magnitude is d: the fraction is 1 − q if that value is positive and q if not, with the
/// tail q = P(S > d).
///
/// With ‖c‖² = Σ c² and R = Σ c/2,
/// - q ≤ exp(−6d²/‖c‖²): E e^{λcσ} = sinh(λc/2)/(λc/2) ≤ e^{λ²c²/24}, since sinh x/x = Π(1 + x²/(πj)²) ≤
///   e^{x²/6}; Chernoff.
/// - q ≤ ½(1 − d/R): S is symmetric and unimodal, so that q is convex for d ≥ 0, from ½ at 0 to 0 at R.
/// - q ≥ ½ − √2 d/‖c‖: no slice of the unit cube has more than √2 of volume (Ball 1986), which bounds the
///   density of S.
/// - |q − Q(d/sd)| ≤ 0.56 Σ E|cσ|³/sd³ for the normal tail Q, sd² = ‖c‖²/12, E|cσ|³ = c³/32 (Berry, Esseen;
///   the constant for summands that are not alike is Shevtsova's, 2010).
pub(super) fn bounds(form: &Quantised, coefficients: &Coefficients) -> (f64, f64) {
    let Some([sum, square, cube]) = coefficients.moments() else { return NOTHING_KNOWN };
    if form.scaled_by != 0 {
        return NOTHING_KNOWN;
    }
    // 2·centre is in 2⁻¹⁶ of a unit.
    let (twice_centre, error) = form.twice_centre;
    let magnitude = twice_centre.unsigned_abs() as f64;
    let per_unit = power_of_two(form.exponent - 17);
    let d = Interval::new(
        mul_down(add_down(magnitude.next_down(), -error).max(0.0), per_unit),
        mul_up(add_up(magnitude.next_up(), error), per_unit),
    );
    let Some(norm) = square.sqrt() else { return NOTHING_KNOWN };
    let half = Interval::point(0.5);

    let steepness = (Interval::point(6.0) * d * d).divided_by(square);
    let chord = half * (Interval::point(1.0) - d.divided_by(half * sum));
    let slice = half - (Interval::new(2.0, 2.0).sqrt().unwrap_or(Interval::ENTIRE) * d).divided_by(norm);
    // 0.56·12^{3/2}/32 = 0.7275 rounded up
    let apart = Interval::point(0.7276) * cube.divided_by(square * norm);
    let normal = normal_tail((Interval::point(12.0).sqrt().unwrap_or(Interval::ENTIRE) * d).divided_by(norm));

    let least = slice.lo().max((normal - apart).lo()).clamp(0.0, 0.5);
    if d.lo() == 0.0 {
        return (least, add_up(1.0, -least)); // the sign of the centre is not known
    }
    let most =
        0.5_f64.min(exponential_of_minus(steepness).hi()).min(chord.hi().max(0.0)).min((normal + apart).hi());
    if twice_centre < 0 { (least, most) } else { (add_down(1.0, -most), add_up(1.0, -least)) }
}

impl Coefficients {
    /// Σ c, Σ c² and Σ c³ over all coefficients, enclosed; `None` where the powers might underflow or
    /// overflow.
    fn moments(&self) -> Option<[Interval; 3]> {
        let largest = self.kept[0].0;
        if !(power_of_two(-300)..power_of_two(300)).contains(&largest) {
            return None;
        }
        let mut sums = self.averaged;
        for &(c, _) in self.kept() {
            super::add_powers(&mut sums, c);
        }
        // Each c was rounded up by at most 40 roundings, its powers by thrice that, and each addition by one.
        let roundings = 256.0 + self.terms as f64;
        let down = add_down(1.0, -mul_up(roundings, 2.0 * f64::EPSILON));
        (down > 0.5).then(|| sums.map(|sum| Interval::new(mul_down(sum, down), sum)))
    }
}

/// e^{−y} for y ≥ 0: Taylor's series at y/2^k ≤ ½, whose terms alternate and decrease, squared k times.
fn exponential_of_minus(y: Interval) -> Interval {
    let end = |y: f64| {
        if y > 700.0 {
            return Interval::new(0.0, 1e-300); // e⁻⁷⁰⁰ < 10⁻³⁰⁴
        }
        let squarings = if y > 0.5 { (2.0 * y).log2().ceil() as i32 + 1 } else { 0 };
        let r = Interval::point(y * power_of_two(-squarings));
        let (mut sum, mut term) = (Interval::point(1.0), Interval::point(1.0));
        for j in 1..=14 {
            term = -(term * r).divided_by(Interval::point(f64::from(j)));
            sum = sum + term;
        }
        sum = sum + Interval::new(-term.magnitude(), term.magnitude());
        for _ in 0..squarings {
            sum = sum * sum;
        }
        Interval::new(sum.lo().max(0.0), sum.hi().min(1.0))
    };
    Interval::new(end(y.hi().max(0.0)).lo(), end(y.lo().max(0.0)).hi())
}

/// Q(x) = P(N > x) for x ≥ 0, N standard normal: ½ − φ(x) Σ_k x^{2k+1}/(1·3·…·(2k+1)), all terms positive.
/// Once x² < 2k + 3 the rest is at most a geometric series.
fn normal_tail(x: Interval) -> Interval {
    let end = |x: f64| {
        if x > 6.0 {
            return Interval::new(0.0, 1e-9); // Q(6) < 10⁻⁹
        }
        let x = Interval::point(x);
        let square = x * x;
        let (mut sum, mut term) = (x, x);
        let mut odd = 1.0;
        while odd < 121.0 {
            odd += 2.0;
            term = (term * square).divided_by(Interval::point(odd));
            sum = sum + term;
        }
        // ratio ≤ 36/123 < ½: the rest is less than the last term
        sum = sum + Interval::new(0.0, term.hi().max(0.0));
        // 1/√(2π) = 0.39894228040143267794…
        let density = Interval::new(0.398_942_280_401_432_6, 0.398_942_280_401_432_8)
            * exponential_of_minus(square * Interval::point(0.5));
        Interval::point(0.5) - density * sum
    };
    Interval::new(end(x.hi().max(0.0)).lo().max(0.0), end(x.lo().max(0.0)).hi().clamp(0.0, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_tails_and_exponentials_enclose_known_values() {
        // 20 digits from tables (Abramowitz & Stegun 26.1)
        for (x, tail) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457_05),
            (2.0, 0.022_750_131_948_179_21),
            (3.0, 0.001_349_898_031_630_094_5),
            (5.0, 2.866_515_718_791_939e-7),
        ] {
            let enclosure = normal_tail(Interval::point(x));
            assert!(
                enclosure.lo() <= tail * (1.0 + 1e-15) && tail * (1.0 - 1e-15) <= enclosure.hi(),
                "Q({x}) in {enclosure:?}"
            );
            assert!(enclosure.width() < 1e-13);
        }
        for y in [0.0, 1e-300, 0.3, 1.0, 7.5, 100.0, 699.0, 800.0] {
            let enclosure = exponential_of_minus(Interval::point(y));
            let value = (-y).exp();
            assert!(enclosure.lo() <= value * (1.0 + 1e-15) && value * (1.0 - 1e-15) <= enclosure.hi());
            assert!(enclosure.width() < 1e-12, "{y}: {enclosure:?}");
        }
    }
}
