//! The question, read by the checker itself: VNN-LIB 1.0 and 2.x, the `--where` language, bounds.

mod formula;
mod linear;
mod vnnlib;
mod wherever;

use std::fmt::Write as _;

use crate::Trouble;
use crate::kernel::{HalfSpace, Question, Rational, Variable, rational};
use formula::Formula;
use linear::Linear;

/// A question in words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The text of a VNN-LIB file.
    pub(crate) specification: Option<String>,
    /// A condition.
    pub(crate) condition: Option<String>,
    /// One pair for all inputs, or one an input.
    pub(crate) bounds: Option<Vec<[f64; 2]>>,
    /// A value of the graph that stands for the output.
    pub(crate) output: Option<String>,
    /// Whether the question may be about inputs alone.
    pub(crate) anything: bool,
}

/// A question read, before the network's sizes are known.
#[derive(Debug)]
pub(crate) struct Read {
    specification: Option<vnnlib::Specification>,
    /// The values of the graph that the outputs are; empty: the graph's own.
    pub(crate) outputs: Vec<String>,
}

impl Asked {
    /// Reads the specification, which may name the values that it speaks of.
    pub(crate) fn read(&self) -> Result<Read, Trouble> {
        let specification = self.specification.as_deref().map(vnnlib::read).transpose()?;
        let hidden = specification.as_ref().map(|s| s.hidden.clone()).unwrap_or_default();
        let outputs = self.output.clone().map_or(hidden, |name| vec![name]);
        Ok(Read { specification, outputs })
    }

    /// The question over n inputs and m outputs.
    pub(crate) fn question(&self, read: &Read, n: usize, m: usize) -> Result<Question, Trouble> {
        let mut parts = Vec::new();
        if let Some(specification) = &read.specification {
            if (specification.inputs, specification.outputs) != (n, m) {
                return Err(Trouble::input(format!(
                    "the specification declares {} inputs and {} outputs, the network has {n} and {m}",
                    specification.inputs, specification.outputs
                )));
            }
            parts.push(specification.formula.clone());
        }
        if let Some(text) = &self.condition {
            parts.push(wherever::read(text, n, m)?);
        }
        if parts.is_empty() && !self.anything {
            return Err(Trouble::input(
                "nothing is asked of the outputs: neither a specification nor a condition",
            ));
        }
        if let Some(bounds) = &self.bounds {
            if bounds.len() != 1 && bounds.len() != n {
                return Err(Trouble::input(format!("{} pairs of bounds for {n} inputs", bounds.len())));
            }
            for i in 0..n {
                let [low, high] = bounds[if bounds.len() == 1 { 0 } else { i }];
                let variable = || Linear::variable(Variable::Input(i as u32));
                parts.push(Formula::compare(variable(), Linear::constant(rational(low)), false, false));
                parts.push(Formula::compare(Linear::constant(rational(high)), variable(), false, false));
            }
        }
        formula::question(Formula::And(parts))
    }
}

/// A half-space as people write it: coefficients to the nearest double.
pub(crate) fn words(half_space: &HalfSpace) -> String {
    let mut text = String::new();
    for (position, (variable, c)) in half_space.terms.iter().enumerate() {
        let (name, index) = match variable {
            Variable::Input(i) => ('x', i),
            Variable::Output(j) => ('y', j),
        };
        let negative = *c < Rational::ZERO;
        let size = if negative { -c.clone() } else { c.clone() };
        text += match (position, negative) {
            (0, true) => "-",
            (0, false) => "",
            (_, true) => " - ",
            (_, false) => " + ",
        };
        if size != Rational::ONE {
            let _ = write!(text, "{}*", size.to_f64().value());
        }
        let _ = write!(text, "{name}{index}");
    }
    let constant = -half_space.constant.clone();
    let sign = if half_space.strict { ">" } else { ">=" };
    format!("{} {sign} {}", if text.is_empty() { "0" } else { &text }, constant.to_f64().value())
}

/// The question in words: bounds, then what is asked beside them.
pub(crate) fn describe(question: &Question, inputs: usize) -> String {
    const SHOWN: usize = 12;
    let (lower, upper) = question.bounds(&[], inputs);
    let side = |v: &Option<Rational>| v.as_ref().map_or("?".to_string(), |v| v.to_f64().value().to_string());
    let mut ranges: Vec<String> = (0..inputs.min(SHOWN))
        .map(|i| format!("x{i} in [{}, {}]", side(&lower[i]), side(&upper[i])))
        .collect();
    if inputs > SHOWN {
        ranges.push(format!("… ({inputs} inputs)"));
    }
    let other = |list: &[HalfSpace]| {
        let rows: Vec<String> = list.iter().filter(|h| h.bound().is_none()).map(words).collect();
        rows.join(" && ")
    };
    let mut parts = vec![ranges.join(", ")];
    let common = other(&question.common);
    if !common.is_empty() {
        parts.push(common);
    }
    let full = |list: &Vec<HalfSpace>| list.iter().map(words).collect::<Vec<_>>().join(" && ");
    let mut disjuncts: Vec<String> = question.disjuncts.iter().take(SHOWN).map(full).collect();
    if question.disjuncts.len() > SHOWN {
        disjuncts.push(format!("… ({} cases)", question.disjuncts.len()));
    }
    if !(disjuncts.len() == 1 && disjuncts[0].is_empty()) {
        parts.push(if disjuncts.is_empty() { "nothing satisfies it".into() } else { disjuncts.join(" || ") });
    }
    parts.join("; ")
}
