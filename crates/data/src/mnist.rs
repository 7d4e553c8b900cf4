//! MNIST: its four files from a folder, or fetched from a mirror into a cache.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use netinverse_base::{Budget, Error, Place, Progress, Result, ResultExt};

use crate::array::Values;
use crate::digits::{DigitSet, Digits, PIXELS, SIDE, Source};
use crate::download::{DownloadOptions, RemoteFile, fetch_files};
use crate::idx;

/// The four files, by the SHA-256 and length of their *uncompressed* content: mirrors compress anew.
pub const FILES: [RemoteFile<'static>; 4] = [
    RemoteFile {
        name: "train-images-idx3-ubyte.gz",
        content_sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        content_bytes: 47_040_016,
    },
    RemoteFile {
        name: "train-labels-idx1-ubyte.gz",
        content_sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        content_bytes: 60_008,
    },
    RemoteFile {
        name: "t10k-images-idx3-ubyte.gz",
        content_sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        content_bytes: 7_840_016,
    },
    RemoteFile {
        name: "t10k-labels-idx1-ubyte.gz",
        content_sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        content_bytes: 10_008,
    },
];

/// Where MNIST is served over plain HTTP.
pub const MIRRORS: [&str; 2] =
    ["http://ossci-datasets.s3.amazonaws.com/mnist/", "http://storage.googleapis.com/cvdf-datasets/mnist/"];

const FOUR_FILES: &str = "the folder must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, \
     t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each with or without .gz";

/// Reads MNIST, or any set in its format, from a folder with its four files.
///
/// Names may have `-` or `.` before `idx`, and `.gz` at the end. Sizes must agree, pictures be 28 × 28,
/// labels 0 to 9.
pub fn load_mnist(folder: &Path) -> Result<Digits> {
    if !folder.is_dir() {
        let error = if folder.exists() {
            Error::input("is a file, a folder is expected")
        } else {
            Error::new(netinverse_base::ErrorKind::Io, "no such folder")
        };
        return Err(error.at(Place::file(folder)).hint(FOUR_FILES));
    }
    let train = load_set(folder, "train")?;
    let test = load_set(folder, "t10k")?;
    Ok(Digits { source: Source::Mnist, train, test })
}

fn load_set(folder: &Path, prefix: &str) -> Result<DigitSet> {
    let images_path = find(folder, &format!("{prefix}-images"), "idx3-ubyte")?;
    let images = idx::read(&images_path)?;
    let at_images = |error: Error| error.at(Place::file(&images_path));
    let &[count, SIDE, SIDE] = images.shape() else {
        return Err(at_images(Error::input(format!(
            "expects pictures of {SIDE}×{SIDE} pixels, the file has the shape {:?}",
            images.shape()
        ))));
    };
    let Values::U8(pixels) = images.into_values() else {
        return Err(at_images(Error::input("expects pixels of one byte each")));
    };
    if count == 0 {
        return Err(at_images(Error::input("holds no picture")));
    }

    let labels_path = find(folder, &format!("{prefix}-labels"), "idx1-ubyte")?;
    let labels = idx::read(&labels_path)?;
    let at_labels = || Place::file(&labels_path);
    let (&[label_count], Values::U8(labels)) = (labels.shape(), labels.values()) else {
        return Err(Error::input(format!(
            "expects one label of one byte a picture, the file has the shape {:?}",
            labels.shape()
        ))
        .at(at_labels()));
    };
    if label_count != count {
        return Err(Error::input(format!(
            "holds {label_count} labels, `{}` holds {count} pictures",
            images_path.display()
        ))
        .at(at_labels())
        .hint("the two files belong to different sets"));
    }
    debug_assert_eq!(pixels.len(), count * PIXELS);
    DigitSet::new(pixels, labels.clone()).at(at_labels)
}

fn find(folder: &Path, stem: &str, kind: &str) -> Result<PathBuf> {
    ["-", "."]
        .iter()
        .flat_map(|separator| ["", ".gz"].map(|end| folder.join(format!("{stem}{separator}{kind}{end}"))))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Error::new(netinverse_base::ErrorKind::Io, format!("has no file `{stem}-{kind}`"))
                .at(Place::file(folder))
                .hint(FOUR_FILES)
        })
}

/// Fetches MNIST's four files into `folder`, which [`load_mnist`] then reads; files that are there and
/// right are kept. Mirrors are tried in order; none given means [`MIRRORS`].
///
/// Downloads are resumed, checked by SHA-256 of the uncompressed content, and renamed into place only
/// then. Plain HTTP is enough for that, and needs no TLS library; `https://` is refused with a hint.
pub fn fetch_mnist(
    folder: &Path,
    mirrors: &[String],
    progress: &dyn Progress,
    budget: &Budget,
) -> Result<()> {
    let defaults;
    let mirrors = if mirrors.is_empty() {
        defaults = MIRRORS.map(String::from);
        &defaults[..]
    } else {
        mirrors
    };
    fetch_files(&FILES, folder, mirrors, &DownloadOptions::default(), progress, budget)
        .hint(|| "or fetch the four files by hand and pass their folder: --data DIR")
}

/// The folder in which fetched digits are kept: `$NETINVERSE_CACHE/mnist`, else `netinverse/mnist` in
/// `$XDG_CACHE_HOME`, `$HOME/.cache` or `%LOCALAPPDATA%`.
pub fn default_cache_folder() -> Result<PathBuf> {
    cache_folder_in(|name| std::env::var_os(name))
}

/// [`default_cache_folder`] with the environment given.
pub fn cache_folder_in(environment: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let folder = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("NETINVERSE_CACHE")
        // The XDG specification has relative paths ignored.
        .or_else(|| {
            folder("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("netinverse"))
        })
        .or_else(|| folder("HOME").map(|path| path.join(".cache").join("netinverse")))
        .or_else(|| folder("LOCALAPPDATA").map(|path| path.join("netinverse")))
        .map(|path| path.join("mnist"))
        .ok_or_else(|| {
            Error::input("there is no folder to keep the digits in: HOME is not set")
                .hint("set NETINVERSE_CACHE to a folder")
        })
}
