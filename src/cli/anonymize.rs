//! The command that copies a snapshot without what its strings say.

use std::io::Write;

use super::args::Anonymize;
use super::output::{self, Fault, OutputFile};
use super::paths::read_again;
use super::progress::Watcher;
use super::{Failure, exit};
use crate::growth;
use crate::input::Want;
use crate::input::v8::{self, NameRule};
use crate::load;
use crate::source::Source;

/// Copies a snapshot.
///
/// # Errors
/// With the exit code and what to say.
pub(super) fn anonymize(args: &Anonymize) -> Result<(), Failure> {
    let (path, input_max) = (args.file.as_str(), args.input.max_input);
    read_again(path, "anonymize")?;
    if args.hash_names.as_deref() == Some("") {
        return Err(Failure::new(exit::USAGE, "--hash-names: a key that is empty hides nothing"));
    }
    let copy = (args.copy != "-").then_some(args.copy.as_str());
    output::distinct(copy.as_slice(), std::iter::once(path))?;
    let file = copy.map(OutputFile::open).transpose()?;
    if !v8::may_be(load::open(path, input_max)?.head()) {
        return Err(v8::not_anonymous().at(path).into());
    }
    let progress = Watcher::new(args.quiet);
    // A copy of a damaged file would look whole.
    let snapshot = load::read(path, Want { verify: true, input_max, ..Want::GROUPS }, &progress)?;
    drop(progress);
    let rule = match &args.hash_names {
        None => NameRule::Keep,
        Some(key) => NameRule::Hash { key, is_public: &growth::is_public_name },
    };
    let content = |out: &mut dyn Write| {
        let copied = v8::anonymize(&|| Source::open(path)?.limited(input_max), snapshot.strings, &rule, out);
        copied.map_err(|kind| Fault::Other(kind.at(path).into()))
    };
    match file {
        Some(file) => file.write_with(content),
        None => output::standard_with(content),
    }
}
