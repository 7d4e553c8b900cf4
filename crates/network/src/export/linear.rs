use super::writer::{Form, Stage, Writer, integers};
use crate::{Dense, Node, Reduce, Scale, WeightOrder};

impl Writer<'_> {
    /// Gemm for a matrix of rows; MatMul and Add for any other number of axes, which Gemm does not take.
    pub(super) fn dense(&mut self, node: &Node, dense: &Dense) {
        let rank = self.input_shape(node).rank();
        let outputs_first = dense.order == WeightOrder::OutputsFirst;
        if rank == 2 {
            let mut gemm =
                Stage::new("Gemm").operand(self.param(node, dense.weight, Form::AsStored, "weight"));
            if let Some(bias) = dense.bias {
                gemm = gemm.operand(self.param(node, bias, Form::Vector, "bias"));
            }
            if outputs_first {
                gemm = gemm.int("transB", 1);
            }
            return self.chain(node, vec![gemm]);
        }
        let product = match (outputs_first, rank) {
            (false, _) => {
                Stage::new("MatMul").operand(self.param(node, dense.weight, Form::AsStored, "weight"))
            }
            (true, 1) => Stage::new("MatMul").left(self.param(node, dense.weight, Form::AsStored, "weight")),
            (true, _) => {
                Stage::new("MatMul").operand(self.param(node, dense.weight, Form::Transposed, "weight"))
            }
        };
        let mut stages = vec![product];
        if let Some(bias) = dense.bias {
            stages.push(Stage::new("Add").operand(self.param(node, bias, Form::Vector, "bias")));
        }
        self.chain(node, stages);
    }

    /// ReduceSum takes its axes as an input from operator set 13 on, ReduceMean as an attribute up to 17.
    pub(super) fn reduce(&mut self, node: &Node, reduce: &Reduce) {
        let mut stages = Vec::new();
        // No axes would mean all of them to ONNX; to us it means the value as it is.
        if !reduce.axes.is_empty() {
            let stage = if reduce.mean {
                Stage::new("ReduceMean").ints("axes", reduce.axes.iter().copied())
            } else {
                let axes = self.indices(node, "axes", None, integers(reduce.axes.iter().copied()));
                Stage::new("ReduceSum").operand(axes)
            };
            stages.push(stage.int("keepdims", i64::from(reduce.keep)));
        }
        self.chain(node, stages);
    }

    pub(super) fn scale(&mut self, node: &Node, scale: &Scale) {
        let mut stages = Vec::new();
        if let Some(factor) = scale.scale {
            stages.push(Stage::new("Mul").operand(self.param(node, factor, Form::AsStored, "scale")));
        }
        if let Some(shift) = scale.shift {
            stages.push(Stage::new("Add").operand(self.param(node, shift, Form::AsStored, "shift")));
        }
        self.chain(node, stages);
    }

    /// Sums and differences from left to right; a coefficient other than ±1 is a Mul of its own.
    pub(super) fn combine(&mut self, node: &Node, coefficients: &[f64]) {
        let terms: Vec<_> = node.inputs.iter().map(|&id| self.value_name(id)).collect();
        // b − a rather than −a + b.
        if let ([-1.0, 1.0], [a, b]) = (coefficients, &terms[..]) {
            return self.finish_node(node, Stage::new("Sub").operand(a.clone()), b);
        }
        let last = terms.len() - 1;
        let mut sum = String::new();
        for (position, (term, &coefficient)) in terms.iter().zip(coefficients).enumerate() {
            let (stage, value) = if position == 0 {
                match coefficient {
                    1.0 if last == 0 => (Stage::new("Identity"), term.clone()),
                    1.0 => {
                        sum.clone_from(term);
                        continue;
                    }
                    -1.0 => (Stage::new("Neg"), term.clone()),
                    _ => (self.times(node, coefficient), term.clone()),
                }
            } else {
                let (op, operand) = match coefficient {
                    1.0 => ("Add", term.clone()),
                    -1.0 => ("Sub", term.clone()),
                    _ => {
                        let factor = self.times(node, coefficient);
                        ("Add", self.step(node, factor, term))
                    }
                };
                (Stage::new(op).operand(operand), std::mem::take(&mut sum))
            };
            if position == last {
                self.finish_node(node, stage, &value);
            } else {
                sum = self.step(node, stage, &value);
            }
        }
    }

    /// The product with a number.
    pub(super) fn times(&mut self, node: &Node, factor: f64) -> Stage {
        let factor = self.number(node, "factor", factor);
        Stage::new("Mul").operand(factor)
    }
}
