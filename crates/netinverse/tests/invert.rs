//! `netinverse invert` from ONNX files to answers, each compared with something computed here.

mod common;

use std::fs;
use std::path::Path;

use common::{Layers, answer, check_schema, invert, numbers, text};
use netinverse::data::{Values, npz};
use netinverse::network::Function;
use serde_json::Value;
use tempfile::tempdir;

fn first_x(answer: &Value) -> Vec<f64> {
    numbers(&answer["queries"][0]["answers"][0]["x"])
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

/// y = x0 + 2·x1 − x2: the nearest input to the reference is a projection on a plane.
fn plane(folder: &Path) {
    Layers::one(&[&[1.0], &[2.0], &[-1.0]], &[0.0], None).write(&folder.join("net.onnx"));
}

#[test]
fn the_nearest_input_of_a_plane_is_the_projection() {
    let folder = tempdir().unwrap();
    plane(folder.path());
    // From (1, 0, 0), f = 1: to reach −2 the step is −3/6 along (1, 2, −1).
    let found = answer(folder.path(), &["--target", "-2", "--near", "1,0,0"], 0);
    assert!(close(&first_x(&found), &[0.5, -1.0, 0.5], 1e-12));
    let one = &found["queries"][0]["answers"][0];
    assert!((one["distance"].as_f64().unwrap() - 1.5f64.sqrt()).abs() < 1e-11);
    assert_eq!((one["rank"].as_u64(), one["fibre_dimension"].as_u64()), (Some(1), Some(2)));
    assert!((one["sigma_min"].as_f64().unwrap() - 6f64.sqrt()).abs() < 1e-12);

    // In L∞ every input moves by 3/4; in L1 only x1 moves; with weights the cheap input moves.
    let found = answer(folder.path(), &["--target", "-2", "--near", "1,0,0", "--norm", "linf"], 0);
    assert!(close(&first_x(&found), &[0.25, -0.75, 0.75], 1e-6));
    let found = answer(folder.path(), &["--target", "-2", "--near", "1,0,0", "--norm", "l1"], 0);
    assert!(close(&first_x(&found), &[1.0, -1.5, 0.0], 1e-6));
    let found = answer(folder.path(), &["--target", "-2", "--near", "1,0,0", "--weights", "1,1e8,1e8"], 0);
    assert!(close(&first_x(&found), &[-2.0, 0.0, 0.0], 1e-6));
}

#[test]
fn fixed_inputs_bounds_and_conditions_hold() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[4, 24, 2], Function::Tanh, 3);
    layers.write(&folder.path().join("net.onnx"));
    let y = layers.forward(&[0.1, -0.3, 0.7, 0.2]);
    let target = format!("{},{}", y[0], y[1]);
    let asked =
        ["--target", &target, "--bounds", "-0.9,0.9", "--fix", "2=0.7", "--subject-to", "x0 + x1 + x3 == 0"];
    let found = answer(folder.path(), &asked, 0);
    let x = first_x(&found);
    assert_eq!(x[2].to_bits(), 0.7f64.to_bits());
    assert!((x[0] + x[1] + x[3]).abs() <= 1e-12);
    assert!(x.iter().all(|x| (-0.9..=0.9).contains(x)));
    assert!(close(&layers.forward(&x), &y, 1e-10));
    assert_eq!(found["queries"][0]["answers"][0]["fibre_dimension"], 1);
}

#[test]
fn what_has_a_proof_is_unreachable_and_what_has_none_is_not_found() {
    let folder = tempdir().unwrap();
    let model = folder.path().join("net.onnx");
    let kind = |found: &Value| found["queries"][0]["certificate"]["kind"].as_str().map(String::from);

    // A sigmoid never gives 2.
    Layers::one(&[&[1.0]], &[0.0], Some(Function::Sigmoid)).write(&model);
    let found = answer(folder.path(), &["--target", "2"], 1);
    assert_eq!((found["status"].as_str(), kind(&found).as_deref()), (Some("unreachable"), Some("range")));
    // Within [−1, 1] it does not give 0.9; without bounds it does.
    assert_eq!(
        kind(&answer(folder.path(), &["--target", "0.9", "--bounds", "-1,1"], 1)).as_deref(),
        Some("interval")
    );
    assert!(close(&first_x(&answer(folder.path(), &["--target", "0.9"], 0)), &[(0.9f64 / 0.1).ln()], 1e-9));
    // Within the tolerance of what it gives, nothing is proved.
    let edge = format!("{}", 1.0 / (1.0 + (-1.0f64).exp()) + 5e-11);
    answer(folder.path(), &["--target", &edge, "--bounds", "-1,1"], 0);

    // y1 = y0 + 0.01: no interval sees that (0, 0) is impossible, multipliers do.
    Layers::one(&[&[1.0, 1.0], &[1.0, 1.0]], &[0.0, 0.01], None).write(&model);
    let found = answer(folder.path(), &["--target", "0,0", "--bounds", "-1,1"], 1);
    assert_eq!(kind(&found).as_deref(), Some("farkas"));
    Layers::one(&[&[1.0, 1.0], &[1.0, 1.0]], &[0.0, 0.01], Some(Function::Sigmoid)).write(&model);
    let found = answer(folder.path(), &["--target", "0.5,0.5", "--bounds", "-1,1"], 1);
    assert_eq!(kind(&found).as_deref(), Some("farkas"));
    // The class that always loses.
    let found = answer(folder.path(), &["--class", "0", "--bounds", "-1,1"], 1);
    assert_eq!(kind(&found).as_deref(), Some("farkas"));

    // Intervals are too coarse for relu(x) − relu(x) = 1/2.
    Layers {
        weights: vec![vec![1.0, 1.0], vec![1.0, -1.0]],
        biases: vec![vec![0.0, 0.0], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    }
    .write(&model);
    let found = answer(folder.path(), &["--target", "0.5", "--bounds", "-1,1"], 3);
    assert_eq!(found["status"], "not_found");
    assert_eq!(found["queries"][0]["nearest"]["residual"], 0.5);
    // A time limit that is over before the search begins is a limit.
    let found = answer(folder.path(), &["--target", "0.5", "--bounds", "-1,1", "--time-limit", "0"], 3);
    assert_eq!((found["status"].as_str(), found["stopped"].as_str()), (Some("limit"), Some("time_limit")));
}

#[test]
fn a_class_wins_strictly_in_both_precisions_and_by_its_margin() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[5, 30, 4], Function::Relu, 8);
    layers.write(&folder.path().join("net.onnx"));
    let own = |x: &[f64]| {
        let y = layers.forward(x);
        (0..4).max_by(|&a, &b| y[a].total_cmp(&y[b])).unwrap()
    };
    let reference = "0.1,0.2,-0.1,0.3,0";
    let network = netinverse::network::Network::read(folder.path().join("net.onnx")).unwrap();
    let single = netinverse::network::Evaluator::<f32>::new(&network);
    let mut distances = Vec::new();
    for class in 0..4 {
        let found = answer(
            folder.path(),
            &["--class", &class.to_string(), "--near", reference, "--bounds", "-3,3"],
            0,
        );
        let x = first_x(&found);
        let y = layers.forward(&x);
        assert!((0..4).all(|j| j == class || y[class] > y[j]), "{y:?}");
        let (x32, mut y32) = (x.iter().map(|&v| v as f32).collect::<Vec<_>>(), [0f32; 4]);
        single.forward(&x32, &mut y32);
        assert!((0..4).all(|j| j == class || y32[class] > y32[j]), "{y32:?}");
        distances.push(found["queries"][0]["answers"][0]["distance"].as_f64().unwrap());
    }
    // `other` is the nearest of the other three.
    let mine = own(&[0.1, 0.2, -0.1, 0.3, 0.0]);
    let found = answer(folder.path(), &["--class", "other", "--near", reference, "--bounds", "-3,3"], 0);
    let nearest = (0..4).filter(|&k| k != mine).map(|k| distances[k]).fold(f64::INFINITY, f64::min);
    assert!(found["queries"][0]["answers"][0]["distance"].as_f64().unwrap() <= nearest + 1e-6);
    assert_ne!(own(&first_x(&found)), mine);

    let found = answer(
        folder.path(),
        &["--class", "2", "--margin", "0.25", "--near", reference, "--bounds", "-3,3"],
        0,
    );
    let y = layers.forward(&first_x(&found));
    let margin = (0..4).filter(|&j| j != 2).map(|j| y[2] - y[j]).fold(f64::INFINITY, f64::min);
    assert!((margin - 0.25).abs() < 1e-9, "the nearest has the margin and no more: {margin}");
    let found = answer(
        folder.path(),
        &["--class", "2", "--probability", "0.6", "--near", reference, "--bounds", "-3,3"],
        0,
    );
    let y = layers.forward(&first_x(&found));
    assert!(y[2].exp() / y.iter().map(|y| y.exp()).sum::<f64>() >= 0.6 - 1e-9);
}

#[test]
fn conditions_intervals_and_specifications_are_met() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[3, 20, 20, 3], Function::Relu, 5);
    layers.write(&folder.path().join("net.onnx"));
    let y = layers.forward(&[0.4, -0.2, 0.6]);
    let condition =
        format!("y0 in [{}, {}] && y1 >= {} || y0 >= 1000", y[0] - 0.01, y[0] + 0.01, y[1] - 0.01);
    let x = first_x(&answer(folder.path(), &["--where", &condition, "--bounds", "-1,1"], 0));
    let found = layers.forward(&x);
    assert!((found[0] - y[0]).abs() <= 0.01 + 1e-9 && found[1] >= y[1] - 0.01 - 1e-9);

    let rows: Vec<String> = y.iter().map(|y| format!("{},{}\n", y - 0.02, y + 0.02)).collect();
    fs::write(folder.path().join("intervals.csv"), rows.concat()).unwrap();
    let x = first_x(&answer(folder.path(), &["--within", "intervals.csv", "--bounds", "-1,1"], 0));
    assert!(close(&layers.forward(&x), &y, 0.02 + 1e-9));

    // Two boxes of inputs, each with its own demand; only the second can be met.
    let declare: String = (0..3)
        .map(|i| format!("(declare-const X_{i} Real) (declare-const Y_{i} Real)\n"))
        .collect::<Vec<_>>()
        .concat();
    let inside = |i: usize, lo: f64, hi: f64| format!("(>= X_{i} {lo}) (<= X_{i} {hi})");
    let first = format!(
        "(and {} {} {} (>= Y_0 1000))",
        inside(0, -1.0, 0.0),
        inside(1, -1.0, 0.0),
        inside(2, -1.0, 0.0)
    );
    let second = format!(
        "(and {} {} {} (>= Y_0 {}) (<= Y_0 {}))",
        inside(0, 0.35, 0.45),
        inside(1, -0.25, -0.15),
        inside(2, 0.55, 0.65),
        y[0],
        y[0] + 0.01
    );
    fs::write(folder.path().join("q.vnnlib"), format!("{declare}(assert (or {first} {second}))\n")).unwrap();
    let x = first_x(&answer(folder.path(), &["--spec", "q.vnnlib"], 0));
    assert!(
        (0.35..=0.45).contains(&x[0]) && (-0.25..=-0.15).contains(&x[1]) && (0.55..=0.65).contains(&x[2])
    );
    let y0 = layers.forward(&x)[0];
    assert!(y0 >= y[0] - 1e-9 && y0 <= y[0] + 0.01 + 1e-9);
    fs::write(folder.path().join("q.vnnlib"), format!("{declare}(assert {first})\n")).unwrap();
    let found = answer(folder.path(), &["--spec", "q.vnnlib"], 1);
    assert_eq!(found["queries"][0]["certificate"]["kind"], "interval");
}

#[test]
fn integers_are_integers_and_as_near_as_the_nearest_of_all() {
    let folder = tempdir().unwrap();
    plane(folder.path());
    // x0 + 2·x1 − x2 = 3.5 with x0, x1 integers in [−4, 4] and x2 free in [−4, 4], near (0.3, −2.2, 0.1).
    let near = [0.3, -2.2, 0.1];
    let mut best = f64::INFINITY;
    for x0 in -4..=4 {
        for x1 in -4..=4 {
            let x2 = f64::from(x0 + 2 * x1) - 3.5;
            if x2.abs() <= 4.0 {
                let square: f64 = [f64::from(x0), f64::from(x1), x2]
                    .iter()
                    .zip(&near)
                    .map(|(a, b)| (a - b) * (a - b))
                    .sum();
                best = best.min(square.sqrt());
            }
        }
    }
    let asked = ["--target", "3.5", "--bounds", "-4,4", "--integer", "0,x1", "--near", "0.3,-2.2,0.1"];
    let found = answer(folder.path(), &asked, 0);
    let x = first_x(&found);
    assert!(x[0].fract() == 0.0 && x[1].fract() == 0.0, "{x:?}");
    assert!((found["queries"][0]["answers"][0]["distance"].as_f64().unwrap() - best).abs() < 1e-9);
    assert_eq!(found["queries"][0]["answers"][0]["fibre_dimension"], 0);
    // All integers: 1/2 is no integer combination.
    let found = answer(folder.path(), &["--target", "3.5", "--bounds", "-4,4", "--integer", "0,1,2"], 3);
    assert_eq!(found["status"], "not_found");
}

#[test]
fn an_objective_reaches_what_a_grid_reaches() {
    let folder = tempdir().unwrap();
    for (seed, function) in [(1, Function::Relu), (2, Function::Tanh), (3, Function::Relu)] {
        let layers = Layers::random(&[2, 16, 16, 2], function, 40 + seed);
        layers.write(&folder.path().join("net.onnx"));
        let (mut free, mut held) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for i in 0..=200 {
            for j in 0..=200 {
                let x = [f64::from(i) / 100.0 - 1.0, f64::from(j) / 100.0 - 1.0];
                let y = layers.forward(&x);
                let value = y[0] - 2.0 * y[1];
                free = free.max(value);
                if x[0] + x[1] <= 0.3 && y[1] >= -0.1 {
                    held = held.max(value);
                }
            }
        }
        let found = answer(folder.path(), &["--maximize", "y0 - 2*y1", "--bounds", "-1,1"], 0);
        let value = found["queries"][0]["answers"][0]["objective"].as_f64().unwrap();
        assert!(value >= free - 1e-9, "{value} against {free}");
        let y = layers.forward(&first_x(&found));
        assert!((y[0] - 2.0 * y[1] - value).abs() < 1e-9);
        let asked = [
            "--minimize",
            "2*y1 - y0",
            "--where",
            "y1 >= -0.1",
            "--subject-to",
            "x0 + x1 <= 0.3",
            "--bounds",
            "-1,1",
        ];
        if held.is_finite() {
            let found = answer(folder.path(), &asked, 0);
            let value = -found["queries"][0]["answers"][0]["objective"].as_f64().unwrap();
            let x = first_x(&found);
            assert!(value >= held - 1e-9, "{value} against {held}");
            assert!(x[0] + x[1] <= 0.3 + 1e-12 && layers.forward(&x)[1] >= -0.1 - 1e-9);
        }
    }
    // A corner of the box is the best of a plane, and intervals prove it.
    plane(folder.path());
    let found = answer(folder.path(), &["--maximize", "y0", "--bounds", "-1,1"], 0);
    assert_eq!(found["queries"][0]["answers"][0]["optimality"], "proved");
    assert_eq!(first_x(&found), [1.0, 1.0, -1.0]);
}

#[test]
fn scalers_put_everything_in_the_users_units() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[2, 12, 1], Function::Tanh, 21);
    layers.write(&folder.path().join("net.onnx"));
    fs::write(folder.path().join("in.csv"), "10,3\n-5,0.7\n").unwrap();
    let user = |x: &[f64]| 100.0 + 25.0 * layers.forward(&[(x[0] - 10.0) / 3.0, (x[1] + 5.0) / 0.7])[0];
    let y = user(&[11.0, -5.5]);
    fs::write(folder.path().join("box.csv"), "8,13\n-6,-4\n").unwrap();
    let target = y.to_string();
    let asked =
        ["--target", &target, "--bounds", "box.csv", "--input-scale", "in.csv", "--output-scale", "100,25"];
    let found = answer(folder.path(), &asked, 0);
    let x = first_x(&found);
    assert!((8.0..=13.0).contains(&x[0]) && (-6.0..=-4.0).contains(&x[1]));
    assert!((user(&x) - y).abs() <= 1e-10 * y.abs().max(1.0));
}

#[test]
fn several_answers_are_apart_and_rows_pair_with_references() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[3, 30, 1], Function::Relu, 33);
    layers.write(&folder.path().join("net.onnx"));
    let y = layers.forward(&[0.2, 0.1, -0.4])[0];
    let found = answer(
        folder.path(),
        &["--target", &y.to_string(), "--bounds", "-1,1", "--count", "6", "--separation", "0.3"],
        0,
    );
    let answers = found["queries"][0]["answers"].as_array().unwrap();
    let points: Vec<Vec<f64>> = answers.iter().map(|a| numbers(&a["x"])).collect();
    assert_eq!(points.len(), 6);
    for (i, a) in points.iter().enumerate() {
        assert!((layers.forward(a)[0] - y).abs() <= 1e-10);
        for b in &points[..i] {
            assert!(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() >= 0.3);
        }
    }
    assert!(found["queries"][0]["radius"].is_number());

    // Names from a csv head; each target near its own reference.
    fs::write(folder.path().join("near.csv"), "width,height,depth\n0,0,0\n0.5,0.5,0.5\n-0.5,0,0.5\n")
        .unwrap();
    fs::write(folder.path().join("targets.csv"), format!("{y}\n{y}\n{}\n", y + 0.01)).unwrap();
    let asked = [
        "--target",
        "targets.csv",
        "--near",
        "near.csv",
        "--fix",
        "height=0.125",
        "--rows",
        "1..3",
        "--bounds",
        "-2,2",
    ];
    let found = answer(folder.path(), &asked, 0);
    let rows: Vec<u64> =
        found["queries"].as_array().unwrap().iter().map(|q| q["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, [1, 2]);
    for (query, target) in found["queries"].as_array().unwrap().iter().zip([y, y + 0.01]) {
        let x = numbers(&query["answers"][0]["x"]);
        assert_eq!(x[1], 0.125);
        assert!((layers.forward(&x)[0] - target).abs() <= 1e-10);
    }
}

#[test]
fn answers_do_not_depend_on_threads_and_resume_where_they_stopped() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[3, 20, 2], Function::Tanh, 17);
    layers.write(&folder.path().join("net.onnx"));
    let targets: Vec<String> = (0..20)
        .map(|i| {
            let y = layers.forward(&[0.04 * f64::from(i), -0.3, 0.9 - 0.05 * f64::from(i)]);
            format!("{},{}\n", y[0], y[1])
        })
        .collect();
    fs::write(folder.path().join("targets.csv"), targets.concat()).unwrap();
    let asked = ["--target", "targets.csv", "--bounds", "-1,1", "--count", "2"];
    let queries = |threads: &str| {
        answer(folder.path(), &[&asked[..], &["--threads", threads]].concat(), 0)["queries"].take()
    };
    assert_eq!(queries("1"), queries("3"));

    let lines = invert(folder.path(), &[&asked[..], &["--format", "jsonl"]].concat());
    let lines = text(&lines.stdout);
    assert_eq!(lines.lines().count(), 20);
    lines.lines().for_each(|line| check_schema(&serde_json::from_str(line).unwrap(), "line"));
    // Cut in the middle of a line, with one answer changed so that it can be told from a new one.
    let cut = lines.lines().take(7).collect::<Vec<_>>().join("\n").replacen("\"row\":3,", "\"row\":3, ", 1);
    let half = &lines.lines().nth(7).unwrap()[..40];
    let marked = cut.replacen("\"forward\":", "\"forward\":1000000", 1);
    fs::write(folder.path().join("part.jsonl"), format!("{marked}\n{half}")).unwrap();
    let resumed = answer(folder.path(), &[&asked[..], &["--resume", "part.jsonl"]].concat(), 0);
    let whole = answer(folder.path(), &asked, 0);
    assert_eq!(resumed["queries"].as_array().unwrap().len(), 20);
    assert!(
        resumed["queries"][0]["evaluations"]["forward"].as_u64().unwrap() >= 1_000_000,
        "row 0 was asked again"
    );
    assert_eq!(resumed["queries"][3], whole["queries"][3]);
    for query in resumed["queries"].as_array().unwrap() {
        assert_eq!(query["status"], "solved");
    }

    let other =
        invert(folder.path(), &["--target", "targets.csv", "--bounds", "-1,2", "--resume", "part.jsonl"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(
        text(&other.stderr).contains("line 1: the file answers another question"),
        "{}",
        text(&other.stderr)
    );
}

#[test]
fn files_hold_the_answers() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[64, 10, 2], Function::Tanh, 2);
    layers.write(&folder.path().join("net.onnx"));
    let (a, b) = (layers.forward(&[0.25; 64]), layers.forward(&[0.75; 64]));
    let target = format!("{},{};{},{}", a[0], a[1], b[0], b[1]);
    let asked = ["--target", &target, "--bounds", "0,1"];
    let whole = answer(folder.path(), &asked, 0);
    let xs: Vec<f64> = (0..2).flat_map(|q| numbers(&whole["queries"][q]["answers"][0]["x"])).collect();
    for file in ["a.json", "a.jsonl", "a.npz", "a.npy", "a.csv", "a.png"] {
        let output =
            invert(folder.path(), &[&asked[..], &["-o", file, "--save-problem", "problem.json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stderr));
    }
    let json: Value = serde_json::from_slice(&fs::read(folder.path().join("a.json")).unwrap()).unwrap();
    assert_eq!(json["queries"], whole["queries"]);
    let arrays = npz::read(&folder.path().join("a.npz")).unwrap();
    let keys: Vec<&str> = arrays.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["x", "y", "residual", "row"]);
    assert_eq!(arrays[0].1.shape(), [2, 64]);
    assert_eq!(arrays[0].1.values(), &Values::F64(xs.clone()));
    assert_eq!(arrays[3].1.values(), &Values::I64(vec![0, 1]));
    let npy = netinverse::data::npy::read(&folder.path().join("a.npy")).unwrap();
    assert_eq!(npy.values(), &Values::F64(xs.clone()));
    let csv = netinverse::data::csv::read(&folder.path().join("a.csv")).unwrap();
    assert_eq!((csv.rows, csv.columns), (2, 3 + 64 + 2));
    assert_eq!(csv.values[3..67], xs[..64]);
    let png = netinverse::data::png::read(&folder.path().join("a.png")).unwrap();
    assert_eq!((png.width, png.height), (8, 18), "two pictures of 8×8, one below the other");
    assert_eq!(png.samples[0], (xs[0] * 255.0).round() as u16);
    let saved: Value =
        serde_json::from_slice(&fs::read(folder.path().join("problem.json")).unwrap()).unwrap();
    assert_eq!(saved["schema"], "netinverse.problem/1");
    assert_eq!(numbers(&saved["problem"]["asked"]["rows"][1]), b);
    assert!(
        fs::read_dir(folder.path()).unwrap().all(|f| !f
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".tmp"))
    );
}

#[test]
fn text_is_a_table_for_few_rows_and_a_line_for_many() {
    let folder = tempdir().unwrap();
    plane(folder.path());
    let few = invert(folder.path(), &["--target", "-2", "--near", "1,0,0"]);
    let stdout = text(&few.stdout);
    assert!(stdout.starts_with("solved, "), "{stdout}");
    assert!(stdout.contains("x: 0.5, -1, 0.5") && stdout.contains("y: z0 = -2"), "{stdout}");
    let many = invert(folder.path(), &["--target", "1;2;3;4;5;6", "--quiet"]);
    let stdout = text(&many.stdout);
    assert_eq!(stdout.lines().count(), 7, "{stdout}");
    assert!(stdout.lines().last().unwrap().starts_with("6 queries: 6 solved; largest residual"), "{stdout}");
    assert!(many.stderr.is_empty());
}

#[test]
fn an_intermediate_value_can_be_asked_for() {
    let folder = tempdir().unwrap();
    let layers = Layers::random(&[2, 3, 1], Function::Tanh, 9);
    layers.write(&folder.path().join("net.onnx"));
    let first = Layers {
        weights: layers.weights[..1].to_vec(),
        biases: layers.biases[..1].to_vec(),
        functions: vec![Some(Function::Tanh)],
    };
    let y = first.forward(&[0.3, -0.6]);
    let target = y.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let found = answer(folder.path(), &["--output", "h0", "--target", &target], 0);
    assert!(close(&first_x(&found), &[0.3, -0.6], 1e-7));
}

/// Ctrl-C: what is done is printed, the rest is marked, and the status says that it is not settled.
#[cfg(unix)]
#[test]
fn an_interrupt_returns_what_is_there() {
    let folder = tempdir().unwrap();
    // Half of what is asked cannot be reached, and nothing proves it: every start is used up.
    Layers {
        weights: vec![vec![1.0, 1.0], vec![1.0, -1.0]],
        biases: vec![vec![0.0, 0.0], vec![0.0]],
        functions: vec![Some(Function::Relu), None],
    }
    .write(&folder.path().join("net.onnx"));
    fs::write(folder.path().join("targets.csv"), "0\n0.5\n".repeat(100_000)).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_netinverse"))
        .args([
            "invert",
            "net.onnx",
            "--target",
            "targets.csv",
            "--bounds",
            "-1,1",
            "--format",
            "jsonl",
            "-q",
        ])
        .args(["--starts", "1000", "-o", "answer.jsonl"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first line says that work has begun; the last, that it ended.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["status"], "solved");
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut last = String::new();
    let mut count = 1;
    for line in lines {
        last = line.unwrap();
        count += 1;
    }
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(count, 200_000);
    assert!(last.contains("\"status\":\"limit\""), "{last}");
    assert_eq!(fs::read_to_string(folder.path().join("answer.jsonl")).unwrap().lines().count(), 200_000);
}

/// Conditions on inputs that a random start does not meet, beside a set with an interior: the search ends.
#[test]
fn equations_between_inputs_and_intervals_of_outputs_end() {
    let folder = tempdir().unwrap();
    for seed in 0..4 {
        let layers = Layers::random(&[4, 24, 24, 2], Function::Tanh, seed);
        layers.write(&folder.path().join("net.onnx"));
        let y = layers.forward(&[0.2, -0.3, 0.1, 0.2]);
        let window = format!("y0 in [{}, {}] && y1 <= {}", y[0] - 0.05, y[0] + 0.05, y[1] + 0.01);
        let asked = ["--where", &window, "--bounds", "-1.2,1.2", "--subject-to", "x1 + x2 + x3 == 0"];
        let found = answer(folder.path(), &asked, 0);
        let x = first_x(&found);
        assert!((x[1] + x[2] + x[3]).abs() <= 1e-12);
    }
}
