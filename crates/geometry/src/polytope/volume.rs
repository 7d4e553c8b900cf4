//! Volumes of polytopes: enclosed, or exact in rationals.

use super::Polytope;
use crate::intersection::refined_intersection_fraction;
use dashu_ratio::RBig;
use netinverse_linalg::Interval;
use std::collections::BTreeMap;

/// a·y + b ≥ 0 in rationals.
type Row = (Vec<RBig>, RBig);

impl Polytope {
    /// The volume over the domain's free coordinates, enclosed: within its bounding box by bisection, until
    /// the enclosure is `relative_width` of that box's volume or `effort` boxes were bracketed.
    pub fn volume(&self, relative_width: f64, effort: usize) -> Interval {
        let Some(bounds) = self.bounding_box() else { return Interval::ZERO };
        let (lower, upper) = (bounds.lower(), bounds.upper());
        if self.domain.free_dims().any(|i| lower[i] == upper[i]) {
            return Interval::ZERO; // a free side is proved to have length 0
        }
        bounds.volume()
            * refined_intersection_fraction(self.half_spaces(), lower, upper, relative_width, effort)
    }

    /// The exact volume over the domain's free coordinates, in rationals, by Lasserre's recursion (1983):
    /// n·V(P) = Σ_k b_k/|a_kp| · V(face k without coordinate p), for rows a·x + b ≥ 0 and any p with a_kp ≠
    /// 0.
    ///
    /// It holds for degenerate and redundant rows too, once no two rows describe the same half-space up to a
    /// factor. The origin is put into a corner of the box, so that the n rows there contribute nothing.
    /// `None` if more than `most_faces` faces of all dimensions were visited: the number may grow as m^(n−1).
    pub fn exact_volume(&self, most_faces: usize) -> Option<RBig> {
        let exact = |value: f64| RBig::try_from(value).unwrap_or(RBig::ZERO);
        let free: Vec<usize> = self.domain.free_dims().collect();
        let n = free.len();
        let mut rows: Vec<Row> = Vec::new();
        for (j, &i) in free.iter().enumerate() {
            let unit =
                |sign: i32| (0..n).map(|l| if l == j { RBig::from(sign) } else { RBig::ZERO }).collect();
            rows.push((unit(1), RBig::ZERO));
            rows.push((unit(-1), exact(self.domain.upper()[i]) - exact(self.domain.lower()[i])));
        }
        for k in 0..self.rows() {
            let (normal, offset) = self.row(k);
            let at_corner = normal
                .iter()
                .zip(self.domain.lower())
                .fold(exact(offset), |sum, (&a, &x)| sum + exact(a) * exact(x));
            rows.push((free.iter().map(|&i| exact(normal[i])).collect(), at_corner));
        }
        let mut budget = most_faces;
        lasserre(rows, n, &mut budget)
    }
}

/// The volume of {y ∈ Rⁿ : rows}, which must be bounded; `None` once `budget` faces were visited.
fn lasserre(rows: Vec<Row>, n: usize, budget: &mut usize) -> Option<RBig> {
    *budget = budget.checked_sub(1)?;
    let Some(rows) = distinct(rows) else { return Some(RBig::ZERO) };
    if n == 0 {
        return Some(RBig::ONE);
    }
    if n == 1 {
        let (mut low, mut high) = (None::<RBig>, None::<RBig>);
        for (a, b) in rows {
            let at = -b / &a[0];
            if a[0] > RBig::ZERO {
                low = Some(low.map_or_else(|| at.clone(), |low| low.max(at.clone())));
            } else {
                high = Some(high.map_or_else(|| at.clone(), |high| high.min(at.clone())));
            }
        }
        let length = high? - low?;
        return Some(if length > RBig::ZERO { length } else { RBig::ZERO });
    }
    let mut sum = RBig::ZERO;
    for (k, (a, b)) in rows.iter().enumerate() {
        if *b == RBig::ZERO {
            continue;
        }
        let p = a.iter().position(|a| *a != RBig::ZERO)?;
        // y_p = −(b + Σ_{i≠p} a_i y_i)/a_p
        let face: Vec<Row> = rows
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != k)
            .map(|(_, (c, d))| {
                let factor = &c[p] / &a[p];
                let rest = (0..n).filter(|&i| i != p).map(|i| &c[i] - &factor * &a[i]).collect();
                (rest, d - &factor * b)
            })
            .collect();
        let magnitude = if a[p] < RBig::ZERO { -&a[p] } else { a[p].clone() };
        sum += b / magnitude * lasserre(face, n - 1, budget)?;
    }
    Some(sum / RBig::from(n))
}

/// One row for each direction, the tightest; `None` if a row without variables is violated.
fn distinct(rows: Vec<Row>) -> Option<Vec<Row>> {
    let mut out: BTreeMap<Vec<RBig>, RBig> = BTreeMap::new();
    for (a, b) in rows {
        let Some(first) = a.iter().find(|a| **a != RBig::ZERO) else {
            if b < RBig::ZERO {
                return None;
            }
            continue;
        };
        let scale = if *first < RBig::ZERO { -first.clone() } else { first.clone() };
        let direction: Vec<RBig> = a.iter().map(|a| a / &scale).collect();
        let offset = b / &scale;
        match out.entry(direction) {
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                if offset < *entry.get() {
                    entry.insert(offset);
                }
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(offset);
            }
        }
    }
    Some(out.into_iter().collect())
}
