//! GitLab's code quality report: a list of issues, each with a fingerprint that stays the same from run to run, by which GitLab
//! tells new issues from known ones.

use std::io::{self, Write};

use serde::Serialize;

use super::verdict::{is_failure, subject};
use super::{Renderer, Style, json};
use crate::report::{Reason, Report};

/// `--format gitlab`.
pub(super) struct GitLab;

/// Where an issue is shown if no rule says so and there is no input.
const NO_FILE: &str = "heapdiff.toml";

/// An issue, with the fields GitLab asks for.
#[derive(Serialize)]
struct Issue<'a> {
    description: &'a str,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

impl Renderer for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn shows_verdicts_only(&self) -> bool {
        true
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let reasons = report.verdict.as_ref().map_or(&[][..], |verdict| &verdict.reasons);
        let input = report.inputs.last().map_or(NO_FILE, |input| &input.path);
        let issues: Vec<Issue<'_>> = reasons.iter().map(|reason| issue(reason, input)).collect();
        json::write_line(&issues, out)
    }
}

fn issue<'a>(reason: &'a Reason, input: &'a str) -> Issue<'a> {
    let (path, begin) = reason.rule.as_ref().map_or((input, 1), |place| (&place.file, place.line));
    Issue {
        description: &reason.message,
        check_name: format!("heapdiff/{}", reason.code),
        fingerprint: fingerprint(reason),
        severity: if is_failure(reason) { "major" } else { "minor" },
        location: Location { path, lines: Lines { begin } },
    }
}

/// What an issue is about, without its figures.
fn fingerprint(reason: &Reason) -> String {
    let about = reason.group.as_deref().unwrap_or(subject(reason));
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(format!("heapdiff\0{}\0{about}", reason.code).as_bytes()))
}
