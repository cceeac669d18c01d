//! Causes as a report tells them.

use super::last::Held;
use super::merge::growth;
use super::{Cause, Causes};
use crate::graph::paths::{path_to, words};
use crate::report::{self, CauseKind, PathStep};
use crate::text::safe_name;

/// Places and holders that are told of one cause.
const TOLD_MAX: usize = 8;

impl Causes {
    /// What keeps a cause alive, largest first.
    #[must_use]
    pub fn told(&self, cause: &Cause) -> Vec<report::Cause> {
        let places = cause.places.iter().take(TOLD_MAX).map(|&place| self.place(place));
        let mut told: Vec<report::Cause> = places.collect();
        for held in cause.held.iter().map(|held| self.held(held)) {
            let others = told.iter().filter(|other| other.kind == held.kind);
            if told.iter().all(|other| other.text != held.text) && others.count() < TOLD_MAX {
                told.push(held);
            }
        }
        told
    }

    /// Bytes that a cause keeps alive, if they were looked at.
    #[must_use]
    pub fn share(&self, cause: &Cause) -> Option<report::Share> {
        cause.share.map(|share| report::Share { exclusive: share.exclusive, shared: share.shared })
    }

    fn place(&self, place: u32) -> report::Cause {
        let path = self.steps(place);
        let node = self.merged.node(place);
        let (mut size_growth, mut objects) = (0_i64, 0_i64);
        for (node, _) in self.merged.nodes.iter().zip(&self.growing.place).filter(|(_, of)| **of == place) {
            size_growth = size_growth.saturating_add(growth(&node.size));
            objects = objects.saturating_add(growth(&node.count));
        }
        report::Cause {
            kind: CauseKind::Place,
            text: words::line(&path),
            class: path.last().map_or_else(String::new, |step| step.class.clone()),
            path,
            steps: steps_of(&node.count),
            count: node.count.clone(),
            size_growth: Some(size_growth),
            objects,
        }
    }

    fn held(&self, held: &Held) -> report::Cause {
        let class = &self.vocabulary.class_of(self.merged.node(held.to).class).text;
        let mut path = self.steps(held.from);
        path.push(words::step(&self.vocabulary, held.label, class));
        report::Cause {
            kind: if held.bookkeeping { CauseKind::Bookkeeping } else { CauseKind::HeldBy },
            text: words::line(&path),
            class: safe_name(class).into_owned(),
            path,
            count: Vec::new(),
            steps: Vec::new(),
            size_growth: None,
            objects: i64::try_from(held.objects).unwrap_or(i64::MAX),
        }
    }

    fn steps(&self, node: u32) -> Vec<PathStep> {
        let step = |&node: &u32| {
            let node = self.merged.node(node);
            let step = words::step(&self.vocabulary, node.label, &self.vocabulary.class_of(node.class).text);
            PathStep { many: node.folded, ..step }
        };
        path_to(node, |node| self.merged.node(node).parent).iter().map(step).collect()
    }
}

fn steps_of(count: &[u64]) -> Vec<i64> {
    count.windows(2).map(growth).collect()
}
