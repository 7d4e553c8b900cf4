//! Einstein sums of one or two operands, as transposes, sums and products of matrices.

use netinverse_base::{Error, Result};

use super::matrix::product;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Reduce, Shape};

/// An operand with a label for each axis.
struct Term {
    x: Operand,
    labels: Vec<char>,
}

/// Labels of the axes that `...` stands for, aligned at the end.
const ELLIPSIS: [char; 8] = ['0', '1', '2', '3', '4', '5', '6', '7'];

fn bad(equation: &str, what: &str) -> Error {
    Error::unsupported(format!("the equation `{equation}`: {what}"))
        .hint("write the product as MatMul, Transpose and ReduceSum")
}

/// The labels of one operand of that rank.
fn labels(equation: &str, term: &str, rank: usize) -> Result<Vec<char>> {
    let named = term.chars().filter(char::is_ascii_alphabetic).count();
    let mut labels = Vec::new();
    let mut parts = term.split("...");
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    if parts.next().is_some() || term.chars().any(|c| !c.is_ascii_alphabetic() && c != '.') {
        return Err(bad(equation, "a term that is not read"));
    }
    labels.extend(first.chars());
    if let Some(second) = second {
        let hidden = rank.checked_sub(named).filter(|&hidden| hidden <= ELLIPSIS.len());
        let hidden = hidden.ok_or_else(|| bad(equation, "the axes do not fit"))?;
        labels.extend(&ELLIPSIS[ELLIPSIS.len() - hidden..]);
        labels.extend(second.chars());
    }
    if labels.len() != rank || labels.contains(&'.') {
        return Err(bad(equation, "the axes do not fit"));
    }
    if labels.iter().enumerate().any(|(i, label)| labels[..i].contains(label)) {
        return Err(bad(equation, "a diagonal"));
    }
    Ok(labels)
}

impl Term {
    /// Adds up the axes whose labels nothing else has.
    fn summed(self, lowering: &mut Lowering, kept: impl Fn(&char) -> bool) -> Result<Term> {
        let axes: Vec<usize> = (0..self.labels.len()).filter(|&axis| !kept(&self.labels[axis])).collect();
        if axes.is_empty() {
            return Ok(self);
        }
        let x = lowering.reduce(&self.x, Reduce { axes, keep: false, mean: false })?;
        Ok(Term { x, labels: self.labels.into_iter().filter(|label| kept(label)).collect() })
    }

    fn size(&self, lowering: &Lowering, label: char) -> usize {
        let axis = self.labels.iter().position(|&own| own == label);
        axis.map_or(1, |axis| lowering.shape(&self.x)[axis])
    }

    /// The axes in the order of these labels, in three groups.
    fn arranged(&self, lowering: &mut Lowering, groups: [&[char]; 3]) -> Result<Operand> {
        let order: Vec<char> = groups.concat();
        let axes = order.iter().map(|label| self.labels.iter().position(|own| own == label)).collect();
        let axes: Option<Vec<usize>> = axes;
        let axes = axes.ok_or_else(|| Error::input("a label is missing"))?;
        let turned = lowering.transpose(&self.x, axes)?;
        let sizes = groups.map(|group| group.iter().map(|&label| self.size(lowering, label)).product());
        lowering.reshape(&turned, Shape::new(sizes)?)
    }
}

pub(super) fn einsum(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let given =
        call.string("equation")?.ok_or_else(|| Error::input("the attribute `equation` is missing"))?;
    let equation: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let operands = call.all_inputs()?;
    let parts: Vec<&str> = left.split(',').collect();
    if parts.len() != operands.len() || !(1..=2).contains(&parts.len()) {
        return Err(bad(&equation, "one or two operands are supported"));
    }
    let mut terms = Vec::new();
    for (x, part) in operands.into_iter().zip(&parts) {
        let labels = labels(&equation, part, lowering.shape(x).rank())?;
        terms.push(Term { x: x.clone(), labels });
    }
    let all: Vec<char> = terms.iter().flat_map(|term| term.labels.iter().copied()).collect();
    let count = |label: char| all.iter().filter(|&&own| own == label).count();
    let hidden: Vec<char> = ELLIPSIS.into_iter().filter(|label| all.contains(label)).collect();
    let output: Vec<char> = if let Some(right) = right {
        let named = right.chars().filter(char::is_ascii_alphabetic).count();
        labels(&equation, right, named + if right.contains("...") { hidden.len() } else { 0 })?
    } else {
        let once = all.iter().copied().filter(|&c| c.is_ascii_alphabetic() && count(c) == 1);
        let mut once: Vec<char> = once.collect();
        once.sort_unstable();
        [hidden, once].concat()
    };
    if output.iter().any(|label| !all.contains(label)) {
        return Err(bad(&equation, "an axis of the result that no operand has"));
    }
    let result = match <[Term; 2]>::try_from(terms) {
        Ok([a, b]) => pair(lowering, &equation, a, b, &output)?,
        Err(mut one) => {
            let term = one.pop().ok_or_else(|| Error::input("an operand is missing"))?;
            term.summed(lowering, |label| output.contains(label))?
        }
    };
    let order: Vec<usize> =
        output.iter().filter_map(|label| result.labels.iter().position(|own| own == label)).collect();
    Ok(vec![lowering.transpose(&result.x, order)?])
}

/// Batch labels are in both and the result, inner ones in both only, the others in one.
fn pair(lowering: &mut Lowering, equation: &str, a: Term, b: Term, output: &[char]) -> Result<Term> {
    let (left, right) = (a.labels.clone(), b.labels.clone());
    let a = a.summed(lowering, |label| output.contains(label) || right.contains(label))?;
    let b = b.summed(lowering, |label| output.contains(label) || left.contains(label))?;
    let shared = |kept: bool| -> Vec<char> {
        a.labels.iter().copied().filter(|l| b.labels.contains(l) && output.contains(l) == kept).collect()
    };
    let (batch, inner) = (shared(true), shared(false));
    for &label in batch.iter().chain(&inner) {
        if a.size(lowering, label) != b.size(lowering, label) {
            return Err(bad(equation, &format!("the operands differ in the size of `{label}`")));
        }
    }
    let only = |term: &Term, other: &Term| -> Vec<char> {
        term.labels.iter().copied().filter(|label| !other.labels.contains(label)).collect()
    };
    let (rows, columns) = (only(&a, &b), only(&b, &a));
    let x = a.arranged(lowering, [&batch, &rows, &inner])?;
    let y = b.arranged(lowering, [&batch, &inner, &columns])?;
    let flat = product(lowering, &x, &y)?;
    let labels = [batch, rows, columns].concat();
    let sizes: Vec<usize> =
        labels.iter().map(|&label| a.size(lowering, label).max(b.size(lowering, label))).collect();
    Ok(Term { x: lowering.reshape(&flat, Shape::new(sizes)?)?, labels })
}
