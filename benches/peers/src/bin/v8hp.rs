//! v8-heap-parser: builds its graph, then its class groups without retained sizes; with them if `retained` follows the file.

use std::error::Error;

use heapdiff_peers::{Totals, map};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().ok_or("usage: v8hp FILE [retained]")?;
    let retained = arguments.next().is_some_and(|option| option == "retained");
    let bytes = map(&path)?;
    let graph = v8_heap_parser::decode_slice(&bytes)?;
    let groups = graph.get_class_groups(!retained);
    let totals = groups.iter().fold(Totals { groups: groups.len() as u64, ..Totals::default() }, |sum, group| Totals {
        nodes: sum.nodes + group.nodes.len() as u64,
        self_size: sum.self_size + group.self_size,
        ..sum
    });
    println!("{}", totals.line());
    Ok(())
}
