//! Strings of equal text, as lines below a table.

use super::{Style, number};
use crate::report::{EqualStrings, Strings};
use crate::text;

/// What was found, and the texts that waste most. Texts that are not to be shown are told by their hashes.
pub(super) fn lines(strings: &Strings, style: &Style) -> Vec<String> {
    let headline = format!(
        "Strings: {} of {} are copies of others and take {} of {}.",
        text::count(strings.copies),
        text::count(strings.count),
        style.size_words(strings.wasted),
        style.size_words(strings.self_size)
    );
    let mut lines = vec![String::new()];
    lines.extend(text::wrap(headline.split(' '), style.width, 2));
    if strings.equal.is_empty() {
        return lines;
    }
    let titles = ["WASTED", "COUNT", "LENGTH"].map(str::to_owned);
    let at_least = if style.ascii { ">=" } else { "≥" };
    let length = |equal: &EqualStrings| format!("{}{}", if equal.cut { at_least } else { "" }, text::count(equal.length));
    let cells = |equal: &EqualStrings| [style.size(equal.wasted), text::count(equal.count), length(equal)];
    let rows: Vec<[String; 3]> = strings.equal.iter().map(cells).collect();
    let width = |at: usize| rows.iter().chain([&titles]).map(|row| text::width(&row[at])).max().unwrap_or(0);
    let widths = [0, 1, 2].map(width);
    let line = |row: &[String; 3], name: &str| {
        let figures: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        let figures = figures.join("  ");
        let room = style.width.saturating_sub(text::width(&figures) + 2);
        format!("{figures}  {}", style.fit(name, room))
    };
    lines.push(String::new());
    lines.push(line(&titles, "TEXT"));
    for (equal, row) in strings.equal.iter().zip(&rows) {
        let name = equal.text.as_ref().map_or_else(|| format!("(hash {})", equal.hash), |text| style.safe(text));
        lines.push(line(row, &name));
    }
    let left = strings.equal_of - strings.equal.len();
    if left > 0 {
        lines.push(format!("[{} other texts]", text::count(number(left))));
    }
    if strings.equal.iter().any(|equal| equal.cut) {
        let cut = format!("{at_least}: of equal size and as far as the snapshot has them; they may differ beyond.");
        lines.extend(text::wrap(cut.split(' '), style.width, 2));
    }
    lines
}
