//! Tensors: elements from raw bytes (little endian), from the typed fields, or from another file.

use half::{bf16, f16};
use netinverse_base::{Error, Place, Result, ResultExt as _};
use prost::bytes::Bytes;

use crate::external::External;
use crate::proto::{self, TensorProto};
use crate::{ElementType, Tensor, TensorData};

/// The tensor that a message holds, its external data read through `external`.
pub(crate) fn tensor(proto: TensorProto, external: &mut External<'_>) -> Result<Tensor> {
    let name = proto.name.clone().unwrap_or_default();
    tensor_unplaced(proto, external).at(|| Place::Tensor(name))
}

fn tensor_unplaced(mut proto: TensorProto, external: &mut External<'_>) -> Result<Tensor> {
    if proto.segment.is_some() {
        return Err(Error::unsupported("is one segment of a larger tensor, which is not read"));
    }
    let (dims, count) = sizes(&proto.dims)?;
    let element_type = match proto.data_type {
        None | Some(0) => return Err(Error::input("has no element type")),
        Some(number) => ElementType::from_number(number),
    };
    if let ElementType::Other(_) = element_type {
        let error = Error::unsupported(format!("elements of type {element_type} are not read"));
        return Err(error.hint("export the model in float32, without quantisation"));
    }
    if proto.data_location == Some(proto::EXTERNAL) {
        let Some(width) = width(element_type) else {
            return Err(Error::input("strings cannot be in another file"));
        };
        let bytes = (count as u64)
            .checked_mul(width as u64)
            .ok_or_else(|| Error::input(format!("{count} elements are too many")))?;
        proto.raw_data = Some(external.read(&proto.external_data, bytes)?);
    }
    let typed = proto.float_data.len()
        + proto.int32_data.len()
        + proto.string_data.len()
        + proto.int64_data.len()
        + proto.double_data.len()
        + proto.uint64_data.len();
    let data = match proto.raw_data.take() {
        Some(raw) if !raw.is_empty() && typed > 0 => {
            return Err(Error::input("has both raw and typed elements"));
        }
        // Writers that know no absent fields leave the raw bytes empty.
        Some(raw) if typed == 0 => from_raw(element_type, &raw, count)?,
        _ => from_typed(element_type, &mut proto, count, typed)?,
    };
    Ok(Tensor { name: proto.name.unwrap_or_default(), dims, data })
}

/// The sizes and their product. The product of those that are not 0 must be a count too, so that strides can
/// be computed without a check.
fn sizes(dims: &[i64]) -> Result<(Vec<usize>, usize)> {
    let mut sizes = Vec::with_capacity(dims.len());
    let mut product = 1usize;
    for &dim in dims {
        let size = usize::try_from(dim).map_err(|_| Error::input(format!("has the negative size {dim}")))?;
        product = product
            .checked_mul(size.max(1))
            .filter(|&product| isize::try_from(product).is_ok())
            .ok_or_else(|| Error::input("has more elements than memory can address"))?;
        sizes.push(size);
    }
    let count = if sizes.contains(&0) { 0 } else { product };
    Ok((sizes, count))
}

/// The bytes of an element in raw form; strings have none.
fn width(element_type: ElementType) -> Option<usize> {
    Some(match element_type {
        ElementType::I8 | ElementType::U8 | ElementType::Bool => 1,
        ElementType::F16 | ElementType::BF16 | ElementType::I16 | ElementType::U16 => 2,
        ElementType::F32 | ElementType::I32 | ElementType::U32 => 4,
        ElementType::F64 | ElementType::I64 | ElementType::U64 => 8,
        ElementType::String | ElementType::Other(_) => return None,
    })
}

fn from_raw(element_type: ElementType, raw: &Bytes, count: usize) -> Result<TensorData> {
    fn words<const N: usize, T>(raw: &[u8], word: impl Fn([u8; N]) -> T) -> Vec<T> {
        raw.as_chunks::<N>().0.iter().map(|&bytes| word(bytes)).collect()
    }
    let Some(width) = width(element_type) else {
        return if count == 0 && raw.is_empty() {
            Ok(TensorData::Strings(Vec::new()))
        } else {
            Err(Error::input("strings cannot be raw bytes"))
        };
    };
    if count.checked_mul(width) != Some(raw.len()) {
        let length = raw.len();
        return Err(Error::input(format!(
            "has {length} bytes, {count} elements of type {element_type} are expected"
        )));
    }
    Ok(match element_type {
        ElementType::F32 => TensorData::F32(words(raw, f32::from_le_bytes)),
        ElementType::F64 => TensorData::F64(words(raw, f64::from_le_bytes)),
        ElementType::F16 => TensorData::F16(words(raw, f16::from_le_bytes)),
        ElementType::BF16 => TensorData::BF16(words(raw, bf16::from_le_bytes)),
        ElementType::I8 => TensorData::I8(words(raw, i8::from_le_bytes)),
        ElementType::I16 => TensorData::I16(words(raw, i16::from_le_bytes)),
        ElementType::I32 => TensorData::I32(words(raw, i32::from_le_bytes)),
        ElementType::I64 => TensorData::I64(words(raw, i64::from_le_bytes)),
        ElementType::U8 => TensorData::U8(raw.to_vec()),
        ElementType::U16 => TensorData::U16(words(raw, u16::from_le_bytes)),
        ElementType::U32 => TensorData::U32(words(raw, u32::from_le_bytes)),
        ElementType::U64 => TensorData::U64(words(raw, u64::from_le_bytes)),
        ElementType::Bool => TensorData::Bool(narrow(raw, "bool", boolean)?),
        ElementType::String | ElementType::Other(_) => unreachable!("they have no width"),
    })
}

/// The elements of the typed field that the type uses (the comments of `TensorProto` in onnx.proto); the
/// other typed fields must be empty.
fn from_typed(
    element_type: ElementType,
    proto: &mut TensorProto,
    count: usize,
    typed: usize,
) -> Result<TensorData> {
    use std::mem::take;
    let int32 = &proto.int32_data;
    let data = match element_type {
        ElementType::F32 => TensorData::F32(take(&mut proto.float_data)),
        ElementType::F64 => TensorData::F64(take(&mut proto.double_data)),
        ElementType::F16 => {
            TensorData::F16(narrow(int32, "float16", |bits| u16::try_from(bits).ok().map(f16::from_bits))?)
        }
        ElementType::BF16 => {
            TensorData::BF16(narrow(int32, "bfloat16", |bits| u16::try_from(bits).ok().map(bf16::from_bits))?)
        }
        ElementType::I8 => TensorData::I8(narrow(int32, "int8", |value| i8::try_from(value).ok())?),
        ElementType::I16 => TensorData::I16(narrow(int32, "int16", |value| i16::try_from(value).ok())?),
        ElementType::I32 => TensorData::I32(take(&mut proto.int32_data)),
        ElementType::I64 => TensorData::I64(take(&mut proto.int64_data)),
        ElementType::U8 => TensorData::U8(narrow(int32, "uint8", |value| u8::try_from(value).ok())?),
        ElementType::U16 => TensorData::U16(narrow(int32, "uint16", |value| u16::try_from(value).ok())?),
        ElementType::U32 => {
            TensorData::U32(narrow(&proto.uint64_data, "uint32", |value| u32::try_from(value).ok())?)
        }
        ElementType::U64 => TensorData::U64(take(&mut proto.uint64_data)),
        ElementType::Bool => {
            TensorData::Bool(narrow(int32, "bool", |value| u8::try_from(value).ok().and_then(boolean))?)
        }
        ElementType::String => TensorData::Strings(take(&mut proto.string_data)),
        ElementType::Other(_) => unreachable!("refused before"),
    };
    let given = data.len();
    if given != typed {
        return Err(Error::input(format!("has elements in a field that {element_type} does not use")));
    }
    if given != count {
        return Err(Error::input(format!("has {given} elements, its sizes give {count}")));
    }
    Ok(data)
}

fn boolean(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// The values in the narrower type that they were stored for.
fn narrow<A, B>(values: &[A], to: &str, convert: impl Fn(A) -> Option<B>) -> Result<Vec<B>>
where
    A: Copy + std::fmt::Display,
{
    let mut narrowed = Vec::with_capacity(values.len());
    for (index, &value) in values.iter().enumerate() {
        narrowed.push(
            convert(value).ok_or_else(|| {
                Error::input(format!("element {index} is {value}, which {to} does not hold"))
            })?,
        );
    }
    Ok(narrowed)
}
