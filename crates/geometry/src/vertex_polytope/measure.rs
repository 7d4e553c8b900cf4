//! Volumes of polytopes given by facets and vertices: by triangulation, enclosed or exact.

use std::cmp::Ordering;

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use netinverse_linalg::Interval;

use super::vertex::Vertex;
use super::{MAX_DIMS, VertexPolytope};

/// u, the unit roundoff, a little enlarged for the second-order terms of γ_k (k ≤ 10³).
const UNIT: f64 = f64::EPSILON * 0.500_1;

impl VertexPolytope {
    /// The simplices of a triangulation, by their vertices, dimension + 1 each.
    ///
    /// Every face is the union of the pyramids from its first vertex to its facets that do not have it (Cohen & Hickey, 1979).
    pub fn triangulation(&self) -> Vec<Vec<u32>> {
        let sets = self.vertex_sets();
        let words = self.vertices.len().div_ceil(64);
        let mut all = vec![u64::MAX; words];
        if !self.vertices.len().is_multiple_of(64) {
            all[words - 1] = (1 << (self.vertices.len() % 64)) - 1;
        }
        let mut out = Vec::new();
        let mut apexes = Vec::with_capacity(self.dimension + 1);
        pyramids(&sets, &all, self.dimension, &mut apexes, &mut out);
        out
    }

    /// The volume in Rⁿ, enclosed; 0 for a polytope of lower dimension.
    pub fn volume(&self) -> Interval {
        if self.dimension < self.n {
            return Interval::ZERO;
        }
        let factorial: f64 = (1..=self.n).map(|k| k as f64).product();
        let (mut sum, mut error) = (0.0f64, 0.0f64);
        let simplices = self.triangulation();
        for simplex in &simplices {
            let corner = |k: u32| &*self.vertices[k as usize];
            let (volume, own) = determinant(corner(simplex[0]), simplex[1..].iter().map(|&k| corner(k)));
            sum += volume;
            error += own;
        }
        let terms = simplices.len() as f64 + 8.0;
        let error = (error + terms * UNIT * (sum + error)) * (1.0 + 1e-9) + 1e-300;
        // n! is exact, the quotient is rounded once.
        let [low, high] = [(sum - error) / factorial, (sum + error) / factorial];
        Interval::new(low.next_down().max(0.0), high.next_up().max(0.0))
    }

    /// The volume in Rⁿ without rounding; `None` if it takes more than `most` simplices.
    pub fn exact_volume(&self, most: usize) -> Option<RBig> {
        if self.dimension < self.n {
            return Some(RBig::ZERO);
        }
        let simplices = self.triangulation();
        if simplices.len() > most {
            return None;
        }
        let mut sum = RBig::ZERO;
        for simplex in &simplices {
            // The determinant of homogeneous coordinates over the product of the denominators.
            let mut denominator = IBig::ONE;
            let rows = simplex
                .iter()
                .map(|&k| {
                    let point = self.vertices[k as usize].exact();
                    denominator *= &point.denominator;
                    point.numerators.iter().chain([&point.denominator]).cloned().collect()
                })
                .collect();
            let value = bareiss(rows);
            let value = if value < IBig::ZERO { -value } else { value };
            sum += RBig::from_parts(value, UBig::try_from(denominator).unwrap_or(UBig::ONE));
        }
        let factorial = (1..=self.n).fold(IBig::ONE, |product, k| product * IBig::from(k));
        Some(sum / RBig::from(factorial))
    }
}

fn pyramids(
    sets: &[Vec<u64>],
    face: &[u64],
    dimension: usize,
    apexes: &mut Vec<u32>,
    out: &mut Vec<Vec<u32>>,
) {
    let count: u32 = face.iter().map(|word| word.count_ones()).sum();
    if count as usize == dimension + 1 {
        // A simplex already.
        let mut simplex = apexes.clone();
        simplex.extend((0..64 * face.len() as u32).filter(|&v| has(face, v)));
        out.push(simplex);
        return;
    }
    let Some(apex) = (0..64 * face.len() as u32).find(|&v| has(face, v)) else { return };
    // The facets of a face are its largest proper intersections with facets of the polytope.
    let mut facets: Vec<Vec<u64>> = Vec::new();
    for set in sets {
        let common: Vec<u64> = set.iter().zip(face).map(|(a, b)| a & b).collect();
        let size: u32 = common.iter().map(|word| word.count_ones()).sum();
        if (size as usize) < dimension || size == count || facets.contains(&common) {
            continue;
        }
        facets.push(common);
    }
    let within = |a: &[u64], b: &[u64]| a.iter().zip(b).all(|(a, b)| a & b == *a);
    apexes.push(apex);
    for (k, facet) in facets.iter().enumerate() {
        let largest = facets.iter().enumerate().all(|(other, set)| other == k || !within(facet, set));
        if largest && !has(facet, apex) {
            pyramids(sets, facet, dimension - 1, apexes, out);
        }
    }
    apexes.pop();
}

fn has(set: &[u64], v: u32) -> bool {
    set[v as usize / 64] >> (v % 64) & 1 == 1
}

/// |det| of the n edges from a corner, and how far it may be off.
///
/// The factors of Gaussian elimination with row pivoting satisfy L U = A + E with |E| ≤ γ_n |L||U| (Higham, §9.3). The
/// determinant is linear in every row, so that with ‖e_i‖ at most the length of the error of row i (rounding, the vertices'
/// radii) it is off by at most Π(‖a_i‖ + ‖e_i‖) − Π‖a_i‖, by Hadamard's inequality.
fn determinant<'a>(origin: &Vertex, corners: impl Iterator<Item = &'a Vertex>) -> (f64, f64) {
    let n = origin.at().len();
    let mut matrix = [0.0; MAX_DIMS * MAX_DIMS];
    let mut lengths = [0.0; MAX_DIMS];
    let mut errors = [0.0; MAX_DIMS];
    let root = (n as f64).sqrt() * (1.0 + 1e-12);
    for (row, corner) in corners.enumerate() {
        let (mut square, mut magnitude) = (0.0, 0.0f64);
        for i in 0..n {
            let edge = corner.at()[i] - origin.at()[i];
            matrix[row * n + i] = edge;
            square += edge * edge;
            magnitude = magnitude.max(edge.abs());
        }
        lengths[row] = square.sqrt() * (1.0 + 1e-12) + 1e-200;
        errors[row] = root * (corner.radius() + origin.radius() + UNIT * magnitude) * (1.0 + 1e-12);
    }
    let mut order = [0usize; MAX_DIMS];
    (0..n).for_each(|row| order[row] = row);
    let mut product = 1.0;
    for c in 0..n {
        let p =
            (c..n).max_by(|&a, &b| matrix[a * n + c].abs().total_cmp(&matrix[b * n + c].abs())).unwrap_or(c);
        let pivot = matrix[p * n + c];
        product *= pivot;
        if pivot == 0.0 {
            // The rest of the elimination has nothing to do: L U is complete with zero rows of L.
            continue;
        }
        order.swap(p, c);
        for l in 0..n {
            matrix.swap(p * n + l, c * n + l);
        }
        for q in c + 1..n {
            let factor = matrix[q * n + c] / pivot;
            matrix[q * n + c] = factor;
            for l in c + 1..n {
                matrix[q * n + l] -= factor * matrix[c * n + l];
            }
        }
    }
    let gamma = (n as f64 + 2.0) * UNIT * (1.0 + 1e-9);
    for row in 0..n {
        // ‖(|L||U|)_row‖ by the largest entry.
        let mut largest = 0.0f64;
        for l in 0..n {
            let mut sum = if row <= l { matrix[row * n + l].abs() } else { 0.0 };
            for k in 0..row.min(l + 1) {
                sum += matrix[row * n + k].abs() * matrix[k * n + l].abs();
            }
            largest = largest.max(sum);
        }
        errors[order[row]] += root * gamma * largest * (1.0 + 1e-9) + 1e-200;
    }
    let (mut plain, mut wide) = (1.0, 1.0);
    let mut excess = 0.0;
    for row in 0..n {
        // Π(a + e) − Π a, summed without cancellation.
        excess = excess * lengths[row] + wide * errors[row];
        plain *= lengths[row];
        wide *= lengths[row] + errors[row];
    }
    let rounding = 2.0 * n as f64 * UNIT * (product.abs() + plain * 1e-16);
    (product.abs(), excess * (1.0 + 1e-9) + rounding)
}

/// The sign of the determinant of a square matrix of integers.
pub fn determinant_sign(rows: Vec<Vec<IBig>>) -> Ordering {
    bareiss(rows).cmp(&IBig::ZERO)
}

/// The determinant of a square matrix of integers.
fn bareiss(mut rows: Vec<Vec<IBig>>) -> IBig {
    let n = rows.len();
    let (mut last, mut negative) = (IBig::ONE, false);
    for k in 0..n {
        let Some(pivot) = (k..n).find(|&i| rows[i][k] != IBig::ZERO) else { return IBig::ZERO };
        if pivot != k {
            rows.swap(k, pivot);
            negative = !negative;
        }
        let (above, below) = rows.split_at_mut(k + 1);
        let own = &above[k];
        for row in below {
            for j in k + 1..n {
                row[j] = (&row[j] * &own[k] - &row[k] * &own[j]) / &last;
            }
        }
        last.clone_from(&own[k]);
    }
    if negative { -last } else { last }
}
