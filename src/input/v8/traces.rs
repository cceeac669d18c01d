//! Allocation stacks: `trace_function_infos`, an array of records, and `trace_tree`, records nested in records.
//!
//! A node of the tree is a stack: its function and the nodes it is nested in, the root outermost. The tree may be nested as deep as
//! memory allows. Lengths are taken from the arrays: V8 writes the header's count first, and functions that are compiled while it
//! writes the file come on top of it.

use std::collections::HashMap;

use super::Names;
use super::arrays::{Arrays, Token};
use super::header::{FunctionFields, TraceFields, TreeFields};
use crate::error::ErrorKind;
use crate::input::text::Text;
use crate::report::{Moved, Warning};
use crate::stacks::{Frame, NOT_TRACKED, OfStacks, Stacks};
use crate::text::count;

/// A function; name and script are string indexes, line and column count from 1, 0 if they are unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Function {
    name: u32,
    script: u32,
    line: u32,
    column: u32,
}

/// A node of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TraceNode {
    id: u32,
    /// The node it is nested in, which comes before it; [`NONE`] for the root.
    parent: u32,
    function: u32,
    /// What it allocated since the recording began, without its children.
    allocated: Moved,
}

const NONE: u32 = u32::MAX;

/// What a file says about allocation stacks.
#[derive(Debug, Clone, Default)]
pub(super) struct Traces {
    functions: Option<Vec<Function>>,
    tree: Vec<TraceNode>,
    /// What objects need of their stack.
    of_stacks: OfStacks,
    /// Highest string index that a function uses, and where.
    pub(super) name_max: Option<(u32, u64)>,
}

/// The sections that hold them.
pub(super) const SECTIONS: [&str; 2] = ["trace_function_infos", "trace_tree"];

impl Traces {
    /// Reads one of the [sections](SECTIONS).
    pub(super) fn read(&mut self, text: &mut Text<'_>, section: &'static str, fields: &TraceFields) -> Result<(), ErrorKind> {
        text.section = section;
        self.of_stacks = fields.of_stacks;
        if section == SECTIONS[0] {
            self.functions = Some(self.read_functions(text, &fields.functions)?);
        } else {
            self.tree = read_tree(text, &fields.tree)?;
        }
        Ok(())
    }

    /// Whether both hold the same functions and tree, wherever these stand.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.functions == other.functions && self.tree == other.tree
    }

    /// Whether the functions, and with them the strings that name them, are known.
    pub(super) fn has_functions(&self) -> bool {
        self.functions.is_some()
    }

    fn read_functions(&mut self, text: &mut Text<'_>, fields: &FunctionFields) -> Result<Vec<Function>, ErrorKind> {
        let mut arrays = Arrays::begin(text)?;
        let mut functions = Vec::new();
        let (mut function, mut field) = (Function::default(), 0);
        while let Token::Number(value) = arrays.next(field != 0, false)? {
            let place = [
                (fields.name, &mut function.name),
                (fields.script, &mut function.script),
                (fields.line, &mut function.line),
                (fields.column, &mut function.column),
            ];
            if let Some((_, place)) = place.into_iter().find(|(of, _)| *of == field) {
                *place = arrays.small(value)?;
            }
            field += 1;
            if field == fields.fields {
                let name = function.name.max(function.script);
                if self.name_max.is_none_or(|(max, _)| name > max) {
                    self.name_max = Some((name, arrays.at));
                }
                functions.push(std::mem::take(&mut function));
                field = 0;
            }
        }
        Ok(functions)
    }

    /// The string indexes of all functions' names and scripts.
    pub(super) fn names(&self) -> impl Iterator<Item = u32> {
        self.functions.iter().flatten().flat_map(|function| [function.name, function.script])
    }

    /// By the id of each trace node, that of the first one of which it is certain, without names, that the wanted part of its stack is
    /// the same. None if whole stacks are wanted, or ids don't tell trace nodes apart. Fewer pairs of class and stack are counted then.
    pub(super) fn alike(&self) -> Option<ById> {
        let functions = self.functions.as_ref().filter(|_| self.of_stacks != OfStacks::Whole)?;
        let mut alike = ById::default();
        let mut first_of: Vec<u32> = Vec::with_capacity(self.tree.len());
        let mut first: HashMap<(u32, u32), u32> = HashMap::new();
        for node in &self.tree {
            // A function without a line may be the runtime's own: then the site is that of its caller.
            let may_be_native = functions.get(node.function as usize).is_none_or(|function| function.line == 0);
            let caller = first_of.get(node.parent as usize).filter(|_| may_be_native && self.of_stacks == OfStacks::Site);
            let first = *first.entry((node.function, caller.copied().unwrap_or(NONE))).or_insert(node.id);
            first_of.push(first);
            if node.id == 0 || alike.insert(node.id, first, self.ids_dense()) {
                return None;
            }
        }
        Some(alike)
    }

    /// Ids up to this have a place in a table.
    fn ids_dense(&self) -> usize {
        self.tree.len().saturating_mul(2)
    }

    /// The stacks, now that names are known.
    pub(super) fn recorded(&self, names: &Names) -> Recorded {
        let mut recorded = Recorded::default();
        let functions = self.functions.iter().flatten();
        let frames: Vec<u32> = functions
            .map(|function| {
                let [function_name, script] = [function.name, function.script].map(|name| names.get(name).0.to_owned());
                let frame = Frame { function: function_name, script, line: function.line, column: function.column };
                recorded.stacks.frame(frame)
            })
            .collect();
        let mut stacks: Vec<u32> = Vec::with_capacity(self.tree.len());
        let mut of_part: HashMap<u32, u32> = HashMap::new();
        let mut unknown = None;
        for node in &self.tree {
            let frame = frames.get(node.function as usize).copied().unwrap_or_else(|| {
                recorded.functions_missing += 1;
                *unknown.get_or_insert_with(|| recorded.stacks.frame(unknown_function()))
            });
            // The root is V8's own and would be the outermost frame of every stack: it is shown only where it allocates itself.
            let within = self.tree.get(node.parent as usize).filter(|parent| parent.parent != NONE);
            let parent = within.map_or(NOT_TRACKED, |_| stacks[node.parent as usize]);
            let stack = recorded.stacks.called_from(parent, frame);
            stacks.push(stack);
            let of_stack = stack as usize;
            if recorded.allocated.len() <= of_stack {
                recorded.allocated.resize(of_stack + 1, Moved::default());
            }
            recorded.allocated[of_stack].add(node.allocated);
            let counted = match self.of_stacks {
                OfStacks::Whole => stack,
                part => *of_part.entry(recorded.stacks.part(stack, part)).or_insert(stack),
            };
            recorded.ids_twice += u64::from(recorded.of_id.insert(node.id, counted, self.ids_dense()));
        }
        recorded
    }
}

/// What stands for a function that the file does not list.
fn unknown_function() -> Frame {
    Frame { function: "(unknown function)".to_owned(), ..Frame::default() }
}

/// The stacks of a file, and which nodes of its tree they are.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) stacks: Stacks,
    /// What each stack allocated since the recording began.
    pub(super) allocated: Vec<Moved>,
    /// Nodes of the tree that refer to a function the file does not list.
    functions_missing: u64,
    /// Nodes of the tree with the id of another.
    ids_twice: u64,
    of_id: ById,
}

impl Recorded {
    /// Warnings of what is missing in the file, by trace nodes of its objects and how many these are.
    pub(super) fn warnings(&self, objects: impl Iterator<Item = (u32, u64)>) -> impl Iterator<Item = Warning> {
        let objects: u64 = objects.filter(|&(trace, _)| self.stack(trace).is_none()).map(|(_, count)| count).sum();
        let sentences = [
            (objects, "objects name an allocation stack that the file does not hold; they count as not tracked"),
            (self.functions_missing, "frames of allocation stacks are of functions that the file does not list"),
            (self.ids_twice, "allocation stacks have the id of another; the last one counts"),
        ];
        sentences.into_iter().filter(|&(number, _)| number > 0).map(|(number, sentence)| Warning {
            code: "damaged-stacks".to_owned(),
            message: format!("{} {sentence}", count(number)),
            input: None,
        })
    }

    /// The stack of a trace node's id, or the first one equal in what is wanted of it; None if the tree has no such node.
    pub(super) fn stack(&self, trace: u32) -> Option<u32> {
        if trace == 0 { Some(NOT_TRACKED) } else { self.of_id.get(trace) }
    }
}

/// Numbers by the ids of trace nodes, which V8 counts from 1.
#[derive(Debug, Default)]
pub(super) struct ById {
    dense: Vec<u32>,
    far: HashMap<u32, u32>,
}

impl ById {
    /// Ids up to `dense` use the table. Returns whether the id was known.
    fn insert(&mut self, id: u32, number: u32, dense: usize) -> bool {
        if id as usize > dense {
            return self.far.insert(id, number).is_some();
        }
        if self.dense.len() <= id as usize {
            self.dense.resize(id as usize + 1, NONE);
        }
        std::mem::replace(&mut self.dense[id as usize], number) != NONE
    }

    /// The number of an id that has one.
    pub(super) fn get(&self, id: u32) -> Option<u32> {
        let number = self.dense.get(id as usize).copied().filter(|&number| number != NONE);
        number.or_else(|| self.far.get(&id).copied())
    }
}

/// A place in the tree that is being read.
#[derive(Clone, Copy)]
struct Place {
    /// The node whose children are read.
    parent: u32,
    /// The node whose fields are read, and the next of them.
    node: u32,
    field: usize,
}

fn read_tree(text: &mut Text<'_>, fields: &TreeFields) -> Result<Vec<TraceNode>, ErrorKind> {
    let mut arrays = Arrays::begin(text)?;
    let mut tree: Vec<TraceNode> = Vec::new();
    let mut above: Vec<Place> = Vec::new();
    let mut place = Place { parent: NONE, node: NONE, field: 0 };
    loop {
        let token = arrays.next(place.field != 0, place.field == fields.children)?;
        if place.field == 0 && token != Token::Close {
            place.node = u32::try_from(tree.len()).ok().filter(|&node| node != NONE).ok_or_else(|| arrays.too_large())?;
            tree.push(TraceNode { id: 0, parent: place.parent, function: 0, allocated: Moved::default() });
        }
        match token {
            Token::Number(value) => {
                let node = &mut tree[place.node as usize];
                if place.field == fields.id {
                    node.id = arrays.small(value)?;
                } else if place.field == fields.function {
                    node.function = arrays.small(value)?;
                } else if place.field == fields.count {
                    node.allocated.count = value;
                } else if place.field == fields.size {
                    node.allocated.size = value;
                }
                place.field += 1;
            }
            Token::Open => {
                above.push(Place { field: place.field + 1, ..place });
                place = Place { parent: place.node, node: NONE, field: 0 };
            }
            Token::Close => match above.pop() {
                Some(outer) => place = outer,
                None => return Ok(tree),
            },
        }
        if place.field == fields.fields {
            place.field = 0;
        }
    }
}
