//! Assignments and periodic padding, against their definitions on small arrays.

use netinverse_network::{Evaluator, ImportOptions, Network};
use netinverse_onnx::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, TensorData,
    ValueInfo,
};

/// A model of one node that reads `x`, integers `i` and floats `u`.
fn network(
    op: &str,
    opset: i64,
    shape: &[usize],
    indices: (&[usize], &[i64]),
    updates: Option<&[usize]>,
    attributes: Vec<Attribute>,
) -> Network {
    let declared = |name: &str, sizes: &[usize]| ValueInfo {
        name: name.into(),
        element_type: Some(ElementType::F32),
        shape: Some(sizes.iter().map(|&size| Dimension::Fixed(size)).collect()),
    };
    let mut node = Node { op_type: op.into(), outputs: vec!["y".into()], attributes, ..Node::default() };
    node.inputs = vec!["x".into(), "i".into()];
    let mut inputs = vec![declared("x", shape)];
    if let Some(sizes) = updates {
        node.inputs.push("u".into());
        inputs.push(declared("u", sizes));
    }
    let constant =
        Tensor { name: "i".into(), dims: indices.0.to_vec(), data: TensorData::I64(indices.1.to_vec()) };
    let output = ValueInfo { name: "y".into(), element_type: Some(ElementType::F32), shape: None };
    let graph = Graph {
        name: "graph".into(),
        nodes: vec![node],
        initializers: vec![constant],
        inputs,
        outputs: vec![output],
        value_info: vec![],
    };
    let model = Model {
        ir_version: 9,
        opsets: vec![OperatorSet { domain: String::new(), version: opset }],
        producer: Default::default(),
        metadata: vec![],
        graph,
    };
    Network::import(&model, &ImportOptions::default()).unwrap()
}

fn forward(network: &Network, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; network.output_size()];
    Evaluator::<f64>::new(network).forward(x, &mut y);
    y
}

#[test]
fn blocks_are_assigned_where_their_indices_say() {
    // y = x; y[0, 2] = u[0]; y[0, 0] = u[1]
    let own = network("ScatterND", 16, &[1, 3, 2], (&[2, 2], &[0, 2, 0, -3]), Some(&[2, 2]), vec![]);
    let y = forward(&own, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0, 30.0, 40.0]);
    assert_eq!(y, [30.0, 40.0, 3.0, 4.0, 10.0, 20.0]);
}

#[test]
fn elements_are_assigned_along_an_axis() {
    // y[r, i[r, k]] = u[r, k]
    let axis = vec![Attribute { name: "axis".into(), value: AttributeValue::Int(1) }];
    let own = network("ScatterElements", 18, &[2, 3], (&[2, 2], &[2, 0, 1, -1]), Some(&[2, 2]), axis);
    let y = forward(&own, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 20.0, 30.0, 40.0]);
    assert_eq!(y, [20.0, 2.0, 10.0, 4.0, 30.0, 40.0]);
}

#[test]
fn periodic_padding_goes_round() {
    let mode = vec![Attribute { name: "mode".into(), value: AttributeValue::String(b"wrap".to_vec()) }];
    let own = network("Pad", 19, &[1, 4], (&[4], &[0, 2, 0, 1]), None, mode);
    assert_eq!(forward(&own, &[1.0, 2.0, 3.0, 4.0]), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0]);
}
