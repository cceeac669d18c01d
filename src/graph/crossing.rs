//! References from larger to smaller numbers of a depth-first walk: noted by source as the walk meets them, looked at by target.
//!
//! Most lead to a few nodes that instances of a class have in common. Those to such a node are kept apart, as steps from source to
//! source, nearly all of a byte.

use super::{Spare, ordinal};
use crate::source::Ahead;

/// The references, while they are being noted.
pub(super) struct Crossing {
    /// By number: how many references to it `by_source` holds, at most [`MANY`].
    noted: Vec<u32>,
    /// Sources, with [`SOURCE`], each before the targets of its references.
    by_source: Vec<u32>,
    /// The last source in it.
    source: Option<u32>,
    many: Vec<Many>,
}

/// Marks a source. Numbers have 31 bits.
const SOURCE: u32 = 1 << 31;

/// References to one node that are noted by source. Further ones are kept apart: in tests also those of small graphs.
const MANY: u32 = if cfg!(test) { 2 } else { 256 };

/// Further sources of one node.
pub(super) struct Many {
    /// The node's number.
    pub(super) target: u32,
    /// The largest, which is the last. If there is none, the last one noted by source.
    pub(super) last: u32,
    /// To each from the one before it: a byte, or [`FAR`] behind four bytes.
    steps: Vec<u8>,
}

const FAR: u8 = u8::MAX;

impl Many {
    /// Notes a source that is larger than all before, or the last again.
    #[inline]
    fn push(&mut self, source: u32) {
        let step = source - self.last;
        self.last = source;
        match u8::try_from(step) {
            Ok(0) => {}
            Ok(step) if step < FAR => self.steps.push(step),
            _ => {
                self.steps.extend(step.to_le_bytes());
                self.steps.push(FAR);
            }
        }
    }

    /// All of them, the last first.
    pub(super) fn backwards(&self) -> impl Iterator<Item = u32> {
        let (mut steps, mut source) = (&self.steps[..], self.last);
        std::iter::from_fn(move || {
            let (&step, before) = steps.split_last()?;
            let found = source;
            (steps, source) = match before.split_last_chunk() {
                Some((before, &far)) if step == FAR => (before, source - u32::from_le_bytes(far)),
                _ => (before, source - u32::from(step)),
            };
            Some(found)
        })
    }
}

impl Crossing {
    /// Room for those of so many nodes and edges.
    pub(super) fn new(nodes: usize, edges: usize, spare: &mut Spare, ahead: &mut Ahead) -> Self {
        // What is not written to takes no memory.
        let by_source = Vec::with_capacity(edges);
        // All nodes but the root are reached over another edge. Of the rest most are kept apart.
        ahead.add(&by_source, edges.saturating_sub(nodes) / 4);
        Self { noted: spare.take_ahead(nodes, ahead), by_source, source: None, many: Vec::new() }
    }

    /// The walk gives out the next number.
    #[inline]
    pub(super) fn reach(&mut self) {
        self.noted.push(0);
    }

    /// Notes a reference. Its source must be the same as that of the last, or larger. Once its target has many, returns its place in
    /// what is kept apart: the next ones are for [`Self::note_apart`].
    #[inline]
    pub(super) fn note(&mut self, source: u32, target: u32) -> Option<u32> {
        let noted = &mut self.noted[target as usize];
        *noted += 1;
        let many = *noted == MANY;
        if self.source != Some(source) {
            self.source = Some(source);
            self.by_source.push(source | SOURCE);
        }
        self.by_source.push(target);
        many.then(|| self.apart(source, target))
    }

    #[cold]
    fn apart(&mut self, source: u32, target: u32) -> u32 {
        self.many.push(Many { target, last: source, steps: Vec::new() });
        ordinal(self.many.len() - 1)
    }

    /// Notes a reference to a number whose references are kept apart.
    #[inline]
    pub(super) fn note_apart(&mut self, source: u32, place: u32) {
        self.many[place as usize].push(source);
    }

    /// The number whose references are kept apart at a place.
    #[inline]
    pub(super) fn kept_apart(&self, place: u32) -> u32 {
        self.many[place as usize].target
    }

    /// The references by target.
    pub(super) fn by_target(self, spare: &mut Spare) -> Sources {
        let Self { noted, by_source, mut many, .. } = self;
        let mut end = noted;
        let mut sum = 0;
        for count in &mut end {
            // Edge numbers fit 32 bits.
            sum += std::mem::replace(count, sum);
        }
        let mut sources = spare.unset(sum as usize);
        let mut source = 0;
        for &entry in &by_source {
            if entry & SOURCE != 0 {
                source = entry & !SOURCE;
            } else {
                let place = &mut end[entry as usize];
                sources[*place as usize] = source;
                *place += 1;
            }
        }
        many.sort_unstable_by_key(|many| many.target);
        Sources { sources, end, many }
    }
}

/// The references by target.
pub(super) struct Sources {
    sources: Vec<u32>,
    /// By number: where those of it as a target end.
    end: Vec<u32>,
    /// Further ones, ascending by target.
    many: Vec<Many>,
}

impl Sources {
    /// The sources of a number other than 0, ascending, and further ones, which are larger. It must be smaller than all asked for before.
    #[inline]
    pub(super) fn of(&mut self, target: u32) -> (&[u32], Option<Many>) {
        let many = self.many.pop_if(|many| many.target == target);
        (&self.sources[self.end[target as usize - 1] as usize..self.end[target as usize] as usize], many)
    }

    /// Gives the memory to others.
    pub(super) fn give(self, spare: &mut Spare) {
        spare.put(self.sources);
        spare.put(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_come_back_by_target() {
        // To 1 all larger numbers lead, to 2 every third, twice, to 3 the last ones and a far one.
        let count = 70_000;
        let refers = |source: u32, target: u32| match target {
            1 => source > 1,
            2 => source > 2 && source.is_multiple_of(3),
            _ => source > 3 && (source == 600 || source > count - 400),
        };
        let (mut spare, mut ahead) = (Spare::default(), Ahead::default());
        let mut crossing = Crossing::new(count as usize, 3 * count as usize, &mut spare, &mut ahead);
        let mut apart = [None; 4];
        for source in 0..count {
            crossing.reach();
            for target in [1, 2, 2, 3].into_iter().filter(|&target| refers(source, target)) {
                match &mut apart[target as usize] {
                    Some(place) => crossing.note_apart(source, *place),
                    none => *none = crossing.note(source, target),
                }
            }
        }
        let mut sources = crossing.by_target(&mut spare);
        for target in (1..count).rev() {
            let (few, many) = sources.of(target);
            let mut found: Vec<u32> = many.iter().flat_map(Many::backwards).chain(few.iter().rev().copied()).collect();
            found.dedup();
            let expected: Vec<u32> = (0..count).rev().filter(|&source| target <= 3 && refers(source, target)).collect();
            assert_eq!(found, expected, "{target}");
            assert_eq!(many.is_some(), target <= 3);
            assert!(many.is_none_or(|many| many.last == expected[0]));
        }
    }
}
