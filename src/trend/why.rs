//! Findings and the causes of their growth.

use std::collections::BTreeMap;

use super::{Trends, Why, sizes};
use crate::causes::{Cause, Causes, GroupNumbers};
use crate::growth::{GroupSeries, Rule};
use crate::report::{self, TrendVerdict};
use crate::series::Series;

/// Bytes from which on a place that belongs to no finding is worth a word.
const OTHERS_MIN: i64 = 65_536;
/// Places told that belong to no finding.
const OTHERS_MAX: usize = 10;

impl Trends {
    /// The rule that judged, and how many chances noise had.
    #[must_use]
    pub fn rule(&self) -> (&Rule, usize) {
        (&self.rule, self.judgement.chances)
    }

    /// The judged groups that grow; with two snapshots, that are more than before.
    #[must_use]
    pub fn growing(&self) -> Vec<usize> {
        let grows = |&judged: &usize| match self.judgement.groups[judged].verdict {
            TrendVerdict::Leak | TrendVerdict::Suspect => true,
            TrendVerdict::Change => self.judged[judged].sums.count_delta() > 0,
            _ => false,
        };
        (0..self.judged.len()).filter(grows).collect()
    }

    /// Numbers of some judged groups, by kind and name.
    #[must_use]
    pub fn numbered<'s>(&self, series: &'s Series, judged: &[usize]) -> GroupNumbers<'s> {
        let name = |&judged: &usize| {
            let group = &series.groups[self.judged[judged].group];
            series.runtime.judged(&group.kind, &group.name)
        };
        judged.iter().map(name).zip(0..).collect()
    }

    pub(super) fn why(&self, finding: usize) -> Option<&Why> {
        self.why.get(finding).and_then(Option::as_ref)
    }

    /// Joins findings of one cause and notes why they are alive. `growing` are the groups that causes speak of. Returns what grows in
    /// places that belong to no finding.
    pub fn explain(&mut self, series: &Series, growing: &[usize], causes: &Causes) -> Vec<report::Cause> {
        let cause_of: BTreeMap<usize, usize> =
            growing.iter().zip(&causes.of_group).filter_map(|(&judged, &cause)| Some((judged, cause?))).collect();
        let distance: BTreeMap<usize, u32> = growing.iter().copied().zip(causes.distance.iter().copied()).collect();
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for finding in 0..self.judgement.findings.len() {
            if let Some(cause) = self.cause_of(finding, &cause_of) {
                parts.entry(cause).or_default().push(finding);
            }
        }
        let found: Vec<Vec<usize>> = parts.into_values().collect();
        let groups: Vec<GroupSeries<'_>> = self
            .judged
            .iter()
            .map(|judged| {
                let group = &series.groups[judged.group];
                let (kind, name) = series.runtime.judged(&group.kind, &group.name);
                GroupSeries { kind, name, count: &judged.sums.count, self_size: sizes(series, &judged.sums) }
            })
            .collect();
        self.judgement.join(&found, &groups, |group| distance.get(&group).copied().unwrap_or(u32::MAX));
        let mut told = vec![false; causes.causes.len()];
        let why = |finding: usize| {
            let cause = self.cause_of(finding, &cause_of)?;
            let explained = cause_of.values().filter(|&&of| of == cause).count();
            told[cause] = true;
            let cause = &causes.causes[cause];
            Some(Why { causes: causes.told(cause), share: causes.share(cause), groups: (explained, growing.len()) })
        };
        self.why = (0..self.judgement.findings.len()).map(why).collect();
        let is_other = |(cause, told): &(&Cause, bool)| !told && cause.size_growth >= OTHERS_MIN;
        let others = causes.causes.iter().zip(told).filter(is_other).take(OTHERS_MAX);
        others.filter_map(|(cause, _)| causes.told(cause).into_iter().next()).collect()
    }

    /// The cause that has most of a finding's members, if it has half of them.
    fn cause_of(&self, finding: usize, cause_of: &BTreeMap<usize, usize>) -> Option<usize> {
        let members = &self.judgement.findings[finding].members;
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for cause in members.iter().filter_map(|member| cause_of.get(&member.group)) {
            *counts.entry(*cause).or_default() += 1;
        }
        // Of equal ones the one of most bytes, which comes first.
        let most = counts.into_iter().reduce(|most, cause| if cause.1 > most.1 { cause } else { most })?;
        (most.1 * 2 >= members.len()).then_some(most.0)
    }
}
