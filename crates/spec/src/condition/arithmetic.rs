//! The arithmetic of the `--where` language: sums and products, linear and exact.

use netinverse_base::{Error, Result};

use super::lexer::Token;
use super::{Parser, Placed, Value, Winner};
use crate::{Linear, Rational};

impl Parser<'_> {
    pub(super) fn sum(&mut self) -> Result<Placed> {
        let (first, start) = self.product()?;
        let mut sign = self.take(&["+", "-"]);
        if sign.is_none() {
            return Ok((first, start));
        }
        let mut parts = vec![self.form(first, start)?];
        while let Some(taken) = sign {
            let (value, offset) = self.product()?;
            let form = self.form(value, offset)?;
            parts.push(if taken == "-" { form.negated() } else { form });
            sign = self.take(&["+", "-"]);
        }
        Ok((Value::Form(Linear::sum(parts).map_err(|_| self.oversized(start))?), start))
    }

    fn product(&mut self) -> Result<Placed> {
        let (mut value, start) = self.unary()?;
        loop {
            let sign_offset = self.peek().1;
            let Some(sign) = self.take(&["*", "/"]) else { return Ok((value, start)) };
            let left = self.form(value, start)?;
            let (right, offset) = self.unary()?;
            let right = self.form(right, offset)?;
            let product = if let Some(factor) = right.as_constant() {
                let factor = if sign == "/" { factor.reciprocal() } else { Some(factor.clone()) };
                let Some(factor) = factor else {
                    return Err(self.error(Error::input("division by zero"), offset));
                };
                left.scaled(&factor)
            } else if let Some(factor) = left.as_constant().filter(|_| sign == "*") {
                right.scaled(&factor.clone())
            } else {
                let what =
                    if sign == "/" { "division by a variable" } else { "the product of two variables" };
                let error = Error::unsupported(format!("{what} is not linear"));
                return Err(self.error(error.hint("multiply and divide by constants only"), sign_offset));
            };
            value = Value::Form(product.map_err(|_| self.oversized(sign_offset))?);
        }
    }

    fn form(&self, value: Value, offset: usize) -> Result<Linear> {
        let fault = match value {
            Value::Form(form) => return Ok(form),
            Value::Winner(_) => "`argmax` and `argmin` can only be compared with an output's index",
            Value::Condition { .. } => "arithmetic works on values, this is a condition",
        };
        Err(self.error(Error::input(fault), offset))
    }

    fn unary(&mut self) -> Result<Placed> {
        let offset = self.peek().1;
        let Some(sign) = self.take(&["-", "+"]) else { return self.primary() };
        self.descend(offset)?;
        let (value, inner) = self.unary()?;
        self.depth -= 1;
        let form = self.form(value, inner)?;
        Ok((Value::Form(if sign == "-" { form.negated() } else { form }), offset))
    }

    fn primary(&mut self) -> Result<Placed> {
        let (token, offset) = self.next();
        let value = match token {
            Token::Number(text) => {
                let number = Rational::parse(text)
                    .map_err(|error| self.error(Error::input(error.describe(text)), offset))?;
                if !number.is_in_range() {
                    return Err(self.oversized(offset));
                }
                Value::Form(Linear::constant_form(number))
            }
            Token::Name(name) => {
                if *self.peek().0 == Token::Sign("(") {
                    let error = Error::unsupported(format!("the function `{name}` is not supported"));
                    let hint = "expressions are linear: + - * / by constants, comparisons, `in [a, b]`, argmax, argmin";
                    return Err(self.error(error.hint(hint), offset));
                }
                let variable = self.vocabulary.find(name).map_err(|error| self.error(error, offset))?;
                Value::Form(Linear::variable(variable))
            }
            Token::Word("argmax") => self.winner_word(Winner::Largest, offset)?,
            Token::Word("argmin") => self.winner_word(Winner::Smallest, offset)?,
            Token::Sign("(") => {
                self.descend(offset)?;
                let (value, _) = self.or()?;
                self.expect(")")?;
                self.depth -= 1;
                value
            }
            other => {
                let error =
                    Error::input(format!("a number, a name or `(` is expected, not {}", other.describe()));
                return Err(self.error(error, offset));
            }
        };
        Ok((value, offset))
    }

    fn winner_word(&self, winner: Winner, offset: usize) -> Result<Value> {
        if self.vocabulary.output_count() == 0 {
            let error =
                Error::input("`argmax` and `argmin` are about outputs, this expression is about inputs");
            return Err(self.error(error, offset));
        }
        Ok(Value::Winner(winner))
    }
}
