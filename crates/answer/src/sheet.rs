//! Inputs that are images, side by side in one picture.

use std::path::Path;

use netinverse_base::{Error, Place, Result};
use netinverse_data::{files, png};

/// How a flat input is an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Lines.
    pub height: usize,
    /// Pixels in a line.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Whether a pixel's channels are neighbours; otherwise the channels follow one another.
    pub channels_last: bool,
}

/// Pictures beside and below each other at most: larger sheets are refused.
const MAX_PIXELS: usize = 1 << 28;
/// White pixels between pictures.
const GAP: usize = 2;

impl ImageShape {
    /// The image that an input of this shape is: `[…1, H, W, 1…]`, `[…1, C, H, W]`, `[…1, H, W, C]` with C 1 or
    /// 3, or a vector of s² elements, s ≥ 8.
    pub fn of(shape: &[usize]) -> Option<Self> {
        let first = shape.iter().position(|&size| size != 1)?;
        let last = shape.iter().rposition(|&size| size != 1)?;
        let grey = |height, width| Some(ImageShape { height, width, channels: 1, channels_last: false });
        match shape[first..=last] {
            [elements] => {
                let side = elements.isqrt();
                if side >= 8 && side * side == elements { grey(side, side) } else { None }
            }
            [height, width] => grey(height, width),
            [3, height, width] => Some(ImageShape { height, width, channels: 3, channels_last: false }),
            [height, width, 3] => Some(ImageShape { height, width, channels: 3, channels_last: true }),
            _ => None,
        }
    }
}

/// Writes the inputs as one picture: `columns` in a line; `low` is black and `high` white. An empty input leaves its place
/// blank.
pub fn write(
    path: &Path,
    inputs: &[&[f64]],
    shape: ImageShape,
    columns: usize,
    (low, high): (f64, f64),
) -> Result<()> {
    if inputs.is_empty() {
        return Err(Error::input("there is no answer to draw").at(Place::file(path)));
    }
    let ImageShape { height, width, channels, channels_last } = shape;
    let columns = columns.clamp(1, inputs.len());
    let lines = inputs.len().div_ceil(columns);
    let (full_width, full_height) = (columns * (width + GAP) - GAP, lines * (height + GAP) - GAP);
    let size = full_width.checked_mul(full_height).and_then(|pixels| pixels.checked_mul(channels));
    let Some(size) = size.filter(|&size| size <= MAX_PIXELS) else {
        return Err(Error::unsupported(format!("a sheet of {} pictures is too large", inputs.len()))
            .at(Place::file(path))
            .hint("take fewer rows with `--rows`, or write .npz"));
    };
    let span = if high > low { high - low } else { 1.0 };
    let mut samples = vec![255u8; size];
    for (index, input) in inputs.iter().enumerate().filter(|(_, input)| !input.is_empty()) {
        let (left, top) = ((index % columns) * (width + GAP), (index / columns) * (height + GAP));
        for y in 0..height {
            for x in 0..width {
                for channel in 0..channels {
                    let from = if channels_last {
                        (y * width + x) * channels + channel
                    } else {
                        (channel * height + y) * width + x
                    };
                    let value = ((input[from] - low) / span).clamp(0.0, 1.0);
                    samples[((top + y) * full_width + left + x) * channels + channel] =
                        (value * 255.0).round() as u8;
                }
            }
        }
    }
    files::write_atomically(path, |writer| png::write(writer, full_width, full_height, channels, &samples))
}
