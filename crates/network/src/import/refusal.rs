//! Refusals by operator, node and opset, with what to do about each.

use netinverse_base::Error;
use netinverse_onnx::Node;

use super::ops::{self, SUPPORTED_OPERATORS};
use super::plan::distance;

/// Groups of operators with the same advice.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["If", "Loop", "Scan"],
        "control flow is not supported; trace the model with fixed sizes, or fold it: `onnxsim MODEL OUT`",
    ),
    (
        &[
            "SequenceAt",
            "SequenceConstruct",
            "SequenceEmpty",
            "SequenceErase",
            "SequenceInsert",
            "SequenceLength",
            "SequenceMap",
            "SplitToSequence",
            "ConcatFromSequence",
            "Optional",
            "OptionalGetElement",
            "OptionalHasElement",
            "ZipMap",
        ],
        "sequences are not supported; export plain tensors (skl2onnx: `options={'zipmap': False}`)",
    ),
    (
        &[
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
            "Bernoulli",
            "Multinomial",
        ],
        "a random network is not a function; export it in inference mode, or with the noise as an input",
    ),
    (
        &[
            "QuantizeLinear",
            "DequantizeLinear",
            "DynamicQuantizeLinear",
            "QLinearConv",
            "QLinearMatMul",
            "ConvInteger",
            "MatMulInteger",
        ],
        "a quantised network is a step function; export the float model",
    ),
    (
        &["ArgMax", "ArgMin", "TopK", "NonMaxSuppression", "Hardmax", "OneHot", "Unique", "NonZero"],
        "choosing is not invertible; take the scores that it reads as the output with `--output NAME`",
    ),
    (&["LSTM", "GRU", "RNN"], "recurrent layers are not supported; unroll them into Gemm, Sigmoid and Tanh"),
    (
        &["Attention", "MultiHeadAttention", "RotaryEmbedding", "FlexAttention", "LinearAttention"],
        "export attention as its MatMul and Softmax: `torch.onnx.export(…, opset_version=18)`",
    ),
    (&["ThresholdedRelu", "Shrink"], "a function with jumps is not supported; a LeakyRelu or Softplus is"),
    (
        &["Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"],
        "supported functions are listed in docs/operators.md; rewrite with Sin, Cos, Exp, Log, Tanh and arithmetic",
    ),
    (
        &["LRN", "LpNormalization", "MeanVarianceNormalization"],
        "LayerNormalization, GroupNormalization, InstanceNormalization and RMSNormalization are supported, and \
         arithmetic with ReduceMean, Pow and Sqrt",
    ),
    (
        &["GridSample", "AffineGrid", "Col2Im", "DeformConv", "CenterCropPad"],
        "Resize, Upsample, ConvTranspose, DepthToSpace, Slice and Pad are supported",
    ),
    (
        &["LpPool", "GlobalLpPool", "MaxRoiPool", "RoiAlign", "MaxUnpool"],
        "MaxPool, AveragePool, GlobalMaxPool and GlobalAveragePool are supported",
    ),
    (&["Sign", "Round", "Mod", "BitShift"], "a function with jumps is not supported"),
    (
        &["Scatter", "GatherElements", "CumSum", "EyeLike"],
        "Gather with constant indices, Slice, Concat and Pad are supported; fold what is constant: `onnxsim MODEL OUT`",
    ),
];

/// Operators that are refused, in groups with the same advice.
pub fn advice() -> &'static [(&'static [&'static str], &'static str)] {
    ADVICE
}

/// A node whose operator is not read, at this opset.
pub(super) fn unknown(node: &Node, opset: i64) -> Error {
    let op = &node.op_type;
    if !node.domain.is_empty() {
        let error = Error::unsupported(format!("operator {op} of domain `{}` is not supported", node.domain));
        return match node.domain.as_str() {
            "ai.onnx.ml" => {
                error.hint("scalers and linear models are supported; trees and kernels are not networks: export the neural part")
            }
            "com.microsoft" => {
                error.hint("export without the optimisations of ONNX Runtime, which fuse operators")
            }
            "pkg.onnxscript.torch_lib" | "pkg.torch" | "local" => {
                error.hint("inline the functions: `onnx.inliner.inline_local_functions(model)` in Python")
            }
            _ => error.hint("export the model with the standard operators of ONNX"),
        };
    }
    if let Some(operator) = ops::find(op) {
        return Error::unsupported(format!("operator {op} does not exist at opset {opset} in a supported form"))
            .hint(format!(
                "it is read from opset {} on; convert the file: `onnx.version_converter.convert_version(model, 17)`",
                operator.since
            ));
    }
    let error = Error::unsupported(format!("operator {op} is not supported (opset {opset})"));
    if let Some((_, advice)) = ADVICE.iter().find(|(names, _)| names.contains(&op.as_str())) {
        return error.hint(*advice);
    }
    let near = SUPPORTED_OPERATORS
        .iter()
        .map(|operator| operator.name)
        .min_by_key(|name| distance(&name.to_lowercase(), &op.to_lowercase()));
    match near.filter(|name| distance(&name.to_lowercase(), &op.to_lowercase()) <= 2) {
        Some(near) => error.hint(format!("did you mean `{near}`? names of operators are case-sensitive")),
        None => {
            error.hint("`netinverse inspect` lists what is supported; rewrite the layer with those operators")
        }
    }
}

/// An output of a node that is not computed.
pub(super) fn extra_output(node: &Node, opset: i64, output: &str) -> Error {
    let error =
        Error::unsupported(format!("output `{output}` of {} is not supported (opset {opset})", node.op_type));
    match node.op_type.as_str() {
        "LinearClassifier" => error
            .hint("the label is a choice among the scores; take these as the output with `--output NAME`"),
        "LayerNormalization" => error.hint("the statistics are for training; export in inference mode"),
        "MaxPool" => error.hint("the indices of maxima are not supported; export without MaxUnpool"),
        "Dropout" => {
            error.hint("the mask is for training; export the model in inference mode: `model.eval()`")
        }
        _ => error,
    }
}
