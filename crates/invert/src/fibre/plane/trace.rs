//! From the slices of regions to components: ends that meet become one point, points are chained.

use std::collections::{HashMap, HashSet};

use super::cell::{Cell, Point};
use super::region::Slices;
use super::{Component, PlanePreimage, Polyline};

/// Ends of a curve inside the box, where it cannot end, are joined over this many joints: crossings of nearly
/// parallel lines are known less exactly.
const REACH: f64 = 1e3;

/// Joins slices into components.
pub(super) fn join(slices: Slices, root: &Cell, joint: f64) -> PlanePreimage {
    let plateaus = slices.plateaus;
    let mut joints = Joints::new(joint);
    let mut segments: HashSet<(usize, usize)> = HashSet::new();
    let add = |segments: &mut HashSet<(usize, usize)>, a: usize, b: usize| {
        if a != b {
            segments.insert((a.min(b), a.max(b)));
        }
    };
    for [p, q] in &slices.crossings {
        let (a, b) = (joints.node(*p), joints.node(*q));
        add(&mut segments, a, b);
    }
    for &p in &slices.touches {
        joints.node(p);
    }
    // The edges that bound a plateau belong to it; of the others both neighbours may have cut the same one into
    // different pieces.
    let edges: Vec<[Point; 2]> = slices
        .edges
        .into_iter()
        .filter(|[p, q]| {
            let middle = [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])];
            !plateaus.iter().any(|polygon| contains(polygon, middle, joint))
        })
        .collect();
    for &[p, q] in &edges {
        joints.node(p);
        joints.node(q);
    }
    for &[p, q] in &edges {
        let stops = joints.along(p, q);
        for pair in stops.windows(2) {
            add(&mut segments, pair[0], pair[1]);
        }
    }

    let mut groups = Groups::new(joints.points.len() + plateaus.len());
    let first_plateau = joints.points.len();
    unite_plateaus(&plateaus, joint, first_plateau, &mut groups);
    let mut on_plateau = vec![false; joints.points.len()];
    for (k, polygon) in plateaus.iter().enumerate() {
        for (node, &point) in joints.points.iter().enumerate() {
            if contains(polygon, point, joint) {
                on_plateau[node] = true;
                groups.unite(node, first_plateau + k);
            }
        }
    }
    let segments = close_gaps(&joints.points, segments, &on_plateau, root, joint);
    for &(a, b) in &segments {
        groups.unite(a, b);
    }

    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); joints.points.len()];
    for &(a, b) in &segments {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let mut components: HashMap<usize, Component> = HashMap::new();
    let empty = || Component { polylines: Vec::new(), plateaus: Vec::new(), length: 0.0 };
    for k in 0..plateaus.len() {
        let group = groups.find(first_plateau + k);
        components.entry(group).or_insert_with(empty).plateaus.push(k);
    }
    for (start, line) in chains(&neighbours, &on_plateau) {
        let points: Vec<Point> = line.iter().map(|&node| joints.points[node]).collect();
        let closed = line.len() > 2 && line[0] == line[line.len() - 1];
        let points = if closed { points[..points.len() - 1].to_vec() } else { points };
        let polyline = Polyline { points, closed };
        let component = components.entry(groups.find(start)).or_insert_with(empty);
        component.length += polyline.segments().map(|[p, q]| distance(p, q)).sum::<f64>();
        component.polylines.push(polyline);
    }
    let mut components: Vec<Component> = components.into_values().collect();
    let start = |c: &Component| c.polylines.first().map_or([f64::INFINITY; 2], |line| line.points[0]);
    components.sort_by(|a, b| {
        let (p, q) = (start(a), start(b));
        let order = b.length.total_cmp(&a.length).then(a.plateaus.cmp(&b.plateaus));
        order.then(p[0].total_cmp(&q[0])).then(p[1].total_cmp(&q[1]))
    });
    PlanePreimage { components, plateaus, regions_visited: slices.regions }
}

/// The chains that a graph's edges make: each starts and ends where there are not exactly two, or closes. Points
/// without edges are chains of one, unless they lie on a plateau.
fn chains(neighbours: &[Vec<usize>], on_plateau: &[bool]) -> Vec<(usize, Vec<usize>)> {
    let mut used: HashSet<(usize, usize)> = HashSet::new();
    let mut out = Vec::new();
    let ends = (0..neighbours.len()).filter(|&n| neighbours[n].len() != 2);
    let through = (0..neighbours.len()).filter(|&n| neighbours[n].len() == 2);
    for start in ends.chain(through) {
        if neighbours[start].is_empty() && !on_plateau[start] {
            out.push((start, vec![start]));
        }
        for &first in &neighbours[start] {
            let mut chain = vec![start];
            let (mut from, mut to) = (start, first);
            while used.insert((from.min(to), from.max(to))) {
                chain.push(to);
                if neighbours[to].len() != 2 {
                    break;
                }
                let next = neighbours[to].iter().copied().find(|&n| n != from);
                (from, to) = (to, next.unwrap_or(from));
            }
            if chain.len() > 1 {
                out.push((start, chain));
            }
        }
    }
    out
}

/// Merges ends that meet nothing inside the box into the nearest other such end within reach.
fn close_gaps(
    points: &[Point],
    segments: HashSet<(usize, usize)>,
    on_plateau: &[bool],
    root: &Cell,
    joint: f64,
) -> Vec<(usize, usize)> {
    let mut degree = vec![0usize; points.len()];
    for &(a, b) in &segments {
        degree[a] += 1;
        degree[b] += 1;
    }
    let inside = |p: Point| {
        (0..2).all(|axis| p[axis] > root.lower[axis] + joint && p[axis] < root.upper[axis] - joint)
    };
    let loose: Vec<usize> =
        (0..points.len()).filter(|&n| degree[n] <= 1 && !on_plateau[n] && inside(points[n])).collect();
    let mut target: Vec<usize> = (0..points.len()).collect();
    for (k, &a) in loose.iter().enumerate() {
        if target[a] != a {
            continue;
        }
        let near = loose[k + 1..]
            .iter()
            .copied()
            .filter(|&b| target[b] == b && distance(points[a], points[b]) <= REACH * joint)
            .min_by(|&b, &c| distance(points[a], points[b]).total_cmp(&distance(points[a], points[c])));
        if let Some(b) = near {
            target[b] = a;
        }
    }
    let merged: HashSet<(usize, usize)> = segments
        .into_iter()
        .map(|(a, b)| (target[a].min(target[b]), target[a].max(target[b])))
        .filter(|(a, b)| a != b)
        .collect();
    // In a fixed order, so that the same question has the same answer.
    let mut merged: Vec<_> = merged.into_iter().collect();
    merged.sort_unstable();
    merged
}

/// Unites plateaus that touch, by a sweep over their bounding boxes.
fn unite_plateaus(plateaus: &[Vec<Point>], joint: f64, first: usize, groups: &mut Groups) {
    let span = |k: usize, axis: usize| {
        let values = plateaus[k].iter().map(|p| p[axis]);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
    };
    let mut order: Vec<usize> = (0..plateaus.len()).collect();
    order.sort_by(|&a, &b| span(a, 0).0.total_cmp(&span(b, 0).0));
    for (i, &a) in order.iter().enumerate() {
        for &b in &order[i + 1..] {
            if span(b, 0).0 > span(a, 0).1 + joint {
                break;
            }
            let touch = |a: usize, b: usize| plateaus[a].iter().any(|&p| contains(&plateaus[b], p, joint));
            if touch(a, b) || touch(b, a) {
                groups.unite(first + a, first + b);
            }
        }
    }
}

/// Whether a counter-clockwise convex polygon, widened by `margin`, contains a point.
fn contains(polygon: &[Point], at: Point, margin: f64) -> bool {
    (0..polygon.len()).all(|i| {
        let (p, q) = (polygon[i], polygon[(i + 1) % polygon.len()]);
        let length = distance(p, q);
        let cross = (q[0] - p[0]) * (at[1] - p[1]) - (q[1] - p[1]) * (at[0] - p[0]);
        cross >= -margin * length
    })
}

fn distance(p: Point, q: Point) -> f64 {
    (p[0] - q[0]).hypot(p[1] - q[1])
}

/// Points, of which those within a joint of each other are one.
struct Joints {
    joint: f64,
    points: Vec<Point>,
    buckets: HashMap<[i64; 2], Vec<usize>>,
}

impl Joints {
    fn new(joint: f64) -> Self {
        Joints { joint, points: Vec::new(), buckets: HashMap::new() }
    }

    fn node(&mut self, p: Point) -> usize {
        let key = p.map(|c| (c / self.joint).floor() as i64);
        for (dx, dy) in (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (dx, dy))) {
            let near = self.buckets.get(&[key[0] + dx, key[1] + dy]);
            for &node in near.into_iter().flatten() {
                if distance(self.points[node], p) <= self.joint {
                    return node;
                }
            }
        }
        let node = self.points.len();
        self.points.push(p);
        self.buckets.entry(key).or_default().push(node);
        node
    }

    /// The points on the straight line from p to q, in order.
    fn along(&self, p: Point, q: Point) -> Vec<usize> {
        let length = distance(p, q);
        let direction = [(q[0] - p[0]) / length, (q[1] - p[1]) / length];
        let mut stops: Vec<(f64, usize)> = self
            .points
            .iter()
            .enumerate()
            .filter_map(|(node, at)| {
                let away = [at[0] - p[0], at[1] - p[1]];
                let t = away[0] * direction[0] + away[1] * direction[1];
                let off = away[0] * direction[1] - away[1] * direction[0];
                let on = off.abs() <= self.joint && t >= -self.joint && t <= length + self.joint;
                on.then_some((t, node))
            })
            .collect();
        stops.sort_by(|a, b| a.0.total_cmp(&b.0));
        stops.into_iter().map(|(_, node)| node).collect()
    }
}

/// Disjoint sets.
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Groups((0..count).collect())
    }

    fn find(&mut self, mut node: usize) -> usize {
        while self.0[node] != node {
            self.0[node] = self.0[self.0[node]];
            node = self.0[node];
        }
        node
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}
