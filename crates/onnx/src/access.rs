//! What a reader of a model asks of its nodes and tensors: an attribute of the kind that it must have, the
//! numbers of a tensor exactly.

use netinverse_base::{Error, Place, Result};

use crate::{AttributeValue, ElementType, Node, Tensor, TensorData};

impl AttributeValue {
    /// The kind of the value, in words: "an integer".
    pub fn kind(&self) -> &'static str {
        match self {
            AttributeValue::Float(_) => "a float",
            AttributeValue::Int(_) => "an integer",
            AttributeValue::String(_) => "a string",
            AttributeValue::Tensor(_) => "a tensor",
            AttributeValue::Graph(_) => "a graph",
            AttributeValue::Floats(_) => "a list of floats",
            AttributeValue::Ints(_) => "a list of integers",
            AttributeValue::Strings(_) => "a list of strings",
            AttributeValue::Other(kind) => kind,
        }
    }
}

impl Node {
    /// The place of this node in a message.
    pub fn place(&self) -> Place {
        Place::node(self.label(), &self.op_type)
    }

    /// The integer attribute of that name; an error where it has another kind.
    pub fn attr_int(&self, name: &str) -> Result<Option<i64>> {
        self.attr(name, "an integer", |value| match value {
            AttributeValue::Int(value) => Some(*value),
            _ => None,
        })
    }

    /// The list of integers of that name; an error where it has another kind.
    pub fn attr_ints(&self, name: &str) -> Result<Option<&[i64]>> {
        self.attr(name, "a list of integers", |value| match value {
            AttributeValue::Ints(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    /// The float32 attribute of that name, as stored (NaN and infinities too); an error where it has another
    /// kind.
    pub fn attr_float(&self, name: &str) -> Result<Option<f32>> {
        self.attr(name, "a float", |value| match value {
            AttributeValue::Float(value) => Some(*value),
            _ => None,
        })
    }

    /// The list of floats of that name, as stored; an error where it has another kind.
    pub fn attr_floats(&self, name: &str) -> Result<Option<&[f32]>> {
        self.attr(name, "a list of floats", |value| match value {
            AttributeValue::Floats(values) => Some(values.as_slice()),
            _ => None,
        })
    }

    /// The string of that name; an error where it has another kind or is not UTF-8.
    pub fn attr_string(&self, name: &str) -> Result<Option<&str>> {
        let bytes = self.attr(name, "a string", |value| match value {
            AttributeValue::String(bytes) => Some(bytes),
            _ => None,
        })?;
        let text = bytes.map(|bytes| std::str::from_utf8(bytes)).transpose();
        text.map_err(|_| Error::input(format!("attribute `{name}` is not UTF-8 text")).at(self.place()))
    }

    /// The tensor of that name; an error where it has another kind.
    pub fn attr_tensor(&self, name: &str) -> Result<Option<&Tensor>> {
        self.attr(name, "a tensor", |value| match value {
            AttributeValue::Tensor(tensor) => Some(tensor),
            _ => None,
        })
    }

    fn attr<'n, T>(
        &'n self,
        name: &str,
        wanted: &str,
        get: impl FnOnce(&'n AttributeValue) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.attribute(name) else { return Ok(None) };
        get(value).map(Some).ok_or_else(|| {
            let kind = value.kind();
            Error::input(format!("attribute `{name}` is {kind}, {wanted} is expected")).at(self.place())
        })
    }
}

impl Tensor {
    /// The type of the elements.
    pub fn element_type(&self) -> ElementType {
        self.data.element_type()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements as integers; booleans become 0 and 1. An error for other types, and for a uint64 beyond
    /// the range of int64.
    pub fn to_i64(&self) -> Result<Vec<i64>> {
        fn widen<T: Copy + Into<i64>>(values: &[T]) -> Vec<i64> {
            values.iter().map(|&value| value.into()).collect()
        }
        Ok(match &self.data {
            TensorData::I8(values) => widen(values),
            TensorData::I16(values) => widen(values),
            TensorData::I32(values) => widen(values),
            TensorData::I64(values) => values.clone(),
            TensorData::U8(values) => widen(values),
            TensorData::U16(values) => widen(values),
            TensorData::U32(values) => widen(values),
            TensorData::U64(values) => {
                let exact = values.iter().map(|&value| i64::try_from(value));
                exact.collect::<Result<_, _>>().map_err(|_| self.wrong("has an element beyond 2^63 - 1"))?
            }
            TensorData::Bool(values) => widen(values),
            data => {
                return Err(self.wrong(&format!("holds {}, integers are expected", data.element_type())));
            }
        })
    }

    /// The elements in float64, exactly; booleans become 0 and 1. An error for strings, and for an integer
    /// that float64 cannot be trusted to hold (beyond ±2^53).
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        fn widen<T: Copy + Into<f64>>(values: &[T]) -> Vec<f64> {
            values.iter().map(|&value| value.into()).collect()
        }
        const EXACT: u64 = 1 << 53;
        let beyond = || self.wrong("has an integer beyond 2^53, which float64 does not hold exactly");
        Ok(match &self.data {
            TensorData::F32(values) => widen(values),
            TensorData::F64(values) => values.clone(),
            TensorData::F16(values) => widen(values),
            TensorData::BF16(values) => widen(values),
            TensorData::I8(values) => widen(values),
            TensorData::I16(values) => widen(values),
            TensorData::I32(values) => widen(values),
            TensorData::U8(values) => widen(values),
            TensorData::U16(values) => widen(values),
            TensorData::U32(values) => widen(values),
            TensorData::I64(values) if values.iter().any(|value| value.unsigned_abs() > EXACT) => {
                return Err(beyond());
            }
            TensorData::I64(values) => values.iter().map(|&value| value as f64).collect(),
            TensorData::U64(values) if values.iter().any(|&value| value > EXACT) => return Err(beyond()),
            TensorData::U64(values) => values.iter().map(|&value| value as f64).collect(),
            TensorData::Bool(values) => widen(values),
            TensorData::Strings(_) => return Err(self.wrong("holds strings, numbers are expected")),
        })
    }

    fn wrong(&self, message: &str) -> Error {
        Error::input(message).at(Place::Tensor(self.name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Attribute;

    #[test]
    fn attributes_have_their_kind() {
        let values = [
            ("int", AttributeValue::Int(-3)),
            ("ints", AttributeValue::Ints(vec![1, 2])),
            ("float", AttributeValue::Float(0.5)),
            ("floats", AttributeValue::Floats(vec![0.5])),
            ("string", AttributeValue::String(b"SAME_UPPER".to_vec())),
            ("bytes", AttributeValue::String(vec![0xFF])),
            ("tensor", AttributeValue::Tensor(Tensor::default())),
            ("type", AttributeValue::Other("a type")),
        ];
        let attributes =
            values.map(|(name, value)| Attribute { name: name.to_string(), value }).into_iter().collect();
        let node = Node { name: "x".into(), op_type: "Softmax".into(), attributes, ..Node::default() };
        assert_eq!(node.attr_int("int").unwrap(), Some(-3));
        assert_eq!(node.attr_ints("ints").unwrap(), Some(&[1, 2][..]));
        assert_eq!(node.attr_float("float").unwrap(), Some(0.5));
        assert_eq!(node.attr_floats("floats").unwrap(), Some(&[0.5][..]));
        assert_eq!(node.attr_string("string").unwrap(), Some("SAME_UPPER"));
        assert!(node.attr_tensor("tensor").unwrap().is_some());
        assert_eq!(node.attr_int("absent").unwrap(), None);
        for (result, message) in [
            (
                node.attr_int("string").map(|_| ()),
                "node `x` (Softmax): attribute `string` is a string, an integer is expected",
            ),
            (
                node.attr_ints("int").map(|_| ()),
                "node `x` (Softmax): attribute `int` is an integer, a list of integers is expected",
            ),
            (
                node.attr_float("ints").map(|_| ()),
                "node `x` (Softmax): attribute `ints` is a list of integers, a float is expected",
            ),
            (
                node.attr_floats("type").map(|_| ()),
                "node `x` (Softmax): attribute `type` is a type, a list of floats is expected",
            ),
            (
                node.attr_string("bytes").map(|_| ()),
                "node `x` (Softmax): attribute `bytes` is not UTF-8 text",
            ),
            (
                node.attr_tensor("float").map(|_| ()),
                "node `x` (Softmax): attribute `float` is a float, a tensor is expected",
            ),
        ] {
            assert_eq!(result.unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        let tensor = |data| Tensor { name: "w".into(), dims: vec![], data };
        let exact = 1i64 << 53;
        assert_eq!(
            tensor(TensorData::I64(vec![-exact, exact])).to_f64().unwrap(),
            [-9_007_199_254_740_992.0, 9_007_199_254_740_992.0]
        );
        assert_eq!(tensor(TensorData::Bool(vec![true, false])).to_i64().unwrap(), [1, 0]);
        assert_eq!(tensor(TensorData::F16(vec![half::f16::from_f32(0.5)])).to_f64().unwrap(), [0.5]);
        assert_eq!(tensor(TensorData::U8(vec![255])).to_i64().unwrap(), [255]);
        let errors = [
            tensor(TensorData::I64(vec![i64::MIN])).to_f64().map(|_| ()),
            tensor(TensorData::I64(vec![exact + 1])).to_f64().map(|_| ()),
            tensor(TensorData::U64(vec![1 << 54])).to_f64().map(|_| ()),
            tensor(TensorData::Strings(vec![])).to_f64().map(|_| ()),
            tensor(TensorData::U64(vec![1 << 63])).to_i64().map(|_| ()),
            tensor(TensorData::F32(vec![1.0])).to_i64().map(|_| ()),
        ];
        for error in errors {
            assert!(error.unwrap_err().to_string().starts_with("tensor `w`: "));
        }
    }
}
