//! The `--where` language: linear conditions as one writes them.
//!
//! ```text
//! y0 >= y1 && y2 in [0.2, 0.4] || argmax == 3
//! 0 <= 2*y0 - y1/4 <= 1
//! !(lift < 0.5)
//! ```
//!
//! `&&` binds tighter than `||`, `!` tighter than both. Comparisons chain. `<` and `>` are read as
//! closed, and so is what `!` makes of a condition. `argmax == k` says that no output exceeds
//! output k, `argmax != k` that another one reaches it. Arithmetic is linear and exact.

mod arithmetic;
mod lexer;
mod vocabulary;

use netinverse_base::{Error, Result};

pub use vocabulary::Vocabulary;

use crate::linear::Oversized;
use crate::text::place;
use crate::{Formula, Linear, Rational, Relation, Variable};
use lexer::{Token, tokens};

/// How deeply parentheses and signs may nest.
const MAX_DEPTH: usize = 64;
/// How long an expression may be; far beyond what is written by hand.
const MAX_LENGTH: usize = 1 << 22;

/// Reads a condition such as `y0 >= y1 && y2 in [0.2, 0.4]`; errors say line and column.
///
/// ```
/// use netinverse_spec::{Vocabulary, parse_where};
/// let condition = parse_where("y0 >= 2*y1 || argmax == 2", &Vocabulary::outputs(3)).unwrap();
/// assert_eq!(condition.holds(&[], &[1.0, 0.5, 0.0]), Some(true));
/// assert_eq!(condition.holds(&[], &[1.0, 0.6, 0.0]), Some(false));
/// let error = parse_where("y0 >= 1 && y5 <= 2", &Vocabulary::outputs(3)).unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 12: `y5` is out of range: there are 3 outputs, `y0` to `y2`");
/// ```
pub fn parse_where(text: &str, vocabulary: &Vocabulary) -> Result<Formula> {
    let mut parser = Parser::new(text, vocabulary)?;
    let (value, offset) = parser.or()?;
    parser.expect_end()?;
    match value {
        Value::Condition { formula, .. } => Ok(formula.closed()),
        Value::Form(_) | Value::Winner(_) => {
            let error = Error::input("a condition is expected, this is a value");
            Err(parser.error(error.hint("compare it: `y0 >= 0.5`, `argmax == 3`"), offset))
        }
    }
}

/// Reads a linear form such as `y0 - 2*y1` (for `--maximize`); errors say line and column.
pub fn parse_linear(text: &str, vocabulary: &Vocabulary) -> Result<Linear> {
    let mut parser = Parser::new(text, vocabulary)?;
    let (value, offset) = parser.or()?;
    parser.expect_end()?;
    match value {
        Value::Form(form) if form.as_constant().is_some() => {
            Err(parser.error(Error::input("a constant, an expression with variables is expected"), offset))
        }
        Value::Form(form) if form.is_in_range() => Ok(form),
        Value::Form(_) => Err(parser.oversized(offset)),
        Value::Condition { .. } | Value::Winner(_) => {
            let error = Error::input("a linear expression is expected, this is a condition");
            Err(parser.error(error.hint("for example `y0 - 2*y1`"), offset))
        }
    }
}

/// Which output wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Winner {
    Largest,
    Smallest,
}

enum Value {
    Form(Linear),
    Winner(Winner),
    Condition {
        formula: Formula,
        /// Whether an equality is inside: the closed complement of one is everything.
        equality: bool,
    },
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token<'a>, usize)>,
    position: usize,
    depth: usize,
    vocabulary: &'a Vocabulary,
}

/// A value and the offset at which its text begins.
type Placed = (Value, usize);

impl<'a> Parser<'a> {
    fn new(text: &'a str, vocabulary: &'a Vocabulary) -> Result<Self> {
        vocabulary.check()?;
        if text.len() > MAX_LENGTH {
            return Err(Error::unsupported(format!("the expression is longer than {MAX_LENGTH} bytes")));
        }
        if text.trim().is_empty() {
            return Err(Error::input("the expression is empty").hint("for example `y0 >= 0.5`"));
        }
        Ok(Parser { text, tokens: tokens(text)?, position: 0, depth: 0, vocabulary })
    }

    fn error(&self, error: Error, offset: usize) -> Error {
        error.at(place(self.text, offset))
    }

    fn oversized(&self, offset: usize) -> Error {
        let error = Error::unsupported("the numbers of this expression grow out of the range of a double");
        self.error(error, offset)
    }

    fn peek(&self) -> (&Token<'a>, usize) {
        let (token, offset) = &self.tokens[self.position.min(self.tokens.len() - 1)];
        (token, *offset)
    }

    fn next(&mut self) -> (Token<'a>, usize) {
        let (token, offset) = self.peek();
        let taken = (token.clone(), offset);
        self.position += 1;
        taken
    }

    /// Takes one of the signs if it comes next.
    fn take(&mut self, signs: &[&str]) -> Option<&'static str> {
        match self.peek().0 {
            Token::Sign(sign) if signs.contains(sign) => {
                let sign = *sign;
                self.position += 1;
                Some(sign)
            }
            _ => None,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.take(&[sign]).is_some() {
            return Ok(());
        }
        let (token, offset) = self.peek();
        let error = Error::input(format!("`{sign}` is expected, not {}", token.describe()));
        Err(self.error(error, offset))
    }

    fn expect_end(&self) -> Result<()> {
        let (token, offset) = self.peek();
        let error = match token {
            Token::End => return Ok(()),
            Token::Name(name @ ("and" | "or" | "not")) => {
                let sign = match *name {
                    "and" => "&&",
                    "or" => "||",
                    _ => "!",
                };
                Error::input(format!("`{name}` is not expected here")).hint(format!("write `{sign}`"))
            }
            Token::Name(_) | Token::Number(_) => {
                Error::input(format!("{} is not expected here", token.describe()))
                    .hint("write products with `*`: `2*y0`, and join conditions with `&&` or `||`")
            }
            _ => Error::input(format!("{} is not expected here", token.describe())),
        };
        Err(self.error(error, offset))
    }

    fn descend(&mut self, offset: usize) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(Error::unsupported("the expression nests too deeply"), offset));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Placed> {
        self.join("||", Formula::any, Self::and)
    }

    fn and(&mut self) -> Result<Placed> {
        self.join("&&", Formula::all, Self::not)
    }

    fn join(
        &mut self,
        sign: &str,
        joined: fn(Vec<Formula>) -> Formula,
        operand: fn(&mut Self) -> Result<Placed>,
    ) -> Result<Placed> {
        let (first, start) = operand(self)?;
        if *self.peek().0 != Token::Sign(if sign == "&&" { "&&" } else { "||" }) {
            return Ok((first, start));
        }
        let (formula, mut any_equality) = self.condition(first, start)?;
        let mut parts = vec![formula];
        while self.take(&[sign]).is_some() {
            let (value, offset) = operand(self)?;
            let (formula, equality) = self.condition(value, offset)?;
            any_equality |= equality;
            parts.push(formula);
        }
        Ok((Value::Condition { formula: joined(parts), equality: any_equality }, start))
    }

    fn not(&mut self) -> Result<Placed> {
        let offset = self.peek().1;
        if self.take(&["!"]).is_none() {
            return self.comparison();
        }
        self.descend(offset)?;
        let (value, inner) = self.not()?;
        self.depth -= 1;
        let (formula, equality) = self.condition(value, inner)?;
        if equality {
            return Err(self.error(everything("the complement of an equality"), offset));
        }
        Ok((Value::Condition { formula: formula.negated(), equality: false }, offset))
    }

    fn condition(&self, value: Value, offset: usize) -> Result<(Formula, bool)> {
        match value {
            Value::Condition { formula, equality } => Ok((formula, equality)),
            Value::Form(_) | Value::Winner(_) => {
                let error = Error::input("a condition is expected, this is a value");
                Err(self.error(error.hint("compare it: `y0 >= 0.5`, `argmax == 3`"), offset))
            }
        }
    }

    fn comparison(&mut self) -> Result<Placed> {
        const RELATIONS: [&str; 6] = ["<=", "<", ">=", ">", "==", "!="];
        let (mut left, start) = self.sum()?;
        if *self.peek().0 == Token::Word("in") {
            let offset = self.next().1;
            return self.interval(left, start, offset);
        }
        let mut parts = Vec::new();
        let mut any_equality = false;
        loop {
            let sign_offset = self.peek().1;
            let Some(sign) = self.take(&RELATIONS) else { break };
            let (right, offset) = self.sum()?;
            match (left, right) {
                (Value::Winner(winner), Value::Form(form)) => {
                    let formula = self.winner(winner, sign, sign_offset, &form, offset)?;
                    return Ok((Value::Condition { formula, equality: false }, start));
                }
                (Value::Form(form), Value::Winner(winner)) => {
                    let formula = self.winner(winner, sign, sign_offset, &form, start)?;
                    return Ok((Value::Condition { formula, equality: false }, start));
                }
                (Value::Form(a), Value::Form(b)) => {
                    let relation = match sign {
                        "<=" | "<" => Relation::LessEqual,
                        ">=" | ">" => Relation::GreaterEqual,
                        "==" => Relation::Equal,
                        _ => return Err(self.error(everything("`!=` between values"), sign_offset)),
                    };
                    let formula = Formula::compare(a, relation, b.clone());
                    parts.push(formula.map_err(|_| self.oversized(sign_offset))?);
                    any_equality |= sign == "==";
                    left = Value::Form(b);
                }
                _ => {
                    let error = Error::input("only values can be compared, this is a condition");
                    return Err(self.error(error.hint("join conditions with `&&` or `||`"), offset));
                }
            }
        }
        if parts.is_empty() {
            return Ok((left, start));
        }
        Ok((Value::Condition { formula: Formula::all(parts), equality: any_equality }, start))
    }

    /// `form in [lo, hi]`, after `in`.
    fn interval(&mut self, value: Value, start: usize, offset: usize) -> Result<Placed> {
        let Value::Form(form) = value else {
            let error = Error::input("only a linear expression can be in an interval");
            return Err(self.error(error.hint("write `argmax == 1 || argmax == 2`"), start));
        };
        self.expect("[")?;
        let low_offset = self.peek().1;
        let low = self.linear()?;
        self.expect(",")?;
        let high = self.linear()?;
        self.expect("]")?;
        if let (Some(lo), Some(hi)) = (low.as_constant(), high.as_constant())
            && lo > hi
        {
            let error = Error::input(format!("the interval [{lo}, {hi}] is empty"));
            return Err(self.error(error.hint("write the lower end first"), low_offset));
        }
        let equality = low == high;
        let oversized = |_: Oversized| self.oversized(offset);
        let above = Formula::compare(form.clone(), Relation::GreaterEqual, low).map_err(oversized)?;
        let below = Formula::compare(form, Relation::LessEqual, high).map_err(oversized)?;
        Ok((Value::Condition { formula: Formula::all(vec![above, below]), equality }, start))
    }

    fn linear(&mut self) -> Result<Linear> {
        let (value, offset) = self.sum()?;
        match value {
            Value::Form(form) => Ok(form),
            _ => Err(self.error(Error::input("a number or linear expression is expected"), offset)),
        }
    }

    /// `argmax == k`, `argmax != k`, and the same for `argmin`.
    fn winner(
        &self,
        winner: Winner,
        sign: &str,
        sign_offset: usize,
        form: &Linear,
        offset: usize,
    ) -> Result<Formula> {
        let count = self.vocabulary.output_count();
        let name = if winner == Winner::Largest { "argmax" } else { "argmin" };
        if sign != "==" && sign != "!=" {
            let error = Error::input(format!("`{name}` can be `==` or `!=` an output, not `{sign}`"));
            return Err(self.error(error.hint(format!("write `{name} == 1 || {name} == 2`")), sign_offset));
        }
        // An output's own name says its index too.
        let chosen = match form.terms() {
            [] => form.constant().as_index(),
            [(Variable::Output(i), c)] if *c == Rational::ONE && form.constant().is_zero() => {
                Some(*i as usize)
            }
            _ => None,
        };
        let Some(chosen) = chosen else {
            let error =
                Error::input(format!("`{name}` is compared with something that is no output's index"));
            return Err(self.error(error.hint(format!("write `{name} == 3` or `{name} == y3`")), offset));
        };
        if chosen >= count {
            let error = Error::input(format!(
                "`{name} {sign} {chosen}`: the network has {count} outputs, counted from 0"
            ));
            return Err(self.error(error, offset));
        }
        let (chosen, count) = (chosen as u32, count as u32);
        let beats = |a: u32, b: u32| {
            let (larger, smaller) = if winner == Winner::Largest { (a, b) } else { (b, a) };
            let (larger, smaller) = (Variable::Output(larger), Variable::Output(smaller));
            Formula::compare(Linear::variable(larger), Relation::GreaterEqual, Linear::variable(smaller))
                .map_err(|_| self.oversized(offset))
        };
        let others = (0..count).filter(|&j| j != chosen);
        Ok(if sign == "==" {
            Formula::all(others.map(|j| beats(chosen, j)).collect::<Result<_>>()?)
        } else {
            Formula::any(others.map(|j| beats(j, chosen)).collect::<Result<_>>()?)
        })
    }
}

fn everything(what: &str) -> Error {
    Error::unsupported(format!("{what} leaves out a set without volume, and conditions are read as closed"))
        .hint("leave out an interval instead: `y0 <= 0.9 || y0 >= 1.1`")
}
