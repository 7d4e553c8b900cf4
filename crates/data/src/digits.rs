//! Labelled pictures of digits, 28 × 28 grey pixels, whatever their source.

use netinverse_base::{Error, Place, Result};

/// The side of a digit's picture in pixels.
pub const SIDE: usize = 28;

/// The number of pixels of a digit's picture.
pub const PIXELS: usize = SIDE * SIDE;

/// Where digits come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Files in MNIST's format.
    Mnist,
    /// Drawn by our own code: to be labelled *generated* wherever they appear.
    Generated,
}

impl Source {
    /// `mnist` or `generated`.
    pub fn name(self) -> &'static str {
        match self {
            Source::Mnist => "mnist",
            Source::Generated => "generated",
        }
    }
}

/// Digits to learn from, and others to test on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// Where they come from.
    pub source: Source,
    /// To learn from.
    pub train: DigitSet,
    /// To test on.
    pub test: DigitSet,
}

/// Pictures and the digit that each shows.
///
/// The pixels are kept as the bytes they are (0 is background, 255 ink): 47 MB for MNIST, and distinct
/// pictures can be counted. Floats are made from them on request, byte / 255, always the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitSet {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl DigitSet {
    /// A set of `labels.len()` pictures; `pixels` holds [`PIXELS`] bytes for each, labels are 0 to 9.
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self> {
        if labels.len().checked_mul(PIXELS) != Some(pixels.len()) {
            return Err(Error::input(format!(
                "{} labels for {} pixels, {PIXELS} a picture are expected",
                labels.len(),
                pixels.len()
            )));
        }
        if let Some(row) = labels.iter().position(|&label| label > 9) {
            return Err(
                Error::input(format!("the label is {}, labels are 0 to 9", labels[row])).at(Place::Row(row))
            );
        }
        Ok(DigitSet { pixels, labels })
    }

    /// The number of digits.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no digit.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of all pictures, `len() × 784`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes of one picture, row-major, the top line first.
    pub fn picture(&self, index: usize) -> &[u8] {
        &self.pixels[index * PIXELS..(index + 1) * PIXELS]
    }

    /// The digit that each picture shows.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// All pictures as floats in [0, 1], `len() × 784`.
    pub fn images(&self) -> Vec<f32> {
        self.pixels.iter().map(|&pixel| UNIT_F32[pixel as usize]).collect()
    }

    /// One picture as floats in [0, 1].
    pub fn image(&self, index: usize) -> Vec<f64> {
        self.picture(index).iter().map(|&pixel| f64::from(pixel) / 255.0).collect()
    }

    /// The first `count` digits (all where there are fewer).
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let count = count.min(self.len());
        DigitSet { pixels: self.pixels[..count * PIXELS].to_vec(), labels: self.labels[..count].to_vec() }
    }
}

/// byte / 255 in f32, for every byte.
const UNIT_F32: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    table
};
