//! Summaries that `heapdiff summary` wrote, as inputs.

use std::io::Read;

use crate::error::ErrorKind;
use crate::input::{InputFormat, Sniff, Want};
use crate::snapshot::{Runtime, Snapshot};
use crate::source::{Source, read_error};
use crate::summary;

/// The format of `heapdiff summary`.
pub struct SummaryFormat;

/// Name of the format in reports.
pub const NAME: &str = "summary";
/// Largest summary that is read.
const BYTES_MAX: u64 = 1 << 30;

impl InputFormat for SummaryFormat {
    fn name(&self) -> &'static str {
        NAME
    }

    /// What V8's summaries describe; others say so themselves.
    fn runtime(&self) -> Runtime {
        Runtime::V8
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        let head = &head[..head.len().min(4096)];
        let object = head.trim_ascii_start().starts_with(b"{");
        let named = memchr::memmem::find(head, format!("\"{}\"", summary::SCHEMA).as_bytes()).is_some();
        // Programs that sort keys put the groups, which may be long, before the name of the schema.
        let first_key = head.trim_ascii_start().get(1..).unwrap_or_default().trim_ascii_start();
        let own_key = [&b"\"groups\""[..], b"\"input\"", b"\"schema_version\""].iter().any(|key| first_key.starts_with(key));
        if object && (named || own_key) { Sniff::Yes } else { Sniff::No }
    }

    fn read(&self, source: &mut Source, _: Want<'_>) -> Result<Snapshot, ErrorKind> {
        let mut text = Vec::new();
        source.take_stream().take(BYTES_MAX).read_to_end(&mut text).map_err(read_error)?;
        summary::parse(text)
    }
}
