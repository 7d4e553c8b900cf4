//! The functions of the table, with the parameters that matter.

use netinverse_network::Function;

/// Every function, in every form that it takes.
pub const FUNCTIONS: [Function; 19] = [
    Function::Relu,
    Function::LeakyRelu { alpha: 0.1 },
    Function::LeakyRelu { alpha: 0.0 },
    Function::LeakyRelu { alpha: -0.5 },
    Function::LeakyRelu { alpha: 3.0 },
    Function::Elu { alpha: 1.0 },
    Function::Elu { alpha: 0.3 },
    Function::Elu { alpha: 0.0 },
    Function::Elu { alpha: -0.5 },
    Function::Softplus,
    Function::Sigmoid,
    Function::Tanh,
    Function::Exp,
    Function::Log,
    Function::Abs,
    Function::Clip { low: -0.5, high: 2.0 },
    Function::Clip { low: f64::NEG_INFINITY, high: 1.0 },
    Function::Clip { low: 2.0, high: 1.0 },
    Function::Reciprocal,
];
