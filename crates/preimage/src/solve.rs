//! From a question to an answer: pave to the goal, pave on a little where that saves pieces, compact.

use netinverse_base::{Budget, Result};
use netinverse_linalg::interval::{add_down, add_up};

use crate::answer::{Answer, Asked, Status};
use crate::cell::{Cell, State};
use crate::compact::{Enough, Piece, Side, compact};
use crate::paving::{Goals, Paving, Stop};

/// What is wanted of an answer beyond its volumes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// When to stop.
    pub goals: Goals,
    /// Whether cells are made into few polytopes.
    pub compact: bool,
    /// No more polytopes than this on either side.
    pub max_pieces: Option<usize>,
}

/// Of the gap that a goal of coverage leaves open, this share is closed before compacting, as long as that takes no more
/// boxes than the goal itself: what is known finely can be covered coarsely.
const FINER: f64 = 0.4;

/// What a paving proves where it stands when no goal is reached, and the share of it that pieces keep.
const KEPT_WITHOUT_GOAL: f64 = 0.98;

/// Works on a paving until the plan is carried out or the budget ends. `watch` is called after every batch.
pub fn solve(
    paving: &mut Paving,
    plan: &Plan,
    model: netinverse_answer::Model,
    asked: Asked,
    budget: &Budget,
    watch: &mut dyn FnMut(&Paving) -> Result<()>,
) -> Result<Answer> {
    let stop = paving.refine(&plan.goals, budget, watch)?;
    if let (Stop::Done, true, Some(coverage)) = (stop, plan.compact, plan.goals.coverage)
        && paving.reached(&plan.goals)
    {
        let finer = Goals {
            coverage: Some(1.0 - FINER * (1.0 - coverage)),
            over: None,
            max_boxes: Some(paving.boxes().saturating_mul(2).max(512)),
            ..plan.goals
        };
        paving.refine(&finer, budget, watch)?;
    }
    let status = if stop == Stop::Done { Status::Complete } else { Status::Partial };
    let mut answer = Answer::of(paving, model, asked, plan.goals.min_width, status);
    if let Stop::Limit(why) = stop {
        answer.header.stopped_by = Some(why.into());
    }
    pieces(&mut answer, paving, plan, budget);
    Ok(answer)
}

/// Fills in the pieces of an answer.
pub fn pieces(answer: &mut Answer, paving: &Paving, plan: &Plan, budget: &Budget) {
    let question = paving.question();
    let (lower, upper) = paving.volume();
    let cells: Vec<&Cell> = paving.cells().collect();
    let most = plan.max_pieces.unwrap_or(usize::MAX);
    let plain = plain_inner(&cells, paving);
    let mut inner = None;
    if plan.compact && !cells.is_empty() {
        let wanted = plan.goals.coverage.map_or(KEPT_WITHOUT_GOAL * lower, |coverage| {
            // Of what is not reached, nearly all that is there.
            (coverage * upper).min(if lower >= coverage * upper {
                f64::INFINITY
            } else {
                KEPT_WITHOUT_GOAL * lower
            })
        });
        // The exact box is smaller than the paved one by up to the shell, which the pieces' volumes include.
        let enough = Enough { volume: add_up(wanted, question.shell), pieces: most.min(plain.len().max(1)) };
        let mut stop = |_: usize, _: f64| budget.stop().is_some();
        let (pieces, total) = compact(
            &cells,
            &question.target,
            &question.lower,
            &question.upper,
            Side::Inner,
            enough,
            &mut stop,
        );
        if total >= enough.volume || pieces.len() < plain.len() && plan.max_pieces.is_some() {
            inner = Some((pieces, total));
        }
    }
    let (pieces, total) = inner.unwrap_or_else(|| {
        let mut pieces = plain;
        pieces.sort_by(|a, b| b.volume.0.total_cmp(&a.volume.0));
        pieces.truncate(most);
        let total = pieces.iter().fold(0.0, |sum, piece| add_down(sum, piece.volume.0));
        (pieces, total)
    });
    answer.header.pieces_lower = add_down(total, -question.shell).max(0.0);
    answer.header.pieces.inner = pieces.len();
    answer.inner = pieces;
    if let Some(over) = plan.goals.over
        && plan.compact
        && !cells.is_empty()
        && paving.shard().is_none()
    {
        let enough = Enough { volume: over * lower, pieces: most.min(cells.len().max(1)) };
        let mut stop = |_: usize, _: f64| budget.stop().is_some();
        let (pieces, total) = compact(
            &cells,
            &question.target,
            &question.lower,
            &question.upper,
            Side::Outer,
            enough,
            &mut stop,
        );
        answer.header.pieces_upper = Some(total);
        answer.header.pieces.outer = pieces.len();
        answer.outer = pieces;
    }
}

/// The cells' own inner polytopes: the box of a cell that is in; of a cut one the best disjunct's rows.
fn plain_inner(cells: &[&Cell], paving: &Paving) -> Vec<Piece> {
    let target = &paving.question().target;
    let mut pieces = Vec::new();
    for cell in cells.iter().filter(|cell| cell.inner > 0.0) {
        let mut piece = Piece {
            lower: cell.lower.to_vec(),
            upper: cell.upper.to_vec(),
            rows: Vec::new(),
            volume: (cell.inner, cell.outer),
        };
        if cell.state == State::Cut {
            let Some(rows) = cell.inner_rows(target) else { continue };
            piece.rows = rows.into_iter().map(|(slopes, constant)| (slopes.to_vec(), constant)).collect();
        }
        pieces.push(piece);
    }
    pieces
}
