//! The answer of `netinverse build`: the inverse, measured, as its JSON says it.

use netinverse_answer::Model;
use netinverse_base::{Budget, Error, Place, Result, Silent};
use netinverse_inverse::{
    BuildOptions, Built, Condition, Conditioning, Errors, LinearPart, LoopPart, Mark, MarkKind, RoundTrip,
    Samples, Slot, build, conditioning, f_of_g, g_of_f, quasi_random,
};
use netinverse_linalg::Precision;
use netinverse_network::Network;
use serde::Serialize;

/// Where quasi-random inputs lie when nothing is said.
const BOX: [f64; 2] = [-1.0, 1.0];

/// The name and version of the format.
pub const SCHEMA: &str = "netinverse.build/1";

/// What was built, and how well it inverts.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// [`SCHEMA`]
    pub schema: &'static str,
    /// The network.
    pub model: Model,
    /// `done`
    pub status: &'static str,
    /// Whether g(f(x)) = x for every x.
    pub exact: bool,
    /// The file that holds the inverse, if one was asked for.
    pub inverse: Option<String>,
    /// `float32` or `float64`.
    pub precision: &'static str,
    /// What the inverse takes.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// Outputs of the network that it does not need.
    pub unused_outputs: Vec<String>,
    /// Inputs of the network that it takes.
    pub given: Vec<String>,
    /// Its operators.
    pub nodes: usize,
    /// Its constants.
    pub parameters: usize,
    /// The operators that lose information, and what is chosen there.
    pub marked_ops: Vec<Mark>,
    /// Without these conditions on y there is no x.
    pub domain: Vec<Condition>,
    /// Systems of equations.
    pub linear_parts: Vec<LinearPart>,
    /// What is solved by iteration.
    pub loops: Vec<LoopPart>,
    /// How the points of the round trips were made.
    pub samples: Points,
    /// f(g(y)) against y.
    pub f_of_g: RoundTrip,
    /// g(f(x)) against x.
    pub g_of_f: RoundTrip,
    /// How far rounding is amplified.
    pub conditioning: Option<Conditioning>,
    /// What had to be assumed while reading the network.
    pub warnings: Vec<String>,
    /// Wall time.
    pub seconds: f64,
    /// The seed.
    pub seed: u64,
}

/// A value for one sample.
#[derive(Debug, Serialize)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// The points of the round trips, in words.
#[derive(Debug, Serialize)]
pub struct Points {
    /// Of the inputs.
    pub x: String,
    /// Of the outputs.
    pub y: String,
}

/// Outputs at which f(g(y)) is measured, one row after the other, and where they come from.
#[derive(Debug, Clone)]
pub struct Targets {
    /// The rows.
    pub y: Vec<f64>,
    /// In words.
    pub source: String,
}

/// Quasi-random inputs for the round trips: in the given bounds (one pair for all, or one an input; and what they are called),
/// else in those of the network's file, else in [-1, 1].
pub fn quasi_random_samples(
    network: &Network,
    bounds: Option<(Vec<[f64; 2]>, String)>,
    count: usize,
    seed: u64,
) -> Result<Samples> {
    let n = network.input_size();
    if count == 0 {
        return Err(Error::input("at least one point is needed").at(Place::Option("--samples".into())));
    }
    let (bounds, source) = match bounds {
        Some((pairs, source)) => {
            let pairs = if let [only] = pairs[..] { vec![only; n] } else { pairs };
            if pairs.len() != n || pairs.iter().any(|[low, high]| low > high) {
                return Err(Error::input(format!(
                    "{n} rows lo,hi with lo ≤ hi are expected, or one for all"
                ))
                .at(Place::Option("--bounds".into())));
            }
            (pairs, source)
        }
        None => match network.input_bounds() {
            Some(bounds) => (bounds.to_vec(), "the file's own bounds".into()),
            None => (vec![BOX; n], format!("{},{}", BOX[0], BOX[1])),
        },
    };
    let source = format!("{count} quasi-random points in {source}, seed {seed}");
    Ok(Samples { x: quasi_random(&bounds, count, seed), rows: count, source })
}

/// Measures an inverse and says what there is to say of it; the file that holds it and the time are left to the caller.
pub fn measure(
    network: &Network,
    asked: &BuildOptions,
    built: &Built,
    samples: &Samples,
    targets: Option<&Targets>,
    model: Model,
    budget: &Budget,
) -> Answer {
    let trips = round_trips(network, asked, built, samples, targets.map(|targets| &targets.y[..]), budget);
    Answer {
        schema: SCHEMA,
        model,
        status: "done",
        exact: built.exact,
        inverse: None,
        precision: match built.inverse.precision() {
            Precision::F32 => "float32",
            Precision::F64 => "float64",
        },
        inputs: slots(built.inverse.inputs()),
        outputs: slots(built.inverse.outputs()),
        unused_outputs: built.unused.clone(),
        given: built.given.clone(),
        nodes: built.inverse.nodes(),
        parameters: built.inverse.parameters(),
        marked_ops: built.findings.marks.clone(),
        domain: built.findings.conditions.clone(),
        linear_parts: built.findings.parts.clone(),
        loops: built.findings.loops.clone(),
        samples: Points {
            x: samples.source.clone(),
            y: targets.map_or_else(|| "f(x)".into(), |targets| targets.source.clone()),
        },
        f_of_g: trips[0],
        g_of_f: trips[1],
        conditioning: conditioning(built, samples),
        warnings: network.warnings().to_vec(),
        seconds: 0.0,
        seed: budget.seed(),
    }
}

/// f(g(y)) and g(f(x)): in float32 by the inverse that is stored, in float64 by the one that float64 would store.
fn round_trips(
    network: &Network,
    asked: &BuildOptions,
    built: &Built,
    samples: &Samples,
    targets: Option<&[f64]>,
    budget: &Budget,
) -> [RoundTrip; 2] {
    let measured = [f_of_g(built, samples, targets), g_of_f(built, samples)];
    let other = match built.inverse.precision() {
        Precision::F32 => Precision::F64,
        Precision::F64 => Precision::F32,
    };
    let again = BuildOptions { precision: Some(other), ..asked.clone() };
    let Ok(twin) = build(network, &again, budget, &Silent) else {
        // Weights that float32 cannot hold: float64 alone says something.
        return measured;
    };
    let twins = [f_of_g(&twin, samples, targets), g_of_f(&twin, samples)];
    [0, 1].map(|k| match other {
        Precision::F64 => RoundTrip { f64: twins[k].f64, ..measured[k] },
        Precision::F32 => RoundTrip { f32: twins[k].f32, ..measured[k] },
    })
}

fn slots<'a>(slots: impl Iterator<Item = &'a Slot>) -> Vec<Port> {
    slots.map(|slot| Port { name: slot.name.clone(), shape: slot.shape.to_vec() }).collect()
}

impl Answer {
    /// Indented by two spaces, with a line end.
    pub fn json(&self) -> Result<String> {
        super::json(self)
    }

    /// The largest condition number of a linear part, with the part.
    pub fn worst_part(&self) -> Option<&LinearPart> {
        self.linear_parts
            .iter()
            .filter(|part| part.condition.is_some())
            .max_by(|a, b| a.condition.unwrap_or(0.0).total_cmp(&b.condition.unwrap_or(0.0)))
    }

    /// The round trip that an inverse of its kind is judged by: g(f(x)) = x where it is exact, else f(g(y)) = y.
    pub fn judged(&self) -> (&'static str, &RoundTrip) {
        if self.exact { ("g(f(x)) = x", &self.g_of_f) } else { ("f(g(y)) = y", &self.f_of_g) }
    }

    /// What to say where float32 does not bring the round trip below 1e-4.
    pub fn shortfall(&self) -> Option<String> {
        const WANTED: f64 = 1e-4;
        let (name, trip) = self.judged();
        if trip.f32.relative.is_some_and(|error| error <= WANTED) {
            return None;
        }
        let measured =
            trip.f32.relative.map_or("not a finite number".to_string(), |error| format!("{error:.1e}"));
        let rounding = self.conditioning.and_then(|conditioning| conditioning.rounding_f32);
        let reason = match rounding {
            Some(rounding) if self.exact && rounding > 0.01 * WANTED => format!(
                "rounding y to float32 alone may move x by {rounding:.1e} of its size: `--precision f64` stores an inverse in float64"
            ),
            _ if !self.exact => "the sections of single operators are not one of the whole network".into(),
            _ => "float32 is too coarse on the way: `--precision f64` stores an inverse in float64".into(),
        };
        Some(format!("{name} holds to {measured} in float32, not to 1e-4: {reason}"))
    }
}

/// Whether it is exact, in words.
pub fn exact(answer: &Answer) -> String {
    let lost = answer.marked_ops.iter().filter(|mark| mark.kind != MarkKind::Projection).count();
    match (answer.exact, answer.marked_ops.is_empty()) {
        (true, true) => "yes: a bijection but for rounding, g(f(x)) = x and f(g(y)) = y".into(),
        (true, false) => {
            "g(f(x)) = x for every x, but for rounding; f does not reach every y, and f(g(y)) is near y where it does not".into()
        }
        (false, _) => format!(
            "no: {lost} operator{} information; g is a section, one x for each y",
            if lost == 1 { " loses" } else { "s lose" }
        ),
    }
}

/// A condition on y, in words.
pub fn domain(condition: &Condition) -> String {
    let place = if condition.output { "output" } else { "the inner value" };
    format!(
        "{} elements of {place} `{}` ({}): {}",
        condition.elements, condition.value, condition.op, condition.text
    )
}

/// Names and shapes.
pub fn ports(ports: &[Port]) -> String {
    let one = |port: &Port| {
        let sizes: Vec<String> = port.shape.iter().map(usize::to_string).collect();
        format!("{} [{}]", port.name, sizes.join(","))
    };
    ports.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Errors of a round trip, in words.
pub fn errors(errors: &Errors) -> String {
    match (errors.relative, errors.median) {
        (Some(relative), Some(median)) => format!("to {relative:.1e} (median {median:.1e})"),
        _ => "not finite".into(),
    }
}
