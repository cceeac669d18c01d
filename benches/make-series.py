#!/usr/bin/env python3
"""Runs the labelled programs of benches/programs and writes fixtures/series/programs.ndjson.zst.

    benches/make-series.py              # all of them, about ten minutes: node 20, python 3.11, zstd; no network
    benches/make-series.py L41 N43      # prints the series of these to standard output

Groups are counted here in a few plain lines, not by heapdiff. Only labels, numbers and names of types go into the series.
"""

import collections
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
SERIES = HERE.parent / "fixtures/series/programs.ndjson.zst"
VARIANTS = {
    "base": [],
    "seed2": ["seed=5", "noise=3", "load=uneven"],
    "small": ["seed=3", "leak=0.2", "load=uneven"],
}
# V8's kinds whose names are contents.
CONTENT = {"string", "concatenated string", "sliced string", "number", "heap number", "bigint", "symbol", "regexp"}
# Python's types that are told apart where they are empty.
CONTAINERS = {"dict", "list", "tuple", "set", "frozenset"}


def main():
    programs = sorted(path for path in HERE.glob("programs/*/[LN]*") if path.suffix in (".js", ".py"))
    wanted = sys.argv[1:]
    if wanted:
        for program in programs:
            if program.stem.startswith(tuple(wanted)):
                for line in map(series, [program] * len(VARIANTS), VARIANTS):
                    print(line)
        return
    lines = [series(program, variant) for program in sorted(programs, key=lambda path: path.stem) for variant in VARIANTS]
    packer = ["zstd", "-q", "-19", "--long=27", "-f", "-o", str(SERIES)]
    subprocess.run(packer, input="".join(f"{line}\n" for line in lines).encode(), check=True)


def series(program, variant):
    """One line of JSON: a program run once."""
    if program.suffix == ".js":
        command, pattern, groups = ["node", "--expose-gc", HERE / "programs/node/run.js"], "*.heapsnapshot", v8_groups
    else:
        command, pattern, groups = [sys.executable, HERE / "programs/python/run.py"], "[0-9]*.json", python_groups
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, program, folder, *VARIANTS[variant]], check=True, stdout=sys.stderr)
        folder = pathlib.Path(folder)
        head = json.loads((folder / "head.json").read_text())
        snapshots = [{"groups": sorted(groups(path))} for path in sorted(folder.glob(pattern))]
    print(program.stem, variant, len(snapshots), file=sys.stderr)
    whole = {"program": program.stem, "variant": variant, **head, "snapshots": snapshots}
    return json.dumps(whole, separators=(",", ":"))


def v8_groups(path):
    heap = json.loads(path.read_text(errors="surrogatepass"))
    fields = heap["snapshot"]["meta"]["node_fields"]
    kinds = heap["snapshot"]["meta"]["node_types"][0]
    nodes, strings, width = heap["nodes"], heap["strings"], len(fields)
    columns = (nodes[fields.index(field) :: width] for field in ("type", "name", "self_size"))
    return sums((kinds[kind], "" if kinds[kind] in CONTENT else strings[name][:120], size) for kind, name, size in zip(*columns))


def python_groups(path):
    records = map(json.loads, path.open())
    empty = lambda record: " (empty)" if record["type"] in CONTAINERS and record.get("len") == 0 else ""
    return sums((record["type"], record["type"] + empty(record), record["size"]) for record in records)


def sums(objects):
    groups = collections.defaultdict(lambda: [0, 0])
    for kind, name, size in objects:
        group = groups[kind, name]
        group[0] += 1
        group[1] += size
    return [[kind, name, count, size] for (kind, name), (count, size) in groups.items()]


if __name__ == "__main__":
    main()
