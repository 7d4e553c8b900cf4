use netinverse_onnx::AttributeValue;

use super::writer::{Stage, Writer, integers};
use crate::{Layout, Node, PadMode, Shape};

impl Writer<'_> {
    /// A layout of one value.
    pub(super) fn layout(&mut self, node: &Node, layout: &Layout) {
        let input = self.input_shape(node);
        let stage = match layout {
            Layout::Reshape { shape } => Some(self.reshape(node, shape)),
            Layout::Transpose { axes } => Some(Stage::new("Transpose").ints("perm", axes.iter().copied())),
            Layout::Slice { starts, steps, sizes } => self.slice(node, input, starts, steps, sizes),
            Layout::Gather { axis, indices, shape } => {
                let indices = integers(indices.iter().copied());
                let indices = self.indices(node, "indices", Some(shape.clone()), indices);
                Some(Stage::new("Gather").operand(indices).int("axis", *axis as i64))
            }
            Layout::Pad { before, after, mode } => Some(self.pad(node, before, after, *mode)),
            Layout::Expand { shape } => {
                let shape = self.indices(node, "shape", None, integers(shape.iter().copied()));
                Some(Stage::new("Expand").operand(shape))
            }
            Layout::Concat { .. } => {
                unreachable!("a concatenation reads several values, and is written where they are known")
            }
        };
        self.chain(node, stage.into_iter().collect());
    }

    /// With a batch axis the first size is 0, which copies the size that the value has.
    fn reshape(&mut self, node: &Node, shape: &Shape) -> Stage {
        let mut sizes = integers(shape.iter().copied());
        if self.batched {
            sizes[0] = 0;
        }
        let sizes = self.indices(node, "shape", None, sizes);
        let stage = Stage::new("Reshape").operand(sizes);
        if shape.contains(&0) { stage.int("allowzero", 1) } else { stage }
    }

    /// A slice along the axes that it shortens or turns; `None` when there are none.
    pub(super) fn slice(
        &mut self,
        node: &Node,
        input: &[usize],
        starts: &[usize],
        steps: &[isize],
        sizes: &[usize],
    ) -> Option<Stage> {
        let mut lists: [Vec<i64>; 4] = Default::default();
        for axis in 0..input.len() {
            let (start, step, size) = (starts[axis] as i64, steps[axis] as i64, sizes[axis] as i64);
            if size == input[axis] as i64 && start == 0 && (step == 1 || size <= 1) {
                continue;
            }
            let step = if size <= 1 { 1 } else { step };
            let end = match (size, step) {
                (0, _) => start,
                (_, 1..) => start + (size - 1) * step + 1,
                // Past the first element there is only "before the start", which negative numbers below −size say.
                _ => match start + (size - 1) * step - 1 {
                    -1 => -(input[axis] as i64) - 1,
                    end => end,
                },
            };
            for (list, value) in lists.iter_mut().zip([start, end, axis as i64, step]) {
                list.push(value);
            }
        }
        if lists[0].is_empty() {
            return None;
        }
        let roles = ["starts", "ends", "axes", "steps"];
        let stage = roles.into_iter().zip(lists).fold(Stage::new("Slice"), |stage, (role, list)| {
            stage.operand(self.indices(node, role, None, list))
        });
        Some(stage)
    }

    pub(super) fn pad(&mut self, node: &Node, before: &[usize], after: &[usize], mode: PadMode) -> Stage {
        let pads = integers(before.iter().chain(after).copied());
        let pads = self.indices(node, "pads", None, pads);
        let stage = Stage::new("Pad").operand(pads);
        let named = |stage: Stage, mode: &str| stage.attribute("mode", AttributeValue::String(mode.into()));
        match mode {
            PadMode::Constant(value) => {
                let fill = self.number(node, "fill", value);
                named(stage.operand(fill), "constant")
            }
            PadMode::Reflect => named(stage, "reflect"),
            PadMode::Edge => named(stage, "edge"),
        }
    }
}
