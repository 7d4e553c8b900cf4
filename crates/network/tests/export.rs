//! What is written is what was meant: a network that is written as ONNX and read again computes the same.

mod common;

use std::collections::HashSet;
use std::path::Path;

use common::{difference, generate};
use netinverse_base::Rng;
use netinverse_network::{Evaluator, Function, ImportOptions, Layout, Linear, Network, Op, PadMode};
use netinverse_onnx::{Dimension, ElementType, Model};

/// Whether the model computes in float64.
fn is_double(model: &Model) -> bool {
    model.graph.inputs.iter().any(|input| input.element_type == Some(ElementType::F64))
}

/// Writes the network as bytes and reads them.
fn there_and_back(network: &Network) -> Result<(Model, Network), String> {
    let model = Model::parse(&network.to_onnx().to_bytes()).map_err(|error| error.to_string())?;
    let again = Network::import(&model, &ImportOptions::default()).map_err(|error| error.to_string())?;
    Ok((model, again))
}

/// Every number that the network computes with.
fn numbers(network: &Network) -> Vec<f64> {
    let mut numbers: Vec<f64> =
        network.params().iter().flat_map(netinverse_network::Param::f64).copied().collect();
    for node in network.nodes() {
        match &node.op {
            Op::Linear(Linear::Combine { coefficients }) => numbers.extend(coefficients),
            Op::Function(
                Function::LeakyRelu { alpha } | Function::Elu { alpha } | Function::Celu { alpha },
            ) => numbers.push(*alpha),
            Op::Function(Function::Silu { beta }) => numbers.push(*beta),
            Op::Function(Function::Power { exponent }) => numbers.push(*exponent),
            Op::Function(Function::Clip { low, high }) => numbers.extend([low, high]),
            Op::Layout(Layout::Pad { mode: PadMode::Constant(value), .. }) => numbers.push(*value),
            // Corrections of means divide by these, and formulas in other operators have such constants: float32 does
            // not hold them.
            Op::Linear(Linear::AveragePool(_)) | Op::Function(Function::Gelu | Function::GeluTanh) => {
                numbers.push(1.0 / 3.0);
            }
            _ => {}
        }
    }
    numbers
}

/// What differs between a network and what was read back, if anything does.
fn compare(network: &Network) -> Result<(), String> {
    let (model, again) = there_and_back(network)?;
    let names = |network: &Network, ids: &[_]| {
        ids.iter().map(|&id| network.value(id).name.clone()).collect::<Vec<_>>()
    };
    let ports = |network: &Network| (names(network, network.inputs()), names(network, network.outputs()));
    // A value that is an output twice is read as two values, the second under a name of its own.
    let distinct = network.outputs().iter().collect::<HashSet<_>>().len() == network.outputs().len();
    if distinct && ports(network) != ports(&again) {
        return Err(format!("names {:?} became {:?}", ports(network), ports(&again)));
    }
    if !again.warnings().is_empty() {
        return Err(format!("warnings {:?}", again.warnings()));
    }
    let (n, m) = (network.input_size(), network.output_size());
    // Positive, for logarithms and reciprocals.
    let mut rng = Rng::new(11, 0);
    let x: Vec<f64> = (0..3 * n).map(|_| rng.range(0.25, 1.5)).collect();
    let [before, after] = [network, &again].map(|network| {
        let mut y = vec![f64::NAN; 3 * m];
        Evaluator::<f64>::new(network).forward(&x, &mut y);
        y
    });
    // Numbers that float32 holds are written bit for bit; the others are rounded to it.
    let rounded =
        !is_double(&model) && numbers(network).iter().any(|&value| f64::from(value as f32) != value);
    let (limit, error) = (if rounded { 2e-6 } else { 1e-12 }, difference(&before, &after));
    if error > limit { Err(format!("values differ by {error:e}")) } else { Ok(()) }
}

fn all(networks: impl Iterator<Item = (String, Network)>) -> usize {
    let mut count = 0;
    let failures: Vec<String> = networks
        .inspect(|_| count += 1)
        .filter_map(|(name, network)| compare(&network).err().map(|failure| format!("{name}: {failure}")))
        .collect();
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    count
}

#[test]
fn random_networks_come_back() {
    assert_eq!(all((0..400).map(|seed| (format!("network {seed}"), generate::network(seed)))), 400);
}

#[test]
fn models_that_were_read_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "onnx"));
    files.sort();
    // Those that are not read are the business of the tests of reading.
    let read = files.iter().filter_map(|file| {
        Network::read(file)
            .ok()
            .map(|network| (file.file_name().unwrap().to_string_lossy().into_owned(), network))
    });
    assert!(all(read) >= 250);
}

#[test]
fn reading_and_writing_settles() {
    // Reading simplifies (a transposition that moves nothing is a reshape); once it has, nothing changes any more.
    for seed in 0..100 {
        let (_, once) = there_and_back(&generate::network(seed)).unwrap();
        let (first, twice) = there_and_back(&once).unwrap();
        let (second, _) = there_and_back(&twice).unwrap();
        let operators =
            |model: &Model| model.graph.nodes.iter().map(|node| node.op_type.clone()).collect::<Vec<_>>();
        assert_eq!(operators(&first), operators(&second), "network {seed}");
        assert_eq!(first.graph.inputs, second.graph.inputs, "network {seed}");
    }
}

/// A batch of two is two samples: the symbolic axis is declared only where it is true. Stacked samples are read
/// by fixing the axis at 2, and give the samples' values one after the other.
#[test]
fn a_symbolic_axis_is_a_batch() {
    let mut batched = 0;
    for seed in 0..400 {
        let network = generate::network(seed);
        let mut model = network.to_onnx();
        let inputs = model.graph.inputs.iter_mut().filter_map(|input| input.shape.as_mut());
        let mut symbolic = false;
        for shape in inputs {
            if let Some(Dimension::Symbolic(_)) = shape.first() {
                symbolic = true;
                shape[0] = Dimension::Fixed(2);
            }
        }
        if !symbolic {
            continue;
        }
        batched += 1;
        model.graph.outputs.iter_mut().for_each(|output| output.shape = None);
        let stacked = Network::import(&model, &ImportOptions::default())
            .unwrap_or_else(|error| panic!("network {seed}: {error}"));
        let mut rng = Rng::new(seed, 2);
        let mut sample = |network: &Network| -> Vec<Vec<f64>> {
            let sizes = network.inputs().iter().map(|&id| network.value(id).shape.elements());
            sizes.map(|size| (0..size).map(|_| rng.range(0.25, 1.5)).collect()).collect()
        };
        let [a, b] = [sample(&network), sample(&network)];
        // Inputs one after the other, in each the two samples.
        let x: Vec<f64> = a.iter().zip(&b).flat_map(|(a, b)| [a.as_slice(), b.as_slice()].concat()).collect();
        let mut together = vec![f64::NAN; stacked.output_size()];
        Evaluator::<f64>::new(&stacked).forward(&x, &mut together);
        let evaluator = Evaluator::<f64>::new(&network);
        let [y_a, y_b] = [a.concat(), b.concat()].map(|x| {
            let mut y = vec![f64::NAN; network.output_size()];
            evaluator.forward(&x, &mut y);
            y
        });
        let mut expected = Vec::new();
        let mut start = 0;
        for &id in network.outputs() {
            let end = start + network.value(id).shape.elements();
            expected.extend_from_slice(&y_a[start..end]);
            expected.extend_from_slice(&y_b[start..end]);
            start = end;
        }
        let error = difference(&together, &expected);
        assert!(error < 1e-5, "network {seed}: {error:e}");
    }
    assert!(batched >= 20, "only {batched} networks have a batch axis");
}
