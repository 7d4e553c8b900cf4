//! From a network to its inverse.

use netinverse_base::{Budget, Error, Progress, Result};
use netinverse_linalg::Precision;
use netinverse_network::{Network, Param, ValueId};

use crate::elements::Elements;
use crate::findings::{Findings, MarkKind};
use crate::program::Inverse;
use crate::propagation::{Given, Written, invert};

/// What is asked of an inverse.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// The precision in which it is stored and runs; by default float64 where all of the network's constants are stored in
    /// it, else float32.
    pub precision: Option<Precision>,
    /// Inputs of the network that are known beside its outputs: the inverse takes them too (conditional flows).
    pub given: Vec<String>,
}

/// An inverse, and what is to be said of it.
#[derive(Debug, Clone)]
pub struct Built {
    /// The inverse.
    pub inverse: Inverse,
    /// Whether g(f(x)) = x for every x, in real arithmetic but for the rounding of the inverse's own constants.
    pub exact: bool,
    /// Matrices, marks, conditions, loops.
    pub findings: Findings,
    /// The network with the outputs that the inverse takes.
    pub network: Network,
    /// Outputs of the network that the inverse does not need.
    pub unused: Vec<String>,
    /// The network's inputs that the inverse takes.
    pub given: Vec<String>,
}

/// Inverts a network.
///
/// Of several outputs those are taken that lead back to the inputs: all of them, or one alone where that gives an exact
/// inverse and all together do not.
///
/// # Errors
/// There is no inverse that is known here: the error names the operator that stands in the way and why. The budget ended.
pub fn build(
    network: &Network,
    options: &BuildOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Built> {
    let all = one(network, network.outputs(), options, budget, progress);
    if network.outputs().len() == 1 || all.as_ref().is_ok_and(|built| built.exact) || budget.stop().is_some()
    {
        return all;
    }
    for &output in network.outputs() {
        if let Ok(built) = one(network, &[output], options, budget, progress)
            && built.exact
        {
            return Ok(built);
        }
    }
    all.map_err(|error| error.hint("the network has several outputs: choose one with `--output NAME`"))
}

fn one(
    network: &Network,
    outputs: &[ValueId],
    options: &BuildOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Built> {
    let precision = options.precision.unwrap_or_else(|| {
        let (single, double) = (network.params().iter().any(Param::is_f32), !network.params().is_empty());
        if double && !single { Precision::F64 } else { Precision::F32 }
    });
    let name = |id: ValueId| network.value(id).name.clone();
    let mut given: Vec<ValueId> = Vec::new();
    for wanted in &options.given {
        match network.inputs().iter().find(|&&id| network.value(id).name == *wanted) {
            Some(&id) if !given.contains(&id) => given.push(id),
            Some(_) => {}
            None => {
                let names: Vec<String> =
                    network.inputs().iter().map(|&id| format!("`{}`", name(id))).collect();
                return Err(Error::input(format!("the network has no input named `{wanted}`"))
                    .hint(format!("its inputs are {}", names.join(", "))));
            }
        }
    }
    let wanted: Vec<usize> = (0..network.inputs().len())
        .filter(|&position| !given.contains(&network.inputs()[position]))
        .collect();
    if wanted.is_empty() {
        return Err(Error::input("every input is given: nothing is left to compute"));
    }
    let elements = Elements::new(network)?;
    let values: Vec<ValueId> = outputs.iter().chain(&given).copied().collect();
    let asked = Given { values: values.clone(), wanted: wanted.clone() };
    let Written { recorder, inputs, outputs: written, findings } =
        invert(&elements, &asked, precision, budget, progress)?;
    let named_inputs: Vec<_> = inputs.iter().zip(&values).map(|(&id, &value)| (id, name(value))).collect();
    let named_outputs: Vec<_> =
        written.iter().zip(&wanted).map(|(&id, &position)| (id, name(network.inputs()[position]))).collect();
    let inverse = Inverse::new(network, &recorder, &named_inputs, &named_outputs)?;
    let is_used = |id: ValueId| inverse.inputs().any(|slot| slot.name == network.value(id).name);
    let used: Vec<String> = outputs.iter().copied().filter(|&id| is_used(id)).map(name).collect();
    if used.is_empty() {
        return Err(Error::unsupported("no output tells anything of the inputs")
            .hint("the network's value is the same whatever its input is"));
    }
    let taken: Vec<String> = given.iter().copied().filter(|&id| is_used(id)).map(name).collect();
    let unused = network.outputs().iter().map(|&id| name(id)).filter(|name| !used.contains(name)).collect();
    let names: Vec<&str> = used.iter().map(String::as_str).collect();
    Ok(Built {
        exact: findings.marks.iter().all(|mark| mark.kind == MarkKind::Projection),
        network: network.with_outputs(&names)?,
        inverse,
        findings,
        unused,
        given: taken,
    })
}
