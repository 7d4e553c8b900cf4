//! Verdicts where the truth is known by construction.

mod common;

use common::families::{FAMILIES, known};
use netinverse_base::{Budget, Silent};
use netinverse_explain::{DecideOptions, Verdict, decide};

#[test]
fn no_false_proof_and_nearly_all_proved() {
    let count = FAMILIES.len() * 6;
    let mut unknown = Vec::new();
    for number in 0..count {
        let known = known(number, 7);
        let t = std::time::Instant::now();
        let decision = decide(
            &known.network,
            &known.region,
            None,
            &DecideOptions::default(),
            &Budget::default(),
            &Silent,
        )
        .unwrap();
        let t = t.elapsed().as_secs_f64();
        let expected = if known.injective { Verdict::Invertible } else { Verdict::NotInvertible };
        let what =
            format!("{number} {} (n = {}): {:?}", known.family, known.region.lower.len(), decision.verdict);
        eprintln!(
            "{what} {t:.3}s collision {:?}",
            decision.collision.as_ref().map(|c| (c.distance, c.proof.method))
        );
        if decision.verdict == Verdict::Unknown {
            unknown.push(what);
            continue;
        }
        assert_eq!(decision.verdict, expected, "{what}: {:?}", decision.evidence);
    }
    assert!(unknown.len() * 20 <= count, "{unknown:#?}");
}
