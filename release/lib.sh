# What the release scripts share: the version, the platform, the static build. To be sourced from the repository's root.

address=registry.terraform.io/shadow-failover/shadow

say() { echo "release: $*"; }
fail() { say "$*" >&2; exit 1; }

# The version of the workspace; the provider tells it to the reconciler, so a release cannot have another.
workspace_version() {
    sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml
}

host_target() {
    rustc -vV | sed -n 's/^host: //p'
}

host_platform() {
    platform_of "$(uname -m)-unknown-linux-any"
}

# A Rust target in Terraform's words. Others have no pidfds, on which the product rests.
platform_of() {
    case "$1" in
        x86_64-unknown-linux-*) echo linux_amd64 ;;
        aarch64-unknown-linux-*) echo linux_arm64 ;;
        *) fail "there is no release for $1" ;;
    esac
}

# Builds the provider for a target and prints where it is. Static, so that it runs on every distribution; alone, so that
# no other package's features make it larger. Linked so that it has no table of one entry for each address in it, and equal
# functions once, where the target's own linker can (LLVM's, which Rust takes for x86-64).
static_build() {
    flags="-Ctarget-feature=+crt-static"
    link="-Cstrip=symbols -Clink-arg=-Wl,-z,pack-relative-relocs"
    case "$1" in x86_64-unknown-linux-gnu) link="$link -Clink-arg=-Wl,--icf=all" ;; esac
    RUSTFLAGS="${RUSTFLAGS:-} $flags" cargo rustc --profile provider --locked --target "$1" \
        -p terraform-provider-shadow --bin terraform-provider-shadow -- $link >&2
    program="${CARGO_TARGET_DIR:-target}/$1/provider/terraform-provider-shadow"
    if [ "$1" = "$(host_target)" ]; then
        # Alone it says that Terraform starts it, and ends with 1.
        "$program" >/dev/null 2>&1 || [ $? = 1 ] || fail "$program does not start: it needs glibc 2.36 or newer to be built"
    fi
    echo "$program"
}
