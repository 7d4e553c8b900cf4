//! The tail that loses nothing: element-wise bijections and softmax at the end of a network.
//!
//! f(x) = f(x′) exactly when the values before the tail agree, of a softmax up to a common shift. So whether two inputs have
//! one output is asked of the network without its tail, which is better conditioned.

use netinverse_base::Result;
use netinverse_network::{
    Dense, Layout, Linear, Network, NetworkBuilder, Normalizer, Op, Param, Shape, ValueId, WeightOrder,
};

/// A network that takes one value twice exactly where the original does.
#[derive(Debug, Clone)]
pub struct Headless {
    /// The network without its tail; of a softmax head, the differences of its logits to the first.
    pub network: Network,
    /// What was taken off, last first.
    pub tail: Vec<&'static str>,
    /// Whether a softmax was among it: one dimension of the outputs says nothing.
    pub softmax: bool,
}

/// Takes the tail off.
pub fn behead(network: &Network) -> Result<Headless> {
    let whole = |network: Network| Headless { network, tail: Vec::new(), softmax: false };
    let &[output] = network.outputs() else { return Ok(whole(network.clone())) };
    let (mut at, mut tail, mut softmax) = (output, Vec::new(), false);
    while let Some(node) = network.nodes().iter().find(|node| node.output == at) {
        let before = match (&node.op, &node.inputs[..]) {
            (Op::Function(function), &[input]) if function.is_injective() => input,
            (Op::Layout(Layout::Reshape { .. } | Layout::Transpose { .. }), &[input]) => input,
            (Op::Normalizer(Normalizer::Softmax { axis } | Normalizer::LogSoftmax { axis }), &[input])
                if !softmax && network.value(input).shape[*axis] == network.value(input).shape.elements() =>
            {
                softmax = true;
                input
            }
            _ => break,
        };
        // What comes before a softmax is known up to a shift only, so nothing more can be taken off.
        if !matches!(node.op, Op::Layout(_)) {
            tail.push(node.op.name());
        }
        at = before;
        if softmax {
            break;
        }
    }
    if network.inputs().contains(&at) || tail.is_empty() {
        return Ok(whole(network.clone()));
    }
    let mut headless = network.with_outputs(&[&network.value(at).name])?;
    if softmax {
        headless = differences(&headless)?;
    }
    Ok(Headless { network: headless, tail, softmax })
}

/// `yᵢ − y₀` for i > 0.
fn differences(network: &Network) -> Result<Network> {
    let m = network.output_size();
    let mut builder = NetworkBuilder::new();
    let outputs: Vec<ValueId> = builder.append(network, None)?;
    let row = builder.row(&outputs)?;
    let mut weight = vec![0.0; (m - 1) * m];
    for i in 1..m {
        weight[(i - 1) * m] = -1.0;
        weight[(i - 1) * m + i] = 1.0;
    }
    if m == 1 {
        return Ok(network.clone());
    }
    let weight = builder.param(Param::from_f64("differences", Shape::new([m - 1, m])?, weight)?);
    let dense = Dense { weight, bias: None, order: WeightOrder::OutputsFirst };
    let y = builder.node("differences", Op::Linear(Linear::Dense(dense)), &[row])?;
    builder.finish(&[y])
}
