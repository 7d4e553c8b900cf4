/// A scalar function applied to every element.
///
/// Everything that is known of a function is one row of the table below it; evaluation, derivatives,
/// inverses and their tests derive from the row. Parameters are kept as stored (float32, exact in f64).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// max(x, 0)
    Relu,
    /// x for x ≥ 0, αx below
    LeakyRelu {
        /// The slope below zero.
        alpha: f64,
    },
    /// x for x ≥ 0, α(eˣ − 1) below
    Elu {
        /// The limit at −∞ is −α.
        alpha: f64,
    },
    /// log(1 + eˣ)
    Softplus,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// eˣ
    Exp,
    /// log x, for x > 0
    Log,
    /// |x|
    Abs,
    /// min(max(x, low), high)
    Clip {
        /// The lower limit, −∞ when absent in the file.
        low: f64,
        /// The upper limit, +∞ when absent in the file.
        high: f64,
    },
    /// 1 / x, for x ≠ 0 (divisions by a value)
    Reciprocal,
}

impl Function {
    /// The function's name, in ONNX's words.
    pub fn name(&self) -> &'static str {
        match self {
            Function::Relu => "Relu",
            Function::LeakyRelu { .. } => "LeakyRelu",
            Function::Elu { .. } => "Elu",
            Function::Softplus => "Softplus",
            Function::Sigmoid => "Sigmoid",
            Function::Tanh => "Tanh",
            Function::Exp => "Exp",
            Function::Log => "Log",
            Function::Abs => "Abs",
            Function::Clip { .. } => "Clip",
            Function::Reciprocal => "Reciprocal",
        }
    }
}
