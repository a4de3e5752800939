//! Weights as a file: what the trainer writes and the guard embeds.
//!
//! All numbers are little endian. `ZTAGLIN3`; the scale of the weights (f32) and the bias (f32); per
//! channel slope, offset and the falling with windows (f32 each), thresholds for marking and
//! blocking (f32 each); the scores of [`RATES`] (f32 each); the number of rules (u32) and of each the length of its id (u8), its id and
//! its weight (f32); then, for each of [`TABLES`], one byte a place.

use std::collections::BTreeMap;

use ztag_types::SmolStr;

use super::calibration::Calibration;
use super::features::PLACES;
use crate::{Bands, Channel};

const MAGIC: &[u8; 8] = b"ZTAGLIN3";

/// Rules that a file may weigh.
const MOST_RULES: usize = 4096;

/// Shares of harmless texts for which [`Weights::levels`] has a score.
pub const RATES: [f64; 3] = [0.001, 0.005, 0.01];

/// Tables of weights: of what people and models say, and of what only others write. What a user may
/// well ask for is an attack where a web page asks for it.
pub const TABLES: usize = 2;

/// The table that reads texts of `channel`.
pub fn table(channel: Channel) -> usize {
    usize::from(channel.is_third_party())
}

/// The numbers of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// What one step of a place is worth.
    pub scale: f32,
    /// The margin of a text without features.
    pub bias: f32,
    /// By channel, how margins become probabilities.
    pub calibrations: [Calibration; Channel::ALL.len()],
    /// For each of [`RATES`], the score that so many of all harmless texts reach which the model was
    /// not trained on, whatever their channel.
    pub levels: [f32; RATES.len()],
    /// What a hit of a rule, by its id, adds to the margin.
    pub rules: BTreeMap<SmolStr, f32>,
    /// In each table one weight for each place of [`features`](super::features), in steps of `scale`.
    pub places: [Box<[i8]>; TABLES],
}

/// Why a file of weights cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// It is not such a file, or of another version.
    #[error("not a file of weights of this version")]
    Magic,
    /// It ends too early or too late.
    #[error("the file of weights has the wrong length")]
    Length,
    /// A number is not finite, or an id is not text.
    #[error("the file of weights holds nonsense")]
    Nonsense,
}

impl Weights {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not one that [`Weights::to_bytes`] wrote.
    pub fn from_bytes(file: &[u8]) -> Result<Self, WeightsError> {
        let mut file = Bytes(file);
        if file.take(MAGIC.len())? != MAGIC {
            return Err(WeightsError::Magic);
        }
        let scale = file.number()?;
        let bias = file.number()?;
        let mut calibrations = [Calibration::default(); Channel::ALL.len()];
        for calibration in &mut calibrations {
            *calibration = file.calibration()?;
        }
        let mut levels = [0.0; RATES.len()];
        for level in &mut levels {
            *level = file.number()?;
        }
        let rules = file.rules()?;
        let mut places = [const { Vec::new() }; TABLES];
        for table in &mut places {
            *table = file
                .take(PLACES)?
                .iter()
                .map(|byte| byte.cast_signed())
                .collect();
        }
        if !file.0.is_empty() {
            return Err(WeightsError::Length);
        }
        Ok(Self {
            scale,
            bias,
            calibrations,
            levels,
            rules,
            places: places.map(Vec::into_boxed_slice),
        })
    }

    /// The weights that read texts of `channel`.
    pub fn places(&self, channel: Channel) -> &[i8] {
        let table = self.places.get(table(channel));
        table.map(AsRef::as_ref).unwrap_or_default()
    }

    /// The file of these weights. The same weights make the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        let mut number = |number: f32| file.extend(number.to_le_bytes());
        number(self.scale);
        number(self.bias);
        for calibration in &self.calibrations {
            let Calibration {
                slope,
                offset,
                per_doubling,
                bands,
            } = *calibration;
            for written in [slope, offset, per_doubling, bands.mark, bands.block] {
                number(written);
            }
        }
        for level in self.levels {
            number(level);
        }
        let count = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        file.extend(count.to_le_bytes());
        for (id, weight) in &self.rules {
            file.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
            file.extend(id.as_bytes().iter().take(usize::from(u8::MAX)));
            file.extend(weight.to_le_bytes());
        }
        let places = self.places.iter().flat_map(|table| table.iter());
        file.extend(places.map(|weight| weight.cast_unsigned()));
        file
    }
}

/// What is left of a file.
struct Bytes<'f>(&'f [u8]);

impl<'f> Bytes<'f> {
    fn take(&mut self, count: usize) -> Result<&'f [u8], WeightsError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WeightsError::Length)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<[u8; 4], WeightsError> {
        let word = self.take(4)?;
        word.try_into().map_err(|_| WeightsError::Length)
    }

    fn number(&mut self) -> Result<f32, WeightsError> {
        let number = f32::from_le_bytes(self.word()?);
        number
            .is_finite()
            .then_some(number)
            .ok_or(WeightsError::Nonsense)
    }

    fn calibration(&mut self) -> Result<Calibration, WeightsError> {
        Ok(Calibration {
            slope: self.number()?,
            offset: self.number()?,
            per_doubling: self.number()?,
            bands: Bands {
                mark: self.number()?,
                block: self.number()?,
            },
        })
    }

    fn rules(&mut self) -> Result<BTreeMap<SmolStr, f32>, WeightsError> {
        let count = usize::try_from(u32::from_le_bytes(self.word()?)).unwrap_or(usize::MAX);
        if count > MOST_RULES {
            return Err(WeightsError::Nonsense);
        }
        let mut rules = BTreeMap::new();
        for _ in 0..count {
            let [length] = *self.take(1)? else {
                return Err(WeightsError::Length);
            };
            let id = str::from_utf8(self.take(usize::from(length))?);
            let id = id.map_err(|_| WeightsError::Nonsense)?;
            rules.insert(SmolStr::new(id), self.number()?);
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let mut places = [(); TABLES].map(|()| vec![0; PLACES].into_boxed_slice());
        places[0][7] = -127;
        places[1][PLACES - 1] = 127;
        Weights {
            scale: 0.03,
            bias: -1.5,
            calibrations: [Calibration::default(); Channel::ALL.len()],
            levels: [0.9, 0.8, 0.7],
            rules: BTreeMap::from([("override.prior".into(), 2.5), ("a".into(), 0.0)]),
            places,
        }
    }

    #[test]
    fn files_read_back() {
        let weights = weights();
        assert_eq!(Weights::from_bytes(&weights.to_bytes()), Ok(weights));
    }

    #[test]
    fn what_others_write_has_a_table_of_its_own() {
        let weights = weights();
        assert_eq!(weights.places(Channel::User)[7], -127);
        for channel in [Channel::Document, Channel::Tool, Channel::ToolDescription] {
            assert_eq!(weights.places(channel)[PLACES - 1], 127, "{channel}");
        }
    }

    #[test]
    fn broken_files_are_refused() {
        let file = weights().to_bytes();
        let mut long = file.clone();
        long.push(0);
        let mut nonsense = file.clone();
        nonsense[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
        let mut version = file.clone();
        version[7] = b'9';
        for (broken, error) in [
            (&file[..file.len() - 1], WeightsError::Length),
            (&long, WeightsError::Length),
            (&nonsense, WeightsError::Nonsense),
            (&version, WeightsError::Magic),
            (&[], WeightsError::Length),
        ] {
            assert_eq!(Weights::from_bytes(broken), Err(error));
        }
    }
}
