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
            Function::Relu
            | Function::Softplus
            | Function::Sigmoid
            | Function::Tanh
            | Function::Exp
            | Function::Log
            | Function::Abs
            | Function::Reciprocal => Stage::new(function.name()),
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

    /// relu(x) + log(1 + exp(−|x|))
    fn softplus_in_double(&mut self, node: &Node) {
        let x = self.value_name(node.inputs[0]);
        let above = self.step(node, Stage::new("Relu"), &x);
        let tail = self.step(node, Stage::new("Abs"), &x);
        let tail = self.step(node, Stage::new("Neg"), &tail);
        let tail = self.step(node, Stage::new("Exp"), &tail);
        let one = self.number(node, "one", 1.0);
        let tail = self.step(node, Stage::new("Add").operand(one), &tail);
        let tail = self.step(node, Stage::new("Log"), &tail);
        self.finish_node(node, Stage::new("Add").operand(tail), &above);
    }
}
