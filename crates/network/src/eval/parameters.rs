use netinverse_base::Result;
use netinverse_linalg::Real;

use crate::{Network, Param, ParamId};

/// The constants of a network in one precision: those of the network itself, until one is changed.
#[derive(Debug)]
pub(super) struct Parameters<T> {
    network: Network,
    changed: Vec<Option<Vec<T>>>,
}

impl<T: Real> Parameters<T> {
    pub(super) fn new(network: &Network) -> Self {
        let changed = network.params().iter().map(|_| None).collect();
        Parameters { network: network.clone(), changed }
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn get(&self, id: ParamId) -> &[T] {
        match &self.changed[id.index()] {
            Some(values) => values,
            None => stored(self.network.param(id)),
        }
    }

    pub(super) fn get_mut(&mut self, id: ParamId) -> &mut [T] {
        let network = &self.network;
        self.changed[id.index()].get_or_insert_with(|| stored(network.param(id)).to_vec())
    }

    /// The network with the changed constants, each in the precision in which it was stored.
    pub(super) fn to_network(&self) -> Result<Network> {
        let mut graph = self.network.graph().clone();
        for (param, changed) in graph.params.iter_mut().zip(&self.changed) {
            let Some(values) = changed else { continue };
            let (name, shape) = (param.name().to_string(), param.shape().clone());
            *param = if param.is_f32() {
                let values: Vec<f32> = values.iter().map(|value| value.to_f64() as f32).collect();
                Param::from_f32(name, shape, values)?
            } else {
                let values: Vec<f64> = values.iter().map(|value| value.to_f64()).collect();
                Param::from_f64(name, shape, values)?
            };
        }
        Ok(Network::from_graph(graph))
    }
}

/// The constant's elements as T. `Real` is sealed: T is f32 or f64, told apart by its size.
fn stored<T: Real>(param: &Param) -> &[T] {
    if size_of::<T>() == size_of::<f32>() {
        bytemuck::cast_slice(param.f32())
    } else {
        bytemuck::cast_slice(param.f64())
    }
}
