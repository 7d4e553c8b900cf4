use rand_core::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A reproducible random stream: xoshiro256++ seeded by a seed and a stream number.
///
/// Parallel work takes one stream an item, so that results do not depend on the number of threads.
/// What each method draws is part of the contract: a seed gives the same numbers in every release.
///
/// ```
/// use netinverse_base::Rng;
/// assert_eq!(Rng::new(7, 3).uniform(), Rng::new(7, 3).uniform());
/// assert_ne!(Rng::new(7, 3).uniform(), Rng::new(7, 4).uniform());
/// ```
#[derive(Debug, Clone)]
pub struct Rng {
    source: Xoshiro256PlusPlus,
    /// The second number of the last pair that [`Rng::normal`] drew.
    spare_normal: Option<f64>,
}

impl Rng {
    /// The stream `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        // SplitMix64 inside `seed_from_u64` decorrelates neighbouring values; the odd multiplier
        // keeps (seed, stream) pairs apart.
        let mixed = seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17);
        Rng { source: Xoshiro256PlusPlus::seed_from_u64(mixed), spare_normal: None }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.source.next_u64()
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in 0..count, without bias (Lemire's method). `count` must be positive.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "an empty range has no element");
        let count = count as u64;
        loop {
            let product = u128::from(self.bits()) * u128::from(count);
            let low = product as u64;
            if low >= count || low >= count.wrapping_neg() % count {
                return (product >> 64) as usize;
            }
        }
    }

    /// A standard normal number (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let (u, v) = (self.range(-1.0, 1.0), self.range(-1.0, 1.0));
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let factor = (-2.0 * s.ln() / s).sqrt();
                self.spare_normal = Some(v * factor);
                return u * factor;
            }
        }
    }

    /// Permutes the items uniformly (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}
