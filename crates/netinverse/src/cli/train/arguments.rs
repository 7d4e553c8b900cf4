//! The options of `netinverse train`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use netinverse_data::RowRange;
use netinverse_train::{Activation, Sizes};

use super::samples::Samples;
use crate::cli::arguments::{Format, Limits};

#[derive(Debug, Args)]
pub(crate) struct TrainOptions {
    #[command(subcommand)]
    pub(crate) network: TrainNetwork,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrainNetwork {
    /// A feed-forward network on labelled digits
    Mlp(MlpOptions),
    /// A network to a code of a few numbers, and one back from it
    Autoencoder(AutoencoderOptions),
    /// A classifier from whose outputs the input can be had back (--invertible), or whose row space is where the data
    /// are (--row-space)
    Classifier(ClassifierOptions),
    /// A classifier that is onto, with an exact right inverse: f(g(y)) = y for every y, and one input for each free part v
    Surjective(SurjectiveOptions),
    /// A density of the rows by coupling blocks: f carries them to the standard normal law, and has an inverse and a
    /// determinant by formula
    Bijective(BijectiveOptions),
    /// A square classifier that changes distances by factors between MU and NU, whatever its weights are, and its inverse
    Bilipschitz(BilipschitzOptions),
    /// Accuracy against reconstruction: invertible classifiers over a range of λ, beside an autoencoder, principal
    /// components, and the best inverse of a plain classifier
    Sweep(SweepOptions),
    /// An inverse of a network that stays as it is: what `invert --start` starts from
    Inverse(InverseOptions),
}

#[derive(Debug, Args)]
pub(crate) struct MlpOptions {
    /// The layer sizes, inputs first
    #[arg(long, value_delimiter = ',', value_name = "N,…", default_value = "784,10")]
    pub(crate) layers: Vec<usize>,
    /// The activation after the last layer, and between layers unless --hidden says otherwise
    #[arg(long, value_enum, default_value_t = LastActivation::Sigmoid)]
    pub(crate) activation: LastActivation,
    /// The activation between layers
    #[arg(long, value_enum, default_value_t = HiddenActivation::Relu)]
    pub(crate) hidden: HiddenActivation,
    /// A folder with the four MNIST files; without it, digits that netinverse draws itself
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The network is written here
    #[arg(short, long, value_name = "NET.onnx")]
    pub(crate) output: PathBuf,
    /// Passes over the training data
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) epochs: usize,
    /// Samples a step
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub(crate) batch: usize,
    /// The step size [default: 0.003 for adam, 0.1 for sgd]
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<f32>,
    /// How steps follow from gradients
    #[arg(long, value_enum, default_value_t = OptimizerName::Adam)]
    pub(crate) optimizer: OptimizerName,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Args)]
pub(crate) struct AutoencoderOptions {
    /// The width of the code
    #[arg(long, value_name = "M", default_value_t = 10)]
    pub(crate) code: usize,
    #[command(flatten)]
    pub(crate) layers: LayerOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) course: CourseOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ClassifierOptions {
    /// Train a decoder from the same outputs beside it: cross-entropy + LAMBDA · mean squared error of the input given
    /// back
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true, required_unless_present = "row_space")]
    pub(crate) invertible: Option<f32>,
    /// A single layer x W + b, and LAMBDA · what of the data lies outside the column space of W
    #[arg(
        long,
        value_name = "LAMBDA",
        allow_negative_numbers = true,
        conflicts_with_all = ["invertible", "layers", "activation"]
    )]
    pub(crate) row_space: Option<f32>,
    /// The number of classes [default: the largest label + 1]
    #[arg(long, value_name = "K")]
    pub(crate) classes: Option<usize>,
    #[command(flatten)]
    pub(crate) layers: LayerOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) course: CourseOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "\
NET.inverse.onnx takes y; NET.fibre.onnx takes y and v, n numbers that say which of the inputs with this output is
meant: for v an input of the class, the answer is like v.")]
pub(crate) struct SurjectiveOptions {
    /// The weight of the mean squared error of g(f(x)) beside the cross-entropy
    #[arg(long, value_name = "LAMBDA", default_value_t = 10.0, allow_negative_numbers = true)]
    pub(crate) lambda: f32,
    /// The weight of half the square of the outputs' length beside the cross-entropy: smaller outputs come back nearer
    #[arg(long, value_name = "W", default_value_t = 0.01, allow_negative_numbers = true)]
    pub(crate) output_size: f32,
    /// The number of classes [default: the largest label + 1]
    #[arg(long, value_name = "K")]
    pub(crate) classes: Option<usize>,
    #[command(flatten)]
    pub(crate) layers: LayerOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) course: CourseOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "\
NET.inverse.onnx takes y; NET.density.onnx gives the logarithm of the density of x, in nats.")]
pub(crate) struct BijectiveOptions {
    /// How many blocks
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Network")]
    pub(crate) blocks: usize,
    /// Units of the network in a block
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Network")]
    pub(crate) width: usize,
    /// What a block does to one half of the coordinates
    #[arg(long, value_enum, default_value_t = CouplingName::Affine, help_heading = "Network")]
    pub(crate) coupling: CouplingName,
    /// C: factors of affine blocks lie between exp(-C) and exp(C)
    #[arg(
        long,
        value_name = "C",
        default_value_t = 1.0,
        allow_negative_numbers = true,
        help_heading = "Network"
    )]
    pub(crate) clamp: f32,
    /// The Lipschitz constant of the network in a block at most
    #[arg(
        long,
        value_name = "L",
        default_value_t = 1.0,
        allow_negative_numbers = true,
        help_heading = "Network"
    )]
    pub(crate) slope: f32,
    /// The activation in a block
    #[arg(long, value_enum, default_value_t = HiddenActivation::Relu, help_heading = "Network")]
    pub(crate) activation: HiddenActivation,
    #[command(flatten)]
    pub(crate) pairs: PairOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) course: CourseOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BilipschitzOptions {
    /// |f(x) - f(x')| is at least MU |x - x'|
    #[arg(
        long,
        value_name = "MU",
        default_value_t = 0.1,
        allow_negative_numbers = true,
        help_heading = "Network"
    )]
    pub(crate) mu: f64,
    /// and at most NU |x - x'|
    #[arg(
        long,
        value_name = "NU",
        default_value_t = 10.0,
        allow_negative_numbers = true,
        help_heading = "Network"
    )]
    pub(crate) nu: f64,
    /// How many layers share these factors
    #[arg(long = "layers", value_name = "N", default_value_t = 4, help_heading = "Network")]
    pub(crate) depth: usize,
    /// Units of a layer, as many as inputs at least [default: four times as many]
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub(crate) width: Option<usize>,
    /// The number of classes, which the first outputs tell apart [default: the largest label + 1]
    #[arg(long, value_name = "K")]
    pub(crate) classes: Option<usize>,
    #[command(flatten)]
    pub(crate) pairs: PairOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) course: CourseOptions,
}

/// Where distances are compared.
#[derive(Debug, Args)]
pub(crate) struct PairOptions {
    /// The box of inputs for which bounds are stated, and from which pairs are drawn: lo,hi for all, or a FILE of rows lo,hi
    /// [default: the smallest box of the rows learned from]
    #[arg(long, value_name = "LO,HI|FILE", allow_hyphen_values = true, help_heading = "Bounds")]
    pub(crate) bounds: Option<String>,
    /// How many pairs to measure
    #[arg(long, value_name = "N", default_value_t = 100_000, help_heading = "Bounds")]
    pub(crate) pairs: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CouplingName {
    /// b + t(a)
    Additive,
    /// b exp s(a) + t(a), s between -C and C
    Affine,
    /// The same with any s: far from the data it overflows, for comparison
    Unbounded,
}

#[derive(Debug, Args)]
pub(crate) struct SweepOptions {
    /// The weights of the reconstruction
    #[arg(long, value_delimiter = ',', value_name = "LAMBDA,…", default_value = "1,3,10,30")]
    pub(crate) lambdas: Vec<f32>,
    /// Train everything from N seeds, SEED on: means and the worst; each seed holds out other rows
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) seeds: u16,
    /// Step sizes of the autoencoder: the best on the rows held out counts [default: --rate]
    #[arg(long, value_delimiter = ',', value_name = "R,…")]
    pub(crate) rates: Vec<f32>,
    /// Choose the LAMBDA that gives the rows held out back best among those whose accuracy on them is at most this share below
    /// that of the plain classifier
    #[arg(long, value_name = "SHARE", default_value_t = 0.005, allow_negative_numbers = true)]
    pub(crate) cost: f64,
    /// The number of classes [default: the largest label + 1]
    #[arg(long, value_name = "K")]
    pub(crate) classes: Option<usize>,
    #[command(flatten)]
    pub(crate) layers: LayerOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) steps: StepOptions,
    /// Write the table here too: .json, or a page .html with the inputs given back
    #[arg(short, long, value_name = "FILE", help_heading = "Answer")]
    pub(crate) output: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Answer")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Args)]
pub(crate) struct InverseOptions {
    /// The network, an ONNX file
    pub(crate) model: PathBuf,
    /// An intermediate value of the graph as the output
    #[arg(long, value_name = "NAME")]
    pub(crate) output_value: Option<String>,
    /// Where inputs lie, and where those of the inverse stay: lo,hi for all, or a FILE of rows lo,hi [default: the file's
    /// own bounds]
    #[arg(long, value_name = "LO,HI|FILE", allow_hyphen_values = true)]
    pub(crate) bounds: Option<String>,
    /// How many inputs to draw in the bounds, without --data
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) draw: usize,
    /// The weight of |g(f(x)) - x|² beside |f(g(y)) - y|²
    #[arg(long, value_name = "BETA", default_value_t = 0.01, allow_negative_numbers = true)]
    pub(crate) beta: f32,
    /// Say too how near g(y) comes after at most N steps of Gauss-Newton from there, in the bounds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) polish: usize,
    #[command(flatten)]
    pub(crate) layers: LayerOptions,
    #[command(flatten)]
    pub(crate) samples: SampleOptions,
    #[command(flatten)]
    pub(crate) course: CourseOptions,
}

/// What lies between inputs and outputs.
#[derive(Debug, Args)]
pub(crate) struct LayerOptions {
    /// The sizes of the layers between inputs and outputs; the way back has them in reverse order; `none` for none
    #[arg(
        id = "layers",
        long = "hidden",
        value_name = "N,…",
        value_parser = hidden_sizes,
        default_value = "256",
        help_heading = "Network"
    )]
    pub(crate) hidden: HiddenSizes,
    /// The activation between layers
    #[arg(long, value_enum, default_value_t = HiddenActivation::Relu, help_heading = "Network")]
    pub(crate) activation: HiddenActivation,
}

impl LayerOptions {
    /// The sizes of networks from the samples' inputs to m outputs, and back.
    pub(super) fn sizes(&self, samples: &Samples, outputs: usize) -> Sizes<'_> {
        Sizes {
            inputs: samples.inputs,
            hidden: &self.hidden.0,
            outputs,
            activation: self.activation.into(),
            unit: samples.unit,
        }
    }
}

/// Sizes of hidden layers.
#[derive(Debug, Clone)]
pub(crate) struct HiddenSizes(pub(crate) Vec<usize>);

fn hidden_sizes(text: &str) -> Result<HiddenSizes, String> {
    if text.trim() == "none" {
        return Ok(HiddenSizes(Vec::new()));
    }
    let size = |item: &str| match item.trim().parse::<usize>() {
        Ok(size) if size > 0 => Ok(size),
        _ => Err(format!("`{item}` is not the size of a layer: write for example 512,256, or none")),
    };
    text.split(',').map(size).collect::<Result<_, _>>().map(HiddenSizes)
}

/// What is learned from.
#[derive(Debug, Args)]
pub(crate) struct SampleOptions {
    /// Rows of inputs, a FILE (.npy, .npz:KEY, .csv, idx); a DIR with the four MNIST files, or of .png pictures
    /// [default: digits that netinverse draws itself]
    #[arg(long, value_name = "FILE|DIR", help_heading = "Data")]
    pub(crate) data: Option<String>,
    /// The class of each row, counted from 0
    #[arg(long, value_name = "FILE", requires = "data", help_heading = "Data")]
    pub(crate) labels: Option<String>,
    /// Learn from these rows only, a..b (b not included)
    #[arg(long, value_name = "A..B", help_heading = "Data")]
    pub(crate) rows: Option<RowRange>,
    /// Stored numbers are multiplied by this, pixels too [default: pixels by 1/255]
    #[arg(long, value_name = "S", requires = "data", allow_negative_numbers = true, help_heading = "Data")]
    pub(crate) scale: Option<f64>,
    /// Rows to measure with in the end
    #[arg(long, value_name = "FILE", requires = "data", help_heading = "Data")]
    pub(crate) test: Option<String>,
    /// The class of each of them
    #[arg(long, value_name = "FILE", requires = "test", help_heading = "Data")]
    pub(crate) test_labels: Option<String>,
    /// Do not learn from this share of the rows, and end with the weights that do best on them [default: 0.1 with
    /// --patience or where nothing else is there to measure with, else 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, help_heading = "Data")]
    pub(crate) held_out: Option<f64>,
}

/// How steps are taken.
#[derive(Debug, Args)]
pub(crate) struct StepOptions {
    /// Passes over the data
    #[arg(long, default_value_t = 20, value_name = "N", help_heading = "Training")]
    pub(crate) epochs: usize,
    /// Samples a step
    #[arg(long, default_value_t = 128, value_name = "N", help_heading = "Training")]
    pub(crate) batch: usize,
    /// The step size at first; it falls along half a cosine [default: 0.002 for adam, 0.05 for sgd]
    #[arg(long, value_name = "R", allow_negative_numbers = true, help_heading = "Training")]
    pub(crate) rate: Option<f32>,
    /// How steps follow from gradients
    #[arg(long, value_enum, default_value_t = OptimizerName::Adam, help_heading = "Training")]
    pub(crate) optimizer: OptimizerName,
}

/// How it is learned, and what comes out.
#[derive(Debug, Args)]
pub(crate) struct CourseOptions {
    #[command(flatten)]
    pub(crate) steps: StepOptions,
    /// Stop after N epochs that gained nothing on the rows held out
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub(crate) patience: Option<usize>,
    /// Keep the state here after each epoch, and go on from it where it is there already: the weights in the end are the
    /// same, bit for bit
    #[arg(long, value_name = "FILE.npz", help_heading = "Training")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// The network is written here; its inverse, where it comes with one, beside it as NET.inverse.onnx
    #[arg(short, long, value_name = "NET.onnx", help_heading = "Answer")]
    pub(crate) output: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Answer")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LastActivation {
    /// 1 / (1 + e⁻ᶻ), trained by binary cross-entropy
    Sigmoid,
    /// eᶻⁱ / Σ eᶻʲ, trained by cross-entropy
    Softmax,
    /// Nothing, trained by cross-entropy of the softmax
    Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HiddenActivation {
    /// max(z, 0)
    Relu,
    /// z, or 0.01 z below zero
    LeakyRelu,
    /// tanh z
    Tanh,
    /// 1 / (1 + e⁻ᶻ)
    Sigmoid,
}

impl From<HiddenActivation> for Activation {
    fn from(hidden: HiddenActivation) -> Self {
        match hidden {
            HiddenActivation::Relu => Activation::Relu,
            HiddenActivation::LeakyRelu => Activation::LeakyRelu,
            HiddenActivation::Tanh => Activation::Tanh,
            HiddenActivation::Sigmoid => Activation::Sigmoid,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OptimizerName {
    /// Adam
    Adam,
    /// Stochastic gradient descent with momentum 0.9
    Sgd,
}
