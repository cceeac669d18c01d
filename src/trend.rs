//! What keeps growing: the rule of [`growth`](crate::growth) over the groups of a series, and its verdicts on rows.

use std::collections::BTreeMap;

use crate::allocation::allocated_at;
use crate::graph::devtools::keys::class_of_key;
use crate::graph::paths::HELD_BY;
use crate::grouping::{Level, Row, Sums, id, main_kind, printable, rows};
use crate::growth::{GroupSeries, Judgement, Measures, Rule};
use crate::report::{AllocatedAt, Attributed, Breakdown, Cause, Finding, Group, Member, Share, Shown, Trend, TrendVerdict};
use crate::series::{Series, SeriesGroup};
use crate::snapshot::{OUTSIDE, Runtime};

/// Rows shown within a flagged row that says little by itself.
const BREAKDOWN: usize = 5;

/// The rule's judgement of a series.
pub struct Trends {
    rule: Rule,
    judgement: Judgement,
    judged: Vec<Judged>,
    /// The judged group of each group of the series.
    judged_of: Vec<usize>,
    /// The groups of each judged group.
    groups_of: Vec<Vec<usize>>,
    /// By finding, if it was asked for: why it is alive.
    pub(crate) why: Vec<Why>,
}

/// Why what a finding speaks of is alive.
#[derive(Debug, Clone)]
pub(crate) struct Why {
    pub(crate) causes: Vec<Cause>,
    pub(crate) share: Option<Share>,
    /// Growing groups that the causes explain, and all of them.
    pub(crate) groups: (usize, usize),
}

/// What is judged as one: the groups of one kind and name, wherever they were allocated.
struct Judged {
    /// The first of them.
    group: usize,
    sums: Sums,
}

/// The judgement of a row.
#[derive(Debug, Clone)]
pub struct RowTrend {
    /// The strongest verdict among its groups.
    pub verdict: TrendVerdict,
    /// How its self size develops.
    pub measures: Measures,
    /// Index of the strongest finding among its groups.
    pub finding: Option<usize>,
    /// That finding's headline is one of its groups.
    pub headline: bool,
    /// Position among the rows, from 1.
    pub rank: usize,
    explained_share: Option<f64>,
    inflates: bool,
    runtime: bool,
}

impl Trends {
    /// Judges a series.
    #[must_use]
    pub fn of(series: &Series) -> Self {
        let mut judged: Vec<Judged> = Vec::new();
        let mut judged_of = Vec::with_capacity(series.groups.len());
        let identity = |group: usize| {
            let SeriesGroup { kind, name, .. } = &series.groups[group];
            (kind, series.runtime.judged(kind, name))
        };
        // Groups are sorted by kind and name, but for Python's a name may say more than the class.
        let mut places: BTreeMap<(&String, (&str, &str)), usize> = BTreeMap::new();
        for (group, found) in series.groups.iter().enumerate() {
            let place = *places.entry(identity(group)).or_insert(judged.len());
            match judged.get_mut(place) {
                Some(Judged { sums, .. }) => sums.add(&found.sums),
                // What is not looked at does not grow.
                None if found.kind == OUTSIDE => judged.push(Judged { group, sums: Sums::zero(series.inputs.len()) }),
                None => judged.push(Judged { group, sums: found.sums.clone() }),
            }
            judged_of.push(place);
        }
        let groups: Vec<GroupSeries<'_>> = judged
            .iter()
            .map(|Judged { group, sums }| {
                let (kind, name) = identity(*group).1;
                GroupSeries { kind, name, count: &sums.count, self_size: sizes(series, sums) }
            })
            .collect();
        let rule = Rule::new(series.inputs.len());
        let mut groups_of = vec![Vec::new(); judged.len()];
        judged_of.iter().enumerate().for_each(|(group, &judged)| groups_of[judged].push(group));
        Self { judgement: rule.judge(&groups), rule, judged, judged_of, groups_of, why: Vec::new() }
    }

    /// The judgement of a row at the given levels.
    #[must_use]
    pub fn row(&self, series: &Series, levels: &[Level], row: &Row) -> RowTrend {
        if levels.iter().all(|level| level.keeps_judged_groups_whole(series.runtime)) {
            return self.whole(series, &row.members, &row.sums);
        }
        let class = levels.iter().zip(&row.key).find_map(|(level, key)| match level {
            Level::Class => Some(key.as_str()),
            Level::DevTools => Some(class_of_key(key)),
            Level::Owner => key.split(HELD_BY).next(),
            _ => None,
        });
        let kind = main_kind(series, &row.members);
        let (kind, class) = (series.runtime.judged(&kind, class.unwrap_or_default()).0, class);
        let verdict = self.rule.judge_row(kind, class, &row.sums.count, sizes(series, &row.sums), self.judgement.chances);
        RowTrend {
            verdict: verdict.verdict,
            measures: verdict.measures,
            finding: None,
            headline: false,
            rank: 0,
            explained_share: None,
            inflates: verdict.inflates,
            runtime: verdict.runtime,
        }
    }

    /// The judgement of a row that holds the judged groups of the given ones as a whole.
    fn whole(&self, series: &Series, members: &[usize], sums: &Sums) -> RowTrend {
        let mut judged: Vec<usize> = members.iter().map(|&group| self.judged_of[group]).collect();
        judged.sort_unstable();
        judged.dedup();
        let verdicts = || judged.iter().map(|&group| &self.judgement.groups[group]);
        let finding = verdicts().filter_map(|verdict| verdict.finding).min();
        let growth = |group: usize| self.judged[group].sums.growth(series).max(0);
        let (mut explained, mut all) = (None, 0_i64);
        for &group in &judged {
            all = all.saturating_add(growth(group));
            if let Some(share) = self.judgement.groups[group].explained_share {
                *explained.get_or_insert(0.0) += share * real(growth(group));
            }
        }
        RowTrend {
            verdict: match finding {
                Some(finding) => self.judgement.findings[finding].verdict,
                None => match verdicts().map(|verdict| verdict.verdict).min().unwrap_or(TrendVerdict::Stable) {
                    // One of its groups shrinks; the row does not.
                    TrendVerdict::Shrinking if sums.count_delta() >= 0 || sums.size_delta() > 0 => TrendVerdict::Noise,
                    verdict => verdict,
                },
            },
            measures: self.rule.measure(&sums.count, sizes(series, sums)),
            finding,
            headline: finding.is_some_and(|finding| judged.contains(&self.judgement.findings[finding].headline)),
            rank: 0,
            explained_share: explained.map(|explained| if all > 0 { (explained / real(all)).min(1.0) } else { 0.0 }),
            inflates: verdicts().any(|verdict| verdict.inflates),
            runtime: judged.len() == 1 && verdicts().any(|verdict| verdict.runtime)
                || !judged.is_empty() && verdicts().all(|verdict| verdict.runtime),
        }
    }

    /// The rows within a row that is flagged as growing and whose name says little; None for others.
    pub fn breakdown(
        &self,
        series: &Series,
        row: &Row,
        trend: &RowTrend,
        group: impl Fn(&Row, RowTrend) -> Group,
    ) -> Option<Breakdown> {
        let flagged = matches!(trend.verdict, TrendVerdict::Leak | TrendVerdict::Suspect);
        let mute = row.members.iter().all(|&member| {
            let kind = &series.groups[member].kind;
            series.runtime == Runtime::V8 && !matches!(kind.as_str(), "object" | "native") && !series.runtime.is_folded(kind)
        });
        if !flagged || !mute {
            return None;
        }
        let mut rows: Vec<(Row, RowTrend)> = rows(series, &row.members, Level::Name, &row.key)
            .into_iter()
            .map(|row| {
                let trend = self.whole(series, &row.members, &row.sums);
                (row, trend)
            })
            .collect();
        if rows.len() < 2 {
            return None;
        }
        rows.sort_by(|(a, trend_a), (b, trend_b)| {
            let flagged = |trend: &RowTrend| (trend.finding.unwrap_or(usize::MAX), trend.verdict);
            let order = flagged(trend_a).cmp(&flagged(trend_b));
            order.then(b.sums.size_delta().cmp(&a.sums.size_delta())).then_with(|| a.key.cmp(&b.key))
        });
        let of = rows.len();
        let grows = |row: &Row| row.sums.size_delta() > 0 || row.sums.count_delta() > 0;
        rows.retain(|(row, _)| grows(row));
        rows.truncate(BREAKDOWN);
        let mut shown = Sums::zero(series.inputs.len());
        let mut groups = Vec::with_capacity(rows.len());
        for (rank, (row, mut trend)) in (1..).zip(rows) {
            trend.rank = rank;
            shown.add(&row.sums);
            groups.push(group(&row, trend));
        }
        let rest = row.sums.minus(&shown).totals(series);
        Some(Breakdown { by: Level::Name.label().to_owned(), shown: Shown { groups: groups.len(), of, rest }, groups })
    }

    /// Where most of a finding was allocated.
    fn allocated_at(&self, series: &Series, finding: &crate::growth::Finding) -> Option<AllocatedAt> {
        let mut groups: Vec<usize> = finding.members.iter().flat_map(|member| &self.groups_of[member.group]).copied().collect();
        groups.sort_unstable();
        allocated_at(series, &self.groups_of[finding.headline], &groups, finding.steps.is_some())
    }

    /// The findings as a report shows them. `row_of` is the id of the row each group counts in.
    #[must_use]
    pub fn findings(&self, series: &Series, row_of: &[String]) -> Vec<Finding> {
        let group_of = |judged: usize| &series.groups[self.judged[judged].group];
        let group_id = |judged: usize| group_id(series, group_of(judged));
        let name = |judged: usize| printable_name(series, group_of(judged));
        let member = |member: &crate::growth::Member| Member {
            group: group_id(member.group),
            kind: group_of(member.group).kind.clone(),
            name: name(member.group),
            class: row_of[self.judged[member.group].group].clone(),
            per_unit: member.per_unit,
            exact: member.exact,
            residual: member.residual,
        };
        let attributed = |attributed: &crate::growth::Attributed| Attributed {
            group: group_id(attributed.group),
            kind: group_of(attributed.group).kind.clone(),
            name: name(attributed.group),
            per_unit: rounded(attributed.per_unit),
            size_growth: attributed.size_growth,
        };
        (1..)
            .zip(&self.judgement.findings)
            .map(|(rank, finding)| Finding {
                rank,
                headline: group_id(finding.headline),
                verdict: finding.verdict,
                steps: finding.steps.clone(),
                since: finding.since,
                constant: finding.constant,
                slowing: finding.slowing,
                runtime: finding.runtime,
                size_growth: finding.size_growth,
                size_per_step: finding.size_per_step.clone(),
                size_growth_total: finding.size_growth_total,
                members: finding.members.iter().map(member).collect(),
                attributed: finding.attributed.iter().map(attributed).collect(),
                allocated_at: self.allocated_at(series, finding),
                causes: self.why.get(rank - 1).map(|why| why.causes.clone()),
                share: self.why.get(rank - 1).and_then(|why| why.share),
                groups_explained: self.why.get(rank - 1).map(|why| why.groups.0),
                groups_growing: self.why.get(rank - 1).map(|why| why.groups.1),
            })
            .collect()
    }
}

mod why;

/// The raw name of a judged group.
pub(crate) fn judged_name(series: &Series, group: &SeriesGroup) -> String {
    match series.runtime {
        Runtime::V8 => Level::Name.key(series, group),
        runtime => runtime.judged(&group.kind, &group.name).1.to_owned(),
    }
}

/// The id of a (kind, name) group.
pub(crate) fn group_id(series: &Series, group: &SeriesGroup) -> String {
    id(&[Level::Kind, Level::Name], &[group.kind.clone(), judged_name(series, group)])
}

/// A judged group's name as a person reads it.
fn printable_name(series: &Series, group: &SeriesGroup) -> String {
    printable(&judged_name(series, group))
}

/// The sizes that are judged; none where an input has none.
fn sizes<'s>(series: &Series, sums: &'s Sums) -> &'s [u64] {
    if series.has_sizes { &sums.self_size } else { &[] }
}

impl RowTrend {
    /// Whether the row is the runtime's own, which is never called a leak.
    #[must_use]
    pub fn is_of_runtime(&self) -> bool {
        self.runtime
    }

    /// The judgement as a report shows it.
    #[must_use]
    pub fn report(self, n: usize) -> Trend {
        Trend {
            verdict: self.verdict,
            monotonic: self.measures.monotonic,
            n,
            steps_up: self.measures.steps_up,
            p: rounded(self.measures.p),
            slope: rounded(self.measures.slope),
            growth: self.measures.growth,
            tail: rounded(self.measures.tail),
            weakest: rounded(self.measures.weakest),
            score: rounded(self.measures.score),
            rank: self.rank,
            finding: self.finding.map(|finding| finding + 1),
            explained_share: self.explained_share.map(rounded),
            inflates: self.inflates,
            runtime: self.runtime,
        }
    }
}

/// Six significant digits: what lies behind them is rounding error, which may differ between platforms.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[expect(clippy::cast_precision_loss, reason = "shares need no more than 53 bits")]
fn real(value: i64) -> f64 {
    value as f64
}
