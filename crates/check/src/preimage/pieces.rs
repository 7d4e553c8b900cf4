//! Pieces: polytopes inside what the leaves prove, polytopes that cover it, and their volumes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use crate::kernel::{Rational, Row, of_box, rational, share, share_bound};
use crate::report::{Outcome, refuse};
use crate::search::{Facet, beyond, inside as under};

use super::format::{Kind, Leaf, Piece};
use super::leaf::{RowForms, forms, open_disjuncts};

/// How often the part of a leaf in a piece may be cut further.
const MOST_PARTS: usize = 2000;
/// Boxes that a piece's volume may take.
const MOST_VOLUMES: usize = 2000;

/// Pieces with their facets.
#[derive(Debug)]
pub(super) struct Polytopes<'a> {
    pieces: Vec<(&'a Piece, Vec<Facet<'a>>)>,
}

fn facets(piece: &Piece) -> Vec<Facet<'_>> {
    piece.rows.iter().map(|row| (&row[..row.len() - 1], row[row.len() - 1])).collect()
}

fn gather<'a>(pieces: &'a [Piece], lower: &[f64], upper: &[f64]) -> Result<Polytopes<'a>, Outcome> {
    for piece in pieces {
        let within = (0..lower.len()).all(|i| {
            lower[i] <= piece.lower[i] && piece.lower[i] <= piece.upper[i] && piece.upper[i] <= upper[i]
        });
        if !within {
            return Err(refuse(piece.line, "piece", "its box is not part of the box"));
        }
    }
    Ok(Polytopes { pieces: pieces.iter().map(|piece| (piece, facets(piece))).collect() })
}

/// The inner pieces, which do not overlap.
pub(super) fn inner<'a>(pieces: &'a [Piece], lower: &[f64], upper: &[f64]) -> Result<Polytopes<'a>, Outcome> {
    let all = gather(pieces, lower, upper)?;
    let clash = |at: usize| {
        let (piece, own) = &all.pieces[at];
        let other = all.pieces[..at].iter().find(|(other, theirs)| {
            let Some((low, high)) = common(&piece.lower, &piece.upper, &other.lower, &other.upper) else {
                return false;
            };
            // Disjoint boxes, or a multiple of a facet of one that is nowhere above the negation of one of the other.
            !own.iter().any(|f| {
                let negated: Vec<f64> = f.0.iter().map(|v| -v).collect();
                theirs.iter().any(|g| under((&negated, -f.1), Some(*g), &low, &high, false))
            })
        });
        other.map(|(other, _)| {
            refuse(piece.line, "inner piece", format!("it overlaps the piece on line {}", other.line))
        })
    };
    match (0..pieces.len()).into_par_iter().find_map_first(clash) {
        Some(outcome) => Err(outcome),
        None => Ok(all),
    }
}

/// The outer pieces.
pub(super) fn outer<'a>(pieces: &'a [Piece], lower: &[f64], upper: &[f64]) -> Result<Polytopes<'a>, Outcome> {
    gather(pieces, lower, upper)
}

/// The common part of two boxes, where it is as thick as both allow.
fn common(al: &[f64], au: &[f64], bl: &[f64], bu: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let side = |i: usize| (al[i].max(bl[i]), au[i].min(bu[i]));
    let thick =
        |i: usize| side(i).0 < side(i).1 || side(i).0 == side(i).1 && (al[i] == au[i] || bl[i] == bu[i]);
    (0..al.len()).all(thick).then(|| (0..al.len()).map(side).unzip())
}

/// The two halves along the longest side; none where it has no double inside.
fn halves(lower: &[f64], upper: &[f64]) -> Option<[(Vec<f64>, Vec<f64>); 2]> {
    let width = |i: &usize| upper[*i] - lower[*i];
    let input = (0..lower.len()).max_by(|a, b| width(a).total_cmp(&width(b)))?;
    let at = f64::midpoint(lower[input], upper[input]);
    (lower[input] < at && at < upper[input]).then(|| cut(lower, upper, input, at))
}

fn cut(lower: &[f64], upper: &[f64], input: usize, at: f64) -> [(Vec<f64>, Vec<f64>); 2] {
    let (mut below, mut above) = ((lower.to_vec(), upper.to_vec()), (lower.to_vec(), upper.to_vec()));
    (below.1[input], above.0[input]) = (at, at);
    [below, above]
}

/// Whether every inner piece lies, in this leaf, in what the leaf proves.
pub(super) fn inside(
    all: &Polytopes,
    leaf: &Leaf,
    rows: &[Row],
    disjuncts: &[Vec<u32>],
) -> Result<(), Outcome> {
    if matches!(leaf.kind, Kind::In(_)) {
        return Ok(());
    }
    let proved: Vec<Vec<RowForms>> = match &leaf.kind {
        Kind::Cut(cut) if !cut.f.is_empty() => {
            let own = forms(cut, leaf.lower.len()).unwrap_or_default();
            let of =
                |d: u32| own.iter().copied().filter(|f| disjuncts[d as usize].contains(&f.row)).collect();
            open_disjuncts(cut, disjuncts.len()).into_iter().map(of).collect()
        }
        _ => Vec::new(),
    };
    for (piece, facets) in &all.pieces {
        let Some(part) = common(&leaf.lower, &leaf.upper, &piece.lower, &piece.upper) else { continue };
        let mut open = vec![part];
        let mut count = 0;
        while let Some((low, high)) = open.pop() {
            let holds = |f: &RowForms| {
                let strict = rows[f.row as usize].strict;
                under(f.lower, None, &low, &high, strict)
                    || facets.iter().any(|facet| under(f.lower, Some(*facet), &low, &high, strict))
            };
            if facets.iter().any(|f| beyond(*f, &low, &high)) || proved.iter().any(|d| d.iter().all(holds)) {
                continue;
            }
            count += 1;
            let parts = if count < MOST_PARTS { halves(&low, &high) } else { None };
            let Some(parts) = parts else {
                let reason =
                    format!("it is not inside what the leaf on line {} proves, near x = {low:?}", leaf.line);
                return Err(refuse(piece.line, "inner piece", reason));
            };
            open.extend(parts);
        }
    }
    Ok(())
}

/// Whether the outer pieces, if there are any, cover what this leaf leaves possible.
pub(super) fn covered(
    all: &Polytopes,
    leaf: &Leaf,
    rows: &[Row],
    disjuncts: &[Vec<u32>],
) -> Result<(), Outcome> {
    if all.pieces.is_empty() || matches!(leaf.kind, Kind::Out(_) | Kind::Elsewhere) {
        return Ok(());
    }
    let possible: Vec<Vec<RowForms>> = match &leaf.kind {
        Kind::Cut(cut) => {
            let own = forms(cut, leaf.lower.len()).unwrap_or_default();
            let of =
                |d: u32| own.iter().copied().filter(|f| disjuncts[d as usize].contains(&f.row)).collect();
            open_disjuncts(cut, disjuncts.len()).into_iter().map(of).collect()
        }
        _ => vec![Vec::new()],
    };
    let _ = rows;
    let mut open = vec![(leaf.lower.clone(), leaf.upper.clone())];
    let mut count = 0;
    while let Some((low, high)) = open.pop() {
        // Whether every disjunct has a row that fails where the facet is below 0 (or everywhere).
        let excluded = |facet: Option<Facet>| {
            possible.iter().all(|d| {
                d.iter().any(|f| {
                    under(f.negated, None, &low, &high, true)
                        || facet.is_some_and(|(a, b)| {
                            let below: Vec<f64> = a.iter().map(|v| -v).collect();
                            under(f.negated, Some((&below, -b)), &low, &high, false)
                        })
                })
            })
        };
        if excluded(None) {
            continue;
        }
        let meeting: Vec<_> = all
            .pieces
            .iter()
            .filter(|(piece, _)| common(&low, &high, &piece.lower, &piece.upper).is_some())
            .collect();
        let whole =
            |piece: &Piece| (0..low.len()).all(|i| piece.lower[i] <= low[i] && high[i] <= piece.upper[i]);
        let takes = |facet: &Facet| under(*facet, None, &low, &high, false) || excluded(Some(*facet));
        if meeting.iter().any(|(piece, facets)| whole(piece) && facets.iter().all(takes)) {
            continue;
        }
        count += 1;
        // Along a side of a piece's box that cuts through, else in the middle.
        let side = meeting.iter().find_map(|(piece, _)| {
            let sides = piece.lower.iter().enumerate().chain(piece.upper.iter().enumerate());
            sides.map(|(i, &at)| (i, at)).find(|&(i, at)| low[i] < at && at < high[i])
        });
        let parts = match side {
            Some((i, at)) => Some(cut(&low, &high, i, at)),
            None => halves(&low, &high),
        };
        let Some(parts) = parts.filter(|_| count < MOST_PARTS) else {
            let reason = format!("what the leaf leaves possible is not covered, near x = {low:?}");
            return Err(refuse(leaf.line, "outer pieces", reason));
        };
        open.extend(parts);
    }
    Ok(())
}

/// Whether the volumes of all pieces are as stated.
pub(super) fn volumes(inner: &[Piece], outer: &[Piece]) -> Result<(), Outcome> {
    let wrong = |piece: &Piece| {
        let [low, high] = piece.volume;
        if !(0.0 <= low && low <= high) {
            return Some(refuse(piece.line, "volume of a piece", format!("[{low}, {high}] is no range")));
        }
        volume(piece).err().map(|reason| refuse(piece.line, "volume of a piece", reason))
    };
    let all: Vec<&Piece> = inner.iter().chain(outer).collect();
    all.par_iter().find_map_first(|piece| wrong(piece)).map_or(Ok(()), Err)
}

struct Part {
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// What is known of its volume.
    low: Rational,
    high: Rational,
    /// The difference, for the order.
    gap: f64,
}

impl Part {
    /// At least 1 − Σ(1 − share), at most the least share (Bonferroni).
    fn new(lower: Vec<f64>, upper: Vec<f64>, facets: &[Facet], exactly: bool) -> Self {
        let whole = of_box(&lower, &upper);
        let (mut missing, mut most) = (Rational::ZERO, Rational::ONE);
        for (a, b) in facets {
            let bound = |up: bool| share_bound(a, *b, &lower, &upper, up).filter(|_| !exactly).map(rational);
            let (low, high) = match (bound(false), bound(true)) {
                (Some(low), Some(high)) => (low, high),
                _ => share(a, *b, &lower, &upper),
            };
            missing += Rational::ONE - low;
            most = most.min(high);
        }
        let least = (Rational::ONE - missing).max(Rational::ZERO).min(most.clone());
        let (low, high) = (least * whole.clone(), most * whole);
        let gap = (high.clone() - low.clone()).to_f64().value();
        Part { lower, upper, low, high, gap }
    }

    /// The side along which the facets that cut the part vary most.
    fn steepest(&self, facets: &[Facet]) -> Option<usize> {
        let mut scores = vec![0.0; self.lower.len()];
        for (a, b) in facets {
            let ends = |i: usize| (a[i] * self.lower[i], a[i] * self.upper[i]);
            let least = (0..a.len()).fold(*b, |sum, i| sum + ends(i).0.min(ends(i).1));
            let most = (0..a.len()).fold(*b, |sum, i| sum + ends(i).0.max(ends(i).1));
            if least < 0.0 && most > 0.0 {
                for (i, score) in scores.iter_mut().enumerate() {
                    *score += a[i].abs() * (self.upper[i] - self.lower[i]) / (most - least);
                }
            }
        }
        (0..scores.len()).max_by(|&i, &j| scores[i].total_cmp(&scores[j]).then(j.cmp(&i)))
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Part {}
impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gap.total_cmp(&other.gap)
    }
}

/// Whether a piece's volume lies in the range that it states.
fn volume(piece: &Piece) -> Result<(), String> {
    let own = facets(piece);
    let mut result = Ok(());
    for exactly in [false, true] {
        result = bracketed(piece, &own, exactly);
        // Without rounding only where rounding is all that is between.
        if !matches!(result, Err((_, true))) {
            break;
        }
    }
    result.map_err(|(reason, _)| reason)
}

/// As [`volume`]; of a failure, whether the claim is all but true.
fn bracketed(piece: &Piece, facets: &[Facet], exactly: bool) -> Result<(), (String, bool)> {
    let (wanted_low, wanted_high) = (rational(piece.volume[0]), rational(piece.volume[1]));
    let whole = Part::new(piece.lower.clone(), piece.upper.clone(), facets, exactly);
    let (mut low, mut high) = (whole.low.clone(), whole.high.clone());
    let mut heap = BinaryHeap::from([whole]);
    for _ in 0..MOST_VOLUMES {
        if wanted_low <= low && high <= wanted_high {
            return Ok(());
        }
        if wanted_low > high || wanted_high < low {
            break;
        }
        let Some(part) = heap.pop() else { break };
        let Some(input) = part.steepest(facets) else { break };
        let at = f64::midpoint(part.lower[input], part.upper[input]);
        if part.gap <= 0.0 || !(part.lower[input] < at && at < part.upper[input]) {
            break;
        }
        low -= part.low.clone();
        high -= part.high.clone();
        for (lower, upper) in cut(&part.lower, &part.upper, input, at) {
            let half = Part::new(lower, upper, facets, exactly);
            low += half.low.clone();
            high += half.high.clone();
            heap.push(half);
        }
    }
    let nearly = {
        // Bounds of shares are off by a part of the box, however small the piece.
        let slack = high.clone() * rational(1e-9) + of_box(&piece.lower, &piece.upper) * rational(1e-12);
        wanted_low <= low.clone() + slack.clone() && high.clone() - slack <= wanted_high
    };
    let (low, high) = (low.to_f64().value(), high.to_f64().value());
    Err((
        format!("it is between {low:e} and {high:e}, not [{:e}, {:e}]", piece.volume[0], piece.volume[1]),
        nearly,
    ))
}
