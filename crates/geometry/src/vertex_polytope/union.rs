//! The union of two polytopes that share a facet, where it is convex.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Facet, Hyperplane, Vertex, VertexPolytope};

impl VertexPolytope {
    /// The union with a polytope on the other side of the hyperplane of facet `own`, which is facet `others` of the other
    /// polytope, if the union is convex; both of full dimension, without redundant facets.
    ///
    /// It is convex if and only if every other facet of either is a half-space around the other polytope (Bemporad, Fukuda
    /// & Torrisi, 2001): then both are the intersection of all these, cut by the hyperplane.
    pub fn join(&self, other: &VertexPolytope, own: usize, others: usize) -> Option<VertexPolytope> {
        let near = self.twins(other, own, others, Vertex::is_near)?;
        let mut facets: Vec<Facet> = Vec::new();
        // For each kept facet the vertices on it: of this polytope, of the other.
        let mut sets: Vec<[Vec<bool>; 2]> = Vec::new();
        for (mine, theirs, apart, turned) in [(self, other, own, false), (other, self, others, true)] {
            for (k, facet) in mine.facets.iter().enumerate().filter(|(k, _)| *k != apart) {
                let common = theirs
                    .facets
                    .iter()
                    .position(|own| Arc::ptr_eq(&own.plane, &facet.plane) && own.positive == facet.positive);
                let mut on = Vec::with_capacity(theirs.vertices.len());
                for (v, vertex) in theirs.vertices.iter().enumerate() {
                    if let Some(common) = common {
                        on.push(theirs.is_tight(v, common));
                        continue;
                    }
                    let twin = if turned { near[v] } else { near.iter().position(|&twin| twin == Some(v)) };
                    if let Some(twin) = twin {
                        on.push(mine.is_tight(twin, k));
                        continue;
                    }
                    let sign = vertex.sign(&facet.plane);
                    if sign != Ordering::Equal && (sign == Ordering::Greater) != facet.positive {
                        return None;
                    }
                    on.push(sign == Ordering::Equal);
                }
                let inside: Vec<bool> = (0..mine.vertices.len()).map(|v| mine.is_tight(v, k)).collect();
                facets.push(facet.clone());
                sets.push(if turned { [on, inside] } else { [inside, on] });
            }
        }
        // What was taken to be one point is.
        if self.twins(other, own, others, Vertex::is_same)? != near {
            return None;
        }
        // Vertices of the union: those that are vertices still, each once.
        let mut vertices: Vec<(Arc<Vertex>, Vec<u64>)> = Vec::new();
        let words = facets.len().div_ceil(64).max(1);
        for (which, polytope, shared) in [(0, self, own), (1, other, others)] {
            for v in 0..polytope.vertices.len() {
                let mut tight = vec![0u64; words];
                for (k, set) in sets.iter().enumerate() {
                    tight[k / 64] |= u64::from(set[which][v]) << (k % 64);
                }
                if polytope.is_tight(v, shared) && vertices.iter().any(|(_, known)| *known == tight) {
                    continue;
                }
                vertices.push((Arc::clone(&polytope.vertices[v]), tight));
            }
        }
        // A vertex whose facets all hold another point too lies inside a face.
        let extreme: Vec<bool> = vertices
            .iter()
            .enumerate()
            .map(|(v, (_, tight))| {
                let others = vertices.iter().enumerate().filter(|(w, _)| *w != v);
                !others
                    .into_iter()
                    .any(|(_, (_, known))| tight.iter().zip(known).all(|(own, known)| own & known == *own))
            })
            .collect();
        let kept: Vec<&(Arc<Vertex>, Vec<u64>)> = vertices
            .iter()
            .zip(&extreme)
            .filter(|(_, extreme)| **extreme)
            .map(|(vertex, _)| vertex)
            .collect();
        let union = VertexPolytope {
            n: self.n,
            dimension: self.dimension,
            facets,
            vertices: kept.iter().map(|(vertex, _)| Arc::clone(vertex)).collect(),
            tight: kept.iter().flat_map(|(_, tight)| tight.iter().copied()).collect(),
            words,
        };
        Some(union.without_redundant_facets())
    }

    /// Whether facet `own` of this polytope and facet `others` of another one are the same set of points.
    pub fn shares(&self, other: &VertexPolytope, own: usize, others: usize) -> bool {
        self.twins(other, own, others, Vertex::is_same).is_some()
    }

    /// For each vertex of this polytope on the facet `own` the same point among the other's vertices on its facet `others`,
    /// as the test says; `None` if the two facets do not have the same vertices.
    pub fn twins(
        &self,
        other: &VertexPolytope,
        own: usize,
        others: usize,
        same: impl Fn(&Vertex, &Vertex) -> bool,
    ) -> Option<Vec<Option<usize>>> {
        let (mine, theirs) = (self.vertices_on(own), other.vertices_on(others));
        if mine.len() != theirs.len() {
            return None;
        }
        let mut twins = vec![None; self.vertices.len()];
        for v in mine {
            let own = &self.vertices[v];
            let pointed = theirs.iter().copied().find(|&w| Arc::ptr_eq(own, &other.vertices[w]));
            twins[v] =
                Some(pointed.or_else(|| theirs.iter().copied().find(|&w| same(own, &other.vertices[w])))?);
        }
        Some(twins)
    }

    /// The vertices on a facet, by index.
    pub fn vertices_on(&self, facet: usize) -> Vec<usize> {
        (0..self.vertices.len()).filter(|&v| self.is_tight(v, facet)).collect()
    }

    /// Puts other objects in the place of vertices and hyperplanes: the same points and half-spaces, so that parts of different
    /// origin know that they share them.
    pub fn replace(
        &mut self,
        mut vertex: impl FnMut(&Arc<Vertex>) -> Option<Arc<Vertex>>,
        mut plane: impl FnMut(&Arc<Hyperplane>) -> Option<Arc<Hyperplane>>,
    ) {
        for own in &mut self.vertices {
            if let Some(new) = vertex(own) {
                *own = new;
            }
        }
        for facet in &mut self.facets {
            if let Some(new) = plane(&facet.plane) {
                facet.plane = new;
            }
        }
    }
}
