//! The rows as kernels over slices.

use netinverse_linalg::Real;

use super::Function;

impl Function {
    /// y ← f(x).
    pub(crate) fn map<T: Real>(&self, x: &[T], y: &mut [T]) {
        match *self {
            Function::Relu => T::relu(x, y),
            Function::LeakyRelu { alpha } => T::leaky_relu(T::from_f64(alpha), x, y),
            Function::Elu { alpha } => T::elu(T::from_f64(alpha), x, y),
            Function::Softplus => T::softplus(x, y),
            Function::Sigmoid => T::sigmoid(x, y),
            Function::Tanh => T::tanh(x, y),
            Function::Exp => T::exp(x, y),
            Function::Log => T::log(x, y),
            Function::Abs => T::abs(x, y),
            Function::Clip { low, high } => T::clip(T::from_f64(low), T::from_f64(high), x, y),
            Function::Reciprocal => T::reciprocal(x, y),
            Function::Power { exponent: 2.0 } => T::multiply(x, x, y),
            _ => self.map_one_by_one(x, y),
        }
    }

    /// dx ← dy ⊙ f′(x), given y = f(x); also dy ← dx ⊙ f′(x).
    pub(crate) fn multiply_by_derivative<T: Real>(&self, x: &[T], y: &[T], dy: &[T], dx: &mut [T]) {
        match *self {
            Function::Relu => T::relu_vjp(x, y, dy, dx),
            Function::LeakyRelu { alpha } => T::leaky_relu_vjp(T::from_f64(alpha), x, y, dy, dx),
            Function::Elu { alpha } => T::elu_vjp(T::from_f64(alpha), x, y, dy, dx),
            Function::Softplus => T::softplus_vjp(x, y, dy, dx),
            Function::Sigmoid => T::sigmoid_vjp(x, y, dy, dx),
            Function::Tanh => T::tanh_vjp(x, y, dy, dx),
            Function::Exp => T::exp_vjp(x, y, dy, dx),
            Function::Log => T::log_vjp(x, y, dy, dx),
            Function::Abs => T::abs_vjp(x, y, dy, dx),
            Function::Clip { low, high } => T::clip_vjp(T::from_f64(low), T::from_f64(high), x, y, dy, dx),
            Function::Reciprocal => T::reciprocal_vjp(x, y, dy, dx),
            Function::Power { exponent: 2.0 } => {
                T::multiply(x, dy, dx);
                for dx in dx {
                    *dx += *dx;
                }
            }
            _ => self.multiply_one_by_one(x, dy, dx),
        }
    }

    /// Without a vector kernel: in f64, rounded once.
    fn map_one_by_one<T: Real>(&self, x: &[T], y: &mut [T]) {
        let (value, parameters) = (self.row().value, self.parameters());
        for (x, y) in x.iter().zip(y) {
            *y = T::from_f64(value(parameters, x.to_f64()));
        }
    }

    fn multiply_one_by_one<T: Real>(&self, x: &[T], dy: &[T], dx: &mut [T]) {
        let (derivative, parameters) = (self.row().derivative, self.parameters());
        for ((x, dy), dx) in x.iter().zip(dy).zip(dx) {
            *dx = *dy * T::from_f64(derivative(parameters, x.to_f64()));
        }
    }
}
