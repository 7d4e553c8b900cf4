//! Models to bytes and files.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as Io, Write as _};
use std::path::{Path, PathBuf};

use netinverse_base::{Error, Place, Result};
use prost::Message as _;

use crate::proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, kind,
};
use crate::read::MAX_BYTES;
use crate::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, Tensor, TensorData, ValueInfo,
};

impl Model {
    /// The bytes of the file. [`Model::parse`] gives the same model back, if it is one that [`Model::read`]
    /// could have returned.
    ///
    /// An [`AttributeValue::Other`] has its kind written without a value; [`Model::write`] refuses it.
    pub fn to_bytes(&self) -> Vec<u8> {
        proto(self).encode_to_vec()
    }

    /// Writes the file: under a temporary name in the same folder, renamed when complete.
    ///
    /// # Errors
    /// A file of more than 2 GiB (protobuf has no longer ones), a tensor whose elements are not as many as its
    /// sizes say, an [`AttributeValue::Other`], and whatever the system refuses.
    pub fn write(&self, path: &Path) -> Result<()> {
        check(&self.graph).map_err(|error| error.at(Place::file(path)))?;
        let proto = proto(self);
        let length = proto.encoded_len() as u64;
        if length > MAX_BYTES {
            return Err(Error::unsupported(format!(
                "the model takes {length} bytes, an ONNX file at most 2 GiB"
            ))
            .at(Place::file(path))
            .hint("weights in an external file are read, but not written"));
        }
        replace(path, &proto.encode_to_vec())
    }
}

/// Writes beside the file, then renames: the file is whole or untouched.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |error: std::io::Error| Error::io(path, &error);
    let (temporary, mut file) = beside(path).map_err(io)?;
    let written = file.write_all(bytes).and_then(|()| {
        drop(file);
        fs::rename(&temporary, path)
    });
    written.map_err(|error| {
        // The error that is reported is the first one.
        let _ = fs::remove_file(&temporary);
        io(error)
    })
}

/// A new file in the folder of `path`.
fn beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or_else(|| std::io::Error::new(Io::IsADirectory, "no file name"))?;
    for number in 0.. {
        let mut temporary = name.to_os_string();
        temporary.push(format!(".{}-{number}.part", std::process::id()));
        let temporary = path.with_file_name(temporary);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == Io::AlreadyExists && number < 1000 => {}
            opened => return opened.map(|file| (temporary, file)),
        }
    }
    unreachable!("the loop returns")
}

fn check(graph: &Graph) -> Result<()> {
    graph.initializers.iter().try_for_each(check_tensor)?;
    for node in &graph.nodes {
        for Attribute { name, value } in &node.attributes {
            let checked = match value {
                AttributeValue::Tensor(tensor) => check_tensor(tensor),
                AttributeValue::Graph(graph) => check(graph),
                AttributeValue::Other(kind) => {
                    Err(Error::unsupported(format!("attribute `{name}` is {kind}, which is not written")))
                }
                _ => Ok(()),
            };
            checked.map_err(|error| error.at(node.place()))?;
        }
    }
    Ok(())
}

fn check_tensor(tensor: &Tensor) -> Result<()> {
    let given = tensor.len();
    let count = tensor.dims.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if count == Some(given) {
        return Ok(());
    }
    let error = Error::input(format!("has {given} elements, its sizes are {:?}", tensor.dims));
    Err(error.at(Place::Tensor(tensor.name.clone())))
}

/// A text field, absent where empty.
fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_string())
}

fn proto(model: &Model) -> ModelProto {
    ModelProto {
        ir_version: Some(model.ir_version),
        opset_import: model
            .opsets
            .iter()
            .map(|set| OperatorSetIdProto { domain: Some(set.domain.clone()), version: Some(set.version) })
            .collect(),
        producer_name: text(&model.producer.0),
        producer_version: text(&model.producer.1),
        graph: Some(graph(&model.graph)),
        metadata_props: model
            .metadata
            .iter()
            .map(|(key, value)| StringStringEntryProto { key: Some(key.clone()), value: Some(value.clone()) })
            .collect(),
        functions: Vec::new(),
    }
}

fn graph(graph: &Graph) -> GraphProto {
    GraphProto {
        node: graph.nodes.iter().map(node).collect(),
        name: text(&graph.name),
        initializer: graph.initializers.iter().map(tensor).collect(),
        sparse_initializer: Vec::new(),
        input: graph.inputs.iter().map(value_info).collect(),
        output: graph.outputs.iter().map(value_info).collect(),
        value_info: graph.value_info.iter().map(value_info).collect(),
    }
}

fn node(node: &Node) -> NodeProto {
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: text(&node.name),
        op_type: Some(node.op_type.clone()),
        domain: text(&node.domain),
        attribute: node.attributes.iter().map(attribute).collect(),
    }
}

fn attribute(attribute: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(attribute.name.clone()), ..AttributeProto::default() };
    proto.r#type = Some(match &attribute.value {
        AttributeValue::Float(value) => {
            proto.f = Some(*value);
            kind::FLOAT
        }
        AttributeValue::Int(value) => {
            proto.i = Some(*value);
            kind::INT
        }
        AttributeValue::String(bytes) => {
            proto.s = Some(bytes.clone());
            kind::STRING
        }
        AttributeValue::Tensor(value) => {
            proto.t = Some(Box::new(tensor(value)));
            kind::TENSOR
        }
        AttributeValue::Graph(value) => {
            proto.g = Some(Box::new(graph(value)));
            kind::GRAPH
        }
        AttributeValue::Floats(values) => {
            proto.floats.clone_from(values);
            kind::FLOATS
        }
        AttributeValue::Ints(values) => {
            proto.ints.clone_from(values);
            kind::INTS
        }
        AttributeValue::Strings(values) => {
            proto.strings.clone_from(values);
            kind::STRINGS
        }
        AttributeValue::Other(name) => {
            kind::OTHERS.iter().find(|(_, other)| other == name).map_or(0, |(number, _)| *number)
        }
    });
    proto
}

fn tensor(tensor: &Tensor) -> TensorProto {
    let mut proto = TensorProto {
        dims: tensor.dims.iter().map(|&size| size as i64).collect(),
        data_type: Some(tensor.element_type().number()),
        name: text(&tensor.name),
        ..TensorProto::default()
    };
    match raw(&tensor.data) {
        Ok(bytes) => proto.raw_data = Some(bytes.into()),
        Err(strings) => proto.string_data = strings.to_vec(),
    }
    proto
}

/// The elements in raw form, little endian; strings have none.
fn raw(data: &TensorData) -> std::result::Result<Vec<u8>, &[Vec<u8>]> {
    fn words<const N: usize, T: Copy>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        values.iter().map(|&value| bytes(value)).collect::<Vec<_>>().into_flattened()
    }
    Ok(match data {
        TensorData::F32(values) => words(values, f32::to_le_bytes),
        TensorData::F64(values) => words(values, f64::to_le_bytes),
        TensorData::F16(values) => words(values, half::f16::to_le_bytes),
        TensorData::BF16(values) => words(values, half::bf16::to_le_bytes),
        TensorData::I8(values) => words(values, i8::to_le_bytes),
        TensorData::I16(values) => words(values, i16::to_le_bytes),
        TensorData::I32(values) => words(values, i32::to_le_bytes),
        TensorData::I64(values) => words(values, i64::to_le_bytes),
        TensorData::U8(values) => values.clone(),
        TensorData::U16(values) => words(values, u16::to_le_bytes),
        TensorData::U32(values) => words(values, u32::to_le_bytes),
        TensorData::U64(values) => words(values, u64::to_le_bytes),
        TensorData::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
        TensorData::Strings(values) => return Err(values),
    })
}

fn value_info(info: &ValueInfo) -> ValueInfoProto {
    let dimension = |dimension: &Dimension| DimensionProto {
        value: match dimension {
            Dimension::Fixed(size) => Some(DimensionValue::DimValue(*size as i64)),
            Dimension::Symbolic(name) => Some(DimensionValue::DimParam(name.clone())),
            Dimension::Unknown => None,
        },
    };
    let shape =
        info.shape.as_ref().map(|sizes| TensorShapeProto { dim: sizes.iter().map(dimension).collect() });
    let declared = info.element_type.is_some() || shape.is_some();
    let tensor =
        declared.then(|| TensorTypeProto { elem_type: info.element_type.map(ElementType::number), shape });
    ValueInfoProto {
        name: text(&info.name),
        r#type: tensor.map(|tensor| TypeProto { tensor_type: Some(tensor) }),
    }
}
