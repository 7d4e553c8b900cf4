//! Boxes with sides parallel to the axes.

use netinverse_base::{Error, Result};
use netinverse_linalg::Interval;

/// The box {x : lower ≤ x ≤ upper}, with finite ends.
///
/// Sides may have length zero: such coordinates are *fixed*, and volumes are relative to the others.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisBox {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl AxisBox {
    /// The box between two corners of the same length n.
    ///
    /// # Errors
    /// If the lengths differ, an end is not finite, or a lower end exceeds its upper one: which coordinate
    /// and its ends.
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self> {
        if lower.len() != upper.len() {
            return Err(Error::input(format!(
                "a box has {} lower ends and {} upper ends",
                lower.len(),
                upper.len()
            ))
            .hint("give one of each for every input"));
        }
        for (i, (&lo, &hi)) in lower.iter().zip(&upper).enumerate() {
            if !lo.is_finite() || !hi.is_finite() {
                return Err(Error::input(format!("coordinate {i} of a box ranges over [{lo}, {hi}]"))
                    .hint("both ends must be finite numbers"));
            }
            if lo > hi {
                return Err(Error::input(format!(
                    "coordinate {i} of a box has its ends reversed: {lo} > {hi}"
                ))
                .hint("exchange the two ends"));
            }
        }
        Ok(AxisBox { lower, upper })
    }

    /// The unit cube [0, 1]ⁿ.
    pub fn unit(n: usize) -> Self {
        AxisBox { lower: vec![0.0; n], upper: vec![1.0; n] }
    }

    /// The lower ends, n numbers.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// The upper ends, n numbers.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// The number of coordinates n, fixed ones included.
    pub fn dims(&self) -> usize {
        self.lower.len()
    }

    /// The length of side `i`, rounded to nearest.
    pub fn width(&self, i: usize) -> f64 {
        self.upper[i] - self.lower[i]
    }

    /// The midpoint of side `i`: a double inside it, the middle but for rounding; never overflows.
    pub fn midpoint(&self, i: usize) -> f64 {
        let (lo, hi) = (self.lower[i], self.upper[i]);
        // Rounding is monotonic, so that the halved sum stays inside unless halving underflowed.
        (0.5 * lo + 0.5 * hi).clamp(lo, hi)
    }

    /// The midpoints of all sides.
    pub fn centre(&self) -> Vec<f64> {
        (0..self.dims()).map(|i| self.midpoint(i)).collect()
    }

    /// The coordinates that may vary, those with lower < upper.
    pub fn free_dims(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.dims()).filter(|&i| self.lower[i] < self.upper[i])
    }

    /// Whether `x` (n numbers) lies in the closed box.
    pub fn contains(&self, x: &[f64]) -> bool {
        x.len() == self.dims() && x.iter().enumerate().all(|(i, &v)| self.lower[i] <= v && v <= self.upper[i])
    }

    /// Whether `other`, of the same n, is a subset.
    pub fn contains_box(&self, other: &AxisBox) -> bool {
        self.contains(&other.lower) && self.contains(&other.upper)
    }

    /// The common points, if there are any; boxes that touch have a box with sides of length zero in common.
    pub fn intersection(&self, other: &AxisBox) -> Option<AxisBox> {
        assert_eq!(self.dims(), other.dims(), "boxes in different spaces");
        let lower: Vec<f64> = self.lower.iter().zip(&other.lower).map(|(a, b)| a.max(*b)).collect();
        let upper: Vec<f64> = self.upper.iter().zip(&other.upper).map(|(a, b)| a.min(*b)).collect();
        lower.iter().zip(&upper).all(|(lo, hi)| lo <= hi).then_some(AxisBox { lower, upper })
    }

    /// The two parts below and above `at` in coordinate `i`; they share the face x_i = at.
    ///
    /// # Errors
    /// If `at` does not lie inside the side, ends included.
    pub fn split(&self, i: usize, at: f64) -> Result<(AxisBox, AxisBox)> {
        let (lo, hi) = (self.lower[i], self.upper[i]);
        if !(lo <= at && at <= hi) {
            return Err(Error::input(format!("{at} does not split coordinate {i} of a box, [{lo}, {hi}]")));
        }
        let (mut below, mut above) = (self.clone(), self.clone());
        below.upper[i] = at;
        above.lower[i] = at;
        Ok((below, above))
    }

    /// The two parts at the midpoint of side `i`; `None` if no double lies strictly inside it.
    pub fn bisect(&self, i: usize) -> Option<(AxisBox, AxisBox)> {
        let at = self.midpoint(i);
        if self.lower[i] < at && at < self.upper[i] { self.split(i, at).ok() } else { None }
    }

    /// The volume over the free coordinates, enclosed; 1 if there are none (a point counts once).
    pub fn volume(&self) -> Interval {
        self.free_dims()
            .map(|i| Interval::point(self.upper[i]) - Interval::point(self.lower[i]))
            .fold(Interval::point(1.0), |volume, width| volume * width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_ends_are_refused_by_coordinate() {
        for (lower, upper, said) in [
            (vec![0.0], vec![], "1 lower ends and 0 upper"),
            (vec![0.0, 2.0], vec![1.0, 1.0], "coordinate 1 of a box has its ends reversed: 2 > 1"),
            (vec![f64::NEG_INFINITY], vec![1.0], "coordinate 0 of a box ranges over [-inf, 1]"),
            (vec![0.0], vec![f64::NAN], "coordinate 0 of a box ranges over [0, NaN]"),
        ] {
            let error = AxisBox::new(lower, upper).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(!error.hints().is_empty());
        }
    }

    #[test]
    fn splitting_keeps_the_volume_and_touching_boxes_meet() {
        let whole = AxisBox::new(vec![0.0, -1.0, 3.0], vec![2.0, 1.0, 3.0]).unwrap();
        assert_eq!(whole.volume(), Interval::point(4.0));
        assert_eq!(whole.free_dims().collect::<Vec<_>>(), [0, 1]);
        let (below, above) = whole.bisect(1).unwrap();
        assert_eq!(below.volume() + above.volume(), whole.volume());
        let face = below.intersection(&above).unwrap();
        assert_eq!((face.lower(), face.upper()), (&[0.0, 0.0, 3.0][..], &[2.0, 0.0, 3.0][..]));
        assert!(whole.contains_box(&below) && !below.contains_box(&whole));
        assert!(whole.bisect(2).is_none());
        assert!(whole.split(0, 2.5).is_err());
        assert!(
            below.intersection(&AxisBox::new(vec![0.0, 0.5, 3.0], vec![1.0, 1.0, 3.0]).unwrap()).is_none()
        );
    }

    #[test]
    fn extreme_ends_have_a_midpoint_inside() {
        let wide = AxisBox::new(vec![-f64::MAX, 5e-324, 1.0], vec![f64::MAX, 1e-323, 1.0]).unwrap();
        assert!(wide.contains(&wide.centre()));
        assert_eq!(wide.midpoint(0), 0.0);
    }
}
