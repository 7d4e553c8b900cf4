//! npz, numpy's format for several named arrays: a zip archive of npy files, stored or deflated.
//!
//! Members are read as streams: what a member's npy header promises is checked against the most that
//! its compressed bytes can hold, and room is taken as the bytes arrive, so that a small file cannot
//! ask for a large memory. What is read from one archive is limited in all to
//! [`crate::array::DEFLATE_MAX_RATIO`] times its length and to
//! [`MAX_DECOMPRESSED_BYTES`].

use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use netinverse_base::{Error, ErrorKind, Place, Result, ResultExt};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::array::{Array, Content, MAX_DECOMPRESSED_BYTES, decompressed_at_most, in_tensor};
use crate::{files, npy};

/// Reads every array, in the order of the archive, from the bytes of an npz file.
pub fn parse(bytes: &[u8]) -> Result<Vec<(String, Array)>> {
    Archive::open(Cursor::new(bytes), bytes.len() as u64)?.all()
}

/// Reads every array of an npz file, in its order.
pub fn read(path: &Path) -> Result<Vec<(String, Array)>> {
    let (reader, length) = files::open(path)?;
    Archive::open(reader, length).and_then(|mut archive| archive.all()).at(|| Place::file(path))
}

/// Reads one array of an npz file; without a key, the only one.
pub fn read_key(path: &Path, key: Option<&str>) -> Result<Array> {
    let (reader, length) = files::open(path)?;
    Archive::open(reader, length).and_then(|mut archive| archive.one(key)).at(|| Place::file(path))
}

/// Writes named arrays, deflated if `compress`. Names must differ; they are written as `NAME.npy`.
/// The same arrays give the same bytes: no time is stored.
pub fn write(writer: &mut (impl Write + Seek), arrays: &[(&str, &Array)], compress: bool) -> Result<()> {
    let method = if compress { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let mut archive = ZipWriter::new(writer);
    for (position, &(name, array)) in arrays.iter().enumerate() {
        if name.is_empty() || arrays[..position].iter().any(|&(other, _)| other == name) {
            return Err(Error::input(format!("an npz file cannot hold the name `{name}` here"))
                .hint("names must not be empty, nor appear twice"));
        }
        let large = array.values().len().saturating_mul(array.values().element().size()) > 1 << 31;
        let options = SimpleFileOptions::default().compression_method(method).large_file(large);
        archive.start_file(format!("{name}.npy"), options).map_err(|error| write_error(&error))?;
        npy::write(&mut archive, array)?;
    }
    archive.finish().map_err(|error| write_error(&error))?;
    Ok(())
}

fn write_error(error: &zip::result::ZipError) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write the archive: {error}"))
}

struct Archive<R> {
    zip: ZipArchive<R>,
    /// How many decompressed bytes may still be read.
    left: u64,
}

impl<R: Read + Seek> Archive<R> {
    fn open(reader: R, length: u64) -> Result<Self> {
        let zip = ZipArchive::new(reader).map_err(|error| {
            Error::input(format!("is not a readable npz archive ({error})"))
                .hint("npz files are written by numpy.savez; one array alone is .npy")
        })?;
        Ok(Archive { zip, left: decompressed_at_most(length) })
    }

    fn all(&mut self) -> Result<Vec<(String, Array)>> {
        (0..self.zip.len())
            .map(|index| {
                let name = self.name(index);
                let array = self.member(index).map_err(|error| in_tensor(error, &name))?;
                Ok((name, array))
            })
            .collect()
    }

    fn one(&mut self, key: Option<&str>) -> Result<Array> {
        let names = (0..self.zip.len()).map(|index| self.name(index)).collect::<Vec<_>>();
        let index = match (key, names.len()) {
            (_, 0) => return Err(Error::input("the archive holds no array")),
            (None, 1) => 0,
            (None, count) => {
                return Err(Error::input(format!("the archive holds {count} arrays, and none is named"))
                    .hint(format!("choose one with FILE.npz:KEY, KEY one of {}", list(&names))));
            }
            (Some(key), _) => names.iter().position(|name| name == key).ok_or_else(|| {
                Error::input(format!("the archive has no array `{key}`"))
                    .hint(format!("it has {}", list(&names)))
            })?,
        };
        self.member(index).map_err(|error| in_tensor(error, &names[index]))
    }

    fn name(&self, index: usize) -> String {
        match self.zip.name_for_index(index) {
            Some(Ok(name)) => name.strip_suffix(".npy").unwrap_or(&name).to_string(),
            // Without a readable name the array can only be the single one.
            _ => format!("array {index}"),
        }
    }

    fn member(&mut self, index: usize) -> Result<Array> {
        let member = self.zip.by_index(index).map_err(|error| {
            Error::input(format!("cannot be read from the archive ({error})"))
                .hint("write the file again with numpy.savez")
        })?;
        let at_most = decompressed_at_most(member.compressed_size()).min(self.left);
        if member.size() > MAX_DECOMPRESSED_BYTES {
            return Err(Error::input(format!(
                "promises {} bytes, 4 GiB is the most that is read",
                member.size()
            ))
            .hint("store the array as .npy"));
        }
        let mut member = Counted { reader: member.take(at_most + 1), bytes: 0 };
        let array = npy::read_from(&mut member, Content::AtMost(at_most))?;
        self.left -= member.bytes.min(self.left);
        Ok(array)
    }
}

/// Counts the bytes that went through.
struct Counted<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The first names, in backquotes.
fn list(names: &[String]) -> String {
    let mut listed =
        names.iter().take(12).map(|name| format!("`{}`", name.escape_debug())).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        listed.push_str(", …");
    }
    listed
}
