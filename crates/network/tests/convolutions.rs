//! A Relu that is a part of its convolution: the same values and derivatives as by itself.

mod common;

use common::normals;
use netinverse_base::Rng;
use netinverse_network::{
    Conv, Dense, Evaluator, Extremum, Function, Gradients, Layout, Linear, Network, NetworkBuilder, Op,
    Param, ParamId, Shape, WeightOrder, Window,
};

const ROWS: usize = 19;

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

/// Conv, Relu, MaxPool, strided Conv, Relu, Dense. Where `seen`, the values of the convolutions are outputs, too, so
/// that no Relu can become a part of them.
fn network(seen: bool) -> (Network, Vec<ParamId>) {
    let mut builder = NetworkBuilder::new();
    let mut rng = Rng::new(7, 0);
    let mut params = Vec::new();
    let mut param = |builder: &mut NetworkBuilder, shape: &[usize]| {
        let shape = Shape::new(shape.to_vec()).unwrap();
        let values: Vec<f64> = normals(&mut rng, shape.elements()).iter().map(|v| v * 0.3).collect();
        let id = builder.param(Param::from_f64("p", shape, values).unwrap());
        params.push(id);
        id
    };
    let x = builder.input("x", Shape::new(vec![1, 2, 12, 12]).unwrap()).unwrap();
    let (weight, bias) = (param(&mut builder, &[5, 2, 3, 3]), param(&mut builder, &[5]));
    let conv = Conv { weight, bias: Some(bias), window: window(3, 1, 1, 12), groups: 1 };
    let z1 = builder.node("z1", Op::Linear(Linear::Conv(conv)), &[x]).unwrap();
    let a1 = builder.node("a1", Op::Function(Function::Relu), &[z1]).unwrap();
    let pool = Op::Extremum(Extremum::MaxPool(window(2, 2, 0, 6)));
    let p1 = builder.node("p1", pool, &[a1]).unwrap();
    let weight = param(&mut builder, &[4, 5, 3, 3]);
    let conv = Conv { weight, bias: None, window: window(3, 2, 1, 3), groups: 1 };
    let z2 = builder.node("z2", Op::Linear(Linear::Conv(conv)), &[p1]).unwrap();
    let a2 = builder.node("a2", Op::Function(Function::Relu), &[z2]).unwrap();
    let flat = Shape::new(vec![1, 36]).unwrap();
    let flat = builder.node("flat", Op::Layout(Layout::Reshape { shape: flat }), &[a2]).unwrap();
    let (weight, bias) = (param(&mut builder, &[3, 36]), param(&mut builder, &[3]));
    let dense = Dense { weight, bias: Some(bias), order: WeightOrder::OutputsFirst };
    let y = builder.node("y", Op::Linear(Linear::Dense(dense)), &[flat]).unwrap();
    let outputs = if seen { vec![y, z1, z2] } else { vec![y] };
    (builder.finish(&outputs).unwrap(), params)
}

/// The first 3 numbers of each row.
fn head(rows: &[f64]) -> Vec<f64> {
    rows.chunks(rows.len() / ROWS).flat_map(|row| row[..3].to_vec()).collect()
}

#[test]
fn a_fused_relu_changes_no_value_and_no_derivative() {
    let results = [false, true].map(|seen| {
        let (network, params) = network(seen);
        let evaluator = Evaluator::<f64>::new(&network);
        let (n, m) = (network.input_size(), network.output_size());
        assert_eq!(m == 3, !seen);
        let mut rng = Rng::new(8, 0);
        let (x, dx) = (normals(&mut rng, ROWS * n), normals(&mut rng, ROWS * n));
        let seed = normals(&mut rng, ROWS * 3);
        // The other outputs have cotangent 0.
        let mut dy = vec![0.0; ROWS * m];
        for (dy, seed) in dy.chunks_mut(m).zip(seed.chunks(3)) {
            dy[..3].copy_from_slice(seed);
        }
        let (mut values, mut y, mut pulled) =
            (vec![f64::NAN; ROWS * m], vec![f64::NAN; ROWS * m], vec![f64::NAN; ROWS * n]);
        evaluator.forward(&x, &mut values);
        evaluator.vjp(&x, &dy, &mut y, &mut pulled);
        // Values alone and values with derivatives take different ways through a max-pool.
        assert_eq!(values, y);
        let mut pushed = vec![f64::NAN; ROWS * m];
        evaluator.jvp(&x, &dx, &mut y, &mut pushed);
        assert_eq!(values, y);
        let mut gradients = Gradients::new(&network);
        let loss = |first: usize, y: &[f64], to: &mut [f64]| {
            to.copy_from_slice(&dy[first * m..][..to.len()]);
            y.chunks(m).map(|row| row[0]).sum()
        };
        evaluator.gradient(&x, &loss, &mut gradients);
        let gradients: Vec<f64> = params.iter().flat_map(|&id| gradients.of(id).to_vec()).collect();
        assert!(gradients.iter().filter(|&&g| g != 0.0).count() > 100);
        // ⟨dy, J dx⟩ = ⟨Jᵀ dy, dx⟩
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (left, right) = (dot(&dy, &pushed), dot(&pulled, &dx));
        assert!((left - right).abs() < 1e-10 * left.abs(), "{left} {right}");
        (head(&values), head(&pushed), pulled, gradients)
    });
    let [fused, apart] = results;
    assert_eq!(fused.0, apart.0, "values");
    assert_eq!(fused.1, apart.1, "tangents");
    assert_eq!(fused.2, apart.2, "cotangents");
    let error = common::difference(&fused.3, &apart.3);
    assert!(error < 1e-12, "gradients: {error:e}");
}
