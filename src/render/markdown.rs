//! GitHub-flavoured Markdown for a comment on a pull request: findings first, then the table.

use std::borrow::Cow;
use std::io::{self, Write};

use super::grid::{Column, grid, keeps_growing};
use super::rows::Role;
use super::{Renderer, Style, comment, findings, number, sentences};
use crate::report::{Command, Finding, Report};
use crate::text;

/// `--format markdown`.
pub(super) struct Markdown;

/// Columns a name takes at most: comments are limited in size.
const NAME_MAX: usize = 120;
/// Findings told at most.
const FINDINGS_MAX: usize = 20;

impl Renderer for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn render(&self, report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let style = &Style { width: NAME_MAX, color: false, ..*style };
        if report.command == Command::Check {
            return comment::write(report, style, out);
        }
        writeln!(out, "### heapdiff: {}\n", title(report))?;
        if let Some(alive) = &report.alive {
            let mut screen = Vec::new();
            super::paths::write(alive, style, &mut screen)?;
            // Indented text is code, whatever is in it.
            for line in String::from_utf8_lossy(&screen).lines() {
                writeln!(out, "{}", format!("    {line}").trim_end())?;
            }
        } else if report.command == Command::Verify {
            write_inputs(report, style, out)?;
        } else {
            for line in sentences::header(report, style) {
                let parts: Vec<&str> = line.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
                writeln!(out, "{}  ", code(&parts.join(", ")))?;
            }
            writeln!(out)?;
            for finding in report.findings.iter().take(FINDINGS_MAX) {
                write_finding(report, finding, style, out)?;
            }
            if report.findings.len() > FINDINGS_MAX {
                writeln!(out, "and {} more findings\n", text::count(number(report.findings.len() - FINDINGS_MAX)))?;
            }
            write_table(report, style, out)?;
        }
        for (i, place) in sentences::places(report, style).iter().enumerate() {
            if i == 0 {
                writeln!(out, "\nWhere most of the growth was allocated:\n")?;
            }
            writeln!(
                out,
                "- {} {}: {}",
                code(&place.name),
                escape(&place.share),
                cut_code(&findings::stack_words(place.frames, style, usize::MAX), style)
            )?;
        }
        for (i, warning) in super::warnings(report).into_iter().enumerate() {
            if i == 0 {
                writeln!(out)?;
            }
            writeln!(out, "- warning: {}", cut_code(&warning.message, style))?;
        }
        let notes = sentences::notes(report, style);
        for note in notes {
            writeln!(out, "\n{}", escape(&note))?;
        }
        Ok(())
    }
}

fn title(report: &Report) -> String {
    match report.command {
        Command::Top => "largest types".to_owned(),
        Command::Diff => "change between two snapshots".to_owned(),
        Command::Paths => "why objects are alive".to_owned(),
        Command::Verify => "inputs".to_owned(),
        Command::Trend | Command::Check => {
            let growing = report.findings.iter().filter(|finding| keeps_growing(finding.verdict)).count();
            let snapshots = text::count(number(report.inputs.len()));
            match growing {
                0 => format!("no type keeps growing in {snapshots} snapshots"),
                1 => format!("1 finding in {snapshots} snapshots"),
                _ => format!("{} findings in {snapshots} snapshots", text::count(number(growing))),
            }
        }
    }
}

pub(super) fn write_finding(report: &Report, finding: &Finding, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let name = cut_code(&findings::name(finding, style), style);
    let facts = escape(&findings::facts(finding).join(", ")).into_owned();
    writeln!(out, "**{}. {}** {name} {facts}", finding.rank, findings::loud(finding.verdict))?;
    write!(out, "- {}", findings::own_bytes(report, finding, style))?;
    if let Some(attributed) = findings::attributed_bytes(finding, style) {
        write!(out, ", and {attributed} of {}", codes(&findings::attributed_names(finding, style)))?;
    }
    if finding.members.len() > 1 {
        write!(out, "\n- each unit: {}", codes(&findings::units(finding, style)))?;
    }
    if let Some(at) = &finding.allocated_at {
        let stack = cut_code(&findings::stack_words(&at.frames, style, usize::MAX), style);
        write!(out, "\n- allocated by {stack} ({})", escape(&findings::allocated_words(finding, at, true, style)))?;
    }
    writeln!(out, "\n")
}

fn write_table(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let grid = grid(report, style);
    let titles =
        grid.columns.iter().map(|column| column.title).chain([grid.title.as_str()]).map(|title| escape(title).into_owned());
    write_row(titles, out)?;
    let rule = |column: &Column| if column.right { "--:" } else { "---" };
    write_row(grid.columns.iter().map(rule).chain(["---"]).map(String::from), out)?;
    for line in &grid.lines {
        let indent = "&emsp;".repeat(line.depth.min(8));
        let name = match line.role {
            Role::Group | Role::Parent => cut_code(&line.name, style),
            Role::Rest | Role::Total => escape(&line.name).into_owned(),
        };
        let figures = line.cells.iter().map(|cell| {
            let words: Vec<&str> = cell.split_whitespace().collect();
            escape(&words.join(" ")).into_owned()
        });
        write_row(figures.chain([format!("{indent}{name}{}", escape(line.note))]), out)?;
    }
    Ok(())
}

fn write_inputs(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    write_row(["STATUS", "FORMAT", "NODES", "EDGES", "SIZE", "FILE"].map(String::from).into_iter(), out)?;
    write_row(["---", "---", "--:", "--:", "--:", "---"].map(String::from).into_iter(), out)?;
    for input in &report.inputs {
        let cells = [
            if input.complete { "ok" } else { "**incomplete**" }.to_owned(),
            escape(input.format).into_owned(),
            text::count(input.nodes),
            input.edges.map_or_else(String::new, text::count),
            input.self_size.map_or_else(String::new, |size| style.size(size)),
            cut_code(&input.path, style),
        ];
        write_row(cells.into_iter(), out)?;
    }
    Ok(())
}

pub(super) fn write_row(cells: impl Iterator<Item = String>, out: &mut dyn Write) -> io::Result<()> {
    for cell in cells {
        write!(out, "| {cell} ")?;
    }
    writeln!(out, "|")
}

fn codes(names: &[String]) -> String {
    let (named, rest) = names.split_at(names.len().min(findings::MEMBERS_MAX));
    let named: Vec<String> = named.iter().map(|name| code(name)).collect();
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", text::count(number(rest.len()))) };
    format!("{}{more}", named.join(", "))
}

/// Text of any origin, made safe and cut, as code.
pub(super) fn cut_code(raw: &str, style: &Style) -> String {
    code(&style.fit(&style.safe(raw), NAME_MAX))
}

/// Safe text as code. Written as an element, not with backticks: those know no escapes, and an unescaped `|` would end the cell.
/// Inside of code, GitHub makes nothing of `@name`, `#12` or `:smile:`.
fn code(safe: &str) -> String {
    format!("<code>{}</code>", escape(safe))
}

/// Text that Markdown shows as it is, in a table's cell too.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    const MARKUP: [char; 12] = ['|', '`', '<', '>', '&', '*', '_', '[', ']', '\\', '~', '\n'];
    let link = text.contains("://") || text.contains("www.");
    if !link && !text.contains(MARKUP) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' => escaped.push(' '),
            // An address would become a link.
            ':' if link => escaped.push_str("&#58;"),
            '.' if link => escaped.push_str("&#46;"),
            _ => {
                if MARKUP.contains(&c) {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
        }
    }
    Cow::Owned(escaped)
}
