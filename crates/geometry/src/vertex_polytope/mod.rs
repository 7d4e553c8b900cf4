//! Polytopes by their facets and their vertices together, with exact signs.
//!
//! A [`VertexPolytope`] is kept by two descriptions, and the incidences between them (the double description method of
//! Motzkin, Raiffa, Thompson and Thrall, 1953): a cut by a hyperplane takes the sign of its function at every vertex, and
//! the edges between vertices of opposite signs. Signs are decided by doubles with an error bound where these suffice, and in
//! integers elsewhere, so that the incidences are those of the exact polytope: degenerate vertices, duplicate and parallel
//! facets, and faces of any dimension need no tolerance.
//!
//! - [`Hyperplane`], [`Vertex`]: doubles that enclose, exact numbers on demand.
//! - [`VertexPolytope::split`], [`VertexPolytope::clip`], [`VertexPolytope::slice`]: parts of a polytope.
//! - [`VertexPolytope::volume`], [`VertexPolytope::exact_volume`]: how large it is, by triangulation.
//! - [`VertexPolytope::join`]: the union of two, where it is convex.

mod hyperplane;
mod integers;
mod measure;
mod union;
mod vertex;

use std::cmp::Ordering;
use std::sync::Arc;

use dashu_int::IBig;

pub use hyperplane::Hyperplane;
pub use measure::determinant_sign;
pub use vertex::{Point, Vertex};

use integers::independent;

/// The most coordinates: a box of twelve has 4096 vertices.
pub const MAX_DIMS: usize = 12;

/// A half-space that a polytope lies in.
#[derive(Debug, Clone)]
pub struct Facet {
    /// The function.
    pub plane: Arc<Hyperplane>,
    /// Whether the function is ≥ 0 on the polytope, or ≤ 0.
    pub positive: bool,
}

/// A bounded, closed, non-empty polytope of any dimension in Rⁿ, by facets and vertices.
#[derive(Debug, Clone)]
pub struct VertexPolytope {
    n: usize,
    dimension: usize,
    facets: Vec<Facet>,
    vertices: Vec<Arc<Vertex>>,
    /// For each vertex a set of facets, `words` words.
    tight: Vec<u64>,
    words: usize,
}

/// What a hyperplane does to a polytope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// No vertex below.
    Above,
    /// No vertex above, some below.
    Below,
    /// Zero at every vertex.
    Within,
    /// Vertices on both sides.
    Across,
}

/// Where signs put a polytope.
pub fn position(signs: &[Ordering]) -> Position {
    let (mut above, mut below) = (false, false);
    for sign in signs {
        above |= *sign == Ordering::Greater;
        below |= *sign == Ordering::Less;
    }
    match (above, below) {
        (true, true) => Position::Across,
        (false, true) => Position::Below,
        (true, false) => Position::Above,
        (false, false) => Position::Within,
    }
}

impl VertexPolytope {
    /// The polytope between two parallel hyperplanes for each of n coordinates: `sides[i]` are functions of coordinate i
    /// alone, ≥ 0 above its lower end and ≤ 0 below its upper end, lower end first.
    ///
    /// Panics beyond [`MAX_DIMS`] coordinates.
    pub fn from_box(sides: Vec<[Arc<Hyperplane>; 2]>) -> Self {
        let n = sides.len();
        assert!(n <= MAX_DIMS, "{n} coordinates");
        let words = (2 * n).div_ceil(64).max(1);
        let mut vertices = Vec::with_capacity(1 << n);
        let mut tight = vec![0u64; words << n];
        for corner in 0..1usize << n {
            let own: Vec<&Arc<Hyperplane>> = (0..n).map(|i| &sides[i][corner >> i & 1]).collect();
            vertices.push(Arc::new(Vertex::meeting(&own, n)));
            for i in 0..n {
                let facet = 2 * i + (corner >> i & 1);
                tight[corner * words + facet / 64] |= 1 << (facet % 64);
            }
        }
        let facets = sides
            .into_iter()
            .flat_map(|[low, high]| {
                [Facet { plane: low, positive: true }, Facet { plane: high, positive: false }]
            })
            .collect();
        VertexPolytope { n, dimension: n, facets, vertices, tight, words }
    }

    /// n
    pub fn coordinates(&self) -> usize {
        self.n
    }

    /// The dimension of the smallest flat around it, from 0 (a point) to n.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Half-spaces of which it is the intersection; some may be redundant. Of a polytope of lower dimension some are
    /// zero on all of it.
    pub fn facets(&self) -> &[Facet] {
        &self.facets
    }

    /// The vertices.
    pub fn vertices(&self) -> &[Arc<Vertex>] {
        &self.vertices
    }

    fn tight(&self, vertex: usize) -> &[u64] {
        &self.tight[vertex * self.words..(vertex + 1) * self.words]
    }

    /// Whether the vertex lies on the facet.
    pub fn is_tight(&self, vertex: usize, facet: usize) -> bool {
        self.tight(vertex)[facet / 64] >> (facet % 64) & 1 == 1
    }

    /// The sign of a function at every vertex.
    pub fn signs(&self, plane: &Hyperplane) -> Vec<Ordering> {
        self.vertices.iter().map(|vertex| vertex.sign(plane)).collect()
    }

    /// Bounds of every coordinate, n each.
    pub fn bounding_box(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut lower, mut upper) = (vec![f64::INFINITY; self.n], vec![f64::NEG_INFINITY; self.n]);
        for vertex in &self.vertices {
            for i in 0..self.n {
                lower[i] = lower[i].min((vertex.at()[i] - vertex.radius()).next_down());
                upper[i] = upper[i].max((vertex.at()[i] + vertex.radius()).next_up());
            }
        }
        (lower, upper)
    }

    /// The mean of the vertices, rounded.
    pub fn centre(&self) -> Vec<f64> {
        let count = self.vertices.len() as f64;
        (0..self.n).map(|i| self.vertices.iter().map(|v| v.at()[i]).sum::<f64>() / count).collect()
    }

    /// The parts on which a function with these signs is ≥ 0 and ≤ 0. They share the face where it is 0.
    ///
    /// Panics unless the signs are [`Position::Across`].
    pub fn split(&self, plane: &Arc<Hyperplane>, signs: &[Ordering]) -> [VertexPolytope; 2] {
        assert_eq!(position(signs), Position::Across, "both sides have a vertex");
        let crossings = self.crossings(plane, signs);
        [Ordering::Greater, Ordering::Less].map(|side| {
            let facet = Facet { plane: Arc::clone(plane), positive: side == Ordering::Greater };
            let kept: Vec<usize> =
                (0..signs.len()).filter(|&v| signs[v] == side || signs[v] == Ordering::Equal).collect();
            self.part(&kept, signs, &crossings, facet, self.dimension)
        })
    }

    /// The part on which a function is ≥ 0, of any dimension; `None` if there is none.
    #[must_use]
    pub fn clip(&self, plane: &Arc<Hyperplane>) -> Option<VertexPolytope> {
        let signs = self.signs(plane);
        match position(&signs) {
            Position::Above | Position::Within => Some(self.clone()),
            Position::Below => self.face(plane, &signs),
            Position::Across => {
                let [above, _] = self.split(plane, &signs);
                Some(above)
            }
        }
    }

    /// The part on which a function is 0, of any dimension; `None` if there is none.
    #[must_use]
    pub fn slice(&self, plane: &Arc<Hyperplane>) -> Option<VertexPolytope> {
        let signs = self.signs(plane);
        match position(&signs) {
            Position::Within => Some(self.clone()),
            Position::Above | Position::Below => self.face(plane, &signs),
            Position::Across => {
                let crossings = self.crossings(plane, &signs);
                let kept: Vec<usize> = (0..signs.len()).filter(|&v| signs[v] == Ordering::Equal).collect();
                let facet = Facet { plane: Arc::clone(plane), positive: true };
                Some(self.part(&kept, &signs, &crossings, facet, self.dimension - 1))
            }
        }
    }

    /// The face where a function that does not change its sign is 0.
    fn face(&self, plane: &Arc<Hyperplane>, signs: &[Ordering]) -> Option<VertexPolytope> {
        let kept: Vec<usize> = (0..signs.len()).filter(|&v| signs[v] == Ordering::Equal).collect();
        let dimension = match kept.len() {
            0 => return None,
            1 => 0,
            2 => 1,
            _ => self.flat_dimension(&kept),
        };
        let positive = !signs.contains(&Ordering::Less);
        let facet = Facet { plane: Arc::clone(plane), positive };
        Some(self.part(&kept, signs, &[], facet, dimension))
    }

    /// The dimension of the flat through some vertices.
    fn flat_dimension(&self, kept: &[usize]) -> usize {
        let rows: Vec<Vec<IBig>> = kept
            .iter()
            .map(|&v| {
                let point = self.vertices[v].exact();
                point.numerators.iter().chain([&point.denominator]).cloned().collect()
            })
            .collect();
        independent(&rows, self.n + 1).len() - 1
    }

    /// The points where edges cross a hyperplane, each with the facets of its edge.
    fn crossings(&self, plane: &Arc<Hyperplane>, signs: &[Ordering]) -> Vec<(Arc<Vertex>, Vec<u64>)> {
        let mut out = Vec::new();
        let mut common = vec![0u64; self.words];
        for p in (0..signs.len()).filter(|&v| signs[v] == Ordering::Greater) {
            for q in (0..signs.len()).filter(|&v| signs[v] == Ordering::Less) {
                let mut count = 0;
                for (w, common) in common.iter_mut().enumerate() {
                    *common = self.tight(p)[w] & self.tight(q)[w];
                    count += common.count_ones() as usize;
                }
                if count + 1 < self.n || !self.is_edge(p, q, &common) {
                    continue;
                }
                let mut planes: Vec<&Arc<Hyperplane>> = Vec::with_capacity(count + 1);
                planes.push(plane);
                for (w, &word) in common.iter().enumerate() {
                    let mut word = word;
                    while word != 0 {
                        planes.push(&self.facets[64 * w + word.trailing_zeros() as usize].plane);
                        word &= word - 1;
                    }
                }
                out.push((Arc::new(Vertex::meeting(&planes, self.n)), common.clone()));
            }
        }
        out
    }

    /// Whether no third vertex lies on all the facets that two have in common.
    fn is_edge(&self, p: usize, q: usize, common: &[u64]) -> bool {
        if self.words == 1 {
            let common = common[0];
            return self
                .tight
                .iter()
                .enumerate()
                .all(|(v, tight)| tight & common != common || v == p || v == q);
        }
        (0..self.vertices.len()).all(|v| {
            v == p
                || v == q
                || self.tight(v).iter().zip(common).any(|(tight, common)| tight & common != *common)
        })
    }

    /// The polytope of some vertices and crossings, on one side of a new facet.
    fn part(
        &self,
        kept: &[usize],
        signs: &[Ordering],
        crossings: &[(Arc<Vertex>, Vec<u64>)],
        facet: Facet,
        dimension: usize,
    ) -> VertexPolytope {
        let count = kept.len() + crossings.len();
        let own: Vec<&[u64]> = kept
            .iter()
            .map(|&v| self.tight(v))
            .chain(crossings.iter().map(|(_, tight)| tight.as_slice()))
            .collect();
        // A facet has as many vertices as its dimension plus one; what has fewer is redundant.
        let mut counts = vec![0usize; 64 * self.words];
        for tight in &own {
            for (w, &word) in tight.iter().enumerate() {
                let mut word = word;
                while word != 0 {
                    counts[64 * w + word.trailing_zeros() as usize] += 1;
                    word &= word - 1;
                }
            }
        }
        let needed = dimension.min(count);
        let facets: Vec<usize> = (0..self.facets.len()).filter(|&k| counts[k] >= needed).collect();
        let words = (facets.len() + 1).div_ceil(64);
        let mut tight = vec![0u64; words * count];
        for (v, own) in own.iter().enumerate() {
            let row = &mut tight[v * words..(v + 1) * words];
            for (to, &from) in facets.iter().enumerate() {
                row[to / 64] |= (own[from / 64] >> (from % 64) & 1) << (to % 64);
            }
            let new = v >= kept.len() || signs[kept[v]] == Ordering::Equal;
            row[facets.len() / 64] |= u64::from(new) << (facets.len() % 64);
        }
        let vertices = kept
            .iter()
            .map(|&v| Arc::clone(&self.vertices[v]))
            .chain(crossings.iter().map(|(vertex, _)| Arc::clone(vertex)))
            .collect();
        let facets = facets.into_iter().map(|k| self.facets[k].clone()).chain([facet]).collect();
        VertexPolytope { n: self.n, dimension, facets, vertices, tight, words }
    }

    /// The same polytope without facets whose vertices all lie on another one, and duplicates. Of a polytope of full dimension,
    /// what is left is irredundant.
    #[must_use]
    pub fn without_redundant_facets(&self) -> VertexPolytope {
        let count = self.vertices.len();
        let sets = self.vertex_sets();
        let on_all = |k: usize| sets[k].iter().map(|w| w.count_ones() as usize).sum::<usize>() == count;
        let within = |a: usize, b: usize| sets[a].iter().zip(&sets[b]).all(|(a, b)| a & b == *a);
        let kept: Vec<usize> = (0..self.facets.len())
            .filter(|&k| {
                on_all(k)
                    || !(0..self.facets.len()).any(|other| {
                        other != k && !on_all(other) && within(k, other) && (!within(other, k) || other < k)
                    })
            })
            .collect();
        let words = kept.len().div_ceil(64).max(1);
        let mut tight = vec![0u64; words * count];
        for v in 0..count {
            for (to, &from) in kept.iter().enumerate() {
                tight[v * words + to / 64] |= u64::from(self.is_tight(v, from)) << (to % 64);
            }
        }
        VertexPolytope {
            n: self.n,
            dimension: self.dimension,
            facets: kept.iter().map(|&k| self.facets[k].clone()).collect(),
            vertices: self.vertices.clone(),
            tight,
            words,
        }
    }

    /// For each facet the set of its vertices.
    fn vertex_sets(&self) -> Vec<Vec<u64>> {
        let words = self.vertices.len().div_ceil(64);
        let mut sets = vec![vec![0u64; words]; self.facets.len()];
        for v in 0..self.vertices.len() {
            for (k, set) in sets.iter_mut().enumerate() {
                set[v / 64] |= u64::from(self.is_tight(v, k)) << (v % 64);
            }
        }
        sets
    }

    /// Whether every point of another polytope lies in this one.
    pub fn contains(&self, other: &VertexPolytope) -> bool {
        self.facets.iter().all(|facet| {
            other.vertices.iter().all(|vertex| {
                let sign = vertex.sign(&facet.plane);
                sign == Ordering::Equal || (sign == Ordering::Greater) == facet.positive
            })
        }) && self
            .equalities()
            .all(|facet| other.vertices.iter().all(|vertex| vertex.sign(&facet.plane) == Ordering::Equal))
    }

    /// The facets that are zero on all of the polytope.
    pub fn equalities(&self) -> impl Iterator<Item = &Facet> {
        (0..self.facets.len())
            .filter(|&k| (0..self.vertices.len()).all(|v| self.is_tight(v, k)))
            .map(|k| &self.facets[k])
    }
}

#[cfg(test)]
mod tests;
