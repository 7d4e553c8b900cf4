//! Polygons of a polytope in two coordinates, for pictures: in floating point, proved nowhere.

use super::Polytope;

impl Polytope {
    /// The corners, counter-clockwise, of the slice in which all coordinates but `i` and `j` are those of
    /// `at` (n numbers); empty if the slice is.
    pub fn slice(&self, at: &[f64], i: usize, j: usize) -> Vec<[f64; 2]> {
        let (lower, upper) = (self.domain.lower(), self.domain.upper());
        let outside = |k: usize| k != i && k != j && !(lower[k] <= at[k] && at[k] <= upper[k]);
        if (0..self.dims()).any(outside) {
            return Vec::new();
        }
        let mut polygon =
            vec![[lower[i], lower[j]], [upper[i], lower[j]], [upper[i], upper[j]], [lower[i], upper[j]]];
        for k in 0..self.rows() {
            let (normal, offset) = self.row(k);
            let fixed: f64 = offset
                + (0..self.dims()).filter(|&l| l != i && l != j).map(|l| normal[l] * at[l]).sum::<f64>();
            polygon = clipped(&polygon, [normal[i], normal[j]], fixed);
        }
        polygon
    }

    /// The corners, counter-clockwise, of the projection to the coordinates `i` and `j`: supports in more and
    /// more directions, until each edge is its own support. Empty if the polytope is; at most `most_corners`.
    pub fn projection(&self, i: usize, j: usize, most_corners: usize) -> Vec<[f64; 2]> {
        let size = [self.domain.width(i).max(1e-300), self.domain.width(j).max(1e-300)];
        let farthest = |direction: [f64; 2]| -> Option<[f64; 2]> {
            let mut full = vec![0.0; self.dims()];
            (full[i], full[j]) = (direction[0] / size[0], direction[1] / size[1]);
            self.support(&full).point.map(|x| [x[i], x[j]])
        };
        // In units of the box, so that one tolerance serves both coordinates.
        let beyond = |p: [f64; 2], a: [f64; 2], direction: [f64; 2]| {
            (p[0] - a[0]) / size[0] * direction[0] + (p[1] - a[1]) / size[1] * direction[1]
        };
        let mut corners: Vec<[f64; 2]> = Vec::new();
        for direction in [[0.0, -1.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]] {
            let Some(corner) = farthest(direction) else { return Vec::new() };
            if !corners.iter().any(|c| close(*c, corner, size)) {
                corners.push(corner);
            }
        }
        let mut edge = 0;
        while edge < corners.len() && corners.len() < most_corners && corners.len() > 1 {
            let (a, b) = (corners[edge], corners[(edge + 1) % corners.len()]);
            let (dx, dy) = ((b[0] - a[0]) / size[0], (b[1] - a[1]) / size[1]);
            let length = dx.hypot(dy);
            let outward = [dy / length, -dx / length];
            match farthest(outward) {
                Some(corner)
                    if beyond(corner, a, outward) > 1e-9
                        && !close(corner, a, size)
                        && !close(corner, b, size) =>
                {
                    corners.insert(edge + 1, corner);
                }
                _ => edge += 1,
            }
        }
        corners
    }
}

fn close(a: [f64; 2], b: [f64; 2], size: [f64; 2]) -> bool {
    (0..2).all(|k| (a[k] - b[k]).abs() <= 1e-9 * size[k])
}

/// The part of a convex polygon in normal·p + offset ≥ 0 (Sutherland & Hodgman).
fn clipped(polygon: &[[f64; 2]], normal: [f64; 2], offset: f64) -> Vec<[f64; 2]> {
    let value = |p: [f64; 2]| normal[0] * p[0] + normal[1] * p[1] + offset;
    let mut out = Vec::with_capacity(polygon.len() + 1);
    for (k, &a) in polygon.iter().enumerate() {
        let b = polygon[(k + 1) % polygon.len()];
        let (u, v) = (value(a), value(b));
        if u >= 0.0 {
            out.push(a);
        }
        if (u > 0.0 && v < 0.0) || (u < 0.0 && v > 0.0) {
            let t = u / (u - v);
            out.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
        }
    }
    out
}
