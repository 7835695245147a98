# Every target works alone on a fresh clone, and is quick the second time.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
export DAGSTER_HOME ?= $(CURDIR)
FAST := $(addprefix medcalc_assets_tests/,calculators labels statistics storage/test_warehouse.py release/test_use.py \
  release/test_versions.py release/test_release.py::test_a_gate_is_open_and_a_harm_closes_it_with_a_message \
  defs/test_chain.py::test_the_same_input_is_the_same_version auditors/test_ledger.py auditors/test_budget.py)

FRAMEWORKS := .venv-frameworks
.PHONY: demo test test-fast test-frameworks test-ducklake study mutants ui bench docs lint clean debian

demo: $(READY)  ## the whole chain on the bundled demo benchmark, without a key or a network
	$(BIN)/medcalc run --source demo
	$(BIN)/medcalc pages

ui: $(READY)  ## the Dagster UI and daemon on http://localhost:3000, closed to other pages and hosts
	$(BIN)/medcalc ui

test: $(READY) lint debian
	$(BIN)/pytest

test-fast: $(READY)  ## a minute: rules and labels, statistics, storage, one partition through the chain, the gates
	$(BIN)/pytest -n 0 -m "not real_data" $(FAST)

# A file per framework, in an environment of its own. Together they take 9 GB, and ten minutes the first time.
inspect := inspect-ai==0.3.285 openai
lm_eval := lm-eval==0.4.13
study := --constraint constraints.txt --editable '.[study]'
trl := trl==1.16.0 torch==2.13.0
verifiers := verifiers==0.4.0
verifiers_rubric := verifiers==0.1.11
verl := verl==0.9.1 torch==2.13.0
verl_0_4 := verl==0.4.0 torch==2.13.0 'setuptools<81'
EACH := inspect lm_eval study trl verifiers verifiers_rubric verl verl_0_4
test-frameworks: $(EACH:%=$(FRAMEWORKS)/%/ready)  ## each framework itself, with a model that replays answers; not part of make test
	@set -e; $(foreach each,$(EACH), \
	  PYTHONPATH=$(CURDIR) $(FRAMEWORKS)/$(each)/bin/python -m pytest -q -c /dev/null --rootdir . --noconftest -p no:cacheprovider \
	    medcalc_assets_tests/frameworks/test_$(each:verl_0_4=verl).py;)

# The extensions can be had as packages for this DuckDB only; users have DuckDB 2 install the official ones.
test-ducklake: .venv-ducklake/ready debian  ## the warehouse as a DuckLake in PostgreSQL: several writers, kills; not part of make test
	PYTHONPATH=$(CURDIR) .venv-ducklake/bin/python -m pytest -q -n 0 -p no:cacheprovider medcalc_assets_tests/frameworks/test_ducklake.py

.venv-ducklake/ready: constraints.txt
	$(PYTHON) -m venv .venv-ducklake
	grep -vE '^(duckdb|torch|trl|transformers|tokenizers|accelerate|safetensors)==' constraints.txt \
	  | .venv-ducklake/bin/pip install --quiet --disable-pip-version-check --requirement /dev/stdin duckdb==1.5.5 \
	    duckdb-extension-ducklake==1.5.5 duckdb-extension-postgres-scanner==1.5.5
	touch $@

study: $(FRAMEWORKS)/study/ready  ## what the labels of MEDCALC_HOME teach a tiny policy, and what those of v1.0 do: five minutes
	$(FRAMEWORKS)/study/bin/python -W ignore -m medcalc_assets.release.study

$(FRAMEWORKS)/%/ready:
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check pytest $($*)
	touch $@

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
	$(BIN)/python -m medcalc_assets_tests.bench_grading

docs: $(READY)  ## the tables and the settings, after storage/tables.py or settings.py was changed
	$(BIN)/python -m medcalc_assets.storage.tables > docs/tables.md
	$(BIN)/python -m medcalc_assets.settings > docs/settings.md

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The tests look at the UI in a real browser, and at a ledger in a real PostgreSQL.
debian:
	@{ command -v chromium && ls /usr/lib/postgresql/*/bin/postgres; } >/dev/null 2>&1 \
	|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium postgresql >/dev/null; } \
	|| { echo "make test needs chromium on the PATH, and PostgreSQL: apt-get install chromium postgresql"; exit 1; }

clean:
	rm -rf .venv history storage schedules logs .logs_queue .tmp_dagster_home_*
