//! One record a line. The summary comes last: a stream without it is incomplete.

use std::io::{self, Write};

use serde::Serialize;

use super::{Renderer, Style, json};
use crate::report::{Command, Grouping, Report, Shown, Statistics, Tool, Totals, Verdict};

/// `--format ndjson`.
pub(super) struct NdJson;

/// A line: what it is, then its fields.
#[derive(Serialize)]
struct Record<'a, T> {
    record: &'static str,
    #[serde(flatten)]
    value: &'a T,
}

/// What the report says as a whole.
#[derive(Serialize)]
struct Summary<'a> {
    schema: &'static str,
    schema_version: u32,
    tool: &'a Tool,
    command: Command,
    grouping: &'a Grouping,
    totals: &'a Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<&'a Statistics>,
    shown: &'a Shown,
    verdict: &'a Option<Verdict>,
}

impl Renderer for NdJson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        write_all("input", &report.inputs, out)?;
        write_all("parent", &report.parents, out)?;
        write_all("group", &report.groups, out)?;
        write_all("finding", &report.findings, out)?;
        write_all("warning", &report.warnings, out)?;
        write_all("holder", report.alive.as_ref().map_or(&[][..], |alive| &alive.holders), out)?;
        let summary = Summary {
            schema: report.schema,
            schema_version: report.schema_version,
            tool: &report.tool,
            command: report.command,
            grouping: &report.grouping,
            totals: &report.totals,
            statistics: report.statistics.as_ref(),
            shown: &report.shown,
            verdict: &report.verdict,
        };
        json::write_line(&Record { record: "summary", value: &summary }, out)
    }
}

fn write_all<T: Serialize>(record: &'static str, values: &[T], out: &mut dyn Write) -> io::Result<()> {
    values.iter().try_for_each(|value| json::write_line(&Record { record, value }, out))
}
