use proptest::prelude::*;

use super::*;

const LAYOUT: Layout =
    Layout { fields: 7, kind: 0, name: 1, id: 2, self_size: 3, detachedness: 6, trace: None, edge_count: None };

/// Places among seventeen records, which are more than are ever decoded at once. Miri takes a minute for all.
const PLACES: &[usize] = if cfg!(miri) { &[0, 7, 16] } else { &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] };

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
        8 => prop::collection::vec(prop::sample::select(b"azAZ ,:[]".as_slice()), 0..41)
            .prop_map(|bytes| format!("\"{}\",", String::from_utf8_lossy(&bytes))),
        4 => Just("\"a\\\\\",\n".to_owned()),
        4 => (0_usize..8, 1_usize..4, 0_usize..2)
            .prop_map(|(escapes, quotes, commas)| "\\".repeat(escapes) + &"\"".repeat(quotes) + &",".repeat(commas)),
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
        rows in prop::collection::vec((0_u32..300, prop_oneof![0_u32..99, any::<u32>()], prop_oneof![any::<u64>(), 0_u64..5_000_000_000], prop_oneof![0_u64..200, any::<u64>(), 0_u64..1_000_000_000], prop_oneof![9 => 0_u8..5, 1 => any::<u8>()], prop_oneof![8 => 0_u32..5_000, 1 => any::<u32>()], prop_oneof![8 => 0_u32..5_000, 1 => any::<u32>()]), 0..40),
        traced: bool,
        counted: bool,
        separator in prop_oneof![Just(","), Just("\n,"), Just(" ,\t")],
    ) {
        let mut text = " ".repeat(MARGIN);
        for (i, (kind, name, id, size, detached, trace, edges)) in rows.iter().enumerate() {
            if i > 0 { text.push_str(separator); }
            text.push_str(&format!("{kind},{name},{id},{size},{edges},{trace},{detached}"));
        }
        text.push(']');
        let (ends, _, _) = naive::ends(&text.as_bytes()[MARGIN..]);
        let ends: Vec<u32> = ends.iter().map(|e| e + u32::try_from(MARGIN).unwrap()).collect();
        let expected = Records {
            kind: rows.iter().map(|row| row.0).collect(),
            name: rows.iter().map(|row| row.1).collect(),
            id: rows.iter().map(|row| row.2).collect(),
            self_size: rows.iter().map(|row| row.3).collect(),
            detachedness: rows.iter().map(|row| row.4.min(3)).collect(),
            trace: rows.iter().filter(|_| traced).map(|row| row.5).collect(),
            edge_count: rows.iter().filter(|_| counted).map(|row| row.6).collect(),
            overflow: false,
        };
        let layout = Layout { trace: traced.then_some(5), edge_count: counted.then_some(4), ..LAYOUT };
        for (name, kernel) in Kernel::all() {
            let mut records = Records::default();
            kernel.decode(text.as_bytes(), &ends, &layout, &mut records);
            prop_assert_eq!(&records, &expected, "{}", name);
        }
    }
}

proptest! {
    #[test]
    fn edges_decode_as_written(
        rows in prop::collection::vec((
            prop_oneof![9 => 0_u8..7, 1 => any::<u8>()],
            prop_oneof![9 => 0_u32..5_000_000, 1 => any::<u32>()],
            prop_oneof![9 => 0_u32..50_000_000, 1 => any::<u32>()],
        ), 0..40),
        node_fields in 1_u32..16,
        other_order: bool,
        separator in prop_oneof![Just(","), Just("\n,"), Just(" ,\t")],
    ) {
        let mut text = " ".repeat(MARGIN);
        for (i, (kind, name, to)) in rows.iter().enumerate() {
            if i > 0 { text.push_str(separator); }
            let to = u64::from(*to) * u64::from(node_fields);
            text.push_str(&if other_order { format!("{to},9,{name}{separator}{kind}") } else { format!("{kind}{separator}{name},{to}") });
        }
        text.push(']');
        let (ends, _, _) = naive::ends(&text.as_bytes()[MARGIN..]);
        let ends: Vec<u32> = ends.iter().map(|e| e + u32::try_from(MARGIN).unwrap()).collect();
        let ordinal = Divisor::new(node_fields);
        let layout = EdgeLayout { fields: 4, kind: 3, name_or_index: 2, to_node: 0, ordinal };
        let layout = if other_order { layout } else { EdgeLayout { fields: 3, kind: 0, name_or_index: 1, to_node: 2, ordinal } };
        let expected = Edges {
            kind: rows.iter().map(|row| row.0).collect(),
            name_or_index: rows.iter().map(|row| row.1).collect(),
            to_node: rows.iter().map(|row| row.2).collect(),
            overflow: false,
        };
        for (name, kernel) in Kernel::all() {
            let mut edges = Edges::default();
            kernel.edges(text.as_bytes(), &ends, &layout, &mut edges);
            prop_assert_eq!(&edges, &expected, "{}", name);
        }
    }
}

#[test]
fn edges_that_do_not_fit_are_reported() {
    let layout = EdgeLayout { fields: 3, kind: 0, name_or_index: 1, to_node: 2, ordinal: Divisor::new(7) };
    for (edge, overflow) in [
        ("1,2,18446744073709551616", true),
        ("1,2,18446744073709551615", true),
        ("1,2,30064771072", true),
        ("1,2,30064771066", true),
        ("1,2,30064771065", false),
        ("1,2,99999998", false),
        ("1,2,100000005", false),
        ("1,2,100000001", true),
        ("1,2,8", true),
        ("1,2,0", false),
        ("1,4294967296,7", true),
        ("256,2,7", true),
        ("255,4294967295,7", false),
    ] {
        for place in PLACES {
            let mut edges = ["1,2,7"; 17];
            edges[*place] = edge;
            let text = format!("{}{}]", " ".repeat(MARGIN), edges.join(","));
            let (ends, _, _) = naive::ends(&text.as_bytes()[MARGIN..]);
            let ends: Vec<u32> = ends.iter().map(|e| e + 16).collect();
            let mut expected = Edges::default();
            naive::edges(text.as_bytes(), &ends, &layout, &mut expected);
            assert_eq!(expected.overflow, overflow, "{edge}");
            for (name, kernel) in Kernel::all() {
                let mut edges = Edges { kind: vec![9; 9], name_or_index: vec![9; 9], to_node: vec![9; 9], overflow: true };
                kernel.edges(text.as_bytes(), &ends, &layout, &mut edges);
                assert_eq!(edges.overflow, overflow, "{name} {edge} {place}");
                assert!(overflow || edges == expected, "{name} {edge} {place}");
            }
        }
    }
}

#[test]
fn quotients_are_exact_for_multiples_and_for_nothing_else() {
    for divisor in 1..=16 {
        let divide = Divisor::new(divisor);
        let ends =
            [0, 1 << 32, u64::from(divisor) << 32, u64::MAX - 50].map(|end: u64| end.saturating_sub(50)..=end.saturating_add(50));
        for number in ends.into_iter().flatten() {
            let expected = u32::try_from(number / u64::from(divisor)).ok().filter(|_| number % u64::from(divisor) == 0);
            assert_eq!(divide.exact(number), expected, "{number} / {divisor}");
        }
    }
}

#[test]
fn numbers_that_do_not_fit_are_reported() {
    for (record, overflow) in [
        ("1,2,18446744073709551616,4,5,6,0", true),
        ("4294967296,2,3,4,5,6,0", true),
        ("1,4294967296,3,4,5,6,0", true),
        ("1,2,3,18446744073709551616,5,6,0", true),
        ("1,2,3,4,4294967296,6,0", true),
        ("1,2,3,4,5,4294967296,0", true),
        ("1,2,3,4,5,6,18446744073709551616", true),
        ("1,2,99999999,99999999,5,6,0", false),
        ("12,2,100000000,9999999,5,6,2", false),
        ("1,2,1234567890123456,4,5,6,1", false),
        ("4294967295,4294967295,18446744073709551615,18446744073709551615,4294967295,4294967295,18446744073709551615", false),
    ] {
        let layout = Layout { trace: Some(5), edge_count: Some(4), ..LAYOUT };
        for place in PLACES {
            let mut rows = ["1,2,3,4,5,6,0"; 17];
            rows[*place] = record;
            let text = format!("{}{}]", " ".repeat(MARGIN), rows.join(","));
            let (ends, _, _) = naive::ends(&text.as_bytes()[MARGIN..]);
            let ends: Vec<u32> = ends.iter().map(|e| e + 16).collect();
            let mut expected = Records::default();
            naive::decode(text.as_bytes(), &ends, &layout, &mut expected);
            assert_eq!(expected.overflow, overflow, "{record}");
            for (name, kernel) in Kernel::all() {
                let mut records = Records::default();
                kernel.decode(text.as_bytes(), &ends, &layout, &mut records);
                assert_eq!(records.overflow, overflow, "{name} {record} {place}");
                assert!(overflow || records == expected, "{name} {record} {place}");
            }
        }
    }
}

/// The fields of a line of a Python object dump, as meliae writes them: kind, name, len, value.
type Texts = (String, Option<String>, Option<u64>, Option<String>);

fn dump_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        0_u64..2_000,
        90_000_000_000_000_u64..150_000_000_000_000,
        any::<u32>().prop_map(u64::from),
        0..10_u64.pow(19)
    ]
}

fn dump_texts() -> impl Strategy<Value = Texts> {
    let text = || "[ -!#-\\[\\]-~]{0,40}".prop_map(String::from);
    let value = prop_oneof![
        text().prop_map(|text| format!("\"{text}\"")),
        (text(), text()).prop_map(|(a, b)| format!("\"{a}\\u00e9\\\"\\\\\\/\\ud83d{b}\"")),
        dump_number().prop_map(|number| number.to_string()),
        dump_number().prop_map(|number| format!("-{number}")),
    ];
    ("[ -!#-\\[\\]-~]{0,40}", prop::option::of(text()), prop::option::of(dump_number()), prop::option::of(value))
}

fn dump_line(address: u64, size: u64, (kind, name, len, value): &Texts, refs: &[u64], end: &str) -> String {
    let mut line = format!("{{\"address\": {address}, \"type\": \"{kind}\", \"size\": {size}");
    line.extend(name.iter().map(|name| format!(", \"name\": \"{name}\"")));
    line.extend(len.iter().map(|len| format!(", \"len\": {len}")));
    line.extend(value.iter().map(|value| format!(", \"value\": {value}")));
    let refs: Vec<String> = refs.iter().map(u64::to_string).collect();
    line + &format!(", \"refs\": [{}]}}{end}", refs.join(", "))
}

/// Text behind a line, enough for whole words.
const BEHIND: &str = "{\"address\": 1, \"type\": \"\"";

proptest! {
    #[test]
    fn lines_of_dumps_are_read_by_all_kernels(
        before in 0_usize..70, address in dump_number(), size in dump_number(), texts in dump_texts(),
        refs in prop::collection::vec(dump_number(), 0..12), end in prop::sample::select(vec!["\n", ",\n", "\r\n", ",\r\n"]),
    ) {
        let line = dump_line(address, size, &texts, &refs, end);
        let text = format!("{}{line}{BEHIND}", " ".repeat(before));
        let plain = |text: &String| text.starts_with('"') && !text.contains('\\');
        let value = texts.3.as_ref().filter(|text| plain(text)).map(|text| &text.as_bytes()[1..text.len() - 1]);
        let expected = Line {
            address, size, value, kind: texts.0.as_bytes(), name: texts.1.as_ref().map(String::as_bytes), len: texts.2,
            end: before + line.len(),
        };
        for (name, kernel) in Kernel::all() {
            let mut found = vec![7];
            prop_assert_eq!(kernel.line(text.as_bytes(), before, &mut found), Some(expected), "{}", name);
            prop_assert_eq!(&found[1..], &refs[..], "{}", name);
        }
    }

    #[test]
    fn what_kernels_read_as_a_line_is_json(
        address in dump_number(), size in dump_number(), texts in dump_texts(), refs in prop::collection::vec(dump_number(), 0..4),
        at in any::<prop::sample::Index>(), cut in 0_usize..3, put in prop::sample::select(vec!["", "0", "7", "\"", "\\", " ", ",", "-", "]", "\u{1}", "é", "\n"]),
    ) {
        let mut line = dump_line(address, size, &texts, &refs, "\n").replace("\\ud83d", "");
        let at = at.index(line.len());
        line.replace_range(at..line.len().min(at + cut), put);
        let text = line.clone() + BEHIND;
        let mut results = Vec::new();
        for (name, kernel) in Kernel::all() {
            let mut found = Vec::new();
            let read = kernel.line(text.as_bytes(), 0, &mut found);
            if let Some(read) = read {
                let value: serde_json::Value = serde_json::from_str(text[..read.end].trim_ascii_end().trim_end_matches(',')).unwrap();
                prop_assert_eq!(value["address"].as_u64(), Some(read.address), "{}", name);
                prop_assert_eq!(value["size"].as_u64(), Some(read.size), "{}", name);
                prop_assert_eq!(value["type"].as_str().map(str::as_bytes), Some(read.kind), "{}", name);
                prop_assert_eq!(value["len"].as_u64(), read.len, "{}", name);
                let refs: Vec<u64> = serde_json::from_value(value["refs"].clone()).unwrap();
                prop_assert_eq!(&refs, &found, "{}", name);
            }
            results.push((read, read.map(|_| found)));
        }
        prop_assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", results);
    }

    #[test]
    fn lines_near_the_end_of_the_text_are_left_out_or_read(address in dump_number(), texts in dump_texts(), cut in any::<prop::sample::Index>()) {
        let line = dump_line(address, 8, &texts, &[address, 1], "\n") + BEHIND;
        let text = &line.as_bytes()[..cut.index(line.len())];
        for (name, kernel) in Kernel::all() {
            let whole = kernel.line(line.as_bytes(), 0, &mut Vec::new());
            let part = kernel.line(text, 0, &mut Vec::new());
            prop_assert!(part.is_none() || part == whole, "{}", name);
        }
    }
}
