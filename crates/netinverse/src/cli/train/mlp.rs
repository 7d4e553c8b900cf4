//! `netinverse train mlp`.

use netinverse_base::{Error, Place, Result, ResultExt as _, StopReason};
use netinverse_train::{
    Activation, FitOptions, Loss, Mlp, Optimizer, Samples, Schedule, Targets, fit, measure,
};

use super::super::{Console, Outcome, budget, data};
use super::arguments::{LastActivation, MlpOptions, OptimizerName};

pub(super) fn run(options: &MlpOptions, console: &Console) -> Result<Outcome> {
    if options.output.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("onnx")) {
        return Err(Error::input(format!("`{}` is not a name for a network", options.output.display()))
            .at(Place::Option("-o".into()))
            .hint("networks are written as `.onnx`"));
    }
    let (output, loss) = match options.activation {
        LastActivation::Sigmoid => (Activation::Sigmoid, Loss::SigmoidCrossEntropy),
        LastActivation::Softmax => (Activation::Softmax, Loss::SoftmaxCrossEntropy),
        LastActivation::Identity => (Activation::Identity, Loss::SoftmaxCrossEntropy),
    };
    let hidden = options.hidden.into();
    let (optimizer, usual_rate) = match options.optimizer {
        OptimizerName::Adam => (Optimizer::Adam, 0.003),
        OptimizerName::Sgd => (Optimizer::Sgd { momentum: 0.9 }, 0.1),
    };
    let budget = budget(&options.limits)?;
    let mut mlp =
        Mlp::new(&options.layers, hidden, output, budget.seed()).at(|| Place::Option("--layers".into()))?;
    let digits = data::digits(options.data.as_deref(), &budget)?;
    let (inputs, outputs) = (mlp.sizes()[0], *mlp.sizes().last().expect("checked: two sizes"));
    if inputs != netinverse_data::digits::PIXELS || outputs != 10 {
        return Err(Error::input(format!(
            "digits have 784 pixels and 10 classes, the network {inputs} inputs and {outputs} outputs"
        ))
        .at(Place::Option("--layers".into()))
        .hint("begin with 784 and end with 10, for example `--layers 784,256,10`"));
    }
    let (x, x_test) = (digits.train.images(), digits.test.images());
    let train = Samples { x: &x, targets: Targets::Classes(digits.train.labels()) };
    let test = Samples { x: &x_test, targets: Targets::Classes(digits.test.labels()) };
    let options_fit = FitOptions {
        loss,
        optimizer,
        rate: options.rate.unwrap_or(usual_rate),
        schedule: Schedule::Cosine,
        epochs: options.epochs,
        batch: options.batch,
    };
    let report = fit(&mut mlp, &train, &options_fit, &budget, console)?;
    console.clear();
    let (test_loss, test_accuracy) = measure(&mlp, &test, loss)?;
    mlp.network()?.write(&options.output)?;
    console.line(&format!(
        "{} {} digits: loss {:.4}, accuracy {:.4}; {} test digits: loss {test_loss:.4}, accuracy {:.4}",
        digits.train.len(),
        digits.source.name(),
        report.loss,
        report.accuracy.unwrap_or(f64::NAN),
        digits.test.len(),
        test_accuracy.unwrap_or(f64::NAN)
    ));
    console.line(&format!("written: {}", options.output.display()));
    match report.stopped {
        None => Ok(Outcome::Answered),
        Some(reason) => {
            let why = if reason == StopReason::TimeLimit { "the time limit" } else { "Ctrl-C" };
            console.line(&format!("stopped by {why} after {} whole epochs", report.epochs));
            Ok(Outcome::Unsettled)
        }
    }
}
