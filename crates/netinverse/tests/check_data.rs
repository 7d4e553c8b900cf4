//! Answers about real networks are confirmed: pavings, proofs, and witnesses of every network at hand, whose outputs the
//! checker computes by its own reading of the operators.
//!
//! The folder is named by `NETINVERSE_DATA`; without it these tests are reported as ignored.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use netinverse::check::{Options, Verdict, check};
use netinverse::network::Network;

/// Preimage tasks: network, question, coverage.
const PAVINGS: &[(&str, &str, &str)] =
    &[("auto_park", "auto_park", "0.95"), ("vcas_1", "vcas", "0.9"), ("cartpole", "cartpole", "0.9")];

/// Queries: network, query, verdict.
const PROOFS: &[(&str, &str, &str)] = &[
    ("acasxu/ACASXU_run2a_2_3_batch_2000", "acasxu/prop_4", "unsat"),
    ("acasxu/ACASXU_run2a_2_3_batch_2000", "acasxu/prop_2", "sat"),
    ("mnistfc/mnist-net_256x2", "mnistfc/prop_2_0.03", "unsat"),
];

/// Networks with an input inside their domain.
const NETWORKS: &[&str] = &[
    "premap/lunarlander",
    "premap/dubinsrejoin",
    "inverse-design/arm",
    "inverse-design/ballistics",
    "inverse-design/sine",
    "vnncomp-misc/Convnet_avgpool",
    "vnncomp-misc/ffnnSIGMOID__Point_6x200",
    "vnncomp-misc/resnet_2b",
    "vnncomp-misc/test_nano",
    "mnistfc/mnist-net_256x6",
];

fn main() {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os("NETINVERSE_DATA").map(PathBuf::from);
    let data = folder.clone().unwrap_or_default();
    let mut trials = Vec::new();
    for &(network, question, coverage) in PAVINGS {
        let data = data.join("premap");
        trials.push(Trial::test(format!("paving {question}"), move || {
            let (model, spec) =
                (data.join(format!("{network}.onnx")), data.join(format!("{question}.vnnlib")));
            confirmed("answer.preimage", &model, &spec, |folder| {
                run(
                    folder,
                    &[
                        "preimage",
                        text(&model),
                        "--spec",
                        text(&spec),
                        "--coverage",
                        coverage,
                        "-o",
                        "answer.preimage",
                    ],
                )
            })
        }));
    }
    for &(network, query, verdict) in PROOFS {
        let (model, spec) = (data.join(format!("{network}.onnx")), data.join(format!("{query}.vnnlib")));
        trials.push(Trial::test(format!("proof {network} {query}"), move || prove(&model, &spec, verdict)));
    }
    for &network in NETWORKS {
        let model = data.join(format!("{network}.onnx"));
        trials.push(Trial::test(format!("witness {network}"), move || witness(&model)));
    }
    let trials = trials.into_iter().map(|trial| trial.with_ignored_flag(folder.is_none())).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_netinverse")).args(arguments).current_dir(folder).output();
    String::from_utf8(output.expect("the binary starts").stdout).expect("UTF-8")
}

/// Makes an answer and has it confirmed.
fn confirmed(name: &str, model: &Path, spec: &Path, make: impl Fn(&Path) -> String) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let printed = make(folder.path());
    let options = Options {
        answer: folder.path().join(name),
        model: model.to_path_buf(),
        specification: Some(spec.to_path_buf()),
        ..Options::default()
    };
    let report = check(&options).map_err(|trouble| format!("{trouble}; printed: {printed}"))?;
    if report.verdict == Verdict::Confirmed {
        return Ok(());
    }
    Err(format!("{:?} {:?} {:?}", report.verdict, report.first_failure, report.why).into())
}

fn prove(model: &Path, spec: &Path, verdict: &str) -> Result<(), Failed> {
    confirmed("answer.jsonl", model, spec, |folder| {
        let printed = run(folder, &["verify", text(spec), "--network", text(model), "-o", "answer.jsonl"]);
        assert!(printed.starts_with(verdict), "{printed}");
        printed
    })
}

/// A query that any input satisfies: the checker evaluates the network at the one that is found.
fn witness(model: &Path) -> Result<(), Failed> {
    let network = Network::read(model)?;
    let mut query = String::new();
    for i in 0..network.input_size() {
        writeln!(query, "(declare-const X_{i} Real)")?;
    }
    for j in 0..network.output_size() {
        writeln!(query, "(declare-const Y_{j} Real)")?;
    }
    for i in 0..network.input_size() {
        let centre = 0.4 + 0.3 * (i as f64).sin();
        writeln!(query, "(assert (>= X_{i} {centre})) (assert (<= X_{i} {}))", centre + 0.01)?;
    }
    writeln!(query, "(assert (>= Y_0 -1000000))")?;
    let folder = tempfile::tempdir()?;
    let spec = folder.path().join("query.vnnlib");
    std::fs::write(&spec, query)?;
    prove(model, &spec, "sat")
}
