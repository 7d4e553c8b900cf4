//! The question as data: everything that `--save-problem` keeps, and that a run's hash covers.

use netinverse_base::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::solve::Norm;

/// What is asked of a network, in the user's units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// What is asked of the outputs.
    pub asked: Asked,
    /// A linear form of the outputs to make as large or small as possible, among the inputs that give
    /// what is asked.
    pub objective: Option<Objective>,
    /// `[lo, hi]` for each input, or one for all; absent: unbounded.
    pub bounds: Option<Vec<[f64; 2]>>,
    /// The reference of each query, or one for all; absent: the centre of the bounds.
    pub near: Option<Vec<Vec<f64>>>,
    /// Row numbers, one a query, as answers report them.
    pub rows: Vec<usize>,
    /// Inputs that have a given value.
    pub fixed: Vec<(usize, f64)>,
    /// Inputs that are integers.
    pub integers: Vec<usize>,
    /// Linear conditions on the inputs; all must hold.
    pub subject_to: Vec<String>,
    /// Weights of the norm, one an input.
    pub weights: Option<Vec<f64>>,
    /// `[offset, scale]` of each input, or one for all: the network takes `(x − offset)/scale`.
    pub input_scale: Option<Vec<[f64; 2]>>,
    /// `[offset, scale]` of each output, or one for all: the network gives `(y − offset)/scale`.
    pub output_scale: Option<Vec<[f64; 2]>>,
    /// Names of the inputs, for expressions; empty where there are none.
    pub input_names: Vec<String>,
    /// Names of the outputs, for expressions; empty where there are none.
    pub output_names: Vec<String>,
    /// What "nearest" means.
    pub norm: NormName,
    /// How many answers a query.
    pub count: usize,
    /// How far apart they are (L2); absent: 5 % of the bounds' diagonal.
    pub separation: Option<f64>,
    /// All of the preimage in the plane of two inputs, instead of searched answers.
    #[serde(default)]
    pub complete: bool,
    /// This many samples of the fibre, instead of searched answers.
    #[serde(default)]
    pub sample: Option<usize>,
    /// What makes an input plausible.
    #[serde(default)]
    pub prior: PriorName,
    /// Rows of inputs to learn the prior from, to start from, and to judge plausibility by.
    #[serde(default)]
    pub data: Option<DataSource>,
    /// An inverse of the network, exact or not: each target is answered from the input that it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<NetworkFile>,
    /// The largest residual of an answer; absent: 1e-10 · max(1, |y|∞).
    pub tolerance: Option<f64>,
    /// Prove a lower bound of every answer's distance, and that there is none where none is found: the effort, 1 is some ten
    /// seconds a query on two cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certify: Option<f64>,
    /// Whether the proofs of what is certified are kept; no part of the question.
    #[serde(skip)]
    pub keep_proofs: bool,
    /// Random starts of a query at most.
    pub starts: usize,
    /// The seed of everything random.
    pub seed: u64,
}

/// What is asked of the outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Asked {
    /// Values, one row of m a query.
    Values {
        /// The rows.
        rows: Vec<Vec<f64>>,
    },
    /// An interval for each output, or one for all.
    Within {
        /// `[lo, hi]`
        intervals: Vec<[f64; 2]>,
    },
    /// A class, one a query or one for all.
    Class {
        /// The outputs that must win.
        classes: Vec<usize>,
        /// By how much, in units of the outputs.
        margin: f64,
        /// With which probability, instead of a margin.
        probability: Option<f64>,
    },
    /// Any class but the network's own at the reference.
    OtherClass {
        /// By how much, in units of the outputs.
        margin: f64,
    },
    /// A condition in the `--where` language.
    Where {
        /// The expression.
        text: String,
    },
    /// A VNN-LIB specification of inputs and outputs.
    Spec {
        /// The file's text.
        text: String,
    },
    /// Nothing: there is an objective only.
    Anything,
}

/// A linear form to make as large or as small as possible.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The form, such as `y0 - 2*y1`.
    pub text: String,
    /// Whether as large as possible.
    pub maximize: bool,
}

/// A norm by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormName {
    /// Σ wᵢ |dᵢ|
    L1,
    /// √Σ wᵢ dᵢ²
    #[default]
    L2,
    /// max wᵢ |dᵢ|
    Linf,
}

/// What makes an input plausible, besides giving the output.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum PriorName {
    /// Nothing: the nearest to the reference is wanted.
    #[default]
    None,
    /// A Gaussian of the data: its leading principal components, and what is left of each input's variance.
    Gaussian {
        /// Components at most.
        rank: Option<usize>,
    },
    /// Probabilistic principal components of the data: the same variance is left in all other directions.
    Pca {
        /// Components; absent: 95 % of the variance.
        rank: Option<usize>,
    },
    /// Total variation of an image.
    Tv,
    /// The image of a standard normal latent vector under a network.
    Decoder(NetworkFile),
    /// What a network that reproduces plausible inputs leaves unchanged.
    Autoencoder(NetworkFile),
}

/// A network beside the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFile {
    /// The path, as given.
    pub path: String,
    /// The SHA-256 of the file.
    pub sha256: String,
}

/// Rows of data: where they come from, and what tells whether they are the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// As given.
    pub source: String,
    /// The number of rows.
    pub rows: usize,
    /// The SHA-256 of the numbers (little-endian doubles, row by row).
    pub sha256: String,
}

impl From<NormName> for Norm {
    fn from(name: NormName) -> Norm {
        match name {
            NormName::L1 => Norm::L1,
            NormName::L2 => Norm::L2,
            NormName::Linf => Norm::LInf,
        }
    }
}

impl Problem {
    /// The question "which inputs give this?", with every option at its default.
    pub fn new(asked: Asked) -> Self {
        let rows = match &asked {
            Asked::Values { rows } => rows.len(),
            Asked::Class { classes, .. } => classes.len(),
            _ => 1,
        };
        Problem {
            asked,
            objective: None,
            bounds: None,
            near: None,
            rows: (0..rows).collect(),
            fixed: Vec::new(),
            integers: Vec::new(),
            subject_to: Vec::new(),
            weights: None,
            input_scale: None,
            output_scale: None,
            input_names: Vec::new(),
            output_names: Vec::new(),
            norm: NormName::L2,
            count: 1,
            separation: None,
            complete: false,
            sample: None,
            prior: PriorName::None,
            data: None,
            start: None,
            tolerance: None,
            certify: None,
            keep_proofs: false,
            starts: 64,
            seed: 0,
        }
    }

    /// The question as canonical JSON: what a run's hash covers.
    pub fn json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::new(ErrorKind::Io, error.to_string()))
    }
}

impl PriorName {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            PriorName::None => "none",
            PriorName::Gaussian { .. } => "gaussian",
            PriorName::Pca { .. } => "pca",
            PriorName::Tv => "tv",
            PriorName::Decoder(_) => "decoder",
            PriorName::Autoencoder(_) => "autoencoder",
        }
    }
}

impl Asked {
    /// The option that asks for it, for messages.
    pub fn option(&self) -> &'static str {
        match self {
            Asked::Values { .. } => "--target",
            Asked::Within { .. } => "--within",
            Asked::Class { .. } | Asked::OtherClass { .. } => "--class",
            Asked::Where { .. } => "--where",
            Asked::Spec { .. } => "--spec",
            Asked::Anything => "--maximize",
        }
    }
}
