//! What of a model is supported, node by node, for `netinverse inspect`.

use netinverse_base::{Error, Result};
use netinverse_onnx::Model;

use super::plan::Plan;
use super::{ImportOptions, read};

/// Whether one node of a model is supported.
#[derive(Debug)]
pub struct NodeSupport {
    /// The position among the nodes of the model.
    pub index: usize,
    /// The node's name, its first output's where it has none.
    pub name: String,
    /// The operator.
    pub op: String,
    /// Its domain; empty for the standard one.
    pub domain: String,
    /// Whether an output depends on it; a node that is not needed does not stop the model from being read.
    pub needed: bool,
    /// Why it is refused, if it is.
    pub refusal: Option<Error>,
}

/// Every node of a model with whether it is supported and why not, in the order of the model.
///
/// Goes on after the first refusal; of a node that reads what a refused node writes, only the operator is
/// looked at. An error says what is wrong with the model as a whole: its opset, two writers of one tensor.
pub fn support(model: &Model) -> Result<Vec<NodeSupport>> {
    let options = ImportOptions::default();
    let plan = Plan::new(model, &options)?;
    let refusals = read::refusals(&plan).into_iter().chain(std::iter::repeat_with(|| None));
    let nodes = model.graph.nodes.iter().enumerate().zip(refusals);
    Ok(nodes
        .map(|((index, node), refusal)| NodeSupport {
            index,
            name: node.label().to_string(),
            op: node.op_type.clone(),
            domain: node.domain.clone(),
            needed: plan.needed[index],
            refusal,
        })
        .collect())
}
