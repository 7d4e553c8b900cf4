//! Small networks that the library makes, which between them use every operator in every form that is written.

use netinverse_base::{Result, Rng};
use netinverse_network::{
    AveragePool, Bilinear, Conv, ConvTranspose, Dense, Extremum, Function, Layout, Linear, Network,
    NetworkBuilder, Normalizer, Op, PadMode, Param, ParamId, Reduce, Scale, Shape, ValueId, WeightOrder,
    Window,
};

/// A network under construction, with random constants from a seed.
struct Draft {
    builder: NetworkBuilder,
    rng: Rng,
    /// Whether constants are stored in float64.
    double: bool,
}

impl Draft {
    fn param(&mut self, name: &str, sizes: &[usize]) -> Result<ParamId> {
        let shape = Shape::new(sizes)?;
        let values: Vec<f64> = (0..shape.elements()).map(|_| self.rng.range(-1.0, 1.0)).collect();
        let param = if self.double {
            Param::from_f64(name, shape, values)?
        } else {
            Param::from_f32(name, shape, values.iter().map(|&value| value as f32).collect::<Vec<_>>())?
        };
        Ok(self.builder.param(param))
    }

    fn dense(&mut self, inputs: usize, outputs: usize, order: WeightOrder, bias: bool) -> Result<Op> {
        let sizes = match order {
            WeightOrder::InputsFirst => [inputs, outputs],
            WeightOrder::OutputsFirst => [outputs, inputs],
        };
        let weight = self.param("W", &sizes)?;
        let bias = if bias { Some(self.param("b", &[outputs])?) } else { None };
        Ok(Op::Linear(Linear::Dense(Dense { weight, bias, order })))
    }

    fn conv(&mut self, window: Window, [inputs, outputs]: [usize; 2], groups: usize) -> Result<Op> {
        let sizes = [&[outputs, inputs / groups], &window.kernel[..]].concat();
        let weight = self.param("K", &sizes)?;
        let bias = Some(self.param("b", &[outputs])?);
        Ok(Op::Linear(Linear::Conv(Conv { weight, bias, window, groups })))
    }

    fn scale(&mut self, scale: Option<&[usize]>, shift: Option<&[usize]>) -> Result<Op> {
        let scale = scale.map(|sizes| self.param("s", sizes)).transpose()?;
        let shift = shift.map(|sizes| self.param("t", sizes)).transpose()?;
        Ok(Op::Linear(Linear::Scale(Scale { scale, shift })))
    }
}

/// A window along one axis: kernel, stride, dilation, pads, number of positions.
fn window(sizes: &[(usize, usize, usize, [usize; 2], usize)]) -> Window {
    Window {
        kernel: sizes.iter().map(|axis| axis.0).collect(),
        strides: sizes.iter().map(|axis| axis.1).collect(),
        dilations: sizes.iter().map(|axis| axis.2).collect(),
        pads_begin: sizes.iter().map(|axis| axis.3[0]).collect(),
        pads_end: sizes.iter().map(|axis| axis.3[1]).collect(),
        output: sizes.iter().map(|axis| axis.4).collect(),
    }
}

/// Name, input shape, whether in float64, operators.
type Row = (&'static str, Vec<usize>, bool, Vec<Step>);

/// Makes an operator, with its constants.
type Step = Box<dyn Fn(&mut Draft) -> Result<Op>>;

fn fixed(op: Op) -> Step {
    Box::new(move |_| Ok(op.clone()))
}

fn layout(layout: Layout) -> Step {
    fixed(Op::Layout(layout))
}

fn function(function: Function) -> Step {
    fixed(Op::Function(function))
}

fn mean(window: Window, count_padding: bool) -> Step {
    fixed(Op::Linear(Linear::AveragePool(AveragePool { window, count_padding })))
}

/// From 2 channels, with steps of 2, a kernel of 3 and a padding of 1 before.
fn conv_transpose<const N: usize>(output: [usize; N], groups: usize) -> Step {
    Box::new(move |draft| {
        let weight = draft.param("K", &[vec![2, 2], vec![3; N]].concat())?;
        let bias = Some(draft.param("b", &[2 * groups])?);
        let window = Window {
            kernel: vec![3; N],
            strides: vec![2; N],
            dilations: vec![1; N],
            pads_begin: vec![1; N],
            pads_end: vec![1; N],
            output: output.map(|size| size.div_ceil(2)).to_vec(),
        };
        let output = output.to_vec();
        Ok(Op::Linear(Linear::ConvTranspose(ConvTranspose { weight, bias, window, output, groups })))
    })
}

fn max(window: Window) -> Step {
    fixed(Op::Extremum(Extremum::MaxPool(window)))
}

/// Networks of one operator, or a few in a row.
fn rows() -> Result<Vec<Row>> {
    use WeightOrder::{InputsFirst, OutputsFirst};
    let dense = |inputs, outputs, order, bias| -> Step {
        Box::new(move |draft| draft.dense(inputs, outputs, order, bias))
    };
    let conv = |window: Window, channels, groups| -> Step {
        Box::new(move |draft| draft.conv(window.clone(), channels, groups))
    };
    let reduce = |axes: &[usize], keep, mean| {
        fixed(Op::Linear(Linear::Reduce(Reduce { axes: axes.to_vec(), keep, mean })))
    };
    let softmax = |axis| fixed(Op::Normalizer(Normalizer::Softmax { axis }));
    let reshape =
        |sizes: &[usize]| -> Result<Step> { Ok(layout(Layout::Reshape { shape: Shape::new(sizes)? })) };
    let hanging = (2, 2, 1, [0, 0], 3);
    Ok(vec![
        ("dense", vec![1, 4], false, vec![dense(4, 3, InputsFirst, true)]),
        (
            "dense_outputs_first",
            vec![1, 4],
            false,
            vec![dense(4, 3, OutputsFirst, true), dense(3, 2, OutputsFirst, false)],
        ),
        (
            "dense_vector",
            vec![4],
            false,
            vec![dense(4, 3, InputsFirst, true), dense(3, 2, OutputsFirst, true)],
        ),
        (
            "dense_rows",
            vec![1, 5, 4],
            false,
            vec![dense(4, 3, InputsFirst, true), dense(3, 2, OutputsFirst, true)],
        ),
        (
            "dense_double",
            vec![1, 4],
            true,
            vec![
                dense(4, 6, OutputsFirst, true),
                function(Function::Sigmoid),
                dense(6, 3, InputsFirst, true),
            ],
        ),
        (
            "conv_same",
            vec![1, 2, 6, 5],
            false,
            vec![conv(window(&[(3, 1, 1, [1, 1], 6), (2, 1, 1, [0, 1], 5)]), [2, 3], 1)],
        ),
        (
            "conv_groups",
            vec![1, 4, 7, 7],
            false,
            vec![conv(window(&[(3, 2, 1, [1, 0], 3), (2, 1, 2, [1, 1], 7)]), [4, 6], 2)],
        ),
        ("conv_hanging", vec![1, 1, 6], false, vec![conv(window(&[(3, 2, 1, [1, 0], 4)]), [1, 2], 1)]),
        ("conv_cropped", vec![1, 1, 6], false, vec![conv(window(&[(3, 1, 1, [0, 0], 2)]), [1, 2], 1)]),
        (
            "max_pool",
            vec![1, 2, 6, 6],
            false,
            vec![max(window(&[(2, 2, 1, [0, 0], 3), (3, 1, 1, [1, 1], 6)]))],
        ),
        ("max_pool_hanging", vec![1, 2, 5, 5], false, vec![max(window(&[hanging, hanging]))]),
        ("max_pool_wide_padding", vec![1, 1, 5], false, vec![max(window(&[(2, 1, 3, [2, 2], 6)]))]),
        (
            "mean_counted",
            vec![1, 2, 5, 5],
            false,
            vec![mean(window(&[(3, 2, 1, [1, 1], 3), (2, 1, 1, [1, 0], 5)]), true)],
        ),
        (
            "mean_uncounted",
            vec![1, 2, 5, 5],
            false,
            vec![mean(window(&[(3, 2, 1, [1, 1], 3), (2, 1, 1, [1, 0], 5)]), false)],
        ),
        ("mean_hanging", vec![1, 2, 5, 5], false, vec![mean(window(&[hanging, hanging]), false)]),
        (
            "mean_hanging_counted",
            vec![1, 2, 5, 5],
            false,
            vec![mean(window(&[(3, 2, 1, [1, 0], 3), hanging]), true)],
        ),
        ("mean_dilated", vec![1, 2, 5], false, vec![mean(window(&[(2, 1, 2, [1, 1], 5)]), false)]),
        ("mean_wide_padding", vec![1, 2, 5], false, vec![mean(window(&[(2, 2, 1, [2, 3], 5)]), true)]),
        ("reduce_sum", vec![1, 3, 4], false, vec![reduce(&[1, 2], true, false)]),
        ("reduce_mean", vec![1, 3, 4], false, vec![reduce(&[2], false, true)]),
        ("reduce_leading", vec![2, 3], false, vec![reduce(&[0], false, false)]),
        (
            "scale",
            vec![1, 3, 2, 2],
            false,
            vec![Box::new(|draft| draft.scale(Some(&[3, 1, 1]), Some(&[1, 3, 1, 1])))],
        ),
        ("shift", vec![1, 3], false, vec![Box::new(|draft| draft.scale(None, Some(&[3])))]),
        ("relu_leaky", vec![1, 9], false, vec![function(Function::LeakyRelu { alpha: 0.125 })]),
        ("elu", vec![1, 9], false, vec![function(Function::Elu { alpha: 0.75 })]),
        ("softplus", vec![1, 9], false, vec![function(Function::Softplus)]),
        (
            "smooth",
            vec![1, 9],
            false,
            vec![
                function(Function::Tanh),
                function(Function::Exp),
                function(Function::Log),
                function(Function::Sigmoid),
            ],
        ),
        (
            "reciprocal",
            vec![1, 9],
            false,
            vec![function(Function::Exp), function(Function::Reciprocal), function(Function::Abs)],
        ),
        ("clip", vec![1, 9], false, vec![function(Function::Clip { low: -0.25, high: 0.5 })]),
        (
            "clip_above",
            vec![1, 9],
            false,
            vec![function(Function::Clip { low: f64::NEG_INFINITY, high: 0.5 })],
        ),
        (
            "double_functions",
            vec![1, 5],
            true,
            vec![
                dense(5, 5, InputsFirst, true),
                function(Function::Elu { alpha: 0.75 }),
                function(Function::Softplus),
                function(Function::LeakyRelu { alpha: 0.1 }),
                dense(5, 3, InputsFirst, true),
                function(Function::LeakyRelu { alpha: 0.1 }),
            ],
        ),
        ("celu", vec![1, 9], false, vec![function(Function::Celu { alpha: 0.75 })]),
        (
            "celu_double",
            vec![1, 9],
            true,
            vec![dense(9, 4, InputsFirst, true), function(Function::Celu { alpha: 0.3 })],
        ),
        ("softsign", vec![1, 9], false, vec![function(Function::Softsign)]),
        (
            "softsign_double",
            vec![1, 9],
            true,
            vec![dense(9, 4, InputsFirst, true), function(Function::Softsign)],
        ),
        ("hard_swish", vec![1, 9], false, vec![function(Function::HardSwish)]),
        (
            "hard_swish_double",
            vec![1, 9],
            true,
            vec![dense(9, 4, InputsFirst, true), function(Function::HardSwish)],
        ),
        ("mish", vec![1, 9], false, vec![function(Function::Mish)]),
        ("gelu", vec![1, 9], false, vec![function(Function::Gelu)]),
        ("gelu_tanh", vec![1, 9], false, vec![function(Function::GeluTanh)]),
        ("silu", vec![1, 9], false, vec![function(Function::Silu { beta: 1.0 })]),
        ("silu_steep", vec![1, 9], false, vec![function(Function::Silu { beta: 1.75 })]),
        ("erf", vec![1, 9], false, vec![function(Function::Erf)]),
        ("roots", vec![1, 9], false, vec![function(Function::Exp), function(Function::Sqrt)]),
        (
            "powers",
            vec![1, 9],
            false,
            vec![function(Function::Exp), function(Function::Power { exponent: -1.5 })],
        ),
        ("cube", vec![1, 9], false, vec![function(Function::Power { exponent: 3.0 })]),
        ("waves", vec![1, 9], false, vec![function(Function::Sin), function(Function::Cos)]),
        (
            "log_softmax",
            vec![1, 3, 4],
            false,
            vec![fixed(Op::Normalizer(Normalizer::LogSoftmax { axis: 1 }))],
        ),
        (
            "standardized",
            vec![1, 3, 4],
            false,
            vec![fixed(Op::Normalizer(Normalizer::Standardize { axis: 1, epsilon: 0.125 }))],
        ),
        ("transposed", vec![1, 2, 3, 4], false, vec![conv_transpose([5, 8], 2)]),
        ("transposed_long", vec![1, 2, 6], false, vec![conv_transpose([11], 1)]),
        ("softmax", vec![1, 3, 4], false, vec![softmax(1)]),
        ("softmax_leading", vec![3, 4], false, vec![softmax(0)]),
        ("reshape", vec![1, 12], false, vec![reshape(&[1, 3, 4])?, reshape(&[1, 2, 2, 3])?]),
        ("reshape_leading", vec![1, 12], false, vec![reshape(&[12])?, reshape(&[3, 4])?, reshape(&[1, 12])?]),
        ("transpose", vec![1, 2, 3, 4], false, vec![layout(Layout::Transpose { axes: vec![0, 3, 1, 2] })]),
        (
            "slice",
            vec![1, 5, 4, 2],
            false,
            vec![layout(Layout::Slice {
                starts: vec![0, 4, 1, 0],
                steps: vec![1, -2, 2, 1],
                sizes: vec![1, 3, 2, 2],
            })],
        ),
        (
            "gather",
            vec![1, 5, 2],
            false,
            vec![layout(Layout::Gather { axis: 1, indices: vec![3, 1, 1, 0], shape: vec![2, 2] })],
        ),
        (
            "gather_one",
            vec![1, 5, 2],
            false,
            vec![layout(Layout::Gather { axis: 1, indices: vec![3], shape: vec![] })],
        ),
        (
            "pad_constant",
            vec![1, 3, 2],
            false,
            vec![layout(Layout::Pad {
                before: vec![0, 1, 0],
                after: vec![0, 0, 2],
                mode: PadMode::Constant(0.5),
            })],
        ),
        (
            "pad_reflect",
            vec![1, 3, 4],
            false,
            vec![layout(Layout::Pad { before: vec![0, 2, 1], after: vec![0, 1, 3], mode: PadMode::Reflect })],
        ),
        (
            "pad_edge",
            vec![1, 3, 4],
            false,
            vec![layout(Layout::Pad { before: vec![0, 2, 1], after: vec![0, 1, 3], mode: PadMode::Edge })],
        ),
        ("expand", vec![1, 3, 1], false, vec![layout(Layout::Expand { shape: Shape::new([1, 3, 4])? })]),
        ("expand_leading", vec![1, 3], false, vec![layout(Layout::Expand { shape: Shape::new([2, 2, 3])? })]),
    ])
}

/// Every network of the zoo: its name, and the same network for the same seed.
pub(crate) fn networks(seed: u64) -> Result<Vec<(String, Network)>> {
    let mut networks = Vec::new();
    for (stream, (name, input, double, steps)) in rows()?.into_iter().enumerate() {
        let mut draft = Draft { builder: NetworkBuilder::new(), rng: Rng::new(seed, stream as u64), double };
        let mut value = draft.builder.input("x", Shape::new(input)?)?;
        for (number, step) in steps.iter().enumerate() {
            let op = step(&mut draft)?;
            value = draft.builder.node(format!("y{number}"), op, &[value])?;
        }
        networks.push((name.to_string(), draft.builder.finish(&[value])?));
    }
    networks.push(("residual".into(), residual(seed)?));
    networks.push(("two_inputs".into(), two_inputs(seed)?));
    Ok(networks)
}

/// A convolutional network with a residual connection, a mean over the image and a softmax.
fn residual(seed: u64) -> Result<Network> {
    let mut draft = Draft { builder: NetworkBuilder::new(), rng: Rng::new(seed, 1 << 32), double: false };
    let x = draft.builder.input("image", Shape::new([1, 2, 6, 6])?)?;
    let same = || window(&[(3, 1, 1, [1, 1], 6), (3, 1, 1, [1, 1], 6)]);
    let layer = |draft: &mut Draft, name: &str, value: ValueId| -> Result<ValueId> {
        let op = draft.conv(same(), [2, 2], 1)?;
        draft.builder.node(name, op, &[value])
    };
    let first = layer(&mut draft, "first", x)?;
    let bent = draft.builder.node("bent", Op::Function(Function::Relu), &[first])?;
    let second = layer(&mut draft, "second", bent)?;
    let sum = Op::Linear(Linear::Combine { coefficients: vec![1.0, 0.5, -1.0] });
    let sum = draft.builder.node("sum", sum, &[x, second, first])?;
    let mean = Op::Linear(Linear::Reduce(Reduce { axes: vec![2, 3], keep: false, mean: true }));
    let mean = draft.builder.node("mean", mean, &[sum])?;
    let dense = draft.dense(2, 4, WeightOrder::OutputsFirst, true)?;
    let logits = draft.builder.node("logits", dense, &[mean])?;
    let y =
        draft.builder.node("probabilities", Op::Normalizer(Normalizer::Softmax { axis: 1 }), &[logits])?;
    draft.builder.finish(&[y, logits])
}

/// Two inputs, two outputs, products and a concatenation.
fn two_inputs(seed: u64) -> Result<Network> {
    let mut draft = Draft { builder: NetworkBuilder::new(), rng: Rng::new(seed, 1 << 33), double: false };
    let a = draft.builder.input("a", Shape::new([1, 3])?)?;
    let b = draft.builder.input("b", Shape::new([1, 3])?)?;
    let product = draft.builder.node("product", Op::Bilinear(Bilinear::Multiply), &[a, b])?;
    let difference = Op::Linear(Linear::Combine { coefficients: vec![-1.0, 1.0] });
    let difference = draft.builder.node("difference", difference, &[a, b])?;
    let column = Op::Layout(Layout::Reshape { shape: Shape::new([1, 3, 1])? });
    let column = draft.builder.node("column", column, &[a])?;
    let row =
        draft.builder.node("row", Op::Layout(Layout::Reshape { shape: Shape::new([1, 1, 3])? }), &[b])?;
    let outer = draft.builder.node("outer", Op::Bilinear(Bilinear::MatMul), &[column, row])?;
    let outer =
        draft.builder.node("flat", Op::Layout(Layout::Reshape { shape: Shape::new([1, 9])? }), &[outer])?;
    let joined = draft.builder.node(
        "joined",
        Op::Layout(Layout::Concat { axis: 1 }),
        &[product, difference, outer],
    )?;
    let dense = draft.dense(15, 2, WeightOrder::InputsFirst, true)?;
    let y = draft.builder.node("y", dense, &[joined])?;
    draft.builder.finish(&[y, difference])
}
