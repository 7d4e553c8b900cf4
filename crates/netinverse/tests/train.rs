//! `netinverse train` as a user runs it: families with an inverse.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use common::{Layers, check_schema_of, netinverse, text};
use netinverse::base::Rng;
use netinverse::network::{Evaluator, Function, Network};
use serde_json::Value;
use tempfile::tempdir;

fn train(folder: &Path, arguments: &[&str]) -> Output {
    netinverse(folder, &[&["train"], arguments].concat())
}

/// Runs it with `--format json`, checks the status and the schema, and gives the answer.
fn answer(folder: &Path, arguments: &[&str], status: i32) -> Value {
    let output = train(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_schema_of("train", &answer, "training");
    answer
}

fn measure(answer: &Value, name: &str) -> f64 {
    let measures = answer["measures"].as_array().unwrap();
    let found = measures.iter().find(|measure| measure["name"] == name);
    found.and_then(|measure| measure["value"].as_f64()).unwrap_or_else(|| panic!("no `{name}` in {answer:#}"))
}

/// Rows on a curve in four dimensions, between 0 and 1, in two classes.
fn write_rows(folder: &Path, name: &str, count: usize, seed: u64) {
    let mut rng = Rng::new(seed, 0);
    let (mut x, mut classes) = (String::new(), String::new());
    for _ in 0..count {
        let (t, u) = (rng.uniform(), rng.uniform());
        let row = [t, t * t, 0.5 + 0.5 * (3.0 * t).sin(), u];
        writeln!(x, "{},{},{},{}", row[0], row[1], row[2], row[3]).unwrap();
        writeln!(classes, "{}", u8::from(t > 0.5)).unwrap();
    }
    std::fs::write(folder.join(format!("{name}.csv")), x).unwrap();
    std::fs::write(folder.join(format!("{name}_labels.csv")), classes).unwrap();
}

fn apply(path: &Path, x: &[f64]) -> Vec<f64> {
    let network = Network::read(path).unwrap();
    let mut y = vec![0.0; x.len() / network.input_size() * network.output_size()];
    Evaluator::<f64>::new(&network).forward(x, &mut y);
    y
}

#[test]
fn an_autoencoder_beats_principal_components_on_a_curve() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), "x", 600, 1);
    write_rows(folder.path(), "t", 200, 2);
    let options = ["autoencoder", "--code", "2", "--hidden", "24", "--activation", "tanh", "--data", "x.csv"];
    let rest = ["--test", "t.csv", "--epochs", "60", "--rate", "0.01", "--batch", "32", "-o", "f.onnx"];
    let found = answer(folder.path(), &[&options[..], &rest].concat(), 0);
    let (own, pca, mean) = (
        measure(&found, "reconstruction_error"),
        measure(&found, "pca_error"),
        measure(&found, "mean_error"),
    );
    assert!(own < 0.5 * pca && pca < 0.5 * mean, "{own}, {pca}, {mean}");
    assert_eq!((&found["measured"], &found["measured_on"]), (&Value::from(200), &Value::from("test rows")));
    // The files are the networks that were measured.
    let rows = netinverse::data::read_rows(
        &folder.path().join("t.csv").to_string_lossy(),
        &netinverse::data::RowsOptions::default(),
    )
    .unwrap();
    let y = apply(&folder.path().join("f.onnx"), &rows.values);
    let back = apply(&folder.path().join("f.inverse.onnx"), &y);
    let error = back.iter().zip(&rows.values).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / 800.0;
    assert!((error - own).abs() < 1e-4 * own, "{error} and {own}");
    // The mean of what was learned from, computed here again.
    let learned = netinverse::data::read_rows(
        &folder.path().join("x.csv").to_string_lossy(),
        &netinverse::data::RowsOptions::default(),
    )
    .unwrap();
    let centre = |j: usize| learned.values.iter().skip(j).step_by(4).sum::<f64>() / 600.0;
    let centres: Vec<f64> = (0..4).map(centre).collect();
    let direct =
        rows.values.iter().zip(centres.iter().cycle()).map(|(x, c)| (x - c) * (x - c)).sum::<f64>() / 800.0;
    assert!((direct - mean).abs() < 1e-6, "{direct} and {mean}");
}

#[test]
fn an_invertible_classifier_is_resumed_to_the_same_files() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), "x", 400, 1);
    let options = [
        "classifier",
        "--invertible",
        "5",
        "--hidden",
        "16",
        "--activation",
        "tanh",
        "--data",
        "x.csv",
        "--labels",
        "x_labels.csv",
        "--rate",
        "0.01",
        "--batch",
        "32",
        "--epochs",
        "30",
        "--patience",
        "30",
    ];
    let whole = answer(folder.path(), &[&options[..], &["-o", "whole.onnx"]].concat(), 0);
    assert!(measure(&whole, "accuracy") > 0.9 && measure(&whole, "reconstruction_error") < 0.02, "{whole:#}");
    assert_eq!((&whole["held_out"], &whole["samples"]), (&Value::from(40), &Value::from(360)));
    let parts = [&options[..], &["-o", "parts.onnx", "--checkpoint", "run.npz"]].concat();
    // However far this gets, status 3 or 0: the second part ends where the whole run did.
    let first = train(folder.path(), &[&parts[..], &["--time-limit", "0.05"]].concat());
    assert!([Some(0), Some(3)].contains(&first.status.code()), "{}", text(&first.stderr));
    let second = answer(folder.path(), &[&parts[..], &["--threads", "1"]].concat(), 0);
    assert_eq!(second["measures"], whole["measures"]);
    for (one, other) in [("whole.onnx", "parts.onnx"), ("whole.inverse.onnx", "parts.inverse.onnx")] {
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        assert!(read(one) == read(other), "{one} and {other} differ");
    }
    let other = train(folder.path(), &[&parts[..], &["--seed", "1"]].concat());
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("run.npz: the checkpoint belongs to another training run"));
}

#[test]
fn a_row_space_penalty_keeps_more_of_the_data() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), "x", 400, 1);
    let kept = |lambda: &str| {
        let data = ["classifier", "--data", "x.csv", "--labels", "x_labels.csv", "--row-space", lambda];
        let found = answer(
            folder.path(),
            &[&data[..], &["--epochs", "40", "--rate", "0.02", "--batch", "32", "-o", "f.onnx"]].concat(),
            0,
        );
        assert!(measure(&found, "accuracy") > 0.9, "{found:#}");
        assert!(measure(&found, "round_trip") < 1e-4);
        (measure(&found, "energy_kept"), measure(&found, "energy_kept_pca"))
    };
    let ((with, best), (without, _)) = (kept("20"), kept("0"));
    // Nothing of two dimensions keeps more than the principal components of the rows that they come from.
    assert!(with > without + 0.02 && with > 0.97 * best && with < best + 0.01, "{with}, {without}, {best}");
}

#[test]
fn an_inverse_of_a_given_network_is_learned_in_its_bounds() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[3, 8, 2], Function::Tanh, 4);
    layers.write(&folder.path().join("net.onnx"));
    let found = answer(
        folder.path(),
        &[
            "inverse",
            "net.onnx",
            "--bounds",
            "-1,1",
            "--draw",
            "2000",
            "--hidden",
            "32",
            "--activation",
            "tanh",
            "--rate",
            "0.01",
            "--epochs",
            "60",
            "--batch",
            "32",
            "--polish",
            "10",
            "-o",
            "g.onnx",
        ],
        0,
    );
    // Most rows are near enough for Gauss-Newton; float64 from there.
    assert!(
        measure(&found, "polished_median") < 1e-10 && measure(&found, "residual_median") > 1e-6,
        "{found:#}"
    );
    assert_eq!((&found["network"], &found["inverse"]), (&Value::Null, &Value::from("g.onnx")));
    assert!(measure(&found, "round_trip") < 0.1, "{found:#}");
    let y = layers.forward(&[0.3, -0.2, 0.1]);
    let x = apply(&folder.path().join("g.onnx"), &y);
    assert!(x.iter().all(|x| x.abs() <= 1.0), "{x:?}");
    let again = layers.forward(&x);
    assert!(again.iter().zip(&y).all(|(a, b)| (a - b).abs() < 0.2), "{again:?} and {y:?}");
}

#[test]
fn a_surjective_classifier_is_written_with_its_inverse_and_its_fibres() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), "x", 400, 1);
    let data =
        ["surjective", "--data", "x.csv", "--labels", "x_labels.csv", "--hidden", "16", "--rate", "0.01"];
    let found =
        answer(folder.path(), &[&data[..], &["--epochs", "30", "--batch", "32", "-o", "f.onnx"]].concat(), 0);
    assert!(measure(&found, "accuracy") > 0.9 && measure(&found, "round_trip") < 1e-5, "{found:#}");
    // Any y and any v.
    let x = apply(&folder.path().join("f.fibre.onnx"), &[7.0, -5.0, 0.2, 0.9, 0.1, 0.4]);
    let y = apply(&folder.path().join("f.onnx"), &x);
    assert!((y[0] - 7.0).abs() < 1e-4 && (y[1] + 5.0).abs() < 1e-4, "{y:?}");
}

/// Runs `train` on the rows of [`write_rows`], with few pairs.
fn square(folder: &Path, arguments: &[&str]) -> Value {
    let data =
        ["--data", "x.csv", "--labels", "x_labels.csv", "--epochs", "20", "--batch", "32", "-o", "f.onnx"];
    answer(folder, &[arguments, &data, &["--pairs", "4000"]].concat(), 0)
}

#[test]
fn square_maps_are_written_with_their_inverse_and_keep_to_what_is_proved() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), "x", 400, 1);
    let wide = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>().sqrt();
    let mut best = f64::NEG_INFINITY;
    for arguments in [
        &["bilipschitz", "--mu", "0.2", "--nu", "20", "--rate", "0.02"][..],
        &["bijective", "--coupling", "additive", "--blocks", "4", "--width", "16", "--rate", "0.01"],
        &["bijective", "--clamp", "0.5", "--blocks", "4", "--width", "16", "--rate", "0.01"],
    ] {
        let found = square(folder.path(), arguments);
        let number = |name: &str| measure(&found, name);
        assert!(number("factor_least_proved") <= number("factor_least_measured"), "{found:#}");
        assert!(number("factor_most_measured") <= number("factor_most_proved"), "{found:#}");
        assert!(number("round_trip") <= number("round_trip_limit"), "{found:#}");
        assert!(number("far_growth") < 1e3 && number("far_round_trip") < 1e-3, "{found:#}");
        // The files, on two points of the box.
        let x = [0.2, 0.1, 0.7, 0.9, 0.6, 0.4, 0.9, 0.3];
        let y = apply(&folder.path().join("f.onnx"), &x);
        let back = apply(&folder.path().join("f.inverse.onnx"), &y);
        assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-4), "{back:?}");
        let apart = |v: &[f64]| wide(&(0..4).map(|i| v[i] - v[4 + i]).collect::<Vec<f64>>());
        let factor = apart(&y) / apart(&x);
        assert!(
            factor >= number("factor_least_proved") && factor <= number("factor_most_proved"),
            "{factor}"
        );
        if arguments[0] == "bilipschitz" {
            assert!(number("factor_least_proved") >= 0.2 && number("factor_most_proved") <= 20.0);
            assert!(number("accuracy") > 0.9, "{found:#}");
        } else {
            let logs = apply(&folder.path().join("f.density.onnx"), &x);
            assert!(logs.iter().all(|v| v.is_finite()));
            // Volumes that may change fit better than volumes that stay.
            assert!(number("log_density") > best, "{found:#}");
            best = number("log_density");
        }
    }
}

#[test]
fn a_sweep_trades_accuracy_for_reconstruction() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), "x", 400, 1);
    let data =
        ["sweep", "--data", "x.csv", "--labels", "x_labels.csv", "--hidden", "16", "--activation", "tanh"];
    let rest = ["--lambdas", "1,20", "--rate", "0.01", "--epochs", "30", "--batch", "32", "-o", "sweep.html"];
    let sweep = |options: &[&str]| -> Value {
        let output = train(folder.path(), &[&data[..], &rest, options, &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let found = serde_json::from_slice(&output.stdout).unwrap();
        check_schema_of("sweep", &found, "sweep");
        found
    };
    let found = sweep(&[]);
    let rows = found["rows"].as_array().unwrap();
    let error = |row: usize| rows[row]["reconstruction_error"].as_f64().unwrap();
    // Plain, two weights, the autoencoder: each gives back more than the one before, or nearly.
    assert_eq!(rows.len(), 4);
    assert!(error(0) > error(1) && error(1) > error(2) && error(3) < 1.2 * error(2), "{found:#}");
    assert!(rows[..3].iter().all(|row| row["accuracy"].as_f64().unwrap() > 0.9), "{found:#}");
    let page = std::fs::read_to_string(folder.path().join("sweep.html")).unwrap();
    assert!(page.contains("invertible classifier") && page.contains("<svg"));

    // From two seeds, with choices on rows held out: recomputed here.
    let found = sweep(&["--seeds", "2", "--held-out", "0.2", "--rates", "0.0001,0.01", "--cost", "1"]);
    let rows = found["rows"].as_array().unwrap();
    let runs = |row: usize| rows[row]["runs"].as_array().unwrap();
    let number = |value: &Value, name: &str| value[name].as_f64().unwrap();
    for row in 0..4 {
        let seeds: Vec<u64> = runs(row).iter().map(|run| run["seed"].as_u64().unwrap()).collect();
        assert_eq!(seeds, [0, 1]);
        let errors: Vec<f64> = runs(row).iter().map(|run| number(run, "reconstruction_error")).collect();
        assert!(
            (number(&rows[row], "reconstruction_error") - f64::midpoint(errors[0], errors[1])).abs() < 1e-12
        );
        assert_eq!(number(&rows[row], "worst_reconstruction_error"), errors[0].max(errors[1]));
    }
    // The smaller step size hardly moves the autoencoder.
    assert!(runs(3).iter().all(|run| (number(run, "rate") - 0.01).abs() < 1e-6));
    let held = |row: usize| runs(row).iter().map(|run| number(run, "held_out_error")).sum::<f64>();
    let best = if held(1) < held(2) { 1 } else { 2 };
    let choice = &found["choice"];
    assert_eq!(choice["lambda"], rows[best]["lambda"]);
    let ratio = |run: usize| {
        number(&runs(best)[run], "reconstruction_error") / number(&runs(3)[run], "reconstruction_error")
    };
    assert!((number(choice, "worst_error_ratio") - ratio(0).max(ratio(1))).abs() < 1e-12);
    // At no cost in accuracy allowed, and none that keeps it, the smallest λ.
    let strict = sweep(&["--held-out", "0.2", "--cost", "0"]);
    let accuracy = |row: usize| number(&strict["rows"][row]["runs"][0], "held_out_accuracy");
    if accuracy(1) < accuracy(0) && accuracy(2) < accuracy(0) {
        assert_eq!(strict["choice"]["lambda"], 1.0);
    }
    for (arguments, place) in [
        (&["--lambdas", "0"][..], "--lambdas"),
        (&["--cost", "-1"], "--cost"),
        (&["--rates", "0.1,0.2"], "--rates"),
        (&["--seeds", "2", "--held-out", "0"], "--seeds"),
        (&["-o", "sweep.txt"], "sweep.txt"),
        (&["-o", "no/sweep.json"], "no"),
    ] {
        let output = train(folder.path(), &[&data[..], arguments].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(place), "{}", text(&output.stderr));
    }
}

/// Forward passes and products with the Jacobian, of all rows.
fn evaluations(answer: &Value) -> u64 {
    let queries = answer["queries"].as_array().unwrap();
    let own =
        |query: &Value| ["forward", "vjp", "jvp"].map(|kind| query["evaluations"][kind].as_u64().unwrap());
    queries.iter().flat_map(own).sum()
}

#[test]
fn invert_starts_from_a_learned_inverse() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let layers = Layers::random(&[3, 8, 2], Function::Tanh, 4);
    layers.write(&path.join("net.onnx"));
    let inverse = ["inverse", "net.onnx", "--bounds", "-1,1", "--draw", "2000", "--hidden", "32"];
    let rest = ["--rate", "0.01", "--epochs", "40", "--batch", "32", "-o", "g.onnx", "--activation", "tanh"];
    answer(path, &[&inverse[..], &rest].concat(), 0);
    let mut rng = Rng::new(2, 0);
    let rows: Vec<String> = (0..20)
        .map(|_| {
            let x: Vec<f64> = (0..3).map(|_| rng.range(-0.9, 0.9)).collect();
            let y = layers.forward(&x);
            format!("{},{}", y[0], y[1])
        })
        .collect();
    let target = rows.join(";");
    let asked = ["--target", &target, "--bounds", "-1,1"];
    let without = common::answer(path, &asked, 0);
    let with = common::answer(path, &[&asked[..], &["--start", "g.onnx"]].concat(), 0);
    assert!(
        2 * evaluations(&with) < evaluations(&without),
        "{} {}",
        evaluations(&with),
        evaluations(&without)
    );
    for (query, row) in with["queries"].as_array().unwrap().iter().zip(&rows) {
        let x = common::numbers(&query["answers"][0]["x"]);
        let y: Vec<f64> = row.split(',').map(|v| v.parse().unwrap()).collect();
        assert!(x.iter().all(|x| x.abs() <= 1.0));
        assert!(layers.forward(&x).iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-9), "{x:?}");
    }
    // A g that leads nowhere costs a little and changes no success; scales outside the model apply to g too.
    Layers::one(&[&[0.0, 0.0, 0.0], &[0.0, 0.0, 0.0]], &[1e300, 1e300, 1e300], None)
        .write(&path.join("bad.onnx"));
    common::answer(path, &[&asked[..], &["--start", "bad.onnx"]].concat(), 0);
    let scaled: Vec<String> = rows
        .iter()
        .map(|row| {
            row.split(',')
                .map(|v| (10.0 * v.parse::<f64>().unwrap()).to_string())
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    let scaled = scaled.join(";");
    let asked = ["--target", &scaled, "--bounds", "-1,1", "--output-scale", "0,10", "--start", "g.onnx"];
    let again = common::answer(path, &asked, 0);
    assert!(2 * evaluations(&again) < evaluations(&without), "{}", evaluations(&again));

    for (arguments, place) in [
        (&["--class", "0", "--start", "g.onnx"][..], "--target"),
        (&["--target", "0,0", "--start", "net.onnx"], "it takes 3 numbers and gives 2"),
        (&["--target", "0,0", "--start", "none.onnx"], "none.onnx"),
        (&["--target", "0,0", "--start", "g.onnx", "--count", "3"], "--count"),
        (&["--target", "0,0", "--bounds", "-1,1", "--start", "g.onnx", "--integer", "0"], "--start"),
    ] {
        let output = common::invert(path, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(place), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// Every kind of bad input: status 2, nothing on standard output, one line that names the place.
#[test]
fn bad_samples_and_options_are_one_line_and_status_2() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    write_rows(path, "x", 20, 1);
    Layers::random(&[4, 5, 3], Function::Tanh, 1).write(&path.join("net.onnx"));
    std::fs::write(path.join("one.csv"), "1,2,3,4\n").unwrap();
    std::fs::write(path.join("nan.csv"), "1,2,3,4\n1,nan,3,4\n").unwrap();
    std::fs::write(path.join("huge.csv"), "1,2,3,4\n1,1e300,3,4\n").unwrap();
    std::fs::write(path.join("ragged.csv"), "1,2,3,4\n1,2,3\n").unwrap();
    std::fs::write(path.join("gap.csv"), "0\n2\n".repeat(10)).unwrap();
    std::fs::write(path.join("far.csv"), "0\n1\n".repeat(9) + "0\n300\n").unwrap();
    std::fs::write(path.join("half.csv"), "0\n0.5\n".repeat(10)).unwrap();
    std::fs::write(path.join("same.csv"), "0\n".repeat(20)).unwrap();
    std::fs::create_dir(path.join("pictures")).unwrap();
    let picture = |name: &str, width: usize| {
        netinverse::data::files::write_atomically(&path.join("pictures").join(name), |writer| {
            netinverse::data::png::write(writer, width, 2, 1, &vec![7; 2 * width])
        })
        .unwrap();
    };
    picture("a.png", 2);
    picture("b.png", 3);
    let auto = |data| ["autoencoder", "--data", data, "-o", "f.onnx", "--epochs", "1"];
    let class =
        |labels| ["classifier", "--invertible", "1", "--data", "x.csv", "--labels", labels, "-o", "f.onnx"];
    let bilipschitz = ["bilipschitz", "--data", "x.csv", "--labels", "x_labels.csv", "-o", "f.onnx"];
    let cases: &[(&[&str], &str)] = &[
        (&auto("missing.csv"), "missing.csv: no such file"),
        (&auto("one.csv"), "one sample"),
        (&auto("nan.csv"), "NaN"),
        (&auto("huge.csv"), "beyond float32"),
        (&auto("ragged.csv"), "ragged.csv"),
        (&auto("pictures"), "b.png: the picture is 2 × 3, those before it are 2 × 2"),
        (&class("gap.csv"), "class 1 has no sample"),
        (&class("far.csv"), "300 is not a class"),
        (&class("half.csv"), "0.5 is not a class"),
        (&class("same.csv"), "one class"),
        (&class("one.csv"), "--labels"),
        (&["classifier", "--invertible", "1", "--data", "x.csv", "-o", "f.onnx"], "labelled rows"),
        (&[&class("x_labels.csv")[..], &["--classes", "1"]].concat(), "label 1 is out of range"),
        (&[&class("x_labels.csv")[..], &["--held-out", "1"]].concat(), "--held-out"),
        (&[&auto("x.csv")[..], &["--patience", "2", "--held-out", "0"]].concat(), "--patience"),
        (&[&auto("x.csv")[..], &["--rows", "5..90"]].concat(), "there are 20"),
        (&[&auto("x.csv")[..], &["--hidden", "3,x"]].concat(), "`x` is not the size"),
        (&[&auto("x.csv")[..], &["--rate", "-1"]].concat(), "step size"),
        (&[&auto("x.csv")[..], &["--batch", "0"]].concat(), "batch"),
        (&[&auto("x.csv")[..], &["--code", "0"]].concat(), "--code"),
        (&["classifier", "--data", "x.csv", "--labels", "x_labels.csv", "-o", "f.onnx"], "--invertible"),
        (&["autoencoder", "--data", "x.csv", "-o", "f.txt"], "f.txt"),
        (&["autoencoder", "--data", "x.csv", "-o", "nowhere/f.onnx"], "nowhere"),
        (&["bilipschitz", "--data", "x.csv", "-o", "f.onnx"], "labelled rows"),
        (&[&bilipschitz[..], &["--mu", "2", "--nu", "1"]].concat(), "--mu"),
        (&[&bilipschitz[..], &["--width", "3"]].concat(), "width 3"),
        (&[&bilipschitz[..], &["--bounds", "1,0"]].concat(), "--bounds"),
        (&["bijective", "--data", "x.csv", "-o", "f.onnx", "--clamp", "-1"], "clamp of -1"),
        (&["bijective", "--data", "same.csv", "-o", "f.onnx"], "two halves"),
        (&["inverse", "net.onnx", "-o", "g.onnx"], "--bounds"),
        (&["inverse", "net.onnx", "-o", "g.onnx", "--bounds", "1,-1"], "--bounds"),
        (&["inverse", "net.onnx", "-o", "g.onnx", "--data", "gap.csv"], "--data"),
        (&["inverse", "none.onnx", "-o", "g.onnx"], "none.onnx"),
    ];
    for (arguments, place) in cases {
        let output = train(path, arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(stderr.contains("error: ") && stderr.contains(place), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

/// On digits that netinverse draws itself: a few rows, but the sizes of the real thing.
#[test]
fn generated_digits_are_learned_without_any_file() {
    let folder = tempdir().unwrap();
    let found = answer(
        folder.path(),
        &[
            "classifier",
            "--invertible",
            "10",
            "--rows",
            "0..2000",
            "--epochs",
            "4",
            "--hidden",
            "64",
            "-o",
            "f.onnx",
        ],
        0,
    );
    assert!(measure(&found, "accuracy") > 0.8, "{found:#}");
    assert!(measure(&found, "reconstruction_error") < measure(&found, "mean_error"), "{found:#}");
    let network = Network::read(folder.path().join("f.inverse.onnx")).unwrap();
    assert_eq!((network.input_size(), network.output_size()), (10, 784));
}
