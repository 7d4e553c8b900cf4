//! What the loader refuses and what it settles by itself: every message names its place and, where there is
//! something to do, says what.

use netinverse_base::{Error, ErrorKind};
use netinverse_network::import::{SUPPORTED_OPERATORS, support};
use netinverse_network::{ImportOptions, Network};
use netinverse_onnx::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData,
    ValueInfo,
};

/// A node from `op(inputs) -> outputs`, words separated by spaces; `-` is an input left out.
fn node(op: &str, inputs: &str, outputs: &str) -> Node {
    let names = |text: &str| text.split_whitespace().map(|name| name.replace('-', "")).collect();
    Node {
        name: format!("the_{}", op.to_lowercase()),
        op_type: op.to_string(),
        inputs: names(inputs),
        outputs: names(outputs),
        ..Node::default()
    }
}

fn with(mut node: Node, attributes: &[(&str, AttributeValue)]) -> Node {
    node.attributes = attributes
        .iter()
        .map(|(name, value)| Attribute { name: (*name).to_string(), value: value.clone() })
        .collect();
    node
}

fn int(value: i64) -> AttributeValue {
    AttributeValue::Int(value)
}

fn ints(values: &[i64]) -> AttributeValue {
    AttributeValue::Ints(values.to_vec())
}

fn floats(name: &str, dims: &[usize]) -> Tensor {
    let count: usize = dims.iter().product();
    let values = (0..count).map(|index| (index as f32 + 1.0) / 8.0).collect();
    Tensor { name: name.into(), dims: dims.to_vec(), data: TensorData::F32(values) }
}

fn longs(name: &str, values: &[i64]) -> Tensor {
    Tensor { name: name.into(), dims: vec![values.len()], data: TensorData::I64(values.to_vec()) }
}

/// An input `name:[N,3]`: letters are symbolic sizes.
fn value(text: &str) -> ValueInfo {
    let (name, shape) = text.split_once(':').unwrap_or((text, "?"));
    let dims = |text: &str| {
        let dim =
            |size: &str| size.parse().map_or_else(|_| Dimension::Symbolic(size.into()), Dimension::Fixed);
        text.trim_matches(['[', ']']).split(',').filter(|size| !size.is_empty()).map(dim).collect()
    };
    let shape = (shape != "?").then(|| dims(shape));
    ValueInfo { name: name.into(), element_type: Some(ElementType::F32), shape }
}

/// A model of opset 17 with the output `y`.
fn model(inputs: &[&str], initializers: Vec<Tensor>, nodes: Vec<Node>) -> Model {
    Model {
        ir_version: 8,
        opsets: vec![OperatorSet { domain: String::new(), version: 17 }],
        graph: Graph {
            nodes,
            initializers,
            inputs: inputs.iter().map(|text| value(text)).collect(),
            outputs: vec![value("y")],
            ..Graph::default()
        },
        ..Model::default()
    }
}

fn at_opset(mut model: Model, version: i64) -> Model {
    model.opsets[0].version = version;
    model
}

fn import(model: &Model) -> Result<Network, Error> {
    Network::import(model, &ImportOptions::default())
}

/// Checks that each model is refused with all the words, in the message or a hint.
fn refused(kind: ErrorKind, cases: &[(Model, &[&str])]) {
    let mut failures = Vec::new();
    for (index, (model, words)) in cases.iter().enumerate() {
        match import(model) {
            Ok(_) => failures.push(format!("case {index} {words:?}: it was read")),
            Err(error) => {
                let text = format!("{error} | {}", error.hints().join(" | "));
                let missing: Vec<_> = words.iter().filter(|word| !text.contains(**word)).collect();
                if !missing.is_empty() || error.kind() != kind {
                    failures.push(format!("case {index}: `{text}` ({:?}) lacks {missing:?}", error.kind()));
                }
                if error.to_string().contains('\n') || error.to_string().ends_with('.') {
                    failures.push(format!("case {index}: `{error}` is not one line without a period"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn unsupported_operators_and_forms_are_named_with_a_hint() {
    let x = &["x:[N,4]"][..];
    let image = &["x:[N,1,6,6]"][..];
    let plain = |op: &str| model(x, vec![], vec![node(op, "x", "y")]);
    let other_domain = {
        let mut node = node("FusedGelu", "x", "y");
        node.domain = "com.microsoft".into();
        model(x, vec![], vec![node])
    };
    let kernel = |values: &[i64]| ("kernel_shape", ints(values));
    refused(
        ErrorKind::Unsupported,
        &[
            (plain("Atan"), &["the_atan", "Atan", "opset 17", "Tanh"]),
            (plain("If"), &["If", "control flow"]),
            (plain("ZipMap"), &["ZipMap", "sequences"]),
            (plain("RandomNormalLike"), &["RandomNormalLike", "random"]),
            (plain("QuantizeLinear"), &["QuantizeLinear", "float model"]),
            (
                model(x, vec![], vec![node("ArgMax", "x", "a"), node("Exp", "a", "y")]),
                &["ArgMax", "--output"],
            ),
            (plain("LpNormalization"), &["LpNormalization", "LayerNormalization"]),
            (plain("Atention"), &["Atention", "not supported"]),
            (plain("Relu6"), &["did you mean `Relu`"]),
            (plain("relu"), &["did you mean `Relu`"]),
            (at_opset(plain("HardSwish"), 13), &["HardSwish", "opset 13", "from opset 14"]),
            (other_domain, &["FusedGelu", "com.microsoft", "ONNX Runtime"]),
            (at_opset(plain("Relu"), 6), &["opset 6", "7", "convert_version"]),
            (at_opset(plain("Relu"), 99), &["opset 99", "28", "opset_version"]),
            (model(image, vec![], vec![node("Conv", "x x", "y")]), &["the_conv", "weights of a Conv", "`x`"]),
            (
                model(
                    &["x:[1,1,4,4,4]"],
                    vec![floats("w", &[1, 1, 2, 2, 2])],
                    vec![node("Conv", "x w", "y")],
                ),
                &["Conv", "3 spatial axes", "1 or 2"],
            ),
            (
                model(image, vec![], vec![with(node("MaxPool", "x", "a y"), &[kernel(&[2, 2])])]),
                &["MaxPool", "`y`", "indices"],
            ),
            (
                model(
                    image,
                    vec![],
                    vec![with(node("MaxPool", "x", "y"), &[kernel(&[1, 1]), ("pads", ints(&[2, 2, 2, 2]))])],
                ),
                &["MaxPool", "nothing but padding"],
            ),
            (
                model(
                    image,
                    vec![],
                    vec![with(
                        node("AveragePool", "x", "y"),
                        &[kernel(&[2, 2]), ("dilations", ints(&[1, 1]))],
                    )],
                ),
                &["AveragePool", "`dilations`", "opset 17"],
            ),
            (
                model(x, vec![], vec![with(node("Relu", "x", "y"), &[("alpha", int(1))])]),
                &["Relu", "`alpha`"],
            ),
            (
                model(
                    image,
                    ["s", "b", "m", "v"].map(|name| floats(name, &[1])).into(),
                    vec![with(node("BatchNormalization", "x s b m v", "y"), &[("training_mode", int(1))])],
                ),
                &["BatchNormalization", "training", "eval()"],
            ),
            (
                model(
                    x,
                    vec![Tensor { name: "t".into(), dims: vec![], data: TensorData::Bool(vec![true]) }],
                    vec![node("Dropout", "x - t", "y")],
                ),
                &["Dropout", "training", "eval()"],
            ),
            (
                at_opset(
                    model(
                        x,
                        vec![longs("p", &[0, 1, 0, 1])],
                        vec![with(
                            node("Pad", "x p", "y"),
                            &[("mode", AttributeValue::String(b"mirror".to_vec()))],
                        )],
                    ),
                    19,
                ),
                &["Pad", "`mirror`", "reflect"],
            ),
            (model(x, vec![], vec![with(node("Cast", "x", "y"), &[("to", int(7))])]), &["Cast", "--output"]),
            (
                model(x, vec![], vec![with(node("Cast", "x", "y"), &[("to", int(10))])]),
                &["Cast", "half", "float32"],
            ),
            (
                model(x, vec![floats("c", &[4])], vec![node("Greater", "x c", "y")]),
                &["Greater", "comparison", "dynamo=False"],
            ),
            (model(x, vec![floats("c", &[9, 4])], vec![node("Gather", "c x", "y")]), &["Gather", "indices"]),
            (model(x, vec![], vec![node("Ceil", "x", "y")]), &["Ceil", "jumps"]),
            (model(&["x:[N,4]", "p:[4]"], vec![], vec![node("Pow", "x p", "y")]), &["Pow", "constants"]),
            (model(&["x:[N,400]"], vec![], vec![node("ReduceProd", "x", "y")]), &["ReduceProd", "64"]),
            (
                {
                    let mut model = plain("Relu");
                    model.graph.inputs[0].element_type = Some(ElementType::I64);
                    model
                },
                &["tensor `x`", "I64", "float"],
            ),
        ],
    );
}

#[test]
fn contradictions_are_named_with_their_place() {
    let x = &["x:[N,4]"][..];
    let nan = |name: &str, bad: f32| Tensor {
        name: name.into(),
        dims: vec![4],
        data: TensorData::F32(vec![1.0, bad, 0.0, 0.0]),
    };
    let layers = vec![node("MatMul", "x v", "h"), node("Relu", "h", "r"), node("Gemm", "r w", "y")];
    let no_output = {
        let mut model = model(x, vec![], vec![node("Relu", "x", "y")]);
        model.graph.outputs.clear();
        model
    };
    refused(
        ErrorKind::Input,
        &[
            // A layer that does not fit the one before it cannot be blamed on the input.
            (
                model(x, vec![floats("v", &[4, 5]), floats("w", &[6, 2])], layers),
                &["the_gemm", "Gemm", "`w` of shape [6,2]", "[1,5]"],
            ),
            (
                model(x, vec![nan("c", f32::NAN)], vec![node("Add", "x c", "y")]),
                &["tensor `c`", "index 1", "finite"],
            ),
            (
                model(x, vec![nan("c", f32::INFINITY)], vec![node("Mul", "x c", "y")]),
                &["tensor `c`", "index 1", "finite"],
            ),
            (
                model(x, vec![nan("c", f32::NAN)], vec![node("Exp", "c", "e"), node("Mul", "x e", "y")]),
                &["tensor `c`", "finite"],
            ),
            (
                model(x, vec![floats("z", &[4])], vec![node("Sub", "z z", "d"), node("Div", "x d", "y")]),
                &["Div", "divides by 0"],
            ),
            (
                model(
                    x,
                    vec![longs("a", &[1]), longs("b", &[0])],
                    vec![node("Div", "a b", "d"), node("Reshape", "x d", "y")],
                ),
                &["the_div", "divides by zero"],
            ),
            (model(x, vec![], vec![node("Relu", "z", "y")]), &["the_relu", "`z`", "order"]),
            (
                model(x, vec![], vec![node("Relu", "x", "y"), node("Tanh", "x", "y")]),
                &["the_tanh", "`y`", "twice"],
            ),
            (model(x, vec![], vec![node("Relu", "x", "a")]), &["`y`", "did you mean `a`"]),
            (no_output, &["output"]),
            (model(x, vec![floats("c", &[4])], vec![node("Relu", "c", "y")]), &["`y`", "does not depend"]),
            (model(&[], vec![floats("c", &[4])], vec![node("Relu", "c", "y")]), &["`y`", "does not depend"]),
            (model(x, vec![], vec![node("Add", "x", "y")]), &["the_add", "input 1 is missing"]),
            (model(x, vec![], vec![node("Relu", "x x", "y")]), &["the_relu", "at most 1"]),
            (
                model(
                    x,
                    vec![longs("s", &[3, 3])],
                    vec![node("Flatten", "x", "f"), node("Reshape", "f s", "g"), node("Gemm", "g c", "y")],
                ),
                &["the_reshape", "[1,4]", "[3, 3]"],
            ),
            (
                model(x, vec![longs("i", &[4])], vec![with(node("Gather", "x i", "y"), &[("axis", int(1))])]),
                &["index 4", "[1,4]"],
            ),
            (
                model(x, vec![], vec![with(node("Concat", "x x", "y"), &[("axis", int(2))])]),
                &["the_concat", "axis 2", "[1,4]"],
            ),
            (
                model(x, vec![longs("l", &[0, 0])], vec![node("Clip", "x l", "y")]),
                &["the_clip", "one number"],
            ),
            (
                model(x, vec![longs("c", &[1])], vec![node("Add", "x c", "y")]),
                &["the_add", "tensor `c`", "floats"],
            ),
            // Sizes that nothing settles.
            (
                model(&["x:[N,K]"], vec![], vec![node("Relu", "x", "y")]),
                &["tensor `x`", "axis 1 (`K`)", "--dim_param K"],
            ),
            (
                model(
                    &["x:[N,3,H,W]"],
                    vec![floats("w", &[2, 3, 3, 3])],
                    vec![node("Conv", "x w", "c"), node("GlobalAveragePool", "c", "y")],
                ),
                &["tensor `x`", "(`H`)", "fixed sizes"],
            ),
            (model(&["x"], vec![], vec![node("Relu", "x", "y")]), &["tensor `x`", "no declared shape"]),
            (
                model(&["x"], vec![floats("c", &[1, 4])], vec![node("Add", "c c x", "y")]),
                &["tensor `x`", "no declared shape"],
            ),
        ],
    );
}

#[test]
fn the_weights_win_over_declared_sizes() {
    let gemm = || floats("w", &[2, 3]);
    let cases = [
        ("as it is", model(&["x:[batch,4]"], vec![gemm()], vec![node("Gemm", "x w", "y")]), 2, "[batch,4]"),
        (
            "through a flatten",
            model(&["x:[1,4,1]"], vec![gemm()], vec![node("Flatten", "x", "f"), node("MatMul", "f w", "y")]),
            2,
            "[1,4,1]",
        ),
        (
            "through functions and sums",
            model(
                &["x:[N,4]"],
                vec![gemm(), floats("c", &[])],
                vec![
                    node("Sub", "x c", "a"),
                    node("Tanh", "a", "b"),
                    node("Add", "a b", "s"),
                    node("MatMul", "s w", "y"),
                ],
            ),
            2,
            "[N,4]",
        ),
        (
            "by a normalisation",
            model(&["x:[N,4]"], vec![floats("c", &[5])], vec![node("Sub", "x c", "y")]),
            5,
            "[N,4]",
        ),
        (
            "channels",
            model(
                &["x:[N,4,5,5]"],
                vec![floats("w", &[2, 3, 2, 2])],
                vec![node("Relu", "x", "r"), node("Conv", "r w", "y")],
            ),
            75,
            "[N,4,5,5]",
        ),
        (
            "through a transpose",
            model(
                &["x:[N,4,3]"],
                vec![floats("w", &[5, 2])],
                vec![
                    with(node("Transpose", "x", "t"), &[("perm", ints(&[0, 2, 1]))]),
                    node("MatMul", "t w", "y"),
                ],
            ),
            15,
            "[N,4,3]",
        ),
        (
            "a vector",
            model(&["x:[4]"], vec![floats("w", &[3, 2])], vec![node("MatMul", "w x", "y")]),
            2,
            "[4]",
        ),
    ];
    for (name, model, size, declared) in cases {
        let network = import(&model).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(network.input_size(), size, "{name}");
        let [warning] = network.warnings() else { panic!("{name}: {:?}", network.warnings()) };
        assert!(
            warning.contains("`x`") && warning.contains(declared) && warning.contains("weights"),
            "{name}: {warning}"
        );
    }
}

#[test]
fn declared_shapes_of_outputs_only_warn() {
    let mut wrong = model(&["x:[N,4]"], vec![], vec![node("Relu", "x", "h"), node("Tanh", "h", "y")]);
    wrong.graph.outputs[0] = value("y:[N,5]");
    wrong.graph.value_info.push(value("h:[N,4,1]"));
    let network = import(&wrong).unwrap();
    assert_eq!(network.warnings().len(), 2, "{:?}", network.warnings());
    assert!(network.warnings()[0].contains("`y`") && network.warnings()[0].contains("[N,5]"));
    assert!(network.warnings()[1].contains("`h`"));
}

#[test]
fn sizes_can_be_given_by_name() {
    let open = model(&["a:[N,K]", "b:[N,K]"], vec![], vec![node("Add", "a b", "y")]);
    let options = ImportOptions { dimensions: vec![("K".into(), 3)], ..ImportOptions::default() };
    assert_eq!(Network::import(&open, &options).unwrap().input_size(), 6);
    // One weight settles every dimension of the name.
    let shared = model(
        &["a:[N,K]", "b:[N,K]"],
        vec![floats("w", &[5, 1])],
        vec![node("Gemm", "a w", "h"), node("Add", "h b", "y")],
    );
    assert_eq!(import(&shared).unwrap().input_size(), 10);
}

#[test]
fn an_output_can_be_any_tensor() {
    let deep = model(
        &["x:[N,4]"],
        vec![floats("w", &[4, 2])],
        vec![node("MatMul", "x w", "h"), node("Tanh", "h", "y")],
    );
    for (names, sizes) in [
        (vec!["h"], vec![2]),
        (vec!["y", "h"], vec![2, 2]),
        (vec!["x"], vec![4]),
        (vec!["h", "h"], vec![2, 2]),
    ] {
        let options = ImportOptions {
            outputs: names.iter().map(|name| (*name).into()).collect(),
            ..ImportOptions::default()
        };
        let network = Network::import(&deep, &options).unwrap();
        let own: Vec<usize> =
            network.outputs().iter().map(|&id| network.value(id).shape.elements()).collect();
        assert_eq!(own, sizes, "{names:?}");
    }
    let options = ImportOptions { outputs: vec!["H".into()], ..ImportOptions::default() };
    let error = Network::import(&deep, &options).unwrap_err();
    assert!(
        error.to_string().contains("`H`")
            && error.hints().iter().any(|hint| hint.contains("did you mean `h`"))
    );
}

#[test]
fn bombs_are_refused() {
    let x = &["x:[N,4]"][..];
    let doubling = |op: &str| {
        let mut nodes: Vec<Node> = (0..60)
            .map(|i| with(node(op, &format!("v{i} v{i}"), &format!("v{}", i + 1)), &[("axis", int(0))]))
            .collect();
        nodes.insert(0, node("Identity", "x", "v0"));
        nodes.push(node("Relu", "v60", "y"));
        nodes
    };
    let constants = |nodes: Vec<Node>| {
        let sizes = vec![
            longs("big", &[1 << 20, 1 << 10]),
            longs("huge", &[1 << 40]),
            longs("empty", &[0, 1 << 40, 1 << 40]),
        ];
        let scalars = ["zero", "one", "most"].iter().zip([0, 1, i64::MAX]);
        let scalars = scalars.map(|(name, value)| Tensor { dims: vec![], ..longs(name, &[value]) });
        model(x, sizes.into_iter().chain(scalars).chain([floats("c", &[1])]).collect(), nodes)
    };
    let pad = |pads: [i64; 4]| model(x, vec![longs("p", &pads)], vec![node("Pad", "x p", "y")]);
    let cases = [
        model(x, vec![], doubling("Concat")),
        constants(vec![node("ConstantOfShape", "big", "k"), node("Add", "x k", "y")]),
        constants(vec![node("ConstantOfShape", "huge", "k"), node("Add", "x k", "y")]),
        constants(vec![
            node("ConstantOfShape", "empty", "k"),
            node("Transpose", "k", "t"),
            node("Add", "x t", "y"),
        ]),
        constants(vec![node("Expand", "c big", "k"), node("Add", "x k", "y")]),
        constants(vec![node("Tile", "c huge", "k"), node("Add", "x k", "y")]),
        constants(vec![node("Tile", "x big", "y")]),
        constants(vec![node("Expand", "c empty", "e"), node("Flatten", "e", "f"), node("Add", "x f", "y")]),
        constants(vec![node("Range", "zero most one", "r"), node("Reshape", "x r", "y")]),
        constants(vec![node("Range", "zero one zero", "r"), node("Reshape", "x r", "y")]),
        pad([0, 1 << 40, 0, 0]),
        pad([1 << 30, 1 << 30, 0, 0]),
        pad([i64::MAX; 4]),
        pad([i64::MIN; 4]),
        model(&["x:[1,4000000000]"], vec![], vec![node("Relu", "x", "y")]),
        model(&["x:[1,70000,70000]"], vec![], vec![node("Relu", "x", "y")]),
        model(
            &["x:[1,1,4,4]"],
            vec![],
            vec![with(
                node("MaxPool", "x", "y"),
                &[("kernel_shape", ints(&[1 << 30, 1 << 30])), ("pads", ints(&[(1 << 30) - 1; 4]))],
            )],
        ),
        model(
            &["x:[1,1,4,4]"],
            vec![floats("w", &[1, 1, 1, 1])],
            vec![with(node("Conv", "x w", "y"), &[("pads", ints(&[1 << 30; 4]))])],
        ),
        model(
            &["x:[1,1,4,4]"],
            vec![floats("w", &[1, 1, 2, 2])],
            vec![with(node("Conv", "x w", "y"), &[("dilations", ints(&[i64::MAX; 2]))])],
        ),
    ];
    for (index, model) in cases.iter().enumerate() {
        let outcome = import(model);
        assert!(outcome.is_err(), "case {index} was read");
    }
}

#[test]
fn deep_graphs_need_no_stack() {
    let depth = 50_000;
    let mut nodes: Vec<Node> =
        (0..depth).map(|i| node("Neg", &format!("v{i}"), &format!("v{}", i + 1))).collect();
    nodes.insert(0, node("Identity", "x", "v0"));
    nodes.push(node("Relu", &format!("v{depth}"), "y"));
    let network = import(&model(&["x:[N,2]"], vec![], nodes)).unwrap();
    assert_eq!(network.nodes().len(), depth + 1);
}

#[test]
fn support_lists_every_refused_node() {
    let mut dead = node("Atan", "x", "unused");
    dead.name = "dead".into();
    let mixed = model(
        &["x:[N,4]"],
        vec![floats("w", &[4, 3])],
        vec![
            node("Relu", "x", "a"),
            node("Atan", "a", "b"),
            node("Tanh", "b", "c"),
            node("LSTM", "c", "d"),
            node("MatMul", "a w", "e"),
            node("NonZero", "e", "f"),
            node("Sum", "d f", "y"),
            dead,
        ],
    );
    let nodes = support(&mixed).unwrap();
    let refused: Vec<(usize, bool)> =
        nodes.iter().filter(|node| node.refusal.is_some()).map(|node| (node.index, node.needed)).collect();
    assert_eq!(refused, [(1, true), (3, true), (5, true), (7, false)]);
    assert!(nodes[1].refusal.as_ref().unwrap().to_string().contains("the_atan"));
    // What is read needs nothing: sizes are settled here as they are by the loader.
    let fine = model(
        &["x:[N,K]"],
        vec![floats("w", &[4, 3])],
        vec![node("Relu", "x", "a"), node("Gemm", "a w", "y")],
    );
    assert!(support(&fine).unwrap().iter().all(|node| node.needed && node.refusal.is_none()));
}

#[test]
fn the_table_of_operators_says_since_when() {
    for operator in SUPPORTED_OPERATORS {
        assert!((1..=28).contains(&operator.since), "{}", operator.name);
    }
    for name in ["Gemm", "Conv", "Split", "Softmax", "ConstantOfShape"] {
        assert!(SUPPORTED_OPERATORS.iter().any(|operator| operator.name == name), "{name}");
    }
}
