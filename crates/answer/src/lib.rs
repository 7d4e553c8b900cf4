//! What is returned: the structs of an answer, and the files and text that it becomes.
//!
//! - [`Inversion`]: the answer of `netinverse invert`, with one [`Query`] for each row asked.
//! - [`fibre`]: samples of a fibre, or all of it.
//! - [`text`]: for people.
//! - [`files`]: `.json .jsonl .npz .npy .csv .png`, chosen by extension, written under a temporary name.
//! - [`sheet`]: inputs that are images, side by side.
//! - [`earlier`]: the queries that an earlier run answered, for `--resume`.
//!
//! Numbers in JSON are the shortest that read back bit for bit; what is not finite is `null`.

mod distance_proof;
pub mod earlier;
pub mod fibre;
pub mod files;
mod inversion;
pub mod sheet;
pub mod text;

pub use distance_proof::{Measured, proof_lines};
pub use inversion::{
    Answer, Certificate, CertificateKind, DistanceProof, Evaluations, Inversion, Line, Model, Nearest,
    Optimality, Query, SCHEMA, Status, Stopped,
};
