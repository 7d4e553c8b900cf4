//! Which names an expression may use, and what they stand for.

use std::collections::HashMap;

use netinverse_base::{Error, Result};

use crate::Variable;
use crate::text::nearest_name;

/// The variables that an expression may name: `x0, x1, …` for inputs, `y0, y1, …` for outputs (also
/// `X_0`, `Y_0`), and the names that a model or a table gives them. A given name wins over `y0`.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    inputs: Side,
    outputs: Side,
}

#[derive(Debug, Clone, Default)]
struct Side {
    /// `None`: this side may not be named here.
    count: Option<usize>,
    names: Vec<String>,
    /// The index of each name; `None` where several entries share it.
    index: HashMap<String, Option<u32>>,
}

impl Side {
    fn of(count: usize) -> Self {
        Side { count: Some(count), ..Side::default() }
    }

    fn name(&mut self, names: &[String]) {
        self.names = names.to_vec();
        self.index.clear();
        for (i, name) in names.iter().enumerate() {
            self.index.entry(name.clone()).and_modify(|entry| *entry = None).or_insert(Some(i as u32));
        }
    }

    fn check(&self, what: &str) -> Result<()> {
        match self.count {
            Some(count) if !self.names.is_empty() && self.names.len() != count => {
                Err(Error::input(format!("{} names for {count} {what}", self.names.len())))
            }
            _ => Ok(()),
        }
    }
}

impl Vocabulary {
    /// Expressions over `m` outputs.
    pub fn outputs(m: usize) -> Self {
        Vocabulary { outputs: Side::of(m), ..Vocabulary::default() }
    }

    /// Expressions over `n` inputs.
    pub fn inputs(n: usize) -> Self {
        Vocabulary { inputs: Side::of(n), ..Vocabulary::default() }
    }

    /// Expressions over `n` inputs and `m` outputs.
    pub fn both(n: usize, m: usize) -> Self {
        Vocabulary { inputs: Side::of(n), outputs: Side::of(m) }
    }

    /// Names of the inputs, in order, one for each.
    #[must_use]
    pub fn with_input_names(mut self, names: &[String]) -> Self {
        self.inputs.name(names);
        self
    }

    /// Names of the outputs, in order, one for each.
    #[must_use]
    pub fn with_output_names(mut self, names: &[String]) -> Self {
        self.outputs.name(names);
        self
    }

    /// Refuses lists of names that are not one for each variable.
    pub fn check(&self) -> Result<()> {
        self.inputs.check("inputs")?;
        self.outputs.check("outputs")
    }

    /// How many outputs may be named; 0 if none may.
    pub(super) fn output_count(&self) -> usize {
        self.outputs.count.unwrap_or(0)
    }

    /// The variable that a name stands for.
    pub(super) fn find(&self, name: &str) -> Result<Variable> {
        for (side, is_output) in [(&self.outputs, true), (&self.inputs, false)] {
            match side.index.get(name) {
                Some(&Some(index)) if side.count.is_some() => {
                    return Ok(if is_output { Variable::Output(index) } else { Variable::Input(index) });
                }
                Some(None) if side.count.is_some() => {
                    return Err(Error::input(format!("several variables are named `{name}`"))
                        .hint("name it by its index, for example `y0` or `x0`"));
                }
                _ => {}
            }
        }
        match canonical(name) {
            Some((letter, index)) => self.by_index(name, letter, index),
            None => Err(self.unknown(name)),
        }
    }

    fn by_index(&self, name: &str, letter: char, index: Option<u32>) -> Result<Variable> {
        let (side, other, what, others) = if letter == 'x' {
            (&self.inputs, &self.outputs, "input", "outputs")
        } else {
            (&self.outputs, &self.inputs, "output", "inputs")
        };
        let Some(count) = side.count else {
            let error = Error::input(format!("`{name}` is an {what}, this expression is about {others}"));
            return Err(match (other.count, letter) {
                (Some(_), 'x') => error.hint("constrain inputs with `--subject-to` or `--bounds`"),
                (Some(_), _) => error.hint("constrain outputs with `--where`"),
                (None, _) => error,
            });
        };
        match index {
            Some(index) if (index as usize) < count => {
                Ok(if letter == 'x' { Variable::Input(index) } else { Variable::Output(index) })
            }
            _ => {
                let range = match count {
                    0 => format!("there is no {what}"),
                    1 => format!("there is one {what}, `{letter}0`"),
                    _ => format!("there are {count} {what}s, `{letter}0` to `{letter}{}`", count - 1),
                };
                Err(Error::input(format!("`{name}` is out of range: {range}")))
            }
        }
    }

    fn unknown(&self, name: &str) -> Error {
        let shown: String = name.chars().take(40).collect();
        let error = Error::input(format!("`{shown}` is not a name known here"));
        let given = self.outputs.names.iter().chain(&self.inputs.names).map(String::as_str);
        let sides = [("y", &self.outputs), ("x", &self.inputs)];
        let few = |side: &Side| side.count.unwrap_or(0).min(64);
        let canonical: Vec<String> =
            sides.iter().flat_map(|(l, side)| (0..few(side)).map(move |i| format!("{l}{i}"))).collect();
        let candidates = given.chain(["argmax", "argmin", "in"]).chain(canonical.iter().map(String::as_str));
        if let Some(near) = nearest_name(name, candidates) {
            return error.hint(format!("did you mean `{near}`?"));
        }
        match (self.outputs.count, self.inputs.count) {
            (Some(m), _) if m > 0 => error.hint(format!("the outputs are `y0` to `y{}`", m - 1)),
            (_, Some(n)) if n > 0 => error.hint(format!("the inputs are `x0` to `x{}`", n - 1)),
            _ => error,
        }
    }
}

/// `y12`, `Y_12`: the letter in lower case and the index, `None` where it is too large.
fn canonical(name: &str) -> Option<(char, Option<u32>)> {
    let letter = name.chars().next().map(|c| c.to_ascii_lowercase()).filter(|c| matches!(c, 'x' | 'y'))?;
    let digits = name[1..].strip_prefix('_').unwrap_or(&name[1..]);
    let is_index = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_index.then(|| (letter, digits.parse().ok()))
}
