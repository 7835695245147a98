# Every target works alone on a fresh clone, and is quick the second time.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
export DAGSTER_HOME ?= $(CURDIR)
FAST := $(addprefix medcalc_assets_tests/,calculators labels statistics storage/test_warehouse.py release/test_use.py \
  release/test_versions.py release/test_release.py::test_a_gate_is_open_and_a_harm_closes_it_with_a_message \
  defs/test_chain.py::test_the_same_input_is_the_same_version auditors/test_ledger.py auditors/test_budget.py)

.PHONY: demo test test-fast mutants ui bench docs lint clean chromium

demo: $(READY)  ## the whole chain on the bundled demo benchmark, without a key or a network
	$(BIN)/medcalc run --source demo

ui: $(READY)  ## the Dagster UI and daemon on http://localhost:3000, closed to other pages and hosts
	$(BIN)/medcalc ui

test: $(READY) lint chromium
	$(BIN)/pytest

test-fast: $(READY)  ## a minute: rules and labels, statistics, storage, one partition through the chain, the gates
	$(BIN)/pytest -n 0 -m "not real_data" $(FAST)

mutants: $(READY)  ## does a test notice an error in the core? A seeded sample, with the score of every module
	$(BIN)/python -m medcalc_assets_tests.mutants

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## needs MEDCALC_REAL_DATA, the folder with medcalc_bench_v1_test.csv and published/
	$(BIN)/python -m medcalc_assets_tests.bench
	$(BIN)/python -m medcalc_assets_tests.bench_gemini
	$(BIN)/python -m medcalc_assets_tests.bench_release
	$(BIN)/python -m medcalc_assets_tests.bench_statistics

docs: $(READY)  ## the tables and the settings, after storage/tables.py or settings.py was changed
	$(BIN)/python -m medcalc_assets.storage.tables > docs/tables.md
	$(BIN)/python -m medcalc_assets.settings > docs/settings.md

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The tests look at the UI in a real browser.
chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium >/dev/null; } \
	|| { echo "make test needs chromium on the PATH: install it (Debian: apt-get install chromium)"; exit 1; }

clean:
	rm -rf .venv history storage schedules logs .logs_queue .tmp_dagster_home_*
