//! Mutations of a model's parts: sizes, names, attributes, constants, types, versions.

use netinverse_base::Rng;
use netinverse_onnx::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, Tensor, TensorData, ValueInfo,
};

use super::bytes::edge;

/// Operators, those that are read and some that are not.
const OPERATORS: [&str; 60] = [
    "Gemm",
    "MatMul",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Neg",
    "Abs",
    "Relu",
    "LeakyRelu",
    "Elu",
    "Softplus",
    "Sigmoid",
    "Tanh",
    "Exp",
    "Log",
    "Clip",
    "Softmax",
    "Conv",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "BatchNormalization",
    "Flatten",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "Pad",
    "ReduceSum",
    "ReduceMean",
    "Identity",
    "Dropout",
    "Cast",
    "Constant",
    "ConstantOfShape",
    "Shape",
    "Expand",
    "Sum",
    "Reciprocal",
    "Sqrt",
    "Pow",
    "Max",
    "Min",
    "Range",
    "Where",
    "Equal",
    "Size",
    "Tile",
    "Floor",
    "GlobalMaxPool",
    "LogSoftmax",
    "If",
    "Loop",
    "Erf",
    "",
];

/// Attributes that some operator reads.
const ATTRIBUTES: [&str; 30] = [
    "axis",
    "axes",
    "perm",
    "kernel_shape",
    "strides",
    "pads",
    "dilations",
    "group",
    "auto_pad",
    "ceil_mode",
    "count_include_pad",
    "alpha",
    "beta",
    "transA",
    "transB",
    "to",
    "mode",
    "keepdims",
    "epsilon",
    "allowzero",
    "value",
    "value_float",
    "value_ints",
    "split",
    "num_outputs",
    "noop_with_empty_axes",
    "min",
    "max",
    "starts",
    "ends",
];

/// A model after one to four mutations, one more often than four, as a file.
pub(super) fn mutated(rng: &mut Rng, models: &[Model]) -> Vec<u8> {
    let mut model = models[rng.below(models.len())].clone();
    let most = 1 + rng.below(4);
    for _ in 0..=rng.below(most) {
        mutate(rng, &mut model);
    }
    model.to_bytes()
}

fn mutate(rng: &mut Rng, model: &mut Model) {
    match rng.below(24) {
        0 => model.ir_version = edge(rng),
        1 => match model.opsets.first_mut() {
            Some(set) if rng.below(2) == 0 => set.version = rng.below(30) as i64,
            Some(set) if rng.below(2) == 0 => set.version = edge(rng),
            Some(set) => set.domain = "ai.unknown".into(),
            None => {}
        },
        2 => model.opsets.clear(),
        3..7 => tensor(rng, &mut model.graph),
        7..10 => integers(rng, &mut model.graph),
        10..16 => node(rng, &mut model.graph),
        16..19 => wiring(rng, &mut model.graph),
        19..22 => interface(rng, &mut model.graph),
        _ => order(rng, &mut model.graph),
    }
}

fn one_of<'a, T>(rng: &mut Rng, items: &'a mut [T]) -> Option<&'a mut T> {
    if items.is_empty() { None } else { Some(&mut items[rng.below(items.len())]) }
}

/// Puts a value in a place, where there is one.
fn set_one<T>(rng: &mut Rng, items: &mut [T], value: T) {
    if let Some(item) = one_of(rng, items) {
        *item = value;
    }
}

/// A size at which readers go wrong.
fn size(rng: &mut Rng) -> usize {
    // The number of bytes is bounded by the file; a size is not.
    edge(rng).max(0) as usize
}

/// A constant: its sizes, its elements, its type, its name.
fn tensor(rng: &mut Rng, graph: &mut Graph) {
    let Some(tensor) = one_of(rng, &mut graph.initializers) else { return };
    match rng.below(8) {
        0 => {
            if let Some(own) = one_of(rng, &mut tensor.dims) {
                *own = size(rng);
            }
        }
        1 => tensor.dims.push(1),
        2 => {
            tensor.dims.pop();
        }
        3 => tensor.dims.reverse(),
        4 => {
            let odd =
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.0, 1e-45, -0.0, 1e30][rng.below(8)];
            match &mut tensor.data {
                TensorData::F32(values) => set_one(rng, values, odd as f32),
                TensorData::F64(values) => set_one(rng, values, odd),
                _ => {}
            }
        }
        5 => tensor.data = retyped(rng, &tensor.data),
        6 => match &mut tensor.data {
            TensorData::F32(values) => values.truncate(values.len() / 2),
            TensorData::I64(values) => values.truncate(values.len() / 2),
            _ => {}
        },
        _ => tensor.name = if rng.below(2) == 0 { String::new() } else { "x".into() },
    }
}

/// The same elements, where they are floats or integers, in another type.
fn retyped(rng: &mut Rng, data: &TensorData) -> TensorData {
    let values: Vec<f64> = match data {
        TensorData::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
        TensorData::F64(values) => values.clone(),
        TensorData::I64(values) => values.iter().map(|&value| value as f64).collect(),
        _ => vec![1.0],
    };
    match rng.below(7) {
        0 => TensorData::F32(values.iter().map(|&value| value as f32).collect()),
        1 => TensorData::F64(values),
        2 => TensorData::I64(values.iter().map(|&value| value as i64).collect()),
        3 => TensorData::I32(values.iter().map(|&value| value as i32).collect()),
        4 => TensorData::U8(values.iter().map(|&value| value as u8).collect()),
        5 => TensorData::Bool(values.iter().map(|&value| value > 0.0).collect()),
        _ => TensorData::Strings(values.iter().map(|value| value.to_string().into_bytes()).collect()),
    }
}

/// An integer constant: shapes, axes, indices, pads.
fn integers(rng: &mut Rng, graph: &mut Graph) {
    let lists: Vec<_> = graph
        .initializers
        .iter_mut()
        .filter_map(|tensor| match &mut tensor.data {
            TensorData::I64(values) if !values.is_empty() => Some(values),
            _ => None,
        })
        .collect();
    let mut lists = lists;
    if let Some(values) = one_of(rng, &mut lists)
        && let Some(value) = one_of(rng, values)
    {
        *value = edge(rng);
    }
}

/// A node's operator or attributes.
fn node(rng: &mut Rng, graph: &mut Graph) {
    let Some(node) = one_of(rng, &mut graph.nodes) else { return };
    match rng.below(8) {
        0 | 1 => node.op_type = OPERATORS[rng.below(OPERATORS.len())].into(),
        2 => node.domain = ["com.microsoft", "ai.onnx", "?"][rng.below(3)].into(),
        3 => {
            if !node.attributes.is_empty() {
                node.attributes.remove(rng.below(node.attributes.len()));
            }
        }
        4 => {
            let name = ATTRIBUTES[rng.below(ATTRIBUTES.len())].into();
            node.attributes.push(Attribute { name, value: value(rng) });
        }
        5 => {
            if let Some(attribute) = one_of(rng, &mut node.attributes) {
                attribute.value = value(rng);
            }
        }
        _ => {
            if let Some(attribute) = one_of(rng, &mut node.attributes) {
                match &mut attribute.value {
                    AttributeValue::Int(own) => *own = edge(rng),
                    AttributeValue::Float(own) => {
                        *own = [f32::NAN, f32::INFINITY, -1.0, 0.0, 1e38][rng.below(5)];
                    }
                    AttributeValue::Ints(own) => match rng.below(3) {
                        0 => own.push(edge(rng)),
                        1 => {
                            own.pop();
                        }
                        _ => {
                            let value = edge(rng);
                            set_one(rng, own, value);
                        }
                    },
                    other => *other = value(rng),
                }
            }
        }
    }
}

/// A value for an attribute.
fn value(rng: &mut Rng) -> AttributeValue {
    match rng.below(8) {
        0 | 1 => AttributeValue::Int(edge(rng)),
        2 | 3 => AttributeValue::Ints((0..rng.below(5)).map(|_| edge(rng)).collect()),
        4 => AttributeValue::Float(rng.normal() as f32),
        5 => {
            let words: [&[u8]; 6] = [b"SAME_UPPER", b"SAME_LOWER", b"VALID", b"reflect", b"\xff\xfe", b""];
            AttributeValue::String(words[rng.below(6)].to_vec())
        }
        6 => AttributeValue::Tensor(Tensor {
            name: String::new(),
            dims: vec![rng.below(3)],
            data: TensorData::F32(vec![1.0; rng.below(3)]),
        }),
        _ => AttributeValue::Floats(vec![f32::NAN; rng.below(3)]),
    }
}

/// What nodes read and write.
fn wiring(rng: &mut Rng, graph: &mut Graph) {
    let mut names: Vec<String> = graph.inputs.iter().map(|value| value.name.clone()).collect();
    names.extend(graph.initializers.iter().map(|tensor| tensor.name.clone()));
    names.extend(graph.nodes.iter().flat_map(|node| node.outputs.clone()));
    names.extend([String::new(), "nothing".into()]);
    let name = names[rng.below(names.len())].clone();
    let Some(node) = one_of(rng, &mut graph.nodes) else { return };
    match rng.below(6) {
        0 | 1 => set_one(rng, &mut node.inputs, name),
        2 => node.inputs.push(name),
        3 => {
            node.inputs.pop();
        }
        4 => set_one(rng, &mut node.outputs, name),
        _ => node.outputs.push(name),
    }
}

/// The declared inputs and outputs.
fn interface(rng: &mut Rng, graph: &mut Graph) {
    let list = if rng.below(3) == 0 { &mut graph.outputs } else { &mut graph.inputs };
    if rng.below(8) == 0 {
        let declared = ValueInfo { name: "extra".into(), element_type: Some(ElementType::F32), shape: None };
        return list.push(declared);
    }
    if rng.below(16) == 0 {
        list.pop();
        return;
    }
    let Some(declared) = one_of(rng, list) else { return };
    match rng.below(6) {
        0 => declared.shape = None,
        1 => {
            let types = [
                ElementType::F64,
                ElementType::F16,
                ElementType::I64,
                ElementType::String,
                ElementType::Other(99),
            ];
            declared.element_type = Some(types[rng.below(5)]);
        }
        2 => declared.name = if rng.below(2) == 0 { String::new() } else { "y".into() },
        3 => {
            if let Some(shape) = &mut declared.shape {
                shape.insert(0, Dimension::Fixed(1));
            }
        }
        _ => {
            let dimension = match rng.below(4) {
                0 => Dimension::Unknown,
                1 => Dimension::Symbolic("n".into()),
                _ => Dimension::Fixed(size(rng)),
            };
            if let Some(own) = declared.shape.as_mut().and_then(|shape| one_of(rng, shape)) {
                *own = dimension;
            }
        }
    }
}

/// The order and number of nodes.
fn order(rng: &mut Rng, graph: &mut Graph) {
    let count = graph.nodes.len();
    if count == 0 {
        return;
    }
    let at = rng.below(count);
    match rng.below(4) {
        0 => {
            graph.nodes.remove(at);
        }
        1 => graph.nodes.swap(at, rng.below(count)),
        2 => {
            let copy = graph.nodes[at].clone();
            graph.nodes.push(copy);
        }
        _ => {
            // A constant computed by a node, of any size: what folding has to bound.
            let output = graph.nodes[at].inputs.first().cloned().unwrap_or_default();
            graph.initializers.push(Tensor {
                name: "sizes".into(),
                dims: vec![2],
                data: TensorData::I64(vec![edge(rng), edge(rng)]),
            });
            graph.nodes.insert(
                at,
                Node {
                    op_type: "ConstantOfShape".into(),
                    inputs: vec!["sizes".into()],
                    outputs: vec![if rng.below(2) == 0 { output } else { "filled".into() }],
                    ..Node::default()
                },
            );
        }
    }
}
