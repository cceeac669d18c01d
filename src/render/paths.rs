//! Why objects are alive, as an indented tree.

use std::io::{self, Write};

use super::findings::stack_words;
use super::{Style, number};
use crate::graph::paths::words::{pieces, pieces_below};
use crate::report::{Alive, Holder};
use crate::text;

/// Columns that the steps of a path are indented by below its first.
const INDENT: usize = 2;
/// Before the stack that allocated most.
const ALLOCATED: &str = "allocated by ";
/// Behind the container from which one way becomes many.
const FAN_OUT: &str = "  <- fan-out";

/// Writes the screen of `paths`.
pub(super) fn write(alive: &Alive, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for line in text::wrap(headline(alive, style).split(' '), style.width, INDENT) {
        writeln!(out, "{line}")?;
    }
    if let Some(origin) = &alive.allocated_at {
        let figure = format!(" ({} of {})", text::count(origin.instances), text::count(alive.instances));
        let room = style.width.saturating_sub(ALLOCATED.len() + text::width(&figure));
        writeln!(out, "{ALLOCATED}{}{figure}", stack_words(&origin.frames, style, room))?;
    }
    let widest = alive.holders.iter().map(|holder| text::count(holder.instances).len()).max().unwrap_or(0);
    for holder in &alive.holders {
        writeln!(out)?;
        for line in lines(holder, widest, style) {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    let left = alive.holders_of - alive.holders.len();
    if left > 0 {
        let places = if left == 1 { "place" } else { "places" };
        writeln!(out, "\n[{} more {places}]", text::count(number(left)))?;
    }
    Ok(())
}

/// How many, how large, and in how many places.
fn headline(alive: &Alive, style: &Style) -> String {
    let new = if alive.old_instances.is_some() { "new " } else { "" };
    let of = match &alive.class {
        Some(class) if alive.of.starts_with('@') => format!("{class} {}", alive.of),
        _ => alive.of.clone(),
    };
    let mut line = format!(
        "{} {new}{}, {} {}",
        text::count(alive.instances),
        style.fit(&style.safe(&of), style.width / 2),
        if alive.instances == 1 { "retains" } else { "retain" },
        style.size_words(alive.retained_size)
    );
    line.push_str(&match alive.holders_of {
        0 if alive.avoided > 0 => String::new(),
        0 => "; nothing holds them from outside".to_owned(),
        1 => "; held through 1 place".to_owned(),
        2 => "; held through 2 places, both must let go".to_owned(),
        places => format!("; held through {} places, all must let go", text::count(number(places))),
    });
    if alive.by_one_another > 0 {
        line.push_str(&format!("; {} only by one another", text::count(alive.by_one_another)));
    }
    if alive.avoided > 0 {
        line.push_str(&format!("; {} only through what --avoid skips", text::count(alive.avoided)));
    }
    if alive.unreached > 0 {
        line.push_str(&format!("; {} by no strong reference", text::count(alive.unreached)));
    }
    line
}

/// A place: how many it holds, the path to it, and the steps below it.
fn lines(holder: &Holder, widest: usize, style: &Style) -> Vec<String> {
    let count = text::count(holder.instances);
    let margin = widest + 2;
    let room = style.width.saturating_sub(margin);
    let laid = |pieces: &[String], tail: &str, indent: usize| -> Vec<String> {
        if pieces.is_empty() {
            return Vec::new();
        }
        let pieces: Vec<String> = pieces.iter().map(|piece| style.fit(&style.safe(piece), room.saturating_sub(INDENT))).collect();
        let mut lines = text::wrap(pieces.iter().map(String::as_str), room.saturating_sub(indent), INDENT - indent);
        match lines.last_mut() {
            Some(line) if text::width(line) + tail.len() + indent <= room => line.push_str(tail),
            _ => lines.push(format!("{:INDENT$}{}", "", tail.trim_start())),
        }
        lines.iter().map(|line| format!("{:indent$}{line}", "")).collect()
    };
    let fan_out = if holder.below.is_empty() || holder.instances == 1 { "" } else { FAN_OUT };
    let mut lines = laid(&pieces(&holder.path), fan_out, 0);
    let routes = match holder.routes {
        0 => String::new(),
        1 => "  (+1 route)".to_owned(),
        routes => format!("  (+{} routes)", text::count(number(routes))),
    };
    lines.extend(laid(&pieces_below(&holder.below, style.arrow()), &routes, INDENT));
    lines
        .iter()
        .enumerate()
        .map(|(at, line)| if at == 0 { format!("{count:>widest$}  {line}") } else { format!("{:margin$}{line}", "") })
        .collect()
}
