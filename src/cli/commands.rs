//! The commands, each as a short story: read, analyse, write.

use clap::CommandFactory;

use super::args::{Cli, Command, Diff, HeapArgs, Order, ReportArgs, Summary, Top, Trend, Verify};
use super::config::{self, Limits, Output};
use super::output::{self, OutputFile};
use super::progress::Watcher;
use super::{Failure, Outcome, anonymize, check, exit};
use crate::analysis::{self, Options};
use crate::graph::devtools::strings::StringsWant;
use crate::input::Want;
use crate::load::{self, InputOrder, Loaded};
use crate::render::{Renderer, Style, schema};
use crate::report::{self, OrderBy, Report, Warning};
use crate::series::Series;
use crate::text::safe_name;

/// What is to be said on standard error after a success.
pub type Notes = Vec<String>;

/// Runs what was typed.
///
/// # Errors
/// With the exit code and what to say.
pub fn run(cli: Cli) -> Result<Outcome, Failure> {
    let notes = match cli.command {
        Some(Command::Check(args)) => return check::check(&args),
        None => bare(&cli.bare),
        Some(Command::Top(args)) => top(&args),
        Some(Command::Diff(args)) => diff(&args),
        Some(Command::Trend(args)) => trend(&args),
        Some(Command::Paths(args)) => super::paths::paths(&args),
        Some(Command::Verify(args)) => verify(&args),
        Some(Command::Summary(args)) => summary(&args),
        Some(Command::Anonymize(args)) => anonymize::anonymize(&args).map(|()| Notes::new()),
        Some(Command::Schema) => plain(schema().as_bytes()),
        Some(Command::Completions(args)) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "heapdiff", &mut script);
            plain(&script)
        }
        Some(Command::Man) => plain(&manual()),
    };
    notes.map(|notes| Outcome { code: exit::DONE, notes })
}

fn plain(content: &[u8]) -> Result<Notes, Failure> {
    output::standard(content).map(|()| Notes::new())
}

fn bare(args: &Trend) -> Result<Notes, Failure> {
    let inputs = load::expand(&args.files)?;
    let command = match inputs.len() {
        1 => report::Command::Top,
        2 => report::Command::Diff,
        _ => report::Command::Trend,
    };
    let order = if command == report::Command::Diff && args.order == Order::Auto && !inputs[0].from_directory {
        InputOrder::Given
    } else {
        args.order.into()
    };
    if args.why && command == report::Command::Top {
        return Err(Failure::new(
            exit::USAGE,
            "--why tells of growth, which takes several snapshots; for one: heapdiff paths FILE CLASS",
        ));
    }
    analyse(command, &inputs, (order, args.why), (&args.report, args.heap))
}

fn top(args: &Top) -> Result<Notes, Failure> {
    let inputs = load::expand(std::slice::from_ref(&args.file))?;
    if inputs.len() > 1 {
        let message = format!("{}: top shows one snapshot, the directory holds {}", safe_name(&args.file), inputs.len());
        return Err(Failure::new(exit::USAGE, message));
    }
    let limit = args.report.limit.unwrap_or(config::LIMIT);
    let strings = args.strings.then_some(StringsWant { limit, contents: args.include_strings });
    analyse(report::Command::Top, &inputs, (InputOrder::Given, false), (&args.report, HeapArgs { strings, ..args.heap }))
}

fn diff(args: &Diff) -> Result<Notes, Failure> {
    let inputs = load::expand(&[args.before.clone(), args.after.clone()])?;
    if inputs.len() != 2 {
        return Err(Failure::new(exit::USAGE, "diff compares two snapshots; use trend for directories"));
    }
    analyse(report::Command::Diff, &inputs, (InputOrder::Given, args.why), (&args.report, args.heap))
}

fn trend(args: &Trend) -> Result<Notes, Failure> {
    let inputs = load::expand(&args.files)?;
    if inputs.len() < 2 {
        return Err(Failure::new(exit::USAGE, "trend needs several snapshots; use top for one"));
    }
    analyse(report::Command::Trend, &inputs, (args.order.into(), args.why), (&args.report, args.heap))
}

fn analyse(
    command: report::Command,
    inputs: &[load::Candidate],
    (order, why): (InputOrder, bool),
    (args, heap): (&ReportArgs, HeapArgs),
) -> Result<Notes, Failure> {
    let options = config::options(command, args, heap)?;
    let output = config::output(command, &args.output)?;
    let frames = config::frames(&args.read)?;
    let stack_options = output.stacks.then(|| config::stack_options(&options, args));
    let every: Vec<&Options> = [&options].into_iter().chain(&stack_options).collect();
    let want = config::limited(config::with_strings(config::want(&every, &args.read, &frames), heap.strings), args);
    let files = open(&output, inputs)?;
    let progress = Watcher::new(output.quiet);
    let (report, of_stacks) = in_pool(output.threads, || -> Result<_, Failure> {
        let series = load::series(inputs, order, want, &progress)?;
        let limits = Limits { input: args.read.input.max_input, memory: args.max_memory };
        let report =
            if why { super::why::report(&series, &options, limits, &progress)? } else { analysis::report(&series, &options) };
        let of_stacks = stack_options.as_ref().map(|options| matched(analysis::report(&series, options), options));
        // The process ends soon, and gives all its memory back at once.
        std::mem::forget(series);
        Ok((matched(report, &options)?, of_stacks.transpose()?))
    })??;
    drop(progress);
    write(&report, of_stacks.as_ref(), &output, files)
}

/// The report; an error if filters left nothing to show.
fn matched(report: Report, options: &Options) -> Result<Report, Failure> {
    if report.groups.is_empty() && options.allocated_between.is_some() && report.shown.of == 0 {
        return Err(Failure::new(exit::INPUT, "no object was allocated in the time that --allocated-between names"));
    }
    let filtered = options.focus.is_some() || options.ignore.is_some() || !options.kinds.is_empty();
    if filtered && report.groups.is_empty() {
        return Err(Failure::new(exit::INPUT, "no group matches --focus, --ignore and --kind"));
    }
    Ok(report)
}

fn verify(args: &Verify) -> Result<Notes, Failure> {
    let inputs = load::expand(&args.files)?;
    let output = config::output(report::Command::Verify, &args.output)?;
    let files = open(&output, &inputs)?;
    let progress = Watcher::new(output.quiet);
    let want = Want { verify: true, input_max: args.input.max_input, ..Want::GROUPS };
    let (mut loaded, mut refused) = (Vec::new(), Failure { code: exit::OUTPUT, messages: Vec::new() });
    for input in &inputs {
        match in_pool(output.threads, || load::read(&input.path, want, &progress))? {
            Ok(snapshot) => loaded.push(Loaded { path: input.path.clone(), snapshot, process: None }),
            Err(error) => {
                // A file that is broken says more than one that is too large.
                let failure = Failure::from(error);
                refused.code = refused.code.min(failure.code);
                refused.messages.extend(failure.messages);
            }
        }
    }
    drop(progress);
    if !refused.messages.is_empty() {
        return Err(refused);
    }
    let report = analysis::verified(&Series::new(loaded, OrderBy::Given, None, Vec::new()));
    write(&report, None, &output, files)
}

fn summary(args: &Summary) -> Result<Notes, Failure> {
    config::threads(args.threads)?;
    output::distinct(args.output.as_deref().as_slice(), std::iter::once(args.file.as_str()))?;
    let file = args.output.as_deref().map(OutputFile::open).transpose()?;
    let progress = Watcher::new(args.quiet);
    let frames = config::frames(&args.read)?;
    let want = config::want(&[], &args.read, &frames);
    let snapshot = in_pool(args.threads, || load::read(&args.file, want, &progress))??;
    drop(progress);
    let text = serde_json::to_vec(&crate::summary::of(&snapshot)).map(|mut text| {
        text.push(b'\n');
        text
    });
    let text = text.map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?;
    match file {
        Some(file) => file.write(&text)?,
        None => output::standard(&text)?,
    }
    Ok(if args.quiet { Notes::new() } else { notes(&snapshot.warnings, &args.file) })
}

fn manual() -> Vec<u8> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let mut render = |command: &clap::Command| {
        // Writing to memory does not fail.
        let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    };
    render(&command);
    command.get_subcommands().filter(|command| command.get_name() != "help").for_each(&mut render);
    page
}

/// Opens the files of `-o` before the work starts.
pub(super) fn open(output: &Output, inputs: &[load::Candidate]) -> Result<Vec<OutputFile>, Failure> {
    let paths: Vec<&str> = output.files.iter().map(|(_, path)| path.as_str()).collect();
    output::distinct(&paths, inputs.iter().map(|input| input.path.as_str()))?;
    paths.into_iter().map(OutputFile::open).collect()
}

/// Writes a report to the files of `-o` and to standard output, that of stacks where a format [wants](Renderer::wants_stacks) them;
/// returns what is to be said on standard error.
pub(super) fn write(
    report: &Report,
    of_stacks: Option<&Report>,
    output: &Output,
    files: Vec<OutputFile>,
) -> Result<Notes, Failure> {
    let report_for = |renderer: &dyn Renderer| of_stacks.filter(|_| renderer.wants_stacks()).unwrap_or(report);
    let plain = Style { color: false, ..output.style };
    for ((renderer, _), file) in output.files.iter().zip(files) {
        file.write(&rendered(report_for(*renderer), *renderer, &plain)?)?;
    }
    output::standard(&rendered(report_for(output.renderer), output.renderer, &output.style)?)?;
    if output.quiet {
        return Ok(Notes::new());
    }
    let report = report_for(output.renderer);
    let of_inputs = report.inputs.iter().flat_map(|input| notes(&input.warnings, &input.path));
    Ok(report.warnings.iter().map(|warning| format!("warning: {}", warning.message)).chain(of_inputs).collect())
}

/// A report in a format.
pub(super) fn rendered(report: &Report, renderer: &dyn Renderer, style: &Style) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    renderer.render(report, style, &mut content).map_err(|error| Failure::new(exit::INTERNAL, error.to_string()))?;
    Ok(content)
}

/// Warnings about one input, as lines.
fn notes(warnings: &[Warning], path: &str) -> Notes {
    warnings.iter().map(|warning| format!("warning: {}: {}", safe_name(path), safe_name(&warning.message))).collect()
}

/// More threads than this are not started, whatever is asked for.
const THREADS_MAX: usize = 256;

/// Runs on a pool of the given number of threads, or on the default one.
pub(super) fn in_pool<T: Send>(threads: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    let Some(threads) = threads else { return Ok(work()) };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.min(THREADS_MAX)).build();
    let pool = pool.map_err(|error| Failure::new(exit::OUTPUT, format!("--threads {threads}: {error}")))?;
    Ok(pool.install(work))
}

impl From<Order> for InputOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Auto => Self::Auto,
            Order::Given => Self::Given,
            Order::Name => Self::Name,
        }
    }
}
