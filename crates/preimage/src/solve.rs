//! From a question to an answer: pave to the goal, pave on a little where that saves pieces, compact.

use netinverse_answer::Model;
use netinverse_base::{Budget, Result};
use netinverse_geometry::{HalfSpaces, intersection_fraction};
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};

use crate::answer::{Answer, Asked, Status};
use crate::cell::{Cell, State, volume};
use crate::compact::{Enough, Piece, Side, compact};
use crate::paving::{Goals, Paving, Stop};
use crate::question::Question;

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

/// Of the gap that a goal of coverage leaves open, all but this share is closed before compacting: what is known finely
/// can be covered coarsely.
const FINER: f64 = 0.05;

/// How many boxes that may take in all: so many, or a multiple of what the goal took that is the larger the more the goal
/// leaves open, since pieces can then be the coarser.
fn finer_boxes(coverage: f64, boxes: u64) -> u64 {
    let factor = 2.0 + 160.0 * (1.0 - coverage) * (1.0 - coverage);
    (boxes as f64 * factor).max(f64::from(1 << 14)) as u64
}

/// The share of the inner volume that pieces keep where no goal is reached.
const KEPT_WITHOUT_GOAL: f64 = 0.98;

/// Works on a paving until the plan is carried out or the budget ends. `watch` is called after every batch.
pub fn solve(
    paving: &mut Paving,
    plan: &Plan,
    model: Model,
    asked: Asked,
    budget: &Budget,
    watch: &mut dyn FnMut(&Paving) -> Result<()>,
) -> Result<Answer> {
    let stop = paving.refine(&plan.goals, budget, watch)?;
    let gap = [plan.goals.coverage, plan.goals.over.map(|over| 1.0 / over)];
    if let (Stop::Done, true, Some(coverage)) =
        (stop, plan.compact, gap.into_iter().flatten().reduce(f64::max))
        && paving.reached(&plan.goals)
    {
        let finer = Goals {
            coverage: Some(1.0 - FINER * (1.0 - coverage)),
            over: None,
            max_boxes: Some(finer_boxes(coverage, paving.boxes())),
            ..plan.goals
        };
        paving.refine(&finer, budget, watch)?;
    }
    let status = if stop == Stop::Done { Status::Complete } else { Status::Partial };
    let mut answer = paving.answer(model, asked, plan.goals.min_width, status);
    if let Stop::Limit(why) = stop {
        answer.header.stopped_by = Some(why.into());
    }
    answer.make_pieces(paving.question(), plan, budget);
    Ok(answer)
}

impl Paving<'_> {
    /// The answer at this moment, without pieces.
    pub fn answer(&self, model: Model, asked: Asked, min_width: f64, status: Status) -> Answer {
        let nodes = self.nodes().to_vec();
        Answer::of(self.question(), nodes, self.shard(), self.boxes(), model, asked, min_width, status)
    }
}

/// Polytopes and the sum of their volumes.
type Pieces = (Vec<Piece>, f64);

impl Answer {
    /// Fills in the pieces.
    pub fn make_pieces(&mut self, question: &Question, plan: &Plan, budget: &Budget) {
        let cells: Vec<&Cell> = self.cells().collect();
        let inner = self.inner_pieces(&cells, question, plan, budget);
        let outer = plan.goals.over.filter(|_| plan.compact && self.header.shard.is_none());
        let outer = outer.map(|over| {
            let enough = Enough {
                volume: over * self.header.volume.lower,
                pieces: plan.max_pieces.unwrap_or(usize::MAX).min(cells.len().max(1)),
            };
            pieces_of(&cells, question, Side::Outer, enough, budget)
        });
        self.header.pieces_lower = inner.1;
        self.header.pieces.inner = inner.0.len();
        self.header.pieces_upper = outer.as_ref().map(|outer| outer.1);
        self.header.pieces.outer = outer.as_ref().map_or(0, |outer| outer.0.len());
        self.inner = inner.0;
        self.outer = outer.map(|outer| outer.0).unwrap_or_default();
    }

    /// Few polytopes with the volume that the goal asks for; the cells' own where that does not take fewer.
    fn inner_pieces(&self, cells: &[&Cell], question: &Question, plan: &Plan, budget: &Budget) -> Pieces {
        let (lower, upper) = (self.header.volume.lower, self.header.volume.upper);
        let mut plain = plain_inner(cells, question);
        let most = plan.max_pieces.unwrap_or(usize::MAX);
        let off_shell = |total: f64| add_down(total, -question.shell).max(0.0);
        // Nothing forbids what other shards pave: pieces fitted to the cells of one could reach into it.
        let whole = self.header.shard.is_none();
        if plan.compact && whole && plain.len() > 1 {
            let asked = plan.goals.coverage.map_or(f64::INFINITY, |coverage| coverage * upper);
            let wanted = if asked <= lower { asked } else { KEPT_WITHOUT_GOAL * lower };
            // The pieces' volumes include the shell.
            let enough = Enough { volume: add_up(wanted, question.shell), pieces: most.min(plain.len()) };
            let (pieces, total) = pieces_of(cells, question, Side::Inner, enough, budget);
            if total >= enough.volume || plan.max_pieces.is_some() && pieces.len() <= most {
                return (pieces, off_shell(total));
            }
        }
        plain.sort_by(|a, b| b.volume.0.total_cmp(&a.volume.0));
        plain.truncate(most);
        let total = plain.iter().fold(0.0, |sum, piece| add_down(sum, piece.volume.0));
        (plain, off_shell(total))
    }
}

fn pieces_of(cells: &[&Cell], question: &Question, side: Side, enough: Enough, budget: &Budget) -> Pieces {
    let mut stop = |_: usize, _: f64| budget.stop().is_some();
    compact(cells, &question.target, &question.lower, &question.upper, side, enough, &mut stop)
}

/// An enclosure of a piece's volume.
fn intersection_volume(piece: &Piece) -> (f64, f64) {
    let normals: Vec<f64> = piece.rows.iter().flat_map(|(slopes, _)| slopes.iter().copied()).collect();
    let offsets: Vec<f64> = piece.rows.iter().map(|(_, constant)| *constant).collect();
    let rows = HalfSpaces { normals: &normals, offsets: &offsets };
    let share = intersection_fraction(rows, &piece.lower, &piece.upper);
    let whole = volume(&piece.lower, &piece.upper);
    (mul_down(share.lo(), whole.0).max(0.0), mul_up(share.hi(), whole.1))
}

/// The cells' own inner polytopes: the box of a cell that is in; of a cut one the best disjunct's rows.
fn plain_inner(cells: &[&Cell], question: &Question) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for cell in cells.iter().filter(|cell| cell.inner > 0.0) {
        let mut piece = Piece {
            lower: cell.lower.to_vec(),
            upper: cell.upper.to_vec(),
            rows: Vec::new(),
            volume: (cell.inner, cell.outer),
        };
        if cell.state == State::Cut {
            let Some(rows) = cell.inner_rows(&question.target) else { continue };
            piece.rows = rows.into_iter().map(|(slopes, constant)| (slopes.to_vec(), constant)).collect();
            if cell.open_disjuncts.len() > 1 {
                // The cell's volumes are those of the union, not of the disjunct that is kept.
                piece.volume = intersection_volume(&piece);
            }
        }
        if piece.volume.0 > 0.0 {
            pieces.push(piece);
        }
    }
    pieces
}
