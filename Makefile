# kubsets: what people and CI run. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
OUT := $(or $(CARGO_TARGET_DIR),target)/release
PLUGIN := $(OUT)/kubectl-kubsets
BIN_DIR ?= $(HOME)/.local/bin
NAME ?= kubsets
KUBSETS := $(PLUGIN) --yes

.PHONY: help prerequisites image-prerequisites build-prerequisites kind-prerequisites test-prerequisites build install demo test test-extended kind-up native-up deploy smoke status down clean lint docs bench

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

prerequisites: ## Install the Debian packages that are missing (asks first; not with CI=true)
	@hack/native-prerequisites.sh

# what builds, without what native nodes need
image-prerequisites:
	@hack/native-prerequisites.sh --images

build-prerequisites:
	@hack/native-prerequisites.sh --build

kind-prerequisites:
	@hack/native-prerequisites.sh --kind

build: build-prerequisites ## Build the plugin and the services
	cargo build --release --locked --workspace --bins
	@hack/static-services.sh $(OUT)

$(PLUGIN): | build-prerequisites
	cargo build --release --locked -p kubectl-kubsets

install: build ## Put the plugin, its completion helper, and kubectl where there is none, into BIN_DIR
	install -d $(BIN_DIR)
	install -m 0755 $(PLUGIN) $(BIN_DIR)/kubectl-kubsets
	ln -sf kubectl-kubsets $(BIN_DIR)/kubectl_complete-kubsets
	@for b in demo-app worker migrator heartbeat node-agent; do install -m 0755 $(OUT)/$$b $(BIN_DIR)/$$b; done
	@command -v kubectl >/dev/null || { programs=$$($(PLUGIN) internal programs) && install -m 0755 "$$programs/kubectl" $(BIN_DIR)/kubectl; }
	@case ":$$PATH:" in *":$(BIN_DIR):"*) ;; *) echo 'for this shell: export PATH="$(BIN_DIR):$$PATH"' ;; esac
	@echo "installed: kubectl kubsets version"

demo: prerequisites build ## From nothing to two verdicts: cluster, stack, a good and a bad canary
	@hack/demo.sh

native-up: prerequisites build ## A cluster of namespaces on this Linux host, as root
	$(KUBSETS) cluster create --name $(NAME) --provider native

kind-up: kind-prerequisites build ## A cluster by kind, where Docker runs
	$(KUBSETS) cluster create --name $(NAME) --provider kind

deploy: image-prerequisites build ## The demo stack on the cluster NAME
	$(KUBSETS) up --name $(NAME)

smoke: | $(PLUGIN) ## One order all the way through the stack
	$(KUBSETS) smoke

status: | $(PLUGIN) ## Healthy, or what is wrong and where to look first
	$(KUBSETS) status

down: ## Remove the cluster NAME and everything that came with it
	@BIN_DIR=$(BIN_DIR) hack/down.sh $(NAME)

clean: down ## Remove the cluster and what was built here (not the cache)
	cargo clean

lint: ## Format and lints
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

docs: build ## Generate docs/cli.md and docs/schemas
	$(PLUGIN) internal docs > docs/cli.md
	$(PLUGIN) internal report-schema > docs/schemas/report.json

bench: ## Tables of the judge: false alarms and detection times
	cargo run --release --locked -p kubsets-judge --example tables

test-prerequisites:
	@hack/native-prerequisites.sh --tests

test: test-prerequisites ## Everything that a change must pass, end to end on a native cluster too
	@hack/test.sh

test-extended: test-prerequisites ## The long matrix: many canaries, many up and down, kills everywhere
	@hack/test.sh --extended
