//! The answer with an exact preimage: what is printed, drawn and saved.

use netinverse_answer::Model;
use netinverse_base::{Error, Result};
use netinverse_geometry::{AxisBox, Polytope};
use serde::{Deserialize, Serialize};

use super::maps::{AffineMap, Orientation};
use super::set::{ExactPiece, ExactSet, Fold, HalfSpaceRow, LinearRegion, RowOrigin};
use crate::answer::{Asked, RowText, Status, bounds_text, row_texts};
use crate::question::Question;

/// The schema of an exact answer, as JSON and as a file.
pub const EXACT_SCHEMA: &str = "netinverse.preimage-exact/1";

/// How hyperplanes are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arithmetic {
    /// Those of the graph in real arithmetic: every sign was decided without rounding.
    Exact,
    /// Doubles next to them: constants are inexact, or exact arithmetic would take too long. Volumes are proved all the same.
    Enclosed,
}

/// The volume over the inputs that are not fixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactVolume {
    /// Proved: at least this.
    pub lower: f64,
    /// Proved: at most this.
    pub upper: f64,
    /// The volume itself, a fraction, where it is small enough to be found; else null.
    pub exact: Option<String>,
    /// The volume of the box.
    #[serde(rename = "box")]
    pub whole: f64,
    /// The inputs that are not fixed.
    pub dimensions: usize,
}

/// Everything but the polytopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactHeader {
    /// [`EXACT_SCHEMA`]
    pub schema: String,
    /// The version of netinverse that wrote it.
    pub version: String,
    /// The network's file.
    pub model: Model,
    /// The question.
    pub asked: Asked,
    /// The exact bounds of every input, as fractions.
    pub bounds: Vec<[String; 2]>,
    /// The box of doubles around them: lower corner.
    pub lower: Vec<f64>,
    /// Upper corner.
    pub upper: Vec<f64>,
    /// The rows of the target.
    pub rows: Vec<RowText>,
    /// Disjuncts: rows by index.
    pub disjuncts: Vec<Vec<u32>>,
    /// How hyperplanes are known.
    pub arithmetic: Arithmetic,
    /// How the work ended.
    pub status: Status,
    /// What ended it early, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// The proved volume.
    pub volume: ExactVolume,
    /// Polytopes.
    pub pieces: usize,
    /// Parts of linear regions, before they were joined to polytopes.
    pub parts: usize,
    /// Linear regions with a part in the preimage; of the whole box, if all were asked for.
    pub regions: usize,
    /// Whether all linear regions of the box were asked for.
    pub all_regions: bool,
    /// Cells looked at.
    pub cells: u64,
    /// Cells not looked at.
    pub open: usize,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// A half-space `slopes·x + constant ≥ 0`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactRow {
    /// n
    pub slopes: Vec<f64>,
    /// The constant.
    pub constant: f64,
    /// The exact function is nowhere in the box farther from this one.
    pub error: f64,
    /// Whether it is an equation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub equality: bool,
    /// Where it comes from.
    pub of: Origin,
}

/// Where a half-space comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The bound of an input.
    Box(usize),
    /// A kink of a function or a tie of a maximum, by its number among these in the graph.
    Unit(usize),
    /// A row of the target.
    Row(usize),
}

/// A polytope of the preimage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PieceText {
    /// Its dimension over the free inputs.
    pub dimension: usize,
    /// Proved bounds of its volume.
    pub volume: [f64; 2],
    /// The volume itself, a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// Whether it is proved to hold a point of the preimage.
    pub certain: bool,
    /// Its linear regions, by index.
    pub regions: Vec<usize>,
    /// Its half-spaces.
    pub rows: Vec<ExactRow>,
    /// Its vertices in doubles.
    pub vertices: Vec<Vec<f64>>,
}

/// A linear region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionText {
    /// The phase of every function and maximum in the order of the graph, a digit or letter each (base 36).
    pub phases: String,
    /// The affine map there: m rows of n slopes and a constant.
    pub map: Vec<Vec<f64>>,
    /// How far each output may be from it on the region.
    pub errors: Vec<f64>,
    /// The sign of its determinant, for as many outputs as free inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub determinant: Option<i8>,
    /// Its half-spaces, if all regions were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<ExactRow>,
    /// Its vertices in doubles, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vertices: Vec<Vec<f64>>,
}

/// A facet across which the determinant changes its sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoldText {
    /// The two regions, by index.
    pub regions: [usize; 2],
    /// The facet's vertices in doubles.
    pub vertices: Vec<Vec<f64>>,
}

/// An exact answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactAnswer {
    /// What was asked and how it ended.
    pub header: ExactHeader,
    /// Polytopes whose union is the preimage.
    pub pieces: Vec<PieceText>,
    /// Linear regions, where they were asked for.
    pub regions: Vec<RegionText>,
    /// Where the determinant changes its sign, where all regions were asked for.
    pub folds: Vec<FoldText>,
}

impl ExactAnswer {
    /// The answer that a set gives to a question.
    pub fn of(set: ExactSet, question: &Question, all_regions: bool, model: Model, asked: Asked) -> Self {
        let status = match (set.is_empty(), set.open) {
            (true, _) => Status::Empty,
            (false, 0) => Status::Complete,
            _ => Status::Partial,
        };
        let header = ExactHeader {
            schema: EXACT_SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            model,
            asked,
            bounds: bounds_text(question),
            lower: question.lower.clone(),
            upper: question.upper.clone(),
            rows: row_texts(question),
            disjuncts: question.target.disjuncts().to_vec(),
            arithmetic: if set.exact { Arithmetic::Exact } else { Arithmetic::Enclosed },
            status,
            stopped_by: set.stopped_by.map(String::from),
            volume: ExactVolume {
                lower: set.volume.0,
                upper: set.volume.1,
                exact: set.exact_volume.as_ref().map(ToString::to_string),
                whole: set.box_volume.to_f64().value(),
                dimensions: set.free.len(),
            },
            pieces: set.pieces.len(),
            parts: set.parts,
            regions: set.region_count,
            all_regions,
            cells: set.cells,
            open: set.open,
            seconds: 0.0,
        };
        ExactAnswer {
            header,
            pieces: set.pieces.into_iter().map(PieceText::from).collect(),
            regions: set.regions.into_iter().map(RegionText::from).collect(),
            folds: set.folds.into_iter().map(FoldText::from).collect(),
        }
    }

    /// The question that the header states: its box, without the network.
    pub fn question(&self) -> Result<Question> {
        let header = &self.header;
        Question::stated(&header.bounds, &header.lower, &header.upper, &header.rows, &header.disjuncts)
    }

    /// Whether x is in the preimage: `Some` is proved, `None` within the rounding of the written half-spaces.
    pub fn contains(&self, question: &Question, x: &[f64]) -> Option<bool> {
        if !question.in_box(x) {
            return Some(false);
        }
        let mut near = self.header.open > 0;
        for piece in &self.pieces {
            let mut inside = piece.certain;
            let possible = piece.rows.iter().all(|row| {
                let value = netinverse_linalg::Interval::dot(&row.slopes, x)
                    + netinverse_linalg::Interval::around(row.constant, row.error);
                // A strict row excludes its boundary.
                inside &= value.lo() > 0.0 && !row.equality || matches!(row.of, Origin::Box(_));
                value.hi() >= 0.0 && (!row.equality || value.lo() <= 0.0)
            });
            if possible && inside && self.header.arithmetic == Arithmetic::Exact {
                return Some(true);
            }
            near |= possible;
        }
        if near { None } else { Some(false) }
    }
}

impl PieceText {
    /// The polytope of the written half-spaces, moved by `shift` times the errors; `None` for one that is out of the doubles.
    pub fn polytope(&self, shift: f64) -> Result<Polytope> {
        let n = self.vertices.first().map_or(0, Vec::len);
        let end = |i: usize, pick: fn(f64, f64) -> f64, start: f64| {
            self.vertices.iter().map(|vertex| vertex[i]).fold(start, pick)
        };
        let pad = |x: f64| 4.0 * f64::EPSILON * x.abs().max(f64::MIN_POSITIVE);
        let lower: Vec<f64> = (0..n).map(|i| end(i, f64::min, f64::INFINITY)).collect();
        let upper: Vec<f64> = (0..n).map(|i| end(i, f64::max, f64::NEG_INFINITY)).collect();
        let domain = AxisBox::new(
            lower.iter().zip(&upper).map(|(&lo, &hi)| if lo < hi { lo - pad(lo) } else { lo }).collect(),
            lower.iter().zip(&upper).map(|(&lo, &hi)| if lo < hi { hi + pad(hi) } else { hi }).collect(),
        )?;
        let mut polytope = Polytope::from_box(domain);
        for row in &self.rows {
            polytope.add_row(&row.slopes, row.constant + shift * row.error)?;
        }
        Ok(polytope)
    }
}

impl From<HalfSpaceRow> for ExactRow {
    fn from(row: HalfSpaceRow) -> Self {
        let of = match row.origin {
            RowOrigin::Box(i) => Origin::Box(i),
            RowOrigin::Unit(unit) => Origin::Unit(unit),
            RowOrigin::Target(row) => Origin::Row(row),
        };
        ExactRow { slopes: row.slopes, constant: row.constant, error: row.error, equality: row.equality, of }
    }
}

impl From<ExactPiece> for PieceText {
    fn from(piece: ExactPiece) -> Self {
        PieceText {
            dimension: piece.dimension,
            volume: [piece.volume.0, piece.volume.1],
            exact: piece.exact_volume.map(|volume| volume.to_string()),
            certain: piece.certain,
            regions: piece.regions,
            rows: piece.rows.into_iter().map(ExactRow::from).collect(),
            vertices: piece.vertices,
        }
    }
}

impl From<LinearRegion> for RegionText {
    fn from(region: LinearRegion) -> Self {
        let digit = |&phase: &u8| char::from_digit(u32::from(phase), 36).unwrap_or('?');
        let AffineMap { slopes, constants, errors } = region.map;
        RegionText {
            phases: region.phases.iter().map(digit).collect(),
            map: slopes.into_iter().zip(constants).map(|(row, c)| [row, vec![c]].concat()).collect(),
            errors,
            determinant: region.orientation.map(|orientation| match orientation {
                Orientation::Kept => 1,
                Orientation::Turned => -1,
                Orientation::Flat => 0,
            }),
            rows: region.rows.into_iter().map(ExactRow::from).collect(),
            vertices: region.vertices,
        }
    }
}

impl From<Fold> for FoldText {
    fn from(fold: Fold) -> Self {
        FoldText { regions: fold.regions, vertices: fold.vertices }
    }
}

/// Refuses text that is no answer of this kind.
pub(super) fn check_header(header: &ExactHeader) -> Result<()> {
    let n = header.lower.len();
    if header.upper.len() != n || header.bounds.len() != n {
        return Err(Error::input("the corners of the box differ in length"));
    }
    Ok(())
}
