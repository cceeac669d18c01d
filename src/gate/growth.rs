//! What a verdict says of growth: findings, rows that grew once, the heap as a whole.

use super::Growth;
use super::judge::{About, Judge, number, short};
use crate::grouping::{Level, Row, Sums, id, printable, rows};
use crate::growth::Rule as GrowthRule;
use crate::package::is_app;
use crate::report::{Finding, TrendVerdict};
use crate::series::SeriesGroup;
use crate::text::{signed_count, signed_size};
use crate::trend::{Trends, judged_name};

/// Snapshots a leak takes; other verdicts take fewer.
const LEAK_INPUTS: usize = 5;
/// Snapshots every verdict of growth takes.
const GROWTH_INPUTS: usize = 3;
/// Repetitions of the work to the power of the steps that are multiples of them, from which on that is no accident.
const MULTIPLES_CERTAIN: u64 = 10_000;

impl<'a> Judge<'a> {
    /// Findings that are a leak or, where that is asked for, suspect.
    pub(super) fn findings(&mut self) {
        let suspects = self.wanted(Growth::Suspect, GROWTH_INPUTS);
        let leaks = self.wanted(Growth::Leak, LEAK_INPUTS);
        let Some(told) = suspects.or(leaks) else { return };
        let from = self.reasons.len();
        for finding in &self.report.findings {
            self.finding(finding, told, suspects.is_some());
        }
        let (code, name) = if suspects.is_some() { ("suspect", "no type may be leaking") } else { ("leak", "no type leaks") };
        self.checked(code, name, from, told);
    }

    fn finding(&mut self, finding: &Finding, told: bool, suspects: bool) {
        let Some(&first) = self.groups_of(&finding.headline).first() else { return };
        let series = self.series;
        let group = &series.groups[first];
        let options = self.gate.options;
        let key = [Level::Class.key(series, group), judged_name(series, group)];
        if !options.matches(&key) || !options.kinds.is_empty() && !options.kinds.contains(&group.kind) {
            return;
        }
        let rule = self.rule_of(finding, group);
        if let Some(rule) = rule {
            self.met[rule].finding = true;
        }
        let repeated = finding.verdict == TrendVerdict::Suspect && self.is_multiple(finding);
        let verdict = if repeated { TrendVerdict::Leak } else { finding.verdict };
        let counts = told && !finding.runtime && (verdict == TrendVerdict::Leak || suspects);
        let allow = rule.map_or(&[][..], |rule| &self.gate.rules.groups[rule].allow);
        let allowed = allow.contains(&finding.verdict) || allow.contains(&TrendVerdict::Leak);
        if !counts {
            return;
        }
        let printed = printable(&key[1]);
        let message = self.grows(&printed, finding, verdict, repeated);
        if let Some(rule) = rule.filter(|_| allowed) {
            let called = self.gate.rules.groups[rule].called();
            self.warning("allowed-finding", &format!("{message}: allowed by {called}"));
            return;
        }
        if self.is_known(finding, verdict) {
            let called = self.gate.baseline.map_or_else(String::new, super::baseline::Baseline::called);
            self.warning("known-finding", &format!("{message}: known from {called}"));
            return;
        }
        let code = if verdict == TrendVerdict::Leak { "leak" } else { "suspect" };
        let (group, rank) = (Some(finding.headline.clone()), Some(finding.rank));
        self.fail(code, message, About { group, name: Some(printed), finding: rank, rule: None });
    }

    /// The first rule for a finding: one that knows its headline by name, or by where most of the headline's growth is.
    fn rule_of(&self, finding: &Finding, headline: &SeriesGroup) -> Option<usize> {
        let series = self.series;
        let usual = [Level::default_of(series.runtime), Level::Class, Level::Name];
        let groups = self.groups_of(&finding.headline);
        self.gate.rules.groups.iter().position(|rule| {
            let level = rule.level(series.runtime);
            let name = || match level {
                level if usual.contains(&level) => judged_name(series, headline),
                Level::Kind => headline.kind.clone(),
                level => {
                    let grown = rows(series, groups, level, &[])
                        .into_iter()
                        .reduce(|most, row| if row.sums.count_delta() > most.sums.count_delta() { row } else { most });
                    grown.map_or_else(String::new, |row| row.key[0].clone())
                }
            };
            self.holds(rule) && rule.pattern.matches(&name())
        })
    }

    /// Whether every step of a finding is a whole multiple of the repetitions between two snapshots, and that often enough.
    fn is_multiple(&self, finding: &Finding) -> bool {
        let (Some(loops), Some(steps)) = (self.gate.rules.loops, &finding.steps) else { return false };
        let steps = steps.get(finding.since..).unwrap_or_default();
        let fits = |step: &i64| *step > 0 && step.unsigned_abs().is_multiple_of(loops);
        let times = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        steps.iter().all(fits) && loops.saturating_pow(times) >= MULTIPLES_CERTAIN
    }

    fn is_known(&self, finding: &Finding, verdict: TrendVerdict) -> bool {
        let Some(baseline) = self.gate.baseline else { return false };
        finding.members.iter().any(|member| {
            let group = self.groups_of(&member.group).first().map(|&group| &self.series.groups[group]);
            group.is_some_and(|group| baseline.knows(verdict, &group.kind, &judged_name(self.series, group)))
        })
    }

    /// A finding as a sentence.
    fn grows(&self, name: &str, finding: &Finding, verdict: TrendVerdict, repeated: bool) -> String {
        let does = if verdict == TrendVerdict::Leak { "leaks" } else { "may leak" };
        let objects = finding.steps.as_ref().map(|steps| signed_count(steps.iter().sum()));
        let bytes = self.series.has_sizes.then(|| signed_size(finding.size_growth_total));
        let grown: Vec<String> = objects.into_iter().chain(bytes).collect();
        let mut text = format!("{} {does}: {} in {} steps", short(name), grown.join(", "), number(self.given() - 1));
        if finding.members.len() > 1 {
            text.push_str(&format!(", {} types in lockstep", number(finding.members.len())));
        }
        let frames = finding.allocated_at.as_ref().map_or(&[][..], |at| &at.frames);
        if let Some(frame) = frames.iter().find(|frame| is_app(frame)).or(frames.first()) {
            text.push_str(&format!(", allocated by {}", short(&frame.text())));
        }
        if let (true, Some(loops)) = (repeated, self.gate.rules.loops) {
            text.push_str(&format!(", every step a multiple of the {loops} loops"));
        }
        text
    }

    /// Rows that grew once.
    pub(super) fn steps(&mut self) {
        let Some(told) = self.wanted(Growth::Step, GROWTH_INPUTS) else { return };
        let from = self.reasons.len();
        let trends = Trends::of(self.series);
        let level = Level::default_of(self.series.runtime);
        for row in self.rows(level) {
            let trend = trends.row(self.series, &[level], &row);
            if told && trend.verdict == TrendVerdict::Step && !trend.is_of_runtime() {
                self.step(level, &row);
            }
        }
        self.checked("step", "no type grows at once", from, told);
    }

    fn step(&mut self, level: Level, row: &Row) {
        let rules = &self.gate.rules.groups;
        let rule = rules
            .iter()
            .position(|rule| rule.level(self.series.runtime) == level && self.holds(rule) && rule.pattern.matches(&row.key[0]));
        if rule.is_some_and(|rule| rules[rule].allow.contains(&TrendVerdict::Step)) {
            return;
        }
        let name = printable(&row.key[0]);
        let bytes = if self.series.has_sizes { format!(", {}", signed_size(row.sums.size_delta())) } else { String::new() };
        let message = format!("{} grew at once: {}{bytes}", short(&name), signed_count(row.sums.count_delta()));
        let about = About { group: Some(id(&[level], &row.key)), name: Some(name), finding: None, rule: None };
        self.fail("step", message, about);
    }

    /// The heap as a whole, by the test for groups that no finding explains.
    pub(super) fn whole_heap(&mut self) {
        let Some(told) = self.wanted(Growth::Total, LEAK_INPUTS) else { return };
        let from = self.reasons.len();
        let sums = self.heap();
        let sizes = if self.series.has_sizes { &sums.self_size[..] } else { &[] };
        if told && GrowthRule::new(self.given()).is_leak_alone(&sums.count, sizes) {
            let grown = if self.series.has_sizes { signed_size(sums.size_delta()) } else { signed_count(sums.count_delta()) };
            let message = format!("the heap as a whole keeps growing: {grown} in {} steps", number(self.given() - 1));
            self.fail("total", message, About::default());
        }
        self.checked("total", "the heap as a whole does not keep growing", from, told);
    }

    /// Sums over everything.
    pub(super) fn heap(&self) -> Sums {
        let every: Vec<usize> = (0..self.series.groups.len()).collect();
        Sums::of(self.series, &every)
    }

    /// The rows of a level that count.
    pub(super) fn rows(&self, level: Level) -> Vec<Row> {
        let options = self.gate.options;
        let kinds = |group: &usize| options.kinds.is_empty() || options.kinds.contains(&self.series.groups[*group].kind);
        let groups: Vec<usize> = (0..self.series.groups.len()).filter(kinds).collect();
        let mut rows = rows(self.series, &groups, level, &[]);
        rows.retain(|row| options.matches(&row.key));
        rows
    }
}
