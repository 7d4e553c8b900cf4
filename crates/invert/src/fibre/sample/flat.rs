use netinverse_base::Rng;
use netinverse_linalg::{Lu, Matrix, Qr, norm};

use super::surface::{Kind, Place, Surface, distance};

/// Newton steps to a root in a flat.
const STEPS: usize = 40;
/// Regula falsi and bisection steps to a root on a line.
const REFINEMENTS: usize = 80;

/// How a global move ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jump {
    /// To another point, as far as the flat's other points.
    Moved,
    /// The flat has no other point, or the present one was drawn again.
    Stayed,
    /// The search that depends on the flat alone did not find the present point.
    Missed,
}

/// A move between the points in which a random flat of dimension m through x meets the fibre.
///
/// Why it leaves `ρ dH`, ρ = π/√det JJᵀ, in place: let U (n×m, orthonormal) be the flat's directions, uniform and
/// independent of x. Then (x, U) ↦ (flat, which of its points) maps dH(x) to the flats' own measure times
/// 1/|det N(x)U|, N the rows of JJᵀ^(-½)J (integral geometry's change of variables), so that given the flat its
/// points have probabilities proportional to
///
/// ```text
/// ρ(xᵢ) / |det N(xᵢ)U| = π(xᵢ) / |det J(xᵢ)U|,
/// ```
///
/// and drawing one of them by these is a Gibbs step. The points are looked for by a search that depends on the flat
/// (and on random numbers independent of x) only; a flat on which the search misses x itself is left alone. So the
/// step is reversible whether or not the search finds all points, and it needs no path from one component to another.
pub(super) fn jump(surface: &Surface, place: &mut Place, trials: usize, rng: &mut Rng) -> Jump {
    let (n, m) = (surface.n(), surface.m());
    let gaussian = Matrix::from_fn(n, m, |_, _| rng.normal());
    let directions = Qr::new(&gaussian).thin_q();
    let choice = rng.uniform();

    // The flat's point nearest to the window's centre is the same from all its points.
    let away: Vec<f64> = surface.window().iter().zip(&place.x).map(|((l, u), x)| 0.5 * (l + u) - x).collect();
    let shift = directions.apply(&directions.apply_left(&away));
    let origin: Vec<f64> = place.x.iter().zip(&shift).map(|(x, s)| x + s).collect();
    let points = if m == 1 {
        on_line(surface, &origin, directions.data(), trials)
    } else {
        in_flat(surface, &origin, &directions, trials, rng)
    };

    let near = 1e-7 * (1.0 + norm(&place.x));
    let Some(own) = points.iter().position(|p| distance(p, &place.x) <= near) else { return Jump::Missed };
    let mut places = Vec::new();
    for (k, x) in points.into_iter().enumerate() {
        // The present point stays what it is, to the last bit.
        let x = if k == own { place.x.clone() } else { x };
        let (_, jacobian) = surface.linearise(&x);
        let slope = Lu::new(&jacobian.product(&directions)).determinant().1;
        if let Kind::Regular(at) = surface.classify(x, jacobian)
            && slope.is_finite()
        {
            places.push((k, surface.log_prior(&at.x) - slope, at));
        }
    }
    let largest = places.iter().fold(f64::NEG_INFINITY, |l, p| l.max(p.1));
    let weights: Vec<f64> = places.iter().map(|p| (p.1 - largest).exp()).collect();
    let mut left = choice * weights.iter().sum::<f64>();
    for ((k, _, at), weight) in places.into_iter().zip(weights) {
        left -= weight;
        if left < 0.0 {
            if k == own {
                return Jump::Stayed;
            }
            *place = *at;
            return Jump::Moved;
        }
    }
    Jump::Stayed
}

/// The roots on a line in the window between which a grid of `trials` intervals sees a change of sign.
fn on_line(surface: &Surface, origin: &[f64], direction: &[f64], trials: usize) -> Vec<Vec<f64>> {
    let (mut from, mut to) = (f64::NEG_INFINITY, f64::INFINITY);
    for i in 0..origin.len() {
        if direction[i] == 0.0 {
            continue;
        }
        let (low, high) = surface.window()[i];
        let a = (low - origin[i]) / direction[i];
        let b = (high - origin[i]) / direction[i];
        from = from.max(a.min(b));
        to = to.min(a.max(b));
    }
    if from >= to {
        return Vec::new();
    }
    let at = |t: f64| -> Vec<f64> { origin.iter().zip(direction).map(|(o, d)| o + t * d).collect() };
    let times: Vec<f64> = (0..=trials).map(|k| from + (to - from) * k as f64 / trials as f64).collect();
    let values = surface.residuals(&times.iter().map(|&t| at(t)).collect::<Vec<_>>());
    let brackets: Vec<Bracket> = (0..trials)
        .filter(|&k| (values[k] > 0.0) != (values[k + 1] > 0.0))
        .map(|k| Bracket {
            a: times[k],
            fa: values[k],
            b: times[k + 1],
            fb: values[k + 1],
            side: 0,
            root: None,
        })
        .collect();
    let roots: Vec<Vec<f64>> = refine(surface, &at, brackets).into_iter().map(at).collect();
    let residuals = surface.residuals(&roots);
    let on =
        |(x, residual): (Vec<f64>, f64)| (surface.inside(&x) && surface.is_zero(&[residual])).then_some(x);
    roots.into_iter().zip(residuals).filter_map(on).collect()
}

/// Two places of a line between which there is a root.
struct Bracket {
    a: f64,
    fa: f64,
    b: f64,
    fb: f64,
    /// The end that was moved last, −1 or 1.
    side: i8,
    root: Option<f64>,
}

impl Bracket {
    fn trial(&self, step: usize) -> f64 {
        let secant = (self.a * self.fb - self.b * self.fa) / (self.fb - self.fa);
        let bisect = step % 8 == 7 || secant.is_nan() || secant < self.a || secant > self.b;
        if bisect { 0.5 * (self.a + self.b) } else { secant }
    }

    fn narrow(&mut self, t: f64, value: f64) {
        if value == 0.0 || (self.b - self.a) <= f64::EPSILON * (self.a.abs() + self.b.abs()) {
            self.root = Some(t);
        } else if (value > 0.0) == (self.fb > 0.0) {
            (self.b, self.fb) = (t, value);
            if self.side == -1 {
                self.fa *= 0.5;
            }
            self.side = -1;
        } else {
            (self.a, self.fa) = (t, value);
            if self.side == 1 {
                self.fb *= 0.5;
            }
            self.side = 1;
        }
    }
}

/// A root in each bracket, all of them in one batch: the Illinois form of regula falsi, and bisection where it is slow.
fn refine(surface: &Surface, at: &dyn Fn(f64) -> Vec<f64>, mut brackets: Vec<Bracket>) -> Vec<f64> {
    for step in 0..REFINEMENTS {
        let open: Vec<usize> = (0..brackets.len()).filter(|&k| brackets[k].root.is_none()).collect();
        if open.is_empty() {
            break;
        }
        let trials: Vec<f64> = open.iter().map(|&k| brackets[k].trial(step)).collect();
        let values = surface.residuals(&trials.iter().map(|&t| at(t)).collect::<Vec<_>>());
        for ((k, t), value) in open.into_iter().zip(trials).zip(values) {
            brackets[k].narrow(t, value);
        }
    }
    let nearer = |bracket: &Bracket| if bracket.fa.abs() < bracket.fb.abs() { bracket.a } else { bracket.b };
    brackets.iter().map(|bracket| bracket.root.unwrap_or_else(|| nearer(bracket))).collect()
}

/// The roots in a flat that Newton's method reaches from random points of it.
fn in_flat(
    surface: &Surface,
    origin: &[f64],
    directions: &Matrix,
    trials: usize,
    rng: &mut Rng,
) -> Vec<Vec<f64>> {
    let reach = surface.window().iter().map(|(l, u)| 0.25 * (u - l) * (u - l)).sum::<f64>().sqrt();
    let normal = directions.transposed();
    let mut roots: Vec<Vec<f64>> = Vec::new();
    for _ in 0..trials {
        let w: Vec<f64> = (0..directions.columns()).map(|_| 0.5 * reach * rng.normal()).collect();
        let start: Vec<f64> =
            origin.iter().zip(directions.apply(&w)).map(|(origin, step)| origin + step).collect();
        let Some((x, _)) = surface.project(&start, &normal, STEPS) else { continue };
        if surface.inside(&x) && roots.iter().all(|r| distance(r, &x) > 1e-6 * (1.0 + norm(&x))) {
            roots.push(x);
        }
    }
    roots
}
