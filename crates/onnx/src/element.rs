//! The element types of ONNX: their numbers, their names and their sizes.

use std::fmt;

use crate::{ElementType, TensorData};

impl ElementType {
    /// The type of a number of `TensorProto.DataType`.
    pub fn from_number(number: i32) -> Self {
        match number {
            1 => ElementType::F32,
            2 => ElementType::U8,
            3 => ElementType::I8,
            4 => ElementType::U16,
            5 => ElementType::I16,
            6 => ElementType::I32,
            7 => ElementType::I64,
            8 => ElementType::String,
            9 => ElementType::Bool,
            10 => ElementType::F16,
            11 => ElementType::F64,
            12 => ElementType::U32,
            13 => ElementType::U64,
            16 => ElementType::BF16,
            other => ElementType::Other(other),
        }
    }

    /// Its number in `TensorProto.DataType`.
    pub fn number(self) -> i32 {
        match self {
            ElementType::F32 => 1,
            ElementType::U8 => 2,
            ElementType::I8 => 3,
            ElementType::U16 => 4,
            ElementType::I16 => 5,
            ElementType::I32 => 6,
            ElementType::I64 => 7,
            ElementType::String => 8,
            ElementType::Bool => 9,
            ElementType::F16 => 10,
            ElementType::F64 => 11,
            ElementType::U32 => 12,
            ElementType::U64 => 13,
            ElementType::BF16 => 16,
            ElementType::Other(number) => number,
        }
    }

    /// Whether the type is an integer (booleans are not).
    pub fn is_integer(self) -> bool {
        use ElementType::{I8, I16, I32, I64, U8, U16, U32, U64};
        matches!(self, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
    }

    /// Whether the type is a floating-point number.
    pub fn is_float(self) -> bool {
        matches!(self, ElementType::F32 | ElementType::F64 | ElementType::F16 | ElementType::BF16)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElementType::F32 => "float32",
            ElementType::F64 => "float64",
            ElementType::F16 => "float16",
            ElementType::BF16 => "bfloat16",
            ElementType::I8 => "int8",
            ElementType::I16 => "int16",
            ElementType::I32 => "int32",
            ElementType::I64 => "int64",
            ElementType::U8 => "uint8",
            ElementType::U16 => "uint16",
            ElementType::U32 => "uint32",
            ElementType::U64 => "uint64",
            ElementType::Bool => "bool",
            ElementType::String => "string",
            ElementType::Other(14) => "complex64",
            ElementType::Other(15) => "complex128",
            ElementType::Other(17) => "float8e4m3fn",
            ElementType::Other(18) => "float8e4m3fnuz",
            ElementType::Other(19) => "float8e5m2",
            ElementType::Other(20) => "float8e5m2fnuz",
            ElementType::Other(21) => "uint4",
            ElementType::Other(22) => "int4",
            ElementType::Other(23) => "float4e2m1",
            ElementType::Other(24) => "float8e8m0",
            ElementType::Other(25) => "uint2",
            ElementType::Other(26) => "int2",
            ElementType::Other(27) => "float6e2m3",
            ElementType::Other(28) => "float6e3m2",
            ElementType::Other(number) => return write!(f, "element type {number}"),
        })
    }
}

impl TensorData {
    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        match self {
            TensorData::F32(_) => ElementType::F32,
            TensorData::F64(_) => ElementType::F64,
            TensorData::F16(_) => ElementType::F16,
            TensorData::BF16(_) => ElementType::BF16,
            TensorData::I8(_) => ElementType::I8,
            TensorData::I16(_) => ElementType::I16,
            TensorData::I32(_) => ElementType::I32,
            TensorData::I64(_) => ElementType::I64,
            TensorData::U8(_) => ElementType::U8,
            TensorData::U16(_) => ElementType::U16,
            TensorData::U32(_) => ElementType::U32,
            TensorData::U64(_) => ElementType::U64,
            TensorData::Bool(_) => ElementType::Bool,
            TensorData::Strings(_) => ElementType::String,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            TensorData::F32(values) => values.len(),
            TensorData::F64(values) => values.len(),
            TensorData::F16(values) => values.len(),
            TensorData::BF16(values) => values.len(),
            TensorData::I8(values) => values.len(),
            TensorData::I16(values) => values.len(),
            TensorData::I32(values) => values.len(),
            TensorData::I64(values) => values.len(),
            TensorData::U8(values) => values.len(),
            TensorData::U16(values) => values.len(),
            TensorData::U32(values) => values.len(),
            TensorData::U64(values) => values.len(),
            TensorData::Bool(values) => values.len(),
            TensorData::Strings(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The position and value of the first NaN or infinity.
    pub(crate) fn first_not_finite(&self) -> Option<(usize, f64)> {
        fn find<T: Copy>(values: &[T], widen: impl Fn(T) -> f64) -> Option<(usize, f64)> {
            let at = values.iter().position(|&value| !widen(value).is_finite())?;
            Some((at, widen(values[at])))
        }
        match self {
            TensorData::F32(values) => find(values, f64::from),
            TensorData::F64(values) => find(values, |value| value),
            TensorData::F16(values) => find(values, f64::from),
            TensorData::BF16(values) => find(values, f64::from),
            _ => None,
        }
    }
}
