//! Plain readers of the formats beside V8's: a whole document in memory, and no thought of speed.

use std::collections::BTreeMap;

use heapdiff::snapshot::Snapshot;
use regex::Regex;
use serde_json::Value;

/// Kind, name and frames (innermost first) of groups, with their counts and self sizes.
pub(crate) type Found = BTreeMap<(String, String, Vec<String>), (u64, u64)>;

/// What a reader of the program found.
pub(crate) fn found(snapshot: &Snapshot) -> Found {
    let mut found = Found::new();
    for group in &snapshot.groups {
        let frames = snapshot.stacks.frames(group.stack).map(|frame| frame.text()).collect();
        let sums = found.entry((group.kind.clone(), group.name.clone(), frames)).or_default();
        *sums = (sums.0 + group.count, sums.1 + group.self_size);
    }
    found
}

fn sum(found: &Found, part: impl Fn(&(u64, u64)) -> u64) -> Result<u64, String> {
    found.values().try_fold(0_u64, |sum, sums| sum.checked_add(part(sums))).ok_or_else(|| "overflow".to_owned())
}

fn checked(found: Found) -> Result<Found, String> {
    sum(&found, |sums| sums.0)?;
    sum(&found, |sums| sums.1)?;
    Ok(found)
}

fn add(found: &mut Found, key: (String, String, Vec<String>), count: u64, size: u64) -> Result<(), String> {
    let sums = found.entry(key).or_default();
    sums.0 = sums.0.checked_add(count).ok_or("overflow")?;
    sums.1 = sums.1.checked_add(size).ok_or("overflow")?;
    Ok(())
}

/// A frame as reports write it, and whether it is of a file.
fn frame(function: &str, file: &str, line: u64) -> Result<(String, bool), String> {
    u32::try_from(line).map_err(|_| "line")?;
    let file = if file.is_empty() && line > 0 { "(unnamed)" } else { file };
    let place = if line == 0 { file.to_owned() } else { format!("{file}:{line}") };
    Ok(match (file, function) {
        ("", "") => ("(anonymous)".to_owned(), false),
        ("", function) => (function.to_owned(), false),
        (_, "") => (place, true),
        (_, function) => (format!("{place} {function}"), true),
    })
}

/// Adds an allocation without a type, named by its site.
fn allocation(found: &mut Found, kind: &str, frames: Vec<(String, bool)>, count: u64, size: u64) -> Result<(), String> {
    let site = frames.iter().find(|(_, of_file)| *of_file).or(frames.first());
    let name = site.map_or("[not tracked]".to_owned(), |(text, _)| text.clone());
    let frames = frames.into_iter().map(|(text, _)| text).collect();
    add(found, (kind.to_owned(), name, frames), count, size)
}

fn json(content: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(content).map_err(|error| error.to_string())
}

/// The frames of a JSON array, in its order.
fn frames(value: &Value) -> Result<Vec<(String, bool)>, String> {
    let one = |value: &Value| {
        let fields = value.as_array().filter(|fields| (2..=4).contains(&fields.len())).ok_or("frame")?;
        let text = |i: usize| match fields.get(i) {
            None | Some(Value::Null) => Ok(""),
            Some(value) => value.as_str().ok_or("text"),
        };
        let line = if fields[1].is_null() { 0 } else { fields[1].as_u64().ok_or("line")? };
        text(3)?;
        frame(text(2)?, fields[0].as_str().ok_or("file")?, line)
    };
    value.as_array().ok_or("stack")?.iter().map(one).collect()
}

/// Without white space.
fn compact(content: &[u8]) -> String {
    String::from_utf8_lossy(content).split_whitespace().collect()
}

pub(crate) fn stack_list(content: &[u8]) -> Result<Found, String> {
    let mut found = Found::new();
    for stack in json(content)?.as_array().ok_or("stacks")? {
        let mut frames = frames(stack)?;
        frames.reverse();
        allocation(&mut found, "allocation", frames, 1, 0)?;
    }
    checked(found)
}

pub(crate) fn tracemalloc(content: &[u8]) -> Result<Found, String> {
    let document = json(content)?;
    let text = compact(content);
    let twice = |part: &str, key: &str| part.matches(&format!("\"{key}\":")).count() > 1;
    let keys = |part: &str| ["size", "count", "stack"].iter().any(|key| twice(part, key));
    if document["format"] != "tracemalloc" || twice(&text, "traces") || twice(&text, "format") || text.split('{').any(keys) {
        return Err("format, or a key twice".to_owned());
    }
    let mut found = Found::new();
    for trace in document["traces"].as_array().ok_or("traces")? {
        let count = trace.get("count").map_or(Some(1), Value::as_u64).ok_or("count")?;
        let size = trace["size"].as_u64().ok_or("size")?;
        allocation(&mut found, "allocation", frames(&trace["stack"])?, count, size)?;
    }
    checked(found)
}

/// Rows without quotes.
pub(crate) fn memray(content: &[u8]) -> Result<Found, String> {
    let text = std::str::from_utf8(content).map_err(|_| "UTF-8")?;
    let mut rows = text.split(['\n', '\r']).filter(|row| !row.is_empty());
    let header: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).ok_or("header");
    let columns = [column("allocator")?, column("num_allocations")?, column("size")?, column("stack_trace")?];
    if !text.ends_with(['\n', '\r']) {
        return Err("end".to_owned());
    }
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+')).ok_or("number");
    let of_frame = Regex::new(r"([^;]*);([^;]*);\+?([0-9]+)(?:\||$)").unwrap();
    let mut found = Found::new();
    for row in rows {
        let fields: Vec<&str> = row.split(',').collect();
        if fields.len() != header.len() {
            return Err("fields".to_owned());
        }
        let [allocator, count, size, trace] = columns.map(|column| fields[column]);
        let (mut frames, mut end) = (Vec::new(), 0);
        while end < trace.len() {
            let parts = of_frame.captures_at(trace, end).filter(|parts| parts.get(0).unwrap().start() == end).ok_or("frame")?;
            frames.push(frame(&parts[1], &parts[2], parts[3].parse().map_err(|_| "line")?)?);
            end = parts.get(0).unwrap().end();
        }
        allocation(&mut found, allocator, frames, number(count)?, number(size)?)?;
    }
    checked(found)
}

pub(crate) fn jmap(content: &[u8]) -> Result<Found, String> {
    let text = std::str::from_utf8(content).map_err(|_| "UTF-8")?;
    let matches = |pattern: &str, line: &str| {
        let captures = Regex::new(pattern).unwrap().captures(line)?;
        Some(captures.iter().skip(1).map(|group| group.map_or("", |group| group.as_str()).to_owned()).collect::<Vec<_>>())
    };
    let (mut found, mut total, mut begun) = (Found::new(), None, false);
    for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
        if total.is_some() {
            return Err("text behind the end".to_owned());
        } else if !begun {
            begun = line.split_whitespace().take(4).eq(["num", "#instances", "#bytes", "class"]);
        } else if let Some(sums) = matches(r"^Total\s*([0-9]+)\s+([0-9]+)$", line) {
            total = Some((sums[0].parse().map_err(|_| "total")?, sums[1].parse().map_err(|_| "total")?));
        } else if !line.starts_with("---") {
            let fields = matches(r"^([0-9]+):\s*([0-9]+)\s+([0-9]+)\s+(.*)$", line).ok_or("row")?;
            fields[0].parse::<u64>().map_err(|_| "rank")?;
            let name = matches(r"^(.*) \(.*\)$", &fields[3]).map_or(fields[3].clone(), |module| module[0].clone());
            let name = matches(r"^(.+)/(?:0x)?[0-9a-fA-F]+$", &name).map_or(name, |hidden| hidden[0].clone());
            let kind = if name.starts_with('[') { "array" } else { "object" };
            let number = |i: usize| fields[i].parse::<u64>().map_err(|_| "number");
            add(&mut found, (kind.to_owned(), name, Vec::new()), number(1)?, number(2)?)?;
        }
    }
    let found = checked(found)?;
    let sums = (sum(&found, |sums| sums.0)?, sum(&found, |sums| sums.1)?);
    if total == Some(sums) { Ok(found) } else { Err("total".to_owned()) }
}

/// With sites; the reader's answer without them is the same with frames left out.
pub(crate) fn ruby(content: &[u8]) -> Result<Found, String> {
    let begins = compact(&content[..content.len().min(4096)]);
    if !begins.starts_with("{\"type\":\"ROOT\"") && !begins.starts_with("{\"address\":\"0x") {
        return Err("beginning".to_owned());
    }
    let lines = content.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let records = lines.map(ruby_record).collect::<Result<Vec<_>, String>>()?;
    let of_classes = records.iter().filter(|record| ["CLASS", "MODULE", "ICLASS"].iter().any(|kind| record["type"] == *kind));
    let classes: BTreeMap<u64, &Value> = of_classes.map(|record| (address(&record["address"]).unwrap(), record)).collect();
    let mut found = Found::new();
    for record in records.iter().filter(|record| record["type"] != "ROOT" && record["type"] != "NONE") {
        let kind = record["type"].as_str().unwrap();
        let inner = record["imemo_type"].as_str().or(record["struct"].as_str());
        let name = match address(&record["class"]) {
            Ok(class) if record["imemo_type"].is_null() => ruby_class(&classes, class),
            _ => match inner.filter(|inner| !inner.is_empty()) {
                Some(inner) => format!("({} {inner})", kind.to_lowercase()),
                None => format!("({})", kind.to_lowercase()),
            },
        };
        let site = record["file"].as_str().map(|file| {
            let method = record["method"].as_str().unwrap_or_default();
            frame(method, file, record["line"].as_u64().unwrap_or(0)).unwrap().0
        });
        add(&mut found, (kind.to_owned(), name, site.into_iter().collect()), 1, record["memsize"].as_u64().unwrap_or(0))?;
    }
    checked(found)
}

const RUBY_KEYS: [&str; 15] = [
    "type",
    "address",
    "class",
    "memsize",
    "references",
    "file",
    "line",
    "method",
    "imemo_type",
    "struct",
    "name",
    "real_class_name",
    "superclass",
    "singleton",
    "default",
];

fn address(value: &Value) -> Result<u64, String> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).filter(|digits| !digits.starts_with('+'));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or_else(|| "address".to_owned())
}

fn ruby_record(line: &[u8]) -> Result<Value, String> {
    let record = json(line)?;
    let text = compact(line);
    if RUBY_KEYS.iter().any(|key| text.matches(&format!("\"{key}\":")).count() > 1) || !record.is_object() {
        return Err("a key twice".to_owned());
    }
    let is = |key: &str, wanted: fn(&Value) -> bool| record.get(key).is_none_or(wanted);
    let texts = ["file", "method", "imemo_type", "struct", "name", "real_class_name"];
    let fits = texts.iter().all(|key| is(key, |value| value.is_null() || value.is_string()))
        && ["address", "class", "superclass"].iter().all(|key| is(key, |value| value.is_null() || address(value).is_ok()))
        && is("memsize", Value::is_u64)
        && is("references", Value::is_array)
        && is("singleton", Value::is_boolean)
        && is("line", |value| value.is_null() || value.as_u64().is_some_and(|line| u32::try_from(line).is_ok()));
    let kind = record["type"].as_str().ok_or("type")?;
    let has_place = kind == "ROOT" || kind == "NONE" || record["address"].is_string();
    if fits && has_place { Ok(record) } else { Err("a field".to_owned()) }
}

fn ruby_class(classes: &BTreeMap<u64, &Value>, class: u64) -> String {
    let Some(mut record) = classes.get(&class) else { return "(unknown class)".to_owned() };
    let mut anonymous = false;
    for _ in 0..1000 {
        let singleton = record["singleton"] == true;
        let name = record[if singleton { "real_class_name" } else { "name" }].as_str().filter(|name| !name.starts_with("#<"));
        match name {
            Some(name) if anonymous => return format!("(anonymous {name})"),
            Some(name) => return name.to_owned(),
            None => anonymous |= !singleton && record["type"] != "ICLASS",
        }
        match address(&record["superclass"]).ok().and_then(|superclass| classes.get(&superclass)) {
            Some(superclass) => record = superclass,
            None => break,
        }
    }
    "(anonymous class)".to_owned()
}
