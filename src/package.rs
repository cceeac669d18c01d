//! Which package a script belongs to, by its path or URL alone.

use crate::stacks::Frame;

/// The package of the program itself.
pub const APP: &str = "app";

/// Schemes of scripts that are part of a runtime; they are packages themselves, colon included.
const BUILT_IN: [&str; 4] = ["node:", "deno:", "ext:", "bun:"];
const PYTHON: &str = "python:";
const RUBY: &str = "ruby:";

/// The package of a script:
///
/// | script | package |
/// |---|---|
/// | `node:events`, `ext:core/mod.js`; before Node 16 `internal/timers.js` | the runtime: `node:`, `ext:` |
/// | `…/node_modules/NAME/…`, `…/node_modules/@SCOPE/NAME/…`; the innermost counts, so pnpm's folders work | `NAME`, `@SCOPE/NAME` |
/// | `…/node_modules/.vite/deps/NAME.js` | `NAME` |
/// | `…/site-packages/NAME/…`, `…/dist-packages/NAME.py` | `NAME` |
/// | `…/lib/python3.12/…`, `<frozen …>` | `python:` |
/// | `…/gems/NAME-1.2.3/…`, `…/bundler/gems/NAME-REVISION/…` | `NAME` |
/// | `…/lib/ruby/3.3.0/…`, `<internal:…>` | `ruby:` |
/// | anything else | `app` |
#[must_use]
pub fn package(script: &str) -> String {
    if let Some(scheme) = BUILT_IN.iter().find(|scheme| script.starts_with(**scheme)) {
        return (*scheme).to_owned();
    }
    if script.starts_with("internal/") {
        return BUILT_IN[0].to_owned();
    }
    if script.starts_with("<frozen ") {
        return PYTHON.to_owned();
    }
    if script.starts_with("<internal:") {
        return RUBY.to_owned();
    }
    let path: Vec<&str> = script.split(['/', '\\']).collect();
    npm(&path).or_else(|| python(&path)).or_else(|| ruby(&path)).unwrap_or_else(|| APP.to_owned())
}

/// Whether a frame is the program's own, neither a library's nor the runtime's.
#[must_use]
pub fn is_app(frame: &Frame) -> bool {
    !frame.is_native() && package(&frame.script) == APP
}

/// What lies behind the last folder of some names.
fn behind<'p, 's>(path: &'p [&'s str], folders: &[&str]) -> Option<&'p [&'s str]> {
    path.iter().rposition(|part| folders.contains(part)).map(|at| &path[at + 1..]).filter(|rest| !rest.is_empty())
}

fn npm(path: &[&str]) -> Option<String> {
    let at = path.iter().rposition(|part| *part == "node_modules")?;
    match &path[at + 1..] {
        // Vite puts the packages that it has bundled in files of their names.
        [".vite", "deps", file, ..] => {
            let name = file.split(['?', '#']).next().and_then(|file| file.strip_suffix(".js"))?;
            Some(if name.starts_with('@') { name.replacen('_', "/", 1) } else { name.to_owned() })
        }
        // No package is called so: it is a folder of a tool's.
        [hidden, ..] if hidden.starts_with('.') => npm(&path[..at]),
        [scope, name, ..] if scope.starts_with('@') => Some(format!("{scope}/{name}")),
        [name, ..] => Some((*name).to_owned()),
        [] => npm(&path[..at]),
    }
}

fn python(path: &[&str]) -> Option<String> {
    if let Some(rest) = behind(path, &["site-packages", "dist-packages"]) {
        let module = rest.iter().find(|part| !part.ends_with(".egg"))?;
        return Some(module.strip_suffix(".py").unwrap_or(module).to_owned());
    }
    let standard = |pair: &[&str]| matches!(pair[0], "lib" | "lib64") && version(pair[1].strip_prefix("python"));
    path.windows(2).any(standard).then(|| PYTHON.to_owned())
}

fn ruby(path: &[&str]) -> Option<String> {
    let gem = path.windows(3).rev().filter(|part| part[1] == "gems").find_map(|part| match part[0] {
        "bundler" => part[2].rsplit_once('-').map(|(name, _)| name),
        _ => part[2]
            .match_indices('-')
            .map(|(at, _)| part[2].split_at(at))
            .find(|(_, rest)| version(rest.get(1..)))
            .map(|(name, _)| name),
    });
    let standard = || path.windows(2).any(|pair| pair[0] == "ruby" && version(Some(pair[1])));
    gem.map(str::to_owned).or_else(|| standard().then(|| RUBY.to_owned()))
}

/// Whether text begins like a version.
fn version(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::package;

    #[test]
    fn packages_are_those_of_their_layouts() {
        for (script, expected) in [
            ("node:internal/timers", "node:"),
            ("internal/process/task_queues.js", "node:"),
            ("ext:deno_web/06_streams.js", "ext:"),
            ("/srv/app/node_modules/@grpc/grpc-js/build/src/channel.js", "@grpc/grpc-js"),
            ("file:///srv/app/node_modules/express/node_modules/debug/src/index.js", "debug"),
            ("/srv/app/node_modules/.pnpm/ws@8.18.0_bufferutil@4.0.8/node_modules/ws/lib/sender.js", "ws"),
            ("/srv/node_modules/.pnpm/@fastify+cors@9.0.1/node_modules/@fastify/cors/index.js", "@fastify/cors"),
            ("C:\\work\\node_modules\\lodash\\lodash.js", "lodash"),
            ("webpack://shop/./node_modules/react-dom/client.js", "react-dom"),
            ("/srv/app/.yarn/cache/got-npm-14.0.0-a1b2.zip/node_modules/got/index.js", "got"),
            ("/srv/app/src/node_modules", "app"),
            ("http://localhost:5173/node_modules/.vite/deps/vue.js?v=1f3a", "vue"),
            ("http://localhost:5173/node_modules/.vite/deps/@tanstack_query-core.js", "@tanstack/query-core"),
            ("/srv/app/node_modules/next/node_modules/.cache/a.js", "next"),
            ("/srv/app/src/server.js", "app"),
            ("http://127.0.0.1:39715/w.js", "app"),
            ("evalmachine.<anonymous>", "app"),
            ("/venv/lib/python3.12/site-packages/requests/sessions.py", "requests"),
            ("/venv/lib/python3.12/site-packages/six.py", "six"),
            ("/usr/lib/python2.7/dist-packages/yaml/__init__.py", "yaml"),
            ("/venv/lib/python3.8/site-packages/foo-1.2-py3.8.egg/foo/bar.py", "foo"),
            ("/usr/lib/python3.11/json/decoder.py", "python:"),
            ("/usr/lib64/python3.11/threading.py", "python:"),
            ("<frozen importlib._bootstrap>", "python:"),
            ("svc/agent.py", "app"),
            ("<string>", "app"),
            ("/usr/local/bundle/gems/rack-3.0.8/lib/rack/request.rb", "rack"),
            ("/usr/lib/ruby/gems/3.3.0/gems/aws-sdk-s3-1.143.0/lib/x.rb", "aws-sdk-s3"),
            ("/usr/local/bundle/gems/nokogiri-1.16.0-x86_64-linux/lib/nokogiri.rb", "nokogiri"),
            ("/usr/local/bundle/ruby/3.3.0/bundler/gems/rails-html-a1b2c3d4e5f6/lib/a.rb", "rails-html"),
            ("/usr/lib/ruby/3.3.0/json/common.rb", "ruby:"),
            ("<internal:kernel>", "ruby:"),
            ("rb.rb", "app"),
        ] {
            assert_eq!(package(script), expected, "{script}");
        }
    }
}
