//! The part of a linear region that is in the target: polytopes of any dimension.
//!
//! Of a disjunct, whose rows are affine on the region, the part is one polytope: full, a face, a slice, or nothing. Several
//! disjuncts may overlap; their full parts are cut along rows into parts without common inner points.

use std::sync::Arc;

use netinverse_geometry::{Hyperplane, Position, VertexPolytope, position};
use netinverse_linalg::interval::{add_down, add_up};
use netinverse_linalg::{Interval, Lu, Matrix};

use super::enumerate::{Enumeration, Region};

/// What is written of hyperplanes that are not exact, and of volumes that depend on them, leaves room for the rounding of others
/// who bound the same network another way: errors count so many times.
pub(super) const ROOM: f64 = 16.0;

/// And volumes are wider by this share.
const WIDER: f64 = 1e-12;

/// A volume with room.
pub(super) fn roomy(least: f64, most: f64) -> Interval {
    let low = (least * (1.0 - WIDER)).max(0.0);
    Interval::new(low, (most * (1.0 + WIDER)).max(low))
}

/// A part of the preimage inside one linear region.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Where the rows hold: exactly, or as the doubles near them say.
    pub(super) shape: VertexPolytope,
    /// The region, by index.
    pub(super) region: usize,
    /// The disjunct of which it is all that the region has; none for one of several parts.
    pub(super) disjunct: Option<u32>,
    /// Proved bounds of its volume in t; 0 for a part of lower dimension.
    pub(super) volume: Interval,
    /// Whether it is proved to hold a point of the preimage. All of it is in the preimage where hyperplanes are exact.
    pub(super) certain: bool,
}

impl Enumeration<'_> {
    /// The parts of a region that are in the target.
    pub(super) fn parts(&self, region: &Region, index: usize) -> Vec<Part> {
        let mut planes = Planes { enumeration: self, region, known: vec![None; region.rows.len()] };
        let mut full = Vec::new();
        let mut out = Vec::new();
        for &d in &region.disjuncts {
            let rows = &self.targets.disjuncts[d as usize];
            let open: Vec<u32> =
                rows.iter().copied().filter(|&row| !region.rows[row as usize].holds).collect();
            let Some(shape) = planes.clipped(&open) else {
                out.extend(self.possible(region, index, &open));
                continue;
            };
            if shape.dimension() == shape.coordinates() {
                full.push((d, open, shape));
            } else {
                let certain = self.setting.exact || self.is_certain(region, &open, &shape);
                let volume = self.enclosed_volume(region, &open, None);
                out.push(Part { shape, region: index, disjunct: None, volume, certain });
            }
        }
        if let [_] = full[..] {
            let (d, open, shape) = full.remove(0);
            let volume = self.enclosed_volume(region, &open, Some(&shape));
            let certain = self.setting.exact || volume.lo() > 0.0;
            out.push(Part { shape, region: index, disjunct: Some(d), volume, certain });
        } else if full.len() > 1 {
            let disjuncts: Vec<Vec<u32>> = full.into_iter().map(|(_, open, _)| open).collect();
            let doubtful = self.doubtful_volume(region, &disjuncts);
            let mut states = vec![None; region.rows.len()];
            let mut tiles = Vec::new();
            tile(&mut planes, region.cell.clone(), &disjuncts, &mut states, &mut tiles);
            for (k, shape) in tiles.into_iter().enumerate() {
                // What is doubtful may be outside of every tile, and in the set outside of all: that is counted once.
                let own = shape.volume();
                let more = if k == 0 { doubtful } else { 0.0 };
                let volume = Interval::new(add_down(own.lo(), -doubtful).max(0.0), add_up(own.hi(), more));
                let volume = if self.setting.exact { volume } else { roomy(volume.lo(), volume.hi()) };
                let certain = self.setting.exact || volume.lo() > 0.0;
                out.push(Part { shape, region: index, disjunct: None, volume, certain });
            }
        }
        out
    }

    /// The volume of the rows' part of a region, which is `shape` if that is given: between the parts where the rows surely
    /// hold, and where they may.
    fn enclosed_volume(&self, region: &Region, open: &[u32], shape: Option<&VertexPolytope>) -> Interval {
        if self.setting.exact {
            return shape.map_or(Interval::ZERO, VertexPolytope::volume);
        }
        let part = |sign: f64| {
            let mut cell = Some(region.cell.clone());
            for &row in open {
                let shift = sign * region.rows[row as usize].error;
                cell = cell.and_then(|cell| cell.clip(&self.row_plane(region, row, shift)));
            }
            cell.map_or(Interval::ZERO, |cell| cell.volume())
        };
        roomy(part(-ROOM).lo(), part(ROOM).hi())
    }

    /// How much of a region lies where some row is nearer to 0 than it may be off.
    fn doubtful_volume(&self, region: &Region, disjuncts: &[Vec<u32>]) -> f64 {
        if self.setting.exact {
            return 0.0;
        }
        let mut rows: Vec<u32> = disjuncts.concat();
        rows.sort_unstable();
        rows.dedup();
        let slab = |row: u32| {
            let error = ROOM * region.rows[row as usize].error;
            let above = region.cell.clip(&self.row_plane(region, row, error))?;
            let plane = self.row_plane(region, row, -error);
            let signs = above.signs(&plane);
            match position(&signs) {
                Position::Across => {
                    let [_, below] = above.split(&plane, &signs);
                    Some(below.volume().hi())
                }
                Position::Above => None,
                Position::Below | Position::Within => Some(above.volume().hi()),
            }
        };
        rows.into_iter().filter_map(slab).fold(0.0, add_up)
    }

    /// Where inexact constants leave open whether a disjunct holds anywhere in the region: the part where it may.
    fn possible(&self, region: &Region, index: usize, open: &[u32]) -> Option<Part> {
        if self.setting.exact {
            return None;
        }
        let moved = |by: f64| {
            open.iter().try_fold(region.cell.clone(), |cell, &row| {
                cell.clip(&self.row_plane(region, row, by * region.rows[row as usize].error))
            })
        };
        let shape = moved(1.0)?;
        let volume = roomy(0.0, moved(ROOM).map_or(0.0, |cell| cell.volume().hi()));
        Some(Part { shape, region: index, disjunct: None, volume, certain: false })
    }

    /// Whether a part of lower dimension is proved to hold a point of the preimage although rows are off by an error: by a
    /// change of sign where one equation is asked for, with room for others to see it too; by Brouwer's theorem where as many as
    /// there are inputs.
    fn is_certain(&self, region: &Region, open: &[u32], shape: &VertexPolytope) -> bool {
        let dims = shape.coordinates();
        // Rows in pairs ±: equations. All others must hold with room to spare.
        let opposite = |a: u32, b: u32| {
            let (a, b) = (&region.rows[a as usize].form, &region.rows[b as usize].form);
            a.iter().zip(b).all(|(a, b)| *a == -*b)
        };
        let mut equations = Vec::new();
        let mut others = Vec::new();
        for &row in open {
            match open.iter().find(|&&other| other != row && opposite(row, other)) {
                Some(&other) if row < other => equations.push(row),
                Some(_) => {}
                None => others.push(row),
            }
        }
        let sure = |row: u32, sign: f64, vertex: &netinverse_geometry::Vertex| {
            let form = &region.rows[row as usize];
            let plane = Hyperplane::of_doubles(
                &form.form[1..=dims].iter().map(|a| sign * a).collect::<Vec<_>>(),
                sign * form.form[0] - ROOM * form.error,
                0,
            );
            let (value, error) = vertex.value(&plane);
            value > error
        };
        if let [only] = equations[..] {
            // Between a vertex above and one below, in the part of the cell where the other rows surely hold.
            let mut cell = Some(region.cell.clone());
            for &row in &others {
                let error = ROOM * region.rows[row as usize].error;
                cell = cell.and_then(|cell| cell.clip(&self.row_plane(region, row, -error)));
            }
            return cell.is_some_and(|cell| {
                cell.vertices().iter().any(|vertex| sure(only, 1.0, vertex))
                    && cell.vertices().iter().any(|vertex| sure(only, -1.0, vertex))
            });
        }
        if equations.len() != dims || shape.dimension() > 0 {
            return false;
        }
        // f = A t + c + δ with |δ| ≤ e: t ↦ A⁻¹(y − c − δ(t)) takes the ball of radius ‖A⁻¹‖ e around the solution into
        // itself, if that ball lies in the cell.
        let matrix: Vec<f64> =
            equations.iter().flat_map(|&row| region.rows[row as usize].form[1..=dims].to_vec()).collect();
        let errors: Vec<f64> = equations.iter().map(|&row| region.rows[row as usize].error).collect();
        let Some(radius) = inverse_reach(&matrix, &errors, dims) else { return false };
        let vertex = &shape.vertices()[0];
        let reach = radius + vertex.radius();
        let clear = |plane: &Hyperplane, positive: bool| {
            let (value, error) = vertex.value(plane);
            let steepness: f64 = plane.slopes().iter().map(|a| a.abs()).sum();
            (if positive { value } else { -value }) > (error + steepness * reach) * (1.0 + 1e-9)
        };
        region.cell.facets().iter().all(|facet| clear(&facet.plane, facet.positive))
            && others.iter().all(|&row| {
                let error = region.rows[row as usize].error;
                clear(&self.row_plane(region, row, -error), true)
            })
    }
}

/// A bound of max |A⁻¹ δ| over |δ_k| ≤ errors_k, A of n × n by rows; `None` if A is not proved to be regular.
fn inverse_reach(matrix: &[f64], errors: &[f64], n: usize) -> Option<f64> {
    let lu = Lu::new(&Matrix::from_fn(n, n, |i, j| matrix[i * n + j]));
    let mut columns = Vec::with_capacity(n);
    for k in 0..n {
        let mut unit = vec![0.0; n];
        unit[k] = 1.0;
        columns.push(lu.solve_vector(&unit)?);
    }
    let mut distance = 0.0f64;
    for i in 0..n {
        let mut row = 0.0;
        for j in 0..n {
            let terms: Vec<f64> = (0..n).map(|k| columns[k][i] * matrix[k * n + j]).collect();
            let sum: f64 = terms.iter().sum::<f64>() - f64::from(u8::from(i == j));
            let magnitude: f64 = terms.iter().map(|t| t.abs()).sum::<f64>() + 1.0;
            row += sum.abs() + (2 * n + 6) as f64 * f64::EPSILON * magnitude;
        }
        distance = distance.max(row);
    }
    let reach =
        (0..n).map(|i| (0..n).map(|k| columns[k][i].abs() * errors[k]).sum::<f64>()).fold(0.0, f64::max);
    (distance < 0.5).then(|| reach / (1.0 - distance) * (1.0 + 1e-9))
}

/// The hyperplanes of a region's rows, made once.
struct Planes<'a, 'b> {
    enumeration: &'a Enumeration<'b>,
    region: &'a Region,
    known: Vec<Option<Arc<Hyperplane>>>,
}

impl Planes<'_, '_> {
    fn of(&mut self, row: u32) -> Arc<Hyperplane> {
        let (enumeration, region) = (self.enumeration, self.region);
        let own = self.known[row as usize].get_or_insert_with(|| enumeration.row_plane(region, row, 0.0));
        Arc::clone(own)
    }

    /// The part of the region where some rows hold; strict ones somewhere strictly.
    fn clipped(&mut self, open: &[u32]) -> Option<VertexPolytope> {
        let mut shape = self.region.cell.clone();
        for &row in open {
            let plane = self.of(row);
            shape = shape.clip(&plane)?;
        }
        for &row in open.iter().filter(|&&row| self.enumeration.targets.rows[row as usize].strict) {
            let plane = self.of(row);
            if position(&shape.signs(&plane)) == Position::Within {
                return None;
            }
        }
        Some(shape)
    }
}

/// Cuts a cell along rows until some disjunct holds on all of it, or none.
fn tile(
    planes: &mut Planes,
    cell: VertexPolytope,
    disjuncts: &[Vec<u32>],
    states: &mut Vec<Option<bool>>,
    out: &mut Vec<VertexPolytope>,
) {
    let holds =
        |rows: &Vec<u32>, states: &[Option<bool>]| rows.iter().all(|&row| states[row as usize] == Some(true));
    if disjuncts.iter().any(|rows| holds(rows, states)) {
        out.push(cell);
        return;
    }
    let alive = disjuncts.iter().find(|rows| !rows.iter().any(|&row| states[row as usize] == Some(false)));
    let Some(row) = alive.and_then(|rows| rows.iter().copied().find(|&row| states[row as usize].is_none()))
    else {
        return;
    };
    let plane = planes.of(row);
    let strict = planes.enumeration.targets.rows[row as usize].strict;
    let signs = cell.signs(&plane);
    match position(&signs) {
        Position::Across => {
            let [above, below] = cell.split(&plane, &signs);
            for (cell, state) in [(above, true), (below, false)] {
                states[row as usize] = Some(state);
                tile(planes, cell, disjuncts, states, out);
            }
        }
        side => {
            states[row as usize] = Some(side == Position::Above || side == Position::Within && !strict);
            tile(planes, cell, disjuncts, states, out);
        }
    }
    states[row as usize] = None;
}
