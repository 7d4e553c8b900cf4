//! Two lines around every function, against the function to hundreds of digits.

mod common;

use common::elementary::{self, Fixed};
use netinverse_base::Rng;
use netinverse_bounds::{LinePair, lines};
use netinverse_linalg::Interval;
use netinverse_network::{Domain, Function, enclose};

#[path = "../../network/tests/common/functions.rs"]
#[allow(unreachable_pub, reason = "shared between test files")]
mod functions;

const SPECIAL: [(f64, f64); 31] = [
    (-1e-17, 1.0),
    (-1.0, 1e-17),
    (-2e-13, 0.3),
    (-3.0, 2e-12),
    (-3.0, 5e-324),
    (0.0, 0.0),
    (-0.0, 0.0),
    (0.0, 5e-324),
    (-5e-324, 1e-323),
    (-1e-300, 1e-300),
    (1e-310, 1e-300),
    (1e-310, 1e-310),
    (1e-160, 2e-155),
    (1e-300, 1.0),
    (1.0, 1.0),
    (1.0, 1.0 + f64::EPSILON),
    (-1.0, 1.0),
    (-0.1, 5.0),
    (-5.0, 0.1),
    (-20.0, 1e-3),
    (-1e-9, 30.0),
    (-30.0, 30.0),
    (36.0, 37.0),
    (-745.0, -740.0),
    (-700.0, 700.0),
    (600.0, 709.0),
    (1e100, 1e300),
    (-1e300, -1e250),
    (-1e308, 1e308),
    (-0.5, 2.0),
    (-0.500_000_000_000_000_1, 1.999_999_999_999_999_8),
];

fn intervals(function: Function, rng: &mut Rng) -> Vec<(f64, f64)> {
    let mut all = SPECIAL.to_vec();
    for _ in 0..40 {
        let centre = rng.normal() * 10f64.powi(rng.below(5) as i32 - 3);
        let width = 10f64.powf(rng.range(-16.0, 1.5));
        all.push((centre - width * rng.uniform(), centre + width * rng.uniform()));
    }
    match function.domain() {
        Domain::All => all,
        Domain::Positive | Domain::NonNegative => all
            .into_iter()
            .map(|(l, u)| (l.abs().min(u.abs()), l.abs().max(u.abs())))
            .filter(|(l, _)| *l > 0.0)
            .collect(),
        Domain::NonZero => all.into_iter().filter(|(l, u)| *l > 0.0 || *u < 0.0).collect(),
    }
}

/// Ends, kinks, evenly spaced and close to the ends, and where the function runs parallel to the lines.
fn points(function: Function, l: f64, u: f64, pair: &LinePair) -> Vec<f64> {
    let mut all = vec![l, u, l.midpoint(u), l.next_up(), u.next_down(), 0.0, 5e-324, -5e-324];
    for k in 1..8 {
        let share = f64::from(k) / 8.0;
        all.push(l * (1.0 - share) + u * share);
        let near = 10f64.powi(-2 * k);
        all.push(l + (u - l) * near);
        all.push(u - (u - l) * near);
    }
    all.extend(function.kinks());
    for slope in [pair.lower.slope, pair.upper.slope] {
        for (from, to) in [(l, u), (l, u.min(0.0)), (l.max(0.0), u)] {
            let (mut a, mut b) = (from, to);
            let sign = function.derivative(a) > slope;
            for _ in 0..60 {
                let t = a.midpoint(b);
                if (function.derivative(t) > slope) == sign { a = t } else { b = t }
            }
            all.extend([a, b]);
        }
    }
    all.into_iter().filter(|z| l <= *z && *z <= u).collect()
}

#[test]
fn lines_and_enclosures_hold_for_every_function() {
    let mut rng = Rng::new(21, 0);
    let tolerance = Fixed::tolerance();
    for function in functions::FUNCTIONS.into_iter().filter(|&function| elementary::knows(function)) {
        let mut checked = 0;
        for (l, u) in intervals(function, &mut rng) {
            let Some(pair) = lines(function, l, u) else { continue };
            let enclosure = enclose::function(function, Interval::new(l, u)).expect("lines are known");
            for z in points(function, l, u, &pair) {
                let label = || format!("{function:?} on [{l:e}, {u:e}] at {z:e}: {pair:?}");
                let value = elementary::value(function, z);
                let (below, above) = (value.minus(&tolerance), value.plus(&tolerance));
                let line = Fixed::line(pair.lower.slope, pair.lower.offset, z);
                assert!(line <= above, "{}: above by {:e}", label(), line.minus(&value).approximate());
                let line = Fixed::line(pair.upper.slope, pair.upper.offset, z);
                assert!(line >= below, "{}: below by {:e}", label(), value.minus(&line).approximate());
                assert!(
                    Fixed::of(enclosure.lo()) <= above && below <= Fixed::of(enclosure.hi()),
                    "{}",
                    label()
                );
                checked += 1;
            }
            // No looser than the enclosure in the middle, where the constant line is one of the choices.
            let middle = l.midpoint(u);
            let height = |line: netinverse_bounds::Line| line.slope * middle + line.offset;
            let gap = height(pair.upper) - height(pair.lower);
            let scale = enclosure.magnitude().max(pair.upper.slope.abs() * middle.abs());
            let slack = 1e-12 * scale + 1e-290;
            assert!(
                gap <= enclosure.width() + slack || !gap.is_finite(),
                "{function:?} on [{l:e}, {u:e}]: {gap:e}"
            );
            // A function that is a line there is known.
            let kinked = function.kinks().any(|kink| l < kink && kink < u);
            if function.is_piecewise_linear() && !kinked {
                assert!(gap <= slack, "{function:?} is a line on [{l:e}, {u:e}], its bounds {gap:e} apart");
            }
        }
        assert!(checked > 800, "{function:?}: {checked} points");
    }
}

/// The area between the lines of a smooth function falls with the square of the width.
#[test]
fn narrow_intervals_have_lines_close_by() {
    for function in functions::FUNCTIONS {
        for centre in [0.5, 1.25, 3.0] {
            let gap = |width: f64| {
                let (l, u) = (centre - width, centre + width);
                let pair = lines(function, l, u).expect("inside the domain");
                [l, centre, u]
                    .map(|z| {
                        pair.upper.slope * z + pair.upper.offset - pair.lower.slope * z - pair.lower.offset
                    })
                    .into_iter()
                    .fold(0.0, f64::max)
            };
            if function.kinks().any(|kink| (kink - centre).abs() < 0.2) {
                continue;
            }
            for width in [1e-2, 1e-3] {
                let turns = (function.derivative(centre + width) - function.derivative(centre - width)).abs();
                assert!(
                    gap(width) <= 2.0 * width * turns + 1e-12,
                    "{function:?} at {centre}: {}",
                    gap(width)
                );
            }
        }
    }
}
