//! What keeps growing: the rule of [`growth`](crate::growth) over the groups of a series, and its verdicts on rows.

use crate::grouping::{Level, Row, Sums, id, printable};
use crate::growth::{GroupSeries, Judgement, Measures, Rule};
use crate::report::{Attributed, Breakdown, Finding, Group, Member, Shown, Trend, TrendVerdict};
use crate::series::Series;
use crate::snapshot::{class_name, is_folded};

/// Rows shown within a flagged row that says little by itself.
const BREAKDOWN: usize = 5;

/// The rule's judgement of a series.
pub struct Trends {
    rule: Rule,
    judgement: Judgement,
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
        let groups: Vec<GroupSeries<'_>> = series
            .groups
            .iter()
            .map(|group| GroupSeries {
                kind: &group.kind,
                name: &group.name,
                count: &group.sums.count,
                self_size: &group.sums.self_size,
            })
            .collect();
        let rule = Rule::new(series.inputs.len());
        Self { judgement: rule.judge(&groups), rule }
    }

    /// The judgement of the row that consists of the given groups.
    #[must_use]
    pub fn row(&self, series: &Series, members: &[usize], sums: &Sums) -> RowTrend {
        let verdicts = || members.iter().map(|&group| &self.judgement.groups[group]);
        let finding = verdicts().filter_map(|verdict| verdict.finding).min();
        let growth = |group: usize| series.groups[group].sums.size_delta().max(0);
        let (mut explained, mut all) = (None, 0_i64);
        for &group in members {
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
            measures: self.rule.measure(&sums.count, &sums.self_size),
            finding,
            headline: finding.is_some_and(|finding| members.contains(&self.judgement.findings[finding].headline)),
            rank: 0,
            explained_share: explained.map(|explained| if all > 0 { (explained / real(all)).min(1.0) } else { 0.0 }),
            inflates: verdicts().any(|verdict| verdict.inflates),
            runtime: members.len() == 1 && verdicts().any(|verdict| verdict.runtime)
                || !members.is_empty() && verdicts().all(|verdict| verdict.runtime),
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
            !matches!(kind.as_str(), "object" | "native") && !is_folded(kind)
        });
        if !flagged || !mute || row.members.len() < 2 {
            return None;
        }
        let mut rows: Vec<(Row, RowTrend)> = row
            .members
            .iter()
            .map(|&member| {
                let sums = series.groups[member].sums.clone();
                let trend = self.row(series, &[member], &sums);
                let key = row.key.iter().cloned().chain([Level::Name.key(&series.groups[member])]).collect();
                (Row { key, members: vec![member], sums }, trend)
            })
            .collect();
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

    /// The findings as a report shows them. `row_of` is the id of the row each group counts in.
    #[must_use]
    pub fn findings(&self, series: &Series, row_of: &[String]) -> Vec<Finding> {
        let group_id = |group: usize| group_id(series, group);
        let name = |group: usize| printable_name(series, group);
        let member = |member: &crate::growth::Member| Member {
            group: group_id(member.group),
            kind: series.groups[member.group].kind.clone(),
            name: name(member.group),
            class: row_of[member.group].clone(),
            per_unit: member.per_unit,
            exact: member.exact,
            residual: member.residual,
        };
        let attributed = |attributed: &crate::growth::Attributed| Attributed {
            group: group_id(attributed.group),
            kind: series.groups[attributed.group].kind.clone(),
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
                size_growth: finding.size_growth,
                size_per_step: finding.size_per_step.clone(),
                size_growth_total: finding.size_growth_total,
                members: finding.members.iter().map(member).collect(),
                attributed: finding.attributed.iter().map(attributed).collect(),
                causes: None,
            })
            .collect()
    }
}

/// The id of a (kind, name) group.
fn group_id(series: &Series, group: usize) -> String {
    let group = &series.groups[group];
    id(&[Level::Kind, Level::Name], &[group.kind.clone(), Level::Name.key(group)])
}

/// A group's name as a person reads it.
fn printable_name(series: &Series, group: usize) -> String {
    let group = &series.groups[group];
    if is_folded(&group.kind) { class_name(&group.kind, "") } else { printable(&group.name) }
}

impl RowTrend {
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
