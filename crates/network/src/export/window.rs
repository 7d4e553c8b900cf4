//! Convolution and pooling.
//!
//! The network's windows have explicit numbers of positions; ONNX derives them from the padding. Windows that hang
//! over the padded input (`ceil_mode`) are written by more padding at the end instead, which convolution
//! and maxima do not notice and means are corrected for: one form, which every version of every runtime
//! reads alike.

use super::writer::{Form, Stage, Writer};
use crate::{AveragePool, Conv, ConvTranspose, Node, PadMode, Window};

/// The padding that gives at least the wanted number of positions.
struct Fit {
    pads_begin: Vec<usize>,
    pads_end: Vec<usize>,
    /// The number of positions that ONNX derives along each axis.
    positions: Vec<usize>,
}

impl Fit {
    fn new(window: &Window, spatial: &[usize]) -> Self {
        let mut fit = Fit {
            pads_begin: window.pads_begin.clone(),
            pads_end: window.pads_end.clone(),
            positions: Vec::new(),
        };
        for (axis, &size) in spatial.iter().enumerate() {
            let span = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
            let stride = window.strides[axis];
            let positions = |end: usize| {
                (size + window.pads_begin[axis] + end).checked_sub(span).map_or(0, |room| room / stride + 1)
            };
            if positions(fit.pads_end[axis]) != window.output[axis] {
                let needed = (window.output[axis] - 1) * stride + span;
                fit.pads_end[axis] = needed.saturating_sub(size + window.pads_begin[axis]);
            }
            fit.positions.push(positions(fit.pads_end[axis]));
        }
        fit
    }

    /// Runtimes refuse padding of a pooling window by its size or more.
    fn suits_pooling(&self, window: &Window) -> bool {
        (0..window.rank()).all(|axis| {
            self.pads_begin[axis] < window.kernel[axis] && self.pads_end[axis] < window.kernel[axis]
        })
    }

    fn pads(&self) -> impl Iterator<Item = usize> + '_ {
        self.pads_begin.iter().chain(&self.pads_end).copied()
    }
}

impl Writer<'_> {
    pub(super) fn conv(&mut self, node: &Node, conv: &Conv) {
        let fit = Fit::new(&conv.window, &self.input_shape(node)[2..]);
        let weight = self.param(node, conv.weight, Form::AsStored, "weight");
        let mut stage = sliding("Conv", &conv.window).ints("pads", fit.pads()).operand(weight);
        stage =
            stage.ints("dilations", conv.window.dilations.iter().copied()).int("group", conv.groups as i64);
        if let Some(bias) = conv.bias {
            stage = stage.operand(self.param(node, bias, Form::Vector, "bias"));
        }
        let channels = self.param_shape(conv.weight)[0];
        let mut stages = vec![stage];
        stages.extend(self.crop(node, &conv.window, &fit, channels));
        self.chain(node, stages);
    }

    /// Padding of a transposed convolution crops; what it must write beyond is `output_padding`.
    pub(super) fn conv_transpose(&mut self, node: &Node, conv: &ConvTranspose) {
        let window = &conv.window;
        let (mut pads_end, mut extra) = (Vec::new(), Vec::new());
        for (axis, &size) in conv.output.iter().enumerate() {
            let span = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
            let reached = (window.output[axis] - 1) * window.strides[axis] + span;
            pads_end.push(reached.saturating_sub(window.pads_begin[axis] + size));
            extra.push((window.pads_begin[axis] + size).saturating_sub(reached));
        }
        let weight = self.param(node, conv.weight, Form::AsStored, "weight");
        let mut stage = sliding("ConvTranspose", window)
            .ints("pads", window.pads_begin.iter().copied().chain(pads_end))
            .operand(weight)
            .ints("dilations", window.dilations.iter().copied())
            .int("group", conv.groups as i64);
        if extra.iter().any(|&extra| extra > 0) {
            stage = stage.ints("output_padding", extra);
        }
        if let Some(bias) = conv.bias {
            stage = stage.operand(self.param(node, bias, Form::Vector, "bias"));
        }
        self.chain(node, vec![stage]);
    }

    pub(super) fn max_pool(&mut self, node: &Node, window: &Window) {
        let input = self.input_shape(node);
        let fit = Fit::new(window, &input[2..]);
        let mut stages = Vec::new();
        let mut stage = sliding("MaxPool", window);
        if fit.suits_pooling(window) {
            stage = stage.ints("pads", fit.pads());
        } else {
            let lowest = self.precision.lowest();
            stages.push(self.pad_explicitly(node, &fit, lowest));
        }
        stages.push(stage.ints("dilations", window.dilations.iter().copied()));
        stages.extend(self.crop(node, window, &fit, input[1]));
        self.chain(node, stages);
    }

    pub(super) fn average_pool(&mut self, node: &Node, pool: &AveragePool) {
        let (input, window) = (self.input_shape(node), &pool.window);
        let (channels, spatial) = (input[1], &input[2..]);
        let fit = Fit::new(window, spatial);
        let taps = window.kernel.iter().product::<usize>();
        let mut stages = Vec::new();
        // What the written operator divides by, when it is the same number everywhere.
        let mut divisor = Some(taps as f64);
        if window.dilations.iter().any(|&dilation| dilation != 1) {
            // Operator set 17 has no dilated means: a convolution of each channel by itself sums.
            let dims = [&[channels, 1], &window.kernel[..]].concat();
            let ones = self.numbers(node, "ones", dims, &vec![1.0; channels * taps]);
            let sums = sliding("Conv", window).ints("pads", fit.pads()).operand(ones);
            stages
                .push(sums.ints("dilations", window.dilations.iter().copied()).int("group", channels as i64));
            divisor = Some(1.0);
        } else if !fit.suits_pooling(window) {
            stages.push(self.pad_explicitly(node, &fit, 0.0));
            stages.push(sliding("AveragePool", window));
        } else {
            if !pool.count_padding {
                divisor = None;
            }
            let counted = i64::from(pool.count_padding);
            stages.push(
                sliding("AveragePool", window).ints("pads", fit.pads()).int("count_include_pad", counted),
            );
        }
        stages.extend(self.crop(node, window, &fit, channels));
        if let Some(divisor) = divisor {
            let factors = factors(pool, spatial, divisor);
            if factors.iter().any(|&factor| factor != 1.0) {
                let dims = [&[1, 1], &window.output[..]].concat();
                let factors = self.numbers(node, "divisors", dims, &factors);
                stages.push(Stage::new("Mul").operand(factors));
            }
        }
        self.chain(node, stages);
    }

    /// The padding of the spatial axes as an operator of its own.
    fn pad_explicitly(&mut self, node: &Node, fit: &Fit, fill: f64) -> Stage {
        let whole = |pads: &[usize]| [&[0, 0], pads].concat();
        self.pad(node, &whole(&fit.pads_begin), &whole(&fit.pads_end), PadMode::Constant(fill))
    }

    /// Drops the positions that the network does not have.
    fn crop(&mut self, node: &Node, window: &Window, fit: &Fit, channels: usize) -> Option<Stage> {
        let batch = self.input_shape(node)[0];
        let computed = [&[batch, channels], &fit.positions[..]].concat();
        let wanted = [&[batch, channels], &window.output[..]].concat();
        self.slice(node, &computed, &vec![0; computed.len()], &vec![1; computed.len()], &wanted)
    }
}

fn sliding(op: &'static str, window: &Window) -> Stage {
    Stage::new(op)
        .ints("kernel_shape", window.kernel.iter().copied())
        .ints("strides", window.strides.iter().copied())
}

/// What each position's mean is to be multiplied by, where `divisor` was divided by.
fn factors(pool: &AveragePool, spatial: &[usize], divisor: f64) -> Vec<f64> {
    let output = &pool.window.output;
    let count = output.iter().product();
    let mut position = vec![0; output.len()];
    let mut factors = Vec::with_capacity(count);
    for _ in 0..count {
        let own = pool.divisor(&position, spatial);
        // A window that lies wholly outside has the mean 0, as the sum of nothing.
        factors.push(if own == 0 { 0.0 } else { divisor / own as f64 });
        for axis in (0..position.len()).rev() {
            position[axis] += 1;
            if position[axis] < output[axis] {
                break;
            }
            position[axis] = 0;
        }
    }
    factors
}
