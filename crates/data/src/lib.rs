//! Arrays, tables and pictures in files; digits to learn from.
//!
//! - [`rows`]: [`read_rows`], which every option that takes data calls: rows of finite
//!   numbers from `.npy`, `.npz:KEY`, `.csv`, `.png`, idx, or numbers written out.
//! - [`idx`], [`npy`], [`npz`], [`csv`], [`png`]: the formats, each with `parse` (from bytes), `read`
//!   (from a file) and `write`. What a header promises is checked against the file before memory is
//!   reserved; damaged, truncated and over-long files are errors.
//! - [`digits`]: pictures of digits with their labels, whatever their source: [`mnist`] from a folder or
//!   a mirror ([`download`]), or [`generated`] by our own code.
//! - [`files`]: writing under a temporary name.
//!
//! ```
//! use netinverse_data::rows::{RowsOptions, read_rows};
//! let rows = read_rows("0.25,-1; 0.5,3e2", &RowsOptions::default())?;
//! assert_eq!((rows.rows, rows.columns), (2, 2));
//! assert_eq!(rows.row(1), [0.5, 300.0]);
//! # Ok::<(), netinverse_base::Error>(())
//! ```

pub mod array;
pub mod csv;
pub mod digits;
pub mod download;
pub mod files;
pub mod generated;
mod http;
pub mod idx;
pub mod mnist;
pub mod npy;
mod npy_header;
pub mod npz;
pub mod png;
pub mod rows;

pub use array::{Array, Element, Values};
pub use digits::{DigitSet, Digits};
pub use rows::{RowRange, Rows, RowsOptions, read_rows, write_rows};
