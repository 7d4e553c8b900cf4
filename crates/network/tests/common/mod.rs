//! What the tests of the network share.
//!
//! - `functions`: the functions of the table.
//! - `generate`: random networks over every operator, residual connections and all.
//! - `interpret`: a naive interpreter, written from the ONNX definitions and from nothing of the crate's own
//!   index arithmetic, to compare with.
//! - `run`: everything that an evaluator computes.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]
#![allow(unreachable_pub, reason = "shared between test files")]

pub mod functions;
pub mod generate;
pub mod interpret;
pub mod run;

use netinverse_base::Rng;

/// The larger of `1` and the largest magnitude, to make differences relative.
pub fn scale(values: &[f64]) -> f64 {
    values.iter().fold(1.0, |largest, value| largest.max(value.abs()))
}

/// The largest difference, relative to [`scale`]; infinite where one is NaN.
pub fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |m: f64, d| if d > m || d.is_nan() { d } else { m });
    if largest.is_nan() { f64::INFINITY } else { largest / scale(a).max(scale(b)) }
}

/// Standard normal numbers.
pub fn normals(rng: &mut Rng, count: usize) -> Vec<f64> {
    (0..count).map(|_| rng.normal()).collect()
}
