//! VNN-LIB 1.0 (scalars `X_0`, `Y_3`) and 2.x (tensors `X[0,3]` of declared networks).

use std::collections::HashMap;

use super::formula::Formula;
use super::linear::Linear;
use crate::Trouble;
use crate::kernel::{Rational, Variable, parse_number};

#[derive(Debug)]
pub(crate) struct Specification {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) formula: Formula,
    /// The graph's names of the hidden tensors that are asserted about, where no output is.
    pub(super) hidden: Vec<String>,
}

/// An expression: a word, a quoted text, a list in parentheses, indices in brackets.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Word(String),
    Text(String),
    List(Vec<Node>),
    Indices(Vec<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Input,
    Output,
    Hidden,
}

#[derive(Debug, Clone)]
struct Tensor {
    network: usize,
    kind: Kind,
    first: usize,
    shape: Vec<usize>,
}

/// A hidden tensor: its first element, its size, the model's name of it.
type Hidden = (usize, usize, String);

const MOST_ELEMENTS: usize = 1 << 22;
const DEEPEST: usize = 400;

fn wrong(what: impl std::fmt::Display) -> Trouble {
    Trouble::input(format!("specification: {what}"))
}

pub(super) fn read(text: &str) -> Result<Specification, Trouble> {
    let mut reader = Reader::default();
    for command in parse(text)? {
        reader.command(&command)?;
    }
    reader.finish()
}

fn parse(text: &str) -> Result<Vec<Node>, Trouble> {
    let bytes = text.trim_start_matches('\u{feff}');
    let mut characters = bytes.char_indices().peekable();
    let mut stack: Vec<Vec<Node>> = vec![Vec::new()];
    while let Some((at, c)) = characters.next() {
        match c {
            ';' => while characters.next_if(|(_, c)| *c != '\n').is_some() {},
            c if c.is_ascii_whitespace() => {}
            '(' if stack.len() > DEEPEST => {
                return Err(Trouble::not_checkable("the specification nests too deeply"));
            }
            '(' => stack.push(Vec::new()),
            ')' => {
                let list = stack.pop().unwrap_or_default();
                stack.last_mut().ok_or_else(|| wrong("a `)` too many"))?.push(Node::List(list));
            }
            '[' => {
                let mut inside = String::new();
                loop {
                    match characters.next() {
                        Some((_, ']')) => break,
                        Some((_, c)) => inside.push(c),
                        None => return Err(wrong("a `[` is not closed")),
                    }
                }
                let numbers =
                    inside.split(',').map(str::trim).filter(|p| !(p.is_empty() && inside.trim().is_empty()));
                let indices: Result<Vec<usize>, _> = numbers.map(str::parse).collect();
                let node =
                    Node::Indices(indices.map_err(|_| wrong(format!("`[{inside}]` is no list of indices")))?);
                stack.last_mut().expect("the bottom stays").push(node);
            }
            '"' | '|' => {
                let mut inside = String::new();
                loop {
                    match characters.next() {
                        Some((_, e)) if e == c => break,
                        Some((_, '\\')) if c == '"' => match characters.next() {
                            Some((_, 'n')) => inside.push('\n'),
                            Some((_, 't')) => inside.push('\t'),
                            Some((_, other)) => inside.push(other),
                            None => return Err(wrong("a quote is not closed")),
                        },
                        Some((_, other)) => inside.push(other),
                        None => return Err(wrong("a quote is not closed")),
                    }
                }
                stack.last_mut().expect("the bottom stays").push(if c == '"' {
                    Node::Text(inside)
                } else {
                    Node::Word(inside)
                });
            }
            _ => {
                let ends = |c: char| c.is_ascii_whitespace() || "()[];\"|,".contains(c);
                let rest = &bytes[at..];
                let length =
                    rest.char_indices().skip(1).find(|(_, c)| ends(*c)).map_or(rest.len(), |(i, _)| i);
                while characters.next_if(|(i, _)| *i < at + length).is_some() {}
                stack.last_mut().expect("the bottom stays").push(Node::Word(rest[..length].to_string()));
            }
        }
    }
    if stack.len() != 1 {
        return Err(wrong("a `(` is not closed"));
    }
    Ok(stack.pop().unwrap_or_default())
}

#[derive(Default)]
struct Reader {
    /// VNN-LIB 2.
    tensors: bool,
    networks: Vec<(Vec<Tensor>, Vec<Hidden>)>,
    names: HashMap<String, Tensor>,
    network_names: Vec<String>,
    parts: Vec<Formula>,
    /// The network that is asserted about; which hidden elements and whether outputs are.
    network: Option<usize>,
    hidden_used: Vec<usize>,
    outputs_used: bool,
}

impl Reader {
    fn command(&mut self, node: &Node) -> Result<(), Trouble> {
        let Node::List(list) = node else { return Err(wrong("a command in parentheses is expected")) };
        let Some(Node::Word(name)) = list.first() else { return Err(wrong("a command is expected")) };
        match (name.as_str(), &list[1..]) {
            ("assert", [formula]) => {
                let formula = self.formula(formula, 0)?;
                self.parts.push(formula);
                Ok(())
            }
            ("vnnlib-version", [Node::Word(version)]) if self.names.is_empty() && self.parts.is_empty() => {
                let major = version.trim_start_matches('<').trim_end_matches('>').split('.').next();
                self.tensors = match major {
                    Some("1") => false,
                    Some("2") => true,
                    _ => return Err(Trouble::not_checkable(format!("VNN-LIB {version}"))),
                };
                Ok(())
            }
            ("declare-const", [Node::Word(name), Node::Word(sort)]) => self.scalar(name, sort),
            ("declare-fun", [Node::Word(name), Node::List(none), Node::Word(sort)]) if none.is_empty() => {
                self.scalar(name, sort)
            }
            ("declare-network", [Node::Word(name), parts @ ..]) if self.tensors => self.declare(name, parts),
            (
                "set-logic" | "set-info" | "set-option" | "check-sat" | "get-model" | "get-value" | "exit",
                _,
            ) => Ok(()),
            _ => Err(Trouble::not_checkable(format!("the command `{name}` of the specification"))),
        }
    }

    fn scalar(&mut self, name: &str, sort: &str) -> Result<(), Trouble> {
        if self.tensors || sort != "Real" {
            return Err(wrong(format!("the declaration of `{name}`")));
        }
        let (kind, digits) = match name.split_at_checked(2) {
            Some(("X_", digits)) => (Kind::Input, digits),
            Some(("Y_", digits)) => (Kind::Output, digits),
            _ => return Err(wrong(format!("`{name}` is neither `X_i` nor `Y_j`"))),
        };
        let index: usize = digits.parse().map_err(|_| wrong(format!("`{name}` has no index")))?;
        if index >= MOST_ELEMENTS || digits != index.to_string() {
            return Err(wrong(format!("`{name}` has no index")));
        }
        let tensor = Tensor { network: 0, kind, first: index, shape: Vec::new() };
        if self.names.insert(name.to_string(), tensor).is_some() {
            return Err(wrong(format!("`{name}` is declared twice")));
        }
        Ok(())
    }

    fn declare(&mut self, name: &str, parts: &[Node]) -> Result<(), Trouble> {
        let number = self.networks.len();
        let (mut tensors, mut hidden): (Vec<Tensor>, Vec<Hidden>) = (Vec::new(), Vec::new());
        for part in parts {
            let Node::List(part) = part else { return Err(wrong("a declaration is expected")) };
            match &part[..] {
                [Node::Word(what), Node::Word(_)] if what == "equal-to" || what == "isomorphic-to" => {}
                [Node::Word(what), Node::Word(tensor), Node::Word(_), Node::Indices(shape), rest @ ..] => {
                    let kind = match what.as_str() {
                        "declare-input" => Kind::Input,
                        "declare-output" => Kind::Output,
                        "declare-hidden" => Kind::Hidden,
                        _ => return Err(wrong(format!("`{what}` is no part of a network"))),
                    };
                    let sizes =
                        tensors.iter().filter(|t| t.kind == kind).map(|t| t.shape.iter().product::<usize>());
                    let first = sizes.sum();
                    let size = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).unwrap_or(usize::MAX);
                    if size == 0 || size > MOST_ELEMENTS || first > MOST_ELEMENTS {
                        return Err(wrong(format!("the shape of `{tensor}`")));
                    }
                    if kind == Kind::Hidden {
                        let text = rest
                            .iter()
                            .find_map(|n| if let Node::Text(t) = n { Some(t.clone()) } else { None });
                        hidden.push((
                            first,
                            size,
                            text.ok_or_else(|| wrong(format!("`{tensor}` has no name in the model")))?,
                        ));
                    }
                    let own = Tensor { network: number, kind, first, shape: shape.clone() };
                    tensors.push(own.clone());
                    if self.names.insert(tensor.clone(), own).is_some() {
                        return Err(wrong(format!("`{tensor}` is declared twice")));
                    }
                }
                _ => return Err(wrong("a declaration is not understood")),
            }
        }
        if self.network_names.contains(&name.to_string()) {
            return Err(wrong(format!("`{name}` is declared twice")));
        }
        self.network_names.push(name.to_string());
        self.networks.push((tensors, hidden));
        Ok(())
    }

    fn formula(&mut self, node: &Node, depth: usize) -> Result<Formula, Trouble> {
        let list = match node {
            Node::Word(word) if word == "true" => return Ok(Formula::And(Vec::new())),
            Node::Word(word) if word == "false" => return Ok(Formula::Or(Vec::new())),
            Node::List(list) if depth <= DEEPEST => list,
            _ => return Err(wrong("a formula is expected")),
        };
        let Some((Node::Word(operator), operands)) = list.split_first() else {
            return Err(wrong("an operator is expected"));
        };
        let formulas = |reader: &mut Self| -> Result<Vec<Formula>, Trouble> {
            operands.iter().map(|o| reader.formula(o, depth + 1)).collect()
        };
        Ok(match operator.as_str() {
            "and" => Formula::And(formulas(self)?),
            "or" => Formula::Or(formulas(self)?),
            "not" if operands.len() == 1 => self.formula(&operands[0], depth + 1)?.negated(false),
            "=>" if operands.len() > 1 => {
                let mut all = formulas(self)?;
                let last = all.pop();
                Formula::Or(all.into_iter().map(|f| f.negated(false)).chain(last).collect())
            }
            "<=" | "<" | ">=" | ">" | "=" | "==" | "!=" | "distinct" => {
                let forms = self.terms(operands, depth)?;
                if forms.len() < 2 || (operator == "!=" || operator == "distinct") && forms.len() != 2 {
                    return Err(wrong(format!("`{operator}` has {} operands", forms.len())));
                }
                let pair = |pair: &[Linear]| {
                    let (a, b) = (pair[0].clone(), pair[1].clone());
                    match operator.as_str() {
                        ">=" => Formula::compare(a, b, false, false),
                        ">" => Formula::compare(a, b, true, false),
                        "<=" => Formula::compare(b, a, false, false),
                        "<" => Formula::compare(b, a, true, false),
                        "=" | "==" => Formula::compare(a, b, false, true),
                        _ => Formula::compare(a, b, false, true).negated(false),
                    }
                };
                Formula::And(forms.windows(2).map(pair).collect())
            }
            _ => {
                return Err(Trouble::not_checkable(format!(
                    "the operator `{operator}` of the specification"
                )));
            }
        })
    }

    /// Operands, an index list joined to the name before it.
    fn terms(&mut self, nodes: &[Node], depth: usize) -> Result<Vec<Linear>, Trouble> {
        let mut forms = Vec::new();
        let mut at = 0;
        while at < nodes.len() {
            let indices =
                if let Some(Node::Indices(list)) = nodes.get(at + 1) { Some(list.as_slice()) } else { None };
            forms.push(self.term(&nodes[at], indices, depth)?);
            at += 1 + usize::from(indices.is_some());
        }
        Ok(forms)
    }

    fn term(&mut self, node: &Node, indices: Option<&[usize]>, depth: usize) -> Result<Linear, Trouble> {
        let list = match node {
            Node::Word(word) => return self.operand(word, indices),
            Node::List(list) if indices.is_none() && depth <= DEEPEST => list,
            _ => return Err(wrong("a number or a variable is expected")),
        };
        let Some((Node::Word(operator), operands)) = list.split_first() else {
            return Err(wrong("an operator is expected"));
        };
        let forms = self.terms(operands, depth + 1)?;
        let single = forms.len() == 1;
        let mut rest = forms.into_iter();
        let first = rest.next().ok_or_else(|| wrong(format!("`{operator}` has no operands")))?;
        match operator.as_str() {
            "+" => Ok(rest.fold(first, Linear::plus)),
            "-" if single => Ok(first.times(&-Rational::ONE)),
            "-" => Ok(rest.fold(first, Linear::minus)),
            "*" | "/" => rest.try_fold(first, |product, factor| {
                let divide = operator == "/";
                match (factor.number().cloned(), product.number().cloned()) {
                    (Some(f), _) if divide && f != Rational::ZERO => Ok(product.times(&(Rational::ONE / f))),
                    (Some(f), _) if !divide => Ok(product.times(&f)),
                    (None, Some(p)) if !divide => Ok(factor.times(&p)),
                    _ => Err(Trouble::not_checkable("the specification is not linear")),
                }
            }),
            _ => Err(Trouble::not_checkable(format!("the operator `{operator}` of the specification"))),
        }
    }

    fn operand(&mut self, word: &str, indices: Option<&[usize]>) -> Result<Linear, Trouble> {
        if let Some(tensor) = self.names.get(word) {
            let indices = indices.unwrap_or(&[]);
            if indices.len() != tensor.shape.len() || indices.iter().zip(&tensor.shape).any(|(i, s)| i >= s) {
                return Err(wrong(format!("the indices of `{word}`")));
            }
            let at = tensor.first + indices.iter().zip(&tensor.shape).fold(0, |at, (i, s)| at * s + i);
            if *self.network.get_or_insert(tensor.network) != tensor.network {
                return Err(Trouble::not_checkable("the specification speaks of two networks"));
            }
            return Ok(Linear::variable(match tensor.kind {
                Kind::Input => Variable::Input(at as u32),
                Kind::Output => {
                    self.outputs_used = true;
                    Variable::Output(at as u32)
                }
                Kind::Hidden => {
                    self.hidden_used.push(at);
                    Variable::Output(at as u32)
                }
            }));
        }
        let number = if indices.is_none() && !word.contains('/') { parse_number(word) } else { None };
        number.map(Linear::constant).ok_or_else(|| wrong(format!("`{word}` is not declared, and no number")))
    }

    fn finish(mut self) -> Result<Specification, Trouble> {
        let formula = Formula::And(std::mem::take(&mut self.parts));
        let network = self.network.unwrap_or(0);
        if !self.tensors {
            let count = |kind: Kind| self.names.values().filter(|t| t.kind == kind).count();
            let least = |kind: Kind| {
                self.names.values().filter(|t| t.kind == kind).map(|t| t.first + 1).max().unwrap_or(0)
            };
            let (inputs, outputs) = (count(Kind::Input), count(Kind::Output));
            if (inputs, outputs) != (least(Kind::Input), least(Kind::Output)) {
                return Err(wrong("a variable is left out"));
            }
            return Ok(Specification { inputs, outputs, formula, hidden: Vec::new() });
        }
        let (tensors, hidden) = self.networks.get(network).ok_or_else(|| wrong("no network is declared"))?;
        let size = |kind: Kind| {
            tensors
                .iter()
                .filter(|t| t.kind == kind)
                .map(|t| t.shape.iter().product::<usize>())
                .sum::<usize>()
        };
        if self.hidden_used.is_empty() {
            return Ok(Specification {
                inputs: size(Kind::Input),
                outputs: size(Kind::Output),
                formula,
                hidden: Vec::new(),
            });
        }
        // Hidden tensors stand for the outputs where all of them are asserted about and no output is.
        let used = |h: &Hidden| self.hidden_used.iter().any(|&at| h.0 <= at && at < h.0 + h.1);
        if self.outputs_used || !hidden.iter().all(used) {
            return Err(Trouble::not_checkable(
                "the specification speaks of some hidden tensors, or of outputs beside them",
            ));
        }
        let names = hidden.iter().map(|(_, _, name)| name.clone()).collect();
        Ok(Specification { inputs: size(Kind::Input), outputs: size(Kind::Hidden), formula, hidden: names })
    }
}
