//! Tensors whose elements are in another file beside the model (`external_data`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use netinverse_base::{Error, ErrorKind, Result, ResultExt as _};
use prost::bytes::Bytes;

use crate::proto::StringStringEntryProto;

/// How often over the bytes of the files may be read: weights may be shared between tensors, but a small
/// file that many tensors claim for their own would fill the memory.
const SHARING: u64 = 4;

/// The files beside a model, opened as its tensors ask for them.
pub(crate) struct External<'p> {
    /// The model's folder; none where the model did not come from a file.
    folder: Option<&'p Path>,
    /// The files opened so far, by their location relative to the folder, with their lengths.
    files: BTreeMap<PathBuf, (File, u64)>,
    /// The locations in the order of first use.
    order: Vec<PathBuf>,
    read: u64,
}

impl<'p> External<'p> {
    pub(crate) fn new(folder: Option<&'p Path>) -> Self {
        External { folder, files: BTreeMap::new(), order: Vec::new(), read: 0 }
    }

    /// The `expected` bytes of a tensor, from where its entries say. Keys other than `location`, `offset` and
    /// `length` (a checksum, which nobody writes) are ignored.
    pub(crate) fn read(&mut self, entries: &[StringStringEntryProto], expected: u64) -> Result<Bytes> {
        let entry = |key: &str| {
            entries
                .iter()
                .find(|entry| entry.key.as_deref() == Some(key))
                .and_then(|entry| entry.value.as_deref())
        };
        let number = |key: &str| {
            let wrong =
                |text| Error::input(format!("the {key} of its external data is `{text}`, not a count"));
            entry(key).map(|text| text.trim().parse::<u64>().map_err(|_| wrong(text))).transpose()
        };
        let location = entry("location").unwrap_or_default();
        let offset = number("offset")?.unwrap_or(0);
        let length = number("length")?;
        let Some(folder) = self.folder else {
            let hint = "read the model from its file, or export with external_data=False";
            return Err(
                Error::unsupported(format!("its elements are in another file, `{location}`")).hint(hint)
            );
        };
        let key = relative(location)?;
        if !self.files.contains_key(&key) {
            let opened = open(&folder.join(&key), location)?;
            self.order.push(key.clone());
            self.files.insert(key.clone(), opened);
        }
        let total = self.files.values().map(|(_, length)| *length).fold(0, u64::saturating_add);
        let (file, available) = self.files.get_mut(&key).expect("inserted above");
        let length = length.unwrap_or_else(|| available.saturating_sub(offset));
        if length != expected {
            return Err(Error::input(format!("has {length} bytes in `{location}`, {expected} are expected")));
        }
        if offset.checked_add(length).is_none_or(|end| end > *available) {
            let error = Error::input(format!(
                "its {length} bytes from byte {offset} are beyond the end of `{location}` ({available} bytes)"
            ));
            return Err(error.hint(format!("`{location}` is not the file that was written with this model")));
        }
        self.read = self.read.saturating_add(length);
        if self.read > total.saturating_mul(SHARING) {
            return Err(Error::input(format!("too many tensors share the bytes of `{location}`")));
        }
        let mut bytes = vec![0; length as usize];
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Error::io(folder.join(&key), &error))?;
        Ok(bytes.into())
    }

    /// Gives `sink` the contents of the files, one after the other in the order of first use.
    pub(crate) fn contents(self, mut sink: impl FnMut(&[u8])) -> Result<()> {
        let External { folder, mut files, order, .. } = self;
        let mut buffer = vec![0; 1 << 16];
        for key in order {
            let (file, _) = files.get_mut(&key).expect("in both or in none");
            let path = || folder.map_or_else(PathBuf::new, |folder| folder.join(&key));
            file.rewind().map_err(|error| Error::io(path(), &error))?;
            loop {
                match file.read(&mut buffer).map_err(|error| Error::io(path(), &error))? {
                    0 => break,
                    count => sink(&buffer[..count]),
                }
            }
        }
        Ok(())
    }
}

/// The location as a path that stays in the model's folder.
fn relative(location: &str) -> Result<PathBuf> {
    let path = Path::new(location);
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                let error =
                    Error::input(format!("its external data `{location}` is outside the model's folder"));
                return Err(error.hint("external data must be in the model's folder or below it"));
            }
        }
    }
    if inside.as_os_str().is_empty() || location.contains('\0') {
        return Err(Error::input("its external data names no file"));
    }
    Ok(inside)
}

fn open(path: &Path, location: &str) -> Result<(File, u64)> {
    let open = || {
        // Before opening: a pipe would block, a device has no end.
        let metadata = path.metadata().map_err(|error| Error::io(path, &error))?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Io, format!("`{location}`, its external data, is not a file")));
        }
        let file = File::open(path).map_err(|error| Error::io(path, &error))?;
        Ok((file, metadata.len()))
    };
    open().hint(|| format!("keep `{location}` beside the model, or export with external_data=False"))
}
