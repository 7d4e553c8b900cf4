//! Bounds where rounding decides: sums that cancel, coefficients gathered from many steps, numbers of all magnitudes.
//!
//! Affine networks leave no gap but rounding between a form and the function, so that a bound without its error term fails.

mod common;

use common::affine::{Affine, exact};
use common::claims::{Claims, METHODS};
use common::exact::Exact;
use common::networks::{self, Layers};
use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, LinearForms, Method};
use netinverse_network::{
    AveragePool, Bilinear, Conv, Dense, Function, Layout, Linear, Network, NetworkBuilder, Op, Param, Scale,
    Shape, WeightOrder, Window,
};

/// Every claim of every method holds on the whole box, which has at most two free inputs. Returns how many methods went
/// through.
fn check(network: &Network, lower: &[f64], upper: &[f64], label: &str) -> usize {
    let mut rng = Rng::new(1, 0);
    let bounder = Bounder::new(network).unwrap();
    let parts = Exact::new(network).regions(lower, upper, 2000).expect("few regions");
    let mut through = 0;
    for method in METHODS {
        let Some(claims) = Claims::of(&bounder, lower, upper, method, &mut rng) else { continue };
        through += 1;
        for (region, outputs) in &parts {
            claims.hold_on(region, outputs, &format!("{label}, {method:?}"));
        }
    }
    through
}

#[test]
fn affine_chains_are_bounded_to_rounding() {
    let mut rng = Rng::new(11, 0);
    for index in 0..40 {
        let n = 1 + index % 2;
        let mut network = Layers::new(n);
        for _ in 0..=rng.below(5) {
            network = network.random([3, 17, 60][rng.below(3)], &mut rng);
        }
        let network = network.random(3, &mut rng).finish();
        let width = [1e-15, 1e-6, 1.0, 1e6][rng.below(4)];
        let lower: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let upper: Vec<f64> = lower.iter().map(|l| l + width * (0.5 + rng.uniform())).collect();
        assert_eq!(check(&network, &lower, &upper, &format!("chain {index}")), 3);

        // And no looser than rounding: forms carried forward or back know an affine function.
        let bounder = Bounder::new(&network).unwrap();
        let parts = Exact::new(&network).regions(&lower, &upper, 1).unwrap();
        let (region, outputs) = &parts[0];
        let mut workspace = bounder.workspace();
        assert!(bounder.analyse(&lower, &upper, Method::Linear, &mut workspace));
        let (low, high) = bounder.output(&workspace);
        for (j, output) in outputs.iter().enumerate() {
            let (least, most) =
                (region.least(output).to_f64().value(), region.largest(output).to_f64().value());
            // |W||W|… grows by √60 a layer where W W… does not.
            let slack = 3e-9 * (1.0 + width);
            assert!(low[j] >= least - slack && high[j] <= most + slack, "[{}, {}]", low[j], high[j]);
        }
    }
}

#[test]
fn sums_that_cancel_are_bounded() {
    let mut rng = Rng::new(12, 0);
    for index in 0..20 {
        let hidden = 400;
        let mut weight: Vec<f64> = Vec::new();
        for _ in 0..hidden / 2 {
            let w = rng.normal() * 1e6;
            weight.extend([w, -w * (1.0 + 1e-13 * rng.normal())]);
        }
        let biases: Vec<f64> = (0..hidden).map(|_| 1e6 * rng.normal()).collect();
        let ones: Vec<f64> = (0..hidden).map(|_| 1.0 + 1e-12 * rng.normal()).collect();
        let total: f64 = biases.iter().sum();
        let network = Layers::new(1).dense(&weight, &biases).dense(&ones, &[-total]).finish();
        let at = rng.normal();
        check(&network, &[at], &[at + [0.0, 1e-9, 1.0][index % 3]], &format!("cancellation {index}"));
    }
}

/// Coefficients of one value gathered from two steps: one of size 1, then thousands too small to move it one by one.
#[test]
fn coefficients_from_several_steps_round_as_one_sum() {
    let count = 2000;
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 1]).unwrap()).unwrap();
    let mut param = |shape: [usize; 2], values: Vec<f64>| {
        builder.param(Param::from_f64("p", Shape::new(shape).unwrap(), values).unwrap())
    };
    let tiny = param([1, count], vec![0.75 * 2f64.powi(-53); count]);
    let one = param([1, 1], vec![1.0 + 2f64.powi(-30)]);
    let dense =
        |weight| Op::Linear(Linear::Dense(Dense { weight, bias: None, order: WeightOrder::InputsFirst }));
    let small = builder.node("small", dense(tiny), &[x]).unwrap();
    let large = builder.node("large", dense(one), &[x]).unwrap();
    let network = builder.finish(&[small, large]).unwrap();
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    assert!(bounder.analyse(&[1.0], &[1.5], Method::Linear, &mut workspace));
    for sign in [1.0, -1.0] {
        let mut forms = LinearForms::default();
        bounder.lower_forms(&vec![sign; count + 1], &[0.0], &mut workspace, &mut forms);
        let (slopes, constant) = forms.form(0);
        let form = Affine::of(slopes, constant);
        let slope = exact(0.75 * 2f64.powi(-53)) * RBig::from(count) + exact(1.0 + 2f64.powi(-30));
        for x in [1.0, 1.25, 1.5] {
            let value = exact(sign) * &slope * exact(x);
            assert!(form.at(&[exact(x)]) <= value, "sign {sign} at {x}");
        }
    }
}

/// A bias of 1, and hundreds of terms too small to move it one by one.
#[test]
fn a_large_bias_that_swallows_small_terms_is_bounded() {
    let count = 500;
    let tiny = vec![0.75 * 2f64.powi(-53); count];
    for sign in [1.0, -1.0] {
        let network =
            Layers::new(1).dense(&tiny, &vec![0.0; count]).dense(&vec![sign; count], &[sign]).finish();
        check(&network, &[1.0], &[1.0], "a point");
        check(&network, &[1.0], &[1.000_001], "a box");
    }
}

/// Weights whose product underflows, on boxes so large that it matters.
#[test]
fn underflow_in_coefficients_is_accounted_for() {
    for (lower, upper) in [(1e299, 1e300), (-1e300, 1e300), (-1e300, -1e280), (0.0, 1e308), (1.0, 2.0)] {
        for weight in [1e-200, -1e-170, 3e-310] {
            let network = Layers::new(1).dense(&[weight], &[0.0]).dense(&[1e-200], &[0.0]).finish();
            check(&network, &[lower], &[upper], &format!("weight {weight:e} on [{lower:e}, {upper:e}]"));
            let relu =
                Layers::new(1).dense(&[weight], &[0.0]).function(Function::Relu).dense(&[1e-200], &[0.0]);
            check(&relu.finish(), &[lower], &[upper], &format!("relu {weight:e} on [{lower:e}, {upper:e}]"));
        }
    }
}

#[test]
fn boxes_of_all_magnitudes_are_bounded() {
    let mut rng = Rng::new(13, 0);
    let sides = [
        (0.0, 0.0),
        (-0.0, 0.0),
        (5e-324, 1e-323),
        (-5e-324, 5e-324),
        (1e-310, 1e-300),
        (-1e-160, 1e-170),
        (1.0, 1.0 + f64::EPSILON),
        (-1e9, 1e-9),
        (-1e150, 1e150),
        (1e300, 1.5e300),
        (-f64::MAX, f64::MAX),
        (f64::MAX, f64::MAX),
        (0.1, 0.1),
    ];
    let mut through = 0;
    for index in 0..80 {
        let function = [Function::Relu, Function::LeakyRelu { alpha: 0.1 }, Function::Abs][index % 3];
        let network = networks::layers(&[2, 4, 3, 2], function, &mut rng);
        let (first, second) = (sides[rng.below(sides.len())], sides[rng.below(sides.len())]);
        let label = format!("box {index}: {first:?} × {second:?}");
        through += check(&network, &[first.0, second.0], &[first.1, second.1], &label);
    }
    assert!(through > 120, "{through} analyses went through");
}

/// What is known to within a radius stands for all constants there: also where the stored one is exact.
#[test]
fn uncertain_constants_widen_bounds_by_what_they_may_do() {
    let shape = || Shape::new([1, 1]).unwrap();
    let uncertain = |value: f64, radius: f64| {
        Param::from_f64("p", shape(), vec![value]).unwrap().with_radius(vec![radius])
    };
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", shape()).unwrap();
    let weight = builder.param(uncertain(1.0, 0.25));
    let bias = builder.param(uncertain(0.0, 0.5));
    let dense = Dense { weight, bias: Some(bias), order: WeightOrder::OutputsFirst };
    let z = builder.node("z", Op::Linear(Linear::Dense(dense)), &[x]).unwrap();
    let scale = builder.param(uncertain(2.0, 0.5));
    let shift = builder.param(uncertain(-1.0, 0.125));
    let y = Op::Linear(Linear::Scale(Scale { scale: Some(scale), shift: Some(shift) }));
    let y = builder.node("y", y, &[z]).unwrap();
    let network = builder.finish(&[y]).unwrap();
    let bounder = Bounder::new(&network).unwrap();
    let mut workspace = bounder.workspace();
    for method in METHODS {
        // z in [0.75·1 − 0.5, 1.25·2 + 0.5], y in [1.5·0.25 − 1.125, 2.5·3 − 0.875]
        assert!(bounder.analyse(&[1.0], &[2.0], method, &mut workspace));
        let (low, high) = bounder.output(&workspace);
        assert!(low[0] <= -0.75 && high[0] >= 6.625, "[{}, {}]", low[0], high[0]);
        assert!(low[0] >= -2.626 && high[0] <= 6.626, "[{}, {}]", low[0], high[0]);
        let mut forms = LinearForms::default();
        bounder.lower_forms(&[1.0, -1.0], &[0.0, 0.0], &mut workspace, &mut forms);
        for x in [1.0, 2.0] {
            let below = forms.form(0).0[0] * x + forms.form(0).1;
            let above = -(forms.form(1).0[0] * x + forms.form(1).1);
            assert!(below <= 1.5 * (0.75 * x - 0.5) - 1.125 && above >= 2.5 * (1.25 * x + 0.5) - 0.875);
        }
    }
}

/// An average over three is no double: its radius counts.
#[test]
fn averages_over_thirds_are_bounded() {
    let window = Window {
        kernel: vec![3],
        strides: vec![1],
        dilations: vec![1],
        pads_begin: vec![0],
        pads_end: vec![0],
        output: vec![1],
    };
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 1, 3]).unwrap()).unwrap();
    let pool = Op::Linear(Linear::AveragePool(AveragePool { window, count_padding: false }));
    let y = builder.node("y", pool, &[x]).unwrap();
    let network = builder.finish(&[y]).unwrap();
    for scale in [1.0, 1e10, 7.0] {
        check(&network, &[scale, scale, scale], &[scale * 1.5, scale, scale * 1.25], "thirds");
    }
}

/// Values read twice, by one step and by several; outputs that are read on; the same output twice; parts of no element.
#[test]
fn values_that_are_read_more_than_once_are_bounded() {
    let mut rng = Rng::new(14, 0);
    for index in 0..20 {
        let mut layers = Layers::new(2).random(4, &mut rng).function(Function::Relu);
        let (builder, h) = layers.builder();
        let combine =
            |coefficients: &[f64]| Op::Linear(Linear::Combine { coefficients: coefficients.to_vec() });
        let twice = builder.node("twice", combine(&[0.3, -1.7]), &[h, h]).unwrap();
        let both = builder.node("both", Op::Layout(Layout::Concat { axis: 1 }), &[h, h, twice]).unwrap();
        let folded = builder.node("folded", Op::Layout(Layout::Concat { axis: 0 }), &[h, twice, h]).unwrap();
        let nothing = Op::Layout(Layout::Slice { starts: vec![0, 0], steps: vec![1, 1], sizes: vec![1, 0] });
        let nothing = builder.node("nothing", nothing, &[both]).unwrap();
        let joined =
            builder.node("joined", Op::Layout(Layout::Concat { axis: 1 }), &[nothing, both]).unwrap();
        let relu = builder.node("relu", Op::Function(Function::Relu), &[joined]).unwrap();
        let less = builder.node("less", combine(&[1.0, -1.0]), &[relu, both]).unwrap();
        let same = builder.node("same", combine(&[1.0, -1.0]), &[relu, joined]).unwrap();
        let network = std::mem::take(builder).finish(&[less, h, folded, same, less]).unwrap();
        let lower: Vec<f64> = (0..2).map(|_| rng.normal()).collect();
        let upper: Vec<f64> = lower.iter().map(|l| l + 2.0 * rng.uniform()).collect();
        assert_eq!(check(&network, &lower, &upper, &format!("graph {index}")), 3);
    }
}

/// A square is no product of independent factors, and a product no square; at points, exactly.
#[test]
fn products_and_squares_hold_at_corners() {
    let mut rng = Rng::new(15, 0);
    for index in 0..40 {
        let mut layers = Layers::new(2).random(3, &mut rng);
        let (builder, z) = layers.builder();
        let square = builder.node("square", Op::Bilinear(Bilinear::Multiply), &[z, z]).unwrap();
        let product = builder.node("product", Op::Bilinear(Bilinear::Multiply), &[square, z]).unwrap();
        let network = std::mem::take(builder).finish(&[square, product]).unwrap();
        let lower: Vec<f64> = (0..2).map(|_| rng.normal()).collect();
        let upper: Vec<f64> = lower.iter().map(|l| l + [0.0, 1e-8, 1.0][rng.below(3)]).collect();
        let bounder = Bounder::new(&network).unwrap();
        for method in METHODS {
            let claims = Claims::of(&bounder, &lower, &upper, method, &mut rng).unwrap();
            for x in common::claims::points(&lower, &upper, 30, &mut rng) {
                let y = Exact::new(&network).outputs(&x);
                claims.hold_at(&x, &y, &format!("products {index}, {method:?}"));
            }
        }
    }
}

/// A window over nothing has neither a maximum nor a mean: such a network is refused by node.
#[test]
fn windows_in_the_padding_alone_are_refused() {
    let window = Window {
        kernel: vec![1],
        strides: vec![1],
        dilations: vec![1],
        pads_begin: vec![1],
        pads_end: vec![0],
        output: vec![3],
    };
    for op in [
        Op::Extremum(netinverse_network::Extremum::MaxPool(window.clone())),
        Op::Linear(Linear::AveragePool(AveragePool { window: window.clone(), count_padding: false })),
    ] {
        let mut builder = NetworkBuilder::new();
        let x = builder.input("x", Shape::new([1, 1, 2]).unwrap()).unwrap();
        let y = builder.node("pooled", op, &[x]).unwrap();
        let error = Bounder::new(&builder.finish(&[y]).unwrap()).unwrap_err();
        assert!(error.to_string().contains("pooled") && error.to_string().contains("padding"), "{error}");
    }
}

/// Long chains of residual blocks, convolutions among them: no term may be forgotten on the way.
#[test]
fn long_residual_chains_are_bounded() {
    let mut rng = Rng::new(16, 0);
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 1, 2]).unwrap()).unwrap();
    let mut value = x;
    for _ in 0..30 {
        let window = Window {
            kernel: vec![3],
            strides: vec![1],
            dilations: vec![1],
            pads_begin: vec![1],
            pads_end: vec![1],
            output: vec![2],
        };
        let values: Vec<f64> = (0..3).map(|_| 0.3 * rng.normal()).collect();
        let weight = builder.param(Param::from_f64("w", Shape::new([1, 1, 3]).unwrap(), values).unwrap());
        let bias = builder.param(Param::from_f64("b", Shape::vector(1), vec![0.1 * rng.normal()]).unwrap());
        let conv = Op::Linear(Linear::Conv(Conv { weight, bias: Some(bias), window, groups: 1 }));
        let own = builder.node("conv", conv, &[value]).unwrap();
        let leaky = Function::LeakyRelu { alpha: 0.9 };
        let own = builder.node("leaky", Op::Function(leaky), &[own]).unwrap();
        let sum = Op::Linear(Linear::Combine { coefficients: vec![1.0, 0.5] });
        value = builder.node("sum", sum, &[value, own]).unwrap();
    }
    let network = builder.finish(&[value]).unwrap();
    for (lower, upper) in [([0.3, -0.2], [0.300_000_1, -0.199_999_8]), ([-1.0, -1.0], [-1.0, -0.9])] {
        assert_eq!(check(&network, &lower, &upper, "chain"), 3);
    }
}
