//! Element-wise maps over slices: the loop, the functions, and their derivatives.
//!
//! A kernel is one call of the best compiled version for a whole slice ([`apply`]); what is done to each vector is a
//! [`Pointwise`]. The functions of the network are [`Function`]s: [`piecewise`] and, with polynomials of our own,
//! [`exponential`].

mod exponential;
mod linear;
mod piecewise;
mod pointwise;
mod reduce;

pub(crate) use exponential::{Elu, Exp, Log, Series, Sigmoid, Softplus, Tanh, exp_vector};
pub(crate) use linear::{
    Difference, Product, Scale, Sum, axpy, bias_add_rows, bias_relu_rows, multiply_add, scale_shift,
    scale_shift_channels,
};
pub(crate) use piecewise::{Abs, Clip, LeakyRelu, Reciprocal, Relu};
pub(crate) use pointwise::{Function, apply, map, vjp};
pub(crate) use reduce::{dot, dot_vectors, total};
