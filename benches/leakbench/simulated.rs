//! Part (b): simulated rows and heaps, where the truth is known by construction.
//!
//! **Rows.** One row's self sizes over n snapshots. Every row starts at `base` bytes (256 KiB to 16 MiB); one that leaks grows by `rate`
//! bytes a step (16 to 256 KiB), and one that does not moves by as much, `sweep` = `rate` x (n - 1), so that the amount gives nothing
//! away. All three are drawn anew for each row, small and large alike; "+ 5 %" is normal noise of that share of `rate` or `sweep`.
//!
//! | leak | bytes above `base` at step i |
//! |---|---|
//! | linear | `rate` i, + 5 % |
//! | noisy | `rate` i, + 50 % |
//! | slow under noise | `rate` i, + 100 %: noise as large as a step |
//! | bursty | up to 4 `rate` in half of the steps, by chance, + 5 % |
//! | accelerating | `rate` i² / (n - 1), + 5 % |
//! | rising sawtooth | `rate` i and a tooth of 2 `rate` every 3 or 4 steps |
//! | staircase | 2 or 3 `rate` in every second or third step, + 5 % |
//!
//! | not a leak | bytes above `base` at step i |
//! |---|---|
//! | flat | 0 |
//! | noise | normal, deviation `sweep` / 2 |
//! | AR(1) | the same, each value .6 of the one before and the rest new |
//! | one step, two steps | `sweep`, in one step or two of any size, + 2 % |
//! | warm-up | `sweep` (1 - qⁱ), q from .2 to .5, + 1 % |
//! | cache fill | linear to `sweep` within the first .6 of the steps, then full, + 1 % |
//! | sawtooth | teeth of `sweep` every 2 to 4 steps |
//! | shrinking | down by `sweep`, + 5 % |
//! | tiny drift | up by 1 to 32 KiB in all, less than half the gate |
//!
//! Recall is the share of leaking rows called a leak, false positives the share of the others; every shape weighs the same.
//!
//! **Heaps** have 140 groups: 40 noisy classes, 6 clusters of 4 groups whose counts are k x + c with one noisy x and k of 1, 1, 2,
//! 5 (co-moving noise), 8 classes with one step, 4 sawteeth, 64 that stay. A *leaking* heap has one cluster more, whose x leaks in one
//! of the seven ways, 4 to 64 objects a step. *Alarm*: a clean heap has at least one row; *first right*: the first row of a leaking
//! heap is of that cluster; *wrong first*: it has a row, and the first is not.
//!
//! There are two sorts of heap. The noise of the first is as in the labelled series, whose classes that come and go have a mean of
//! 13 to 143 objects, a deviation of 10 to 52 % of it, no memory (autocorrelation -.11, and -.10 is what ten values without memory
//! have), and objects of some 60 bytes (deciles 1 and 9): here, normal with a mean of 16 to 256, a deviation of 5 to 45 %, objects of 24
//! to 192 bytes. The second, *rough*, is meant to be hard: means up to 2,048, objects up to 768 bytes, a third of the populations AR(1)
//! and a third uniform from 0 to twice the mean, as a queue is. The references are for the first.

use std::collections::BTreeMap;

use heapdiff::growth::{GroupSeries, Rule};

use crate::random::Random;
use crate::rules::{RuleName, row_tests};
use crate::tally::{self, Tally};

/// Lengths of the simulated series.
const LENGTHS: [usize; 3] = [5, 7, 10];
/// Rows of each shape and clean heaps, a length; there are a tenth as many leaking heaps of each shape.
const SERIES: usize = 1000;

/// How a simulated value develops.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Linear,
    Noisy,
    SlowUnderNoise,
    Bursty,
    Accelerating,
    RisingSawtooth,
    Staircase,
    Flat,
    Noise,
    Autoregressive,
    OneStep,
    TwoSteps,
    WarmUp,
    CacheFill,
    Sawtooth,
    Shrinking,
    TinyDrift,
}

const LEAKS: [(Shape, &str); 7] = [
    (Shape::Linear, "linear"),
    (Shape::Noisy, "noisy"),
    (Shape::SlowUnderNoise, "slow under noise"),
    (Shape::Bursty, "bursty"),
    (Shape::Accelerating, "accelerating"),
    (Shape::RisingSawtooth, "rising sawtooth"),
    (Shape::Staircase, "staircase"),
];

const HARMLESS: [(Shape, &str); 10] = [
    (Shape::Flat, "flat"),
    (Shape::Noise, "noise"),
    (Shape::Autoregressive, "AR(1)"),
    (Shape::OneStep, "one step"),
    (Shape::TwoSteps, "two steps"),
    (Shape::WarmUp, "warm-up"),
    (Shape::CacheFill, "cache fill"),
    (Shape::Sawtooth, "sawtooth"),
    (Shape::Shrinking, "shrinking"),
    (Shape::TinyDrift, "tiny drift"),
];

impl Shape {
    /// What the value is above its base at each of `n` snapshots; a leak grows by `rate` a step.
    fn values(self, n: usize, rate: f64, random: &mut Random) -> Vec<f64> {
        let steps = n - 1;
        let sweep = rate * float(steps);
        let (plain, noise): (Vec<f64>, f64) = match self {
            Self::Linear => (line(n, rate), 0.05 * rate),
            Self::Noisy => (line(n, rate), 0.5 * rate),
            Self::SlowUnderNoise => (line(n, rate), rate),
            Self::Bursty => {
                let steps = (0..steps).map(|_| if random.unit() < 0.5 { random.between(0.0, 4.0 * rate) } else { 0.0 });
                (running(steps.collect()), 0.05 * rate)
            }
            Self::Accelerating => ((0..n).map(|i| rate * float(i * i) / float(steps)).collect(), 0.05 * rate),
            Self::RisingSawtooth => {
                let teeth = teeth(n, random.whole(3, 4), 2.0 * rate, random);
                (line(n, rate).iter().zip(teeth).map(|(floor, tooth)| floor + tooth).collect(), 0.0)
            }
            Self::Staircase => {
                let (every, offset) = (random.whole(2, 3), random.whole(0, 2));
                let steps = (0..steps).map(|i| if (i + offset) % every == 0 { float(every) * rate } else { 0.0 });
                (running(steps.collect()), 0.05 * rate)
            }
            Self::Flat => (vec![0.0; n], 0.0),
            Self::Noise => (vec![0.0; n], sweep / 2.0),
            Self::Autoregressive => (autoregressive(n, sweep / 2.0, random), 0.0),
            Self::OneStep => (jumps(n, &[(random.whole(0, steps - 1), sweep)]), 0.02 * sweep),
            Self::TwoSteps => {
                let first = random.between(0.0, sweep);
                let at = [random.whole(0, steps - 1), random.whole(0, steps - 1)];
                (jumps(n, &[(at[0], first), (at[1], sweep - first)]), 0.02 * sweep)
            }
            Self::WarmUp => {
                let q = random.between(0.2, 0.5);
                let left = std::iter::successors(Some(1.0), |left| Some(left * q));
                (left.take(n).map(|left| sweep * (1.0 - left)).collect(), 0.01 * sweep)
            }
            Self::CacheFill => {
                let full = random.between(1.0, 0.6 * float(steps));
                ((0..n).map(|i| sweep * (float(i) / full).min(1.0)).collect(), 0.01 * sweep)
            }
            Self::Sawtooth => (teeth(n, random.whole(2, 4), sweep, random), 0.0),
            Self::Shrinking => (line(n, rate).iter().map(|down| sweep - down).collect(), 0.05 * rate),
            Self::TinyDrift => {
                let total = random.octaves(1024.0, 5);
                (line(n, total / float(steps)), 0.05 * total / float(steps))
            }
        };
        plain.iter().map(|value| value + noise * random.normal()).collect()
    }
}

fn line(n: usize, rate: f64) -> Vec<f64> {
    (0..n).map(|i| rate * float(i)).collect()
}

fn running(steps: Vec<f64>) -> Vec<f64> {
    let sums = steps.into_iter().scan(0.0, |sum, step| {
        *sum += step;
        Some(*sum)
    });
    std::iter::once(0.0).chain(sums).collect()
}

/// Jumps in the steps given.
fn jumps(n: usize, jumps: &[(usize, f64)]) -> Vec<f64> {
    (0..n).map(|i| jumps.iter().filter(|(step, _)| *step < i).map(|(_, height)| height).sum()).collect()
}

fn teeth(n: usize, period: usize, height: f64, random: &mut Random) -> Vec<f64> {
    let offset = random.whole(0, period - 1);
    (0..n).map(|i| height * float((i + offset) % period) / float(period)).collect()
}

fn autoregressive(n: usize, deviation: f64, random: &mut Random) -> Vec<f64> {
    // .6² + .8² = 1: the deviation stays.
    let first = deviation * random.normal();
    let next = |before: &f64| Some(0.6 * before + 0.8 * deviation * random.normal());
    std::iter::successors(Some(first), next).take(n).collect()
}

/// A simulated group.
struct Row {
    name: String,
    count: Vec<u64>,
    self_size: Vec<u64>,
}

impl Row {
    /// One row of part (b)'s first table: the objects stay as many, their size does not.
    fn alone(shape: Shape, n: usize, random: &mut Random) -> Self {
        let (base, rate) = (random.octaves(262_144.0, 6), random.octaves(16_384.0, 4));
        let self_size: Vec<u64> = shape.values(n, rate, random).iter().map(|above| whole(base + above)).collect();
        Self { name: String::new(), count: self_size.iter().map(|size| size / 64).collect(), self_size }
    }
}

/// How what is alive by chance comes and goes in a heap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// As in the labelled series.
    Measured,
    /// Larger, and with memory or without a middle.
    Rough,
}

impl Weather {
    /// Number of its series of random numbers; simulated rows have 1.
    fn stream(self) -> usize {
        if self == Self::Measured { 2 } else { 3 }
    }

    /// Mean of a population.
    fn mean(self, random: &mut Random) -> f64 {
        random.octaves(16.0, if self == Self::Measured { 4 } else { 7 })
    }

    /// A population; those of rough heaps are of three natures in turn.
    fn noisy(self, n: usize, at: usize, random: &mut Random) -> Vec<f64> {
        let mean = self.mean(random);
        let deviation = mean * random.between(0.05, 0.45);
        let nature = if self == Self::Measured { 0 } else { at % 3 };
        match nature {
            0 => (0..n).map(|_| mean + deviation * random.normal()).collect(),
            1 => autoregressive(n, deviation, random).iter().map(|above| mean + above).collect(),
            _ => (0..n).map(|_| random.between(0.0, 2.0 * mean)).collect(),
        }
    }

    /// A class with these counts, its objects of one size.
    fn class(self, name: String, count: &[f64], random: &mut Random) -> Row {
        let words = random.octaves(3.0, if self == Self::Measured { 3 } else { 5 });
        let count: Vec<u64> = count.iter().map(|&count| whole(count)).collect();
        let self_size = count.iter().map(|count| count * 8 * whole(words)).collect();
        Row { name, count, self_size }
    }

    /// Groups whose counts are k x + c, so that they move together.
    fn cluster(self, name: &str, x: &[f64], random: &mut Random) -> Vec<Row> {
        let factors = [1.0, 1.0, 2.0, 5.0].into_iter().enumerate();
        factors
            .map(|(at, k)| {
                let c = float(random.whole(0, 50));
                let count: Vec<f64> = x.iter().map(|x| k * x.round().max(0.0) + c).collect();
                self.class(format!("{name}{at}"), &count, random)
            })
            .collect()
    }

    fn heap(self, n: usize, leak: Option<Shape>, random: &mut Random) -> Vec<Row> {
        let mut rows = Vec::new();
        for at in 0..40 {
            let count = self.noisy(n, at, random);
            rows.push(self.class(format!("Noisy{at}"), &count, random));
        }
        for at in 0..6 {
            let x = self.noisy(n, at, random);
            rows.extend(self.cluster(&format!("Cluster{at}x"), &x, random));
        }
        for at in 0..8 {
            let (base, height) = (self.mean(random), self.mean(random));
            let count: Vec<f64> = jumps(n, &[(random.whole(0, n - 2), height)]).iter().map(|above| base + above).collect();
            rows.push(self.class(format!("Step{at}"), &count, random));
        }
        for at in 0..4 {
            let (period, height) = (random.whole(2, 4), self.mean(random));
            let count = teeth(n, period, height, random);
            rows.push(self.class(format!("Tooth{at}"), &count, random));
        }
        for at in 0..64 {
            let count = vec![random.octaves(1.0, 10); n];
            rows.push(self.class(format!("Stable{at}"), &count, random));
        }
        if let Some(shape) = leak {
            let rate = random.octaves(4.0, 4);
            let base = rate * random.between(0.0, 10.0);
            let x: Vec<f64> = shape.values(n, rate, random).iter().map(|above| base + above).collect();
            rows.extend(self.cluster(LEAKING, &x, random));
        }
        rows
    }
}

/// How the names of a heap's leaking cluster begin.
const LEAKING: &str = "Leaking";

/// The rows that each rule lists for a heap.
fn listed(heap: &[Row], rule: &Rule) -> Vec<(RuleName, tally::Rows)> {
    let groups: Vec<GroupSeries<'_>> = heap
        .iter()
        .map(|row| GroupSeries { kind: "object", name: &row.name, count: &row.count, self_size: &row.self_size })
        .collect();
    let is_leak = |at: usize| groups[at].name.starts_with(LEAKING);
    let mut all = tally::finding_rows(&rule.judge(&groups), |headline| (is_leak(headline), is_leak(headline)));
    all.extend(tally::class_rows(rule, &groups, |at| (is_leak(at), is_leak(at))));
    all
}

/// Shares of rows called a leak by shape, length and rule.
struct RowTable(BTreeMap<(usize, RuleName), BTreeMap<Shape, f64>>);

impl RowTable {
    fn of(series: usize) -> Self {
        let mut called: BTreeMap<(usize, RuleName), BTreeMap<Shape, u32>> = BTreeMap::new();
        for n in LENGTHS {
            let rule = Rule::new(n);
            for (index, (shape, _)) in LEAKS.into_iter().chain(HARMLESS).enumerate() {
                for at in 0..series {
                    let row = Row::alone(shape, n, &mut Random::of(&[1, n, index, at]));
                    for test in row_tests(&rule, &row.count, &row.self_size) {
                        *called.entry((n, test.rule)).or_default().entry(shape).or_default() += u32::from(test.passes);
                    }
                }
            }
        }
        let shares =
            |called: BTreeMap<Shape, u32>| called.into_iter().map(|(shape, called)| (shape, f64::from(called) / float(series)));
        Self(called.into_iter().map(|(key, called)| (key, shares(called).collect())).collect())
    }

    fn mean(&self, n: usize, rule: RuleName, shapes: &[(Shape, &str)]) -> f64 {
        shapes.iter().map(|(shape, _)| self.0[&(n, rule)][shape]).sum::<f64>() / float(shapes.len())
    }

    fn print(&self) {
        println!("\nSimulated rows\n{:>2}  {:<36} {:>6} {:>15}", "n", "rule", "recall", "false positives");
        for &(n, rule) in self.0.keys() {
            if rule != RuleName::StrictCount {
                let (recall, alarms) = (self.mean(n, rule, &LEAKS), self.mean(n, rule, &HARMLESS));
                println!("{n:>2}  {:<36} {recall:>6.3} {alarms:>15.4}", rule.text());
            }
        }
        println!("\n{:<18}{}", "groups alone", LENGTHS.map(|n| format!("{:>8}", format!("n = {n}"))).concat());
        for (shape, name) in LEAKS.into_iter().chain(HARMLESS) {
            println!("{name:<18}{}", LENGTHS.map(|n| format!("{:>8.3}", self.0[&(n, RuleName::Alone)][&shape])).concat());
        }
    }
}

/// Tallies of the rules over heaps.
fn heap_table(weather: Weather, heaps: usize) -> BTreeMap<(usize, RuleName), Tally> {
    let mut tallies: BTreeMap<(usize, RuleName), Tally> = BTreeMap::new();
    for n in LENGTHS {
        let rule = Rule::new(n);
        let clean = (0..heaps).map(|at| (None, at));
        let leaking = LEAKS.iter().flat_map(|(shape, _)| (0..heaps.div_ceil(10)).map(move |at| (Some(*shape), at)));
        for (leak, at) in clean.chain(leaking) {
            let shape = leak.map_or(0, |leak| 1 + LEAKS.iter().position(|(shape, _)| *shape == leak).unwrap());
            let heap = weather.heap(n, leak, &mut Random::of(&[weather.stream(), n, shape, at]));
            for (name, rows) in listed(&heap, &rule) {
                tallies.entry((n, name)).or_default().add(leak.is_some(), &rows);
            }
        }
    }
    tallies
}

/// Runs part (b) and prints it; whether no figure is worse than the reference. A quick run asks that of none.
pub(crate) fn run(quick: bool) -> bool {
    let series = if quick { 10 } else { SERIES };
    let rows = RowTable::of(series);
    rows.print();
    println!("\nSimulated heaps, noise as in the labelled series");
    let heaps = heap_table(Weather::Measured, series);
    tally::print(&heaps);
    println!("\nSimulated heaps, rough noise");
    tally::print(&heap_table(Weather::Rough, series));
    if quick {
        return true;
    }
    let mut checks = tally::Checks::rounded(0.0);
    for (n, recall, alarms) in [(7, 0.68, 0.006), (10, 0.80, 0.003)] {
        checks.at_least(&format!("{n}"), "rows: recall", recall, rows.mean(n, RuleName::Alone, &LEAKS));
        checks.at_most(&format!("{n}"), "rows: false positives", alarms, rows.mean(n, RuleName::Alone, &HARMLESS));
    }
    for (n, alarm) in [(5, 0.08), (7, 0.03), (10, 0.015)] {
        checks.at_most(&format!("{n}"), "heaps: alarm, leak", alarm, heaps[&(n, RuleName::Leak)].alarm());
    }
    checks.print();
    checks.hold
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn float(value: usize) -> f64 {
    value as f64
}

/// Nearest whole number, not below 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-integer cast saturates")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
