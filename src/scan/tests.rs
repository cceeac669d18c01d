use proptest::prelude::*;

use super::*;

const LAYOUT: Layout = Layout { fields: 7, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 6, trace: None };

/// Text that looks like an integer array, with mistakes.
fn number_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => (0_u64..20).prop_map(|n| n.to_string()),
        8 => any::<u32>().prop_map(|n| n.to_string()),
        3 => any::<u64>().prop_map(|n| n.to_string()),
        20 => Just(",".to_owned()),
        3 => Just("\n,".to_owned()),
        2 => prop_oneof![Just(" "), Just("\n"), Just("\r\n"), Just("\t")].prop_map(str::to_owned),
        1 => prop_oneof![Just("]"), Just("-"), Just("."), Just("00"), Just("0"), Just("\u{b}"), Just("é"), Just("x")].prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

/// Text that looks like a string array, with mistakes.
fn string_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-zA-Z ,:\\[\\]]{0,40}".prop_map(|s| format!("\"{s}\",")),
        4 => Just("\"a\\\\\",\n".to_owned()),
        4 => "\\\\{0,7}\"{1,3},?".prop_map(|s| s),
        2 => Just("\"".to_owned()),
        2 => Just("\\".to_owned()),
        1 => prop_oneof![Just(" "), Just("\n"), Just("\u{1}"), Just("é"), Just("]"), Just(",")].prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn positions(masks: &[StringMasks], of: impl Fn(&StringMasks) -> u64 + Copy) -> Vec<usize> {
    masks.iter().enumerate().flat_map(|(i, m)| (0..64).filter(move |&b| of(m) >> b & 1 == 1).map(move |b| i * 64 + b)).collect()
}

proptest! {
    #[test]
    fn counting_agrees_with_the_naive_reader(text in number_text(), digit_before: bool) {
        for (name, kernel) in Kernel::all() {
            prop_assert_eq!(kernel.count(text.as_bytes(), digit_before), naive::count(text.as_bytes(), digit_before), "{}", name);
        }
    }

    #[test]
    fn ends_agree_with_the_naive_reader_however_the_text_is_cut(text in number_text(), cut in 0_usize..300) {
        let text = text.as_bytes();
        let cut = cut.min(text.len());
        let (expected, stop, state) = naive::ends(text);
        for (name, kernel) in Kernel::all() {
            let (mut ends, mut after) = (Vec::new(), NumberState::START);
            let mut stopped = kernel.ends(text, 0, cut, &mut after, &mut ends);
            if stopped.is_none() {
                prop_assert_eq!(after, NumberState::behind(&text[..cut]), "{}", name);
                stopped = kernel.ends(text, cut, text.len(), &mut after, &mut ends);
            }
            prop_assert_eq!(&ends, &expected, "{}", name);
            prop_assert_eq!(stopped.map(|s| s.at), stop, "{}", name);
            prop_assert_eq!(after.number_before(), state.number_before(), "{}", name);
        }
    }

    #[test]
    fn strings_agree_with_the_naive_reader_however_the_text_is_cut(text in string_text(), blocks in 0_usize..20) {
        let text = text.as_bytes();
        let cut = (blocks * 64).min(text.len() / 64 * 64);
        let (open, close, stop) = naive::strings(text);
        for (name, kernel) in Kernel::all() {
            let (mut masks, mut state) = (Vec::new(), StringState::START);
            let mut stopped = kernel.strings(&text[..cut], &mut state, &mut masks).map(|s| s.at);
            if stopped.is_none() {
                stopped = kernel.strings(&text[cut..], &mut state, &mut masks).map(|s| s.at + cut);
            }
            prop_assert_eq!(positions(&masks, |m| m.open), open.clone(), "{}", name);
            prop_assert_eq!(positions(&masks, |m| m.close), close.clone(), "{}", name);
            prop_assert_eq!(stopped, stop, "{}", name);
        }
    }

    #[test]
    fn records_decode_as_written(
        rows in prop::collection::vec((0_u32..300, prop_oneof![0_u32..99, any::<u32>()], prop_oneof![any::<u64>(), 0_u64..5_000_000_000], prop_oneof![0_u64..200, any::<u64>(), 0_u64..1_000_000_000], 0_u64..4, prop_oneof![8 => 0_u32..5_000, 1 => any::<u32>()]), 0..40),
        traced: bool,
        separator in prop_oneof![Just(","), Just("\n,"), Just(" ,\t")],
    ) {
        let mut text = " ".repeat(MARGIN);
        for (i, (kind, name, id, size, detached, trace)) in rows.iter().enumerate() {
            if i > 0 { text.push_str(separator); }
            text.push_str(&format!("{kind},{name},{id},{size},77,{trace},{detached}"));
        }
        text.push(']');
        let (ends, _, _) = naive::ends(&text.as_bytes()[MARGIN..]);
        let ends: Vec<u32> = ends.iter().map(|e| e + u32::try_from(MARGIN).unwrap()).collect();
        let expected = Records {
            kind: rows.iter().map(|row| row.0).collect(),
            name: rows.iter().map(|row| row.1).collect(),
            id: rows.iter().map(|row| row.2).collect(),
            self_size: rows.iter().map(|row| row.3).collect(),
            detached: rows.iter().map(|row| row.4 == 2).collect(),
            trace: rows.iter().filter(|_| traced).map(|row| row.5).collect(),
            overflow: false,
        };
        for (name, kernel) in Kernel::all() {
            let mut records = Records::default();
            kernel.decode(text.as_bytes(), &ends, &Layout { trace: traced.then_some(5), ..LAYOUT }, &mut records);
            prop_assert_eq!(&records, &expected, "{}", name);
        }
    }
}

#[test]
fn numbers_that_do_not_fit_are_reported() {
    for (record, overflow) in
        [("1,2,18446744073709551616,4,5,6,0", true), ("1,2,3,4,5,4294967296,0", true), ("1,2,3,4,5,4294967295,0", false)]
    {
        let text = format!("{}1,2,3,4,5,6,0,{record}]", " ".repeat(MARGIN));
        let (ends, _, _) = naive::ends(&text.as_bytes()[MARGIN..]);
        let ends: Vec<u32> = ends.iter().map(|e| e + 16).collect();
        let layout = Layout { trace: Some(5), ..LAYOUT };
        let mut expected = Records::default();
        naive::decode(text.as_bytes(), &ends, &layout, &mut expected);
        assert_eq!(expected.overflow, overflow, "{record}");
        for (name, kernel) in Kernel::all() {
            let mut records = Records::default();
            kernel.decode(text.as_bytes(), &ends, &layout, &mut records);
            assert_eq!(records.overflow, overflow, "{name} {record}");
        }
    }
}
