//! `samples` of a recording: how far V8 had counted object ids at which time.

use super::arrays::{Arrays, Token};
use super::header::SampleFields;
use super::text::Text;
use crate::error::ErrorKind;
use crate::input::TimeRange;

/// A moment of the recording: microseconds from its beginning, and the last object id given by then.
pub(super) type Sample = (u64, u64);

/// Reads the section.
pub(super) fn read(text: &mut Text<'_>, fields: &SampleFields) -> Result<Vec<Sample>, ErrorKind> {
    text.section = "samples";
    let mut arrays = Arrays::begin(text)?;
    let (mut samples, mut sample, mut field) = (Vec::new(), (0, 0), 0);
    while let Token::Number(value) = arrays.next(field != 0, false)? {
        if field == fields.timestamp {
            sample.0 = value;
        } else if field == fields.last_id {
            sample.1 = value;
        }
        field += 1;
        if field == fields.fields {
            samples.push(sample);
            field = 0;
        }
    }
    Ok(samples)
}

/// A range of odd ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    /// The highest id below the range.
    pub(super) above: u64,
    /// The last id of the range.
    pub(super) up_to: u64,
}

/// The ids that objects were given in a range of time.
///
/// An object counts at the first sample after it got its id, as in DevTools' bars: what came before the first sample is not of the
/// recording, and what came after the last has no time.
pub(super) fn ids_between(samples: &[Sample], range: TimeRange) -> Ids {
    let last_at = |time: u64| samples.iter().filter(|sample| sample.0 <= time).map(|sample| sample.1).max().unwrap_or(0);
    Ids { above: last_at(range.from_us), up_to: last_at(range.to_us) }
}
