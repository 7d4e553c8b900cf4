//! Products of two matrices that are both computed, one pair for each entry of the leading axes.

use netinverse_linalg::{Real, View, ViewMut};

/// The sizes of `[m, k]` times `[k, n]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrices {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
}

impl Matrices {
    /// C ← A B, or C ← C + A B where `add`; a shorter A or B is read again from its start.
    pub(super) fn apply<T: Real>(self, a: &[T], b: &[T], c: &mut [T], add: bool) {
        let Matrices { m, k, n } = self;
        let beta = if add { T::ONE } else { T::ZERO };
        for (index, c) in c.chunks_exact_mut(m * n).enumerate() {
            let a = View::new(part(a, index, m * k), m, k);
            let b = View::new(part(b, index, k * n), k, n);
            T::product(T::ONE, a, b, beta, ViewMut::new(c, m, n));
        }
    }

    /// dA ← dC Bᵀ, or added.
    pub(super) fn pull_left<T: Real>(self, dc: &[T], b: &[T], da: &mut [T], add: bool) {
        let Matrices { m, k, n } = self;
        let beta = if add { T::ONE } else { T::ZERO };
        for (index, da) in da.chunks_exact_mut(m * k).enumerate() {
            let dc = View::new(part(dc, index, m * n), m, n);
            let b = View::new(part(b, index, k * n), k, n).transposed();
            T::product(T::ONE, dc, b, beta, ViewMut::new(da, m, k));
        }
    }

    /// dB ← Aᵀ dC, or added.
    pub(super) fn pull_right<T: Real>(self, dc: &[T], a: &[T], db: &mut [T], add: bool) {
        let Matrices { m, k, n } = self;
        let beta = if add { T::ONE } else { T::ZERO };
        for (index, db) in db.chunks_exact_mut(k * n).enumerate() {
            let dc = View::new(part(dc, index, m * n), m, n);
            let a = View::new(part(a, index, m * k), m, k).transposed();
            T::product(T::ONE, a, dc, beta, ViewMut::new(db, k, n));
        }
    }
}

/// The part of that number, from the start again after the last: the values are the same in every direction.
fn part<T>(x: &[T], index: usize, length: usize) -> &[T] {
    let parts = (x.len() / length).max(1);
    &x[index % parts * length..][..length]
}
