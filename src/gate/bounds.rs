//! Limits of the heap and of rows, looked at.

use std::collections::BTreeMap;

use super::judge::{About, Judge, short};
use super::limits::{Bound, Figures, Outcome};
use super::{Gate, Rule};
use crate::grouping::{Level, Row, Sums, id, printable};

/// Objects and bytes of the baseline's rows.
type Before<'a> = BTreeMap<&'a str, (u64, Option<u64>)>;

impl<'a> Judge<'a> {
    /// Limits of the heap.
    pub(super) fn heap_limits(&mut self) {
        let gate: &'a Gate<'a> = self.gate;
        let heap = self.heap();
        for bound in gate.rules.total.bounds() {
            let from = self.reasons.len();
            let code = format!("total-{}", bound.code());
            let figures = self.figures(&heap, gate.baseline.map(|baseline| baseline.total));
            let told = self.look(bound, &figures, &code, "the heap", About::default);
            self.checked(&code, &format!("the heap: at most {}", bound.words()), from, told);
        }
    }

    /// Limits of the budget: of each row the first rule counts that knows its name.
    pub(super) fn group_limits(&mut self) {
        let rules: &'a [Rule] = &self.gate.rules.groups;
        let runtime = self.series.runtime;
        let mut rows_of: Vec<Vec<Row>> = rules.iter().map(|_| Vec::new()).collect();
        for level in self.gate.rules.levels(runtime) {
            let here = |rule: &Rule| rule.level(runtime) == level;
            if !rules.iter().any(here) {
                continue;
            }
            for row in self.rows(level) {
                let known = |rule: &Rule| here(rule) && self.holds(rule) && rule.pattern.matches(&row.key[0]);
                if let Some(rule) = rules.iter().position(known) {
                    self.met[rule].row = true;
                    rows_of[rule].push(row);
                }
            }
        }
        for (rule, rows) in rules.iter().zip(rows_of) {
            if self.holds(rule) {
                self.rule(rule, &rows);
            }
        }
    }

    /// Assertions, each for itself.
    pub(super) fn assertions(&mut self) {
        let assertions: &'a [Rule] = &self.gate.rules.assertions;
        for (i, rule) in assertions.iter().enumerate() {
            let mut rows = self.rows(rule.level(self.series.runtime));
            rows.retain(|row| rule.pattern.matches(&row.key[0]));
            self.met[self.gate.rules.groups.len() + i].row = !rows.is_empty();
            self.rule(rule, &rows);
        }
    }

    fn rule(&mut self, rule: &'a Rule, rows: &[Row]) {
        let gate: &'a Gate<'a> = self.gate;
        let level = rule.level(self.series.runtime);
        let before = gate.baseline.map(|baseline| baseline.rows(level));
        if let (Some(None), true) = (&before, rule.limits.bounds().next().is_some()) {
            let message = format!("the baseline has no rows by {}: write it again (--update-baseline)", level.label());
            self.untold("baseline-lacks-level", &message, None);
        }
        let before: Option<Before<'_>> = before.flatten();
        for bound in rule.limits.bounds() {
            let from = self.reasons.len();
            let mut told = true;
            for row in rows {
                // What the baseline lacks was not there.
                let earlier = before.as_ref().map(|rows| rows.get(row.key[0].as_str()).copied().unwrap_or((0, Some(0))));
                let name = printable(&row.key[0]);
                let about =
                    || About { group: Some(id(&[level], &row.key)), name: Some(name.clone()), finding: None, rule: Some(rule) };
                told &= self.look(bound, &self.figures(&row.sums, earlier), bound.code(), &short(&name), about);
            }
            self.checked(bound.code(), &title(rule, level, bound), from, told);
        }
    }

    fn figures<'s>(&self, sums: &'s Sums, baseline: Option<(u64, Option<u64>)>) -> Figures<'s> {
        let size = self.series.has_sizes.then_some(&sums.self_size[..]);
        Figures { count: &sums.count, size, comparable: self.comparable, baseline }
    }

    /// Looks at one bound of something called `name`; whether the inputs told.
    fn look<'r>(
        &mut self,
        bound: Bound,
        figures: &Figures<'_>,
        code: &str,
        name: &str,
        about: impl FnOnce() -> About<'r>,
    ) -> bool {
        let since = self.gate.baseline.map_or_else(String::new, super::baseline::Baseline::called);
        match bound.look(figures, &since) {
            Outcome::Holds => true,
            Outcome::Broken(figure) => {
                self.fail(code, format!("{name}: {figure}, at most {} allowed", bound.words()), about());
                true
            }
            Outcome::NoSizes => {
                self.untold("no-sizes", "the inputs have no sizes: limits in bytes cannot be checked", None);
                false
            }
            Outcome::NoGrowth => {
                if self.comparable {
                    self.untold("no-growth", "growth takes two snapshots or a baseline", None);
                }
                false
            }
        }
    }
}

/// What has to hold.
fn title(rule: &Rule, level: Level, bound: Bound) -> String {
    let by = if rule.level.is_some() { format!(" by {}", level.label()) } else { String::new() };
    format!("{}{by}: at most {}", short(rule.pattern.text()), bound.words())
}
