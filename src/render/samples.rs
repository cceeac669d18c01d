//! Reports for the tests of renderers, shaped as the analyses shape them: rows, rest and totals add up.

use crate::report::{
    Allocated, AllocatedAt, Attributed, Breakdown, Change, Check, Command, Finding, Group, Grouping, Input, Member, Moved, Order,
    OrderBy, Parent, Place, Reason, Report, SCHEMA, SCHEMA_VERSION, Shown, Status, Survived, Tool, Totals, Trend, TrendVerdict,
    Verdict, Warning,
};
use crate::stacks::Frame;

const VERSION: &str = "0.1.0";

fn delta(first: u64, last: u64) -> i64 {
    i64::try_from(last).unwrap() - i64::try_from(first).unwrap()
}

/// Sums of a row with at least `removed` objects gone and as many added as that takes, each of the row's mean size.
fn totals(count: &[u64], size: &[u64], removed: u64) -> Totals {
    let mut change = Change::default();
    if let ([first, .., last], [first_size, .., last_size]) = (count, size) {
        let each = last_size.max(first_size) / last.max(first).max(&1);
        let removed = removed.max(first.saturating_sub(*last));
        let survived = first - removed;
        change = Change {
            count_delta: Some(delta(*first, *last)),
            size_delta: Some(delta(*first_size, *last_size)),
            added: Some(Moved { count: last - survived, size: (last - survived) * each }),
            removed: Some(Moved { count: removed, size: removed * each }),
            survived: Some(Survived { count: survived, size_delta: 0 }),
        };
    }
    Totals { count: count.to_vec(), self_size: size.iter().map(|&size| Some(size)).collect(), change }
}

pub(super) fn group(key: &[&str], kind: &str, count: &[u64], size: &[u64], removed: u64) -> Group {
    let sums = totals(count, size, removed);
    Group {
        id: format!(
            "{:016x}",
            key.iter().flat_map(|level| level.bytes()).fold(17u64, |id, byte| id * 31 % 0xFFFF_FFFB + u64::from(byte))
        ),
        key: key.iter().map(|level| (*level).to_owned()).collect(),
        name: key.last().copied().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        count: sums.count,
        self_size: sums.self_size,
        retained_size: None,
        change: sums.change,
        trend: None,
        breakdown: None,
        frames: None,
        allocated: None,
        allocated_at: None,
    }
}

fn input(index: usize, path: &str, nodes: u64, self_size: u64) -> Input {
    Input {
        index,
        path: path.to_owned(),
        format: "v8",
        file_bytes: self_size + 240_235,
        complete: true,
        nodes,
        edges: Some(nodes * 4),
        self_size: Some(self_size),
        extra_native_bytes: None,
        process: Some(0),
        order: Order { by: OrderBy::HeapIds, key: Some(2 * nodes - 1) },
        warnings: Vec::new(),
    }
}

fn report(command: Command, inputs: Vec<Input>, groups: Vec<Group>, shown: Shown, totals: Totals) -> Report {
    Report {
        schema: SCHEMA,
        schema_version: SCHEMA_VERSION,
        tool: Tool { version: VERSION, ..Tool::THIS },
        command,
        grouping: Grouping { by: vec!["class".to_owned()], sizes: "self", allocated_between: None },
        inputs,
        totals,
        statistics: None,
        strings: None,
        groups,
        parents: Vec::new(),
        findings: Vec::new(),
        shown,
        other_causes: Vec::new(),
        alive: None,
        verdict: None,
        warnings: Vec::new(),
    }
}

pub(super) fn top() -> Report {
    let groups = vec![
        group(&["(string)"], "string", &[12_044], &[1_801_224], 0),
        group(&["(compiled code)"], "code", &[15_210], &[1_312_880], 0),
        group(&["(array)"], "array", &[9_120], &[800_016], 0),
        group(&["system / NativeContext"], "hidden", &[3], &[62_112], 0),
        group(&["IncomingMessage"], "object", &[210], &[50_400], 0),
    ];
    let shown = Shown { groups: 5, of: 144, rest: totals(&[17_394], &[766_460], 0) };
    let mut input = input(0, "snaps/s1.heapsnapshot", 53_981, 4_793_092);
    input.extra_native_bytes = Some(1_212_416);
    report(Command::Top, vec![input], groups, shown, totals(&[53_981], &[4_793_092], 0))
}

/// The two snapshots of the specification's screen.
pub(super) fn diff() -> Report {
    let groups = vec![
        group(&["StepItem"], "object", &[0, 20_000], &[0, 640_000], 0),
        group(&["(array)"], "array", &[21_408, 31_310], &[838_860, 1_363_558], 118),
        group(&["LeakyItem"], "object", &[500, 5_000], &[20_000, 200_000], 0),
        group(&["(string)"], "string", &[11_020, 11_002], &[801_224, 800_900], 340),
        group(&["OldCache"], "object", &[1_200, 0], &[96_000, 0], 1_200),
    ];
    let shown = Shown { groups: 5, of: 143, rest: totals(&[5_383, 23_892], &[1_809_024, 2_238_422], 1_000) };
    let inputs = vec![input(0, "before.heapsnapshot", 39_511, 3_565_108), input(1, "after.heapsnapshot", 91_204, 5_242_880)];
    let totals = totals(&[39_511, 91_204], &[3_565_108, 5_242_880], 2_658);
    report(Command::Diff, inputs, groups, shown, totals)
}

/// The diff with names as long as minified and generated code has them, figures of a large heap, in two processes.
pub(super) fn diff_wide() -> Report {
    let mut report = diff();
    report.groups = vec![
        group(
            &["Detached <div class=\"MuiDataGrid-cell MuiDataGrid-cell--textRight MuiDataGrid-withBorderColor\">"],
            "native",
            &[1_204_311, 13_204_817],
            &[154_151_808, 1_690_216_576],
            200_114,
        ),
        group(&["system / NativeContext / 漢字の名前は幅が二倍"], "hidden", &[1, 2], &[20_704, 41_408], 0),
        group(&["(object properties)"], "array", &[2_100_345, 2_100_344], &[90_112_000, 90_111_900], 100_000),
    ];
    report.shown = Shown { groups: 3, of: 4, rest: totals(&[999_999, 999_999], &[66_000_000, 66_000_000], 0) };
    report.totals = totals(&[4_304_656, 16_305_162], &[310_284_512, 1_846_369_884], 300_114);
    report.inputs = vec![
        input(0, "/var/lib/service/dumps/2026-11-20/Heap.20261120.031500.1.0.001.heapsnapshot", 4_304_656, 310_284_512),
        input(1, "/var/lib/service/dumps/2026-11-21/Heap.20261121.031500.1.0.001.heapsnapshot", 16_305_162, 1_846_369_884),
    ];
    report.inputs[1].process = Some(1);
    for row in
        report.groups.iter_mut().map(|group| &mut group.change).chain([&mut report.shown.rest.change, &mut report.totals.change])
    {
        (row.added, row.removed, row.survived) = (None, None, None);
    }
    report.warnings.push(Warning {
        code: "mixed-processes".to_owned(),
        message: "the snapshots come from different processes: groups are compared, objects are not".to_owned(),
        input: None,
    });
    report
}

fn trend(verdict: TrendVerdict, n: usize, rank: usize, finding: Option<usize>, p: f64) -> Trend {
    Trend {
        verdict,
        monotonic: verdict == TrendVerdict::Leak,
        n,
        steps_up: n - 1,
        p,
        slope: 20_000.0,
        growth: 20_000 * i64::try_from(n - 1).unwrap(),
        tail: 1.0,
        weakest: 1.0,
        score: 179_000.5,
        rank,
        finding,
        explained_share: finding.map(|_| 1.0),
        inflates: false,
        runtime: false,
    }
}

fn line(first: u64, step: u64, n: u64) -> Vec<u64> {
    (0..n).map(|i| first + step * i).collect()
}

fn member(kind: &str, name: &str, per_unit: u64, exact: bool) -> Member {
    Member {
        group: format!("{kind}:{name}"),
        kind: kind.to_owned(),
        name: name.to_owned(),
        class: name.to_owned(),
        per_unit,
        exact,
        residual: u64::from(!exact),
    }
}

fn attributed(kind: &str, name: &str, per_unit: f64, size_growth: i64) -> Attributed {
    Attributed { group: format!("{kind}:{name}"), kind: kind.to_owned(), name: name.to_owned(), per_unit, size_growth }
}

fn frame(function: &str, script: &str, line: u32, column: u32) -> Frame {
    Frame { function: function.to_owned(), script: script.to_owned(), line, column }
}

fn finding(
    rank: usize,
    verdict: TrendVerdict,
    steps: Vec<i64>,
    unit: i64,
    members: Vec<Member>,
    attributed: Vec<Attributed>,
) -> Finding {
    let since = steps.iter().take_while(|&&step| step <= 0).count();
    let growth: i64 = steps.iter().map(|step| step * unit).sum();
    Finding {
        rank,
        headline: members[0].group.clone(),
        verdict,
        since,
        constant: steps[since..].iter().all(|&step| step == steps[since]),
        slowing: false,
        runtime: false,
        size_growth: growth,
        size_per_step: steps.iter().map(|step| step * unit).collect(),
        size_growth_total: growth + attributed.iter().map(|group| group.size_growth).sum::<i64>(),
        members,
        attributed,
        allocated_at: None,
        causes: None,
        share: None,
        groups_explained: None,
        groups_growing: None,
        steps: Some(steps),
    }
}

/// Ten snapshots of one process: a leak, a suspect that breaks down, and rows that stopped growing.
pub(super) fn trend_report() -> Report {
    use TrendVerdict::{Leak, Saturating, Step, Suspect};
    let mut leaky = group(&["LeakyItem"], "object", &line(500, 500, 10), &line(20_000, 20_000, 10), 0);
    leaky.trend = Some(trend(Leak, 10, 1, Some(1), 0.000_000_3));
    let mut closures = group(&["(closure)"], "closure", &line(4_000, 520, 10), &line(256_000, 33_280, 10), 0);
    closures.trend = Some(trend(Leak, 10, 2, Some(1), 0.000_000_3));
    let mut on_message = group(&["onMessage"], "closure", &line(500, 500, 10), &line(32_000, 32_000, 10), 0);
    on_message.trend = Some(trend(Leak, 10, 1, Some(1), 0.000_000_3));
    let mut anonymous = group(&[""], "closure", &line(1_000, 20, 10), &line(64_000, 1_280, 10), 0);
    anonymous.trend = Some(trend(Suspect, 10, 2, None, 0.012));
    closures.breakdown = Some(Breakdown {
        by: "name".to_owned(),
        groups: vec![on_message, anonymous],
        shown: Shown { groups: 2, of: 311, rest: totals(&[2_500; 10], &[160_000; 10], 0) },
    });
    let mut code = group(&["(compiled code)"], "code", &line(9_000, 31, 10), &line(1_000_000, 17_400, 10), 120);
    code.trend = Some(Trend { runtime: true, ..trend(Suspect, 10, 3, None, 0.001_2) });
    let mut tables = group(&["Map"], "object", &[40; 10], &line(90_000, 9_000, 10), 0);
    tables.trend = Some(Trend { inflates: true, ..trend(Suspect, 10, 4, Some(2), 0.04) });
    let stepped = |values: [u64; 10], each: u64| values.map(|value| value * each);
    let fill = [0, 1_800, 3_400, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000];
    let mut cache = group(&["CacheItem"], "object", &fill, &stepped(fill, 32), 0);
    cache.trend = Some(trend(Saturating, 10, 5, Some(3), 0.01));
    let once = [0, 0, 0, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000, 20_000];
    let mut step = group(&["StepItem"], "object", &once, &stepped(once, 32), 0);
    step.trend = Some(trend(Step, 10, 6, None, 0.02));
    let rest = totals(&[21_000, 21_002, 20_990, 21_010, 21_000, 21_001, 21_000, 20_999, 21_000, 21_004], &[1_200_000; 10], 20);
    let groups = vec![leaky, closures, code, tables, cache, step];
    let sums = |i: usize| {
        let size = groups.iter().map(|group| group.self_size[i].unwrap()).sum::<u64>() + rest.self_size[i].unwrap();
        (groups.iter().map(|group| group.count[i]).sum::<u64>() + rest.count[i], size)
    };
    let (count, size): (Vec<u64>, Vec<u64>) = (0..10).map(sums).unzip();
    let inputs = (0..10).map(|i| input(i, &format!("snaps/s{:02}.heapsnapshot", i + 1), count[i], size[i])).collect();
    let shown = Shown { groups: groups.len(), of: 144, rest };
    let mut report = report(Command::Trend, inputs, groups, shown, totals(&count, &size, 140));
    report.findings = vec![
        finding(
            1,
            Leak,
            vec![500; 9],
            94,
            vec![
                member("object", "LeakyItem", 1, true),
                member("closure", "onMessage", 1, true),
                member("object", "system / Context", 1, true),
                member("object", "Array", 2, false),
            ],
            vec![attributed("object", "Object", 2.04, 98_000), attributed("string", "", 6.1, 24_880)],
        ),
        Finding {
            steps: None,
            constant: false,
            size_growth: 81_000,
            size_growth_total: 81_000,
            size_per_step: vec![9_000; 9],
            ..finding(2, Suspect, vec![1; 9], 9_000, vec![member("object", "Map", 1, true)], Vec::new())
        },
        finding(
            3,
            Saturating,
            vec![1_800, 1_600, 1_600, 0, 0, 0, 0, 0, 0],
            32,
            vec![member("object", "CacheItem", 1, true)],
            Vec::new(),
        ),
    ];
    report
}

/// Three snapshots, nothing but a suspect with very many members and uneven steps, late in the series.
pub(super) fn trend_short() -> Report {
    let mut channel = group(&["InternalChannel"], "object", &[40, 40, 171], &[9_600, 9_600, 41_040], 0);
    channel.trend = Some(trend(TrendVerdict::Suspect, 3, 1, Some(1), 0.166_7));
    let rest = totals(&[160_000, 160_004, 160_001], &[48_000_000, 48_000_100, 48_000_050], 9_000);
    let totals = totals(&[160_040, 160_044, 160_172], &[48_009_600, 48_009_700, 48_041_090], 9_000);
    let inputs = (0..3usize)
        .map(|i| {
            let mut input = input(i, &format!("build-{i}.heapsnapshot"), totals.count[i], totals.self_size[i].unwrap());
            (input.process, input.order.by) = (None, OrderBy::Given);
            input
        })
        .collect();
    let mut members = vec![member("object", "InternalChannel", 1, true), member("object", "ResolvingLoadBalancer", 1, true)];
    members.extend((0..51).map(|i| member("object", &format!("GeneratedServiceClientInterceptorProvider{i}"), 1 + i % 3, true)));
    let found = finding(1, TrendVerdict::Suspect, vec![0, 40, 91], 10_400, members, vec![attributed("string", "", 7.0, 31_000)]);
    let mut report = report(Command::Trend, inputs, vec![channel], Shown { groups: 1, of: 322, rest }, totals);
    let frames = vec![frame("getOrCreate", "node_modules/rpc/pool.js", 8, 3), frame("lookup", "server.js", 24, 15)];
    let allocated_at = AllocatedAt { frames, package: Some("rpc".to_owned()), count_delta: 131, size_delta: Some(31_440) };
    report.findings = vec![Finding { allocated_at: Some(allocated_at), ..found }];
    report
}

/// `--by package,class,name`, cut to two rows a level.
pub(super) fn nested() -> Report {
    let by = ["package", "class", "name"];
    let leaf = |key: &[&str], count: [u64; 2]| group(key, "object", &count, &count.map(|count| count * 48), 0);
    let parent = |key: &[&str], count: [u64; 2], of: usize, rest: [u64; 2]| Parent {
        group: leaf(key, count),
        shown: Shown {
            groups: 1,
            of,
            rest: if of > 1 { totals(&rest, &rest.map(|rest| rest * 48), 0) } else { Totals::default() },
        },
    };
    let groups = vec![leaf(&["app", "(closure)", "onPriceChange"], [150, 900]), leaf(&["ws", "Sender", "Sender"], [10, 12])];
    let mut report = report(
        Command::Diff,
        vec![input(0, "a.heapsnapshot", 2_010, 96_480), input(1, "b.heapsnapshot", 2_820, 135_360)],
        groups,
        Shown { groups: 2, of: 40, rest: totals(&[1_850, 1_908], &[88_800, 91_584], 0) },
        totals(&[2_010, 2_820], &[96_480, 135_360], 0),
    );
    report.grouping.by = by.map(String::from).to_vec();
    report.parents = vec![
        parent(&["app"], [450, 1_260], 3, [100, 110]),
        parent(&["ws"], [60, 60], 1, [0, 0]),
        parent(&["app", "(closure)"], [350, 1_150], 8, [200, 250]),
        parent(&["ws", "Sender"], [60, 60], 4, [50, 48]),
    ];
    report
}

/// A comparison by stack.
pub(super) fn stacks() -> Report {
    let frames = vec![frame("LeakyConn 7", "", 0, 0), frame("lookup", "grpc.js", 24, 15), frame("handle", "server.js", 9, 2)];
    let text = |frames: &[Frame]| frames.iter().map(Frame::text).collect::<Vec<_>>().join(" < ");
    let row = |frames: Vec<Frame>, key: &str, count: [u64; 2]| Group {
        allocated: (!frames.is_empty())
            .then(|| Allocated { count: vec![None, Some(count[1] + 2)], size: vec![None, Some((count[1] + 2) * 48)] }),
        frames: Some(frames),
        ..group(&[key], "object", &count, &count.map(|count| count * 48), 0)
    };
    let mut leaky = row(frames.clone(), &text(&frames), [20, 60]);
    leaky.allocated_at = Some(AllocatedAt { frames: frames.clone(), package: None, count_delta: 40, size_delta: Some(1_920) });
    let other = vec![frame("a;b", "", 0, 0)];
    let groups = vec![leaky, row(other.clone(), &text(&other), [1, 0]), row(Vec::new(), "[not tracked]", [500, 500])];
    let inputs = vec![input(0, "a.heapsnapshot", 531, 25_488), input(1, "b.heapsnapshot", 570, 27_360)];
    let shown = Shown { groups: 3, of: 4, rest: totals(&[10, 10], &[480, 480], 0) };
    let mut report = report(Command::Diff, inputs, groups, shown, totals(&[531, 570], &[25_488, 27_360], 1));
    report.grouping.by = vec!["stack".to_owned()];
    report
}

pub(super) fn verify() -> Report {
    let mut report = report(Command::Verify, Vec::new(), Vec::new(), Shown::default(), Totals::default());
    report.inputs = vec![input(0, "snaps/s1.heapsnapshot", 53_981, 4_793_092), input(1, "snaps/s2.heapsnapshot.gz", 912, 71_884)];
    report.inputs[1].complete = false;
    report.inputs[1].edges = None;
    report.inputs[1].warnings.push(Warning {
        code: "cut-short".to_owned(),
        message: "nodes: expected \"]\" at byte 1,048,576, found end of file (file cut short?)".to_owned(),
        input: Some(1),
    });
    report
}

fn reason(status: Status, code: &str, message: &str, name: Option<&str>) -> Reason {
    let text = |text: &str| text.to_owned();
    Reason {
        status,
        code: text(code),
        message: text(message),
        group: name.map(|name| format!("object:{name}")),
        name: name.map(text),
        finding: None,
        rule: None,
    }
}

/// The ten snapshots of [`trend_report`], which fail: a leak, a budget of a type, one of the heap, and an input that is cut short.
pub(super) fn check() -> Report {
    let mut report = Report { command: Command::Check, ..trend_report() };
    let mut budget = reason(
        Status::Fail,
        "max-size",
        "Map: 167.0 KiB, at most 100.0 KiB allowed (one table of routes, and it has never been larger)",
        Some("Map"),
    );
    budget.rule = Some(Place { file: "heapdiff.toml".to_owned(), line: 12 });
    let reasons = vec![
        reason(Status::Fail, "leak", "LeakyItem leaks: +4,500, +533.1 KiB in 9 steps, 4 types in lockstep", Some("LeakyItem")),
        budget,
        reason(Status::Fail, "total-max-growth", "the heap: +797.7 KiB, at most +64.0 KiB allowed", None),
        reason(Status::Inconclusive, "incomplete-input", "snaps/s04.heapsnapshot is cut short", None),
    ];
    let checks = [("leak", "no type leaks", Status::Fail), ("max-count", "NotebookModel: at most 0 objects", Status::Pass)];
    let checks = checks.map(|(code, name, status)| Check { code: code.to_owned(), name: name.to_owned(), status });
    report.verdict = Some(Verdict { status: Status::Fail, reasons, checks: checks.to_vec() });
    report.warnings.push(Warning {
        code: "unused-rule".to_owned(),
        message: "heapdiff.toml:20: the rule for \"Ghost\" matches no class: none is there, or the name is wrong".to_owned(),
        input: None,
    });
    report
}

/// One snapshot that passes.
pub(super) fn check_passed() -> Report {
    let mut report = Report { command: Command::Check, ..top() };
    let check = Check { code: "max-count".to_owned(), name: "NotebookModel: at most 0 objects".to_owned(), status: Status::Pass };
    report.verdict = Some(Verdict { status: Status::Pass, reasons: Vec::new(), checks: vec![check] });
    report
}

/// Every sample and what it is called.
pub(super) fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("top", top()),
        ("diff", diff()),
        ("diff-wide", diff_wide()),
        ("trend", trend_report()),
        ("trend-short", trend_short()),
        ("nested", nested()),
        ("stacks", stacks()),
        ("verify", verify()),
        ("check", check()),
        ("check-passed", check_passed()),
    ]
}
