//! Networks built of networks.

use netinverse_base::{Error, Result};

use crate::{Layout, Network, NetworkBuilder, Node, Op, ParamId, Shape, ValueId};

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

    /// Adds a node of another network, whose value gets this name. It reads these values; `param` gives the constants
    /// here for those there.
    pub fn adopt(
        &mut self,
        name: impl Into<String>,
        node: &Node,
        inputs: &[ValueId],
        mut param: impl FnMut(&mut Self, ParamId) -> Result<ParamId>,
    ) -> Result<ValueId> {
        let mut op = node.op.clone();
        let mut outcome = Ok(());
        op.for_each_param_mut(&mut |id| match param(self, *id) {
            Ok(own) => *id = own,
            Err(error) => outcome = Err(error),
        });
        outcome?;
        self.node(name, op, inputs)
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

impl Network {
    /// The values through which everything passes, in order: what comes after one is a function of it alone. The first is
    /// the input where there is only one, the last the output likewise.
    pub fn cuts(&self) -> Vec<ValueId> {
        let mut last = vec![0; self.values().len()];
        for (index, node) in self.nodes().iter().enumerate() {
            node.inputs.iter().for_each(|id| last[id.index()] = index + 1);
        }
        self.outputs().iter().for_each(|id| last[id.index()] = usize::MAX);
        // Of all values before a position, the furthest reader but of the value at hand.
        let mut cuts = Vec::new();
        let mut before = 0;
        if let [only] = self.inputs() {
            cuts.push(*only);
        }
        self.inputs().iter().for_each(|id| before = before.max(last[id.index()]));
        for (index, node) in self.nodes().iter().enumerate() {
            if before <= index + 1 {
                cuts.push(node.output);
            }
            before = before.max(last[node.output.index()]);
        }
        cuts
    }

    /// The part of the network from one of its [cuts](Network::cuts) to a later one.
    ///
    /// # Errors
    /// `to` depends on more than `from`.
    pub fn between(&self, from: ValueId, to: ValueId) -> Result<Network> {
        let mut builder = NetworkBuilder::new();
        let params: Vec<ParamId> = self.params().iter().map(|param| builder.param(param.clone())).collect();
        let mut ids: Vec<Option<ValueId>> = vec![None; self.values().len()];
        let start = self.value(from);
        ids[from.index()] = Some(builder.input(start.name.clone(), start.shape.clone())?);
        let first = self.nodes().iter().position(|node| node.output == from).map_or(0, |index| index + 1);
        for node in &self.nodes()[first..] {
            let inputs: Option<Vec<ValueId>> = node.inputs.iter().map(|id| ids[id.index()]).collect();
            let Some(inputs) = inputs else { continue };
            let mut op = node.op.clone();
            op.for_each_param_mut(&mut |id| *id = params[id.index()]);
            ids[node.output.index()] = Some(builder.node(node.name.clone(), op, &inputs)?);
            if node.output == to {
                break;
            }
        }
        let end =
            ids[to.index()].ok_or_else(|| Error::input("a value is not a function of the other alone"))?;
        builder.finish(&[end])
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
    fn cuts_are_where_everything_passes() {
        let mut builder = NetworkBuilder::new();
        let x = builder.input("x", Shape::new([1, 2]).unwrap()).unwrap();
        let a = builder.node("a", Op::Function(Function::Tanh), &[x]).unwrap();
        let b = builder.node("b", Op::Function(Function::Relu), &[a]).unwrap();
        let sum = Op::Linear(Linear::Combine { coefficients: vec![1.0, -0.5] });
        let c = builder.node("c", sum, &[a, b]).unwrap();
        let d = builder.node("d", Op::Function(Function::Sigmoid), &[c]).unwrap();
        let network = builder.finish(&[d]).unwrap();
        let names: Vec<&str> = network.cuts().iter().map(|&id| network.value(id).name.as_str()).collect();
        assert_eq!(names, ["x", "a", "c", "d"]);
        let (from, to) = (network.find_value("a").unwrap(), network.find_value("c").unwrap());
        let part = Evaluator::<f64>::new(&network.between(from, to).unwrap());
        let mut y = [0.0; 2];
        part.forward(&[0.5, -2.0], &mut y);
        assert_eq!(y, [0.25, -2.0]);
        let b = network.find_value("b").unwrap();
        assert!(network.between(b, to).is_err(), "c reads a too");
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
