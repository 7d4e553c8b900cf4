//! The steps of a prepared network, for algorithms that walk them: all operators as five kinds on flat values.

use netinverse_network::Function;

use crate::bounder::Bounder;
use crate::map::Map;
use crate::program::Kind;

/// A step: what it computes, the values read and the value written. Value 0 is the point.
#[derive(Debug)]
pub struct StepView<'a> {
    /// What it computes.
    pub kind: StepKind<'a>,
    /// The values read, by number.
    pub inputs: &'a [usize],
    /// The value written.
    pub output: usize,
}

/// What a step computes.
#[derive(Debug)]
pub enum StepKind<'a> {
    /// A sum of linear maps of its inputs, and a bias: also every rearrangement of elements.
    Linear(LinearRows<'a>),
    /// A function of every element.
    Function(Function),
    /// Maxima: output j of the elements `sources[starts[j]..starts[j + 1]]`.
    Maximum {
        /// Where the elements of each output begin.
        starts: &'a [usize],
        /// The elements of the input.
        sources: &'a [u32],
    },
    /// The product of two values, element by element.
    Product,
    /// Softmax: element i is in the group of `i - i / stride % size * stride`.
    Softmax {
        /// Elements of a group.
        size: usize,
        /// The distance between neighbours in a group.
        stride: usize,
    },
}

/// The rows of a linear step.
#[derive(Debug, Clone, Copy)]
pub struct LinearRows<'a> {
    maps: &'a [Map],
    bias: &'a [f64],
    bias_radius: Option<&'a [f64]>,
}

impl LinearRows<'_> {
    /// Calls `visit(input, element, weight, radius)` for the stored entries of row j: `input` counts the step's inputs, the
    /// true weight is within `radius` of `weight`.
    pub fn for_row(&self, j: usize, mut visit: impl FnMut(usize, usize, f64, f64)) {
        for (input, map) in self.maps.iter().enumerate() {
            map.for_row(j, |i, w, r| visit(input, i, w, r));
        }
    }

    /// The bias of row j where it is known exactly.
    pub fn exact_bias(&self, j: usize) -> Option<f64> {
        let exact = self.bias_radius.is_none_or(|radius| radius[j] == 0.0);
        exact.then(|| self.bias[j])
    }

    /// A lower bound of the bias of row j.
    pub fn bias(&self, j: usize) -> f64 {
        let radius = self.bias_radius.map_or(0.0, |radius| radius[j]);
        if radius == 0.0 { self.bias[j] } else { (self.bias[j] - radius).next_down() }
    }
}

impl Bounder {
    /// The steps, each after those that it reads.
    pub fn steps(&self) -> impl Iterator<Item = StepView<'_>> {
        self.program().steps.iter().map(|step| StepView {
            kind: match &step.kind {
                Kind::Linear { maps, bias, bias_radius } => {
                    StepKind::Linear(LinearRows { maps, bias, bias_radius: bias_radius.as_deref() })
                }
                Kind::Function(function) => StepKind::Function(*function),
                Kind::Maximum { starts, sources } => StepKind::Maximum { starts, sources },
                Kind::Product => StepKind::Product,
                Kind::Softmax { size, stride } => StepKind::Softmax { size: *size, stride: *stride },
            },
            inputs: &step.inputs,
            output: step.output,
        })
    }

    /// Elements of each value.
    pub fn value_sizes(&self) -> &[usize] {
        &self.program().sizes
    }

    /// The value that is the output.
    pub fn output_value(&self) -> usize {
        self.program().output
    }
}
