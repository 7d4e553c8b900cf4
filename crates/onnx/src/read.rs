//! Models from files and bytes.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt as _};
use prost::Message as _;
use prost::bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::external::External;
use crate::proto::ModelProto;
use crate::{Model, convert, foreign, order, scan};

/// The newest version of the standard operator set that is known.
pub const MAX_OPSET: i64 = 28;

/// The newest version of the file format that is known.
pub const MAX_IR_VERSION: i64 = 14;

/// The limit of protobuf: no message is longer.
pub(crate) const MAX_BYTES: u64 = (1 << 31) - 1;

impl Model {
    /// The model in a file. External data is read from the file's folder.
    ///
    /// What comes back is consistent: the elements of a tensor are as many as its sizes say, every value is
    /// written once and before it is read (nodes in another order are sorted), and initialisers of more than
    /// one element are finite. Scalars and the tensors of attributes may be infinite or NaN: whether
    /// `Clip(max = ∞)` or a mask of `−∞` means something is for the reader of the operator to say.
    pub fn read(path: &Path) -> Result<Model> {
        let bytes = read_bytes(path)?;
        let mut external = External::new(Some(folder_of(path)));
        parse(&bytes, &mut external).at(|| Place::file(path))
    }

    /// The model that the bytes of a file are; see [`Model::read`]. External data is refused.
    pub fn parse(bytes: &[u8]) -> Result<Model> {
        parse(&Bytes::copy_from_slice(bytes), &mut External::new(None))
    }

    /// The model that the bytes of a file are, with external data in `folder`; see [`Model::read`].
    pub fn parse_with(bytes: &[u8], folder: &Path) -> Result<Model> {
        parse(&Bytes::copy_from_slice(bytes), &mut External::new(Some(folder)))
    }
}

/// The model in a file and the SHA-256, in hexadecimal, of its bytes; where it has external data, of its bytes
/// followed by those of the other files in the order in which its tensors name them
/// (`cat model.onnx model.onnx.data | sha256sum`).
pub fn read_source(path: &Path) -> Result<(Model, String)> {
    let bytes = read_bytes(path)?;
    let mut hash = Sha256::new();
    hash.update(&bytes);
    let mut external = External::new(Some(folder_of(path)));
    let model = parse(&bytes, &mut external).at(|| Place::file(path))?;
    external.contents(|bytes| hash.update(bytes))?;
    Ok((model, hexadecimal(&hash.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("four bits");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn read_bytes(path: &Path) -> Result<Bytes> {
    if path.is_dir() {
        return Err(foreign::folder(path));
    }
    let io = |error| Error::io(path, &error);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    if length <= MAX_BYTES {
        bytes.reserve_exact(length as usize + 1);
        // Not the length alone: a pipe has none.
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    }
    if length > MAX_BYTES || bytes.len() as u64 > MAX_BYTES {
        return Err(Error::input("is longer than 2 GiB, the limit of protobuf")
            .at(Place::file(path))
            .hint("export the model with its weights in an external file"));
    }
    Ok(bytes.into())
}

fn parse(bytes: &Bytes, external: &mut External<'_>) -> Result<Model> {
    if let Some(error) = foreign::recognise(bytes) {
        return Err(error);
    }
    let proto = decode(bytes).map_err(|error| foreign::explain(bytes, error))?;
    let mut model = convert::model(proto, external)?;
    order::sort(&mut model.graph)?;
    order::check(&model.graph)?;
    Ok(model)
}

fn decode(bytes: &Bytes) -> Result<ModelProto> {
    scan::check(bytes)?;
    let proto = ModelProto::decode(bytes.clone())
        .map_err(|error| Error::input(format!("cannot be decoded: {}", one_line(&error.to_string()))))?;
    if proto.graph.is_none() {
        return Err(Error::input("has no graph"));
    }
    Ok(proto)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
