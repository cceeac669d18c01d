//! Why is it alive: the most readable path from the roots to every object, and what is held in the same way.

mod costs;
mod foreign;
mod holders;
mod instances;
mod lookup;
mod names;
mod owners;
mod references;
mod search;
mod sources;
#[cfg(test)]
mod tests;
mod tree;
pub mod words;

pub use costs::{BOOKKEEPING as BOOKKEEPING_COST, CLASS as CLASS_COST};
pub(crate) use holders::is_part;
pub use holders::{FanOut, Holders, holders};
pub use instances::instances;
pub(crate) use names::KEY;
pub use names::{Class, Label, LabelKind, Vocabulary};
pub use owners::{HELD_BY, Owners, owners};
pub use references::{Reference, Strong, references};
pub use search::{Paths, search};
pub(crate) use tree::{Mixed, path_to};
pub use tree::{NO_PATH, PathNode, PathTree, ROOT};
