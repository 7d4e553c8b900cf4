//! A complete preimage as a drawing.

use netinverse_answer::Inversion;
use netinverse_invert::question::Problem;
use netinverse_report::{Axis, Level, Plane};

use super::file_name;

/// The drawing, or `None` where nothing of any preimage is known.
pub fn plane(inversion: &Inversion, problem: &Problem, model: &str) -> Option<Plane> {
    let inputs = inversion.queries.iter().find_map(|query| query.preimage.as_ref())?.inputs;
    let axis = |i: usize| {
        let bounds = problem.bounds.as_deref().unwrap_or_default();
        let [low, high] = bounds.get(if bounds.len() == 1 { 0 } else { i }).copied().unwrap_or([0.0, 1.0]);
        Axis { name: problem.input_names.get(i).cloned().unwrap_or_else(|| format!("x{i}")), low, high }
    };
    let output = problem.output_names.first().cloned().unwrap_or_else(|| "y0".into());
    let levels = inversion.queries.iter().enumerate().map(|(index, query)| {
        let target = match &problem.asked {
            netinverse_invert::question::Asked::Values { rows } => {
                rows.get(if rows.len() == 1 { 0 } else { index }).and_then(|row| row.first()).copied()
            }
            _ => None,
        };
        let mut level = Level {
            label: match target {
                Some(value) => format!("{output} = {value}: {}", components(query)),
                None => format!("row {}", query.row),
            },
            points: query.answers.iter().map(|answer| inputs.map(|i| answer.x[i])).collect(),
            ..Level::default()
        };
        if let Some(preimage) = &query.preimage {
            level.areas.clone_from(&preimage.plateaus);
            let lines = preimage.components.iter().flat_map(|component| &component.polylines);
            level.lines = lines.map(|line| (line.points.clone(), line.closed)).collect();
        }
        level
    });
    Some(Plane {
        title: format!("All inputs of {} for {output}", file_name(model)),
        axes: inputs.map(axis),
        levels: levels.collect(),
        cross: problem.near.as_ref().and_then(|rows| rows.first()).map(|near| inputs.map(|i| near[i])),
    })
}

fn components(query: &netinverse_answer::Query) -> String {
    match (query.components, &query.certificate) {
        (_, Some(_)) => "unreachable".into(),
        (Some(1), _) => "1 component".into(),
        (Some(count), _) => format!("{count} components"),
        (None, None) => query.status.words().into(),
    }
}
