//! The header of an npy file: the three entries of a Python dictionary, and nothing else of Python.

use netinverse_base::{Error, Result};

use crate::array::{ByteOrder, Element};
use crate::npy::element_of;

/// numpy allows 64 axes.
const MAX_RANK: usize = 64;

/// What an npy header says.
pub(crate) struct Header {
    pub(crate) element: Element,
    pub(crate) order: ByteOrder,
    /// The bytes are booleans: 0 or 1.
    pub(crate) boolean: bool,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
}

/// Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }`, the entries in any order.
pub(crate) fn parse_header(bytes: &[u8]) -> Result<Header> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("is not text"))?;
    let mut rest = Text(text);
    rest.expect("{")?;
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    while !rest.take("}") {
        let key = rest.string()?;
        rest.expect(":")?;
        let known = match key {
            "descr" => descr.replace(rest.descr()?).is_some(),
            "fortran_order" => fortran.replace(rest.boolean()?).is_some(),
            "shape" => shape.replace(rest.shape()?).is_some(),
            _ => return Err(malformed(&format!("has an unknown entry `{}`", key.escape_debug()))),
        };
        if known {
            return Err(malformed(&format!("has `{key}` twice")));
        }
        if !rest.take(",") {
            rest.expect("}")?;
            break;
        }
    }
    if !rest.0.trim().is_empty() {
        return Err(malformed("goes on after its `}`"));
    }
    let missing = |key: &str| malformed(&format!("has no `{key}`"));
    let (element, order, boolean) = element_of(descr.ok_or_else(|| missing("descr"))?)?;
    Ok(Header {
        element,
        order,
        boolean,
        fortran: fortran.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

fn malformed(what: &str) -> Error {
    Error::input(format!("the npy header {what}")).hint("the file is damaged, or not written by numpy.save")
}

/// What is left of the header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn take(&mut self, token: &str) -> bool {
        let trimmed = self.0.trim_start();
        let found = trimmed.strip_prefix(token);
        self.0 = found.unwrap_or(trimmed);
        found.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(malformed(&format!("lacks `{token}`"))) }
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.take("'") {
            '\''
        } else if self.take("\"") {
            '"'
        } else {
            return Err(malformed("lacks a quoted word"));
        };
        let (word, rest) =
            self.0.split_once(quote).ok_or_else(|| malformed("has a quote that does not end"))?;
        self.0 = rest;
        Ok(word)
    }

    fn descr(&mut self) -> Result<&'a str> {
        if self.0.trim_start().starts_with('[') {
            return Err(Error::unsupported("structured arrays are not read")
                .hint("save one plain field: numpy.save(path, array['field'])"));
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool> {
        if self.take("True") {
            Ok(true)
        } else if self.take("False") {
            Ok(false)
        } else {
            Err(malformed("lacks True or False"))
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        self.expect("(")?;
        let mut shape = Vec::new();
        while !self.take(")") {
            self.0 = self.0.trim_start();
            let digits = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
            let (length, rest) = self.0.split_at(digits);
            // Python 2 wrote long integers as `3L`.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            shape.push(length.parse().map_err(|_| malformed("has a shape that is not whole numbers"))?);
            if shape.len() > MAX_RANK {
                return Err(malformed(&format!("has more than {MAX_RANK} axes")));
            }
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }
}
