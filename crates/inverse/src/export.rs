//! The inverse as an ONNX model.

use std::path::Path;

use netinverse_base::Result;
use netinverse_linalg::Precision;
use netinverse_network::{ExportOptions, Network};
use netinverse_onnx::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, Tensor, TensorData, ValueInfo,
};

use crate::program::{Inverse, LoopStage, Stage};

/// The name of the leading axis where it is a batch, as [`Network::to_onnx`] has it.
const BATCH: &str = "batch";

impl Inverse {
    /// The inverse as an ONNX model of operator set 17, in its own precision.
    ///
    /// A fixed point is an ONNX `Loop` that ends when the iterate stays, or at its limit. Where every stage treats the entries
    /// of the leading axis apart, that axis is declared symbolic.
    pub fn to_onnx(&self) -> Model {
        let networks = self.stages.iter().map(|stage| match stage {
            Stage::Network { network, .. } => network,
            Stage::Loop(stage) => &stage.body,
        });
        let batched = networks.clone().all(Network::has_batch_axis);
        let options = ExportOptions { precision: Some(self.precision), batched: Some(batched) };
        if let Some(network) = self.as_network() {
            return network.to_onnx_with(options);
        }
        let mut models = networks.map(|network| network.to_onnx_with(options));
        let mut graph = Graph { name: "inverse".into(), ..Graph::default() };
        let mut frame = None;
        for (number, stage) in self.stages.iter().enumerate() {
            let Some(mut model) = models.next() else { break };
            let part = std::mem::take(&mut model.graph);
            match stage {
                Stage::Network { .. } => {
                    let kept: Vec<String> =
                        part.inputs.iter().chain(&part.outputs).map(|port| port.name.clone()).collect();
                    let part = renamed(part, &|name| {
                        if kept.iter().any(|k| k == name) {
                            name.to_string()
                        } else {
                            format!("stage{number}/{name}")
                        }
                    });
                    graph.nodes.extend(part.nodes);
                    graph.initializers.extend(part.initializers);
                }
                Stage::Loop(stage) => self.write_loop(&mut graph, number, stage, part),
            }
            frame = Some(model);
        }
        graph.inputs = self.inputs.iter().map(|&slot| self.declared(slot, batched)).collect();
        graph.outputs = self.outputs.iter().map(|&slot| self.declared(slot, batched)).collect();
        let mut model = frame.expect("an inverse has at least one stage");
        model.graph = graph;
        model
    }

    /// Writes the inverse as an ONNX file, complete or not at all.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        self.to_onnx().write(path.as_ref())
    }

    fn element_type(&self) -> ElementType {
        match self.precision {
            Precision::F32 => ElementType::F32,
            Precision::F64 => ElementType::F64,
        }
    }

    fn number(&self, name: String, value: f64) -> Tensor {
        let data = match self.precision {
            Precision::F32 => TensorData::F32(vec![value as f32]),
            Precision::F64 => TensorData::F64(vec![value]),
        };
        Tensor { name, dims: Vec::new(), data }
    }

    fn declared(&self, slot: usize, batched: bool) -> ValueInfo {
        let slot = &self.slots[slot];
        let mut shape: Vec<Dimension> = slot.shape.iter().map(|&size| Dimension::Fixed(size)).collect();
        if batched {
            shape[0] = Dimension::Symbolic(BATCH.into());
        }
        ValueInfo { name: slot.name.clone(), element_type: Some(self.element_type()), shape: Some(shape) }
    }

    /// The body: what it computes, and whether an element moved by more than the tolerance.
    fn write_loop(&self, graph: &mut Graph, number: usize, stage: &LoopStage, body: Graph) {
        let own = |name: &str| format!("loop{number}/{name}");
        let iterate = body.inputs[0].clone();
        let next = body.outputs[0].name.clone();
        // What is given is read from the graph around.
        let given: Vec<(String, String)> = body
            .inputs
            .iter()
            .skip(1)
            .zip(&stage.given)
            .map(|(port, &slot)| (port.name.clone(), self.slots[slot].name.clone()))
            .collect();
        let mut body = renamed(body, &|name| match given.iter().find(|(inside, _)| inside == name) {
            Some((_, outside)) => outside.clone(),
            None => own(name),
        });
        let (x, next) = (own(&iterate.name), own(&next));
        let mut add = |op: &str, inputs: &[&str], output: &str| {
            body.nodes.push(Node {
                name: own(output),
                op_type: op.into(),
                inputs: inputs.iter().map(|&name| name.to_string()).collect(),
                outputs: vec![own(output)],
                ..Node::default()
            });
            own(output)
        };
        let step = add("Sub", &[&next, &x], "step");
        let step = add("Abs", &[&step], "step_size");
        let moved = add("ReduceMax", &[&step], "moved");
        let size = add("Abs", &[&next], "size");
        let largest = add("ReduceMax", &[&size], "largest");
        let scale = add("Max", &[&largest, &own("one")], "scale");
        let limit = add("Mul", &[&scale, &own("tolerance")], "limit");
        let goes_on = add("Greater", &[&moved, &limit], "goes_on");
        for node in
            body.nodes.iter_mut().filter(|node| node.op_type == "ReduceMax" && node.attributes.is_empty())
        {
            node.attributes.push(Attribute { name: "keepdims".into(), value: AttributeValue::Int(0) });
        }
        body.initializers.push(self.number(own("one"), 1.0));
        body.initializers.push(self.number(own("tolerance"), stage.tolerance));
        let scalar = |name: String, element_type| ValueInfo {
            name,
            element_type: Some(element_type),
            shape: Some(vec![]),
        };
        let state = |name: String| ValueInfo { name, ..iterate.clone() };
        body.name = format!("loop{number}");
        body.inputs = vec![
            scalar(own("iteration"), ElementType::I64),
            scalar(own("went_on"), ElementType::Bool),
            state(x),
        ];
        body.outputs = vec![scalar(goes_on, ElementType::Bool), state(next)];
        let iterations = Tensor {
            name: own("iterations"),
            dims: Vec::new(),
            data: TensorData::I64(vec![stage.limit as i64]),
        };
        let begin = Tensor { name: own("begin"), dims: Vec::new(), data: TensorData::Bool(vec![true]) };
        let inputs =
            vec![iterations.name.clone(), begin.name.clone(), self.slots[stage.given[0]].name.clone()];
        graph.initializers.extend([iterations, begin]);
        graph.nodes.push(Node {
            name: format!("loop{number}"),
            op_type: "Loop".into(),
            inputs,
            outputs: vec![self.slots[stage.output].name.clone()],
            attributes: vec![Attribute { name: "body".into(), value: AttributeValue::Graph(Box::new(body)) }],
            ..Node::default()
        });
    }
}

/// The graph with other names of tensors.
fn renamed(mut graph: Graph, rename: &dyn Fn(&str) -> String) -> Graph {
    let change = |name: &mut String| {
        if !name.is_empty() {
            *name = rename(name);
        }
    };
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(change);
        node.outputs.iter_mut().for_each(change);
        change(&mut node.name);
    }
    graph.initializers.iter_mut().for_each(|tensor| change(&mut tensor.name));
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(|port| change(&mut port.name));
    graph
}
