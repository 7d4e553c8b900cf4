//! Enclosures contain what the network gives, for every class of operators, and are not wider than they must be.

use netinverse_base::Rng;
use netinverse_invert::interval_bound::output_bounds;
use netinverse_network::{
    AveragePool, Bilinear, Conv, ConvTranspose, Dense, Evaluator, Extremum, Function, Layout, Linear,
    Network, NetworkBuilder, Normalizer, Op, PadMode, Param, Reduce, Scale, Shape, ValueId, WeightOrder,
    Window,
};

fn shape(sizes: &[usize]) -> Shape {
    Shape::new(sizes).unwrap()
}

fn param(builder: &mut NetworkBuilder, sizes: &[usize], rng: &mut Rng) -> netinverse_network::ParamId {
    let values: Vec<f64> = (0..sizes.iter().product()).map(|_| rng.normal()).collect();
    builder.param(Param::from_f64("p", shape(sizes), values).unwrap())
}

fn window(kernel: usize, stride: usize, pad: usize, output: usize) -> Window {
    Window {
        kernel: vec![kernel; 2],
        strides: vec![stride; 2],
        dilations: vec![1; 2],
        pads_begin: vec![pad; 2],
        pads_end: vec![pad; 2],
        output: vec![output; 2],
    }
}

/// A network with every class of operators: convolution, pooling, padding, products, softmax.
fn zoo(seed: u64) -> Network {
    let mut rng = Rng::new(seed, 3);
    let rng = &mut rng;
    let mut b = NetworkBuilder::new();
    let x = b.input("x", shape(&[1, 2, 6, 6])).unwrap();
    let node = |b: &mut NetworkBuilder, op: Op, inputs: &[ValueId]| b.node("n", op, inputs).unwrap();
    let conv = Conv {
        weight: param(&mut b, &[4, 1, 3, 3], rng),
        bias: Some(param(&mut b, &[4], rng)),
        window: window(3, 1, 1, 6),
        groups: 2,
    };
    let c = node(&mut b, Op::Linear(Linear::Conv(conv)), &[x]);
    let scale = Scale { scale: Some(param(&mut b, &[4, 1, 1], rng)), shift: Some(param(&mut b, &[1], rng)) };
    let c = node(&mut b, Op::Linear(Linear::Scale(scale)), &[c]);
    let tanh = node(&mut b, Op::Function(Function::Tanh), &[c]);
    let abs = node(&mut b, Op::Function(Function::Abs), &[c]);
    let product = node(&mut b, Op::Bilinear(Bilinear::Multiply), &[tanh, abs]);
    let square = node(&mut b, Op::Bilinear(Bilinear::Multiply), &[tanh, tanh]);
    let sum = node(&mut b, Op::Linear(Linear::Combine { coefficients: vec![1.0, -0.5] }), &[product, square]);
    let max = node(&mut b, Op::Extremum(Extremum::MaxPool(window(2, 2, 0, 3))), &[sum]);
    let mean = AveragePool { window: window(3, 2, 1, 3), count_padding: false };
    let mean = node(&mut b, Op::Linear(Linear::AveragePool(mean)), &[sum]);
    let both = node(&mut b, Op::Layout(Layout::Concat { axis: 1 }), &[max, mean]);
    let pad = Layout::Pad { before: vec![0, 0, 0, 1], after: vec![0; 4], mode: PadMode::Constant(0.5) };
    let padded = node(&mut b, Op::Layout(pad), &[both]);
    let turned = node(&mut b, Op::Layout(Layout::Transpose { axes: vec![0, 2, 3, 1] }), &[padded]);
    let reduce = Reduce { axes: vec![1], keep: false, mean: true };
    let reduced = node(&mut b, Op::Linear(Linear::Reduce(reduce)), &[turned]);
    let soft = node(&mut b, Op::Normalizer(Normalizer::Softmax { axis: 2 }), &[reduced]);
    let standard = Normalizer::Standardize { axis: 2, epsilon: 0.01 };
    let standard = node(&mut b, Op::Normalizer(standard), &[reduced]);
    let logs = node(&mut b, Op::Normalizer(Normalizer::LogSoftmax { axis: 1 }), &[standard]);
    let gate = node(&mut b, Op::Function(Function::Gelu), &[standard]);
    let turned = node(&mut b, Op::Layout(Layout::Transpose { axes: vec![0, 2, 1] }), &[gate]);
    let attention = node(&mut b, Op::Bilinear(Bilinear::MatMul), &[logs, turned]);
    let enlarge = ConvTranspose {
        weight: param(&mut b, &[4, 2, 3, 3], rng),
        bias: Some(param(&mut b, &[4], rng)),
        window: Window { output: vec![attention_side(&b, attention); 2], ..window(3, 2, 1, 0) },
        output: vec![2 * attention_side(&b, attention); 2],
        groups: 2,
    };
    let image = Layout::Expand { shape: shape(&[1, 4, 4, 4]) };
    let image = node(&mut b, Op::Layout(image), &[attention]);
    let image = node(&mut b, Op::Linear(Linear::ConvTranspose(enlarge)), &[image]);
    let image = node(&mut b, Op::Function(Function::Sin), &[image]);
    let sums = Reduce { axes: vec![1, 2], keep: false, mean: true };
    let sums = node(&mut b, Op::Linear(Linear::Reduce(sums)), &[image]);
    let flat = node(&mut b, Op::Layout(Layout::Reshape { shape: shape(&[1, 32]) }), &[soft]);
    let dense = Dense { weight: param(&mut b, &[5, 32], rng), bias: None, order: WeightOrder::OutputsFirst };
    let y = node(&mut b, Op::Linear(Linear::Dense(dense)), &[flat]);
    b.finish(&[y, sums]).unwrap()
}

fn attention_side(b: &NetworkBuilder, attention: ValueId) -> usize {
    b.shape(attention)[1]
}

#[test]
fn enclosures_contain_samples_and_close_in_on_a_point() {
    for seed in 0..5 {
        let network = zoo(seed);
        let mut rng = Rng::new(seed, 4);
        let n = network.input_size();
        let centre: Vec<f64> = (0..n).map(|_| rng.range(-1.0, 1.0)).collect();
        let evaluator = Evaluator::<f64>::new(&network);
        let mut y = vec![0.0; network.output_size()];
        for radius in [0.0, 1e-6, 0.1, 1.0] {
            let lower: Vec<f64> = centre.iter().map(|c| c - radius).collect();
            let upper: Vec<f64> = centre.iter().map(|c| c + radius).collect();
            let bounds = output_bounds(&network, &lower, &upper).unwrap();
            for sample in 0..50 {
                // Corners too: that is where bounds are reached.
                let x: Vec<f64> = (0..n)
                    .map(|i| {
                        let t = if sample % 2 == 0 { rng.uniform() } else { rng.below(2) as f64 };
                        lower[i] + t * (upper[i] - lower[i])
                    })
                    .collect();
                evaluator.forward(&x, &mut y);
                for (y, bound) in y.iter().zip(&bounds) {
                    // The sample is itself rounded; exact values are inside.
                    assert!(bound.lo() - 1e-12 <= *y && *y <= bound.hi() + 1e-12, "{y} is not in {bound:?}");
                }
            }
            let widest = bounds.iter().map(|b| b.width()).fold(0.0, f64::max);
            match radius {
                0.0 => assert!(widest < 1e-9, "a point's enclosure has width {widest}"),
                1e-6 => assert!(widest < 0.05, "{widest}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_monotone_network_is_enclosed_to_the_last_digits() {
    let mut b = NetworkBuilder::new();
    let x = b.input("x", shape(&[1, 2])).unwrap();
    let weight = b.param(Param::from_f64("W", shape(&[2, 1]), vec![2.0, -3.0]).unwrap());
    let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
    let z = b.node("z", Op::Linear(Linear::Dense(dense)), &[x]).unwrap();
    let y = b.node("y", Op::Function(Function::Sigmoid), &[z]).unwrap();
    let bounds = output_bounds(&b.finish(&[y]).unwrap(), &[-1.0, 0.0], &[0.5, 0.25]).unwrap();
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    assert!((bounds[0].lo() - sigmoid(-2.75)).abs() < 1e-14 && (bounds[0].hi() - sigmoid(1.0)).abs() < 1e-14);
    assert!(bounds[0].lo() <= sigmoid(-2.75) && sigmoid(1.0) <= bounds[0].hi());
}

#[test]
fn constants_that_are_not_exact_count_with_their_radius() {
    let mut b = NetworkBuilder::new();
    let x = b.input("x", shape(&[1, 1])).unwrap();
    let weight = Param::from_f64("W", shape(&[1, 1]), vec![2.0]).unwrap().with_radius(vec![0.125]);
    let weight = b.param(weight);
    let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
    let y = b.node("y", Op::Linear(Linear::Dense(dense)), &[x]).unwrap();
    let bounds = output_bounds(&b.finish(&[y]).unwrap(), &[-1.0], &[4.0]).unwrap();
    assert_eq!((bounds[0].lo(), bounds[0].hi()), (-2.125, 8.5));
}
