use super::cell::{Form, Point, rounding, value};
use super::reduced::{INPUTS, Reduced};

/// What `{f = y}` is on the linear regions of a cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Slices {
    /// Segments that cross their region.
    pub(super) crossings: Vec<[Point; 2]>,
    /// Edges of regions on which f = y, seen from one side or both.
    pub(super) edges: Vec<[Point; 2]>,
    /// Corners of regions where f touches y from one side.
    pub(super) touches: Vec<Point>,
    /// Regions on which f is constant and equal to y.
    pub(super) plateaus: Vec<Vec<Point>>,
    /// The linear regions looked at.
    pub(super) regions: usize,
}

/// Enumerates the linear regions of a reduced network in a convex polygon, and slices each one.
pub(super) struct Slicer<'a> {
    pub(super) reduced: &'a Reduced,
    /// The largest magnitudes of coordinates.
    pub(super) magnitude: Point,
    pub(super) target: f64,
    pub(super) slices: &'a mut Slices,
    /// The basis elements as affine forms on the current polygon.
    forms: Vec<Form>,
}

impl<'a> Slicer<'a> {
    pub(super) fn new(reduced: &'a Reduced, magnitude: Point, target: f64, slices: &'a mut Slices) -> Self {
        let forms = vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        Slicer { reduced, magnitude, target, slices, forms }
    }

    /// Slices every region in the polygon (counter-clockwise).
    pub(super) fn polygon(&mut self, polygon: Vec<Point>) {
        let index = self.forms.len() - INPUTS;
        let Some(unit) = self.reduced.units.get(index) else {
            let form = self.combine(&self.reduced.output);
            return self.slice(&form, &polygon);
        };
        let form = self.combine(&unit.row);
        let noise = rounding(&form, self.magnitude);
        let mut rest = polygon;
        // Cut off what lies left of each kink, from the left.
        for (piece, &kink) in unit.hinge.kinks().iter().enumerate() {
            let (left, right) = split(&rest, &form, kink, noise);
            if let Some(left) = left {
                self.descend(unit.hinge.piece(piece), &form, left);
            }
            match right {
                Some(right) => rest = right,
                None => return,
            }
        }
        self.descend(unit.hinge.piece(unit.hinge.kinks().len()), &form, rest);
    }

    fn descend(&mut self, (slope, intercept): (f64, f64), form: &Form, polygon: Vec<Point>) {
        let mut bent = form.map(|c| slope * c);
        bent[0] += intercept;
        self.forms.push(bent);
        self.polygon(polygon);
        self.forms.pop();
    }

    fn combine(&self, row: &[f64]) -> Form {
        let mut sum = [0.0; 3];
        for (&c, form) in row.iter().zip(&self.forms) {
            for axis in 0..3 {
                sum[axis] += c * form[axis];
            }
        }
        sum
    }

    /// The part of a region where the form equals the target.
    fn slice(&mut self, form: &Form, polygon: &[Point]) {
        self.slices.regions += 1;
        let noise = rounding(form, self.magnitude) + 10.0 * f64::EPSILON * self.target.abs();
        let gaps: Vec<f64> = polygon.iter().map(|&p| value(form, p) - self.target).collect();
        let zero = |gap: f64| gap.abs() <= noise;
        let above = gaps.iter().any(|&g| g > noise);
        let below = gaps.iter().any(|&g| g < -noise);
        if !above
            && !below
            && (form[1].abs() * self.magnitude[0]).max(form[2].abs() * self.magnitude[1]) <= noise
        {
            self.slices.plateaus.push(polygon.to_vec());
            return;
        }
        let mut points: Vec<Point> = Vec::new();
        for (i, &p) in polygon.iter().enumerate() {
            let j = (i + 1) % polygon.len();
            if zero(gaps[i]) {
                points.push(p);
            } else if !zero(gaps[j]) && (gaps[i] > 0.0) != (gaps[j] > 0.0) {
                points.push(between(p, polygon[j], gaps[i], gaps[j]));
            }
        }
        // The level set is a line: of several points on it (a sliver's corners), its ends.
        let along = |p: &Point| form[1] * p[1] - form[2] * p[0];
        let first = points.iter().copied().min_by(|p, q| along(p).total_cmp(&along(q)));
        let last = points.iter().copied().max_by(|p, q| along(p).total_cmp(&along(q)));
        let (Some(first), Some(last)) = (first, last) else { return };
        if first == last {
            self.slices.touches.push(first);
        } else if above && below {
            self.slices.crossings.push([first, last]);
        } else {
            self.slices.edges.push([first, last]);
        }
    }
}

/// The parts of a polygon where the form is at most, and at least, the kink; `None` for a part without inside.
fn split(polygon: &[Point], form: &Form, kink: f64, noise: f64) -> (Option<Vec<Point>>, Option<Vec<Point>>) {
    let gaps: Vec<f64> = polygon.iter().map(|&p| value(form, p) - kink).collect();
    let noise = noise + 10.0 * f64::EPSILON * kink.abs();
    if gaps.iter().all(|&g| g >= -noise) {
        return (None, Some(polygon.to_vec()));
    }
    if gaps.iter().all(|&g| g <= noise) {
        return (Some(polygon.to_vec()), None);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (i, &p) in polygon.iter().enumerate() {
        let j = (i + 1) % polygon.len();
        if gaps[i] <= noise {
            left.push(p);
        }
        if gaps[i] >= -noise {
            right.push(p);
        }
        if gaps[i].abs() > noise && gaps[j].abs() > noise && (gaps[i] > 0.0) != (gaps[j] > 0.0) {
            let cut = between(p, polygon[j], gaps[i], gaps[j]);
            left.push(cut);
            right.push(cut);
        }
    }
    (Some(left), Some(right))
}

/// Where the straight line from p to q, along which a value goes from a to b of the other sign, has value 0. The
/// ends are taken in a fixed order, so that two regions with a common edge find the same point.
fn between(p: Point, q: Point, a: f64, b: f64) -> Point {
    let (p, q, a, b) = if p <= q { (p, q, a, b) } else { (q, p, b, a) };
    let t = a / (a - b);
    [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]
}
