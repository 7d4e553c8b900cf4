//! The one evaluator of a solve: it counts, and it keeps the best point of every query.
//!
//! Methods ask it for values and derivatives and cannot misreport: what is returned to the user is what the
//! oracle saw.

use netinverse_network::{Evaluator, Network};

use super::Goal;

/// Evaluations spent: one is one sample through one forward pass, vector–Jacobian or Jacobian–vector product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// Forward passes.
    pub forward: u64,
    /// Vector–Jacobian products.
    pub vjp: u64,
    /// Jacobian–vector products.
    pub jvp: u64,
}

impl Evaluations {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.forward + self.vjp + self.jvp
    }
}

/// A point that was evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The input.
    pub x: Vec<f64>,
    /// The output.
    pub y: Vec<f64>,
    /// The residual of the query's goal.
    pub residual: f64,
}

/// Evaluates a network for many queries.
pub struct Oracle<'a> {
    evaluator: Evaluator<f64>,
    goals: &'a [Goal],
    counts: Vec<Evaluations>,
    best: Vec<Option<Seen>>,
}

impl<'a> Oracle<'a> {
    /// An oracle for one goal a query.
    pub fn new(network: &Network, goals: &'a [Goal]) -> Self {
        Oracle {
            evaluator: Evaluator::new(network),
            goals,
            counts: vec![Evaluations::default(); goals.len()],
            best: vec![None; goals.len()],
        }
    }

    /// n
    pub fn input_size(&self) -> usize {
        self.evaluator.input_size()
    }

    /// m
    pub fn output_size(&self) -> usize {
        self.evaluator.output_size()
    }

    /// What query `query` has spent.
    pub fn evaluations(&self, query: usize) -> Evaluations {
        self.counts[query]
    }

    /// The point of smallest residual that query `query` has seen.
    pub fn best(&self, query: usize) -> Option<&Seen> {
        self.best[query].as_ref()
    }

    /// The goal of query `query`.
    pub fn goal(&self, query: usize) -> &'a Goal {
        &self.goals[query]
    }

    /// f of a row of `x` for each of `queries`, into `y`.
    pub fn forward(&mut self, queries: &[usize], x: &[f64], y: &mut Vec<f64>) {
        y.resize(queries.len() * self.output_size(), 0.0);
        self.evaluator.forward(x, y);
        for &query in queries {
            self.counts[query].forward += 1;
        }
        self.keep_best(queries, x, y);
    }

    /// f and its Jacobian (`m × n` a row) at a row of `x` for each of `queries`.
    pub fn linearise(&mut self, queries: &[usize], x: &[f64], y: &mut Vec<f64>, jacobian: &mut Vec<f64>) {
        let (n, m) = (self.input_size(), self.output_size());
        y.resize(queries.len() * m, 0.0);
        jacobian.resize(queries.len() * m * n, 0.0);
        self.evaluator.jacobian(x, y, jacobian);
        for &query in queries {
            let count = &mut self.counts[query];
            count.forward += 1;
            if n < m {
                count.jvp += n as u64;
            } else {
                count.vjp += m as u64;
            }
        }
        self.keep_best(queries, x, y);
    }

    fn keep_best(&mut self, queries: &[usize], x: &[f64], y: &[f64]) {
        let (n, m) = (self.input_size(), self.output_size());
        for (row, &query) in queries.iter().enumerate() {
            let (x, y) = (&x[row * n..(row + 1) * n], &y[row * m..(row + 1) * m]);
            let residual = self.goals[query].residual(y);
            let best = &mut self.best[query];
            if best.as_ref().is_none_or(|seen| residual < seen.residual) {
                *best = Some(Seen { x: x.to_vec(), y: y.to_vec(), residual });
            }
        }
    }
}
