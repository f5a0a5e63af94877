# A thin door to CMake: `make run` sets up, builds, fetches a small model and asks it a question.
# Everything real stands in CMakeLists.txt, CMakePresets.json and tools/.

MODEL := models/SmolLM2-135M-Instruct.Q4_1.gguf
VENV := .venv
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
CMAKE_FLAGS ?=
# Unit tests that run threads against each other, and so again under the thread sanitizer.
TSAN_TESTS := pool engine engine_stress engine_goldens engine_text

empty :=
space := $(empty) $(empty)
SHELL := /bin/sh
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: run build test bench kcheck golden fuzz lint format tidy install setup venv model clean
.DEFAULT_GOAL := build

run: build model
	build/release/hanzo run -m $(MODEL) -i "What is the capital of France?"

build: setup
	@$(call configure_and_build,release,--target hanzo)

# The whole suite: release, address and undefined-behaviour sanitizers, thread sanitizer, then the program itself.
test: setup venv
	@$(call configure_and_build,release)
	@$(call configure_and_build,asan)
	@$(call configure_and_build,tsan,--target $(addprefix test_,$(TSAN_TESTS)))
	ctest --test-dir build/release --output-on-failure --parallel 2
	ctest --test-dir build/asan --output-on-failure --parallel 2
	ctest --test-dir build/tsan --output-on-failure -R '^unit/($(subst $(space),|,$(TSAN_TESTS)))$$'
	@tools/fetch_model.sh && tools/fetch_model.sh gemma || echo "tests of a real model will be skipped"
	python -m pytest -q $(wildcard tests/cli tests/golden)
	HANZO=build/asan/hanzo python -m pytest -q tests/cli/test_bad_input.py

# Speed on this machine: a model, beside llama.cpp's with LLAMA=<folder of llama-bench>; and tokenizing beside the
# `tokenizers` package where it can be had.
bench: setup model venv
	@$(call configure_and_build,release,--target hanzo tokenizer_bench)
	$(if $(LLAMA),python bench/beside.py $(MODEL) --llama $(LLAMA),build/release/hanzo bench -m $(MODEL) -p 512 -n 128 -d 0,2048)
	@python -c 'import tokenizers' 2>/dev/null || python -m pip install -q tokenizers==0.23.3 || true
	python bench/tokenizer.py tests/data/real/text.txt tests/data/token/llama3.json tests/data/token/llama2.json

# Every CPU kernel of every instruction set against its plain C twin: what this machine runs, then the rest emulated.
kcheck:
	@tools/setup.sh --dev
	@$(call configure_and_build,release,--target kcheck_all)
	build/release/tests/kcheck/kcheck
	! [ -x build/release/tests/kcheck/kcheck_emulated ] || for rung in avx512 avx512_bf16; do \
	    build/release/tests/kcheck/kcheck_emulated --rung $$rung || exit 1; \
	done
	sh tests/kcheck/arm.sh . build/release/tests/kcheck/arm || [ $$? -eq 77 ]

golden: build venv
	python -m pytest -q tests/golden

# Every fuzz target for FUZZ_SECONDS, from the inputs that seeds.py makes; findings stay in build/fuzz/found. An input that
# takes 10 s or 1 GiB is a finding.
fuzz:
	@tools/setup.sh --dev
	@$(call configure_and_build,fuzz,--target fuzzers)
	@python3 tests/fuzz/seeds.py build/fuzz/seeds
	@mkdir -p build/fuzz/found
	@for target in $(sort $(wildcard tests/fuzz/fuzz_*.c)); do \
	    name=$${target##*/fuzz_}; name=$${name%.c}; \
	    mkdir -p build/fuzz/corpus/$$name; \
	    echo "$$name: $(FUZZ_SECONDS) s"; \
	    build/fuzz/tests/unit/*/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
	        -dict=build/fuzz/seeds/$$name.dict -artifact_prefix=build/fuzz/found/$$name- \
	        build/fuzz/corpus/$$name build/fuzz/seeds/$$name $(wildcard tests/fuzz/found/$$name) \
	        >build/fuzz/found/$$name.log 2>&1 || { tail -n 40 build/fuzz/found/$$name.log; exit 1; }; \
	    grep cov: build/fuzz/found/$$name.log | tail -n 1; \
	done

lint: build venv
	python tools/lint.py

format: venv
	git ls-files -z 'src/*.[ch]' 'include/*.h' 'tests/*.[ch]' 'bench/*.[ch]' | xargs -0 clang-format -i

tidy: build
	clang-tidy -p build/release --quiet $$(git ls-files 'src/*.c' | grep -v -e ^src/kern/arm)

install: build
	cmake --install build/release --prefix $(PREFIX)

setup:
	@tools/setup.sh

venv: $(VENV)/.done

$(VENV)/.done: tools/requirements.txt | setup
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

model: setup
	@tools/fetch_model.sh

clean:
	rm -rf build

define configure_and_build
mkdir -p build; \
cmake --preset $(1) $(CMAKE_FLAGS) >build/configure-$(1).log 2>&1 || { cat build/configure-$(1).log; exit 1; }; \
cmake --build --preset $(1) $(2)
endef
