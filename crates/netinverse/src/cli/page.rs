//! What the reports of all commands share: the command as typed, inputs as pictures, sentences.

use netinverse_answer::sheet::ImageShape;
use netinverse_network::Network;
use netinverse_report::Picture;

/// The longer side of a picture on the screen, in pixels.
const SIDE: usize = 140;

/// The command as it was typed, quoted so that a shell reads it back.
pub(super) fn typed() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    std::iter::once("netinverse".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// With a capital, as a paragraph begins; symbols stay as they are.
pub(super) fn capital(line: &str) -> String {
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

/// The last part of a path.
pub(super) fn file_name(path: &str) -> String {
    std::path::Path::new(path).file_name().map_or_else(|| path.into(), |n| n.to_string_lossy().into_owned())
}

/// How a network's only input is an image, if it is one.
pub(super) fn image_shape(network: &Network) -> Option<ImageShape> {
    match network.inputs() {
        [only] => ImageShape::of(&network.value(*only).shape),
        _ => None,
    }
}

/// How inputs become pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    /// How they lie in memory.
    pub(super) image: ImageShape,
    /// What is black, and what is white.
    pub(super) range: (f64, f64),
}

impl Draw {
    /// The input as it is.
    pub(super) fn plain(&self, x: &[f64]) -> Picture {
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
    pub(super) fn signed(&self, x: &[f64]) -> Picture {
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
    use super::{capital, quoted};

    #[test]
    fn a_typed_command_can_be_pasted() {
        assert_eq!(quoted("a-b_c/1.5,2:3=x"), "a-b_c/1.5,2:3=x");
        assert_eq!(quoted("y0 >= 1 && y1 < y0"), "'y0 >= 1 && y1 < y0'");
        assert_eq!((quoted("it's"), quoted("")), (r"'it'\''s'".into(), "''".into()));
    }

    #[test]
    fn symbols_keep_their_case() {
        assert_eq!(["the box", "x0 is", "σ is"].map(capital), ["The box", "x0 is", "σ is"]);
    }
}
