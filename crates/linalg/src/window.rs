/// The sizes of a 2-D convolution of channels-first samples `[channels_in, height, width]`; one axis is height 1.
///
/// Window `p` of an axis has its tap `t` at input position `p * stride + t * dilation - pad`; taps that fall
/// outside the input see zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels are split in this many groups that do not see each other; divides both channel counts.
    pub groups: usize,
    /// Channels of the input.
    pub channels_in: usize,
    /// Channels of the output.
    pub channels_out: usize,
    /// The sliding window over each plane.
    pub window: WindowShape,
}

/// The sizes of a window sliding over a plane, as (height, width) pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowShape {
    /// The size of the input plane.
    pub input: [usize; 2],
    /// Taps of the window.
    pub kernel: [usize; 2],
    /// From a window to the next.
    pub strides: [usize; 2],
    /// From a tap to the next.
    pub dilations: [usize; 2],
    /// Positions before the input (top, left); how far the padding reaches behind it follows from `output`.
    pub pads: [usize; 2],
    /// The number of window positions.
    pub output: [usize; 2],
}

impl WindowShape {
    /// The number of elements of an input plane.
    pub fn input_area(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// The number of taps.
    pub fn kernel_area(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// The number of elements of an output plane.
    pub fn output_area(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// How many elements of scratch [`Real::sum_pool`](crate::Real::sum_pool) needs, whatever the number of planes.
    pub fn pool_scratch_len(&self) -> usize {
        crate::pooling::scratch_len(self)
    }

    /// The input's position under tap `tap` of window `position` along `axis`, where it is inside the input.
    #[inline]
    pub(crate) fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        (position * self.strides[axis] + tap * self.dilations[axis])
            .checked_sub(self.pads[axis])
            .filter(|&source| source < self.input[axis])
    }
}

impl ConvShape {
    /// The number of elements of one input sample.
    pub fn input_len(&self) -> usize {
        self.channels_in * self.window.input_area()
    }

    /// The number of elements of one output sample.
    pub fn output_len(&self) -> usize {
        self.channels_out * self.window.output_area()
    }

    /// The number of weights, laid out `[channels_out, channels_in / groups, kernel height, kernel width]`.
    pub fn weight_len(&self) -> usize {
        self.channels_out * self.taps()
    }

    /// The number of inputs that one output element sees: `channels_in / groups * kernel area`.
    pub fn taps(&self) -> usize {
        self.channels_in / self.groups * self.window.kernel_area()
    }

    /// How many elements of scratch any of the convolution's kernels needs, whatever the number of samples.
    pub fn scratch_len(&self) -> usize {
        crate::convolution::scratch_len(self)
    }
}
