//! Assertions: prefix expressions, read with an explicit stack, so that nesting costs no call stack.

use std::collections::HashMap;

use netinverse_base::{Error, Result};

use super::declarations::Symbol;
use super::lexer::{Lexer, Token};
use crate::linear::Oversized;
use crate::rational::NumberError;
use crate::text::nearest_name;
use crate::{Formula, Linear, Rational, Relation};

/// How deeply expressions may nest; arithmetic may use all of it, "and" and "or" as much as
/// [`Formula::MAX_DEPTH`].
const MAX_DEPTH: usize = 4096;

/// Reads the assertions of one file.
pub(super) struct Assertions {
    /// What may be named.
    pub(super) symbols: HashMap<String, Symbol>,
    /// Whether tensors are indexed, `X[0,1]` (VNN-LIB 2.0).
    pub(super) indexed: bool,
    /// The network whose variables the assertions have named so far.
    pub(super) network: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Not,
    Implies,
    Compare(Relation),
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    fn of(symbol: &str) -> Option<Self> {
        Some(match symbol {
            "and" => Operator::And,
            "or" => Operator::Or,
            "not" => Operator::Not,
            "=>" => Operator::Implies,
            "<=" => Operator::Compare(Relation::LessEqual),
            "<" => Operator::Compare(Relation::Less),
            ">=" => Operator::Compare(Relation::GreaterEqual),
            ">" => Operator::Compare(Relation::Greater),
            "=" | "==" => Operator::Compare(Relation::Equal),
            "!=" | "distinct" => Operator::Compare(Relation::NotEqual),
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            _ => return None,
        })
    }

    fn joins_formulas(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::Not | Operator::Implies)
    }
}

/// An operator whose operands are being read.
struct Frame<'a> {
    operator: Operator,
    symbol: &'a str,
    /// Where its parenthesis and its symbol stand.
    start: usize,
    offset: usize,
    /// The operands so far: formulas for and, or, not, =>; forms, with their offsets, for the rest.
    formulas: Vec<Formula>,
    forms: Vec<(Linear, usize)>,
}

enum Value {
    Formula(Formula),
    Form(Linear),
}

impl Assertions {
    pub(super) fn new(indexed: bool) -> Self {
        Assertions { symbols: HashMap::new(), indexed, network: None }
    }

    /// Reads the formula of `(assert …`, up to but not including the closing parenthesis.
    pub(super) fn read(&mut self, lexer: &mut Lexer<'_>) -> Result<Formula> {
        let mut stack: Vec<Frame<'_>> = Vec::new();
        let mut boolean_depth = 0;
        loop {
            let (token, offset) = lexer.next()?;
            let (value, offset) = match token {
                Token::Open => {
                    let frame = open(lexer, offset)?;
                    boolean_depth += usize::from(frame.operator.joins_formulas());
                    if stack.len() >= MAX_DEPTH || boolean_depth > Formula::MAX_DEPTH {
                        let error = Error::unsupported("the expression nests too deeply")
                            .hint("`and`, `or`, `+` and `*` take any number of operands side by side");
                        return Err(lexer.error(error, offset));
                    }
                    stack.push(frame);
                    continue;
                }
                Token::Close => {
                    let Some(frame) = stack.pop() else {
                        let error = Error::input("a formula is missing")
                            .hint("an assertion is `(assert (<= X_0 0.5))`");
                        return Err(lexer.error(error, offset));
                    };
                    boolean_depth -= usize::from(frame.operator.joins_formulas());
                    let start = frame.start;
                    (frame.reduce(lexer)?, start)
                }
                Token::Symbol(symbol) => (self.operand(symbol, offset, lexer)?, offset),
                other => {
                    let opened =
                        stack.last().map_or(String::new(), |frame| format!(" inside `({} …`", frame.symbol));
                    let error = Error::input(format!("{} is not expected here{opened}", other.describe()))
                        .hint("check that every `(` has its `)`");
                    return Err(lexer.error(error, offset));
                }
            };
            match (stack.last_mut(), value) {
                (None, Value::Formula(formula)) => return Ok(formula),
                (None, Value::Form(_)) => {
                    let error = Error::input("a comparison is expected, this is a number")
                        .hint("an assertion is `(assert (<= X_0 0.5))`");
                    return Err(lexer.error(error, offset));
                }
                (Some(frame), value) => frame.push(value, offset, lexer)?,
            }
        }
    }

    /// A number, a variable, `true` or `false`.
    fn operand(&mut self, symbol: &str, offset: usize, lexer: &mut Lexer<'_>) -> Result<Value> {
        let unsigned = symbol.strip_prefix(['+', '-']).unwrap_or(symbol);
        if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            let number = Rational::parse(symbol).ok().filter(Rational::is_in_range);
            return number.map(|n| Value::Form(Linear::constant_form(n))).ok_or_else(|| {
                let reason = Rational::parse(symbol).err().unwrap_or(NumberError::OutOfRange);
                lexer.error(Error::input(reason.describe(symbol)), offset)
            });
        }
        match symbol {
            "true" => return Ok(Value::Formula(Formula::truth())),
            "false" => return Ok(Value::Formula(Formula::falsehood())),
            _ => {}
        }
        let Some(found) = self.symbols.get(symbol) else {
            return Err(lexer.error(self.unknown(symbol), offset));
        };
        let found = found.clone();
        if *self.network.get_or_insert(found.network) != found.network {
            let error = Error::unsupported(format!("`{symbol}` belongs to a second network"))
                .hint("netinverse answers about one network: assert about the variables of one only");
            return Err(lexer.error(error, offset));
        }
        let indices = if self.indexed { indices(lexer)? } else { Vec::new() };
        let flat = found.element(&indices).map_err(|error| {
            lexer
                .error(Error::new(error.kind(), format!("`{symbol}`: {}", error.message())), offset)
                .hint(error.hints().first().cloned().unwrap_or_default())
        })?;
        Ok(Value::Form(Linear::variable(found.kind.variable(flat))))
    }

    fn unknown(&self, symbol: &str) -> Error {
        let shown: String = symbol.chars().take(40).collect();
        if Operator::of(symbol).is_some() {
            return Error::input(format!("the operator `{shown}` stands where a value is expected"))
                .hint("operators come first, in parentheses: `(+ X_0 1)`");
        }
        let error = Error::input(format!("`{shown}` is not declared"));
        let mut names: Vec<&str> = self.symbols.keys().map(String::as_str).collect();
        names.sort_unstable();
        match nearest_name(symbol, names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if self.indexed => error.hint("declare it in a `declare-network` above"),
            None => error.hint("declare it above: `(declare-const X_0 Real)`"),
        }
    }
}

/// The operator after `(`.
fn open<'a>(lexer: &mut Lexer<'a>, start: usize) -> Result<Frame<'a>> {
    let (token, offset) = lexer.next()?;
    let Token::Symbol(symbol) = token else {
        let error = Error::input(format!("an operator is expected after `(`, not {}", token.describe()));
        return Err(lexer.error(error, offset));
    };
    let Some(operator) = Operator::of(symbol) else {
        let known = ["let", "ite", "forall", "exists", "xor", "div", "mod", "abs", "^", "max", "min"];
        let shown: String = symbol.chars().take(40).collect();
        let error = if known.contains(&symbol) {
            Error::unsupported(format!("the operator `{shown}` is not supported"))
        } else {
            Error::input(format!("`{shown}` is not an operator"))
        };
        let hint = "the operators are and, or, not, =>, <=, <, >=, >, =, ==, !=, +, -, *, / by a constant";
        return Err(lexer.error(error.hint(hint), offset));
    };
    Ok(Frame { operator, symbol, start, offset, formulas: Vec::new(), forms: Vec::new() })
}

/// `[0,1]` if it is there.
fn indices(lexer: &mut Lexer<'_>) -> Result<Vec<usize>> {
    if lexer.peek()?.0 == Token::OpenBracket { integers(lexer) } else { Ok(Vec::new()) }
}

/// `[`, integers from 0 on separated by commas, `]`; possibly none.
pub(super) fn integers(lexer: &mut Lexer<'_>) -> Result<Vec<usize>> {
    const MAX_AXES: usize = 64;
    let mut list = Vec::new();
    let (token, offset) = lexer.next()?;
    if token != Token::OpenBracket {
        let error = Error::input(format!("`[` is expected, not {}", token.describe()))
            .hint("a shape is `[1,5]`, and `[]` for a scalar");
        return Err(lexer.error(error, offset));
    }
    if lexer.peek()?.0 == Token::CloseBracket {
        lexer.next()?;
        return Ok(list);
    }
    loop {
        let (token, offset) = lexer.next()?;
        let number = match token {
            Token::Symbol(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number.filter(|_| list.len() < MAX_AXES) else {
            let error = Error::input(format!("an integer from 0 on is expected, not {}", token.describe()));
            return Err(lexer.error(error, offset));
        };
        list.push(number);
        match lexer.next()? {
            (Token::Comma, _) => {}
            (Token::CloseBracket, _) => return Ok(list),
            (other, offset) => {
                let error = Error::input(format!("`,` or `]` is expected, not {}", other.describe()));
                return Err(lexer.error(error, offset));
            }
        }
    }
}

impl Frame<'_> {
    fn push(&mut self, value: Value, offset: usize, lexer: &Lexer<'_>) -> Result<()> {
        let fault = match (value, self.operator.joins_formulas()) {
            (Value::Formula(formula), true) => {
                self.formulas.push(formula);
                return Ok(());
            }
            (Value::Form(form), false) => {
                self.forms.push((form, offset));
                return Ok(());
            }
            (Value::Formula(_), false) => format!("`{}` works on numbers, this is a formula", self.symbol),
            (Value::Form(_), true) => format!("`{}` works on formulas, this is a number", self.symbol),
        };
        let error = Error::input(fault).hint("for example `(and (<= X_0 1) (>= Y_0 (+ Y_1 0.5)))`");
        Err(lexer.error(error, offset))
    }

    /// The value of the operator on its operands.
    fn reduce(self, lexer: &Lexer<'_>) -> Result<Value> {
        let given = self.formulas.len() + self.forms.len();
        let (least, most) = match self.operator {
            Operator::Not => (1, 1),
            Operator::Implies | Operator::Compare(_) | Operator::Divide => (2, usize::MAX),
            _ => (1, usize::MAX),
        };
        if given < least || given > most {
            let expected = if most == least { format!("{least}") } else { format!("at least {least}") };
            let error = Error::input(format!("`{}` takes {expected} operands, {given} given", self.symbol));
            return Err(lexer.error(error, self.offset));
        }
        let offset = self.offset;
        let oversized = |_: Oversized| {
            let error =
                Error::unsupported("the numbers of this expression grow out of the range of a double");
            lexer.error(error, offset)
        };
        let mut formulas = self.formulas;
        Ok(match self.operator {
            Operator::And => Value::Formula(Formula::all(formulas)),
            Operator::Or => Value::Formula(Formula::any(formulas)),
            Operator::Not => Value::Formula(formulas.swap_remove(0).negated()),
            Operator::Implies => {
                // a => b => c is a => (b => c): any premise fails, or the conclusion holds.
                let conclusion = formulas.pop();
                let mut any: Vec<Formula> = formulas.into_iter().map(Formula::negated).collect();
                any.extend(conclusion);
                Value::Formula(Formula::any(any))
            }
            Operator::Compare(Relation::NotEqual) if self.forms.len() > 2 => {
                let error = Error::unsupported(format!("`{}` of more than two values", self.symbol))
                    .hint("write each pair: `(and (!= a b) (!= b c) (!= a c))`");
                return Err(lexer.error(error, offset));
            }
            Operator::Compare(relation) => {
                let pairs = self.forms.windows(2);
                let parts = pairs.map(|p| Formula::compare(p[0].0.clone(), relation, p[1].0.clone()));
                Value::Formula(Formula::all(parts.collect::<Result<_, _>>().map_err(oversized)?))
            }
            Operator::Add => {
                Value::Form(Linear::sum(self.forms.into_iter().map(|(f, _)| f)).map_err(oversized)?)
            }
            Operator::Subtract => {
                let single = self.forms.len() == 1;
                let signed = self.forms.into_iter().enumerate();
                let signed = signed.map(|(i, (f, _))| if i > 0 || single { f.negated() } else { f });
                Value::Form(Linear::sum(signed).map_err(oversized)?)
            }
            Operator::Multiply | Operator::Divide => {
                Value::Form(product(self.forms, self.operator == Operator::Divide, lexer, oversized)?)
            }
        })
    }
}

/// The product of the operands, or the first divided by the others; linear only if all but one of
/// them (all but the first) are constant.
fn product(
    forms: Vec<(Linear, usize)>,
    divide: bool,
    lexer: &Lexer<'_>,
    oversized: impl Fn(Oversized) -> Error + Copy,
) -> Result<Linear> {
    let mut operands = forms.into_iter();
    let Some((mut product, _)) = operands.next() else { return Ok(Linear::constant_form(Rational::ONE)) };
    for (form, offset) in operands {
        if let Some(factor) = form.as_constant() {
            let factor = if divide { factor.reciprocal() } else { Some(factor.clone()) };
            let Some(factor) = factor else {
                return Err(lexer.error(Error::input("division by zero"), offset));
            };
            product = product.scaled(&factor).map_err(oversized)?;
        } else if let Some(factor) = product.as_constant().filter(|_| !divide) {
            product = form.scaled(&factor.clone()).map_err(oversized)?;
        } else {
            let what = if divide { "division by a variable" } else { "the product of two variables" };
            let error = Error::unsupported(format!("{what} is not linear"))
                .hint("netinverse answers linear specifications; multiply and divide by constants only");
            return Err(lexer.error(error, offset));
        }
    }
    Ok(product)
}
