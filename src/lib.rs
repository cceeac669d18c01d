//! heapdiff finds the types that keep growing across large heap snapshots.
//!
//! The public interface is the command line, its exit codes and the JSON report ([`report`]). The modules behind them are public
//! for benches and tests; they promise no stability.

pub mod growth;
pub mod render;
pub mod report;
pub mod text;
