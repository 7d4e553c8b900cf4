use netinverse_onnx::AttributeValue;

use super::writer::{Stage, Writer};
use crate::{Node, Normalizer};

impl Writer<'_> {
    pub(super) fn normalizer(&mut self, node: &Node, normalizer: &Normalizer) {
        let stage = match normalizer {
            Normalizer::Softmax { axis } => Stage::new("Softmax").int("axis", *axis as i64),
            Normalizer::LogSoftmax { axis } => Stage::new("LogSoftmax").int("axis", *axis as i64),
            Normalizer::Standardize { axis, epsilon } => {
                // The operator wants its factors, even where there are none.
                let dims = self.input_shape(node)[*axis..].to_vec();
                let ones = vec![1.0; dims.iter().product()];
                let factors = self.numbers(node, "ones", dims, &ones);
                Stage::new("LayerNormalization")
                    .operand(factors)
                    .int("axis", *axis as i64)
                    .attribute("epsilon", AttributeValue::Float(*epsilon as f32))
            }
        };
        self.chain(node, vec![stage]);
    }
}
