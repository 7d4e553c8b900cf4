//! Reading a graph: node by node, again from the start when an input turns out to have another size.

use std::collections::HashMap;

use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt};
use netinverse_onnx::{Dimension, ElementType, ValueInfo};

use super::constant::Constant;
use super::lowering::{Lowering, Operand};
use super::node::Call;
use super::ops;
use super::plan::Plan;
use super::refusal;
use super::sizes::{self, InputSizes, Origin};
use crate::{Layout, Network, Op, Shape, ValueId};

/// How often an input's sizes may change while reading; each change settles one for good.
const MAX_ATTEMPTS: usize = 32;

/// The tensors known so far; `None` where the node that writes one was refused.
type Tensors<'m> = HashMap<&'m str, Option<Operand>>;

/// What became of one node while looking for all refusals.
pub(super) type Refusals = Vec<Option<Error>>;

/// Reads the model as planned.
pub(super) fn network(plan: &Plan) -> Result<Network> {
    let declared = sizes::declared(plan).into_iter().collect::<Result<Vec<_>>>()?;
    let mut inputs = declared.clone();
    let mut constants = HashMap::new();
    for _ in 0..MAX_ATTEMPTS {
        let mut lowering = Lowering::new(plan.stored_elements(), &plan.read_once);
        let outcome = attempt(plan, &inputs, &mut lowering, &mut constants);
        let failure = match outcome {
            Ok(outputs) if !inputs.iter().any(is_open) => {
                warn(plan, &declared, &inputs, &mut lowering);
                return lowering.builder.finish(&outputs);
            }
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let mismatch = if failure.is_some() { lowering.mismatch } else { None };
        if let Some(correction) =
            mismatch.and_then(|mismatch| sizes::correction(&lowering, mismatch, &inputs))
        {
            correction.apply(&mut inputs);
            continue;
        }
        if sizes::settle_batches(&mut inputs) {
            continue;
        }
        return Err(match (failure, sizes::unsettled(&inputs)) {
            (Some(error), _) if error.kind() == ErrorKind::Unsupported => error,
            (_, Some(unsettled)) => unsettled,
            (Some(error), None) => error,
            (None, None) => Error::input("the sizes of the inputs are contradictory"),
        });
    }
    Err(Error::input("the sizes of the inputs are contradictory"))
}

fn is_open(input: &InputSizes) -> bool {
    input.origins.iter().any(|origin| matches!(origin, Origin::Unknown(_)))
}

/// Lowers what the outputs need; the outputs as values.
fn attempt<'m>(
    plan: &Plan<'m>,
    inputs: &[InputSizes],
    lowering: &mut Lowering,
    constants: &mut HashMap<&'m str, Constant>,
) -> Result<Vec<ValueId>> {
    let mut tensors = Tensors::new();
    for input in inputs {
        let shape = Shape::new(input.sizes.clone())?;
        let id = lowering.input(&input.name, shape)?;
        let name = plan.inputs[lowering.inputs.len() - 1].name.as_str();
        tensors.insert(name, Some(Operand::Value(id)));
    }
    for index in 0..plan.model.graph.nodes.len() {
        if plan.needed[index] {
            node(plan, index, lowering, &mut tensors, constants)?;
        }
    }
    let operands: Vec<Operand> = plan
        .outputs
        .iter()
        .map(|name| tensor(plan, name, &tensors, constants))
        .collect::<Result<Option<_>>>()?
        .ok_or_else(|| Error::input("an output was not computed"))?;
    if let (Some(name), true) =
        (plan.outputs.first(), operands.iter().all(|operand| matches!(operand, Operand::Constant(_))))
    {
        return Err(Error::input(format!("output `{name}` does not depend on the network's input"))
            .hint("choose a tensor that does with `--output NAME`"));
    }
    plan.outputs.iter().zip(&operands).map(|(name, operand)| output(lowering, name, operand)).collect()
}

/// The output of that name as a value that carries the name.
fn output(lowering: &mut Lowering, name: &str, operand: &Operand) -> Result<ValueId> {
    lowering.begin(name, name);
    ops::mask::refuse(lowering, "an output", &[Some(operand.clone())])?;
    let id = lowering.value(operand)?;
    if lowering.builder.value_name(id) == name {
        return Ok(id);
    }
    let id = match operand {
        Operand::Constant(_) => id,
        // The same value under two names: an identity gives it the second.
        Operand::Value(_) => {
            let shape = lowering.builder.shape(id).clone();
            lowering.emit(Op::Layout(Layout::Reshape { shape }), &[id])?
        }
    };
    lowering.builder.rename(id, name);
    Ok(id)
}

/// Looks at every node, whether an output needs it or not, and goes on after a refusal.
pub(super) fn refusals(plan: &Plan) -> Refusals {
    let mut inputs: Vec<Option<InputSizes>> = sizes::declared(plan).into_iter().map(Result::ok).collect();
    let mut constants = HashMap::new();
    for _ in 0..MAX_ATTEMPTS {
        let mut lowering = Lowering::new(plan.stored_elements(), &plan.read_once);
        let mut tensors = Tensors::new();
        let known: Vec<InputSizes> = inputs.iter().flatten().cloned().collect();
        for (input, sizes) in plan.inputs.iter().zip(&inputs) {
            let id = sizes.as_ref().and_then(|sizes| {
                let shape = Shape::new(sizes.sizes.clone()).ok()?;
                lowering.input(&sizes.name, shape).ok()
            });
            tensors.insert(input.name.as_str(), id.map(Operand::Value));
        }
        let mut found = Refusals::new();
        for (index, own) in plan.model.graph.nodes.iter().enumerate() {
            let outcome = node(plan, index, &mut lowering, &mut tensors, &mut constants);
            if outcome.is_err() {
                for name in own.outputs.iter().filter(|name| !name.is_empty()) {
                    tensors.insert(name, None);
                }
            }
            found.push(outcome.err());
        }
        let complete = lowering.inputs.len() == known.len();
        let mismatch = lowering.mismatch.filter(|_| complete);
        if let Some(correction) = mismatch.and_then(|mismatch| sizes::correction(&lowering, mismatch, &known))
        {
            let mut corrected = known;
            correction.apply(&mut corrected);
            let mut corrected = corrected.into_iter();
            for input in inputs.iter_mut().filter(|input| input.is_some()) {
                *input = corrected.next();
            }
            continue;
        }
        let mut settled: Vec<InputSizes> = inputs.iter().flatten().cloned().collect();
        if complete && sizes::settle_batches(&mut settled) {
            let mut settled = settled.into_iter();
            for input in inputs.iter_mut().filter(|input| input.is_some()) {
                *input = settled.next();
            }
            continue;
        }
        if inputs.iter().flatten().any(is_open) {
            // Sizes that stand in for unknown ones make other errors than the file's.
            for refusal in &mut found {
                if refusal.as_ref().is_some_and(|error| error.kind() != ErrorKind::Unsupported) {
                    *refusal = None;
                }
            }
        }
        return found;
    }
    Refusals::new()
}

/// What a name stands for: `None` when the node that writes it was refused.
fn tensor<'m>(
    plan: &Plan<'m>,
    name: &str,
    tensors: &Tensors<'m>,
    constants: &mut HashMap<&'m str, Constant>,
) -> Result<Option<Operand>> {
    if let Some(operand) = tensors.get(name) {
        return Ok(operand.clone());
    }
    if let Some(constant) = constants.get(name) {
        return Ok(Some(Operand::Constant(constant.clone())));
    }
    let Some((&name, tensor)) = plan.initializers.get_key_value(name) else {
        return Err(Error::input(format!("it reads `{name}`, which nothing before it writes"))
            .hint("the nodes of a valid model are in the order of computation; `onnx.checker` tells more"));
    };
    let constant = Constant::from_tensor(tensor, name)?;
    constants.insert(name, constant.clone());
    Ok(Some(Operand::Constant(constant)))
}

/// Lowers one node and names what it writes.
fn node<'m>(
    plan: &Plan<'m>,
    index: usize,
    lowering: &mut Lowering,
    tensors: &mut Tensors<'m>,
    constants: &mut HashMap<&'m str, Constant>,
) -> Result<()> {
    let node = &plan.model.graph.nodes[index];
    let place = || Place::node(node.label(), &node.op_type);
    let operator = match ops::find_of_domain(&node.domain, &node.op_type) {
        Some(operator) if plan.opset >= operator.since || !node.domain.is_empty() => operator,
        _ => return Err(refusal::unknown(node, plan.opset).at(place())),
    };
    let mut inputs = Vec::with_capacity(node.inputs.len());
    let mut refused = false;
    for name in &node.inputs {
        if name.is_empty() {
            inputs.push(None);
            continue;
        }
        let operand = tensor(plan, name, tensors, constants).at(place)?;
        refused |= operand.is_none();
        inputs.push(operand);
    }
    if refused {
        // Of a refused node nothing is known; what reads it is looked at by name only.
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            tensors.insert(name, None);
        }
        return Ok(());
    }
    ops::mask::refuse(lowering, &node.op_type, &inputs).at(place)?;
    let call = Call::new(node, plan.opset, inputs);
    lowering.begin(node.label(), call.output(0));
    let older = lowering.builder.value_count();
    let outputs = (operator.lower)(lowering, &call).at(place)?;
    call.check_attributes().at(place)?;
    for extra in node.outputs.iter().skip(outputs.len()).filter(|name| !name.is_empty()) {
        // Masks and indices are often named and seldom read.
        if plan.read.contains(extra) {
            return Err(refusal::extra_output(node, plan.opset, extra).at(place()));
        }
        tensors.insert(extra, None);
    }
    for (index, (name, operand)) in node.outputs.iter().zip(outputs).enumerate() {
        if name.is_empty() {
            continue;
        }
        if index == 0 && ops::writes_label(node) {
            if plan.read.contains(name) {
                return Err(refusal::extra_output(node, plan.opset, name).at(place()));
            }
            tensors.insert(name, None);
            continue;
        }
        if let Operand::Value(id) = &operand
            && (id.index() >= older || lowering.joined(*id))
        {
            lowering.builder.rename(*id, name);
        }
        let operand = match operand {
            Operand::Constant(constant) if constant.name.is_empty() => {
                Operand::Constant(constant.named(name))
            }
            other => other,
        };
        tensors.insert(name, Some(operand));
    }
    Ok(())
}

/// Says what was assumed.
fn warn(plan: &Plan, declared: &[InputSizes], inputs: &[InputSizes], lowering: &mut Lowering) {
    for ((info, before), after) in plan.inputs.iter().zip(declared).zip(inputs) {
        let changed = (0..before.sizes.len())
            .any(|axis| before.origins[axis] == Origin::Declared && before.sizes[axis] != after.sizes[axis]);
        if changed {
            lowering.builder.warn(format!(
                "input `{}` is declared {}, the weights that read it take {:?}: the weights win",
                info.name,
                text(info),
                after.sizes
            ));
        }
        if matches!(info.element_type, Some(ElementType::F16 | ElementType::BF16)) {
            lowering.builder.warn(format!(
                "input `{}` is declared in half precision; the network is read as a function of real numbers",
                info.name
            ));
        }
    }
    for warning in &plan.warnings {
        lowering.builder.warn(warning.clone());
    }
    let graph = &plan.model.graph;
    for info in &graph.outputs {
        if let Some(shape) = contradicted(info, lowering) {
            lowering.builder.warn(format!(
                "output `{}` is declared {}, it has shape {shape}",
                info.name,
                text(info)
            ));
        }
    }
    let wrong: Vec<&ValueInfo> =
        graph.value_info.iter().filter(|info| contradicted(info, lowering).is_some()).collect();
    if let Some(first) = wrong.first() {
        lowering.builder.warn(format!(
            "{} intermediate values have other shapes than declared, `{}` ({}) first",
            wrong.len(),
            first.name,
            text(first)
        ));
    }
}

/// The shape of a value that a declaration contradicts.
fn contradicted(info: &ValueInfo, lowering: &Lowering) -> Option<Shape> {
    let dims = info.shape.as_ref()?;
    let shape = lowering.builder.shape(lowering.builder.find(&info.name)?);
    let fits = dims.len() == shape.rank()
        && dims.iter().zip(shape.iter()).all(|(dim, &size)| match dim {
            // Some exporters write 0 for a size that is not known.
            Dimension::Fixed(declared) => *declared == size || *declared == 0,
            Dimension::Symbolic(_) | Dimension::Unknown => true,
        });
    (!fits).then(|| shape.clone())
}

/// A declared shape as text.
fn text(info: &ValueInfo) -> String {
    let Some(dims) = &info.shape else { return "without a shape".to_string() };
    let sizes: Vec<String> = dims
        .iter()
        .map(|dim| match dim {
            Dimension::Fixed(size) => size.to_string(),
            Dimension::Symbolic(name) => name.clone(),
            Dimension::Unknown => "?".to_string(),
        })
        .collect();
    format!("[{}]", sizes.join(","))
}
