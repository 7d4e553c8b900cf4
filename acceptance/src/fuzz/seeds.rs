use std::path::Path;

use netinverse_base::{Error, Result, Rng};
use netinverse_data::{Array, Values, csv, idx, npy, npz, png};
use netinverse_onnx::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData,
    ValueInfo,
};

use super::case::{Kind, Seeds};
use crate::{networks, zoo};

/// Larger files are left out: a mutation of a large one says no more than that of a small one, and takes longer.
const MAX_FILE_BYTES: u64 = 60_000;

/// Valid files: what the library writes, models with operators that it does not write, and the small networks
/// among the real ones.
pub(super) fn collect(seed: u64, data: Option<&Path>) -> Result<Seeds> {
    let mut seeds = Seeds::default();
    for (_, network) in zoo::networks(seed)? {
        seeds.models.push(network.to_onnx());
    }
    seeds.models.extend([shape_arithmetic(), normalised_convolution(), split_and_joined(), old_opset()]);
    // What exporters write: the small networks of the tests.
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/network/tests/corpus");
    for path in networks::onnx_files(&corpus)? {
        seeds.models.push(Model::read(&path)?);
    }
    if let Some(folder) = data {
        for path in networks::onnx_files(folder)? {
            let length = std::fs::metadata(&path).map_err(|error| Error::io(&path, &error))?.len();
            if length <= MAX_FILE_BYTES {
                seeds.models.push(Model::read(&path)?);
            }
        }
    }
    arrays(&mut seeds, &mut Rng::new(seed, u64::MAX))?;
    Ok(seeds)
}

/// Small files of every array format.
fn arrays(seeds: &mut Seeds, rng: &mut Rng) -> Result<()> {
    let mut values = |count: usize| (0..count).map(|_| rng.normal()).collect::<Vec<f64>>();
    let double = Array::new(vec![3, 4], Values::F64(values(12)))?;
    let single = Array::new(vec![5], Values::F32(values(5).iter().map(|&value| value as f32).collect()))?;
    let pixels = Array::new(vec![2, 3, 4], Values::U8((0..24).collect()))?;
    for array in [&double, &single, &pixels] {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, array)?;
        seeds.files.push((Kind::Npy, bytes));
    }
    for compress in [false, true] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        npz::write(&mut bytes, &[("x", &double), ("y", &single)], compress)?;
        seeds.files.push((Kind::Npz, bytes.into_inner()));
        let mut bytes = Vec::new();
        idx::write(&mut bytes, &pixels, compress)?;
        seeds.files.push((Kind::Idx, bytes));
    }
    for names in [None, Some(vec!["x0".to_string(), "x1".into(), "x, \"2\"".into()])] {
        let table = csv::Table { rows: 4, columns: 3, values: values(12), names };
        let mut bytes = Vec::new();
        csv::write(&mut bytes, &table)?;
        seeds.files.push((Kind::Csv, bytes));
    }
    for text in ["1,2,3\n", "# comment\n0;1\r\n2;3\r\n", "a\tb\n1e-3\t-2.5\n"] {
        seeds.files.push((Kind::Csv, text.into()));
    }
    pictures(seeds)
}

fn pictures(seeds: &mut Seeds) -> Result<()> {
    for (width, height, channels) in [(4, 3, 1), (5, 2, 3)] {
        let pixels: Vec<u8> = (0..width * height * channels).map(|value| (value * 7 % 256) as u8).collect();
        let mut bytes = Vec::new();
        png::write(&mut bytes, width, height, channels, &pixels)?;
        seeds.files.push((Kind::Png, bytes));
    }
    Ok(())
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[(&str, AttributeValue)]) -> Node {
    Node {
        name: format!("{op}_{output}"),
        op_type: op.into(),
        domain: String::new(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
        outputs: output.split(' ').map(ToString::to_string).collect(),
        attributes: attributes
            .iter()
            .map(|(name, value)| Attribute { name: (*name).into(), value: value.clone() })
            .collect(),
    }
}

fn int(value: i64) -> AttributeValue {
    AttributeValue::Int(value)
}

fn ints(values: &[i64]) -> AttributeValue {
    AttributeValue::Ints(values.to_vec())
}

fn floats(name: &str, dims: &[usize]) -> Tensor {
    let count: usize = dims.iter().product();
    let values = (0..count).map(|index| (index as f32 * 0.7).sin() + 1.5).collect();
    Tensor { name: name.into(), dims: dims.to_vec(), data: TensorData::F32(values) }
}

fn integers(name: &str, values: &[i64]) -> Tensor {
    Tensor { name: name.into(), dims: vec![values.len()], data: TensorData::I64(values.to_vec()) }
}

/// A model that reads `x` of these sizes (0 stands for a symbolic one) and writes `y`.
fn model(opset: i64, input: &[usize], nodes: Vec<Node>, initializers: Vec<Tensor>) -> Model {
    let size =
        |&size: &usize| if size == 0 { Dimension::Symbolic("batch".into()) } else { Dimension::Fixed(size) };
    let declared =
        |name: &str, shape| ValueInfo { name: name.into(), element_type: Some(ElementType::F32), shape };
    Model {
        ir_version: 8,
        opsets: vec![OperatorSet { domain: String::new(), version: opset }],
        graph: Graph {
            name: "seed".into(),
            nodes,
            initializers,
            inputs: vec![declared("x", Some(input.iter().map(size).collect()))],
            outputs: vec![declared("y", None)],
            value_info: Vec::new(),
        },
        ..Model::default()
    }
}

/// Flattening as PyTorch writes it: Shape, Gather, Unsqueeze, Concat, Reshape.
fn shape_arithmetic() -> Model {
    let zero = Tensor { name: "zero".into(), dims: Vec::new(), data: TensorData::I64(vec![0]) };
    let minus_one = AttributeValue::Tensor(Tensor {
        name: String::new(),
        dims: vec![1],
        data: TensorData::I64(vec![-1]),
    });
    let nodes = vec![
        node("Shape", &["x"], "shape", &[]),
        node("Gather", &["shape", "zero"], "first", &[("axis", int(0))]),
        node("Unsqueeze", &["first", "axes"], "leading", &[]),
        node("Constant", &[], "rest", &[("value", minus_one)]),
        node("Concat", &["leading", "rest"], "target", &[("axis", int(0))]),
        node("Cast", &["target"], "sizes", &[("to", int(7))]),
        node("Reshape", &["x", "sizes"], "flat", &[]),
        node("ConstantOfShape", &["twelve"], "offset", &[]),
        node("Add", &["flat", "offset"], "moved", &[]),
        node("Gemm", &["moved", "W", "b"], "y", &[("alpha", AttributeValue::Float(0.5)), ("transB", int(1))]),
    ];
    let constants = vec![
        zero,
        integers("axes", &[0]),
        integers("twelve", &[12]),
        floats("W", &[3, 12]),
        floats("b", &[3]),
    ];
    model(17, &[0, 3, 4], nodes, constants)
}

/// Convolution, batch normalisation, pooling, dropout, the mean over the image.
fn normalised_convolution() -> Model {
    let nodes = vec![
        node(
            "Conv",
            &["x", "K"],
            "c",
            &[("auto_pad", AttributeValue::String(b"SAME_UPPER".to_vec())), ("strides", ints(&[2, 2]))],
        ),
        node(
            "BatchNormalization",
            &["c", "s", "b", "m", "v"],
            "n",
            &[("epsilon", AttributeValue::Float(1e-5))],
        ),
        node("Relu", &["n"], "r", &[]),
        node(
            "MaxPool",
            &["r"],
            "p",
            &[("kernel_shape", ints(&[2, 2])), ("ceil_mode", int(1)), ("strides", ints(&[2, 2]))],
        ),
        node("Dropout", &["p"], "d", &[]),
        node("GlobalAveragePool", &["d"], "g", &[]),
        node("Flatten", &["g"], "f", &[("axis", int(1))]),
        node("MatMul", &["f", "W"], "w", &[]),
        node("Softmax", &["w"], "y", &[("axis", int(-1))]),
    ];
    let constants = vec![
        floats("K", &[2, 3, 3, 3]),
        floats("s", &[2]),
        floats("b", &[2]),
        floats("m", &[2]),
        floats("v", &[2]),
        floats("W", &[2, 4]),
    ];
    model(15, &[1, 3, 7, 7], nodes, constants)
}

/// Split, products and quotients of values, Squeeze, Sub, Div, Neg, reductions of operator set 18.
fn split_and_joined() -> Model {
    let nodes = vec![
        node("Split", &["x", "parts"], "a b", &[("axis", int(1))]),
        node("Mul", &["a", "b"], "product", &[]),
        node("Sub", &["a", "b"], "difference", &[]),
        node("Exp", &["difference"], "positive", &[]),
        node("Div", &["product", "positive"], "quotient", &[]),
        node("Neg", &["quotient"], "negative", &[]),
        node("Concat", &["negative", "a"], "joined", &[("axis", int(1))]),
        node("ReduceMean", &["joined", "last"], "means", &[("keepdims", int(1))]),
        node("Squeeze", &["means", "last"], "short", &[]),
        node("Slice", &["short", "from", "to", "one"], "some", &[]),
        node("Clip", &["some", "", "high"], "y", &[]),
    ];
    let high = Tensor { name: "high".into(), dims: Vec::new(), data: TensorData::F32(vec![2.0]) };
    let lists = [("parts", &[2, 2][..]), ("last", &[2]), ("from", &[1]), ("to", &[i64::MAX]), ("one", &[1])];
    let constants = lists.iter().map(|(name, values)| integers(name, values)).chain([high]).collect();
    model(18, &[1, 4, 3], nodes, constants)
}

/// The forms of old operator sets: attributes that became inputs, initialisers listed among the inputs.
fn old_opset() -> Model {
    let nodes = vec![
        node("Unsqueeze", &["x"], "u", &[("axes", ints(&[0]))]),
        node(
            "Pad",
            &["u"],
            "p",
            &[("pads", ints(&[0, 0, 0, 0, 0, 2])), ("mode", AttributeValue::String(b"constant".to_vec()))],
        ),
        node("Slice", &["p"], "s", &[("starts", ints(&[1])), ("ends", ints(&[6])), ("axes", ints(&[2]))]),
        node("Squeeze", &["s"], "q", &[("axes", ints(&[0]))]),
        node(
            "Clip",
            &["q"],
            "c",
            &[("min", AttributeValue::Float(-1.0)), ("max", AttributeValue::Float(1.0))],
        ),
        node("MatMul", &["c", "W"], "w", &[]),
        node("Add", &["w", "b"], "t", &[]),
        node("LeakyRelu", &["t"], "l", &[]),
        node("ReduceSum", &["l"], "y", &[("axes", ints(&[1])), ("keepdims", int(0))]),
    ];
    let mut model = model(8, &[1, 5], nodes, vec![floats("W", &[5, 3]), floats("b", &[3])]);
    model.ir_version = 3;
    for (name, shape) in [("W", vec![5, 3]), ("b", vec![3])] {
        let shape = Some(shape.into_iter().map(Dimension::Fixed).collect());
        model.graph.inputs.push(ValueInfo { name: name.into(), element_type: Some(ElementType::F32), shape });
    }
    model
}
