//! The `locations` array: where constructors and functions are written down.

use std::collections::HashMap;

use crate::error::ErrorKind;
use crate::graph::{Place, ordinal};
use crate::input::v8::header::{Header, LocationFields};
use crate::input::v8::records::{self, Batch, Fault, Sink};
use crate::input::v8::text::Text;
use crate::scan::number_before;

/// What the array holds.
#[derive(Debug, Default)]
pub(in crate::input::v8) struct Locations {
    /// Ordinals and numbers of places.
    pub(super) located: Vec<(u32, u32)>,
    pub(super) places: Vec<Place>,
}

impl Locations {
    /// Reads the rest of the array behind `[`, up to and including `]`.
    pub(in crate::input::v8) fn read(text: &mut Text<'_>, header: &Header) -> Result<Self, ErrorKind> {
        let Some(fields) = &header.location_fields else {
            return Err(text.inconsistent(text.offset(), "the header's meta does not describe locations".to_owned()));
        };
        let mut sink = LocationSink { header, fields, numbers: HashMap::new(), last: None, found: Self::default() };
        records::read(text, fields.fields, &mut sink)?;
        text.consume(1);
        let mut found = sink.found;
        // As in DevTools, the last of several places of a node is the one that counts.
        found.located.reverse();
        found.located.sort_by_key(|&(node, _)| node);
        found.located.dedup_by_key(|&mut (node, _)| node);
        Ok(found)
    }
}

struct LocationSink<'h> {
    header: &'h Header,
    fields: &'h LocationFields,
    numbers: HashMap<Place, u32>,
    /// The place before, and its number: neighbours often share it.
    last: Option<(Place, u32)>,
    found: Locations,
}

impl LocationSink<'_> {
    fn number(&mut self, place: Place) -> u32 {
        if let Some((last, number)) = self.last
            && last == place
        {
            return number;
        }
        let next = ordinal(self.found.places.len());
        let number = *self.numbers.entry(place).or_insert(next);
        if number == next {
            self.found.places.push(place);
        }
        self.last = Some((place, number));
        number
    }
}

impl Sink for LocationSink<'_> {
    // DevTools overlooks signs, and V8 writes some in the arrays of scopes next to this one.
    const SIGNED: bool = true;

    fn add(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        let node_fields = self.header.layout.fields as u64;
        for (record, ends) in batch.ends.chunks_exact(self.fields.fields).enumerate() {
            let number = |field: usize| number_before(batch.text, ends[field] as usize);
            let wrong =
                |field: usize, problem: String| Fault { offset: batch.offset(record * self.fields.fields + field), problem };
            let small = |field: usize| {
                let small = number(field).and_then(|number| u32::try_from(number).ok());
                small.ok_or_else(|| wrong(field, "the number before this place passes 32 bits".to_owned()))
            };
            let index = number(self.fields.object_index).unwrap_or(u64::MAX);
            if index / node_fields >= self.header.node_count || !index.is_multiple_of(node_fields) {
                // Of no node: DevTools never looks it up.
                continue;
            }
            let place = Place {
                script: small(self.fields.script_id)?,
                line: small(self.fields.line)?,
                column: small(self.fields.column)?,
            };
            let number = self.number(place);
            self.found.located.push((crate::graph::halves(index / node_fields).0, number));
        }
        Ok(())
    }
}
