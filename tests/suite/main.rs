//! The program against facts from outside: a plain reader, real files, the reference viewer's figures, identities of the
//! figures shown, and golden reports.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod anonymize;
mod check;
mod cli;
mod expected;
mod faults;
mod formats;
mod golden;
mod graph;
mod graph_reader;
mod heap;
mod identities;
mod limits;
mod meliae;
mod mutation;
mod output;
mod owners;
mod paths;
mod payload;
mod python_paths;
mod reader;
mod readme;
mod series;
mod shuffle;
mod stacks;
mod strings;
mod support;
mod truncation;
