//! Every kernel finds in any text what the others find, however the text is cut.
#![no_main]

use heapdiff::scan::{Divisor, EdgeLayout, Edges, Kernel, Layout, MARGIN, NumberState, Records, StringState};
use libfuzzer_sys::fuzz_target;

const LAYOUT: Layout =
    Layout { fields: 7, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 6, trace: Some(5), edge_count: Some(4) };

fuzz_target!(|data: &[u8]| {
    let Some((&cut, text)) = data.split_first() else { return };
    let cut = usize::from(cut).min(text.len());
    let found: Vec<_> = Kernel::all()
        .into_iter()
        .map(|(_, kernel)| (numbers(kernel, text, cut), strings(kernel, text, cut), lines(kernel, text)))
        .collect();
    for other in &found[1..] {
        assert_eq!(*other, found[0]);
    }
});

fn numbers(kernel: Kernel, text: &[u8], cut: usize) -> impl PartialEq + std::fmt::Debug + use<> {
    let counts = [false, true].map(|before| format!("{:?}", kernel.count(text, before)));
    let (mut state, mut ends) = (NumberState::START, Vec::new());
    let mut stop = kernel.ends(text, 0, cut, &mut state, &mut ends);
    if stop.is_none() {
        stop = kernel.ends(text, cut, text.len(), &mut state, &mut ends);
    }
    ends.retain(|&end| end as usize >= MARGIN + 8);
    ends.truncate(ends.len() / LAYOUT.fields * LAYOUT.fields);
    let mut records = Records::default();
    kernel.decode(text, &ends, &LAYOUT, &mut records);
    let layout = EdgeLayout { fields: 3, kind: 0, name_or_index: 1, to_node: 2, ordinal: Divisor::new(1) };
    let mut edges = Edges::default();
    kernel.edges(text, &ends[..ends.len() / layout.fields * layout.fields], &layout, &mut edges);
    // Columns say nothing of what does not fit.
    let records = (records.overflow, Some(records).filter(|records| !records.overflow));
    let edges = (edges.overflow, Some(edges).filter(|edges| !edges.overflow));
    (counts, ends, stop.map(|stop| stop.at), state.number_before(), records, edges)
}

fn strings(kernel: Kernel, text: &[u8], cut: usize) -> impl PartialEq + std::fmt::Debug + use<> {
    let cut = cut / 64 * 64;
    let (mut state, mut masks) = (StringState::START, Vec::new());
    let mut stop = kernel.strings(&text[..cut], &mut state, &mut masks).map(|stop| stop.at);
    if stop.is_none() {
        stop = kernel.strings(&text[cut..], &mut state, &mut masks).map(|stop| stop.at + cut);
    }
    let masks: Vec<_> = masks.iter().map(|mask| (mask.open, mask.close)).collect();
    (masks, stop)
}

fn lines(kernel: Kernel, text: &[u8]) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut refs = Vec::new();
    let line = kernel.line(text, 0, &mut refs).map(|line| format!("{line:?}"));
    (line.is_some(), line, refs)
}
