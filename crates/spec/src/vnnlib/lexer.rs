//! Tokens of VNN-LIB: parentheses, brackets, commas, quoted strings, and everything else as symbols.

use netinverse_base::{Error, Result};

use crate::text::place;

/// A token; its text borrows from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Comma,
    /// A name, number, operator or version, as it stands; `|quoted symbols|` without their bars.
    Symbol(&'a str),
    /// A string without its quotes, escapes as written.
    Text(&'a str),
    End,
}

impl Token<'_> {
    /// The token in the words of an error message.
    pub(super) fn describe(self) -> String {
        match self {
            Token::Open => "`(`".into(),
            Token::Close => "`)`".into(),
            Token::OpenBracket => "`[`".into(),
            Token::CloseBracket => "`]`".into(),
            Token::Comma => "`,`".into(),
            Token::Symbol(text) => format!("`{}`", text.chars().take(40).collect::<String>()),
            Token::Text(text) => format!("\"{}\"", text.chars().take(40).collect::<String>()),
            Token::End => "the end of the file".into(),
        }
    }
}

/// Reads tokens one by one; `;` comments run to the end of the line.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // A byte order mark is how some editors begin a file.
        Lexer { text, offset: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } }
    }

    /// An error at a byte offset.
    pub(super) fn error(&self, error: Error, offset: usize) -> Error {
        error.at(place(self.text, offset))
    }

    /// The next token and its offset, without taking it.
    pub(super) fn peek(&self) -> Result<(Token<'a>, usize)> {
        self.clone().next()
    }

    /// The next token and its offset.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize)> {
        self.skip_blank();
        let start = self.offset;
        let bytes = self.text.as_bytes();
        let Some(&first) = bytes.get(start) else { return Ok((Token::End, start)) };
        let punctuation = match first {
            b'(' => Some(Token::Open),
            b')' => Some(Token::Close),
            b'[' => Some(Token::OpenBracket),
            b']' => Some(Token::CloseBracket),
            b',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = punctuation {
            self.offset += 1;
            return Ok((token, start));
        }
        if first == b'"' || first == b'|' {
            return self.quoted(first, start);
        }
        let ends = |b: u8| b.is_ascii_whitespace() || b"()[],;\"|".contains(&b);
        let length = bytes[start..].iter().position(|&b| ends(b)).unwrap_or(bytes.len() - start);
        self.offset = start + length;
        Ok((Token::Symbol(&self.text[start..self.offset]), start))
    }

    fn quoted(&mut self, quote: u8, start: usize) -> Result<(Token<'a>, usize)> {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\\' if quote == b'"' => at += 2,
                b if b == quote => {
                    let inner = &self.text[start + 1..at];
                    self.offset = at + 1;
                    let token = if quote == b'"' { Token::Text(inner) } else { Token::Symbol(inner) };
                    return Ok((token, start));
                }
                _ => at += 1,
            }
        }
        let error = Error::input(format!("the quote `{}` is not closed", char::from(quote)));
        Err(self.error(error, start))
    }

    fn skip_blank(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.offset) {
            if byte == b';' {
                let line = bytes[self.offset..].iter().position(|&b| b == b'\n');
                self.offset = line.map_or(bytes.len(), |length| self.offset + length + 1);
            } else if byte.is_ascii_whitespace() {
                self.offset += 1;
            } else {
                break;
            }
        }
    }
}
