//! v8-heap-parser: builds its graph, then its class groups without retained sizes.

use std::error::Error;

use heapdiff_peers::{Totals, map_argument};

fn main() -> Result<(), Box<dyn Error>> {
    let bytes = map_argument()?;
    let graph = v8_heap_parser::decode_slice(&bytes)?;
    let groups = graph.get_class_groups(true);
    let totals = groups.iter().fold(Totals { groups: groups.len() as u64, ..Totals::default() }, |sum, group| Totals {
        nodes: sum.nodes + group.nodes.len() as u64,
        self_size: sum.self_size + group.self_size,
        ..sum
    });
    println!("{}", totals.line());
    Ok(())
}
