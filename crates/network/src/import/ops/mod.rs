//! From ONNX operators to the network's, one family a file.

mod activation;
mod arithmetic;
mod classical;
mod constants;
mod convolution;
mod einsum;
mod extrema;
pub(super) mod mask;
mod matrix;
mod normalization;
mod pad;
mod pick;
mod reduction;
mod reshape;
mod resize;
mod scatter;
mod transposed;
mod volume;

use netinverse_base::Result;

use super::lowering::{Lowering, Operand};
use super::node::Call;

/// Lowers one node: what it writes, one operand for each output that is supported.
pub(super) type Lower = fn(&mut Lowering, &Call) -> Result<Vec<Operand>>;

/// An ONNX operator that is read.
#[derive(Debug, Clone, Copy)]
pub struct SupportedOperator {
    /// The operator's name.
    pub name: &'static str,
    /// The first version of the standard operator set that has it; all later forms are read too.
    pub since: i64,
    /// What is not supported of it; empty when all of it is.
    pub note: &'static str,
    pub(super) lower: Lower,
}

const fn op(name: &'static str, since: i64, lower: Lower, note: &'static str) -> SupportedOperator {
    SupportedOperator { name, since, note, lower }
}

const CONSTANTS: &str = "of constants only";

/// Every operator of the standard domain that is read, by name.
pub const SUPPORTED_OPERATORS: &[SupportedOperator] = &[
    op("Abs", 6, activation::abs, ""),
    op("Add", 7, arithmetic::add, ""),
    op("And", 7, constants::logic, CONSTANTS),
    op("AveragePool", 7, convolution::average_pool, ""),
    op("BatchNormalization", 7, normalization::batch_normalization, "inference"),
    op("Cast", 6, constants::cast, "of values: to float32 and float64"),
    op("CastLike", 15, constants::cast_like, "of values: to float32 and float64"),
    op("Ceil", 6, constants::round, CONSTANTS),
    op("Celu", 12, activation::celu, "alpha > 0"),
    op("Clip", 6, activation::clip, "constant limits"),
    op("Concat", 4, pick::concat, ""),
    op("Constant", 1, constants::constant, "dense numbers"),
    op("ConstantOfShape", 9, constants::constant_of_shape, ""),
    op("Conv", 1, convolution::conv, "constant weights, 1 or 2 spatial axes"),
    op("ConvTranspose", 1, transposed::conv_transpose, "constant weights, 1 or 2 spatial axes"),
    op("Cos", 7, activation::cos, ""),
    op("DepthToSpace", 1, reshape::depth_and_space, ""),
    op("Div", 7, arithmetic::div, ""),
    op("Dropout", 7, reshape::dropout, "inference"),
    op("Einsum", 12, einsum::einsum, "one or two operands, no diagonals"),
    op("Elu", 6, activation::elu, ""),
    op("Equal", 7, constants::compare, CONSTANTS),
    op("Erf", 9, activation::erf, ""),
    op("Exp", 6, activation::exp, ""),
    op("Expand", 8, reshape::expand, ""),
    op("Flatten", 1, reshape::flatten, ""),
    op("Floor", 6, constants::round, CONSTANTS),
    op("Gather", 1, pick::gather, "constant indices"),
    op("GatherND", 11, pick::gather_nd, "constant indices"),
    op("Gelu", 20, activation::gelu, ""),
    op("Gemm", 7, matrix::gemm, ""),
    op("GlobalAveragePool", 1, convolution::global_average_pool, ""),
    op("GlobalMaxPool", 1, extrema::global_max_pool, ""),
    op("Greater", 7, constants::compare, CONSTANTS),
    op("GreaterOrEqual", 12, constants::compare, CONSTANTS),
    op("GroupNormalization", 18, normalization::group_normalization, ""),
    op("HardSigmoid", 6, activation::hard_sigmoid, ""),
    op("HardSwish", 14, activation::hard_swish, ""),
    op("Identity", 1, reshape::identity, ""),
    op("InstanceNormalization", 6, normalization::instance_normalization, ""),
    op("IsInf", 10, constants::never, "of values: false"),
    op("IsNaN", 9, constants::never, "of values: false"),
    op("LayerNormalization", 17, normalization::layer_normalization, "without statistics as outputs"),
    op("LeakyRelu", 6, activation::leaky_relu, ""),
    op("Less", 7, constants::compare, CONSTANTS),
    op("LessOrEqual", 12, constants::compare, CONSTANTS),
    op("Log", 6, activation::log, ""),
    op("LogSoftmax", 1, normalization::softmax, ""),
    op("MatMul", 1, matrix::matmul, ""),
    op("Max", 8, arithmetic::max, ""),
    op("MaxPool", 1, convolution::max_pool, "without indices"),
    op("Mean", 8, arithmetic::mean, ""),
    op("Min", 8, arithmetic::min, ""),
    op("Mish", 18, activation::mish, ""),
    op("Mul", 7, arithmetic::mul, ""),
    op("Neg", 6, arithmetic::neg, ""),
    op("Not", 1, constants::not, CONSTANTS),
    op("Or", 7, constants::logic, CONSTANTS),
    op("PRelu", 7, activation::prelu, "constant slopes"),
    op("Pad", 2, pad::pad, "modes constant, reflect, edge, wrap"),
    op("Pow", 7, arithmetic::pow, "a constant base or constant exponents"),
    op("RMSNormalization", 23, normalization::rms_normalization, ""),
    op("Range", 11, constants::range, CONSTANTS),
    op("Reciprocal", 6, activation::reciprocal, ""),
    op("ReduceL1", 1, reduction::reduce_norm, ""),
    op("ReduceL2", 1, reduction::reduce_norm, ""),
    op("ReduceLogSum", 1, reduction::reduce_norm, ""),
    op("ReduceLogSumExp", 1, extrema::log_sum_exp, ""),
    op("ReduceMax", 1, extrema::reduce, ""),
    op("ReduceMean", 1, reduction::reduce, ""),
    op("ReduceMin", 1, extrema::reduce, ""),
    op("ReduceProd", 1, extrema::reduce, "of values: up to 64 factors"),
    op("ReduceSum", 1, reduction::reduce, ""),
    op("ReduceSumSquare", 1, reduction::reduce_norm, ""),
    op("Relu", 6, activation::relu, ""),
    op("Reshape", 5, reshape::reshape, "constant shapes"),
    op("Resize", 10, resize::resize, "constant scales or sizes, all modes but tf_crop_and_resize"),
    op("ScatterElements", 11, scatter::scatter_elements, "constant indices, without reduction"),
    op("ScatterND", 11, scatter::scatter_nd, "constant indices, without reduction"),
    op("Selu", 6, activation::selu, ""),
    op("Shape", 1, constants::shape, ""),
    op("Sigmoid", 6, activation::sigmoid, ""),
    op("Sin", 7, activation::sin, ""),
    op("Size", 1, constants::size, ""),
    op("Slice", 1, pick::slice, "constant limits"),
    op("Softmax", 1, normalization::softmax, ""),
    op("Softplus", 1, activation::softplus, ""),
    op("Softsign", 1, activation::softsign, ""),
    op("SpaceToDepth", 1, reshape::depth_and_space, ""),
    op("Split", 2, pick::split, "constant sizes"),
    op("Sqrt", 6, activation::sqrt, ""),
    op("Squeeze", 1, reshape::squeeze, ""),
    op("Sub", 7, arithmetic::sub, ""),
    op("Sum", 8, arithmetic::sum, ""),
    op("Swish", 24, activation::swish, ""),
    op("Tanh", 6, activation::tanh, ""),
    op("Tile", 6, reshape::tile, "constant repeats"),
    op("Transpose", 1, reshape::transpose, ""),
    op("Trilu", 14, pick::trilu, ""),
    op("Unsqueeze", 1, reshape::unsqueeze, ""),
    op("Upsample", 7, resize::upsample, "constant scales"),
    op("Where", 9, constants::select, "constant conditions"),
    op("Xor", 7, constants::logic, CONSTANTS),
];

/// The domain of classical models.
pub(super) const CLASSICAL_DOMAIN: &str = "ai.onnx.ml";

/// Every operator of the domain `ai.onnx.ml` that is read, by name; the versions are those of that domain.
pub const CLASSICAL_OPERATORS: &[SupportedOperator] = &[
    op("ArrayFeatureExtractor", 1, classical::feature_extractor, "constant columns"),
    op("FeatureVectorizer", 1, classical::vectorizer, ""),
    op("LinearClassifier", 1, classical::linear_classifier, "the scores"),
    op("LinearRegressor", 1, classical::linear_regressor, ""),
    op("Normalizer", 1, classical::normalizer, "norms L1 and L2"),
    op("Scaler", 1, classical::scaler, ""),
];

/// The operator of that name in the standard domain, at any version of it.
pub(super) fn find(name: &str) -> Option<&'static SupportedOperator> {
    find_in(SUPPORTED_OPERATORS, name)
}

/// The operator that a node of this domain is.
pub(super) fn find_of_domain(domain: &str, name: &str) -> Option<&'static SupportedOperator> {
    match domain {
        "" => find(name),
        CLASSICAL_DOMAIN => find_in(CLASSICAL_OPERATORS, name),
        _ => None,
    }
}

/// Whether the node's first output is the label of a class, which is chosen and not computed.
pub(super) fn writes_label(node: &netinverse_onnx::Node) -> bool {
    node.domain == CLASSICAL_DOMAIN && node.op_type == "LinearClassifier"
}

fn find_in(table: &'static [SupportedOperator], name: &str) -> Option<&'static SupportedOperator> {
    table.binary_search_by(|operator| operator.name.cmp(name)).ok().map(|index| &table[index])
}

/// An ONNX axis list as axes of that rank, ascending, each once.
fn axes(shape: &crate::Shape, axes: &[i64]) -> Result<Vec<usize>> {
    let mut own: Vec<usize> = axes.iter().map(|&axis| shape.axis(axis, 0)).collect::<Result<_>>()?;
    own.sort_unstable();
    if own.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(netinverse_base::Error::input(format!("an axis is named twice in {axes:?}")));
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(SUPPORTED_OPERATORS.is_sorted_by(|a, b| a.name < b.name));
        assert!(CLASSICAL_OPERATORS.is_sorted_by(|a, b| a.name < b.name));
        assert!(find("Gemm").is_some() && find("gemm").is_none());
    }
}
