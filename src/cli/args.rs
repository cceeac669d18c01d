//! What can be typed.

use std::num::NonZeroUsize;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::analysis::{Sizes, Sort};
use crate::gate::values::bytes;
use crate::gate::{Growth, Skip};
use crate::graph::devtools::strings::StringsWant;
use crate::grouping::Level;
use crate::input::TimeRange;
use crate::render::RENDERERS;

/// Finds the types that keep growing across large heap snapshots.
///
/// Given one snapshot, shows its groups by size; given two, what changed between them; given three or more (or a directory of
/// them), which types keep growing. Reads V8's .heapsnapshot and .heaptimeline files of any size, object dumps of Python (pyrasite,
/// meliae), tracemalloc, memray, Ruby's ObjectSpace.dump_all and jmap's histograms, plain, .gz or .zst, and summaries written by
/// `heapdiff summary`.
#[derive(Debug, Parser)]
#[command(name = "heapdiff", version, args_conflicts_with_subcommands = true, arg_required_else_help = true, max_term_width = 80)]
#[command(
    after_help = "Exit codes: 0 done, 1 check failed, 2 usage error, 3 an input is missing or broken, 4 check is inconclusive, 5 \
                        output failed or a limit is exceeded, 70 internal error."
)]
pub struct Cli {
    /// What to do; left out, the number of snapshots decides.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The bare form.
    #[command(flatten)]
    pub bare: Trend,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the groups of one snapshot by size
    Top(Top),
    /// Show what changed between two snapshots: added, removed, survivors, net
    Diff(Diff),
    /// Rank the groups that keep growing over three or more snapshots
    Trend(Trend),
    /// Fail a build whose heap leaks or passes its budget
    Check(Box<Check>),
    /// Show why the objects of a class are kept alive
    Paths(Paths),
    /// Check that files are whole and consistent
    Verify(Verify),
    /// Write a summary: kilobytes that stand for a snapshot in later comparisons
    Summary(Summary),
    /// Copy a snapshot without the contents of its strings
    Anonymize(Anonymize),
    /// Print the JSON Schema of the report
    Schema,
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// A snapshot; - for standard input
    pub file: String,
    /// Also show strings of equal text, and what the copies take
    #[arg(long)]
    pub strings: bool,
    /// Show their texts, which may be anybody's data, beside hashes and lengths
    #[arg(long, requires = "strings")]
    pub include_strings: bool,
    /// What references tell.
    #[command(flatten)]
    pub heap: HeapArgs,
    /// Options of every report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The earlier snapshot
    pub before: String,
    /// The later snapshot
    pub after: String,
    /// Tell which places hold what is more than before
    #[arg(long)]
    pub why: bool,
    /// What references tell.
    #[command(flatten)]
    pub heap: HeapArgs,
    /// Options of every report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `trend` and of the bare form.
#[derive(Debug, Args)]
pub struct Trend {
    /// Snapshots, or directories of them; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Order of the snapshots: `auto` goes by object ids within one process, else by a time in the names, else by name
    #[arg(long, value_enum, default_value_t = Order::Auto)]
    pub order: Order,
    /// Tell what keeps the growth alive: its causes
    #[arg(long)]
    pub why: bool,
    /// What references tell.
    #[command(flatten)]
    pub heap: HeapArgs,
    /// Options of every report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 passed, 1 failed, 4 inconclusive: too few snapshots, snapshots that cannot be compared, or \
                        nothing that was checked."
)]
pub struct Check {
    /// Snapshots, or directories of them; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Order of the snapshots, as for `trend`
    #[arg(long, value_enum, default_value_t = Order::Auto)]
    pub order: Order,
    /// Budget to use; unless given, heapdiff.toml here or in a folder above
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub budget: Option<String>,
    /// Look for no budget
    #[arg(long, conflicts_with = "budget", help_heading = "Rules")]
    pub no_config: bool,
    /// What growth fails: leak (unless given), suspect, step, total
    #[arg(long, value_name = "WHAT,...", value_delimiter = ',', help_heading = "Rules",
          value_parser = PossibleValuesParser::new(Growth::ALL.map(|(_, name)| name)))]
    pub fail_on: Vec<String>,
    /// Fail if the last snapshot has more objects of a type: 'Foo=0', 'glob:Detached *=10', 're:^Temp=5'
    #[arg(long, value_name = "NAME=N", help_heading = "Rules")]
    pub max: Vec<String>,
    /// Fail if the heap, or a type, grows by more than a size: '1 MiB', 'Foo=64 KiB'
    #[arg(long, value_name = "[NAME=]SIZE", help_heading = "Rules")]
    pub max_growth: Vec<String>,
    /// Snapshots it takes to judge growth; 7 unless given
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub min_snapshots: Option<NonZeroUsize>,
    /// Leave out so many snapshots at the beginning (warm-up), or `auto`
    #[arg(long, value_name = "N", help_heading = "Rules")]
    pub skip_first: Option<Skip>,
    /// The program repeats its work N times between two snapshots: growth by multiples of N is no accident
    #[arg(long, value_name = "N", help_heading = "Rules", value_parser = clap::value_parser!(u64).range(2..))]
    pub loops: Option<u64>,
    /// Compare with what was accepted before
    #[arg(long, value_name = "FILE", help_heading = "Baseline")]
    pub baseline: Option<String>,
    /// Write the present state to the baseline, unless the verdict is inconclusive
    #[arg(long, requires = "baseline", help_heading = "Baseline")]
    pub update_baseline: bool,
    /// What it means if there is no baseline yet
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Missing::Fail, help_heading = "Baseline")]
    pub baseline_missing: Missing,
    /// What to call the baseline that is written: a branch, a commit
    #[arg(long, value_name = "NAME", requires = "update_baseline", help_heading = "Baseline")]
    pub name: Option<String>,
    /// Version of the runtime the snapshots are from, such as `node --version` says
    #[arg(long, value_name = "VERSION", help_heading = "Baseline")]
    pub runtime_version: Option<String>,
    /// What it means if the verdict is inconclusive: `stop` exits with 4, `pass` with 0
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Inconclusive::Stop)]
    pub inconclusive: Inconclusive,
    /// Write where a build server looks: annotations to standard output, a summary to the job's page
    #[arg(long, value_enum, value_name = "SERVER", conflicts_with = "format")]
    pub ci: Option<Server>,
    /// Options of every report.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Arguments of `paths`.
#[derive(Debug, Args)]
#[command(after_help = "With several snapshots: the objects that the last one has and the first one lacks.")]
pub struct Paths {
    /// Snapshots, or directories of them, and behind them the class: Foo, 'onMessage()', '(string)'
    #[arg(required = true, value_names = ["FILE", "CLASS"])]
    pub what: Vec<String>,
    /// The object of an id, 75945 or @75945, instead of a class
    #[arg(long, value_name = "ID", value_parser = node_id)]
    pub node: Option<u64>,
    /// Places to show; 0 for all
    #[arg(short = 'n', long = "limit", value_name = "N", default_value_t = 10)]
    pub limit: usize,
    /// Steps of a path to show, the last ones; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub depth: usize,
    /// Follow no path through objects of classes that match a regular expression
    #[arg(long, value_name = "RE")]
    pub avoid: Option<String>,
    /// Order of the snapshots, as for `trend`
    #[arg(long, value_enum, default_value_t = Order::Auto)]
    pub order: Order,
    /// Refuse files whose references would take more memory, such as '4 GiB'
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_memory: Option<u64>,
    /// What inputs may be.
    #[command(flatten)]
    pub input: InputArgs,
    /// Where reports go.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Files, or directories of them; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// What inputs may be.
    #[command(flatten)]
    pub input: InputArgs,
    /// Where reports go.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `summary`.
#[derive(Debug, Args)]
pub struct Summary {
    /// A snapshot; - for standard input
    pub file: String,
    /// Write to a file instead of standard output
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<String>,
    /// How the snapshot is read.
    #[command(flatten)]
    pub read: ReadArgs,
    /// No progress and no warnings on standard error
    #[arg(short, long)]
    pub quiet: bool,
    /// Number of threads; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// Arguments of `anonymize`.
#[derive(Debug, Args)]
pub struct Anonymize {
    /// A V8 snapshot
    pub file: String,
    /// The copy; - for standard output
    pub copy: String,
    /// Also hash the names that the program gave its classes, functions, scripts and properties, with a key: the same key gives
    /// the same names in every snapshot
    #[arg(long, value_name = "KEY")]
    pub hash_names: Option<String>,
    /// What inputs may be.
    #[command(flatten)]
    pub input: InputArgs,
    /// No progress on standard error
    #[arg(short, long)]
    pub quiet: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Options of every command that shows groups.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Levels of grouping, outermost first
    ///
    /// Unless given: class, or site where the input knows no types
    #[arg(long, value_name = "LEVEL,...", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(Level::ALL.map(|(_, name)| level(name))))]
    pub by: Vec<String>,
    /// Rows to show at each level; 0 for all
    ///
    /// Unless given: 20; all for folded stacks
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
    /// Order of the rows, largest first
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(Sort::ALL.map(|(_, name)| name)))]
    pub sort: Option<String>,
    /// Show only rows whose name matches a regular expression
    #[arg(long, value_name = "RE")]
    pub focus: Option<String>,
    /// Hide rows whose name matches a regular expression
    #[arg(long, value_name = "RE")]
    pub ignore: Option<String>,
    /// Show only objects of these node types (object, closure, array, ...)
    #[arg(long, value_name = "KIND,...", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Recordings: only objects allocated between two moments, such as 10s..20s, 500ms.. or ..2m
    #[arg(long, value_name = "FROM..TO", value_parser = time_range)]
    pub allocated_between: Option<TimeRange>,
    /// Which sizes to count: `self` as recorded; `owned` as Chrome DevTools shows them, backing stores with their owners
    #[arg(long, value_name = "WHICH", default_value = Sizes::Recorded.label(), value_parser = PossibleValuesParser::new(Sizes::ALL.map(|(_, name)| name)))]
    pub sizes: String,
    /// Refuse files whose references would take more memory, such as '4 GiB'
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_memory: Option<u64>,
    /// How inputs are read.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Where reports go.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of commands that show what references tell.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct HeapArgs {
    /// Show what would go away with each row's objects (retained size); reads references, which takes more time and memory
    #[arg(long)]
    pub retained: bool,
    /// What `top` is to tell of strings.
    #[arg(skip)]
    pub strings: Option<StringsWant>,
}

/// Options of every command that reads objects.
#[derive(Debug, Args)]
pub struct ReadArgs {
    /// Take the N innermost frames off allocation stacks, or those that match a regular expression
    #[arg(long, value_name = "N|RE")]
    pub drop_frames: Option<String>,
    /// JavaScript: a source map, a script that holds its own, or a folder of these, to tell functions of bundled and minified scripts by
    #[arg(long, value_name = "DIR|FILE")]
    pub source_maps: Option<String>,
    /// Python: count an instance and its __dict__ as one
    #[arg(long)]
    pub collapse: bool,
    /// Read a dump whose last line is cut in the middle, without that line
    #[arg(long)]
    pub allow_truncated: bool,
    /// What inputs may be.
    #[command(flatten)]
    pub input: InputArgs,
}

/// Options of every command that reads anything.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct InputArgs {
    /// Refuse inputs that are larger, unpacked, such as '20 GiB'
    ///
    /// Unless given: compressed inputs that unpack to more than 100 times their size
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_input: Option<u64>,
}

/// Options of every command that writes a report.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Format of the report on standard output
    #[arg(long, value_name = "FORMAT", default_value = "table",
          value_parser = PossibleValuesParser::new(RENDERERS.iter().map(|renderer| renderer.name())))]
    pub format: String,
    /// Also write the report to a file in a format; may be repeated
    #[arg(short = 'o', long = "output", value_name = "FORMAT=PATH")]
    pub output: Vec<String>,
    /// Show exact byte numbers instead of KiB and MiB
    #[arg(long)]
    pub bytes: bool,
    /// Use colours
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// Print nothing outside ASCII
    #[arg(long)]
    pub ascii: bool,
    /// No progress and no warnings on standard error
    #[arg(short, long)]
    pub quiet: bool,
    /// Number of threads; all processors unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

/// The id of a node, as it is or as reports write it.
fn node_id(text: &str) -> Result<u64, String> {
    text.strip_prefix('@').unwrap_or(text).parse().map_err(|_| "expected the id of a node, such as 75945 or @75945".to_owned())
}

/// A range of a recording: moments are numbers with a unit, `ms`, `s` or `m`; without one, seconds.
fn time_range(text: &str) -> Result<TimeRange, String> {
    const UNITS: [(&str, f64); 3] = [("ms", 1e3), ("s", 1e6), ("m", 6e7)];
    let (from, to) = text.split_once("..").ok_or("expected FROM..TO, such as 10s..20s")?;
    let moment = |text: &str, open: u64| -> Result<u64, String> {
        if text.is_empty() {
            return Ok(open);
        }
        let unit = UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
        let (number, scale) = unit.unwrap_or((text, 1e6));
        let number: f64 = number.parse().map_err(|_| format!("{text}: expected a number with ms, s or m"))?;
        if !(0.0..1e9).contains(&number) {
            return Err(format!("{text}: out of range"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative and below 10^17")]
        Ok((number * scale).round() as u64)
    };
    let range = TimeRange { from_us: moment(from, 0)?, to_us: moment(to, u64::MAX)? };
    if range.from_us < range.to_us { Ok(range) } else { Err("the range is empty".to_owned()) }
}

/// A level of grouping as `--by` takes it.
fn level(name: &'static str) -> PossibleValue {
    let value = PossibleValue::new(name);
    if name == Level::Script.label() { value.alias(SCRIPT_ALIAS) } else { value }
}

/// What users of Python and Ruby call a script.
pub const SCRIPT_ALIAS: &str = "file";

/// Values of `--order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// By object ids, a time in the names, or the names
    Auto,
    /// As given
    Given,
    /// By name
    Name,
}

/// Values of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Values of `--baseline-missing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Missing {
    /// The check goes on without
    Pass,
    /// The check fails
    Fail,
}

/// Values of `--inconclusive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Inconclusive {
    /// Exit code 4
    Stop,
    /// Exit code 0
    Pass,
}

/// Values of `--ci`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Server {
    /// GitHub Actions
    Github,
}
