//! Whether every secant matrix of a box of slopes has full column rank.
//!
//! `det(C A)` is affine in each slope of A by itself, so it has one sign on a box of slopes if and only if it has that sign
//! at the corners. The corners are not all visited: a sub-box on which `‖I − P C A‖ < 1` for some P in some weighted norm is
//! settled at once; a slope that is still open is put to its two ends, the one with the most influence first.
//!
//! The entries of `(C A)⁻¹` are, in each slope, quotients of affine functions without a pole, so monotone: bounds of their
//! magnitudes at the corners hold everywhere. They give the modulus μ with |f(x) − f(x′)| ≥ μ |x − x′|.

use netinverse_bounds::{Bounder, Secant, SlopeBox, SlopeId};
use netinverse_linalg::{Interval, Lu, Matrix, Precision, Svd};

use super::matrix::{UP, contraction, inverse, norm_bound, orientation, rounding};

/// Full column rank, proved.
#[derive(Debug, Clone)]
pub(crate) struct FullRank {
    /// The sign of det A where A is square.
    pub(crate) orientation: i8,
    /// |f(x) − f(x′)| ≥ μ |x − x′|, both Euclidean.
    pub(crate) modulus: f64,
}

#[derive(Debug, Clone)]
pub(crate) enum RankAnswer {
    Full(FullRank),
    /// Some choice of slopes is singular, or so close to it that floating point cannot tell.
    Singular,
    /// The work that was allowed did not suffice.
    Unknown,
}

/// Decides; `work` counts matrices formed, and is taken off.
pub(crate) fn full_rank(
    bounder: &Bounder,
    slopes: &mut SlopeBox,
    directions: &[f64],
    k: usize,
    work: &mut usize,
) -> RankAnswer {
    let root = bounder.secant(slopes, directions, k);
    *work = work.saturating_sub(1);
    full_rank_from(bounder, &root, slopes, directions, k, work)
}

/// The same, where the matrix of all slopes is there already.
pub(crate) fn full_rank_from(
    bounder: &Bounder,
    root: &Secant,
    slopes: &mut SlopeBox,
    directions: &[f64],
    k: usize,
    work: &mut usize,
) -> RankAnswer {
    let m = root.rows;
    if m < k {
        return RankAnswer::Singular;
    }
    if k == 0 {
        return RankAnswer::Full(FullRank { orientation: 1, modulus: f64::INFINITY });
    }
    let centre = Matrix::from_fn(m, k, |i, j| root.centre[i * k + j]);
    let left = if m == k {
        None
    } else {
        let svd = Svd::new(&centre);
        if svd.rank(Precision::F64) < k {
            return RankAnswer::Singular;
        }
        Some(svd.pseudo_inverse(k))
    };
    let mut search = Search {
        bounder,
        directions,
        k,
        left,
        order: Vec::new(),
        bound: Matrix::zeros(k, k),
        orientation: 0,
    };
    match search.node(root) {
        Leaf::Regular => return search.proof(),
        Leaf::Broken => return RankAnswer::Unknown,
        Leaf::Open => {}
    }
    let open = slopes.open();
    if open.is_empty() {
        return RankAnswer::Singular;
    }
    if *work < 2 * open.len() {
        return RankAnswer::Unknown;
    }
    match search.probe(slopes, &open, work) {
        None => RankAnswer::Singular,
        Some(order) => {
            search.order = order;
            match search.descend(slopes, 0, work) {
                Some(true) => search.proof(),
                Some(false) => RankAnswer::Singular,
                None => RankAnswer::Unknown,
            }
        }
    }
}

struct Search<'a> {
    bounder: &'a Bounder,
    directions: &'a [f64],
    k: usize,
    /// C, k × m; the identity where absent.
    left: Option<Matrix>,
    /// Open slopes, the most influential first.
    order: Vec<SlopeId>,
    /// Bounds of the magnitudes of (C A)⁻¹ so far.
    bound: Matrix,
    orientation: i8,
}

enum Leaf {
    /// Every matrix is regular, of the orientation so far.
    Regular,
    Open,
    /// Regular, of the other orientation.
    Broken,
}

impl Search<'_> {
    /// C A, centres and radii.
    fn square(&self, a: &Secant) -> (Matrix, Matrix) {
        let (k, m) = (self.k, a.rows);
        let Some(left) = &self.left else {
            let of = |data: &[f64]| Matrix::from_fn(k, k, |i, j| data[i * k + j]);
            return (of(&a.centre), of(&a.radius));
        };
        let centre = Matrix::from_fn(m, k, |i, j| a.centre[i * k + j]);
        let product = left.product(&centre);
        let radius = Matrix::from_fn(k, k, |i, j| {
            let terms = (0..m).map(|l| {
                let c = left.row(i)[l].abs();
                c * a.radius[l * k + j] + rounding(m) * c * a.centre[l * k + j].abs()
            });
            terms.sum::<f64>() * UP + 1e-280
        });
        (product, radius)
    }

    /// One box of slopes by itself.
    fn node(&mut self, a: &Secant) -> Leaf {
        let k = self.k;
        let (centre, radius) = self.square(a);
        if radius.data().iter().any(|r| !r.is_finite()) {
            return Leaf::Open;
        }
        let Some(p) = inverse(&centre) else { return Leaf::Open };
        // |I − P B| entry by entry, rounded up.
        let mut e = vec![0.0; k * k];
        for i in 0..k {
            for j in 0..k {
                let (mut sum, mut spread, mut magnitude) = (0.0, 0.0, 0.0);
                for l in 0..k {
                    let (p, b, r) = (p.row(i)[l], centre.row(l)[j], radius.row(l)[j]);
                    sum += p * b;
                    magnitude += (p * b).abs();
                    spread += p.abs() * r;
                }
                let target = f64::from(u8::from(i == j));
                e[i * k + j] = ((target - sum).abs() + spread + rounding(k) * (magnitude + 1.0)) * UP;
            }
        }
        let Some((v, rho)) = contraction(&e, k) else { return Leaf::Open };
        let sign = orientation(&p);
        if sign == 0 {
            return Leaf::Open;
        }
        if self.orientation != 0 && self.orientation != sign {
            return Leaf::Broken;
        }
        self.orientation = sign;
        // |B⁻¹| ≤ |P| + (I − |E|)⁻¹|E||P|, its columns bounded in the norm weighted by v.
        let tail = rho / (1.0 - rho) * UP;
        for j in 0..k {
            let reach = (0..k).map(|l| p.row(l)[j].abs() / v[l]).fold(0.0, f64::max);
            for i in 0..k {
                let bound = (p.row(i)[j].abs() + v[i] * tail * reach) * UP;
                let entry = &mut self.bound.row_mut(i)[j];
                *entry = entry.max(bound);
            }
        }
        Leaf::Regular
    }

    fn proof(&self) -> RankAnswer {
        let left = self.left.as_ref().map_or(1.0, norm_bound);
        let modulus = (1.0 / (norm_bound(&self.bound) * left) * (1.0 - 1e-11)).max(0.0);
        let orientation = if self.left.is_none() { self.orientation } else { 0 };
        RankAnswer::Full(FullRank { orientation, modulus })
    }

    /// The determinant at slopes that are single numbers, as floating point finds it: sign and logarithm.
    fn determinant(&self, slopes: &SlopeBox) -> (f64, f64) {
        let a = self.bounder.secant(slopes, self.directions, self.k);
        let (centre, _) = self.square(&a);
        let (sign, log) = Lu::new(&centre).determinant();
        (f64::from(sign), log)
    }

    /// Walks from the middle of the slopes towards smaller determinants. `None` if the sign changes on the way; else the open
    /// slopes by influence.
    fn probe(&self, slopes: &SlopeBox, open: &[SlopeId], work: &mut usize) -> Option<Vec<SlopeId>> {
        let mut at = slopes.clone();
        for &id in open {
            let s = slopes.get(id);
            at.set(id, Interval::point(0.5 * s.lo() + 0.5 * s.hi()));
        }
        let (sign, start) = self.determinant(&at);
        *work = work.saturating_sub(1);
        if sign == 0.0 {
            return None;
        }
        // Determinants relative to the first.
        let value = |(own, log): (f64, f64)| own * sign * (log - start).min(600.0).exp();
        let mut influence = vec![0.0f64; open.len()];
        for (index, &id) in open.iter().enumerate() {
            let s = slopes.get(id);
            at.set(id, Interval::point(s.lo()));
            let low = value(self.determinant(&at));
            at.set(id, Interval::point(s.hi()));
            let high = value(self.determinant(&at));
            *work = work.saturating_sub(2);
            if low <= 0.0 || high <= 0.0 {
                return None;
            }
            influence[index] = (low.ln() - high.ln()).abs();
            if low < high {
                at.set(id, Interval::point(s.lo()));
            }
        }
        let mut order: Vec<usize> = (0..open.len()).collect();
        order.sort_by(|&p, &q| influence[q].total_cmp(&influence[p]));
        Some(order.into_iter().map(|index| open[index]).collect())
    }

    /// `Some(true)`: regular with one orientation on the whole box of slopes.
    fn descend(&mut self, slopes: &mut SlopeBox, depth: usize, work: &mut usize) -> Option<bool> {
        if *work == 0 {
            return None;
        }
        *work -= 1;
        let a = self.bounder.secant(slopes, self.directions, self.k);
        match self.node(&a) {
            Leaf::Regular => return Some(true),
            Leaf::Broken => return Some(false),
            Leaf::Open => {}
        }
        let Some(&id) = self.order.get(depth) else { return Some(false) };
        let whole = slopes.get(id);
        let mut answer = Some(true);
        for end in [whole.lo(), whole.hi()] {
            slopes.set(id, Interval::point(end));
            answer = self.descend(slopes, depth + 1, work);
            if answer != Some(true) {
                break;
            }
        }
        slopes.set(id, whole);
        answer
    }
}
