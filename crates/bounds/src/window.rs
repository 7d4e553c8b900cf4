//! Where the taps of a sliding window lie.

use netinverse_network::Window;

/// Marks a tap in the padding.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// For each position of the window, the element of the plane under each tap; [`OUTSIDE`] in the padding.
pub(crate) fn sources(window: &Window, spatial: &[usize]) -> Vec<u32> {
    let taps = grid(&window.kernel);
    let mut all = Vec::with_capacity(window.output.iter().product::<usize>() * taps.len());
    for position in grid(&window.output) {
        for tap in &taps {
            let source = (0..spatial.len()).try_fold(0, |flat, axis| {
                window
                    .source(axis, position[axis], tap[axis], spatial[axis])
                    .map(|source| flat * spatial[axis] + source)
            });
            all.push(source.map_or(OUTSIDE, |source| source as u32));
        }
    }
    all
}

/// All index tuples below `sizes`, the last axis fastest.
pub(crate) fn grid(sizes: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for &size in sizes {
        all = all.iter().flat_map(|head| (0..size).map(|i| [head.as_slice(), &[i]].concat())).collect();
    }
    all
}
