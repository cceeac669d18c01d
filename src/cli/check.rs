//! The gate of a build as a story: read the rules, read the snapshots, judge, write, say it with the exit code.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::args::{Check, HeapArgs, Inconclusive, Missing, Server};
use super::commands::{in_pool, open, rendered, write};
use super::config::{self, Output};
use super::output::{self, OutputFile};
use super::progress::Watcher;
use super::{Failure, Outcome, exit};
use crate::analysis;
use crate::gate::baseline::{self, Baseline, Header};
use crate::gate::values::{Day, Pattern, bytes};
use crate::gate::{Gate, Growth, Limits, MissingBaseline, Rule, Rules, budget, judge};
use crate::grouping::Level;
use crate::heap::HeapWant;
use crate::input::Want;
use crate::load;
use crate::render::{Style, by_name};
use crate::report::{self, Report, Status, Warning};
use crate::series::Series;
use crate::text::safe_name;

/// Bytes of a job's summary, which GitHub refuses from 1 MiB on.
const SUMMARY_MAX: u64 = 900_000;
/// A larger baseline is none.
const BASELINE_MAX: u64 = 64 << 20;

/// `heapdiff check`.
///
/// # Errors
/// With the exit code and what to say.
pub(super) fn check(args: &Check) -> Result<Outcome, Failure> {
    let rules = rules(args)?;
    let options = config::options(report::Command::Check, &args.report, HeapArgs::default())?;
    let output = config::output(report::Command::Check, &args.report.output)?;
    let baseline = args.baseline.as_deref().map(read_baseline).transpose()?.flatten();
    if let Some(other) = baseline.as_ref().filter(|baseline| baseline.sizes != options.sizes.label()) {
        let message = format!("{} counts sizes as --sizes {} does: they do not compare", other.called(), other.sizes);
        return Err(Failure::new(exit::USAGE, safe_name(&message)));
    }
    let today = rules.groups.iter().any(|rule| rule.expires.is_some()).then(today).transpose()?;
    let inputs = load::expand(&args.files)?;
    let files = open(&output, &inputs)?;
    let kept = args.baseline.as_deref().filter(|_| args.update_baseline).map(OutputFile::open).transpose()?;
    let gate = Gate {
        rules: &rules,
        options: &options,
        baseline: baseline.as_ref(),
        missing: args
            .baseline
            .as_deref()
            .filter(|_| baseline.is_none())
            .map(|path| MissingBaseline { path, fails: args.baseline_missing == Missing::Fail && !args.update_baseline }),
        runtime: args.runtime_version.as_deref(),
        today,
    };
    let (series, report) = in_pool(output.threads, || judged(args, &inputs, &output, &gate))??;
    let mut notes = write(&report, None, &output, files)?;
    if args.ci == Some(Server::Github) {
        notes.extend(github(&report, &output.style)?);
    }
    let status = report.verdict.as_ref().map_or(Status::Inconclusive, |verdict| verdict.status);
    if let Some(file) = kept {
        if status == Status::Inconclusive {
            notes.push("the baseline stays as it is: the verdict is inconclusive".to_owned());
        } else {
            let header = Header { name: args.name.as_deref(), runtime: args.runtime_version.as_deref(), sizes: options.sizes };
            file.write(baseline::write(&series, &report.findings, &rules.levels(series.runtime), header).as_bytes())?;
        }
    }
    Ok(Outcome { code: code(status, args.inconclusive), notes })
}

fn code(status: Status, inconclusive: Inconclusive) -> u8 {
    match (status, inconclusive) {
        (Status::Pass, _) | (Status::Inconclusive, Inconclusive::Pass) => exit::DONE,
        (Status::Fail, _) => exit::FAILED,
        (Status::Inconclusive, Inconclusive::Stop) => exit::INCONCLUSIVE,
    }
}

/// The series without its warm-up, and the report with the verdict.
fn judged(args: &Check, inputs: &[load::Candidate], output: &Output, gate: &Gate<'_>) -> Result<(Series, Report), Failure> {
    let progress = Watcher::new(output.quiet);
    let frames = config::frames(&args.report.read)?;
    let want = config::want(&[gate.options], &args.report.read, &frames);
    let rules = gate.rules.groups.iter().chain(&gate.rules.assertions);
    let by = |level| rules.clone().any(|rule| rule.level == Some(level));
    let classes = want.heap.is_some_and(|heap| heap.classes) || by(Level::DevTools);
    let owners = want.heap.is_some_and(|heap| heap.owners) || by(Level::Owner);
    let further = HeapWant { classes, owners, ..want.heap.unwrap_or_default() };
    let heap = if classes || owners { Some(further) } else { want.heap };
    let want = config::limited(Want { names: want.names || by(Level::Name), heap, ..want }, &args.report);
    let series = load::series(inputs, args.order.into(), want, &progress)?;
    drop(progress);
    let skipped = gate.skipped(&series);
    let series = series.without_first(skipped);
    let mut report = analysis::report(&series, gate.options);
    let (verdict, warnings) = judge(&series, &report, gate);
    report.warnings.extend(warnings);
    if skipped > 0 {
        let message = format!("left out as warm-up: the first {skipped} of {}", skipped + series.inputs.len());
        report.warnings.push(Warning { code: "warm-up".to_owned(), message, input: None });
    }
    report.verdict = Some(verdict);
    Ok((series, report))
}

/// What the budget and the command line say.
fn rules(args: &Check) -> Result<Rules, Failure> {
    let usage = |message: String| Failure::new(exit::USAGE, safe_name(&message));
    let file = if args.no_config { None } else { args.budget.clone().or_else(find_budget) };
    let mut rules = match file {
        Some(path) => {
            let text = read_text(&path, budget::BYTES_MAX).map_err(|error| usage(format!("{path}: {error}")))?;
            budget::parse(&text, &path).map_err(usage)?
        }
        None => Rules::default(),
    };
    if !args.fail_on.is_empty() {
        let named = |name: &String| Growth::ALL.iter().find(|(_, label)| label == name).map(|&(growth, _)| growth);
        rules.fail_on = args.fail_on.iter().filter_map(named).collect();
    }
    rules.min_snapshots = args.min_snapshots.map(NonZeroUsize::get).or(rules.min_snapshots);
    rules.skip_first = args.skip_first.unwrap_or(rules.skip_first);
    rules.loops = args.loops.or(rules.loops);
    for assertion in &args.max {
        let (name, count) = assertion.rsplit_once('=').unwrap_or((assertion, ""));
        let count = count.trim().parse().map_err(|_| usage(format!("--max {assertion}: expected NAME=N, such as Foo=0")))?;
        rules.assertions.push(assertion_of("--max", name, Limits { max_count: Some(count), ..Limits::default() })?);
    }
    for assertion in &args.max_growth {
        let (name, size) = assertion.rsplit_once('=').map_or((None, assertion.as_str()), |(name, size)| (Some(name), size));
        let size = bytes(size.trim()).map_err(|error| usage(format!("--max-growth {assertion}: {error}")))?;
        match name {
            None => rules.total.max_growth = Some(size),
            Some(name) => {
                let limits = Limits { max_growth: Some(size), ..Limits::default() };
                rules.assertions.push(assertion_of("--max-growth", name, limits)?);
            }
        }
    }
    Ok(rules)
}

fn assertion_of(flag: &str, name: &str, limits: Limits) -> Result<Rule, Failure> {
    let pattern = Pattern::new(name).map_err(|error| Failure::new(exit::USAGE, safe_name(&format!("{flag}: {error}"))))?;
    Ok(Rule { pattern, level: None, limits, allow: Vec::new(), reason: None, expires: None, place: None })
}

/// The budget in the working folder or the nearest folder above that has one, as a path from here.
fn find_budget() -> Option<String> {
    let here = std::env::current_dir().ok()?;
    here.ancestors()
        .enumerate()
        .find(|(_, folder)| folder.join(budget::FILE_NAME).is_file())
        .map(|(above, _)| format!("{}{}", "../".repeat(above), budget::FILE_NAME))
}

fn read_baseline(path: &str) -> Result<Option<Baseline>, Failure> {
    if !Path::new(path).try_exists().unwrap_or(true) {
        return Ok(None);
    }
    let failure = |error: String| Failure::new(exit::INPUT, safe_name(&format!("{path}: baseline: {error}")));
    let text = read_text(path, BASELINE_MAX).map_err(failure)?;
    Baseline::parse(&text).map(Some).map_err(failure)
}

/// A file's text, if it has no more than so many bytes.
fn read_text(path: &str, bytes_max: u64) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("is not a file".to_owned());
    }
    let mut text = String::new();
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|len| len <= bytes_max) {
        Ok(text)
    } else {
        Err(format!("more than {bytes_max} bytes"))
    }
}

/// Today (UTC), or the day of SOURCE_DATE_EPOCH, which makes a run repeatable.
fn today() -> Result<Day, Failure> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    let seconds = match std::env::var_os(VARIABLE) {
        Some(text) => text.to_str().and_then(|text| text.parse().ok()),
        None => SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
    };
    let wrong = || Failure::new(exit::USAGE, format!("{VARIABLE}: expected seconds since 1970"));
    seconds.map(Day::of_seconds).ok_or_else(wrong)
}

/// Annotations on standard output, and the summary of the job if there is a file for it.
fn github(report: &Report, style: &Style) -> Result<Option<String>, Failure> {
    let format = |name: &str| by_name(name).map_or_else(|| Ok(Vec::new()), |renderer| rendered(report, renderer, style));
    output::standard(&format("github")?)?;
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return Ok(None) };
    let summary = format("markdown")?;
    let failure = |error: std::io::Error| {
        Failure::new(exit::OUTPUT, safe_name(&format!("{}: {error}", path.to_string_lossy())).into_owned())
    };
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failure)?;
    let there = file.metadata().map_or(0, |metadata| metadata.len());
    if u64::try_from(summary.len()).is_ok_and(|len| there.saturating_add(len) <= SUMMARY_MAX) {
        file.write_all(&summary).map_err(failure)?;
        return Ok(None);
    }
    Ok(Some("warning: the job's summary is full: nothing was added to it".to_owned()))
}
