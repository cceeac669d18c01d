//! Which types keep growing: judging groups over a series of snapshots.
//!
//! Pure functions over counts and sizes; nothing here reads files or prints. A judgement goes in this order:
//!
//! 1. Groups whose counts rise in the same steps, or in whole multiples of them, form a *unit*: one cause, judged by how many
//!    units came in each step (`steps`, `units`).
//! 2. Units explain part of the growth of groups that many causes share, strings above all (`attribution`).
//! 3. What no unit explains is judged alone, by its size (`alone`).
//! 4. Units and groups alone that are a leak or suspect become findings, ranked (`findings`).
//!
//! **Invariant:** the order of the groups given decides nothing; every tie ends at a group's kind and name.

mod alone;
mod attribution;
mod findings;
mod joined;
mod stats;
mod steps;
mod tiers;
mod units;

#[cfg(test)]
mod tests;

use alone::Shape;
use stats::MannKendall;
use steps::{Context, Movement};
use tiers::Tier;
pub use tiers::is_public_name;
pub(crate) use tiers::{
    BUILT_IN as BUILT_IN_TIER, CLASS as CLASS_TIER, CLOSURE as CLOSURE_TIER, NATIVE as NATIVE_TIER, is_runtime, tier,
};

use crate::report::TrendVerdict;

/// One (kind, name) group over a series of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSeries<'a> {
    /// Node type, V8's word for it.
    pub kind: &'a str,
    /// Name; empty for kinds that are one group each (strings, numbers, symbols, regular expressions).
    pub name: &'a str,
    /// Number of objects in each snapshot.
    pub count: &'a [u64],
    /// Self sizes in bytes in each snapshot; empty where the input has no sizes, which are then judged by the counts.
    pub self_size: &'a [u64],
}

/// Judgement of a whole series. Indices refer to the groups judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// One verdict per group, in the order given.
    pub groups: Vec<GroupVerdict>,
    /// Leaks and suspects, strongest first.
    pub findings: Vec<Finding>,
    /// Number of groups with a telling name that go both up and down: how many chances noise has to look like growth.
    pub chances: usize,
}

/// Judgement of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupVerdict {
    /// The verdict: of the finding the group belongs to or that explains at least half of it, else its own.
    pub verdict: TrendVerdict,
    /// How its self size develops.
    pub measures: Measures,
    /// Index of the finding the group is a member of, or that explains at least half of its growth.
    pub finding: Option<usize>,
    /// Share of the group's growth that a finding explains without the group being a member, 0 to 1.
    pub explained_share: Option<f64>,
    /// The count is flat while the size rises: a container that grows. Only for groups judged alone.
    pub inflates: bool,
    /// Growth of the engine itself (code, feedback, shapes), never called a leak.
    pub runtime: bool,
}

/// How a group's self size (its count, where it has no sizes) develops. Meanings as in [`crate::report::Trend`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// Rises in every step.
    pub monotonic: bool,
    /// Number of steps in which it rises.
    pub steps_up: usize,
    /// Exact one-sided Mann-Kendall probability.
    pub p: f64,
    /// Theil-Sen slope, bytes a step.
    pub slope: f64,
    /// `slope` times the number of steps.
    pub growth: i64,
    /// Slope of the last half relative to the whole; 0 where the whole has none.
    pub tail: f64,
    /// Least slope of the parts (halves below 9 snapshots, else thirds) relative to the whole; 0 where the whole has none.
    pub weakest: f64,
    /// growth x min(1, tail) x (1 - p).
    pub score: f64,
}

/// A cause: groups that grow in lockstep, or one group alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The member that names the cause best.
    pub headline: usize,
    /// Leak or suspect.
    pub verdict: TrendVerdict,
    /// New units in each step, leading steps without growth being 0; none for a group judged alone.
    pub steps: Option<Vec<i64>>,
    /// Number of leading steps without growth.
    pub since: usize,
    /// Every step is the same: independent leaks could then look like one.
    pub constant: bool,
    /// Later steps are smaller than earlier ones.
    pub slowing: bool,
    /// Growth of the engine itself, which no build should fail for.
    pub runtime: bool,
    /// The groups in lockstep, the headline first.
    pub members: Vec<Member>,
    /// Shared groups, most bytes first, with the part this finding explains.
    pub attributed: Vec<Attributed>,
    /// Bytes (objects, where there are no sizes) the members gained from the first snapshot to the last.
    pub size_growth: i64,
    /// Bytes the members gained in each step.
    pub size_per_step: Vec<i64>,
    /// `size_growth` and the attributed bytes.
    pub size_growth_total: i64,
}

/// A group in lockstep with a finding's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Index of the group.
    pub group: usize,
    /// Objects per unit.
    pub per_unit: u64,
    /// The group's steps are exactly `per_unit` times the unit's.
    pub exact: bool,
    /// Sum over the steps of the distance from that, in objects.
    pub residual: u64,
}

/// A shared group and the part of its growth that a finding explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attributed {
    /// Index of the group.
    pub group: usize,
    /// Objects per unit.
    pub per_unit: f64,
    /// Bytes of the group's growth that the finding explains.
    pub size_growth: i64,
}

/// Judgement of a row of another grouping level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowVerdict {
    /// The verdict.
    pub verdict: TrendVerdict,
    /// How its self size develops.
    pub measures: Measures,
    /// The count is flat while the size rises.
    pub inflates: bool,
    /// Growth of the engine itself.
    pub runtime: bool,
}

/// A group and what is derived from it once.
struct Group<'a> {
    series: &'a GroupSeries<'a>,
    tier: Tier,
    movement: Movement,
}

impl<'a> Group<'a> {
    fn new(series: &'a GroupSeries<'a>, tier: Tier) -> Self {
        Self { series, tier, movement: Movement::of(series.count) }
    }

    /// Self sizes, or counts where there are none.
    fn bytes(&self) -> &'a [u64] {
        if self.series.self_size.is_empty() { self.series.count } else { self.series.self_size }
    }

    /// Goes both up and down.
    fn swings(&self) -> bool {
        let steps = || self.series.count.windows(2);
        steps().any(|pair| pair[0] < pair[1]) && steps().any(|pair| pair[0] > pair[1])
    }
}

/// Judges all groups of a series. All have the same number of snapshots.
pub fn judge(groups: &[GroupSeries<'_>]) -> Judgement {
    let n = groups.first().map_or(0, |group| group.count.len());
    Rule::new(n).judge(groups)
}

/// The rule for series of a given length.
#[derive(Debug, Clone)]
pub struct Rule {
    n: usize,
    gate_bytes: f64,
    kendall: MannKendall,
}

impl Rule {
    /// The rule for series of `n` snapshots.
    pub fn new(n: usize) -> Self {
        Self { n, gate_bytes: alone::GATE_BYTES, kendall: MannKendall::up_to(n) }
    }

    /// How a row's self size (its count, if `self_size` is empty) develops.
    pub fn measure(&self, count: &[u64], self_size: &[u64]) -> Measures {
        Shape::of(&self.kendall, if self_size.is_empty() { count } else { self_size }).measures
    }

    /// Judges all groups of a series, each of as many snapshots as the rule is for.
    pub fn judge(&self, series: &[GroupSeries<'_>]) -> Judgement {
        let groups: Vec<Group<'_>> = series.iter().map(|s| Group::new(s, tiers::tier(s.kind, s.name))).collect();
        let chances = groups.iter().filter(|group| group.tier >= tiers::NATIVE && group.swings()).count();
        findings::judge(&groups, self.context(chances))
    }

    /// Judges a row of another grouping level by itself. `class` gives its tier; a row without one counts as a class of its own.
    /// `chances` is that of the series' [`Judgement`].
    pub fn judge_row(&self, kind: &str, class: Option<&str>, count: &[u64], self_size: &[u64], chances: usize) -> RowVerdict {
        let series = GroupSeries { kind, name: class.unwrap_or_default(), count, self_size };
        let tier = class.map_or(tiers::CLASS, |class| tiers::tier(kind, class));
        findings::judge_row(&Group::new(&series, tier), class.is_some(), self.context(chances))
    }

    /// Whether counts alone grow: leak or suspect by their steps, or, where two snapshots allow no more, more in the second.
    pub fn grows(&self, count: &[u64], chances: usize) -> bool {
        let movement = Movement::of(count);
        if !movement.is_candidate() || self.n < 3 {
            return movement.is_candidate();
        }
        let start = stats::u64_to_f64(count.first().copied().unwrap_or(0));
        let verdict = steps::judge(&movement, start, self.context(chances)).verdict;
        matches!(verdict, TrendVerdict::Leak | TrendVerdict::Suspect)
    }

    /// Whether a row that is judged by its size alone is a leak: the test for groups that no finding explains.
    pub fn is_leak_alone(&self, count: &[u64], self_size: &[u64]) -> bool {
        let series = GroupSeries { kind: "", name: "", count, self_size };
        let group = Group::new(&series, tiers::PLAIN);
        let alone = alone::judge(&group, &Shape::of(&self.kendall, group.bytes()), self.context(0));
        alone.is_some_and(|alone| alone.verdict == TrendVerdict::Leak)
    }

    fn context(&self, chances: usize) -> Context<'_> {
        Context { n: self.n, chances, gate_bytes: self.gate_bytes, kendall: &self.kendall }
    }
}
