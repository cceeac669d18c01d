//! Text for people: names made safe to print, sizes, counts, display widths, sparklines.
//!
//! All arithmetic is on integers, so the same report gives the same bytes on every machine.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether a character can change how the text around it is shown, or cannot be seen itself: control characters (C0, DEL, C1),
/// line and paragraph separators, and everything Unicode calls `Default_Ignorable_Code_Point` (bidirectional controls, zero
/// width characters, the byte order mark, variation selectors, tags) and the interlinear annotation controls beside them.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        u32::from(c),
        0x80..=0x9F
            | 0xAD
            | 0x34F
            | 0x61C
            | 0x115F..=0x1160
            | 0x17B4..=0x17B5
            | 0x180B..=0x180F
            | 0x200B..=0x200F
            | 0x2028..=0x202E
            | 0x2060..=0x206F
            | 0x3164
            | 0xFE00..=0xFE0F
            | 0xFEFF
            | 0xFFA0
            | 0xFFF0..=0xFFFB
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF
    )
}

/// The text with every [unsafe](is_unsafe) character written as `\u{1b}`, and with what build servers take for a command when they
/// find it in a log disarmed the same way: `##[error]`, `##vso[...]` anywhere, `::error::` at the beginning. Everything else,
/// backslashes among it, is unchanged; safe text stays as it is.
#[must_use]
pub fn safe_name(name: &str) -> Cow<'_, str> {
    escape(name, is_unsafe)
}

/// As [`safe_name`], and every character outside ASCII is written as `\u{4e2d}` too.
#[must_use]
pub fn ascii_name(name: &str) -> Cow<'_, str> {
    escape(name, |c| is_unsafe(c) || !c.is_ascii())
}

fn escape(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    let command_at = text.trim_start().starts_with("::").then(|| text.len() - text.trim_start().len());
    if command_at.is_none() && !text.contains("##") && !text.chars().any(&bad) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        if bad(c) || command_at == Some(at) || is_command(&text[at..]) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Whether text is the beginning of a command to a build server that counts anywhere in a line.
#[must_use]
pub fn is_command(text: &str) -> bool {
    text.starts_with("##")
}

/// Columns a terminal gives the text.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut in the middle, with `ellipsis` in place of what is left out, to take at most `columns` columns.
///
/// Characters without a width of their own (combining marks) count as one column when text is cut, so that the result is bounded
/// in bytes too.
#[must_use]
pub fn fit<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    let marks_allowed = columns.saturating_mul(2);
    if text.len() <= columns && text.is_ascii()
        || text.len() <= marks_allowed.saturating_mul(4) && fits(text, columns, marks_allowed)
    {
        return Cow::Borrowed(text);
    }
    let room = columns.saturating_sub(width(ellipsis));
    let head = cut(text.char_indices().map(|(at, c)| (at + c.len_utf8(), c)), room.div_ceil(2)).unwrap_or(0);
    let tail = cut(text.char_indices().rev(), room / 2).unwrap_or(text.len());
    let mut short = String::with_capacity(head + ellipsis.len() + (text.len() - tail));
    short.push_str(&text[..head]);
    short.push_str(if room == 0 { "" } else { ellipsis });
    short.push_str(&text[tail..]);
    Cow::Owned(short)
}

fn fits(text: &str, columns: usize, characters_max: usize) -> bool {
    width(text) <= columns && text.chars().count() <= characters_max
}

/// The byte position reached after taking characters worth `room` columns; none if not even one fits.
fn cut(characters: impl Iterator<Item = (usize, char)>, room: usize) -> Option<usize> {
    characters
        .scan(0, |used, (at, c)| {
            *used += c.width().unwrap_or(1).max(1);
            (*used <= room).then_some(at)
        })
        .last()
}

/// Words, or longer pieces that have to stay whole, put into lines of at most `columns` columns, all but the first line indented by
/// `indent`; a piece wider than that gets a line of its own.
#[must_use]
pub fn wrap<'a>(pieces: impl IntoIterator<Item = &'a str>, columns: usize, indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for piece in pieces {
        let wide = width(piece);
        match lines.last_mut() {
            Some(line) if used + 1 + wide <= columns => {
                line.push(' ');
                line.push_str(piece);
                used += 1 + wide;
            }
            _ => {
                let indent = if lines.is_empty() { 0 } else { indent };
                lines.push(format!("{:indent$}{}", "", safe_name(piece)));
                used = indent + wide;
            }
        }
    }
    lines
}

/// A number with thousands separators: `53,981`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A difference of counts with its sign: `+4,500`, `-12`, `0`.
#[must_use]
pub fn signed_count(delta: i64) -> String {
    format!("{}{}", sign(delta), count(delta.unsigned_abs()))
}

/// Bytes in binary units with one decimal: `195.3 KiB`; below 1 KiB `512 B`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut unit: u128 = 1;
    for name in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        unit *= 1024;
        let tenths = (u128::from(bytes) * 10 + unit / 2) / unit;
        if bytes >= 1024 && tenths < 10_240 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

/// A difference in bytes with its sign: `+195.3 KiB`.
#[must_use]
pub fn signed_size(delta: i64) -> String {
    format!("{}{}", sign(delta), size(delta.unsigned_abs()))
}

fn sign(delta: i64) -> &'static str {
    match delta {
        1.. => "+",
        0 => "",
        _ => "-",
    }
}

/// How much `after` is of `before`: `+60%`, below ten percent `-4.2%`, from ten times on `x10.0`; none where `before` is 0 and
/// `after` is not.
#[must_use]
pub fn change(before: u64, after: u64) -> Option<String> {
    if before == after {
        return Some("0%".to_owned());
    }
    if before == 0 {
        return None;
    }
    let (before, after) = (i128::from(before), i128::from(after));
    if after >= before * 10 {
        let tenths = rounded(after * 10, before);
        return Some(if tenths < 1_000 {
            format!("x{}.{}", tenths / 10, tenths % 10)
        } else {
            format!("x{}", u64::try_from(rounded(after, before)).map_or_else(|_| "?".to_owned(), count))
        });
    }
    let sign = if after > before { '+' } else { '-' };
    let tenths = rounded((after - before).abs() * 1_000, before);
    Some(if tenths < 100 {
        format!("{sign}{}.{}%", tenths / 10, tenths % 10)
    } else {
        format!("{sign}{}%", rounded((after - before).abs() * 100, before))
    })
}

/// The part `of` the whole in percent with one decimal: `12.5%`; none of an empty whole.
#[must_use]
pub fn share(part: u64, whole: u64) -> Option<String> {
    if whole == 0 {
        return None;
    }
    let tenths = rounded(i128::from(part) * 1_000, i128::from(whole));
    Some(format!("{}.{}%", tenths / 10, tenths % 10))
}

/// Quotient of a number ≥ 0 and one > 0, halves rounded up.
fn rounded(dividend: i128, divisor: i128) -> i128 {
    (dividend + divisor / 2) / divisor
}

/// A probability in a table's width: `.008`, `<.001`.
#[must_use]
pub fn probability(p: f64) -> String {
    if p < 0.001 {
        return "<.001".to_owned();
    }
    let text = format!("{p:.3}");
    text.strip_prefix('0').unwrap_or(&text).to_owned()
}

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const BARS_ASCII: [char; 8] = ['_', '.', '-', '=', '+', '*', '#', '@'];

/// A series as one character a value, the smallest lowest and the largest highest. A series longer than `columns` is sampled, with
/// its first and last value kept.
#[must_use]
pub fn sparkline(values: &[u64], columns: usize, ascii: bool) -> String {
    let bars = if ascii { BARS_ASCII } else { BARS };
    let (Some(&low), Some(&high)) = (values.iter().min(), values.iter().max()) else {
        return String::new();
    };
    let points = values.len().min(columns.max(2));
    let span = u128::from(high - low);
    let mut line = String::with_capacity(points * 3);
    for point in 0..points {
        let at = if points == values.len() { point } else { (point * (values.len() - 1) + (points - 1) / 2) / (points - 1) };
        let above = u128::from(values[at] - low);
        let level = (above * 7 + span / 2).checked_div(span).unwrap_or(0);
        line.push(usize::try_from(level).ok().and_then(|level| bars.get(level)).copied().unwrap_or(bars[7]));
    }
    line
}

/// Items for a sentence, with their commas: at most `items_max` of them and as many as take no more than `columns` with blanks
/// between, then `and 12 more`. At least one item is given, cut in the middle if it is too wide alone.
#[must_use]
pub fn list(items: &[String], items_max: usize, columns: usize, ellipsis: &str) -> Vec<String> {
    let more = |left: usize| format!("and {} more", count(left.try_into().unwrap_or(u64::MAX)));
    let mut pieces: Vec<String> = Vec::new();
    let mut used = 0;
    for (i, item) in items.iter().take(items_max).enumerate() {
        let left = items.len() - i - 1;
        let comma = usize::from(i > 0) * 2;
        let tail = if left == 0 { 0 } else { width(&more(left)) + 1 };
        let room = columns.saturating_sub(used + comma + tail);
        if i > 0 && width(item) > room {
            break;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(',');
        }
        let piece = fit(item, room, ellipsis).into_owned();
        used += comma + width(&piece);
        pieces.push(piece);
    }
    if pieces.len() < items.len() {
        pieces.push(more(items.len() - pieces.len()));
    }
    pieces
}

/// Longest name, in characters, that [`nearest`] looks at.
const NEAREST_MAX: usize = 100;

/// The name that a word was probably meant to be: of those that differ, case apart, in at most two characters and a third of the word,
/// the one that differs least; of several the first.
#[must_use]
pub fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word: Vec<char> = lower(word);
    let edits_max = (word.len() / 3).min(2);
    let with_edits = |name: &'n str| {
        let letters = lower(name);
        let near = word.len() <= NEAREST_MAX && letters.len().abs_diff(word.len()) <= edits_max;
        near.then(|| (strsim::generic_levenshtein(&word, &letters), name)).filter(|(edits, _)| *edits <= edits_max)
    };
    names.filter_map(with_edits).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// Some more characters than [`nearest`] looks at are enough to tell that there are too many.
fn lower(text: &str) -> Vec<char> {
    text.chars().flat_map(char::to_lowercase).take(2 * NEAREST_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_name_was_meant_to_be_it() {
        let nearest = |word| nearest(word, ["Map", "Widget", "WidgetList", "onTick()", "Wadget"].into_iter());
        for (word, name) in
            [("widget", "Widget"), ("Wigdet", "Widget"), ("Widgets", "Widget"), ("ontick()", "onTick()"), ("map", "Map")]
        {
            assert_eq!(nearest(word), Some(name), "{word}");
        }
        for word in ["Budgets", "Mo", "", "NoSuchClass"] {
            assert_eq!(nearest(word), None, "{word}");
        }
        assert_eq!(nearest(&"W".repeat(1_000_000)), None);
    }

    #[test]
    fn sizes_round_into_the_next_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (200_000, "195.3 KiB"),
            (640_000, "625.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_048_576, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(signed_size(-180_000), "-175.8 KiB");
        assert_eq!(signed_size(i64::MIN), "-8.0 EiB");
    }

    #[test]
    fn counts_have_thousands_separators() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(signed_count(4_500), "+4,500");
        assert_eq!(signed_count(0), "0");
        assert_eq!(signed_count(-118), "-118");
    }

    #[test]
    fn changes_are_percentages_then_factors() {
        for (before, after, text) in [
            (500, 5_000, "x10.0"),
            (1_000, 9_990, "+899%"),
            (100, 160, "+60%"),
            (1_000, 1_042, "+4.2%"),
            (100, 0, "-100%"),
            (1, 1_000_000, "x1,000,000"),
            (1_000_000, 1_000_001, "+0.0%"),
            (7, 7, "0%"),
            (u64::MAX, 0, "-100%"),
        ] {
            assert_eq!(change(before, after).as_deref(), Some(text), "{before} to {after}");
        }
        assert_eq!(change(0, 5), None);
        assert_eq!(share(1, 8).as_deref(), Some("12.5%"));
        assert_eq!(share(1, 0), None);
    }

    #[test]
    fn probabilities_fit_five_columns() {
        assert_eq!(probability(0.000_2), "<.001");
        assert_eq!(probability(0.008_33), ".008");
        assert_eq!(probability(1.0), "1.000");
    }

    #[test]
    fn unsafe_characters_are_written_out() {
        assert_eq!(safe_name("a\x1b]0;x\x07b\u{9b}31m"), "a\\u{1b}]0;x\\u{7}b\\u{9b}31m");
        assert_eq!(
            safe_name("\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}\u{7f}"),
            "\\u{202e}\\u{2066}\\u{200b}\\u{feff}\\u{2028}\\u{7f}"
        );
        assert_eq!(safe_name("new\nline\t"), "new\\u{a}line\\u{9}");
        assert!(matches!(safe_name("C:\\Node é 漢字 👍"), Cow::Borrowed(_)), "what can be seen stays as it is");
        assert_eq!(ascii_name("é"), "\\u{e9}");
        assert_eq!(safe_name("  ::error::x"), "  \\u{3a}:error::x");
        assert_eq!(safe_name("a ##vso[x]###[y]"), "a \\u{23}#vso[x]\\u{23}\\u{23}#[y]");
        assert_eq!(safe_name("v8::internal::Isolate #x"), "v8::internal::Isolate #x");
        for hostile in ["::a", "###", "\u{9b}##::", " ::"] {
            let safe = safe_name(hostile).into_owned();
            assert_eq!(safe_name(&safe), safe, "safe text stays as it is");
        }
    }

    #[test]
    fn fitting_never_exceeds_the_columns() {
        assert_eq!(fit("LeakyConnection", 9, "…"), "Leak…tion");
        assert_eq!(fit("LeakyConnection", 9, "..."), "Lea...ion");
        assert_eq!(fit("Map", 9, "…"), "Map");
        let zalgo = format!("e{}", "\u{301}".repeat(1 << 20));
        for text in ["", "x", "LeakyConnection", "漢字漢字漢字", "👨👩👧👦👨👩", "a漢b字c漢", &zalgo] {
            for columns in 0..20 {
                let short = fit(text, columns, "…");
                assert!(width(&short) <= columns, "{short} in {columns}");
                assert!(short.len() <= columns * 8 + 3);
            }
        }
    }

    #[test]
    fn sparklines_span_the_series() {
        assert_eq!(sparkline(&[0, 1, 2, 3, 4, 5, 6, 7], 20, false), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&[0, 1, 2, 3, 4, 5, 6, 7], 20, true), "_.-=+*#@");
        assert_eq!(sparkline(&[9, 9, 9], 20, false), "▁▁▁");
        assert_eq!(sparkline(&[0, u64::MAX], 20, false), "▁█");
        let long: Vec<u64> = (0..1_000).collect();
        let sampled = sparkline(&long, 20, false);
        assert_eq!(sampled.chars().count(), 20);
        assert!(sampled.starts_with('▁') && sampled.ends_with('█'));
    }

    #[test]
    fn lists_say_how_many_are_left_out() {
        let items: Vec<String> = ["one", "two", "three", "four"].map(String::from).to_vec();
        assert_eq!(list(&items, 6, 80, "…").join(" "), "one, two, three, four");
        assert_eq!(list(&items, 2, 80, "…").join(" "), "one, two and 2 more");
        assert_eq!(list(&items, 6, 19, "…").join(" "), "one, two and 2 more");
        assert_eq!(list(&items, 6, 18, "…").join(" "), "one and 3 more");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        assert_eq!(wrap("a bb ccc dddd".split(' '), 6, 0), ["a bb", "ccc", "dddd"]);
        assert_eq!(wrap("a bb c d e".split(' '), 4, 2), ["a bb", "  c", "  d", "  e"]);
        assert_eq!(wrap("sentence ::error::x".split(' '), 12, 0), ["sentence", "\\u{3a}:error::x"], "no line is a command");
    }
}
