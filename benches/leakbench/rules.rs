//! The rules compared.

use heapdiff::growth::Rule;

/// A rule, or how far down its verdicts are heeded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RuleName {
    StrictSize,
    StrictCount,
    MannKendall,
    GatedMannKendall,
    Alone,
    Leak,
    LeakOrSuspect,
}

impl RuleName {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::StrictSize => "size rises in every step, by class",
            Self::StrictCount => "count rises in every step, by class",
            Self::MannKendall => "Mann-Kendall, by class",
            Self::GatedMannKendall => "Mann-Kendall and gate, by class",
            Self::Alone => "groups alone, by class, leak",
            Self::Leak => "heapdiff, leak",
            Self::LeakOrSuspect => "heapdiff, leak and suspect",
        }
    }
}

/// What a rule that looks at one row only says of it.
pub(crate) struct RowTest {
    pub(crate) rule: RuleName,
    pub(crate) passes: bool,
    /// Rows with more come first.
    pub(crate) order: f64,
}

/// Every rule that looks at one row only, on a row of `size` bytes in `count` objects.
pub(crate) fn row_tests(rule: &Rule, count: &[u64], size: &[u64]) -> [RowTest; 5] {
    let strict = |values: &[u64]| values.windows(2).all(|pair| pair[1] > pair[0]);
    #[expect(clippy::cast_precision_loss, reason = "only orders rows")]
    let growth = size[size.len() - 1] as f64 - size[0] as f64;
    let measures = rule.measure(count, size);
    let mut median = size.to_vec();
    median.sort_unstable();
    let gate = measures.growth >= 65_536 && 100 * measures.growth.unsigned_abs() >= median[median.len() / 2];
    let test = |rule, passes, order| RowTest { rule, passes, order };
    [
        test(RuleName::StrictSize, strict(size), growth),
        test(RuleName::StrictCount, strict(count), growth),
        test(RuleName::MannKendall, measures.p <= 0.01, measures.score),
        test(RuleName::GatedMannKendall, gate && measures.p <= 0.01, measures.score),
        test(RuleName::Alone, rule.is_leak_alone(count, size), measures.score),
    ]
}
