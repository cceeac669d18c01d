#!/usr/bin/env bash
# Fuzzes every target: fuzz/run.sh [SECONDS EACH], 60 unless given. Needs a nightly toolchain, cargo-fuzz and zstd.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
for target in readers unpacking; do
    mkdir -p "corpus/$target"
    folder=$(mktemp -d)
    zstd -dqc ../fixtures/v8/corpus.tar.zst | tar -x -C "$folder"
    zstd -dqc ../fixtures/python/corpus.tar.zst | tar -x -C "$folder"
    cp ../fixtures/v8/leak/s1.heapsnapshot "$folder"
    for packed in ../fixtures/python/*.json.zst ../fixtures/python/traces/*.zst ../fixtures/python/*.csv.zst; do
        zstd -dqf "$packed" -o "$folder/$(basename "${packed%.zst}")"
    done
    # The first byte is the target's own. Beginnings of what is large.
    find "$folder" -type f -size +0 -print0 | while IFS= read -r -d '' file; do
        name=$(md5sum <"$file" | cut -c1-16)
        for choice in '\000' '\007' '\077'; do
            { printf "$choice"; head -c 4000 "$file"; } >"corpus/$target/$name-${choice#\\}"
        done
        if (($(stat -c %s "$file") < 65536)); then { printf '\003'; cat "$file"; } >"corpus/$target/$name-whole"; fi
    done
    rm -rf "$folder"
done
mkdir -p corpus/kernels corpus/rules corpus/reports
cp ../fixtures/v8/leak/s1.heapsnapshot corpus/kernels/nodes
sed -n '/^```toml/,/^```/p' ../docs/ci.md | grep -v '^```' >corpus/rules/page.toml
for target in readers unpacking kernels rules reports; do
    echo "== $target"
    cargo +nightly fuzz run -O --debug-assertions --sanitizer "${SANITIZER:-address}" "$target" -- -dict=json.dict -max_total_time="$seconds" \
        -timeout=5 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -verbosity=0
done
