//! Files as the rest of netinverse meets them: opened with one-line errors, written under a temporary
//! name and renamed.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use netinverse_base::{Error, Place, Result};

/// Opens a file for reading; its length beside it. A folder or an empty file is an error.
pub(crate) fn open(path: &Path) -> Result<(BufReader<File>, u64)> {
    let file = File::open(path).map_err(|error| open_error(path, &error))?;
    let metadata = file.metadata().map_err(|error| Error::io(path, &error))?;
    if metadata.is_dir() {
        return Err(Error::io(path, &std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    if metadata.is_file() && metadata.len() == 0 {
        return Err(Error::input("the file is empty").at(Place::file(path)));
    }
    Ok((BufReader::with_capacity(1 << 16, file), metadata.len()))
}

/// Writes a file under a temporary name beside it, then renames it: whoever reads `path` sees the old
/// content or the new, never a half. What is not a regular file (a pipe, a device) is written directly.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let target = if special { path.to_path_buf() } else { temporary_beside(path) };
    let result = (|| {
        let file = File::create(&target).map_err(|error| open_error(path, &error))?;
        let mut writer = BufWriter::new(file);
        write(&mut writer)?;
        writer.flush().map_err(|error| Error::io(path, &error))?;
        drop(writer);
        if special { Ok(()) } else { fs::rename(&target, path).map_err(|error| Error::io(path, &error)) }
    })();
    if result.is_err() && !special {
        // The reason of the failure is what the user needs; a leftover that cannot be removed is not.
        let _ = fs::remove_file(&target);
    }
    result
}

/// A file that could not be opened or created; a missing folder is named.
fn open_error(path: &Path, error: &std::io::Error) -> Error {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    let error = Error::io(path, error);
    match path.parent() {
        Some(parent) if missing && !parent.as_os_str().is_empty() && !parent.exists() => {
            error.hint(format!("there is no folder `{}`", parent.display()))
        }
        _ => error,
    }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}
