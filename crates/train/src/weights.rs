//! What training changes.

use netinverse_base::{Error, Place, Result, Rng};
use netinverse_network::{Param, Shape};

use crate::orthogonal::Reflections;

/// A constant of the networks that are assembled from a [`Weights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weight(usize);

/// The constants of a model and how each follows from free numbers, in float32.
///
/// Several networks may be assembled from one store (the one that is trained, f, its inverse): they share
/// the constants. Free numbers are what the optimiser moves and what a checkpoint holds.
#[derive(Debug, Clone, Default)]
pub struct Weights(Vec<Entry>);

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    shape: Shape,
    kind: Kind,
    free: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The free numbers themselves.
    Free,
    /// The free numbers, which stay as they are.
    Frozen,
    /// An orthogonal matrix, or some of its columns, times a factor: the product of the reflections at the hyperplanes whose normals
    /// are the rows of the free numbers.
    Orthogonal(Reflections),
}

/// The most numbers of a model.
const MAX_NUMBERS: usize = 1 << 28;

impl Weights {
    /// No constants.
    pub fn new() -> Self {
        Self::default()
    }

    /// A constant that is trained.
    ///
    /// # Errors
    /// The values do not fill the shape, or the model has more than 2²⁸ numbers.
    pub fn free(&mut self, name: impl Into<String>, shape: Shape, values: Vec<f32>) -> Result<Weight> {
        self.push(name.into(), shape, Kind::Free, values)
    }

    /// A constant that stays as it is.
    ///
    /// # Errors
    /// As [`Weights::free`].
    pub fn frozen(&mut self, name: impl Into<String>, shape: Shape, values: Vec<f32>) -> Result<Weight> {
        self.push(name.into(), shape, Kind::Frozen, values)
    }

    /// `factor` times an orthogonal `size` × `size` matrix, drawn at random: the product of `count`
    /// Householder reflections with trained normals. With `count = size` every orthogonal matrix whose
    /// determinant is (−1)^size can be reached.
    ///
    /// # Errors
    /// As [`Weights::free`].
    pub fn orthogonal(
        &mut self,
        name: impl Into<String>,
        size: usize,
        count: usize,
        factor: f32,
        rng: &mut Rng,
    ) -> Result<Weight> {
        let reflections = Reflections { size, columns: size, count, factor: f64::from(factor) };
        let normals = draw_normals(count, size, 1.0, rng);
        self.push(name.into(), Shape::new([size, size])?, Kind::Orthogonal(reflections), normals)
    }

    /// `size` × `columns` with orthonormal columns, drawn at random: as many reflections as columns, which reach every
    /// subspace. `length` is about that of the normals at first: a step of the optimiser turns longer ones less.
    ///
    /// # Errors
    /// As [`Weights::free`]; more columns than rows.
    pub fn orthonormal(
        &mut self,
        name: impl Into<String>,
        size: usize,
        columns: usize,
        length: f64,
        rng: &mut Rng,
    ) -> Result<Weight> {
        if columns > size {
            return Err(Error::input(format!("{columns} orthonormal columns of {size} numbers")));
        }
        let reflections = Reflections { size, columns, count: columns, factor: 1.0 };
        let normals = draw_normals(columns, size, length, rng);
        self.push(name.into(), Shape::new([size, columns])?, Kind::Orthogonal(reflections), normals)
    }

    fn push(&mut self, name: String, shape: Shape, kind: Kind, free: Vec<f32>) -> Result<Weight> {
        let numbers: usize = self.0.iter().map(|entry| entry.free.len()).sum();
        if numbers + free.len() > MAX_NUMBERS {
            return Err(Error::input("the model has more than 2²⁸ weights"));
        }
        if !matches!(kind, Kind::Orthogonal(_)) && free.len() != shape.elements() {
            return Err(Error::input(format!("{} values do not fill shape {shape}", free.len()))
                .at(Place::Tensor(name)));
        }
        self.0.push(Entry { name, shape, kind, free });
        Ok(Weight(self.0.len() - 1))
    }

    /// Every constant, in the order of their making.
    pub fn iter(&self) -> impl Iterator<Item = Weight> + use<> {
        (0..self.0.len()).map(Weight)
    }

    /// The number of numbers that are trained.
    pub fn trained(&self) -> usize {
        self.iter().filter(|&weight| self.is_trained(weight)).map(|weight| self.0[weight.0].free.len()).sum()
    }

    /// Whether training changes the constant.
    pub fn is_trained(&self, weight: Weight) -> bool {
        !matches!(self.0[weight.0].kind, Kind::Frozen)
    }

    /// Leaves the constant as it is from now on.
    pub fn freeze(&mut self, weight: Weight) {
        let values = self.constant(weight);
        let entry = &mut self.0[weight.0];
        (entry.kind, entry.free) = (Kind::Frozen, values);
    }

    /// The constant's name.
    pub fn name(&self, weight: Weight) -> &str {
        &self.0[weight.0].name
    }

    /// The constant's shape.
    pub fn shape(&self, weight: Weight) -> &Shape {
        &self.0[weight.0].shape
    }

    /// The free numbers behind the constant.
    pub fn free_numbers(&self, weight: Weight) -> &[f32] {
        &self.0[weight.0].free
    }

    /// The free numbers behind the constant, to change.
    pub fn free_numbers_mut(&mut self, weight: Weight) -> &mut [f32] {
        &mut self.0[weight.0].free
    }

    /// The constant's elements, written to `out`.
    pub fn write_constant(&self, weight: Weight, out: &mut [f32]) {
        let entry = &self.0[weight.0];
        match entry.kind {
            Kind::Free | Kind::Frozen => out.copy_from_slice(&entry.free),
            Kind::Orthogonal(reflections) => reflections.matrix(&entry.free, out),
        }
    }

    /// The constant's elements.
    pub fn constant(&self, weight: Weight) -> Vec<f32> {
        let mut values = vec![0.0; self.0[weight.0].shape.elements()];
        self.write_constant(weight, &mut values);
        values
    }

    /// The gradient of the free numbers, `free`, from that of the constant's elements.
    pub fn pull_back(&self, weight: Weight, gradient: &[f32], free: &mut [f32]) {
        let entry = &self.0[weight.0];
        match entry.kind {
            Kind::Free => free.copy_from_slice(gradient),
            Kind::Frozen => free.fill(0.0),
            Kind::Orthogonal(reflections) => reflections.pull_back(&entry.free, gradient, free),
        }
    }

    /// Whether the constant's gradient is that of its free numbers.
    pub(crate) fn is_direct(&self, weight: Weight) -> bool {
        matches!(self.0[weight.0].kind, Kind::Free)
    }

    /// The constant for a network that is written.
    ///
    /// # Errors
    /// A number of it is not finite.
    pub fn param(&self, weight: Weight) -> Result<Param> {
        let entry = &self.0[weight.0];
        Param::from_f32(entry.name.clone(), entry.shape.clone(), self.constant(weight))
    }

    /// Whether every number is finite.
    pub fn are_finite(&self) -> bool {
        self.0.iter().all(|entry| entry.free.iter().all(|value| value.is_finite()))
    }
}

/// `count` rows of about this length.
fn draw_normals(count: usize, size: usize, length: f64, rng: &mut Rng) -> Vec<f32> {
    let scale = length / (size as f64).sqrt();
    (0..count * size).map(|_| (scale * rng.normal()) as f32).collect()
}
