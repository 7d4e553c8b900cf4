use std::fmt;
use std::ops::Deref;

use netinverse_base::{Error, Result};

/// The largest number of elements of one value of one sample (2³¹ − 1): index maps are 32 bits wide.
pub const MAX_ELEMENTS: usize = i32::MAX as usize;

/// The sizes of a value **for one sample**, as ONNX declares them, a leading batch axis of size 1 included.
///
/// A network maps one point to one output; the batch is an axis of ours, outside every shape, so that
/// operators keep exactly the meaning that ONNX gives them on a single sample.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape of these sizes; refuses more than [`MAX_ELEMENTS`] elements.
    pub fn new(sizes: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = Shape(sizes.into());
        // As if no size were 0, so that the product of some of the sizes never overflows either.
        let elements = shape.0.iter().try_fold(1usize, |product, &size| product.checked_mul(size.max(1)));
        match elements {
            Some(elements) if elements <= MAX_ELEMENTS => Ok(shape),
            _ => Err(Error::input(format!("shape {shape} has more than {MAX_ELEMENTS} elements"))),
        }
    }

    /// The shape of a vector.
    pub fn vector(length: usize) -> Self {
        Shape(vec![length])
    }

    /// The number of elements, 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The row-major strides, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.0.len()];
        for axis in (1..self.0.len()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }

    /// The shape that both broadcast to by the rules of NumPy, if any.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let size = |shape: &Shape, axis: usize| {
            (axis + shape.rank()).checked_sub(rank).map_or(1, |own| shape.0[own])
        };
        let sizes: Option<Vec<usize>> = (0..rank)
            .map(|axis| match (size(self, axis), size(other, axis)) {
                (a, b) if a == b => Some(a),
                (1, b) => Some(b),
                (a, 1) => Some(a),
                _ => None,
            })
            .collect();
        sizes.map(Shape)
    }

    /// The axis that an ONNX attribute names: `-1` is the last. `extra` allows one past the end
    /// (insertion points) when 1.
    pub fn axis(&self, axis: i64, extra: usize) -> Result<usize> {
        let rank = (self.rank() + extra) as i64;
        let own = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&own) {
            Ok(own as usize)
        } else {
            Err(Error::input(format!("axis {axis} does not exist in shape {self}")))
        }
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, size) in self.0.iter().enumerate() {
            if axis > 0 {
                f.write_str(",")?;
            }
            write!(f, "{size}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
