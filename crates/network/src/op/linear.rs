use netinverse_base::{Error, Place, Result};

use super::Window;
use crate::{Param, ParamId, Shape};

/// An affine map. All but [`Linear::Combine`] read one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Linear {
    /// A matrix applied to the last axis, plus a bias.
    Dense(Dense),
    /// A convolution.
    Conv(Conv),
    /// The adjoint of a convolution.
    ConvTranspose(ConvTranspose),
    /// Means over windows.
    AveragePool(AveragePool),
    /// Sums or means over whole axes.
    Reduce(Reduce),
    /// An affine function of each element by itself: scaling, shifting, a batch normalisation.
    Scale(Scale),
    /// `Σ cᵢ xᵢ` of values of one shape: Add, Sub, residual connections.
    Combine {
        /// One coefficient for each value read.
        coefficients: Vec<f64>,
    },
}

/// `y[r, :] = x[r, :] · W + b` for every row r of a value `[…, K]`, giving `[…, N]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// W, in the order that `order` says.
    pub weight: ParamId,
    /// b, with N elements.
    pub bias: Option<ParamId>,
    /// How `weight` is stored.
    pub order: WeightOrder,
}

/// How the matrix of a [`Dense`] is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightOrder {
    /// `[K, N]`, inputs first: MatMul and Gemm as Keras and TensorFlow write them.
    InputsFirst,
    /// `[N, K]`, outputs first: Gemm with `transB`, as PyTorch writes it, and MatMul(W, x).
    OutputsFirst,
}

/// `y = x ⋆ w + b` (cross-correlation) on `[1, C, …spatial]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// `[M, C / groups, …kernel]`.
    pub weight: ParamId,
    /// M elements.
    pub bias: Option<ParamId>,
    /// The sliding window; `kernel` equals the weight's.
    pub window: Window,
    /// The number of groups that channels are split into.
    pub groups: usize,
}

/// The adjoint of a convolution, plus a bias: on `[1, C, …spatial]`, giving `[1, M, …output]`.
///
/// Each element of the input adds its multiple of the kernel to the output, as the convolution would have read it:
/// the input's positions are those of `window`, which slides over the output.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvTranspose {
    /// `[C, M / groups, …kernel]`: the weights of the convolution from M channels to C.
    pub weight: ParamId,
    /// M elements.
    pub bias: Option<ParamId>,
    /// The window of the convolution: `kernel` equals the weight's, `output` the spatial sizes that are read.
    pub window: Window,
    /// The spatial sizes that are written.
    pub output: Vec<usize>,
    /// The number of groups that channels are split into.
    pub groups: usize,
}

/// The mean over each window of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct AveragePool {
    /// The sliding window.
    pub window: Window,
    /// Whether padding counts in the divisor.
    pub count_padding: bool,
}

/// Sums (or means) over some axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduce {
    /// The axes, ascending.
    pub axes: Vec<usize>,
    /// Whether reduced axes stay, with size 1.
    pub keep: bool,
    /// Whether to divide by the number of elements.
    pub mean: bool,
}

/// `y = s ∘ x + t`, with s and t broadcast to x's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// s; 1 when absent.
    pub scale: Option<ParamId>,
    /// t; 0 when absent.
    pub shift: Option<ParamId>,
}

impl Dense {
    /// (K, N): the sizes of the last axis read and written.
    pub fn sizes(&self, params: &[Param]) -> (usize, usize) {
        let shape = params[self.weight.index()].shape();
        match self.order {
            WeightOrder::InputsFirst => (shape[0], shape[1]),
            WeightOrder::OutputsFirst => (shape[1], shape[0]),
        }
    }
}

impl AveragePool {
    /// The number of elements that the mean at output position `position` (one index an axis) divides by.
    pub fn divisor(&self, position: &[usize], input_spatial: &[usize]) -> usize {
        let window = &self.window;
        (0..window.rank())
            .map(|axis| {
                (0..window.kernel[axis])
                    .filter(|&tap| {
                        if self.count_padding {
                            // Padding counts; what `ceil_mode` hangs over the padding does not.
                            let padded = position[axis] * window.strides[axis] + tap * window.dilations[axis];
                            padded < input_spatial[axis] + window.pads_begin[axis] + window.pads_end[axis]
                        } else {
                            window.source(axis, position[axis], tap, input_spatial[axis]).is_some()
                        }
                    })
                    .count()
            })
            .product()
    }
}

impl Linear {
    /// The operator's name, in ONNX's words.
    pub fn name(&self) -> &'static str {
        match self {
            Linear::Dense(_) => "Gemm",
            Linear::Conv(_) => "Conv",
            Linear::ConvTranspose(_) => "ConvTranspose",
            Linear::AveragePool(_) => "AveragePool",
            Linear::Reduce(Reduce { mean: true, .. }) => "ReduceMean",
            Linear::Reduce(_) => "ReduceSum",
            Linear::Scale(Scale { scale: None, .. }) => "Add",
            Linear::Scale(Scale { shift: None, .. }) => "Mul",
            Linear::Scale(_) => "Mul+Add",
            Linear::Combine { .. } => "Sum",
        }
    }

    pub(super) fn output_shape(&self, input: &Shape, params: &[Param]) -> Result<Shape> {
        let param = |id: ParamId| &params[id.index()];
        let misfit = |id: ParamId, wanted: String| {
            let shape = param(id).shape();
            Err(Error::input(format!("shape {shape} does not fit: {wanted}"))
                .at(Place::Tensor(param(id).name().to_string())))
        };
        match self {
            Linear::Dense(dense) => {
                if param(dense.weight).shape().rank() != 2 {
                    return misfit(dense.weight, "a matrix is expected".into());
                }
                let (rows, columns) = dense.sizes(params);
                if input.last() != Some(&rows) {
                    return misfit(
                        dense.weight,
                        format!("the value read has shape {input}, the matrix takes {rows}"),
                    );
                }
                if let Some(bias) = dense.bias
                    && param(bias).elements() != columns
                {
                    return misfit(bias, format!("{columns} elements are expected"));
                }
                let mut sizes = input.to_vec();
                *sizes.last_mut().expect("checked: there is a last axis") = columns;
                Shape::new(sizes)
            }
            Linear::Conv(conv) => {
                conv.window.check(input)?;
                let weight = param(conv.weight).shape();
                if weight.rank() != input.rank() || weight[2..] != conv.window.kernel[..] {
                    return misfit(conv.weight, format!("a kernel of {:?} is expected", conv.window.kernel));
                }
                let (channels, groups) = (input[1], conv.groups);
                if groups == 0
                    || channels % groups != 0
                    || weight[0] % groups != 0
                    || weight[1] * groups != channels
                {
                    return misfit(
                        conv.weight,
                        format!("the value read has {channels} channels in {groups} groups"),
                    );
                }
                if let Some(bias) = conv.bias
                    && param(bias).elements() != weight[0]
                {
                    return misfit(bias, format!("{} elements are expected", weight[0]));
                }
                let mut sizes = vec![input[0], weight[0]];
                sizes.extend(&conv.window.output);
                Shape::new(sizes)
            }
            Linear::ConvTranspose(conv) => {
                let weight = param(conv.weight).shape();
                let spatial = input.get(2..).unwrap_or_default();
                if weight.rank() != input.rank()
                    || weight[2..] != conv.window.kernel[..]
                    || conv.window.output[..] != *spatial
                {
                    return misfit(
                        conv.weight,
                        format!(
                            "a kernel of {:?} over positions {:?} is expected, the value read has shape {input}",
                            conv.window.kernel, conv.window.output
                        ),
                    );
                }
                let (channels, groups) = (input[1], conv.groups);
                if groups == 0 || channels % groups != 0 || weight[0] != channels {
                    return misfit(
                        conv.weight,
                        format!("the value read has {channels} channels in {groups} groups"),
                    );
                }
                let written = weight[1].checked_mul(groups);
                let written = written.ok_or_else(|| Error::input("the channels overflow"))?;
                if let Some(bias) = conv.bias
                    && param(bias).elements() != written
                {
                    return misfit(bias, format!("{written} elements are expected"));
                }
                let output = Shape::new([&[input[0], written], &conv.output[..]].concat())?;
                conv.window.check(&output)?;
                Ok(output)
            }
            Linear::AveragePool(pool) => pool.window.output_shape(input),
            Linear::Reduce(reduce) => {
                let mut sizes = Vec::with_capacity(input.rank());
                for (axis, &size) in input.iter().enumerate() {
                    match (reduce.axes.contains(&axis), reduce.keep) {
                        (false, _) => sizes.push(size),
                        (true, true) => sizes.push(1),
                        (true, false) => {}
                    }
                }
                if let Some(axis) = reduce.axes.iter().find(|&&axis| axis >= input.rank()) {
                    return Err(Error::input(format!("axis {axis} does not exist in shape {input}")));
                }
                Shape::new(sizes)
            }
            Linear::Scale(scale) => {
                for id in [scale.scale, scale.shift].into_iter().flatten() {
                    if input.broadcast(param(id).shape()).as_ref() != Some(input) {
                        return misfit(id, format!("it must broadcast to {input}"));
                    }
                }
                Ok(input.clone())
            }
            Linear::Combine { .. } => Ok(input.clone()),
        }
    }

    pub(super) fn for_each_param_mut(&mut self, visit: &mut dyn FnMut(&mut ParamId)) {
        match self {
            Linear::Dense(dense) => {
                visit(&mut dense.weight);
                dense.bias.iter_mut().for_each(visit);
            }
            Linear::Conv(conv) => {
                visit(&mut conv.weight);
                conv.bias.iter_mut().for_each(visit);
            }
            Linear::ConvTranspose(conv) => {
                visit(&mut conv.weight);
                conv.bias.iter_mut().for_each(visit);
            }
            Linear::Scale(scale) => {
                scale.scale.iter_mut().for_each(&mut *visit);
                scale.shift.iter_mut().for_each(visit);
            }
            Linear::AveragePool(_) | Linear::Reduce(_) | Linear::Combine { .. } => {}
        }
    }
}
