//! Vertices by two descriptions: doubles with a radius, and a rational point when asked.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;

use super::MAX_DIMS;
use super::hyperplane::Hyperplane;
use super::integers::{independent, solve};

/// u, the unit roundoff, a little enlarged for the second-order terms of γ_k (k ≤ 10³).
const UNIT: f64 = f64::EPSILON * 0.500_1;

/// A point where n independent hyperplanes meet: doubles that enclose it, and exact coordinates on demand.
#[derive(Debug)]
pub struct Vertex {
    at: Box<[f64]>,
    radius: f64,
    planes: Box<[Arc<Hyperplane>]>,
    exact: OnceLock<Point>,
}

/// A rational point: numerators over one positive denominator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// n numerators.
    pub numerators: Vec<IBig>,
    /// Positive.
    pub denominator: IBig,
}

impl Point {
    /// The coordinates as fractions.
    pub fn coordinates(&self) -> Vec<RBig> {
        let denominator = UBig::try_from(self.denominator.clone()).unwrap_or(UBig::ONE);
        self.numerators.iter().map(|x| RBig::from_parts(x.clone(), denominator.clone())).collect()
    }
}

impl Vertex {
    /// The point of the n hyperplanes; `None` if they are dependent.
    fn of(planes: Vec<Arc<Hyperplane>>) -> Option<Self> {
        let n = planes.len();
        if let Some((at, radius)) = enclosure(&planes) {
            return Some(Vertex { at, radius, planes: planes.into(), exact: OnceLock::new() });
        }
        let (numerators, denominator) =
            solve(planes.iter().map(|plane| plane.integers().to_vec()).collect())?;
        let point = Point { numerators, denominator };
        let at: Box<[f64]> = point.coordinates().iter().map(|x| x.to_f64().value()).collect();
        // The conversion is right to one unit in the last place.
        let largest = at.iter().fold(1.0f64, |a, x| a.max(x.abs()));
        debug_assert_eq!(at.len(), n);
        let exact = OnceLock::from(point);
        Some(Vertex { at, radius: 4.0 * f64::EPSILON * largest, planes: planes.into(), exact })
    }

    /// The vertex where the hyperplanes of `tight` meet, of which n are independent.
    pub(super) fn meeting(tight: &[&Arc<Hyperplane>], n: usize) -> Self {
        if tight.len() == n
            && let Some(vertex) = Vertex::of(tight.iter().copied().cloned().collect())
        {
            return vertex;
        }
        let by_floats = spread(tight, n);
        if let Some(vertex) = by_floats.and_then(Vertex::of) {
            return vertex;
        }
        let rows: Vec<Vec<IBig>> = tight.iter().map(|plane| plane.integers().to_vec()).collect();
        let chosen = independent(&rows, n).into_iter().map(|k| Arc::clone(tight[k])).collect();
        Vertex::of(chosen).expect("n independent hyperplanes meet at a vertex")
    }

    /// n doubles, each within the radius of the coordinate.
    pub fn at(&self) -> &[f64] {
        &self.at
    }

    /// See [`Vertex::at`].
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// The point without rounding.
    pub fn exact(&self) -> &Point {
        self.exact.get_or_init(|| {
            let rows = self.planes.iter().map(|plane| plane.integers().to_vec()).collect();
            let (numerators, denominator) = solve(rows).expect("checked to be independent");
            Point { numerators, denominator }
        })
    }

    /// Whether two vertices may be one point, as far as doubles tell.
    pub fn is_near(&self, other: &Vertex) -> bool {
        let reach = (self.radius + other.radius) * (1.0 + 1e-9);
        self.at.iter().zip(&other.at).all(|(a, b)| (a - b).abs() <= reach)
    }

    /// Whether two vertices are one point.
    pub fn is_same(&self, other: &Vertex) -> bool {
        if !self.is_near(other) {
            return false;
        }
        let (a, b) = (self.exact(), other.exact());
        a.numerators.iter().zip(&b.numerators).all(|(x, y)| x * &b.denominator == y * &a.denominator)
    }

    /// The function's value in doubles, and how far it may be off.
    pub fn value(&self, plane: &Hyperplane) -> (f64, f64) {
        value(plane.slopes(), plane.constant(), plane.error(), self)
    }

    /// The function's sign.
    pub fn sign(&self, plane: &Hyperplane) -> Ordering {
        let (value, error) = self.value(plane);
        if value > error {
            return Ordering::Greater;
        }
        if value < -error {
            return Ordering::Less;
        }
        let (integers, point) = (plane.integers(), self.exact());
        let n = self.at.len();
        let terms = integers[..n].iter().zip(&point.numerators);
        let sum = terms.fold(&integers[n] * &point.denominator, |sum, (a, x)| sum + a * x);
        sum.cmp(&IBig::ZERO)
    }
}

/// `slopes·x + constant` at a vertex, and how far it may be off a function that is within `error` of it.
pub(crate) fn value(slopes: &[f64], constant: f64, error: f64, vertex: &Vertex) -> (f64, f64) {
    let (mut sum, mut magnitude, mut steepness) = (constant, constant.abs(), 0.0);
    for (&a, &x) in slopes.iter().zip(&vertex.at) {
        let term = a * x;
        sum += term;
        magnitude += term.abs();
        steepness += a.abs();
    }
    let terms = (2 * slopes.len() + 4) as f64;
    (sum, (error + steepness * vertex.radius + terms * UNIT * magnitude) * (1.0 + 1e-9) + 1e-300)
}

/// Doubles around the point where n hyperplanes meet, and a radius; `None` if they are not proved to be independent.
///
/// With C near the inverse of the slopes A and x near the point x*, A x* + b = s with |s_k| at most the error of row k. From
/// x* − x = (I − C A)(x* − x) − C (A x + b − s) follows ‖x* − x‖ ≤ ‖|C| (|A x + b| + |s|)‖ / (1 − ‖I − C A‖).
fn enclosure(planes: &[Arc<Hyperplane>]) -> Option<(Box<[f64]>, f64)> {
    let n = planes.len();
    let mut work = [0.0; MAX_DIMS * MAX_DIMS];
    let mut inverse = [0.0; MAX_DIMS * MAX_DIMS];
    for (k, plane) in planes.iter().enumerate() {
        work[k * n..(k + 1) * n].copy_from_slice(plane.slopes());
        inverse[k * n + k] = 1.0;
    }
    for c in 0..n {
        let p = (c..n).max_by(|&a, &b| work[a * n + c].abs().total_cmp(&work[b * n + c].abs()))?;
        let pivot = work[p * n + c];
        if pivot == 0.0 {
            return None;
        }
        for l in 0..n {
            work.swap(p * n + l, c * n + l);
            inverse.swap(p * n + l, c * n + l);
        }
        let scale = 1.0 / pivot;
        for l in 0..n {
            work[c * n + l] *= scale;
            inverse[c * n + l] *= scale;
        }
        for q in 0..n {
            let factor = work[q * n + c];
            if q != c && factor != 0.0 {
                for l in 0..n {
                    work[q * n + l] -= factor * work[c * n + l];
                    inverse[q * n + l] -= factor * inverse[c * n + l];
                }
            }
        }
    }
    let terms = (2 * n + 6) as f64;
    let mut distance = 0.0f64;
    for i in 0..n {
        let mut row = 0.0;
        for j in 0..n {
            let (mut sum, mut magnitude) = (if i == j { -1.0 } else { 0.0 }, 1.0);
            for k in 0..n {
                let term = inverse[i * n + k] * planes[k].slopes()[j];
                sum += term;
                magnitude += term.abs();
            }
            row += f64::abs(sum) + terms * UNIT * magnitude;
        }
        distance = distance.max(row);
    }
    if distance.is_nan() || distance * (1.0 + 1e-9) >= 0.01 {
        return None;
    }
    let mut x = [0.0; MAX_DIMS];
    let mut residual = [0.0; MAX_DIMS];
    for round in 0..2 {
        for (k, plane) in planes.iter().enumerate() {
            let terms = plane.slopes().iter().zip(&x);
            residual[k] = terms.fold(plane.constant(), |sum, (a, x)| sum + a * x);
        }
        for i in 0..n {
            let step: f64 = (0..n).map(|k| inverse[i * n + k] * residual[k]).sum();
            x[i] -= step;
        }
        if round == 1 {
            break;
        }
    }
    for (k, plane) in planes.iter().enumerate() {
        let (mut sum, mut magnitude) = (plane.constant(), plane.constant().abs());
        for (a, x) in plane.slopes().iter().zip(&x) {
            sum += a * x;
            magnitude += (a * x).abs();
        }
        residual[k] = (sum.abs() + plane.error() + terms * UNIT * magnitude) * (1.0 + 1e-9) + 1e-300;
    }
    let radius = (0..n)
        .map(|i| (0..n).map(|k| inverse[i * n + k].abs() * residual[k]).sum::<f64>())
        .fold(0.0, f64::max)
        * 1.02;
    (radius < 1e-5).then(|| (x[..n].into(), radius + 1e-300))
}

/// n of the hyperplanes that look most independent in floating point (Gram–Schmidt, the farthest first).
fn spread(tight: &[&Arc<Hyperplane>], n: usize) -> Option<Vec<Arc<Hyperplane>>> {
    let unit = |v: &[f64]| -> Vec<f64> {
        let norm = v.iter().map(|a| a * a).sum::<f64>().sqrt();
        if norm > 0.0 { v.iter().map(|a| a / norm).collect() } else { v.to_vec() }
    };
    let mut rest: Vec<Vec<f64>> = tight.iter().map(|plane| unit(plane.slopes())).collect();
    let mut chosen = Vec::with_capacity(n);
    for _ in 0..n {
        let size = |v: &Vec<f64>| v.iter().map(|a| a * a).sum::<f64>();
        let far = (0..rest.len()).max_by(|&a, &b| size(&rest[a]).total_cmp(&size(&rest[b])))?;
        if size(&rest[far]) < 1e-12 {
            return None;
        }
        chosen.push(Arc::clone(tight[far]));
        let direction = unit(&rest[far]);
        for v in &mut rest {
            let along: f64 = v.iter().zip(&direction).map(|(a, b)| a * b).sum();
            for (a, d) in v.iter_mut().zip(&direction) {
                *a -= along * d;
            }
        }
        rest[far].fill(0.0);
    }
    Some(chosen)
}
