#!/bin/sh
# Makes the files of a release of the provider, as a registry wants them: one archive a platform, the manifest, their
# digests, and a signature of these. It publishes nothing.
set -eu

cd "$(dirname "$0")/.."
. release/lib.sh

usage() {
    cat >&2 <<'END'
usage: release/package.sh VERSION [--output FOLDER] [--binary FILE] [--key KEY | --unsigned]

  --output FOLDER  where the files go; by default target/release-VERSION
  --binary FILE    take this program for the host's platform, and build nothing
  --key KEY        GPG key that signs the digests; by default the one that gpg would take
  --unsigned       no signature: a dry run

$TARGETS are the Rust targets to build for, by default the host's.
END
    exit 2
}

[ $# -ge 1 ] || usage
version=$1
shift
output="target/release-$version" binary='' key='' signed=yes
while [ $# -gt 0 ]; do
    case "$1" in
        --unsigned) signed=no; shift; continue ;;
    esac
    [ $# -ge 2 ] || usage
    case "$1" in
        --output) output=$2 ;;
        --binary) binary=$2 ;;
        --key) key=$2 ;;
        *) usage ;;
    esac
    shift 2
done

[ "$version" = "$(workspace_version)" ] ||
    fail "the workspace is at version $(workspace_version): set version = \"$version\" in Cargo.toml first"
command -v python3 >/dev/null || fail "python3 is missing; install it: it writes the archives"
# Before the build, which takes minutes.
if [ "$signed" = yes ]; then
    command -v gpg >/dev/null || fail "gpg is missing; install gnupg: it signs the digests"
    gpg --batch --list-secret-keys ${key:+"$key"} 2>/dev/null | grep -q '^sec' ||
        fail "there is no GPG key ${key:+$key }to sign with: name another, make one (gpg --quick-generate-key), or try with --unsigned"
fi

name="terraform-provider-shadow_$version"
rm -rf "$output"
mkdir -p "$output"
output=$(cd "$output" && pwd)

# Writes one archive. The time within is fixed, so that equal programs make equal archives.
archive() {
    scratch=$(mktemp -d)
    program="terraform-provider-shadow_v$version"
    cp "$1" "$scratch/$program"
    chmod 755 "$scratch/$program"
    touch -d 1980-01-01T00:00:00Z "$scratch/$program"
    (cd "$scratch" && TZ=UTC python3 -m zipfile -c "$output/${name}_$2.zip" "$program")
    rm -r "$scratch"
    say "made ${name}_$2.zip"
}

if [ -n "$binary" ]; then
    archive "$binary" "$(host_platform)"
else
    for target in ${TARGETS:-$(host_target)}; do
        archive "$(static_build "$target")" "$(platform_of "$target")"
    done
fi

cp terraform-registry-manifest.json "$output/${name}_manifest.json"
# A registry refuses digests that leave the manifest out.
(cd "$output" && sha256sum "${name}_"*.zip "${name}_manifest.json" > "${name}_SHA256SUMS")
if [ "$signed" = yes ]; then
    gpg --batch --yes ${key:+--local-user "$key"} --detach-sign --output "$output/${name}_SHA256SUMS.sig" \
        "$output/${name}_SHA256SUMS"
    say "signed the digests"
else
    say "the digests are not signed: a registry will refuse them"
fi
say "the files are in $output; tag the commit v$version and attach them to the release of that tag"
