//! The exact preimage as a whole: enumerated, joined, measured.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering as Memory};

use dashu_ratio::RBig;
use netinverse_base::{Budget, Progress, Result, StopReason};
use netinverse_bounds::{Bounder, PiecewiseLinear};
use netinverse_geometry::{ExactSum, Hyperplane, MAX_DIMS, VertexPolytope};
use netinverse_linalg::Interval;
use netinverse_linalg::interval::{mul_down, mul_up};
use netinverse_network::Network;
use rayon::prelude::*;

use super::enumerate::{Enumeration, Found, ROWS, Region};
use super::forms::Setting;
use super::frame::{Frame, SIDES};
use super::maps::{AffineMap, Orientation};
use super::merge::{Joined, merge, without_contained};
use super::pieces::{ROOM, roomy};
use super::rows::TargetRows;
use crate::question::Question;

/// What is wanted of an exact preimage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactOptions {
    /// Whether polytopes are joined where their union is convex.
    pub merge: bool,
    /// Whether the affine maps of the regions are written out.
    pub maps: bool,
    /// Whether all linear regions of the box are wanted, not only those that meet the target; with their half-spaces.
    pub all_regions: bool,
    /// Stop after this many regions.
    pub max_regions: u64,
}

impl Default for ExactOptions {
    fn default() -> Self {
        ExactOptions { merge: true, maps: false, all_regions: false, max_regions: 4_000_000 }
    }
}

/// A half-space of a polytope, in x: `slopes·x + constant ≥ 0`.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfSpaceRow {
    /// n
    pub slopes: Vec<f64>,
    /// The constant.
    pub constant: f64,
    /// The exact function differs from this one by at most so much in the box.
    pub error: f64,
    /// Whether the polytope lies in the hyperplane.
    pub equality: bool,
    /// Where it comes from.
    pub origin: RowOrigin,
}

/// Where a half-space comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrigin {
    /// A side of the box, of this input.
    Box(usize),
    /// A kink of a function or a tie of a maximum, by its number among these.
    Unit(usize),
    /// A row of the target.
    Target(usize),
}

/// A polytope of the preimage.
#[derive(Debug, Clone)]
pub struct ExactPiece {
    /// Its dimension over the free inputs, from 0 (a point).
    pub dimension: usize,
    /// The half-spaces; irredundant for a piece of full dimension.
    pub rows: Vec<HalfSpaceRow>,
    /// Its vertices in doubles, n numbers each.
    pub vertices: Vec<Vec<f64>>,
    /// The linear regions it has points of, by index.
    pub regions: Vec<usize>,
    /// Proved bounds of its volume over the free inputs; 0 for lower dimensions.
    pub volume: (f64, f64),
    /// Its volume exactly, where that is small enough to be found.
    pub exact_volume: Option<RBig>,
    /// Whether it is proved to hold a point of the preimage; always where the network's constants are exact.
    pub certain: bool,
}

/// A facet between two linear regions whose determinants have different signs, one of them positive or both not 0.
#[derive(Debug, Clone)]
pub struct Fold {
    /// The regions, by index.
    pub regions: [usize; 2],
    /// The facet's vertices in doubles, n numbers each.
    pub vertices: Vec<Vec<f64>>,
}

/// A linear region.
#[derive(Debug, Clone)]
pub struct LinearRegion {
    /// The phase of every function (its piece, from the left) and maximum (its source), in the order of the graph.
    pub phases: Box<[u8]>,
    /// The region's half-spaces, if all regions are wanted.
    pub rows: Vec<HalfSpaceRow>,
    /// Its vertices in doubles, n numbers each, likewise.
    pub vertices: Vec<Vec<f64>>,
    /// The affine map there.
    pub map: AffineMap,
    /// The sign of its determinant: for as many outputs as free inputs, with exact constants.
    pub orientation: Option<Orientation>,
}

/// The preimage, exactly.
#[derive(Debug)]
pub struct ExactSet {
    /// Whether hyperplanes are those of the network without rounding; else rows carry errors that count.
    pub exact: bool,
    /// The free inputs.
    pub free: Vec<usize>,
    /// Polytopes whose union is the preimage (its closure, where a row is strict), disjoint but for their faces.
    pub pieces: Vec<ExactPiece>,
    /// The linear regions that have a part in it, or all of the box; none where neither maps nor regions are wanted.
    pub regions: Vec<LinearRegion>,
    /// How many these are.
    pub region_count: usize,
    /// Where the determinant changes its sign: for as many outputs as free inputs, if all regions are wanted.
    pub folds: Vec<Fold>,
    /// Parts before they were joined.
    pub parts: usize,
    /// Proved bounds of the volume over the free inputs.
    pub volume: (f64, f64),
    /// The volume exactly, where that is small enough to be found.
    pub exact_volume: Option<RBig>,
    /// The volume of the box, exactly.
    pub box_volume: RBig,
    /// Cells looked at.
    pub cells: u64,
    /// Cells that were not looked at because something ended the work; what is there is not known.
    pub open: usize,
    /// What ended the work early.
    pub stopped_by: Option<&'static str>,
}

/// The most simplices of a set whose volume is found without rounding.
const EXACT_SIMPLICES: usize = 600;

/// The preimage of a question under a piecewise-linear network, exactly.
///
/// # Errors
/// An operator that is not piecewise linear, by node; more free inputs than vertices can be listed for.
pub fn exact_preimage(
    network: &Network,
    bounder: &Bounder,
    question: &Question,
    options: &ExactOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<ExactSet> {
    let piecewise = PiecewiseLinear::new(network, bounder)?;
    if question.contradictory {
        return Ok(ExactSet::nothing());
    }
    let frame = Frame::new(&question.bounds)?;
    let targets = TargetRows::of(question, &piecewise);
    let setting = Arc::new(Setting::new(piecewise, frame));
    let watch = |cells: u64, kept: u64| {
        progress.update(cells, &format!("{cells} cells, {kept} linear regions"));
    };
    let enumeration = Enumeration {
        setting: Arc::clone(&setting),
        targets,
        budget,
        most: options.max_regions,
        all: options.all_regions,
        maps: options.maps || options.all_regions,
        cells: AtomicU64::new(0),
        kept: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        watch: &watch,
    };
    progress.stage("regions", None);
    let Found { regions, open } = enumeration.run();
    let parts: Vec<_> = regions
        .par_iter()
        .enumerate()
        .flat_map_iter(|(index, region)| enumeration.parts(region, index))
        .collect();
    let parts = without_contained(parts);
    let count = parts.len();
    progress.stage("joining", None);
    let joined = merge(parts, &regions, setting.exact, options.merge, budget);
    let stopped_by = match budget.stop() {
        Some(StopReason::TimeLimit) if !open.is_empty() => Some("the time limit"),
        Some(StopReason::Cancelled) if !open.is_empty() => Some("the user"),
        _ if !open.is_empty() => Some("the limit of regions"),
        _ => None,
    };
    let mut set = ExactSet {
        exact: setting.exact,
        free: setting.frame.free.clone(),
        pieces: Vec::new(),
        regions: Vec::new(),
        region_count: 0,
        folds: Vec::new(),
        parts: count,
        volume: (0.0, 0.0),
        exact_volume: None,
        box_volume: setting.frame.box_volume(),
        cells: enumeration.cells.load(Memory::Relaxed),
        open: open.len(),
        stopped_by,
    };
    set.measure(&setting, joined, &open);
    set.list_regions(&setting, &regions, options);
    Ok(set)
}

impl ExactSet {
    fn nothing() -> Self {
        ExactSet {
            exact: true,
            free: Vec::new(),
            pieces: Vec::new(),
            regions: Vec::new(),
            region_count: 0,
            folds: Vec::new(),
            parts: 0,
            volume: (0.0, 0.0),
            exact_volume: Some(RBig::ZERO),
            box_volume: RBig::ZERO,
            cells: 0,
            open: 0,
            stopped_by: None,
        }
    }

    /// Whether the preimage is proved to be empty.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.open == 0
    }

    fn measure(&mut self, setting: &Setting, joined: Vec<Joined>, open: &[VertexPolytope]) {
        let factor = setting.frame.volume_factor();
        let scaled =
            |volume: Interval| (mul_down(volume.lo().max(0.0), factor).max(0.0), mul_up(volume.hi(), factor));
        let (mut lower, mut upper) = (ExactSum::new(), ExactSum::new());
        for cell in open {
            upper.add(scaled(cell.volume()).1);
        }
        let mut left = EXACT_SIMPLICES;
        let mut total = (setting.exact && open.is_empty()).then_some(RBig::ZERO);
        let exact_factor = setting.frame.exact_volume_factor();
        let full = |joined: &&Joined| joined.shape.dimension() == joined.shape.coordinates();
        // Many pieces would take more than that in any case.
        if setting.frame.dims() > 3 || joined.iter().filter(full).count() > EXACT_SIMPLICES {
            total = None;
        }
        let mut exact_volumes: Vec<Option<RBig>> = vec![None; joined.len()];
        if total.is_some() {
            for (own, piece) in exact_volumes.iter_mut().zip(&joined) {
                let simplices = piece.shape.vertices().len();
                let volume = left.checked_sub(simplices).and_then(|rest| {
                    left = rest;
                    piece.shape.exact_volume(4 * simplices)
                });
                let Some(volume) = volume else {
                    total = None;
                    break;
                };
                let volume = volume * &exact_factor;
                total = total.map(|total| total + &volume);
                *own = Some(volume);
            }
        }
        for piece in &joined {
            let (low, high) = scaled(piece.volume);
            lower.add(low);
            upper.add(high);
        }
        self.pieces = joined
            .into_par_iter()
            .zip(exact_volumes)
            .map(|(piece, exact_volume)| ExactPiece {
                dimension: piece.shape.dimension(),
                rows: rows_of(setting, &piece.shape),
                vertices: vertices_of(setting, &piece.shape),
                regions: piece.regions,
                volume: if setting.exact || piece.shape.dimension() < piece.shape.coordinates() {
                    scaled(piece.volume)
                } else {
                    scaled(own_volume(setting, &piece.shape, piece.certain))
                },
                exact_volume,
                certain: piece.certain,
            })
            .collect();
        self.volume = (lower.lower().max(0.0), upper.upper().max(0.0));
        if let Some(total) = &total {
            let (low, high) = enclosing(total);
            self.volume = (self.volume.0.max(low), self.volume.1.min(high));
        }
        self.exact_volume = total;
    }

    /// Writes out the regions that are wanted, and numbers them anew.
    fn list_regions(&mut self, setting: &Setting, regions: &[Region], options: &ExactOptions) {
        let mut used: Vec<usize> = if options.all_regions {
            (0..regions.len()).collect()
        } else {
            self.pieces.iter().flat_map(|piece| piece.regions.iter().copied()).collect()
        };
        used.sort_unstable();
        used.dedup();
        self.region_count = used.len();
        for piece in &mut self.pieces {
            for region in &mut piece.regions {
                *region = used.binary_search(region).unwrap_or(0);
            }
        }
        if !(options.maps || options.all_regions) {
            return;
        }
        // Where hyperplanes are enclosed, another's bounds on a region may depend on what is seen to be exact there, and is not
        // elsewhere: room is left for what an output is off by anywhere.
        let mut doubts = vec![0.0f64; setting.network.output().len()];
        if !setting.exact {
            for number in regions.iter().map(|region| &region.outputs) {
                doubts.iter_mut().zip(number).for_each(|(doubt, own)| *doubt = doubt.max(ROOM * own.error()));
            }
        }
        self.regions = used
            .into_par_iter()
            .map(|index| {
                let region = &regions[index];
                let shape = options.all_regions.then(|| region.cell.without_redundant_facets());
                let shape = shape.as_ref();
                LinearRegion {
                    phases: region.phases.clone(),
                    rows: shape.map_or_else(Vec::new, |shape| rows_of(setting, shape)),
                    vertices: shape.map_or_else(Vec::new, |shape| vertices_of(setting, shape)),
                    map: setting.map(&region.outputs, &doubts),
                    orientation: setting.orientation(&region.phases),
                }
            })
            .collect();
        if options.all_regions {
            self.folds = folds(setting, regions, &self.regions);
        }
    }
}

/// The volume in t of a polytope that stands for one whose hyperplanes are not known exactly, its kinks no more than its rows.
fn own_volume(setting: &Setting, shape: &VertexPolytope, certain: bool) -> Interval {
    let moved = |start: VertexPolytope, by: f64| {
        shape.facets().iter().filter(|facet| facet.plane.label() < SIDES).try_fold(start, |cell, facet| {
            let (plane, sign) = (&facet.plane, if facet.positive { 1.0 } else { -1.0 });
            let slopes: Vec<f64> = plane.slopes().iter().map(|a| sign * a).collect();
            let constant = sign * plane.constant() + by * plane.doubt();
            cell.clip(&Arc::new(Hyperplane::of_doubles(&slopes, constant, plane.label())))
        })
    };
    let volume = |start, by| moved(start, by).map_or(Interval::ZERO, |cell| cell.volume());
    // Twice what the rows say, so that bounds of the rows' volume have room as well.
    let inner = if certain { volume(shape.clone(), -2.0 * ROOM).lo() } else { 0.0 };
    roomy(inner, volume(setting.frame.cell(), 2.0 * ROOM).hi())
}

/// The facets between regions of different orientation.
fn folds(setting: &Setting, regions: &[Region], listed: &[LinearRegion]) -> Vec<Fold> {
    if listed.iter().all(|region| region.orientation == listed[0].orientation) {
        return Vec::new();
    }
    let mut sides: HashMap<*const Hyperplane, Vec<(usize, usize)>> = HashMap::new();
    let mut out = Vec::new();
    for (index, region) in regions.iter().enumerate() {
        for (k, facet) in region.cell.facets().iter().enumerate() {
            let known = sides.entry(Arc::as_ptr(&facet.plane)).or_default();
            for &(other, l) in known.iter() {
                let against = &regions[other].cell;
                if listed[index].orientation != listed[other].orientation
                    && against.facets()[l].positive != facet.positive
                    && region.cell.shares(against, k, l)
                {
                    let on = (0..region.cell.vertices().len()).filter(|&v| region.cell.is_tight(v, k));
                    let vertices = on.map(|v| setting.frame.point(region.cell.vertices()[v].at())).collect();
                    out.push(Fold { regions: [other, index], vertices });
                }
            }
            known.push((index, k));
        }
    }
    out
}

/// A fraction between two doubles.
fn enclosing(value: &RBig) -> (f64, f64) {
    let near = value.to_f64().value();
    let exact = |x: f64| RBig::try_from(x).ok();
    if exact(near).as_ref() == Some(value) { (near, near) } else { (near.next_down(), near.next_up()) }
}

fn vertices_of(setting: &Setting, shape: &VertexPolytope) -> Vec<Vec<f64>> {
    shape.vertices().iter().map(|vertex| setting.frame.point(vertex.at())).collect()
}

fn rows_of(setting: &Setting, shape: &VertexPolytope) -> Vec<HalfSpaceRow> {
    let all = shape.vertices().len();
    (0..shape.facets().len())
        .map(|k| {
            let facet = &shape.facets()[k];
            let equality = (0..all).all(|v| shape.is_tight(v, k));
            row_of(setting, &facet.plane, facet.positive, equality)
        })
        .collect()
}

fn row_of(setting: &Setting, plane: &Hyperplane, positive: bool, equality: bool) -> HalfSpaceRow {
    let sign = if positive { 1.0 } else { -1.0 };
    let mut form = [0.0; MAX_DIMS + 1];
    form[0] = sign * plane.constant();
    for (own, slope) in form[1..].iter_mut().zip(plane.slopes()) {
        *own = sign * slope;
    }
    let (slopes, constant, error) = setting.in_x(&form, plane.error() + ROOM * plane.doubt());
    let label = plane.label();
    let origin = if label >= SIDES {
        RowOrigin::Box(((label - SIDES) / 2) as usize)
    } else if label >= ROWS {
        RowOrigin::Target((label - ROWS) as usize)
    } else {
        RowOrigin::Unit((label >> 8) as usize)
    };
    HalfSpaceRow { slopes, constant, error, equality, origin }
}
