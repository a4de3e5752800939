//! Weights in eight bits.

#![expect(
    clippy::cast_possible_truncation,
    reason = "weights are clamped to eight bits first"
)]

use ztag_ai_security::Channel;
use ztag_ai_security::model::calibration::Calibration;
use ztag_ai_security::model::{RATES, TABLES, Weights};

use super::learner::Learnt;

/// One weight in so many is cut off, so that the others keep finer steps.
const CUT: usize = 2000;

/// The file for what was learnt, not calibrated yet.
pub(super) fn quantize(learnt: &Learnt, rules: &[String]) -> Weights {
    let tables: [usize; TABLES] = std::array::from_fn(|table| table);
    let weights = learnt.places.iter();
    let mut sizes = weights
        .flat_map(|weight| tables.map(|table| weight.within(table).abs()))
        .collect::<Vec<_>>();
    sizes.sort_by(|one, other| other.total_cmp(one));
    let largest = sizes.get(sizes.len() / CUT).copied().unwrap_or(1.0);
    let scale = largest.max(f32::MIN_POSITIVE) / f32::from(i8::MAX);
    let limit = f32::from(i8::MAX);
    let step = |weight: f32| (weight / scale).round().clamp(-limit, limit) as i8;
    let rules = rules.iter().zip(&learnt.rules);
    Weights {
        scale,
        bias: learnt.bias,
        calibrations: [Calibration::default(); Channel::ALL.len()],
        levels: [1.0; RATES.len()],
        rules: rules
            .map(|(id, weight)| (id.as_str().into(), *weight))
            .collect(),
        places: tables.map(|table| {
            let weights = learnt.places.iter();
            weights.map(|weight| step(weight.within(table))).collect()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::learner::Weight;
    use super::*;

    #[test]
    fn weights_keep_their_value_to_a_step() {
        let places = (0..5000u16)
            .map(|at| Weight {
                shared: f32::from(at) / 2500.0 - 1.0,
                apart: [0.0, 0.25],
            })
            .collect::<Vec<_>>();
        let learnt = Learnt {
            bias: 0.5,
            places,
            rules: vec![1.5],
        };
        let weights = quantize(&learnt, &["a.b".to_owned()]);
        for (table, steps) in weights.places.iter().enumerate() {
            for (step, exact) in steps.iter().zip(&learnt.places) {
                let off = f32::from(*step) * weights.scale - exact.within(table);
                assert!(off.abs() <= weights.scale, "{table}");
            }
        }
        assert_eq!(weights.rules.get("a.b"), Some(&1.5));
    }
}
