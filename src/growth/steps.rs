//! Judging one step vector: how many objects came in each step.

use super::stats::{self, MannKendall};
use crate::report::TrendVerdict;

/// Share of all gains that may be lost again before a vector is noise.
const LOSS_MAX: f64 = 0.02;
/// Share of the net growth that makes one step a `step`.
const ONE_STEP: f64 = 0.9;
/// Probability of falling by chance up to which steps that halve are saturating: one of four steps may be out of order.
const FALLING_P: f64 = 0.17;
/// Share of its fair part of the growth up to which the end of a vector holds next to nothing.
const REMNANT: f64 = 0.1;
/// Most groups, out of all that swing, that may be expected to rise as far as a leak by chance alone.
pub(crate) const BY_CHANCE_MAX: f64 = 0.1;
/// Least net growth worth a word, in objects.
pub(crate) const NET_MIN: i64 = 4;

/// What a judgement needs to know beside the vector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Number of snapshots.
    pub(crate) n: usize,
    /// How many chances noise has: the number of telling groups that go both up and down.
    pub(crate) chances: usize,
    /// Least growth in bytes that makes a group alone worth a row.
    pub(crate) gate_bytes: f64,
    /// Null distributions for at least `n` points.
    pub(crate) kendall: &'a MannKendall,
}

/// Sums of a step vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    /// The steps, leading ones without growth set to 0.
    pub(crate) steps: Vec<i64>,
    /// Number of leading steps without growth.
    pub(crate) since: usize,
    /// Sum of `steps`.
    pub(crate) net: i64,
    /// Sum of the falling steps' sizes.
    pub(crate) lost: i64,
}

impl Movement {
    /// Sums of the steps between counts.
    pub(crate) fn of(counts: &[u64]) -> Self {
        Self::of_steps(counts.windows(2).map(|pair| stats::difference(pair[1], pair[0])).collect())
    }

    /// Sums of the steps.
    pub(crate) fn of_steps(mut steps: Vec<i64>) -> Self {
        let since = steps.iter().take_while(|&&step| step <= 0).count();
        steps[..since].fill(0);
        let net = stats::sum(&steps);
        let lost = steps.iter().fold(0, |sum: i64, &step| sum.saturating_sub(step.min(0)));
        Self { steps, since, net, lost }
    }

    /// Whether the vector may belong to a finding: it grows, and loses little of it again.
    pub(crate) fn is_candidate(&self) -> bool {
        self.net >= NET_MIN && self.lost.saturating_mul(10) <= self.gained()
    }

    /// Running sums, from 0.
    pub(crate) fn running(&self) -> Vec<i64> {
        let mut sum: i64 = 0;
        std::iter::once(0)
            .chain(self.steps.iter().map(|&step| {
                sum = sum.saturating_add(step);
                sum
            }))
            .collect()
    }

    fn gained(&self) -> i64 {
        self.net.saturating_add(self.lost)
    }
}

/// Judgement of one step vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) verdict: TrendVerdict,
    /// Later steps are smaller than earlier ones.
    pub(crate) slowing: bool,
    /// Every step is the same.
    pub(crate) constant: bool,
}

/// Judges the movement of a group that had `start` objects (of the unit) in the first snapshot.
pub(crate) fn judge(movement: &Movement, start: f64, context: Context<'_>) -> Judged {
    let v = &movement.steps[movement.since..];
    let growth = Growth::of(movement, start, context);
    let constant = !v.is_empty() && v.iter().all(|step| *step == v[0]);
    let verdict = if v.is_empty() {
        TrendVerdict::Stable
    } else if stats::i64_to_f64(movement.lost) > LOSS_MAX * stats::i64_to_f64(movement.gained()) {
        TrendVerdict::Noise
    } else if v.len() > 1 && v.iter().any(|&step| stats::i64_to_f64(step) >= ONE_STEP * growth.net) {
        TrendVerdict::Step
    } else if growth.is_saturating(v) {
        TrendVerdict::Saturating
    } else if 4 * v.iter().filter(|&&step| step > 0).count() < 3 * v.len() {
        TrendVerdict::Noise
    } else if growth.is_leak() {
        TrendVerdict::Leak
    } else if growth.is_suspect(movement, context) {
        TrendVerdict::Suspect
    } else {
        TrendVerdict::Noise
    };
    Judged { verdict, slowing: growth.slowing, constant }
}

/// The figures the verdicts are taken from.
struct Growth {
    /// Number of steps since growth began.
    m: usize,
    net: f64,
    /// Mean of the later half of the steps over mean of the earlier half; 1 for a single step.
    ratio: f64,
    /// Probability that the steps fall by chance.
    p_falling: f64,
    /// Probability that the running sum rises by chance, and the least it can be.
    p: f64,
    p_least: f64,
    slowing: bool,
    /// The last step holds next to nothing: the growth may just have ended.
    ended: bool,
    /// Number of groups, out of all that swing, that would rise as far by chance.
    by_chance: f64,
    /// The steps are nearly equal.
    steady: bool,
    /// Chance does not explain the growth, and half of that.
    not_luck: bool,
    half_not_luck: bool,
}

impl Growth {
    fn of(movement: &Movement, start: f64, context: Context<'_>) -> Self {
        let v = &movement.steps[movement.since..];
        let m = v.len();
        let (earlier, later) = v.split_at(m - m / 2);
        let ratio = if later.is_empty() { 1.0 } else { stats::mean(later) / stats::mean(earlier) };
        let net = stats::i64_to_f64(movement.net);
        let p = context.kendall.p_rising(&movement.running()[movement.since..]);
        let p_falling = context.kendall.p_falling(v);
        let share = net / (start + net);
        let variation = stats::variation(v);
        let by_chance = p * stats::to_f64(context.chances.max(1));
        let steady = variation <= 0.25;
        let not_luck = share >= 0.5 || steady || by_chance <= 0.002;
        Self {
            m,
            net,
            ratio,
            p_falling,
            p,
            p_least: context.kendall.p_least(m + 1),
            slowing: p_falling <= 0.05 && ratio <= 0.8,
            ended: v.last().is_some_and(|&last| stats::i64_to_f64(last) * stats::to_f64(m) <= REMNANT * net),
            by_chance,
            steady,
            not_luck,
            half_not_luck: not_luck || share >= 0.25 || variation <= 0.5,
        }
    }

    fn is_saturating(&self, v: &[i64]) -> bool {
        let tail = self.m.div_ceil(3);
        let fair = self.net * stats::to_f64(tail) / stats::to_f64(self.m);
        let held = stats::i64_to_f64(stats::sum(&v[self.m - tail..]));
        held <= REMNANT * fair || self.ratio <= 0.25 || (self.ratio <= 0.5 && self.p_falling <= FALLING_P)
    }

    fn is_leak(&self) -> bool {
        let lone = self.steady || self.by_chance <= BY_CHANCE_MAX;
        let lasting = !self.slowing && !self.ended;
        self.m >= 4 && self.p <= 0.01 && self.net >= 2.0 * stats::to_f64(self.m) && lasting && self.not_luck && lone
    }

    fn is_suspect(&self, movement: &Movement, context: Context<'_>) -> bool {
        let real = if context.n < 5 { self.not_luck } else { self.half_not_luck };
        let few = self.m >= 4
            || (movement.since == 0
                && movement.steps.iter().all(|&step| step > 0)
                && self.net >= 8.0
                && (0.2..=5.0).contains(&self.ratio));
        movement.net >= NET_MIN && self.p <= self.p_least.max(0.05) && real && few
    }
}

/// Verdict of a group that belongs to no finding and deserves no row of its own.
pub(crate) fn describe(counts: &[u64], movement: &Movement, judged: TrendVerdict) -> TrendVerdict {
    let steps: Vec<i64> = counts.windows(2).map(|pair| stats::difference(pair[1], pair[0])).collect();
    let net = stats::sum(&steps);
    let moved = steps.iter().fold(0, |sum: u64, step| sum.saturating_add(step.unsigned_abs()));
    if net <= -NET_MIN && 4 * steps.iter().filter(|&&step| step < 0).count() >= 3 * steps.len() {
        TrendVerdict::Shrinking
    } else if moved < NET_MIN.unsigned_abs() {
        TrendVerdict::Stable
    } else if movement.net >= NET_MIN && matches!(judged, TrendVerdict::Step | TrendVerdict::Saturating) {
        judged
    } else if matches!(judged, TrendVerdict::Leak | TrendVerdict::Suspect) {
        TrendVerdict::Stable
    } else {
        TrendVerdict::Noise
    }
}
