//! Every format against golden files, identities of the figures shown, and names made to do harm.

mod ci;

use std::path::PathBuf;

use super::*;

fn rendered(format: &str, report: &Report, style: &Style) -> String {
    let mut out = Vec::new();
    by_name(format).unwrap().render(report, style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Compares with `tests/golden/render/<name>`, or writes it when `HEAPDIFF_BLESS=1`.
fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/render").join(name);
    if std::env::var_os("HEAPDIFF_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "{name} differs from its golden file; HEAPDIFF_BLESS=1 accepts it:\n{actual}");
}

#[test]
fn formats_match_their_golden_files() {
    let wide = Style { width: 120, ..Style::default() };
    for (sample, report) in samples::all() {
        golden(&format!("{sample}-table-80.txt"), &rendered("table", &report, &Style::default()));
        golden(&format!("{sample}-table-120.txt"), &rendered("table", &report, &wide));
        for format in RENDERERS.iter().filter(|renderer| renderer.name() != "table" && shows(**renderer, &report)) {
            let format = format.name();
            golden(&format!("{sample}-{format}.txt"), &rendered(format, &report, &Style::default()));
        }
    }
    let ascii = Style { ascii: true, bytes: true, ..wide };
    golden("diff-wide-table-ascii-bytes.txt", &rendered("table", &samples::diff_wide(), &ascii));
    golden("trend-table-ascii-bytes.txt", &rendered("table", &samples::trend_report(), &ascii));
    golden("schema.json", &schema());
}

#[test]
fn growth_that_no_place_tells_of_is_not_asked_for_again() {
    let mut report = samples::trend_report();
    for finding in &mut report.findings {
        finding.causes = Some(Vec::new());
        (finding.groups_explained, finding.groups_growing) = (Some(0), Some(5));
    }
    let text = rendered("table", &report, &Style::default());
    assert!(text.contains("no few places hold half of it: heapdiff paths … LeakyItem shows all"), "{text}");
    assert!(!text.contains("--why") && !text.contains("explains 0"), "{text}");
    let brief = rendered("brief", &report, &Style::default());
    let next = "heapdiff paths snaps/s01.heapsnapshot snaps/s10.heapsnapshot LeakyItem";
    assert!(brief.contains(&format!("\"command\":\"{next}\"")), "{brief}");
}

#[test]
fn what_grows_with_a_leak_is_not_spared_as_the_runtimes_own() {
    let mut report = samples::trend_report();
    for trend in report.groups.iter_mut().filter_map(|group| group.trend.as_mut()) {
        trend.runtime = trend.verdict == crate::report::TrendVerdict::Leak;
    }
    assert!(!rendered("table", &report, &Style::default()).contains("never called a leak"));
}

/// Whether a format is for a report.
fn shows(renderer: &dyn Renderer, report: &Report) -> bool {
    if report.verdict.is_some() { !renderer.wants_stacks() } else { !renderer.shows_verdicts_only() }
}

/// Reports at the edges of what an analysis can make.
fn edges() -> Vec<Report> {
    let mut nothing = samples::top();
    nothing.groups.clear();
    nothing.inputs.clear();
    (nothing.totals, nothing.shown) = Default::default();
    let mut no_sizes = samples::trend_report();
    for sizes in no_sizes.groups.iter_mut().map(|group| &mut group.self_size).chain([&mut no_sizes.totals.self_size]) {
        sizes.fill(None);
    }
    no_sizes.totals.change.size_delta = None;
    let mut orphans = samples::nested();
    orphans.parents.truncate(1);
    let mut many = samples::trend_report();
    many.findings = (1..=60).map(|rank| crate::report::Finding { rank, ..many.findings[0].clone() }).collect();
    many.groups.iter_mut().for_each(|group| group.retained_size = Some(vec![u64::MAX; 10]));
    many.totals.self_size.fill(Some(u64::MAX));
    many.totals.count.fill(u64::MAX);
    many.totals.change.size_delta = Some(i64::MIN);
    let mut empty_finding = samples::trend_short();
    empty_finding.findings[0].members.clear();
    empty_finding.findings[0].since = 99;
    let mut retained = samples::top();
    retained.groups[0].retained_size = Some(vec![2_000_000]);
    let unknown = crate::report::Command::Trend;
    let commands = [samples::top(), samples::diff(), nothing.clone()].map(|report| Report { command: unknown, ..report });
    [nothing, no_sizes, orphans, many, empty_finding, retained].into_iter().chain(commands).collect()
}

#[test]
fn reports_at_the_edges_keep_to_the_form() {
    for (i, report) in edges().into_iter().enumerate() {
        for renderer in RENDERERS {
            let out = rendered(renderer.name(), &report, &Style { width: 100, ..Style::default() });
            // What has no rows has no stacks.
            let none = renderer.wants_stacks() && report.groups.is_empty() && out.is_empty();
            assert!(none || out.ends_with('\n'), "{i} as {}", renderer.name());
            let fits = out.lines().all(|line| text::width(line) <= 100);
            assert!(renderer.name() != "table" || fits, "{i}: {out}");
        }
    }
}

/// Text made to do harm to a terminal, a table, a page, a spreadsheet or a build log.
fn hostile() -> Vec<String> {
    let mut names: Vec<String> = [
        "\x1b[31mred\x1b]0;title\x07\x1b]8;;http://evil/\x1b\\link",
        "\u{9b}31m\u{90}q\u{9c}\u{85}\u{7f}\0\x08",
        "\u{202e}txt.exe\u{2066}\u{200b}\u{feff}\u{2028}\u{ad}\u{e0041}\u{fe0f}",
        "a\n::error::boom\r\n##[error]x",
        "::error::boom",
        "##vso[task.setvariable variable=x]y",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "a|b\\|c``d`e*f_g[h](javascript:i)~j&lt;k",
        "=HYPERLINK(\"http://evil\";\"x\")",
        "+1",
        "-1+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "\"quoted\", 'and' more",
        "https://evil.example/ www.evil.example @org/team #12 :smile:",
        "漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
        "👩‍👩‍👧‍👦👍🏽🇩🇪",
        "",
        " ",
    ]
    .map(String::from)
    .to_vec();
    names.extend(["x", "\u{301}", "\x1b"].map(|c| c.repeat(1 << 11)));
    names
}

/// A mebibyte of what is wide, of what has no width, and of what has to be written out.
fn huge() -> [String; 3] {
    ["x", "\u{301}", "\x1b"].map(|c| c.repeat((1 << 20) / c.len()))
}

/// The report with every text in it that comes from outside replaced.
fn poisoned(mut report: Report, text: &str) -> Report {
    fn poison(group: &mut crate::report::Group, text: &str) {
        text.clone_into(&mut group.name);
        text.clone_into(&mut group.kind);
        let places = group.allocated_at.iter_mut().flat_map(|at| &mut at.frames);
        for frame in group.frames.iter_mut().flatten().chain(places) {
            (frame.function, frame.script) = (text.to_owned(), text.to_owned());
        }
        for part in group.breakdown.iter_mut().flat_map(|breakdown| &mut breakdown.groups) {
            poison(part, text);
        }
    }
    let text = text.to_owned();
    report.groups.iter_mut().for_each(|group| poison(group, &text));
    report.parents.iter_mut().for_each(|parent| poison(&mut parent.group, &text));
    for member in report.findings.iter_mut().flat_map(|finding| &mut finding.members) {
        (member.name, member.kind) = (text.clone(), text.clone());
    }
    for at in report.findings.iter_mut().filter_map(|finding| finding.allocated_at.as_mut()) {
        at.frames.iter_mut().for_each(|frame| (frame.function, frame.script) = (text.clone(), text.clone()));
        at.package = Some(text.clone());
    }
    for attributed in report.findings.iter_mut().flat_map(|finding| &mut finding.attributed) {
        (attributed.name, attributed.kind) = (text.clone(), text.clone());
    }
    for input in &mut report.inputs {
        input.path.clone_from(&text);
        input.warnings.iter_mut().for_each(|warning| warning.message.clone_from(&text));
    }
    if let Some(verdict) = &mut report.verdict {
        for reason in &mut verdict.reasons {
            reason.message.clone_from(&text);
            reason.name.iter_mut().for_each(|name| name.clone_from(&text));
            reason.rule.iter_mut().for_each(|place| place.file.clone_from(&text));
        }
        verdict.checks.iter_mut().for_each(|check| check.name.clone_from(&text));
    }
    report.warnings.push(crate::report::Warning { code: "test".to_owned(), message: text, input: None });
    report
}

#[test]
fn hostile_text_reaches_no_output_raw() {
    for text in hostile() {
        for (sample, report) in samples::all() {
            let report = poisoned(report, &text);
            for renderer in RENDERERS {
                let out = rendered(renderer.name(), &report, &Style::default());
                let place = || format!("{sample} as {} with {:.60?}", renderer.name(), text);
                assert_eq!(out.chars().find(|&c| c != '\n' && text::is_unsafe(c)), None, "{}", place());
                assert!(!out.contains("##[") && !out.contains("##vso["), "{}", place());
                // Commands are what GitHub's format consists of; its own test reads each of them.
                let quiet = |line: &str| renderer.name() == "github" || !line.trim_start().starts_with("::");
                assert!(out.lines().all(quiet), "{}", place());
                let none = renderer.wants_stacks() && report.groups.is_empty() && out.is_empty();
                assert!(none || out.ends_with('\n'), "{}", place());
            }
        }
    }
}

#[test]
fn names_of_a_mebibyte_are_cut_where_people_read() {
    let style = Style::default();
    for text in huge() {
        let report = poisoned(samples::diff(), &text);
        for format in ["table", "markdown", "brief"] {
            let out = rendered(format, &report, &style);
            assert_eq!(out.chars().find(|&c| c != '\n' && text::is_unsafe(c)), None, "{format}");
            assert!(out.len() < 16 << 10, "{format}: {} bytes", out.len());
        }
        assert!(rendered("table", &report, &style).lines().all(|line| text::width(line) <= style.width));
    }
    let [wide, ..] = huge();
    assert!(rendered("csv", &poisoned(samples::top(), &wide), &style).contains(&wide), "formats for programs cut nothing");
}

#[test]
fn tables_keep_their_width() {
    for (sample, report) in samples::all() {
        let mut reports = vec![report.clone()];
        reports.extend(hostile().iter().map(|text| poisoned(report.clone(), text)));
        for report in reports {
            let least = if report.command == crate::report::Command::Verify { 80 } else { 60 };
            for width in [least, 80, 81, 100, 120, 200] {
                for (ascii, bytes) in [(false, false), (true, false), (false, true)] {
                    let out = rendered("table", &report, &Style { width, ascii, bytes, ..Style::default() });
                    for line in out.lines() {
                        assert!(text::width(line) <= width, "{sample}: {} > {width}: {line:.200}", text::width(line));
                        assert!(line == line.trim_end(), "{sample}: {line:.200}");
                    }
                    assert!(!ascii || out.is_ascii(), "{sample}");
                }
            }
        }
    }
}

#[test]
fn names_of_any_kind_take_one_line_of_a_table() {
    for (sample, report) in samples::all().into_iter().filter(|(_, report)| report.command != crate::report::Command::Verify) {
        let table = |text: &str| {
            let out = rendered("table", &poisoned(report.clone(), text), &Style { width: 200, ..Style::default() });
            out.lines().skip_while(|line| !line.contains("COUNT")).take_while(|line| !line.is_empty()).count()
        };
        let plain = table("Plain");
        for text in hostile() {
            assert_eq!(table(&text), plain, "{sample} with {text:.60?}");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for (sample, report) in samples::all() {
        let plain = rendered("table", &report, &Style::default());
        let colored = rendered("table", &report, &Style { color: true, ..Style::default() });
        let mut stripped = String::new();
        for (i, part) in colored.split("\x1b[").enumerate() {
            stripped.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
        }
        assert_eq!(stripped, plain, "{sample}");
        for renderer in RENDERERS.iter().filter(|renderer| renderer.name() != "table") {
            assert!(!rendered(renderer.name(), &report, &Style { color: true, ..Style::default() }).contains('\x1b'));
        }
    }
}

#[test]
fn json_is_the_report_and_keeps_to_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (sample, report) in samples::all() {
        for report in [poisoned(report.clone(), &hostile().concat()), report] {
            let out = rendered("json", &report, &Style::default());
            assert_eq!(out.lines().count(), 1);
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert!(value == serde_json::to_value(&report).unwrap(), "{sample}");
            let wrong = validator.iter_errors(&value).next().map(|error| error.masked().to_string());
            assert_eq!(wrong, None, "{sample}");
        }
    }
    assert!(!validator.is_valid(&serde_json::json!({"schema": "heapdiff.report"})), "the schema asks for something");
}

#[test]
fn ndjson_records_say_what_they_are_and_end_with_the_summary() {
    for (sample, report) in samples::all() {
        let out = rendered("ndjson", &poisoned(report.clone(), &hostile().concat()), &Style::default());
        let records: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(out.lines().all(|line| line.starts_with("{\"record\":\"")), "{sample}");
        let number = |record: &str| records.iter().filter(|value| value["record"] == record).count();
        assert_eq!(number("input"), report.inputs.len());
        assert_eq!(number("group"), report.groups.len());
        assert_eq!(number("finding"), report.findings.len());
        assert_eq!(number("warning"), report.warnings.len() + 1);
        assert_eq!(records.last().unwrap()["record"], "summary");
        assert_eq!(number("summary"), 1);
    }
}

/// RFC 4180, read back by the letter.
fn parse_csv(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        let record = records.last_mut().unwrap();
        let field = record.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(String::new()),
            '\n' if !quoted => records.push(vec![String::new()]),
            _ => field.push(c),
        }
    }
    assert!(!quoted, "a quote is left open");
    assert_eq!(records.pop(), Some(vec![String::new()]), "the last record ends with a line's end");
    records
}

#[test]
fn csv_reads_back_adds_up_and_holds_no_formula() {
    for (sample, report) in samples::all() {
        for text in hostile() {
            let records = parse_csv(&rendered("csv", &poisoned(report.clone(), &text), &Style::default()));
            let names = &records[0];
            for record in &records {
                assert_eq!(record.len(), names.len(), "{sample} with {text:.60?}");
                for field in record {
                    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
                    assert!(!formula || field.parse::<f64>().is_ok(), "{sample}: {field:.60}");
                }
            }
        }
        let records = parse_csv(&rendered("csv", &report, &Style::default()));
        let count = records[0].iter().position(|name| name == "count_1");
        let Some(count) = count else { continue };
        let sum = |wanted: &[&str]| -> u64 {
            records
                .iter()
                .filter(|record| wanted.contains(&record[0].as_str()))
                .map(|record| record[count].parse::<u64>().unwrap())
                .sum()
        };
        assert_eq!(sum(&["group", "rest"]), sum(&["total"]), "{sample}");
    }
}

#[test]
fn markdown_tables_keep_their_cells() {
    let cells = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
    for (sample, report) in samples::all() {
        let plain = rendered("markdown", &poisoned(report.clone(), "Plain"), &Style::default());
        for text in hostile() {
            let out = rendered("markdown", &poisoned(report.clone(), &text), &Style::default());
            let bars = |text: &str| text.lines().filter(|line| line.starts_with('|')).map(cells).collect::<Vec<_>>();
            assert_eq!(bars(&out), bars(&plain), "{sample} with {text:.60?}");
            let bare = out.replace("<code>", "").replace("</code>", "");
            assert!(!bare.contains(['<', '>']), "{sample} with {text:.60?}");
            assert!(!bare.replace("\\\\", "").replace("\\`", "").contains('`'), "{sample} with {text:.60?}");
            assert!(!out.contains("://") && !out.contains("www."), "{sample} with {text:.60?}");
        }
    }
}

#[test]
fn brief_keeps_its_limit() {
    for (sample, report) in [("trend", samples::trend_report()), ("verify", samples::verify())] {
        for text in hostile().into_iter().chain(huge()) {
            let mut report = poisoned(report.clone(), &text);
            report.groups.resize(30, samples::group(&[&text], &text, &[1; 2], &[1; 2], 0));
            report.groups.resize(10_000, samples::group(&["Plain"], "object", &[1; 2], &[1; 2], 0));
            report.warnings.resize(30, report.warnings[0].clone());
            let out = rendered("brief", &report, &Style::default());
            assert!(out.len() <= brief::BYTES_MAX, "{sample}: {} bytes with {text:.60?}", out.len());
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert!(value["next"]["command"].as_str().unwrap().starts_with("heapdiff "));
        }
    }
}

#[test]
fn formats_have_distinct_names() {
    let names: Vec<&str> = RENDERERS.iter().map(|renderer| renderer.name()).collect();
    assert_eq!(
        names,
        ["table", "json", "ndjson", "csv", "markdown", "brief", "folded", "junit", "github", "gitlab", "openmetrics"]
    );
    assert!(by_name("xml").is_none());
}

/// The frames and values of a folded line, as flame graph tools read it.
fn folded(line: &str) -> (Vec<&str>, Vec<u64>) {
    let (mut stack, mut values) = (line, Vec::new());
    while let Some((rest, value)) = stack.rsplit_once(' ').and_then(|(rest, last)| Some((rest, last.parse().ok()?))) {
        stack = rest;
        values.insert(0, value);
    }
    (stack.split(';').collect(), values)
}

#[test]
fn folded_stacks_read_back_and_add_up() {
    let report = samples::stacks();
    let depth: usize = report.groups.iter().map(|group| group.frames.as_ref().unwrap().len().max(1)).max().unwrap();
    for text in hostile() {
        let out = rendered("folded", &poisoned(report.clone(), &text), &Style::default());
        let lines: Vec<(Vec<&str>, Vec<u64>)> = out.lines().map(folded).collect();
        assert_eq!(lines.iter().map(|(stack, _)| stack.len()).max(), Some(depth), "{text:.60?}");
        for input in [0, 1] {
            let sum: u64 = lines.iter().map(|(_, values)| values[input]).sum();
            assert_eq!(Some(sum), report.totals.self_size[input], "{text:.60?}");
        }
        assert!(lines.iter().all(|(_, values)| values.len() == 2), "{text:.60?}");
    }
    let out = rendered("folded", &report, &Style::default());
    assert!(out.starts_with("handle server.js:9:2;lookup grpc.js:24:15;LeakyConn_7 960 2880\n"), "{out}");
}

#[test]
fn a_warning_is_told_once() {
    let mut report = samples::verify();
    let warning = report.inputs[1].warnings[0].clone();
    report.warnings.push(warning);
    for format in ["table", "markdown", "brief"] {
        assert_eq!(rendered(format, &report, &Style::default()).matches("file cut short").count(), 1, "{format}");
    }
}
