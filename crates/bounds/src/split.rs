//! Which input to bisect: the one whose halving takes most off the gaps between functions and their lines.

use netinverse_network::Function;

use crate::bounder::Bounder;
use crate::map::padded;
use crate::program::Kind;
use crate::workspace::Workspace;

impl Bounder {
    /// Adds to `scores`, one an input, how much of the looseness of the last `rows` linear forms is due to the input's
    /// width.
    ///
    /// The line of an unstable element j misses its function by up to gⱼ, which costs the forms Σₖ|λₖⱼ| gⱼ; of the element's
    /// width the share |Mᵢⱼ| rᵢ / Σᵢ|Mᵢⱼ| rᵢ is input i's. Needs linear forms carried forward ([`crate::Method::Linear`] with few
    /// free inputs); leaves the scores alone without.
    pub fn split_scores(&self, workspace: &Workspace, rows: usize, scores: &mut [f64]) {
        let rows: Vec<usize> = (0..rows).collect();
        self.split_scores_of(workspace, &rows, scores);
    }

    /// As [`Bounder::split_scores`], of some of the last linear forms by number.
    pub fn split_scores_of(&self, workspace: &Workspace, rows: &[usize], scores: &mut [f64]) {
        let last = rows.iter().max().map_or(0, |row| row + 1);
        for step in &self.program().steps {
            let Kind::Function(function) = &step.kind else { continue };
            let input = &workspace.values[step.inputs[0]];
            let stride = padded(self.program().sizes[step.output]);
            let back = &workspace.scratch.back[step.output];
            let width = workspace.free.len() + 1;
            if input.signed.len() < (width + 1) * stride || back.len() < last * stride {
                continue;
            }
            let relu = *function == Function::Relu;
            for j in 0..self.program().sizes[step.output] {
                let (l, u) = (input.lower[j], input.upper[j]);
                if relu && (l >= 0.0 || u <= 0.0) || l >= u {
                    continue;
                }
                let importance: f64 = rows.iter().map(|k| back[k * stride + j].abs()).sum();
                let gap = if relu { -l * u / (u - l) } else { 0.25 * (u - l) };
                let reach = |k: usize| {
                    input.signed[k * stride + j].abs() * workspace.radius[workspace.free[k] as usize]
                };
                let total: f64 = (0..width - 1).map(reach).sum();
                if importance * gap > 0.0 && total > 0.0 {
                    for k in 0..width - 1 {
                        scores[workspace.free[k] as usize] += importance * gap * reach(k) / total;
                    }
                }
            }
        }
    }
}
