# The two commands of the README are `make demo` and `make test`; each does all of its set-up itself.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
CLIENT_TESTS := radio-client/tests
ALONE := tests/browser/test_exact.py tests/browser/test_lines.py tests/chaos tests/docker

.PHONY: help demo test test-client test-side-by-side test-alone lint format bench soak setup setup-dev install uninstall dist push-image lock docs frames screenshots clean

help: ## Show what can be made.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.ready ## Install the program: leaves .venv/bin/radio-supervisor.

setup-dev: $(VENV)/.ready-dev $(BIN)/promtool $(CLIENT_TESTS)/node_modules/.ready ## Install the program with everything its tests need.

install: ## As root: install the program, its user and its systemd service (DESTDIR is honoured); again: upgrade.
	@tools/install-service install

uninstall: ## As root: take them away; settings and recordings stay.
	@tools/install-service uninstall

demo: ## Hear the whole line at http://127.0.0.1:8080, with no hardware and no account.
	@tools/system-packages demo
	@$(MAKE) --no-print-directory setup
	@command -v ffmpeg >/dev/null || tools/python-packages $(VENV) bundled-ffmpeg
	@exec $(BIN)/radio-supervisor demo $(DEMO_ARGS)

test: ## Check the style and the types, and run every test.
	@tools/system-packages test
	@$(MAKE) --no-print-directory setup-dev
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint test-client
	@$(if $(TEST_ARGS),$(BIN)/pytest $(TEST_ARGS),$(MAKE) --no-print-directory test-side-by-side test-alone)

test-client: $(CLIENT_TESTS)/node_modules/.ready
	@npm --prefix $(CLIENT_TESTS) --silent test

# Most tests wait for audio, so three at a time do no harm; those that compare moments or use a whole engine have the machine alone.
# All are only one step above the joining of recordings, which yields to everybody and would starve among them.
test-side-by-side:
	@nice -n 18 $(BIN)/pytest --numprocesses=3 --dist=loadfile $(ALONE:%=--ignore=%)

test-alone:
	@$(BIN)/pytest $(ALONE)

lint: $(VENV)/.ready-dev $(CLIENT_TESTS)/node_modules/.ready ## Check style, types and layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm --prefix $(CLIENT_TESTS) --silent run check
	@! command -v shellcheck >/dev/null || shellcheck tools/system-packages tools/python-packages tools/promtool tools/install-service \
	  .ci/run tests/rig/rgw tests/rig/slow-ffmpeg compose/store/run-store compose/store/make-bucket compose/store/s3 compose/keep-on-air

format: $(VENV)/.ready-dev ## Put the code into its form.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: ## Inflict random faults for an hour and audit after each (SOAK_ARGS="--minutes 5 --seed 1").
	@tools/system-packages test
	@$(MAKE) --no-print-directory setup-dev
	$(BIN)/python -m tests.chaos.soak $(SOAK_ARGS)

bench: ## Measure latency and CPU beside what they are compared to.
	@tools/system-packages test
	@$(MAKE) --no-print-directory setup-dev
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.killed
	$(BIN)/python -m tests.bench.growth
	$(BIN)/python -m tests.bench.first_sound
	$(BIN)/python -m tests.bench.archive

docs: $(VENV)/.ready-dev ## Write the generated part of docs/reference.
	$(BIN)/python -m tools.reference

frames: $(VENV)/.ready-dev ## Write the dashboard's frames that the tests compare with.
	$(BIN)/python -m tools.frames frames

screenshots: $(VENV)/.ready-dev ## Write the dashboard's screenshots in docs/images.
	$(BIN)/python -m tools.frames screenshots

dist: $(VENV)/.ready-dev ## Build the source distribution and the wheel into dist/.
	rm -rf dist
	$(BIN)/python -m hatchling build

push-image: ## Build compose/IMAGE.Dockerfile for both kinds of machines and push it (IMAGE, REGISTRY, TAG, SOURCE).
	docker buildx build --platform linux/amd64,linux/arm64 --file compose/$(IMAGE).Dockerfile \
	  --label org.opencontainers.image.version=$(TAG) --label org.opencontainers.image.source=$(SOURCE) \
	  --label org.opencontainers.image.revision=$$(git rev-parse HEAD) \
	  --tag $(REGISTRY)/$(IMAGE):$(TAG) --tag $(REGISTRY)/$(IMAGE):latest --push .

lock: $(VENV)/.ready-dev ## Write the lock files anew.
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --custom-compile-command "make lock" pyproject.toml --group build \
	  --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --custom-compile-command "make lock" pyproject.toml --group dev \
	  --extra bundled-ffmpeg --output-file requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --custom-compile-command "make lock" compose/client.in \
	  --output-file compose/client.lock

clean: ## Remove the environment and everything made by tools.
	rm -rf $(VENV) $(CLIENT_TESTS)/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/.ready: requirements.lock pyproject.toml
	@tools/system-packages python
	@tools/python-packages $(VENV) run
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml
	@tools/system-packages python
	@tools/python-packages $(VENV) dev
	@touch $@ $(VENV)/.ready

$(BIN)/promtool: | $(VENV)/.ready-dev
	@command -v promtool >/dev/null || tools/promtool $(BIN)

$(CLIENT_TESTS)/node_modules/.ready: $(CLIENT_TESTS)/package-lock.json
	@tools/system-packages test
	@echo "Installing npm packages from $<"
	@npm --prefix $(CLIENT_TESTS) --silent install --no-save --no-audit --no-fund
	@touch $@
