//! The pen: a smooth curve with a width that varies along it, drawn on 28 × 28 pixels.

use crate::digits::{PIXELS, SIDE};

/// A point of a stroke as the pen draws it: its place in pixels and the pen's radius there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dab {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) radius: f64,
}

/// Points of the uniform Catmull–Rom curve through `points`, `steps` a span; a point that stands twice in
/// a row is a corner.
pub(super) fn curve(points: &[(f64, f64)], steps: usize, mut visit: impl FnMut(f64, f64)) {
    for span in 0..points.len() - 1 {
        let [p1, p2] = [points[span], points[span + 1]];
        if p1 == p2 {
            continue;
        }
        let p0 = points[span.saturating_sub(1)];
        let p3 = points[(span + 2).min(points.len() - 1)];
        let first = usize::from(span > 0);
        for step in first..=steps {
            let t = step as f64 / steps as f64;
            let (t2, t3) = (t * t, t * t * t);
            let blend = |a: f64, b: f64, c: f64, d: f64| {
                0.5 * (2.0 * b
                    + (c - a) * t
                    + (2.0 * a - 5.0 * b + 4.0 * c - d) * t2
                    + (3.0 * b - a - 3.0 * c + d) * t3)
            };
            visit(blend(p0.0, p1.0, p2.0, p3.0), blend(p0.1, p1.1, p2.1, p3.1));
        }
    }
}

/// Rounds a curve off a little, its ends excepted: each point moves halfway to the middle of its
/// neighbours.
pub(super) fn round_off(dabs: &mut [Dab]) {
    let mut before = dabs[0];
    for index in 1..dabs.len() - 1 {
        let (here, after) = (dabs[index], dabs[index + 1]);
        dabs[index].x = 0.5 * here.x + 0.25 * (before.x + after.x);
        dabs[index].y = 0.5 * here.y + 0.25 * (before.y + after.y);
        before = here;
    }
}

/// Draws strokes, white on black: a pixel's brightness is how far it lies within the ink, over an edge
/// of `softness` pixels. Pixel (i, j) has its centre at x = j + ½, y = i + ½.
pub(super) fn draw(strokes: &[Vec<Dab>], softness: f64) -> [f64; PIXELS] {
    let mut ink = [0.0; PIXELS];
    for stroke in strokes {
        for pair in stroke.windows(2) {
            draw_segment(&mut ink, pair[0], pair[1], softness);
        }
    }
    ink
}

/// One straight piece with a linearly varying radius.
fn draw_segment(ink: &mut [f64; PIXELS], a: Dab, b: Dab, softness: f64) {
    let reach = a.radius.max(b.radius) + 0.5 * softness;
    let span = |low: f64, high: f64| {
        let first = (low - reach - 0.5).ceil().max(0.0) as usize;
        let last = (high + reach - 0.5).floor();
        first..if last < 0.0 { 0 } else { (last as usize + 1).min(SIDE) }
    };
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let inverse_square = 1.0 / (dx * dx + dy * dy).max(1e-12);
    let columns = span(a.x.min(b.x), a.x.max(b.x));
    for row in span(a.y.min(b.y), a.y.max(b.y)) {
        let y = row as f64 + 0.5;
        for column in columns.clone() {
            let x = column as f64 + 0.5;
            let along = (((x - a.x) * dx + (y - a.y) * dy) * inverse_square).clamp(0.0, 1.0);
            let (ex, ey) = (x - a.x - along * dx, y - a.y - along * dy);
            let radius = a.radius + along * (b.radius - a.radius);
            let value = ((radius - (ex * ex + ey * ey).sqrt()) / softness + 0.5).min(1.0);
            let pixel = &mut ink[row * SIDE + column];
            if value > *pixel {
                *pixel = value;
            }
        }
    }
}
