#!/usr/bin/env bash
# Interprets the tests of the vector kernels under Miri, which notices undefined behaviour: fuzz/miri.sh [CASES OF EACH PROPERTY], 3 unless
# given. Needs a nightly toolchain with miri and rust-src. The map and its signal handler are calls into the system, which Miri does not
# know; tests cut short and rewrite files under them instead.
set -euo pipefail
cd "$(dirname "$0")/.."
export PROPTEST_CASES=${1:-3} MIRIFLAGS="-Zmiri-disable-isolation"
for flags in "" "-C target-feature=+avx2,+bmi1,+lzcnt,+popcnt"; do
    RUSTFLAGS=$flags cargo +nightly miri test --lib --target-dir target/miri scan::
done
