//! Which buffer holds which cell, and the buffers.

use netinverse_linalg::Real;

/// Where the cells of a plan lie: each in one slot, and cells that are never alive together may share one.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// The slot of each cell.
    slots: Vec<usize>,
    /// The elements a row of each slot.
    widths: Vec<usize>,
}

/// The first and last moment that a cell is needed, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) first: usize,
    pub(super) last: usize,
}

impl Storage {
    /// A slot for each cell.
    pub(super) fn separate(sizes: &[usize]) -> Self {
        Storage { slots: (0..sizes.len()).collect(), widths: sizes.to_vec() }
    }

    /// Slots shared by cells whose lifetimes do not touch: a linear scan, best fit first.
    pub(super) fn shared(sizes: &[usize], lifetimes: &[Lifetime]) -> Self {
        let mut order: Vec<_> = (0..sizes.len()).collect();
        order.sort_by_key(|&cell| (lifetimes[cell].first, cell));
        let mut storage = Storage { slots: vec![0; sizes.len()], widths: Vec::new() };
        let mut busy_until: Vec<usize> = Vec::new();
        for cell in order {
            let free = |slot: &usize| busy_until[*slot] < lifetimes[cell].first;
            let waste = |slot: &usize| {
                // The smallest that is large enough; else the largest, which has the least to grow.
                let (width, wanted) = (storage.widths[*slot], sizes[cell]);
                if width >= wanted { (0, width - wanted) } else { (1, wanted - width) }
            };
            let slot = (0..busy_until.len()).filter(free).min_by_key(waste).unwrap_or_else(|| {
                storage.widths.push(0);
                busy_until.push(0);
                storage.widths.len() - 1
            });
            storage.slots[cell] = slot;
            storage.widths[slot] = storage.widths[slot].max(sizes[cell]);
            busy_until[slot] = lifetimes[cell].last;
        }
        storage
    }

    /// The elements of all slots a row.
    pub(super) fn width(&self) -> usize {
        self.widths.iter().sum()
    }
}

/// The cells during one pass over a tile of rows.
///
/// The caller's own buffers stand in for the cell that they would be copied from or to.
pub(super) struct Cells<'a, T> {
    /// Rows of the tile, times directions.
    rows: usize,
    sizes: &'a [usize],
    storage: &'a Storage,
    slots: &'a mut Vec<Vec<T>>,
    sources: [Source<'a, T>; 2],
    sink: Option<(usize, &'a mut [T])>,
}

/// A cell whose values the caller has.
pub(super) type Source<'a, T> = Option<(usize, &'a [T])>;

/// A cell's buffer, taken out while it is written and others are read.
pub(super) enum Taken<'a, T> {
    Slot(Vec<T>, usize),
    Sink(&'a mut [T]),
}

impl<'a, T: Real> Cells<'a, T> {
    pub(super) fn new(
        sizes: &'a [usize],
        storage: &'a Storage,
        rows: usize,
        slots: &'a mut Vec<Vec<T>>,
        sources: [Source<'a, T>; 2],
        sink: Option<(usize, &'a mut [T])>,
    ) -> Self {
        if slots.len() < storage.widths.len() {
            slots.resize_with(storage.widths.len(), Vec::new);
        }
        Cells { rows, sizes, storage, slots, sources, sink }
    }

    pub(super) fn read(&self, cell: usize) -> &[T] {
        let given = self.sources.iter().flatten().find(|(own, _)| *own == cell);
        match (given, &self.sink) {
            (Some((_, values)), _) => values,
            (None, Some((own, values))) if *own == cell => values,
            _ => &self.slots[self.storage.slots[cell]][..self.rows * self.sizes[cell]],
        }
    }

    /// Takes a cell's buffer out, to write it; [`Cells::put`] must bring it back before the cell is read.
    pub(super) fn take(&mut self, cell: usize) -> Taken<'a, T> {
        match &mut self.sink {
            Some((own, values)) if *own == cell => Taken::Sink(std::mem::take(values)),
            _ => {
                let mut values = std::mem::take(&mut self.slots[self.storage.slots[cell]]);
                let length = self.rows * self.sizes[cell];
                fit(&mut values, length);
                Taken::Slot(values, length)
            }
        }
    }

    pub(super) fn put(&mut self, cell: usize, taken: Taken<'a, T>) {
        match taken {
            Taken::Slot(values, _) => self.slots[self.storage.slots[cell]] = values,
            Taken::Sink(values) => self.sink = Some((cell, values)),
        }
    }
}

impl<T> std::ops::Deref for Taken<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Taken::Slot(values, length) => &values[..*length],
            Taken::Sink(values) => values,
        }
    }
}

impl<T> std::ops::DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Taken::Slot(values, length) => &mut values[..*length],
            Taken::Sink(values) => values,
        }
    }
}

/// Grows the buffer to `length`, once: later calls of no larger length allocate nothing.
pub(super) fn fit<E: Copy + Default>(buffer: &mut Vec<E>, length: usize) -> &mut [E] {
    if buffer.len() < length {
        buffer.resize(length, E::default());
    }
    &mut buffer[..length]
}

/// The buffers of one tile at a time. They grow to what the largest call needs and stay.
#[derive(Debug, Default)]
pub(super) struct Workspace<T> {
    pub(super) primal: Vec<Vec<T>>,
    /// Cotangents or tangents.
    pub(super) dual: Vec<Vec<T>>,
    /// The cotangents of a tile of outputs, for the caller to fill in.
    pub(super) seed: Vec<T>,
    /// The values of a tile, where the caller does not take them.
    pub(super) output: Vec<T>,
    pub(super) scratch: Scratch<T>,
}

/// What single steps need for themselves.
#[derive(Debug, Default)]
pub(super) struct Scratch<T> {
    /// For the convolutions.
    pub(super) columns: Vec<T>,
    /// A cotangent on its way to be added to another.
    pub(super) part: Vec<T>,
    /// Cotangents or tangents on the other side of a fused Relu.
    pub(super) masked: Vec<T>,
    /// The positions of the maxima of each max-pool, kept for the way back.
    pub(super) maxima: Vec<Vec<u32>>,
}
