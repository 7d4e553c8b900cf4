use netinverse_base::Rng;
use netinverse_linalg::{dot, norm};

use super::surface::{Kind, Place, Surface, distance};

/// How a proposal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Accepted,
    /// Newton's method found no point on the fibre, or one outside the box.
    NoCandidate,
    /// The Metropolis ratio was against it.
    Refused,
    /// From the candidate, the same construction does not lead back: accepting it would break detailed balance.
    Irreversible,
    /// The candidate lies where J loses rank; it is noted in `plateaus`.
    Plateau,
}

/// One step of the walk of Zappa, Holmes-Cerfon and Goodman ("Monte Carlo on manifolds: sampling densities and
/// integrating functions", 2018) with a step of standard deviation `size` in each tangent direction.
///
/// From x, v is normal in the tangent space, and x′ = x + v + J(x)ᵀa on the fibre. The candidate's density of
/// being proposed is p(v) |det TᵀT′| in Hausdorff measure, symmetric but for p, so that with
/// v′ = T′T′ᵀ(x − x′) the ratio is `ρ(x′)p(v′) / ρ(x)p(v)`, ρ = π/√det JJᵀ; and only if x is found from x′ by v′.
/// Nothing here needs J to be continuous: where the fibre has facets, T, J and ρ are those of either side, and
/// facets have measure zero.
pub(super) fn step(
    surface: &Surface,
    place: &mut Place,
    size: f64,
    newton: usize,
    rng: &mut Rng,
    plateaus: &mut Vec<(Vec<f64>, usize)>,
) -> Step {
    let normal: Vec<f64> = (0..place.x.len()).map(|_| size * rng.normal()).collect();
    let uniform = rng.uniform();
    let v = place.tangential(&normal);
    let start: Vec<f64> = place.x.iter().zip(&v).map(|(x, v)| x + v).collect();
    let Some((x, jacobian)) = surface.project(&start, &place.jacobian, newton) else {
        return Step::NoCandidate;
    };
    if !surface.inside(&x) {
        return Step::NoCandidate;
    }
    let candidate = match surface.classify(x.clone(), jacobian) {
        Kind::Regular(candidate) => candidate,
        Kind::Deficient(rank) => {
            plateaus.push((x, rank));
            return Step::Plateau;
        }
    };
    let back: Vec<f64> = place.x.iter().zip(&candidate.x).map(|(x, c)| x - c).collect();
    let reverse = candidate.tangential(&back);
    let log_ratio = candidate.log_density - place.log_density
        + (dot(&v, &v) - dot(&reverse, &reverse)) / (2.0 * size * size);
    if uniform.ln() >= log_ratio {
        return Step::Refused;
    }
    let start: Vec<f64> = candidate.x.iter().zip(&reverse).map(|(c, v)| c + v).collect();
    let returned = surface.project(&start, &candidate.jacobian, newton);
    let near = 1e-6 * (norm(&v) + norm(&reverse)) + 1e-9 * (1.0 + norm(&place.x));
    if returned.is_none_or(|(x, _)| distance(&x, &place.x) > near) {
        return Step::Irreversible;
    }
    *place = *candidate;
    Step::Accepted
}
