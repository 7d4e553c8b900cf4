//! Every operator by itself, and in the company that changes what is lost.

use netinverse_base::{Budget, Error, Rng, Silent};
use netinverse_inverse::{BuildOptions, Built, Inverse, MarkKind, Runner, build};
use netinverse_linalg::Precision;
use netinverse_network::{
    Conv, Dense, Evaluator, Function, Layout, Linear, Network, NetworkBuilder, Op, Param, ParamId, Reduce,
    Scale, Shape, ValueId, WeightOrder, Window,
};

fn normals(rng: &mut Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.normal()).collect()
}

fn param(builder: &mut NetworkBuilder, sizes: &[usize], values: Vec<f64>) -> ParamId {
    builder.param(Param::from_f64("p", Shape::new(sizes).unwrap(), values).unwrap())
}

fn dense(builder: &mut NetworkBuilder, sizes: [usize; 2], values: Vec<f64>, x: ValueId) -> ValueId {
    let weight = param(builder, &sizes, values);
    let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
    builder.node("dense", Op::Linear(Linear::Dense(dense)), &[x]).unwrap()
}

fn one(shape: &[usize], make: impl FnOnce(&mut NetworkBuilder, ValueId) -> ValueId) -> Network {
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new(shape).unwrap()).unwrap();
    let y = make(&mut builder, x);
    builder.finish(&[y]).unwrap()
}

fn built(network: &Network) -> Built {
    built_in(network, Precision::F64)
}

fn built_in(network: &Network, precision: Precision) -> Built {
    let options = BuildOptions { precision: Some(precision), given: vec![] };
    build(network, &options, &Budget::default(), &Silent).unwrap()
}

fn refused(network: &Network) -> Error {
    build(network, &BuildOptions::default(), &Budget::default(), &Silent).expect_err("no inverse is known")
}

fn forward(network: &Network, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len() / network.input_size() * network.output_size()];
    Evaluator::<f64>::new(network).forward(x, &mut y);
    y
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn backward(inverse: &Inverse, y: &[f64]) -> Vec<f64> {
    Runner::<f64>::new(inverse).run(y)
}

#[test]
fn functions_are_undone_to_the_last_digits() {
    let everywhere: Vec<f64> =
        (-60..=60).map(|k| f64::from(k) * 0.11).chain([1e-9, -1e-9, 1e-5, -1e-5, 3e-3, -3e-3, 0.0]).collect();
    let positive: Vec<f64> = (1..=80).map(|k| f64::from(k) * 0.07).chain([1e-7, 1e-3]).collect();
    let nonzero: Vec<f64> = everywhere.iter().copied().filter(|x| *x != 0.0).collect();
    let cases: [(Function, &[f64]); 17] = [
        (Function::LeakyRelu { alpha: 0.3 }, &everywhere),
        (Function::Elu { alpha: 1.0 }, &everywhere),
        (Function::Elu { alpha: 0.4 }, &everywhere),
        (Function::Celu { alpha: 0.7 }, &everywhere),
        (Function::Softplus, &everywhere),
        (Function::Sigmoid, &everywhere),
        (Function::Tanh, &everywhere),
        (Function::Softsign, &everywhere),
        (Function::Exp, &everywhere),
        (Function::Log, &positive),
        (Function::Sqrt, &positive),
        (Function::Reciprocal, &nonzero),
        (Function::Power { exponent: 3.0 }, &everywhere),
        (Function::Power { exponent: -1.0 }, &nonzero),
        (Function::Power { exponent: 1.5 }, &positive),
        (Function::Power { exponent: -0.5 }, &positive),
        (Function::Power { exponent: -3.0 }, &nonzero),
    ];
    for (function, points) in cases {
        let network =
            one(&[1, points.len()], |builder, x| builder.node("y", Op::Function(function), &[x]).unwrap());
        let built = built(&network);
        assert!(built.exact && built.findings.marks.is_empty(), "{function:?}");
        let y = forward(&network, points);
        let x = backward(&built.inverse, &y);
        for ((&wanted, &found), &y) in points.iter().zip(&x).zip(&y) {
            // Rounding y alone moves x by u |y| / f′(x); a root near 0 starts from a y that underflows nowhere here.
            let inherent = f64::EPSILON * (y.abs() / function.derivative(wanted).abs()).min(1e6);
            let allowed = 16.0 * (inherent + f64::EPSILON * wanted.abs()) + 1e-15;
            assert!(
                (wanted - found).abs() <= allowed,
                "{function:?} at {wanted}: {found}, off by {:e} of {allowed:e}",
                wanted - found
            );
        }
    }
}

#[test]
fn outputs_at_the_end_of_the_range_give_finite_inputs() {
    for (function, ends) in [
        (Function::Sigmoid, vec![0.0, 1.0]),
        (Function::Tanh, vec![-1.0, 1.0]),
        (Function::Softplus, vec![0.0, -1.0]),
        (Function::Elu { alpha: 1.0 }, vec![-1.0, -2.0]),
        (Function::Exp, vec![0.0, -1.0]),
        (Function::Softsign, vec![1.0, -1.0]),
        (Function::Sqrt, vec![0.0, -1.0]),
    ] {
        let network = one(&[1, 2], |builder, x| builder.node("y", Op::Function(function), &[x]).unwrap());
        let single = built_in(&network, Precision::F32).inverse;
        let x = Runner::<f32>::new(&single).run(&ends.iter().map(|&y| y as f32).collect::<Vec<_>>());
        assert!(x.iter().all(|x| x.is_finite()), "{function:?}: {x:?}");
        let x = backward(&built_in(&network, Precision::F64).inverse, &ends);
        assert!(x.iter().all(|x| x.is_finite()), "{function:?}: {x:?}");
    }
}

#[test]
fn matrices_square_tall_and_wide_are_undone_as_linear_algebra_says() {
    let mut rng = Rng::new(1, 0);
    for (n, m) in [(6, 6), (4, 9), (9, 4)] {
        let weight = normals(&mut rng, n * m);
        let network = one(&[1, n], |builder, x| dense(builder, [n, m], weight.clone(), x));
        let built = built(&network);
        let part = &built.findings.parts[0];
        assert!(part.proved && part.rank == n.min(m));
        let x = normals(&mut rng, n);
        let y = forward(&network, &x);
        let found = backward(&built.inverse, &y);
        assert!(distance(&forward(&network, &found), &y) < 1e-12, "f(g(y)) = y");
        if n <= m {
            assert!(built.exact && distance(&found, &x) < 1e-12);
            assert_eq!(built.findings.marks.len(), usize::from(n < m));
        } else {
            assert!(!built.exact);
            let mark = &built.findings.marks[0];
            assert_eq!((mark.kind, mark.elements), (MarkKind::Section, n - m));
            // Of least norm: it has no part in the null space, so any other solution is longer.
            let dot: f64 = found.iter().zip(&x).map(|(a, b)| a * (b - a)).sum();
            assert!(dot.abs() < 1e-11);
        }
    }
}

#[test]
fn a_matrix_that_loses_is_not_called_exact() {
    // Rank 2 of 3.
    let network = one(&[1, 3], |builder, x| {
        dense(builder, [3, 3], vec![1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 1.0, 0.0, 1.0], x)
    });
    let built = built(&network);
    assert!(!built.exact && !built.findings.parts[0].proved);
    let marks: Vec<_> = built.findings.marks.iter().map(|mark| (mark.kind, mark.elements)).collect();
    assert_eq!(marks, [(MarkKind::Section, 1), (MarkKind::Projection, 1)]);
    let y = forward(&network, &[0.3, -0.2, 0.7]);
    assert!(distance(&forward(&network, &backward(&built.inverse, &y)), &y) < 1e-13);
}

#[test]
fn what_each_of_two_matrices_loses_both_together_may_keep() {
    let mut rng = Rng::new(2, 0);
    let (up, down) = (normals(&mut rng, 3 * 7), normals(&mut rng, 7 * 3));
    let network = one(&[1, 3], |builder, x| {
        let h = dense(builder, [3, 7], up, x);
        dense(builder, [7, 3], down, h)
    });
    let built = built(&network);
    assert!(built.exact && built.findings.marks.is_empty());
    let x = [0.4, -1.2, 0.8];
    assert!(distance(&backward(&built.inverse, &forward(&network, &x)), &x) < 1e-11);
}

#[test]
fn a_skip_connection_around_a_matrix_is_one_matrix() {
    let mut rng = Rng::new(3, 0);
    let weight: Vec<f64> = normals(&mut rng, 25);
    let network = one(&[1, 5], |builder, x| {
        let h = dense(builder, [5, 5], weight, x);
        builder.node("y", Op::Linear(Linear::Combine { coefficients: vec![1.0, -2.0] }), &[x, h]).unwrap()
    });
    let built = built(&network);
    assert!(built.exact && built.findings.loops.is_empty());
    let x = normals(&mut rng, 5);
    assert!(distance(&backward(&built.inverse, &forward(&network, &x)), &x) < 1e-11);
}

#[test]
fn a_convolution_with_groups_and_strides_is_undone_where_it_is_a_bijection() {
    // Two by two pixels of two channels, each group to four channels: as many numbers, side by side.
    let mut rng = Rng::new(4, 0);
    let weight = normals(&mut rng, 8 * 4);
    let bias = normals(&mut rng, 8);
    let network = one(&[1, 2, 4, 6], |builder, x| {
        let window = Window {
            kernel: vec![2, 2],
            strides: vec![2, 2],
            dilations: vec![1, 1],
            pads_begin: vec![0, 0],
            pads_end: vec![0, 0],
            output: vec![2, 3],
        };
        let conv = Conv {
            weight: param(builder, &[8, 1, 2, 2], weight),
            bias: Some(param(builder, &[8], bias)),
            window,
            groups: 2,
        };
        builder.node("y", Op::Linear(Linear::Conv(conv)), &[x]).unwrap()
    });
    let built = built(&network);
    assert!(built.exact);
    // Two matrices, one a group, each at six positions.
    let parts: Vec<_> =
        built.findings.parts.iter().map(|part| (part.rows, part.columns, part.copies)).collect();
    assert_eq!(parts, [(4, 4, 6), (4, 4, 6)]);
    let x = normals(&mut rng, 48);
    assert!(distance(&backward(&built.inverse, &forward(&network, &x)), &x) < 1e-11);
}

#[test]
fn a_convolution_in_float64_is_written_as_products() {
    // A coupling whose inner network is a padded convolution of two groups.
    let mut rng = Rng::new(5, 0);
    let (weight, bias) = (normals(&mut rng, 4 * 2 * 9), normals(&mut rng, 4));
    let network = one(&[1, 8, 3, 4], |builder, x| {
        let half = |builder: &mut NetworkBuilder, start: usize| {
            let slice =
                Layout::Slice { starts: vec![0, start, 0, 0], steps: vec![1; 4], sizes: vec![1, 4, 3, 4] };
            builder.node("half", Op::Layout(slice), &[x]).unwrap()
        };
        let (a, b) = (half(builder, 0), half(builder, 4));
        let window = Window {
            kernel: vec![3, 3],
            strides: vec![1, 1],
            dilations: vec![1, 1],
            pads_begin: vec![1, 1],
            pads_end: vec![1, 1],
            output: vec![3, 4],
        };
        let conv = Conv {
            weight: param(builder, &[4, 2, 3, 3], weight),
            bias: Some(param(builder, &[4], bias)),
            window,
            groups: 2,
        };
        let t = builder.node("t", Op::Linear(Linear::Conv(conv)), &[a]).unwrap();
        let b =
            builder.node("b", Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] }), &[b, t]).unwrap();
        builder.node("y", Op::Layout(Layout::Concat { axis: 1 }), &[a, b]).unwrap()
    });
    let x = normals(&mut rng, 96);
    let y = forward(&network, &x);
    for precision in [Precision::F32, Precision::F64] {
        let built = built_in(&network, precision);
        let inverse = built.inverse.as_network().unwrap();
        let convolutions =
            inverse.nodes().iter().filter(|node| matches!(node.op, Op::Linear(Linear::Conv(_)))).count();
        assert_eq!(convolutions, usize::from(precision == Precision::F32));
        let limit = if precision == Precision::F32 { 1e-5 } else { 1e-13 };
        assert!(distance(&backward(&built.inverse, &y), &x) < limit);
        let model = built.inverse.to_onnx();
        assert!(model.graph.nodes.iter().all(|node| precision == Precision::F32 || node.op_type != "Conv"));
    }
}

#[test]
fn inputs_that_no_output_reads_are_free() {
    let network = one(&[1, 4], |builder, x| {
        let slice = Layout::Slice { starts: vec![0, 1], steps: vec![1, 1], sizes: vec![1, 2] };
        builder.node("y", Op::Layout(slice), &[x]).unwrap()
    });
    let built = built(&network);
    assert!(!built.exact);
    assert_eq!((built.findings.marks[0].kind, built.findings.marks[0].elements), (MarkKind::Free, 2));
    assert_eq!(backward(&built.inverse, &[3.0, -5.0]), [0.0, 3.0, -5.0, 0.0]);
}

#[test]
fn several_samples_are_inverted_side_by_side() {
    let mut rng = Rng::new(6, 0);
    let weight = normals(&mut rng, 9);
    let network = one(&[1, 3], |builder, x| {
        let h = dense(builder, [3, 3], weight, x);
        builder.node("y", Op::Function(Function::Tanh), &[h]).unwrap()
    });
    let built = built(&network);
    let x: Vec<f64> = normals(&mut rng, 15).iter().map(|x| 0.3 * x).collect();
    assert!(distance(&backward(&built.inverse, &forward(&network, &x)), &x) < 1e-10);
}

/// x + c · tanh(x W): a loop where the proved constant is below 1, a refusal where it is not.
fn residual(factor: f64) -> Network {
    one(&[1, 3], |builder, x| {
        // A rotation: its norm is 1 and its rows' sums are above it.
        let h = dense(builder, [3, 3], vec![0.6, 0.8, 0.0, -0.8, 0.6, 0.0, 0.0, 0.0, 1.0], x);
        let t = builder.node("t", Op::Function(Function::Tanh), &[h]).unwrap();
        let scale = Some(param(builder, &[1], vec![factor]));
        let g = builder.node("g", Op::Linear(Linear::Scale(Scale { scale, shift: None })), &[t]).unwrap();
        builder.node("y", Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] }), &[x, g]).unwrap()
    })
}

#[test]
fn contractions_become_loops_and_nothing_else_does() {
    for factor in [0.5, -0.9, 0.99] {
        let network = residual(factor);
        let built = built(&network);
        assert!(built.exact);
        let bound = built.findings.loops[0].lipschitz;
        assert!(bound >= factor.abs() && bound < factor.abs() + 1e-12, "{factor}: {bound}");
        let x = [0.3, -1.7, 2.5, 0.01, 0.2, -0.4];
        assert!(distance(&backward(&built.inverse, &forward(&network, &x)), &x) < 1e-12, "{factor}");
        let model = built.inverse.to_onnx();
        assert_eq!(model.graph.nodes.iter().filter(|node| node.op_type == "Loop").count(), 1);
    }
    for factor in [1.0, -1.1, 3.0] {
        let error = refused(&residual(factor));
        assert!(error.to_string().contains("it must be below 1"), "{factor}: {error}");
    }
}

#[test]
fn refusals_name_the_operator_and_the_reason() {
    let gelu = one(&[1, 3], |builder, x| builder.node("gate", Op::Function(Function::Gelu), &[x]).unwrap());
    assert!(
        refused(&gelu)
            .to_string()
            .starts_with("node `gate` (Gelu): there is no inverse as a network: it falls")
    );
    let wave = one(&[1, 3], |builder, x| builder.node("wave", Op::Function(Function::Sin), &[x]).unwrap());
    assert!(refused(&wave).to_string().contains("periodic"));
    // Two functions of one input, added up.
    let sum = one(&[1, 3], |builder, x| {
        let a = builder.node("a", Op::Function(Function::Exp), &[x]).unwrap();
        let b = builder.node("b", Op::Function(Function::Sqrt), &[x]).unwrap();
        builder.node("sum", Op::Linear(Linear::Combine { coefficients: vec![1.0, 1.0] }), &[a, b]).unwrap()
    });
    let error = refused(&sum);
    assert!(
        error.to_string().contains("`sum`") && error.hints().iter().any(|hint| hint.contains("invert")),
        "{error}"
    );
}

#[test]
fn sums_over_an_axis_give_the_terms_of_least_norm() {
    let network = one(&[1, 2, 3], |builder, x| {
        let reduce = Reduce { axes: vec![2], keep: false, mean: false };
        builder.node("y", Op::Linear(Linear::Reduce(reduce)), &[x]).unwrap()
    });
    let built = built(&network);
    assert_eq!(built.findings.marks[0].elements, 4);
    let x = backward(&built.inverse, &[3.0, -6.0]);
    assert!(distance(&x, &[1.0, 1.0, 1.0, -2.0, -2.0, -2.0]) < 1e-14);
}
