//! Whether a polytope lies in a union of others: what is left of it when they are taken away, one after the other.

use std::sync::Arc;

use crate::kernel::Wall;

use super::polytope::Polytope;

/// Polytopes that are left over may be cut so often, for a few covers.
const MOST: usize = 60;
/// And so often for each of many.
const MOST_EACH: usize = 40;

/// How long is looked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    most: usize,
    enclosed: bool,
}

impl Effort {
    /// For a cover by few; `enclosed`: half-spaces are.
    pub(super) fn few(enclosed: bool) -> Self {
        Effort { most: MOST, enclosed }
    }

    /// For a cover by all of these.
    pub(super) fn all(covers: usize, enclosed: bool) -> Self {
        Effort { most: MOST + MOST_EACH * covers, enclosed }
    }
}

/// A polytope that may take part in a cover: walls, and a box around it.
#[derive(Debug)]
pub(super) struct Cover<'a> {
    pub(super) walls: &'a [Arc<Wall>],
    pub(super) lower: &'a [f64],
    pub(super) upper: &'a [f64],
}

/// Whether the polytope of the walls in the box lies in the union of the covers; `Err` with a point near what is left over, and
/// whether that was looked for long enough: as `effort` says.
pub(super) fn covered(
    walls: &[Arc<Wall>],
    lower: &[f64],
    upper: &[f64],
    covers: &[Cover],
    effort: Effort,
) -> Result<(), Vec<f64>> {
    let mut stack = vec![walls.to_vec()];
    let mut count = 0;
    while let Some(walls) = stack.pop() {
        count += 1;
        let mut polytope = Polytope::new(&walls, lower, upper).enclosed(effort.enclosed);
        if polytope.is_empty() {
            continue;
        }
        let Some(point) = polytope.inside().point else {
            // Thinner than rounding: in one of them, or not seen to be in any.
            if covers.iter().any(|cover| cover.walls.iter().all(|wall| polytope.is_within(wall))) {
                continue;
            }
            return Err(lower.to_vec());
        };
        if count > effort.most {
            return Err(point);
        }
        // The cover that the point is deepest in.
        let depth = |cover: &Cover| {
            let clear = |wall: &Arc<Wall>| {
                let value = wall.slopes.iter().zip(&point).fold(wall.constant, |sum, (a, x)| sum + a * x);
                value + polytope.near(&wall.slopes, wall.constant)
            };
            cover.walls.iter().map(clear).fold(f64::INFINITY, f64::min)
        };
        let within = |cover: &&Cover| {
            let slack = |i: usize| 1e-9 * (upper[i] - lower[i]);
            (0..point.len())
                .all(|i| cover.lower[i] - slack(i) <= point[i] && point[i] <= cover.upper[i] + slack(i))
        };
        let best = covers
            .iter()
            .filter(within)
            .map(|cover| (depth(cover), cover))
            .filter(|(depth, _)| *depth >= 0.0)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, cover)) = best else { return Err(point) };
        let mut rest = walls.clone();
        let mut cut = false;
        for wall in cover.walls {
            if Polytope::new(&rest, lower, upper).enclosed(effort.enclosed).is_within(wall) {
                continue;
            }
            let mut beyond = rest.clone();
            beyond.push(Arc::new(wall.opposite(!wall.strict)));
            if !Polytope::new(&beyond, lower, upper).enclosed(effort.enclosed).is_empty() {
                stack.push(beyond);
                cut = true;
            }
            rest.push(Arc::clone(wall));
        }
        if cut && stack.len() > effort.most {
            return Err(point);
        }
    }
    Ok(())
}
