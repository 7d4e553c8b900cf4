//! Batches cut into tiles of rows, and the tiles over threads.

/// Rows of a batch: two arrays to read and two to write, each with as many elements a row as it has; one
/// that is not needed is empty.
pub(super) struct Rows<'a, T> {
    /// The first row's place in the batch.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) inputs: [&'a [T]; 2],
    pub(super) outputs: [&'a mut [T]; 2],
}

impl<T> Rows<'_, T> {
    fn split(self, rows: usize) -> (Self, Self) {
        let Rows { first, count, inputs: [x, u], outputs: [y, v] } = self;
        let at = |length: usize| length / count * rows;
        let ((x1, x2), (u1, u2)) = (x.split_at(at(x.len())), u.split_at(at(u.len())));
        let (y_at, v_at) = (at(y.len()), at(v.len()));
        let ((y1, y2), (v1, v2)) = (y.split_at_mut(y_at), v.split_at_mut(v_at));
        (
            Rows { first, count: rows, inputs: [x1, u1], outputs: [y1, v1] },
            Rows { first: first + rows, count: count - rows, inputs: [x2, u2], outputs: [y2, v2] },
        )
    }
}

/// Calls `work` with every tile of `tile` rows (the last may have fewer), on the threads of the current
/// rayon pool where `parallel`. The tiles are the same whatever the number of threads.
pub(super) fn for_tiles<T: Send + Sync>(
    rows: Rows<T>,
    tile: usize,
    parallel: bool,
    work: &(dyn Fn(Rows<T>) + Sync),
) {
    if rows.count <= tile {
        if rows.count > 0 {
            work(rows);
        }
        return;
    }
    let half = rows.count.div_ceil(tile) / 2 * tile;
    let (left, right) = rows.split(half);
    if parallel {
        rayon::join(|| for_tiles(left, tile, true, work), || for_tiles(right, tile, true, work));
    } else {
        for_tiles(left, tile, false, work);
        for_tiles(right, tile, false, work);
    }
}
