//! Answers in files and back.

use netinverse_answer::files::{self, FileFormat, Layout, json, json_line, parse_line};
use netinverse_answer::sheet::ImageShape;
use netinverse_answer::text::{Names, render};
use netinverse_answer::{
    Answer, Certificate, CertificateKind, Evaluations, Inversion, Model, Nearest, Optimality, Query, SCHEMA,
    Status, earlier,
};
use std::path::Path;

fn answer(x: Vec<f64>) -> Answer {
    Answer {
        x,
        y: vec![0.1 + 0.2],
        residual: 5e-324,
        distance: 1.0 / 3.0,
        rank: 1,
        sigma_min: 0.5,
        fibre_dimension: 1,
        optimality: Optimality::Local,
        ..Answer::default()
    }
}

fn query(row: usize, status: Status, answers: Vec<Answer>) -> Query {
    Query {
        row,
        status,
        answers,
        evaluations: Evaluations { forward: 3, vjp: 2, jvp: 1 },
        ..Query::default()
    }
}

fn inversion() -> Inversion {
    let mut missed = query(3, Status::NotFound, vec![]);
    missed.nearest = Some(Nearest { x: vec![0.0, 1.0], y: vec![2.0], residual: 0.25 });
    let mut proved = query(5, Status::Unreachable, vec![]);
    let reason = "output 0 would have to be 2".to_string();
    proved.certificate =
        Some(Certificate { kind: CertificateKind::Interval, reason, numbers: vec![0.0, 1.0] });
    let solved =
        query(1, Status::Solved, vec![answer(vec![0.1, f64::MIN_POSITIVE]), answer(vec![-0.0, 1e300])]);
    let queries = vec![solved, missed, proved, query(7, Status::Limit, vec![])];
    Inversion {
        schema: SCHEMA.into(),
        model: Model { path: "net.onnx".into(), sha256: "0".repeat(64) },
        status: Inversion::overall(&queries),
        question: "q".into(),
        stopped: None,
        queries,
        seconds: 0.5,
        seed: 7,
    }
}

#[test]
fn json_reads_back_bit_for_bit() {
    let inversion = inversion();
    let back: Inversion = serde_json::from_str(&json(&inversion).unwrap()).unwrap();
    assert_eq!(back, inversion);
    assert_eq!(back.queries[0].answers[1].x[0].to_bits(), (-0.0f64).to_bits());
    let line = json_line("q", &inversion.queries[1]).unwrap();
    assert_eq!(line.lines().count(), 1);
    assert_eq!(parse_line(&line).unwrap().query, inversion.queries[1]);
    assert_eq!(inversion.status, Status::Unreachable);
}

#[test]
fn an_earlier_run_gives_its_finished_queries() {
    let folder = tempfile::tempdir().unwrap();
    let inversion = inversion();
    for name in ["a.json", "a.jsonl"] {
        let path = folder.path().join(name);
        files::write(&path, &inversion, &Layout::default()).unwrap();
        let rows: Vec<usize> = earlier::read(&path, "q").unwrap().into_keys().collect();
        assert_eq!(rows, [1, 3, 5], "{name}: what a limit ended is asked again");
        let error = earlier::read(&path, "another").unwrap_err();
        assert_eq!(error.message(), "the file answers another question", "{name}");
    }
}

#[test]
fn images_are_known_by_their_shape() {
    let grey = |height, width| Some(ImageShape { height, width, channels: 1, channels_last: false });
    for (shape, image) in [
        (&[1, 784][..], grey(28, 28)),
        (&[1, 1, 28, 28], grey(28, 28)),
        (&[1, 28, 20, 1], grey(28, 20)),
        (&[1, 3, 4, 5], Some(ImageShape { height: 4, width: 5, channels: 3, channels_last: false })),
        (&[1, 4, 5, 3], Some(ImageShape { height: 4, width: 5, channels: 3, channels_last: true })),
        (&[1, 784, 1], grey(28, 28)),
        (&[1, 9], None),
        (&[1, 785], None),
        (&[1, 2, 4, 5], None),
    ] {
        assert_eq!(ImageShape::of(shape), image, "{shape:?}");
    }
}

#[test]
fn text_says_what_became_of_each() {
    let shown = render(&inversion(), Names::default());
    for part in [
        "row 1: solved, 2 answers, 6 evaluations",
        "x: 0.1, 2.225073859e-308",
        "row 3: not found",
        "nearest output found: residual 0.25",
        "proof: output 0 would have to be 2",
        "4 queries: 1 solved, 1 unreachable, 1 not found, 1 limit; 2 answers, ",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
}

#[test]
fn an_unknown_extension_is_refused() {
    for name in ["a", "a.txt", "a.json.gz"] {
        assert!(FileFormat::of(Path::new(name)).is_err(), "{name}");
    }
    assert_eq!(FileFormat::of(Path::new("A.NPZ")).unwrap(), FileFormat::Npz);
}
