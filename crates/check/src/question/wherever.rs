//! The `--where` language: `y0 >= y1 && y2 in [0.2, 0.4] || argmax == 3`; `<` and `>` are read as closed.

use super::formula::Formula;
use super::linear::Linear;
use crate::Trouble;
use crate::kernel::{Rational, Variable, parse_number};

const DEEPEST: usize = 200;

fn wrong(what: impl std::fmt::Display) -> Trouble {
    Trouble::input(format!("condition: {what}"))
}

enum Value {
    Form(Linear),
    Formula(Formula),
    /// `argmax` (true) or `argmin`.
    Winner(bool),
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
    depth: usize,
    inputs: usize,
    outputs: usize,
}

pub(super) fn read(text: &str, inputs: usize, outputs: usize) -> Result<Formula, Trouble> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, inputs, outputs };
    let formula = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(wrong(format!("`{}` is not expected", parser.tokens[parser.at])));
    }
    condition(formula)
}

fn tokens(text: &str) -> Result<Vec<String>, Trouble> {
    const SIGNS: [(&str, &str); 28] = [
        ("&&", "&&"),
        ("||", "||"),
        ("<=", "<="),
        (">=", ">="),
        ("==", "=="),
        ("!=", "!="),
        ("≤", "<="),
        ("≥", ">="),
        ("≠", "!="),
        ("∧", "&&"),
        ("∨", "||"),
        ("¬", "!"),
        ("−", "-"),
        ("·", "*"),
        ("∈", "in"),
        ("<", "<="),
        (">", ">="),
        ("=", "=="),
        ("!", "!"),
        ("+", "+"),
        ("-", "-"),
        ("*", "*"),
        ("/", "/"),
        ("(", "("),
        (")", ")"),
        ("[", "["),
        ("]", "]"),
        (",", ","),
    ];
    let (mut list, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let bytes = rest.as_bytes();
        let length = if first.is_ascii_digit() || first == '.' {
            let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
            let mut end = digits(0);
            if bytes.get(end) == Some(&b'.') {
                end = digits(end + 1);
            }
            if matches!(bytes.get(end), Some(b'e' | b'E')) {
                let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                let last = digits((end + 1 + sign).min(bytes.len()));
                end = if last > end + 1 + sign { last } else { end };
            }
            list.push(rest[..end].to_string());
            end
        } else if first.is_alphabetic() || first == '_' {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
            list.push(rest[..end].to_string());
            end
        } else if let Some((sign, plain)) = SIGNS.iter().find(|(s, _)| rest.starts_with(s)) {
            list.push((*plain).to_string());
            sign.len()
        } else {
            return Err(wrong(format!("the character `{first}`")));
        };
        rest = rest[length..].trim_start();
    }
    Ok(list)
}

fn condition(value: Value) -> Result<Formula, Trouble> {
    if let Value::Formula(formula) = value { Ok(formula) } else { Err(wrong("a condition is expected")) }
}

fn form(value: Value) -> Result<Linear, Trouble> {
    if let Value::Form(form) = value { Ok(form) } else { Err(wrong("a value is expected")) }
}

impl Parser {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self, signs: &[&str]) -> Option<String> {
        let found = signs.contains(&self.peek()).then(|| self.peek().to_string())?;
        self.at += 1;
        Some(found)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Trouble> {
        self.take(&[sign])
            .map(|_| ())
            .ok_or_else(|| wrong(format!("`{sign}` is expected, not `{}`", self.peek())))
    }

    fn or(&mut self) -> Result<Value, Trouble> {
        self.joined("||", Self::and, Formula::Or)
    }

    fn and(&mut self) -> Result<Value, Trouble> {
        self.joined("&&", Self::not, Formula::And)
    }

    fn joined(
        &mut self,
        sign: &str,
        operand: fn(&mut Self) -> Result<Value, Trouble>,
        join: fn(Vec<Formula>) -> Formula,
    ) -> Result<Value, Trouble> {
        let first = operand(self)?;
        if self.peek() != sign {
            return Ok(first);
        }
        let mut parts = vec![condition(first)?];
        while self.take(&[sign]).is_some() {
            parts.push(condition(operand(self)?)?);
        }
        Ok(Value::Formula(join(parts)))
    }

    fn not(&mut self) -> Result<Value, Trouble> {
        if self.take(&["!"]).is_none() {
            return self.comparison();
        }
        self.deeper()?;
        let inner = condition(self.not()?)?;
        self.depth -= 1;
        Ok(Value::Formula(inner.negated(true)))
    }

    fn deeper(&mut self) -> Result<(), Trouble> {
        self.depth += 1;
        if self.depth > DEEPEST {
            Err(Trouble::not_checkable("the condition nests too deeply"))
        } else {
            Ok(())
        }
    }

    fn comparison(&mut self) -> Result<Value, Trouble> {
        let mut left = self.sum()?;
        let mut parts = Vec::new();
        loop {
            if self.take(&["in"]).is_some() {
                let own = form(left)?;
                self.expect("[")?;
                let low = form(self.sum()?)?;
                self.expect(",")?;
                let high = form(self.sum()?)?;
                self.expect("]")?;
                parts.push(Formula::compare(own.clone(), low, false, false));
                parts.push(Formula::compare(high, own, false, false));
                return Ok(Value::Formula(Formula::And(parts)));
            }
            let Some(sign) = self.take(&["<=", ">=", "==", "!="]) else { break };
            let right = self.sum()?;
            match (left, right) {
                (Value::Winner(largest), Value::Form(form)) | (Value::Form(form), Value::Winner(largest)) => {
                    return Ok(Value::Formula(self.winner(largest, &sign, &form)?));
                }
                (Value::Form(a), Value::Form(b)) => {
                    parts.push(match sign.as_str() {
                        ">=" => Formula::compare(a, b.clone(), false, false),
                        "<=" => Formula::compare(b.clone(), a, false, false),
                        "==" => Formula::compare(a, b.clone(), false, true),
                        _ => return Err(wrong("`!=` leaves out a set without volume")),
                    });
                    left = Value::Form(b);
                }
                _ => return Err(wrong("only values can be compared")),
            }
        }
        Ok(if parts.is_empty() { left } else { Value::Formula(Formula::And(parts)) })
    }

    fn winner(&self, largest: bool, sign: &str, form: &Linear) -> Result<Formula, Trouble> {
        let index = match form.number() {
            Some(number) => (0..self.outputs).find(|&j| Rational::from(j) == *number),
            None => form.terms.keys().next().and_then(|v| match v {
                Variable::Output(j) if *form == Linear::variable(*v) => Some(*j as usize),
                _ => None,
            }),
        };
        let chosen = index.ok_or_else(|| wrong("argmax and argmin are compared with an output's index"))?;
        let output = |j: usize| Linear::variable(Variable::Output(j as u32));
        let beats = |a: usize, b: usize| {
            let (a, b) = if largest { (a, b) } else { (b, a) };
            Formula::compare(output(a), output(b), false, false)
        };
        let others = (0..self.outputs).filter(|&j| j != chosen);
        match sign {
            "==" => Ok(Formula::And(others.map(|j| beats(chosen, j)).collect())),
            "!=" => Ok(Formula::Or(others.map(|j| beats(j, chosen)).collect())),
            _ => Err(wrong("argmax and argmin are `==` or `!=` an output")),
        }
    }

    fn sum(&mut self) -> Result<Value, Trouble> {
        let mut left = self.product()?;
        while let Some(sign) = self.take(&["+", "-"]) {
            let (a, b) = (form(left)?, form(self.product()?)?);
            left = Value::Form(if sign == "+" { a.plus(b) } else { a.minus(b) });
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Value, Trouble> {
        let mut left = self.unary()?;
        while let Some(sign) = self.take(&["*", "/"]) {
            let (a, b) = (form(left)?, form(self.unary()?)?);
            left = Value::Form(match (sign.as_str(), a.number().cloned(), b.number().cloned()) {
                ("*", _, Some(f)) => a.times(&f),
                ("*", Some(f), None) => b.times(&f),
                ("/", _, Some(f)) if f != Rational::ZERO => a.times(&(Rational::ONE / f)),
                _ => return Err(Trouble::not_checkable("the condition is not linear")),
            });
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Value, Trouble> {
        let Some(sign) = self.take(&["-", "+"]) else { return self.primary() };
        self.deeper()?;
        let inner = form(self.unary()?)?;
        self.depth -= 1;
        Ok(Value::Form(if sign == "-" { inner.times(&-Rational::ONE) } else { inner }))
    }

    fn primary(&mut self) -> Result<Value, Trouble> {
        if self.take(&["("]).is_some() {
            self.deeper()?;
            let inner = self.or()?;
            self.depth -= 1;
            self.expect(")")?;
            return Ok(inner);
        }
        let token = self.peek().to_string();
        self.at += 1;
        if token == "argmax" || token == "argmin" {
            return Ok(Value::Winner(token == "argmax"));
        }
        if let Some(number) = parse_number(&token) {
            return Ok(Value::Form(Linear::constant(number)));
        }
        let index = |prefix: char, count: usize| {
            let digits = token.strip_prefix(prefix)?;
            digits.parse::<usize>().ok().filter(|&i| i < count && digits == i.to_string())
        };
        if let Some(i) = index('x', self.inputs) {
            return Ok(Value::Form(Linear::variable(Variable::Input(i as u32))));
        }
        if let Some(j) = index('y', self.outputs) {
            return Ok(Value::Form(Linear::variable(Variable::Output(j as u32))));
        }
        Err(wrong(if token.is_empty() {
            "it ends too early".to_string()
        } else {
            format!("`{token}` is no variable of the network")
        }))
    }
}
