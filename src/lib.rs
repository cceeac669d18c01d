//! heapdiff finds the types that keep growing across large heap snapshots.
//!
//! The public interface is the command line, its exit codes and the JSON report ([`report`]). The modules behind them are public
//! for benches and tests; they promise no stability.

pub mod alive;
pub mod allocation;
pub mod analysis;
pub mod causes;
pub mod cli;
pub mod error;
pub mod gate;
pub mod graph;
pub mod grouping;
pub mod growth;
pub mod heap;
pub mod identity;
pub mod input;
pub mod load;
pub mod package;
pub mod render;
pub mod report;
pub mod scan;
pub mod series;
pub mod snapshot;
pub mod source;
pub mod source_maps;
pub mod stacks;
pub mod summary;
pub mod text;
pub mod trend;
