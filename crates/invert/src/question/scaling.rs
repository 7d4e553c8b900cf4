//! Scalers outside the model: the network in the user's units.
//!
//! A model trained on standardised data takes `(x − offset)/scale` and gives `(y − offset)/scale`. The
//! network is wrapped in two affine layers, so that everything after (bounds, targets, residuals, proofs)
//! is in the user's units. The inverse of a scale is not exact in general: its constants carry a radius.

use netinverse_base::{Error, Place, Result};
use netinverse_linalg::Interval;
use netinverse_network::{Linear, Network, NetworkBuilder, Op, Param, Scale, Shape, ValueId};

/// `(offset, scale)` for each of `count` elements.
pub(super) fn pairs(rows: &[[f64; 2]], count: usize, option: &str) -> Result<Vec<(f64, f64)>> {
    let place = || Place::Option(option.to_string());
    if rows.len() != 1 && rows.len() != count {
        return Err(Error::input(format!("{} rows of offset,scale for {count} elements", rows.len()))
            .at(place())
            .hint("give one row `offset,scale` for each, or a single row for all"));
    }
    for (row, &[offset, scale]) in rows.iter().enumerate() {
        if !offset.is_finite() || !scale.is_finite() || scale == 0.0 {
            return Err(Error::input(format!("an offset of {offset} and a scale of {scale} are refused"))
                .at(Place::Row(row))
                .at(place())
                .hint("both are finite, and the scale is not 0"));
        }
    }
    Ok((0..count).map(|i| rows[if rows.len() == 1 { 0 } else { i }]).map(|[o, s]| (o, s)).collect())
}

/// The network of `(x − offset)/scale` on the input side and `y·scale + offset` on the output side.
pub(super) fn wrap(
    network: &Network,
    input: Option<&[(f64, f64)]>,
    output: Option<&[(f64, f64)]>,
) -> Result<Network> {
    if input.is_none() && output.is_none() {
        return Ok(network.clone());
    }
    let mut builder = NetworkBuilder::new();
    for param in network.params() {
        builder.param(param.clone()); // in order, so that the operators' ids stay right
    }
    let mut ids: Vec<Option<ValueId>> = vec![None; network.values().len()];
    let mut raw = Vec::new();
    for &id in network.inputs() {
        let value = network.value(id);
        raw.push((id, builder.input(value.name.clone(), value.shape.clone())?));
    }
    let mut start = 0;
    for (id, given) in raw {
        let (name, shape) = (network.value(id).name.clone(), network.value(id).shape.clone());
        let own = start..start + shape.elements();
        start = own.end;
        ids[id.index()] = Some(match input {
            Some(pairs) => {
                let factors: Vec<Interval> = pairs[own.clone()].iter().map(|&(_, s)| reciprocal(s)).collect();
                let shifts: Vec<Interval> = pairs[own]
                    .iter()
                    .map(|&(o, s)| Interval::point(-o).divided_by(Interval::point(s)))
                    .collect();
                affine(&mut builder, &format!("{name}/standardised"), &shape, &factors, &shifts, given)?
            }
            None => given,
        });
    }
    for node in network.nodes() {
        let inputs: Vec<ValueId> = node.inputs.iter().filter_map(|id| ids[id.index()]).collect();
        ids[node.output.index()] = Some(builder.node(node.name.clone(), node.op.clone(), &inputs)?);
    }
    let mut outputs = Vec::new();
    let mut start = 0;
    for &id in network.outputs() {
        let (name, shape) = (network.value(id).name.clone(), network.value(id).shape.clone());
        let own = start..start + shape.elements();
        start = own.end;
        let given = ids[id.index()].ok_or_else(|| Error::input("an output is computed by no node"))?;
        outputs.push(match output {
            Some(pairs) => {
                let factors: Vec<Interval> =
                    pairs[own.clone()].iter().map(|p| Interval::point(p.1)).collect();
                let shifts: Vec<Interval> = pairs[own].iter().map(|p| Interval::point(p.0)).collect();
                affine(&mut builder, &format!("{name}/in user units"), &shape, &factors, &shifts, given)?
            }
            None => given,
        });
    }
    builder.finish(&outputs)
}

fn reciprocal(scale: f64) -> Interval {
    Interval::point(1.0).divided_by(Interval::point(scale))
}

fn affine(
    builder: &mut NetworkBuilder,
    name: &str,
    shape: &Shape,
    factors: &[Interval],
    shifts: &[Interval],
    value: ValueId,
) -> Result<ValueId> {
    let mut param = |what: &str, intervals: &[Interval]| -> Result<_> {
        let centres: Vec<f64> = intervals.iter().map(|i| i.lo().midpoint(i.hi())).collect();
        let radii: Vec<f64> = intervals
            .iter()
            .zip(&centres)
            .map(|(i, c)| if i.lo() == i.hi() { 0.0 } else { (i.hi() - c).max(c - i.lo()).next_up() })
            .collect();
        let param = Param::from_f64(format!("{name}/{what}"), shape.clone(), centres)?;
        Ok(builder.param(param.with_radius(radii)))
    };
    let scale = Some(param("scale", factors)?);
    let shift = Some(param("shift", shifts)?);
    builder.node(name, Op::Linear(Linear::Scale(Scale { scale, shift })), &[value])
}
