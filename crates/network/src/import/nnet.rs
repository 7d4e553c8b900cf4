//! The `.nnet` text format of the ACAS networks (Katz et al., Julian and Kochenderfer): fully connected, Relu between the
//! layers, with the inputs' bounds and the normalisation that the network was trained with.
//!
//! Lines that begin with `//` are comments; then, one a line and separated by commas: the numbers of layers, inputs,
//! outputs and the largest layer; the layers' sizes; a flag that nothing uses; the inputs' minima and maxima; the means
//! and the ranges, the inputs' and one for all outputs; for each layer its weights, a row for each output, and its biases.
//!
//! The network is `f(x) = range · layers((x − means) / ranges) + mean`: of the true inputs and outputs. Numbers are read
//! as the nearest doubles.

use netinverse_base::{Error, Place, Result, ResultExt};

use super::enclosure::Enclosure;
use crate::{
    Dense, Function, Linear, Network, NetworkBuilder, Op, Param, ParamId, Scale, Shape, ValueId, WeightOrder,
};

/// The most layers and inputs, outputs or neurons of a layer.
const MOST: usize = 1 << 20;

impl Network {
    /// The network of a `.nnet` file's text, with the inputs' bounds ([`Network::input_bounds`]).
    pub fn parse_nnet(text: &str) -> Result<Network> {
        Reader::new(text).network()
    }
}

/// The lines that are not comments, numbered from 1.
struct Reader<'a> {
    lines: std::iter::Peekable<Box<dyn Iterator<Item = (usize, &'a str)> + 'a>>,
    /// The last line read.
    line: usize,
    builder: NetworkBuilder,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("//"));
        let lines: Box<dyn Iterator<Item = (usize, &'a str)> + 'a> = Box::new(lines);
        Reader { lines: lines.peekable(), line: 0, builder: NetworkBuilder::new() }
    }

    /// The numbers of the next line, `count` of them.
    fn numbers(&mut self, count: usize, what: &str) -> Result<Vec<f64>> {
        let Some((line, text)) = self.lines.next() else {
            return Err(
                Error::input(format!("the file ends where {what} should be")).at(Place::Line(self.line))
            );
        };
        self.line = line;
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let numbers: Vec<f64> = parts
            .map(|part| part.parse::<f64>().ok().filter(|number| number.is_finite()).ok_or(part))
            .collect::<Result<_, _>>()
            .map_err(|part: &str| {
                let shown: String = part.chars().take(20).collect();
                Error::input(format!("`{shown}` is not a finite number, in {what}")).at(Place::Line(line))
            })?;
        if numbers.len() == count {
            return Ok(numbers);
        }
        Err(Error::input(format!("{} numbers, {count} are expected: {what}", numbers.len()))
            .at(Place::Line(line)))
    }

    /// Sizes of the next line.
    fn sizes(&mut self, count: usize, what: &str) -> Result<Vec<usize>> {
        let numbers = self.numbers(count, what)?;
        let size = |number: &f64| {
            (number.fract() == 0.0 && *number >= 1.0 && *number <= MOST as f64).then_some(*number as usize)
        };
        let sizes: Option<Vec<usize>> = numbers.iter().map(size).collect();
        sizes.ok_or_else(|| {
            Error::input(format!("a size that is not a whole number from 1 to {MOST}: {what}"))
                .at(Place::Line(self.line))
        })
    }

    fn param(&mut self, name: &str, sizes: &[usize], values: Vec<f64>) -> Result<ParamId> {
        Ok(self.builder.param(Param::from_f64(name, Shape::new(sizes)?, values)?))
    }

    fn scale(&mut self, name: &str, scale: Scale, x: ValueId) -> Result<ValueId> {
        self.builder.node(name, Op::Linear(Linear::Scale(scale)), &[x])
    }

    fn network(mut self) -> Result<Network> {
        let header = self.sizes(4, "the numbers of layers, inputs, outputs and the largest layer");
        let header =
            header.hint(|| "the first line of a .nnet file that is not a comment has four numbers")?;
        let (layers, inputs, outputs) = (header[0], header[1], header[2]);
        let sizes = self.sizes(layers + 1, "the layers' sizes")?;
        if sizes[0] != inputs || sizes[layers] != outputs {
            return Err(Error::input(format!(
                "the layers go from {} to {} elements, the header says from {inputs} to {outputs}",
                sizes[0], sizes[layers]
            ))
            .at(Place::Line(self.line)));
        }
        // The flag, which no reader uses.
        self.lines.next();
        let lower = self.numbers(inputs, "the inputs' minima")?;
        let upper = self.numbers(inputs, "the inputs' maxima")?;
        if let Some(i) = (0..inputs).find(|&i| lower[i] > upper[i]) {
            return Err(Error::input(format!(
                "the minimum of input {i} is {}, its maximum {}",
                lower[i], upper[i]
            ))
            .at(Place::Line(self.line)));
        }
        let means = self.numbers(inputs + 1, "the means of the inputs and of the outputs")?;
        let ranges = self.numbers(inputs + 1, "the ranges of the inputs and of the outputs")?;
        if ranges.contains(&0.0) {
            return Err(Error::input("a range of 0").at(Place::Line(self.line)));
        }
        let mut x = self.builder.input("x", Shape::new([1, inputs])?)?;
        if means[..inputs].iter().any(|&mean| mean != 0.0) {
            let shift = means[..inputs].iter().map(|mean| -mean).collect();
            let shift = Some(self.param("means", &[inputs], shift)?);
            x = self.scale("centred", Scale { scale: None, shift }, x)?;
        }
        if ranges[..inputs].iter().any(|&range| range != 1.0) {
            let inverse =
                ranges[..inputs].iter().map(|&range| Enclosure::exact(1.0).div(Enclosure::exact(range)));
            let (values, radius): (Vec<f64>, Vec<f64>) = inverse.map(|e| (e.value, e.radius)).unzip();
            if values.iter().chain(&radius).any(|number| !number.is_finite()) {
                return Err(Error::input("a range so small that its inverse overflows"));
            }
            let param = Param::from_f64("ranges", Shape::vector(inputs), values)?.with_radius(radius);
            let scale = Some(self.builder.param(param));
            x = self.scale("normalized", Scale { scale, shift: None }, x)?;
        }
        for layer in 0..layers {
            let (rows, columns) = (sizes[layer + 1], sizes[layer]);
            let mut weight = Vec::new();
            for row in 0..rows {
                weight.extend(self.numbers(columns, &format!("row {row} of the weights of layer {layer}"))?);
            }
            let mut bias = Vec::new();
            for row in 0..rows {
                bias.extend(self.numbers(1, &format!("bias {row} of layer {layer}"))?);
            }
            let dense = Dense {
                weight: self.param(&format!("W{layer}"), &[rows, columns], weight)?,
                bias: Some(self.param(&format!("b{layer}"), &[rows], bias)?),
                order: WeightOrder::OutputsFirst,
            };
            x = self.builder.node(format!("z{layer}"), Op::Linear(Linear::Dense(dense)), &[x])?;
            if layer + 1 < layers {
                x = self.builder.node(format!("h{layer}"), Op::Function(Function::Relu), &[x])?;
            }
        }
        let (mean, range) = (means[inputs], ranges[inputs]);
        if (mean, range) != (0.0, 1.0) {
            let scale = Some(self.param("range", &[1], vec![range])?);
            let shift = Some(self.param("mean", &[1], vec![mean])?);
            x = self.scale("y", Scale { scale, shift }, x)?;
        }
        if let Some(&(line, _)) = self.lines.peek() {
            return Err(Error::input("more lines than the layers have").at(Place::Line(line)));
        }
        self.builder.bounds(lower.into_iter().zip(upper).map(|(lower, upper)| [lower, upper]).collect());
        self.builder.finish(&[x])
    }
}
