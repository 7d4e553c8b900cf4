//! The file of an exact answer: JSON, one object a line; docs/preimage-format.md says it.
//!
//! The header, then the polytopes, the linear regions and the folds, then a last line with the SHA-256 of all bytes before it.

use std::io::Write as _;
use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt as _};
use netinverse_data::files::write_atomically;
use serde::{Deserialize, Serialize};

use super::answer::{EXACT_SCHEMA, ExactAnswer, ExactHeader, FoldText, PieceText, RegionText, check_header};
use crate::file::{EndLine, hash, line};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum BodyLine {
    Piece(PieceText),
    Region(RegionText),
    Fold(FoldText),
}

/// Whether a file's first line says that it is an exact answer.
pub fn is_exact(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0u8; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    let wanted = format!("{{\"schema\":\"{EXACT_SCHEMA}\"");
    start[..read].starts_with(wanted.as_bytes())
}

impl ExactAnswer {
    /// Writes the answer under a temporary name and renames it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.text()?;
        write_atomically(path, |file| {
            file.write_all(text.as_bytes()).map_err(|error| Error::io(path, &error))
        })
    }

    /// The file's text.
    pub fn text(&self) -> Result<String> {
        let mut text = line(&self.header)?;
        for piece in &self.pieces {
            text.push_str(&line(&BodyLine::Piece(piece.clone()))?);
        }
        for region in &self.regions {
            text.push_str(&line(&BodyLine::Region(region.clone()))?);
        }
        for fold in &self.folds {
            text.push_str(&line(&BodyLine::Fold(fold.clone()))?);
        }
        let end = line(&EndLine { sha256: hash(text.as_bytes()) })?;
        text.push_str(&end);
        Ok(text)
    }

    /// Reads an answer; refuses, with line and reason, what was cut short, edited or made by another program.
    pub fn read(path: &Path) -> Result<ExactAnswer> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, &error))?;
        Self::parse(&text).at(|| Place::file(path))
    }

    /// As [`ExactAnswer::read`], of the file's text.
    pub fn parse(text: &str) -> Result<ExactAnswer> {
        let refused = |number: usize, why: String| Error::input(why).at(Place::Line(number));
        let cut = || {
            Error::input("the file ends before its last line: it was cut short")
                .hint("make the answer again, or use the earlier file")
        };
        let body = text.strip_suffix('\n').ok_or_else(cut)?;
        let start = body.rfind('\n').map_or(0, |at| at + 1);
        let end: EndLine = serde_json::from_str(&body[start..]).map_err(|_| cut())?;
        if hash(&text.as_bytes()[..start]) != end.sha256 {
            return Err(Error::input("the file was changed after it was written: its SHA-256 is another"));
        }
        let mut lines = text[..start].lines().enumerate().map(|(at, line)| (at + 1, line));
        let (number, first) = lines.next().ok_or_else(cut)?;
        let header: ExactHeader = serde_json::from_str(first)
            .map_err(|error| refused(number, format!("not the header of an exact answer: {error}")))?;
        if header.schema != EXACT_SCHEMA {
            return Err(refused(number, format!("schema `{}`, `{EXACT_SCHEMA}` is expected", header.schema)));
        }
        check_header(&header).at(|| Place::Line(number))?;
        let n = header.lower.len();
        let (pieces, regions, folds) = (Vec::new(), Vec::new(), Vec::new());
        let mut answer = ExactAnswer { header, pieces, regions, folds };
        for (number, line) in lines {
            let body: BodyLine = serde_json::from_str(line)
                .map_err(|error| refused(number, format!("not a piece, region or fold: {error}")))?;
            let (rows, vertices) = match &body {
                BodyLine::Piece(piece) => (&piece.rows[..], &piece.vertices),
                BodyLine::Region(region) => (&region.rows[..], &region.vertices),
                BodyLine::Fold(fold) => (&[][..], &fold.vertices),
            };
            if rows.iter().any(|row| row.slopes.len() != n) || vertices.iter().any(|vertex| vertex.len() != n)
            {
                return Err(refused(number, format!("a polytope of another dimension than {n}")));
            }
            match body {
                BodyLine::Piece(piece) => answer.pieces.push(piece),
                BodyLine::Region(region) => answer.regions.push(region),
                BodyLine::Fold(fold) => answer.folds.push(fold),
            }
        }
        if answer.pieces.len() != answer.header.pieces {
            return Err(Error::input(format!(
                "{} polytopes, the header says {}",
                answer.pieces.len(),
                answer.header.pieces
            )));
        }
        Ok(answer)
    }
}
