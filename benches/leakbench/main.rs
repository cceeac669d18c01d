//! How often the growth rule names the right culprit, and how often it cries wolf.
//!
//! `cargo bench --bench leakbench` runs the rule, and simpler rules beside it, over (a) the labelled series of `fixtures/series`
//! and (b) simulated rows and heaps, and prints tables; `-- --test` is a quick smoke run over a few of both; `-- --show
//! PROGRAM.VARIANT` prints the findings of every window of one series. A full run fails if a figure is worse than its reference.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints its table and stops at the first broken fixture")]

use std::process::ExitCode;

mod labelled;
mod random;
mod rules;
mod simulated;
mod tally;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--show") {
        labelled::show_all(arguments.get(at + 1).map_or("", String::as_str));
        return ExitCode::SUCCESS;
    }
    // `cargo bench` passes `--bench`, `cargo test --benches` does not: a smoke run, as with `--test`.
    let quick = arguments.iter().any(|argument| argument == "--test") || !arguments.iter().any(|argument| argument == "--bench");
    random::check();
    let holds = [labelled::run(quick), simulated::run(quick)];
    if holds == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
