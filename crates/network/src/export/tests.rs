use std::collections::HashSet;
use std::fmt::Write as _;

use netinverse_onnx::{AttributeValue, Dimension, ElementType, Model, TensorData};

use crate::*;

fn shape(sizes: &[usize]) -> Shape {
    Shape::new(sizes).unwrap()
}

fn counting(name: &str, sizes: &[usize]) -> Param {
    let shape = shape(sizes);
    let values: Vec<f32> = (0..shape.elements()).map(|index| index as f32).collect();
    Param::from_f32(name, shape, values).unwrap()
}

/// A network of one operator that reads `x` of each of these shapes (`x`, `x1`, …) and writes `y`.
fn one_operator(inputs: &[&[usize]], params: Vec<Param>, op: impl FnOnce(&[ParamId]) -> Op) -> Network {
    let mut builder = NetworkBuilder::new();
    let ids: Vec<_> = (0..inputs.len())
        .map(|i| {
            let name = if i == 0 { "x".to_string() } else { format!("x{i}") };
            builder.input(name, shape(inputs[i])).unwrap()
        })
        .collect();
    let params: Vec<_> = params.into_iter().map(|param| builder.param(param)).collect();
    let y = builder.node("y", op(&params), &ids).unwrap();
    builder.finish(&[y]).unwrap()
}

/// The nodes, one a line: `y = Gemm(x, W, b) transB=1`.
fn listing(model: &Model) -> Vec<String> {
    let attribute = |value: &AttributeValue| match value {
        AttributeValue::Int(value) => value.to_string(),
        AttributeValue::Ints(values) => format!("{values:?}").replace(", ", ","),
        AttributeValue::Float(value) => value.to_string(),
        AttributeValue::String(text) => String::from_utf8(text.clone()).unwrap(),
        other => panic!("no operator is written with {other:?}"),
    };
    let nodes = model.graph.nodes.iter();
    nodes
        .map(|node| {
            let mut line =
                format!("{} = {}({})", node.outputs.join(", "), node.op_type, node.inputs.join(", "));
            for own in &node.attributes {
                write!(line, " {}={}", own.name, attribute(&own.value)).unwrap();
            }
            line
        })
        .collect()
}

fn integers<'a>(model: &'a Model, name: &str) -> &'a [i64] {
    let tensor = model.graph.initializers.iter().find(|tensor| tensor.name == name).expect(name);
    match &tensor.data {
        TensorData::I64(values) => values,
        other => panic!("{name} is {other:?}"),
    }
}

fn floats(model: &Model, name: &str) -> (Vec<usize>, Vec<f32>) {
    let tensor = model.graph.initializers.iter().find(|tensor| tensor.name == name).expect(name);
    match &tensor.data {
        TensorData::F32(values) => (tensor.dims.clone(), values.clone()),
        other => panic!("{name} is {other:?}"),
    }
}

fn dense(order: WeightOrder) -> impl FnOnce(&[ParamId]) -> Op {
    move |ids| Op::Linear(Linear::Dense(Dense { weight: ids[0], bias: ids.get(1).copied(), order }))
}

fn window(kernel: usize, stride: usize, dilation: usize, pads: [usize; 2], output: usize) -> Window {
    let [begin, end] = pads;
    Window {
        kernel: vec![kernel],
        strides: vec![stride],
        dilations: vec![dilation],
        pads_begin: vec![begin],
        pads_end: vec![end],
        output: vec![output],
    }
}

#[test]
fn matrices_take_the_form_that_their_value_allows() {
    use WeightOrder::{InputsFirst, OutputsFirst};
    let cases: [(&[usize], WeightOrder, &[&str]); 6] = [
        (&[1, 2], InputsFirst, &["y = Gemm(x, W, b)"]),
        (&[1, 2], OutputsFirst, &["y = Gemm(x, W, b) transB=1"]),
        (&[2], InputsFirst, &["y_matmul = MatMul(x, W)", "y = Add(y_matmul, b)"]),
        (&[2], OutputsFirst, &["y_matmul = MatMul(W, x)", "y = Add(y_matmul, b)"]),
        (&[1, 3, 2], InputsFirst, &["y_matmul = MatMul(x, W)", "y = Add(y_matmul, b)"]),
        (&[1, 3, 2], OutputsFirst, &["y_matmul = MatMul(x, W_transposed)", "y = Add(y_matmul, b)"]),
    ];
    for (input, order, expected) in cases {
        let sizes = if order == InputsFirst { [2, 3] } else { [3, 2] };
        let params = vec![counting("W", &sizes), counting("b", &[1, 3])];
        let model = one_operator(&[input], params, dense(order)).to_onnx();
        assert_eq!(listing(&model), expected, "{input:?} {order:?}");
        assert_eq!(floats(&model, "b").0, [3], "a bias is a vector whatever its stored shape");
    }
    let params = vec![counting("W", &[3, 2])];
    let model = one_operator(&[&[1, 1, 2]], params, dense(OutputsFirst)).to_onnx();
    assert_eq!(floats(&model, "W_transposed"), (vec![2, 3], vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0]));
}

#[test]
fn operators_without_constants() {
    let line =
        |inputs: &[&[usize]], op: Op| listing(&one_operator(inputs, vec![], |_| op).to_onnx()).join("; ");
    let function = |function| line(&[&[1, 2]], Op::Function(function));
    let infinite = f64::INFINITY;
    assert_eq!(function(Function::Relu), "y = Relu(x)");
    assert_eq!(function(Function::LeakyRelu { alpha: 0.5 }), "y = LeakyRelu(x) alpha=0.5");
    assert_eq!(function(Function::Elu { alpha: 2.0 }), "y = Elu(x) alpha=2");
    assert_eq!(function(Function::Clip { low: -1.0, high: 2.0 }), "y = Clip(x, y_low, y_high)");
    assert_eq!(function(Function::Clip { low: -1.0, high: infinite }), "y = Clip(x, y_low)");
    assert_eq!(function(Function::Clip { low: -infinite, high: 2.0 }), "y = Clip(x, , y_high)");
    assert_eq!(
        function(Function::Clip { low: -infinite, high: 1e300 }),
        "y = Clip(x)",
        "infinite in float32"
    );

    let combine = |coefficients: &[f64]| {
        let inputs = vec![&[1, 2][..]; coefficients.len()];
        line(&inputs, Op::Linear(Linear::Combine { coefficients: coefficients.to_vec() }))
    };
    assert_eq!(combine(&[1.0]), "y = Identity(x)");
    assert_eq!(combine(&[-1.0]), "y = Neg(x)");
    assert_eq!(combine(&[0.5]), "y = Mul(x, y_factor)");
    assert_eq!(combine(&[1.0, 1.0]), "y = Add(x, x1)");
    assert_eq!(combine(&[1.0, -1.0]), "y = Sub(x, x1)");
    assert_eq!(combine(&[-1.0, 1.0]), "y = Sub(x1, x)");
    assert_eq!(combine(&[-1.0, 2.0]), "y_neg = Neg(x); y_mul = Mul(x1, y_factor); y = Add(y_neg, y_mul)");
    assert_eq!(combine(&[1.0, 1.0, -1.0]), "y_add = Add(x, x1); y = Sub(y_add, x2)");

    assert_eq!(line(&[&[1, 2], &[1, 2]], Op::Bilinear(Bilinear::Multiply)), "y = Mul(x, x1)");
    assert_eq!(line(&[&[1, 2]], Op::Normalizer(Normalizer::Softmax { axis: 1 })), "y = Softmax(x) axis=1");
    assert_eq!(line(&[&[1, 2], &[1, 3]], Op::Layout(Layout::Concat { axis: 1 })), "y = Concat(x, x1) axis=1");
    let reduce = |axes: &[usize], keep, mean| {
        line(&[&[1, 2, 3]], Op::Linear(Linear::Reduce(Reduce { axes: axes.to_vec(), keep, mean })))
    };
    assert_eq!(reduce(&[1], true, true), "y = ReduceMean(x) axes=[1] keepdims=1");
    assert_eq!(reduce(&[1, 2], false, false), "y = ReduceSum(x, y_axes) keepdims=0");
    assert_eq!(reduce(&[], true, false), "y = Identity(x)", "no axes are not all axes");
}

#[test]
fn layouts_carry_their_constants() {
    let model =
        |input: &[usize], layout: Layout| one_operator(&[input], vec![], |_| Op::Layout(layout)).to_onnx();

    let slice = model(
        &[1, 5, 4, 2],
        Layout::Slice { starts: vec![0, 4, 1, 0], steps: vec![1, -2, 2, 1], sizes: vec![1, 3, 2, 2] },
    );
    assert_eq!(listing(&slice), ["y = Slice(x, y_starts, y_ends, y_axes, y_steps)"]);
    let lists = ["y_starts", "y_ends", "y_axes", "y_steps"].map(|name| integers(&slice, name));
    // 4, 2, 0 backwards: past index 0 lies "before the start", which is −(5 + 1).
    assert_eq!(lists, [&[4, 1], &[-6, 4], &[1, 2], &[-2, 2]]);
    let whole = model(&[1, 5], Layout::Slice { starts: vec![0, 0], steps: vec![1, 1], sizes: vec![1, 5] });
    assert_eq!(listing(&whole), ["y = Identity(x)"]);

    let gather = model(&[1, 5], Layout::Gather { axis: 1, indices: vec![3, 1], shape: vec![1, 2] });
    assert_eq!(listing(&gather), ["y = Gather(x, y_indices) axis=1"]);
    assert_eq!(integers(&gather, "y_indices"), [3, 1]);

    let pad =
        model(&[1, 5], Layout::Pad { before: vec![0, 1], after: vec![0, 2], mode: PadMode::Constant(7.0) });
    assert_eq!(listing(&pad), ["y = Pad(x, y_pads, y_fill) mode=constant"]);
    assert_eq!((integers(&pad, "y_pads"), floats(&pad, "y_fill")), (&[0, 1, 0, 2][..], (vec![], vec![7.0])));

    let expand = model(&[1, 1], Layout::Expand { shape: shape(&[1, 4]) });
    assert_eq!(
        (listing(&expand), integers(&expand, "y_shape")),
        (vec!["y = Expand(x, y_shape)".into()], &[1, 4][..])
    );
    let transpose = model(&[1, 2, 3], Layout::Transpose { axes: vec![0, 2, 1] });
    assert_eq!(listing(&transpose), ["y = Transpose(x) perm=[0,2,1]"]);
}

#[test]
fn windows_become_padding() {
    let conv = |window: Window, input: usize| {
        let kernel = window.kernel[0];
        let op = |ids: &[ParamId]| {
            Op::Linear(Linear::Conv(Conv { weight: ids[0], bias: None, window, groups: 1 }))
        };
        listing(&one_operator(&[&[1, 1, input]], vec![counting("W", &[1, 1, kernel])], op).to_onnx())
            .join("; ")
    };
    let own = "dilations=[1] group=1";
    assert_eq!(
        conv(window(3, 2, 1, [1, 0], 3), 6),
        format!("y = Conv(x, W) kernel_shape=[3] strides=[2] pads=[1,0] {own}")
    );
    // Four positions need 9 elements, 7 are there: two more zeros.
    assert_eq!(
        conv(window(3, 2, 1, [1, 0], 4), 6),
        format!("y = Conv(x, W) kernel_shape=[3] strides=[2] pads=[1,2] {own}")
    );
    // Fewer positions than ONNX would derive are cut off.
    assert_eq!(
        conv(window(3, 1, 1, [0, 0], 2), 6),
        format!(
            "y_conv = Conv(x, W) kernel_shape=[3] strides=[1] pads=[0,0] {own}; y = Slice(y_conv, y_starts, y_ends, y_axes, y_steps)"
        )
    );

    let pool = |op: Op, input: usize| one_operator(&[&[1, 2, input]], vec![], |_| op).to_onnx();
    let max =
        |window: Window, input| listing(&pool(Op::Extremum(Extremum::MaxPool(window)), input)).join("; ");
    assert_eq!(
        max(window(2, 2, 1, [0, 0], 3), 5),
        "y = MaxPool(x) kernel_shape=[2] strides=[2] pads=[0,1] dilations=[1]"
    );
    // Runtimes refuse padding by the window's size.
    assert_eq!(
        max(window(2, 1, 3, [2, 2], 6), 5),
        "y_pad = Pad(x, y_pads, y_fill) mode=constant; y = MaxPool(y_pad) kernel_shape=[2] strides=[1] dilations=[3]"
    );

    let mean = |window: Window, count_padding| {
        pool(Op::Linear(Linear::AveragePool(AveragePool { window, count_padding })), 5)
    };
    let hanging = || window(2, 2, 1, [0, 0], 3);
    let plain = "AveragePool(x) kernel_shape=[2] strides=[2] pads=[0,1]";
    assert_eq!(listing(&mean(hanging(), false)), [format!("y = {plain} count_include_pad=0")]);
    let corrected = mean(hanging(), true);
    assert_eq!(
        listing(&corrected),
        [format!("y_averagepool = {plain} count_include_pad=1"), "y = Mul(y_averagepool, y_divisors)".into()]
    );
    // The last window has one element of five, and what hangs over is not counted: its mean was halved.
    assert_eq!(floats(&corrected, "y_divisors"), (vec![1, 1, 3], vec![1.0, 1.0, 2.0]));
    let dilated = mean(window(2, 1, 2, [1, 1], 5), false);
    assert_eq!(
        listing(&dilated),
        [
            "y_conv = Conv(x, y_ones) kernel_shape=[2] strides=[1] pads=[1,1] dilations=[2] group=2",
            "y = Mul(y_conv, y_divisors)"
        ]
    );
    assert_eq!(floats(&dilated, "y_divisors").1, [1.0, 0.5, 0.5, 0.5, 1.0]);
}

#[test]
fn the_leading_axis_is_a_batch_where_nothing_touches_it() {
    let cases: Vec<(&[usize], Op, bool)> = vec![
        (&[1, 6], Op::Layout(Layout::Reshape { shape: shape(&[1, 2, 3]) }), true),
        (&[1, 6], Op::Layout(Layout::Reshape { shape: shape(&[6]) }), false),
        (&[1, 6], Op::Layout(Layout::Reshape { shape: shape(&[6, 1]) }), false),
        (&[1, 6], Op::Layout(Layout::Transpose { axes: vec![1, 0] }), false),
        (&[1, 2, 3], Op::Layout(Layout::Transpose { axes: vec![0, 2, 1] }), true),
        (&[1, 6], Op::Layout(Layout::Gather { axis: 0, indices: vec![0], shape: vec![] }), false),
        (&[1, 6], Op::Layout(Layout::Gather { axis: 1, indices: vec![0], shape: vec![] }), true),
        (&[1, 6], Op::Layout(Layout::Expand { shape: shape(&[2, 6]) }), false),
        (&[1, 6], Op::Layout(Layout::Expand { shape: shape(&[1, 1, 6]) }), false),
        (
            &[1, 6],
            Op::Layout(Layout::Pad { before: vec![1, 0], after: vec![0, 0], mode: PadMode::Edge }),
            false,
        ),
        (&[1, 6], Op::Normalizer(Normalizer::Softmax { axis: 0 }), false),
        (&[1, 6], Op::Linear(Linear::Reduce(Reduce { axes: vec![0], keep: true, mean: false })), false),
        (&[1, 6], Op::Linear(Linear::Reduce(Reduce { axes: vec![1], keep: true, mean: false })), true),
        (&[2, 6], Op::Function(Function::Relu), false),
        (&[1], Op::Function(Function::Relu), false),
        (&[1, 6], Op::Function(Function::Relu), true),
    ];
    for (input, op, expected) in cases {
        let label = format!("{input:?} {op:?}");
        let model = one_operator(&[input], vec![], |_| op).to_onnx();
        let leading = |declared: &netinverse_onnx::ValueInfo| {
            declared.shape.as_ref().unwrap().first() == Some(&Dimension::Symbolic("batch".into()))
        };
        assert_eq!(leading(&model.graph.inputs[0]), expected, "{label}");
        assert_eq!(leading(&model.graph.outputs[0]), expected, "{label}");
    }
    let model =
        one_operator(&[&[1, 6]], vec![], |_| Op::Layout(Layout::Reshape { shape: shape(&[1, 2, 3]) }))
            .to_onnx();
    assert_eq!(integers(&model, "y_shape"), [0, 2, 3], "0 copies the batch");
}

#[test]
fn precision_follows_the_constants() {
    let exact = || Param::from_f64("s", Shape::vector(1), vec![0.1]).unwrap();
    let folded = || exact().with_radius(vec![1e-18]);
    let huge = || Param::from_f64("s", Shape::vector(1), vec![1e300]).unwrap().with_radius(vec![1.0]);
    let single = || counting("s", &[1]);
    let cases = [
        (vec![single(), single()], ElementType::F32),
        (vec![exact(), exact()], ElementType::F64),
        (vec![exact(), folded()], ElementType::F64),
        (vec![exact(), single()], ElementType::F32),
        (vec![folded(), folded()], ElementType::F32),
        (vec![huge(), single()], ElementType::F64),
    ];
    for (number, (params, expected)) in cases.into_iter().enumerate() {
        let op =
            |ids: &[ParamId]| Op::Linear(Linear::Scale(Scale { scale: Some(ids[0]), shift: Some(ids[1]) }));
        let model = one_operator(&[&[1, 3]], params, op).to_onnx();
        let graph = &model.graph;
        let declared: Vec<_> =
            graph.inputs.iter().chain(&graph.outputs).map(|value| value.element_type).collect();
        assert_eq!(declared, [Some(expected); 2], "case {number}");
        let double = graph.initializers.iter().all(|tensor| matches!(tensor.data, TensorData::F64(_)));
        assert_eq!(double, expected == ElementType::F64, "case {number}");
        assert_eq!(
            listing(&model),
            ["y_mul = Mul(x, s)", "y = Add(y_mul, s_1)"],
            "two constants of one name"
        );
    }
}

#[test]
fn names_are_unique_and_shared_constants_written_once() {
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", shape(&[1, 2])).unwrap();
    // A constant named like a value, one without a name, and both used twice.
    let weight = builder.param(counting("x", &[2, 2]));
    let bias = builder.param(counting("", &[2]));
    let op =
        || Op::Linear(Linear::Dense(Dense { weight, bias: Some(bias), order: WeightOrder::InputsFirst }));
    let first = builder.node("layer", op(), &[x]).unwrap();
    let second = builder.node("layer", op(), &[first]).unwrap();
    let network = builder.finish(&[second, first, x]).unwrap();
    let model = network.to_onnx();
    let second = &network.value(network.outputs()[0]).name;
    assert_eq!(
        listing(&model),
        ["layer = Gemm(x, x_1, layer_bias)".to_string(), format!("{second} = Gemm(layer, x_1, layer_bias)")]
    );
    let names: Vec<_> = model.graph.nodes.iter().map(|node| &node.name).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 2, "{names:?}");
    let outputs: Vec<_> = model.graph.outputs.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(outputs, [second, "layer", "x"]);
    assert_eq!((model.ir_version, model.opset()), (8, Some(17)));
}
