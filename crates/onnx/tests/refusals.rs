//! What is refused: each by the name of the node or tensor, with what to do about it.

use std::path::{Path, PathBuf};

use netinverse_base::Error;
use netinverse_onnx::{
    Attribute, AttributeValue, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData, ValueInfo,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The error's message without the file that it begins with.
fn message(error: &Error) -> String {
    let text = error.to_string();
    text.split_once(".onnx: ").map_or(text.clone(), |(_, rest)| rest.to_string())
}

#[test]
fn models_of_the_onnx_package_that_are_not_read() {
    for (name, expected) in [
        ("sparse", "tensor `thin`: is a sparse initialiser, which is not read"),
        ("function", "node `call` (Twice): calls a function that the model defines, which is not read"),
        ("int4", "tensor `q`: elements of type int4 are not read"),
        ("float8", "tensor `q`: elements of type float8e4m3fn are not read"),
        ("negative", "tensor `w`: has the negative size -3"),
        ("overflow", "tensor `w`: has more elements than memory can address"),
        ("short", "tensor `w`: has 20 bytes, 6 elements of type float32 are expected"),
        ("huge", "tensor `w`: has 4 bytes, 1099511627776 elements of type float32 are expected"),
        ("few", "tensor `w`: has 2 elements, its sizes give 3"),
        ("wrong_field", "tensor `w`: has elements in a field that float32 does not use"),
        ("both", "tensor `w`: has both raw and typed elements"),
        ("range", "tensor `w`: element 1 is 128, which int8 does not hold"),
        ("boolean", "tensor `w`: element 1 is 2, which bool does not hold"),
        ("typeless", "tensor `w`: has no element type"),
        ("segment", "tensor `w`: is one segment of a larger tensor, which is not read"),
        ("no_opset", "imports no operator set"),
        ("two_opsets", "imports versions 17 and 18 of the operator set ai.onnx"),
        ("no_graph", "has no graph"),
        ("reference", "node `relu` (Relu): attribute `alpha` refers to one of a function, outside of one"),
        ("valueless", "node `relu` (Relu): attribute `alpha` has no value"),
    ] {
        let error = Model::read(&fixture(&format!("{name}.onnx"))).expect_err(name);
        assert_eq!(message(&error), expected);
    }
    // A function that no node calls changes nothing.
    Model::read(&fixture("function_unused.onnx")).unwrap();
}

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    Node {
        name: format!("n_{}", outputs[0]),
        op_type: op.to_string(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
        outputs: outputs.iter().map(ToString::to_string).collect(),
        ..Node::default()
    }
}

fn value(name: &str) -> ValueInfo {
    ValueInfo { name: name.to_string(), element_type: Some(ElementType::F32), shape: None }
}

fn weights(name: &str, values: &[f32]) -> Tensor {
    Tensor { name: name.to_string(), dims: vec![values.len()], data: TensorData::F32(values.to_vec()) }
}

/// y = relu(x) + w
fn model() -> Model {
    Model {
        ir_version: 8,
        opsets: vec![OperatorSet { domain: String::new(), version: 17 }],
        graph: Graph {
            name: "g".to_string(),
            nodes: vec![node("Relu", &["x"], &["h"]), node("Add", &["h", "w"], &["y"])],
            initializers: vec![weights("w", &[1.0, 2.0])],
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            value_info: Vec::new(),
        },
        ..Model::default()
    }
}

#[test]
fn contradictions_are_named() {
    Model::parse(&model().to_bytes()).unwrap();
    type Change = fn(&mut Model);
    let cases: &[(Change, &str)] = &[
        (|model| model.ir_version = 2, "has IR version 2, versions 3 to 14 are read"),
        (|model| model.ir_version = 99, "has IR version 99, versions 3 to 14 are read"),
        (|model| model.opsets.clear(), "imports no operator set"),
        (|model| model.opsets[0].version = 29, "uses opset 29, up to 28 are known"),
        (|model| model.opsets[0].version = 0, "imports version 0 of the operator set ai.onnx"),
        (
            |model| model.opsets[0].domain = "com.example".into(),
            "node `n_h` (Relu): the model imports no version of the standard operator set",
        ),
        (|model| model.graph.initializers.push(weights("w", &[3.0])), "tensor `w`: is an initialiser twice"),
        (|model| model.graph.inputs.push(value("x")), "the graph has two inputs `x`"),
        (|model| model.graph.inputs.push(value("")), "an input of the graph has no name"),
        (|model| model.graph.initializers[0].name.clear(), "an initialiser has no name"),
        (
            |model| model.graph.nodes[1].inputs[1] = "v".into(),
            "node `n_y` (Add): reads `v`, which nothing writes",
        ),
        (
            |model| model.graph.nodes.push(node("Neg", &["x"], &["y"])),
            "node `n_y` (Neg): writes `y`, which is written by another node",
        ),
        (
            |model| model.graph.nodes.push(node("Neg", &["y"], &["x"])),
            "node `n_h` (Relu): needs its own output: the graph has a cycle",
        ),
        (
            |model| model.graph.nodes.push(node("Neg", &["w"], &["x"])),
            "node `n_x` (Neg): writes `x`, which is an input of the graph",
        ),
        (
            |model| model.graph.nodes.push(node("Neg", &["x"], &["w"])),
            "node `n_w` (Neg): writes `w`, which is an initialiser",
        ),
        (|model| model.graph.outputs.push(value("z")), "nothing writes the graph's output `z`"),
        (|model| model.graph.nodes[0].op_type.clear(), "node `n_h` (): has no operator"),
        (
            |model| model.graph.initializers[0] = weights("w", &[1.0, f32::NAN]),
            "tensor `w`: element 1 is NaN",
        ),
        (
            |model| model.graph.initializers[0] = weights("w", &[f32::NEG_INFINITY, 0.0]),
            "tensor `w`: element 0 is infinite",
        ),
        (
            |model| {
                let twice = Attribute { name: "axis".into(), value: AttributeValue::Int(1) };
                model.graph.nodes[0].attributes = vec![twice.clone(), twice];
            },
            "node `n_h` (Relu): attribute `axis` is given twice",
        ),
        (
            |model| {
                // Within a subgraph: its own names and those around it, and no others.
                let branch = Graph {
                    nodes: vec![node("Add", &["h", "absent"], &["inner"])],
                    outputs: vec![value("inner")],
                    ..Graph::default()
                };
                let value = AttributeValue::Graph(Box::new(branch));
                model.graph.nodes[1].attributes = vec![Attribute { name: "body".into(), value }];
            },
            "node `n_y` (Add): node `n_inner` (Add): reads `absent`, which nothing writes",
        ),
    ];
    for (change, expected) in cases {
        let mut changed = model();
        change(&mut changed);
        let error = Model::parse(&changed.to_bytes()).expect_err(expected);
        assert_eq!(error.to_string(), *expected);
    }
    // A node that waits for a cycle is not on it.
    let mut behind = model();
    behind.graph.nodes =
        vec![node("Neg", &["b"], &["y"]), node("Add", &["x", "b"], &["a"]), node("Neg", &["a"], &["b"])];
    let error = Model::parse(&behind.to_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("node `n_a`") || error.starts_with("node `n_b`"), "{error}");
    // A scalar may be infinite: a bound without effect.
    let mut scalar = model();
    scalar.graph.initializers[0] =
        Tensor { name: "w".into(), dims: vec![], data: TensorData::F32(vec![f32::INFINITY]) };
    Model::parse(&scalar.to_bytes()).unwrap();
}

#[test]
fn files_of_other_kinds_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let mut tflite = vec![0x1C, 0, 0, 0];
    tflite.extend_from_slice(b"TFL3 and more");
    let mut safetensors = 20u64.to_le_bytes().to_vec();
    safetensors.extend_from_slice(b"{\"w\": {}}            ");
    let cases: &[(&[u8], &str, &str)] = &[
        (b"", "is empty", "download"),
        (b"PK\x03\x04....model/data.pkl....", "is a PyTorch archive (.pt), not ONNX", "torch.onnx.export"),
        (b"PK\x03\x04....config.json....", "is a Keras archive (.keras), not ONNX", "format=\"onnx\""),
        (b"PK\x03\x04....w.npy....", "is a NumPy archive (.npz), not ONNX", "export the network"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file, perhaps of Keras, not ONNX", "format=\"onnx\""),
        (b"\x80\x02\x8a\nl\xfc\x9c", "is a Python pickle, not ONNX", "torch.onnx.export"),
        (&tflite, "is a TensorFlow Lite model, not ONNX", "tf2onnx"),
        (
            &safetensors,
            "is a safetensors file, which holds weights without a network, not ONNX",
            "torch.onnx",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n",
            "is a Git LFS pointer, not ONNX",
            "git lfs pull",
        ),
        (b" {\"layers\": []}", "is JSON, not ONNX", "export the network"),
        (b"<!DOCTYPE html><html>", "is a page of HTML or XML, not ONNX", "download the file itself"),
        (b"// Neural Network File Format\n5,3\n", "is a text file, not ONNX", "export the network"),
        (b"\x1F\x8B\x08\0", "is compressed by gzip, not ONNX", "gunzip"),
        (b"\x08\x08\x3A\x7F", "byte 4: a field is longer than what holds it", "damaged"),
        (b"\x12\x02\xC3\x28", "cannot be decoded", "damaged"),
    ];
    for (bytes, expected, hint) in cases {
        std::fs::write(&path, bytes).unwrap();
        let error = Model::read(&path).expect_err(expected);
        let text = error.to_string();
        let (place, rest) = text.split_once(".bin: ").unwrap();
        assert!(place.ends_with("model"), "{text}");
        assert!(rest.starts_with(expected), "{text}");
        assert!(error.hints().iter().any(|line| line.contains(hint)), "{text}: {:?}", error.hints());
    }
}

#[test]
fn folders_and_missing_files() {
    let folder = tempfile::tempdir().unwrap();
    let error = Model::read(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("is a folder, an ONNX file is expected"), "{error}");
    assert!(error.hints().is_empty());
    std::fs::write(folder.path().join("b.onnx"), "").unwrap();
    std::fs::write(folder.path().join("a.ONNX"), "").unwrap();
    let error = Model::read(folder.path()).unwrap_err();
    assert!(error.hints()[0].ends_with("a.ONNX`?"), "{:?}", error.hints());
    std::fs::write(folder.path().join("saved_model.pb"), "").unwrap();
    let error = Model::read(folder.path()).unwrap_err();
    assert!(error.hints()[0].contains("tf2onnx"), "{:?}", error.hints());
    let error = Model::read(&folder.path().join("absent.onnx")).unwrap_err();
    assert!(error.to_string().ends_with("absent.onnx: no such file or directory"), "{error}");
}

/// The bytes of the fixture with another location in place of `external.onnx.data`, of the same length.
fn relocated(location: &str) -> Vec<u8> {
    let original = b"external.onnx.data";
    assert_eq!(location.len(), original.len());
    let mut bytes = std::fs::read(fixture("external.onnx")).unwrap();
    for at in 0..=bytes.len() - original.len() {
        if bytes[at..].starts_with(original) {
            bytes[at..at + original.len()].copy_from_slice(location.as_bytes());
        }
    }
    bytes
}

#[test]
fn external_data_stays_beside_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = std::fs::read(fixture("external.onnx.data")).unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir_all(inside.join("sub")).unwrap();
    let parse = |location: &str| Model::parse_with(&relocated(location), &inside);
    // The file exists wherever a location points to.
    let expected = Model::read(&fixture("external.onnx")).unwrap();
    for location in ["weights8.onnx.data", "./weights.onnx.dat", "sub/weights.onnx.d"] {
        std::fs::write(inside.join(location), &data).unwrap();
        assert!(parse(location).unwrap_or_else(|error| panic!("{location}: {error}")) == expected);
    }
    std::fs::write(folder.path().join("weights.onnx.da"), &data).unwrap();
    for location in ["../weights.onnx.da", "sub/../weights.dat", "/etc/weights.onnx."] {
        let error = parse(location).expect_err(location);
        let expected = format!("tensor `w`: its external data `{location}` is outside the model's folder");
        assert_eq!(error.to_string(), expected);
    }
    let error = parse("absent88.onnx.data").unwrap_err();
    assert!(error.to_string().starts_with("tensor `w`: "), "{error}");
    assert!(error.to_string().ends_with("absent88.onnx.data: no such file or directory"), "{error}");
    assert_eq!(
        error.hints(),
        ["keep `absent88.onnx.data` beside the model, or export with external_data=False"]
    );
    let error = parse("sub///////////////").unwrap_err();
    assert!(error.to_string().ends_with("its external data, is not a file"), "{error}");
    let error = Model::parse(&relocated("external.onnx.data")).unwrap_err();
    assert_eq!(error.to_string(), "tensor `w`: its elements are in another file, `external.onnx.data`");
}

#[test]
fn external_data_is_as_long_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let data = std::fs::read(fixture("external.onnx.data")).unwrap();
    let bytes = std::fs::read(fixture("external.onnx")).unwrap();
    for (length, expected) in [
        (8, "tensor `w`: its 16 bytes from byte 0 are beyond the end of `external.onnx.data` (8 bytes)"),
        (20, "tensor `b`: has 4 bytes in `external.onnx.data`, 8 are expected"),
        (10, "tensor `w`: its 16 bytes from byte 0 are beyond the end of `external.onnx.data` (10 bytes)"),
    ] {
        std::fs::write(folder.path().join("external.onnx.data"), &data[..length]).unwrap();
        let error = Model::parse_with(&bytes, folder.path()).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}
