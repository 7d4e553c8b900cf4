//! Convex regions with rational corners, in no input (a point), one (a segment) or two (a polygon).

use dashu_ratio::RBig;

use super::affine::{Affine, exact};

/// The convex hull of its vertices, which go around it.
#[derive(Debug, Clone)]
pub struct Region {
    pub vertices: Vec<Vec<RBig>>,
}

impl Region {
    /// The region without inputs, on which every function is a number.
    pub fn point() -> Self {
        Region { vertices: vec![Vec::new()] }
    }

    /// A box in one or two inputs.
    pub fn of_box(lower: &[f64], upper: &[f64]) -> Self {
        let corners: &[&[usize]] = match lower.len() {
            0 => return Self::point(),
            1 => &[&[0], &[1]],
            2 => &[&[0, 0], &[1, 0], &[1, 1], &[0, 1]],
            n => panic!("{n} inputs"),
        };
        let ends = [lower, upper];
        let corner =
            |ends_of: &&[usize]| ends_of.iter().enumerate().map(|(i, &end)| exact(ends[end][i])).collect();
        Region { vertices: corners.iter().map(corner).collect() }
    }

    /// The number of inputs.
    pub fn dims(&self) -> usize {
        self.vertices[0].len()
    }

    /// Whether the function is nowhere negative (`Some(true)`) or nowhere positive (`Some(false)`).
    pub fn sign(&self, function: &Affine) -> Option<bool> {
        let (mut positive, mut negative) = (false, false);
        for vertex in &self.vertices {
            let value = function.at(vertex);
            positive |= value > RBig::ZERO;
            negative |= value < RBig::ZERO;
        }
        match (positive, negative) {
            (true, true) => None,
            (_, negative) => Some(!negative),
        }
    }

    /// The least value.
    pub fn least(&self, function: &Affine) -> RBig {
        self.vertices.iter().map(|vertex| function.at(vertex)).min().expect("a region has a vertex")
    }

    /// The largest value.
    pub fn largest(&self, function: &Affine) -> RBig {
        self.vertices.iter().map(|vertex| function.at(vertex)).max().expect("a region has a vertex")
    }

    /// The parts where the function is not negative, and not positive; `None` for a part without a vertex.
    pub fn cut(&self, function: &Affine) -> [Option<Region>; 2] {
        let values: Vec<RBig> = self.vertices.iter().map(|vertex| function.at(vertex)).collect();
        let count = values.len();
        let (mut above, mut below) = (Vec::new(), Vec::new());
        for i in 0..count {
            let (vertex, value) = (&self.vertices[i], &values[i]);
            if *value >= RBig::ZERO {
                above.push(vertex.clone());
            }
            if *value <= RBig::ZERO {
                below.push(vertex.clone());
            }
            // A segment has one edge, not two.
            let next = (i + 1) % count;
            if count == 1 || count == 2 && i == 1 {
                continue;
            }
            let opposite = (*value > RBig::ZERO && values[next] < RBig::ZERO)
                || (*value < RBig::ZERO && values[next] > RBig::ZERO);
            if opposite {
                let share = value / (value - &values[next]);
                let crossing: Vec<RBig> = vertex
                    .iter()
                    .zip(&self.vertices[next])
                    .map(|(from, to)| from + &share * (to - from))
                    .collect();
                above.push(crossing.clone());
                below.push(crossing);
            }
        }
        [above, below].map(|vertices| (!vertices.is_empty()).then_some(Region { vertices }))
    }

    /// The part where the function is not negative, if it has a vertex.
    pub fn where_not_negative(&self, function: &Affine) -> Option<Region> {
        self.cut(function)[0].clone()
    }

    /// Length or area; 1 for a point.
    pub fn volume(&self) -> RBig {
        match self.dims() {
            0 => RBig::ONE,
            1 => {
                let ends = || self.vertices.iter().map(|vertex| &vertex[0]);
                ends().max().unwrap() - ends().min().unwrap()
            }
            2 => {
                let count = self.vertices.len();
                let mut twice = RBig::ZERO;
                for i in 0..count {
                    let (a, b) = (&self.vertices[i], &self.vertices[(i + 1) % count]);
                    twice += &a[0] * &b[1] - &b[0] * &a[1];
                }
                if twice < RBig::ZERO {
                    twice = -twice;
                }
                twice / RBig::from(2)
            }
            n => panic!("{n} inputs"),
        }
    }
}
