//! Which strings are looked up once the nodes have been read.

use super::header::Header;
use super::tally::Tally;
use super::traces::Traces;
use crate::input::json;

/// The strings that name groups, and hashes of those that name sampled objects.
pub(super) struct Names {
    /// Name indexes, ascending, and whether they name groups.
    wanted: Vec<(u32, bool)>,
    /// Text (of groups) and hash of the wanted strings found so far, in the same order.
    found: Vec<(String, u64)>,
}

impl Names {
    pub(super) fn wanted(header: &Header, tallies: &[Tally<'_>], traces: &Traces) -> Self {
        let slots = tallies.iter().flat_map(|tally| &tally.slots[1..]);
        let of_groups = slots.filter(|slot| !header.kinds[slot.kind()].folded && slot.trace == 0).map(|slot| (slot.name, true));
        let of_groups = of_groups.chain(traces.names().map(|name| (name, true)));
        let sampled = tallies.iter().filter_map(|tally| tally.identity.as_ref()).flat_map(|identity| &identity.sample);
        let mut wanted: Vec<(u32, bool)> = of_groups.chain(sampled.map(|&(_, _, name)| (name, false))).collect();
        wanted.sort_unstable();
        wanted.dedup_by(|later, first| {
            first.1 |= later.0 == first.0 && later.1;
            later.0 == first.0
        });
        Self { found: Vec::with_capacity(wanted.len()), wanted }
    }

    pub(super) fn indexes(&self) -> Vec<u32> {
        self.wanted.iter().map(|&(name, _)| name).collect()
    }

    /// Takes in the raw text of the next wanted string.
    pub(super) fn add(&mut self, name: u32, raw: &[u8]) {
        let of_group = self.wanted.get(self.found.len()).is_some_and(|&(next, of_group)| next == name && of_group);
        let text = if of_group { json::unescape(raw) } else { String::new() };
        self.found.push((text, xxhash_rust::xxh3::xxh3_64(raw)));
    }

    pub(super) fn get(&self, name: u32) -> (&str, u64) {
        let place = self.wanted.binary_search_by_key(&name, |&(name, _)| name);
        place.ok().and_then(|place| self.found.get(place)).map_or(("", 0), |(text, hash)| (text, *hash))
    }
}
