#!/usr/bin/env bash
# Fuzzes every target: fuzz/run.sh [SECONDS EACH], 60 unless given. Needs a nightly toolchain, cargo-fuzz and zstd.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
export LSAN_OPTIONS=suppressions=leaks.supp:print_suppressions=0
./seed.sh corpus
for target in readers graph unpacking anonymize kernels rules reports maps; do
    echo "== $target"
    cargo +nightly fuzz run -O --debug-assertions --sanitizer "${SANITIZER:-address}" "$target" -- -dict=json.dict -max_total_time="$seconds" \
        -timeout=5 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -verbosity=0
done
