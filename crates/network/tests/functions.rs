//! The table of element-wise functions: each row against its own mathematics.

use netinverse_network::{Domain, Function, Monotonicity};

mod common;
use common::functions::FUNCTIONS;

/// Points of the domain, small and large, none on a kink.
fn points(function: Function) -> Vec<f64> {
    let magnitudes = [1e-9, 1e-3, 0.11, 0.45, 0.7, 1.3, 2.5, 4.0, 9.0, 25.0];
    let all = magnitudes.iter().flat_map(|&x| [-x, x]);
    let mut points: Vec<_> = all.filter(|&x| function.domain().contains(x)).collect();
    points.sort_by(f64::total_cmp);
    points
}

#[test]
fn derivatives_are_limits_of_differences() {
    for function in FUNCTIONS {
        for x in points(function) {
            let h = 3e-7 * x.abs();
            let limit = (function.value(x + h) - function.value(x - h)) / (2.0 * h);
            // The difference of two rounded values is known to ε |f| / h.
            let noise = 4.0 * f64::EPSILON * function.value(x).abs() / h;
            let error = (function.derivative(x) - limit).abs();
            assert!(
                error <= 1e-8 * limit.abs() + noise,
                "{function:?} at {x}: {} is not {limit}",
                function.derivative(x)
            );
        }
    }
}

#[test]
fn inverses_undo_their_functions() {
    for function in FUNCTIONS {
        for x in points(function) {
            let y = function.value(x);
            let Some(back) = function.inverse(y) else {
                // Not injective, or y was rounded to the end of the range.
                let (low, high) = function.range();
                assert!(!function.is_injective() || y <= low || y >= high, "{function:?} at {x}: y = {y}");
                continue;
            };
            // A rounding of y moves x by ε |y| / |f′|.
            let error = (back - x).abs();
            let bound = 8.0 * f64::EPSILON * (x.abs() + y.abs() / function.derivative(x).abs());
            assert!(error <= bound, "{function:?} at {x}: back at {back}, {error:e} > {bound:e}");
        }
    }
}

#[test]
fn inverses_are_exact_where_logarithms_cancel() {
    // logit(½ + d) = 4d + O(d³); log(σ) − log(1 − σ) would lose half of the digits.
    let d = 1e-9;
    let y = 0.5 + d;
    let x = Function::Sigmoid.inverse(y).unwrap();
    assert!((x - 4.0 * (y - 0.5)).abs() < 1e-24, "{x:e}");
    // softplus⁻¹(y) = log y + y / 2 + O(y²) for small y, y − e⁻ʸ for large.
    let x = Function::Softplus.inverse(1e-12).unwrap();
    assert!((x - (1e-12f64.ln() + 0.5e-12)).abs() < 1e-14, "{x}");
    assert_eq!(Function::Softplus.inverse(700.0), Some(700.0));
    let x = Function::Elu { alpha: 1.0 }.inverse(-1e-12).unwrap();
    assert!((x + 1e-12 + 0.5e-24).abs() < 1e-27, "{x:e}");
}

#[test]
fn what_is_not_reached_has_no_inverse() {
    let cases = [
        (Function::Sigmoid, vec![0.0, 1.0, -0.1, 1.1, f64::NAN]),
        (Function::Tanh, vec![-1.0, 1.0, 2.0]),
        (Function::Exp, vec![0.0, -1.0]),
        (Function::Softplus, vec![0.0, -1.0]),
        (Function::Elu { alpha: 0.3 }, vec![-0.3, -1.0]),
        (Function::Log, vec![1000.0]),
        (Function::Reciprocal, vec![0.0]),
        (Function::Relu, vec![-1.0, 0.0, 1.0]),
        (Function::Abs, vec![1.0]),
        (Function::Clip { low: 0.0, high: 1.0 }, vec![0.5]),
        (Function::LeakyRelu { alpha: -0.5 }, vec![1.0]),
    ];
    for (function, ys) in cases {
        for y in ys {
            assert_eq!(function.inverse(y), None, "{function:?} at {y}");
        }
    }
}

#[test]
fn properties_hold_on_the_points() {
    for function in FUNCTIONS {
        let points = points(function);
        let (low, high) = function.range();
        let slopes: Vec<_> = points.iter().map(|&x| function.derivative(x)).collect();
        for (&x, &slope) in points.iter().zip(&slopes) {
            let y = function.value(x);
            assert!(low <= y && y <= high, "{function:?} at {x}: {y} is outside {low}..{high}");
            match function.monotonicity() {
                Monotonicity::Increasing => assert!(slope >= 0.0, "{function:?} at {x}"),
                Monotonicity::Decreasing => assert!(slope <= 0.0, "{function:?} at {x}"),
                Monotonicity::Neither => {}
            }
        }
        let both = slopes.iter().any(|&s| s > 0.0) && slopes.iter().any(|&s| s < 0.0);
        assert_eq!(both, function.monotonicity() == Monotonicity::Neither, "{function:?}");
        // Between kinks, the derivative of a piecewise linear function is constant, and of another is not.
        let kinks: Vec<_> = function.kinks().collect();
        let piece = |x: f64| kinks.iter().filter(|&&kink| kink < x).count();
        let straight = points.windows(2).all(|pair| {
            piece(pair[0]) != piece(pair[1]) || function.derivative(pair[0]) == function.derivative(pair[1])
        });
        assert_eq!(straight, function.is_piecewise_linear(), "{function:?}");
    }
}

#[test]
fn derivatives_jump_at_kinks_and_nowhere_else() {
    for function in FUNCTIONS {
        let kinks: Vec<_> = function.kinks().collect();
        for x in [-2.0, -0.5, 0.0, 1.0, 2.0, 3.0]
            .into_iter()
            .chain([-3.0])
            .filter(|&x| function.domain() == Domain::All || x > 0.0)
        {
            let jump = (function.derivative(x + 1e-9) - function.derivative(x - 1e-9)).abs() > 1e-6;
            assert_eq!(jump, kinks.contains(&x), "{function:?} at {x}");
        }
    }
}
