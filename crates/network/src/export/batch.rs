use crate::{Bilinear, Layout, Linear, Network, Node, Normalizer, Op};

/// Whether axis 0 of every value is a batch axis: size 1 in all inputs, and neither mixed nor moved by any operator,
/// so that several samples stacked along it are computed apart.
///
/// An input of one axis has none: a vector of one element is a point, not a batch.
pub(super) fn leading_axis_is_batch(network: &Network) -> bool {
    let inputs = network.inputs().iter().map(|&id| &network.value(id).shape);
    inputs.into_iter().all(|shape| shape.rank() >= 2 && shape[0] == 1)
        && network.nodes().iter().all(|node| keeps_leading_axis(network, node))
}

/// Whether an operator that reads values with a batch axis writes one, entry by entry.
///
/// Operators that broadcast a constant need no check: a constant that broadcasts to a value with a leading
/// 1 has a 1 there, or no such axis.
fn keeps_leading_axis(network: &Network, node: &Node) -> bool {
    let input = |position: usize| &network.value(node.inputs[position]).shape;
    match &node.op {
        Op::Linear(linear) => match linear {
            Linear::Dense(_) => input(0).rank() >= 2,
            Linear::Reduce(reduce) => !reduce.axes.contains(&0),
            Linear::Conv(_)
            | Linear::ConvTranspose(_)
            | Linear::AveragePool(_)
            | Linear::Scale(_)
            | Linear::Combine { .. } => true,
        },
        Op::Normalizer(
            Normalizer::Softmax { axis }
            | Normalizer::LogSoftmax { axis }
            | Normalizer::Standardize { axis, .. },
        ) => *axis != 0,
        Op::Bilinear(Bilinear::MatMul) => input(0).rank() >= 3,
        Op::Function(_) | Op::Extremum(_) | Op::Bilinear(Bilinear::Multiply) => true,
        Op::Layout(layout) => match layout {
            // A size of 0 elsewhere would have to be written literally, and then the batch cannot be copied.
            Layout::Reshape { shape } => shape.first() == Some(&1) && !shape.contains(&0),
            Layout::Transpose { axes } => axes.first() == Some(&0),
            Layout::Slice { starts, sizes, .. } => starts[0] == 0 && sizes[0] == 1,
            Layout::Gather { axis, .. } | Layout::Concat { axis } => *axis != 0,
            Layout::Pad { before, after, .. } => before[0] == 0 && after[0] == 0,
            Layout::Expand { shape } => shape.rank() == input(0).rank() && shape[0] == 1,
        },
    }
}
