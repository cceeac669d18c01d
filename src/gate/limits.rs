//! Bounds and the figures they are about.

use super::{Limits, TotalLimits};
use crate::text::{count, signed_count, signed_size, size};

/// What a bound is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounded {
    Growth,
    GrowthPerStep,
    Count,
    CountGrowth,
    Size,
}

/// A bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) what: Bounded,
    pub(super) most: u64,
}

/// What is known of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures<'a> {
    pub(super) count: &'a [u64],
    /// None where an input has no sizes.
    pub(super) size: Option<&'a [u64]>,
    /// Whether differences between the inputs are growth.
    pub(super) comparable: bool,
    /// Count and size in the baseline; None where there is none to compare with.
    pub(super) baseline: Option<(u64, Option<u64>)>,
}

/// What a look at a bound gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Holds,
    /// With the figure that breaks it.
    Broken(String),
    /// The inputs have no sizes.
    NoSizes,
    /// There is nothing to compare with.
    NoGrowth,
}

impl Limits {
    pub(super) fn bounds(&self) -> impl Iterator<Item = Bound> {
        bounds([
            (Bounded::Growth, self.max_growth),
            (Bounded::Count, self.max_count),
            (Bounded::CountGrowth, self.max_count_growth),
            (Bounded::Size, self.max_size),
        ])
    }
}

impl TotalLimits {
    pub(super) fn bounds(&self) -> impl Iterator<Item = Bound> {
        bounds([
            (Bounded::Growth, self.max_growth),
            (Bounded::GrowthPerStep, self.max_growth_per_step),
            (Bounded::Size, self.max_size),
        ])
    }
}

fn bounds<const N: usize>(bounds: [(Bounded, Option<u64>); N]) -> impl Iterator<Item = Bound> {
    bounds.into_iter().filter_map(|(what, most)| most.map(|most| Bound { what, most }))
}

impl Bound {
    /// The code of its reasons.
    pub(super) fn code(self) -> &'static str {
        match self.what {
            Bounded::Growth => "max-growth",
            Bounded::GrowthPerStep => "max-growth-per-step",
            Bounded::Count => "max-count",
            Bounded::CountGrowth => "max-count-growth",
            Bounded::Size => "max-size",
        }
    }

    /// What is allowed, in words.
    pub(super) fn words(self) -> String {
        match self.what {
            Bounded::Growth => format!("+{}", size(self.most)),
            Bounded::GrowthPerStep => format!("+{} a step", size(self.most)),
            Bounded::Count if self.most == 1 => "1 object".to_owned(),
            Bounded::Count => format!("{} objects", count(self.most)),
            Bounded::CountGrowth => format!("+{} objects", count(self.most)),
            Bounded::Size => size(self.most),
        }
    }

    /// Looks at the figures. `since` is what the baseline is called.
    pub(super) fn look(self, figures: &Figures<'_>, since: &str) -> Outcome {
        let last = |values: &[u64]| values.last().copied().unwrap_or(0);
        match self.what {
            Bounded::Count => self.compare(last(figures.count), count),
            Bounded::Size => figures.size.map_or(Outcome::NoSizes, |sizes| self.compare(last(sizes), size)),
            Bounded::CountGrowth => self.growth(figures, figures.count, figures.baseline.map(|(count, _)| count), since),
            Bounded::Growth => match figures.size {
                Some(sizes) => self.growth(figures, sizes, figures.baseline.and_then(|(_, size)| size), since),
                None => Outcome::NoSizes,
            },
            Bounded::GrowthPerStep => match figures.size {
                Some(sizes) if figures.comparable && sizes.len() > 1 => self.per_step(sizes),
                Some(_) => Outcome::NoGrowth,
                None => Outcome::NoSizes,
            },
        }
    }

    fn compare(self, value: u64, words: fn(u64) -> String) -> Outcome {
        if value > self.most { Outcome::Broken(words(value)) } else { Outcome::Holds }
    }

    /// Growth within the series and since the baseline: each of them that is known has to keep to the bound.
    fn growth(self, figures: &Figures<'_>, values: &[u64], baseline: Option<u64>, since: &str) -> Outcome {
        let words = if self.what == Bounded::Growth { signed_size } else { signed_count };
        let last = values.last().copied().unwrap_or(0);
        let first = values.first().copied().filter(|_| figures.comparable && values.len() > 1);
        let broken = |from: u64| last.checked_sub(from).filter(|growth| *growth > self.most);
        let told = |growth: u64| words(i64::try_from(growth).unwrap_or(i64::MAX));
        match (first.and_then(broken), baseline.and_then(broken)) {
            (Some(growth), _) => Outcome::Broken(told(growth)),
            (None, Some(growth)) => Outcome::Broken(format!("{} since {since}", told(growth))),
            (None, None) if first.is_none() && baseline.is_none() => Outcome::NoGrowth,
            (None, None) => Outcome::Holds,
        }
    }

    fn per_step(self, sizes: &[u64]) -> Outcome {
        let steps = u64::try_from(sizes.len() - 1).unwrap_or(u64::MAX);
        let growth = sizes[sizes.len() - 1].saturating_sub(sizes[0]);
        // Compared as sums: no rounding decides.
        if u128::from(growth) > u128::from(self.most) * u128::from(steps) {
            let mean = i64::try_from(growth / steps).unwrap_or(i64::MAX);
            Outcome::Broken(format!("{} a step", signed_size(mean)))
        } else {
            Outcome::Holds
        }
    }
}
