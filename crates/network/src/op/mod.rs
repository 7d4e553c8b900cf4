//! The operators, in six classes.
//!
//! Every algorithm (evaluation, derivatives, bounds, inversion) matches on the class, exhaustively; inside a
//! class it needs only what the class promises:
//!
//! | class | promise |
//! |---|---|
//! | [`Linear`] | an affine map: apply, adjoint, apply of the absolute values |
//! | [`Function`] | one scalar function on every element: a row of the table in `function` |
//! | [`Extremum`] | each output element is the maximum of some input elements |
//! | [`Bilinear`] | linear in each of two inputs |
//! | [`Normalizer`] | couples the elements of one axis or the last ones: softmax, layer normalisation |
//! | [`Layout`] | each output element is one input element, or a constant |

mod bilinear;
mod extremum;
mod function;
mod layout;
mod linear;
mod normalizer;
mod window;

pub use bilinear::Bilinear;
pub use extremum::Extremum;
pub use function::{Curvature, Domain, Function, Monotonicity, Piece};
pub use layout::{IndexMap, Layout, PadMode};
pub use linear::{AveragePool, Conv, ConvTranspose, Dense, Linear, Reduce, Scale, WeightOrder};
pub use normalizer::Normalizer;
pub use window::Window;

use netinverse_base::{Error, Result};

use crate::{Param, ParamId, Shape};

/// An operator, in one of six classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// An affine map of one or more values.
    Linear(Linear),
    /// A scalar function on every element.
    Function(Function),
    /// Maxima of elements.
    Extremum(Extremum),
    /// A product of two values.
    Bilinear(Bilinear),
    /// A normalisation along an axis.
    Normalizer(Normalizer),
    /// A rearrangement of elements.
    Layout(Layout),
}

impl Op {
    /// The operator's name, in ONNX's words where it has one.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Linear(linear) => linear.name(),
            Op::Function(function) => function.name(),
            Op::Extremum(Extremum::MaxPool(_)) => "MaxPool",
            Op::Bilinear(bilinear) => bilinear.name(),
            Op::Normalizer(normalizer) => normalizer.name(),
            Op::Layout(layout) => layout.name(),
        }
    }

    /// The shape written, given the shapes read; an error says what does not fit.
    pub fn output_shape(&self, inputs: &[&Shape], params: &[Param]) -> Result<Shape> {
        let one = |name: &str| match inputs {
            [only] => Ok(*only),
            _ => Err(Error::input(format!("{name} reads one value, {} are given", inputs.len()))),
        };
        match self {
            Op::Linear(Linear::Combine { coefficients }) => {
                if inputs.is_empty() || coefficients.len() != inputs.len() {
                    return Err(Error::input("a sum needs one coefficient for each value"));
                }
                same_shapes(inputs)
            }
            Op::Bilinear(bilinear) => bilinear.output_shape(inputs),
            Op::Layout(Layout::Concat { axis }) => layout::concat_shape(inputs, *axis),
            Op::Linear(linear) => linear.output_shape(one(linear.name())?, params),
            Op::Function(function) => Ok(one(function.name())?.clone()),
            Op::Extremum(Extremum::MaxPool(window)) => window.output_shape(one("MaxPool")?),
            Op::Normalizer(normalizer) => normalizer.output_shape(one(normalizer.name())?),
            Op::Layout(layout) => layout.output_shape(one(layout.name())?),
        }
    }

    /// Calls `visit` with every constant that the operator reads.
    pub fn for_each_param(&self, visit: &mut dyn FnMut(ParamId)) {
        // One list of the fields, for both forms: the clone is shallow except for index lists, so the
        // mutable form is the primitive and this one copies the operator's linear part only.
        if let Op::Linear(linear) = self {
            linear.clone().for_each_param_mut(&mut |id| visit(*id));
        }
    }

    pub(crate) fn for_each_param_mut(&mut self, visit: &mut dyn FnMut(&mut ParamId)) {
        if let Op::Linear(linear) = self {
            linear.for_each_param_mut(visit);
        }
    }
}

fn same_shapes(inputs: &[&Shape]) -> Result<Shape> {
    for shape in inputs {
        if shape != &inputs[0] {
            return Err(Error::input(format!("shapes {} and {shape} differ", inputs[0])));
        }
    }
    Ok(inputs[0].clone())
}
