//! One node test: its model with some inputs made constant, evaluated and compared.

use std::path::Path;

use netinverse_base::Result;
use netinverse_linalg::Real;
use netinverse_network::{Evaluator, ImportOptions, Network};
use netinverse_onnx::{
    Attribute, AttributeValue, Dimension, ElementType, Model, Node, Tensor, TensorData, ValueInfo,
};

pub(super) struct Case {
    pub(super) model: Model,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// Whether everything was constant, so that loading folded the result.
    Passed {
        folded: bool,
    },
    Refused(String),
    Failed(String),
}

impl Case {
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self> {
        let model = Model::read(&folder.join(format!("{name}.onnx")))?;
        let data = Model::read(&folder.join(format!("{name}.data.onnx")))?;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for tensor in data.graph.initializers {
            if tensor.name.starts_with("in") { inputs.push(tensor) } else { outputs.push(tensor) }
        }
        Ok(Case { model, inputs, outputs })
    }

    /// Tries the forms in which a network may have the operator: with all float inputs variable, with one of them, the
    /// others its constants; at last with constants only. The first form that is read is the one that must be right.
    pub(super) fn run(&self, rtol: f64, atol: f64) -> Outcome {
        let floats: Vec<usize> = (0..self.inputs.len())
            .filter(|&i| matches!(self.inputs[i].element_type(), ElementType::F32 | ElementType::F64))
            .filter(|&i| !self.inputs[i].is_empty())
            .collect();
        let mut forms = vec![floats.clone()];
        if floats.len() > 1 {
            forms.extend(floats.iter().map(|&i| vec![i]));
        }
        let (mut refusal, mut told) = (None, false);
        // With every output, else with the first: masks, indices and statistics are often there and seldom read.
        for count in [self.model.graph.outputs.len(), 1] {
            for variable in &forms {
                match self.attempt(variable, count, rtol, atol) {
                    Ok(Ok(())) => return Outcome::Passed { folded: false },
                    Ok(Err(why)) => return Outcome::Failed(why),
                    // Of the forms that differ in what is constant, the reason of one with most constants says more.
                    Err(why) if refusal.is_none() || variable.len() == 1 && !told => {
                        told = variable.len() == 1;
                        refusal = Some(why);
                    }
                    Err(_) => {}
                }
            }
        }
        match self.folded(rtol, atol) {
            Ok(Ok(())) => Outcome::Passed { folded: true },
            Ok(Err(why)) => Outcome::Failed(why),
            Err(why) => Outcome::Refused(refusal.unwrap_or(why)),
        }
    }

    /// The model in which all inputs but the `variable` ones are constants.
    fn with_constants(&self, variable: &[usize]) -> Model {
        let mut model = self.model.clone();
        for (index, tensor) in self.inputs.iter().enumerate() {
            if !variable.contains(&index) {
                let name = model.graph.inputs[index].name.clone();
                model.graph.initializers.push(Tensor { name, ..tensor.clone() });
            }
        }
        // The sizes as they are; the test may declare others than it gives.
        for &index in variable {
            let dims = self.inputs[index].dims.iter().map(|&size| Dimension::Fixed(size)).collect();
            model.graph.inputs[index].shape = Some(dims);
        }
        model
    }

    /// `Err`: refused; `Ok(Err)`: wrong.
    fn attempt(
        &self,
        variable: &[usize],
        outputs: usize,
        rtol: f64,
        atol: f64,
    ) -> std::result::Result<std::result::Result<(), String>, String> {
        let mut model = self.with_constants(variable);
        model.graph.outputs.truncate(outputs);
        let network =
            Network::import(&model, &ImportOptions::default()).map_err(|error| error.to_string())?;
        if network.outputs().len() != outputs {
            return Err("an output is a choice".into());
        }
        let mut x = Vec::new();
        for &index in variable {
            x.extend(self.inputs[index].to_f64().map_err(|error| error.to_string())?);
        }
        Ok(self.compare(&network, &x, outputs, rtol, atol))
    }

    /// The result plus 0 · x, so that there is an input.
    fn folded(&self, rtol: f64, atol: f64) -> std::result::Result<std::result::Result<(), String>, String> {
        let mut model = self.with_constants(&[]);
        model.graph.outputs.truncate(1);
        let Some(output) = model.graph.outputs.first_mut() else { return Err("no output".into()) };
        let result = std::mem::replace(&mut output.name, "folded".into());
        output.element_type = None;
        output.shape = None;
        model.graph.inputs = vec![ValueInfo {
            name: "variable".into(),
            element_type: Some(ElementType::F32),
            shape: Some(vec![Dimension::Fixed(1)]),
        }];
        model.graph.initializers.push(Tensor {
            name: "nothing".into(),
            dims: Vec::new(),
            data: TensorData::F32(vec![0.0]),
        });
        let node = |op: &str, inputs: [&str; 2], output: &str| Node {
            name: format!("own_{op}"),
            op_type: op.into(),
            domain: String::new(),
            inputs: inputs.iter().filter(|name| !name.is_empty()).map(|name| (*name).to_string()).collect(),
            outputs: vec![output.into()],
            attributes: Vec::new(),
        };
        let mut cast = node("Cast", [&result, ""], "number");
        cast.attributes.push(Attribute { name: "to".into(), value: AttributeValue::Int(1) });
        model.graph.nodes.push(cast);
        model.graph.nodes.push(node("Mul", ["variable", "nothing"], "zero"));
        model.graph.nodes.push(node("Add", ["number", "zero"], "folded"));
        let network =
            Network::import(&model, &ImportOptions::default()).map_err(|error| error.to_string())?;
        Ok(self.compare(&network, &[1.0], 1, rtol, atol))
    }

    /// The values in both precisions against those expected.
    fn compare(
        &self,
        network: &Network,
        x: &[f64],
        outputs: usize,
        rtol: f64,
        atol: f64,
    ) -> std::result::Result<(), String> {
        let mut wanted = Vec::new();
        for (id, tensor) in network.outputs().iter().zip(&self.outputs[..outputs]) {
            let shape = &network.value(*id).shape;
            // What was folded has at least one axis.
            if shape[..] != tensor.dims[..] && !(tensor.dims.is_empty() && shape.elements() == 1) {
                return Err(format!("the shape is {shape}, {:?} is expected", tensor.dims));
            }
            wanted.extend(tensor.to_f64().map_err(|error| error.to_string())?);
        }
        if x.len() != network.input_size() || wanted.len() != network.output_size() {
            return Err(format!(
                "{} inputs and {} outputs, {} and {} are expected",
                network.input_size(),
                network.output_size(),
                x.len(),
                wanted.len()
            ));
        }
        let double = values::<f64>(network, x);
        let single = values::<f32>(network, x);
        for (precision, own) in [("f64", double), ("f32", single)] {
            for (index, (own, wanted)) in own.iter().zip(&wanted).enumerate() {
                let same = own == wanted || (own - wanted).abs() <= atol.max(1e-6) + rtol * wanted.abs();
                if !same {
                    return Err(format!("{precision}, element {index}: {own}, {wanted} is expected"));
                }
            }
        }
        Ok(())
    }
}

fn values<T: Real>(network: &Network, x: &[f64]) -> Vec<f64> {
    let x: Vec<T> = x.iter().map(|&x| T::from_f64(x)).collect();
    let mut y = vec![T::ZERO; network.output_size()];
    Evaluator::<T>::new(network).forward(&x, &mut y);
    y.iter().map(|y| y.to_f64()).collect()
}
