//! The file of an exact answer as it is written (docs/preimage-format.md).

use serde::Deserialize;

use crate::Trouble;
use crate::preimage::{Asked, Model, RowText, Status};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[allow(dead_code, reason = "read before")]
    schema: String,
    #[allow(dead_code, reason = "no claim")]
    version: String,
    pub(super) model: Model,
    pub(super) asked: Asked,
    pub(super) bounds: Vec<[String; 2]>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) rows: Vec<RowText>,
    pub(super) disjuncts: Vec<Vec<u32>>,
    pub(super) arithmetic: Arithmetic,
    pub(super) status: Status,
    #[serde(default)]
    #[allow(dead_code, reason = "no claim")]
    stopped_by: Option<String>,
    pub(super) volume: Volume,
    pub(super) pieces: usize,
    #[allow(dead_code, reason = "how it was made")]
    parts: usize,
    pub(super) regions: usize,
    pub(super) all_regions: bool,
    #[allow(dead_code, reason = "how it was made")]
    cells: u64,
    pub(super) open: usize,
    #[allow(dead_code, reason = "no claim")]
    seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Arithmetic {
    Exact,
    Enclosed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) lower: f64,
    pub(super) upper: f64,
    pub(super) exact: Option<String>,
    #[serde(rename = "box")]
    pub(super) whole: f64,
    pub(super) dimensions: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) slopes: Vec<f64>,
    pub(super) constant: f64,
    pub(super) error: f64,
    #[serde(default)]
    pub(super) equality: bool,
    #[allow(dead_code, reason = "where it comes from, for people")]
    of: serde_json::Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    pub(super) dimension: usize,
    pub(super) volume: [f64; 2],
    #[serde(default)]
    pub(super) exact: Option<String>,
    pub(super) certain: bool,
    pub(super) regions: Vec<usize>,
    pub(super) rows: Vec<Row>,
    /// Rounded: they say where a piece is, roughly.
    pub(super) vertices: Vec<Vec<f64>>,
    #[serde(skip)]
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Region {
    pub(super) phases: String,
    pub(super) map: Vec<Vec<f64>>,
    pub(super) errors: Vec<f64>,
    #[serde(default)]
    pub(super) determinant: Option<i8>,
    #[serde(default)]
    pub(super) rows: Vec<Row>,
    #[serde(default)]
    pub(super) vertices: Vec<Vec<f64>>,
    #[serde(skip)]
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fold {
    pub(super) regions: [usize; 2],
    #[allow(dead_code, reason = "rounded, for drawing")]
    vertices: Vec<Vec<f64>>,
    #[serde(skip)]
    pub(super) line: usize,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Piece(Piece),
    Region(Region),
    Fold(Fold),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    sha256: String,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) header: Header,
    pub(super) pieces: Vec<Piece>,
    pub(super) regions: Vec<Region>,
    pub(super) folds: Vec<Fold>,
    /// The line that the hash is on, and whether it is that of the lines before it.
    pub(super) end: (usize, bool),
}

/// Reads a file; the sizes of rows and vertices are those of the header's box.
pub(super) fn read(text: &str) -> Result<File, Trouble> {
    let at = |line: usize, what: String| Trouble::input(format!("line {line}: {what}"));
    let cut = || Trouble::input("the file ends before its last line: it was cut short");
    let body = text.strip_suffix('\n').ok_or_else(cut)?;
    let start = body.rfind('\n').map_or(0, |at| at + 1);
    let end: End = serde_json::from_str(&body[start..]).map_err(|_| cut())?;
    let mut lines = text[..start].lines().enumerate().map(|(at, line)| (at + 1, line));
    let (_, first) = lines.next().ok_or_else(cut)?;
    let header: Header = serde_json::from_str(first).map_err(|error| at(1, error.to_string()))?;
    let n = header.lower.len();
    let mut file =
        File { header, pieces: Vec::new(), regions: Vec::new(), folds: Vec::new(), end: (2, false) };
    let fits = |rows: &[Row], vertices: &[Vec<f64>]| {
        rows.iter().all(|row| row.slopes.len() == n) && vertices.iter().all(|vertex| vertex.len() == n)
    };
    for (number, line) in lines {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| at(number, format!("not a piece, region or fold: {error}")))?;
        let sizes = match &line {
            Line::Piece(piece) => fits(&piece.rows, &piece.vertices),
            Line::Region(region) => fits(&region.rows, &region.vertices),
            Line::Fold(_) => true,
        };
        if !sizes {
            return Err(at(number, format!("a polytope of another dimension than {n}")));
        }
        match line {
            Line::Piece(piece) => file.pieces.push(Piece { line: number, ..piece }),
            Line::Region(region) => file.regions.push(Region { line: number, ..region }),
            Line::Fold(fold) => file.folds.push(Fold { line: number, ..fold }),
        }
        file.end.0 = number + 1;
    }
    file.end.1 = crate::sha256(&text.as_bytes()[..start]) == end.sha256;
    Ok(file)
}
