//! Files that are not ONNX, recognised by how they begin, with what to do about each.

use std::path::Path;

use netinverse_base::{Error, Place};

const PYTORCH: &str = "in PyTorch, export it: torch.onnx.export(model, example_input, \"model.onnx\")";
const KERAS: &str = "in Keras 3, export it: model.export(\"model.onnx\", format=\"onnx\")";
const SKLEARN: &str = "scikit-learn models: skl2onnx.to_onnx(model, X[:1])";
const CONVERT: &str = "export the network as ONNX from the library that made it";

/// The error for bytes that begin as a file of another kind does; none where they do not.
pub(crate) fn recognise(bytes: &[u8]) -> Option<Error> {
    let is = |what: &str, hint: &str| Some(Error::input(format!("is {what}, not ONNX")).hint(hint));
    // The first field of almost every ONNX file is its version: the byte 8.
    match bytes {
        [] => return Some(Error::input("is empty").hint("was the export or the download interrupted?")),
        [8, ..] => return None,
        [b'P', b'K', 3, 4, ..] => return Some(zip(bytes)),
        [0x89, b'H', b'D', b'F', ..] => return is("an HDF5 file, perhaps of Keras", KERAS),
        [0x1F, 0x8B, ..] => return is("compressed by gzip", "decompress it first: gunzip FILE"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => return is("a NumPy array", CONVERT),
        [0x80, 2..=5, ..] => {
            return Some(Error::input("is a Python pickle, not ONNX").hint(PYTORCH).hint(SKLEARN));
        }
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => {
            let hint = "convert it: python -m tf2onnx.convert --tflite MODEL.tflite --output model.onnx";
            return is("a TensorFlow Lite model", hint);
        }
        _ => {}
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return is("a Git LFS pointer", "fetch the file that it stands for: git lfs pull");
    }
    if let Some((length, [b'{', ..])) = bytes.split_first_chunk::<8>()
        && u64::from_le_bytes(*length) <= bytes.len() as u64
    {
        return is("a safetensors file, which holds weights without a network", PYTORCH);
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"{") && is_text(bytes) {
        return is("JSON", CONVERT);
    }
    if text.starts_with(b"<") && is_text(bytes) {
        return is("a page of HTML or XML", "download the file itself, not the page that shows it");
    }
    None
}

fn zip(bytes: &[u8]) -> Error {
    // The names of its members are near the beginning and, again, at the end.
    let ends = [&bytes[..bytes.len().min(4096)], &bytes[bytes.len().saturating_sub(1 << 16)..]];
    let names = |name: &[u8]| ends.iter().any(|end| end.windows(name.len()).any(|window| window == name));
    if names(b"data.pkl") || names(b"constants.pkl") {
        Error::input("is a PyTorch archive (.pt), not ONNX").hint(PYTORCH)
    } else if names(b"model.weights.h5") || names(b"config.json") {
        Error::input("is a Keras archive (.keras), not ONNX").hint(KERAS)
    } else if names(b".npy") {
        Error::input("is a NumPy archive (.npz), not ONNX").hint(CONVERT)
    } else if names(b".onnx") {
        Error::input("is a zip archive that contains ONNX").hint("unpack it first")
    } else {
        Error::input("is a zip archive, not ONNX").hint("unpack it first").hint(PYTORCH)
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(512)];
    let text = match std::str::from_utf8(start) {
        Ok(_) => start,
        // A character may be cut by the end.
        Err(error) if error.valid_up_to() + 4 > start.len() => &start[..error.valid_up_to()],
        Err(_) => return false,
    };
    !text.is_empty() && text.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t'))
}

/// The error for bytes that could not be decoded, or decoded to nothing: what they may be instead.
pub(crate) fn explain(bytes: &[u8], error: Error) -> Error {
    if is_text(bytes) {
        return Error::input("is a text file, not ONNX").hint(CONVERT);
    }
    error.hint("the file is damaged, or is not ONNX")
}

/// The error for a folder.
pub(crate) fn folder(path: &Path) -> Error {
    let error = Error::input("is a folder, an ONNX file is expected").at(Place::file(path));
    if path.join("saved_model.pb").is_file() {
        return error.hint(
            "a TensorFlow SavedModel is converted by: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx",
        );
    }
    let mut models: Vec<_> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")))
        .collect();
    models.sort();
    match models.first() {
        Some(model) => error.hint(format!("did you mean `{}`?", model.display())),
        None => error,
    }
}
