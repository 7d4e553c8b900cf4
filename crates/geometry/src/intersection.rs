//! How much of a box lies in several half-spaces at once.

use crate::half_space::half_space_fraction;
use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The half-spaces {x : normals\[k\]·x + offsets\[k\] ≥ 0}, k < m, over one flat matrix.
#[derive(Debug, Clone, Copy)]
pub struct HalfSpaces<'a> {
    /// m rows of n numbers.
    pub normals: &'a [f64],
    /// m numbers.
    pub offsets: &'a [f64],
}

impl<'a> HalfSpaces<'a> {
    /// Row `k` for n coordinates: normal and offset.
    pub fn row(&self, k: usize, n: usize) -> (&'a [f64], f64) {
        (&self.normals[k * n..(k + 1) * n], self.offsets[k])
    }

    /// The number of half-spaces m.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }
}

/// vol(box ∩ ⋂ H_k)/vol(box), enclosed by max(0, 1 − Σ_k (1 − f_k)) ≤ · ≤ min_k f_k, f_k the fraction of each
/// half-space alone (Bonferroni). Exact but for rounding if at most one of them cuts the box; no memory is
/// allocated.
///
/// lower, upper: n numbers; `normals` m × n. Half-spaces that share all their points or none make it loose:
/// see [`refined_intersection_fraction`]. No half-space at all is the whole box.
pub fn intersection_fraction(half_spaces: HalfSpaces, lower: &[f64], upper: &[f64]) -> Interval {
    let n = lower.len();
    assert_eq!(half_spaces.normals.len(), half_spaces.count() * n, "normals are not m × n");
    let (mut missing, mut most) = (0.0, 1.0_f64);
    for k in 0..half_spaces.count() {
        let (normal, offset) = half_spaces.row(k, n);
        let fraction = half_space_fraction(normal, offset, lower, upper);
        if fraction.hi() == 0.0 {
            return Interval::ZERO;
        }
        missing = add_up(missing, add_up(1.0, -fraction.lo()));
        most = most.min(fraction.hi());
    }
    Interval::new(add_down(1.0, -missing).clamp(0.0, most), most)
}

/// [`intersection_fraction`], refined by bisecting the box until the enclosure is at most `width` wide or
/// `effort` boxes have been bracketed.
///
/// The box whose bracket is widest, by its share of the whole, is bisected at the middle of the side along
/// which the half-spaces that cut it vary most. Work and result depend on the arguments alone. Boxes cut by
/// one half-space contribute nothing to the width, so that only those that meet the boundary of two remain:
/// in two dimensions those at the corners, where the width falls fourfold for each bisection of both sides.
pub fn refined_intersection_fraction(
    half_spaces: HalfSpaces,
    lower: &[f64],
    upper: &[f64],
    width: f64,
    effort: usize,
) -> Interval {
    let n = lower.len();
    let first = intersection_fraction(half_spaces, lower, upper);
    if first.width() <= width {
        return first;
    }
    let mut open = BinaryHeap::new();
    let mut settled = Interval::ZERO;
    open.push(Part {
        share: Interval::point(1.0),
        fraction: first,
        lower: lower.to_vec(),
        upper: upper.to_vec(),
    });
    let mut used = 1;
    // Widths only steer; what is returned is summed afresh at the end.
    let mut unsettled = first.width();
    while unsettled > width && used + 2 <= effort {
        let Some(part) = open.pop() else { break };
        unsettled -= part.uncertainty();
        let side = steepest_side(half_spaces, &part);
        let (lo, hi) = (part.lower[side], part.upper[side]);
        let at = 0.5 * lo + 0.5 * hi;
        if !(lo < at && at < hi) {
            settled = settled + part.contribution();
            continue;
        }
        let whole = Interval::point(hi) - Interval::point(lo);
        for (from, to) in [(lo, at), (at, hi)] {
            let share = part.share * (Interval::point(to) - Interval::point(from)).divided_by(whole);
            let (mut lower, mut upper) = (part.lower.clone(), part.upper.clone());
            (lower[side], upper[side]) = (from, to);
            let fraction = intersection_fraction(half_spaces, &lower, &upper);
            used += 1;
            let part = Part { share, fraction, lower, upper };
            // A bracket that rounding alone keeps open is not worth another bisection.
            if fraction.width() < 1e-11 {
                settled = settled + part.contribution();
            } else {
                unsettled += part.uncertainty();
                open.push(part);
            }
        }
    }
    debug_assert!(n > 0);
    let mut total = settled;
    for part in open.into_sorted_vec() {
        total = total + part.contribution();
    }
    Interval::new(total.lo().max(first.lo()), total.hi().min(first.hi()))
}

/// The side whose half carries most of the variation of the half-spaces that cut the part.
fn steepest_side(half_spaces: HalfSpaces, part: &Part) -> usize {
    let n = part.lower.len();
    let mut score = vec![0.0; n];
    for k in 0..half_spaces.count() {
        let (normal, offset) = half_spaces.row(k, n);
        let (mut least, mut most) = (offset, offset);
        for i in 0..n {
            let (p, q) = (normal[i] * part.lower[i], normal[i] * part.upper[i]);
            least += p.min(q);
            most += p.max(q);
        }
        if least < 0.0 && most > 0.0 {
            for i in 0..n {
                score[i] += normal[i].abs() * (part.upper[i] - part.lower[i]) / (most - least);
            }
        }
    }
    (0..n).max_by(|&i, &j| score[i].total_cmp(&score[j]).then(j.cmp(&i))).unwrap_or(0)
}

struct Part {
    /// Its volume, in that of the whole box.
    share: Interval,
    fraction: Interval,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Part {
    /// What it adds to the fraction of the whole.
    fn contribution(&self) -> Interval {
        let (share, fraction) = (self.share, self.fraction);
        Interval::new(mul_down(share.lo(), fraction.lo()), mul_up(share.hi(), fraction.hi()))
    }

    fn uncertainty(&self) -> f64 {
        self.share.hi() * (self.fraction.hi() - self.fraction.lo())
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        // ties by position, so that the order is total and the same on every machine
        self.uncertainty().total_cmp(&other.uncertainty()).then_with(|| {
            let ends = self.lower.iter().chain(&self.upper);
            ends.zip(other.lower.iter().chain(&other.upper))
                .map(|(a, b)| a.total_cmp(b))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        })
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Part {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Part {}
