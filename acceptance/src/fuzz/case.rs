use netinverse_base::Rng;

use super::{arrays, bytes, onnx};

/// A file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Onnx,
    Npy,
    Npz,
    Idx,
    Csv,
    Png,
}

impl Kind {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Kind::Onnx => "onnx",
            Kind::Npy => "npy",
            Kind::Npz => "npz",
            Kind::Idx => "idx",
            Kind::Csv => "csv",
            Kind::Png => "png",
        }
    }

    /// Half of the cases are networks: theirs is the largest reader, and all that comes after it.
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(20) {
            0..10 => Kind::Onnx,
            10..12 => Kind::Npy,
            12..14 => Kind::Npz,
            14..16 => Kind::Idx,
            16..18 => Kind::Csv,
            _ => Kind::Png,
        }
    }
}

/// One file to read.
pub(super) struct Case {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

/// Valid files to start from.
#[derive(Default)]
pub(super) struct Seeds {
    pub(super) models: Vec<netinverse_onnx::Model>,
    pub(super) files: Vec<(Kind, Vec<u8>)>,
}

impl Seeds {
    fn len(&self) -> usize {
        self.models.len() + self.files.len()
    }
}

/// Makes the cases.
pub(super) struct Generator {
    seed: u64,
    seeds: Seeds,
}

impl Generator {
    pub(super) fn new(seed: u64, seeds: Seeds) -> Self {
        Generator { seed, seeds }
    }

    /// The number of files to start from.
    pub(super) fn seeds(&self) -> usize {
        self.seeds.len()
    }

    /// The case of that index.
    pub(super) fn case(&self, index: u64) -> Case {
        let rng = &mut Rng::new(self.seed, index);
        let kind = Kind::draw(rng);
        let base = self.plain(kind, rng);
        let mut bytes = match kind {
            Kind::Onnx => onnx::mutated(rng, &self.seeds.models),
            Kind::Npy if rng.below(2) == 0 => arrays::npy(rng),
            Kind::Npz if rng.below(4) > 0 => arrays::npz(rng),
            Kind::Idx if rng.below(2) == 0 => arrays::idx(rng),
            Kind::Csv if rng.below(2) == 0 => arrays::csv(rng),
            Kind::Png if rng.below(4) > 0 => arrays::png(rng, &base),
            _ => base,
        };
        // A structural mutation alone keeps lengths and checksums right, and so reaches further in; the others
        // end at them more often. Both are wanted.
        let structural = matches!(kind, Kind::Onnx | Kind::Npz | Kind::Png);
        if !structural || rng.below(6) == 0 {
            let other = self.plain(kind, rng);
            bytes::mutate(rng, &mut bytes, &other, kind == Kind::Csv);
        }
        if kind == Kind::Idx && rng.below(3) == 0 {
            bytes = arrays::gzip(&bytes);
            if rng.below(3) == 0 {
                bytes::mutate(rng, &mut bytes, &[], false);
            }
        }
        Case { kind, bytes }
    }

    /// A valid file of that format.
    fn plain(&self, kind: Kind, rng: &mut Rng) -> Vec<u8> {
        if kind == Kind::Onnx {
            return self.seeds.models[rng.below(self.seeds.models.len())].to_bytes();
        }
        let of_kind: Vec<_> = self.seeds.files.iter().filter(|(own, _)| *own == kind).collect();
        of_kind[rng.below(of_kind.len())].1.clone()
    }
}
