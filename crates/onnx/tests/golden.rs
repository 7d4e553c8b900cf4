//! Models that the onnx package wrote (`tools/make_onnx_fixtures.py`), against what it reads from them.

use std::path::{Path, PathBuf};

use netinverse_onnx::{
    AttributeValue, Dimension, ElementType, Model, OperatorSet, Tensor, TensorData, read_source,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("{name}.onnx"))
}

fn read(name: &str) -> Model {
    Model::read(&fixture(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[digit as usize]))
        .collect()
}

/// The tensor as a line of `expected.txt` has it.
fn line(file: &str, tensor: &Tensor) -> String {
    fn decimal<T: ToString>(values: &[T]) -> Vec<String> {
        values.iter().map(T::to_string).collect()
    }
    fn bits<T: Copy + Into<f64>>(values: &[T]) -> Vec<String> {
        values.iter().map(|&value| format!("{:016x}", value.into().to_bits())).collect()
    }
    let elements = match &tensor.data {
        TensorData::F32(values) => bits(values),
        TensorData::F64(values) => bits(values),
        TensorData::F16(values) => bits(values),
        TensorData::BF16(values) => bits(values),
        TensorData::I8(values) => decimal(values),
        TensorData::I16(values) => decimal(values),
        TensorData::I32(values) => decimal(values),
        TensorData::I64(values) => decimal(values),
        TensorData::U8(values) => decimal(values),
        TensorData::U16(values) => decimal(values),
        TensorData::U32(values) => decimal(values),
        TensorData::U64(values) => decimal(values),
        TensorData::Bool(values) => values.iter().map(|&value| u8::from(value).to_string()).collect(),
        TensorData::Strings(values) => values.iter().map(|bytes| hexadecimal(bytes)).collect(),
        _ => panic!("a type that these tests do not know"),
    };
    let sizes = decimal(&tensor.dims).join("x");
    let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_string() } else { text };
    let elements = or(elements.join(","), "-");
    format!("{file} {} {} {} {elements}", tensor.name, tensor.element_type(), or(sizes, "scalar"))
}

#[test]
fn initialisers_are_what_the_onnx_package_reads() {
    let expected = include_str!("fixtures/expected.txt");
    let mut found = String::new();
    for file in ["types_raw", "types_typed", "external", "ir3", "unsorted"] {
        for tensor in &read(file).graph.initializers {
            found += &line(file, tensor);
            found += "\n";
            assert_eq!(tensor.len(), tensor.dims.iter().product::<usize>());
        }
    }
    assert!(expected.lines().count() > 30);
    assert_eq!(found, expected);
}

#[test]
fn what_is_written_is_read_back() {
    for name in ["types_raw", "types_typed", "external", "ir3", "unsorted", "function_unused"] {
        let model = read(name);
        assert!(Model::parse(&model.to_bytes()).unwrap() == model, "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let model = read("types_raw");
    std::fs::write(&path, "what was here before").unwrap();
    model.write(&path).unwrap();
    assert!(Model::read(&path).unwrap() == model);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary file is gone");
    // A kind of attribute that is kept by name only cannot be written, and the file stays as it was.
    let error = read("attributes").write(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("node `everything` (Anything): attribute `type` is a type, which is not written")
    );
    assert!(Model::read(&path).unwrap() == model);
}

#[test]
fn a_tensor_that_contradicts_itself_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = read("types_raw");
    model.graph.initializers[0].dims = vec![7];
    let error = model.write(&folder.path().join("model.onnx")).unwrap_err();
    assert!(error.to_string().ends_with("tensor `float32`: has 6 elements, its sizes are [7]"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn inputs_outputs_and_names() {
    let model = read("ir3");
    assert_eq!((model.ir_version, model.opset()), (3, Some(8)));
    assert_eq!(model.producer, ("fixtures".to_string(), "1".to_string()));
    let inputs: Vec<_> = model.graph.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["x", "w", "b"]);
    assert_eq!(
        model.graph.inputs[0].shape,
        Some(vec![Dimension::Symbolic("batch".into()), Dimension::Fixed(2)])
    );
    assert_eq!(model.graph.inputs[1].shape, Some(vec![Dimension::Fixed(2), Dimension::Fixed(2)]));
    assert_eq!(model.graph.outputs[0].element_type, Some(ElementType::F32));
    assert_eq!(model.graph.nodes[0].inputs, ["x", "w", "b"]);
}

#[test]
fn attributes_of_every_kind() {
    let model = read("attributes");
    assert_eq!(
        model.opsets,
        [
            OperatorSet { domain: String::new(), version: 17 },
            OperatorSet { domain: "com.example".into(), version: 2 }
        ]
    );
    assert_eq!(model.metadata, [("author".to_string(), "nobody".to_string())]);
    let [node, unnamed] = &model.graph.nodes[..] else { panic!("two nodes") };
    assert_eq!(node.domain, "");
    assert_eq!(node.inputs, ["x", "", "x"]);
    assert_eq!(node.outputs, ["y", ""]);
    assert_eq!(node.attr_int("i").unwrap(), Some(-3));
    assert_eq!(node.attr_float("f").unwrap(), Some(0.5));
    assert_eq!(node.attr_string("s").unwrap(), Some("text"));
    assert_eq!(node.attr_ints("ints").unwrap(), Some(&[1, -2][..]));
    assert_eq!(node.attr_floats("floats").unwrap(), Some(&[0.5, -0.25][..]));
    assert_eq!(node.attribute("strings"), Some(&AttributeValue::Strings(vec![b"a".to_vec(), b"b".to_vec()])));
    assert_eq!(node.attribute("type"), Some(&AttributeValue::Other("a type")));
    // Infinities of an attribute are its operator's affair.
    assert_eq!(node.attr_tensor("t").unwrap().unwrap().data, TensorData::F32(vec![f32::INFINITY, -1.0]));
    assert_eq!(unnamed.attr_ints("kindless").unwrap(), Some(&[4][..]));
    assert_eq!(unnamed.attr_int("zero").unwrap(), Some(0));
    assert_eq!(unnamed.label(), "z");
    let [z, x, s] = &model.graph.value_info[..] else { panic!("three types") };
    assert_eq!(
        z.shape,
        Some(vec![
            Dimension::Unknown,
            Dimension::Unknown,
            Dimension::Fixed(2),
            Dimension::Symbolic("n".into())
        ])
    );
    assert_eq!((x.element_type, &x.shape), (Some(ElementType::F32), &None));
    assert_eq!((s.element_type, &s.shape), (None, &None));
}

#[test]
fn nodes_are_sorted() {
    let model = read("unsorted");
    let names: Vec<_> = model.graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["first", "last", "choice"]);
    let Some(AttributeValue::Graph(branch)) = model.graph.nodes[2].attribute("then_branch") else {
        panic!("a subgraph")
    };
    assert_eq!(branch.nodes[0].inputs, ["late"]);
}

/// The sums are those of `sha256sum FILE` and `cat FILE FILE.data | sha256sum`.
#[test]
fn the_hash_is_of_all_files() {
    for (name, sum) in [
        ("ir3", "c2bee80449051b9f9897588da7142226d7095862700d2b3b7d94ae14dda79f07"),
        ("external", "884675786ab4d3a0769613dd7effd7a8a59d43dcc3f39539a0a8fa5f13e05a22"),
    ] {
        let (model, hash) = read_source(&fixture(name)).unwrap();
        assert_eq!(hash, sum, "{name}");
        assert!(model == read(name));
    }
}
