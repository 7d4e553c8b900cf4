//! Hyperplanes by two descriptions: doubles with an error, and integers when asked.

use std::fmt;
use std::sync::LazyLock;

use dashu_int::IBig;
use dashu_int::ops::{BitTest as _, UnsignedAbs as _};

use super::integers::integers;

/// How the integers of a hyperplane are found.
type Source = Box<dyn FnOnce() -> Vec<IBig> + Send + Sync>;

/// An affine function whose zeros are a hyperplane: known in doubles to within an error, and exactly on demand.
///
/// Almost every sign is decided by the doubles. What they leave open is decided by the integers, which are then computed
/// once.
pub struct Hyperplane {
    slopes: Box<[f64]>,
    constant: f64,
    error: f64,
    doubt: f64,
    label: u64,
    exact: LazyLock<Vec<IBig>, Source>,
}

impl Hyperplane {
    /// The function `slopes·x + constant` of n finite doubles, itself.
    pub fn of_doubles(slopes: &[f64], constant: f64, label: u64) -> Self {
        let all: Vec<f64> = slopes.iter().copied().chain([constant]).collect();
        Hyperplane {
            slopes: slopes.into(),
            constant,
            error: 0.0,
            doubt: 0.0,
            label,
            exact: LazyLock::new(Box::new(move || integers(&all))),
        }
    }

    /// The function of n slopes and a constant given as integers times any positive number. The doubles are scaled so that the
    /// largest is near 1, and hold wherever no coordinate exceeds 2.
    pub fn of_integers(integers: Vec<IBig>, label: u64) -> Self {
        let bits = integers.iter().map(|value| value.clone().unsigned_abs().bit_len()).max().unwrap_or(0);
        // The first 900 bits are far more than a double keeps, and fit its range.
        let dropped = bits.saturating_sub(900);
        let scale = 2f64.powi(-((bits - dropped) as i32));
        let mut doubles: Vec<f64> =
            integers.iter().map(|value| (value >> dropped).to_f64().value() * scale).collect();
        let constant = doubles.pop().unwrap_or(0.0);
        let magnitude = constant.abs() + 2.0 * doubles.iter().map(|a| a.abs()).sum::<f64>();
        Hyperplane {
            slopes: doubles.into(),
            constant,
            error: f64::EPSILON * magnitude + f64::MIN_POSITIVE,
            doubt: 0.0,
            label,
            exact: LazyLock::new(Box::new(move || integers)),
        }
    }

    /// A function that differs from `slopes·x + constant` by at most `error` at every point that it will be asked about; `exact`
    /// gives its n slopes and its constant times a positive number.
    pub fn enclosed(
        slopes: &[f64],
        constant: f64,
        error: f64,
        label: u64,
        exact: impl FnOnce() -> Vec<IBig> + Send + Sync + 'static,
    ) -> Self {
        let exact = LazyLock::new(Box::new(exact) as Source);
        Hyperplane { slopes: slopes.into(), constant, error, doubt: 0.0, label, exact }
    }

    /// The same hyperplane, standing for one that its function is off by at most `doubt` from: signs are those of this one.
    #[must_use]
    pub fn with_doubt(mut self, doubt: f64) -> Self {
        self.doubt = doubt;
        self
    }

    /// n slopes, to within the error.
    pub fn slopes(&self) -> &[f64] {
        &self.slopes
    }

    /// The constant, to within the error.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// By how much the function in doubles may be off.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// By how much the function may be off the one that it stands for.
    pub fn doubt(&self) -> f64 {
        self.doubt
    }

    /// What the caller knows it by.
    pub fn label(&self) -> u64 {
        self.label
    }

    /// n slopes and the constant, times a positive number.
    pub fn integers(&self) -> &[IBig] {
        &self.exact
    }
}

impl fmt::Debug for Hyperplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hyperplane")
            .field("slopes", &self.slopes)
            .field("constant", &self.constant)
            .field("error", &self.error)
            .field("doubt", &self.doubt)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}
