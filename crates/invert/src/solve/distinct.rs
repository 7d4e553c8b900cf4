//! Which answers to return when several are asked for.

use super::Norm;

/// Picks up to `count` of the points: the first one, then one of each component not seen yet (`component[i]` names that
/// of point i) in the order of the points, then always the one farthest from those picked. Every one picked is at least
/// `separation` away from those before it, and of a component the member farthest from them is taken. Returns the
/// positions and the largest distance that was left out (the farthest-point radius: every point not picked is within
/// it of a picked one).
pub(super) fn components_first(
    points: &[&[f64]],
    component: &[usize],
    count: usize,
    separation: f64,
) -> (Vec<usize>, f64) {
    if points.is_empty() || count == 0 {
        return (Vec::new(), 0.0);
    }
    let gap = |a: usize, b: usize| Norm::L2.distance(points[a], points[b], None);
    let mut picked = vec![0];
    let mut distance: Vec<f64> = (0..points.len()).map(|i| gap(i, 0)).collect();
    let mut seen = vec![component[0]];
    let mut waiting = Vec::new();
    for &c in component {
        if !seen.contains(&c) {
            seen.push(c);
            waiting.push(c);
        }
    }
    let mut waiting = waiting.into_iter();
    loop {
        let farthest = |wanted: &dyn Fn(usize) -> bool| {
            (0..points.len())
                .filter(|&i| wanted(i))
                .reduce(|best, i| if distance[i] > distance[best] { i } else { best })
        };
        let apart = |i: usize| distance[i] >= separation && distance[i] > 0.0;
        let overall = farthest(&|_| true).unwrap_or(0);
        if picked.len() == count || !apart(overall) {
            return (picked, distance[overall]);
        }
        let next =
            waiting.find_map(|c| farthest(&|i| component[i] == c).filter(|&i| apart(i))).unwrap_or(overall);
        picked.push(next);
        for (i, d) in distance.iter_mut().enumerate() {
            *d = d.min(gap(i, next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(values: &[f64], component: &[usize], count: usize, separation: f64) -> (Vec<usize>, f64) {
        let points: Vec<[f64; 1]> = values.iter().map(|&value| [value]).collect();
        let slices: Vec<&[f64]> = points.iter().map(|p| &p[..]).collect();
        components_first(&slices, component, count, separation)
    }

    #[test]
    fn the_farthest_come_first_and_near_ones_are_left_out() {
        let points = [0.0, 0.1, 5.0, 9.0];
        assert_eq!(pick(&points, &[0; 4], 3, 1.0), (vec![0, 3, 2], 0.1));
        assert_eq!(pick(&points, &[0; 4], 9, 1.0), (vec![0, 3, 2], 0.1));
        assert_eq!(pick(&points, &[0; 4], 1, 1.0), (vec![0], 9.0));
        assert_eq!(pick(&[], &[], 1, 1.0), (vec![], 0.0));
    }

    #[test]
    fn every_component_is_served_before_the_farthest() {
        // Component 1 is near, component 0 reaches far: the near one comes second all the same, by its farthest member.
        let points = [0.0, 2.0, 3.0, 50.0, 90.0];
        assert_eq!(pick(&points, &[0, 1, 1, 0, 0], 3, 1.0).0, vec![0, 2, 4]);
        // A component that lies within the separation of an answer is not told apart from it.
        assert_eq!(pick(&[0.0, 0.5, 9.0], &[0, 1, 0], 3, 1.0).0, vec![0, 2]);
    }
}
