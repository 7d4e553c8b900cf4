//! How far a computed sum may be from the exact one.
//!
//! Everything that bounds compute in f64 is a sum of products in some order, fused or not. With u = 2⁻⁵³ such a sum
//! of k terms differs from the exact one by at most γ_k Σ|terms|, γ_k = k u / (1 − k u) (Higham, *Accuracy and Stability
//! of Numerical Algorithms*, §3.1), plus k times the smallest subnormal for products that underflow. The sums of
//! magnitudes themselves are computed likewise, so they are inflated before they are used as bounds. An underflow in a
//! coefficient counts as often as what the coefficient multiplies is large: boxes of 10³⁰⁰ and weights of 10⁻²⁰⁰ are doubles.

/// u, the unit roundoff.
const UNIT: f64 = f64::EPSILON / 2.0;

/// Added wherever products of values may have underflowed: far more than 2⁵⁰ times the smallest subnormal.
pub(crate) const TINY: f64 = 1e-290;

/// More than 2⁵⁰ products, each wrong by half the smallest subnormal because it underflowed: what a computed coefficient
/// may be off by beside its relative error, to be multiplied by what the coefficient stands before.
pub(crate) const UNDERFLOW: f64 = f64::MIN_POSITIVE * 4.0;

/// The longest sum for which the bounds here hold; far more than any layer has.
pub(crate) const LONGEST: usize = 1 << 40;

/// An upper bound of γ_k.
pub(crate) fn gamma(terms: usize) -> f64 {
    assert!(terms < LONGEST, "a sum of {terms} terms");
    // k u ≤ 2⁻¹³, so that 1/(1 − k u) ≤ 1 + 2⁻¹²; the product is exact up to one rounding.
    terms as f64 * (UNIT * (1.0 + 1.0 / 2048.0))
}

/// A factor that makes a computed sum of `terms` magnitudes an upper bound of the exact one.
pub(crate) fn inflation(terms: usize) -> f64 {
    1.0 + 2.0 * gamma(terms + 2)
}
