//! What is read of a model: which tensors are inputs, constants and outputs, and which nodes matter.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use netinverse_base::{Error, Place, Result};
use netinverse_onnx::{Model, Node, Tensor, ValueInfo};

use super::ImportOptions;
use super::choice::{self, Graph};

/// The versions of the standard operator set whose meaning is known here.
pub(super) const OLDEST_OPSET: i64 = 7;
pub(super) const NEWEST_OPSET: i64 = 28;

/// The standard set that a model of the classical domain alone is read with.
const CLASSICAL_OPSET: i64 = 17;

/// A model as it is read.
#[derive(Debug)]
pub(super) struct Plan<'m> {
    pub(super) model: &'m Model,
    pub(super) opset: i64,
    pub(super) initializers: HashMap<&'m str, &'m Tensor>,
    /// The inputs that are not initialisers.
    pub(super) inputs: Vec<&'m ValueInfo>,
    /// The tensors asked for, in order.
    pub(super) outputs: Vec<String>,
    /// One flag a node: whether an output depends on it.
    pub(super) needed: Vec<bool>,
    /// Tensors that one node reads, once, and nothing else.
    pub(super) read_once: Arc<HashSet<String>>,
    /// Tensors that a needed node reads, and the outputs.
    pub(super) read: HashSet<String>,
    /// Sizes of symbolic dimensions.
    pub(super) dimensions: &'m [(String, usize)],
    /// What is said of the outputs.
    pub(super) warnings: Vec<String>,
}

impl<'m> Plan<'m> {
    pub(super) fn new(model: &'m Model, options: &'m ImportOptions) -> Result<Self> {
        let opset = opset(model)?;
        let graph = &model.graph;
        let initializers: HashMap<&str, &Tensor> =
            graph.initializers.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let inputs: Vec<&ValueInfo> =
            graph.inputs.iter().filter(|input| !initializers.contains_key(input.name.as_str())).collect();
        let writers = writers(&graph.nodes)?;
        let mut warnings = Vec::new();
        let mut outputs = outputs(model, options, &inputs, &initializers, &writers)?;
        if options.outputs.is_empty() {
            let graph = Graph { nodes: &graph.nodes, writers: &writers, initializers: &initializers };
            (outputs, warnings) = choice::resolve(&outputs, &graph);
        }

        // Backwards from the outputs: what is needed, and how often each tensor is read.
        let mut needed = vec![false; graph.nodes.len()];
        let mut waiting: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let mut reads: HashMap<&str, usize> = HashMap::new();
        for name in &waiting {
            // As an output, the tensor must stay visible.
            *reads.entry(name).or_default() += 2;
        }
        while let Some(name) = waiting.pop() {
            if let Some(&index) = writers.get(name)
                && !std::mem::replace(&mut needed[index], true)
            {
                let read =
                    graph.nodes[index].inputs.iter().map(String::as_str).filter(|name| !name.is_empty());
                for name in read {
                    *reads.entry(name).or_default() += 1;
                    waiting.push(name);
                }
            }
        }
        let read = reads.keys().map(|name| (*name).to_string()).collect();
        let read_once =
            reads.into_iter().filter(|&(_, count)| count == 1).map(|(name, _)| name.to_string()).collect();
        Ok(Plan {
            model,
            opset,
            initializers,
            inputs,
            outputs,
            needed,
            read_once: Arc::new(read_once),
            read,
            dimensions: &options.dimensions,
            warnings,
        })
    }

    /// The number of elements that the initialisers hold.
    pub(super) fn stored_elements(&self) -> usize {
        self.initializers.values().map(|tensor| tensor.len()).fold(0, usize::saturating_add)
    }
}

fn opset(model: &Model) -> Result<i64> {
    // A classical model may do without the standard set.
    let classical = model.opsets.iter().any(|set| set.domain == "ai.onnx.ml").then_some(CLASSICAL_OPSET);
    let Some(opset) = model.opset().or(classical) else {
        return Err(Error::unsupported("the model does not import the standard operator set")
            .hint("export it with standard ONNX operators"));
    };
    if opset < OLDEST_OPSET {
        return Err(Error::unsupported(format!("opset {opset} is older than {OLDEST_OPSET}"))
            .hint("convert it: `onnx.version_converter.convert_version(model, 17)` in Python"));
    }
    if opset > NEWEST_OPSET {
        return Err(Error::unsupported(format!(
            "opset {opset} is newer than {NEWEST_OPSET}, the newest known here"
        ))
        .hint("export with an older opset: `torch.onnx.export(…, opset_version=18)`"));
    }
    Ok(opset)
}

/// Which node writes each tensor.
fn writers(nodes: &[Node]) -> Result<HashMap<&str, usize>> {
    let mut writers = HashMap::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if writers.insert(name.as_str(), index).is_some() {
                return Err(Error::input(format!("`{name}` is written twice"))
                    .at(Place::node(node.label(), &node.op_type)));
            }
        }
    }
    Ok(writers)
}

/// The names of the outputs asked for, checked.
fn outputs(
    model: &Model,
    options: &ImportOptions,
    inputs: &[&ValueInfo],
    initializers: &HashMap<&str, &Tensor>,
    writers: &HashMap<&str, usize>,
) -> Result<Vec<String>> {
    let declared: Vec<String> = model.graph.outputs.iter().map(|output| output.name.clone()).collect();
    let asked = if options.outputs.is_empty() { &declared } else { &options.outputs };
    if asked.is_empty() {
        return Err(Error::input("the model declares no output").hint("name a tensor with `--output NAME`"));
    }
    for name in asked {
        let known = writers.contains_key(name.as_str())
            || initializers.contains_key(name.as_str())
            || inputs.iter().any(|input| &input.name == name);
        if !known {
            let error = Error::input(format!("the model has no tensor named `{name}`"));
            let near =
                writers.keys().map(|key| (distance(key, name), *key)).min().filter(|(far, _)| *far <= 3);
            let error = match near {
                Some((_, near)) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            };
            let listed: Vec<String> = declared.iter().take(8).map(|name| format!("`{name}`")).collect();
            return Err(error.hint(format!(
                "its outputs are {}; `netinverse inspect -v` lists every tensor",
                listed.join(", ")
            )));
        }
    }
    Ok(asked.clone())
}

/// The number of letters to insert, remove or replace between two names (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for j in 0..b.len() {
            let substitute = corner + usize::from(x != b[j]);
            corner = row[j + 1];
            row[j + 1] = substitute.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
