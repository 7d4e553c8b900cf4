//! A convolution as products of matrices, for float64: runtimes have kernels of convolutions for float32 alone.

use netinverse_base::Result;
use netinverse_network::{Conv, Dense, Layout, Linear, Op, PadMode, Scale, ValueId, WeightOrder};

use crate::program::Maker;
use crate::recorder::{Numbers, sized};

/// `[1, C, …]` to `[1, M, …]`: for each group, the elements under each window side by side, times the kernels as a matrix.
pub(crate) fn as_products(maker: &mut Maker<'_>, name: &str, conv: &Conv, read: ValueId) -> Result<ValueId> {
    let network = maker.network;
    let (weight, window) = (network.param(conv.weight), &conv.window);
    let input = maker.builder.shape(read).clone();
    let (channels, spatial) = (input[1], &input[2..]);
    let plane: usize = spatial.iter().product();
    let positions: usize = window.output.iter().product();
    let taps: usize = window.kernel.iter().product();
    let (written, per_group) = (weight.shape()[0], weight.shape()[1]);
    let own = written / conv.groups;

    // The elements as a row, with a zero after them that stands for all padding.
    let row = sized(&[1, channels * plane]);
    let flat =
        maker.builder.node(format!("{name}_row"), Op::Layout(Layout::Reshape { shape: row }), &[read])?;
    let pad = Layout::Pad { before: vec![0, 0], after: vec![0, 1], mode: PadMode::Constant(0.0) };
    let padded = maker.builder.node(format!("{name}_padded"), Op::Layout(pad), &[flat])?;
    let values = weight.f64();
    let mut parts = Vec::with_capacity(conv.groups);
    for group in 0..conv.groups {
        let mut indices = Vec::with_capacity(positions * per_group * taps);
        for position in 0..positions {
            for channel in 0..per_group {
                for tap in 0..taps {
                    let source = source(window, spatial, position, tap);
                    let of_channel = (group * per_group + channel) * plane;
                    indices.push(source.map_or(channels * plane, |source| of_channel + source));
                }
            }
        }
        let gather = Layout::Gather { axis: 1, indices, shape: vec![positions, per_group * taps] };
        let under = maker.builder.node(format!("{name}_windows"), Op::Layout(gather), &[padded])?;
        let matrix = |k: usize, m: usize| values[(group * own + m) * per_group * taps + k];
        let numbers =
            (0..per_group * taps).flat_map(|k| (0..own).map(move |m| (k, m))).map(|(k, m)| matrix(k, m));
        let numbers = Numbers::matrix(per_group * taps, own, numbers.collect());
        let weight = maker.numbers(name, &numbers)?;
        let dense = Dense { weight, bias: None, order: WeightOrder::InputsFirst };
        parts.push(maker.builder.node(
            format!("{name}_product"),
            Op::Linear(Linear::Dense(dense)),
            &[under],
        )?);
    }
    let all = match parts[..] {
        [only] => only,
        _ => maker.builder.node(format!("{name}_groups"), Op::Layout(Layout::Concat { axis: 2 }), &parts)?,
    };
    let all = match conv.bias {
        None => all,
        Some(bias) => {
            let numbers = Numbers { shape: sized(&[written]), values: network.param(bias).f64().into() };
            let shift = Some(maker.numbers(name, &numbers)?);
            let op = Op::Linear(Linear::Scale(Scale { scale: None, shift }));
            maker.builder.node(format!("{name}_biased"), op, &[all])?
        }
    };
    let swapped = Op::Layout(Layout::Transpose { axes: vec![0, 2, 1] });
    let channels_first = maker.builder.node(format!("{name}_channels"), swapped, &[all])?;
    let shape = sized(&[&[1, written], &window.output[..]].concat());
    maker.builder.node(name, Op::Layout(Layout::Reshape { shape }), &[channels_first])
}

/// The position that a tap of a window reads, flat; `None` in the padding.
fn source(
    window: &netinverse_network::Window,
    spatial: &[usize],
    position: usize,
    tap: usize,
) -> Option<usize> {
    let (mut flat, mut stride, mut position, mut tap) = (0, 1, position, tap);
    for axis in (0..window.rank()).rev() {
        let (p, t) = (position % window.output[axis], tap % window.kernel[axis]);
        (position, tap) = (position / window.output[axis], tap / window.kernel[axis]);
        flat += stride * window.source(axis, p, t, spatial[axis])?;
        stride *= spatial[axis];
    }
    Some(flat)
}
