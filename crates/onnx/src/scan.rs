//! A walk over the bytes of a model before they are decoded, so that decoding them is cheap to refuse.
//!
//! Two bytes can encode an empty message that takes a hundred and more in memory. A model that says something
//! spends its bytes on names and numbers: the structs that it decodes to take a few times its length.
//! [`check`] adds up the sizes of the structs without building any, and refuses a file in which they exceed
//! [`RATIO`] times its length plus [`ALLOWANCE`]; what remains (text, packed integers) takes at most eight
//! times its length, and tensors' bytes are not copied. (A vector may have reserved up to four times what it
//! holds.) Real models are far below: a network of some layers needs less than the allowance.

use std::mem::size_of;

use netinverse_base::{Error, Place, Result};

use crate::proto::{
    AttributeProto, DimensionProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    SparseTensorProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};

/// How many bytes of structs a byte of the file may decode to.
const RATIO: usize = 24;
/// How many bytes of structs any file may decode to.
const ALLOWANCE: usize = 16 << 20;
/// How deep messages may nest; a graph within a node of a graph takes three levels. Below prost's own 100.
const DEPTH: usize = 90;

/// The messages that can contain others or repeat.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Value,
    Type,
    TensorType,
    Shape,
    Dimension,
    Pair,
    Opset,
    Function,
    /// Not a message: a repeated string or byte string.
    Text,
}

impl Kind {
    /// What the length-delimited field `tag` of this message holds, if it is worth counting.
    fn field(self, tag: u64) -> Option<Kind> {
        Some(match (self, tag) {
            (Kind::Model, 7) | (Kind::Attribute, 6) => Kind::Graph,
            (Kind::Model, 8) => Kind::Opset,
            (Kind::Model, 14) | (Kind::Tensor, 13) => Kind::Pair,
            (Kind::Model, 25) => Kind::Function,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Graph | Kind::Attribute, 5) => Kind::Tensor,
            (Kind::Graph, 15) => Kind::Sparse,
            (Kind::Graph, 11..=13) => Kind::Value,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Value, 2) => Kind::Type,
            (Kind::Type, 1) => Kind::TensorType,
            (Kind::TensorType, 2) => Kind::Shape,
            (Kind::Shape, 1) => Kind::Dimension,
            (Kind::Node, 1 | 2) | (Kind::Attribute, 9) | (Kind::Tensor, 6) => Kind::Text,
            _ => return None,
        })
    }

    /// The size of the struct that it decodes to.
    fn size(self) -> usize {
        match self {
            Kind::Model => size_of::<ModelProto>(),
            Kind::Graph => size_of::<GraphProto>(),
            Kind::Node => size_of::<NodeProto>(),
            Kind::Attribute => size_of::<AttributeProto>(),
            Kind::Tensor => size_of::<TensorProto>(),
            Kind::Sparse => size_of::<SparseTensorProto>(),
            Kind::Value => size_of::<ValueInfoProto>(),
            Kind::Type => size_of::<TypeProto>(),
            Kind::TensorType => size_of::<TensorTypeProto>(),
            Kind::Shape => size_of::<TensorShapeProto>(),
            Kind::Dimension => size_of::<DimensionProto>(),
            Kind::Pair => size_of::<StringStringEntryProto>(),
            Kind::Opset => size_of::<OperatorSetIdProto>(),
            Kind::Function => size_of::<FunctionProto>(),
            Kind::Text => size_of::<String>(),
        }
    }
}

/// Refuses bytes that are not a protobuf message, nest too deeply, or would take far more memory than their
/// length to decode.
pub(crate) fn check(bytes: &[u8]) -> Result<()> {
    let limit = bytes.len().saturating_mul(RATIO).saturating_add(ALLOWANCE);
    let mut scan = Scan { bytes, at: 0, left: limit };
    scan.message(Kind::Model, bytes.len(), 0)
}

struct Scan<'b> {
    bytes: &'b [u8],
    at: usize,
    /// How many bytes of structs are still allowed.
    left: usize,
}

impl Scan<'_> {
    fn message(&mut self, kind: Kind, end: usize, depth: usize) -> Result<()> {
        if depth > DEPTH {
            return Err(self.wrong("messages nest too deeply"));
        }
        while self.at < end {
            let key = self.varint(end)?;
            match key & 7 {
                0 => {
                    self.varint(end)?;
                }
                1 => self.skip(8, end)?,
                5 => self.skip(4, end)?,
                2 => {
                    let length = self.varint(end)?;
                    let field = kind.field(key >> 3);
                    match field {
                        Some(Kind::Text) | None => self.skip(length, end)?,
                        Some(inner) => {
                            let inner_end = self.end_of(length, end)?;
                            self.message(inner, inner_end, depth + 1)?;
                        }
                    }
                    let size = field.map_or(0, Kind::size);
                    self.left = self.left.checked_sub(size).ok_or_else(|| {
                        Error::input("the file would take far more memory than its length to decode")
                            .hint("the file is damaged, or was made to exhaust the memory of its readers")
                    })?;
                }
                _ => return Err(self.wrong("this is not a protobuf field")),
            }
        }
        Ok(())
    }

    fn varint(&mut self, end: usize) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            if self.at >= end {
                return Err(self.wrong("the message ends within a number"));
            }
            let byte = self.bytes[self.at];
            self.at += 1;
            if shift < 64 {
                value |= u64::from(byte & 0x7F) << shift;
            }
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number has more than ten bytes"))
    }

    /// Where `length` bytes from here end, which must be before `end`.
    fn end_of(&self, length: u64, end: usize) -> Result<usize> {
        usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .filter(|&inner| inner <= end)
            .ok_or_else(|| self.wrong("a field is longer than what holds it"))
    }

    fn skip(&mut self, length: u64, end: usize) -> Result<()> {
        self.at = self.end_of(length, end)?;
        Ok(())
    }

    fn wrong(&self, message: &str) -> Error {
        Error::input(message).at(Place::Byte(self.at as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn field(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag << 3 | 2];
        let mut length = body.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn structs_without_content_are_refused() {
        // Empty nodes, attributes and tensors by the hundred thousand.
        let many = |tag: u8| [tag << 3 | 2, 0].repeat(400_000);
        for bytes in [field(7, &many(1)), field(7, &field(1, &many(5))), field(7, &many(5))] {
            let error = check(&bytes).unwrap_err();
            assert!(error.to_string().contains("more memory than its length"), "{error}");
        }
        // Empty strings take twelve bytes a byte, which is not worth refusing.
        check(&field(7, &field(1, &many(1)))).unwrap();
        // A few empty nodes are not worth refusing either.
        check(&field(7, &[10, 0].repeat(1000))).unwrap();
    }

    #[test]
    fn nesting_ends() {
        let nest = |levels: usize| {
            let mut graph = Vec::new();
            for _ in 0..levels {
                graph = field(1, &field(5, &field(6, &graph)));
            }
            field(7, &graph)
        };
        check(&nest(20)).unwrap();
        // A depth that would overflow the stack of a reader without a limit.
        assert!(check(&nest(3000)).unwrap_err().to_string().contains("too deeply"));
    }

    #[test]
    fn lengths_are_within_what_holds_them() {
        for (bytes, message) in [
            (&[0x3A, 5, 1][..], "longer than what holds it"),
            (&[0x3A, 3, 0x0A, 4, 0], "longer than what holds it"),
            (&[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], "longer than what holds it"),
            (&[0x08, 0x80], "ends within a number"),
            (&[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], "more than ten bytes"),
            (&[0x0B], "not a protobuf field"),
        ] {
            let error = check(bytes).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
