//! Random networks of which it is known by construction whether they are one-to-one on their box.

use netinverse_base::{Result, Rng};
use netinverse_explain::Region;
use netinverse_linalg::{Matrix, Qr, singular_values};
use netinverse_network::{
    Dense, Function, Layout, Linear, Network, NetworkBuilder, Op, Param, Scale, Shape, ValueId, WeightOrder,
};

/// A network, its box, and the truth.
pub(crate) struct Known {
    pub(crate) family: &'static str,
    pub(crate) network: Network,
    pub(crate) region: Region,
    pub(crate) injective: bool,
}

/// A builder of rows.
pub(crate) struct Chain {
    builder: NetworkBuilder,
    pub(crate) at: ValueId,
}

impl Chain {
    pub(crate) fn new(n: usize) -> Self {
        let mut builder = NetworkBuilder::new();
        let at = builder.input("x", Shape::new([1, n]).unwrap()).unwrap();
        Chain { builder, at }
    }

    /// y = W x + b, W by rows.
    pub(crate) fn dense_from(&mut self, from: ValueId, weight: &Matrix, bias: Option<&[f64]>) -> ValueId {
        let shape = Shape::new([weight.rows(), weight.columns()]).unwrap();
        let id = self.builder.param(Param::from_f64("W", shape, weight.data().to_vec()).unwrap());
        let bias = bias
            .map(|b| self.builder.param(Param::from_f64("b", Shape::vector(b.len()), b.to_vec()).unwrap()));
        let dense = Dense { weight: id, bias, order: WeightOrder::OutputsFirst };
        self.builder.node("dense", Op::Linear(Linear::Dense(dense)), &[from]).unwrap()
    }

    pub(crate) fn dense(&mut self, weight: &Matrix, bias: Option<&[f64]>) -> &mut Self {
        self.at = self.dense_from(self.at, weight, bias);
        self
    }

    pub(crate) fn apply_to(&mut self, function: Function, from: ValueId) -> ValueId {
        self.builder.node("function", Op::Function(function), &[from]).unwrap()
    }

    pub(crate) fn apply(&mut self, function: Function) -> &mut Self {
        self.at = self.node(Op::Function(function));
        self
    }

    pub(crate) fn sum(&mut self, a: ValueId, b: ValueId, coefficients: [f64; 2]) -> ValueId {
        let op = Op::Linear(Linear::Combine { coefficients: coefficients.to_vec() });
        self.builder.node("sum", op, &[a, b]).unwrap()
    }

    /// Any operator of one value.
    pub(crate) fn node(&mut self, op: Op) -> ValueId {
        self.builder.node("node", op, &[self.at]).unwrap()
    }

    pub(crate) fn product(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.builder.node("product", Op::Bilinear(netinverse_network::Bilinear::Multiply), &[a, b]).unwrap()
    }

    pub(crate) fn slice(&mut self, from: ValueId, start: usize, size: usize) -> ValueId {
        let slice = Layout::Slice { starts: vec![0, start], steps: vec![1, 1], sizes: vec![1, size] };
        self.builder.node("slice", Op::Layout(slice), &[from]).unwrap()
    }

    pub(crate) fn concat(&mut self, parts: &[ValueId]) -> ValueId {
        self.builder.node("concat", Op::Layout(Layout::Concat { axis: 1 }), parts).unwrap()
    }

    pub(crate) fn scale(&mut self, from: ValueId, factors: &[f64]) -> ValueId {
        let id = self
            .builder
            .param(Param::from_f64("s", Shape::new([1, factors.len()]).unwrap(), factors.to_vec()).unwrap());
        let scale = Scale { scale: Some(id), shift: None };
        self.builder.node("scale", Op::Linear(Linear::Scale(scale)), &[from]).unwrap()
    }

    pub(crate) fn finish(self) -> Result<Network> {
        self.builder.finish(&[self.at])
    }
}

pub(crate) fn normal(rng: &mut Rng, rows: usize, columns: usize) -> Matrix {
    Matrix::from_fn(rows, columns, |_, _| rng.normal())
}

pub(crate) fn orthogonal(rng: &mut Rng, n: usize) -> Matrix {
    Qr::new(&normal(rng, n, n)).thin_q()
}

fn vector(rng: &mut Rng, n: usize, scale: f64) -> Vec<f64> {
    (0..n).map(|_| scale * rng.normal()).collect()
}

fn scaled(matrix: &Matrix, factor: f64) -> Matrix {
    Matrix::from_fn(matrix.rows(), matrix.columns(), |i, j| factor * matrix.row(i)[j])
}

/// Of spectral norm `norm`.
fn with_norm(rng: &mut Rng, rows: usize, columns: usize, norm: f64) -> Matrix {
    let a = normal(rng, rows, columns);
    let sigma = singular_values(&a)[0];
    scaled(&a, norm / sigma)
}

pub(crate) fn unit_box(n: usize) -> Region {
    Region::boxed(vec![-1.0; n], vec![1.0; n]).unwrap()
}

pub(crate) const FAMILIES: [&str; 17] = [
    "orthogonal + LeakyRelu",
    "widening, strictly monotone",
    "Relu [B; -DB]",
    "residual, constant 0.9",
    "coupling flow",
    "masked coupling flow",
    "matrix + small branch",
    "W' s(W x + b)",
    "triangular",
    "more inputs than outputs",
    "orthogonal + Relu",
    "Relu, one row short",
    "ridge of slope -1.1",
    "angle doubling",
    "two inputs as their sum",
    "absolute values",
    "smooth ridge",
];

/// The network of this number: families in turn.
pub(crate) fn known(number: usize, seed: u64) -> Known {
    let mut rng = Rng::new(seed, number as u64);
    let family = number % FAMILIES.len();
    let n = 1 + rng.below(5);
    let (network, injective, n) = match family {
        0 => {
            let mut chain = Chain::new(n);
            for _ in 0..=rng.below(4) {
                let q = orthogonal(&mut rng, n);
                let bias = vector(&mut rng, n, 0.3);
                let alpha = rng.range(0.01, 0.5);
                chain.dense(&q, Some(&bias)).apply(Function::LeakyRelu { alpha });
            }
            (chain.finish(), true, n)
        }
        1 => {
            let mut chain = Chain::new(n);
            let mut width = n;
            for layer in 0..=rng.below(3) {
                let next = (width + rng.below(5)).min(16);
                let function = [Function::Sigmoid, Function::Tanh, Function::LeakyRelu { alpha: 0.2 }]
                    [(layer + rng.below(3)) % 3];
                let (w, b) = (normal(&mut rng, next, width), vector(&mut rng, next, 0.5));
                chain.dense(&w, Some(&b)).apply(function);
                width = next;
            }
            (chain.finish(), true, n)
        }
        2 | 11 => {
            let b = orthogonal(&mut rng, n);
            let mut rows: Vec<f64> = Vec::new();
            // Powers of two: any other factor is rounded, and the rows are opposite no more.
            let d: Vec<f64> = (0..n).map(|_| 2f64.powi(rng.below(5) as i32 - 2)).collect();
            for i in 0..n {
                rows.extend(b.row(i));
            }
            // One row short: no row looks at the negative side of the last direction.
            let kept = if family == 2 { n } else { n - 1 };
            for i in 0..kept {
                rows.extend(b.row(i).iter().map(|v| -d[i] * v));
            }
            let weight = Matrix::new(n + kept, n, rows).unwrap();
            let mut chain = Chain::new(n);
            chain.dense(&weight, None).apply(Function::Relu);
            if rng.below(2) == 0 {
                let w = normal(&mut rng, n + kept, n + kept);
                chain.dense(&w, None);
            }
            (chain.finish(), family == 2, n)
        }
        3 => {
            let mut chain = Chain::new(n);
            for _ in 0..=rng.below(3) {
                let hidden = 1 + rng.below(16);
                let function = if rng.below(2) == 0 { Function::Relu } else { Function::Tanh };
                let (w1, w2) = (with_norm(&mut rng, hidden, n, 1.0), with_norm(&mut rng, n, hidden, 0.9));
                let b = vector(&mut rng, hidden, 0.5);
                let start = chain.at;
                let z = chain.dense_from(start, &w1, Some(&b));
                let a = chain.apply_to(function, z);
                let g = chain.dense_from(a, &w2, None);
                chain.at = chain.sum(start, g, [1.0, 1.0]);
            }
            (chain.finish(), true, n)
        }
        4 | 5 => {
            let n = 2 + rng.below(4);
            let mut chain = Chain::new(n);
            for block in 0..=rng.below(4) {
                if rng.below(2) == 0 {
                    let q = orthogonal(&mut rng, n);
                    chain.dense(&q, None);
                }
                coupling(&mut chain, &mut rng, n, family == 5, block % 2 == 1);
            }
            (chain.finish(), true, n)
        }
        6 => {
            let hidden = 1 + rng.below(16);
            let mut chain = Chain::new(n);
            let q = orthogonal(&mut rng, n);
            let (w1, w2) = (with_norm(&mut rng, hidden, n, 1.0), with_norm(&mut rng, n, hidden, 0.8));
            let b = vector(&mut rng, hidden, 0.5);
            let x = chain.at;
            let linear = chain.dense_from(x, &q, None);
            let z = chain.dense_from(x, &w1, Some(&b));
            let a = chain.apply_to(Function::Relu, z);
            let g = chain.dense_from(a, &w2, None);
            chain.at = chain.sum(linear, g, [1.0, 1.0]);
            (chain.finish(), true, n)
        }
        7 => {
            let hidden = (n + rng.below(17 - n)).max(n);
            let w = normal(&mut rng, hidden, n);
            let b = vector(&mut rng, hidden, 0.5);
            let mut chain = Chain::new(n);
            chain.dense(&w, Some(&b)).apply(Function::LeakyRelu { alpha: 0.1 }).dense(&w.transposed(), None);
            (chain.finish(), true, n)
        }
        8 => {
            // y_i = x_i + g_i(x_0 .. x_{i-1})
            let mut chain = Chain::new(n);
            let strict = Matrix::from_fn(n, n, |i, j| if j < i { rng.normal() } else { 0.0 });
            let x = chain.at;
            let z = chain.dense_from(x, &strict, None);
            let a = chain.apply_to(Function::Tanh, z);
            chain.at = chain.sum(x, a, [1.0, 2.0]);
            (chain.finish(), true, n)
        }
        9 => {
            let n = 2 + rng.below(4);
            let m = 1 + rng.below(n - 1);
            let hidden = n + rng.below(10);
            let function = [Function::Relu, Function::Tanh, Function::Sigmoid][rng.below(3)];
            let (w1, w2) = (normal(&mut rng, hidden, n), normal(&mut rng, m, hidden));
            let b = vector(&mut rng, hidden, 0.5);
            let mut chain = Chain::new(n);
            chain.dense(&w1, Some(&b)).apply(function).dense(&w2, None);
            (chain.finish(), false, n)
        }
        10 => {
            let mut chain = Chain::new(n);
            let q = orthogonal(&mut rng, n);
            chain.dense(&q, None).apply(Function::Relu);
            if rng.below(2) == 0 {
                let q = orthogonal(&mut rng, n);
                chain.dense(&q, None);
            }
            (chain.finish(), false, n)
        }
        12 | 16 => {
            // x + v (s(w·x + c) − …): along w the slope is 1 − 1.1 in a slab, so the map folds.
            let mut chain = Chain::new(n);
            let w = orthogonal(&mut rng, n);
            let width = rng.range(0.05, 0.4);
            let centre = rng.range(-0.3, 0.3);
            let x = chain.at;
            let g = if family == 12 {
                let rows = Matrix::from_fn(2, n, |_, j| w.row(0)[j]);
                let z = chain.dense_from(x, &rows, Some(&[-centre, -centre - width]));
                let a = chain.apply_to(Function::Relu, z);
                let out = Matrix::from_fn(n, 2, |i, k| w.row(0)[i] * if k == 0 { -1.1 } else { 1.1 });
                chain.dense_from(a, &out, None)
            } else {
                let rows = Matrix::from_fn(1, n, |_, j| w.row(0)[j] / width);
                let z = chain.dense_from(x, &rows, Some(&[-centre / width]));
                let a = chain.apply_to(Function::Tanh, z);
                let out = Matrix::from_fn(n, 1, |i, _| -1.5 * width * w.row(0)[i]);
                chain.dense_from(a, &out, None)
            };
            chain.at = chain.sum(x, g, [1.0, 1.0]);
            (chain.finish(), false, n)
        }
        13 => (Ok(angle_doubling(&mut rng)), false, 2),
        14 => {
            let n = 2 + rng.below(4);
            let hidden = n + rng.below(8);
            let mut w = normal(&mut rng, hidden, n);
            for i in 0..hidden {
                w.row_mut(i)[1] = w.row(i)[0];
            }
            let function = [Function::Relu, Function::Tanh, Function::LeakyRelu { alpha: 0.1 }][rng.below(3)];
            let w2 = normal(&mut rng, n + 1, hidden);
            let mut chain = Chain::new(n);
            chain.dense(&w, None).apply(function).dense(&w2, None);
            (chain.finish(), false, n)
        }
        _ => {
            let mut chain = Chain::new(n);
            let q = orthogonal(&mut rng, n);
            let b = vector(&mut rng, n, 0.1);
            chain.dense(&q, Some(&b)).apply(Function::Abs);
            (chain.finish(), false, n)
        }
    };
    let network = network.unwrap();
    Known { family: FAMILIES[family], network, region: unit_box(n), injective }
}

/// One additive or affine coupling; masked as RealNVP writes it, or split.
fn coupling(chain: &mut Chain, rng: &mut Rng, n: usize, masked: bool, swapped: bool) {
    let k = n / 2;
    let kept = if swapped { n - k } else { k };
    let hidden = 2 + rng.below(8);
    let x = chain.at;
    if masked {
        let mask: Vec<f64> = (0..n).map(|i| f64::from(u8::from((i % 2 == 0) != swapped))).collect();
        let other: Vec<f64> = mask.iter().map(|m| 1.0 - m).collect();
        let seen = chain.scale(x, &mask);
        let (s, t) = (branch(chain, rng, seen, n, hidden, n), branch(chain, rng, seen, n, hidden, n));
        let s = chain.apply_to(Function::Tanh, s);
        let e = chain.apply_to(Function::Exp, s);
        let moved = chain.product(x, e);
        let moved = chain.sum(moved, t, [1.0, 1.0]);
        let moved = chain.scale(moved, &other);
        chain.at = chain.sum(seen, moved, [1.0, 1.0]);
        return;
    }
    let (a, b) = (chain.slice(x, 0, kept), chain.slice(x, kept, n - kept));
    let t = branch(chain, rng, a, kept, hidden, n - kept);
    let moved = if rng.below(2) == 0 {
        b
    } else {
        let s = branch(chain, rng, a, kept, hidden, n - kept);
        let s = chain.apply_to(Function::Tanh, s);
        let e = chain.apply_to(Function::Exp, s);
        chain.product(b, e)
    };
    let moved = chain.sum(moved, t, [1.0, 1.0]);
    chain.at = if swapped { chain.concat(&[moved, a]) } else { chain.concat(&[a, moved]) };
}

fn branch(chain: &mut Chain, rng: &mut Rng, from: ValueId, n: usize, hidden: usize, m: usize) -> ValueId {
    let (w1, w2) = (normal(rng, hidden, n), scaled(&normal(rng, m, hidden), 0.5));
    let b = vector(rng, hidden, 0.3);
    let z = chain.dense_from(from, &w1, Some(&b));
    let a = chain.apply_to(Function::Relu, z);
    chain.dense_from(a, &w2, None)
}

/// r(cos φ, sin φ) ↦ r'(cos 2φ, sin 2φ), piecewise linear on eight sectors: every determinant positive, yet x and −x meet.
pub(crate) fn angle_doubling(rng: &mut Rng) -> Network {
    // u = |x| − |y|, and v = 2 min(|x|, |y|) sign(x y) = |x + y| − |x − y|.
    let rows = Matrix::new(4, 2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, -1.0]).unwrap();
    let out = Matrix::new(2, 4, vec![1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0]).unwrap();
    let mut chain = Chain::new(2);
    let turn = orthogonal(rng, 2);
    chain.dense(&turn, None);
    if rng.below(2) == 0 {
        chain.dense(&rows, None).apply(Function::Abs).dense(&out, None);
    } else {
        // |t| = relu(t) + relu(−t)
        let both = Matrix::from_fn(8, 2, |i, j| if i < 4 { rows.row(i)[j] } else { -rows.row(i - 4)[j] });
        let twice = Matrix::from_fn(2, 8, |i, j| out.row(i)[j % 4]);
        chain.dense(&both, None).apply(Function::Relu).dense(&twice, None);
    }
    let mix = orthogonal(rng, 2);
    chain.dense(&mix, None);
    chain.finish().unwrap()
}
