# SPDX-License-Identifier: GPL-2.0-or-later OR MIT
# The whole contributor interface. `make help` lists it.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
CACHE   := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kprobe
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
ARCH    := x86_64
ARCHES  := x86_64 aarch64 ppc64le s390x
EXTRA   := i686 armv7l riscv64
COLLECT := dist/kprobe-collect-$(ARCH)
PACKED  := kprobe/collectors/kprobe-collect-$(ARCH)

export ZIG_GLOBAL_CACHE_DIR := $(CACHE)/zig

CORE     := $(filter-out csrc/unpack.c csrc/probes/selftest.c,$(wildcard csrc/*.c csrc/probes/*.c))
HEADERS  := $(wildcard csrc/*.h csrc/probes/*.h)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum -Wvla -Wpointer-arith -Wwrite-strings -Wundef -Wno-missing-field-initializers
CFLAGS   := -std=gnu11 -D_GNU_SOURCE -DKP_VERSION='"$(VERSION)"' $(WARNINGS) -Werror
# Named as uname -m says; zig has names of its own for some.
TARGET-ppc64le := powerpc64le-linux-musl
TARGET-i686    := x86-linux-musl
TARGET-armv7l  := arm-linux-musleabihf
# The oldest that distributions still have; zig's own choice is a z13, and a z12 stops at its first vector instruction.
MCPU-s390x := -mcpu=z10
TARGET   := $(or $(TARGET-$(ARCH)),$(ARCH)-linux-musl)
ZIGCC    := $(BIN)/python -m ziglang cc -target $(TARGET) $(MCPU-$(ARCH)) -static -Os -ffunction-sections -fdata-sections \
	-fno-unwind-tables -fno-asynchronous-unwind-tables
JOBS     := $(shell nproc)

.PHONY: help run build collector collectors dist image reproducible test vm matrix accuracy lint format docs kernels-doc golden fuzz bench clean deps deps-run deps-image dist-extra vagrant vagrant-here deps-vagrant

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: build ## sets up everything, then says what this node's kernel can do
	$(BIN)/kprobe run

build: $(BIN)/kprobe $(PACKED) build/profiles ## .venv/bin/kprobe and dist/kprobe-collect-x86_64

collector: $(COLLECT) ## the static collector alone; ARCH=s390x: for that architecture

collectors: build/venv-dev ## the static collectors of all architectures, where `kprobe collector` finds them
	@for arch in $(ARCHES); do $(MAKE) --no-print-directory ARCH=$$arch packed || exit 1; done

dist: collectors build/profiles ## dist/: the static collectors, and a wheel that has them all inside
	rm -f dist/*.whl
	rm -rf build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir dist .

image: collectors deps-image ## dist/kprobe-collect.oci.tar: the collector alone as a container image, for all architectures
	sh tools/image.sh dist/kprobe-collect.oci.tar $(ARCHES)

dist-extra: build/venv-dev ## dist/: static collectors that are not in the wheel: i686, armv7l (both for 32-bit kernels only), riscv64
	@for arch in $(EXTRA); do $(MAKE) --no-print-directory ARCH=$$arch collector || exit 1; done

reproducible: dist ## builds all static collectors once more, elsewhere, and compares
	KPROBE_REBUILD="$(ARCHES)" $(BIN)/python -m pytest tests/dist -k same_bytes

test: build dist deps build/kprobe-collect-selftest build/kprobe-collect-asan ## every test: unit, live (root), virtual machines
	@$(MAKE) --no-print-directory ARCH=i686 collector
	$(BIN)/python -m pytest $(PYTEST_ARGS)

vm: build deps ## boots the kernels of tests/kernels/kernels.toml with the collector inside
	$(BIN)/python -m tests.kernels run --collector $(COLLECT)

matrix: build collectors deps ## evidence from a kernel of each series and architecture in build/matrix; ALL=1: from every one
	@$(if $(ALL),$(MAKE) --no-print-directory dist-extra)
	$(BIN)/python -m tests.kernels matrix $(if $(ALL),--all) $(MATRIX_ARGS); said=$$?; $(BIN)/python -m tests.kernels truth && exit $$said

vagrant: build ## boxes of vagrant/boxes.yaml, or BOX='centos-7 flatcar': evidence of each in build/vagrant, and the grid
	sh vagrant/run.sh $(BOX)

vagrant-here: build deps-vagrant ## the same with a box made of Debian packages, in namespaces of its own, without KVM (root)
	sh vagrant/here.sh

lint: build ## ruff, mypy, clang-format, C warnings as errors, generated pages current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(CORE) csrc/unpack.c csrc/probes/selftest.c $(HEADERS) $(wildcard tests/kernels/guest/*.c)
	@for f in $(CORE) csrc/unpack.c; do $(CC) $(CFLAGS) -O2 -c -o /dev/null $$f || exit 1; done
	$(BIN)/python tools/gen_probes_md.py $(COLLECT) | diff -u docs/probes.md - || { echo "docs/probes.md is old: make docs"; exit 1; }
	$(BIN)/python tools/gen_words.py | diff -u kprobe/words.txt - || { echo "kprobe/words.txt is old: make docs"; exit 1; }
	$(BIN)/python tools/gen_causes_md.py | diff -u docs/causes.md - || { echo "docs/causes.md is old: make docs"; exit 1; }
	$(BIN)/python tools/gen_requirements_md.py | diff -u docs/requirements.md - || { echo "docs/requirements.md is old: make docs"; exit 1; }
	$(BIN)/python tools/gen_man.py | diff -u docs/kprobe.1 - || { echo "docs/kprobe.1 is old: make docs"; exit 1; }
	$(BIN)/python tools/gen_readme.py | diff -u README.md - || { echo "the sample in README.md is old: make docs"; exit 1; }
	$(BIN)/kprobe schema | diff -u docs/evidence.schema.json - || { echo "docs/evidence.schema.json is old: make docs"; exit 1; }

format: build/venv-dev ## rewrites the sources in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CORE) csrc/unpack.c csrc/probes/selftest.c $(HEADERS) $(wildcard tests/kernels/guest/*.c)

docs: build ## the generated pages
	$(BIN)/python tools/gen_probes_md.py $(COLLECT) > docs/probes.md
	$(BIN)/kprobe schema > docs/evidence.schema.json
	$(BIN)/python tools/gen_causes_md.py > docs/causes.md
	$(BIN)/python tools/gen_requirements_md.py > docs/requirements.md
	$(BIN)/python tools/gen_words.py > kprobe/words.txt
	$(BIN)/python tools/gen_man.py > docs/kprobe.1
	$(BIN)/python tools/gen_readme.py > build/README.md && cp build/README.md README.md

FUZZ_SECONDS ?= 60
fuzz: build ## hypothesis at length, then atheris on reader, pages and renderers; FUZZ_SECONDS=600: each
	$(BIN)/python -m pip install --quiet "atheris>=2.3"
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -q tests/unit/test_evidence.py tests/unit/test_reader.py tests/unit/test_embed.py tests/unit/test_redact.py \
		tests/unit/test_render.py tests/unit/test_render_formats.py tests/unit/test_render_html.py
	for target in reader intake unpack render; do mkdir -p build/fuzz/$$target && $(BIN)/python -m tests.fuzz $$target \
		-max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/ -print_final_stats=1 -rss_limit_mb=2048 build/fuzz/$$target || exit 1; done

kernels-doc: build ## docs/kernels.md, from what `make matrix ALL=1` left in build/matrix
	$(BIN)/python -m tools.gen_kernels_md build/matrix > build/kernels.md && mv build/kernels.md docs/kernels.md

accuracy: build deps ## docs/accuracy.md: every module knocked out on three kernels; wants build/matrix of `make matrix ALL=1`
	$(BIN)/python -m tests.kernels accuracy $(ACCURACY_ARGS)
	cp build/accuracy/accuracy.md docs/accuracy.md

golden: build ## writes down what the evidence in tests/evidence means now
	$(BIN)/python -m tests.evidence

bench: build deps ## side-by-side measurements, printed as ratios
	$(BIN)/python -m bench

clean: ## everything made here but the virtual environment
	rm -rf build dist kprobe/_core*.so kprobe/collectors kprobe/profiles/*.msgpack kprobe.egg-info

# --- Debian packages, only where something is missing ---

APT := sh tools/apt-install.sh

deps-run:
	@$(APT) packages/run.txt
deps-vagrant:
	@$(APT) packages/run.txt packages/vagrant.txt
deps:
	@$(APT) packages/run.txt packages/image.txt packages/test.txt tests/kernels/packages.txt
deps-image:
	@$(APT) packages/image.txt

# --- Python ---

build/venv-dev: pyproject.toml | deps-run
	@mkdir -p build
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	$(BIN)/python tools/dev_requirements.py | xargs $(BIN)/python -m pip install --quiet
	@touch $@

$(BIN)/kprobe: build/venv-dev setup.py csrc/build_ffi.py $(CORE) $(HEADERS)
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

# What the TOML says, taken apart: kprobe does as well without, and then reads the TOML.
build/profiles: kprobe/compiled.py kprobe/profile.py kprobe/expr.py $(wildcard kprobe/profiles/*.toml) | $(BIN)/kprobe
	$(BIN)/python -m kprobe.compiled
	@touch $@

# --- C ---
# Objects are made by a make of its own, on all cores, so that the rest stays in order.

OBJECTS  := $(CORE:csrc/%.c=build/$(ARCH)/%.o)
SELFTEST := $(CORE:csrc/%.c=build/selftest/%.o) build/selftest/probes/selftest.o
SANITIZE := $(CORE:csrc/%.c=build/asan/%.o)

# What runs before the collector's constants are in their place has none of its own: no vectors of bytes, no jump tables.
EARLY    := build/$(ARCH)/unpack.o build/$(ARCH)/inflate.o
$(EARLY): ZIGCC += -fno-stack-protector -fno-vectorize -fno-slp-vectorize -fno-jump-tables -fno-builtin
# 64-bit ones alone: the others, of dist-extra, are as they are linked.
PACKABLE := $(filter $(ARCH),$(ARCHES) riscv64)

.PHONY: objects selftest-objects asan-objects
objects: $(OBJECTS) $(if $(PACKABLE),$(EARLY))
selftest-objects: $(SELFTEST)
asan-objects: $(SANITIZE)

build/$(ARCH)/%.o: csrc/%.c $(HEADERS) Makefile pyproject.toml
	@mkdir -p $(@D)
	$(ZIGCC) $(CFLAGS) -c -o $@ $<

build/selftest/%.o: csrc/%.c $(HEADERS) Makefile pyproject.toml
	@mkdir -p $(@D)
	$(ZIGCC) $(CFLAGS) -DKP_SELFTEST -c -o $@ $<

build/asan/%.o: csrc/%.c $(HEADERS) Makefile pyproject.toml
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wno-error -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -c -o $@ $<

$(COLLECT): build/venv-dev $(CORE) csrc/unpack.c $(HEADERS) tools/pack.py
	@mkdir -p $(@D)
	@$(MAKE) --no-print-directory --silent --jobs=$(JOBS) objects
ifeq ($(PACKABLE),)
	@$(ZIGCC) -s -Wl,--gc-sections -o $@ $(OBJECTS)
else
	@$(ZIGCC) -s -Wl,--gc-sections -Wl,--wrap=__libc_start_main -o build/$(ARCH)/collector $(OBJECTS) build/$(ARCH)/unpack.o
	@$(BIN)/python tools/pack.py build/$(ARCH)/collector $@ $(EARLY)
endif
	@ls -l $@

.PHONY: packed
packed: $(PACKED)

$(PACKED): $(COLLECT)
	@mkdir -p $(@D)
	@cp $< $@

build/kprobe-collect-selftest: build/venv-dev $(CORE) csrc/probes/selftest.c $(HEADERS)
	@$(MAKE) --no-print-directory --silent --jobs=$(JOBS) selftest-objects
	$(ZIGCC) -s -Wl,--gc-sections -o $@ $(SELFTEST)

build/kprobe-collect-asan: build/venv-dev $(CORE) $(HEADERS)
	@$(MAKE) --no-print-directory --silent --jobs=$(JOBS) asan-objects
	$(CC) -fsanitize=address,undefined -o $@ $(SANITIZE)
