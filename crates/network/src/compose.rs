//! Networks built of networks.

use netinverse_base::{Error, Result};

use crate::{Layout, Network, NetworkBuilder, Op, ParamId, Shape, ValueId};

impl NetworkBuilder {
    /// Adds the nodes of a network and returns its outputs here. Its inputs are `from`, one value each of the same
    /// shapes, or new inputs.
    pub fn append(&mut self, network: &Network, from: Option<&[ValueId]>) -> Result<Vec<ValueId>> {
        let params: Vec<ParamId> = network.params().iter().map(|param| self.param(param.clone())).collect();
        let mut ids: Vec<Option<ValueId>> = vec![None; network.values().len()];
        for (position, &id) in network.inputs().iter().enumerate() {
            let value = network.value(id);
            let given = from.map(|from| from.get(position).copied().ok_or_else(|| misfit(position)));
            ids[id.index()] = Some(match given {
                Some(given) => given?,
                None => self.input(value.name.clone(), value.shape.clone())?,
            });
        }
        for node in network.nodes() {
            let inputs: Vec<ValueId> = node.inputs.iter().filter_map(|id| ids[id.index()]).collect();
            let mut op = node.op.clone();
            op.for_each_param_mut(&mut |id| *id = params[id.index()]);
            ids[node.output.index()] = Some(self.node(node.name.clone(), op, &inputs)?);
        }
        let missing = || Error::input("an output is computed by no node");
        network.outputs().iter().map(|id| ids[id.index()].ok_or_else(missing)).collect()
    }

    /// Values, one after the other, as one row `[1, n]`.
    pub fn row(&mut self, values: &[ValueId]) -> Result<ValueId> {
        let mut rows = Vec::with_capacity(values.len());
        for &value in values {
            let shape = Shape::new([1, self.shape(value).elements()])?;
            rows.push(self.node("row", Op::Layout(Layout::Reshape { shape }), &[value])?);
        }
        match rows[..] {
            [only] => Ok(only),
            _ => self.node("rows", Op::Layout(Layout::Concat { axis: 1 }), &rows),
        }
    }
}

fn misfit(position: usize) -> Error {
    Error::input(format!("input {position} is not given"))
}

impl Network {
    /// `z ↦ f(g(z))` of `self` = f, and with `both` also g(z) as a further output. g's outputs are f's inputs, flat.
    ///
    /// # Errors
    /// g does not give as many numbers as f takes.
    pub fn after(&self, g: &Network, both: bool) -> Result<Network> {
        if g.output_size() != self.input_size() {
            return Err(Error::input(format!(
                "it gives {} numbers, the network takes {} inputs",
                g.output_size(),
                self.input_size()
            )));
        }
        let mut builder = NetworkBuilder::new();
        let made = builder.append(g, None)?;
        let row = builder.row(&made)?;
        let mut from = Vec::new();
        let mut start = 0;
        for &id in self.inputs() {
            let shape = self.value(id).shape.clone();
            let size = shape.elements();
            let slice = Layout::Slice { starts: vec![0, start], steps: vec![1, 1], sizes: vec![1, size] };
            let part = if self.inputs().len() == 1 {
                row
            } else {
                builder.node("part", Op::Layout(slice), &[row])?
            };
            from.push(builder.node("input", Op::Layout(Layout::Reshape { shape }), &[part])?);
            start += size;
        }
        let mut outputs = builder.append(self, Some(&from))?;
        if both {
            outputs.push(row);
        }
        builder.finish(&outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dense, Evaluator, Function, Linear, Param, WeightOrder};

    /// tanh(xW), with two inputs of 2 and 1 elements where `split`.
    fn network(inputs: &[usize], weight: &[f64], outputs: usize) -> Network {
        let mut builder = NetworkBuilder::new();
        let values: Vec<ValueId> = inputs
            .iter()
            .enumerate()
            .map(|(k, &size)| builder.input(format!("in{k}"), Shape::new([1, size]).unwrap()).unwrap())
            .collect();
        let row = builder.row(&values).unwrap();
        let shape = Shape::new([inputs.iter().sum::<usize>(), outputs]).unwrap();
        let weight = builder.param(Param::from_f64("W", shape, weight).unwrap());
        let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
        let z = builder.node("z", Op::Linear(Linear::Dense(dense)), &[row]).unwrap();
        let y = builder.node("y", Op::Function(Function::Tanh), &[z]).unwrap();
        builder.finish(&[y]).unwrap()
    }

    #[test]
    fn a_composition_is_one_after_the_other() {
        let g = network(&[2], &[0.3, -0.7, 0.2, 1.1, 0.4, -0.5], 3);
        let f = network(&[2, 1], &[0.9, -0.1, 0.6, 0.8, -1.2, 0.35], 2);
        let whole = Evaluator::<f64>::new(&f.after(&g, true).unwrap());
        let (z, mut x, mut y, mut both) = ([0.25, -1.5], [0.0; 3], [0.0; 2], [0.0; 5]);
        Evaluator::<f64>::new(&g).forward(&z, &mut x);
        Evaluator::<f64>::new(&f).forward(&x, &mut y);
        whole.forward(&z, &mut both);
        assert_eq!((&both[..2], &both[2..]), (&y[..], &x[..]));
        assert_eq!(f.after(&g, false).unwrap().output_size(), 2);
        assert!(g.after(&f, false).is_ok() && f.after(&f, false).is_err());
    }
}
