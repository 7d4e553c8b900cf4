//! Where attempts begin.

use netinverse_base::Rng;

use super::Domain;

/// Dimensions for which the Sobol sequence is used; beyond it pseudo-random points are as good.
const SOBOL_DIMENSIONS: usize = 64;
/// Points of the sequence; then pseudo-random ones follow.
const SOBOL_POINTS: u64 = 1 << 16;

/// The `index`-th quasi-random start of a query, in the box. An input without bounds is drawn around `near`, with a
/// spread that grows with the index.
pub(crate) fn start(domain: &Domain, near: &[f64], index: u64, seed: u64, query: u64) -> Vec<f64> {
    let n = near.len();
    let mut rng = Rng::new(seed ^ query.wrapping_mul(0xD1B5_4A32_D192_ED03), 0x57A7 + index);
    let sobol = n <= SOBOL_DIMENSIONS && index < SOBOL_POINTS;
    let scramble = (seed ^ query.wrapping_mul(0x9E37_79B9)) as u32;
    (0..n)
        .map(|i| {
            let (low, high) = (domain.lower[i], domain.upper[i]);
            if low.is_finite() && high.is_finite() {
                let unit = if sobol {
                    f64::from(sobol_burley::sample(index as u32, i as u32, scramble))
                } else {
                    rng.uniform()
                };
                (low + (high - low) * unit).clamp(low, high)
            } else {
                let spread = (1.0 + near[i].abs()) * f64::from(1 + (index % 8) as u32);
                (near[i] + spread * rng.normal()).max(low).min(high)
            }
        })
        .collect()
}
