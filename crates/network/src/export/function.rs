use netinverse_onnx::AttributeValue;

use super::precision::Precision;
use super::writer::{Stage, Writer};
use crate::{Function, Node};

impl Writer<'_> {
    /// A function by its own operator, or, in float64, by operators that ONNX Runtime has kernels for.
    pub(super) fn function(&mut self, node: &Node, function: Function) {
        let double = self.precision == Precision::Double;
        // The attribute is a float32 whatever the element type.
        let slope = |alpha: f64| AttributeValue::Float(alpha as f32);
        let rounded = |alpha: f64| f64::from(alpha as f32) != alpha;
        let stage = match function {
            Function::Elu { alpha } if double => return self.elu_in_double(node, alpha),
            Function::Softplus if double => return self.softplus_in_double(node),
            Function::LeakyRelu { alpha } if double && rounded(alpha) => {
                return self.leaky_relu_in_double(node, alpha);
            }
            Function::LeakyRelu { alpha } | Function::Elu { alpha } => {
                Stage::new(function.name()).attribute("alpha", slope(alpha))
            }
            Function::Clip { low, high } => self.clip(node, low, high),
            Function::Celu { alpha } if double && rounded(alpha) => {
                return self.celu_in_double(node, alpha);
            }
            Function::Celu { alpha } => Stage::new("Celu").attribute("alpha", slope(alpha)),
            Function::Softsign if double => return self.softsign_in_double(node),
            Function::HardSwish if double => return self.hard_swish_in_double(node),
            Function::Mish => return self.mish(node),
            Function::Gelu => return self.gelu(node),
            Function::GeluTanh => return self.gelu_tanh(node),
            Function::Silu { beta } => {
                let mut stages = if beta == 1.0 { vec![] } else { vec![self.times(node, beta)] };
                stages.push(Stage::new("Sigmoid"));
                return self.gate(node, stages);
            }
            Function::Power { exponent } => {
                let exponent = self.number(node, "exponent", exponent);
                Stage::new("Pow").operand(exponent)
            }
            Function::Relu
            | Function::Softplus
            | Function::Sigmoid
            | Function::Tanh
            | Function::Exp
            | Function::Log
            | Function::Abs
            | Function::Reciprocal
            | Function::Softsign
            | Function::HardSwish
            | Function::Erf
            | Function::Sqrt
            | Function::Sin
            | Function::Cos => Stage::new(function.name()),
        };
        self.chain(node, vec![stage]);
    }

    /// A limit that is infinite in the model's precision is left out.
    fn clip(&mut self, node: &Node, low: f64, high: f64) -> Stage {
        let limit = |limit: f64| match self.precision {
            Precision::Single => f64::from(limit as f32),
            Precision::Double => limit,
        };
        let (low, high) = (limit(low), limit(high));
        let mut stage = Stage::new("Clip");
        if low.is_finite() || high.is_finite() {
            let low = if low.is_finite() { self.number(node, "low", low) } else { String::new() };
            stage = stage.operand(low);
        }
        if high.is_finite() {
            stage = stage.operand(self.number(node, "high", high));
        }
        stage
    }

    /// relu(x) − α·relu(−x)
    fn leaky_relu_in_double(&mut self, node: &Node, alpha: f64) {
        let x = self.value_name(node.inputs[0]);
        let above = self.step(node, Stage::new("Relu"), &x);
        let negated = self.step(node, Stage::new("Neg"), &x);
        let below = self.step(node, Stage::new("Relu"), &negated);
        let factor = self.times(node, alpha);
        let below = self.step(node, factor, &below);
        self.finish_node(node, Stage::new("Sub").operand(below), &above);
    }

    /// relu(x) + α·exp(min(x, 0)) − α
    fn elu_in_double(&mut self, node: &Node, alpha: f64) {
        let x = self.value_name(node.inputs[0]);
        let above = self.step(node, Stage::new("Relu"), &x);
        let clip = self.clip(node, f64::NEG_INFINITY, 0.0);
        let below = self.step(node, clip, &x);
        let below = self.step(node, Stage::new("Exp"), &below);
        let factor = self.times(node, alpha);
        let below = self.step(node, factor, &below);
        let shift = self.number(node, "shift", -alpha);
        let below = self.step(node, Stage::new("Add").operand(shift), &below);
        self.finish_node(node, Stage::new("Add").operand(below), &above);
    }

    /// relu(x) + α·exp(min(x, 0) / α) − α
    fn celu_in_double(&mut self, node: &Node, alpha: f64) {
        let x = self.value_name(node.inputs[0]);
        let above = self.step(node, Stage::new("Relu"), &x);
        let clip = self.clip(node, f64::NEG_INFINITY, 0.0);
        let below = self.step(node, clip, &x);
        let factor = self.times(node, 1.0 / alpha);
        let below = self.step(node, factor, &below);
        let below = self.step(node, Stage::new("Exp"), &below);
        let factor = self.times(node, alpha);
        let below = self.step(node, factor, &below);
        let shift = self.number(node, "shift", -alpha);
        let below = self.step(node, Stage::new("Add").operand(shift), &below);
        self.finish_node(node, Stage::new("Add").operand(below), &above);
    }

    fn softplus_in_double(&mut self, node: &Node) {
        let x = self.value_name(node.inputs[0]);
        let (above, tail) = self.softplus_parts(node, &x);
        self.finish_node(node, Stage::new("Add").operand(tail), &above);
    }

    /// relu(x) and log(1 + exp(−|x|)), whose sum is log(1 + eˣ).
    fn softplus_parts(&mut self, node: &Node, x: &str) -> (String, String) {
        let above = self.step(node, Stage::new("Relu"), x);
        let tail = self.step(node, Stage::new("Abs"), x);
        let tail = self.step(node, Stage::new("Neg"), &tail);
        let tail = self.step(node, Stage::new("Exp"), &tail);
        let one = self.number(node, "one", 1.0);
        let tail = self.step(node, Stage::new("Add").operand(one), &tail);
        (above, self.step(node, Stage::new("Log"), &tail))
    }

    /// The value times what the stages make of it.
    fn gate(&mut self, node: &Node, stages: Vec<Stage>) {
        let x = self.value_name(node.inputs[0]);
        let mut gate = x.clone();
        for stage in stages {
            gate = self.step(node, stage, &gate);
        }
        self.finish_node(node, Stage::new("Mul").operand(gate), &x);
    }

    /// x / (1 + |x|)
    fn softsign_in_double(&mut self, node: &Node) {
        let x = self.value_name(node.inputs[0]);
        let size = self.step(node, Stage::new("Abs"), &x);
        let one = self.number(node, "one", 1.0);
        let divisor = self.step(node, Stage::new("Add").operand(one), &size);
        self.finish_node(node, Stage::new("Div").operand(divisor), &x);
    }

    /// x · clip(x/6 + ½, 0, 1)
    fn hard_swish_in_double(&mut self, node: &Node) {
        let sixth = self.times(node, 1.0 / 6.0);
        let half = self.number(node, "half", 0.5);
        let clip = self.clip(node, 0.0, 1.0);
        self.gate(node, vec![sixth, Stage::new("Add").operand(half), clip]);
    }

    /// x · tanh(log(1 + eˣ))
    fn mish(&mut self, node: &Node) {
        let x = self.value_name(node.inputs[0]);
        let soft = if self.precision == Precision::Double {
            let (above, tail) = self.softplus_parts(node, &x);
            self.step(node, Stage::new("Add").operand(tail), &above)
        } else {
            self.step(node, Stage::new("Softplus"), &x)
        };
        let gate = self.step(node, Stage::new("Tanh"), &soft);
        self.finish_node(node, Stage::new("Mul").operand(gate), &x);
    }

    /// x · ½ (1 + erf(x / √2))
    fn gelu(&mut self, node: &Node) {
        let inner = self.times(node, std::f64::consts::FRAC_1_SQRT_2);
        let one = self.number(node, "one", 1.0);
        let half = self.times(node, 0.5);
        self.gate(node, vec![inner, Stage::new("Erf"), Stage::new("Add").operand(one), half]);
    }

    /// x · σ(x (a + b x²)), with a = √(8/π) and b = 0.044715 a
    fn gelu_tanh(&mut self, node: &Node) {
        let a = (8.0 / std::f64::consts::PI).sqrt();
        let x = self.value_name(node.inputs[0]);
        let square = Stage::new("Mul").operand(x.clone());
        let cubic = self.times(node, 0.044_715 * a);
        let linear = self.number(node, "linear", a);
        let times = Stage::new("Mul").operand(x);
        self.gate(node, vec![square, cubic, Stage::new("Add").operand(linear), times, Stage::new("Sigmoid")]);
    }
}
