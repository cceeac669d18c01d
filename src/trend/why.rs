//! Findings and the causes of their growth.

use std::collections::{BTreeMap, BTreeSet};

use super::{Trends, Why, sizes};
use crate::causes::{Cause, Causes, GroupNumbers};
use crate::growth::{GroupSeries, Rule};
use crate::report::{self, CauseKind, TrendVerdict};
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

    /// Joins findings of one cause and notes why they are alive. `growing` are the groups that causes speak of. Returns what grows in
    /// places that belong to no finding.
    pub fn explain(&mut self, series: &Series, growing: &[usize], causes: &Causes) -> Vec<report::Cause> {
        let of: CausesOf<'_> = growing.iter().copied().zip(causes.of_group.iter().map(Vec::as_slice)).collect();
        let distance: BTreeMap<usize, u32> = growing.iter().copied().zip(causes.distance.iter().copied()).collect();
        let mut one: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut found: Vec<Vec<usize>> = Vec::new();
        for finding in 0..self.judgement.findings.len() {
            match self.main_cause(finding, &of) {
                Some(cause) => one.entry(cause).or_default().push(finding),
                None => found.push(vec![finding]),
            }
        }
        found.extend(one.into_values());
        let groups: Vec<GroupSeries<'_>> = self
            .judged
            .iter()
            .map(|judged| {
                let group = &series.groups[judged.group];
                let (kind, name) = series.runtime.judged(&group.kind, &group.name);
                GroupSeries { kind, name, count: &judged.sums.count, self_size: sizes(series, &judged.sums) }
            })
            .collect();
        let nearness = |group: usize| Some((*of.get(&group)?.first()?, distance.get(&group).copied().unwrap_or(u32::MAX)));
        self.judgement.join(&found, &groups, nearness);
        let mut told = vec![false; causes.causes.len()];
        let why = |finding: usize| {
            let all = self.causes_of(finding, &of);
            all.iter().for_each(|&cause| told[cause] = true);
            let is_explained = |of: &&&[usize]| !of.is_empty() && of.iter().all(|cause| all.contains(cause));
            let explained = of.values().filter(is_explained).count();
            Why { causes: told_together(causes, &all), share: share(causes, &all), groups: (explained, growing.len()) }
        };
        self.why = (0..self.judgement.findings.len()).map(why).collect();
        let is_other = |(cause, told): &(&Cause, bool)| !told && cause.size_growth >= OTHERS_MIN;
        let others = causes.causes.iter().zip(told).filter(is_other).take(OTHERS_MAX);
        others.filter_map(|(cause, _)| causes.told(cause).into_iter().next()).collect()
    }

    /// The cause that by itself explains most of a finding's members, if it does half of them.
    fn main_cause(&self, finding: usize, of: &CausesOf<'_>) -> Option<usize> {
        let members = &self.judgement.findings[finding].members;
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for member in members {
            if let Some([cause]) = of.get(&member.group) {
                *counts.entry(*cause).or_default() += 1;
            }
        }
        // Of equal ones the one of most bytes, which comes first.
        let most = counts.into_iter().reduce(|most, cause| if cause.1 > most.1 { cause } else { most })?;
        (most.1 * 2 >= members.len()).then_some(most.0)
    }

    /// The causes that have the growth of a finding's members, that of the headline first, the others by bytes.
    fn causes_of(&self, finding: usize, of: &CausesOf<'_>) -> Vec<usize> {
        let finding = &self.judgement.findings[finding];
        let of_members = || finding.members.iter().filter_map(|member| of.get(&member.group));
        let whole: BTreeSet<usize> =
            of_members().filter(|causes| causes.len() == 1).flat_map(|causes| causes.iter().copied()).collect();
        // What is scattered over several causes follows the one that it has most in, where that is told anyway.
        let scattered = of_members().filter(|causes| causes.first().is_some_and(|most| !whole.contains(most)));
        let mut all: Vec<usize> = whole.iter().copied().chain(scattered.flat_map(|causes| causes.iter().copied())).collect();
        let first = of.get(&finding.headline).and_then(|causes| causes.first());
        all.sort_unstable_by_key(|cause| (Some(cause) != first, *cause));
        all.dedup();
        all
    }
}

/// The causes of each growing group.
type CausesOf<'c> = BTreeMap<usize, &'c [usize]>;

/// What keeps several causes alive, places first.
fn told_together(causes: &Causes, all: &[usize]) -> Vec<report::Cause> {
    let mut told: Vec<report::Cause> = Vec::new();
    for cause in all.iter().flat_map(|&cause| causes.told(&causes.causes[cause])) {
        if told.iter().all(|other| (other.kind, &other.text) != (cause.kind, &cause.text)) {
            told.push(cause);
        }
    }
    told.sort_by_key(|cause| cause.kind != CauseKind::Place);
    told
}

/// Bytes that several causes keep alive, if they were looked at.
fn share(causes: &Causes, all: &[usize]) -> Option<report::Share> {
    let shares = all.iter().filter_map(|&cause| causes.share(&causes.causes[cause]));
    shares.reduce(|sum, share| report::Share { exclusive: sum.exclusive + share.exclusive, shared: sum.shared + share.shared })
}
