use crate::{ConvShape, WindowShape, convolution, elementwise, pooling, product, softmax};
use std::fmt::{Debug, Display};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A matrix to read: element (i, j) is `data[i * row_stride + j * column_stride]`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    /// The elements.
    pub data: &'a [T],
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// From a row to the next.
    pub row_stride: usize,
    /// From a column to the next.
    pub column_stride: usize,
}

/// A matrix to write, row-major with a row stride.
#[derive(Debug)]
pub struct ViewMut<'a, T> {
    /// The elements.
    pub data: &'a mut [T],
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// From a row to the next; columns are neighbours.
    pub row_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// A row-major matrix without gaps.
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns, "{} elements for {rows} × {columns}", data.len());
        View { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose of the same elements.
    #[must_use]
    pub fn transposed(self) -> Self {
        View {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

impl<'a, T> ViewMut<'a, T> {
    /// A row-major matrix without gaps.
    pub fn new(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns, "{} elements for {rows} × {columns}", data.len());
        ViewMut { data, rows, columns, row_stride: columns }
    }
}

/// f32 or f64, with the kernels of the inner loops.
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + Debug
    + Display
    + PartialOrd
    + Send
    + Sync
    + 'static
    + bytemuck::Pod
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + std::iter::Sum
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// Rounded to this precision.
    fn from_f64(value: f64) -> Self;

    /// Exact.
    fn to_f64(self) -> f64;

    /// C ← α A B + β C, with β = 0 overwriting C whatever it holds. Serial: tile over rows for threads.
    fn product(alpha: Self, a: View<Self>, b: View<Self>, beta: Self, c: ViewMut<Self>);

    /// y ← max(x, 0).
    fn relu(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = max(x, 0); f′ is 0 at 0.
    fn relu_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← x above 0, αx elsewhere.
    fn leaky_relu(alpha: Self, x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = x above 0, αx elsewhere; f′ is α at 0.
    fn leaky_relu_vjp(alpha: Self, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← x above 0, α(eˣ − 1) elsewhere.
    fn elu(alpha: Self, x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = x above 0, α(eˣ − 1) elsewhere; f′ is α at 0.
    fn elu_vjp(alpha: Self, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← log(1 + eˣ), without overflow.
    fn softplus(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = log(1 + eˣ), without overflow.
    fn softplus_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← 1 / (1 + e⁻ˣ).
    fn sigmoid(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = 1 / (1 + e⁻ˣ).
    fn sigmoid_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← tanh x.
    fn tanh(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = tanh x.
    fn tanh_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← eˣ.
    fn exp(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = eˣ.
    fn exp_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← log x: −∞ at 0, NaN below.
    fn log(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = log x: −∞ at 0, NaN below.
    fn log_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← |x|.
    fn abs(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = |x|; f′ is 0 at 0.
    fn abs_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← min(max(x, low), high).
    fn clip(low: Self, high: Self, x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = min(max(x, low), high); f′ is 1 at both limits.
    fn clip_vjp(low: Self, high: Self, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// y ← 1 / x.
    fn reciprocal(x: &[Self], y: &mut [Self]);

    /// dx ← dy ⊙ f′(x) for y = f(x) = 1 / x.
    fn reciprocal_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// Each row of y (as long as the bias) ← row + bias.
    fn bias_add_rows(y: &mut [Self], bias: &[Self]);

    /// Each row of y (as long as the bias) ← max(row + bias, 0).
    fn bias_relu_rows(y: &mut [Self], bias: &[Self]);

    /// y ← α x + y.
    fn axpy(alpha: Self, x: &[Self], y: &mut [Self]);

    /// y ← α x.
    fn scale(alpha: Self, x: &[Self], y: &mut [Self]);

    /// y ← a + b.
    fn plus(a: &[Self], b: &[Self], y: &mut [Self]);

    /// y ← a − b.
    fn minus(a: &[Self], b: &[Self], y: &mut [Self]);

    /// y ← a ⊙ b.
    fn multiply(a: &[Self], b: &[Self], y: &mut [Self]);

    /// y ← y + a ⊙ b.
    fn multiply_add(a: &[Self], b: &[Self], y: &mut [Self]);

    /// y ← x ⊙ s + t; s and t are as long as x, or as one row of it and serve every row.
    fn scale_shift(x: &[Self], s: &[Self], t: &[Self], y: &mut [Self]);

    /// y ← x ⊙ s + t for x of shape `[…, channels, inner]`, with s and t one number a channel.
    fn scale_shift_channels(x: &[Self], s: &[Self], t: &[Self], inner: usize, y: &mut [Self]);

    /// Σ x, in an association that depends on the length and the instruction set only.
    fn total(x: &[Self]) -> Self;

    /// Σ a ⊙ b, in an association that depends on the length and the instruction set only.
    fn dot(a: &[Self], b: &[Self]) -> Self;

    /// y ← softmax of x along the middle axis of `[…, length, inner]`.
    fn softmax(x: &[Self], y: &mut [Self], length: usize, inner: usize);

    /// dx ← y ⊙ (dy − ⟨y, dy⟩) along the middle axis of `[…, length, inner]`, for y = softmax(x).
    fn softmax_vjp(y: &[Self], dy: &[Self], dx: &mut [Self], length: usize, inner: usize);

    /// y ← w ∗ x + bias for each sample; the number of samples follows from y's length.
    ///
    /// `scratch` has at least [`ConvShape::scratch_len`] elements, for this and the other convolution kernels.
    fn convolve(
        shape: &ConvShape,
        x: &[Self],
        w: &[Self],
        bias: Option<&[Self]>,
        y: &mut [Self],
        scratch: &mut [Self],
    );

    /// y ← max(w ∗ x + bias, 0): [`Real::convolve`] and [`Real::relu`] in one pass over y, with the same bits.
    fn convolve_relu(
        shape: &ConvShape,
        x: &[Self],
        w: &[Self],
        bias: Option<&[Self]>,
        y: &mut [Self],
        scratch: &mut [Self],
    );

    /// dx ← wᵀ ∗ dy, the adjoint of [`Real::convolve`] (without bias) in x; also the transposed convolution.
    fn convolve_adjoint(shape: &ConvShape, dy: &[Self], w: &[Self], dx: &mut [Self], scratch: &mut [Self]);

    /// dw ← dw + dy ⋆ x and db ← db + Σ dy, both summed over the samples.
    fn convolve_gradient(
        shape: &ConvShape,
        x: &[Self],
        dy: &[Self],
        dw: &mut [Self],
        db: Option<&mut [Self]>,
        scratch: &mut [Self],
    );

    /// y ← the maximum of each window of each plane, `argmax` ← its position in the plane (the first of equals).
    ///
    /// Padding never wins; NaN does. A window wholly in the padding gives −∞ and `u32::MAX`.
    fn max_pool(window: &WindowShape, x: &[Self], y: &mut [Self], argmax: &mut [u32]);

    /// [`Real::max_pool`] without the positions, for who wants no derivatives.
    fn max_pool_values(window: &WindowShape, x: &[Self], y: &mut [Self]);

    /// y ← `weights` ⊙ the sums of the windows of each plane; padding is 0. There is one weight for each window of a
    /// plane, and `scratch` has at least [`WindowShape::pool_scratch_len`] elements.
    fn sum_pool(window: &WindowShape, weights: &[Self], x: &[Self], y: &mut [Self], scratch: &mut [Self]);

    /// dx ← dy summed at the positions `argmax` that [`Real::max_pool`] found, 0 elsewhere.
    fn max_pool_vjp(window: &WindowShape, argmax: &[u32], dy: &[Self], dx: &mut [Self]);
}

macro_rules! precision {
    ($T:ident) => {
        impl Real for $T {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            fn from_f64(value: f64) -> Self {
                value as $T
            }

            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            fn product(alpha: Self, a: View<Self>, b: View<Self>, beta: Self, c: ViewMut<Self>) {
                product::product(alpha, a, b, beta, c);
            }

            fn relu(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Relu, x, y);
            }

            fn relu_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Relu, x, y, dy, dx);
            }

            fn leaky_relu(alpha: Self, x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::LeakyRelu(alpha), x, y);
            }

            fn leaky_relu_vjp(alpha: Self, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::LeakyRelu(alpha), x, y, dy, dx);
            }

            fn elu(alpha: Self, x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Elu(alpha), x, y);
            }

            fn elu_vjp(alpha: Self, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Elu(alpha), x, y, dy, dx);
            }

            fn softplus(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Softplus, x, y);
            }

            fn softplus_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Softplus, x, y, dy, dx);
            }

            fn sigmoid(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Sigmoid, x, y);
            }

            fn sigmoid_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Sigmoid, x, y, dy, dx);
            }

            fn tanh(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Tanh, x, y);
            }

            fn tanh_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Tanh, x, y, dy, dx);
            }

            fn exp(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Exp, x, y);
            }

            fn exp_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Exp, x, y, dy, dx);
            }

            fn log(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Log, x, y);
            }

            fn log_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Log, x, y, dy, dx);
            }

            fn abs(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Abs, x, y);
            }

            fn abs_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Abs, x, y, dy, dx);
            }

            fn clip(low: Self, high: Self, x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Clip { low, high }, x, y);
            }

            fn clip_vjp(low: Self, high: Self, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Clip { low, high }, x, y, dy, dx);
            }

            fn reciprocal(x: &[Self], y: &mut [Self]) {
                elementwise::map(elementwise::Reciprocal, x, y);
            }

            fn reciprocal_vjp(x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
                elementwise::vjp(elementwise::Reciprocal, x, y, dy, dx);
            }

            fn bias_add_rows(y: &mut [Self], bias: &[Self]) {
                elementwise::bias_add_rows(y, bias);
            }

            fn bias_relu_rows(y: &mut [Self], bias: &[Self]) {
                elementwise::bias_relu_rows(y, bias);
            }

            fn axpy(alpha: Self, x: &[Self], y: &mut [Self]) {
                elementwise::axpy(alpha, x, y);
            }

            fn scale(alpha: Self, x: &[Self], y: &mut [Self]) {
                elementwise::apply(elementwise::Scale(alpha), [x], y);
            }

            fn plus(a: &[Self], b: &[Self], y: &mut [Self]) {
                elementwise::apply(elementwise::Sum, [a, b], y);
            }

            fn minus(a: &[Self], b: &[Self], y: &mut [Self]) {
                elementwise::apply(elementwise::Difference, [a, b], y);
            }

            fn multiply(a: &[Self], b: &[Self], y: &mut [Self]) {
                elementwise::apply(elementwise::Product, [a, b], y);
            }

            fn multiply_add(a: &[Self], b: &[Self], y: &mut [Self]) {
                elementwise::multiply_add(a, b, y);
            }

            fn scale_shift(x: &[Self], s: &[Self], t: &[Self], y: &mut [Self]) {
                elementwise::scale_shift(x, s, t, y);
            }

            fn scale_shift_channels(x: &[Self], s: &[Self], t: &[Self], inner: usize, y: &mut [Self]) {
                elementwise::scale_shift_channels(x, s, t, inner, y);
            }

            fn total(x: &[Self]) -> Self {
                elementwise::total(x)
            }

            fn dot(a: &[Self], b: &[Self]) -> Self {
                elementwise::dot(a, b)
            }

            fn softmax(x: &[Self], y: &mut [Self], length: usize, inner: usize) {
                softmax::forward(x, y, length, inner);
            }
            fn softmax_vjp(y: &[Self], dy: &[Self], dx: &mut [Self], length: usize, inner: usize) {
                softmax::vjp(y, dy, dx, length, inner);
            }
            fn convolve(
                shape: &ConvShape,
                x: &[Self],
                w: &[Self],
                bias: Option<&[Self]>,
                y: &mut [Self],
                scratch: &mut [Self],
            ) {
                convolution::forward(shape, x, w, (bias, false), y, scratch);
            }
            fn convolve_relu(
                shape: &ConvShape,
                x: &[Self],
                w: &[Self],
                bias: Option<&[Self]>,
                y: &mut [Self],
                scratch: &mut [Self],
            ) {
                convolution::forward(shape, x, w, (bias, true), y, scratch);
            }
            fn convolve_adjoint(
                shape: &ConvShape,
                dy: &[Self],
                w: &[Self],
                dx: &mut [Self],
                scratch: &mut [Self],
            ) {
                convolution::adjoint(shape, dy, w, dx, scratch);
            }
            fn convolve_gradient(
                shape: &ConvShape,
                x: &[Self],
                dy: &[Self],
                dw: &mut [Self],
                db: Option<&mut [Self]>,
                scratch: &mut [Self],
            ) {
                convolution::gradient(shape, x, dy, dw, db, scratch);
            }
            fn max_pool(window: &WindowShape, x: &[Self], y: &mut [Self], argmax: &mut [u32]) {
                pooling::forward(window, x, y, argmax);
            }
            fn max_pool_values(window: &WindowShape, x: &[Self], y: &mut [Self]) {
                pooling::values(window, x, y);
            }
            fn sum_pool(
                window: &WindowShape,
                weights: &[Self],
                x: &[Self],
                y: &mut [Self],
                scratch: &mut [Self],
            ) {
                pooling::sums(window, weights, x, y, scratch);
            }
            fn max_pool_vjp(window: &WindowShape, argmax: &[u32], dy: &[Self], dx: &mut [Self]) {
                pooling::vjp(window, argmax, dy, dx);
            }
        }
    };
}

precision!(f32);
precision!(f64);
