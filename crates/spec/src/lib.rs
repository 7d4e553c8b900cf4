//! What is asked: targets and bounds, the `--where` language, VNN-LIB 1.0 and 2.0.
//!
//! A question about a network `f` is a set B of inputs and a set Y of outputs. This crate turns what a
//! user writes into such sets, and knows nothing of networks but their numbers of inputs and outputs.
//!
//! | from | by | to |
//! |---|---|---|
//! | `--bounds` | [`Bounds`] | a finite box |
//! | `--target`, `--within`, `--class` | [`Target`] | a [`TargetSet`] |
//! | `--where`, `--subject-to` | [`parse_where`] with a [`Vocabulary`] | a [`Formula`] |
//! | `--maximize`, `--minimize` | [`parse_linear`] | a [`Linear`] form |
//! | a VNN-LIB file | [`Specification`] | a [`Formula`], its [`NormalForm`], its [`Case`]s |
//!
//! Numbers stay exact rationals ([`Rational`]) up to the very end, where a [`Rounding`] says to which
//! side the doubles lie: inward for witnesses and inner sets, outward for proofs of emptiness.
//!
//! A specification that contradicts itself is an answer (no case is left,
//! [`NormalForm::is_contradictory`]) for those who ask whether a set is empty; for those who ask for an
//! input ([`Target::check`]) it is an error that names the two conditions.

mod bounds;
mod cases;
mod condition;
mod formula;
mod half_space;
mod linear;
mod normal_form;
mod rational;
mod target;
mod target_set;
mod text;
mod vnnlib;

pub use bounds::{Bounds, ExactBounds};
pub use cases::Case;
pub use condition::{Vocabulary, parse_linear, parse_where};
pub use formula::Formula;
pub use half_space::{HalfSpace, Over, Relation, Rounding, Row, Shared};
pub use linear::{Linear, Oversized, Variable};
pub use normal_form::{Conjunction, Contradiction, MAX_DISJUNCTS, NormalForm};
pub use rational::{NumberError, Rational};
pub use target::{Confidence, Context, OutputScale, Target};
pub use target_set::{Polyhedron, TargetSet, Union};
pub use text::caret;
pub use vnnlib::{Equivalence, NetworkDeclaration, Specification, TensorDeclaration, Version};
