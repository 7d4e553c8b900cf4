//! Elements of a network as affine functions of the input, for given phases: without rounding, by going back through the graph.

use std::collections::BTreeMap;

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use netinverse_bounds::{Element, PiecewiseLinear};

use super::dyadic::Dyadic;
use super::frame::Frame;

/// The phase of a hinge or maximum that is not known.
pub(super) const UNKNOWN: u8 = u8::MAX;

/// What an enumeration is about: the network, element by element, in a frame.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) network: PiecewiseLinear,
    pub(super) frame: Frame,
    /// For each element after the inputs the number of its phase, among functions and maxima.
    pub(super) ordinal: Vec<u32>,
    /// How many phases there are.
    pub(super) phases: usize,
    /// Whether hyperplanes are those of the network exactly; else they are doubles near them.
    pub(super) exact: bool,
}

/// A combination of elements with a constant: what a hyperplane is the zero set of.
#[derive(Debug, Clone)]
pub(super) struct Combination {
    pub(super) terms: Vec<(u32, RBig)>,
    pub(super) constant: RBig,
}

/// The most multiplications for which a hyperplane is found exactly.
const MAX_PRODUCTS: usize = 20_000;

impl Setting {
    pub(super) fn new(network: PiecewiseLinear, frame: Frame) -> Self {
        let mut phases = 0;
        let ordinal = network
            .elements()
            .iter()
            .map(|element| {
                let own = phases;
                phases += u32::from(!matches!(element, Element::Affine { .. }));
                own
            })
            .collect();
        let exact = network.is_exact() && network.products() <= MAX_PRODUCTS;
        Setting { network, frame, ordinal, phases: phases as usize, exact }
    }

    /// The combination as a function of t, integers times a positive number, where the phases it depends on are known.
    pub(super) fn integers(&self, combination: &Combination, phases: &[u8]) -> Vec<IBig> {
        // One denominator for all.
        let mut denominator = UBig::ONE;
        for value in combination.terms.iter().map(|term| &term.1).chain([&combination.constant]) {
            if (&denominator % value.denominator()) != UBig::ZERO {
                denominator *= value.denominator();
            }
        }
        let whole = |value: &RBig| -> Dyadic {
            let scaled = value * RBig::from(IBig::from(denominator.clone()));
            Dyadic { mantissa: scaled.numerator().clone(), exponent: 0 }
        };
        let mut open: BTreeMap<u32, Dyadic> = BTreeMap::new();
        let mut constant = whole(&combination.constant);
        for (element, factor) in &combination.terms {
            open.entry(*element).or_insert_with(Dyadic::zero).add(&whole(factor));
        }
        let inputs = self.network.inputs();
        let mut slopes = vec![Dyadic::zero(); inputs];
        while let Some((element, factor)) = open.pop_last() {
            if factor.is_zero() {
                continue;
            }
            if (element as usize) < inputs {
                slopes[element as usize] = factor;
                continue;
            }
            let index = element as usize - inputs;
            match self.network.elements()[index] {
                Element::Affine { terms, constant: own, .. } => {
                    constant.add(&factor.product(&Dyadic::of(own)));
                    for (source, weight, _) in self.network.terms(terms) {
                        let entry = open.entry(source).or_insert_with(Dyadic::zero);
                        entry.add(&factor.product(&Dyadic::of(weight)));
                    }
                }
                Element::Function { hinge, source } => {
                    let phase = phases[self.ordinal[index] as usize];
                    let (slope, intercept) = self.network.hinge(hinge).pieces[phase as usize];
                    constant.add(&factor.product(&Dyadic::of(intercept)));
                    if slope != 0.0 {
                        let entry = open.entry(source).or_insert_with(Dyadic::zero);
                        entry.add(&factor.product(&Dyadic::of(slope)));
                    }
                }
                Element::Maximum { sources } => {
                    let phase = phases[self.ordinal[index] as usize];
                    let source = self.network.sources(sources)[phase as usize];
                    open.entry(source).or_insert_with(Dyadic::zero).add(&factor);
                }
            }
        }
        self.frame.in_t(&slopes, &constant)
    }
}
