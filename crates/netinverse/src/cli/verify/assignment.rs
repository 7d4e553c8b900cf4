//! The assignment of a witness in text.

use std::fmt::Write as _;

use netinverse_base::{Place, Result, ResultExt};
use netinverse_network::{Evaluator, ImportOptions, Network};
use netinverse_preimage::verify::Witness;
use netinverse_spec::{Specification, TensorDeclaration};

use super::networks::Loaded;

/// One pair a scalar, as verifiers of VNN-LIB 1.0 write it: `((X_0 0.5)` … `(Y_0 1.5))`.
pub(super) fn scalars(witness: &Witness) -> String {
    let inputs = witness.text.iter().enumerate().map(|(i, x)| format!("(X_{i} {x})"));
    let outputs = witness.y.iter().enumerate().map(|(j, y)| format!("(Y_{j} {y:?})"));
    let lines: Vec<String> = inputs.chain(outputs).collect();
    format!("({})\n", lines.join("\n"))
}

/// `NAME TYPE [DIMENSIONS]`, then a value a line, tensor by tensor in the order of their declaration.
pub(super) fn tensors(witness: &Witness, loaded: &Loaded, specification: &Specification) -> Result<String> {
    let declared = specification.network();
    let mut text = String::new();
    let mut rest = witness.text.as_slice();
    for tensor in &declared.inputs {
        let (own, after) = rest.split_at(tensor.len());
        write(&mut text, tensor, own.iter().cloned());
        rest = after;
    }
    if !declared.hidden.is_empty() {
        let names: Vec<String> =
            declared.hidden.iter().map(|t| t.onnx_name.clone().unwrap_or_else(|| t.name.clone())).collect();
        let values = evaluate(loaded, names, witness)?;
        write_all(&mut text, &declared.hidden, &values);
    }
    let values = evaluate(loaded, Vec::new(), witness)?;
    write_all(&mut text, &declared.outputs, &values);
    Ok(text)
}

/// Values of other tensors at the witness.
fn evaluate(loaded: &Loaded, outputs: Vec<String>, witness: &Witness) -> Result<Vec<f64>> {
    let import = ImportOptions { outputs, ..ImportOptions::default() };
    let network = Network::import(&loaded.model, &import).at(|| Place::file(&loaded.path))?;
    let mut values = vec![0.0; network.output_size()];
    Evaluator::<f64>::new(&network).forward(&witness.x, &mut values);
    Ok(values)
}

fn write_all(text: &mut String, tensors: &[TensorDeclaration], values: &[f64]) {
    let mut rest = values;
    for tensor in tensors {
        let (own, after) = rest.split_at(tensor.len().min(rest.len()));
        write(text, tensor, own.iter().map(|value| format!("{value:?}")));
        rest = after;
    }
}

fn write(text: &mut String, tensor: &TensorDeclaration, values: impl Iterator<Item = String>) {
    let shape: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{} {} [{}]", tensor.name, tensor.element, shape.join(","));
    for value in values {
        let _ = writeln!(text, "{value}");
    }
}
