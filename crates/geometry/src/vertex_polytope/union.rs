//! The union of two polytopes that share a facet, where it is convex.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Facet, Vertex, VertexPolytope};

impl VertexPolytope {
    /// The union with a polytope on the other side of the hyperplane of facet `own`, which is facet `others` of the other
    /// polytope, if the union is convex; both of full dimension, without redundant facets.
    ///
    /// It is convex if and only if every other facet of either is a half-space around the other polytope (Bemporad, Fukuda
    /// & Torrisi, 2001): then both are the intersection of all these, cut by the hyperplane.
    pub fn join(&self, other: &VertexPolytope, own: usize, others: usize) -> Option<VertexPolytope> {
        let twins = self.twins(other, own, others)?;
        let mut facets: Vec<Facet> = Vec::new();
        // For each kept facet the vertices on it: of this polytope, of the other.
        let mut sets: Vec<[Vec<bool>; 2]> = Vec::new();
        for (mine, theirs, apart, turned) in [(self, other, own, false), (other, self, others, true)] {
            for (k, facet) in mine.facets.iter().enumerate().filter(|(k, _)| *k != apart) {
                let mut on = Vec::with_capacity(theirs.vertices.len());
                for (v, vertex) in theirs.vertices.iter().enumerate() {
                    let twin = if turned { twins[v] } else { twins.iter().position(|&twin| twin == Some(v)) };
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
                !others.into_iter().any(|(_, (_, known))| {
                    tight.iter().zip(known).all(|(own, known)| own & known == *own)
                })
            })
            .collect();
        let kept: Vec<&(Arc<Vertex>, Vec<u64>)> =
            vertices.iter().zip(&extreme).filter(|(_, extreme)| **extreme).map(|(vertex, _)| vertex).collect();
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
        self.twins(other, own, others).is_some()
    }

    /// For each vertex of this polytope on the facet `own` the same point among the other's vertices on its facet `others`;
    /// `None` if the two facets are not the same.
    fn twins(&self, other: &VertexPolytope, own: usize, others: usize) -> Option<Vec<Option<usize>>> {
        let on = |polytope: &VertexPolytope, facet: usize| -> Vec<usize> {
            (0..polytope.vertices.len()).filter(|&v| polytope.is_tight(v, facet)).collect()
        };
        let (mine, theirs) = (on(self, own), on(other, others));
        if mine.len() != theirs.len() {
            return None;
        }
        let mut twins = vec![None; self.vertices.len()];
        for v in mine {
            twins[v] = Some(theirs.iter().copied().find(|&w| same(&self.vertices[v], &other.vertices[w]))?);
        }
        Some(twins)
    }
}

/// Whether two vertices are one point.
fn same(a: &Arc<Vertex>, b: &Arc<Vertex>) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    let reach = a.radius() + b.radius();
    if a.at().iter().zip(b.at()).any(|(a, b)| (a - b).abs() > reach * (1.0 + 1e-9)) {
        return false;
    }
    let (a, b) = (a.exact(), b.exact());
    a.numerators.iter().zip(&b.numerators).all(|(x, y)| x * &b.denominator == y * &a.denominator)
}
