//! Against exact rationals: volumes by Lasserre's recursion, and what random cuts leave.

use std::cmp::Ordering;
use std::sync::Arc;

use dashu_ratio::RBig;
use netinverse_base::Rng;

use super::*;
use crate::{AxisBox, Polytope};

fn cube(n: usize) -> VertexPolytope {
    let side = |i: usize, end: f64| {
        let slopes: Vec<f64> = (0..n).map(|l| f64::from(u8::from(l == i))).collect();
        Arc::new(Hyperplane::of_doubles(&slopes, -end, i as u64))
    };
    VertexPolytope::from_box((0..n).map(|i| [side(i, -1.0), side(i, 1.0)]).collect())
}

fn plane(slopes: &[f64], constant: f64) -> Arc<Hyperplane> {
    Arc::new(Hyperplane::of_doubles(slopes, constant, 0))
}

/// A random function; coarse ones meet vertices, edges and each other.
fn random(n: usize, coarse: bool, rng: &mut Rng) -> (Vec<f64>, f64) {
    let mut number = || if coarse { rng.below(5) as f64 - 2.0 } else { rng.normal() };
    let slopes: Vec<f64> = (0..n).map(|_| number()).collect();
    (slopes, if coarse { number() } else { 0.3 * number() })
}

fn exact(value: f64) -> RBig {
    RBig::try_from(value).unwrap()
}

#[test]
fn volumes_of_random_cuts_are_those_of_exact_recursion() {
    for index in 0..120u64 {
        let mut rng = Rng::new(7, index);
        let n = 1 + rng.below(4);
        let coarse = index % 2 == 0;
        let mut own = Some(cube(n));
        let mut peer = Polytope::from_box(AxisBox::new(vec![-1.0; n], vec![1.0; n]).unwrap());
        for _ in 0..=rng.below(4) {
            let (slopes, constant) = random(n, coarse, &mut rng);
            own = own.and_then(|own| own.clip(&plane(&slopes, constant)));
            peer.add_row(&slopes, constant).unwrap();
        }
        let wanted = peer.exact_volume(1 << 20).unwrap();
        let Some(own) = own else {
            assert_eq!(wanted, RBig::ZERO, "case {index}");
            continue;
        };
        assert_eq!(own.exact_volume(usize::MAX).unwrap(), wanted, "case {index}");
        let enclosed = own.volume();
        assert!(exact(enclosed.lo()) <= wanted && wanted <= exact(enclosed.hi()), "case {index}");
        assert!(enclosed.width() < 1e-10, "case {index}: {enclosed:?}");
    }
}

#[test]
fn a_split_loses_and_doubles_nothing() {
    for index in 0..60u64 {
        let mut rng = Rng::new(8, index);
        let n = 2 + rng.below(3);
        let mut parts = vec![cube(n)];
        for _ in 0..5 {
            let (slopes, constant) = random(n, index % 2 == 0, &mut rng);
            let plane = plane(&slopes, constant);
            let mut next = Vec::new();
            for part in parts {
                let signs = part.signs(&plane);
                match position(&signs) {
                    Position::Across => next.extend(part.split(&plane, &signs)),
                    _ => next.push(part),
                }
            }
            parts = next;
        }
        let total = parts.iter().fold(RBig::ZERO, |sum, part| sum + part.exact_volume(usize::MAX).unwrap());
        assert_eq!(total, RBig::from(1u32 << n), "case {index}");
        for part in &parts {
            assert!(part.exact_volume(usize::MAX).unwrap() > RBig::ZERO);
            check_incidences(part);
        }
    }
}

/// Every stored incidence is a zero, every other one is strictly inside.
fn check_incidences(part: &VertexPolytope) {
    for (v, vertex) in part.vertices().iter().enumerate() {
        for (k, facet) in part.facets().iter().enumerate() {
            let sign = vertex.sign(&facet.plane);
            let expected = match (part.is_tight(v, k), facet.positive) {
                (true, _) => Ordering::Equal,
                (false, true) => Ordering::Greater,
                (false, false) => Ordering::Less,
            };
            assert_eq!(sign, expected, "vertex {v}, facet {k}");
        }
    }
}

#[test]
fn faces_of_every_dimension_are_found() {
    let cube = cube(3);
    let touch = |slopes: &[f64], constant: f64| cube.slice(&plane(slopes, constant)).map(|s| s.dimension());
    assert_eq!(touch(&[1.0, 1.0, 1.0], -3.0), Some(0));
    assert_eq!(touch(&[1.0, 1.0, 0.0], -2.0), Some(1));
    assert_eq!(touch(&[1.0, 0.0, 0.0], -1.0), Some(2));
    assert_eq!(touch(&[0.1, 0.2, 0.3], 0.0), Some(2));
    assert_eq!(touch(&[0.0, 0.0, 0.0], 0.0), Some(3));
    assert_eq!(touch(&[1.0, 1.0, 1.0], -3.5), None);
    let face = cube.slice(&plane(&[1.0, 0.0, 0.0], -1.0)).unwrap();
    let segment = face.slice(&plane(&[0.0, 1.0, 1.0], -0.5)).unwrap();
    assert_eq!((segment.dimension(), segment.vertices().len()), (1, 2));
    let point = segment.slice(&plane(&[0.0, 1.0, -3.0], 0.0)).unwrap();
    assert_eq!(point.dimension(), 0);
    assert!(face.contains(&segment) && segment.contains(&point) && !segment.contains(&face));
    let coordinates = point.vertices()[0].exact().coordinates();
    let wanted = [(1, 1), (3, 8), (1, 8)].map(|(p, q)| RBig::from(p) / RBig::from(q));
    assert_eq!(coordinates, wanted);
}

#[test]
fn parts_join_where_their_union_is_convex() {
    for index in 0..60u64 {
        let mut rng = Rng::new(9, index);
        let n = 2 + rng.below(3);
        let mut whole = cube(n);
        for _ in 0..3 {
            let (slopes, constant) = random(n, index % 2 == 0, &mut rng);
            if let Some(part) = whole.clip(&plane(&slopes, constant))
                && part.dimension() == n
            {
                whole = part;
            }
        }
        let (slopes, _) = random(n, index % 2 == 0, &mut rng);
        let centre = whole.centre();
        let at: f64 = slopes.iter().zip(&centre).map(|(a, x)| a * x).sum();
        let cut = plane(&slopes, -at);
        let signs = whole.signs(&cut);
        if position(&signs) != Position::Across {
            continue;
        }
        let [above, below] = whole.split(&cut, &signs).map(|part| part.without_redundant_facets());
        let facet = |part: &VertexPolytope| {
            part.facets().iter().position(|facet| Arc::ptr_eq(&facet.plane, &cut)).unwrap()
        };
        let joined = above.join(&below, facet(&above), facet(&below)).expect("convex");
        assert_eq!(joined.exact_volume(usize::MAX), whole.exact_volume(usize::MAX), "case {index}");
        assert_eq!(joined.vertices().len(), whole.vertices().len(), "case {index}");
        check_incidences(&joined);
        // With a corner cut off one of them, the union has a dent.
        let vertex = (0..above.vertices().len()).find(|&v| above.is_tight(v, facet(&above))).unwrap();
        let corner = above.vertices()[vertex].at();
        let inside = above.centre();
        let normal: Vec<f64> = (0..n).map(|i| inside[i] - corner[i]).collect();
        let at: f64 = normal.iter().zip(corner).zip(&inside).map(|((a, x), c)| a * (0.9 * x + 0.1 * c)).sum();
        let dented = above.clip(&plane(&normal, -at)).unwrap().without_redundant_facets();
        if let Some(shared) = dented.facets().iter().position(|facet| Arc::ptr_eq(&facet.plane, &cut)) {
            assert!(dented.join(&below, shared, facet(&below)).is_none(), "case {index}");
        }
    }
}

#[test]
fn hyperplanes_that_nearly_coincide_are_told_apart() {
    // The second function is 2⁻⁶⁰ times smaller than a double could tell at the vertices of the first.
    let cube = cube(2);
    let first = plane(&[1.0, 3.0], 0.0);
    let signs = cube.signs(&first);
    let [above, _] = cube.split(&first, &signs);
    let second = plane(&[1.0, 3.0], -(2f64.powi(-60)));
    let signs = above.signs(&second);
    assert_eq!(position(&signs), Position::Across);
    let [_, sliver] = above.split(&second, &signs);
    let width = sliver.exact_volume(usize::MAX).unwrap();
    assert!(width > RBig::ZERO && width < exact(2f64.powi(-58)));
    assert_eq!(above.clip(&plane(&[2.0, 6.0], 0.0)).unwrap().facets().len(), above.facets().len());
}
