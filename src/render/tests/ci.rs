//! Formats for build servers, read back by parsers of those formats and by the rules their makers publish.

use regex::Regex;
use serde_json::{Value, json};

use super::*;
use crate::report::{Command, Reason, Status};

/// Reports of `check`, those with hostile text among them.
fn checks() -> Vec<Report> {
    let samples = [samples::check(), samples::check_passed()];
    let hostile = hostile();
    let poisoned = hostile.iter().flat_map(|text| samples.clone().map(|report| poisoned(report, text)));
    samples.iter().cloned().chain(poisoned).collect()
}

fn show(format: &str, report: &Report) -> String {
    rendered(format, report, &Style::default())
}

fn reasons(report: &Report) -> &[Reason] {
    &report.verdict.as_ref().unwrap().reasons
}

/// A report with ten thousand reasons, findings, rows and warnings, all with long names.
fn crowded() -> Report {
    const MANY: usize = 10_000;
    let name = |i: usize| format!("com.example.{}<{i}>|*_`::error::", "Generated".repeat(30));
    let mut report = samples::check();
    let (reason, finding) = (reasons(&report)[0].clone(), report.findings[0].clone());
    let (group, warning) = (report.groups[0].clone(), report.warnings[0].clone());
    let of = |i: usize| Reason { name: Some(name(i)), message: format!("{} leaks", name(i)), ..reason.clone() };
    report.verdict.as_mut().unwrap().reasons = (0..MANY).map(of).collect();
    report.findings = (0..MANY).map(|i| crate::report::Finding { rank: i + 1, ..finding.clone() }).collect();
    for member in report.findings.iter_mut().flat_map(|finding| &mut finding.members) {
        member.name = name(0);
    }
    let row = |i: usize| crate::report::Group { id: format!("{i:016x}"), name: name(i), ..group.clone() };
    report.groups = (0..MANY).map(row).collect();
    report.warnings = (0..MANY).map(|i| Warning { message: name(i), ..warning.clone() }).collect();
    report
}

/// The rules of the schema that Jenkins' plugin and most others use: elements and their order, attributes and their types.
fn check_junit(text: &str) {
    let document = roxmltree::Document::parse(text).unwrap();
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let number = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<usize>().unwrap();
    let elements = |node: roxmltree::Node<'_, '_>, name: &str| {
        let found = node.children().filter(|child| child.is_element());
        found.inspect(|child| assert_eq!(child.tag_name().name(), name)).count()
    };
    assert_eq!(elements(root, "testsuite"), 1);
    let suite = root.first_element_child().unwrap();
    assert!(suite.attribute("name").is_some_and(|name| !name.is_empty()));
    assert_eq!(elements(suite, "testcase"), number(suite, "tests"));
    let mut found = [0, 0];
    for case in suite.children().filter(|child| child.is_element()) {
        assert!(
            case.attribute("name").is_some() && case.attribute("classname").is_some_and(|name| name.starts_with("heapdiff."))
        );
        let outcomes: Vec<_> = case.children().filter(|child| child.is_element()).collect();
        assert!(outcomes.len() <= 1);
        for outcome in outcomes {
            let kind = ["failure", "error"].iter().position(|name| outcome.tag_name().name() == *name).unwrap();
            found[kind] += 1;
            assert!(outcome.attribute("type").is_some() && outcome.attribute("message").is_some());
            assert!(outcome.text().unwrap_or_default().starts_with(outcome.attribute("message").unwrap()));
        }
    }
    for node in [root, suite] {
        assert_eq!([number(node, "failures"), number(node, "errors")], found);
        assert_eq!(number(node, "tests"), number(suite, "tests"));
    }
}

#[test]
fn junit_is_read_back() {
    for report in checks() {
        let text = show("junit", &report);
        check_junit(&text);
        let document = roxmltree::Document::parse(&text).unwrap();
        let outcome = |status| if status == Status::Fail { "failure" } else { "error" };
        let told: Vec<(&str, String)> = document
            .descendants()
            .filter(|node| ["failure", "error"].contains(&node.tag_name().name()))
            .map(|node| (node.tag_name().name(), node.attribute("message").unwrap().to_owned()))
            .collect();
        let expected =
            reasons(&report).iter().map(|reason| (outcome(reason.status), text::safe_name(&reason.message).into_owned()));
        assert_eq!(told, expected.collect::<Vec<_>>());
    }
    check_junit(&show("junit", &crowded()));
    assert!(show("junit", &poisoned(samples::check(), "\u{fffe}\u{ffff}")).contains("\\u{fffe}\\u{ffff}"), "no character of XML");
}

/// A command as GitHub's runner takes it apart: name, properties, message.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let form = Regex::new(r"^::(error|warning|notice)(?: ([^:]*))?::(.*)$").unwrap();
    let parts = form.captures(line).unwrap_or_else(|| panic!("{line}"));
    let undone = |text: &str| text.replace("%3A", ":").replace("%2C", ",").replace("%0A", "\n").replace("%25", "%");
    let properties = parts.get(2).map_or("", |properties| properties.as_str()).split(',').map(|property| {
        let (name, value) = property.split_once('=').unwrap();
        (name.to_owned(), undone(value))
    });
    (parts[1].to_owned(), properties.collect(), undone(&parts[3]))
}

#[test]
fn github_takes_every_line_for_an_annotation() {
    for report in checks() {
        let lines: Vec<_> = show("github", &report).lines().map(command).collect();
        assert!(lines.len() <= github::ANNOTATIONS_MAX);
        let errors = lines.iter().filter(|(level, ..)| level == "error").count();
        assert_eq!(errors, reasons(&report).iter().filter(|reason| reason.status == Status::Fail).count());
        for (reason, (_, properties, message)) in reasons(&report).iter().zip(&lines) {
            assert!(properties.iter().all(|(name, _)| ["file", "line", "title"].contains(&name.as_str())), "{properties:?}");
            assert_eq!(*message, Style::default().fit(&text::safe_name(&reason.message), 1_000));
            let line = properties.iter().find(|(name, _)| name == "line").map(|(_, line)| line.parse::<usize>().unwrap());
            assert_eq!(line, reason.rule.as_ref().map(|place| place.line));
        }
    }
    let crowded = show("github", &crowded());
    assert_eq!(crowded.lines().count(), github::ANNOTATIONS_MAX);
    let (level, _, message) = command(crowded.lines().last().unwrap());
    assert_eq!((level.as_str(), message.as_str()), ("error", "and 19,993 more, hidden here: see the report"));
}

/// What GitLab asks of a code quality report.
fn code_quality() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "location", "severity"],
            "properties": {
                "description": {"type": "string"},
                "check_name": {"type": "string", "minLength": 1},
                "fingerprint": {"type": "string", "minLength": 1},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "type": "object",
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string"},
                        "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}}
                    }
                }
            }
        }
    })
}

#[test]
fn gitlab_gets_issues_with_fingerprints_that_stay() {
    let validator = jsonschema::validator_for(&code_quality()).unwrap();
    let issues = |report: &Report| -> Vec<Value> { serde_json::from_str(&show("gitlab", report)).unwrap() };
    for report in checks().into_iter().chain([crowded()]) {
        let issues = issues(&report);
        assert_eq!(issues.len(), reasons(&report).len());
        let wrong = validator.iter_errors(&json!(issues)).next().map(|error| error.masked().to_string());
        assert_eq!(wrong, None);
    }
    let prints = |report: &Report| issues(report).iter().map(|issue| issue["fingerprint"].clone()).collect::<Vec<_>>();
    let report = samples::check();
    let first = prints(&report);
    let mut distinct = first.clone();
    distinct.sort_by_key(Value::to_string);
    distinct.dedup();
    assert_eq!(distinct.len(), first.len());
    let mut later = report.clone();
    for reason in &mut later.verdict.as_mut().unwrap().reasons {
        reason.message = "other figures".to_owned();
    }
    assert_eq!(prints(&later), first);
    assert_eq!(issues(&samples::check_passed()), Vec::<Value>::new());
}

#[test]
fn openmetrics_is_read_back() {
    let mut reports = checks();
    reports.extend(samples::all().into_iter().map(|(_, report)| report));
    // The parser takes its time with more rows than these.
    reports.push(Report { groups: crowded().groups[..100].to_vec(), ..samples::check() });
    for (i, mut report) in reports.into_iter().enumerate() {
        // Ids tell rows apart, in a sample as in a report.
        for (at, group) in report.groups.iter_mut().enumerate() {
            group.id = format!("{at:016x}");
        }
        let text = show("openmetrics", &report);
        let exposition =
            openmetrics_parser::openmetrics::parse_openmetrics(&text).unwrap_or_else(|error| panic!("{i}: {error:?}"));
        assert!(text.ends_with("\n# EOF\n") && text.lines().all(|line| !line.is_empty()));
        let samples = |name: &str| {
            let family = exposition.families.get(name);
            family.map_or_else(Vec::new, |family| family.iter_samples().collect())
        };
        assert_eq!(samples("heapdiff_type_objects").len(), report.groups.len());
        assert_eq!(samples("heapdiff_check").len(), if report.verdict.is_some() { 3 } else { 0 });
        for (group, sample) in report.groups.iter().zip(samples("heapdiff_type_objects")) {
            let label = sample.get_labelset().unwrap().get_label_value("name").unwrap().to_owned();
            let plain = label.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
            assert_eq!(plain, text::safe_name(&rows::label(&group.kind, &group.name)));
        }
    }
}

#[test]
fn ten_thousand_findings_stay_within_the_limits() {
    let report = crowded();
    let comment = show("markdown", &report);
    assert!(comment.len() <= comment::BYTES_MAX, "{} bytes", comment.len());
    for more in ["and 9,980 more reasons", "more findings", "more types", "more warnings"] {
        assert!(comment.contains(more), "{more}");
    }
    let table = show("table", &report);
    assert!(table.lines().count() <= verdict::LINES_MAX, "{table}");
    assert!(table.contains(" more]") && table.lines().all(|line| text::width(line) <= 80), "{table}");
    assert!(show("brief", &report).len() <= brief::BYTES_MAX);
}

#[test]
fn why_takes_ten_lines_at_most() {
    for report in checks() {
        for width in [60, 80, 200] {
            let out = rendered("table", &report, &Style { width, ..Style::default() });
            assert!(out.lines().count() <= verdict::LINES_MAX, "{out}");
            assert!(out.starts_with(if reasons(&report).is_empty() { "PASS" } else { "FAIL" }));
        }
    }
}

#[test]
fn a_comment_is_one_line_where_nothing_changed() {
    let passed = show("markdown", &samples::check_passed());
    assert_eq!(passed.lines().count(), 1, "{passed}");
    assert!(passed.starts_with("**heapdiff: pass**"));
    let mut calm = samples::check();
    (calm.verdict, calm.findings, calm.warnings) = (samples::check_passed().verdict, Vec::new(), Vec::new());
    calm.groups.iter_mut().for_each(|group| group.breakdown = None);
    let moved = calm.groups.len();
    for trend in calm.groups.iter_mut().filter_map(|group| group.trend.as_mut()) {
        trend.verdict = crate::report::TrendVerdict::Noise;
    }
    assert_eq!(show("markdown", &calm).lines().count(), 1, "{moved} rows that move up and down are no change");
    calm.groups[0].trend.as_mut().unwrap().verdict = crate::report::TrendVerdict::Step;
    let stepped = show("markdown", &calm);
    assert_eq!(stepped.lines().filter(|line| line.starts_with("| step")).count(), 1, "{stepped}");
}

#[test]
fn every_format_tells_the_verdict() {
    let report = samples::check();
    for renderer in RENDERERS.iter().filter(|renderer| super::shows(**renderer, &report)) {
        let failed = show(renderer.name(), &report).to_lowercase();
        let passed = show(renderer.name(), &samples::check_passed()).to_lowercase();
        // GitLab takes an empty list for a pass.
        assert!(failed.contains("fail") || renderer.name() == "gitlab" || renderer.name() == "github", "{failed}");
        assert!(failed.contains("leak") && failed != passed, "{failed}");
    }
    let csv = parse_csv(&show("csv", &report));
    let of = |record: &str| csv.iter().filter(|row| row[0] == record).map(|row| row[4].clone()).collect::<Vec<_>>();
    assert_eq!(of("verdict"), ["fail"]);
    assert_eq!(of("reason"), reasons(&report).iter().map(|reason| reason.message.clone()).collect::<Vec<_>>());
    assert!(RENDERERS.iter().filter(|renderer| renderer.shows_verdicts_only()).count() == 3);
    assert!(samples::all().iter().all(|(_, report)| (report.command == Command::Check) == report.verdict.is_some()));
}
