//! Groups judged alone, on their size: what no finding explains.

use super::stats::{self, MannKendall};
use super::steps::{BY_CHANCE_MAX, Context};
use super::tiers;
use super::{Group, Measures};
use crate::report::TrendVerdict;

/// Least growth in bytes that is worth a row.
pub(crate) const GATE_BYTES: f64 = 65_536.0;
/// The same as a share of the median size.
const GATE_SHARE: f64 = 0.01;
/// Least growth in objects, where counts are judged.
const GATE_OBJECTS: f64 = 32.0;
/// The same as a share of the median count.
const GATE_OBJECTS_SHARE: f64 = 0.3;
/// Count growth up to which a container counts as one that only inflates.
const FLAT: f64 = 0.02;

/// How a series of counts or sizes develops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    pub(crate) measures: Measures,
    /// Theil-Sen slope times the number of steps.
    growth: f64,
    median: f64,
    /// Number of steps that hold at least half of their fair share of all that is gained.
    spread: usize,
}

impl Shape {
    pub(crate) fn of(kendall: &MannKendall, values: &[u64]) -> Self {
        let n = values.len();
        if values.windows(2).all(|pair| pair[0] == pair[1]) {
            return Self::flat(kendall, values);
        }
        let slope = stats::theil_sen(values);
        let growth = slope * stats::to_f64(n.saturating_sub(1));
        let p = kendall.p_rising(values);
        let relative = |part: f64| if slope == 0.0 { 0.0 } else { part / slope };
        let tail = relative(stats::theil_sen(&values[n.saturating_sub(n.div_ceil(2).max(3))..]));
        let weakest = parts(values).map(|part| relative(stats::theil_sen(part))).fold(f64::INFINITY, f64::min);
        let steps_up = values.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let measures = Measures {
            monotonic: n > 1 && steps_up == n - 1,
            steps_up,
            p,
            slope,
            growth: stats::round(growth),
            tail,
            weakest,
            score: growth * tail.min(1.0) * (1.0 - p),
        };
        Self { measures, growth, median: stats::median_u64(values), spread: spread(values) }
    }

    fn flat(kendall: &MannKendall, values: &[u64]) -> Self {
        let p = kendall.p_rising(values);
        let measures = Measures { monotonic: false, steps_up: 0, p, slope: 0.0, growth: 0, tail: 0.0, weakest: 0.0, score: 0.0 };
        Self { measures, growth: 0.0, median: values.first().map_or(0.0, |&v| stats::u64_to_f64(v)), spread: 0 }
    }

    fn passes(&self, least: f64, share: f64) -> bool {
        self.growth >= least && self.growth >= share * self.median
    }

    /// The tests a leak passes beside its gate.
    fn rises_throughout(&self, n: usize) -> bool {
        let steps_min = if n < 7 { 2 } else { 3 };
        self.measures.p <= 0.01 && self.measures.tail >= 0.4 && self.measures.weakest >= 0.15 && self.spread >= steps_min
    }
}

/// Halves of a short series, thirds of a longer one; neighbours share a point.
fn parts(values: &[u64]) -> impl Iterator<Item = &[u64]> {
    let n = values.len();
    let parts = if n < 9 { 2 } else { 3 };
    let bound = move |part: usize| part * (n - 1) / parts;
    (0..parts).map(move |part| &values[bound(part)..=bound(part + 1)])
}

/// Number of steps that hold at least half of their fair share of all that is gained.
fn spread(values: &[u64]) -> usize {
    let rises = values.windows(2).map(|pair| stats::u64_to_f64(pair[1].saturating_sub(pair[0])));
    let fair = rises.clone().sum::<f64>() / stats::to_f64(values.len().saturating_sub(1));
    rises.filter(|&rise| rise > 0.0 && rise >= 0.5 * fair).count()
}

/// Judgement of a group alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alone {
    /// `Leak` or `Suspect`.
    pub(crate) verdict: TrendVerdict,
    /// The count is flat: a container that grows.
    pub(crate) inflates: bool,
}

/// Judges a group alone: leak, suspect, or nothing worth a row.
pub(crate) fn judge(group: &Group<'_>, shape: &Shape, context: Context<'_>) -> Option<Alone> {
    let n = group.series.count.len();
    if n < 3 {
        return None;
    }
    let sized = !group.series.self_size.is_empty();
    let gate = if sized { shape.passes(context.gate_bytes, GATE_SHARE) } else { shape.passes(GATE_OBJECTS, GATE_OBJECTS_SHARE) };
    let possible = if n < 5 { context.kendall.p_least(n) } else { 0.0 };
    // Where many named groups swing, one or the other rises throughout by chance.
    let chances = if group.tier >= tiers::NATIVE { context.chances.max(1) } else { 1 };
    let lone = shape.measures.p * stats::to_f64(chances) <= BY_CHANCE_MAX;
    let own = !tiers::is_runtime(group.series.kind, group.series.name);
    let verdict = if gate && n >= 5 && shape.rises_throughout(n) && lone && own {
        TrendVerdict::Leak
    } else if (gate && shape.measures.p <= possible.max(0.05)) || (sized && rises_within_churn(group, context.kendall)) {
        TrendVerdict::Suspect
    } else {
        return None;
    };
    let (first, last) = (group.series.count[0], group.series.count[n - 1]);
    let inflates = sized && gate && stats::u64_to_f64(last) <= (1.0 + FLAT) * stats::u64_to_f64(first);
    Some(Alone { verdict, inflates })
}

/// Judges literals, which many causes share, where nothing else was found: suspect if their number rises throughout and their
/// size by a quarter of the gate. Their size swings with everything that is alive, so the gate itself hides slow leaks of them.
pub(crate) fn judge_literals(group: &Group<'_>, shape: &Shape, context: Context<'_>) -> Option<Alone> {
    let Group { series, .. } = group;
    let rises = context.n >= 5
        && tiers::is_literal(series.kind, series.name)
        && !series.self_size.is_empty()
        && shape.growth >= context.gate_bytes / 4.0
        && rises_in_number(series.count, context.kendall);
    rises.then_some(Alone { verdict: TrendVerdict::Suspect, inflates: false })
}

/// A leak inside the churn of its own class: the counts rise throughout, the size rule sees nothing.
fn rises_within_churn(group: &Group<'_>, kendall: &MannKendall) -> bool {
    group.tier >= tiers::CLOSURE && group.series.count.len() >= 7 && rises_in_number(group.series.count, kendall)
}

fn rises_in_number(counts: &[u64], kendall: &MannKendall) -> bool {
    let shape = Shape::of(kendall, counts);
    shape.passes(GATE_OBJECTS, GATE_OBJECTS_SHARE) && shape.rises_throughout(counts.len())
}
