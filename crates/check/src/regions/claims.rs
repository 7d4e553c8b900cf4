//! The claims of pieces: together they are the parts, each has its volume.

use std::collections::HashSet;
use std::ptr;
use std::sync::Arc;

use rayon::prelude::*;

use crate::kernel::{ExactForm, Phases, Rational, Wall, of_box, rational, volume_bounds};
use crate::preimage::{Same, Status};
use crate::report::{Outcome, Trouble, refuse};

use super::cells::Setting;
use super::cover::{Cover, Effort, covered};
use super::format::{File, Piece, Row};
use super::parts::Part;
use super::polytope::Polytope;
use super::{Found, fraction};

/// How far, relative to the form's size, a piece of lower dimension may reach beyond the exact parts: its hyperplanes are written
/// in doubles.
const FLAT: f64 = 1e-9;

/// Boxes around a box, by these factors: half-spaces are made for the larger, and keep a polytope whose volume is looked for
/// within the smaller, as bounds of volumes want it.
const FAR: f64 = 2.0;
const NEAR: f64 = 1.125;

/// A box with the same middle, larger by a factor; inputs that are fixed stay so.
fn around(lower: &[f64], upper: &[f64], factor: f64) -> (Vec<f64>, Vec<f64>) {
    let side = |sign: f64| {
        let end = |(&l, &u): (&f64, &f64)| f64::midpoint(l, u) + sign * factor * (0.5 * (u - l));
        lower.iter().zip(upper).map(end).collect()
    };
    (side(-1.0), side(1.0))
}

/// A polytope's half-spaces moved by the errors that it states.
pub(super) struct Shape {
    /// Every point that is in the polytope satisfies these.
    pub(super) outer: Vec<Arc<Wall>>,
    /// Every point that satisfies these is in the polytope.
    pub(super) inner: Vec<Arc<Wall>>,
    /// The same, with equations as they are written.
    middle: Vec<Arc<Wall>>,
    /// A box around it, about.
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Shape {
    pub(super) fn new(rows: &[Row], vertices: &[Vec<f64>], lower: &[f64], upper: &[f64]) -> Option<Self> {
        let far = around(lower, upper, FAR);
        let wall = |row: &Row, shift: f64, turned: bool| {
            let mut form = ExactForm::of(&row.slopes, row.constant);
            let shift = ExactForm::of(&vec![0.0; row.slopes.len()], shift);
            if turned {
                form = form.negated();
            }
            form.constant = form.constant.plus(&shift.constant);
            Arc::new(Wall::new(&form, false, &far.0, &far.1))
        };
        let finite = |v: f64| v.is_finite() && v.abs() < 1e100;
        let fits = |row: &Row| {
            row.slopes.iter().all(|&s| finite(s))
                && finite(row.constant)
                && finite(row.error)
                && row.error >= 0.0
        };
        if !rows.iter().all(fits) || vertices.iter().flatten().any(|v| !v.is_finite()) {
            return None;
        }
        let (outer, inner, middle) = (Vec::new(), Vec::new(), Vec::new());
        let mut shape = Shape { outer, inner, middle, lower: lower.to_vec(), upper: upper.to_vec() };
        for row in rows {
            shape.outer.push(wall(row, row.error, false));
            if row.equality {
                shape.outer.push(wall(row, row.error, true));
                shape.inner.extend([false, true].map(|turned| wall(row, row.error, turned)));
                shape.middle.extend([false, true].map(|turned| wall(row, 0.0, turned)));
            } else {
                shape.inner.push(wall(row, -row.error, false));
                shape.middle.extend(shape.inner.last().cloned());
            }
        }
        for i in 0..lower.len() {
            let ends =
                |pick: fn(f64, f64) -> f64, start: f64| vertices.iter().map(|v| v[i]).fold(start, pick);
            if !vertices.is_empty() {
                shape.lower[i] = ends(f64::min, f64::INFINITY).max(lower[i]);
                shape.upper[i] = ends(f64::max, f64::NEG_INFINITY).min(upper[i]);
            }
        }
        Some(shape)
    }

    pub(super) fn cover(&self) -> Cover<'_> {
        Cover { walls: &self.outer, lower: &self.lower, upper: &self.upper }
    }

    /// Proved bounds of the volume of some parts that hold the inner polytope and lie in the outer one. `None` where the half-spaces
    /// are not seen to keep it near the vertices.
    fn volume(&self, parts: &[&Part]) -> Option<(f64, f64)> {
        let (lower, upper) = (&self.lower, &self.upper);
        let (far, near) = (around(lower, upper, FAR), around(lower, upper, NEAR));
        let close =
            |part: &&Part| (0..lower.len()).all(|i| far.0[i] <= part.lower[i] && part.upper[i] <= far.1[i]);
        if !parts.iter().all(close) {
            return None;
        }
        // Where the part of a convex set within FAR is within NEAR, all of it is.
        let mut polytope = Polytope::new(&self.outer, &far.0, &far.1);
        let mut slopes = vec![0.0; lower.len()];
        for i in (0..lower.len()).filter(|&i| lower[i] < upper[i]) {
            for (sign, at) in [(1.0, near.0[i]), (-1.0, near.1[i])] {
                slopes[i] = sign;
                // Not where the bound is no number either.
                let within = polytope.least(&slopes, -sign * at).0 >= 0.0;
                if !within {
                    return None;
                }
            }
            slopes[i] = 0.0;
        }
        let bounds = |walls: &[Arc<Wall>]| {
            let walls: Vec<&Wall> = walls.iter().map(|wall| &**wall).collect();
            volume_bounds(&walls, lower, upper)
        };
        Some((bounds(&self.inner)?.0, bounds(&self.outer)?.1))
    }

    /// How far inside a point is, about.
    fn depth(&self, point: &[f64]) -> f64 {
        let one = |wall: &Arc<Wall>| {
            let value = wall.slopes.iter().zip(point).fold(wall.constant, |sum, (a, x)| sum + a * x);
            value / wall.slopes.iter().map(|a| a * a).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
        };
        self.outer.iter().map(one).fold(f64::INFINITY, f64::min)
    }

    /// Whether it is near a point.
    fn is_near(&self, point: &[f64], widths: &[f64]) -> bool {
        (0..point.len()).all(|i| {
            let slack = 1e-9 * widths[i];
            self.lower[i] - slack <= point[i] && point[i] <= self.upper[i] + slack
        })
    }
}

/// Checks all pieces and what the header sums up; the parts of each piece.
pub(super) fn pieces<'a>(file: &File, found: &'a Found, same: &Same) -> Result<Homes<'a>, Outcome> {
    let (lower, upper) = (&found.setting.lower, &found.setting.upper);
    let free = found.setting.free();
    let shapes: Vec<Shape> = file
        .pieces
        .iter()
        .map(|piece| {
            let shape = Shape::new(&piece.rows, &piece.vertices, lower, upper);
            shape.ok_or_else(|| refuse(piece.line, "piece", "a number is not finite, or an error below 0"))
        })
        .collect::<Result<_, _>>()?;
    let homes = homes(file, found, &shapes)?;
    let failure = (0..file.pieces.len())
        .into_par_iter()
        .find_map_first(|k| piece(&file.pieces[k], &shapes[k], &homes.of_piece[k], found).err());
    failure.map_or(Ok(()), Err)?;
    if found.setting.enclosed {
        apart(file, &shapes, free)?;
    }
    header(file, found, same, free)?;
    Ok(homes)
}

/// Whether pieces that were not seen to be made of different parts have no inner point in common.
fn apart(file: &File, shapes: &[Shape], free: usize) -> Result<(), Outcome> {
    let thick = |k: &usize| file.pieces[*k].certain && file.pieces[*k].dimension == free;
    let meet = |a: usize, b: usize| {
        let (a, b) = (&shapes[a], &shapes[b]);
        (0..a.lower.len()).all(|i| a.lower[i] <= b.upper[i] && b.lower[i] <= a.upper[i]) && {
            let walls: Vec<Arc<Wall>> = a.inner.iter().chain(&b.inner).cloned().collect();
            !Polytope::new(&walls, &a.lower, &a.upper).enclosed(true).is_empty()
        }
    };
    let all: Vec<usize> = (0..shapes.len()).filter(thick).collect();
    let overlap = all.par_iter().find_map_first(|&b| {
        let a = all.iter().copied().take_while(|&a| a < b).find(|&a| meet(a, b))?;
        let reason = format!("it overlaps that of line {}", file.pieces[a].line);
        Some(refuse(file.pieces[b].line, "piece", reason))
    });
    overlap.map_or(Ok(()), Err)
}

/// Where parts are.
pub(super) struct Homes<'a> {
    /// The parts of each piece.
    pub(super) of_piece: Vec<Vec<&'a Part>>,
    /// Parts that lie in several pieces, within their errors.
    pub(super) between: HashSet<*const Part>,
}

/// The parts of each piece. Each part lies in one piece, or, if it has no volume, in several. Where rows are enclosed one at a rim
/// may lie in two, within their errors: it is a part of the one that it is deepest in.
fn homes<'a>(file: &File, found: &'a Found, shapes: &[Shape]) -> Result<Homes<'a>, Outcome> {
    let setting = &found.setting;
    let widths: Vec<f64> = setting.lower.iter().zip(&setting.upper).map(|(l, u)| u - l).collect();
    let complete = file.header.status != Status::Partial;
    let home = |part: &Part| -> Result<Vec<usize>, Vec<f64>> {
        let mut polytope = Polytope::new(&part.walls, &part.lower, &part.upper).enclosed(setting.enclosed);
        let near = (0..shapes.len()).filter(|&k| shapes[k].is_near(&part.point, &widths));
        let takes = |k: &usize| shapes[*k].outer.iter().all(|wall| polytope.is_within(wall));
        let most = if setting.enclosed { usize::MAX } else { 1 };
        let mut homes: Vec<usize> = near.filter(takes).take(most).collect();
        if homes.len() > 1 {
            let depth = |k: usize| shapes[k].depth(&part.point);
            homes.sort_by(|&a, &b| depth(b).total_cmp(&depth(a)));
        }
        if !complete || !homes.is_empty() {
            return Ok(homes);
        }
        let covers: Vec<Cover> = shapes.iter().map(Shape::cover).collect();
        match covered(&part.walls, &part.lower, &part.upper, &covers, Effort::few(setting.enclosed)) {
            // Two polytopes may share what has no volume, or none that is known.
            Ok(()) if part.dimension < setting.free() || !part.certain => Ok(homes),
            Ok(()) => Err(part.point.clone()),
            Err(point) => Err(point),
        }
    };
    let all: Vec<_> = found.parts.par_iter().map(home).collect();
    let mut homes = Homes { of_piece: vec![Vec::new(); shapes.len()], between: HashSet::new() };
    for (part, home) in found.parts.iter().zip(all) {
        match home {
            Ok(own) => {
                if let Some(&first) = own.first() {
                    homes.of_piece[first].push(part);
                }
                if own.len() > 1 {
                    homes.between.insert(ptr::from_ref(part));
                }
            }
            Err(point) if !part.certain => return Err(doubtful(&point)),
            Err(point) => {
                let reason = format!("a part of the preimage is in no piece, near x = {point:?}");
                return Err(refuse(1, "pieces", reason));
            }
        }
    }
    Ok(homes)
}

/// What rounding does not let see.
fn doubtful(point: &[f64]) -> Outcome {
    let why =
        format!("hyperplanes are enclosed, and it stays open whether there is a point near x = {point:?}");
    Trouble::not_checkable(why).into()
}

/// Whether a piece, moved inward, lies in the preimage; `Err` with a point where that is not seen.
fn is_in_preimage(shape: &Shape, parts: &[&Part], found: &Found, flat: bool) -> Result<(), Vec<f64>> {
    let setting = &found.setting;
    if setting.enclosed && !flat {
        let phases = Phases::all(setting.network).ok_or_else(|| parts[0].point.clone())?;
        let sides = found.sides.iter().chain(&shape.inner).cloned().collect::<Vec<_>>();
        return setting.is_inside(&sides, &phases);
    }
    let near: Vec<Vec<Arc<Wall>>> =
        if flat { parts.iter().map(|part| thickened(part, setting)).collect() } else { Vec::new() };
    let covers: Vec<Cover> = parts
        .iter()
        .enumerate()
        .map(|(k, part)| Cover {
            walls: near.get(k).unwrap_or(&part.walls),
            lower: &part.lower,
            upper: &part.upper,
        })
        .collect();
    let effort = Effort::all(covers.len(), setting.enclosed);
    // Enclosed hyperplanes may be off by more than what is allowed here.
    let walls = if setting.enclosed { &shape.middle } else { &shape.inner };
    covered(walls, &setting.lower, &setting.upper, &covers, effort)
}

/// The claims of one piece.
fn piece(piece: &Piece, shape: &Shape, parts: &[&Part], found: &Found) -> Result<(), Outcome> {
    let claim = |claim: &str, reason: String| Err(refuse(piece.line, claim, reason));
    let free = found.setting.free();
    let flat = piece.dimension < free;
    if piece.rows.iter().any(|row| row.equality) != flat || piece.dimension > free {
        return claim("dimension", "its equations do not go with it".into());
    }
    let [low, high] = piece.volume;
    if !(0.0 <= low && low <= high) {
        return claim("volume of a piece", format!("[{low}, {high}] is no range"));
    }
    let enclosed = found.setting.enclosed;
    if enclosed && !piece.certain {
        // It claims no more than that there is nothing elsewhere.
        return if low > 0.0 { claim("volume of a piece", "it may be empty".into()) } else { Ok(()) };
    }
    if parts.is_empty() || !piece.certain {
        return claim("piece", "no part of the preimage is found in it".into());
    }
    if !parts.iter().any(|part| part.certain) {
        return Err(doubtful(&parts[0].point));
    }
    let highest = parts.iter().filter(|part| part.certain).map(|part| part.dimension).max();
    if highest != Some(piece.dimension) {
        return claim("dimension", format!("what it holds has dimension {}", highest.unwrap_or(0)));
    }
    if let Err(point) = is_in_preimage(shape, parts, found, flat) {
        return claim("piece", format!("it is not all in the preimage, near x = {point:?}"));
    }
    let exact = match &piece.exact {
        None => None,
        Some(text) => match fraction(text) {
            Some(value) => Some(value),
            None => return claim("volume of a piece", "`exact` is no fraction".into()),
        },
    };
    // It is all there is and no more, so that its own volume is that of its parts.
    let work = |walls: usize| (walls as f64).powi(free as i32);
    let less = 2.0 * work(piece.rows.len()) < parts.iter().map(|part| work(part.walls.len())).sum();
    let own = if flat || exact.is_some() || !(less || enclosed) { None } else { shape.volume(parts) };
    if own.is_some_and(|(least, most)| low <= least && most <= high) {
        return Ok(());
    }
    if enclosed {
        // Its own half-spaces are what its volume is of: the cells around here part at other kinks, if only by rounding.
        return match own {
            _ if flat && low == 0.0 && exact.is_none() => Ok(()),
            Some((least, most)) => {
                claim("volume of a piece", format!("its half-spaces keep it in [{least}, {most}]"))
            }
            None => claim("volume of a piece", "it does not follow".into()),
        };
    }
    if let Err(reason) = volume(&full(parts, free), (low, high), exact.as_ref()) {
        return claim("volume of a piece", reason);
    }
    Ok(())
}

fn full<'a>(parts: &[&'a Part], free: usize) -> Vec<&'a Part> {
    parts.iter().copied().filter(|part| part.dimension == free).collect()
}

/// A part's walls moved outward by a hair.
fn thickened(part: &Part, setting: &Setting) -> Vec<Arc<Wall>> {
    let moved = |wall: &Arc<Wall>| {
        let size: f64 = wall.constant.abs() + wall.slopes.iter().map(|a| a.abs()).sum::<f64>();
        let shift = ExactForm::of(&vec![0.0; wall.slopes.len()], FLAT * size).constant;
        let mut own = (**wall).clone();
        own.exact.constant = own.exact.constant.plus(&shift);
        Arc::new(setting.wall(&own.exact, false))
    };
    part.walls.iter().map(moved).collect()
}

/// Whether the volumes of parts add up to what is said, in bounds or, where these leave it open, without rounding.
fn volume(parts: &[&Part], said: (f64, f64), exact: Option<&Rational>) -> Result<(), String> {
    let (wanted_low, wanted_high) = (rational(said.0), rational(said.1));
    if exact.is_none() {
        let bounds: Vec<(f64, f64)> = parts.iter().map(|part| part.volume()).collect();
        let low = crate::kernel::sum(bounds.iter().map(|b| b.0));
        let finite = bounds.iter().all(|b| b.1.is_finite());
        let high = finite.then(|| crate::kernel::sum(bounds.iter().map(|b| b.1)));
        if wanted_low <= low && high.as_ref().is_some_and(|high| *high <= wanted_high) {
            return Ok(());
        }
        let beyond = wanted_high < low || high.as_ref().is_some_and(|high| wanted_low > *high);
        if beyond {
            return Err(format!("it is about {}", low.to_f64().value()));
        }
    }
    let mut total = Rational::ZERO;
    for part in parts {
        total += part.volume_exactly().ok_or("it is not found")?;
    }
    if exact.is_some_and(|exact| *exact != total) {
        return Err(format!("the fraction is another: about {}", total.to_f64().value()));
    }
    if wanted_low <= total && total <= wanted_high {
        return Ok(());
    }
    Err(format!("it is about {}", total.to_f64().value()))
}

/// What the header says of all pieces together.
fn header(file: &File, found: &Found, same: &Same, free: usize) -> Result<(), Outcome> {
    let header = &file.header;
    let claim = |claim: &str, reason: String| Err(refuse(1, claim, reason));
    let said = &header.volume;
    if said.dimensions != free {
        return claim("volume.dimensions", "another number of inputs is free".into());
    }
    let sides = (0..same.lower.len()).filter(|&i| same.lower[i] < same.upper[i]);
    let whole = sides.fold(Rational::ONE, |v, i| v * (&same.upper[i] - &same.lower[i]));
    let near = of_box(&found.setting.lower, &found.setting.upper) * rational(1e-9);
    let off = whole - rational(said.whole);
    if off > near || -off > near {
        return claim("volume.box", "the box has another volume".into());
    }
    if let (Status::Empty, Some(part)) = (header.status, found.parts.iter().find(|part| !part.certain)) {
        return Err(doubtful(&part.point));
    }
    if header.status == Status::Empty && !found.parts.is_empty() {
        return claim("status", format!("it says empty: not near x = {:?}", found.parts[0].point));
    }
    if header.status == Status::Complete && file.pieces.is_empty() {
        return claim("status", "it says complete, and nothing is there".into());
    }
    let exact = match &said.exact {
        None => None,
        Some(text) => match fraction(text) {
            Some(value) => Some(value),
            None => return claim("volume.exact", "no fraction".into()),
        },
    };
    // Every part is in one piece, and the pieces' volumes are checked.
    if header.status == Status::Complete && exact.is_none() && !found.setting.enclosed {
        let sum = |end: usize| crate::kernel::sum(file.pieces.iter().map(|piece| piece.volume[end]));
        if rational(said.lower) <= sum(0) && sum(1) <= rational(said.upper) {
            return Ok(());
        }
    }
    let thick = |part: &&Part| part.dimension == free || part.inner.is_some();
    let parts: Vec<&Part> = found.parts.iter().filter(thick).collect();
    if let Err(reason) = volume(&parts, (said.lower, said.upper), exact.as_ref()) {
        return claim("volume", reason);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The half-space of a row in the box [0, 1]ⁿ.
    fn wall(slopes: &[f64], constant: f64) -> Arc<Wall> {
        let n = slopes.len();
        Arc::new(Wall::new(&ExactForm::of(slopes, constant), false, &vec![0.0; n], &vec![1.0; n]))
    }

    /// A simplex { x ≥ 0, Σ x ≤ 1 } with the half-space x₀ ≥ x₁ or its opposite.
    fn half(n: usize, sign: f64) -> Part {
        let unit = |i: usize, c: f64| (0..n).map(|k| if k == i { c } else { 0.0 }).collect::<Vec<f64>>();
        let mut walls: Vec<Arc<Wall>> = (0..n).map(|i| wall(&unit(i, 1.0), 0.0)).collect();
        walls.push(wall(&vec![-1.0; n], 1.0));
        let mut cut = unit(0, sign);
        cut[1] = -sign;
        walls.push(wall(&cut, 0.0));
        let (lower, upper) = (vec![0.0; n], vec![1.0; n]);
        let (inner, certain) = (None, true);
        Part { walls, inner, certain, lower, upper, region: 0, point: vec![0.1; n], dimension: n }
    }

    fn simplex(n: usize, error: f64, far: f64) -> Shape {
        let row = |slopes: Vec<f64>, constant: f64| -> Row {
            let text =
                serde_json::json!({ "slopes": slopes, "constant": constant, "error": error, "of": null });
            serde_json::from_value(text).unwrap()
        };
        let unit = |i: usize| (0..n).map(|k| f64::from(u8::from(k == i))).collect::<Vec<f64>>();
        let mut rows: Vec<Row> = (0..n).map(|i| row(unit(i), 0.0)).collect();
        rows.push(row(vec![-1.0; n], far));
        let mut vertices: Vec<Vec<f64>> = (0..n).map(unit).collect();
        vertices.push(vec![0.0; n]);
        Shape::new(&rows, &vertices, &vec![-1.0; n], &vec![2.0; n]).unwrap()
    }

    /// The volume that a piece's own half-spaces give is that of its parts, and 1/n!.
    #[test]
    fn a_pieces_own_volume_is_that_of_its_parts() {
        let mut factorial = 1.0;
        for n in 2..6 {
            factorial = if n == 2 { 2.0 } else { factorial * n as f64 };
            let parts = [half(n, 1.0), half(n, -1.0)];
            let exactly = parts.iter().fold(Rational::ZERO, |sum, p| sum + p.volume_exactly().unwrap());
            assert_eq!(&exactly * rational(factorial), Rational::ONE, "the parts are the simplex");
            for error in [0.0, 1e-9, 1e-3] {
                let (low, high) = simplex(n, error, 1.0).volume(&[&parts[0], &parts[1]]).unwrap();
                assert!(rational(low) <= exactly && exactly <= rational(high), "{n} {error}: {low} {high}");
                // Each of n + 1 faces, of area √n/(n − 1)! at most, may have moved by the error.
                let moved = error * (n + 1) as f64 * (n as f64).sqrt() * n as f64 / factorial;
                assert!(high - low <= 3.0 * moved + 1e-12, "{n} {error}: {low} {high}");
            }
        }
    }

    /// Half-spaces that do not keep the polytope near its vertices say nothing of its volume there.
    #[test]
    fn a_piece_that_reaches_beyond_its_vertices_has_no_volume_of_its_own() {
        let parts = [half(2, 1.0), half(2, -1.0)];
        assert!(simplex(2, 0.0, 1.0).volume(&[&parts[0], &parts[1]]).is_some());
        assert!(simplex(2, 0.0, 1.5).volume(&[&parts[0], &parts[1]]).is_none());
        let away = Part { upper: vec![9.0; 2], ..half(2, 1.0) };
        assert!(simplex(2, 0.0, 1.0).volume(&[&away]).is_none());
    }
}
