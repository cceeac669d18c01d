#!/usr/bin/env python3
"""Times heapdiff and its peers in one session, checks that they agree, and prints markdown tables.

Run by ../compare.sh, which makes the files and the binaries. Standard library only; reads /proc, so Linux only.

Time: wall time from spawn to exit. A round runs every command once; the rounds alternate between forward and backward order, so
that a slow spell of the machine falls on all of them. One round before is thrown away (it warms the page cache). Medians.

Memory: separate, untimed runs. Peak RSS is VmHWM. Peak anonymous memory is the highest RssAnon + RssShmem of /proc/PID/status,
read about every millisecond; a spike shorter than that can be missed, and the kernel's counters lag by up to a few hundred KB.
Pages of a mapped file count in RSS, not in anonymous memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

MEMORY_RUNS = 3
# Levels that go by allocation stacks.
BY = ("site", "class,site", "stack")
MIB = 1024 * 1024


def say(text):
    print(text, file=sys.stderr, flush=True)


def spawn(command):
    """Starts a command that writes to /dev/null; returns its process id."""
    return os.posix_spawnp(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    )


def must_succeed(command, status):
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(f"failed with {code}: {' '.join(command)}")


def seconds(command):
    start = time.perf_counter_ns()
    pid = spawn(command)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter_ns() - start
    must_succeed(command, status)
    return elapsed / 1e9


def status_bytes(pid):
    """(VmHWM, RssAnon + RssShmem) of a process, or None when it has no memory any more."""
    fields = {}
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in ("VmHWM", "RssAnon", "RssShmem"):
                fields[name] = int(value.split()[0]) * 1024
    if len(fields) < 3:
        return None
    return fields["VmHWM"], fields["RssAnon"] + fields["RssShmem"]


def peaks(command):
    pid = spawn(command)
    peak = (0, 0)
    while True:
        sample = status_bytes(pid)
        if sample:
            peak = tuple(map(max, peak, sample))
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            must_succeed(command, status)
            return peak
        time.sleep(0.001)


def output(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"failed with {done.returncode}: {' '.join(command)}")
    return json.loads(done.stdout)


def heapdiff_totals(heapdiff, command, files):
    totals = output([heapdiff, command, "--format", "json", "-n", "1", *files])["totals"]
    return list(zip(totals["count"], totals["self_size"], strict=True))


def peer_totals(program, file):
    line = output([program, file])
    return line["nodes"], line["self_size"]


def check_totals(args, files):
    """Everyone must have read the same heap. Returns the node count of the first file."""
    want = peer_totals(args.serde_typed, files["a"])
    for name in ("a.zst", "a.gz"):
        if output([args.decompress, files[name]])["bytes"] != os.stat(files["a"]).st_size:
            sys.exit(f"decompress {name}: not the size of a")
    found = {"v8hp a": peer_totals(args.v8hp, files["a"])}
    if args.heapdiff:
        for name in ("a", "a.zst", "a.gz"):
            found[f"heapdiff top {name}"] = heapdiff_totals(args.heapdiff, "top", [files[name]])[0]
        tracked = peer_totals(args.serde_typed, files["tracked"])
        for levels in ([], *(["--by", levels] for levels in BY)):
            if heapdiff_totals(args.heapdiff, "top", [*levels, files["tracked"]]) != [tracked]:
                sys.exit(f"heapdiff top {levels} tracked: totals differ from serde-typed")
        series = [files["a"], files["b"], files["c"]]
        expected = [want, *(peer_totals(args.serde_typed, file) for file in series[1:])]
        for command, inputs in (("diff", series[:2]), ("trend", series)):
            if heapdiff_totals(args.heapdiff, command, inputs) != expected[: len(inputs)]:
                sys.exit(f"heapdiff {command}: totals differ from serde-typed")
    for name, totals in found.items():
        if totals != want:
            sys.exit(f"{name}: (nodes, self size) is {totals}, serde-typed says {want}")
    say(f"all agree on {want[0]:,} nodes, {want[1]:,} bytes")
    return want[0]


def commands(args, files):
    """Name of a row to its command."""
    rows = {"cat a": ["cat", files["a"]]}
    if args.heapdiff:
        top = [args.heapdiff, "top"]
        rows |= {f"heapdiff top {name}": [*top, files[name]] for name in ("a", "b", "c")}
        rows["heapdiff top a --retained"] = [*top, files["a"], "--retained"]
        rows["heapdiff top a --sizes owned"] = [*top, files["a"], "--sizes", "owned"]
        rows["heapdiff diff a b"] = [args.heapdiff, "diff", files["a"], files["b"]]
        rows["heapdiff trend a b c"] = [args.heapdiff, "trend", files["a"], files["b"], files["c"]]
        rows |= {f"heapdiff top {name}": [*top, files[name]] for name in ("a.zst", "a.gz", "small", "tracked")}
        rows |= {f"heapdiff top tracked --by {levels}": [*top, files["tracked"], "--by", levels] for levels in BY}
        rows |= {f"heapdiff diff a b {option}": [args.heapdiff, "diff", files["a"], files["b"], option] for option in ("--retained", "--why")}
    rows |= {f"decompress {name}": [args.decompress, files[name]] for name in ("a.zst", "a.gz")}
    rows["zstd -dc a.zst"] = ["zstd", "-q", "-dc", files["a.zst"]]
    rows["gzip -dc a.gz"] = ["gzip", "-dc", files["a.gz"]]
    rows["serde-typed a"] = [args.serde_typed, files["a"]]
    rows["v8hp a"] = [args.v8hp, files["a"]]
    rows["v8hp a, retained sizes"] = [args.v8hp, files["a"], "retained"]
    rows["true"] = ["true"]
    return rows


def time_all(rows, rounds):
    times = {name: [] for name in rows}
    order = list(rows)
    for number in range(-1, rounds):
        say("warm-up" if number < 0 else f"round {number + 1} of {rounds}")
        for name in order if number % 2 else reversed(order):
            elapsed = seconds(rows[name])
            if number >= 0:
                times[name].append(elapsed)
    return times


def measure_memory(rows):
    memory = {}
    for name, command in rows.items():
        if name.startswith(("heapdiff", "serde", "v8hp")):
            runs = [peaks(command) for _ in range(MEMORY_RUNS)]
            memory[name] = tuple(map(max, *runs))
    return memory


def print_table(times, memory):
    median = {name: statistics.median(runs) for name, runs in times.items()}
    cat, top = median["cat a"], median.get("heapdiff top a")
    print("| command | wall, median | min to max | × `cat a` | × `heapdiff top a` | peak RSS | peak anonymous |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, runs in times.items():
        wall = median[name]
        cells = [f"`{name}`", f"{wall * 1000:.1f} ms", f"{min(runs) * 1000:.1f} to {max(runs) * 1000:.1f}"]
        cells += [f"{wall / cat:.2f}", f"{wall / top:.2f}" if top else ""]
        cells += [f"{size / MIB:.1f} MiB" for size in memory[name]] if name in memory else ["", ""]
        print(f"| {' | '.join(cells)} |")
    return median


def ratios(wall, nodes):
    """The bars on time: name, value from the given wall times, sign, bar."""
    top = wall["heapdiff top a"]
    tops = sum(wall[f"heapdiff top {name}"] for name in ("a", "b", "c"))
    return [
        ("`top` / `cat`", top / wall["cat a"], "≤", 2.2),
        ("serde-typed / `top`", wall["serde-typed a"] / top, "≥", 15),
        ("v8hp / `top`", wall["v8hp a"] / top, "≥", 25),
        ("v8hp with retained sizes / `top --retained`", wall["v8hp a, retained sizes"] / wall["heapdiff top a --retained"], "≥", 10),
        ("`top --retained`, ns a node", wall["heapdiff top a --retained"] * 1e9 / nodes, "≤", 110),
        ("`diff a b` / `top a`", wall["heapdiff diff a b"] / top, "≤", 2.3),
        ("`trend a b c` / sum of the three `top`s", wall["heapdiff trend a b c"] / tops, "≤", 1.1),
        ("`decompress a.zst` / `top a.zst`", wall["decompress a.zst"] / wall["heapdiff top a.zst"], "≥", 0.9),
        ("`decompress a.gz` / `top a.gz`", wall["decompress a.gz"] / wall["heapdiff top a.gz"], "≥", 0.9),
        *((f"`top tracked --by {by}` / `top tracked`", wall[f"heapdiff top tracked --by {by}"] / wall["heapdiff top tracked"], "≤", 1.3) for by in BY),
        ("`diff a b --why` / `diff a b --retained`", wall["heapdiff diff a b --why"] / wall["heapdiff diff a b --retained"], "≤", 2.2),
        ("start to exit on 5 MB, ms", wall["heapdiff top small"] * 1000, "≤", 25),
    ]


def print_bars(median, times, memory, nodes):
    fastest = {name: min(runs) for name, runs in times.items()}
    print("\n| bar | medians | fastest runs | wanted | by medians |\n|---|---:|---:|---:|---|")
    for (name, value, sign, bar), (_, best, _, _) in zip(ratios(median, nodes), ratios(fastest, nodes), strict=True):
        met = value <= bar if sign == "≤" else value >= bar
        print(f"| {name} | {value:.2f} | {best:.2f} | {sign} {bar} | {'met' if met else 'missed'} |")
    for row, bar in (("heapdiff top a", 12), ("heapdiff top a --retained", 75)):
        a_node = memory[row][1] / nodes
        name = row.removeprefix("heapdiff ")
        print(f"| peak anonymous bytes a node, `{name}` | {a_node:.2f} | | ≤ {bar} | {'met' if a_node <= bar else 'missed'} |")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        models = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} × {models[0] if models else os.uname().machine}, {pages / 2**30:.0f} GiB, load {load:.1f} at the start"


def main():
    parser = argparse.ArgumentParser(description="time heapdiff against its peers; run by compare.sh")
    parser.add_argument("--heapdiff", help="the binary; without it only the peers are measured")
    parser.add_argument("--serde-typed", required=True)
    parser.add_argument("--v8hp", required=True)
    parser.add_argument("--decompress", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("files", nargs="+", help="NAME=PATH for a, b, c, small, a.zst, a.gz, and with heapdiff tracked")
    args = parser.parse_args()
    files = dict(pair.split("=", 1) for pair in args.files)

    here = machine()
    if os.getloadavg()[0] > 0.5:
        say("this machine is busy: medians will say more about the others than about heapdiff")
    nodes = check_totals(args, files)
    rows = commands(args, files)
    times = time_all(rows, args.rounds)
    say("memory")
    memory = measure_memory(rows)

    size = os.stat(files["a"]).st_size
    print(f"{here}; `a` is {size / 1e6:.0f} MB with {nodes / 1e6:.2f} million nodes; {args.rounds} rounds.\n")
    median = print_table(times, memory)
    if args.heapdiff:
        print_bars(median, times, memory, nodes)


if __name__ == "__main__":
    main()
