//! From units and groups alone to ranked findings.

use std::cmp::Reverse;

use super::alone::{self, Alone, Shape};
use super::attribution::{self, Explanation};
use super::stats;
use super::steps::{self, Context};
use super::tiers;
use super::units::{self, Unit};
use super::{Attributed, Finding, Group, GroupVerdict, Judgement, Measures, Member, RowVerdict};
use crate::report::TrendVerdict;

/// Share of a group's growth from which on a finding explains the group.
const EXPLAINED_MIN: f64 = 0.5;

/// Judges groups of `context.n` snapshots each.
pub(crate) fn judge(groups: &[Group<'_>], context: Context<'_>) -> Judgement {
    let shapes: Vec<Shape> = groups.iter().map(|group| Shape::of(context.kendall, group.bytes())).collect();
    if context.n < 3 {
        return without_findings(groups, &shapes, context);
    }
    let mut units = units::find(groups, context);
    sort_units(groups, &mut units);
    fold(groups, &mut units);
    let unit_of = unit_of_each(groups, &units);
    let explanations = explanations(groups, &units, &unit_of);
    let alone = judge_alone(groups, &shapes, &units, &unit_of, &explanations, context);
    let (findings, finding_of) = compose(groups, &units, &explanations, &alone);
    let verdicts = (0..groups.len())
        .map(|g| {
            let explained = explanations[g].filter(|e| is_growing(&units[e.unit]));
            let major = explained.filter(|e| e.share >= EXPLAINED_MIN);
            let unit = unit_of[g].or(major.map(|e| e.unit));
            let verdict = match (unit, alone[g]) {
                (Some(unit), _) => units[unit].judged.verdict,
                (None, Some(alone)) => alone.verdict,
                (None, None) => own_verdict(&groups[g], context),
            };
            GroupVerdict {
                verdict,
                measures: shapes[g].measures,
                finding: major.and_then(|e| finding_of.unit[e.unit]).or(finding_of.group[g]),
                explained_share: explained.map(|e| e.share),
                inflates: alone[g].is_some_and(|alone| alone.inflates),
                runtime: tiers::is_runtime(groups[g].series.kind, groups[g].series.name),
            }
        })
        .collect();
    Judgement { groups: verdicts, findings, chances: context.chances }
}

/// Judges the groups that no unit explains. Literals get their turn only where there is no finding but the engine's own.
fn judge_alone(
    groups: &[Group<'_>],
    shapes: &[Shape],
    units: &[Unit],
    unit_of: &[Option<usize>],
    explanations: &[Option<Explanation>],
    context: Context<'_>,
) -> Vec<Option<Alone>> {
    let free = |g: usize| unit_of[g].is_none() && explanations[g].is_none_or(|e| e.share < EXPLAINED_MIN);
    let judge_free = |judge: fn(&Group<'_>, &Shape, Context<'_>) -> Option<Alone>| -> Vec<Option<Alone>> {
        (0..groups.len()).map(|g| if free(g) { judge(&groups[g], &shapes[g], context) } else { None }).collect()
    };
    let mut alone = judge_free(alone::judge);
    let is_runtime = |g: usize| tiers::is_runtime(groups[g].series.kind, groups[g].series.name);
    if !units.iter().any(is_growing) && (0..groups.len()).all(|g| alone[g].is_none() || is_runtime(g)) {
        let literals = judge_free(alone::judge_literals);
        alone = alone.into_iter().zip(literals).map(|(other, literal)| other.or(literal)).collect();
    }
    alone
}

/// Judges a row by itself: by its steps where its name may start a finding, else by its size.
pub(crate) fn judge_row(group: &Group<'_>, has_class: bool, context: Context<'_>) -> RowVerdict {
    let shape = Shape::of(context.kendall, group.bytes());
    let may_start = (!has_class || !tiers::is_shared(group.series.kind, group.series.name))
        && group.movement.is_candidate()
        && units::may_start(group.tier, &group.movement, context.n);
    let in_step = if may_start && context.n >= 3 {
        let start = stats::u64_to_f64(group.series.count[0]);
        let verdict = steps::judge(&group.movement, start, context).verdict;
        Some(verdict.max(units::strongest(std::iter::once(group), context.n))).filter(|&verdict| units::is_growth(verdict))
    } else {
        None
    };
    let alone = if in_step.is_none() { alone::judge(group, &shape, context) } else { None };
    let verdict = in_step.or(alone.map(|alone| alone.verdict)).unwrap_or_else(|| own_verdict(group, context));
    RowVerdict {
        verdict,
        measures: shape.measures,
        inflates: alone.is_some_and(|alone| alone.inflates),
        runtime: has_class && tiers::is_runtime(group.series.kind, group.series.name),
    }
}

fn without_findings(groups: &[Group<'_>], shapes: &[Shape], context: Context<'_>) -> Judgement {
    let verdict = |group: &Group<'_>, measures: Measures| GroupVerdict {
        verdict: own_verdict(group, context),
        measures,
        finding: None,
        explained_share: None,
        inflates: false,
        runtime: tiers::is_runtime(group.series.kind, group.series.name),
    };
    let groups = groups.iter().zip(shapes).map(|(group, shape)| verdict(group, shape.measures)).collect();
    Judgement { groups, findings: Vec::new(), chances: context.chances }
}

/// Verdict of a group that no finding speaks of.
fn own_verdict(group: &Group<'_>, context: Context<'_>) -> TrendVerdict {
    if context.n < 3 {
        let same = |values: &[u64]| values.windows(2).all(|pair| pair[0] == pair[1]);
        return if same(group.series.count) && same(group.series.self_size) {
            TrendVerdict::Stable
        } else {
            TrendVerdict::Change
        };
    }
    let start = stats::u64_to_f64(group.series.count[0]);
    steps::describe(group.series.count, &group.movement, steps::judge(&group.movement, start, context).verdict)
}

fn is_growing(unit: &Unit) -> bool {
    matches!(unit.judged.verdict, TrendVerdict::Leak | TrendVerdict::Suspect)
}

fn size_growth(group: &Group<'_>) -> i64 {
    let size = group.bytes();
    stats::difference(size[size.len() - 1], size[0])
}

fn unit_growth(groups: &[Group<'_>], unit: &Unit) -> i64 {
    unit.members.iter().fold(0, |sum: i64, member| sum.saturating_add(size_growth(&groups[member.group])))
}

/// Puts the member that names the cause best first in every unit, and the strongest unit first: by verdict, then those with a
/// telling name, then by bytes.
fn sort_units(groups: &[Group<'_>], units: &mut [Unit]) {
    for unit in units.iter_mut() {
        unit.members.sort_by_cached_key(|member| {
            let group = &groups[member.group];
            let (first, last) = (group.series.count[0], group.series.count[group.series.count.len() - 1]);
            let new_tenths =
                stats::round(10.0 * stats::i64_to_f64(stats::difference(last, first)) / stats::u64_to_f64(last.max(1)));
            (
                (Reverse(group.tier), member.per_unit > 1, Reverse(new_tenths), member.residual > 0, member.per_unit),
                (Reverse(size_growth(group)), group.series.name, group.series.kind),
            )
        });
    }
    units.sort_by_cached_key(|unit| {
        let headline = &groups[unit.members[0].group];
        let untold = headline.tier < tiers::NATIVE;
        (unit.judged.verdict, untold, Reverse(unit_growth(groups, unit)), headline.series.name, headline.series.kind)
    });
}

/// Drops findings without a telling name that a stronger finding explains; their members are free again.
fn fold(groups: &[Group<'_>], units: &mut Vec<Unit>) {
    let mut kept: Vec<Unit> = Vec::with_capacity(units.len());
    for unit in units.drain(..) {
        let headline = &groups[unit.members[0].group];
        let explaining = kept.iter().take(attribution::UNITS_MAX).enumerate();
        let folds = is_growing(&unit)
            && headline.tier < tiers::NATIVE
            && explaining.into_iter().any(|(index, stronger)| attribution::explain(headline, index, stronger).is_some());
        if !folds {
            kept.push(unit);
        }
    }
    *units = kept;
}

fn unit_of_each(groups: &[Group<'_>], units: &[Unit]) -> Vec<Option<usize>> {
    let mut unit_of = vec![None; groups.len()];
    for (index, unit) in units.iter().enumerate() {
        for member in &unit.members {
            unit_of[member.group] = Some(index);
        }
    }
    unit_of
}

/// For every shared group that is no member, the unit that explains it best.
fn explanations(groups: &[Group<'_>], units: &[Unit], unit_of: &[Option<usize>]) -> Vec<Option<Explanation>> {
    let explaining: Vec<usize> = (0..units.len()).take(attribution::UNITS_MAX).collect();
    let mut shared: Vec<usize> = (0..groups.len())
        .filter(|&g| unit_of[g].is_none() && attribution::is_shared(&groups[g]) && size_growth(&groups[g]) > 0)
        .collect();
    shared.sort_by_cached_key(|&g| (Reverse(size_growth(&groups[g])), groups[g].series.name, groups[g].series.kind));
    let mut explanations = vec![None; groups.len()];
    for &g in shared.iter().take(attribution::GROUPS_MAX) {
        explanations[g] = attribution::best(&groups[g], units, explaining.iter().copied());
    }
    explanations
}

/// Index of the finding that a unit or a group alone became.
struct FindingOf {
    unit: Vec<Option<usize>>,
    group: Vec<Option<usize>>,
}

fn compose(
    groups: &[Group<'_>],
    units: &[Unit],
    explanations: &[Option<Explanation>],
    alone: &[Option<Alone>],
) -> (Vec<Finding>, FindingOf) {
    let mut attributed = vec![Vec::new(); units.len()];
    for (g, explanation) in explanations.iter().enumerate() {
        if let Some(e) = explanation {
            attributed[e.unit].push(Attributed { group: g, per_unit: e.per_unit, size_growth: e.size_growth });
        }
    }
    let mut all: Vec<(Option<usize>, Finding)> = Vec::new();
    for (index, (unit, mut attributed)) in units.iter().zip(attributed).enumerate().filter(|(_, (unit, _))| is_growing(unit)) {
        attributed.sort_by_cached_key(|a| (Reverse(a.size_growth), groups[a.group].series.name, groups[a.group].series.kind));
        all.push((Some(index), of_unit(groups, unit, attributed)));
    }
    all.extend(alone.iter().enumerate().filter_map(|(g, alone)| Some((None, of_group(groups, g, (*alone)?)))));
    all.sort_by_cached_key(|(_, finding)| {
        let headline = groups[finding.headline].series;
        let group = (finding.verdict, finding.runtime, finding.steps.is_none());
        (group, Reverse(finding.size_growth_total), headline.name, headline.kind)
    });
    let mut of = FindingOf { unit: vec![None; units.len()], group: vec![None; groups.len()] };
    for (index, (unit, finding)) in all.iter().enumerate() {
        if let Some(unit) = *unit {
            of.unit[unit] = Some(index);
        }
        for member in &finding.members {
            of.group[member.group] = Some(index);
        }
    }
    (all.into_iter().map(|(_, finding)| finding).collect(), of)
}

fn of_unit(groups: &[Group<'_>], unit: &Unit, attributed: Vec<Attributed>) -> Finding {
    let members = unit.members.iter().map(|member| Member {
        group: member.group,
        per_unit: member.per_unit,
        exact: member.residual == 0,
        residual: member.residual,
    });
    Finding {
        headline: unit.members[0].group,
        verdict: unit.judged.verdict,
        steps: Some(unit.movement.steps.clone()),
        since: unit.movement.since,
        constant: unit.judged.constant,
        slowing: unit.judged.slowing,
        runtime: false,
        ..with_members(groups, members.collect(), attributed)
    }
}

fn of_group(groups: &[Group<'_>], group: usize, alone: Alone) -> Finding {
    Finding {
        verdict: alone.verdict,
        runtime: tiers::is_runtime(groups[group].series.kind, groups[group].series.name),
        ..with_members(groups, vec![Member { group, per_unit: 1, exact: true, residual: 0 }], Vec::new())
    }
}

fn with_members(groups: &[Group<'_>], members: Vec<Member>, attributed: Vec<Attributed>) -> Finding {
    let mut size_per_step = Vec::new();
    for member in &members {
        let size = groups[member.group].bytes();
        size_per_step.resize(size.len() - 1, 0_i64);
        for (sum, pair) in size_per_step.iter_mut().zip(size.windows(2)) {
            *sum = sum.saturating_add(stats::difference(pair[1], pair[0]));
        }
    }
    let size_growth = members.iter().fold(0, |sum: i64, member| sum.saturating_add(size_growth(&groups[member.group])));
    Finding {
        headline: members[0].group,
        verdict: TrendVerdict::Suspect,
        steps: None,
        since: 0,
        constant: false,
        slowing: false,
        runtime: false,
        size_growth_total: attributed.iter().fold(size_growth, |sum, a| sum.saturating_add(a.size_growth)),
        members,
        attributed,
        size_growth,
        size_per_step,
    }
}
