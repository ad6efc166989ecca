#!/bin/sh
# Puts the provider where Terraform looks for providers without being told, in the user's own folder, or takes it away.
set -eu

cd "$(dirname "$0")/.."
. release/lib.sh

usage() {
    echo "usage: release/install.sh install [--binary FILE] | uninstall" >&2
    exit 2
}

version=$(workspace_version)
plugins="$HOME/.terraform.d/plugins"
folder="$plugins/$address"
package="$folder/$version/$(host_platform)"

install_provider() {
    program=${1:-$(static_build "$(host_target)")}
    # Before the folder is made: an empty one would hide the provider from Terraform wherever else it is.
    [ -f "$program" ] || fail "there is no program $program"
    mkdir -p "$package"
    # Beside the old one, then in its place: a Terraform that runs keeps what it has.
    cp "$program" "$package/.new"
    chmod 755 "$package/.new"
    mv "$package/.new" "$package/terraform-provider-shadow_v$version"
    say "installed $package/terraform-provider-shadow_v$version"
    say "'terraform init' finds it for source = \"shadow-failover/shadow\"."
    say "Where a lock file has another build of $version, it needs the digest of this one as well, before 'terraform init':"
    say "  terraform providers lock -fs-mirror=$plugins shadow-failover/shadow"
    if [ -f "${TF_CLI_CONFIG_FILE:-$HOME/.terraformrc}" ] &&
        grep -q provider_installation "${TF_CLI_CONFIG_FILE:-$HOME/.terraformrc}"; then
        say "${TF_CLI_CONFIG_FILE:-$HOME/.terraformrc} has a provider_installation block: this folder counts only if it is named there"
    fi
}

uninstall_provider() {
    if [ ! -d "$folder" ]; then
        say "nothing is installed in $folder"
        return
    fi
    rm -r "$folder"
    # The folders above it go too, if they hold nothing else.
    (cd "$plugins" && rmdir -p --ignore-fail-on-non-empty "$(dirname "$address")")
    say "removed $folder"
}

case "${1:-}" in
    install)
        case "${2:-}" in
            '') install_provider ;;
            --binary) [ $# -eq 3 ] || usage; install_provider "$3" ;;
            *) usage ;;
        esac ;;
    uninstall) uninstall_provider ;;
    *) usage ;;
esac
