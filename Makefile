# Every target makes its own .venv; all that is needed beforehand is make and Python 3.11 or newer.

# The first Python that is new enough
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
ARGS ?=
STAMPS = .venv/.demos .venv/.notebooks .venv/.dev .venv/.parity .venv/.bench

help:
	@echo 'make demo    train a small recurrent network on handwritten digits'
	@echo 'make notebooks  open the lessons in Jupyter (installs it)'
	@echo 'make test    run the tests'
	@echo 'make mutants break every derivative in every way, one at a time: the tests must notice'
	@echo 'make lint    ruff (rules and format) and mypy'
	@echo 'make bench   time minigrad beside its peers (installs PyTorch, JAX and ONNX Runtime)'
	@echo 'make parity  add PyTorch to .venv, so that make test compares with it'
	@echo 'make clean   remove .venv, caches and build artefacts'
	@echo
	@echo 'ARGS="..."         passed on, as in: make test ARGS="-k lstm"'
	@echo 'PYTHON=python3.12  makes .venv with that Python (make clean first, to change it)'

demo: .venv/.demos
	.venv/bin/python -m demos.digits $(ARGS)

notebooks: .venv/.notebooks
	.venv/bin/python -m docs.lessons $(ARGS)

test: .venv/.dev
	.venv/bin/python -m pytest -q -n auto --dist loadfile $(ARGS)

mutants: .venv/.dev
	.venv/bin/python -m tests.mutants $(ARGS)

lint: .venv/.dev
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy minigrad models demos benchmarks

bench: .venv/.bench
	.venv/bin/python -m benchmarks $(ARGS)

parity: .venv/.parity

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each extra, touched only when pip has succeeded; a .venv without a working pip is made anew
$(STAMPS): .venv/.%: pyproject.toml
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || { \
	  '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo 'minigrad needs Python 3.11 or newer; name one, as in: make PYTHON=python3.12' >&2; exit 1; }; \
	  echo 'making .venv' && '$(PYTHON)' -m venv --clear .venv; }
	.venv/bin/python -m pip install -q --disable-pip-version-check -e '.[$*]'
	@touch $@

.PHONY: help demo notebooks test mutants lint bench parity clean
.NOTPARALLEL:
