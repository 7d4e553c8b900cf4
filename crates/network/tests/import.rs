//! Small models in every operator form and opset variant, and as PyTorch's exporters write them, compute
//! what ONNX Runtime computes (`tools/make_import_fixtures.py` makes them).

use std::path::{Path, PathBuf};

use netinverse_network::{Evaluator, ImportOptions, Linear, Network, Op};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import")
}

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("cases.json")).expect("the cases are there");
    serde_json::from_str(&text).expect("the cases are JSON")
}

fn rows(case: &Value, key: &str) -> Vec<Vec<f64>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    case[key].as_array().unwrap().iter().map(row).collect()
}

fn import(case: &Value) -> Result<Network, String> {
    let outputs =
        case["outputs"].as_array().unwrap().iter().map(|x| x.as_str().unwrap().to_string()).collect();
    let options = ImportOptions { outputs, ..ImportOptions::default() };
    let path = folder().join(format!("{}.onnx", case["name"].as_str().unwrap()));
    Network::read_with(path, &options).map_err(|error| format!("{error}; hints: {:?}", error.hints()))
}

/// The first difference between a network and the recorded values.
fn compare(case: &Value) -> Result<(), String> {
    let network = import(case)?;
    if !network.warnings().is_empty() {
        return Err(format!("warnings: {:?}", network.warnings()));
    }
    let shapes: Vec<Value> =
        network.outputs().iter().map(|&id| Value::from(network.value(id).shape.to_vec())).collect();
    if case["shapes"] != Value::from(shapes.clone()) {
        return Err(format!("shapes are {shapes:?}, not {}", case["shapes"]));
    }
    let evaluator = Evaluator::<f64>::new(&network);
    for (x, expected) in rows(case, "points").iter().zip(&rows(case, "values")) {
        if (x.len(), expected.len()) != (network.input_size(), network.output_size()) {
            return Err(format!(
                "sizes are {:?}, not {:?}",
                (network.input_size(), network.output_size()),
                (x.len(), expected.len())
            ));
        }
        let mut y = vec![0.0; expected.len()];
        evaluator.forward(x, &mut y);
        // What float32 leaves of the digits, over a few layers.
        let scale = expected.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
        for (index, (own, expected)) in y.iter().zip(expected).enumerate() {
            let close = (own - expected).abs() <= 2e-6 * scale;
            if !close {
                return Err(format!("element {index} is {own}, ONNX Runtime has {expected}"));
            }
        }
    }
    Ok(())
}

#[test]
fn every_model_computes_what_onnx_runtime_computes() {
    let cases = cases();
    assert!(cases.len() >= 250, "only {} cases", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| compare(case).err().map(|failure| format!("{}: {failure}", case["name"])))
        .collect();
    assert!(failures.is_empty(), "{} of {} models:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn outputs_keep_their_names() {
    for (name, outputs) in [
        ("identity_output", vec!["y", "z", "a"]),
        ("input_is_output", vec!["y"]),
        ("constant_output", vec!["y", "k"]),
        ("matmul_add_output", vec!["a"]),
        ("two_inputs", vec!["z", "y"]),
    ] {
        let cases = cases();
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let network = import(case).unwrap();
        let own: Vec<&str> = network.outputs().iter().map(|&id| network.value(id).name.as_str()).collect();
        assert_eq!(own, outputs, "{name}");
    }
}

#[test]
fn matrix_products_and_additions_are_joined_where_nothing_else_reads_the_product() {
    let kinds = |name: &str| -> Vec<&'static str> {
        let cases = cases();
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        import(case).unwrap().nodes().iter().map(|node| node.op.name()).collect()
    };
    for (name, ops) in [
        ("matmul_add", vec!["Gemm"]),
        ("matmul_add_first", vec!["Gemm"]),
        ("matmul_add_scalar", vec!["Gemm"]),
        ("gemm_no_bias_add", vec!["Gemm"]),
        ("matmul_vector", vec!["Gemm"]),
        ("matmul_tokens", vec!["Gemm"]),
        ("matmul_add_shared", vec!["Gemm", "Add", "Mul"]),
        ("matmul_add_alias", vec!["Gemm", "Add", "Sum", "Sum"]),
        ("matmul_add_both_outputs", vec!["Gemm", "Add"]),
        ("matmul_add_output", vec!["Gemm"]),
        // What is dead, constant or an identity leaves nothing.
        ("dead_code", vec!["Relu"]),
        ("dropout_13", vec!["Relu"]),
        ("view_by_shape", vec!["Reshape"]),
        ("batchnormalization_15", vec!["Mul+Add"]),
    ] {
        assert_eq!(kinds(name), ops, "{name}");
    }
}

#[test]
fn weights_stay_as_stored_and_folds_carry_a_radius() {
    let cases = cases();
    let network = |name: &str| import(cases.iter().find(|case| case["name"] == name).unwrap()).unwrap();
    for name in ["gemm_0_vector", "matmul_add", "conv_bias", "matmul_weight_first", "half_weights"] {
        let network = network(name);
        assert!(network.params().iter().all(|param| param.is_f32() && param.radius().is_none()), "{name}");
    }
    // Doubles stay doubles.
    assert!(network("double_model").params().iter().all(|param| !param.is_f32() && param.radius().is_none()));

    // s = γ / √(v + ε): the square, in exact arithmetic within the radius, gives γ² back.
    let folded = network("batch_norm_of_constant_variance");
    let Op::Linear(Linear::Scale(scale)) = &folded.nodes()[0].op else { panic!("one Scale is expected") };
    let param = folded.param(scale.scale.unwrap());
    let radius = param.radius().expect("a square root is not exact");
    for (value, radius) in param.f64().iter().zip(radius) {
        assert!(*radius > 0.0 && *radius < 1e-14 * value.abs(), "{value} ± {radius}");
    }
}

#[test]
fn infinite_masks_leave_the_softmax_of_the_rest() {
    use netinverse_onnx::{
        Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData, ValueInfo,
    };
    let node = |op: &str, inputs: &[&str], output: &str| Node {
        name: format!("the {op}"),
        op_type: op.into(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
        outputs: vec![output.into()],
        ..Node::default()
    };
    let tensor =
        |values: [f32; 4]| Tensor { name: "m".into(), dims: vec![4], data: TensorData::F32(values.to_vec()) };
    let model = |mask, nodes| Model {
        ir_version: 8,
        opsets: vec![OperatorSet { domain: String::new(), version: 17 }],
        graph: Graph {
            nodes,
            initializers: vec![tensor(mask)],
            inputs: vec![ValueInfo {
                name: "x".into(),
                element_type: Some(ElementType::F32),
                shape: Some(vec![Dimension::Fixed(1), Dimension::Fixed(4)]),
            }],
            outputs: vec![ValueInfo { name: "y".into(), element_type: None, shape: None }],
            ..Graph::default()
        },
        ..Model::default()
    };
    let infinite = [0.0, f32::NEG_INFINITY, 0.5, f32::NEG_INFINITY];
    let masked = model(infinite, vec![node("Add", &["x", "m"], "s"), node("Softmax", &["s"], "y")]);
    let network = Network::import(&masked, &ImportOptions::default()).unwrap();
    // What is masked may be anything, also far larger than the rest.
    for x in [[1.0, 2.0, 3.0, 4.0], [0.0, 900.0, 1.0, -900.0], [-50.0, 0.0, -51.0, 0.0]] {
        let mut y = [f64::NAN; 4];
        Evaluator::<f64>::new(&network).forward(&x, &mut y);
        let share = 1.0 / (1.0 + (x[2] + 0.5 - x[0]).exp());
        for (own, wanted) in y.iter().zip([share, 0.0, 1.0 - share, 0.0]) {
            assert!((own - wanted).abs() < 1e-14, "{x:?}: {y:?}");
        }
    }
    let elsewhere = model(infinite, vec![node("Add", &["x", "m"], "s"), node("Exp", &["s"], "y")]);
    let error = Network::import(&elsewhere, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("infinite") && error.hints().join(" ").contains("Softmax"), "{error}");
}
