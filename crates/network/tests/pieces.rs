//! Pieces and enclosures of functions against samples: what they say of every point holds at each.

use netinverse_base::Rng;
use netinverse_linalg::Interval;
use netinverse_network::{Curvature, Domain, Function, Monotonicity, Piece, enclose};

mod common;
use common::functions::FUNCTIONS;

/// Increasing points of a piece, ends included where they are finite and in the domain, some close together.
fn points(function: Function, piece: Piece, rng: &mut Rng) -> Vec<f64> {
    let (low, high) = (piece.start.max(-60.0), piece.end.min(60.0));
    let mut points: Vec<f64> = (0..60)
        .map(|i| match i % 3 {
            0 => rng.range(low, high),
            1 => low + (high - low) * rng.uniform().powi(6),
            _ => high - (high - low) * rng.uniform().powi(6),
        })
        .chain([low, high])
        .map(|x| x.clamp(low, high))
        .filter(|&x| function.domain().contains(x))
        .collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    points
}

#[test]
fn pieces_cover_the_domain_in_order() {
    for function in FUNCTIONS {
        let pieces = function.pieces();
        let first = match function.domain() {
            Domain::All | Domain::NonZero => f64::NEG_INFINITY,
            Domain::Positive | Domain::NonNegative => 0.0,
        };
        assert_eq!(pieces.first().unwrap().start, first, "{function:?}");
        assert_eq!(pieces.last().unwrap().end, f64::INFINITY, "{function:?}");
        for pair in pieces.windows(2) {
            assert_eq!(pair[0].end, pair[1].start, "{function:?}");
        }
        for piece in &pieces {
            assert!(piece.start < piece.end, "{function:?}: {piece:?}");
        }
        // A kink is where two pieces meet.
        for kink in function.kinks() {
            assert!(pieces.iter().any(|piece| piece.end == kink), "{function:?}: {kink}");
        }
        // What is not known is known to be tiny, but for waves far out.
        let first_and_last = [pieces[0].end, pieces[pieces.len() - 1].start].map(f64::abs);
        for piece in &pieces {
            let unknown =
                piece.curvature == Curvature::Unknown || piece.monotonicity == Monotonicity::Neither;
            let size = piece.end - piece.start;
            let far = first_and_last.iter().all(|&end| end > 50.0) && size.is_infinite();
            assert!(!unknown || size < 1e-12 || far, "{function:?}: {piece:?}");
        }
        let all_linear = pieces.iter().all(|piece| piece.curvature == Curvature::Linear);
        assert_eq!(all_linear, function.is_piecewise_linear(), "{function:?}");
    }
}

#[test]
fn chords_and_directions_are_as_pieces_say() {
    let mut rng = Rng::new(7, 1);
    for function in FUNCTIONS {
        for piece in function.pieces() {
            let mut bends = 0.0f64;
            for _ in 0..20 {
                let x = points(function, piece, &mut rng);
                let y: Vec<f64> = x.iter().map(|&x| function.value(x)).collect();
                for i in 1..x.len() {
                    let noise = 32.0 * f64::EPSILON * (y[i].abs() + y[i - 1].abs());
                    match piece.monotonicity {
                        Monotonicity::Increasing => {
                            assert!(y[i] >= y[i - 1] - noise, "{function:?}: {piece:?}");
                        }
                        Monotonicity::Decreasing => {
                            assert!(y[i] <= y[i - 1] + noise, "{function:?}: {piece:?}");
                        }
                        Monotonicity::Neither => {}
                    }
                }
                for _ in 0..200 {
                    let mut at = [rng.below(x.len()), rng.below(x.len()), rng.below(x.len())];
                    at.sort_unstable();
                    let [i, j, k] = at;
                    if i == j || j == k {
                        continue;
                    }
                    let t = (x[j] - x[i]) / (x[k] - x[i]);
                    let above = y[j] - ((1.0 - t) * y[i] + t * y[k]);
                    let noise = 64.0 * f64::EPSILON * (y[i].abs() + y[k].abs() + y[j].abs());
                    match piece.curvature {
                        Curvature::Linear => {
                            assert!(above.abs() <= noise, "{function:?}: {piece:?} at {}", x[j]);
                        }
                        Curvature::Convex => {
                            assert!(above <= noise, "{function:?}: {piece:?} at {}", x[j]);
                        }
                        Curvature::Concave => {
                            assert!(above >= -noise, "{function:?}: {piece:?} at {}", x[j]);
                        }
                        Curvature::Unknown => {}
                    }
                    bends = bends.max(above.abs() - noise);
                }
            }
            // What is called convex or concave does bend.
            let wide = piece.end - piece.start > 1e-6;
            if wide && matches!(piece.curvature, Curvature::Convex | Curvature::Concave) {
                assert!(bends > 0.0, "{function:?}: {piece:?} is straight");
            }
        }
    }
}

#[test]
fn enclosures_contain_values_and_slopes() {
    let mut rng = Rng::new(9, 9);
    for function in FUNCTIONS {
        let mut enclosed = 0;
        for _ in 0..800 {
            let scale = 10f64.powi(rng.below(6) as i32 - 3);
            let (a, b) = (scale * rng.normal(), scale * rng.normal());
            let x = Interval::new(a.min(b), a.max(b));
            let Some(values) = enclose::function(function, x) else {
                assert!(
                    !function.domain().contains(x.lo())
                        || !function.domain().contains(x.hi())
                        || x.contains(0.0)
                );
                continue;
            };
            let slopes = enclose::derivative(function, x).expect("in the domain");
            enclosed += 1;
            for step in 0..=20 {
                let x = (x.lo() + f64::from(step) / 20.0 * (x.hi() - x.lo())).clamp(x.lo(), x.hi());
                let (value, slope) = (function.value(x), function.derivative(x));
                assert!(values.contains(value), "{function:?}({x}) = {value}: {values:?}");
                assert!(slopes.contains(slope), "{function:?}′({x}) = {slope}: {slopes:?}");
            }
        }
        assert!(enclosed >= 50, "{function:?}");
    }
}

#[test]
fn enclosures_of_points_are_tight() {
    let mut rng = Rng::new(10, 2);
    for function in FUNCTIONS {
        for _ in 0..200 {
            let x = 3.0 * rng.normal();
            if !function.domain().contains(x) {
                assert_eq!(enclose::function(function, Interval::point(x)), None);
                continue;
            }
            let values = enclose::function(function, Interval::point(x)).unwrap();
            assert!(
                values.width() <= 1e-12 * (1.0 + function.value(x).abs()),
                "{function:?}({x}): {values:?}"
            );
            let slopes = enclose::derivative(function, Interval::point(x)).unwrap();
            assert!(
                slopes.width() <= 1e-11 * (1.0 + function.derivative(x).abs()),
                "{function:?}′({x}): {slopes:?}"
            );
        }
    }
}

#[test]
fn kinks_have_the_slopes_of_both_sides() {
    let at = |function, x| enclose::derivative(function, Interval::point(x)).unwrap();
    assert_eq!(at(Function::Relu, 0.0), Interval::new(0.0, 1.0));
    assert_eq!(at(Function::Abs, 0.0), Interval::new(-1.0, 1.0));
    assert_eq!(at(Function::LeakyRelu { alpha: 0.25 }, 0.0), Interval::new(0.25, 1.0));
    assert_eq!(at(Function::Clip { low: -1.0, high: 2.0 }, 2.0), Interval::new(0.0, 1.0));
    let elu = at(Function::Elu { alpha: 0.5 }, 0.0);
    assert!((elu.lo() - 0.5).abs() < 1e-14 && elu.hi() == 1.0, "{elu:?}");
}

#[test]
fn unbounded_intervals_have_unbounded_enclosures() {
    let line = Interval::ENTIRE;
    assert_eq!(enclose::function(Function::Tanh, line), Some(Interval::new(-1.0, 1.0)));
    assert_eq!(enclose::function(Function::Softplus, line), Some(Interval::new(0.0, f64::INFINITY)));
    assert_eq!(enclose::function(Function::Abs, line), Some(Interval::new(0.0, f64::INFINITY)));
    let slopes = enclose::derivative(Function::Sigmoid, line).unwrap();
    assert!(slopes.lo() <= 0.0 && slopes.lo() > -1e-300 && (slopes.hi() - 0.25).abs() < 1e-14, "{slopes:?}");
    // An overflow is a large number.
    let large = enclose::function(Function::Exp, Interval::point(1000.0)).unwrap();
    assert!(large.lo() > 1e307 && large.hi() == f64::INFINITY);
    assert_eq!(enclose::function(Function::Log, Interval::new(0.0, 1.0)), None);
    assert_eq!(enclose::function(Function::Reciprocal, Interval::new(-1.0, 1.0)), None);
    assert_eq!(enclose::derivative(Function::Log, Interval::new(-1.0, 1.0)), None);
}

#[test]
fn waves_have_pieces_wherever_they_are_asked_for() {
    for function in [Function::Sin, Function::Cos] {
        for start in [-5000.0, -70.0, 3.0, 1e5] {
            let pieces = function.pieces_between(start, start + 10.0);
            assert!(pieces[0].start <= start && pieces[pieces.len() - 1].end >= start + 10.0);
            assert!(pieces.iter().filter(|piece| piece.end - piece.start > 1.0).count() >= 6, "{pieces:?}");
            for piece in pieces.iter().filter(|piece| piece.end - piece.start > 1.0) {
                // A quarter of a turn, between the points where the function or its slope is 0.
                let [low, high] =
                    [piece.start, piece.end].map(|x| function.value(x) * function.derivative(x));
                assert!(low.abs() < 1e-8 && high.abs() < 1e-8, "{piece:?}");
            }
        }
    }
    assert_eq!(enclose::function(Function::Sin, Interval::new(-1e9, 1e9)), Some(Interval::new(-1.0, 1.0)));
}
