//! The report: one value that holds everything a command found out.
//!
//! Analyses build it, renderers print it. Its JSON form is the public interface (schema version 1): fields are only ever
//! added. All integers are bytes or object counts. Arrays that speak of inputs have one entry per input, in the order used.

mod paths;
mod strings;

pub use paths::{Alive, Cause, CauseKind, Holder, Origin, PathEdge, PathStep, Share};
pub use strings::{EqualStrings, Strings};

use schemars::JsonSchema;
use serde::Serialize;

use crate::stacks::Frame;

/// Value of `schema` in every report.
pub const SCHEMA: &str = "heapdiff.report";
/// Value of `schema_version` in every report.
pub const SCHEMA_VERSION: u32 = 1;

/// What one run of heapdiff found out.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// Always `heapdiff.report`.
    pub schema: &'static str,
    /// Always 1; within a version fields are only added.
    pub schema_version: u32,
    /// The program that wrote the report.
    pub tool: Tool,
    /// The command that was run.
    pub command: Command,
    /// How objects were put into groups.
    pub grouping: Grouping,
    /// The inputs in the order used.
    pub inputs: Vec<Input>,
    /// Sums over every object of every input.
    pub totals: Totals,
    /// Bytes by what they are for; in `top` where references were read, absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
    /// Strings of equal text; in `top --strings`, absent elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strings: Option<Strings>,
    /// The rows shown, in order. `groups` and `shown.rest` add up to `totals`.
    pub groups: Vec<Group>,
    /// Subtotals of nested groupings, outer levels first; empty when `--by` names one level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Parent>,
    /// Groups that grow in lockstep, strongest first. Empty except in `trend` and `check`.
    pub findings: Vec<Finding>,
    /// How much of everything `groups` shows.
    pub shown: Shown,
    /// Places that grow and belong to no finding, largest first; all of them where two inputs allow no findings. Only if asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_causes: Vec<Cause>,
    /// Of `paths`: why the objects are alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alive: Option<Alive>,
    /// The verdict of `check`; null in other commands.
    pub verdict: Option<Verdict>,
    /// What a reader of the figures has to know.
    pub warnings: Vec<Warning>,
}

/// The program that wrote a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// Always `heapdiff`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

impl Tool {
    /// This program.
    pub const THIS: Self = Self { name: "heapdiff", version: env!("CARGO_PKG_VERSION") };
}

/// The command a report comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Groups of one snapshot by size.
    Top,
    /// What changed between two snapshots.
    Diff,
    /// What keeps growing over three or more.
    Trend,
    /// The gate of a build: `trend` (for one snapshot `top`) with a verdict.
    Check,
    /// Why objects are kept alive.
    Paths,
    /// Whether files are whole and consistent.
    Verify,
}

/// How objects were put into groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Grouping {
    /// The levels, outermost first. A row's `key` has one entry per level.
    pub by: Vec<String>,
    /// Which sizes: `self` for the sizes that the runtime recorded; `owned` for those of Chrome DevTools, where a backing store counts
    /// to the object that it belongs to.
    pub sizes: &'static str,
    /// Rows hold only objects allocated in this range of the recording, in microseconds from its beginning; absent if they hold all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated_between: Option<[u64; 2]>,
}

/// Bytes of a heap by what they are for, as Chrome DevTools counts them (owned sizes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Statistics {
    /// All of them, off-heap bytes that belong to no object included.
    pub total: u64,
    /// Compiled code.
    pub code: u64,
    /// Strings of all kinds.
    pub strings: u64,
    /// JavaScript arrays with their elements.
    pub js_arrays: u64,
    /// Contents of typed arrays.
    pub typed_arrays: u64,
    /// Objects of the virtual machine's own.
    pub system: u64,
    /// Everything else in the JavaScript heap.
    pub other_js: u64,
    /// Everything else outside of it.
    pub other_native: u64,
}

impl From<&crate::graph::devtools::statistics::Statistics> for Statistics {
    fn from(sums: &crate::graph::devtools::statistics::Statistics) -> Self {
        let named = [sums.code, sums.strings, sums.js_arrays, sums.system];
        Self {
            total: sums.total,
            code: sums.code,
            strings: sums.strings,
            js_arrays: sums.js_arrays,
            typed_arrays: sums.typed_arrays,
            system: sums.system,
            other_js: named.into_iter().fold(sums.v8_heap(), u64::saturating_sub),
            other_native: sums.native.saturating_sub(sums.typed_arrays),
        }
    }
}

/// One input file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Input {
    /// Position in the order used, from 0.
    pub index: usize,
    /// Path as it was given (for a directory: joined with the file's name).
    pub path: String,
    /// Format of the content: `v8`, `meliae`, `stack-list`, `ruby`, `summary` and others.
    pub format: &'static str,
    /// Size of the input in bytes as stored (compressed size for compressed files).
    pub file_bytes: u64,
    /// False for a dump that shows signs of being cut short.
    pub complete: bool,
    /// Number of objects.
    pub nodes: u64,
    /// Number of references; null where the input does not say.
    pub edges: Option<u64>,
    /// Sum of all self sizes in bytes; null where the input has no sizes.
    pub self_size: Option<u64>,
    /// Off-heap bytes that belong to no object, where the input says (V8 13.6 and later).
    pub extra_native_bytes: Option<u64>,
    /// Number of the process the snapshot was taken in, from 0 in order of appearance; null where ids don't tell.
    pub process: Option<u32>,
    /// What put the input in its place.
    pub order: Order,
    /// Warnings about this input alone.
    pub warnings: Vec<Warning>,
}

/// What put an input in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Order {
    /// The criterion.
    pub by: OrderBy,
    /// The highest odd object id, which rises with time within a process; null where the input has none.
    pub key: Option<u64>,
}

/// The criterion that ordered the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderBy {
    /// V8's object ids, which rise with time within one process.
    HeapIds,
    /// The time in file names of the form `Heap.YYYYMMDD.HHMMSS.pid.tid.seq`.
    NameTime,
    /// Natural order of the file names.
    Name,
    /// As given.
    Given,
}

/// Sums over every object of every input, one entry per input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Number of objects.
    pub count: Vec<u64>,
    /// Self sizes in bytes; null where an input has no sizes.
    pub self_size: Vec<Option<u64>>,
    /// What changed from the first input to the last.
    #[serde(flatten)]
    pub change: Change,
}

/// What changed from the first input to the last: fields of the row they belong to, all null in `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Change {
    /// Last count minus first; null in `top`.
    pub count_delta: Option<i64>,
    /// Last size minus first, in bytes; null in `top` and where sizes are unknown.
    pub size_delta: Option<i64>,
    /// Objects of the last input that the first does not have; null where ids do not persist.
    pub added: Option<Moved>,
    /// Objects of the first input that the last does not have; null where ids do not persist.
    pub removed: Option<Moved>,
    /// Objects in both; null where ids do not persist.
    pub survived: Option<Survived>,
}

/// Objects that came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Moved {
    /// How many.
    pub count: u64,
    /// Their self sizes in bytes.
    pub size: u64,
}

impl Moved {
    /// Adds more of them, at the limits of 64 bits where sums pass them.
    pub(crate) fn add(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.size = self.size.saturating_add(more.size);
    }
}

/// Objects present in both snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Survived {
    /// How many of the last input's objects were there in the first.
    pub count: u64,
    /// How many bytes the survivors gained; an object that survived into another group counts there.
    pub size_delta: i64,
}

/// One row: the objects that share a grouping key.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Group {
    /// Hash of the raw grouping key, 16 hexadecimal digits; stable across runs and versions.
    pub id: String,
    /// The grouping key, one entry per level of `grouping.by`, safe to print.
    pub key: Vec<String>,
    /// Last entry of `key`.
    pub name: String,
    /// The node type (in other runtimes the type) that holds most of the row's bytes.
    pub kind: String,
    /// Number of objects, per input.
    pub count: Vec<u64>,
    /// Self sizes (or those that `grouping.sizes` names) in bytes, per input; null where an input has no sizes.
    pub self_size: Vec<Option<u64>>,
    /// Retained sizes in bytes, per input: what would go away with the row's objects, counted once. Null unless asked for.
    pub retained_size: Option<Vec<u64>>,
    /// What changed from the first input to the last.
    #[serde(flatten)]
    pub change: Change,
    /// How the row develops over the series; null in `top` and `diff`.
    pub trend: Option<Trend>,
    /// One level below, for rows whose name says little and that are flagged as growing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// At the levels `stack`, `site` and `function`: the frames of the key, innermost first; empty for what was not tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<Vec<Frame>>,
    /// Of rows that tell where objects were allocated and nothing else: what was allocated there, dead objects included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated: Option<Allocated>,
    /// Of rows that grow: where most of the growth was allocated. Absent where no input tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated_at: Option<AllocatedAt>,
}

/// Where most of a growth was allocated: of a row's bytes; of a finding's objects, or of its bytes if it is judged by its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AllocatedAt {
    /// The stack that gained most, innermost frame first, among those that took the same way through the application's own
    /// functions. Stacks that lead through none of these count only where all are such. Of a finding, rather the way its
    /// headline took.
    pub frames: Vec<Frame>,
    /// The package that most of it was allocated in, if that is not the application itself.
    pub package: Option<String>,
    /// Last count minus first of what all stacks of that way allocated.
    pub count_delta: i64,
    /// Last size minus first of the same, in bytes; null where sizes are unknown.
    pub size_delta: Option<i64>,
}

/// Objects allocated since the recording of stacks began, dead ones included, per input; null where an input does not say.
///
/// What is alive may be more: arrays that grow and objects that are moved are not always counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Allocated {
    /// How many.
    pub count: Vec<Option<u64>>,
    /// Their sizes in bytes.
    pub size: Vec<Option<u64>>,
}

/// The rows one level below another row.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Breakdown {
    /// The level, `name`.
    pub by: String,
    /// The rows shown; with `shown.rest` they add up to the row they belong to.
    pub groups: Vec<Group>,
    /// How much of the row they show.
    pub shown: Shown,
}

/// Subtotal of a nested grouping: the row of an outer level.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Parent {
    /// The row itself; its `key` is the beginning of its children's keys.
    #[serde(flatten)]
    pub group: Group,
    /// How many of its children are shown, and the sums of the rest.
    pub shown: Shown,
}

/// How many rows are shown, and the sums of those that are not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Shown {
    /// Number of rows shown.
    pub groups: usize,
    /// Number of rows there are.
    pub of: usize,
    /// Sums over the rows that are not shown.
    pub rest: Totals,
}

/// Judgement of how a row, a group or a finding develops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrendVerdict {
    /// Grows steadily, and chance does not explain it.
    Leak,
    /// Grows; chance or a passing cause cannot be ruled out.
    Suspect,
    /// Grew, and slows to a stop.
    Saturating,
    /// Grew once.
    Step,
    /// Falls in most steps.
    Shrinking,
    /// Moves up and down.
    Noise,
    /// Differs; two snapshots allow no more to be said.
    Change,
    /// Does not change in a way worth a word.
    Stable,
}

/// How a row develops over the series.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Trend {
    /// The strongest verdict among the row's (kind, name) groups.
    pub verdict: TrendVerdict,
    /// The strict rule: the self size rises in every step (the count, where sizes are unknown).
    pub monotonic: bool,
    /// Number of snapshots.
    pub n: usize,
    /// Number of steps in which the self size rises (the count, where sizes are unknown).
    pub steps_up: usize,
    /// Exact one-sided Mann-Kendall probability that a random order rises at least as consistently as the self size.
    pub p: f64,
    /// Theil-Sen slope of the self size, bytes a step.
    pub slope: f64,
    /// `slope` times the number of steps, bytes.
    pub growth: i64,
    /// Slope of the last half relative to the whole.
    pub tail: f64,
    /// Least slope of the series' parts relative to the whole.
    pub weakest: f64,
    /// growth x min(1, tail) x (1 - p): orders groups that no finding explains.
    pub score: f64,
    /// Position among all rows, from 1.
    pub rank: usize,
    /// Rank of the finding the row belongs to.
    pub finding: Option<usize>,
    /// Share of the row's growth that findings explain, 0 to 1; null where none does.
    pub explained_share: Option<f64>,
    /// True if the count is flat while the size rises: a container that grows.
    pub inflates: bool,
    /// True for growth of the runtime itself (code, feedback, shapes), which is never called a leak.
    pub runtime: bool,
}

/// Groups that grow in lockstep: one cause.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// Position among the findings, from 1.
    pub rank: usize,
    /// Group id of the member that names the cause best.
    pub headline: String,
    /// The judgement.
    pub verdict: TrendVerdict,
    /// New units in each step; null for a group judged alone by its size.
    pub steps: Option<Vec<i64>>,
    /// Number of leading steps without growth.
    pub since: usize,
    /// True if every step is the same: independent leaks could then look like one.
    pub constant: bool,
    /// True if later steps are smaller than earlier ones.
    pub slowing: bool,
    /// True for growth of the runtime itself (code, feedback, shapes), which fails no build.
    pub runtime: bool,
    /// Bytes the members gained from the first input to the last.
    pub size_growth: i64,
    /// Bytes the members gained in each step.
    pub size_per_step: Vec<i64>,
    /// `size_growth` and the attributed bytes.
    pub size_growth_total: i64,
    /// The groups in lockstep, the headline first.
    pub members: Vec<Member>,
    /// Groups shared with other causes, with the part this finding explains.
    pub attributed: Vec<Attributed>,
    /// Where most of the members' growth was allocated. Absent where no input tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated_at: Option<AllocatedAt>,
    /// Why the growth is kept alive: places first, those of the headline before others, largest first; null unless asked for.
    pub causes: Option<Vec<Cause>>,
    /// Bytes that the causes keep alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// How many growing types have at least half of their growth in the causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_explained: Option<usize>,
    /// How many types grow in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_growing: Option<usize>,
}

/// A group in lockstep with a finding's unit.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Member {
    /// Id of the (kind, name) group.
    pub group: String,
    /// Node type.
    pub kind: String,
    /// Name, safe to print.
    pub name: String,
    /// Id of the row of `groups` the group counts in.
    pub class: String,
    /// Objects per unit.
    pub per_unit: u64,
    /// True if the group's steps are exactly `per_unit` times the unit's.
    pub exact: bool,
    /// Sum over the steps of the distance from that, in objects.
    pub residual: u64,
}

/// A shared group and the part of its growth that a finding explains.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Attributed {
    /// Id of the (kind, name) group.
    pub group: String,
    /// Node type.
    pub kind: String,
    /// Name, safe to print.
    pub name: String,
    /// Objects per unit.
    pub per_unit: f64,
    /// Bytes of the group's growth that the finding explains.
    pub size_growth: i64,
}

/// The verdict of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The outcome: `fail` if anything failed, else `inconclusive` if anything could not be told.
    pub status: Status,
    /// Why it is not a pass: what failed, then what could not be told. Empty for a pass.
    pub reasons: Vec<Reason>,
    /// What was checked, whether it held or not.
    pub checks: Vec<Check>,
}

/// An outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything checked holds.
    Pass,
    /// A budget or a rule of growth is violated.
    Fail,
    /// The inputs do not tell.
    Inconclusive,
}

/// Why a verdict is not a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reason {
    /// `fail` or `inconclusive`.
    pub status: Status,
    /// Stable identifier, words joined by hyphens: `leak`, `max-growth`, `too-few-snapshots` and others.
    pub code: String,
    /// A sentence, safe to print.
    pub message: String,
    /// Id of the (kind, name) group that heads the finding, or of the row; null where it is about the heap or the inputs.
    pub group: Option<String>,
    /// Name of the type or row, or path of the input; safe to print.
    pub name: Option<String>,
    /// Rank of the finding it is about.
    pub finding: Option<usize>,
    /// Where the rule stands that was violated; null where it comes from the command line.
    pub rule: Option<Place>,
}

/// A place in a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file's path from the working folder.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

/// Something that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// Stable identifier, the `code` of its reasons.
    pub code: String,
    /// What has to hold, safe to print.
    pub name: String,
    /// Whether it does.
    pub status: Status,
}

/// Something a reader of the figures has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Warning {
    /// Stable identifier, words joined by hyphens.
    pub code: String,
    /// A sentence, safe to print.
    pub message: String,
    /// Index of the input it is about; null for the whole series.
    pub input: Option<usize>,
}
