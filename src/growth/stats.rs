//! Statistics of short series: exact Mann-Kendall test, Theil-Sen slope, medians.

/// Exact null distribution of the number of inversions, for series of up to a given length.
///
/// Holds, for every length, the probability that a random order has at most so many inversions. Probabilities rather than
/// numbers of permutations, so that no length overflows; only the lower half, because the distribution is symmetrical.
#[derive(Debug, Clone)]
pub(crate) struct MannKendall {
    at_most: Vec<Vec<f64>>,
}

impl MannKendall {
    /// Distributions for series of 0 to `n` points.
    pub(crate) fn up_to(n: usize) -> Self {
        let mut at_most = vec![vec![1.0], vec![1.0]];
        for size in 2..=n {
            // A new largest element in one of `size` places adds 0 to size - 1 inversions, each as likely.
            let shorter = &at_most[size - 1];
            let weight = 1.0 / to_f64(size);
            let mut window = 0.0;
            let half = pairs(size).div_ceil(2);
            let mut table = Vec::with_capacity(half);
            for inversions in 0..half {
                window += lookup(shorter, size - 1, inversions);
                if inversions >= size {
                    window -= lookup(shorter, size - 1, inversions - size);
                }
                table.push(window * weight);
            }
            at_most.push(table);
        }
        Self { at_most }
    }

    /// One-sided probability that a random order of the values rises at least as consistently. Ties count half an inversion,
    /// the sum is rounded up. Series longer than the distributions count as not rising (1.0).
    pub(crate) fn p_rising<T: PartialOrd>(&self, values: &[T]) -> f64 {
        self.p(values, |earlier, later| earlier > later)
    }

    /// One-sided probability that a random order of the values falls at least as consistently.
    pub(crate) fn p_falling<T: PartialOrd>(&self, values: &[T]) -> f64 {
        self.p(values, |earlier, later| earlier < later)
    }

    /// The least probability a series of `size` points can have: 1 / size!.
    pub(crate) fn p_least(&self, size: usize) -> f64 {
        self.at_most.get(size).map_or(1.0, |table| lookup(table, size, 0))
    }

    fn p<T: PartialOrd>(&self, values: &[T], inverted: impl Fn(&T, &T) -> bool) -> f64 {
        let Some(table) = self.at_most.get(values.len()) else { return 1.0 };
        let mut twice = 0;
        for (i, earlier) in values.iter().enumerate() {
            for later in &values[i + 1..] {
                twice += if inverted(earlier, later) { 2 } else { usize::from(earlier == later) };
            }
        }
        lookup(table, values.len(), twice.div_ceil(2))
    }
}

/// Number of pairs among `size` points: the largest number of inversions.
fn pairs(size: usize) -> usize {
    size * size.saturating_sub(1) / 2
}

/// Probability of at most `inversions` from the lower half of the distribution for `size` points.
fn lookup(table: &[f64], size: usize, inversions: usize) -> f64 {
    match (table.get(inversions), pairs(size).checked_sub(inversions + 1)) {
        (Some(&p), _) => p,
        (None, None) => 1.0,
        (None, Some(mirrored)) => 1.0 - table[mirrored],
    }
}

/// Median; the mean of the middle two for an even number, 0 for none. Reorders `values`.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd { upper } else { f64::midpoint(below.iter().copied().fold(f64::MIN, f64::max), upper) }
}

/// Median of whole numbers.
pub(crate) fn median_u64(values: &[u64]) -> f64 {
    median(&mut values.iter().map(|&v| u64_to_f64(v)).collect::<Vec<_>>())
}

/// Theil-Sen slope: the median slope over all pairs of points, a step being 1; 0 for fewer than two points.
pub(crate) fn theil_sen(values: &[u64]) -> f64 {
    let mut slopes = Vec::with_capacity(pairs(values.len()));
    for (i, &earlier) in values.iter().enumerate() {
        for (distance, &later) in (1u32..).zip(&values[i + 1..]) {
            slopes.push(difference_f64(later, earlier) / f64::from(distance));
        }
    }
    median(&mut slopes)
}

/// Sum, clamped.
pub(crate) fn sum(values: &[i64]) -> i64 {
    values.iter().fold(0, |sum, &value| sum.saturating_add(value))
}

/// Arithmetic mean, 0 for none.
pub(crate) fn mean(values: &[i64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().map(|&v| i64_to_f64(v)).sum::<f64>() / to_f64(values.len()) }
}

/// Standard deviation over mean, of the values themselves (not an estimate for a larger population).
pub(crate) fn variation(values: &[i64]) -> f64 {
    let mean = mean(values);
    let variance = values.iter().map(|&v| (i64_to_f64(v) - mean).powi(2)).sum::<f64>() / to_f64(values.len().max(1));
    variance.sqrt() / mean
}

/// `later - earlier`, clamped to what an i64 holds.
pub(crate) fn difference(later: u64, earlier: u64) -> i64 {
    let distance = i64::try_from(later.abs_diff(earlier)).unwrap_or(i64::MAX);
    if later >= earlier { distance } else { -distance }
}

fn difference_f64(later: u64, earlier: u64) -> f64 {
    i64_to_f64(difference(later, earlier))
}

/// Nearest double.
#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub(crate) fn u64_to_f64(value: u64) -> f64 {
    value as f64
}

/// Nearest double.
#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub(crate) fn i64_to_f64(value: i64) -> f64 {
    value as f64
}

/// Nearest double.
#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub(crate) fn to_f64(value: usize) -> f64 {
    value as f64
}

/// Nearest whole number, clamped.
#[expect(clippy::cast_possible_truncation, reason = "a float-to-integer cast saturates")]
pub(crate) fn round(value: f64) -> i64 {
    value.round() as i64
}
