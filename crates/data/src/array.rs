//! A dense array as a file stores it: a shape, an element type, values in C order.

use std::io::Read;

use netinverse_base::{Error, Place, Result};

/// The largest array that is read from a compressed file, in bytes after decompression.
///
/// An uncompressed file needs no such limit: what its header promises is checked against its length
/// before anything is allocated. A compressed one is first checked against the most that deflate can
/// make of its bytes ([`DEFLATE_MAX_RATIO`]), then against this.
pub const MAX_DECOMPRESSED_BYTES: u64 = 4 << 30;

/// The most bytes that one byte of a deflate stream can stand for (RFC 1951: 258 bytes from two bits).
pub const DEFLATE_MAX_RATIO: u64 = 1032;

/// The most that `compressed` bytes can decompress to, within [`MAX_DECOMPRESSED_BYTES`].
pub(crate) fn decompressed_at_most(compressed: u64) -> u64 {
    compressed.saturating_mul(DEFLATE_MAX_RATIO).min(MAX_DECOMPRESSED_BYTES)
}

/// How many bytes of content a reader can deliver.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    /// Exactly this many: room for what a header promises within it may be reserved at once.
    Exactly(u64),
    /// At most this many (a compressed stream): room grows with what really arrives.
    AtMost(u64),
}

impl Content {
    pub(crate) fn at_most(self) -> u64 {
        match self {
            Content::Exactly(bytes) | Content::AtMost(bytes) => bytes,
        }
    }

    /// What is left after `read` bytes.
    pub(crate) fn after(self, read: u64) -> Self {
        match self {
            Content::Exactly(bytes) => Content::Exactly(bytes.saturating_sub(read)),
            Content::AtMost(bytes) => Content::AtMost(bytes.saturating_sub(read)),
        }
    }
}

/// The order of the bytes of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

macro_rules! elements {
    ($($variant:ident, $type:ty, $name:literal;)*) => {
        /// The type of an array's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Element {
            $(#[doc = concat!("`", stringify!($type), "`")] $variant,)*
        }

        /// The values of an array, of one type, in C order (the last index runs fastest).
        #[derive(Debug, Clone, PartialEq)]
        pub enum Values {
            $(#[doc = concat!("`", stringify!($type), "`")] $variant(Vec<$type>),)*
        }

        impl Element {
            /// Every element type.
            pub const ALL: &'static [Element] = &[$(Element::$variant),*];

            /// The size of one element in bytes.
            pub fn size(self) -> usize {
                match self { $(Element::$variant => size_of::<$type>(),)* }
            }

            /// The name of the type as numpy spells it.
            pub fn name(self) -> &'static str {
                match self { $(Element::$variant => $name,)* }
            }
        }

        impl Values {
            /// The type of the values.
            pub fn element(&self) -> Element {
                match self { $(Values::$variant(_) => Element::$variant,)* }
            }

            /// How many values there are.
            pub fn len(&self) -> usize {
                match self { $(Values::$variant(values) => values.len(),)* }
            }

            /// Appends every value, little endian, to `bytes`.
            pub(crate) fn extend_le_bytes(&self, bytes: &mut Vec<u8>) {
                bytes.reserve(self.len() * self.element().size());
                match self {
                    $(Values::$variant(values) => {
                        for value in values {
                            bytes.extend_from_slice(&value.to_le_bytes());
                        }
                    })*
                }
            }

            /// Appends every value, big endian, to `bytes`.
            pub(crate) fn extend_be_bytes(&self, bytes: &mut Vec<u8>) {
                bytes.reserve(self.len() * self.element().size());
                match self {
                    $(Values::$variant(values) => {
                        for value in values {
                            bytes.extend_from_slice(&value.to_be_bytes());
                        }
                    })*
                }
            }

            /// The values from Fortran order (first index fastest) in C order.
            pub(crate) fn reordered_from_fortran(self, shape: &[usize]) -> Self {
                match self { $(Values::$variant(values) => Values::$variant(transpose(&values, shape)),)* }
            }
        }

        /// Reads `count` values; `content` bounds what the reader can deliver and has been checked
        /// against `count`. A reader that ends early is an error that says how many values it held.
        pub(crate) fn read_values(
            reader: &mut dyn Read, element: Element, order: ByteOrder, count: usize, content: Content,
        ) -> Result<Values> {
            match element {
                $(Element::$variant => {
                    let decode = match order {
                        ByteOrder::Little => <$type>::from_le_bytes,
                        ByteOrder::Big => <$type>::from_be_bytes,
                    };
                    read_typed(reader, count, content, decode).map(Values::$variant)
                })*
            }
        }
    };
}

elements! {
    U8, u8, "uint8";
    I8, i8, "int8";
    U16, u16, "uint16";
    I16, i16, "int16";
    U32, u32, "uint32";
    I32, i32, "int32";
    U64, u64, "uint64";
    I64, i64, "int64";
    F32, f32, "float32";
    F64, f64, "float64";
}

impl Values {
    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of `range` as `f64`; an integer beyond 2⁵³ that `f64` cannot hold is an error.
    pub fn to_f64(&self, range: std::ops::Range<usize>) -> Result<Vec<f64>> {
        fn cast<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
            values.iter().map(|&value| value.into()).collect()
        }
        fn exact<T: Copy + TryFrom<i128> + std::fmt::Display>(
            values: &[T],
            to_f64: impl Fn(T) -> f64,
            to_wide: impl Fn(T) -> i128,
        ) -> Result<Vec<f64>> {
            values
                .iter()
                .map(|&value| {
                    let float = to_f64(value);
                    if float as i128 == to_wide(value) {
                        return Ok(float);
                    }
                    Err(Error::input(format!("the integer {value} has no exact 64-bit float"))
                        .hint("integers beyond 2^53 lose digits as numbers; rescale them first"))
                })
                .collect()
        }
        Ok(match self {
            Values::U8(values) => cast(&values[range]),
            Values::I8(values) => cast(&values[range]),
            Values::U16(values) => cast(&values[range]),
            Values::I16(values) => cast(&values[range]),
            Values::U32(values) => cast(&values[range]),
            Values::I32(values) => cast(&values[range]),
            Values::F32(values) => cast(&values[range]),
            Values::F64(values) => values[range].to_vec(),
            Values::U64(values) => exact(&values[range], |value| value as f64, i128::from)?,
            Values::I64(values) => exact(&values[range], |value| value as f64, i128::from)?,
        })
    }
}

/// A dense array: `values` has as many elements as the product of `shape` (1 for an empty shape).
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

impl Array {
    /// An array of the given shape; the number of values must be the shape's product.
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self> {
        if element_count(&shape) != Some(values.len()) {
            return Err(Error::input(format!("{} values do not fill the shape {shape:?}", values.len())));
        }
        Ok(Array { shape, values })
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values in C order.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values in C order, without the shape.
    pub fn into_values(self) -> Values {
        self.values
    }
}

/// The product of a shape, unless it overflows.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    // Where a length is 0 there are no elements, whatever the others multiply to.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length))
}

/// The number of elements that a header promises, checked against what its file can hold.
pub(crate) fn checked_count(shape: &[usize], element: Element, content: Content) -> Result<usize> {
    let bytes =
        element_count(shape).and_then(|count| count.checked_mul(element.size())).map(|bytes| bytes as u64);
    match bytes {
        Some(bytes) if bytes <= content.at_most() => Ok(bytes as usize / element.size()),
        _ => {
            let error = Error::input(format!(
                "the header promises {} values of {}, the file is too short for them",
                shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×"),
                element.name(),
            ));
            Err(if content.at_most() == MAX_DECOMPRESSED_BYTES {
                error.hint("compressed arrays are read up to 4 GiB; store larger ones uncompressed")
            } else {
                error.hint("the file is truncated or damaged; fetch or write it again")
            })
        }
    }
}

/// An error unless the reader is at its end.
pub(crate) fn expect_end(reader: &mut dyn Read) -> Result<()> {
    let mut byte = [0];
    loop {
        match reader.read(&mut byte) {
            Ok(0) => return Ok(()),
            Ok(_) => {
                return Err(Error::input("bytes follow the last value that the header promises")
                    .hint("the file is damaged, or its header is wrong"));
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_error(&error)),
        }
    }
}

/// Fills `buffer`, or says that the file ends within its `what`.
pub(crate) fn read_exactly(reader: &mut dyn Read, buffer: &mut [u8], what: &str) -> Result<()> {
    match fill(reader, buffer)? {
        read if read == buffer.len() => Ok(()),
        0 => Err(Error::input(format!("the file ends before its {what}"))),
        _ => Err(Error::input(format!("the file ends within its {what}"))),
    }
}

/// Reads until `buffer` is full or the reader ends; the number of bytes read.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // A compressed stream that ends within a block is a short file like any other.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(read_error(&error)),
        }
    }
    Ok(filled)
}

/// A failed read of content: damage in a compressed stream is bad input, the rest is I/O.
fn read_error(error: &std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::InvalidInput | Io::InvalidData | Io::UnexpectedEof => {
            Error::input(format!("the compressed data is damaged ({error})"))
                .hint("fetch or write the file again")
        }
        Io::IsADirectory => Error::new(netinverse_base::ErrorKind::Io, "is a directory, a file is expected"),
        _ => Error::new(netinverse_base::ErrorKind::Io, error.to_string()),
    }
}

fn read_typed<T: Copy, const N: usize>(
    reader: &mut dyn Read,
    count: usize,
    content: Content,
    decode: fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let mut values = match content {
        Content::Exactly(_) => Vec::with_capacity(count),
        Content::AtMost(_) => Vec::with_capacity(count.min(1 << 16)),
    };
    let mut buffer = [0; 1 << 14];
    while values.len() < count {
        let bytes = buffer.len().min((count - values.len()) * N);
        let read = fill(reader, &mut buffer[..bytes])?;
        values.extend(buffer[..read].as_chunks::<N>().0.iter().map(|&chunk| decode(chunk)));
        if read < bytes {
            return Err(Error::input(format!(
                "the header promises {count} values, the file ends after {}",
                values.len()
            ))
            .hint("the file is truncated; fetch or write it again"));
        }
    }
    Ok(values)
}

/// C-order values from Fortran-order ones.
fn transpose<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut index = vec![0; shape.len()];
    let mut offset = 0;
    let mut transposed = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        transposed.push(values[offset]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    transposed
}

/// Adds `name` as the place of an array's errors, unless it is empty.
pub(crate) fn in_tensor(error: Error, name: &str) -> Error {
    if name.is_empty() { error } else { error.at(Place::Tensor(name.escape_debug().to_string())) }
}
