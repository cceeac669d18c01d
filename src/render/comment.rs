//! The verdict of `check` as Markdown, for a comment or a job's page: what changed and nothing else; one line if nothing did.

use std::io::{self, Write};

use super::grid::{Line, grid};
use super::markdown::{cut_code, escape, write_finding, write_row};
use super::rows::Role;
use super::verdict::{is_failure, loud};
use super::{Style, number, sentences};
use crate::report::{Report, TrendVerdict};
use crate::text;

/// Bytes of a comment; GitHub refuses more than 65,536 characters.
pub(super) const BYTES_MAX: usize = 60_000;
/// Bytes that stay free for what is said last.
const RESERVE: usize = 1_000;
/// Columns of a message.
const MESSAGE_MAX: usize = 300;
/// Reasons, findings and rows that are told.
const TOLD_MAX: [usize; 3] = [20, 20, 50];

/// What is written, as long as there is room.
struct Comment {
    content: Vec<u8>,
}

impl Comment {
    /// Adds blocks while there is room, and then how many are left out.
    fn add(&mut self, blocks: Vec<Vec<u8>>, told_max: usize, what: &str) -> io::Result<()> {
        let of = blocks.len();
        let mut told = 0;
        for block in blocks.into_iter().take(told_max) {
            if self.content.len() + block.len() + RESERVE > BYTES_MAX {
                break;
            }
            self.content.extend(block);
            told += 1;
        }
        if told < of {
            writeln!(self.content, "\nand {} more {what}\n", text::count(number(of - told)))?;
        }
        Ok(())
    }
}

/// Writes the comment.
pub(super) fn write(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Some(verdict) = &report.verdict else { return Ok(()) };
    let status = loud(verdict.status).to_lowercase();
    let inputs = escape(&sentences::inputs(report, style)).into_owned();
    let grid = grid(report, style);
    let changed: Vec<&Line> = grid.lines.iter().filter(|line| line.role == Role::Group && has_changed(line.verdict)).collect();
    let warnings = super::warnings(report);
    if verdict.reasons.is_empty() && report.findings.is_empty() && changed.is_empty() && warnings.is_empty() {
        return writeln!(out, "**heapdiff: {status}**, nothing keeps growing ({inputs})");
    }
    let mut comment = Comment { content: Vec::new() };
    writeln!(comment.content, "### heapdiff: {status}\n\n{inputs}\n")?;
    let block = |write: &dyn Fn(&mut dyn Write) -> io::Result<()>| -> io::Result<Vec<u8>> {
        let mut block = Vec::new();
        write(&mut block).map(|()| block)
    };
    let reasons = verdict.reasons.iter().map(|reason| {
        let mark = if is_failure(reason) { "**fail**" } else { "inconclusive" };
        let message = style.fit(&style.safe(&reason.message), MESSAGE_MAX);
        block(&|out| writeln!(out, "- {mark} {}", escape(&message)))
    });
    comment.add(reasons.collect::<io::Result<_>>()?, TOLD_MAX[0], "reasons")?;
    writeln!(comment.content)?;
    let findings = report.findings.iter().map(|finding| block(&|out| write_finding(report, finding, style, out)));
    comment.add(findings.collect::<io::Result<_>>()?, TOLD_MAX[1], "findings")?;
    if !changed.is_empty() {
        let titles = grid.columns.iter().map(|column| column.title).chain([grid.title.as_str()]);
        write_row(titles.map(|title| escape(title).into_owned()), &mut comment.content)?;
        let rule = grid.columns.iter().map(|column| if column.right { "--:" } else { "---" });
        write_row(rule.chain(["---"]).map(String::from), &mut comment.content)?;
        let rows = changed.iter().map(|line| {
            let name = format!("{}{}", cut_code(&line.name, style), escape(line.note));
            block(&|out| write_row(line.cells.iter().map(|cell| one_line(cell)).chain([name.clone()]), out))
        });
        comment.add(rows.collect::<io::Result<_>>()?, TOLD_MAX[2], "types")?;
    }
    if !warnings.is_empty() {
        writeln!(comment.content)?;
    }
    let warnings = warnings.into_iter().map(|warning| {
        let message = style.fit(&style.safe(&warning.message), MESSAGE_MAX);
        block(&|out| writeln!(out, "- warning: {}", escape(&message)))
    });
    comment.add(warnings.collect::<io::Result<_>>()?, TOLD_MAX[0], "warnings")?;
    out.write_all(&comment.content)
}

fn one_line(cell: &str) -> String {
    let words: Vec<&str> = cell.split_whitespace().collect();
    escape(&words.join(" ")).into_owned()
}

/// Whether a row did more than move up and down.
fn has_changed(verdict: Option<TrendVerdict>) -> bool {
    !matches!(verdict, None | Some(TrendVerdict::Noise | TrendVerdict::Stable))
}
