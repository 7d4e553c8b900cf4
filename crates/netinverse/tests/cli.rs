//! The command line as a user meets it: streams, statuses, files, errors.

use std::path::Path;
use std::process::{Command, Output};

use netinverse::network::Network;
use netinverse::train::{Activation, Mlp};

fn netinverse(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netinverse"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Writes a small network with random weights.
fn write_network(folder: &Path, name: &str) {
    let mlp = Mlp::new(&[4, 8, 3], Activation::Relu, Activation::Softmax, 1).unwrap();
    mlp.network().unwrap().write(folder.join(name)).unwrap();
}

#[test]
fn called_bare_it_prints_examples() {
    let folder = tempfile::tempdir().unwrap();
    let output = netinverse(&[], folder.path());
    assert!(output.status.success());
    let stdout = text(&output.stdout);
    assert_eq!(stdout.lines().filter(|line| line.starts_with("  netinverse ")).count(), 3, "{stdout}");
    assert!(output.stderr.is_empty());
}

#[test]
fn inspect_names_inputs_outputs_and_operators() {
    let folder = tempfile::tempdir().unwrap();
    write_network(folder.path(), "net.onnx");
    let output = netinverse(&["inspect", "net.onnx"], folder.path());
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in
        ["input       x [1,4]: 4 values", "output      y [1,3]: 3 values", "parameters  67", "Softmax × 1"]
    {
        assert!(stdout.contains(part), "`{part}` is not in\n{stdout}");
    }

    let output =
        netinverse(&["inspect", "net.onnx", "--format", "json", "--output", "logits"], folder.path());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], "netinverse.inspect/1");
    assert_eq!(json["outputs"][0]["name"], "logits");
    assert_eq!(json["inputs"][0]["size"], 4);
    assert_eq!(json["supported"], true);
    assert_eq!(json["model"]["sha256"].as_str().unwrap().len(), 64);
}

/// Every kind of bad input: status 2, nothing on standard output, one line that names the place.
#[test]
fn bad_input_is_one_line_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_network(path, "net.onnx");
    std::fs::write(path.join("empty.onnx"), b"").unwrap();
    std::fs::write(path.join("text.onnx"), b"this is not a network").unwrap();
    let whole = std::fs::read(path.join("net.onnx")).unwrap();
    std::fs::write(path.join("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    std::fs::create_dir(path.join("folder")).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["inspect", "missing.onnx"], "missing.onnx: no such file"),
        (&["inspect", "folder"], "folder"),
        (&["inspect", "empty.onnx"], "empty.onnx"),
        (&["inspect", "text.onnx"], "text.onnx"),
        (&["inspect", "cut.onnx"], "cut.onnx"),
        (&["inspect", "net.onnx", "--output", "nothing"], "nothing"),
        (&["demo", "--data", "missing"], "missing"),
        (&["demo", "--data", "folder"], "folder"),
        (&["demo", "-o", "report.pdf"], "report.pdf"),
        (&["train", "mlp", "-o", "net.txt"], "net.txt"),
        (&["train", "mlp", "--layers", "784", "-o", "n.onnx"], "--layers"),
        (&["train", "mlp", "--layers", "784,0,10", "-o", "n.onnx"], "--layers"),
        (&["train", "mlp", "--layers", "5,3", "-o", "n.onnx"], "--layers"),
        (&["train", "mlp", "--epochs", "0", "-o", "n.onnx"], "epoch"),
        (&["data", "mnist", "--mirror", "https://localhost/", "-o", "cache"], "https"),
        (&["frobnicate"], "frobnicate"),
        (&["inspect"], "MODEL"),
        (&["demo", "--threads", "0"], "--threads"),
        (&["demo", "--time-limit", "-1"], "--time-limit"),
    ];
    for (arguments, place) in cases {
        let output = netinverse(arguments, path);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr.contains("error: ") && stderr.contains(place), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let output = netinverse(&["demo", "-o", "file/report.html"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: file: "), "{}", text(&output.stderr));
}

#[test]
fn a_network_is_trained_on_generated_digits_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "train",
        "mlp",
        "--layers",
        "784,16,10",
        "--hidden",
        "leaky-relu",
        "--epochs",
        "1",
        "-o",
        "net.onnx",
    ];
    let output = netinverse(&arguments, folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("generated digits"));
    let network = Network::read(folder.path().join("net.onnx")).unwrap();
    assert_eq!((network.input_size(), network.output_size()), (784, 10));

    // The same seed gives the same file, whatever the number of threads.
    let mut again = arguments.to_vec();
    again[9] = "again.onnx";
    again.extend(["--threads", "1"]);
    assert!(netinverse(&again, folder.path()).status.success());
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("net.onnx"), bytes("again.onnx"));
}

#[test]
fn the_demo_answers_the_thread() {
    let folder = tempfile::tempdir().unwrap();
    let output = netinverse(&["demo"], folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("f has no inverse") && stdout.contains("generated"), "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with("  netinverse ")).count(), 3);

    let report = folder.path().join("netinverse-demo");
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report.join("report.json")).unwrap()).unwrap();
    let number = |key: &str| json[key].as_f64().unwrap_or_else(|| panic!("{key}: {}", json[key]));
    assert_eq!(json["data"], "generated");
    assert!((0.88..=0.96).contains(&number("accuracy")), "{}", number("accuracy"));
    assert_eq!(number("label_recovery"), 1.0);
    assert_eq!(number("reverse_label_recovery"), 1.0);
    assert!(number("restricted_relative_error") <= 1e-12);
    assert!(number("restricted_relative_error_f64_output") <= number("restricted_bound_f64_output"));
    assert!(number("restricted_relative_error_f32_output") <= number("restricted_bound_f32_output"));
    assert!(number("energy_kept_random") < number("energy_kept_mean"));
    assert!(number("energy_kept_mean") < number("energy_kept_pca"));
    assert!(json["twins"]["output_gap"].as_f64().unwrap() <= 1e-12);
    assert!(json["box_nearest"]["residual"].as_f64().unwrap() <= 1e-10);
    assert_eq!(json["box_nearest"]["unreachable_certificate_verified"], true);
    let plausible = json["plausible"].as_array().unwrap();
    assert_eq!(plausible.len(), 10);
    for digit in plausible {
        assert!(digit["plausible_distance"].as_f64().unwrap() < digit["naive_distance"].as_f64().unwrap());
        assert!(digit["output_gap"].as_f64().unwrap() <= 1e-10);
    }

    let html = std::fs::read_to_string(report.join("report.html")).unwrap();
    assert!(html.contains("generated digits") && !html.contains("http://") && !html.contains("<script"));
    // The networks beside the report are the ones of the numbers: f is 784 → 10, its reverse 10 → 784.
    for (name, sizes) in [("classifier.onnx", (784, 10)), ("reverse.onnx", (10, 784))] {
        let network = Network::read(report.join(name)).unwrap();
        assert_eq!((network.input_size(), network.output_size()), sizes);
    }
}

#[test]
fn a_time_limit_ends_the_demo_with_status_3() {
    let folder = tempfile::tempdir().unwrap();
    let output = netinverse(&["demo", "--time-limit", "0"], folder.path());
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(!folder.path().join("netinverse-demo/report.html").exists());
}

#[test]
fn completions_and_manual_come_from_the_same_definitions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = netinverse(&["completions", shell], folder.path());
        assert!(output.status.success() && text(&output.stdout).contains("inspect"), "{shell}");
    }
    let manual = text(&netinverse(&["man"], folder.path()).stdout);
    assert!(manual.contains("netinverse") && manual.contains("time\\-limit"), "{manual}");
}

/// The help on the screen is no longer than its lines promise, and every verb is in it.
#[test]
fn help_lists_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&netinverse(&["--help"], folder.path()).stdout);
    for verb in ["demo", "inspect", "train", "data", "completions", "man"] {
        assert!(help.contains(&format!("\n  {verb}")), "{verb}:\n{help}");
    }
}
