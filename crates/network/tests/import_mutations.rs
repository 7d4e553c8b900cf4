//! Damaged models are refused or read, and never bring the loader down.

use std::path::Path;

use netinverse_base::Rng;
use netinverse_network::import::support;
use netinverse_network::{ImportOptions, Network};
use netinverse_onnx::{AttributeValue, Dimension, Model, Tensor, TensorData};

const MUTATIONS: u64 = 20_000;

#[test]
fn a_damaged_model_is_a_network_or_an_error() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    paths.sort();
    let models: Vec<Model> = paths.iter().map(|path| Model::read(path).unwrap()).collect();
    let (mut read, mut refused) = (0, 0);
    for seed in 0..MUTATIONS {
        let mut rng = Rng::new(28, seed);
        let mut model = models[rng.below(models.len())].clone();
        let other = &models[rng.below(models.len())];
        for _ in 0..=rng.below(3) {
            mutate(&mut model, other, &mut rng);
        }
        match Network::import(&model, &ImportOptions::default()) {
            Ok(network) => {
                read += 1;
                // What was read is consistent: every shape follows from the shapes before it.
                for node in network.nodes() {
                    let shapes: Vec<_> = node.inputs.iter().map(|&id| &network.value(id).shape).collect();
                    let shape = node.op.output_shape(&shapes, network.params()).unwrap();
                    assert_eq!(shape, network.value(node.output).shape, "seed {seed}, node `{}`", node.name);
                }
            }
            Err(_) => refused += 1,
        }
        let _ = support(&model);
    }
    // Both happen, or the mutations are too mild or too wild to test anything.
    assert!(read > MUTATIONS / 10 && refused > MUTATIONS / 10, "{read} read, {refused} refused");
}

/// Changes one thing.
fn mutate(model: &mut Model, other: &Model, rng: &mut Rng) {
    const NUMBERS: [i64; 14] =
        [0, 1, -1, 2, 3, -2, 7, 100, 65_536, i32::MAX as i64, i32::MIN as i64, 1 << 40, i64::MAX, i64::MIN];
    let number = |rng: &mut Rng| NUMBERS[rng.below(NUMBERS.len())];
    let graph = &mut model.graph;
    let names: Vec<String> =
        graph.nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs)).cloned().collect();
    let nodes = graph.nodes.len();
    let pick = rng.below(nodes.max(1));
    match rng.below(12) {
        0 => model.opsets[0].version = [7, 9, 11, 13, 18, 22, 28][rng.below(7)],
        1 if nodes > 0 => {
            let donor = &other.graph.nodes[rng.below(other.graph.nodes.len())];
            graph.nodes[pick].op_type.clone_from(&donor.op_type);
            if rng.below(2) == 0 {
                graph.nodes[pick].attributes.clone_from(&donor.attributes);
            }
        }
        2 if nodes > 0 => {
            let name = names[rng.below(names.len())].clone();
            let inputs = &mut graph.nodes[pick].inputs;
            if inputs.is_empty() || rng.below(4) == 0 {
                inputs.push(name);
            } else {
                let index = rng.below(inputs.len());
                inputs[index] = if rng.below(5) == 0 { String::new() } else { name };
            }
        }
        3 if nodes > 1 => {
            let to = rng.below(nodes);
            graph.nodes.swap(pick, to);
        }
        4 if nodes > 1 => {
            graph.nodes.remove(pick);
        }
        5 | 6 if nodes > 0 && !graph.nodes[pick].attributes.is_empty() => {
            let attributes = &mut graph.nodes[pick].attributes;
            let index = rng.below(attributes.len());
            match &mut attributes[index].value {
                AttributeValue::Int(value) => *value = number(rng),
                AttributeValue::Ints(values) if !values.is_empty() && rng.below(4) > 0 => {
                    let at = rng.below(values.len());
                    values[at] = number(rng);
                }
                AttributeValue::Ints(values) => values.push(number(rng)),
                AttributeValue::Float(value) => {
                    *value = [0.0, -1.0, f32::NAN, f32::INFINITY, 1e38, 1e-45][rng.below(6)];
                }
                AttributeValue::String(text) => *text = b"SAME_LOWER".to_vec(),
                AttributeValue::Tensor(tensor) => damage(tensor, number(rng), rng),
                _ => {
                    attributes.remove(index);
                }
            }
        }
        7 | 8 if !graph.initializers.is_empty() => {
            let index = rng.below(graph.initializers.len());
            let value = number(rng);
            damage(&mut graph.initializers[index], value, rng);
        }
        9 if !graph.inputs.is_empty() => {
            let index = rng.below(graph.inputs.len());
            if let Some(shape) = &mut graph.inputs[index].shape {
                let dim = match rng.below(3) {
                    0 => Dimension::Unknown,
                    1 => Dimension::Symbolic("K".into()),
                    _ => Dimension::Fixed(number(rng).unsigned_abs() as usize),
                };
                if shape.is_empty() || rng.below(3) == 0 {
                    shape.push(dim);
                } else {
                    let axis = rng.below(shape.len());
                    shape[axis] = dim;
                }
            } else {
                graph.inputs[index].shape = Some(vec![Dimension::Fixed(3)]);
            }
        }
        10 if !graph.inputs.is_empty() => {
            let index = rng.below(graph.inputs.len());
            graph.inputs[index].shape = None;
        }
        _ if !names.is_empty() => {
            let index = rng.below(graph.outputs.len());
            graph.outputs[index].name.clone_from(&names[rng.below(names.len())]);
        }
        _ => {}
    }
}

/// Another number, another shape, or elements that do not fill the shape.
fn damage(tensor: &mut Tensor, value: i64, rng: &mut Rng) {
    match (&mut tensor.data, rng.below(4)) {
        (TensorData::I64(values), 0..=1) if !values.is_empty() => {
            let at = rng.below(values.len());
            values[at] = value;
        }
        (TensorData::F32(values), 0) if !values.is_empty() => {
            let at = rng.below(values.len());
            values[at] = [0.0, f32::NAN, f32::INFINITY, f32::MAX, 1e-45][rng.below(5)];
        }
        (_, 1) => tensor.dims.push(1),
        (_, 2) => tensor.dims.reverse(),
        (_, 3) if tensor.dims.len() > 1 => {
            let product = tensor.dims.iter().fold(1_usize, |product, &dim| product.wrapping_mul(dim));
            tensor.dims = vec![product];
        }
        _ => {
            if let Some(dim) = tensor.dims.first_mut() {
                *dim = value.unsigned_abs() as usize;
            }
        }
    }
}
