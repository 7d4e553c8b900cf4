//! Bounds no looser than the literature's: examples worked by hand, and averages over random networks.

mod common;

use common::claims::{Claims, METHODS, random_box};
use common::networks::{self, Layers};
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, LinearForms, Method};
use netinverse_network::{
    Bilinear, Extremum, Function, Linear, Network, NetworkBuilder, Normalizer, Op, Shape, Window,
};

fn close(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= 1e-12
}

fn intervals(network: &Network, lower: &[f64], upper: &[f64], method: Method) -> Vec<(f64, f64)> {
    let claims =
        Claims::of(&Bounder::new(network).unwrap(), lower, upper, method, &mut Rng::new(0, 0)).unwrap();
    let (low, high) = claims.intervals();
    low.iter().copied().zip(high.iter().copied()).collect()
}

/// Singh et al., "An Abstract Domain for Certifying Neural Networks" (2019), figure 3: x₁₁ ≤ 5.5 and x₁₁ > x₁₂, where
/// intervals give x₁₁ ≤ 7 and nothing on the difference.
#[test]
fn the_example_of_deeppoly_has_its_numbers() {
    let network = Layers::new(2)
        .dense(&[1.0, 1.0, 1.0, -1.0], &[0.0, 0.0])
        .function(Function::Relu)
        .dense(&[1.0, 1.0, 1.0, -1.0], &[0.0, 0.0])
        .function(Function::Relu)
        .dense(&[1.0, 0.0, 1.0, 1.0], &[1.0, 0.0])
        .finish();
    let (lower, upper) = ([-1.0, -1.0], [1.0, 1.0]);
    let plain = intervals(&network, &lower, &upper, Method::Intervals);
    assert!(close(plain[0].1, 7.0), "{plain:?}");
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    for method in [Method::Linear, Method::Backward] {
        assert!(bounder.analyse(&lower, &upper, method, &mut workspace));
        if method == Method::Backward {
            let (low, high) = bounder.output(&workspace);
            assert!(low[0] >= 1.0 - 1e-12 && high[0] <= 5.5 + 1e-12, "{low:?} {high:?}");
            assert!(low[1] >= -1e-12 && high[1] <= 2.0 + 1e-12, "{low:?} {high:?}");
        }
        let mut forms = LinearForms::default();
        bounder.lower_forms(&[1.0, -1.0, -1.0, 0.0], &[0.0, 0.0], &mut workspace, &mut forms);
        assert!(close(bounder.minimum(&forms, 0, &workspace), 1.0));
        // x₁₁ ≤ x₁ + ½ x₂ + 4
        let (slopes, constant) = forms.form(1);
        assert!(
            close(slopes[0], -1.0) && close(slopes[1], -0.5) && close(constant, -4.0),
            "{slopes:?} {constant}"
        );
    }
}

/// max(max(x, 0) − c, 0) on [−1, 1]: the chord of the second maximum over the chord of the first is attained at x = 1.
#[test]
fn chords_over_chords_are_attained_and_not_undercut() {
    for c in [0.25, 0.5, 0.75] {
        let network = Layers::new(1)
            .dense(&[1.0], &[0.0])
            .function(Function::Relu)
            .dense(&[1.0], &[-c])
            .function(Function::Relu)
            .dense(&[1.0], &[0.0])
            .finish();
        let bounds = intervals(&network, &[-1.0], &[1.0], Method::Linear);
        assert!(bounds[0].1 >= 1.0 - c && close(bounds[0].1, 1.0 - c), "{bounds:?}");
        assert!(bounds[0].0 <= 0.0 && close(bounds[0].0, 0.0), "{bounds:?}");
    }
}

fn graph(
    inputs: usize,
    build: impl Fn(&mut NetworkBuilder, netinverse_network::ValueId) -> netinverse_network::ValueId,
) -> Network {
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 1, inputs]).unwrap()).unwrap();
    let y = build(&mut builder, x);
    builder.finish(&[y]).unwrap()
}

#[test]
fn what_cancels_is_nothing() {
    let network = graph(3, |builder, x| {
        let h = builder.node("h", Op::Function(Function::Relu), &[x]).unwrap();
        let difference = Op::Linear(Linear::Combine { coefficients: vec![1.0, -1.0] });
        builder.node("y", difference, &[h, h]).unwrap()
    });
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    assert!(bounder.analyse(&[-1.0, -2.0, 1.0], &[1.0, 3.0, 2.0], Method::Linear, &mut workspace));
    let mut forms = LinearForms::default();
    bounder.lower_forms(&[1.0, -1.0, 1.0], &[0.0], &mut workspace, &mut forms);
    assert!(bounder.minimum(&forms, 0, &workspace) >= -1e-12);
}

#[test]
fn squares_and_products_have_their_textbook_planes() {
    let square = graph(1, |builder, x| builder.node("y", Op::Bilinear(Bilinear::Multiply), &[x, x]).unwrap());
    let bounder = Bounder::new(&square).unwrap();
    let mut workspace = bounder.workspace();
    assert!(bounder.analyse(&[-1.0], &[2.0], Method::Linear, &mut workspace));
    let (low, high) = bounder.output(&workspace);
    assert!(close(low[0], 0.0) && close(high[0], 4.0));
    let mut forms = LinearForms::default();
    bounder.lower_forms(&[1.0, -1.0], &[0.0, 0.0], &mut workspace, &mut forms);
    // x² ≥ x − ¼ (the tangent at ½), x² ≤ x + 2
    assert!(close(forms.form(0).0[0], 1.0) && close(forms.form(0).1, -0.25), "{:?}", forms.form(0));
    assert!(close(forms.form(1).0[0], -1.0) && close(forms.form(1).1, -2.0), "{:?}", forms.form(1));

    let product = {
        let mut builder = NetworkBuilder::new();
        let x = builder.input("x", Shape::new([1]).unwrap()).unwrap();
        let u = builder.input("u", Shape::new([1]).unwrap()).unwrap();
        let y = builder.node("y", Op::Bilinear(Bilinear::Multiply), &[x, u]).unwrap();
        builder.finish(&[y]).unwrap()
    };
    let found = intervals(&product, &[1.0, -4.0], &[2.0, 3.0], Method::Linear);
    assert!(close(found[0].0, -8.0) && close(found[0].1, 6.0), "{found:?}");
}

#[test]
fn a_maximum_that_is_decided_is_its_winner() {
    let window = Window {
        kernel: vec![2],
        strides: vec![2],
        dilations: vec![1],
        pads_begin: vec![0],
        pads_end: vec![0],
        output: vec![2],
    };
    let network = graph(4, |builder, x| {
        builder.node("y", Op::Extremum(Extremum::MaxPool(window.clone())), &[x]).unwrap()
    });
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    // the first is decided, the second not: max(z₂, z₃) on [0, 2] × [1, 3]
    assert!(bounder.analyse(&[0.0, 2.0, 0.0, 1.0], &[1.0, 3.0, 2.0, 3.0], Method::Linear, &mut workspace));
    let mut forms = LinearForms::default();
    bounder.lower_forms(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, -1.0], &[0.0; 4], &mut workspace, &mut forms);
    assert!(close(forms.form(0).0[1], 1.0) && close(forms.form(1).0[1], -1.0));
    assert!(close(forms.form(2).0[3], 1.0) && close(forms.form(2).1, 0.0));
    // above z₃: the chord of max(z₃, 2) on [1, 3], ½ z₃ + 3/2
    assert!(close(forms.form(3).0[3], -0.5) && close(forms.form(3).1, -1.5), "{:?}", forms.form(3));
}

#[test]
fn softmax_is_tighter_by_its_derivatives_than_by_intervals() {
    let network = graph(3, |builder, x| {
        builder.node("y", Op::Normalizer(Normalizer::Softmax { axis: 2 }), &[x]).unwrap()
    });
    let (lower, upper) = ([0.0, 0.1, -0.1], [0.1, 0.2, 0.0]);
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    assert!(bounder.analyse(&lower, &upper, Method::Linear, &mut workspace));
    let mut forms = LinearForms::default();
    // y₀ + y₁ + y₂ = 1: intervals know it to within their widths, 0.14 together.
    bounder.lower_forms(&[1.0; 3], &[-1.0], &mut workspace, &mut forms);
    assert!(bounder.minimum(&forms, 0, &workspace) > -0.03, "{}", bounder.minimum(&forms, 0, &workspace));
}

/// Average widths relative to intervals, over random networks; the thresholds leave a tenth to what was measured.
#[test]
fn forms_are_far_tighter_than_intervals() {
    for (function, inputs, least_gain) in [
        (Function::Relu, 3, [2.0, 2.2]),
        (Function::Sigmoid, 3, [3.0, 3.0]),
        (Function::Tanh, 3, [2.0, 2.5]),
        (Function::Relu, 30, [2.0, 2.0]),
    ] {
        let mut rng = Rng::new(7, 0);
        let mut widths = [0.0; 3];
        for _ in 0..20 {
            let network = networks::layers(&[inputs, 20, 20, 20, 2], function, &mut rng);
            let (lower, upper) = random_box(inputs, inputs, &mut rng);
            let upper: Vec<f64> = lower.iter().zip(&upper).map(|(l, u)| l + 0.3 * (u - l)).collect();
            for (width, method) in widths.iter_mut().zip(METHODS) {
                *width += intervals(&network, &lower, &upper, method).iter().map(|(l, u)| u - l).sum::<f64>();
            }
        }
        let gains = [widths[0] / widths[1], widths[0] / widths[2]];
        println!("{function:?}, {inputs} inputs: intervals are wider by {gains:?}");
        assert!(gains[0] >= least_gain[0] && gains[1] >= least_gain[1], "{function:?}: {gains:?}");
    }
}
