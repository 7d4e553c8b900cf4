//! Fewer polytopes: parts on both sides of a hyperplane are joined where their union is convex.
//!
//! Two regions that meet in a facet were parted by one split, whose hyperplane both still have: candidates are found by it.
//! A union is made only where it is proved to be convex, so that what is said of the parts holds for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use netinverse_base::Budget;
use netinverse_geometry::{Hyperplane, VertexPolytope};
use netinverse_linalg::Interval;

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
pub(super) fn merge(parts: Vec<Part>, join: bool, budget: &Budget) -> Vec<Joined> {
    let mut all: Vec<Option<Joined>> = parts
        .into_iter()
        .map(|part| {
            let shape = part.shape.without_redundant_facets();
            Some(Joined { shape, regions: vec![part.region], volume: part.volume, certain: part.certain })
        })
        .collect();
    if !join {
        return all.into_iter().flatten().collect();
    }
    let key = |plane: &Arc<Hyperplane>| Arc::as_ptr(plane) as usize;
    // For each hyperplane and side the polytopes that have it as a facet.
    let mut sides: HashMap<(usize, bool), Vec<usize>> = HashMap::new();
    let enter = |sides: &mut HashMap<(usize, bool), Vec<usize>>, shape: &VertexPolytope, index: usize| {
        if shape.dimension() == shape.coordinates() {
            for facet in shape.facets() {
                sides.entry((key(&facet.plane), facet.positive)).or_default().push(index);
            }
        }
    };
    for (index, joined) in all.iter().enumerate() {
        if let Some(joined) = joined {
            enter(&mut sides, &joined.shape, index);
        }
    }
    let mut queue: VecDeque<usize> = (0..all.len()).collect();
    while let Some(index) = queue.pop_front() {
        if budget.stop().is_some() {
            break;
        }
        let Some(own) = &all[index] else { continue };
        let Some((other, shape)) = partner(own, index, &all, &sides, key) else { continue };
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
        enter(&mut sides, &joined.shape, place);
        all[place] = Some(joined);
        queue.push_front(place);
    }
    all.into_iter().flatten().collect()
}

/// The first polytope that makes a convex union with this one.
fn partner(
    own: &Joined,
    index: usize,
    all: &[Option<Joined>],
    sides: &HashMap<(usize, bool), Vec<usize>>,
    key: impl Fn(&Arc<Hyperplane>) -> usize,
) -> Option<(usize, VertexPolytope)> {
    if own.shape.dimension() < own.shape.coordinates() {
        return None;
    }
    for (k, facet) in own.shape.facets().iter().enumerate() {
        let Some(candidates) = sides.get(&(key(&facet.plane), !facet.positive)) else { continue };
        for &other in candidates.iter().filter(|&&other| other != index) {
            let Some(against) = &all[other] else { continue };
            // A place may have been taken by a union that has the facet no more.
            let Some(l) = against.shape.facets().iter().position(|theirs| {
                Arc::ptr_eq(&theirs.plane, &facet.plane) && theirs.positive != facet.positive
            }) else {
                continue;
            };
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
        a.0.iter().zip(&b.1).all(|(low, high)| low <= high) && b.0.iter().zip(&a.1).all(|(low, high)| low <= high)
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
