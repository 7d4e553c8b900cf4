//! Tokens of the `--where` language.

use netinverse_base::{Error, Result};

use crate::text::place;

/// A token of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A decimal number.
    Number(&'a str),
    /// A name; quoted with backticks, single or double quotes it may hold any character.
    Name(&'a str),
    /// `argmax`, `argmin`, `in`.
    Word(&'static str),
    /// An operator or a parenthesis, in its ASCII spelling.
    Sign(&'static str),
    End,
}

impl Token<'_> {
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Number(text) | Token::Name(text) => {
                format!("`{}`", text.chars().take(40).collect::<String>())
            }
            Token::Word(text) | Token::Sign(text) => format!("`{text}`"),
            Token::End => "the end of the expression".into(),
        }
    }
}

/// Signs, the longer ones first; the second spelling is the ASCII one.
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
    ("<", "<"),
    (">", ">"),
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
    ("∈", "in"),
];

/// The tokens of an expression with their byte offsets, ended by [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, usize)>> {
    let mut list = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let offset = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            list.push((Token::End, offset));
            return Ok(list);
        };
        let next = rest[first.len_utf8()..].chars().next();
        let (token, length) =
            if first.is_ascii_digit() || (first == '.' && next.is_some_and(|c| c.is_ascii_digit())) {
                let length = number_length(rest);
                (Token::Number(&rest[..length]), length)
            } else if first.is_alphabetic() || first == '_' {
                let ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == '.');
                let length = rest.find(ends).unwrap_or(rest.len());
                (word(&rest[..length]), length)
            } else if matches!(first, '`' | '"' | '\'') {
                let Some(end) = rest[1..].find(first) else {
                    let error = Error::input(format!("the quote {first} is not closed"));
                    return Err(error.at(place(text, offset)));
                };
                (Token::Name(&rest[1..=end]), end + 2)
            } else if let Some((spelling, sign)) = SIGNS.iter().find(|(s, _)| rest.starts_with(s)) {
                (if *sign == "in" { Token::Word("in") } else { Token::Sign(sign) }, spelling.len())
            } else {
                let error = Error::input(format!("the character `{first}` has no meaning here"));
                let error = match first {
                    '&' => error.hint("write `&&` for and"),
                    '|' => error.hint("write `||` for or"),
                    '^' => error.hint("expressions are linear: powers are not supported"),
                    _ => error.hint("for example `y0 >= y1 && y2 in [0.2, 0.4]`"),
                };
                return Err(error.at(place(text, offset)));
            };
        list.push((token, offset));
        rest = &rest[length..];
    }
}

fn word(text: &str) -> Token<'_> {
    match text {
        "argmax" => Token::Word("argmax"),
        "argmin" => Token::Word("argmin"),
        "in" => Token::Word("in"),
        name => Token::Name(name),
    }
}

/// How many bytes of the text are one decimal number.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent_end = digits((end + 1 + sign).min(bytes.len()));
        if exponent_end > end + 1 + sign {
            end = exponent_end;
        }
    }
    end
}
