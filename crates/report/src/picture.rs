use std::io::Cursor;

use base64::Engine as _;

/// Pixels, red, green and blue, 8 bits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// Grey pixels from values in [0, 1], row-major; values outside are clipped, as a screen would.
    ///
    /// Panics unless there are `width · height` values.
    pub fn grey(width: usize, height: usize, values: &[f64]) -> Self {
        Self::from_values(width, height, values, |value| [(value.clamp(0.0, 1.0) * 255.0).round() as u8; 3])
    }

    /// Coloured pixels from red, green and blue in [0, 1], row-major; values outside are clipped.
    ///
    /// Panics unless there are `width · height` pixels.
    pub fn color(width: usize, height: usize, pixels: &[[f64; 3]]) -> Self {
        assert_eq!(pixels.len(), width * height, "one colour a pixel");
        let byte = |value: f64| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        Picture { width, height, rgb: pixels.iter().flat_map(|pixel| pixel.map(byte)).collect() }
    }

    /// Signed values on a diverging scale: blue below zero, white at zero, orange above; `limit` is the
    /// magnitude of full colour.
    pub fn signed(width: usize, height: usize, values: &[f64], limit: f64) -> Self {
        const POSITIVE: [f64; 3] = [230.0, 97.0, 1.0];
        const NEGATIVE: [f64; 3] = [44.0, 90.0, 160.0];
        let limit = if limit > 0.0 { limit } else { 1.0 };
        Self::from_values(width, height, values, |value| {
            let t = (value / limit).clamp(-1.0, 1.0);
            let end = if t < 0.0 { NEGATIVE } else { POSITIVE };
            end.map(|channel| (255.0 + (channel - 255.0) * t.abs()).round() as u8)
        })
    }

    fn from_values(width: usize, height: usize, values: &[f64], color: impl Fn(f64) -> [u8; 3]) -> Self {
        assert_eq!(values.len(), width * height, "one value a pixel");
        Picture { width, height, rgb: values.iter().flat_map(|&value| color(value)).collect() }
    }

    /// Pictures of one size in rows of `columns`, with a gap of `gap` white pixels.
    pub fn sheet(pictures: &[Picture], columns: usize, gap: usize) -> Self {
        let (width, height) = pictures.first().map_or((1, 1), |first| (first.width, first.height));
        let columns = columns.clamp(1, pictures.len().max(1));
        let rows = pictures.len().div_ceil(columns).max(1);
        let full_width = columns * (width + gap) - gap;
        let full_height = rows * (height + gap) - gap;
        let mut sheet =
            Picture { width: full_width, height: full_height, rgb: vec![255; 3 * full_width * full_height] };
        for (index, picture) in pictures.iter().enumerate() {
            assert_eq!((picture.width, picture.height), (width, height), "a sheet has pictures of one size");
            let (left, top) = ((index % columns) * (width + gap), (index / columns) * (height + gap));
            for row in 0..height {
                let to = 3 * ((top + row) * full_width + left);
                let from = 3 * row * width;
                sheet.rgb[to..to + 3 * width].copy_from_slice(&picture.rgb[from..from + 3 * width]);
            }
        }
        sheet
    }

    /// The picture with pixels as squares, so large that its longer side is about `side` pixels.
    #[must_use]
    pub fn enlarged_to(&self, side: usize) -> Self {
        self.enlarged((side / self.width.max(self.height)).clamp(1, 8))
    }

    /// Every pixel as a square of `factor` pixels.
    #[must_use]
    pub fn enlarged(&self, factor: usize) -> Self {
        let (width, height) = (self.width * factor, self.height * factor);
        let mut rgb = Vec::with_capacity(3 * width * height);
        for row in 0..height {
            for column in 0..width {
                let from = 3 * ((row / factor) * self.width + column / factor);
                rgb.extend_from_slice(&self.rgb[from..from + 3]);
            }
        }
        Picture { width, height, rgb }
    }

    /// The width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The PNG file.
    pub fn png(&self) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        let grey = self.rgb.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
        encoder.set_color(if grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
        encoder.set_depth(png::BitDepth::Eight);
        let data: Vec<u8> =
            if grey { self.rgb.iter().step_by(3).copied().collect() } else { self.rgb.clone() };
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&data));
        written.expect("writing a picture of at least one pixel to memory does not fail");
        bytes.into_inner()
    }

    /// The PNG file as a `data:` URI.
    pub fn data_uri(&self) -> String {
        let encoded = base64::engine::general_purpose::STANDARD.encode(self.png());
        format!("data:image/png;base64,{encoded}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut reader = png::Decoder::new(Cursor::new(png)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        buffer.truncate(info.buffer_size());
        (info.width, info.height, buffer)
    }

    #[test]
    fn a_grey_png_reads_back_as_it_was_drawn() {
        let picture = Picture::grey(2, 2, &[0.0, 0.5, 1.0, 7.0]);
        assert_eq!(decode(&picture.png()), (2, 2, vec![0, 128, 255, 255]));
    }

    #[test]
    fn signed_values_are_white_at_zero_and_coloured_by_sign() {
        let picture = Picture::signed(3, 1, &[-1.0, 0.0, 1.0], 1.0);
        assert_eq!(decode(&picture.png()).2, [44, 90, 160, 255, 255, 255, 230, 97, 1]);
    }

    #[test]
    fn a_sheet_places_pictures_row_by_row() {
        let dark = Picture::grey(1, 1, &[0.0]);
        let sheet = Picture::sheet(&[dark.clone(), dark.clone(), dark], 2, 1);
        assert_eq!((sheet.width(), sheet.height()), (3, 3));
        assert_eq!(decode(&sheet.png()).2, [0, 255, 0, 255, 255, 255, 0, 255, 255]);
        assert_eq!(decode(&sheet.enlarged(2).png()).0, 6);
    }
}
