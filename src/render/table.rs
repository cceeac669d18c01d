//! The screens: what a person reads in a terminal.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, TableStyle};

use super::findings;
use super::grid::{Column, Grid, Line, grid};
use super::rows::Role;
use super::{Renderer, Style, sentences, verdict};
use crate::report::{Command, Input, Report, TrendVerdict};
use crate::text;

/// `--format table`.
pub(super) struct Table;

/// Columns a long name gets before figures are left out for it.
const NAME_WANTED: usize = 18;
/// Columns a name gets in any case.
const NAME_MIN: usize = 8;

impl Renderer for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn render(&self, report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        if report.command == Command::Verify {
            return write_inputs(report, style, out);
        }
        if let Some(alive) = &report.alive {
            return super::paths::write(alive, style, out);
        }
        if report.command == Command::Check {
            return verdict::write_screen(report, style, out);
        }
        for line in sentences::header(report, style) {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
        for paragraph in findings::paragraphs(report, style) {
            for line in paragraph {
                writeln!(out, "{}", paint(line.text.trim_end(), line.mark, line.verdict, style))?;
            }
            writeln!(out)?;
        }
        write_grid(&grid(report, style), style, out)?;
        for (i, place) in sentences::places(report, style).iter().enumerate() {
            if i == 0 {
                writeln!(out, "\nWhere most of the growth was allocated:")?;
            }
            let start = format!("  {}  {}  ", place.name, place.share);
            let stack = findings::stack_words(place.frames, style, style.width.saturating_sub(text::width(&start)));
            writeln!(out, "{}", style.fit(&format!("{start}{stack}"), style.width).trim_end())?;
        }
        for line in report.strings.iter().flat_map(|strings| super::strings::lines(strings, style)) {
            writeln!(out, "{}", line.trim_end())?;
        }
        let notes = sentences::notes(report, style);
        if !notes.is_empty() {
            writeln!(out)?;
        }
        for note in notes {
            writeln!(out, "{}", text::wrap(note.split(' '), style.width, 2).join("\n"))?;
        }
        Ok(())
    }
}

/// How a table fits into the width: which columns are shown, blanks between them, columns the names get.
struct Layout {
    shown: Vec<bool>,
    gap: usize,
    name: usize,
}

impl Layout {
    fn new(grid: &Grid, width: usize) -> Self {
        let widths: Vec<usize> = (0..grid.columns.len())
            .map(|i| {
                let cells = grid.lines.iter().map(|line| text::width(&line.cells[i]));
                cells.chain([text::width(grid.columns[i].title)]).max().unwrap_or(0)
            })
            .collect();
        let names = grid.lines.iter().map(|line| 2 * line.depth + text::width(&line.name) + line.note.len());
        let longest = names.chain([text::width(&grid.title)]).max().unwrap_or(0);
        let wanted = longest.clamp(NAME_MIN, NAME_WANTED);
        let mut layout = Self { shown: vec![true; widths.len()], gap: 2, name: 0 };
        loop {
            let shown = || widths.iter().zip(&layout.shown).filter(|&(_, &shown)| shown);
            let figures: usize = shown().map(|(width, _)| width + layout.gap).sum();
            let room = width.saturating_sub(figures);
            let ranks = grid.columns.iter().map(|column| column.dispensable);
            let least = ranks.clone().zip(&layout.shown).filter_map(|(rank, shown)| rank.filter(|_| *shown)).max();
            if room < wanted && layout.gap > 1 {
                layout.gap = 1;
            } else if let Some(least) = least.filter(|_| room < wanted) {
                layout.shown.iter_mut().zip(ranks).for_each(|(shown, rank)| *shown &= rank != Some(least));
            } else {
                layout.name = room.max(NAME_MIN);
                return layout;
            }
        }
    }

    fn visible<'a, T>(&'a self, cells: &'a [T]) -> impl Iterator<Item = &'a T> {
        cells.iter().zip(&self.shown).filter(|&(_, &shown)| shown).map(|(cell, _)| cell)
    }
}

fn write_grid(grid: &Grid, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let layout = Layout::new(grid, style.width);
    let columns: Vec<Column> = layout.visible(&grid.columns).copied().collect();
    let mut table = plain_table();
    table.set_header(columns.iter().map(|column| column.title).map(str::to_owned).chain([style.fit(&grid.title, layout.name)]));
    for line in &grid.lines {
        let cells = layout.visible(&line.cells).cloned().chain([name_cell(line, layout.name, style)]);
        table.add_row(cells);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, u16::try_from(layout.gap).unwrap_or(2)));
        if columns.get(i).is_some_and(|column| column.right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines = table.lines();
    if let Some(header) = lines.next() {
        writeln!(out, "{}", sgr(header.trim_end(), "1", style))?;
    }
    for (text, line) in lines.zip(&grid.lines) {
        let text = text.trim_end();
        match line.role {
            Role::Rest => writeln!(out, "{}", sgr(text, "2", style))?,
            Role::Total => writeln!(out, "{}", sgr(text, "1", style))?,
            Role::Group | Role::Parent => writeln!(out, "{}", paint(text, line.cells[0].len(), line.verdict, style))?,
        }
    }
    Ok(())
}

/// A table that only aligns: its cells are cut to their widths before, and nothing is drawn around them.
fn plain_table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn name_cell(line: &Line, columns: usize, style: &Style) -> String {
    let indent = (2 * line.depth).min(columns / 2);
    let room = columns.saturating_sub(indent + line.note.len());
    format!("{:indent$}{}{}", "", style.fit(&line.name, room), line.note)
}

/// `verify`: a line for every input, and below it what is wrong with it.
fn write_inputs(report: &Report, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut table = plain_table();
    for input in &report.inputs {
        table.add_row(input_cells(input, style));
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (2..5).contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let figures: usize = table.column_iter().map(|column| usize::from(column.padding_width())).sum();
    let figures = figures + table.column_max_content_widths().iter().map(|&width| usize::from(width)).sum::<usize>();
    let room = style.width.saturating_sub(figures).max(NAME_MIN);
    for (line, input) in table.lines().zip(&report.inputs) {
        let line = format!("{line}{}", style.fit(&style.safe(&input.path), room));
        let bad = (!input.complete).then_some(TrendVerdict::Leak);
        writeln!(out, "{}", paint(line.trim_end(), status(input).len(), bad, style))?;
        let own = input.warnings.iter().map(|warning| &warning.message);
        let about = report.warnings.iter().filter(|warning| warning.input == Some(input.index)).map(|warning| &warning.message);
        for message in own.chain(about.filter(|about| input.warnings.iter().all(|own| own.message != **about))) {
            for line in text::wrap(style.safe(message).split(' '), style.width.saturating_sub(4), 0) {
                let line = format!("    {}", style.fit(&line, style.width.saturating_sub(4)));
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    Ok(())
}

fn status(input: &Input) -> &'static str {
    match (input.complete, input.warnings.is_empty()) {
        (false, _) => "INCOMPLETE",
        (true, false) => "warning",
        (true, true) => "ok",
    }
}

fn input_cells(input: &Input, style: &Style) -> Vec<String> {
    vec![
        status(input).to_owned(),
        input.format.to_owned(),
        format!("{} nodes", text::count(input.nodes)),
        input.edges.map_or_else(String::new, |edges| format!("{} edges", text::count(edges))),
        style.total_words(input.self_size),
    ]
}

/// Colours the first `mark` bytes of a line, its verdict; they say the same without colour.
fn paint(line: &str, mark: usize, verdict: Option<TrendVerdict>, style: &Style) -> String {
    let code = match verdict {
        Some(TrendVerdict::Leak) => "1;31",
        Some(TrendVerdict::Suspect) => "33",
        Some(_) | None => return line.to_owned(),
    };
    painted(line, mark, code, style)
}

/// Colours the first `mark` bytes of a line.
pub(super) fn painted(line: &str, mark: usize, code: &str, style: &Style) -> String {
    format!("{}{}", sgr(&line[..mark], code, style), &line[mark..])
}

fn sgr(text: &str, code: &str, style: &Style) -> String {
    if style.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
