use netinverse_base::{Error, Result};

use super::same_shapes;
use crate::Shape;

/// Linear in each of two inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Bilinear {
    /// The product of two values of one shape, element by element.
    Multiply,
    /// The matrix products of `[…, m, k]` and `[…, k, n]`, whose leading axes are the same.
    MatMul,
}

impl Bilinear {
    /// The operator's name, in ONNX's words.
    pub fn name(&self) -> &'static str {
        match self {
            Bilinear::Multiply => "Mul",
            Bilinear::MatMul => "MatMul",
        }
    }

    pub(super) fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let [left, right] = inputs else {
            return Err(Error::input("a product reads two values"));
        };
        match self {
            Bilinear::Multiply => same_shapes(inputs),
            Bilinear::MatMul => match (left.split_last_chunk(), right.split_last_chunk()) {
                (Some((batch, &[m, k])), Some((other, &[rows, n]))) if batch == other && k == rows => {
                    Shape::new([batch, &[m, n]].concat())
                }
                _ => Err(Error::input(format!("matrices of shapes {left} and {right} have no product"))),
            },
        }
    }
}
