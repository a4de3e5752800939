//! The encoder extension.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};

use super::{Function, Kinds, mismatch};
use crate::cel::meter::Meter;
use crate::cel::val::Val;
use crate::error::EvalError;

pub(super) static TABLE: &[Function] = &[
    Function::global("base64.decode", &[Kinds::STRING], Kinds::BYTES, decode),
    Function::global("base64.encode", &[Kinds::BYTES], Kinds::STRING, encode),
];

/// RFC 4648 section 4, the padding optional.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn encode<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Bytes(bytes)] => {
            meter.bytes(bytes.as_slice().len() * 2)?;
            Ok(Val::text(
                general_purpose::STANDARD.encode(bytes.as_slice()),
            ))
        }
        _ => mismatch(),
    }
}

fn decode<'a>(meter: &mut Meter, args: &[Val<'a>]) -> Result<Val<'a>, EvalError> {
    match args {
        [Val::Str(text)] => {
            meter.bytes(text.as_str().len())?;
            let decoded = LENIENT.decode(text.as_str()).map(Val::bytes);
            decoded.map_err(|_| EvalError::new("text is not base64"))
        }
        _ => mismatch(),
    }
}
