# The developer's commands. Everything they install or write lies below .genai/.
USE_CASE ?= python_assistant
PYTHON ?= python3.11
BIN := $(if $(GENAI_STATE_FOLDER),$(GENAI_STATE_FOLDER),.genai)/venv/bin

.DEFAULT_GOAL := help
.PHONY: help run stop status test check faults bench install install-dev

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: OPTIONS := ports
run: install ## install, start the local stack, run the workflow of USE_CASE=python_assistant
	@$(BIN)/genai run $(USE_CASE)

stop: ## stop all that the local stack started
	@if [ -x $(BIN)/genai ]; then $(BIN)/genai stop; else echo "stack: not installed, nothing to stop"; fi

status: ## show the local stack's programs
	@if [ -x $(BIN)/genai ]; then $(BIN)/genai status; else echo "stack: not installed"; exit 3; fi

test: install-dev ## install, then run all tests (PYTEST="-k name" chooses)
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

check: install-dev ## lint, format, types, import rules, known vulnerabilities, licences (AUDIT=strict: fails where none can be asked)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy include
	$(BIN)/lint-imports
	@$(BIN)/python -m include.local.audit

faults: install-dev ## kill writers, readers, sweepers and the store 2000 times, training 100 times, serving in 100 rollouts (FAULTS="--seed 1", TRAINING_FAULTS, SERVING_FAULTS)
	@$(BIN)/python -m tests.faults $(FAULTS)
	@$(BIN)/python -m tests.faults.training $(TRAINING_FAULTS)
	@$(BIN)/python -m tests.faults.serving $(SERVING_FAULTS)

bench: OPTIONS := benchmarks
bench: install ## run benchmarks/AREA; ends with one line of JSON
	@test -n "$(AREA)" || { echo "AREA = '': name a folder of benchmarks/, e.g. make bench AREA=orchestration" >&2; exit 2; }
	@$(BIN)/python -m benchmarks.$(AREA)

install: ## install what the workflow needs, start nothing
	@command -v $(PYTHON) >/dev/null || { echo "install: $(PYTHON) = missing: Python 3.11 is needed. apt install python3.11 python3.11-venv" >&2; exit 2; }
	@$(PYTHON) -m include.local.install $(OPTIONS)

install-dev:
	@command -v $(PYTHON) >/dev/null || { echo "install: $(PYTHON) = missing: Python 3.11 is needed. apt install python3.11 python3.11-venv" >&2; exit 2; }
	@$(PYTHON) -m include.local.install dev
