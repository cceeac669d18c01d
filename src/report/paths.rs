//! Paths in a report: why objects are kept alive.

use schemars::JsonSchema;
use serde::Serialize;

use crate::stacks::Frame;

/// Why the objects of a class are alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Alive {
    /// What was asked for: a class, or `@` and the id of a node. Safe to print.
    pub of: String,
    /// The class of the objects as paths name it, safe to print; null if they have several.
    pub class: Option<String>,
    /// How many objects are spoken of.
    pub instances: u64,
    /// Objects of the class that the first input has too, of which nothing is said; null with one input, of an object by its id, and
    /// where ids do not persist, as those of native nodes.
    pub old_instances: Option<u64>,
    /// Their self sizes in bytes.
    pub self_size: u64,
    /// Bytes that would go away with them, counting what they keep alive once.
    pub retained_size: u64,
    /// Where most of them were allocated; null where no stacks were recorded, and of an object by its id.
    pub allocated_at: Option<Origin>,
    /// Objects held by nothing but others of them.
    pub by_one_another: u64,
    /// Of the others, those that would be held without `--avoid`.
    pub avoided: u64,
    /// Objects that no strong reference leads to.
    pub unreached: u64,
    /// The places that hold them, those with most objects first.
    pub holders: Vec<Holder>,
    /// Number of places there are.
    pub holders_of: usize,
}

/// Where objects were allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// The stack that allocated most, innermost frame first.
    pub frames: Vec<Frame>,
    /// How many of the objects it allocated.
    pub instances: u64,
}

/// A place that holds objects, independently of other places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    /// How many of the objects it holds.
    pub instances: u64,
    /// The path in one line, safe to print.
    pub text: String,
    /// From the root to where one becomes many: the container, and the line of code to look at.
    pub path: Vec<PathStep>,
    /// From there to the objects.
    pub below: Vec<PathStep>,
    /// Further ways from there to the objects.
    pub routes: usize,
}

/// A step of a path: a reference, and what it leads to. Digits and contents in names are masked by `#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PathStep {
    /// What kind of reference.
    pub edge: PathEdge,
    /// Its name, safe to print; empty for those without.
    pub name: String,
    /// The class of what it leads to: `Foo`, `onMessage()`, `module app/server.js`. Safe to print.
    pub class: String,
    /// It stands for a list or a tree of objects of the class.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub many: bool,
}

/// What kind of reference a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathEdge {
    /// From the root.
    Root,
    /// A named property.
    Property,
    /// One of many that have but a number.
    Element,
    /// A variable of a function's context.
    Context,
    /// A key of a Map.
    Key,
    /// A value of a Map.
    Value,
    /// A reference of the engine's own.
    Internal,
    /// Any of several names.
    Any,
}

/// Something that keeps growth alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cause {
    /// What it is.
    pub kind: CauseKind,
    /// The path in one line, safe to print.
    pub text: String,
    /// From the root to what grows, which is the last step.
    pub path: Vec<PathStep>,
    /// Class of what grows there.
    pub class: String,
    /// How many objects stand there, per input; empty unless it is a place.
    pub count: Vec<u64>,
    /// How many came in each step; empty unless it is a place.
    pub steps: Vec<i64>,
    /// Bytes that the place and everything below it gained from the first input to the last; null unless it is a place.
    pub size_growth: Option<i64>,
    /// Of a place: objects that it and everything below it gained. Otherwise how many of the objects it holds.
    pub objects: i64,
}

/// What keeps growth alive, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CauseKind {
    /// A container that does not grow itself holds it: where paths to it lead through.
    Place,
    /// Holds it, too, from elsewhere.
    HeldBy,
    /// Holds it, but is rarely the reason: a list that timers wait in.
    Bookkeeping,
}

/// Bytes of the last input that a cause keeps alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Share {
    /// What goes away when nothing of the cause is held any more.
    pub exclusive: u64,
    /// Its part of what several causes keep alive.
    pub shared: u64,
}
