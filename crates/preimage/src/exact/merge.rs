//! Fewer polytopes: parts on both sides of a hyperplane are joined where their union is convex.
//!
//! Two regions that meet in a facet were parted by one split, whose hyperplane both still have. First such neighbours learn which
//! vertices they share; then polytopes that have a facet in common are found by its vertices. A union is made only where it is proved to be convex, so that what is said of the parts holds for it.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use dashu_int::IBig;
use netinverse_base::Budget;
use netinverse_geometry::{Hyperplane, Vertex, VertexPolytope};
use netinverse_linalg::Interval;
use rayon::prelude::*;

use super::enumerate::{ROWS, Region};
use super::pieces::Part;

/// A polytope that is the union of parts.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) shape: VertexPolytope,
    /// The regions of its parts, ascending.
    pub(super) regions: Vec<usize>,
    /// Proved bounds of its volume in t.
    pub(super) volume: Interval,
    pub(super) certain: bool,
}

/// Joins parts of full dimension as long as some union is convex; the others stay as they are.
pub(super) fn merge(
    parts: Vec<Part>,
    regions: &[Region],
    exact: bool,
    join: bool,
    budget: &Budget,
) -> Vec<Joined> {
    let disjuncts: Vec<Option<u32>> = parts.iter().map(|part| part.disjunct).collect();
    let mut all: Vec<Joined> = parts
        .into_par_iter()
        .map(|part| {
            let shape = part.shape.without_redundant_facets();
            Joined { shape, regions: vec![part.region], volume: part.volume, certain: part.certain }
        })
        .collect();
    if !join {
        return all;
    }
    identify(&mut all, &disjuncts, regions, exact);
    let mut all: Vec<Option<Joined>> = all.into_iter().map(Some).collect();
    // For each facet, by its vertices, the polytopes that have it.
    let mut facets: HashMap<u64, Vec<usize>> = HashMap::new();
    let enter = |facets: &mut HashMap<u64, Vec<usize>>, shape: &VertexPolytope, index: usize| {
        if is_full(shape) {
            for k in 0..shape.facets().len() {
                facets.entry(facet_key(shape, k)).or_default().push(index);
            }
        }
    };
    for (index, joined) in all.iter().enumerate() {
        if let Some(joined) = joined {
            enter(&mut facets, &joined.shape, index);
        }
    }
    let mut queue: VecDeque<usize> = (0..all.len()).collect();
    while let Some(index) = queue.pop_front() {
        if budget.stop().is_some() {
            break;
        }
        let Some(own) = &all[index] else { continue };
        let Some((other, shape)) = partner(own, index, &all, &facets) else { continue };
        let Some(mut joined) = all[index].take() else { continue };
        let Some(taken) = all[other].take() else { continue };
        joined.shape = shape;
        joined.regions.extend(taken.regions);
        joined.regions.sort_unstable();
        joined.regions.dedup();
        joined.volume = joined.volume + taken.volume;
        joined.certain &= taken.certain;
        // The union takes the earlier place, and is looked at again at once.
        let place = index.min(other);
        enter(&mut facets, &joined.shape, place);
        all[place] = Some(joined);
        queue.push_front(place);
    }
    all.into_iter().flatten().collect()
}

fn is_full(shape: &VertexPolytope) -> bool {
    shape.dimension() == shape.coordinates()
}

/// A facet by the identities of its vertices: equal for the same ones. What is found by it is checked.
fn facet_key(shape: &VertexPolytope, facet: usize) -> u64 {
    let mut vertices: Vec<usize> =
        shape.vertices_on(facet).into_iter().map(|v| Arc::as_ptr(&shape.vertices()[v]) as usize).collect();
    vertices.sort_unstable();
    let mut hasher = DefaultHasher::new();
    vertices.hash(&mut hasher);
    hasher.finish()
}

/// A hyperplane by its identity, and the middle of a facet on it, in millionths.
type FacetPlace = (usize, Vec<i64>);

/// Lets parts know which vertices and hyperplanes they share.
///
/// Two linear regions that differ in the phase of one unit only are cut by the same constraints on the hyperplane between them,
/// since every number of the network is continuous; so are their parts in one disjunct. Their facets there are the same, and of the
/// vertices those that are near each other. Other facets are compared without rounding.
fn identify(all: &mut [Joined], disjuncts: &[Option<u32>], regions: &[Region], exact: bool) {
    let mut planes: HashMap<(u64, Vec<IBig>), Arc<Hyperplane>> = HashMap::new();
    let mut known: HashMap<usize, Arc<Hyperplane>> = HashMap::new();
    // Facets of one split hyperplane with one middle, to a millionth of the box.
    let mut facets: HashMap<FacetPlace, Vec<(usize, usize)>> = HashMap::new();
    let mut vertices: HashMap<usize, Arc<Vertex>> = HashMap::new();
    fn root(vertices: &HashMap<usize, Arc<Vertex>>, vertex: &Arc<Vertex>) -> Arc<Vertex> {
        let mut own = Arc::clone(vertex);
        while let Some(next) = vertices.get(&(Arc::as_ptr(&own) as usize)) {
            own = Arc::clone(next);
        }
        own
    }
    for index in 0..all.len() {
        let shape = &all[index].shape;
        if !is_full(shape) {
            continue;
        }
        for k in 0..shape.facets().len() {
            let plane = &shape.facets()[k].plane;
            if plane.label() >= ROWS {
                continue;
            }
            let on = shape.vertices_on(k);
            let middle = (0..shape.coordinates()).map(|i| {
                let sum: f64 = on.iter().map(|&v| shape.vertices()[v].at()[i]).sum();
                (sum / on.len() as f64 * 1e6).round() as i64
            });
            let key = (Arc::as_ptr(plane) as usize, middle.collect());
            let others = facets.entry(key).or_default();
            for &(other, l) in others.iter() {
                let against = &all[other].shape;
                if against.facets()[l].positive == shape.facets()[k].positive {
                    continue;
                }
                let by_continuity = exact
                    && disjuncts[index].is_some()
                    && disjuncts[index] == disjuncts[other]
                    && differ_in(regions, all[index].regions[0], all[other].regions[0], plane.label() >> 8);
                let twins = if by_continuity {
                    shape.twins(against, k, l, Vertex::is_near)
                } else {
                    shape.twins(against, k, l, Vertex::is_same)
                };
                let Some(twins) = twins else { continue };
                let pairs: Vec<(usize, usize)> =
                    twins.iter().enumerate().filter_map(|(v, twin)| Some((v, (*twin)?))).collect();
                // Each near one vertex only.
                let mut partners: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
                partners.sort_unstable();
                partners.dedup();
                if partners.len() < pairs.len() {
                    continue;
                }
                for (v, w) in pairs {
                    let own = root(&vertices, &shape.vertices()[v]);
                    let twin = root(&vertices, &against.vertices()[w]);
                    if !Arc::ptr_eq(&own, &twin) {
                        vertices.insert(Arc::as_ptr(&own) as usize, twin);
                    }
                }
            }
            others.push((index, k));
        }
    }
    for joined in all.iter_mut().filter(|joined| is_full(&joined.shape)) {
        joined.shape.replace(
            |vertex| Some(root(&vertices, vertex)),
            |plane| {
                let pointer = Arc::as_ptr(plane) as usize;
                let own = known.entry(pointer).or_insert_with(|| {
                    let key = (plane.label(), plane.integers().to_vec());
                    Arc::clone(planes.entry(key).or_insert_with(|| Arc::clone(plane)))
                });
                Some(Arc::clone(own))
            },
        );
    }
}

/// Whether two regions differ in the phase of one unit only.
fn differ_in(regions: &[Region], a: usize, b: usize, unit: u64) -> bool {
    let (a, b) = (&regions[a].phases, &regions[b].phases);
    let unit = unit as usize;
    unit < a.len() && a[unit] != b[unit] && a[..unit] == b[..unit] && a[unit + 1..] == b[unit + 1..]
}

/// The first polytope that makes a convex union with this one.
fn partner(
    own: &Joined,
    index: usize,
    all: &[Option<Joined>],
    facets: &HashMap<u64, Vec<usize>>,
) -> Option<(usize, VertexPolytope)> {
    if !is_full(&own.shape) {
        return None;
    }
    for k in 0..own.shape.facets().len() {
        let key = facet_key(&own.shape, k);
        for &other in facets.get(&key).into_iter().flatten().filter(|&&other| other != index) {
            let Some(against) = &all[other] else { continue };
            let side = &own.shape.facets()[k];
            let opposite = (0..against.shape.facets().len()).find(|&l| {
                let theirs = &against.shape.facets()[l];
                Arc::ptr_eq(&theirs.plane, &side.plane) && theirs.positive != side.positive
            });
            let Some(l) = opposite else { continue };
            if let Some(union) = own.shape.join(&against.shape, k, l) {
                return Some((other, union));
            }
        }
    }
    None
}

/// The parts of lower dimension that lie in no other part; of equal ones the first.
pub(super) fn without_contained(parts: Vec<Part>) -> Vec<Part> {
    let boxes: Vec<(Vec<f64>, Vec<f64>)> = parts.iter().map(|part| part.shape.bounding_box()).collect();
    let overlaps = |a: usize, b: usize| {
        let (a, b) = (&boxes[a], &boxes[b]);
        a.0.iter().zip(&b.1).all(|(low, high)| low <= high)
            && b.0.iter().zip(&a.1).all(|(low, high)| low <= high)
    };
    let contained = |index: usize| {
        let own = &parts[index].shape;
        own.dimension() < own.coordinates()
            && parts.iter().enumerate().any(|(other, part)| {
                let larger = part.shape.dimension() > own.dimension();
                let same = part.shape.dimension() == own.dimension() && other < index;
                (larger || same)
                    && (part.certain || !parts[index].certain)
                    && overlaps(index, other)
                    && part.shape.contains(own)
            })
    };
    let keep: Vec<bool> = (0..parts.len()).map(|index| !contained(index)).collect();
    parts.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(part, _)| part).collect()
}
