//! Values while a model is read: constants, and what flows from the input.

use crate::Trouble;

/// Numbers in row-major order.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) dims: Vec<usize>,
    pub(super) data: Vec<f64>,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Constant(Tensor),
    /// A value of the network, flat, under a shape.
    Flow {
        dims: Vec<usize>,
        id: usize,
    },
}

impl Value {
    pub(super) fn dims(&self) -> &[usize] {
        match self {
            Value::Constant(tensor) => &tensor.dims,
            Value::Flow { dims, .. } => dims,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.dims().iter().product()
    }

    /// The same elements under another shape.
    pub(super) fn reshaped(self, dims: Vec<usize>) -> Result<Value, Trouble> {
        let size = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if size != Some(self.size()) {
            return Err(Trouble::not_checkable(format!(
                "the shape {:?} does not become {dims:?}",
                self.dims()
            )));
        }
        Ok(match self {
            Value::Constant(tensor) => Value::Constant(Tensor { dims, ..tensor }),
            Value::Flow { id, .. } => Value::Flow { dims, id },
        })
    }

    pub(super) fn reshaped_flat(self) -> Value {
        let size = self.size();
        self.reshaped(vec![size]).expect("as many elements")
    }

    pub(super) fn constant(&self) -> Result<&Tensor, Trouble> {
        match self {
            Value::Constant(tensor) => Ok(tensor),
            Value::Flow { .. } => Err(Trouble::not_checkable("an operand that should be constant is not")),
        }
    }
}

/// How far apart neighbours along each axis are.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// The indices of a flat position.
pub(super) fn indices(mut at: usize, dims: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; dims.len()];
    for (index, &size) in indices.iter_mut().zip(dims).rev() {
        (*index, at) = (at % size, at / size);
    }
    indices
}

/// The shape of two that are broadcast together.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Trouble> {
    let rank = a.len().max(b.len());
    let size = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
    let join = |axis| match (size(a, axis), size(b, axis)) {
        (x, y) if x == y || y == 1 => Ok(x),
        (1, y) => Ok(y),
        _ => Err(Trouble::not_checkable(format!("the shapes {a:?} and {b:?} do not fit"))),
    };
    (0..rank).map(join).collect()
}

/// Where element `at` of the shape `dims` comes from in a tensor of the shape `from` that is broadcast to it.
pub(super) fn source(at: usize, dims: &[usize], from: &[usize]) -> usize {
    let (indices, strides) = (indices(at, dims), strides(from));
    let skip = dims.len() - from.len();
    (0..from.len()).map(|axis| if from[axis] == 1 { 0 } else { indices[axis + skip] * strides[axis] }).sum()
}
