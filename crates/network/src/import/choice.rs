//! Outputs that choose: the class of ArgMax, the label of a classifier, the maps of a ZipMap. What they choose among is
//! read instead; a class is then a target on these scores.

use std::collections::{HashMap, HashSet};

use netinverse_onnx::{Node, Tensor};

/// Nodes between a choice and the output that pass it on.
const PASSED_ON: &[&str] =
    &["Cast", "Flatten", "Identity", "LabelEncoder", "Reshape", "Squeeze", "Unsqueeze"];

/// What an output is.
enum Output {
    /// Numbers.
    Plain,
    /// A choice among the numbers of another tensor.
    Choice(String),
    /// The numbers of another tensor under names.
    Named(String),
}

/// The writers of tensors, and the constants.
pub(super) struct Graph<'a, 'm> {
    pub(super) nodes: &'m [Node],
    pub(super) writers: &'a HashMap<&'m str, usize>,
    pub(super) initializers: &'a HashMap<&'m str, &'m Tensor>,
}

impl Graph<'_, '_> {
    fn output(&self, name: &str) -> Output {
        let mut at = name;
        // As many steps as there are nodes: a file may write circles.
        for _ in 0..=self.nodes.len() {
            let Some(&index) = self.writers.get(at) else { return Output::Plain };
            let node = &self.nodes[index];
            let input = |index: usize| node.inputs.get(index).map_or("", String::as_str);
            at = match (node.domain.as_str(), node.op_type.as_str()) {
                ("", "ArgMax") => return Output::Choice(input(0).to_string()),
                ("ai.onnx.ml", "ZipMap") if at == name => return Output::Named(input(0).to_string()),
                ("ai.onnx.ml", "LinearClassifier") => {
                    return match node.outputs.get(1) {
                        Some(scores) if node.outputs[0] == at && !scores.is_empty() => {
                            Output::Choice(scores.clone())
                        }
                        _ => Output::Plain,
                    };
                }
                // The labels by the number of the class.
                ("ai.onnx.ml", "ArrayFeatureExtractor") | ("", "Gather") if self.is_constant(input(0)) => {
                    input(1)
                }
                (_, op) if PASSED_ON.contains(&op) => input(0),
                _ => return Output::Plain,
            };
        }
        Output::Plain
    }

    fn is_constant(&self, name: &str) -> bool {
        let constant = |index: &usize| self.nodes[*index].op_type == "Constant";
        self.initializers.contains_key(name) || self.writers.get(name).is_some_and(constant)
    }
}

/// The tensors to read for the declared outputs, and what is to be said of that: choices are left out where there are
/// numbers beside them, else what they choose among is read.
pub(super) fn resolve(declared: &[String], graph: &Graph) -> (Vec<String>, Vec<String>) {
    let (mut numbers, mut scores, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for name in declared {
        match graph.output(name) {
            Output::Plain => numbers.push(name.clone()),
            Output::Named(from) => {
                warnings
                    .push(format!("output `{name}` is the tensor `{from}` with names: the tensor is read"));
                if seen.insert(from.clone()) {
                    numbers.push(from);
                }
            }
            Output::Choice(from) => scores.push((name, from)),
        }
    }
    if numbers.is_empty() {
        for (name, from) in scores {
            warnings.push(format!(
                "output `{name}` is a choice among `{from}`: these scores are read, whose largest is the class"
            ));
            if seen.insert(from.clone()) {
                numbers.push(from);
            }
        }
    } else {
        for (name, from) in scores {
            warnings.push(format!("output `{name}` is a choice among `{from}`: it is left out"));
        }
    }
    (numbers, warnings)
}
