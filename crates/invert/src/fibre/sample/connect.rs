//! Which samples a path on the fibre connects.

use netinverse_linalg::norm;

use super::surface::{Kind, Place, Surface, distance};

/// Linearisations of one path.
const LENGTH: usize = 120;
/// Points of one component kept to connect others with.
const LANDMARKS: usize = 64;
/// Landmarks of one component that a point is tried with.
const NEAREST: usize = 3;
/// Landmarks that a point is tried with.
const TRIED: usize = 24;

/// Labels each point with its component: 0, 1, … in the order of their first points. Two labels mean that no path was
/// found, so that their number may be more than the components met; components never met are not counted.
pub(super) fn label(surface: &Surface, points: &[Vec<f64>]) -> Vec<usize> {
    let mut landmarks: Vec<(&[f64], usize)> = Vec::new();
    let mut count = 0;
    let mut labels: Vec<usize> = Vec::with_capacity(points.len());
    for x in points {
        let mut found: Vec<_> = (0..count).flat_map(|c| nearest(&landmarks, x, c)).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let met = found.iter().take(TRIED).find(|(_, landmark, _)| connected(surface, x, landmark));
        let own = met.map_or(count, |m| m.2);
        count = count.max(own + 1);
        let spacing = met.map_or(f64::INFINITY, |m| m.0);
        if spacing > 0.0 && landmarks.iter().filter(|l| l.1 == own).count() < LANDMARKS {
            landmarks.push((x, own));
        }
        labels.push(own);
    }
    merge(surface, &landmarks, count, labels)
}

/// Components that turn out to be one, now that all landmarks are known.
fn merge(
    surface: &Surface,
    landmarks: &[(&[f64], usize)],
    count: usize,
    mut labels: Vec<usize>,
) -> Vec<usize> {
    let mut name: Vec<usize> = (0..count).collect();
    for a in 0..count {
        for b in a + 1..count {
            if name[a] == name[b] {
                continue;
            }
            let members = |c: usize| landmarks.iter().filter(move |l| l.1 == c).map(|l| l.0);
            let mut pairs: Vec<(f64, &[f64], &[f64])> =
                members(a).flat_map(|p| members(b).map(move |q| (distance(p, q), p, q))).collect();
            pairs.sort_by(|p, q| p.0.total_cmp(&q.0));
            if pairs.iter().take(8).any(|(_, p, q)| connected(surface, p, q)) {
                let (keep, drop) = (name[a].min(name[b]), name[a].max(name[b]));
                for n in &mut name {
                    if *n == drop {
                        *n = keep;
                    }
                }
            }
        }
    }
    let mut order: Vec<usize> = Vec::new();
    for label in &mut labels {
        let kept = name[*label];
        *label = order.iter().position(|&n| n == kept).unwrap_or_else(|| {
            order.push(kept);
            order.len() - 1
        });
    }
    labels
}

/// The landmarks of a component that are nearest to x.
fn nearest<'a>(
    landmarks: &[(&'a [f64], usize)],
    x: &[f64],
    component: usize,
) -> Vec<(f64, &'a [f64], usize)> {
    let mut of: Vec<_> = landmarks
        .iter()
        .filter(|l| l.1 == component)
        .map(|&(landmark, label)| (distance(x, landmark), landmark, label))
        .collect();
    of.sort_by(|a, b| a.0.total_cmp(&b.0));
    of.truncate(NEAREST);
    of
}

/// Whether a path on the fibre, inside the box, that nears b with every step leads from a to b.
fn connected(surface: &Surface, a: &[f64], b: &[f64]) -> bool {
    let whole = distance(a, b);
    let goal = 1e-7 * (1.0 + norm(b));
    let Some(mut place) = regular(surface, a.to_vec()) else { return false };
    let mut stride = 0.25 * whole;
    for _ in 0..LENGTH {
        let toward: Vec<f64> = b.iter().zip(&place.x).map(|(b, x)| b - x).collect();
        let left = norm(&toward);
        if left <= goal {
            return true;
        }
        let along = place.tangential(&toward);
        let speed = norm(&along);
        if speed < 0.05 * left || stride < 1e-4 * whole {
            return false;
        }
        let length = stride.min(speed);
        let ahead: Vec<f64> = place.x.iter().zip(&along).map(|(x, d)| x + d * (length / speed)).collect();
        let next = surface
            .settle(&ahead, 20)
            // A correction longer than the step could lead to another sheet.
            .filter(|(x, _)| surface.inside(x) && distance(x, &ahead) <= length && distance(x, b) < left);
        match next.map(|(x, jacobian)| surface.classify(x, jacobian)) {
            Some(Kind::Regular(next)) => {
                place = *next;
                stride *= 1.5;
            }
            _ => stride *= 0.5,
        }
    }
    false
}

fn regular(surface: &Surface, x: Vec<f64>) -> Option<Place> {
    let (_, jacobian) = surface.linearise(&x);
    match surface.classify(x, jacobian) {
        Kind::Regular(place) => Some(*place),
        Kind::Deficient(_) => None,
    }
}
