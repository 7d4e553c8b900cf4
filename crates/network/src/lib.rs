//! The network: a small graph of typed operators, its shapes, evaluation and derivatives, batched.
//!
//! - [`Network`]: the graph; [`NetworkBuilder`] makes one and checks every shape.
//! - [`Op`]: the operators, in six classes; [`Function`] is the table of element-wise functions.
//! - [`import`]: from an ONNX model to a network (folding constants, dropping what is dead).
//! - `export`: from a network to an ONNX model.
//! - [`enclose`]: functions and their derivatives over intervals, rounded outward.
//! - `eval`: values, vector–Jacobian and Jacobian–vector products, Jacobians and the gradients of
//!   parameters, in f32 and f64.
//!
//! A shape is that of **one sample**; the batch is an axis of ours in front of every value.

mod builder;
mod compose;
pub mod enclose;
mod eval;
mod export;
mod graph;
pub mod import;
mod op;
mod param;
mod shape;

pub use builder::NetworkBuilder;
pub use eval::{Cotangent, Evaluator, Gradients, Loss};
pub use export::ExportOptions;
pub use graph::{Network, Node, ParamId, Value, ValueId};
pub use import::ImportOptions;
pub use op::{
    AveragePool, Bilinear, Conv, ConvTranspose, Curvature, Dense, Domain, Extremum, Function, IndexMap,
    Layout, Linear, Monotonicity, Normalizer, Op, PadMode, Piece, Reduce, Scale, WeightOrder, Window,
};
pub use param::Param;
pub use shape::{MAX_ELEMENTS, Shape};
