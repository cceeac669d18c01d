//! Python object dumps: a plain reader, one serde_json value a line, written from the description of the format alone, and a maker
//! of small dumps.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::{Groups, Rng};

/// A record.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) address: u64,
    pub(crate) kind: String,
    pub(crate) size: u64,
    pub(crate) refs: Vec<u64>,
    record: Value,
}

/// A dump: of the records with one address only the first.
pub(crate) struct Plain {
    pub(crate) objects: Vec<Object>,
    by_address: HashMap<u64, usize>,
}

/// Reads a dump.
pub(crate) fn read(content: &[u8]) -> Result<Plain, String> {
    let mut plain = Plain { objects: Vec::new(), by_address: HashMap::new() };
    let mut open = false;
    for line in content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content).split(|&byte| byte == b'\n') {
        let line = line.trim_ascii();
        match line {
            b"" => continue,
            b"[" | b"]" if open == (line == b"[") => return Err("brackets do not match".to_owned()),
            b"[" | b"]" => {
                open = !open;
                continue;
            }
            _ => {}
        }
        let line = std::str::from_utf8(line.strip_suffix(b",").unwrap_or(line)).map_err(|error| error.to_string())?;
        let record: Value = serde_json::from_str(&without_halves(line)).map_err(|error| format!("{error}: {line}"))?;
        let object = Object {
            address: record["address"].as_u64().ok_or("no address")?,
            kind: record["type"].as_str().ok_or("no type")?.to_owned(),
            size: record["size"].as_u64().ok_or("no size")?,
            refs: serde_json::from_value(record["refs"].clone()).map_err(|error| error.to_string())?,
            record,
        };
        if let std::collections::hash_map::Entry::Vacant(place) = plain.by_address.entry(object.address) {
            place.insert(plain.objects.len());
            plain.objects.push(object);
        }
    }
    if open { Err("the array has no end".to_owned()) } else { Ok(plain) }
}

/// The line with `\\u{d83d}` for each half of a surrogate pair, which serde_json refuses.
fn without_halves(line: &str) -> String {
    let unit = |text: &str| text.strip_prefix("\\u").and_then(|hex| u16::from_str_radix(hex.get(..4)?, 16).ok());
    let (mut whole, mut rest) = (String::new(), line);
    while let Some(next) = rest.chars().next() {
        let (high, low) = (unit(rest), rest.get(6..).and_then(unit));
        let taken = match (high, low) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(half @ 0xd800..0xe000), _) => {
                whole += &format!("\\\\u{{{half:x}}}");
                rest = &rest[6..];
                continue;
            }
            _ if next == '\\' => 2,
            _ => next.len_utf8(),
        };
        let taken = rest.len().min(taken);
        let taken = (taken..=rest.len()).find(|&at| rest.is_char_boundary(at)).unwrap();
        whole += &rest[..taken];
        rest = &rest[taken..];
    }
    whole
}

impl Plain {
    pub(crate) fn self_size(&self) -> u64 {
        self.objects.iter().map(|object| object.size).sum()
    }

    pub(crate) fn refs(&self) -> u64 {
        self.objects.iter().map(|object| object.refs.len() as u64).sum()
    }

    pub(crate) fn dangling(&self) -> u64 {
        let nowhere = |address: &&u64| !self.by_address.contains_key(*address);
        self.objects.iter().map(|object| object.refs.iter().filter(nowhere).count() as u64).sum()
    }

    fn at(&self, address: u64) -> Option<&Object> {
        self.by_address.get(&address).map(|&place| &self.objects[place])
    }

    /// The name of an object's group.
    fn name(&self, object: &Object, names: bool) -> String {
        let text = |key: &str| object.record[key].as_str().map(str::to_owned);
        let own = if object.kind == "frame" { text("value") } else { text("name") };
        let class = || object.refs.iter().filter_map(|&address| self.at(address)).find(|object| object.kind == "classobj");
        match own {
            _ if object.kind == "instance" && class().is_some() => {
                let class = class().unwrap();
                class.record["name"].as_str().unwrap_or(&class.kind).to_owned()
            }
            Some(own) if names => own,
            _ if ["dict", "list", "tuple", "set", "frozenset"].contains(&&*object.kind) && object.record["len"] == 0 => {
                format!("{} (empty)", object.kind)
            }
            _ => object.kind.clone(),
        }
    }

    pub(crate) fn groups(&self, names: bool) -> Groups {
        let mut groups = Groups::new();
        for object in &self.objects {
            let sums = groups.entry((object.kind.clone(), self.name(object, names))).or_default();
            *sums = (sums.0 + 1, sums.1 + object.size);
        }
        groups
    }

    /// Groups by type and stack, the innermost frame first.
    pub(crate) fn stacks(&self) -> BTreeMap<(String, String, Vec<String>), u64> {
        let mut stacks = BTreeMap::new();
        for object in &self.objects {
            let trace = object.record["trace"].as_array().cloned().unwrap_or_default();
            let frames = trace.iter().rev().map(|frame| match (&frame[1], frame[2].as_str()) {
                (line, None) => format!("{}:{line}", frame[0].as_str().unwrap()),
                (line, Some(function)) => format!("{}:{line} {function}", frame[0].as_str().unwrap()),
            });
            *stacks.entry((object.kind.clone(), self.name(object, false), frames.collect())).or_default() += 1;
        }
        stacks
    }

    /// Groups after meliae's `collapse_instance_dicts`.
    pub(crate) fn collapsed(&self) -> Groups {
        let mut referrers: HashMap<u64, Vec<u64>> = HashMap::new();
        for object in &self.objects {
            object.refs.iter().for_each(|&address| referrers.entry(address).or_default().push(object.address));
        }
        let atoms: HashSet<&str> =
            ["str", "dict", "tuple", "list", "type", "function", "wrapper_descriptor", "code", "classobj", "int", "weakref"]
                .into();
        let mut groups = self.groups(false);
        for object in self.objects.iter().filter(|object| !atoms.contains(&*object.kind)) {
            let refs: Vec<Option<&Object>> = object.refs.iter().map(|&address| self.at(address)).collect();
            let dict = match refs[..] {
                [Some(dict)] if object.kind == "module" && dict.kind == "dict" => dict,
                [Some(dict), Some(class)] if dict.kind == "dict" && class.kind == "type" => dict,
                [Some(class), Some(dict)] if object.kind == "instance" && class.kind == "classobj" && dict.kind == "dict" => dict,
                _ => continue,
            };
            if referrers[&dict.address] == [object.address] {
                let of_dict = groups.get_mut(&("dict".to_owned(), self.name(dict, false))).unwrap();
                *of_dict = (of_dict.0 - 1, of_dict.1 - dict.size);
                groups.get_mut(&(object.kind.clone(), self.name(object, false))).unwrap().1 += dict.size;
            }
        }
        groups.retain(|_, sums| sums.0 > 0);
        groups
    }
}

/// How a dump is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As meliae does it.
    Meliae,
    /// One array, a comma behind each record but the last, and line breaks of two bytes.
    Array,
    /// Without spaces.
    Compact,
    /// Keys backwards, further keys, blank lines.
    Foreign,
}

impl Style {
    pub(crate) const ALL: [Self; 4] = [Self::Meliae, Self::Array, Self::Compact, Self::Foreign];
}

const KINDS: &[&str] = &[
    "dict",
    "dict",
    "dict",
    "list",
    "tuple",
    "set",
    "frozenset",
    "str",
    "int",
    "type",
    "type",
    "classobj",
    "instance",
    "instance",
    "module",
    "function",
    "frame",
    "Foo",
    "Foo",
    "Bar",
    "W\"x\\y",
    "Na\u{ef}ve",
    "collections.deque",
    "a class with quite a long name",
];
const TEXTS: &[&str] = &[
    "",
    "a",
    "sys",
    "<lambda>",
    "quote \" back \\ slash / end",
    "ctl \u{0}\u{1}\u{1f}\u{7f} \n\t",
    "caf\u{e9} \u{4e2d} \u{1f600}",
    "}, {\"address\": 1, \"type\": \"x\", \"size\": 1, \"refs\": []}",
    "a text of more than sixteen bytes, so that it takes words",
];

/// The records of a dump, with references mostly to each other; some addresses come twice.
pub(crate) fn objects(rng: &mut Rng, count: usize) -> Vec<Value> {
    let far = [1_u64 << 47, 140_364_545_325_136, 94_765_917_780_496, 8 << 48, 16, 18_446_744_073_709_551_600];
    let mut addresses: Vec<u64> =
        (0..count).map(|_| far[rng.below(far.len())].wrapping_add(8 * rng.below(9_000) as u64)).collect();
    for at in 1..count {
        match rng.below(20) {
            0 => addresses[at] = addresses[rng.below(at)],
            1 => addresses[at] += rng.below(8) as u64,
            _ => {}
        }
    }
    let record = |rng: &mut Rng, address: u64| {
        let pick = |rng: &mut Rng| *rng.pick(&addresses);
        let shift = 24 + rng.below(40);
        let mut record = json!({"address": address, "type": rng.pick(KINDS), "size": rng.next() >> shift});
        if rng.below(4) == 0 {
            record["name"] = json!(rng.pick(TEXTS));
        }
        if rng.below(2) == 0 {
            record["len"] = json!(rng.below(3));
        }
        record["value"] = match rng.below(8) {
            0..4 => json!(rng.pick(TEXTS)),
            4 => json!(-5),
            5 => json!(9_223_372_036_854_775_807_u64),
            6 => json!(1.5),
            _ => Value::Null,
        };
        if rng.below(5) == 0 {
            let frame = |rng: &mut Rng| match rng.below(2) {
                0 => json!([format!("f{}.py", rng.below(3)), 1 + rng.below(3)]),
                _ => json!([format!("f{}.py", rng.below(3)), 1 + rng.below(3), "run"]),
            };
            record["trace"] = (0..rng.below(4)).map(|_| frame(rng)).collect();
        }
        let refs = [0, 1, 2, 2, 2, 3, 9][rng.below(7)];
        record["refs"] = (0..refs).map(|_| if rng.below(30) == 0 { rng.next() } else { pick(rng) }).collect();
        record
    };
    addresses.iter().map(|&address| record(rng, address)).collect()
}

/// The text of a dump.
pub(crate) fn file(records: &[Value], style: Style) -> Vec<u8> {
    let end = if style == Style::Array { "\r\n" } else { "\n" };
    let last = records.len() - 1;
    let mut text = String::new();
    if style == Style::Array {
        text += "[\r\n";
    }
    for (i, record) in records.iter().enumerate() {
        text += &line(record, style);
        text += if style == Style::Array && i != last { "," } else { "" };
        text += end;
        text += if style == Style::Foreign && i % 3 == 0 { "  \n" } else { "" };
    }
    if style == Style::Array {
        text += "]\r\n";
    }
    text.into_bytes()
}

fn line(record: &Value, style: Style) -> String {
    let mut keys = ["address", "type", "size", "name", "len", "value", "refs", "trace"];
    let (comma, colon) = match style {
        Style::Compact => (",", ":"),
        Style::Foreign => (" ,\t", "  :"),
        _ => (", ", ": "),
    };
    if style == Style::Foreign {
        keys.reverse();
    }
    // meliae leaves out what is null and floating-point values.
    let shown = |key: &&&str| {
        style == Style::Foreign && record.get(**key).is_some() || !record[**key].is_null() && !record[**key].is_f64()
    };
    let fields = keys.iter().filter(shown).map(|key| {
        let value = match &record[*key] {
            Value::Array(items) if *key == "refs" => {
                format!("[{}]", items.iter().map(Value::to_string).collect::<Vec<String>>().join(comma))
            }
            Value::String(text) if style != Style::Foreign => escaped(text),
            value => value.to_string(),
        };
        format!("\"{key}\"{colon}{value}")
    });
    let fields = fields.collect::<Vec<String>>().join(comma);
    if style == Style::Foreign {
        format!(" {{{fields}, \"file\":\"x\",\"x\":[{{\"refs\":[1]}}]}} ")
    } else {
        format!("{{{fields}}}")
    }
}

/// A string as meliae writes it: ASCII, with `\/` and `\u00xx`.
fn escaped(text: &str) -> String {
    let unit = |unit: u16| match u8::try_from(unit).map(char::from) {
        Ok(c @ ('"' | '\\' | '/')) => format!("\\{c}"),
        Ok(c @ ' '..='~') => c.to_string(),
        _ => format!("\\u{unit:04x}"),
    };
    format!("\"{}\"", text.encode_utf16().map(unit).collect::<String>())
}
