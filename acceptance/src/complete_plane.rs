//! The complete preimage of a ReLU network with two inputs, against a fine grid.

use std::path::Path;
use std::time::Instant;

use clap::Args;
use netinverse_base::{Budget, Error, Result};
use netinverse_data::csv;
use netinverse_invert::fibre::plane::{PlaneOptions, PlanePreimage, Point, Polyline, preimages};
use netinverse_network::{Evaluator, Network};

use crate::verdict::Verdict;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Targets: the first rows of sine_targets.csv.
    #[arg(long, default_value_t = 50, value_name = "N")]
    targets: usize,
    /// Grid points along each side.
    #[arg(long, default_value_t = 2001, value_name = "N")]
    points: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { targets: 50, points: 2001 }
    }
}

/// Values nearer to the target than this have no sign: rounding differs between the grid and the enumeration.
const NOISE: f64 = 1e-9;

pub(crate) fn run(options: &Options, data: Option<&Path>) -> Result<Verdict> {
    let Some(data) = data else {
        return Err(
            Error::input("the sine network is needed").hint("set NETINVERSE_DATA, or give --data DIR")
        );
    };
    if options.points < 2 {
        return Err(Error::input("a grid has two points along a side at least"));
    }
    let folder = data.join("inverse-design");
    let network = Network::read(folder.join("sine.onnx"))?;
    let bounds = csv::read(&folder.join("sine_bounds.csv"))?.values;
    let (lower, upper): (Vec<f64>, Vec<f64>) = bounds.chunks_exact(2).map(|b| (b[0], b[1])).unzip();
    let mut targets = csv::read(&folder.join("sine_targets.csv"))?.values;
    targets.truncate(options.targets);

    let start = Instant::now();
    let found = preimages(&network, &lower, &upper, &targets, &PlaneOptions::default(), &Budget::default())?
        .preimages;
    let seconds = start.elapsed().as_secs_f64();
    let sum = |of: &dyn Fn(&PlanePreimage) -> usize| found.iter().map(of).sum::<usize>();
    println!(
        "{} targets in {seconds:.1} s: {} components, {} regions sliced, {} plateaus",
        targets.len(),
        sum(&|p| p.components.len()),
        sum(&|p| p.regions_visited),
        sum(&|p| p.plateaus.len()),
    );

    let residual = residual(&network, &targets, &found);
    let start = Instant::now();
    let grid = Grid::new(&network, &lower, &upper, options.points);
    println!(
        "grid of {} × {} points in {:.1} s",
        options.points,
        options.points,
        start.elapsed().as_secs_f64()
    );
    let (mut crossed, mut components, mut missed_cells, mut missed_components) = (0, 0, 0, 0);
    for (target, preimage) in targets.iter().zip(&found) {
        let visited = grid.visited(preimage);
        let sets = grid.components(*target);
        components += sets.len();
        for set in sets {
            crossed += set.len();
            let missed = set.iter().filter(|&&cell| !visited[cell]).count();
            missed_cells += missed;
            missed_components += usize::from(missed == set.len());
        }
    }
    println!("grid: {components} components, of which the enumeration missed {missed_components}");
    println!(
        "grid: {crossed} cells where f − y changes sign, of which the enumeration missed {missed_cells}"
    );
    println!("largest |f(x) − y| at corners and middles of the segments: {residual:.1e} (limit 1e-9)");
    Ok(Verdict::of(missed_components == 0 && missed_cells == 0 && residual <= 1e-9 && components > 0))
}

fn residual(network: &Network, targets: &[f64], found: &[PlanePreimage]) -> f64 {
    let evaluator = Evaluator::<f64>::new(network);
    let mut worst = 0.0f64;
    for (target, preimage) in targets.iter().zip(found) {
        let segments = preimage.components.iter().flat_map(|c| &c.polylines).flat_map(Polyline::segments);
        let x: Vec<f64> =
            segments.flat_map(|[p, q]| [p[0], p[1], 0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])]).collect();
        let mut y = vec![0.0; x.len() / 2];
        evaluator.forward(&x, &mut y);
        worst = y.iter().fold(worst, |w, y| w.max((y - target).abs()));
    }
    worst
}

/// Values of a network on a square grid, row by row of the second input.
struct Grid {
    side: usize,
    lower: Vec<f64>,
    upper: Vec<f64>,
    values: Vec<f64>,
}

impl Grid {
    fn new(network: &Network, lower: &[f64], upper: &[f64], side: usize) -> Self {
        let evaluator = Evaluator::<f64>::new(network);
        let at =
            |axis: usize, k: usize| lower[axis] + (upper[axis] - lower[axis]) * k as f64 / (side - 1) as f64;
        let mut values = vec![0.0; side * side];
        for (j, row) in values.chunks_exact_mut(side).enumerate() {
            let x: Vec<f64> = (0..side).flat_map(|i| [at(0, i), at(1, j)]).collect();
            evaluator.forward(&x, row);
        }
        Grid { side, lower: lower.to_vec(), upper: upper.to_vec(), values }
    }

    /// Cells along a side.
    fn cells(&self) -> usize {
        self.side - 1
    }

    /// The connected sets (by sides and corners) of cells where f − y changes sign.
    fn components(&self, target: f64) -> Vec<Vec<usize>> {
        let n = self.cells();
        let mut open: Vec<bool> = (0..n * n)
            .map(|cell| {
                let first = cell / n * self.side + cell % n;
                let corners = [first, first + 1, first + self.side, first + self.side + 1];
                let gaps = corners.map(|k| self.values[k] - target);
                gaps.iter().any(|&g| g > NOISE) && gaps.iter().any(|&g| g < -NOISE)
            })
            .collect();
        let mut sets = Vec::new();
        for seed in 0..n * n {
            if !std::mem::take(&mut open[seed]) {
                continue;
            }
            let (mut set, mut next) = (vec![seed], 0);
            while next < set.len() {
                let (i, j) = (set[next] % n, set[next] / n);
                for row in j.saturating_sub(1)..=(j + 1).min(n - 1) {
                    for column in i.saturating_sub(1)..=(i + 1).min(n - 1) {
                        if std::mem::take(&mut open[row * n + column]) {
                            set.push(row * n + column);
                        }
                    }
                }
                next += 1;
            }
            sets.push(set);
        }
        sets
    }

    /// The cells that a preimage's segments pass through.
    fn visited(&self, preimage: &PlanePreimage) -> Vec<bool> {
        let n = self.cells();
        let mut cells = vec![false; n * n];
        let position = |p: Point, axis: usize| {
            (p[axis] - self.lower[axis]) / (self.upper[axis] - self.lower[axis]) * n as f64
        };
        let mut mark = |at: [f64; 2]| {
            // On a line between cells: both of them.
            for (dx, dy) in [(-1e-6, -1e-6), (1e-6, -1e-6), (-1e-6, 1e-6), (1e-6, 1e-6)] {
                let (i, j) = ((at[0] + dx).floor(), (at[1] + dy).floor());
                if i >= 0.0 && j >= 0.0 && (i as usize) < n && (j as usize) < n {
                    cells[j as usize * n + i as usize] = true;
                }
            }
        };
        for [p, q] in preimage.components.iter().flat_map(|c| &c.polylines).flat_map(Polyline::segments) {
            let (p, q) = ([position(p, 0), position(p, 1)], [position(q, 0), position(q, 1)]);
            mark(p);
            mark(q);
            for axis in 0..2 {
                let (low, high) = (p[axis].min(q[axis]), p[axis].max(q[axis]));
                for line in low.ceil() as i64..=high.floor() as i64 {
                    let t = (line as f64 - p[axis]) / (q[axis] - p[axis]);
                    if t.is_finite() {
                        mark([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
                    }
                }
            }
        }
        cells
    }
}
