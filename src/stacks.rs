//! Allocation stacks as a tree: a stack is its innermost frame and the stack that called it.
//!
//! Programs allocate in few places but with many stacks, which share their outer frames: a tree holds each frame of a path once.
//! Ids are given in the order of insertion, parents before children.

use std::collections::HashMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::Serialize;

/// A place in the program's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, JsonSchema)]
pub struct Frame {
    /// Name of the function; empty where it has none or the input does not say.
    pub function: String,
    /// URL or path of the file, as recorded; empty for what is not of a script.
    pub script: String,
    /// Line, from 1; 0 where it is unknown.
    pub line: u32,
    /// Column, from 1; 0 where it is unknown.
    pub column: u32,
}

impl Frame {
    /// The frame in one line: `function script:line:column` where columns are known, as in V8, else `script:line function`.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { function, script, line, column } = self;
        let named = if function.is_empty() { "(anonymous)" } else { function };
        let is_native = self.is_native();
        let script = if script.is_empty() { UNNAMED } else { script };
        match (is_native, *line, *column) {
            (true, ..) => named.to_owned(),
            (_, 0, _) if function.is_empty() => script.to_owned(),
            (_, 0, _) => format!("{script} {function}"),
            (_, line, 0) if function.is_empty() => format!("{script}:{line}"),
            (_, line, 0) => format!("{script}:{line} {function}"),
            (_, line, column) => format!("{named} {script}:{line}:{column}"),
        }
    }

    /// The frame with names that are safe to print.
    #[must_use]
    pub fn safe(&self) -> Self {
        let safe = |name: &str| crate::text::safe_name(name).into_owned();
        Self { function: safe(&self.function), script: safe(&self.script), ..*self }
    }

    /// Whether it is of no script: a function of the runtime itself, such as `push` or the constructor `Map`. Scripts may have no
    /// name (`eval`), but their functions have a place.
    #[must_use]
    pub fn is_native(&self) -> bool {
        self.script.is_empty() && self.line == 0
    }
}

/// What stands for the name of a script that has none.
pub const UNNAMED: &str = "(unnamed)";

/// Which of the innermost frames are of the recording, not of the program.
#[derive(Debug, Clone)]
pub enum DropFrames {
    /// So many.
    Count(usize),
    /// Those whose [text](Frame::text) matches, up to the first that does not.
    Matching(Regex),
}

/// What tells stacks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfStacks {
    /// All frames.
    #[default]
    Whole,
    /// Their [sites](Stacks::site).
    Site,
    /// Their innermost frames.
    Innermost,
}

/// Stack of an object whose allocation was not recorded.
pub const NOT_TRACKED: u32 = 0;

/// A set of stacks. Number [`NOT_TRACKED`] is the empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stacks {
    frames: Vec<Frame>,
    nodes: Vec<Node>,
    /// By stack: the one whose innermost frame is its site, [`NOT_TRACKED`] if all frames are native.
    sites: Vec<u32>,
    frame_ids: HashMap<Frame, u32>,
    node_ids: HashMap<Node, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    /// The stack that called it.
    parent: u32,
    /// The innermost frame.
    frame: u32,
}

impl Default for Stacks {
    fn default() -> Self {
        let root = Node { parent: NOT_TRACKED, frame: u32::MAX };
        Self {
            frames: Vec::new(),
            nodes: vec![root],
            sites: vec![NOT_TRACKED],
            frame_ids: HashMap::new(),
            node_ids: HashMap::new(),
        }
    }
}

impl Stacks {
    /// The stack of a frame called from `parent`.
    pub fn push(&mut self, parent: u32, frame: Frame) -> u32 {
        let frame = self.frame(frame);
        self.called_from(parent, frame)
    }

    /// The number of a frame.
    pub fn frame(&mut self, frame: Frame) -> u32 {
        if let Some(&known) = self.frame_ids.get(&frame) {
            return known;
        }
        let next = u32::try_from(self.frames.len()).unwrap_or(u32::MAX);
        self.frames.push(frame.clone());
        self.frame_ids.insert(frame, next);
        next
    }

    /// The stack of a [frame](Self::frame) called from `parent`. Past 2^32 - 1 stacks, which no memory holds, the parent itself.
    pub fn called_from(&mut self, parent: u32, frame: u32) -> u32 {
        let (node, Ok(next)) = (Node { parent, frame }, u32::try_from(self.nodes.len())) else { return parent };
        *self.node_ids.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            let native = self.frames.get(frame as usize).is_none_or(Frame::is_native);
            self.sites.push(if native { self.sites[parent as usize] } else { next });
            next
        })
    }

    /// Takes in all stacks of another set; returns the new number of each.
    pub fn graft(&mut self, other: Self) -> Vec<u32> {
        if self.is_empty() {
            *self = other;
            return (0..).take(self.nodes.len()).collect();
        }
        let frames: Vec<u32> = other.frames.iter().map(|frame| self.frame(frame.clone())).collect();
        self.grow(&other.nodes, &frames)
    }

    /// Takes in the nodes of another set, whose frames have the given numbers here; returns the new number of each.
    fn grow(&mut self, nodes: &[Node], frames: &[u32]) -> Vec<u32> {
        let mut numbers = vec![NOT_TRACKED; nodes.len()];
        for (old, node) in nodes.iter().enumerate().skip(1) {
            numbers[old] = self.called_from(numbers[node.parent as usize], frames[node.frame as usize]);
        }
        numbers
    }

    /// Number of stacks, the empty one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no stack but the empty one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// A number that is the same for all stacks that are equal in a part of them, and no other.
    #[must_use]
    pub fn part(&self, stack: u32, part: OfStacks) -> u32 {
        match part {
            OfStacks::Whole => stack,
            OfStacks::Site => self.site_frame(stack).map_or(0, |frame| frame + 1),
            OfStacks::Innermost => self.innermost(stack).map_or(0, |frame| frame + 1),
        }
    }

    /// Number of frames.
    #[must_use]
    pub fn frames_len(&self) -> usize {
        self.frames.len()
    }

    /// The numbers of a stack's frames, innermost first.
    pub fn frame_numbers(&self, stack: u32) -> impl Iterator<Item = u32> {
        let up = |stack: u32| self.nodes.get(stack as usize).filter(|_| stack != NOT_TRACKED);
        std::iter::successors(up(stack), move |node| up(node.parent)).map(|node| node.frame)
    }

    /// The frames of a stack, innermost first.
    pub fn frames(&self, stack: u32) -> impl Iterator<Item = &Frame> {
        self.frame_numbers(stack).map(|frame| self.frame_of(frame))
    }

    /// The innermost frame of a stack that is not [native](Frame::is_native); where all are, the innermost.
    #[must_use]
    pub fn site(&self, stack: u32) -> Option<&Frame> {
        self.site_frame(stack).map(|frame| self.frame_of(frame))
    }

    /// The part of a stack whose innermost frame is its site.
    fn site_stack(&self, stack: u32) -> u32 {
        self.sites.get(stack as usize).copied().filter(|&site| site != NOT_TRACKED).unwrap_or(stack)
    }

    /// The number of a stack's innermost frame.
    #[must_use]
    pub fn innermost(&self, stack: u32) -> Option<u32> {
        self.frame_numbers(stack).next()
    }

    /// The number of a stack's [site](Self::site).
    #[must_use]
    pub fn site_frame(&self, stack: u32) -> Option<u32> {
        self.innermost(self.site_stack(stack))
    }

    /// The frame with a number.
    ///
    /// # Panics
    /// If no frame has it.
    #[must_use]
    pub fn frame_of(&self, number: u32) -> &Frame {
        &self.frames[number as usize]
    }

    /// The stacks with other frames in place of those for which `other` gives one; the new number of each, and how many frames were
    /// replaced.
    #[must_use]
    pub fn replaced(&self, other: impl Fn(&Frame) -> Option<Frame>) -> (Self, Vec<u32>, usize) {
        let (mut new, mut replaced) = (Self::default(), 0);
        let mut frame = |frame: &Frame| {
            let other = other(frame);
            replaced += usize::from(other.is_some());
            new.frame(other.unwrap_or_else(|| frame.clone()))
        };
        let frames: Vec<u32> = self.frames.iter().map(&mut frame).collect();
        let numbers = new.grow(&self.nodes, &frames);
        (new, numbers, replaced)
    }

    /// The number of each stack without the frames of the recording.
    #[must_use]
    pub fn without(&self, drop: &DropFrames) -> Vec<u32> {
        let parent = |stack: u32| self.nodes.get(stack as usize).map_or(NOT_TRACKED, |node| node.parent);
        match drop {
            DropFrames::Count(count) => {
                let up = |stack: u32| (0..*count).fold(stack, |stack, _| parent(stack));
                (0..).take(self.nodes.len()).map(up).collect()
            }
            DropFrames::Matching(pattern) => {
                let matching: Vec<bool> = self.frames.iter().map(|frame| pattern.is_match(&frame.text())).collect();
                let mut kept = vec![NOT_TRACKED; self.nodes.len()];
                for (stack, node) in (0..).zip(&self.nodes).skip(1) {
                    kept[stack as usize] = if matching[node.frame as usize] { kept[node.parent as usize] } else { stack };
                }
                kept
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, script: &str, line: u32, column: u32) -> Frame {
        Frame { function: function.to_owned(), script: script.to_owned(), line, column }
    }

    fn chain(stacks: &mut Stacks, outermost_first: &[Frame]) -> u32 {
        outermost_first.iter().fold(NOT_TRACKED, |stack, frame| stacks.push(stack, frame.clone()))
    }

    #[test]
    fn frames_read_as_their_runtimes_write_them() {
        assert_eq!(frame("open", "/app/pool.js", 3, 9).text(), "open /app/pool.js:3:9");
        assert_eq!(frame("", "/app/pool.js", 3, 9).text(), "(anonymous) /app/pool.js:3:9");
        assert_eq!(frame("run", "svc/agent.py", 50, 0).text(), "svc/agent.py:50 run");
        assert_eq!(frame("", "svc/agent.py", 50, 0).text(), "svc/agent.py:50");
        assert_eq!(frame("Buffer.alloc", "", 0, 0).text(), "Buffer.alloc");
        assert_eq!(frame("Msg$encode", "", 3, 27).text(), "Msg$encode (unnamed):3:27");
    }

    #[test]
    fn stacks_share_outer_frames_and_drop_inner_ones() {
        let (run, work, record) = (frame("run", "a.py", 1, 0), frame("work", "a.py", 2, 0), frame("record", "t.py", 3, 0));
        let mut stacks = Stacks::default();
        let recorded = chain(&mut stacks, &[run.clone(), work.clone(), record.clone()]);
        let nested = chain(&mut stacks, &[run.clone(), record.clone(), record.clone()]);
        assert_eq!(chain(&mut stacks, &[run.clone(), work.clone(), record.clone()]), recorded);
        let shown = |stacks: &Stacks, stack: u32| stacks.frames(stack).map(|frame| frame.function.clone()).collect::<Vec<_>>();
        assert_eq!(shown(&stacks, recorded), ["record", "work", "run"]);
        let one = stacks.without(&DropFrames::Count(1));
        assert_eq!(shown(&stacks, one[recorded as usize]), ["work", "run"]);
        assert_eq!(shown(&stacks, one[nested as usize]), ["record", "run"]);
        let matching = stacks.without(&DropFrames::Matching(Regex::new("record").unwrap()));
        assert_eq!(shown(&stacks, matching[nested as usize]), ["run"]);
        assert!(shown(&stacks, stacks.without(&DropFrames::Count(3))[recorded as usize]).is_empty());
        let mut other = Stacks::default();
        let lone = chain(&mut other, &[work]);
        let numbers = other.graft(stacks.clone());
        assert_eq!(shown(&other, numbers[nested as usize]), ["record", "record", "run"]);
        assert_eq!(shown(&other, lone), ["work"]);
    }
}
