use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use netinverse_base::Result;
use netinverse_data::{csv, idx, npy, npz, png};
use netinverse_network::{Evaluator, ImportOptions, Linear, Network, Op};
use netinverse_onnx::Model;

use super::case::{Case, Kind};

/// Multiplications of a forward pass that are worth waiting for, a hundred thousand times.
const MAX_WORK: usize = 2_000_000;

/// What came of reading a file.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was read; what it holds.
    Value(String),
    /// It was refused; the message.
    Error(String),
    /// The library panicked; where.
    Panic(String),
    /// It was read or refused, and not as it should be.
    Broken(String),
}

impl Outcome {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Outcome::Value(_) => "value",
            Outcome::Error(_) => "error",
            Outcome::Panic(_) => "panic",
            Outcome::Broken(_) => "broken",
        }
    }

    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Outcome::Panic(_) | Outcome::Broken(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Outcome::Value(text) | Outcome::Error(text) | Outcome::Panic(text) | Outcome::Broken(text)) =
            self;
        write!(f, "{}: {text}", self.word())
    }
}

thread_local! {
    /// The last panic's message and place.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic hook that keeps the message for the case that is being tried.
pub(super) fn note_panic(info: &PanicHookInfo) {
    PANIC.with_borrow_mut(|message| *message = info.to_string());
}

/// Reads a file, and uses what it holds.
pub(super) fn attempt(case: &Case) -> Outcome {
    let tried = catch_unwind(AssertUnwindSafe(|| match case.kind {
        Kind::Onnx => network(&case.bytes),
        Kind::Npy => npy::parse(&case.bytes).map(|array| Ok(described(array.shape()))),
        Kind::Npz => npz::parse(&case.bytes).map(|arrays| Ok(format!("{} arrays", arrays.len()))),
        Kind::Idx => idx::parse(&case.bytes).map(|array| Ok(described(array.shape()))),
        Kind::Csv => csv::parse(&case.bytes).map(|table| Ok(described(&[table.rows, table.columns]))),
        Kind::Png => png::parse(&case.bytes).map(|picture| Ok(described(&[picture.height, picture.width]))),
    }));
    match tried {
        Ok(Ok(Ok(text))) => Outcome::Value(text),
        Ok(Ok(Err(text))) => Outcome::Broken(text),
        Ok(Err(error)) => {
            let message = error.to_string();
            if message.trim().is_empty() || message.contains('\n') {
                Outcome::Broken(format!("an error message is not one line: {message:?}"))
            } else {
                Outcome::Error(message)
            }
        }
        Err(_) => Outcome::Panic(PANIC.with_borrow_mut(std::mem::take)),
    }
}

/// What is read is a value, or it breaks a promise.
type Kept = std::result::Result<String, String>;

fn described(shape: &[usize]) -> String {
    format!("shape {shape:?}")
}

/// Reads a network, evaluates it, writes it, and reads what was written.
fn network(bytes: &[u8]) -> Result<Kept> {
    let model = Model::parse(bytes)?;
    let network = Network::import(&model, &ImportOptions::default())?;
    let (n, m) = (network.input_size(), network.output_size());
    let work = work(&network);
    if work > MAX_WORK {
        return Ok(Ok(format!("{n} to {m}, not evaluated")));
    }
    let mut y = vec![0.0; m];
    Evaluator::<f32>::new(&network).forward(&vec![0.5; n], &mut y);
    let written = network.to_onnx().to_bytes();
    let again = Model::parse(&written).and_then(|model| Network::import(&model, &ImportOptions::default()));
    Ok(match again {
        Err(error) => Err(format!("what was written is refused: {error}")),
        Ok(again) if (again.input_size(), again.output_size()) != (n, m) => Err(format!(
            "what was written has {} inputs and {} outputs, not {n} and {m}",
            again.input_size(),
            again.output_size()
        )),
        Ok(_) => Ok(format!("{n} to {m}")),
    })
}

/// An upper bound of the multiplications and moves of one forward pass.
fn work(network: &Network) -> usize {
    let elements = |id| network.value(id).shape.elements();
    let nodes = network.nodes().iter().map(|node| {
        let output = elements(node.output);
        match &node.op {
            Op::Linear(Linear::Dense(dense)) => {
                elements(node.inputs[0]).saturating_mul(dense.sizes(network.params()).1)
            }
            Op::Linear(Linear::Conv(conv)) => {
                let weight = network.param(conv.weight);
                output.saturating_mul(weight.elements() / weight.shape()[0].max(1))
            }
            Op::Linear(Linear::ConvTranspose(conv)) => {
                let weight = network.param(conv.weight);
                elements(node.inputs[0]).saturating_mul(weight.elements() / weight.shape()[0].max(1))
            }
            Op::Bilinear(netinverse_network::Bilinear::MatMul) => {
                let inner = network.value(node.inputs[0]).shape.last().copied().unwrap_or(1);
                output.saturating_mul(inner)
            }
            Op::Linear(Linear::AveragePool(pool)) => {
                pool.window.kernel.iter().fold(output, |work, &size| work.saturating_mul(size))
            }
            Op::Extremum(netinverse_network::Extremum::MaxPool(window)) => {
                window.kernel.iter().fold(output, |work, &size| work.saturating_mul(size))
            }
            _ => output.max(node.inputs.iter().map(|&id| elements(id)).sum()),
        }
    });
    nodes.fold(network.input_size(), usize::saturating_add)
}
