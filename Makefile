# Two commands do everything on a machine with Python >= 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check lint format types soak training faults real-servers coverage live-view bench bench-whole bench-peers clean

# Servers from the package registries, each in an environment of its own; REAL_SERVERS=litellm takes one.
REAL_SERVERS ?= litellm llama_cpp llama_server transformers
PLACE := .real-servers
REQUIREMENTS := tests/real_servers/requirements
LLAMA_CMAKE := -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF
LLAMA_SERVER_CMAKE := $(LLAMA_CMAKE) -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TESTS=OFF \
	-DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_USE_PREBUILT_UI=OFF

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "codeclm needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/codeclm demo

# The picture in the README, from a run on simulated models.
live-view: $(VENV)/.installed
	$(BIN)/python -m examples.live_view_svg examples/live_view.svg 1500

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed
	$(BIN)/mypy

check: lint types test

soak: $(VENV)/.installed
	$(BIN)/python -m pytest -m soak --timeout 1800

# TRL and torch in an environment of their own (several GB); about ten minutes on two cores.
.training/.installed: pyproject.toml
	$(PYTHON) -m venv .training
	.training/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,training]"
	@touch $@

training: .training/.installed
	.training/bin/python -m pytest -m training tests/trainers

faults: $(VENV)/.installed
	$(BIN)/python -m pytest tests/faults --faults --faults-table faults.json --timeout 3600 -p no:cacheprovider

# The bindings come as source, and with them that of llama.cpp's own server: about ten minutes each on two cores.
$(PLACE)/llama_server/.installed: $(PLACE)/llama_cpp/.installed
	mkdir -p $(@D)/source $(@D)/bin
	$(PLACE)/llama_cpp/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest $(@D) \
		--no-binary llama-cpp-python $$(grep '^llama_cpp_python==' $(REQUIREMENTS)/llama_cpp.txt)
	tar xzf $(@D)/llama_cpp_python-*.tar.gz -C $(@D)/source --strip-components 1
	nice cmake -S $(@D)/source/vendor/llama.cpp -B $(@D)/build $(LLAMA_SERVER_CMAKE)
	nice cmake --build $(@D)/build --target llama-server --parallel 2
	cp $(@D)/build/bin/llama-server $(@D)/bin/
	rm -rf $(@D)/source $(@D)/build $(@D)/*.tar.gz
	@touch $@

$(PLACE)/%/.installed: $(REQUIREMENTS)/%.txt
	$(PYTHON) -m venv $(@D)
	CMAKE_ARGS="$(LLAMA_CMAKE)" nice $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

real-servers: $(VENV)/.installed $(REAL_SERVERS:%=$(PLACE)/%/.installed)
	$(BIN)/python -m pytest tests/real_servers -m real_servers --timeout 600

$(VENV)/.bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	@touch $@

# Half an hour on a quiet machine with two cores; the second one, with a million calls, takes about two hours.
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks all

bench-whole: $(VENV)/.bench
	$(BIN)/python -m benchmarks all --whole

# Makes an environment for each framework (2.5 GB in all), then about half an hour; BENCH_PEERS="--repeats 1" is passed on.
bench-peers: $(VENV)/.bench
	$(BIN)/python -m benchmarks peers --markdown $(BENCH_PEERS)

coverage: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --cov --cov-report term-missing:skip-covered

clean:
	rm -rf $(VENV) $(PLACE) .training .bench-peers demo-run* .pytest_cache .mypy_cache .ruff_cache .hypothesis
