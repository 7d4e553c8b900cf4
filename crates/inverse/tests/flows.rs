//! Networks as PyTorch's two exporters write them (`tools/export_flows.py`): flows, residual blocks, layers that lose something.

use std::path::Path;

use netinverse_base::{Budget, ErrorKind, Silent};
use netinverse_inverse::{
    BuildOptions, Built, MarkKind, Samples, build, conditioning, f_of_g, g_of_f, quasi_random,
};
use netinverse_linalg::Precision;
use netinverse_network::Network;
use serde_json::Value;

const POINTS: usize = 40;

fn entries() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("index.json")).expect("the list of the flows");
    serde_json::from_str(&text).unwrap()
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows")
}

fn built(network: &Network, entry: &Value, precision: Option<Precision>) -> netinverse_base::Result<Built> {
    let given = entry["given"].as_str().map(String::from).into_iter().collect();
    build(network, &BuildOptions { precision, given }, &Budget::default(), &Silent)
}

fn samples(network: &Network) -> Samples {
    let bounds = vec![[-1.0, 1.0]; network.input_size()];
    Samples { x: quasi_random(&bounds, POINTS, 1), rows: POINTS, source: String::new() }
}

/// What is wrong with the inverse of an entry, if anything is.
fn fault(entry: &Value) -> Option<String> {
    let network = match Network::read(folder().join(entry["file"].as_str().unwrap())) {
        Ok(network) => network,
        Err(error) => return Some(error.to_string()),
    };
    let expected = entry["expected"].as_str().unwrap();
    let single = match (built(&network, entry, None), expected) {
        (Ok(built), _) => built,
        (Err(error), "refused") => {
            let named = error.kind() == ErrorKind::Unsupported
                && !error.places().is_empty()
                && !error.hints().is_empty();
            return (!named).then(|| format!("the refusal does not say where and what to do: {error}"));
        }
        (Err(error), _) => return Some(error.to_string()),
    };
    let exact = matches!(expected, "exact" | "loop");
    if single.exact != exact {
        return Some(format!("{expected} is expected, marked are {:?}", single.findings.marks));
    }
    if (expected == "loop") == single.findings.loops.is_empty() {
        return Some(format!("{expected} is expected, there are {} loops", single.findings.loops.len()));
    }
    let double = built(&network, entry, Some(Precision::F64)).unwrap();
    let samples = samples(&network);
    // A section of one layer is one of the whole network only where the layers before it reach what it chooses.
    let lossy_inside = entry["name"].as_str().unwrap().starts_with("leaky_funnel");
    // Where rounding y alone moves x further, nothing better is promised.
    let rounding = conditioning(&single, &samples).and_then(|c| c.rounding_f32).unwrap_or(0.0);
    let mut faults = Vec::new();
    for (name, error, limit) in [
        ("g(f(x)) in f32", g_of_f(&single, &samples).f32.relative, f64::max(1e-4, 10.0 * rounding)),
        ("f(g(y)) in f32", f_of_g(&single, &samples, None).f32.relative, 1e-4),
        ("g(f(x)) in f64", g_of_f(&double, &samples).f64.relative, 1e-10),
        ("f(g(y)) in f64", f_of_g(&double, &samples, None).f64.relative, 1e-10),
    ] {
        let judged = if name.starts_with('g') { exact } else { !lossy_inside };
        if judged && !error.is_some_and(|error| error <= limit) {
            faults.push(format!("{name} is off by {error:?}"));
        }
        // A section does not give the input back: if it did, nothing would be lost.
        if name.starts_with('g') && !exact && error.is_some_and(|error| error < 1e-2) {
            faults.push(format!("{name} holds, though information is said to be lost"));
        }
    }
    (!faults.is_empty()).then(|| faults.join("; "))
}

#[test]
fn exported_networks_are_inverted_or_refused_as_they_should_be() {
    let entries = entries();
    let faults: Vec<String> = entries
        .iter()
        .filter_map(|entry| fault(entry).map(|fault| format!("{}: {fault}", entry["name"].as_str().unwrap())))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(entries.len() >= 50, "{} entries", entries.len());
}

#[test]
fn a_flow_is_inverted_from_its_main_output_alone() {
    for name in ["realnvp_checkerboard_new.onnx", "glow_old.onnx"] {
        let network = Network::read(folder().join(name)).unwrap();
        assert_eq!(network.outputs().len(), 2);
        let built = build(&network, &BuildOptions::default(), &Budget::default(), &Silent).unwrap();
        assert_eq!((built.inverse.inputs().count(), built.unused.len()), (1, 1), "{name}");
        assert!(built.findings.marks.is_empty() && built.findings.conditions.is_empty(), "{name}");
    }
}

#[test]
fn what_is_lost_is_marked_with_its_dimensions() {
    let marks = |name: &str| {
        let network = Network::read(folder().join(name)).unwrap();
        let built = build(&network, &BuildOptions::default(), &Budget::default(), &Silent).unwrap();
        built
            .findings
            .marks
            .iter()
            .map(|mark| (mark.kind, mark.op.clone(), mark.elements))
            .collect::<Vec<_>>()
    };
    // 20 inputs, 6 shares with the sum 1: 15 dimensions are lost.
    assert_eq!(marks("softmax_wide_old.onnx"), [(MarkKind::Section, "Softmax".into(), 15)]);
    // 4 inputs, 10 shares: nothing is lost, the shares lie in a 4-dimensional surface of the 9 dimensions that there are.
    assert_eq!(marks("softmax_small_new.onnx"), [(MarkKind::Projection, "Softmax".into(), 5)]);
    assert_eq!(marks("relu_mlp_new.onnx"), [(MarkKind::Section, "Relu".into(), 6)]);
    assert_eq!(marks("max_pool_old.onnx"), [(MarkKind::Section, "MaxPool".into(), 12)]);
}
