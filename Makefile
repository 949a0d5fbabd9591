# Everything has a script or a cargo command of its own; this file only names and orders them.

FUZZ_SECONDS ?= 60
SOAK ?= 30

.DEFAULT_GOAL := help
.PHONY: help setup guest agent node web smooth units-web test-web build openapi check test loom demo bench bench-density experiments
.PHONY: simulate fuzz fuzz-api clean sdk test-sdk load soak crowd deb test-deb

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install all that tests and measurements need and this machine lacks (Debian packages, Rust target, cargo-deny)
	@scripts/setup test

guest: ## fetch the Debian guest, build the guest programs and their initramfs
	@scripts/setup guest
	@scripts/fetch-guest
	@scripts/build-initramfs

# What only tests need of Debian's.
agent: guest
	@scripts/fetch-agent

node:
	@command -v node >/dev/null && command -v npm >/dev/null || scripts/setup build nodejs npm

web: node ## build the web client, web/dist, which the host program then has in it
	@scripts/web

smooth: node build ## measure how smooth the web client is with 200 VMs
	@scripts/setup test chromium
	cd web && npm run smooth

units-web: web ## check the web client's types and run its unit tests
	cd web && npm test

test-web: guest units-web build ## test the web client: its units, and every page in a headless browser
	@scripts/setup test chromium
	cd web && npm run e2e

build: ## build the host program, target/release/memtide, with the web client if there is Node.js
	@scripts/setup build
	@scripts/web --if-possible
	cargo build --release --locked --package memtide

openapi: ## write the description of the REST interface, docs/openapi.json, as the code has it
	@scripts/openapi

sdk: ## write what of the Python package follows from docs/openapi.json
	@scripts/sdk

test-sdk: guest build ## check the Python package, and test it and its scripts against live hosts with guests
	@scripts/setup test python3-venv
	@scripts/sdk test

check: setup ## check format, lints, documentation and licences
	@scripts/check

test: setup agent units-web check loom ## check everything and run all tests
	@scripts/test

# In a directory of its own, since the flag is everybody's and what is built without it would have to be built anew.
loom: ## run the lock-free parts in every order in which their threads may meet
	RUSTFLAGS='--cfg loom' cargo test --locked --release --target-dir target/loom -p machine --lib interleavings

simulate: ## simulate hours of a host with many VMs in seconds (SIMULATE=minutes VMS=number SEED=number)
	MEMTIDE_SIMULATE=$(or $(SIMULATE),60) MEMTIDE_SIMULATE_VMS=$(or $(VMS),200) $(if $(SEED),MEMTIDE_SEED=$(SEED)) \
		cargo test --locked --release --package host --lib simulation -- --nocapture

demo: guest build ## run six Debian VMs of 256 MiB on a host of 512 MiB, and show how memory moves (DEMO=--keep: and stay)
	@scripts/demo $(DEMO)

bench: setup guest build ## measure boot and guest programs beside QEMU, into docs/performance.md
	@scripts/bench

bench-density: setup guest ## measure how many VMs fit beside QEMU and KSM, into docs/density.md
	@scripts/bench-density

soak: setup guest build ## run eight VMs at four times their memory for SOAK minutes (30) while everything goes wrong, into docs/soak.md
	@scripts/soak $(SOAK)

load: ## measure what 200 VMs and 100 clients on the stream cost the host, into docs/load.md
	@scripts/setup build python3
	@scripts/load

experiments: setup guest ## repeat the ESX paper's measurements with real guests, into docs/experiments
	@scripts/experiments

fuzz: setup ## run every fuzz target for FUZZ_SECONDS (60)
	@scripts/fuzz $(FUZZ_SECONDS)

fuzz-api: guest build ## ask a live host whatever its OpenAPI description allows, and stand in its door, while a guest has to go on
	@scripts/setup test curl python3-venv
	@scripts/fuzz-api

crowd: guest build ## start 42 VMs of 96 MiB on 1 GiB, and wait until all have their shells (CROWD='--vms N --within SECONDS')
	@scripts/crowd $(CROWD)

deb: node ## build the Debian package, target/debian/memtide_*.deb
	@scripts/deb

test-deb: node ## build the Debian package and try it in a clean Debian 12, as root: install, run, scrape, upgrade, purge
	@scripts/test-deb

clean: ## delete what was built; the fetched guest stays in state/
	cargo clean --quiet
	cd guest && cargo clean --quiet
	rm -f state/guest/memtide.cpio
