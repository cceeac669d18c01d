//! Groups that grow in lockstep: a unit of growth and the groups that rise by whole multiples of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Group;
use super::stats;
use super::steps::{self, Context, Judged, Movement};
use super::tiers::{self, Tier};
use crate::report::TrendVerdict;

/// Largest number of a member's objects in one unit.
const PER_UNIT_MAX: i64 = 64;
/// Least net growth that lets groups without a telling name start a finding.
const UNTOLD_NET_MIN: i64 = 32;
/// Least number of snapshots at which such a finding can be a leak.
const UNTOLD_LEAK_SNAPSHOTS: usize = 8;

/// A step vector and the groups in lockstep with it.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// How many units came in each step.
    pub(crate) movement: Movement,
    pub(crate) judged: Judged,
    /// At least one.
    pub(crate) members: Vec<UnitMember>,
}

/// A group in lockstep with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnitMember {
    /// Index of the group.
    pub(crate) group: usize,
    /// Objects per unit.
    pub(crate) per_unit: u64,
    /// Sum over the steps of the distance from `per_unit` times the unit.
    pub(crate) residual: u64,
}

/// Groups with equal step vectors that may start a finding.
struct Seed {
    groups: Vec<usize>,
    tier: Tier,
    verdict: TrendVerdict,
}

/// Finds the units among the groups, strongest first, and gives every group to one unit at most.
pub(crate) fn find(groups: &[Group<'_>], context: Context<'_>) -> Vec<Unit> {
    let seeds = seeds(groups, context);
    let mut order: Vec<(&Movement, &Seed)> = seeds.values().map(|seed| (&groups[seed.groups[0]].movement, seed)).collect();
    order.sort_by(|(a, x), (b, y)| {
        let rank =
            |movement: &Movement, seed: &Seed| (seed.verdict, Reverse(seed.groups.len()), Reverse(seed.tier), movement.net);
        rank(a, x).cmp(&rank(b, y)).then_with(|| a.steps.cmp(&b.steps))
    });
    let lockstep = Lockstep::new(groups);
    let mut taken = vec![false; groups.len()];
    let mut units = Vec::new();
    for (movement, seed) in order {
        if taken[seed.groups[0]] {
            continue;
        }
        let movement = smallest_unit(movement, |vector| seeds.get(vector).is_some_and(|unit| !taken[unit.groups[0]]));
        let members = lockstep.members(groups, &movement, &taken);
        for member in &members {
            taken[member.group] = true;
        }
        let judged = judge(groups, &movement, &members, context);
        units.push(Unit { movement, judged, members });
    }
    units
}

/// Groups that may start a finding, by step vector.
fn seeds<'a>(groups: &'a [Group<'_>], context: Context<'_>) -> BTreeMap<&'a [i64], Seed> {
    let mut by_vector: BTreeMap<&[i64], Vec<usize>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        if group.movement.is_candidate() && !tiers::is_shared(group.series.kind, group.series.name) {
            by_vector.entry(&group.movement.steps).or_default().push(index);
        }
    }
    by_vector
        .into_iter()
        .filter_map(|(vector, equal)| {
            let tier = equal.iter().map(|&g| groups[g].tier).max()?;
            let movement = &groups[equal[0]].movement;
            if !may_start(tier, movement, context.n) {
                return None;
            }
            let start = equal.iter().filter(|&&g| groups[g].tier >= tiers::BUILT_IN).map(|&g| groups[g].series.count[0]).min()?;
            let verdict = steps::judge(movement, stats::u64_to_f64(start), context).verdict;
            let verdict = verdict.max(strongest(equal.iter().map(|&g| &groups[g]), context.n));
            is_growth(verdict).then_some((vector, Seed { groups: equal, tier, verdict }))
        })
        .collect()
}

/// Whether the verdict speaks of growth, lasting or not.
pub(crate) fn is_growth(verdict: TrendVerdict) -> bool {
    matches!(verdict, TrendVerdict::Leak | TrendVerdict::Suspect | TrendVerdict::Saturating | TrendVerdict::Step)
}

/// Whether a group of this tier may start a finding.
pub(crate) fn may_start(tier: Tier, movement: &Movement, n: usize) -> bool {
    tier >= tiers::NATIVE || (tier == tiers::BUILT_IN && n >= 5 && movement.net >= UNTOLD_NET_MIN)
}

/// The strongest verdict that the names of groups in lockstep allow. Anonymous closures and dates rise by chance, always together
/// with their contexts: they need more snapshots to be a leak. New code by itself never is one, as modules are loaded late, too.
pub(crate) fn strongest<'a, 'b: 'a>(mut groups: impl Iterator<Item = &'a Group<'b>>, n: usize) -> TrendVerdict {
    let allows_leak = |group: &Group<'_>| {
        let untold = group.tier == tiers::BUILT_IN && !tiers::is_code(group.series.kind, group.series.name);
        group.tier >= tiers::NATIVE || (untold && n >= UNTOLD_LEAK_SNAPSHOTS)
    };
    if groups.any(allows_leak) { TrendVerdict::Leak } else { TrendVerdict::Suspect }
}

/// The smallest vector of which this one is a whole multiple, among those that `is_free` accepts; itself if there is none.
fn smallest_unit(movement: &Movement, is_free: impl Fn(&[i64]) -> bool) -> Movement {
    let divisor = movement.steps.iter().fold(0, |divisor, &step| gcd(divisor, step.unsigned_abs()));
    (2..=PER_UNIT_MAX)
        .rev()
        .filter(|factor| divisor.is_multiple_of(factor.unsigned_abs()))
        .map(|factor| movement.steps.iter().map(|step| step / factor).collect::<Vec<_>>())
        .find(|vector| is_free(vector) && !vector[movement.since..].iter().all(|&step| step == 1))
        .map_or_else(|| movement.clone(), Movement::of_steps)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Judges a unit by the member that had the fewest units at first.
fn judge(groups: &[Group<'_>], movement: &Movement, members: &[UnitMember], context: Context<'_>) -> Judged {
    let start = members
        .iter()
        .filter(|member| groups[member.group].tier >= tiers::BUILT_IN)
        .map(|member| stats::u64_to_f64(groups[member.group].series.count[0]) / stats::u64_to_f64(member.per_unit))
        .fold(f64::INFINITY, f64::min);
    let judged = steps::judge(movement, start, context);
    let strongest = strongest(members.iter().map(|member| &groups[member.group]), context.n);
    Judged { verdict: judged.verdict.max(strongest), ..judged }
}

/// Candidates by net growth, so that those in lockstep with a unit are found without looking at all of them.
struct Lockstep {
    by_net: Vec<Candidate>,
}

/// What rules most groups out at a glance.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    net: i64,
    last_step: i64,
    group: usize,
}

impl Lockstep {
    fn new(groups: &[Group<'_>]) -> Self {
        let mut by_net: Vec<Candidate> = groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.movement.is_candidate())
            .map(|(index, Group { movement, .. })| Candidate {
                net: movement.net,
                last_step: movement.steps.last().copied().unwrap_or_default(),
                group: index,
            })
            .collect();
        by_net.sort_unstable();
        Self { by_net }
    }

    /// Groups whose steps are `per_unit` times the unit's, within a tolerance measured in units.
    fn members(&self, groups: &[Group<'_>], unit: &Movement, taken: &[bool]) -> Vec<UnitMember> {
        // max(10 % of the unit's growth, 2 objects at most), in whole objects.
        let tolerance = (unit.net / 10).max((unit.net / 5).min(2));
        let last_unit = unit.steps.last().copied().unwrap_or_default();
        let mut members = Vec::new();
        for per_unit in 1..=PER_UNIT_MAX {
            let Some(net) = unit.net.checked_mul(per_unit) else { break };
            let (least, most) = (net.saturating_sub(tolerance), net.saturating_add(tolerance));
            let last_step = last_unit.saturating_mul(per_unit);
            let begin = self.by_net.partition_point(|candidate| candidate.net < least);
            for candidate in self.by_net[begin..].iter().take_while(|candidate| candidate.net <= most) {
                if taken[candidate.group] || candidate.last_step.abs_diff(last_step) > tolerance.unsigned_abs() {
                    continue;
                }
                let steps = &groups[candidate.group].movement.steps;
                if let Some(residual) = distance(steps, &unit.steps, per_unit, tolerance) {
                    members.push(UnitMember { group: candidate.group, per_unit: per_unit.unsigned_abs(), residual });
                }
            }
        }
        members
    }
}

/// Sum of |steps - per_unit x unit|; none past the tolerance.
fn distance(steps: &[i64], unit: &[i64], per_unit: i64, tolerance: i64) -> Option<u64> {
    let mut sum: u64 = 0;
    for (&step, &unit) in steps.iter().zip(unit) {
        sum = sum.saturating_add(step.abs_diff(unit.saturating_mul(per_unit)));
        if sum > tolerance.unsigned_abs() {
            return None;
        }
    }
    Some(sum)
}
