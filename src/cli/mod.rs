//! The command line: what was typed ([`args`]), what it means ([`config`]), what is done ([`commands`]), and where results and
//! progress go ([`output`], [`progress`]).

mod anonymize;
pub mod args;
mod check;
pub mod commands;
pub mod config;
pub mod output;
mod paths;
pub mod progress;
mod why;

/// Exit codes, part of the public interface.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// `check`: a budget or a rule of growth is violated.
    pub const FAILED: u8 = 1;
    /// Usage or configuration error.
    pub const USAGE: u8 = 2;
    /// An input is missing, unreadable, malformed, truncated or of an unknown format.
    pub const INPUT: u8 = 3;
    /// `check`: the inputs do not tell.
    pub const INCONCLUSIVE: u8 = 4;
    /// A resource or output failure.
    pub const OUTPUT: u8 = 5;
    /// A defect of heapdiff.
    pub const INTERNAL: u8 = 70;
}

/// How a command ended that did what it was asked for.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: u8,
    /// One line each for standard error.
    pub notes: Vec<String>,
}

/// Why a command ended without a result.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// One line each for standard error.
    pub messages: Vec<String>,
}

impl Failure {
    /// A failure with one message.
    #[must_use]
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, messages: vec![message.into()] }
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        let code = if error.kind.is_of_resources() { exit::OUTPUT } else { exit::INPUT };
        Self::new(code, crate::text::safe_name(&error.to_string()))
    }
}
