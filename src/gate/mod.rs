//! The gate of a build: rules and a report make a verdict.
//!
//! Pure functions: a budget is parsed from text, a verdict made of a series and its report, a baseline turned into text and back.
//! Reading files, the clock and exit codes are the command's.
//!
//! **Invariants:** what fails wins over what cannot be told. Nothing that was not measured passes. A verdict depends on the clock
//! only where a rule has a day to expire on.

pub mod baseline;
mod bounds;
pub mod budget;
mod growth;
mod judge;
mod limits;
pub mod values;

#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::analysis::Options;
use crate::grouping::Level;
use crate::report::{Place, TrendVerdict};
use crate::series::Series;
use crate::snapshot::Runtime;
use baseline::Baseline;
pub use judge::judge;
use values::{Day, Pattern};

/// Snapshots from which on verdicts of growth count, unless a rule says otherwise.
pub const MIN_SNAPSHOTS: usize = 7;

/// What growth makes a build fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Growth {
    /// A finding that is a leak.
    Leak,
    /// A finding that is suspect, or a leak.
    Suspect,
    /// A row that grew once.
    Step,
    /// The heap as a whole, judged by its size.
    Total,
}

impl Growth {
    /// Every kind, with the name `--fail-on` knows it under.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Leak, "leak"), (Self::Suspect, "suspect"), (Self::Step, "step"), (Self::Total, "total")];
}

/// How many snapshots at the beginning are warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// So many.
    Number(usize),
    /// Those up to the last step of the heap that is more than twice as large as every later one, as long as enough are left.
    Auto,
}

impl Default for Skip {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl std::str::FromStr for Skip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("expected a number of snapshots or \"auto\", found {text:?}");
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Number).map_err(wrong) }
    }
}

/// Bounds of a row; none where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes the last snapshot may have more than the first.
    pub max_growth: Option<u64>,
    /// Objects in the last snapshot.
    pub max_count: Option<u64>,
    /// Objects the last snapshot may have more than the first.
    pub max_count_growth: Option<u64>,
    /// Bytes in the last snapshot.
    pub max_size: Option<u64>,
}

/// Bounds of the heap as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TotalLimits {
    /// Bytes the last snapshot may have more than the first.
    pub max_growth: Option<u64>,
    /// The same, for the mean of all steps.
    pub max_growth_per_step: Option<u64>,
    /// Bytes in the last snapshot.
    pub max_size: Option<u64>,
}

/// A rule for the rows and findings with certain names.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The names.
    pub pattern: Pattern,
    /// The level whose names are meant; None for the one that says most about the inputs.
    pub level: Option<Level>,
    /// Bounds of every row with such a name.
    pub limits: Limits,
    /// Verdicts that are no reason to fail.
    pub allow: Vec<TrendVerdict>,
    /// Why the rule is as it is.
    pub reason: Option<String>,
    /// Last day on which the rule holds.
    pub expires: Option<Day>,
    /// Where it stands; None for the command line.
    pub place: Option<Place>,
}

impl Rule {
    fn level(&self, runtime: Runtime) -> Level {
        self.level.unwrap_or(Level::default_of(runtime))
    }
}

/// Everything a budget and the command line say.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Snapshots from which on verdicts of growth count.
    pub min_snapshots: Option<usize>,
    /// How many snapshots are warm-up.
    pub skip_first: Skip,
    /// What growth fails.
    pub fail_on: Vec<Growth>,
    /// How often the program repeated its work between two snapshots; more than once.
    pub loops: Option<u64>,
    /// Bounds of the heap.
    pub total: TotalLimits,
    /// Rules of which the first with a matching name counts.
    pub groups: Vec<Rule>,
    /// Rules that all count.
    pub assertions: Vec<Rule>,
    /// The budget's path, if there is one.
    pub file: Option<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_snapshots: None,
            skip_first: Skip::default(),
            fail_on: vec![Growth::Leak],
            loops: None,
            total: TotalLimits::default(),
            groups: Vec::new(),
            assertions: Vec::new(),
            file: None,
        }
    }
}

impl Rules {
    /// The levels whose names are looked at, each once.
    #[must_use]
    pub fn levels(&self, runtime: Runtime) -> Vec<Level> {
        let rules = self.groups.iter().chain(&self.assertions);
        let wanted: Vec<Level> = rules.map(|rule| rule.level(runtime)).chain([Level::default_of(runtime)]).collect();
        Level::ALL.iter().map(|&(level, _)| level).filter(|level| wanted.contains(level)).collect()
    }
}

/// A baseline that was asked for and is not there.
#[derive(Debug, Clone, Copy)]
pub struct MissingBaseline<'a> {
    /// Its path.
    pub path: &'a str,
    /// Whether that is a reason to fail.
    pub fails: bool,
}

/// What a series is judged by.
#[derive(Debug)]
pub struct Gate<'a> {
    /// Budget and command line.
    pub rules: &'a Rules,
    /// Which rows and findings count.
    pub options: &'a Options,
    /// What to compare with.
    pub baseline: Option<&'a Baseline>,
    /// A baseline that was asked for and is not there.
    pub missing: Option<MissingBaseline<'a>>,
    /// Version of the runtime the snapshots are from, if the caller says.
    pub runtime: Option<&'a str>,
    /// Today; None if no rule expires.
    pub today: Option<Day>,
}

impl Gate<'_> {
    /// Snapshots from which on verdicts of growth count. Of a single snapshot nobody expects growth, if there are things that can be
    /// said of one and nothing says how many there have to be.
    #[must_use]
    pub fn min_snapshots(&self, given: usize) -> usize {
        let one = given == 1 && self.rules.file.is_none() && (!self.rules.assertions.is_empty() || self.baseline.is_some());
        self.rules.min_snapshots.unwrap_or(if one { 1 } else { MIN_SNAPSHOTS })
    }

    /// How many snapshots at the beginning of a series are warm-up.
    #[must_use]
    pub fn skipped(&self, series: &Series) -> usize {
        match self.rules.skip_first {
            Skip::Number(number) => number.min(series.inputs.len().saturating_sub(1)),
            Skip::Auto => {
                let total = |input: usize| {
                    let sums = series.groups.iter().map(|group| &group.sums);
                    sums.map(|sums| if series.has_sizes { sums.self_size[input] } else { sums.count[input] }).sum()
                };
                let totals: Vec<u64> = (0..series.inputs.len()).map(total).collect();
                warm_up(&totals, self.min_snapshots(totals.len()))
            }
        }
    }
}

/// Number of values up to the last step that is more than twice as large as every later one; `keep` values stay.
fn warm_up(totals: &[u64], keep: usize) -> usize {
    let steps: Vec<u64> = totals.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    let later = |step: usize| steps[step + 1..].iter().copied().max().unwrap_or(0);
    let most = totals.len().saturating_sub(keep.max(2));
    (0..most).rev().find(|&step| steps[step] / 2 > later(step)).map_or(0, |step| step + 1)
}
