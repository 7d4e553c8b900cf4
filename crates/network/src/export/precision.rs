use netinverse_onnx::{ElementType, TensorData};

use crate::{Layout, Linear, Network, Op, PadMode, Param};

/// The element type of a written model, one for all its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// float32
    Single,
    /// float64
    Double,
}

impl Precision {
    /// The precision in which nothing is lost that the network has: float64 where its exact constants are all
    /// stored in it, or where a constant is too large for float32; else float32.
    pub(super) fn of(network: &Network) -> Self {
        let single = network.params().iter().any(Param::is_f32);
        let double = network.params().iter().any(|param| !param.is_f32() && param.radius().is_none());
        let in_params = network
            .params()
            .iter()
            .filter(|param| !param.is_f32())
            .any(|param| param.f64().iter().copied().any(overflows));
        let in_nodes = network.nodes().iter().any(|node| match &node.op {
            Op::Linear(Linear::Combine { coefficients }) => coefficients.iter().copied().any(overflows),
            Op::Layout(Layout::Pad { mode: PadMode::Constant(value), .. }) => overflows(*value),
            _ => false,
        });
        if (double && !single) || in_params || in_nodes { Precision::Double } else { Precision::Single }
    }

    pub(super) fn element_type(self) -> ElementType {
        match self {
            Precision::Single => ElementType::F32,
            Precision::Double => ElementType::F64,
        }
    }

    /// These numbers as stored in this precision.
    pub(super) fn tensor(self, values: &[f64]) -> TensorData {
        match self {
            Precision::Single => TensorData::F32(values.iter().map(|&value| value as f32).collect()),
            Precision::Double => TensorData::F64(values.to_vec()),
        }
    }

    /// A constant as stored in this precision.
    pub(super) fn param(self, param: &Param) -> TensorData {
        match self {
            Precision::Single => TensorData::F32(param.f32().to_vec()),
            Precision::Double => TensorData::F64(param.f64().to_vec()),
        }
    }

    /// The lowest finite number.
    pub(super) fn lowest(self) -> f64 {
        match self {
            Precision::Single => f64::from(f32::MIN),
            Precision::Double => f64::MIN,
        }
    }
}

/// Whether a finite number becomes infinite in float32.
fn overflows(value: f64) -> bool {
    value.is_finite() && !(value as f32).is_finite()
}
