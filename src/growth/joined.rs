//! Findings that turn out to have one cause become one finding.

use std::cmp::Reverse;

use super::stats;
use super::steps::Movement;
use super::tiers::tier;
use super::{Attributed, Finding, GroupSeries, Judgement, Member};

impl Judgement {
    /// Makes findings one. `parts` are indices of findings, each at most once, the strongest of each first. `nearness` tells where a
    /// group stands, if a cause is known: the rank of the cause, and how far below the place. Of members that name the cause equally
    /// well, the nearest does.
    pub fn join(&mut self, parts: &[Vec<usize>], groups: &[GroupSeries<'_>], nearness: impl Fn(usize) -> Option<(usize, u32)>) {
        let mut of: Vec<usize> = (0..self.findings.len()).collect();
        let mut joined: Vec<Option<Finding>> = self.findings.drain(..).map(Some).collect();
        for part in parts {
            let Some((&first, rest)) = part.split_first() else { continue };
            let Some(mut whole) = joined[first].take() else { continue };
            for &other in rest {
                of[other] = first;
                if let Some(other) = joined[other].take() {
                    take_in(&mut whole, other, groups);
                }
            }
            finish(&mut whole, groups, &nearness);
            joined[first] = Some(whole);
        }
        let mut order: Vec<usize> = (0..joined.len()).filter(|&at| joined[at].is_some()).collect();
        order.sort_by_cached_key(|&at| {
            joined[at].as_ref().map(|finding| {
                let headline = &groups[finding.headline];
                let strength = (finding.verdict, finding.runtime, finding.steps.is_none());
                (strength, Reverse(finding.size_growth_total), headline.name, headline.kind)
            })
        });
        let mut place = vec![None; joined.len()];
        (0..).zip(&order).for_each(|(at, &finding)| place[finding] = Some(at));
        self.findings = order.iter().filter_map(|&at| joined[at].take()).collect();
        for group in &mut self.groups {
            group.finding = group.finding.and_then(|finding| place[of[finding]]);
            if let Some(finding) = group.finding {
                group.verdict = self.findings[finding].verdict;
            }
        }
    }
}

/// The steps of a group.
fn movement(groups: &[GroupSeries<'_>], group: usize) -> Movement {
    Movement::of(groups[group].count)
}

/// Takes the members of another finding in; a group that was judged alone has no steps in common and counts as shared.
fn take_in(whole: &mut Finding, other: Finding, groups: &[GroupSeries<'_>]) {
    let steps = whole.steps.clone().unwrap_or_default();
    let units = stats::sum(&steps);
    if other.steps.is_none() || units <= 0 {
        for member in &other.members {
            let net = stats::i64_to_f64(movement(groups, member.group).net);
            let per_unit = if units > 0 { net / stats::i64_to_f64(units) } else { 1.0 };
            whole.attributed.push(Attributed { group: member.group, per_unit, size_growth: other.size_growth.max(0) });
        }
    } else {
        whole.members.extend(other.members.iter().map(|member| {
            let movement = movement(groups, member.group);
            let per_unit =
                u64::try_from(stats::round(stats::i64_to_f64(movement.net) / stats::i64_to_f64(units))).unwrap_or(1).max(1);
            let each = i64::try_from(per_unit).unwrap_or(i64::MAX);
            let apart = |(step, unit): (&i64, &i64)| step.abs_diff(unit.saturating_mul(each));
            let residual = movement.steps.iter().zip(&steps).map(apart).fold(0, u64::saturating_add);
            Member { group: member.group, per_unit, exact: residual == 0, residual }
        }));
        whole.size_growth = whole.size_growth.saturating_add(other.size_growth);
        for (sum, more) in whole.size_per_step.iter_mut().zip(&other.size_per_step) {
            *sum = sum.saturating_add(*more);
        }
    }
    whole.verdict = whole.verdict.min(other.verdict);
    whole.attributed.extend(other.attributed);
}

/// Puts members and shared groups in order.
fn finish(finding: &mut Finding, groups: &[GroupSeries<'_>], nearness: impl Fn(usize) -> Option<(usize, u32)>) {
    let growth = |group: usize| {
        let sizes = if groups[group].self_size.is_empty() { groups[group].count } else { groups[group].self_size };
        sizes.first().zip(sizes.last()).map_or(0, |(&first, &last)| stats::difference(last, first))
    };
    finding.members.sort_by_cached_key(|member| {
        let group = &groups[member.group];
        let (first, last) = (group.count.first().copied().unwrap_or(0), group.count.last().copied().unwrap_or(0));
        let new_tenths = stats::round(10.0 * stats::i64_to_f64(stats::difference(last, first)) / stats::u64_to_f64(last.max(1)));
        let nearness = nearness(member.group);
        // A name that no place leads to tells less than one of its tier that some does.
        let named = (Reverse(tier(group.kind, group.name)), nearness.is_none(), member.per_unit > 1, Reverse(new_tenths));
        (named, nearness, (member.residual > 0, member.per_unit), Reverse(growth(member.group)), group.name, group.kind)
    });
    finding.headline = finding.members.first().map_or(finding.headline, |member| member.group);
    finding.attributed.sort_by_cached_key(|a| (Reverse(a.size_growth), groups[a.group].name, groups[a.group].kind));
    let attributed = finding.attributed.iter().fold(0, |sum: i64, a| sum.saturating_add(a.size_growth));
    finding.size_growth_total = finding.size_growth.saturating_add(attributed);
}
