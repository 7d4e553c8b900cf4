use netinverse_linalg::Real;

use crate::{Network, ParamId};

/// The gradients of a sum of losses with respect to every constant of a network, each in the constant's own
/// order of elements.
///
/// Only what dense maps, convolutions and scalings read has gradients; those are all the constants there are.
#[derive(Debug, Clone, Default)]
pub struct Gradients<T>(Vec<Vec<T>>);

impl<T: Real> Gradients<T> {
    /// Zeros, one for each element of each constant.
    pub fn new(network: &Network) -> Self {
        Gradients(network.params().iter().map(|param| vec![T::ZERO; param.elements()]).collect())
    }

    /// The gradient of one constant.
    pub fn of(&self, id: ParamId) -> &[T] {
        &self.0[id.index()]
    }

    /// The gradient of one constant, to clip or scale it.
    pub fn of_mut(&mut self, id: ParamId) -> &mut [T] {
        &mut self.0[id.index()]
    }

    /// Of two different constants, the second being optional.
    pub(super) fn pair_mut(&mut self, a: ParamId, b: Option<ParamId>) -> (&mut [T], Option<&mut [T]>) {
        match b {
            None => (self.of_mut(a), None),
            Some(b) => {
                let [a, b] = self
                    .0
                    .get_disjoint_mut([a.index(), b.index()])
                    .expect("a convolution's kernel and bias are different constants");
                (a, Some(b))
            }
        }
    }

    /// Every gradient, in the order of [`Network::params`].
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// The Euclidean norm of all gradients together.
    pub fn norm(&self) -> f64 {
        self.0.iter().flatten().map(|g| g.to_f64() * g.to_f64()).sum::<f64>().sqrt()
    }

    /// Sets everything to zero.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|values| values.fill(T::ZERO));
    }

    /// Adds the gradients of the same network.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.0.len(), other.0.len(), "gradients of the same network");
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            T::axpy(T::ONE, other, own);
        }
    }

    /// The number of elements.
    pub(super) fn elements(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }
}
