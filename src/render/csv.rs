//! Comma-separated values for a spreadsheet: one row a group, one column a figure and input (RFC 4180, lines end in LF).
//!
//! The first column says what a row is. `group` and `rest` add up to `total`; `parent` rows are subtotals of a nested grouping, and
//! `part` and `part-rest` rows break down the row whose id they name in `part_of`. `verdict` and `reason` rows have a name and, in
//! the column of kinds, a code.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::rows::{self, others, sums};
use super::{Renderer, Style, json};
use crate::report::{Command, Group, Input, Report, Shown, Totals, Trend, Verdict};
use crate::text;

/// `--format csv`.
pub(super) struct Csv;

impl Renderer for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        if report.command == Command::Verify {
            return write_inputs(&report.inputs, out);
        }
        if let Some(alive) = &report.alive {
            return write_holders(alive, out);
        }
        let sheet = Sheet::new(report);
        write_record(&sheet.header(), out)?;
        for parent in &report.parents {
            sheet.write_group("parent", "", &parent.group, out)?;
        }
        for group in &report.groups {
            sheet.write_group("group", "", group, out)?;
        }
        sheet.write_rest("rest", "", &report.shown, out)?;
        write_record(&sheet.record("total", "", "TOTAL", &report.totals, None), out)?;
        report.verdict.as_ref().map_or(Ok(()), |verdict| sheet.write_verdict(verdict, out))
    }
}

/// `paths`: a row for every place.
fn write_holders(alive: &crate::report::Alive, out: &mut dyn Write) -> io::Result<()> {
    write_record(&["instances", "routes", "path"].map(Field::from), out)?;
    for holder in &alive.holders {
        let row = [Field::number(Some(holder.instances)), Field::number(Some(holder.routes)), Field::from(holder.text.as_str())];
        write_record(&row, out)?;
    }
    Ok(())
}

/// A cell: text is quoted and kept from being a formula, numbers stay numbers.
enum Field<'a> {
    Text(Cow<'a, str>),
    Number(String),
    Empty,
}

impl Field<'_> {
    fn number<T: ToString>(value: Option<T>) -> Self {
        value.map_or(Self::Empty, |value| Self::Number(value.to_string()))
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

/// Which columns there are.
struct Sheet {
    inputs: usize,
    /// Grouping levels; one alone needs no columns besides the name.
    levels: Vec<String>,
    retained: bool,
    allocated: bool,
    change: bool,
    trend: bool,
}

const CHANGE: [&str; 8] = [
    "count_delta",
    "size_delta",
    "added_count",
    "added_size",
    "removed_count",
    "removed_size",
    "survived_count",
    "survived_size_delta",
];
const TREND: [&str; 14] = [
    "verdict",
    "rank",
    "finding",
    "monotonic",
    "steps_up",
    "p",
    "slope",
    "growth",
    "tail",
    "weakest",
    "score",
    "explained_share",
    "inflates",
    "runtime",
];

impl Sheet {
    fn new(report: &Report) -> Self {
        let by = &report.grouping.by;
        Self {
            inputs: report.inputs.len(),
            levels: if by.len() > 1 { by.clone() } else { Vec::new() },
            retained: report.groups.iter().any(|group| group.retained_size.is_some()),
            allocated: report.groups.iter().any(|group| group.allocated.is_some()),
            change: report.command != Command::Top,
            trend: matches!(report.command, Command::Trend | Command::Check),
        }
    }

    fn header(&self) -> Vec<Field<'_>> {
        let mut header: Vec<Field<'_>> = ["record", "id", "part_of", "kind", "name"].map(Field::from).into();
        header.extend(self.levels.iter().map(|level| Field::Text(Cow::Owned(format!("by_{level}")))));
        let per_input = |figure: &str| (1..=self.inputs).map(move |i| Field::Text(Cow::Owned(format!("{figure}_{i}")))).collect();
        let mut add = |wanted: bool, columns: Vec<Field<'static>>| header.extend(columns.into_iter().filter(|_| wanted));
        add(true, per_input("count"));
        add(true, per_input("self_size"));
        add(self.retained, per_input("retained_size"));
        add(self.allocated, per_input("allocated_count"));
        add(self.allocated, per_input("allocated_size"));
        add(self.change, CHANGE.map(Field::from).into());
        add(self.trend, TREND.map(Field::from).into());
        header
    }

    /// A group, and below it what it breaks down into.
    fn write_group(&self, record: &'static str, part_of: &str, group: &Group, out: &mut dyn Write) -> io::Result<()> {
        write_record(&self.record(record, part_of, &rows::label(&group.kind, &group.name), &sums(group), Some(group)), out)?;
        let Some(breakdown) = &group.breakdown else {
            return Ok(());
        };
        for part in &breakdown.groups {
            self.write_group("part", &group.id, part, out)?;
        }
        self.write_rest("part-rest", &group.id, &breakdown.shown, out)
    }

    /// The verdict, and below it why: codes in the place of kinds, ids of what they are about.
    fn write_verdict(&self, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
        let nothing = Totals::default();
        write_record(&self.record("verdict", "", &json::word(&verdict.status), &nothing, None), out)?;
        for reason in &verdict.reasons {
            let mut record = self.record("reason", "verdict", &reason.message, &nothing, None);
            record[1] = Field::from(reason.group.as_deref().unwrap_or_default());
            record[3] = Field::from(reason.code.as_str());
            write_record(&record, out)?;
        }
        Ok(())
    }

    fn write_rest(&self, record: &'static str, part_of: &str, shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
        let Some(others) = others(shown) else { return Ok(()) };
        write_record(&self.record(record, part_of, &others, &shown.rest, None), out)
    }

    fn record<'a>(
        &self,
        record: &'static str,
        part_of: &'a str,
        name: &'a str,
        sums: &Totals,
        group: Option<&'a Group>,
    ) -> Vec<Field<'a>> {
        let (id, kind) = group.map_or(("", ""), |group| (&group.id, &group.kind));
        let mut fields: Vec<Field<'_>> = [record, id, part_of, kind, name].map(Field::from).into();
        let keys = group.map_or(&[][..], |group| &group.key);
        fields.extend((0..self.levels.len()).map(|i| keys.get(i).map_or(Field::Empty, |key| Field::from(key.as_str()))));
        fields.extend((0..self.inputs).map(|i| Field::number(sums.count.get(i))));
        fields.extend((0..self.inputs).map(|i| Field::number(sums.self_size.get(i).copied().flatten())));
        if self.retained {
            let sizes = group.and_then(|group| group.retained_size.as_deref()).unwrap_or_default();
            fields.extend((0..self.inputs).map(|i| Field::number(sizes.get(i))));
        }
        if self.allocated {
            let allocated = group.and_then(|group| group.allocated.as_ref());
            for sums in [allocated.map(|allocated| &allocated.count), allocated.map(|allocated| &allocated.size)] {
                fields.extend((0..self.inputs).map(|i| Field::number(sums.and_then(|sums| sums.get(i).copied().flatten()))));
            }
        }
        if self.change {
            let change = &sums.change;
            fields.extend([
                Field::number(change.count_delta),
                Field::number(change.size_delta),
                Field::number(change.added.map(|added| added.count)),
                Field::number(change.added.map(|added| added.size)),
                Field::number(change.removed.map(|removed| removed.count)),
                Field::number(change.removed.map(|removed| removed.size)),
                Field::number(change.survived.map(|survived| survived.count)),
                Field::number(change.survived.map(|survived| survived.size_delta)),
            ]);
        }
        if self.trend {
            match group.and_then(|group| group.trend.as_ref()) {
                Some(trend) => fields.extend(trend_fields(trend)),
                None => fields.extend(TREND.map(|_| Field::Empty)),
            }
        }
        fields
    }
}

fn trend_fields(trend: &Trend) -> [Field<'static>; TREND.len()] {
    [
        word(&trend.verdict),
        Field::number(Some(trend.rank)),
        Field::number(trend.finding),
        word(&trend.monotonic),
        Field::number(Some(trend.steps_up)),
        Field::number(Some(trend.p)),
        Field::number(Some(trend.slope)),
        Field::number(Some(trend.growth)),
        Field::number(Some(trend.tail)),
        Field::number(Some(trend.weakest)),
        Field::number(Some(trend.score)),
        Field::number(trend.explained_share),
        word(&trend.inflates),
        word(&trend.runtime),
    ]
}

/// The word JSON has for a value.
fn word<T: Serialize>(value: &T) -> Field<'static> {
    Field::Text(Cow::Owned(json::word(value)))
}

fn write_inputs(inputs: &[Input], out: &mut dyn Write) -> io::Result<()> {
    let header = ["record", "index", "path", "format", "complete", "file_bytes", "nodes", "edges", "self_size", "warnings"];
    write_record(&header.map(Field::from), out)?;
    for input in inputs {
        let warnings: Vec<&str> = input.warnings.iter().map(|warning| warning.message.as_str()).collect();
        let record = [
            Field::from("input"),
            Field::number(Some(input.index)),
            Field::from(input.path.as_str()),
            Field::from(input.format),
            word(&input.complete),
            Field::number(Some(input.file_bytes)),
            Field::number(Some(input.nodes)),
            Field::number(input.edges),
            Field::number(input.self_size),
            Field::Text(Cow::Owned(warnings.join("; "))),
        ];
        write_record(&record, out)?;
    }
    Ok(())
}

fn write_record(fields: &[Field<'_>], out: &mut dyn Write) -> io::Result<()> {
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        match field {
            Field::Text(text) => write_text(text, out)?,
            Field::Number(digits) => out.write_all(digits.as_bytes())?,
            Field::Empty => {}
        }
    }
    out.write_all(b"\n")
}

/// Spreadsheets take text that begins like a formula for one, full-width signs included: an apostrophe in front makes it text.
fn write_text(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let safe = text::safe_name(text);
    if !formula && !safe.contains([',', '"', ';', '\'']) {
        return out.write_all(safe.as_bytes());
    }
    let apostrophe = if formula { "'" } else { "" };
    write!(out, "\"{apostrophe}{}\"", safe.replace('"', "\"\""))
}
