//! npy, numpy's format for one array: versions 1 to 3, C and Fortran order, either byte order.
//!
//! Layout (NEP 1): `93 'NUMPY' MAJOR MINOR`, the header's length (u16 in version 1, u32 after), the
//! header as a Python dictionary, the values.

use std::io::{Read, Write};
use std::path::Path;

use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt};

use crate::array::{
    Array, ByteOrder, Content, Element, Values, checked_count, expect_end, read_exactly, read_values,
};
use crate::files;
use crate::npy_header::{Header, parse_header};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Headers longer than this are refused; numpy itself refuses beyond 10 000 bytes by default.
const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Reads an array from the bytes of an npy file.
pub fn parse(bytes: &[u8]) -> Result<Array> {
    read_from(&mut &*bytes, Content::Exactly(bytes.len() as u64))
}

/// Reads an npy file.
pub fn read(path: &Path) -> Result<Array> {
    let (mut reader, length) = files::open(path)?;
    read_from(&mut reader, Content::Exactly(length)).at(|| Place::file(path))
}

pub(crate) fn read_from(reader: &mut dyn Read, content: Content) -> Result<Array> {
    let mut start = [0; 8];
    read_exactly(reader, &mut start, "npy header").hint(|| "npy files are written by numpy.save")?;
    let (magic, version) = start.split_at(6);
    if magic != MAGIC {
        return Err(Error::input("does not begin with the magic bytes of an npy file")
            .hint("npy files are written by numpy.save; several arrays in one file are .npz"));
    }
    let length_bytes = match version[0] {
        1 => 2,
        2 | 3 => 4,
        major => {
            return Err(Error::unsupported(format!("npy version {major} is not known"))
                .hint("versions 1 to 3 are; write the file again with numpy.save"));
        }
    };
    let mut length = [0; 4];
    read_exactly(reader, &mut length[..length_bytes], "npy header")?;
    let length = u64::from(u32::from_le_bytes(length));
    let content = content.after(8 + length_bytes as u64);
    if length > content.at_most() {
        return Err(
            Error::input("the file ends within its npy header").hint("the file is truncated; write it again")
        );
    }
    if length > MAX_HEADER_BYTES {
        return Err(Error::input(format!("an npy header of {length} bytes is refused"))
            .hint("the header of an ordinary array has about 118 bytes; the file is damaged"));
    }
    let mut header = vec![0; length as usize];
    read_exactly(reader, &mut header, "npy header")?;
    let Header { element, order, boolean, fortran, shape } = parse_header(&header)?;
    let content = content.after(length);
    let count = checked_count(&shape, element, content)?;
    let mut values = read_values(reader, element, order, count, content)?;
    expect_end(reader)?;
    if boolean
        && let Values::U8(bytes) = &values
        && let Some(bad) = bytes.iter().find(|&&byte| byte > 1)
    {
        return Err(Error::input(format!("a boolean is stored as {bad}, neither 0 nor 1")));
    }
    if fortran && shape.len() > 1 {
        values = values.reordered_from_fortran(&shape);
    }
    Array::new(shape, values)
}

/// Writes an array in version 1 (2 where the shape needs it), little endian, C order.
pub fn write(writer: &mut dyn Write, array: &Array) -> Result<()> {
    let mut bytes = header_bytes(array);
    array.values().extend_le_bytes(&mut bytes);
    writer.write_all(&bytes).map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
}

fn header_bytes(array: &Array) -> Vec<u8> {
    let element = array.values().element();
    let descr = match element {
        Element::U8 => "|u1",
        Element::I8 => "|i1",
        Element::U16 => "<u2",
        Element::I16 => "<i2",
        Element::U32 => "<u4",
        Element::I32 => "<i4",
        Element::U64 => "<u8",
        Element::I64 => "<i8",
        Element::F32 => "<f4",
        Element::F64 => "<f8",
    };
    let shape = match array.shape() {
        // A tuple of one element needs its comma.
        [length] => format!("({length},)"),
        lengths => format!("({})", lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let long = header.len() + 64 > usize::from(u16::MAX);
    let prefix = if long { 12 } else { 10 };
    // The values start at a multiple of 64 bytes, after a line end, so that they can be mapped.
    let padding = (prefix + header.len() + 1).next_multiple_of(64) - (prefix + header.len() + 1);
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[if long { 2 } else { 1 }, 0]);
    if long {
        bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    } else {
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    }
    bytes.extend_from_slice(header.as_bytes());
    bytes
}

pub(crate) fn element_of(descr: &str) -> Result<(Element, ByteOrder, bool)> {
    let unsupported = || {
        Error::unsupported(format!("arrays of numpy type `{}` are not read", descr.escape_debug())).hint(
            "float32, float64, bool and the integers of 8 to 64 bits are: convert with .astype(numpy.float64)",
        )
    };
    let (order, code) = match descr.split_at_checked(1).ok_or_else(unsupported)? {
        ("<" | "|" | "=", code) => (ByteOrder::Little, code),
        (">", code) => (ByteOrder::Big, code),
        _ => return Err(unsupported()),
    };
    let element = match code {
        "b1" => return Ok((Element::U8, order, true)),
        "u1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return Err(unsupported()),
    };
    Ok((element, order, false))
}
