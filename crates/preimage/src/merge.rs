//! Shards of one paving, put together.

use netinverse_base::{Error, Place, Result};

use crate::answer::Answer;
use crate::paving::Node;

/// The tree of which the answers are shards: every leaf from the shard that paved it. Leaves that no answer has stay
/// [`Node::Elsewhere`].
///
/// # Errors
/// Answers of different questions or models, shards of different counts, the same shard twice, trees that contradict
/// each other.
pub fn merge(answers: &[Answer]) -> Result<Vec<Node>> {
    let Some(first) = answers.first() else { return Err(Error::input("there is nothing to merge")) };
    let mut seen = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        answer.check_same(&first.header).map_err(|error| error.at(Place::Row(index)))?;
        let Some(shard) = answer.header.shard else {
            return Err(Error::input("the answer is no shard, it is whole").at(Place::Row(index)));
        };
        if first.header.shard.map(|s| s[1]) != Some(shard[1]) {
            return Err(Error::input(format!("a shard of {}, the first is one of another number", shard[1]))
                .at(Place::Row(index)));
        }
        if seen.contains(&shard[0]) {
            return Err(Error::input(format!("shard {}/{} is given twice", shard[0] + 1, shard[1]))
                .at(Place::Row(index)));
        }
        seen.push(shard[0]);
    }
    let mut nodes = vec![Node::Elsewhere];
    // The new node, and the nodes that stand for it in the answers that have it.
    let mut open: Vec<(usize, Vec<(usize, usize)>)> = vec![(0, (0..answers.len()).map(|a| (a, 0)).collect())];
    while let Some((id, sources)) = open.pop() {
        let node = |&(answer, node): &(usize, usize)| &answers[answer].nodes[node];
        let split = sources.iter().find_map(|source| match node(source) {
            Node::Split { input, at, .. } => Some((*input, *at)),
            _ => None,
        });
        let leaves = sources.iter().filter(|source| matches!(node(source), Node::Leaf(_))).count();
        if leaves > 1 || (leaves == 1 && split.is_some()) {
            return Err(Error::input("two shards pave the same cell")
                .hint("shards must come from one question with the same options"));
        }
        if let Some((input, at)) = split {
            let mut halves = [Vec::new(), Vec::new()];
            for source in &sources {
                match node(source) {
                    Node::Split { input: i, at: a, halves: own } if *i == input && *a == at => {
                        for side in 0..2 {
                            halves[side].push((source.0, own[side] as usize));
                        }
                    }
                    Node::Split { .. } => {
                        return Err(Error::input("the trees of two shards bisect differently"));
                    }
                    _ => {}
                }
            }
            let first = nodes.len();
            nodes.extend([Node::Elsewhere, Node::Elsewhere]);
            nodes[id] = Node::Split { input, at, halves: [first as u32, first as u32 + 1] };
            let [below, above] = halves;
            open.push((first + 1, above));
            open.push((first, below));
        } else if let Some(source) = sources.iter().find(|source| matches!(node(source), Node::Leaf(_))) {
            nodes[id] = node(source).clone();
        }
    }
    Ok(nodes)
}
