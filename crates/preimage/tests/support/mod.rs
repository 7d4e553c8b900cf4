//! A random question about a network of one or two free inputs, and its preimage exactly: polygons in rationals.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part")]
#![allow(unreachable_pub, reason = "shared between test files")]

use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_spec::{Formula, HalfSpace, Linear, Rational, Variable};

use crate::common::affine::{Affine, exact};
use crate::common::region::Region;

/// `Σ c y + Σ e x + d ≥ 0`, or > 0, all numbers in hundredths.
#[derive(Debug, Clone)]
pub struct Row {
    pub outputs: Vec<i64>,
    pub inputs: Vec<i64>,
    pub constant: i64,
    pub strict: bool,
}

/// Disjuncts of conjunctions of rows.
pub type Condition = Vec<Vec<Row>>;

fn hundredths(value: i64) -> RBig {
    RBig::from(value) / RBig::from(100)
}

impl Row {
    /// The row for the reader of specifications.
    pub fn half_space(&self) -> HalfSpace {
        let decimal = |value: i64| {
            let sign = if value < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:02}", value.abs() / 100, value.abs() % 100);
            Rational::parse(&text).expect("a decimal")
        };
        let outputs = self.outputs.iter().enumerate().map(|(j, &c)| (Variable::Output(j as u32), decimal(c)));
        let inputs = self.inputs.iter().enumerate().map(|(i, &e)| (Variable::Input(i as u32), decimal(e)));
        let terms = outputs.chain(inputs).filter(|(_, c)| !c.is_zero()).collect();
        HalfSpace::new(Linear::new(terms, decimal(self.constant)).expect("small numbers"), self.strict)
    }

    /// The row on a region where the outputs are affine, in the free inputs.
    fn on(&self, outputs: &[Affine], x: &[Affine]) -> Affine {
        let mut value = Affine::constant(hundredths(self.constant), outputs[0].slopes.len());
        for (form, &c) in outputs.iter().zip(&self.outputs).chain(x.iter().zip(&self.inputs)) {
            value.add_scaled(&hundredths(c), form);
        }
        value
    }
}

/// The condition as a formula.
pub fn formula(condition: &Condition) -> Formula {
    let all =
        |rows: &Vec<Row>| Formula::all(rows.iter().map(|row| Formula::atom(row.half_space())).collect());
    Formula::any(condition.iter().map(all).collect())
}

/// A random condition over m outputs and n inputs that a good part of the values `near` them decides either way.
pub fn condition(near: &[Vec<f64>], n: usize, rng: &mut Rng) -> Condition {
    let m = near[0].len();
    (0..=rng.below(3))
        .map(|_| {
            (0..=rng.below(3))
                .map(|_| {
                    let outputs: Vec<i64> = (0..m).map(|_| (rng.normal() * 100.0) as i64 * 2 + 1).collect();
                    let with_inputs = rng.below(4) == 0;
                    let inputs: Vec<i64> =
                        (0..n).map(|_| if with_inputs { (rng.normal() * 40.0) as i64 } else { 0 }).collect();
                    let y = &near[rng.below(near.len())];
                    let value: f64 = outputs.iter().zip(y).map(|(&c, y)| c as f64 * y).sum();
                    Row { outputs, inputs, constant: -value as i64, strict: rng.below(4) == 0 }
                })
                .collect()
        })
        .collect()
}

/// One linear region of the box, with every row of the condition on it.
#[derive(Debug)]
struct Part {
    region: Region,
    rows: Vec<Vec<Affine>>,
}

/// The preimage of a condition, linear region by linear region.
#[derive(Debug)]
pub struct ExactSet {
    parts: Vec<Part>,
    condition: Condition,
    free: Vec<usize>,
    lower: Vec<f64>,
}

impl ExactSet {
    pub fn new(
        parts: Vec<(Region, Vec<Affine>)>,
        condition: &Condition,
        lower: &[f64],
        upper: &[f64],
    ) -> Self {
        let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
        let mut own =
            ExactSet { parts: Vec::new(), condition: condition.clone(), free, lower: lower.to_vec() };
        let x: Vec<Affine> = (0..lower.len()).map(|i| own.input(i)).collect();
        own.parts = parts
            .into_iter()
            .map(|(region, outputs)| {
                let on = |rows: &Vec<Row>| rows.iter().map(|row| row.on(&outputs, &x)).collect();
                Part { region, rows: condition.iter().map(on).collect() }
            })
            .collect();
        own
    }

    /// Input i as a function of the free ones.
    fn input(&self, i: usize) -> Affine {
        let mut x = Affine::constant(exact(self.lower[i]), self.free.len());
        if let Some(k) = self.free.iter().position(|&free| free == i) {
            x = Affine::constant(RBig::ZERO, self.free.len());
            x.slopes[k] = RBig::ONE;
        }
        x
    }

    /// A function of all inputs as one of the free ones.
    pub fn form(&self, slopes: &[f64], constant: f64) -> Affine {
        let mut form = Affine::constant(exact(constant), self.free.len());
        for (i, &slope) in slopes.iter().enumerate() {
            form.add_scaled(&exact(slope), &self.input(i));
        }
        form
    }

    /// The functions that are not negative in a box.
    pub fn sides(&self, lower: &[f64], upper: &[f64]) -> Vec<Affine> {
        let one = RBig::ONE;
        let mut all = Vec::new();
        for &i in &self.free {
            let x = self.input(i);
            all.push(x.minus(&Affine::constant(exact(lower[i]), x.slopes.len())));
            all.push(Affine::constant(exact(upper[i]), x.slopes.len()).minus(&x).scaled(&one));
        }
        all
    }

    /// The parts of the linear regions where all functions are not negative: with the number of the region.
    fn within(&self, functions: &[Affine]) -> Vec<(usize, Region)> {
        let clip = |region: &Region| clipped(region, functions.iter());
        let parts = self.parts.iter().enumerate();
        parts.filter_map(|(index, part)| Some((index, clip(&part.region)?))).collect()
    }

    /// The volume of the preimage where all functions are not negative, exactly: inclusion and exclusion over disjuncts.
    pub fn volume(&self, functions: &[Affine]) -> RBig {
        let mut total = RBig::ZERO;
        for (index, region) in self.within(functions) {
            let rows = &self.parts[index].rows;
            for subset in 1..1usize << rows.len() {
                let chosen = || (0..rows.len()).filter(|d| subset >> d & 1 == 1);
                let strict = |d: usize| self.condition[d].iter().map(|row| row.strict);
                // A strict row that is nowhere positive leaves nothing; else its boundary has no volume.
                let counts = |part: &Region| {
                    let mut forms = chosen().flat_map(|d| strict(d).zip(&rows[d]));
                    forms.all(|(strict, form)| !strict || part.largest(form) > RBig::ZERO)
                };
                let part = clipped(&region, chosen().flat_map(|d| &rows[d])).filter(counts);
                let volume = part.map_or(RBig::ZERO, |part| part.volume());
                if subset.count_ones() % 2 == 1 { total += volume } else { total -= volume }
            }
        }
        total
    }

    /// Whether some point where all functions are not negative is in the preimage, strict rows strictly.
    pub fn meets(&self, functions: &[Affine]) -> bool {
        self.within(functions).iter().any(|(index, region)| {
            (0..self.condition.len()).any(|d| {
                let rows = &self.parts[*index].rows[d];
                let Some(part) = clipped(region, rows.iter()) else { return false };
                // A mean of the vertices is positive where one of them is.
                let positive = |row: &Affine| part.largest(row) > RBig::ZERO;
                self.condition[d].iter().zip(rows).all(|(row, form)| !row.strict || positive(form))
            })
        })
    }

    /// Whether some point where all functions are not negative is not in the preimage.
    pub fn leaves(&self, functions: &[Affine]) -> bool {
        self.within(functions).iter().any(|(index, region)| {
            let rows = &self.parts[*index].rows;
            // One row of every disjunct that fails.
            let mut choice = vec![0; rows.len()];
            loop {
                let failing: Vec<Affine> =
                    choice.iter().enumerate().map(|(d, &k)| rows[d][k].scaled(&RBig::from(-1))).collect();
                if let Some(part) = clipped(region, failing.iter()) {
                    let fails = |d: usize| {
                        self.condition[d][choice[d]].strict || part.largest(&failing[d]) > RBig::ZERO
                    };
                    if (0..rows.len()).all(fails) {
                        return true;
                    }
                }
                let Some(d) = (0..rows.len()).find(|&d| choice[d] + 1 < rows[d].len()) else { return false };
                choice[d] += 1;
                choice[..d].fill(0);
            }
        })
    }

    /// Where all functions are not negative, the least and the largest value of row k of disjunct d.
    pub fn range(&self, functions: &[Affine], d: usize, k: usize) -> Option<(RBig, RBig)> {
        let ranges = self.within(functions).into_iter().map(|(index, region)| {
            let row = &self.parts[index].rows[d][k];
            (region.least(row), region.largest(row))
        });
        ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The volume where all functions are not negative.
    pub fn space(&self, functions: &[Affine]) -> RBig {
        self.within(functions).iter().fold(RBig::ZERO, |sum, (_, region)| sum + region.volume())
    }
}

/// The part of a region where all functions are not negative.
fn clipped<'a>(region: &Region, functions: impl Iterator<Item = &'a Affine>) -> Option<Region> {
    let mut part = region.clone();
    for function in functions {
        match part.sign(function) {
            Some(true) => {}
            _ => part = part.where_not_negative(function)?,
        }
    }
    Some(part)
}
