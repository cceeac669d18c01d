//! Folded stacks for flame graph tools (inferno, flamegraph.pl, speedscope): a line a stack, outermost frame first.
//!
//! `outer;inner 4096`: bytes alive, or objects where sizes are unknown. Of several inputs `outer;inner 4096 8192`: the first and the
//! last, which is what `inferno-flamegraph` draws as a difference. Levels of a grouping that are no stacks are frames in their place,
//! so that `--by stack,class` puts classes on the tips. Rows that are not shown are one line, so that the lines add up.

use std::io::{self, Write};

use super::rows::outermost_others;
use super::{Renderer, Style};
use crate::grouping::Level;
use crate::report::{Group, Report};
use crate::text::safe_name;

/// `--format folded`.
pub(super) struct Folded;

impl Renderer for Folded {
    fn name(&self) -> &'static str {
        "folded"
    }

    fn wants_stacks(&self) -> bool {
        true
    }

    fn render(&self, report: &Report, _style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let whole = Level::Stack.label();
        for group in &report.groups {
            let levels = report.grouping.by.iter().zip(&group.key);
            let frames: Vec<String> =
                levels.flat_map(|(level, key)| if level == whole { stack(group, key) } else { vec![frame(key)] }).collect();
            write_line(&frames, values(&group.count, &group.self_size), out)?;
        }
        let rest = &report.shown.rest;
        if report.shown.of > report.shown.groups {
            write_line(&[frame(&outermost_others(report).unwrap_or_default())], values(&rest.count, &rest.self_size), out)?;
        }
        Ok(())
    }
}

/// The frames of a row's stack, outermost first.
fn stack(group: &Group, key: &str) -> Vec<String> {
    match group.frames.as_deref() {
        None | Some([]) => vec![frame(key)],
        Some(frames) => frames.iter().rev().map(|of_stack| frame(&of_stack.text())).collect(),
    }
}

/// Text that is one frame: nothing in it separates frames or lines.
fn frame(text: &str) -> String {
    safe_name(text).replace(';', "\\u{3b}")
}

/// Bytes, or objects where an input has no sizes, of the first and the last input.
fn values(counts: &[u64], sizes: &[Option<u64>]) -> Vec<u64> {
    let sizes: Option<Vec<u64>> = sizes.iter().copied().collect();
    match sizes.as_deref().unwrap_or(counts) {
        [first, .., last] => vec![*first, *last],
        one => one.to_vec(),
    }
}

fn write_line(frames: &[String], values: Vec<u64>, out: &mut dyn Write) -> io::Result<()> {
    if values.iter().all(|&value| value == 0) {
        return Ok(());
    }
    let mut line = frames.join(";");
    // A number behind the last blank would be taken for a value.
    if let Some((_, last)) = line.rsplit_once(' ')
        && last.parse::<f64>().is_ok()
    {
        line.replace_range(line.len() - last.len() - 1..line.len() - last.len(), "_");
    }
    let values: Vec<String> = values.iter().map(u64::to_string).collect();
    writeln!(out, "{line} {}", values.join(" "))
}
