//! `heapdiff paths` as a story: read the snapshots, take the last one as a graph, say what keeps objects alive.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::args::Paths;
use super::commands::{Notes, in_pool, open, write};
use super::config::Limits;
use super::progress::Watcher;
use super::{Failure, config, exit};
use crate::alive::{Options, Wanted, alive, origin, persists};
use crate::analysis;
use crate::graph::{Detachedness, Graph, GraphWant};
use crate::grouping::Level;
use crate::heap::HeapWant;
use crate::input::Want;
use crate::input::{meliae, v8};
use crate::load::{self, Progress};
use crate::report::{self, Alive, Report, Warning};
use crate::series::{Input, Series, SeriesGroup};
use crate::source::{Source, is_repeatable};
use crate::text::{nearest, safe_name};

/// `heapdiff paths`.
///
/// # Errors
/// With the exit code and what to say.
pub(super) fn paths(args: &Paths) -> Result<Notes, Failure> {
    let (files, wanted) = match (args.node, args.what.as_slice()) {
        (Some(id), files) => (files, Wanted::Node(id)),
        (None, [files @ .., class]) if !files.is_empty() => (files, Wanted::Class(class.clone())),
        _ => return Err(Failure::new(exit::USAGE, "which objects? heapdiff paths FILE... CLASS, or --node ID")),
    };
    if let Wanted::Class(class) = &wanted
        && Path::new(class).exists()
    {
        let message = format!("{} is a file: name a class behind the files, or --node ID", safe_name(class));
        return Err(Failure::new(exit::USAGE, message));
    }
    let options = Options { wanted, limit: args.limit, depth: args.depth, avoid: config::pattern("avoid", &args.avoid)? };
    let limits = Limits { input: args.input.max_input, memory: args.max_memory };
    let output = config::output(report::Command::Paths, &args.output)?;
    let inputs = load::expand(files)?;
    inputs.iter().try_for_each(|input| read_again(&input.path, "paths"))?;
    let files = open(&output, &inputs)?;
    let progress = Watcher::new(output.quiet);
    let report = in_pool(output.threads, || -> Result<Report, Failure> {
        let want = Want { stacks: true, input_max: limits.input, ..Want::GROUPS };
        let series = load::series(&inputs, args.order.into(), want, &progress)?;
        found(&series, &options, limits, &progress)
    })??;
    drop(progress);
    write(&report, None, &output, files)
}

/// The report of a series, the last snapshot of which is looked into.
fn found(series: &Series, options: &Options, limits: Limits, progress: &Watcher) -> Result<Report, Failure> {
    let mut report = analysis::without_rows(series, report::Command::Paths);
    let (Some(first), Some(last)) = (series.inputs.first(), series.inputs.last()) else { return Ok(report) };
    have_references(series, "paths")?;
    let several = series.inputs.len() > 1;
    let of_class = matches!(options.wanted, Wanted::Class(_));
    let compares = several && of_class && first.process.is_some() && first.process == last.process;
    let old = if compares { Some(of_graph(first, limits, progress, |graph| ids(graph, &options.wanted))?) } else { None };
    let alive = of_graph(last, limits, progress, |graph| alive(graph, options, old.as_ref()))?;
    if several && of_class && alive.old_instances.is_none() {
        let message = "ids do not tell which objects are new: all of the last snapshot are shown".to_owned();
        report.warnings.push(Warning { code: "no-identity".to_owned(), message, input: None });
    }
    if alive.instances == 0 {
        let path = safe_name(&last.path);
        let message = match alive.old_instances {
            Some(old) if old > 0 => format!("{path}: no {} is new, all {old} were there in {}", alive.of, safe_name(&first.path)),
            _ => format!("{path}: no object is called {}{}", alive.of, did_you_mean(series, &options.wanted)),
        };
        return Err(Failure::new(exit::INPUT, message));
    }
    let allocated_at = match &options.wanted {
        Wanted::Class(class) => origin(series, class, alive.old_instances.is_some()),
        Wanted::Node(_) => None,
    };
    report.alive = Some(Alive { allocated_at, ..alive });
    Ok(report)
}

/// The class of the last snapshot that is called nearly so, as a question.
fn did_you_mean(series: &Series, wanted: &Wanted) -> String {
    let Wanted::Class(class) = wanted else { return String::new() };
    let is_there = |group: &&SeriesGroup| group.sums.count.last().is_some_and(|&count| count > 0);
    let names: BTreeSet<String> = series
        .groups
        .iter()
        .filter(is_there)
        .map(|group| match group.kind.as_str() {
            "closure" => format!("{}()", group.name),
            _ => Level::Class.key(series, group),
        })
        .collect();
    let nearest = nearest(class, names.iter().map(String::as_str));
    nearest.map_or_else(String::new, |name| format!("; did you mean {}?", safe_name(name)))
}

/// An error unless an input can be read more than once.
///
/// # Errors
/// As said.
pub(super) fn read_again(path: &str, what: &str) -> Result<(), Failure> {
    // Of a folder, and of what is not there, other things are to be said.
    let is_other = path != "-" && std::fs::metadata(path).map_or(true, |metadata| metadata.is_dir());
    if is_other || is_repeatable(path) {
        return Ok(());
    }
    let called = if path == "-" { "standard input".into() } else { safe_name(path) };
    Err(Failure::new(exit::USAGE, format!("{what} reads its input more than once, which {called} does not allow: give a file")))
}

/// An error unless references can be read of every input.
///
/// # Errors
/// As said.
pub(super) fn have_references(series: &Series, what: &str) -> Result<(), Failure> {
    let has_none = |input: &&Input| ![v8::NAME, meliae::NAME].contains(&input.snapshot.format);
    let Some(other) = series.inputs.iter().find(has_none) else { return Ok(()) };
    let message = format!(
        "{}: {what} needs references, which heapdiff reads of V8's snapshots and Python's object dumps only",
        safe_name(&other.path)
    );
    Err(Failure::new(exit::INPUT, message))
}

/// What is computed of a snapshot as a graph.
///
/// # Errors
/// If it cannot be read, is refused, or changes meanwhile.
fn of_graph<T>(input: &Input, limits: Limits, progress: &Watcher, compute: impl FnOnce(&Graph) -> T) -> Result<T, Failure> {
    Opened::read(input, limits, progress)?.compute(compute)
}

/// A snapshot that has been read as a graph.
pub(super) struct Opened<'i> {
    path: &'i str,
    source: Source,
    graph: Graph,
}

impl<'i> Opened<'i> {
    /// Reads an input.
    ///
    /// # Errors
    /// If it cannot be read, is refused, or changes meanwhile.
    pub(super) fn read(input: &'i Input, limits: Limits, progress: &Watcher) -> Result<Self, Failure> {
        let path = input.path.as_str();
        let mut source = load::open(path, limits.input)?;
        progress.begin(path, &source.done, source.total);
        let graph = if input.snapshot.format == v8::NAME {
            v8::read_graph(&mut source, GraphWant { memory_max: limits.memory, ..GraphWant::default() })
        } else {
            // What was read although it is cut short may be read so again.
            let want = Want { allow_truncated: !input.snapshot.complete, input_max: limits.input, ..Want::GROUPS };
            let heap = HeapWant { whole: true, memory_max: limits.memory, ..HeapWant::default() };
            crate::input::read_heap(&mut source, want, heap).map(|heap| heap.graph)
        };
        // A changed file explains any error better than the error does.
        if graph.is_err() {
            source.unchanged().map_err(|kind| kind.at(path))?;
        }
        Ok(Self { path, source, graph: graph.map_err(|kind| kind.at(path))? })
    }

    /// What is computed of the graph.
    ///
    /// # Errors
    /// If the file has changed by then.
    pub(super) fn compute<T>(&self, compute: impl FnOnce(&Graph) -> T) -> Result<T, Failure> {
        let result = compute(&self.graph);
        self.source.unchanged().map_err(|kind| kind.at(self.path))?;
        Ok(result)
    }
}

/// The ids of the objects meant, as far as they persist.
fn ids(graph: &Graph, wanted: &Wanted) -> HashSet<u64> {
    let meant = wanted.of(graph, &Detachedness::new(graph));
    let ids = (0..graph.nodes()).filter(|&node| meant.has(node)).map(|node| graph.id.get(node));
    ids.filter(|&id| persists(id)).collect()
}
