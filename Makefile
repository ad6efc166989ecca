# What a contributor needs. Every target does its own set-up; nothing outside target/ is changed.

# Folder of Cargo's profile: "debug" unless asked for with PROFILE=release.
PROFILE ?= dev
BINARIES = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))

# What happens to the primary in the demo: "leak" (forecast) or "kill" (no forecast possible).
FAULT ?= leak

# Cargo must not build elsewhere: the demo and the tests look for the binaries in target/.
export CARGO_TARGET_DIR := $(CURDIR)/target

.PHONY: help build tools demo bench bench-provider bench-forecast train-prior test test-outage check docs deny
.PHONY: equivalence provider-docs cli-docs fuzz release install uninstall

help:
	@echo "make demo [FAULT=leak|kill]  predictive failover on real parts, about four minutes"
	@echo "make bench                   what 1,000 idle groups cost, about three minutes"
	@echo "make bench-provider          the provider beside HashiCorp's null provider, about five minutes; QUICK=1: one"
	@echo "make test                    every test, with what it needs"
	@echo "make check                   formatting, lints and every test"
	@echo "make equivalence TERRAFORM_SOURCE=<checkout of hashicorp/terraform>  Terraform's own cases, two minutes"
	@echo "make provider-docs           the provider's pages in docs, from its schema and from examples"
	@echo "make install | uninstall     the provider, where Terraform finds it for this user"
	@echo "make cli-docs                docs/cli.md, from the command line itself"
	@echo "make fuzz [SECONDS=60]       hostile input for whatever reads any, so many seconds each; ONLY=values: that alone"
	@echo "make release VERSION=<x.y.z> the provider's archives, digests and signature, in target/release-<x.y.z>"
	@echo "make bench-forecast TASKS=FILE TRUTH=FILE  our forecasts beside those of other libraries, and what ours cost"
	@echo "make train-prior DATA=FILE   learn the priors of forecast and score anew, see docs/model-card.md"
	@echo "make build | tools | docs | deny"

build:
	cargo build --workspace --bins --locked --profile $(PROFILE)

# Envoy and Prometheus, if they are missing, into target/tools; Terraform must be there.
tools:
	@tests/setup/tools.sh

demo: tools build
	$(BINARIES)/demo --fault $(FAULT)

# Optimised, as it is installed: the first run builds everything once more.
bench: PROFILE = release
bench: tools build
	$(BINARIES)/bench

# The provider as it is released; the rest optimised as well.
bench-provider: PROFILE = release
bench-provider: build
	$(BINARIES)/bench-provider $(if $(QUICK),--quick) --null "$$(tests/setup/null-provider.sh)" \
		--provider "$$(. release/lib.sh && static_build "$$(host_target)")"

# Our forecasts beside those of other libraries: TASKS and TRUTH are JSON lines, see tests/peers/src/tasks.rs.
# Prophet and statsforecast as well, on 40 tasks, where PYTHON can import them.
PYTHON ?= python3
bench-forecast:
	cd tests/peers && cargo run --release --locked -- $(abspath $(TASKS)) $(abspath $(TRUTH))
	cargo build --release --locked -p shadow-reconciler --bin shadow-reconciler
	$(PYTHON) tests/peers/others.py $(abspath $(TASKS)) $(abspath $(TRUTH)) --ours target/release/shadow-reconciler

# Priors of forecast and early warning, from recorded series that may be used for it: JSON lines of `step` and `y`.
# TERMS says what they are, and on which terms; it goes into the priors.
train-prior:
	cargo run --release --locked -p shadow-reconciler --bin shadow-reconciler -- train-prior \
		--data $(DATA) --trained-on "$(TERMS)" --folder reconciler/core/priors

# The reconciler's tests look for Envoy and Prometheus on the path.
test: export PATH := $(CURDIR)/target/tools:$(PATH)
# The binaries first: the tests start them.
test: tools
	cargo build --workspace --bins --locked
	cargo test --workspace --locked

# Outages of metrics in every phase on real parts, some ten minutes. The model of the core has them all in `make test`.
test-outage: export PATH := $(CURDIR)/target/tools:$(PATH)
test-outage: tools
	cargo build --workspace --bins --locked
	cargo test --workspace --locked --test outage

# Static and optimised. They say what they did.
install uninstall:
	@release/install.sh $@

# GPG_KEY names the key that signs; without it gpg takes its own. Publishes nothing.
release:
	@test -n "$(VERSION)" || { echo "say which version: make release VERSION=x.y.z"; exit 2; }
	@release/package.sh $(VERSION) $(if $(GPG_KEY),--key $(GPG_KEY))

# The pages that a registry shows. A test checks that they are what the provider serves.
provider-docs: build
	$(BINARIES)/provider-docs

# Written when it is whole: a failure leaves the page as it was. A test checks that it is what the program has.
cli-docs:
	cargo build --locked -p shadow-reconciler --bin shadow-reconciler
	target/debug/shadow-reconciler reference > target/cli.md
	mv target/cli.md docs/cli.md

# Every target of the provider framework and of the reconciler; a finding is in the `artifacts` beside its target.
SECONDS ?= 60
fuzz:
	@tests/fuzz.sh $(SECONDS) $(ONLY)

# Terraform's own equivalence tests over the provider framework, from a checkout that stays where it is.
equivalence: export TERRAFORM_SOURCE := $(TERRAFORM_SOURCE)
equivalence:
	@test -n "$(TERRAFORM_SOURCE)" || { \
		echo "say where a checkout of hashicorp/terraform is, at the tag of the installed Terraform:"; \
		echo "  git clone --depth 1 --branch v1.11.4 https://github.com/hashicorp/terraform FOLDER"; \
		echo "  make equivalence TERRAFORM_SOURCE=FOLDER"; \
		exit 2; }
	cargo build --workspace --bins --locked
	$(BINARIES)/equivalence

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(MAKE) test

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Licences, sources and known vulnerabilities of the dependencies.
deny:
	@command -v cargo-deny >/dev/null || { echo "install it: cargo install cargo-deny --locked"; exit 1; }
	cargo deny check
