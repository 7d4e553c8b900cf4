/// An affine form c₀ + c₁x + c₂y of the two free inputs.
pub(super) type Form = [f64; 3];

/// A point of the plane.
pub type Point = [f64; 2];

/// c₀ + c₁x + c₂y
pub(super) fn value(form: &Form, at: Point) -> f64 {
    form[0] + form[1] * at[0] + form[2] * at[1]
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) lower: Point,
    pub(super) upper: Point,
}

impl Cell {
    /// The least and largest value of a form.
    pub(super) fn range(&self, form: &Form) -> (f64, f64) {
        let mut middle = form[0];
        let mut radius = 0.0;
        for axis in 0..2 {
            middle += form[axis + 1] * 0.5 * (self.lower[axis] + self.upper[axis]);
            radius += form[axis + 1].abs() * 0.5 * (self.upper[axis] - self.lower[axis]);
        }
        (middle - radius, middle + radius)
    }

    /// The two halves of the longer side (relative to the root's sides).
    pub(super) fn halves(&self, root: &Cell) -> [Cell; 2] {
        let share =
            |axis: usize| (self.upper[axis] - self.lower[axis]) / (root.upper[axis] - root.lower[axis]);
        let axis = usize::from(share(1) > share(0));
        let middle = 0.5 * (self.lower[axis] + self.upper[axis]);
        let mut halves = [*self; 2];
        halves[0].upper[axis] = middle;
        halves[1].lower[axis] = middle;
        halves
    }

    /// The corners, counter-clockwise.
    pub(super) fn corners(&self) -> Vec<Point> {
        let (l, u) = (self.lower, self.upper);
        vec![l, [u[0], l[1]], u, [l[0], u[1]]]
    }

    /// The largest coordinates by magnitude, for rounding errors.
    pub(super) fn magnitude(&self) -> Point {
        [0, 1].map(|axis| self.lower[axis].abs().max(self.upper[axis].abs()))
    }

    /// The length of the diagonal.
    pub(super) fn diameter(&self) -> f64 {
        (self.upper[0] - self.lower[0]).hypot(self.upper[1] - self.lower[1])
    }
}

/// What a form's value may be off by: its terms' magnitudes times ten thousand roundings.
pub(super) fn rounding(form: &Form, magnitude: Point) -> f64 {
    let terms = form[0].abs() + form[1].abs() * magnitude[0] + form[2].abs() * magnitude[1];
    5e3 * f64::EPSILON * terms
}
