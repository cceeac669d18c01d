//! The README's console blocks, run as they stand: what follows a `$ heapdiff` line is what it prints.

use crate::support::run;

/// The commands of the README and what it says they print.
fn examples() -> Vec<(Vec<String>, String)> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = readme.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    let examples = blocks.map(|block| {
        let (command, output) = block.split_once('\n').unwrap();
        let arguments = command.strip_prefix("$ heapdiff ").unwrap().split(' ').map(str::to_owned).collect();
        (arguments, output.to_owned())
    });
    examples.collect()
}

#[test]
fn commands_of_the_readme_print_what_it_says() {
    let examples = examples();
    assert!(examples.len() >= 2, "the README has examples");
    for (arguments, output) in examples {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let run = run(&arguments);
        assert_eq!((run.code, run.text()), (Some(0), output.as_str()), "heapdiff {}", arguments.join(" "));
    }
}

#[test]
fn files_the_readme_and_its_companions_name_are_there() {
    for text in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let content = std::fs::read_to_string(root.join(text)).unwrap();
        for link in content.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(link.starts_with('#') || link.starts_with("http") || root.join(link).exists(), "{text}: {link}");
        }
    }
}
