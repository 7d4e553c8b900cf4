//! idx, the format of MNIST: raw or gzipped, told apart by their first bytes.
//!
//! Layout (Y. LeCun): `00 00 TYPE RANK`, then RANK lengths as big-endian u32, then the values, big
//! endian, last index fastest. TYPE is 08 u8, 09 i8, 0B i16, 0C i32, 0D f32, 0E f64.

use std::io::{Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt};

use crate::array::{
    Array, ByteOrder, Content, Element, checked_count, decompressed_at_most, expect_end, read_exactly,
    read_values,
};
use crate::files;

const TYPES: [(u8, Element); 6] = [
    (0x08, Element::U8),
    (0x09, Element::I8),
    (0x0B, Element::I16),
    (0x0C, Element::I32),
    (0x0D, Element::F32),
    (0x0E, Element::F64),
];

const NOT_IDX: &str = "idx files are MNIST's format: raw, or compressed by gzip";

/// Reads an idx array from the bytes of a raw or gzipped file.
pub fn parse(bytes: &[u8]) -> Result<Array> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        let content = Content::AtMost(decompressed_at_most(bytes.len() as u64));
        return parse_raw(&mut MultiGzDecoder::new(bytes), content);
    }
    parse_raw(&mut &*bytes, Content::Exactly(bytes.len() as u64))
}

/// Reads an idx file, raw or gzipped.
pub fn read(path: &Path) -> Result<Array> {
    let (mut reader, length) = files::open(path)?;
    let start = std::io::BufRead::fill_buf(&mut reader).map_err(|error| Error::io(path, &error))?;
    if start.starts_with(&[0x1F, 0x8B]) {
        let content = Content::AtMost(decompressed_at_most(length));
        parse_raw(&mut MultiGzDecoder::new(reader), content)
    } else {
        parse_raw(&mut reader, Content::Exactly(length))
    }
    .at(|| Place::file(path))
}

fn parse_raw(reader: &mut dyn Read, content: Content) -> Result<Array> {
    let mut magic = [0; 4];
    read_exactly(reader, &mut magic, "idx header").hint(|| NOT_IDX)?;
    let [0, 0, code, rank] = magic else {
        return Err(Error::input("does not begin with the two zero bytes of an idx file").hint(NOT_IDX));
    };
    let Some(&(_, element)) = TYPES.iter().find(|&&(known, _)| known == code) else {
        return Err(Error::input(format!("idx has no element type 0x{code:02X}"))
            .at(Place::Byte(2))
            .hint("the types are 08 u8, 09 i8, 0B i16, 0C i32, 0D f32, 0E f64"));
    };
    let mut shape = Vec::with_capacity(rank as usize);
    for _ in 0..rank {
        let mut length = [0; 4];
        read_exactly(reader, &mut length, "idx header")?;
        shape.push(u32::from_be_bytes(length) as usize);
    }
    let content = content.after(4 + 4 * u64::from(rank));
    let count = checked_count(&shape, element, content)?;
    let values = read_values(reader, element, ByteOrder::Big, count, content)?;
    expect_end(reader)?;
    Array::new(shape, values)
}

/// Writes an idx array, gzipped if `gzip`. Unsigned 16-, 32- and all 64-bit integers do not exist in
/// idx; more than 255 axes or 2³²−1 elements along one neither.
pub fn write(writer: &mut dyn Write, array: &Array, gzip: bool) -> Result<()> {
    let element = array.values().element();
    let Some(&(code, _)) = TYPES.iter().find(|&&(_, known)| known == element) else {
        return Err(Error::unsupported(format!("idx has no element type {}", element.name()))
            .hint("write .npy, or convert to float64 first"));
    };
    let rank = u8::try_from(array.shape().len())
        .map_err(|_| Error::unsupported("idx holds at most 255 axes").hint("write .npy"))?;
    let mut bytes = vec![0, 0, code, rank];
    for &length in array.shape() {
        let length = u32::try_from(length).map_err(|_| {
            Error::unsupported("idx holds at most 2^32 - 1 elements along an axis").hint("write .npy")
        })?;
        bytes.extend_from_slice(&length.to_be_bytes());
    }
    array.values().extend_be_bytes(&mut bytes);
    let written = if gzip {
        let mut encoder = GzEncoder::new(writer, flate2::Compression::default());
        encoder.write_all(&bytes).and_then(|()| encoder.finish().map(drop))
    } else {
        writer.write_all(&bytes)
    };
    written.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}
