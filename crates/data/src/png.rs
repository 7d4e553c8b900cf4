//! PNG pictures: grey or RGB, with or without alpha, of 8 or 16 bits (fewer bits and palettes are
//! expanded), as integers; written as 8-bit grey or RGB.

use std::io::{BufRead, Cursor, Seek, Write};
use std::path::Path;

use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt};
use png::{BitDepth, ColorType, Decoder, DecodingError, Encoder, Limits, Transformations};

use crate::array::decompressed_at_most;
use crate::files;

/// A picture as its file stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Samples a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    pub channels: usize,
    /// The largest value of a sample: 255 or 65535.
    pub max: u16,
    /// `height × width × channels` samples, channels fastest, the top line first.
    pub samples: Vec<u16>,
}

impl Picture {
    /// The samples divided by [`Picture::max`].
    pub fn unit_values(&self) -> Vec<f64> {
        self.samples.iter().map(|&sample| f64::from(sample) / f64::from(self.max)).collect()
    }
}

/// Reads a picture from the bytes of a PNG file.
pub fn parse(bytes: &[u8]) -> Result<Picture> {
    read_from(Cursor::new(bytes), bytes.len() as u64)
}

/// Reads a PNG file.
pub fn read(path: &Path) -> Result<Picture> {
    let (reader, length) = files::open(path)?;
    read_from(reader, length).at(|| Place::file(path))
}

/// Writes 8-bit samples (`height × width × channels`, channels fastest); 1 channel is grey, 3 are RGB.
pub fn write(
    writer: &mut dyn Write,
    width: usize,
    height: usize,
    channels: usize,
    samples: &[u8],
) -> Result<()> {
    let color = match channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        _ => {
            return Err(Error::unsupported(format!("pictures of {channels} channels are not written"))
                .hint("1 channel is grey, 3 are RGB"));
        }
    };
    let side = |length: usize| u32::try_from(length).ok().filter(|&length| length > 0 && length < 1 << 31);
    let (Some(w), Some(h)) = (side(width), side(height)) else {
        return Err(Error::input(format!("a PNG cannot have {width}×{height} pixels")));
    };
    if width.checked_mul(height).and_then(|pixels| pixels.checked_mul(channels)) != Some(samples.len()) {
        return Err(Error::input(format!(
            "{} samples do not fill {width}×{height} pixels of {channels} channels",
            samples.len()
        )));
    }
    let io = |error: png::EncodingError| Error::new(ErrorKind::Io, error.to_string());
    let mut encoder = Encoder::new(writer, w, h);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    let mut encoder = encoder.write_header().map_err(io)?;
    encoder.write_image_data(samples).map_err(io)?;
    encoder.finish().map_err(io)
}

fn read_from(reader: impl BufRead + Seek, length: u64) -> Result<Picture> {
    // A line and the decoder's own buffers; the picture's size is checked below, before it is reserved.
    let mut decoder = Decoder::new_with_limits(reader, Limits { bytes: 64 << 20 });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|error| decoding_error(&error))?;
    // The file's own bits a pixel decide how much it must hold; expansion multiplies them by at most
    // 32 (1-bit palette to RGBA).
    let info = reader.info();
    let stored = (info.raw_row_length() as u64 - 1).saturating_mul(u64::from(info.height));
    let (width, height) = (info.width as usize, info.height as usize);
    let size = reader.output_buffer_size().filter(|_| stored <= decompressed_at_most(length));
    let Some(size) = size else {
        return Err(Error::input(format!(
            "the header promises {width}×{height} pixels, the file is too short for them"
        ))
        .hint("the file is truncated or damaged"));
    };
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes).map_err(|error| decoding_error(&error))?;
    bytes.truncate(frame.buffer_size());
    // What follows must be whole too: a cut file is not a picture.
    reader.finish().map_err(|error| decoding_error(&error))?;
    let channels = frame.color_type.samples();
    let (samples, max) = match frame.bit_depth {
        BitDepth::Eight => (bytes.iter().map(|&byte| u16::from(byte)).collect::<Vec<_>>(), 255),
        BitDepth::Sixteen => {
            (bytes.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair)).collect(), u16::MAX)
        }
        depth => return Err(Error::unsupported(format!("a bit depth of {depth:?} is not read"))),
    };
    if samples.len() != width * height * channels {
        return Err(Error::unsupported("an animated PNG whose first frame is partial is not read")
            .hint("save one frame as a plain PNG"));
    }
    Ok(Picture { width, height, channels, max, samples })
}

fn decoding_error(error: &DecodingError) -> Error {
    match error {
        DecodingError::IoError(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::input("the file ends within the picture").hint("the file is truncated")
        }
        DecodingError::IoError(source) => Error::new(ErrorKind::Io, source.to_string()),
        DecodingError::LimitsExceeded => Error::unsupported("a line of the picture exceeds 64 MiB"),
        _ => Error::input(format!("is not a readable PNG ({error})"))
            .hint("the file is damaged, or another format under this extension"),
    }
}
