//! Names and order: every value is written once, before it is read.
//!
//! Some writers leave nodes in another order than the one in which they can be evaluated; [`sort`] puts them
//! in such an order, the file's own where that is one already. [`check`] then holds for a reader of a sorted
//! graph: each name that a node reads is an input, an initialiser or an earlier output, here or in a graph
//! around this one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use netinverse_base::{Error, Place, Result};

use crate::{AttributeValue, Graph, Node};

/// The graphs that the attributes of a node hold (If, Loop, Scan).
fn subgraphs(node: &Node) -> impl Iterator<Item = &Graph> {
    node.attributes.iter().filter_map(|attribute| match &attribute.value {
        AttributeValue::Graph(graph) => Some(&**graph),
        _ => None,
    })
}

/// The names that are not left out.
fn given(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).filter(|name| !name.is_empty())
}

/// The names that a graph takes from the graphs around it.
fn captured(graph: &Graph) -> Vec<&str> {
    let mut names: HashSet<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    for node in &graph.nodes {
        names.extend(given(&node.inputs));
        for inner in subgraphs(node) {
            names.extend(captured(inner));
        }
    }
    for tensor in &graph.initializers {
        names.remove(tensor.name.as_str());
    }
    for input in &graph.inputs {
        names.remove(input.name.as_str());
    }
    for output in graph.nodes.iter().flat_map(|node| given(&node.outputs)) {
        names.remove(output);
    }
    names.into_iter().collect()
}

/// Puts the nodes of a graph, and of the graphs in it, in an order in which they can be evaluated: of the
/// nodes that can come next, the one that is first in the file.
pub(crate) fn sort(graph: &mut Graph) -> Result<()> {
    for attribute in graph.nodes.iter_mut().flat_map(|node| &mut node.attributes) {
        if let AttributeValue::Graph(inner) = &mut attribute.value {
            sort(inner)?;
        }
    }
    let Some(order) = order(&graph.nodes)? else { return Ok(()) };
    let mut nodes: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
    graph.nodes = order.into_iter().filter_map(|index| nodes[index].take()).collect();
    Ok(())
}

/// The order of evaluation, none where it is the order that the nodes have.
fn order(nodes: &[Node]) -> Result<Option<Vec<usize>>> {
    let mut writers: HashMap<&str, usize> = HashMap::with_capacity(nodes.len());
    for (index, node) in nodes.iter().enumerate() {
        for name in given(&node.outputs) {
            writers.entry(name).or_insert(index);
        }
    }
    // The nodes whose outputs each node needs.
    let needs: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| {
            let captures = subgraphs(node).flat_map(captured);
            given(&node.inputs).chain(captures).filter_map(|name| writers.get(name).copied()).collect()
        })
        .collect();
    if needs.iter().enumerate().all(|(index, needs)| needs.iter().all(|&need| need < index)) {
        return Ok(None);
    }
    let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (index, needs) in needs.iter().enumerate() {
        for &need in needs {
            readers[need].push(index);
        }
    }
    let mut ready: BinaryHeap<_> =
        (0..nodes.len()).filter(|&index| missing[index] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if order.len() < nodes.len() {
        return Err(cycle(nodes, &needs, &missing));
    }
    Ok(Some(order))
}

/// The error for nodes that wait for one another: it names one that is on a cycle, not one behind it.
fn cycle(nodes: &[Node], needs: &[Vec<usize>], missing: &[usize]) -> Error {
    // Each waiting node waits for another waiting one: as many steps as there are nodes end on a cycle.
    let mut at = missing.iter().position(|&count| count > 0).unwrap_or(0);
    for _ in 0..nodes.len() {
        at = needs[at].iter().copied().find(|&need| missing[need] > 0).unwrap_or(at);
    }
    Error::input("needs its own output: the graph has a cycle").at(nodes[at].place())
}

/// The names of a graph, and the graphs around it.
struct Scope<'g> {
    names: HashSet<&'g str>,
    outer: Option<&'g Scope<'g>>,
}

impl Scope<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains(name) || self.outer.is_some_and(|outer| outer.has(name))
    }
}

/// Refuses values written twice and values that are read and never written. The nodes must be sorted.
pub(crate) fn check(graph: &Graph) -> Result<()> {
    check_within(graph, None)
}

fn check_within(graph: &Graph, outer: Option<&Scope<'_>>) -> Result<()> {
    let mut scope = Scope { names: HashSet::with_capacity(graph.nodes.len() * 2), outer };
    for input in &graph.inputs {
        if input.name.is_empty() {
            return Err(Error::input("an input of the graph has no name"));
        }
        if !scope.names.insert(&input.name) {
            return Err(Error::input(format!("the graph has two inputs `{}`", input.name)));
        }
    }
    let inputs = scope.names.clone();
    let mut initializers = HashSet::with_capacity(graph.initializers.len());
    for tensor in &graph.initializers {
        let name = tensor.name.as_str();
        if name.is_empty() {
            return Err(Error::input("an initialiser has no name"));
        }
        // An initialiser may be an input too: its default value, or all of them in IR version 3.
        if !initializers.insert(name) {
            return Err(Error::input("is an initialiser twice").at(Place::Tensor(name.to_string())));
        }
    }
    scope.names.extend(&initializers);
    for node in &graph.nodes {
        for name in given(&node.inputs) {
            if !scope.has(name) {
                let error = Error::input(format!("reads `{name}`, which nothing writes")).at(node.place());
                return Err(error.hint("the file may be a part of a model; check it with onnx.checker"));
            }
        }
        for inner in subgraphs(node) {
            check_within(inner, Some(&scope)).map_err(|error| error.at(node.place()))?;
        }
        for name in given(&node.outputs) {
            if !scope.names.insert(name) {
                let other = if inputs.contains(name) {
                    "an input of the graph"
                } else if initializers.contains(name) {
                    "an initialiser"
                } else {
                    "written by another node"
                };
                return Err(Error::input(format!("writes `{name}`, which is {other}")).at(node.place()));
            }
        }
    }
    for output in &graph.outputs {
        if !scope.has(&output.name) {
            return Err(Error::input(format!("nothing writes the graph's output `{}`", output.name)));
        }
    }
    Ok(())
}
