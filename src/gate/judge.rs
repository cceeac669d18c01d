//! From rules, a series and its report to a verdict.

use std::collections::BTreeMap;

use super::{Gate, Growth, Rule};
use crate::grouping::Level;
use crate::report::{Check, Reason, Report, Status, Verdict, Warning};
use crate::series::Series;
use crate::snapshot::OUTSIDE;
use crate::text::{count, fit, safe_name};
use crate::trend::group_id;

/// Warnings about inputs between which differences are no growth.
const NOT_COMPARABLE: [&str; 3] = ["mixed-processes", "identical-inputs", "order-contradicts-ids"];
/// Columns a name takes in a sentence.
const NAME_MAX: usize = 60;

/// Judges a series. `report` is its report, whose findings and warnings count.
///
/// Returns the verdict and what is to be said beside it.
#[must_use]
pub fn judge(series: &Series, report: &Report, gate: &Gate<'_>) -> (Verdict, Vec<Warning>) {
    let mut judge = Judge::new(series, report, gate);
    judge.findings();
    judge.steps();
    judge.whole_heap();
    judge.heap_limits();
    judge.group_limits();
    judge.assertions();
    judge.inputs();
    judge.unused_rules();
    judge.verdict()
}

pub(super) struct Judge<'a> {
    pub(super) series: &'a Series,
    pub(super) report: &'a Report,
    pub(super) gate: &'a Gate<'a>,
    /// Whether differences between the inputs are growth.
    pub(super) comparable: bool,
    pub(super) reasons: Vec<Reason>,
    checks: Vec<Check>,
    warnings: Vec<Warning>,
    /// What the rules of the budget met, and behind them the assertions.
    pub(super) met: Vec<Met>,
    /// The groups of the series that each (kind, name) group consists of, by its id.
    judged: BTreeMap<String, Vec<usize>>,
}

/// What a rule met.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met {
    pub(super) row: bool,
    pub(super) finding: bool,
}

/// What a reason is about.
#[derive(Default)]
pub(super) struct About<'r> {
    pub(super) group: Option<String>,
    pub(super) name: Option<String>,
    pub(super) finding: Option<usize>,
    pub(super) rule: Option<&'r Rule>,
}

impl<'a> Judge<'a> {
    fn new(series: &'a Series, report: &'a Report, gate: &'a Gate<'a>) -> Self {
        let complete = series.inputs.iter().all(|input| input.snapshot.complete);
        let comparable = complete && !series.warnings.iter().any(|warning| NOT_COMPARABLE.contains(&warning.code.as_str()));
        let mut judged: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        if !report.findings.is_empty() {
            for (i, group) in series.groups.iter().enumerate() {
                judged.entry(group_id(series, group)).or_default().push(i);
            }
        }
        Self {
            series,
            report,
            gate,
            comparable,
            reasons: Vec::new(),
            checks: Vec::new(),
            warnings: Vec::new(),
            met: vec![Met::default(); gate.rules.groups.len() + gate.rules.assertions.len()],
            judged,
        }
    }

    /// Number of snapshots.
    pub(super) fn given(&self) -> usize {
        self.series.inputs.len()
    }

    /// Whether there are as many snapshots as there have to be.
    pub(super) fn enough(&self) -> bool {
        self.given() >= self.gate.min_snapshots(self.given())
    }

    /// The groups of a (kind, name) group.
    pub(super) fn groups_of(&self, id: &str) -> &[usize] {
        self.judged.get(id).map_or(&[], Vec::as_slice)
    }

    /// Whether a rule still holds.
    pub(super) fn holds(&self, rule: &Rule) -> bool {
        rule.expires.zip(self.gate.today).is_none_or(|(last, today)| today <= last)
    }

    pub(super) fn fail(&mut self, code: &str, message: String, about: About<'_>) {
        let why = about.rule.and_then(|rule| rule.reason.as_ref()).map(|why| format!(" ({})", short(why)));
        self.reasons.push(Reason {
            status: Status::Fail,
            code: code.to_owned(),
            message: safe_name(&format!("{message}{}", why.unwrap_or_default())).into_owned(),
            group: about.group,
            name: about.name,
            finding: about.finding,
            rule: about.rule.and_then(|rule| rule.place.clone()),
        });
    }

    /// Says, once, that something cannot be told.
    pub(super) fn untold(&mut self, code: &str, message: &str, name: Option<String>) {
        let message = safe_name(message).into_owned();
        if self.reasons.iter().any(|reason| reason.code == code && reason.message == message) {
            return;
        }
        let (status, code) = (Status::Inconclusive, code.to_owned());
        self.reasons.push(Reason { status, code, message, group: None, name, finding: None, rule: None });
    }

    pub(super) fn warning(&mut self, code: &str, message: &str) {
        self.warnings.push(Warning { code: code.to_owned(), message: safe_name(message).into_owned(), input: None });
    }

    /// Notes what was checked: failed if there is a reason to fail among those since `from`, and passed if the inputs `told`.
    pub(super) fn checked(&mut self, code: &str, name: &str, from: usize, told: bool) {
        let failed = self.reasons[from..].iter().any(|reason| reason.status == Status::Fail);
        let status = match (failed, told) {
            (true, _) => Status::Fail,
            (false, true) => Status::Pass,
            (false, false) => Status::Inconclusive,
        };
        self.checks.push(Check { code: code.to_owned(), name: safe_name(name).into_owned(), status });
    }

    /// Whether growth of a kind is checked; if so, whether the inputs tell. It takes so many snapshots at least.
    pub(super) fn wanted(&mut self, growth: Growth, inputs_min: usize) -> Option<bool> {
        if !self.gate.rules.fail_on.contains(&growth) {
            return None;
        }
        if self.enough() && self.given() < inputs_min {
            // Nobody expects growth of a single snapshot.
            if self.given() > 1 {
                let name = Growth::ALL.iter().find(|(other, _)| *other == growth).map_or("", |(_, name)| name);
                self.warning("not-checked", &format!("{name}: not checked, it takes {inputs_min} snapshots to tell"));
            }
            return None;
        }
        Some(self.enough() && self.comparable)
    }

    /// What the inputs do not allow to be told.
    fn inputs(&mut self) {
        let (given, wanted) = (self.given(), self.gate.min_snapshots(self.given()));
        if given < wanted {
            let snapshots = if given == 1 { "1 snapshot".to_owned() } else { format!("{} snapshots", number(given)) };
            self.untold(
                "too-few-snapshots",
                &format!("{snapshots}, at least {} are needed (min_snapshots)", number(wanted)),
                None,
            );
        }
        for warning in self.series.warnings.iter().filter(|warning| NOT_COMPARABLE.contains(&warning.code.as_str())) {
            self.untold(&warning.code, &warning.message, None);
        }
        for input in self.series.inputs.iter().filter(|input| !input.snapshot.complete) {
            let name = safe_name(&input.path).into_owned();
            self.untold("incomplete-input", &format!("{} is cut short", short(&input.path)), Some(name));
        }
        if let Some(missing) = self.gate.missing {
            let message = format!("{}: there is no baseline yet (--update-baseline writes one)", missing.path);
            if missing.fails {
                self.fail("baseline-missing", message, About::default());
            } else {
                self.warning("baseline-missing", &message);
            }
        }
        if let Some(difference) = self.gate.baseline.and_then(|baseline| baseline.difference(self.series, self.gate.runtime)) {
            self.warning("baseline-differs", &difference);
        }
        let options = self.gate.options;
        let level = Level::default_of(self.series.runtime);
        let counts = |group: &&crate::series::SeriesGroup| {
            group.kind != OUTSIDE
                && (options.kinds.is_empty() || options.kinds.contains(&group.kind))
                && options.matches(&[level.key(self.series, group)])
        };
        if self.series.groups.iter().find(counts).is_none() {
            self.untold("nothing-matched", "no object is left to check", None);
        }
        if self.reasons.is_empty() && self.checks.iter().all(|check| check.status == Status::Inconclusive) {
            let message = "nothing was checked: say what must hold, or take more snapshots";
            self.untold("nothing-checked", message, None);
        }
    }

    /// Rules that meet nothing, meet something else than they speak of, or hold no longer.
    fn unused_rules(&mut self) {
        let rules = self.gate.rules.groups.iter().chain(&self.gate.rules.assertions);
        for (rule, met) in rules.zip(self.met.clone()) {
            let called = rule.called();
            let level = rule.level(self.series.runtime).label();
            if let (false, Some(expires)) = (self.holds(rule), rule.expires) {
                self.warning("expired-rule", &format!("{called} expired on {expires} and holds no longer"));
            } else if !met.row && !met.finding {
                let earlier = if rule.place.is_some() { " an earlier rule takes it," } else { "" };
                let message = format!("{called} matches no {level}: none is there,{earlier} or the name is wrong");
                self.warning("unused-rule", &message);
            } else if !met.row && rule.limits.bounds().next().is_some() {
                let message = format!("{called}: no {level} has this name, so its limits bound nothing (level = \"name\"?)");
                self.warning("unused-rule", &message);
            }
        }
    }

    fn verdict(mut self) -> (Verdict, Vec<Warning>) {
        self.reasons.sort_by_key(|reason| reason.status);
        let status = self.reasons.first().map_or(Status::Pass, |reason| reason.status);
        (Verdict { status, reasons: self.reasons, checks: self.checks }, self.warnings)
    }
}

impl Rule {
    /// What a sentence calls it.
    pub(super) fn called(&self) -> String {
        let name = short(self.pattern.text());
        match &self.place {
            Some(place) => format!("{}:{}: the rule for {name:?}", place.file, place.line),
            None if self.limits.max_growth.is_some() => format!("--max-growth for {name:?}"),
            None => format!("--max for {name:?}"),
        }
    }
}

/// A name as a sentence shows it.
pub(super) fn short(name: &str) -> String {
    fit(&safe_name(&fit(name, NAME_MAX, "…")), NAME_MAX, "…").into_owned()
}

/// A number of things.
pub(super) fn number(of: usize) -> String {
    count(u64::try_from(of).unwrap_or(u64::MAX))
}
