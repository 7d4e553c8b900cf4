//! What the tests of bounds and sets share.
//!
//! - `affine`, `region`: rational affine functions, and convex regions in one or two inputs.
//! - `exact`: a network in exact rational arithmetic, at a point or as the affine function that it is on a region.
//! - `claims`: what a bounder claims of a box, and whether it holds.
//! - `networks`: random networks that `exact` understands.
//! - `elementary`: functions that are not piecewise linear, to 60 digits.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]
#![allow(unreachable_pub, reason = "shared between test files")]

pub mod affine;
pub mod claims;
pub mod elementary;
pub mod exact;
#[path = "../../../network/tests/common/generate.rs"]
pub mod generate;
pub mod networks;
pub mod region;
