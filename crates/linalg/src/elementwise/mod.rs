//! Element-wise maps and their derivatives.

/// y ← f(x).
pub(crate) fn map<T: Copy>(x: &[T], y: &mut [T], f: impl Fn(T) -> T) {
    assert_eq!(x.len(), y.len());
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

/// dx ← df(x, y, dy).
pub(crate) fn map_vjp<T: Copy>(x: &[T], y: &[T], dy: &[T], dx: &mut [T], df: impl Fn(T, T, T) -> T) {
    assert!(x.len() == dx.len() && y.len() == dx.len() && dy.len() == dx.len());
    for i in 0..dx.len() {
        dx[i] = df(x[i], y[i], dy[i]);
    }
}
