//! Cells that are lent: whatever comes back, or does not, the volumes are proved and nothing is counted twice.

#[path = "../../bounds/tests/common/mod.rs"]
mod common;

use common::networks;
use netinverse_answer::Model;
use netinverse_base::{Budget, Rng};
use netinverse_bounds::Bounder;
use netinverse_network::{Function, Network};
use netinverse_preimage::{Answer, Asked, Frontier, Goals, Node, Paving, Question, Status};

fn network() -> Network {
    networks::layers(&[3, 12, 12, 2], Function::Relu, &mut Rng::new(7, 0))
}

fn asked() -> Asked {
    Asked { condition: Some("y0 - y1 >= 0".into()), bounds: Some(vec![[-1.0, 1.0]]), ..Asked::default() }
}

fn model() -> Model {
    Model { path: "net.onnx".into(), sha256: "0".repeat(64) }
}

/// What a worker does: reads the loan, paves on for some boxes, writes it.
fn work(bounder: &Bounder, question: &Question, loan: &Answer, boxes: u64) -> Answer {
    let loan = Answer::parse(&loan.text().unwrap()).unwrap();
    let mut paving = Paving::resume(bounder, question, loan.nodes, 0, None).unwrap();
    let goals = Goals { coverage: Some(1.0), max_boxes: Some(boxes), ..Goals::default() };
    paving.refine(&goals, &Budget::default(), &mut |_| Ok(())).unwrap();
    let answer = paving.answer(model(), asked(), 0.0, Status::Partial);
    Answer::parse(&answer.text().unwrap()).unwrap()
}

#[test]
fn loans_come_back_or_do_not() {
    let network = network();
    let bounder = Bounder::new(&network).unwrap();
    let asked = asked();
    let given = asked.given_bounds(3).unwrap();
    let question = Question::new(&bounder, &asked.formula(&network).unwrap(), given.as_ref()).unwrap();
    let pave = |boxes: u64| {
        let mut paving = Paving::new(&bounder, &question, 0.0);
        let goals = Goals { coverage: Some(1.0), max_boxes: Some(boxes), ..Goals::default() };
        paving.refine(&goals, &Budget::default(), &mut |_| Ok(())).unwrap();
        paving.answer(model(), asked.clone(), 0.0, Status::Partial)
    };
    let start = pave(64);
    let fine = pave(20_000).header.volume;
    let mut frontier = Frontier::new(start.clone()).unwrap();
    assert_eq!(frontier.volume(), (start.header.volume.lower, start.header.volume.upper));
    for round in 0..6 {
        let before = frontier.volume();
        let open = frontier.open_cells();
        let (first, lent) = frontier.lend(2, 1000).unwrap();
        let (second, other) = frontier.lend(1, 1000).unwrap();
        assert!(lent.nodes.contains(&Node::Elsewhere) && frontier.open_cells() < open);
        assert_eq!(frontier.volume(), before, "what is lent still counts");
        let back = work(&bounder, &question, &lent, 200);
        assert!(frontier.take_back(second, &back).is_err(), "another loan's cells");
        if round % 2 == 0 {
            frontier.give_up(second).unwrap();
        } else {
            frontier.take_back(second, &work(&bounder, &question, &other, 100)).unwrap();
        }
        frontier.take_back(first, &back).unwrap();
        assert!(frontier.take_back(first, &back).is_err() && frontier.give_up(first).is_err());
        let (lower, upper) = frontier.volume();
        assert!(before.0 <= lower && upper <= before.1 && upper - lower < before.1 - before.0);
        assert!(lower <= fine.upper && fine.lower <= upper);
    }
    assert_eq!(frontier.loans(), 0);
    let answer = frontier.answer(Status::Partial);
    assert!(!answer.nodes.contains(&Node::Elsewhere));
    assert_eq!((answer.header.volume.lower, answer.header.volume.upper), frontier.volume());
    assert!(answer.header.boxes > start.header.boxes);
    // The tree is one that can be saved, read and gone on with.
    let again = Answer::parse(&answer.text().unwrap()).unwrap();
    assert_eq!(again.header.volume, answer.header.volume);
    let paving = Paving::resume(&bounder, &question, again.nodes, again.header.boxes, None).unwrap();
    assert_eq!(paving.volume(), frontier.volume());
}

#[test]
fn a_shard_is_no_frontier() {
    let network = network();
    let bounder = Bounder::new(&network).unwrap();
    let asked = asked();
    let given = asked.given_bounds(3).unwrap();
    let question = Question::new(&bounder, &asked.formula(&network).unwrap(), given.as_ref()).unwrap();
    let mut paving = Paving::new(&bounder, &question, 0.0);
    paving.take_shard(netinverse_preimage::Shard { index: 0, count: 2 }, 0.0);
    let answer = paving.answer(model(), asked, 0.0, Status::Partial);
    assert!(Frontier::new(answer).unwrap_err().to_string().contains("shard"));
}
