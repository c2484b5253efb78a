# `make` lists what there is to make.
.DEFAULT_GOAL := help
.PHONY: help demo test check lint fuzz bench bench-acl bench-engine bench-soak bench-loop bench-udp bench-page static deb lab clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

demo: ## The loop at work, in about a minute: real packets as root, else synthetic; ARGS=--help for more
	@scripts/demo $(ARGS)

test: ## All tests; without root, those that need the lab are left out and listed
	@scripts/test $(ARGS)

check: lint test ## What must hold before a change is handed in: lint and test

lint: ## Format, lints, documentation, licences
	@scripts/lint

fuzz: ## Hostile bytes for every parser, 60 s each; ARGS="SECONDS TARGET…" for more or less
	@scripts/fuzz $(ARGS)

bench: bench-acl bench-engine bench-soak bench-loop bench-udp bench-page ## All measurements; each is also a target of its own

bench-acl: ## acl-server: its own share of a change, changes a second, memory, start
	@scripts/install-deps --build
	@cargo build --workspace --bins --release
	@cargo run --quiet --release --package tests --bin acl-bench -- $(ARGS)

bench-engine: ## flow-marker's engine in memory: nanoseconds a sample by stage, bytes a flow
	@cargo run --quiet --release --package tests --bin engine-bench -- $(ARGS)

bench-soak: ## flow-marker's engine under ten minutes of random agents, sources, keys, counters and names: memory and its bound
	@cargo run --quiet --release --package tests --bin soak-bench -- $(ARGS)

bench-loop: ## The loop in the lab for each profile: time to the mark by parts, and mice through a bottleneck; 15 minutes (as root)
	@scripts/install-deps
	@cargo build --workspace --bins --release
	@cargo run --quiet --release --package tests --bin loop-bench -- $(ARGS)

bench-udp: ## flow-marker: samples per CPU-second over UDP, beside sfcapd and sfacctd where installed (scripts/install-deps --collectors)
	@scripts/install-deps --build
	@cargo build --workspace --bins --release
	@cargo run --quiet --release --package tests --bin udp-bench -- $(ARGS)

bench-page: ## flow-marker: what fifty browsers that watch five thousand flows cost on top of receiving; two minutes
	@scripts/install-deps --build
	@cargo build --workspace --bins --release
	@cargo run --quiet --release --package tests --bin page-bench -- $(ARGS)

static: ## Static programs for switches and collectors, with their sizes, in target/static
	@scripts/static

deb: ## Debian packages of the static programs, in target/deb
	@scripts/deb $(ARGS)

lab: ## A lab to look around in, until Ctrl-C (as root)
	@scripts/install-deps
	@cargo run --quiet --package tests --bin lab -- $(ARGS)

clean: ## Removes what was built
	@cargo clean
