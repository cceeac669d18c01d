//! What the arguments mean. No clap past here.

use std::io::IsTerminal;

use regex::Regex;

use super::args::{Color, HeapArgs, OutputArgs, ReadArgs, ReportArgs, SCRIPT_ALIAS};
use super::{Failure, exit};
use crate::analysis::{Options, Sizes, Sort};
use crate::graph::devtools::strings::StringsWant;
use crate::grouping::Level;
use crate::heap::{HeapWant, RowsWant};
use crate::input::Want;
use crate::render::{Renderer, Style, by_name};
use crate::report;
use crate::source_maps::SourceMaps;
use crate::stacks::DropFrames;

/// Rows shown at each level.
pub const LIMIT: usize = 20;

/// Columns where standard output is no terminal.
const WIDTH: usize = 80;

/// Where reports go and how they look.
pub struct Output {
    /// Format on standard output.
    pub renderer: &'static dyn Renderer,
    /// Formats and paths of files.
    pub files: Vec<(&'static dyn Renderer, String)>,
    /// One of the formats shows stacks.
    pub stacks: bool,
    /// How reports for people look.
    pub style: Style,
    /// Nothing on standard error but errors.
    pub quiet: bool,
    /// Number of threads, if it was given.
    pub threads: Option<usize>,
}

/// What rows a report is to show.
///
/// # Errors
/// A usage error.
pub fn options(command: report::Command, args: &ReportArgs, heap: HeapArgs) -> Result<Options, Failure> {
    let mut by = Vec::new();
    for name in &args.by {
        let name = if name == SCRIPT_ALIAS { Level::Script.label() } else { name };
        by.extend(Level::ALL.iter().filter(|(_, label)| *label == name).map(|&(level, _)| level));
    }
    let sort = args.sort.as_ref().and_then(|name| Sort::ALL.iter().find(|(_, label)| label == name)).map(|&(sort, _)| sort);
    if sort == Some(Sort::Retained) && !heap.retained {
        return Err(Failure::new(exit::USAGE, "--sort retained: goes with --retained"));
    }
    if args.allocated_between.is_some() && (heap.retained || args.sizes != Sizes::Recorded.label() || reads_references(&by)) {
        let message = "--allocated-between: does not go with --retained, --sizes owned, --by devtools and --by owner";
        return Err(Failure::new(exit::USAGE, message));
    }
    if by.contains(&Level::Owner) && (by.contains(&Level::DevTools) || args.read.collapse) {
        return Err(Failure::new(exit::USAGE, "--by owner: does not go with --by devtools and --collapse"));
    }
    Ok(Options {
        command,
        by,
        limit: args.limit.unwrap_or(LIMIT),
        sort,
        focus: pattern("focus", &args.focus)?,
        ignore: pattern("ignore", &args.ignore)?,
        kinds: args.kind.clone(),
        sizes: Sizes::ALL.iter().find(|(_, label)| *label == args.sizes).map(|&(sizes, _)| sizes).unwrap_or_default(),
        retained: heap.retained,
        allocated_between: args.allocated_between,
    })
}

/// Whether levels of grouping depend on references.
fn reads_references(by: &[Level]) -> bool {
    by.contains(&Level::DevTools) || by.contains(&Level::Owner)
}

/// What rows a report of stacks is to show.
#[must_use]
pub fn stack_options(options: &Options, args: &ReportArgs) -> Options {
    let mut options = Options { limit: args.limit.unwrap_or(0), retained: false, ..options.clone() };
    if options.by.is_empty() {
        options.by.push(Level::Stack);
    }
    options
}

pub(super) fn pattern(flag: &str, pattern: &Option<String>) -> Result<Option<Regex>, Failure> {
    let compile = |pattern: &String| Regex::new(pattern).map_err(|error| Failure::new(exit::USAGE, format!("--{flag}: {error}")));
    pattern.as_ref().map(compile).transpose()
}

/// What becomes of the frames of stacks.
pub struct Frames {
    dropped: Option<DropFrames>,
    source_maps: Option<SourceMaps>,
}

/// What `--drop-frames` and `--source-maps` say.
///
/// # Errors
/// A usage error, or a source map that cannot be read.
pub fn frames(args: &ReadArgs) -> Result<Frames, Failure> {
    let dropped = match args.drop_frames.as_ref().map(|number| number.parse()) {
        Some(Ok(count)) => Some(DropFrames::Count(count)),
        _ => pattern("drop-frames", &args.drop_frames)?.map(DropFrames::Matching),
    };
    Ok(Frames { dropped, source_maps: args.source_maps.as_deref().map(SourceMaps::load).transpose()? })
}

/// What reports of these rows want of every input.
#[must_use]
pub fn want<'a>(rows: &[&'a Options], args: &ReadArgs, frames: &'a Frames) -> Want<'a> {
    let by = |wanted: fn(&Level) -> bool| rows.iter().any(|rows| rows.by.iter().any(wanted));
    // What grows is shown with where it was allocated.
    let grows =
        rows.iter().any(|rows| matches!(rows.command, report::Command::Diff | report::Command::Trend | report::Command::Check));
    // A change is told by what became of each type.
    let by_stacks_alone = |rows: &&Options| {
        rows.command == report::Command::Top && !rows.by.is_empty() && rows.by.iter().all(|level| level.is_of_stack())
    };
    // Frames may become another site's when they are replaced or taken off.
    let as_recorded = frames.dropped.is_none() && frames.source_maps.is_none();
    let mut parts = rows.iter().flat_map(|rows| &rows.by).filter_map(|level| level.of_stacks());
    let part = parts.next().filter(|part| parts.all(|other| other == *part));
    Want {
        types: rows.is_empty() || !rows.iter().all(by_stacks_alone),
        stacks: grows || by(|level| level.is_of_stack()),
        of_stacks: part.filter(|_| !grows && as_recorded).unwrap_or_default(),
        names: by(|level| *level == Level::Name),
        collapse: args.collapse,
        allow_truncated: args.allow_truncated,
        allocated_between: rows.iter().find_map(|rows| rows.allocated_between),
        drop_frames: frames.dropped.as_ref(),
        source_maps: frames.source_maps.as_ref(),
        heap: rows.iter().find_map(|rows| heap(rows)),
        input_max: args.input.max_input,
        ..Want::GROUPS
    }
}

/// The same, and what is wanted of strings.
#[must_use]
pub fn with_strings(want: Want<'_>, strings: Option<StringsWant>) -> Want<'_> {
    let heap = || HeapWant { strings, statistics: true, ..want.heap.unwrap_or_default() };
    Want { heap: if strings.is_some() { Some(heap()) } else { want.heap }, ..want }
}

/// The same, within the memory that is allowed.
#[must_use]
pub fn limited<'a>(want: Want<'a>, args: &ReportArgs) -> Want<'a> {
    Want { heap: want.heap.map(|heap| HeapWant { memory_max: args.max_memory, ..heap }), ..want }
}

/// What reading a graph may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the (unpacked) input.
    pub input: Option<u64>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

/// What is wanted of references; None if rows can do without.
fn heap(rows: &Options) -> Option<HeapWant<'_>> {
    let breakdown = rows.command == report::Command::Trend;
    let retained = rows.retained.then_some(RowsWant { by: &rows.by, breakdown, kinds: &rows.kinds });
    let (owned, classes) = (rows.sizes == Sizes::Owned, rows.by.contains(&Level::DevTools));
    let owners = rows.by.contains(&Level::Owner);
    let statistics = rows.command == report::Command::Top;
    let needed = retained.is_some() || owned || classes || owners;
    needed.then_some(HeapWant { retained, owned, classes, owners, statistics, ..HeapWant::default() })
}

/// Where the reports of a command go and how they look.
///
/// # Errors
/// A usage error.
pub fn output(command: report::Command, args: &OutputArgs) -> Result<Output, Failure> {
    let renderer = |name: &str| {
        let renderer = by_name(name).ok_or_else(|| {
            let names: Vec<&str> = crate::render::RENDERERS.iter().map(|renderer| renderer.name()).collect();
            Failure::new(exit::USAGE, format!("-o: unknown format {name:?} (one of {})", names.join(", ")))
        })?;
        if renderer.shows_verdicts_only() && command != report::Command::Check {
            return Err(Failure::new(exit::USAGE, format!("{name} shows a verdict: use heapdiff check")));
        }
        if renderer.wants_stacks() && matches!(command, report::Command::Verify | report::Command::Check | report::Command::Paths)
        {
            return Err(Failure::new(exit::USAGE, format!("{name} shows stacks: use heapdiff top, diff or trend")));
        }
        Ok(renderer)
    };
    let mut files = Vec::new();
    for file in &args.output {
        let (format, path) = file
            .split_once('=')
            .filter(|(_, path)| !path.is_empty())
            .ok_or_else(|| Failure::new(exit::USAGE, format!("-o {file}: expected FORMAT=PATH, such as json=report.json")))?;
        if path == "-" {
            return Err(Failure::new(exit::USAGE, format!("-o {file}: what goes to standard output is said by --format")));
        }
        files.push((renderer(format)?, path.to_owned()));
    }
    threads(args.threads)?;
    let renderer = renderer(&args.format)?;
    let stacks = files.iter().map(|(renderer, _)| *renderer).chain([renderer]).any(|renderer| renderer.wants_stacks());
    Ok(Output {
        renderer,
        files,
        stacks,
        style: Style { width: width(), color: color(args.color), ascii: args.ascii, bytes: args.bytes },
        quiet: args.quiet,
        threads: args.threads,
    })
}

/// Checks a number of threads.
///
/// # Errors
/// A usage error.
pub fn threads(threads: Option<usize>) -> Result<(), Failure> {
    if threads == Some(0) { Err(Failure::new(exit::USAGE, "--threads: at least 1")) } else { Ok(()) }
}

fn width() -> usize {
    let columns = || terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    // Some pseudo-terminals have no columns at all.
    if std::io::stdout().is_terminal() { columns().filter(|&columns| columns > 0).unwrap_or(WIDTH) } else { WIDTH }
}

fn color(when: Color) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|v| v == value);
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") => true,
        Color::Auto => std::io::stdout().is_terminal() && !is("TERM", "dumb"),
    }
}
