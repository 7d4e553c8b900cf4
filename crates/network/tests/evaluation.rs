//! Values: against a naive interpreter, in both precisions, whatever the batch and the threads.

mod common;

use std::collections::BTreeSet;

use common::{difference, generate, interpret, normals};
use netinverse_base::Rng;
use netinverse_network::{Evaluator, Network, ValueId};

const NETWORKS: u64 = 400;

fn points(network: &Network, seed: u64, rows: usize) -> Vec<f64> {
    normals(&mut Rng::new(seed, 1), rows * network.input_size())
}

fn forward(network: &Network, x: &[f64]) -> Vec<f64> {
    let mut y = vec![f64::NAN; x.len() / network.input_size() * network.output_size()];
    Evaluator::new(network).forward(x, &mut y);
    y
}

#[test]
fn values_are_those_of_the_interpreter() {
    for seed in 0..NETWORKS {
        let network = generate::network(seed);
        let x = points(&network, seed, 3);
        let wanted: Vec<_> =
            x.chunks(network.input_size()).flat_map(|x| interpret::outputs(&network, x)).collect();
        let error = difference(&forward(&network, &x), &wanted);
        assert!(error < 1e-12, "network {seed}: {error:e}");
    }
}

#[test]
fn the_generator_draws_every_operator() {
    let drawn: BTreeSet<_> = (0..NETWORKS)
        .flat_map(|seed| {
            generate::network(seed).nodes().iter().map(|node| node.op.name()).collect::<Vec<_>>()
        })
        .collect();
    let wanted = [
        "Abs",
        "Celu",
        "ConvTranspose",
        "Cos",
        "Erf",
        "Gelu",
        "GeluTanh",
        "HardSwish",
        "LayerNormalization",
        "LogSoftmax",
        "MatMul",
        "Mish",
        "Pow",
        "Silu",
        "Sin",
        "Softsign",
        "Sqrt",
        "Add",
        "AveragePool",
        "Clip",
        "Concat",
        "Conv",
        "Elu",
        "Exp",
        "Expand",
        "Gather",
        "Gemm",
        "LeakyRelu",
        "Log",
        "MaxPool",
        "Mul",
        "Mul+Add",
        "Pad",
        "Reciprocal",
        "ReduceMean",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Softplus",
        "Sum",
        "Tanh",
        "Transpose",
    ];
    assert_eq!(drawn, BTreeSet::from(wanted));
}

#[test]
fn intermediate_values_are_those_of_the_interpreter() {
    for seed in 0..NETWORKS {
        let network = generate::network(seed);
        let x = points(&network, seed, 2);
        // Of every node, fused or not.
        let ids: Vec<ValueId> =
            network.inputs().iter().copied().chain(network.nodes().iter().map(|n| n.output)).collect();
        let values = Evaluator::<f64>::new(&network).values(&x, &ids);
        let (first, second) = x.split_at(network.input_size());
        let wanted = [first, second].map(|x| interpret::values(&network, x));
        for (id, values) in ids.iter().zip(&values) {
            let wanted =
                wanted.iter().flat_map(|row| row[id.index()].clone().unwrap().data).collect::<Vec<_>>();
            let error = difference(values, &wanted);
            assert!(error < 1e-12, "network {seed}, `{}`: {error:e}", network.value(*id).name);
        }
    }
}

#[test]
fn single_precision_agrees_with_double() {
    for seed in 0..NETWORKS {
        let network = generate::network(seed);
        let x = points(&network, seed, 3);
        // The points that f32 has, so that only the arithmetic differs.
        let x32: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let x64: Vec<f64> = x32.iter().map(|&x| f64::from(x)).collect();
        let mut y = vec![f32::NAN; 3 * network.output_size()];
        Evaluator::new(&network).forward(&x32, &mut y);
        let y: Vec<f64> = y.iter().map(|&y| f64::from(y)).collect();
        let error = difference(&y, &forward(&network, &x64));
        assert!(error < 2e-4, "network {seed}: {error:e}");
    }
}

#[test]
fn a_batch_is_its_rows() {
    for seed in 0..100 {
        let network = generate::network(seed);
        let x = points(&network, seed, 70);
        let whole = forward(&network, &x);
        let rows: Vec<_> = x.chunks(network.input_size()).flat_map(|x| forward(&network, x)).collect();
        // Products of one row are summed in another order.
        let error = difference(&whole, &rows);
        assert!(error < 1e-12, "network {seed}: {error:e}");
    }
}

#[test]
fn an_empty_batch_is_an_empty_answer() {
    let network = generate::network(0);
    assert_eq!(forward(&network, &[]), Vec::<f64>::new());
}

#[test]
#[should_panic(expected = "not a whole number of points")]
fn a_broken_batch_is_refused() {
    let network = generate::network(0);
    assert!(network.input_size() > 1);
    Evaluator::<f64>::new(&network).forward(&[1.0], &mut []);
}
