//! The commands of a file: versions, declarations, assertions.

use netinverse_base::{Error, Result};

use super::assertion::{Assertions, integers};
use super::declarations::{
    Equivalence, FlatScalars, Kind, MAX_ELEMENTS, NetworkDeclaration, Symbol, TensorDeclaration,
};
use super::lexer::{Lexer, Token};
use super::{Specification, Version};
use crate::Formula;

/// Commands of SMT-LIB that say nothing about what is asked.
const WITHOUT_MEANING: [&str; 7] =
    ["set-logic", "set-info", "set-option", "check-sat", "get-model", "get-value", "exit"];

/// Element types: the reals, and those of ONNX whose values are numbers.
const ELEMENTS: [&str; 18] = [
    "Real", "real", "float16", "float32", "float64", "bfloat16", "float", "double", "int4", "int8", "int16",
    "int32", "int64", "uint4", "uint8", "uint16", "uint32", "uint64",
];

pub(super) struct Reader<'a> {
    lexer: Lexer<'a>,
    version: Option<Version>,
    networks: Vec<NetworkDeclaration>,
    scalars: FlatScalars,
    assertions: Assertions,
    parts: Vec<Formula>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Reader {
            lexer: Lexer::new(text),
            version: None,
            networks: Vec::new(),
            scalars: FlatScalars::default(),
            assertions: Assertions::new(false),
            parts: Vec::new(),
        }
    }

    pub(super) fn read(mut self) -> Result<Specification> {
        loop {
            let (token, offset) = self.lexer.next()?;
            match token {
                Token::End => return self.finish(offset),
                Token::Open => self.command(offset)?,
                other => {
                    let error = Error::input(format!("a command in parentheses is expected, not {}", other.describe()))
                        .hint("a VNN-LIB file holds declarations and assertions: `(declare-const X_0 Real)`, `(assert (<= X_0 0.5))`");
                    return Err(self.lexer.error(error, offset));
                }
            }
        }
    }

    fn finish(self, end: usize) -> Result<Specification> {
        let networks = if self.assertions.indexed {
            self.networks
        } else {
            let network = self.scalars.network(&self.assertions.symbols);
            vec![network.map_err(|(error, offset)| self.lexer.error(error, offset))?]
        };
        let declared = |n: &NetworkDeclaration| !n.inputs.is_empty() || !n.outputs.is_empty();
        if !networks.iter().any(declared) {
            let error = Error::input("no variable is declared")
                .hint("declare inputs and outputs: `(declare-const X_0 Real)`, `(declare-const Y_0 Real)`");
            return Err(self.lexer.error(error, end));
        }
        let network = self.assertions.network.unwrap_or(0);
        let version = self.version.unwrap_or(Version::V1);
        Ok(Specification::new(version, networks, network, Formula::all(self.parts)))
    }

    fn command(&mut self, open: usize) -> Result<()> {
        let (token, offset) = self.lexer.next()?;
        let Token::Symbol(name) = token else {
            let error = Error::input(format!("a command is expected after `(`, not {}", token.describe()));
            return Err(self.lexer.error(error, offset));
        };
        match name {
            "assert" => {
                let formula = self.assertions.read(&mut self.lexer)?;
                self.parts.push(formula);
                self.close("assert")
            }
            "declare-const" | "declare-fun" => self.declare_scalar(name, offset),
            "declare-network" => self.declare_network(offset),
            "vnnlib-version" => self.declare_version(offset),
            _ if WITHOUT_MEANING.contains(&name) => self.skip_rest(open),
            _ => {
                let shown: String = name.chars().take(40).collect();
                let error = Error::unsupported(format!("the command `{shown}` is not supported")).hint(
                    "the commands are vnnlib-version, declare-network, declare-const, declare-fun and assert",
                );
                Err(self.lexer.error(error, offset))
            }
        }
    }

    fn declare_version(&mut self, offset: usize) -> Result<()> {
        if self.version.is_some() || !self.parts.is_empty() || !self.assertions.symbols.is_empty() {
            let error = Error::input("`vnnlib-version` must come first, and once");
            return Err(self.lexer.error(error, offset));
        }
        let (token, offset) = self.lexer.next()?;
        let version = match token {
            Token::Symbol(text) => text
                .strip_prefix('<')
                .and_then(|t| t.strip_suffix('>'))
                .and_then(|t| t.split_once('.'))
                .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))),
            _ => None,
        };
        self.version = Some(match version {
            Some((1, _)) => Version::V1,
            Some((2, minor)) => Version::V2 { minor },
            Some((major, minor)) => {
                let error = Error::unsupported(format!("VNN-LIB {major}.{minor} is not supported"))
                    .hint("netinverse reads VNN-LIB 1.0 and 2.x");
                return Err(self.lexer.error(error, offset));
            }
            None => {
                let error = Error::input(format!("a version is expected, not {}", token.describe()))
                    .hint("the first line of a VNN-LIB 2.0 file is `(vnnlib-version <2.0>)`");
                return Err(self.lexer.error(error, offset));
            }
        });
        self.assertions.indexed = matches!(self.version, Some(Version::V2 { .. }));
        self.close("vnnlib-version")
    }

    /// `(declare-const X_0 Real)` or `(declare-fun X_0 () Real)`.
    fn declare_scalar(&mut self, command: &str, offset: usize) -> Result<()> {
        if self.assertions.indexed {
            let error = Error::input(format!("`{command}` belongs to VNN-LIB 1.0, the file says 2.0"))
                .hint("declare networks: `(declare-network f (declare-input X float32 [5]) (declare-output Y float32 [2]))`");
            return Err(self.lexer.error(error, offset));
        }
        let (name, offset) = self.symbol("a variable's name")?;
        if command == "declare-fun" {
            for expected in [Token::Open, Token::Close] {
                let (token, offset) = self.lexer.next()?;
                if token != expected {
                    let error =
                        Error::unsupported(format!("`{name}` is declared as a function of arguments"))
                            .hint("a variable is `(declare-fun X_0 () Real)`");
                    return Err(self.lexer.error(error, offset));
                }
            }
        }
        let (sort, sort_offset) = self.symbol("the type `Real`")?;
        if sort != "Real" {
            let error = Error::unsupported(format!("variables of type `{sort}` are not supported"))
                .hint("declare it `Real`");
            return Err(self.lexer.error(error, sort_offset));
        }
        let parsed = FlatScalars::parse_name(name).filter(|(_, index)| *index < MAX_ELEMENTS);
        let Some((kind, index)) = parsed else {
            let error = Error::input(format!("`{name}` is neither an input nor an output"))
                .hint("in VNN-LIB 1.0 inputs are `X_0`, `X_1`, … and outputs `Y_0`, `Y_1`, …");
            return Err(self.lexer.error(error, offset));
        };
        self.insert(name, Symbol { network: 0, kind, first: index, shape: Vec::new() }, offset)?;
        self.scalars.declare(kind, index, offset);
        self.close(command)
    }

    fn declare_network(&mut self, offset: usize) -> Result<()> {
        if !self.assertions.indexed {
            let error = Error::input("`declare-network` belongs to VNN-LIB 2.0")
                .hint("begin the file with `(vnnlib-version <2.0>)`");
            return Err(self.lexer.error(error, offset));
        }
        if !self.parts.is_empty() {
            let error = Error::input("a network is declared after the first assertion");
            return Err(self.lexer.error(error, offset).hint("all declarations come before all assertions"));
        }
        let (name, name_offset) = self.symbol("the network's name")?;
        if self.networks.iter().any(|n| n.name == name) || self.assertions.symbols.contains_key(name) {
            let error = Error::input(format!("`{name}` is declared twice"));
            return Err(self.lexer.error(error, name_offset));
        }
        let mut network = NetworkDeclaration { name: name.to_string(), ..NetworkDeclaration::default() };
        loop {
            let (token, offset) = self.lexer.next()?;
            match token {
                Token::Close => break,
                Token::Open => self.network_part(&mut network)?,
                other => {
                    let error = Error::input(format!("a declaration is expected, not {}", other.describe()))
                        .hint("for example `(declare-input X float32 [5])`");
                    return Err(self.lexer.error(error, offset));
                }
            }
        }
        if network.inputs.is_empty() || network.outputs.is_empty() {
            let missing = if network.inputs.is_empty() { "input" } else { "output" };
            let error = Error::input(format!("the network `{name}` declares no {missing}"));
            return Err(self.lexer.error(error, name_offset));
        }
        self.check_equivalence(&network).map_err(|error| self.lexer.error(error, name_offset))?;
        self.networks.push(network);
        Ok(())
    }

    fn network_part(&mut self, network: &mut NetworkDeclaration) -> Result<()> {
        let (part, offset) = self.symbol("a declaration")?;
        match part {
            "equal-to" | "isomorphic-to" => {
                let (other, offset) = self.symbol("a network's name")?;
                if network.equivalence.is_some() {
                    let error = Error::input("a network is said equal or isomorphic to two others");
                    return Err(self.lexer.error(error, offset));
                }
                if !self.networks.iter().any(|n| n.name == other) {
                    let error = Error::input(format!("the network `{other}` is not declared above"));
                    return Err(self.lexer.error(error, offset));
                }
                let other = other.to_string();
                network.equivalence = Some(if part == "equal-to" {
                    Equivalence::EqualTo(other)
                } else {
                    Equivalence::IsomorphicTo(other)
                });
                self.close(part)
            }
            "declare-input" => self.tensor(network, Kind::Input, part),
            "declare-hidden" => self.tensor(network, Kind::Hidden, part),
            "declare-output" => self.tensor(network, Kind::Output, part),
            _ => {
                let error = Error::input(format!("`{part}` is not part of a network")).hint(
                    "the parts are equal-to, isomorphic-to, declare-input, declare-hidden and declare-output",
                );
                Err(self.lexer.error(error, offset))
            }
        }
    }

    /// `X float32 [1,5])`, with the model's name for hidden tensors, and `initialized` for inputs.
    fn tensor(&mut self, network: &mut NetworkDeclaration, kind: Kind, part: &str) -> Result<()> {
        let (name, offset) = self.symbol("the tensor's name")?;
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !valid {
            let error = Error::input(format!("`{name}` is not a name"))
                .hint("names start with a letter and hold letters, digits and `_`");
            return Err(self.lexer.error(error, offset));
        }
        let (element, element_offset) = self.symbol("an element type")?;
        if !ELEMENTS.contains(&element) {
            let error = Error::unsupported(format!("tensors of `{element}` are not supported"))
                .hint("element types are Real, float32, float64 and the other numeric types of ONNX");
            return Err(self.lexer.error(error, element_offset));
        }
        let shape_offset = self.lexer.peek()?.1;
        let shape = integers(&mut self.lexer)?;
        let (mut onnx_name, mut initialized) = (None, false);
        loop {
            let (token, offset) = self.lexer.next()?;
            match token {
                Token::Close => break,
                Token::Text(text) if onnx_name.is_none() => onnx_name = Some(unescape(text)),
                Token::Symbol("initialized") if kind == Kind::Input && !initialized => initialized = true,
                other => {
                    let error = Error::input(format!("{} is not expected in `{part}`", other.describe()));
                    return Err(self.lexer.error(error, offset));
                }
            }
        }
        if kind == Kind::Hidden && onnx_name.is_none() {
            let error = Error::input(format!("the hidden tensor `{name}` has no name in the model"))
                .hint("for example `(declare-hidden H float32 [1,50] \"relu_1\")`");
            return Err(self.lexer.error(error, offset));
        }
        let list = match kind {
            Kind::Input => &mut network.inputs,
            Kind::Hidden => &mut network.hidden,
            Kind::Output => &mut network.outputs,
        };
        let first: usize = list.iter().map(TensorDeclaration::len).sum();
        let size = shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d));
        match size.and_then(|size| size.checked_add(first)) {
            Some(total) if total <= MAX_ELEMENTS && size != Some(0) => {}
            _ => {
                let error = if size == Some(0) {
                    Error::input(format!("`{name}` has a dimension of size 0"))
                } else {
                    Error::unsupported(format!("more than {MAX_ELEMENTS} elements are declared"))
                };
                return Err(self.lexer.error(error, shape_offset));
            }
        }
        list.push(TensorDeclaration {
            name: name.to_string(),
            element: element.to_string(),
            shape: shape.clone(),
            onnx_name,
            initialized,
        });
        if self.networks.iter().any(|n| n.name == name) || network.name == name {
            let error = Error::input(format!("`{name}` is declared twice"));
            return Err(self.lexer.error(error, offset));
        }
        self.insert(name, Symbol { network: self.networks.len(), kind, first, shape }, offset)
    }

    /// An equal network has the same types and shapes as the other, an isomorphic one the same shapes;
    /// the other must stand for itself.
    fn check_equivalence(&self, network: &NetworkDeclaration) -> Result<()> {
        let (other, equal) = match &network.equivalence {
            None => return Ok(()),
            Some(Equivalence::EqualTo(other)) => (other, true),
            Some(Equivalence::IsomorphicTo(other)) => (other, false),
        };
        let Some(other) = self.networks.iter().find(|n| n.name == *other) else { return Ok(()) };
        if other.equivalence.is_some() {
            return Err(Error::input(format!(
                "`{}` is itself said equal or isomorphic to another",
                other.name
            ))
            .hint("name the first of them"));
        }
        let alike = |a: &[TensorDeclaration], b: &[TensorDeclaration]| {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| a.shape == b.shape && (!equal || a.element == b.element))
        };
        if alike(&network.inputs, &other.inputs) && alike(&network.outputs, &other.outputs) {
            return Ok(());
        }
        Err(Error::input(format!(
            "`{}` and `{}` differ in their inputs or outputs",
            network.name, other.name
        )))
    }

    fn insert(&mut self, name: &str, symbol: Symbol, offset: usize) -> Result<()> {
        if self.assertions.symbols.insert(name.to_string(), symbol).is_some() {
            return Err(self.lexer.error(Error::input(format!("`{name}` is declared twice")), offset));
        }
        Ok(())
    }

    fn symbol(&mut self, expected: &str) -> Result<(&'a str, usize)> {
        match self.lexer.next()? {
            (Token::Symbol(symbol), offset) => Ok((symbol, offset)),
            (other, offset) => {
                let error = Error::input(format!("{expected} is expected, not {}", other.describe()));
                Err(self.lexer.error(error, offset))
            }
        }
    }

    fn close(&mut self, command: &str) -> Result<()> {
        match self.lexer.next()? {
            (Token::Close, _) => Ok(()),
            (other, offset) => {
                let error =
                    Error::input(format!("`)` is expected to end `({command} …`, not {}", other.describe()))
                        .hint("check that every `(` has its `)`");
                Err(self.lexer.error(error, offset))
            }
        }
    }

    /// Passes over the rest of a command whose `(` was at `open`.
    fn skip_rest(&mut self, open: usize) -> Result<()> {
        let mut depth = 1usize;
        while depth > 0 {
            match self.lexer.next()?.0 {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::End => return Err(self.lexer.error(Error::input("this `(` is not closed"), open)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A string with its escapes `\"`, `\\`, `\n`, `\t` resolved.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        plain.push(match c {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    plain
}
