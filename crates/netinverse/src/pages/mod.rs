//! Answers as pages: what `-o FILE.html` writes, and what notebooks show.
//!
//! A page is one self-contained HTML file. `command` is the command that made the answer, where there was one.

mod build;
mod explain;
mod invert;
mod plane;
mod preimage;

pub use build::build;
pub use explain::explain;
pub use invert::invert;
pub use plane::plane;
pub use preimage::{exact, paving, paving_picture};

use netinverse_answer::sheet::ImageShape;
use netinverse_network::Network;
use netinverse_report::{Picture, Section};

/// The longer side of a picture on the screen, in pixels.
const SIDE: usize = 140;

/// With a capital, as a paragraph begins; symbols stay as they are.
pub(crate) fn capital(line: &str) -> String {
    let mut letters = line.chars();
    match letters.next() {
        Some(first)
            if first.is_ascii_lowercase() && letters.clone().next().is_some_and(char::is_alphabetic) =>
        {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        }
        _ => line.to_string(),
    }
}

/// The section with the command, where there is one.
fn commanded(section: Section, command: Option<&str>) -> Section {
    match command {
        Some(command) => section.command(command),
        None => section,
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> String {
    std::path::Path::new(path).file_name().map_or_else(|| path.into(), |n| n.to_string_lossy().into_owned())
}

/// How a network's only input is an image, if it is one.
pub fn image_shape(network: &Network) -> Option<ImageShape> {
    match network.inputs() {
        [only] => ImageShape::of(&network.value(*only).shape),
        _ => None,
    }
}

/// How inputs become pictures.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// How they lie in memory.
    pub image: ImageShape,
    /// What is black, and what is white.
    pub range: (f64, f64),
}

impl Draw {
    /// The input as it is.
    pub fn plain(&self, x: &[f64]) -> Picture {
        let ImageShape { width, height, .. } = self.image;
        let (low, high) = self.range;
        let shade = |value: f64| (value - low) / (high - low).max(f64::MIN_POSITIVE);
        let picture = if self.image.channels == 1 {
            Picture::grey(width, height, &x.iter().map(|&value| shade(value)).collect::<Vec<_>>())
        } else {
            let pixel = |at: usize| [0, 1, 2].map(|channel| shade(x[self.index(at, channel)]));
            Picture::color(width, height, &(0..width * height).map(pixel).collect::<Vec<_>>())
        };
        picture.enlarged_to(SIDE)
    }

    /// Signed values; of colours their sum, which is what the eye can tell.
    pub fn signed(&self, x: &[f64]) -> Picture {
        let ImageShape { width, height, channels, .. } = self.image;
        let value = |at: usize| (0..channels).map(|channel| x[self.index(at, channel)]).sum::<f64>();
        let values: Vec<f64> = (0..width * height).map(value).collect();
        let limit = values.iter().fold(0.0f64, |limit, v| limit.max(v.abs()));
        Picture::signed(width, height, &values, limit).enlarged_to(SIDE)
    }

    /// Where a pixel's channel lies.
    fn index(&self, at: usize, channel: usize) -> usize {
        let ImageShape { width, height, channels, channels_last } = self.image;
        if channels_last { at * channels + channel } else { channel * width * height + at }
    }
}

#[cfg(test)]
mod tests {
    use super::capital;

    #[test]
    fn symbols_keep_their_case() {
        assert_eq!(["the box", "x0 is", "σ is"].map(capital), ["The box", "x0 is", "σ is"]);
    }
}
