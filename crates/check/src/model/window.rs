//! Windows of convolutions and pools.

use netinverse_onnx::Node;

use super::tensor::{indices, strides};
use crate::Trouble;

/// The windows over the spatial axes of one channel.
pub(super) struct Windows {
    /// Output sizes.
    pub(super) out: Vec<usize>,
    /// For each output position, in row-major order: for each tap of the kernel, where it reads, nothing in the padding.
    pub(super) sources: Vec<Vec<Option<usize>>>,
}

/// The windows of a node over inputs of the sizes `input`.
pub(super) fn windows(node: &Node, input: &[usize], kernel: &[usize]) -> Result<Windows, Trouble> {
    let rank = input.len();
    let list = |name: &str, default: usize, count: usize| -> Result<Vec<usize>, Trouble> {
        let given = node.attr_ints(name).map_err(|e| Trouble::not_checkable(e.to_string()))?;
        let sizes = given.map_or_else(
            || Some(vec![default; count]),
            |list| list.iter().map(|&v| usize::try_from(v).ok()).collect(),
        );
        sizes
            .filter(|s: &Vec<usize>| s.len() == count && s.iter().all(|&v| v <= 1 << 20))
            .ok_or_else(|| Trouble::not_checkable(format!("the attribute `{name}` is unusual")))
    };
    let (steps, dilations) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let mut pads = list("pads", 0, 2 * rank)?;
    let attribute = |name: &str| node.attr_int(name).ok().flatten().unwrap_or(0);
    if attribute("ceil_mode") != 0 || steps.contains(&0) || dilations.contains(&0) {
        return Err(Trouble::not_checkable("windows with ceil_mode, or strides of 0"));
    }
    let reach: Vec<usize> = (0..rank).map(|a| dilations[a] * (kernel[a].max(1) - 1) + 1).collect();
    match node.attr_string("auto_pad").ok().flatten().unwrap_or("NOTSET") {
        "NOTSET" => {}
        "VALID" => pads = vec![0; 2 * rank],
        side @ ("SAME_UPPER" | "SAME_LOWER") => {
            for a in 0..rank {
                let out = input[a].div_ceil(steps[a]);
                let total = ((out - 1) * steps[a] + reach[a]).saturating_sub(input[a]);
                let less = total / 2;
                (pads[a], pads[rank + a]) =
                    if side == "SAME_UPPER" { (less, total - less) } else { (total - less, less) };
            }
        }
        other => return Err(Trouble::not_checkable(format!("auto_pad `{other}`"))),
    }
    let mut out = Vec::with_capacity(rank);
    for a in 0..rank {
        let room = (input[a] + pads[a] + pads[rank + a]).checked_sub(reach[a]);
        out.push(
            room.ok_or_else(|| Trouble::not_checkable("a window larger than its input"))? / steps[a] + 1,
        );
    }
    let (taps, positions): (usize, usize) = (kernel.iter().product(), out.iter().product());
    if taps.saturating_mul(positions) > super::MOST_ELEMENTS {
        return Err(Trouble::not_checkable("windows with too many elements"));
    }
    let across = strides(input);
    let read = |position: &[usize], tap: usize| {
        let tap = indices(tap, kernel);
        let mut at = 0;
        for a in 0..rank {
            let along = (position[a] * steps[a] + tap[a] * dilations[a]).checked_sub(pads[a])?;
            if along >= input[a] {
                return None;
            }
            at += along * across[a];
        }
        Some(at)
    };
    let row = |position: usize| {
        let position = indices(position, &out);
        (0..taps).map(|tap| read(&position, tap)).collect()
    };
    let sources = (0..positions).map(row).collect();
    Ok(Windows { out, sources })
}
