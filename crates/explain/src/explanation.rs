//! The whole explanation: verdict, account, collision, the data's view, advice.

use netinverse_base::{Budget, Progress, Result, Rng, StopReason};
use netinverse_invert::closed_form::pigeonhole::{distinct_rows, pigeonhole};
use netinverse_linalg::{Matrix, dot};
use netinverse_network::{Evaluator, Network, Op};
use serde::Serialize;

use crate::account::{JacobianAccount, Layer, Recoverable, jacobian_account, layers, recoverable};
use crate::collision::{Collision, Turn, random_point};
use crate::{
    AtPoint, Clusters, DecideOptions, Decision, RadiusOptions, Region, Statement, Verdict, at_point, class,
    clusters, decide,
};

/// What to explain.
#[derive(Debug)]
pub struct Question {
    /// Where inputs may lie.
    pub region: Region,
    /// Where the region comes from, one clause.
    pub region_source: String,
    /// Rows of data, n numbers each.
    pub data: Option<Matrix>,
    /// Their classes, where they are given; otherwise the largest output.
    pub labels: Option<Vec<usize>>,
    /// Inputs to look at one by one.
    pub points: Vec<Vec<f64>>,
    /// Whether to group the rows that share an output.
    pub clusters: bool,
    /// The work allowed for the verdict.
    pub decide: DecideOptions,
    /// The work allowed for each point.
    pub radius: RadiusOptions,
}

/// Counts of what could go in and out.
#[derive(Debug, Clone, Serialize)]
pub struct Counting {
    /// Bits of the inputs that can vary, as float32.
    pub input_bits: u64,
    /// Bits of the outputs, as float32.
    pub output_bits: u64,
    /// Bits of the inputs as 8-bit numbers, where the rows are such.
    pub pixel_bits: Option<u64>,
    /// Bits that outputs between 0 and 1 can carry as float32.
    pub unit_output_bits: Option<f64>,
    /// Different outputs of the rows, compared as float32, and the rows.
    pub distinct_outputs: Option<(usize, usize)>,
}

/// One row taken apart: what the outputs see of it, and the rest.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The row.
    pub x: Vec<f64>,
    /// Its projection on the row space of the Jacobian there.
    pub seen: Vec<f64>,
}

/// Everything that `explain` says.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub evidence: Vec<Statement>,
    /// n
    pub inputs: usize,
    /// Inputs that can vary.
    pub free_inputs: usize,
    /// m
    pub outputs: usize,
    /// The box, and where it comes from.
    #[serde(rename = "box")]
    pub domain: Domain,
    /// |g(x) − g(x′)| ≥ μ |x − x′| on the box, g the network without its tail of bijections, where proved.
    pub modulus: Option<f64>,
    /// Two inputs with one output.
    pub collision: Option<Collision>,
    /// A change of orientation, where that is the proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// Layer by layer.
    pub layers: Vec<Layer>,
    /// The whole network to first order.
    pub jacobian: JacobianAccount,
    /// Whether its rows are data (or samples of the box).
    pub on_data: bool,
    /// Counting.
    pub counting: Counting,
    /// The data's view.
    pub data: Option<Recoverable>,
    /// Groups of rows.
    pub clusters: Option<Clusters>,
    /// Single inputs.
    pub points: Vec<AtPoint>,
    /// What to use therefore.
    pub advice: Vec<String>,
    /// Why it is not complete, if it is not.
    pub stopped: Option<&'static str>,
    /// A row taken apart, for pictures.
    #[serde(skip)]
    pub taken: Vec<Taken>,
}

/// A box.
#[derive(Debug, Clone, Serialize)]
pub struct Domain {
    /// Lower ends.
    pub lower: Vec<f64>,
    /// Upper ends.
    pub upper: Vec<f64>,
    /// Where it comes from.
    pub source: String,
}

/// Samples of the box where there are no data.
const SAMPLES: usize = 256;

/// Explains.
///
/// # Errors
/// Rows, labels or points that do not fit the network are a mistake of the caller and panic; what can go wrong here is a
/// network that cannot be rebuilt.
pub fn explain(
    network: &Network,
    question: &Question,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Explanation> {
    let (n, m) = (network.input_size(), network.output_size());
    let region = &question.region;
    assert_eq!(region.lower.len(), n, "one interval an input");
    let free = region.free();
    let samples;
    let rows = if let Some(data) = &question.data {
        data
    } else {
        samples = sample(region, budget.seed());
        &samples
    };
    let classes = classes(network, rows, question.labels.as_deref());
    let data = question.data.as_ref().map(|data| (data, &classes[..]));
    // The verdict searches, the account measures: neither needs the other.
    let account = || {
        let layers = layers(network, free.len(), rows);
        let jacobian = jacobian_account(network, &free, rows);
        let counting = counting(network, free.len(), question.data.as_ref());
        let data = question.data.as_ref().filter(|_| budget.stop().is_none());
        let view = data.map(|data| recoverable(network, data, &classes, &jacobian));
        (layers, jacobian, counting, view)
    };
    let (decision, (layers, jacobian, counting, view)) =
        rayon::join(|| decide(network, region, data, &question.decide, budget, progress), account);
    let mut decision = decision?;
    if view.is_some() {
        on_data(&mut decision, &jacobian, &counting, free.len());
    }
    let mut points = Vec::new();
    for x in &question.points {
        if budget.stop().is_some() {
            break;
        }
        points.push(at_point(network, x, &free, &question.radius, budget, progress)?);
    }
    let mut groups = None;
    if question.clusters && budget.stop().is_none() {
        progress.stage("clusters", None);
        groups = Some(clusters(network, rows, budget));
    }
    let taken = taken(rows, &classes, &jacobian);
    let advice = advice(network, &decision, &jacobian, free.len(), question.data.is_some());
    Ok(Explanation {
        verdict: decision.verdict,
        evidence: decision.evidence,
        inputs: n,
        free_inputs: free.len(),
        outputs: m,
        domain: Domain {
            lower: region.lower.clone(),
            upper: region.upper.clone(),
            source: question.region_source.clone(),
        },
        modulus: decision.modulus,
        collision: decision.collision,
        turn: decision.turn,
        layers,
        jacobian,
        on_data: question.data.is_some(),
        counting,
        data: view,
        clusters: groups,
        points,
        advice,
        stopped: budget.stop().map(|reason| match reason {
            StopReason::TimeLimit => "the time limit",
            StopReason::Cancelled => "the user",
        }),
        taken,
    })
}

fn sample(region: &Region, seed: u64) -> Matrix {
    let mut rng = Rng::new(seed, 0x5A3);
    let rows: Vec<Vec<f64>> = (0..SAMPLES).map(|_| random_point(region, &mut rng)).collect();
    let n = region.lower.len();
    Matrix::from_fn(SAMPLES, n, |i, j| rows[i][j])
}

fn classes(network: &Network, rows: &Matrix, labels: Option<&[usize]>) -> Vec<usize> {
    if let Some(labels) = labels {
        return labels.to_vec();
    }
    let m = network.output_size();
    let mut y = vec![0.0; rows.rows() * m];
    Evaluator::<f64>::new(network).forward(rows.data(), &mut y);
    y.chunks_exact(m).map(|y| class(y, &[])).collect()
}

fn counting(network: &Network, free: usize, data: Option<&Matrix>) -> Counting {
    let m = network.output_size();
    let counts = pigeonhole(free, m);
    let pixels = data.is_some_and(|data| {
        let shown = &data.data()[..data.data().len().min(100_000)];
        shown.iter().all(|v| (0.0..=1.0).contains(v) && ((v * 255.0) - (v * 255.0).round()).abs() < 1e-4)
    });
    let last =
        network.outputs().first().and_then(|&id| network.nodes().iter().find(|node| node.output == id));
    let unit = last.is_some_and(|node| match &node.op {
        Op::Function(function) => function.range() == (0.0, 1.0),
        Op::Normalizer(normalizer) => normalizer.name() == "Softmax",
        _ => false,
    });
    let distinct = data.map(|data| {
        let mut y = vec![0.0; data.rows() * m];
        Evaluator::<f64>::new(network).forward(data.data(), &mut y);
        let outputs = Matrix::from_fn(data.rows(), m, |i, j| y[i * m + j]);
        (distinct_rows(&outputs), data.rows())
    });
    Counting {
        input_bits: counts.float_input_bits,
        output_bits: counts.float_output_bits,
        pixel_bits: pixels.then_some(counts.pixel_input_bits),
        unit_output_bits: unit.then_some(counts.unit_output_bits),
        distinct_outputs: distinct,
    }
}

/// What the rows say where nothing is proved.
fn on_data(decision: &mut Decision, jacobian: &JacobianAccount, counting: &Counting, free: usize) {
    let Some((distinct, rows)) = counting.distinct_outputs else { return };
    let full = jacobian.ranks.iter().all(|&(rank, _)| rank == free);
    if decision.verdict == Verdict::Unknown && full && distinct == rows && jacobian.rows == rows {
        decision.verdict = Verdict::InvertibleOnData;
        decision.evidence.push(Statement::measured(
            "every row has an output of its own, and a Jacobian of full rank: around each the network is one-to-one",
            rows,
        ));
    }
}

/// A row of each of the first classes, taken apart.
fn taken(rows: &Matrix, classes: &[usize], jacobian: &JacobianAccount) -> Vec<Taken> {
    let mut seen_classes = Vec::new();
    let mut out = Vec::new();
    for (index, basis) in jacobian.bases.iter().enumerate() {
        if out.len() >= 6 {
            break;
        }
        if seen_classes.contains(&classes[index]) {
            continue;
        }
        seen_classes.push(classes[index]);
        let x = rows.row(index).to_vec();
        let coordinates = basis.apply_left(&x);
        let seen = basis.iter_rows().map(|row| dot(row, &coordinates)).collect();
        out.push(Taken { x, seen });
    }
    out
}

fn advice(
    network: &Network,
    decision: &Decision,
    jacobian: &JacobianAccount,
    free: usize,
    has_data: bool,
) -> Vec<String> {
    let mut advice = Vec::new();
    let layers = network.nodes().iter().filter(|node| matches!(node.op, Op::Linear(_))).count();
    match decision.verdict {
        Verdict::Invertible => {
            advice.push("the inverse exists: `netinverse build MODEL -o INVERSE.onnx` writes it as a network where its layers can be undone one by one; `netinverse invert MODEL --target Y` finds the one input of any output".into());
        }
        Verdict::NotInvertible if free > network.output_size() => {
            if layers == 1 {
                advice.push("one linear layer: the closed forms hold. `netinverse invert MODEL --target Y --near X` gives the nearest of all inputs with this output, exactly".into());
            } else {
                advice.push("ask for an input, not for the input: `netinverse invert MODEL --target Y --near X` gives the nearest one, `--count K` several".into());
            }
            if has_data {
                advice.push("what is lost must come from elsewhere: `netinverse invert MODEL --target Y --prior gaussian --data X` gives the most plausible input".into());
            }
            if free <= 12 {
                advice.push("with so few inputs the whole set can be had: `netinverse preimage MODEL --where ... --bounds ...`, proved from both sides".into());
            }
            advice.push("an inverse that gives inputs back must be trained for: a code as wide as the data needs (PCA says how wide), or a decoder trained beside the network (`netinverse train`)".into());
        }
        Verdict::NotInvertible => {
            advice.push("a collision only rules out one inverse for the whole box: `netinverse invert MODEL --target Y --count 10` lists the inputs of an output, `netinverse explain MODEL --point X` gives a ball on which there is one".into());
        }
        Verdict::InvertibleOnData | Verdict::Unknown => {
            advice.push("nothing is proved for the whole box: `--point X` gives a ball that is; `netinverse invert MODEL --target Y --count 2` looks for a second input; a smaller `--bounds` or a longer `--time-limit` may settle it".into());
        }
    }
    let condition = jacobian.condition.map_or(0.0, |condition| condition.median);
    if condition > 1e6 {
        advice.push(format!(
            "an output must be known to some {:.0} digits more than the input is wanted: the condition number is {condition:.1e}",
            condition.log10()
        ));
    }
    advice.push(match decision.verdict {
        _ if free > network.output_size() => "an exact inverse is of use where the output is meant to hold all of the input (flows, codes, coordinates); here the outputs are a summary, and useful are the sets of inputs that share one: adversarial pairs, clusters, designs".into(),
        Verdict::NotInvertible => "an inverse on a part of the box is of use where that part is known: design and calibration around a working point".into(),
        _ => "an exact inverse is of use here: outputs can stand for inputs (design, calibration, likelihoods), as long as the conditioning allows".into(),
    });
    advice
}
