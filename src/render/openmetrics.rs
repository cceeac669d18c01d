//! OpenMetrics text, version 1.0: gauges for a dashboard, or for GitLab's metrics report. Figures are those of the last input.

use std::io::{self, Write};

use super::{Renderer, Style, json, rows};
use crate::report::{Group, Report, Status};
use crate::text::safe_name;

/// `--format openmetrics`.
pub(super) struct OpenMetrics;

/// A family of gauges.
struct Family {
    name: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
    samples: Vec<(String, i128)>,
}

impl Renderer for OpenMetrics {
    fn name(&self) -> &'static str {
        "openmetrics"
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        for family in families(report).iter().filter(|family| !family.samples.is_empty()) {
            family.write(out)?;
        }
        if let Some(verdict) = &report.verdict {
            writeln!(out, "# TYPE heapdiff_check stateset\n# HELP heapdiff_check Verdict of the check")?;
            for status in [Status::Pass, Status::Fail, Status::Inconclusive] {
                let set = u8::from(verdict.status == status);
                writeln!(out, "heapdiff_check{{heapdiff_check=\"{}\"}} {set}", json::word(&status))?;
            }
        }
        writeln!(out, "# EOF")
    }
}

fn families(report: &Report) -> Vec<Family> {
    let last = |sizes: &[Option<u64>]| sizes.last().copied().flatten().map(i128::from);
    let count = |counts: &[u64]| counts.last().copied().map(i128::from);
    let whole = |value: Option<i128>| value.map(|value| (String::new(), value)).into_iter().collect();
    let groups = |figure: &dyn Fn(&Group) -> Option<i128>| {
        let figures = report.groups.iter().map(|group| (labels(group), figure(group)));
        figures.filter_map(|(labels, figure)| figure.map(|figure| (labels, figure))).collect()
    };
    let bytes = Some("bytes");
    let gauge = |name, unit, help, samples| Family { name, unit, help, samples };
    vec![
        gauge("heapdiff_heap_size_bytes", bytes, "Self size of all objects", whole(last(&report.totals.self_size))),
        gauge("heapdiff_heap_objects", None, "Number of objects", whole(count(&report.totals.count))),
        gauge(
            "heapdiff_heap_growth_bytes",
            bytes,
            "Self size of all objects, last input less first",
            whole(report.totals.change.size_delta.map(i128::from)),
        ),
        gauge("heapdiff_findings", None, "Number of findings by verdict", findings(report)),
        gauge("heapdiff_type_size_bytes", bytes, "Self size of a type's objects", groups(&|group| last(&group.self_size))),
        gauge("heapdiff_type_objects", None, "Number of a type's objects", groups(&|group| count(&group.count))),
        gauge(
            "heapdiff_type_growth_bytes",
            bytes,
            "Self size of a type's objects, last input less first",
            groups(&|group| group.change.size_delta.map(i128::from)),
        ),
    ]
}

fn findings(report: &Report) -> Vec<(String, i128)> {
    use crate::report::TrendVerdict::{Leak, Suspect};
    let of = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).map(|_| 1).sum();
    [Leak, Suspect].into_iter().map(|verdict| (format!("{{verdict=\"{}\"}}", json::word(&verdict)), of(verdict))).collect()
}

/// Labels of a row. The id tells rows apart whose names look alike.
fn labels(group: &Group) -> String {
    let name = rows::label(&group.kind, &group.name);
    format!("{{id=\"{}\",kind=\"{}\",name=\"{}\"}}", group.id, escape(&group.kind), escape(&name))
}

fn escape(raw: &str) -> String {
    safe_name(raw).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Family {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "# TYPE {} gauge", self.name)?;
        if let Some(unit) = self.unit {
            writeln!(out, "# UNIT {} {unit}", self.name)?;
        }
        writeln!(out, "# HELP {} {}", self.name, self.help)?;
        self.samples.iter().try_for_each(|(labels, value)| writeln!(out, "{}{labels} {value}", self.name))
    }
}
