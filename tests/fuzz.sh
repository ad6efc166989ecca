#!/bin/sh
# Runs the fuzz targets of the provider framework and of the reconciler, one after another: all, or those that are named. It
# ends with the first finding, which is then in the `artifacts` beside the targets.
set -eu

cd "$(dirname "$0")/.."
repository=$PWD

# A finding as well: a call or a command takes far less of both.
MEMORY_MB_MAX=2048
INPUT_SECONDS_MAX=10

# A few times the longest seed: more finds nothing, and takes longer.
INPUT_BYTES_MAX=8192

if [ $# -eq 0 ]; then
    echo "usage: tests/fuzz.sh SECONDS [TARGET…]" >&2
    exit 2
fi
command -v cargo-fuzz >/dev/null || {
    echo "install it: cargo install cargo-fuzz --locked" >&2
    exit 1
}
seconds=$1
shift
wanted=$*

# Fuzzing takes options of the compiler that are not stable, and nothing else of a nightly one.
export RUSTC_BOOTSTRAP=1

is_wanted() {
    case " $wanted " in "  " | *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# No sanitizer: the code has no unsafe block, and without one a run is several times as fast.
fuzz_target() {
    folder=$1 target=$2
    corpus="$folder/corpus/$target" seeds="$folder/seeds/$target"
    mkdir -p "$corpus"
    [ -d "$seeds" ] || seeds=''
    (cd "$folder/.." && cargo fuzz run -s none "$target" "$corpus" $seeds -- -max_total_time="$seconds" \
        -max_len="$INPUT_BYTES_MAX" -rss_limit_mb="$MEMORY_MB_MAX" -timeout="$INPUT_SECONDS_MAX" -dict="$folder/words.dict")
}

found=no
for package in provider/framework reconciler; do
    folder="$repository/$package/fuzz"
    for target in $(cd "$folder/.." && cargo fuzz list); do
        if is_wanted "$target"; then
            found=yes
            echo "fuzz: $package, $target, $seconds s"
            fuzz_target "$folder" "$target"
        fi
    done
done
if [ "$found" = no ]; then
    echo "fuzz: no target is called $wanted" >&2
    exit 2
fi
