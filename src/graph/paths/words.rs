//! Paths as a person writes them: `globalThis.__registry.conns[x]`.

use super::foreign;
use super::lookup::CONTEXT;
use super::names::{ANONYMOUS, Label, LabelKind, MASK, Vocabulary, WEAK_MAP_VALUE};
use super::search::{GC_ROOTS_NAME, GLOBAL, UNREFERENCED_NAME};
use super::tree::PathTree;
use crate::report::{PathEdge, PathStep};
use crate::text::safe_name;

/// References to parts of an object that are nothing by themselves.
const PARTS: &[&str] = &[
    "elements",
    "properties",
    "table",
    "__dict__",
    "f_locals",
    "context",
    "previous",
    "native_to_javascript",
    "javascript_to_native",
];
/// Classes that say nothing on a path.
const MUTE: &[&str] = &["Object", "Array", CONTEXT, "dict", "list", "tuple", "(array)", "system / PropertyArray"];
/// Exports of a module under the name the engine knows them by.
const EXPORTS: &str = "<symbol node:module_export>";
/// Lists of the collector whose entries are named by themselves.
const HANDLES: [&str; 2] = ["(Global handles)", "(Traced handles)"];
/// How modules are called.
pub(super) const MODULE: &str = "module ";

/// The steps that lead to a path node.
#[must_use]
pub fn steps(tree: &PathTree, node: u32, vocabulary: &Vocabulary) -> Vec<PathStep> {
    let step = |&node: &u32| {
        let node = tree.node(node);
        PathStep { many: node.folded, ..step(vocabulary, node.label, &vocabulary.class_of(node.class).text) }
    };
    tree.path_to(node).iter().map(step).collect()
}

/// A reference to a class as a step.
#[must_use]
pub fn step(vocabulary: &Vocabulary, label: Label, class: &str) -> PathStep {
    let edge = match label.kind() {
        LabelKind::Index => PathEdge::Element,
        LabelKind::Property => PathEdge::Property,
        LabelKind::Variable => PathEdge::Context,
        LabelKind::Internal => PathEdge::Internal,
        LabelKind::Any => PathEdge::Any,
        LabelKind::Key => PathEdge::Key,
        LabelKind::Value => PathEdge::Value,
        LabelKind::Root => PathEdge::Root,
    };
    let name = safe_name(vocabulary.text(label.name())).into_owned();
    PathStep { edge, name, class: safe_name(class).into_owned(), many: false }
}

/// A path in pieces that are better not broken: `module app/server.js`, `.clients Map`, `[value] Client`. What leads to the last module
/// is left out: a module is found by its name.
#[must_use]
pub fn pieces(path: &[PathStep]) -> Vec<String> {
    let mut pieces = Pieces::default();
    let begin = begin(path);
    for (at, step) in path.iter().enumerate().skip(begin) {
        let last = at + 1 == path.len();
        if at == begin {
            pieces.start(step, at.checked_sub(1).and_then(|before| path.get(before)));
        } else {
            pieces.add(step, last);
        }
    }
    pieces.done()
}

/// The end of a path, behind what has been said; the last class stands behind an arrow.
#[must_use]
pub fn pieces_below(path: &[PathStep], arrow: &str) -> Vec<String> {
    let mut pieces = Pieces::default();
    for (at, step) in path.iter().enumerate() {
        if at + 1 < path.len() {
            pieces.add(step, false);
            continue;
        }
        pieces.add(&PathStep { class: MUTE[0].to_owned(), many: false, ..step.clone() }, false);
        pieces.said(&format!("{arrow} {}", step.class));
        pieces.many(step);
    }
    pieces.done()
}

/// A whole path, its last class behind an arrow.
#[must_use]
pub fn pieces_to(path: &[PathStep], arrow: &str) -> Vec<String> {
    match path.len().checked_sub(1) {
        Some(last) if begin(path) < last => {
            let mut pieces = pieces(&path[..last]);
            pieces.extend(pieces_below(&path[last..], arrow));
            pieces
        }
        _ => pieces(path),
    }
}

/// A path in one line.
#[must_use]
pub fn line(path: &[PathStep]) -> String {
    pieces_to(path, "→").join(" ")
}

/// The first step that is said: the last module, or what the roots and the collector's lists lead to.
fn begin(path: &[PathStep]) -> usize {
    let is_module = |step: &PathStep| step.class.starts_with(MODULE) || foreign::module(&step.class).is_some();
    if let Some(module) = path.iter().rposition(is_module) {
        return module;
    }
    let is = |at: usize, names: &[&str]| path.get(at).is_some_and(|step| names.contains(&step.class.as_str()));
    let begin = match (is(0, &[GC_ROOTS_NAME]), is(1, &HANDLES)) {
        (true, true) => 2,
        (true, false) => 1,
        _ => 0,
    };
    begin.min(path.len().saturating_sub(1))
}

/// A path while it is written.
#[derive(Default)]
struct Pieces {
    done: Vec<String>,
    piece: String,
}

impl Pieces {
    fn start(&mut self, step: &PathStep, before: Option<&PathStep>) {
        let is_handle = before.is_some_and(|before| HANDLES.contains(&before.class.as_str()));
        self.piece = match step.class.strip_prefix("Node / ") {
            _ if step.edge == PathEdge::Root && step.name == GLOBAL => GLOBAL.to_owned(),
            _ if step.edge == PathEdge::Root && step.name == UNREFERENCED_NAME => format!("{UNREFERENCED_NAME} {}", step.class),
            Some(native) if step.edge == PathEdge::Root => format!("native {native}"),
            _ if is_handle => format!("native handle {}", step.class),
            _ => foreign::module(&step.class).unwrap_or(&step.class).to_owned(),
        };
        if step.class.starts_with(MODULE) {
            self.end();
        }
        self.many(step);
    }

    /// What is said of a step that is not the first.
    fn add(&mut self, step: &PathStep, last: bool) {
        match step.edge {
            PathEdge::Element => self.piece.push_str("[x]"),
            PathEdge::Any => self.piece.push_str("[*]"),
            PathEdge::Key => self.piece.push_str("[key]"),
            PathEdge::Value => self.piece.push_str("[value]"),
            PathEdge::Context => {
                self.end();
                self.piece = format!("var {}", step.name);
            }
            PathEdge::Property => self.piece.push_str(&property(&step.name)),
            PathEdge::Internal if step.name == WEAK_MAP_VALUE => self.piece.push_str(WEAK_MAP_VALUE),
            PathEdge::Internal if is_part(step) => {}
            PathEdge::Internal | PathEdge::Root => self.said(&format!("-{}-", step.name)),
        }
        let is_called = || step.class == ANONYMOUS || step.class.strip_suffix("()") == Some(&step.name);
        let named = step.edge == PathEdge::Property && is_identifier(&step.name);
        if named && is_called() {
            self.piece.push_str("()");
        } else if named && !last && foreign::class(&step.class) == Some(&step.name) {
            // A class is called as what it is assigned to.
        } else if last && !is_store(step) || !MUTE.contains(&step.class.as_str()) {
            self.said(&step.class);
            self.end();
        }
        self.many(step);
    }

    /// Words behind a blank.
    fn said(&mut self, words: &str) {
        if !self.piece.is_empty() {
            self.piece.push(' ');
        }
        self.piece.push_str(words);
    }

    fn many(&mut self, step: &PathStep) {
        if step.many && step.class != CONTEXT {
            match self.done.last_mut().filter(|_| self.piece.is_empty()) {
                Some(piece) => piece.push_str(MANY),
                None => self.piece.push_str(MANY),
            }
        }
    }

    fn end(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.done.extend(Some(piece).filter(|piece| !piece.is_empty()));
    }

    fn done(mut self) -> Vec<String> {
        self.end();
        self.done
    }
}

/// Whether a step leads to a part of an object: its backing store, a function's context.
fn is_part(step: &PathStep) -> bool {
    step.edge == PathEdge::Internal && PARTS.contains(&step.name.as_str())
}

/// Whether a step leads to an object's backing store.
fn is_store(step: &PathStep) -> bool {
    step.edge == PathEdge::Internal && super::is_part(&step.name)
}

/// Said of what stands for many objects of a class.
const MANY: &str = " (list or tree)";

/// A property behind what has it.
pub(super) fn property(name: &str) -> String {
    match name {
        EXPORTS => ".exports".to_owned(),
        name if is_identifier(name) => format!(".{name}"),
        name if name.starts_with("<symbol") => format!("[{name}]"),
        name => format!("[\"{name}\"]"),
    }
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$');
    starts && characters.all(|c| c.is_alphanumeric() || c == '_' || c == '$') && !name.contains(MASK)
}
