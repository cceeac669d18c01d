//! Budgets and baselines: any text is taken or refused with a sentence.
#![no_main]

use heapdiff::gate::{baseline::Baseline, budget};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for refused in [budget::parse(text, "heapdiff.toml").err(), Baseline::parse(text).err()].into_iter().flatten() {
        assert!(!refused.is_empty());
    }
});
