//! The `.nnet` format: values by hand, bounds, and what is wrong with a file.

use netinverse_network::{Evaluator, Network};

const FILE: &str = "\
// A network of two inputs, three neurons and one output.
// Comments may go on.
2,2,1,3,
2,3,1,
0,
-1.0,0.0,
1.0,10.0,
0.5,5.0,7.0,
2.0,10.0,3.0,
1.0,-1.0,
0.5,2.0,
0.0,1.0,
0.25,
-1.0,
0.5,
1.0,-2.0,3.0,
0.125,
";

fn by_hand(x: [f64; 2]) -> f64 {
    let [a, b] = [(x[0] - 0.5) / 2.0, (x[1] - 5.0) / 10.0];
    let hidden = [a - b + 0.25, 0.5 * a + 2.0 * b - 1.0, b + 0.5].map(|z: f64| z.max(0.0));
    3.0 * (hidden[0] - 2.0 * hidden[1] + 3.0 * hidden[2] + 0.125) + 7.0
}

#[test]
fn values_are_those_of_the_definition() {
    let network = Network::parse_nnet(FILE).unwrap();
    assert_eq!(network.input_bounds(), Some(&[[-1.0, 1.0], [0.0, 10.0]][..]));
    let evaluator = Evaluator::<f64>::new(&network);
    for x in [[0.0, 0.0], [1.0, 10.0], [-1.0, 3.0], [0.3, 9.5]] {
        let mut y = [f64::NAN];
        evaluator.forward(&x, &mut y);
        assert!((y[0] - by_hand(x)).abs() < 1e-13, "{x:?}: {} is not {}", y[0], by_hand(x));
    }
}

#[test]
fn files_are_read_by_their_extension() {
    let path = std::env::temp_dir().join(format!("netinverse-{}.NNET", std::process::id()));
    std::fs::write(&path, FILE).unwrap();
    let network = Network::read(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(network.unwrap().input_size(), 2);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let cases = [
        ("", "four numbers"),
        ("2,2,1,3,\n2,3,2,\n", "header says"),
        ("99999999,1,1,1\n", "size"),
        (&FILE.replace("0.5,2.0,\n", "0.5,2.0,7,\n"), "line 11"),
        (&FILE.replace("0.25,\n", "nan,\n"), "`nan`"),
        (&FILE.replace("2.0,10.0,3.0,", "0.0,10.0,3.0,"), "range of 0"),
        (&FILE.replace("-1.0,0.0,\n1.0,10.0", "2.0,0.0,\n1.0,10.0"), "minimum of input 0"),
        (&FILE[..FILE.len() - 7], "ends where"),
        (&format!("{FILE}1.0,\n"), "more lines"),
    ];
    for (text, wanted) in cases {
        let error = Network::parse_nnet(text).unwrap_err();
        let all = format!("{error} {}", error.hints().join(" "));
        assert!(all.contains(wanted), "{wanted}: {all}");
    }
}

#[test]
fn mutated_files_do_not_panic() {
    let mut rng = netinverse_base::Rng::new(5, 0);
    for _ in 0..5000 {
        let mut bytes = FILE.as_bytes().to_vec();
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len());
            match rng.below(3) {
                0 => bytes[at] = b"0123456789.,-e\n/"[rng.below(16)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"0123456789.,-e\n/"[rng.below(16)]),
            }
        }
        let _ = Network::parse_nnet(&String::from_utf8(bytes).unwrap());
    }
}
