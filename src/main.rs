//! The command line program: arguments, run, exit code. The only place that prints to standard error.
#![expect(clippy::print_stderr, reason = "errors and warnings are for standard error")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use heapdiff::cli::args::Cli;
use heapdiff::cli::{commands, exit, output};

fn main() -> ExitCode {
    on_signals();
    std::panic::set_hook(Box::new(|panic| {
        // The payload may quote what was read from a heap: only the place is said.
        let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        eprintln!("heapdiff: internal error{place}; please report it");
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output; a reader that has gone is no error.
            let lost = error.print().is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe);
            return ExitCode::from(match error.use_stderr() {
                true => exit::USAGE,
                false if lost => exit::OUTPUT,
                false => exit::DONE,
            });
        }
    };
    let code = match catch_unwind(AssertUnwindSafe(|| commands::run(cli))) {
        Ok(Ok(outcome)) => {
            say(&outcome.notes);
            outcome.code
        }
        Ok(Err(failure)) => {
            say(&failure.messages);
            failure.code
        }
        Err(_) => exit::INTERNAL,
    };
    output::remove_temporary();
    ExitCode::from(code)
}

/// Prints lines to standard error. A closed standard error is no error.
fn say(lines: &[String]) {
    use std::io::Write;
    let mut out = std::io::stderr().lock();
    for line in lines {
        let _ = writeln!(out, "heapdiff: {line}");
    }
}

/// SIGINT and SIGTERM end the process at once, wherever it is, without leaving temporary files.
#[cfg(unix)]
fn on_signals() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    // What passes a limit for files is then an error like that of a full disk.
    let _ = signal_hook::flag::register(libc::SIGXFSZ, std::sync::Arc::default());
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            output::remove_temporary();
            signal_hook::low_level::exit(128 + signal);
        }
    });
}

#[cfg(not(unix))]
fn on_signals() {}
