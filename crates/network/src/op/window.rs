use netinverse_base::{Error, Result};

use crate::Shape;

/// The sliding window of a convolution or pooling over the spatial axes of a value `[N, C, …spatial]`.
///
/// `auto_pad` and `ceil_mode` are resolved while loading: the output sizes are explicit, and a window may
/// hang over the padded input by the part that `ceil_mode` adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The window's size along each spatial axis.
    pub kernel: Vec<usize>,
    /// The step along each spatial axis, positive.
    pub strides: Vec<usize>,
    /// The distance between neighbouring taps, positive.
    pub dilations: Vec<usize>,
    /// Zeros (or nothing, for pooling) before the input.
    pub pads_begin: Vec<usize>,
    /// Zeros (or nothing, for pooling) after the input.
    pub pads_end: Vec<usize>,
    /// The number of window positions along each spatial axis.
    pub output: Vec<usize>,
}

impl Window {
    /// The number of spatial axes, 1 or 2.
    pub fn rank(&self) -> usize {
        self.kernel.len()
    }

    /// The input's position of tap `tap` of window `position` along `axis`, if inside the input.
    #[inline]
    pub fn source(&self, axis: usize, position: usize, tap: usize, input_size: usize) -> Option<usize> {
        (position * self.strides[axis] + tap * self.dilations[axis])
            .checked_sub(self.pads_begin[axis])
            .filter(|&source| source < input_size)
    }

    /// `[N, C, …output]` for `[N, C, …spatial]`.
    pub fn output_shape(&self, input: &Shape) -> Result<Shape> {
        self.check(input)?;
        let mut sizes = input[..2].to_vec();
        sizes.extend(&self.output);
        Shape::new(sizes)
    }

    pub(crate) fn check(&self, input: &Shape) -> Result<()> {
        let rank = self.rank();
        let lists = [&self.strides, &self.dilations, &self.pads_begin, &self.pads_end, &self.output];
        if !(1..=2).contains(&rank) || lists.iter().any(|list| list.len() != rank) {
            return Err(Error::unsupported(format!("a window over {rank} spatial axes"))
                .hint("windows over 1 or 2 spatial axes are supported"));
        }
        if input.rank() != rank + 2 {
            return Err(Error::input(format!(
                "a window over {rank} spatial axes needs a value of {} axes, not {input}",
                rank + 2
            )));
        }
        let positive = [&self.kernel, &self.strides, &self.dilations, &self.output];
        if positive.iter().any(|list| list.contains(&0)) {
            return Err(Error::input("a window's sizes, strides, dilations and outputs must be positive"));
        }
        Ok(())
    }
}
