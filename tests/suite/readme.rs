//! The README's console blocks, run as they stand: what follows a `$ heapdiff` line is what it prints.

use std::process::Command;

use crate::support::{folder, run, text};

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
        let code = Some(if arguments[0] == "check" { 1 } else { 0 });
        assert_eq!((run.code, run.text()), (code, output.as_str()), "heapdiff {}", arguments.join(" "));
    }
}

/// The one block of a language in the README.
fn block(language: &str) -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks: Vec<&str> = readme.split(&format!("```{language}\n")).skip(1).collect();
    assert_eq!(blocks.len(), 1);
    blocks[0].split("```").next().unwrap().to_owned()
}

/// A server that forgets to take listeners off, and one that is as it should be.
const SERVERS: [(&str, i32); 2] = [
    (
        "class Visit { constructor(q) { this.q = q; } } const kept = []; exports.kept = kept;\n\
      module.exports = (request, response) => { kept.push(new Visit(request)); response.end('ok'); };\n",
        1,
    ),
    ("module.exports = (request, response) => { response.end('ok'); };\n", 0),
];

#[test]
fn the_program_for_build_servers_finds_a_leak_and_passes_without() {
    if !Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return;
    }
    for (server, code) in SERVERS {
        let folder = folder();
        std::fs::write(folder.path().join("heap-test.js"), block("js")).unwrap();
        std::fs::write(folder.path().join("server.js"), server).unwrap();
        let node = Command::new("node").args(["--expose-gc", "heap-test.js"]).current_dir(folder.path()).output().unwrap();
        assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
        let run = run(&["check", &text(&folder.path().join("snaps"))]);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert_eq!(run.text().contains("Visit leaks"), code == 1, "{run:?}");
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

#[test]
fn tests_that_the_page_on_reliability_names_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let named: Vec<(&str, &str)> = page.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
    assert!(named.len() > 40);
    for (file, test) in named {
        let content = std::fs::read_to_string(root.join("tests/suite").join(file).with_extension("rs")).unwrap();
        assert!(content.contains(&format!("fn {test}(")), "{file}::{test}");
    }
}
