//! The fraction of a box in a half-space, against exact rationals.

use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_geometry::{
    HalfSpaces, half_space_fraction, intersection_fraction, refined_intersection_fraction,
};
use netinverse_linalg::Interval;

fn exact(value: f64) -> RBig {
    RBig::try_from(value).expect("finite")
}

/// Σ_v (−1)^{|v|} (t − c·v)₊ⁿ/(n! Π c) over all vertices, from the doubles themselves, without any rounding.
fn exact_fraction(normal: &[f64], offset: f64, lower: &[f64], upper: &[f64]) -> RBig {
    let mut c = Vec::new();
    let mut most = exact(offset);
    for i in 0..normal.len() {
        let (p, q) = (exact(normal[i]) * exact(lower[i]), exact(normal[i]) * exact(upper[i]));
        let spread = if p < q { &q - &p } else { &p - &q };
        most += if p < q { q } else { p };
        if spread > RBig::ZERO {
            c.push(spread);
        }
    }
    if c.is_empty() {
        return if most >= RBig::ZERO { RBig::ONE } else { RBig::ZERO };
    }
    let mut sum = RBig::ZERO;
    for v in 0..1u32 << c.len() {
        let mut z = most.clone();
        for (i, c) in c.iter().enumerate() {
            if v >> i & 1 == 1 {
                z -= c;
            }
        }
        if z > RBig::ZERO {
            let mut power = z.clone();
            for _ in 1..c.len() {
                power *= &z;
            }
            sum = if v.count_ones() % 2 == 0 { sum + power } else { sum - power };
        }
    }
    for (i, c) in c.iter().enumerate() {
        sum /= c * RBig::from(i + 1);
    }
    sum
}

fn holds(interval: Interval, value: &RBig) -> bool {
    exact(interval.lo()) <= *value && *value <= exact(interval.hi())
}

/// Asserts the enclosure and its width; gives the latter.
fn check(normal: &[f64], offset: f64, lower: &[f64], upper: &[f64], widest: f64) -> f64 {
    let fraction = half_space_fraction(normal, offset, lower, upper);
    let value = exact_fraction(normal, offset, lower, upper);
    assert!(
        holds(fraction, &value),
        "{normal:?}·x + {offset:e} over {lower:?}, {upper:?}: {fraction:?} lacks {}",
        value.to_f64().value()
    );
    assert!(0.0 <= fraction.lo() && fraction.hi() <= 1.0);
    assert!(fraction.width() <= widest, "{normal:?}·x + {offset:e} over {lower:?}, {upper:?}: {fraction:?}");
    fraction.width()
}

#[test]
fn random_and_uneven_half_spaces_are_enclosed_tightly() {
    let mut rng = Rng::new(1, 0);
    for case in 0..3000 {
        let n = 1 + rng.below(if case % 20 == 0 { 8 } else { 5 });
        let decades = [0.0, 1.0, 3.0, 6.0, 12.0][rng.below(5)];
        let draw = |rng: &mut Rng| rng.normal() * 10f64.powf(rng.range(-decades, decades));
        let mut normal: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
        let (mut lower, mut upper): (Vec<f64>, Vec<f64>) = (0..n)
            .map(|_| {
                let (centre, radius) = (rng.normal(), 10f64.powf(rng.range(-decades, 1.0)));
                (centre - radius, centre + radius)
            })
            .unzip();
        if n > 1 {
            match rng.below(5) {
                0 => normal[0] = 0.0,
                1 => upper[0] = lower[0],
                2 => (normal[0], lower[0], upper[0]) = (normal[1], lower[1], upper[1]),
                _ => {}
            }
        }
        // a hyperplane through a random point of the box
        let at: f64 = (0..n).map(|i| normal[i] * rng.range(lower[i], upper[i])).sum();
        // The widest deviation comes with six orders between two coefficients and the bracket of the others.
        check(&normal, -at, &lower, &upper, 1e-12);
    }
    lowers_may_be_far_from_zero(&mut rng);
}

/// Small boxes far from the origin: the offset cancels the products almost wholly.
fn lowers_may_be_far_from_zero(rng: &mut Rng) {
    for _ in 0..500 {
        let n = 1 + rng.below(4);
        let normal: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let radius = 2f64.powi(-(rng.below(51) as i32));
        let lower: Vec<f64> = (0..n).map(|_| 1.0 + rng.uniform()).collect();
        let upper: Vec<f64> = lower.iter().map(|l| l + radius).collect();
        let at: f64 = (0..n).map(|i| normal[i] * (0.5 * lower[i] + 0.5 * upper[i])).sum();
        check(&normal, -at, &lower, &upper, 1e-12);
    }
}

#[test]
fn hyperplanes_through_corners_and_ties_are_exact() {
    let mut rng = Rng::new(2, 0);
    for case in 0..1500 {
        let n = 1 + rng.below(if case % 20 == 0 { 8 } else { 5 });
        // small integers, scaled by powers of two: everything is representable, so is the corner's value
        let scale = 2f64.powi(rng.below(80) as i32 - 40);
        let normal: Vec<f64> = (0..n).map(|_| (rng.below(7) as f64 - 3.0) * scale).collect();
        let lower: Vec<f64> = (0..n).map(|_| rng.below(5) as f64 - 2.0).collect();
        let upper: Vec<f64> = lower.iter().map(|l| l + rng.below(3) as f64).collect();
        let at: f64 = (0..n).map(|i| normal[i] * if rng.below(2) == 0 { lower[i] } else { upper[i] }).sum();
        let width = check(&normal, -at, &lower, &upper, 4.0 * f64::EPSILON);
        let value = exact_fraction(&normal, -at, &lower, &upper);
        if value == RBig::ZERO || value == RBig::ONE {
            assert_eq!(width, 0.0, "{normal:?} {at} {lower:?} {upper:?}");
        }
    }
}

#[test]
fn corners_of_the_cube_have_one_part_in_n_factorial() {
    let mut factorial = 1.0;
    for n in 1..=14_usize {
        factorial *= n as f64;
        let (ones, zeros) = (vec![1.0; n], vec![0.0; n]);
        // x₁ + … + x_n ≥ n − 1, and its complement's mirror image
        let corner = half_space_fraction(&ones, 1.0 - n as f64, &zeros, &ones);
        assert!(holds(corner, &(RBig::ONE / exact(factorial))), "{n}: {corner:?}");
        assert!(corner.hi() <= corner.lo() * (1.0 + 1e-12) || n == 1);
        let half = half_space_fraction(&ones, -(n as f64) / 2.0, &zeros, &ones);
        assert!(half.contains(0.5) && half.width() < 1e-14, "{n}: {half:?}");
    }
}

#[test]
fn many_coefficients_are_bracketed() {
    let mut rng = Rng::new(3, 0);
    for n in [15, 16, 40, 100, 784] {
        for case in 0..12 {
            let decay = [0.0, 0.02, 0.5][case % 3];
            let normal: Vec<f64> = (0..n).map(|i| rng.normal() * (-decay * i as f64).exp()).collect();
            let lower: Vec<f64> = (0..n).map(|_| -rng.uniform()).collect();
            let upper: Vec<f64> = (0..n).map(|_| rng.uniform()).collect();
            let deviation =
                (0..n).map(|i| (normal[i] * (upper[i] - lower[i])).powi(2) / 12.0).sum::<f64>().sqrt();
            let centre: f64 = (0..n).map(|i| normal[i] * 0.5 * (lower[i] + upper[i])).sum();
            let offset = -centre + deviation * rng.normal();
            let fraction = half_space_fraction(&normal, offset, &lower, &upper);
            let draws = 4000;
            let hits = (0..draws)
                .filter(|_| {
                    (0..n).map(|i| normal[i] * rng.range(lower[i], upper[i])).sum::<f64>() + offset >= 0.0
                })
                .count();
            let sampled = hits as f64 / draws as f64;
            // five standard deviations of the count
            let noise = 5.0 * 0.5 / (draws as f64).sqrt();
            assert!(
                fraction.lo() - noise <= sampled && sampled <= fraction.hi() + noise,
                "{n}: {fraction:?}, {sampled}"
            );
            assert!(fraction.width() < [0.25, 0.25, 1e-3][case % 3], "{n}, decay {decay}: {fraction:?}");
        }
    }
    // Far out the tail bound decides: eight deviations of a sum of 784.
    let n = 784;
    let (ones, zeros) = (vec![1.0; n], vec![0.0; n]);
    let far = half_space_fraction(&ones, -392.0 - 8.0 * (784.0_f64 / 12.0).sqrt(), &zeros, &ones);
    assert!(far.hi() < 2e-14 && far.lo() == 0.0, "{far:?}");
}

#[test]
fn sixteen_equal_coefficients_agree_with_the_exact_value() {
    let n = 16;
    let (ones, zeros) = (vec![1.0; n], vec![0.0; n]);
    for quarter in 0..64 {
        let offset = -f64::from(quarter) / 4.0;
        let value = exact_fraction(&ones, offset, &zeros, &ones);
        let fraction = half_space_fraction(&ones, offset, &zeros, &ones);
        assert!(holds(fraction, &value), "{offset}: {fraction:?}, {}", value.to_f64().value());
    }
}

#[test]
fn constant_forms_and_extreme_numbers() {
    let fraction = |a: &[f64], b, l: &[f64], u: &[f64]| half_space_fraction(a, b, l, u);
    // nothing free: the doubles next to 0.1 and 0.3 have 3·0.1 > 0.3
    assert_eq!(fraction(&[0.1], -0.3, &[3.0], &[3.0]), Interval::point(1.0));
    assert_eq!(fraction(&[-0.1], 0.3, &[3.0], &[3.0]), Interval::ZERO);
    assert_eq!(fraction(&[], 0.0, &[], &[]), Interval::point(1.0));
    assert_eq!(fraction(&[], -5e-324, &[], &[]), Interval::ZERO);
    assert_eq!(fraction(&[0.0, 1.0], -1.0, &[0.0, 1.0], &[1.0, 1.0]), Interval::point(1.0));
    // extreme scales
    for exponent in [-1000, -900, -500, 500, 900, 1000] {
        let a = [2f64.powi(exponent), 2f64.powi(exponent)];
        let half = fraction(&a, -a[0], &[0.0, 0.0], &[1.0, 1.0]);
        assert_eq!(half, Interval::point(0.5), "2^{exponent}");
    }
    for (a, b, l, u) in [
        (f64::MAX, 0.0, -f64::MAX, f64::MAX),
        (5e-324, -5e-324, 0.0, 1.5),
        (f64::MAX, -1.0, 0.0, 5e-324),
        (1e-200, -1e-320, 0.0, 1e-150),
    ] {
        let enclosure = fraction(&[a], b, &[l], &[u]);
        assert!(
            holds(enclosure, &exact_fraction(&[a], b, &[l], &[u])),
            "{a:e} {b:e} [{l:e}, {u:e}]: {enclosure:?}"
        );
    }
}

#[test]
fn several_half_spaces_are_bracketed_and_refined() {
    let square = ([0.0, 0.0], [1.0, 1.0]);
    // the diamond |x − ½| + |y − ½| ≤ ½ has area ½
    let rows = HalfSpaces {
        normals: &[1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0, 1.0],
        offsets: &[-0.5, 1.5, 0.5, 0.5],
    };
    assert_eq!(intersection_fraction(rows, &square.0, &square.1), Interval::new(0.5, 0.875));
    let refined = refined_intersection_fraction(rows, &square.0, &square.1, 1e-6, 100);
    assert_eq!(refined, Interval::point(0.5));
    // a triangle of area 0.02 about the centre: y ≥ 0.5, y − 0.5 ≤ 2(x − 0.4), y − 0.5 ≤ 2(0.6 − x)
    let thin = HalfSpaces { normals: &[0.0, 1.0, 2.0, -1.0, -2.0, -1.0], offsets: &[-0.5, -0.3, 1.7] };
    let coarse = intersection_fraction(thin, &square.0, &square.1);
    assert!(coarse.lo() == 0.0 && coarse.hi() > 0.3);
    let mut last = coarse;
    for effort in [10, 100, 1000] {
        let fraction = refined_intersection_fraction(thin, &square.0, &square.1, 1e-9, effort);
        assert!(last.lo() <= fraction.lo() + 1e-14 && fraction.hi() <= last.hi() + 1e-14);
        assert!(fraction.lo() - 1e-15 <= 0.02 && 0.02 <= fraction.hi() + 1e-15, "{fraction:?}");
        last = fraction;
    }
    assert!(last.width() <= 1e-9, "{last:?}");
    // the orthant simplex of three dimensions cut again: x + y + z ≤ 1 and x ≥ ½ leave (½)³/6
    let rows = HalfSpaces { normals: &[-1.0, -1.0, -1.0, 1.0, 0.0, 0.0], offsets: &[1.0, -0.5] };
    let fraction = refined_intersection_fraction(rows, &[0.0; 3], &[1.0; 3], 1e-4, 20_000);
    assert!(fraction.contains(1.0 / 48.0) && fraction.width() <= 1e-4, "{fraction:?}");
}
