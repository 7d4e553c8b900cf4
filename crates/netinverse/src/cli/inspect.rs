//! `netinverse inspect`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use netinverse_base::{Error, Place, Result};
use netinverse_network::import::{self, ImportOptions};
use netinverse_network::{Network, ValueId};
use netinverse_onnx::{Model, read_source};
use serde::Serialize;

use super::arguments::{Format, InspectOptions};
use super::{Console, Outcome, output};

/// What is printed, as text or as JSON (`netinverse.inspect/1`).
#[derive(Serialize)]
struct Inspection {
    schema: &'static str,
    model: ModelFile,
    /// Whether the network can be used: no operator that an output needs is refused.
    supported: bool,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    /// Numbers in weights and other constants.
    parameters: usize,
    /// Nodes of the file by operator.
    operators: BTreeMap<String, usize>,
    /// Nodes after loading, in order; empty when the network is refused.
    nodes: Vec<Node>,
    /// Nodes that are refused, with the reason.
    refused: Vec<Refused>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct ModelFile {
    path: String,
    sha256: String,
    ir_version: i64,
    opset: Option<i64>,
    producer: String,
}

#[derive(Serialize)]
struct Tensor {
    name: String,
    /// The shape of one sample.
    shape: Vec<usize>,
    /// The number of elements.
    size: usize,
}

#[derive(Serialize)]
struct Node {
    name: String,
    op: String,
    /// The value written, its name and shape.
    output: String,
    shape: Vec<usize>,
}

#[derive(Serialize)]
struct Refused {
    node: String,
    op: String,
    /// Whether an output needs it.
    needed: bool,
    reason: String,
    hints: Vec<String>,
}

pub(crate) fn run(options: &InspectOptions, console: &Console) -> Result<Outcome> {
    let (model, sha256) = read_source(&options.model)?;
    let in_file = |error: Error| error.at(Place::file(&options.model));
    let import = ImportOptions { outputs: options.outputs.clone(), ..ImportOptions::default() };
    let network = Network::import(&model, &import);
    // What is not supported is what `inspect` is asked for; anything else wrong with the file is an error.
    let refused = refused(&model).map_err(in_file)?;
    let refusal = match &network {
        Err(error) if !refused.iter().any(|node| node.needed) => {
            return Err(in_file(rebuild(error)));
        }
        Err(error) => Some(rebuild(error)),
        Ok(_) => None,
    };
    let inspection = inspect(options, &model, sha256, network.as_ref().ok(), refused);
    match options.format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&inspection)
                .map_err(|error| Error::input(format!("cannot be written as JSON: {error}")))?;
            output::print(&format!("{json}\n"))?;
        }
        Format::Text => output::print(&text(&inspection, console.verbose()))?,
    }
    // A network that cannot be used is bad input for whoever wants to use it.
    match refusal {
        None => Ok(Outcome::Answered),
        Some(error) => Err(in_file(error)),
    }
}

/// The same error as an own value.
fn rebuild(error: &Error) -> Error {
    let mut copy = Error::new(error.kind(), error.message());
    for place in error.places() {
        copy = copy.at(place.clone());
    }
    error.hints().iter().fold(copy, |copy, hint| copy.hint(hint.clone()))
}

fn refused(model: &Model) -> Result<Vec<Refused>> {
    let nodes = import::support(model)?;
    Ok(nodes
        .into_iter()
        .filter_map(|node| {
            let error = node.refusal?;
            Some(Refused {
                node: node.name,
                op: node.op,
                needed: node.needed,
                reason: error.message().to_string(),
                hints: error.hints().to_vec(),
            })
        })
        .collect())
}

fn inspect(
    options: &InspectOptions,
    model: &Model,
    sha256: String,
    network: Option<&Network>,
    refused: Vec<Refused>,
) -> Inspection {
    let mut operators = BTreeMap::new();
    for node in &model.graph.nodes {
        *operators.entry(node.op_type.clone()).or_insert(0) += 1;
    }
    let tensors = |network: &Network, ids: &[ValueId]| {
        ids.iter()
            .map(|&id| {
                let value = network.value(id);
                Tensor { name: value.name.clone(), shape: value.shape.to_vec(), size: value.shape.elements() }
            })
            .collect()
    };
    let (name, version) = &model.producer;
    Inspection {
        schema: "netinverse.inspect/1",
        model: ModelFile {
            path: options.model.display().to_string(),
            sha256,
            ir_version: model.ir_version,
            opset: model.opset(),
            producer: format!("{name} {version}").trim().to_string(),
        },
        supported: network.is_some(),
        inputs: network.map(|network| tensors(network, network.inputs())).unwrap_or_default(),
        outputs: network.map(|network| tensors(network, network.outputs())).unwrap_or_default(),
        parameters: match network {
            Some(network) => network.params().iter().map(netinverse_network::Param::elements).sum(),
            None => model.graph.initializers.iter().map(netinverse_onnx::Tensor::len).sum(),
        },
        operators,
        nodes: network.map(nodes).unwrap_or_default(),
        refused,
        warnings: network.map(|network| network.warnings().to_vec()).unwrap_or_default(),
    }
}

fn nodes(network: &Network) -> Vec<Node> {
    network
        .nodes()
        .iter()
        .map(|node| {
            let value = network.value(node.output);
            Node {
                name: node.name.clone(),
                op: node.op.name().to_string(),
                output: value.name.clone(),
                shape: value.shape.to_vec(),
            }
        })
        .collect()
}

fn text(inspection: &Inspection, verbose: bool) -> String {
    let mut text = String::new();
    let model = &inspection.model;
    let opset = model.opset.map_or("no standard opset".to_string(), |opset| format!("opset {opset}"));
    let by =
        if model.producer.is_empty() { String::new() } else { format!(", written by {}", model.producer) };
    let _ = writeln!(text, "{}: ONNX IR {}, {opset}{by}", model.path, model.ir_version);
    let mut tensors = |what: &str, tensors: &[Tensor]| {
        for tensor in tensors {
            let unit = if tensor.size == 1 { "value" } else { "values" };
            let _ =
                writeln!(text, "{what:<11} {} {}: {} {unit}", tensor.name, shape(&tensor.shape), tensor.size);
        }
    };
    tensors("input", &inspection.inputs);
    tensors("output", &inspection.outputs);
    let _ = writeln!(text, "parameters  {}", inspection.parameters);
    let operators: Vec<_> =
        inspection.operators.iter().map(|(op, count)| format!("{op} × {count}")).collect();
    let _ = writeln!(text, "operators   {}", operators.join(", "));
    if inspection.supported {
        let unused = inspection.refused.len();
        let beside =
            if unused > 0 { format!(" that is used ({unused} unused nodes are not)") } else { String::new() };
        let _ = writeln!(text, "supported   every operator{beside}");
    }
    for warning in &inspection.warnings {
        let _ = writeln!(text, "warning     {warning}");
    }
    for node in &inspection.refused {
        let unused = if node.needed { "" } else { " (not needed by any output)" };
        let _ = writeln!(text, "refused     {} ({}): {}{unused}", node.node, node.op, node.reason);
        for hint in &node.hints {
            let _ = writeln!(text, "            hint: {hint}");
        }
    }
    if verbose {
        let _ = writeln!(text, "sha256      {}", model.sha256);
        let _ = writeln!(text, "after loading:");
        for node in &inspection.nodes {
            let _ = writeln!(text, "  {:<12} {} {}", node.op, node.output, shape(&node.shape));
        }
    } else if !inspection.nodes.is_empty() {
        let _ =
            writeln!(text, "loaded as   {} nodes; `-v` lists them and every value", inspection.nodes.len());
    }
    text
}

fn shape(sizes: &[usize]) -> String {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(","))
}
