//! Shared groups, strings above all, and the part of their growth that findings explain.

use super::Group;
use super::stats;
use super::tiers;
use super::units::Unit;

/// Least number of snapshots a fit is worth anything at.
const SNAPSHOTS_MIN: usize = 4;
/// Least number of a group's objects in one unit.
const PER_UNIT_MIN: f64 = 0.5;
/// How far the explained growth has to stand above the spread of what is left.
const ABOVE_SPREAD: f64 = 4.0;
/// Makes the median absolute deviation comparable to a standard deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// Most units and most groups that are fitted with each other, the ones with most bytes first: a limit on work, not on findings.
pub(crate) const UNITS_MAX: usize = 256;
pub(crate) const GROUPS_MAX: usize = 1024;

/// The part of a group's growth that a unit explains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Explanation {
    /// Index of the unit.
    pub(crate) unit: usize,
    /// Objects per unit.
    pub(crate) per_unit: f64,
    /// Bytes explained, 0 to `growth`.
    pub(crate) size_growth: i64,
    /// Share of the group's growth in bytes, 0 to 1.
    pub(crate) share: f64,
    /// Spread of what is left over what is explained: how poor the fit is.
    spread: f64,
}

/// Whether the group's growth may have several causes.
pub(crate) fn is_shared(group: &Group<'_>) -> bool {
    group.tier < tiers::NATIVE && !tiers::is_code_or_shape(group.series.kind, group.series.name)
}

/// The unit that explains most of the group's growth with the least spread, among those with the given indices.
pub(crate) fn best(group: &Group<'_>, units: &[Unit], among: impl IntoIterator<Item = usize>) -> Option<Explanation> {
    among.into_iter().filter_map(|index| explain(group, index, &units[index])).fold(None, |best: Option<Explanation>, other| {
        if best.is_none_or(|best| other.spread < best.spread) { Some(other) } else { best }
    })
}

/// The part of the group's growth that the unit explains, if it does.
pub(crate) fn explain(group: &Group<'_>, index: usize, unit: &Unit) -> Option<Explanation> {
    let count = group.series.count;
    if count.len() < SNAPSHOTS_MIN {
        return None;
    }
    let running = unit.movement.running();
    let fit = Fit::of(&running, count).filter(|fit| fit.per_unit >= PER_UNIT_MIN)?;
    let size = group.bytes();
    let growth = stats::difference(size[size.len() - 1], size[0]).max(0);
    let explained = match Fit::of(&running, size) {
        Some(fit) => fit.explained,
        None => {
            let net = stats::i64_to_f64(stats::difference(count[count.len() - 1], count[0]));
            let share = if net > 0.0 { (fit.explained / net).min(1.0) } else { 1.0 };
            share * stats::i64_to_f64(growth)
        }
    };
    let size_growth = stats::round(explained).clamp(0, growth);
    let share = if growth == 0 { 1.0 } else { stats::i64_to_f64(size_growth) / stats::i64_to_f64(growth) };
    Some(Explanation { unit: index, per_unit: fit.per_unit, size_growth, share, spread: fit.spread / fit.explained })
}

/// A series as a multiple of a unit's running sum.
struct Fit {
    per_unit: f64,
    /// `per_unit` times all units.
    explained: f64,
    spread: f64,
}

impl Fit {
    /// The fit, if it stands above its spread.
    fn of(running: &[i64], values: &[u64]) -> Option<Self> {
        let mut slopes = Vec::new();
        for (i, (&unit, &value)) in running.iter().zip(values).enumerate() {
            for (&later_unit, &later) in running.iter().zip(values).skip(i + 1) {
                if later_unit > unit {
                    slopes.push(
                        stats::i64_to_f64(stats::difference(later, value)) / stats::i64_to_f64(later_unit.saturating_sub(unit)),
                    );
                }
            }
        }
        let per_unit = stats::median(&mut slopes);
        let rest: Vec<f64> = running
            .iter()
            .zip(values)
            .map(|(&unit, &value)| stats::u64_to_f64(value) - per_unit * stats::i64_to_f64(unit))
            .collect();
        let middle = stats::median(&mut rest.clone());
        let spread = MAD_TO_DEVIATION * stats::median(&mut rest.iter().map(|e| (e - middle).abs()).collect::<Vec<_>>());
        let explained = per_unit * running.last().map_or(0.0, |&last| stats::i64_to_f64(last));
        (explained > 0.0 && explained >= ABOVE_SPREAD * spread).then_some(Self { per_unit, explained, spread })
    }
}
