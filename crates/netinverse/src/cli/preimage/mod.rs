//! `netinverse preimage`.

pub(crate) mod arguments;
mod exact;
mod question;
mod using;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use netinverse_answer::Model;
use netinverse_base::{Error, Place, Progress as _, Result, ResultExt as _};
use netinverse_bounds::Bounder;
use netinverse_preimage::exact::ExactAnswer;
use netinverse_preimage::{Answer, Paving, Plan, Shard, Status, solve};

use super::{Console, Outcome, output};
use arguments::PreimageOptions;
use netinverse::answers::preimage::{down, facts, json, lines, merged as put_together, plan as goals, up};

/// How often what is known is saved, so that a killed run can go on.
const CHECKPOINT: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &PreimageOptions, console: &Console) -> Result<Outcome> {
    if let Some(using) = &options.using {
        return using::run(using);
    }
    let start = Instant::now();
    if let Some(path) = &options.file {
        using::check_file(path)?;
    }
    let answer = if options.merge.is_empty() {
        match pave(options, start, console)? {
            Made::Exact(answer) => return exact::tell(options, &answer, console),
            Made::Paved(answer) => *answer,
        }
    } else {
        merged(options, start)?
    };
    console.clear();
    output::print(&match options.format {
        super::arguments::Format::Text => lines(&facts(&answer)),
        super::arguments::Format::Json => json(&answer)?,
    })?;
    if let Some(path) = &options.file {
        using::save(&answer, path)?;
    }
    Ok(match answer.header.status {
        Status::Complete => Outcome::Answered,
        Status::Empty => Outcome::Impossible,
        Status::Partial => Outcome::Unsettled,
    })
}

fn plan(options: &PreimageOptions, min_width: f64) -> Plan {
    let mut plan =
        goals((options.coverage, options.over, options.min_width), !options.no_compact, options.max_pieces);
    // That of an earlier answer is gone on with, without being a goal.
    plan.goals.min_width = min_width;
    plan
}

/// What was made of a question.
enum Made {
    Paved(Box<Answer>),
    Exact(Box<ExactAnswer>),
}

fn pave(options: &PreimageOptions, start: Instant, console: &Console) -> Result<Made> {
    let budget = super::budget(&options.limits)?;
    let path = options.model.as_deref().expect("required by the options");
    let earlier = options.resume.as_deref().map(Answer::read).transpose()?;
    let mut asked = question::asked(options, earlier.as_ref())?;
    let network = question::network(path, &asked)?;
    if let Some(condition) = question::condition(options, network.output_size())? {
        asked.condition = Some(condition);
    }
    for warning in network.warnings() {
        console.line(&format!("note: {warning}"));
    }
    let model = Model::of(path)?;
    let bounder = Bounder::new(&network).at(|| Place::file(path))?;
    if exact::wanted(options) || exact::finishes(options, &network, &bounder) {
        let question = exact::build(options, &asked, &network, &bounder)?;
        let told = (&question, asked, model);
        let answer = exact::run(options, (&network, &bounder), told, start, &budget, console)
            .at(|| Place::file(path))?;
        return Ok(Made::Exact(Box::new(answer)));
    }
    let question = question::build(options, &asked, &network, &bounder)?;
    let min_width = match (&earlier, options.min_width) {
        (Some(earlier), None) => earlier.header.min_width,
        (_, width) => width.unwrap_or(0.0),
    };
    let plan = plan(options, min_width);
    let shard = options.shard.as_deref().map(shard).transpose()?;
    console.stage("paving", None);
    let mut paving = match earlier {
        Some(earlier) => {
            let here = Paving::new(&bounder, &question, min_width);
            let now = here.answer(model.clone(), asked.clone(), min_width, Status::Partial);
            earlier.check_same(&now.header).at(|| Place::Option("--resume".into()))?;
            let shard = earlier.header.shard.map(|[index, count]| Shard { index, count });
            Paving::resume(&bounder, &question, earlier.nodes, earlier.header.boxes, shard)?
        }
        None => Paving::new(&bounder, &question, min_width),
    };
    if let Some(shard) = shard {
        paving.take_shard(shard, min_width);
    }
    let saved = options.file.as_deref().filter(|path| using::is_preimage(path));
    let mut last = Instant::now();
    let mut watch = |paving: &Paving| -> Result<()> {
        let (lower, upper) = paving.volume();
        let coverage =
            paving.coverage().map_or_else(String::new, |c| format!(", coverage {:.1} %", 100.0 * c));
        console.update(
            paving.boxes(),
            &format!(
                "{} <= V <= {}{coverage}, {} boxes, {} open",
                down(lower),
                up(upper),
                paving.boxes(),
                paving.open_cells()
            ),
        );
        if let Some(path) = saved
            && last.elapsed() > CHECKPOINT
        {
            let mut answer = paving.answer(model.clone(), asked.clone(), min_width, Status::Partial);
            answer.header.seconds = start.elapsed().as_secs_f64();
            answer.write(path)?;
            last = Instant::now();
        }
        Ok(())
    };
    let mut answer = solve(&mut paving, &plan, model.clone(), asked.clone(), &budget, &mut watch)?;
    answer.header.seconds = start.elapsed().as_secs_f64();
    Ok(Made::Paved(Box::new(answer)))
}

fn merged(options: &PreimageOptions, start: Instant) -> Result<Answer> {
    let answers: Vec<Answer> = options.merge.iter().map(|path| Answer::read(path)).collect::<Result<_>>()?;
    let named = |error: Error| match error.places().first() {
        Some(Place::Row(index)) => {
            let path: &PathBuf = &options.merge[*index];
            Error::new(error.kind(), error.message()).at(Place::file(path))
        }
        _ => error,
    };
    let mut answer = put_together(&answers, &|min_width| plan(options, min_width)).map_err(named)?;
    answer.header.seconds = start.elapsed().as_secs_f64();
    Ok(answer)
}

/// `I/N`, I counted from 1.
fn shard(text: &str) -> Result<Shard> {
    let parts: Option<(usize, usize)> =
        text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, count)) if 1 <= index && index <= count && count <= 100_000 => {
            Ok(Shard { index: index - 1, count })
        }
        _ => Err(Error::input(format!("`{text}` is no part of a whole"))
            .at(Place::Option("--shard".into()))
            .hint("write I/N, parts counted from 1: `--shard 1/2` and `--shard 2/2`")),
    }
}

/// Whether a path ends so.
fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
