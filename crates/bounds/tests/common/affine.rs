//! Affine functions with rational coefficients.

use dashu_ratio::RBig;

/// `constant + slopes · x`; no slopes at all for a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    pub constant: RBig,
    pub slopes: Vec<RBig>,
}

/// A double as the rational that it is.
pub fn exact(value: f64) -> RBig {
    RBig::try_from(value).expect("finite")
}

impl Affine {
    pub fn constant(constant: RBig, n: usize) -> Self {
        Affine { constant, slopes: vec![RBig::ZERO; n] }
    }

    /// The function with these doubles as coefficients.
    pub fn of(slopes: &[f64], constant: f64) -> Self {
        Affine { constant: exact(constant), slopes: slopes.iter().map(|&slope| exact(slope)).collect() }
    }

    pub fn at(&self, x: &[RBig]) -> RBig {
        self.slopes.iter().zip(x).fold(self.constant.clone(), |sum, (slope, x)| sum + slope * x)
    }

    pub fn is_constant(&self) -> bool {
        self.slopes.iter().all(|slope| *slope == RBig::ZERO)
    }

    pub fn scaled(&self, factor: &RBig) -> Self {
        Affine {
            constant: &self.constant * factor,
            slopes: self.slopes.iter().map(|slope| slope * factor).collect(),
        }
    }

    pub fn plus(&self, other: &Self) -> Self {
        Affine {
            constant: &self.constant + &other.constant,
            slopes: self.slopes.iter().zip(&other.slopes).map(|(a, b)| a + b).collect(),
        }
    }

    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&other.scaled(&RBig::from(-1)))
    }

    /// self += factor · other
    pub fn add_scaled(&mut self, factor: &RBig, other: &Self) {
        if *factor == RBig::ZERO {
            return;
        }
        self.constant += factor * &other.constant;
        for (own, slope) in self.slopes.iter_mut().zip(&other.slopes) {
            if *slope != RBig::ZERO {
                *own += factor * slope;
            }
        }
    }
}
