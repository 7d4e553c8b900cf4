//! Which answers to return when several are asked for.

use super::Norm;

/// Picks up to `count` of the points, the first one first, then always the one farthest from those picked, as long as
/// it is at least `separation` away from them. Returns the positions and the largest distance that was left out
/// (the farthest-point radius: every point not picked is within it of a picked one).
pub(super) fn farthest_first(points: &[&[f64]], count: usize, separation: f64) -> (Vec<usize>, f64) {
    if points.is_empty() || count == 0 {
        return (Vec::new(), 0.0);
    }
    let gap = |a: usize, b: usize| Norm::L2.distance(points[a], points[b], None);
    let mut picked = vec![0];
    let mut distance: Vec<f64> = (0..points.len()).map(|i| gap(i, 0)).collect();
    loop {
        let mut farthest = 0;
        for i in 1..points.len() {
            if distance[i] > distance[farthest] {
                farthest = i;
            }
        }
        let radius = distance[farthest];
        if picked.len() == count || radius < separation || radius == 0.0 {
            return (picked, radius);
        }
        picked.push(farthest);
        for (i, d) in distance.iter_mut().enumerate() {
            *d = d.min(gap(i, farthest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_come_first_and_near_ones_are_left_out() {
        let points: Vec<[f64; 1]> = vec![[0.0], [0.1], [5.0], [9.0]];
        let slices: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
        assert_eq!(farthest_first(&slices, 3, 1.0), (vec![0, 3, 2], 0.1));
        assert_eq!(farthest_first(&slices, 9, 1.0), (vec![0, 3, 2], 0.1));
        assert_eq!(farthest_first(&slices, 1, 1.0), (vec![0], 9.0));
        assert_eq!(farthest_first(&[], 1, 1.0), (vec![], 0.0));
    }
}
