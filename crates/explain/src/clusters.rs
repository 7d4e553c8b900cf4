//! Rows that share an output, grouped by connection: two rows of a group are joined by a path that keeps the output's class
//! (or bin), through other rows where the straight line does not.

use std::collections::BTreeMap;

use netinverse_base::Budget;
use netinverse_linalg::{Matrix, symmetric_eigen};
use netinverse_network::{Evaluator, Network};
use serde::Serialize;

use crate::collision::distance;

/// Points looked at on a straight line, ends not counted; and again, between them, before it is believed.
const POINTS: usize = 15;

/// Rows looked at.
const MAX_ROWS: usize = 2000;

/// A group of rows that are connected.
#[derive(Debug, Clone, Serialize)]
pub struct Cluster {
    /// The class, or the bin of the output.
    pub class: usize,
    /// Rows in it.
    pub rows: usize,
    /// Their share of the rows of the class.
    pub share: f64,
    /// A row that stands for it: the one nearest to its mean.
    pub representative: usize,
}

/// How clusters were made.
#[derive(Debug, Clone, Serialize)]
pub struct Clusters {
    /// Rows looked at.
    pub rows: usize,
    /// `class` (the largest output) or `bin` (fifths of the one output).
    pub kind: &'static str,
    /// For bins: the upper end of each but the last.
    pub edges: Vec<f64>,
    /// The groups, class by class, the largest first. Further rows could join two of them: their number is an upper estimate.
    pub clusters: Vec<Cluster>,
    /// Segments that were looked at.
    pub segments: usize,
    /// Of a regression: the shares of the output's change along the leading directions of the inputs, descending (the
    /// eigenvalues of the mean of JᵀJ).
    pub moving: Vec<f64>,
    /// Directions that do not move the outputs to first order, on any row.
    pub still: usize,
}

/// Groups the rows.
pub fn clusters(network: &Network, rows: &Matrix, budget: &Budget) -> Clusters {
    let count = rows.rows().min(MAX_ROWS);
    let (n, m) = (network.input_size(), network.output_size());
    let evaluator = Evaluator::<f64>::new(network);
    let mut y = vec![0.0; count * m];
    evaluator.forward(&rows.data()[..count * n], &mut y);
    let edges = if m == 1 { fifths(&y) } else { Vec::new() };
    let class_of = |y: &[f64]| class(y, &edges);
    let classes: Vec<usize> = y.chunks_exact(m).map(class_of).collect();
    let mut sets: Vec<usize> = (0..count).collect();
    fn root(sets: &mut [usize], mut at: usize) -> usize {
        while sets[at] != at {
            sets[at] = sets[sets[at]];
            at = sets[at];
        }
        at
    }
    let mut segments = 0;
    let mut buffer = vec![0.0; POINTS * n];
    let mut values = vec![0.0; POINTS * m];
    let mut stays = |a: &[f64], b: &[f64], class: usize, half: bool| -> bool {
        for (point, x) in buffer.chunks_exact_mut(n).enumerate() {
            let t = if half {
                (point as f64 + 0.5) / POINTS as f64
            } else {
                (point as f64 + 1.0) / (POINTS as f64 + 1.0)
            };
            x.iter_mut().zip(a.iter().zip(b)).for_each(|(x, (a, b))| *x = a + t * (b - a));
        }
        evaluator.forward(&buffer, &mut values);
        values.chunks_exact(m).all(|y| class_of(y) == class)
    };
    let last = classes.iter().copied().max().unwrap_or(0);
    let mut found = Vec::new();
    for class in 0..=last {
        let members: Vec<usize> = (0..count).filter(|&i| classes[i] == class).collect();
        // Near rows first: most are joined to the whole by a short line.
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (index, &a) in members.iter().enumerate() {
            let mut near: Vec<(f64, usize)> = (members[..index].iter().chain(&members[index + 1..]))
                .map(|&b| (distance(rows.row(a), rows.row(b)), b))
                .collect();
            near.sort_by(|p, q| p.0.total_cmp(&q.0));
            pairs.extend(near.into_iter().take(12).filter(|&(_, b)| a < b).map(|(d, b)| (d, a, b)));
        }
        pairs.sort_by(|p, q| p.0.total_cmp(&q.0));
        let mut join = |sets: &mut Vec<usize>, a: usize, b: usize| -> bool {
            let (p, q) = (root(sets, a), root(sets, b));
            if p == q {
                return true;
            }
            segments += 1;
            let (from, to) = (rows.row(a), rows.row(b));
            let together = stays(from, to, class, false) && stays(from, to, class, true);
            if together {
                sets[p.max(q)] = p.min(q);
            }
            together
        };
        for &(_, a, b) in &pairs {
            if budget.stop().is_some() {
                break;
            }
            join(&mut sets, a, b);
        }
        // What is left apart: between the groups, from any row to any of some.
        for _ in 0..2 {
            let mut heads: Vec<usize> = members.iter().map(|&i| root(&mut sets, i)).collect();
            heads.sort_unstable();
            heads.dedup();
            if heads.len() < 2 || budget.stop().is_some() {
                break;
            }
            for pair in heads.windows(2) {
                let side = |sets: &mut Vec<usize>, head: usize| -> Vec<usize> {
                    members.iter().copied().filter(|&i| root(sets, i) == head).take(12).collect()
                };
                let (a, b) = (side(&mut sets, pair[0]), side(&mut sets, pair[1]));
                'found: for &a in &a {
                    for &b in &b {
                        if join(&mut sets, a, b) {
                            break 'found;
                        }
                    }
                }
            }
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &i in &members {
            groups.entry(root(&mut sets, i)).or_default().push(i);
        }
        let mut own: Vec<Cluster> = (groups.into_values())
            .map(|group| Cluster {
                class,
                rows: group.len(),
                share: group.len() as f64 / members.len() as f64,
                representative: central(rows, &group),
            })
            .collect();
        own.sort_by(|p, q| q.rows.cmp(&p.rows).then(p.representative.cmp(&q.representative)));
        found.extend(own);
    }
    let (moving, still) = directions(&evaluator, &rows.row_range(0, count.min(256)));
    Clusters {
        rows: count,
        kind: if m == 1 { "bin" } else { "class" },
        edges,
        clusters: found,
        segments,
        moving,
        still,
    }
}

/// The class of an output: its largest element, or its bin.
pub fn class(y: &[f64], edges: &[f64]) -> usize {
    match y {
        [only] => edges.partition_point(|edge| edge <= only),
        _ => (0..y.len()).max_by(|&a, &b| y[a].total_cmp(&y[b]).then(b.cmp(&a))).unwrap_or(0),
    }
}

fn fifths(y: &[f64]) -> Vec<f64> {
    let mut sorted = y.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..5).map(|k| sorted[k * sorted.len() / 5]).collect();
    edges.dedup();
    edges
}

fn central(rows: &Matrix, group: &[usize]) -> usize {
    let n = rows.columns();
    let mut mean = vec![0.0; n];
    for &i in group {
        mean.iter_mut().zip(rows.row(i)).for_each(|(m, x)| *m += x / group.len() as f64);
    }
    let near = |i: usize| distance(rows.row(i), &mean);
    group.iter().copied().min_by(|&a, &b| near(a).total_cmp(&near(b)).then(a.cmp(&b))).unwrap_or(0)
}

/// The eigenvalues of the mean of JᵀJ as shares, and how many are zero.
fn directions(evaluator: &Evaluator<f64>, rows: &Matrix) -> (Vec<f64>, usize) {
    let (n, m) = (evaluator.input_size(), evaluator.output_size());
    if n > 1024 || n * m > 1 << 20 {
        return (Vec::new(), 0);
    }
    let mut sum = Matrix::zeros(n, n);
    for x in rows.iter_rows() {
        let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
        evaluator.jacobian(x, &mut y, &mut jacobian);
        if let Ok(jacobian) = Matrix::new(m, n, jacobian) {
            let own = jacobian.transposed_product(&jacobian);
            sum.data_mut().iter_mut().zip(own.data()).for_each(|(s, v)| *s += v);
        }
    }
    let (mut values, _) = symmetric_eigen(&sum);
    values.sort_by(|p, q| q.total_cmp(p));
    let total: f64 = values.iter().map(|v| v.max(0.0)).sum();
    if total <= 0.0 {
        return (Vec::new(), n);
    }
    let still = values.iter().filter(|&&v| v < 1e-12 * values[0]).count();
    (values.iter().take(16).map(|v| v.max(0.0) / total).collect(), still)
}
