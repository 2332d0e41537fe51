# FiLot: `make` builds build/bin and build/libexec, `make unit` runs the C tests, `make help` lists the rest.
# Variables: BUILD=dir, SAN=1 (ASan and UBSan), TSAN=1, CC, CXX, HIREDIS_PREFIX=dir (hiredis >= 1.2 where the system has none), NVCC.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),0.1.0)

# The libraries. hiredis with TLS comes from the system when it is new enough (Debian 13), else from HIREDIS_PREFIX.
PKGS := libpq jansson libcurl libcrypto libmicrohttpd libsodium libseccomp tesseract lept libtiff-4 libqpdf zlib poppler-glib lcms2 cairo gio-2.0
HIREDIS_PREFIX ?= build/deps/hiredis
ifeq ($(shell pkg-config --atleast-version=1.2 hiredis_ssl 2>/dev/null && echo yes),yes)
HIREDIS_CFLAGS := $(shell pkg-config --cflags hiredis)
HIREDIS_LIBS   := $(shell pkg-config --libs hiredis_ssl hiredis)
else
HIREDIS_CFLAGS := -isystem $(HIREDIS_PREFIX)/include
HIREDIS_LIBS   := $(HIREDIS_PREFIX)/lib/libhiredis_ssl.a $(HIREDIS_PREFIX)/lib/libhiredis.a
endif
# CUDA: for these compute capabilities and, as PTX, later ones; a build of one (CUDA_ARCHS=86) takes a fifth of the time.
# Its objects need what guards static variables of C++, which is linked in: the commands stay free of libstdc++.so.
NVCC ?= $(shell command -v nvcc 2>/dev/null)
CUDA_ARCHS ?= $(if $(SAN)$(TSAN),86,75 80 86 89 90)
ifneq ($(NVCC),)
NVCC_FLAGS := -std=c++17 -O3 -fmad=false -I. -Xcompiler -fPIE,-fstack-protector-strong,-fcf-protection,-Wall \
              $(foreach arch,$(CUDA_ARCHS),-gencode arch=compute_$(arch),code=sm_$(arch)) \
              -gencode arch=compute_$(lastword $(CUDA_ARCHS)),code=compute_$(lastword $(CUDA_ARCHS))
CUDA_LIBS  := $(shell $(NVCC) --dryrun -x cu -c /dev/null 2>&1 | sed -n 's/^\#$$ LIBRARIES=//p') -lcudart_static -l:libsupc++.a -ldl -lrt
else ifeq ($(MAKELEVEL),0)
$(info nvcc not found: building for the CPU only)
endif

PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS)))
LIBS := -Wl,--as-needed $(HIREDIS_LIBS) $(shell pkg-config --libs $(PKGS)) -lssl $(CUDA_LIBS) -lpthread -lm

# Tables leave fields at zero and messages are cut to their room on purpose: two warnings say nothing here.
WARNINGS  := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla -Wwrite-strings -Werror \
             -Wno-missing-field-initializers -Wno-unknown-warning-option -Wno-format-truncation
C_ONLY    := -std=gnu17 -Wstrict-prototypes -Wmissing-prototypes
HARDENING := -fstack-protector-strong -fPIE -fcf-protection
LINKING   := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifdef SAN
OPTIMISE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LINKING  += -fsanitize=address,undefined
else ifdef TSAN
OPTIMISE := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
LINKING  += -fsanitize=thread
else
OPTIMISE := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-clash-protection
endif
# -ffp-contract=off: results must not depend on what the compiler fuses.
COMMON   := -D_GNU_SOURCE -DFILOT_VERSION='"$(VERSION)"' -DFILOT_PREFIX='"$(PREFIX)"' -I. -I$(BUILD)/embed \
            $(WARNINGS) $(OPTIMISE) $(HARDENING) -ffp-contract=off $(PKG_CFLAGS) $(HIREDIS_CFLAGS) -MMD -MP
CFLAGS   ?=
CXXFLAGS ?=

# libtesseract calls these, and its exceptions (no memory) pass through them.
$(BUILD)/common/ocr/sorted_list.o $(BUILD)/cmd/filot-reader/libtesseract.o: COMMON += -fexceptions

# `make V=1` shows whole command lines.
ifndef V
SAY = @echo "  $(1) $(2)";
endif

# common/ becomes one archive; each folder cmd/filot-NAME one command; the linker takes what a command needs.
COMMON_C    := $(wildcard common/*/*.c) $(filter-out $(if $(NVCC),common/ocr/cuda/absent.c),$(wildcard common/ocr/cuda/*.c))
COMMON_CXX  := $(wildcard common/*/*.cpp)
CUDA_OBJ    := $(if $(NVCC),$(patsubst %.cu,$(BUILD)/%.$(subst $() ,-,$(CUDA_ARCHS)).o,$(wildcard common/ocr/cuda/*.cu)))
COMMON_OBJ  := $(COMMON_C:%.c=$(BUILD)/%.o) $(COMMON_CXX:%.cpp=$(BUILD)/%.o) $(CUDA_OBJ)
COMMANDS    := $(patsubst cmd/%/main.c,%,$(wildcard cmd/filot-*/main.c))
INTERNAL    := filot-reader
BINARIES    := $(patsubst %,$(BUILD)/bin/%,$(filter-out $(INTERNAL),$(COMMANDS))) \
               $(patsubst %,$(BUILD)/libexec/%,$(filter $(INTERNAL),$(COMMANDS)))
EMBED_SRC   := $(foreach kind,lua sql html css js json,$(wildcard common/*/*.$(kind) cmd/*/*.$(kind)))
EMBED       := $(foreach f,$(EMBED_SRC),$(BUILD)/embed/$(subst .,_,$(notdir $(f))).h)
UNIT_TESTS  := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*_test.c))
DRIVERS     := $(patsubst tests/system/%.c,$(BUILD)/tests/%,$(wildcard tests/system/*.c))
BENCH_TOOLS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c)) $(BUILD)/bench/read_pages_filot
SHELL_FILES := $(shell grep -rIlE '^\#!/usr/bin/env bash' scripts tests .ci 2>/dev/null) $(wildcard scripts/lib/*.sh tests/*/*.bash)

# Where systemd looks: beside PREFIX when that is one of the two it knows.
SYSTEMD_LIB := $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib,/etc)
UNITS       := $(wildcard infra/systemd/*.service infra/systemd/*.timer infra/systemd/*.target)

.PHONY: all unit unit-binaries test-aws fuzz fuzz-targets fuzz-worker soak image-test lint format install install-systemd uninstall clean help
# Kept, though no rule names them. Never an empty list, which would mean all: what is missing of those (CUDA's, where nvcc
# came later) would not be made.
.SECONDARY: $(BUILD)/tests/gpu/twin.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/*.c tests/system/*.c tests/bench/*.c tests/fuzz/*.c))
all: $(BINARIES)

$(BUILD)/libfilot.a: $(COMMON_OBJ)
	@rm -f $@
	$(call SAY,AR,$@) ar rcs $@ $^

$(BUILD)/%.o: %.c | $(EMBED)
	@mkdir -p $(@D)
	$(call SAY,CC,$<) $(CC) $(C_ONLY) $(COMMON) $(CFLAGS) -c $< -o $@

# Picked at run time (network_backend_best); the rest runs on any x86-64.
$(BUILD)/common/ocr/network_avx2.o: COMMON += -mavx2 -mfma
$(BUILD)/common/ocr/network_vnni.o: COMMON += -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mfma

# Loops over words that the compiler makes vectors of.
$(BUILD)/common/ocr/brick.o $(BUILD)/common/ocr/pixels.o $(BUILD)/common/ocr/threshold.o: COMMON += $(if $(SAN)$(TSAN),,-O3)

$(BUILD)/%.o: %.cpp | $(EMBED)
	@mkdir -p $(@D)
	$(call SAY,CXX,$<) $(CXX) -std=c++17 $(COMMON) $(CXXFLAGS) -c $< -o $@

$(BUILD)/%.$(subst $() ,-,$(CUDA_ARCHS)).o: %.cu
	@mkdir -p $(@D)
	$(call SAY,NVCC,$<) $(filter ccache,$(CC)) $(NVCC) $(NVCC_FLAGS) -MMD -MP -c $< -o $@

# X.lua, X.sql, X.html, X.css, X.js and X.json become `static const char X_lua[]` and so on, so that C files hold no pieces of other languages.
define embed_rule
$(BUILD)/embed/$(subst .,_,$(notdir $(1))).h: $(1) scripts/embed
	@mkdir -p $$(@D)
	scripts/embed $(1) > $$@
endef
$(foreach f,$(EMBED_SRC),$(eval $(call embed_rule,$(f))))
# Those that include it.
$(foreach f,$(shell grep -l '^--\#include queue_window.lua' common/redis/*.lua),$(BUILD)/embed/$(subst .,_,$(notdir $(f))).h): common/redis/queue_window.lua
$(foreach f,$(shell grep -l '^--\#include documents_columns.sql' cmd/*/*.sql),$(BUILD)/embed/$(subst .,_,$(notdir $(f))).h): cmd/filot-api/documents_columns.sql

# The C++ compiler links only what holds C++ (the reader); everything else stays free of libstdc++. The reader, which is
# fenced in, takes no GPU: "absent" is named before the archive that holds the real one.
NO_GPU := $(BUILD)/common/ocr/cuda/absent.o
define command_rule
$(BUILD)/$(if $(filter $(1),$(INTERNAL)),libexec,bin)/$(1): \
  $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/$(1)/*.c)) $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard cmd/$(1)/*.cpp)) \
  $(if $(filter $(1),$(INTERNAL)),$(NO_GPU)) $(BUILD)/libfilot.a
	@mkdir -p $$(@D)
	$$(call SAY,LD,$$@) $(if $(filter $(1),$(INTERNAL)),$$(CXX),$$(CC)) $$(LINKING) -o $$@ $$^ $$(LIBS)
endef
$(foreach c,$(COMMANDS),$(eval $(call command_rule,$(c))))

# With the GPU's twin, which is named before the archive that holds the real one.
TWIN_OBJ   := $(BUILD)/tests/gpu/twin.o
TWIN_TESTS := $(BUILD)/tests/network_test $(BUILD)/tests/network_cuda_test
$(TWIN_TESTS): $(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(TWIN_OBJ) $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)
# The same tests with a GPU: for tests/gpu/run.
$(BUILD)/tests/network_gpu_test: $(BUILD)/tests/unit/network_test.o $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)
$(TWIN_OBJ): OPTIMISE += -O3
TWIN_WORKER := $(BUILD)/tests/filot-ocr-gpu-twin
$(TWIN_WORKER): $(patsubst %.c,$(BUILD)/%.o,$(wildcard cmd/filot-ocr-gpu/*.c)) $(TWIN_OBJ) $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CC) $(LINKING) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/system/%.o $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(CC) $(LINKING) -o $@ $^ $(LIBS)

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)

# With filot-reader's functions in place of the libraries'.
READER_FUNCTIONS := $(BUILD)/cmd/filot-reader/leptonica.o $(BUILD)/cmd/filot-reader/libtesseract.o
$(BUILD)/bench/read_pages_filot: $(BUILD)/tests/bench/read_pages.o $(READER_FUNCTIONS) $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)

# The reader with a decoder that attacks instead.
HOSTILE := $(BUILD)/tests/hostile-reader
$(HOSTILE): $(BUILD)/tests/sandbox/hostile_document.o \
  $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/document.c,$(wildcard cmd/filot-reader/*.c))) $(NO_GPU) $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)

# What a fuzz target may need beyond the archive.
FUZZED := $(BUILD)/cmd/filot-reader/document.o $(BUILD)/cmd/filot-reader/map.o $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(wildcard cmd/filot-api/*.c)))

# The fuzz targets' seeds, among them all inputs that once crashed one, in one program without libFuzzer.
FUZZ_REPLAYS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/replay/%.o,$(wildcard tests/fuzz/*.c))
$(BUILD)/tests/fuzz/replay/%.o: tests/fuzz/%.c | $(EMBED)
	@mkdir -p $(@D)
	$(call SAY,CC,$<) $(CC) $(C_ONLY) $(COMMON) $(CFLAGS) -DLLVMFuzzerTestOneInput=fuzz_$* -c $< -o $@
$(BUILD)/tests/fuzz_seeds_test: $(BUILD)/tests/unit/fuzz_seeds_test.o $(FUZZ_REPLAYS) $(FUZZED) $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -o $@ $^ $(LIBS)

unit-binaries: $(UNIT_TESTS) $(DRIVERS) $(HOSTILE) $(TWIN_WORKER)
unit: all unit-binaries ## build and run the C unit tests (TAP)
	@FILOT_BUILD=$(abspath $(BUILD)) scripts/run-unit $(UNIT_TESTS)

bench-%: all $(BENCH_TOOLS) $(BUILD)/tests/degrade_image ## make bench-enqueue, bench-worker, …: ratios against the peer in the same run
	@FILOT_BUILD=$(abspath $(BUILD)) tests/bench/$*

# clang, with sanitizers, in a folder of its own.
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FUZZED) $(BUILD)/libfilot.a
	@mkdir -p $(@D)
	$(call SAY,LD,$@) $(CXX) $(LINKING) -fsanitize=fuzzer -o $@ $^ $(LIBS)
fuzz-targets: $(FUZZ_TARGETS)
fuzz: ## the parsers under libFuzzer, each for TIME=60 seconds; needs clang
	@$(MAKE) BUILD=$(BUILD)/fuzz SAN=1 CC=clang CXX=clang++ CFLAGS=-fsanitize=fuzzer-no-link CXXFLAGS=-fsanitize=fuzzer-no-link fuzz-targets
	@tests/fuzz/run $(BUILD)/fuzz/fuzz $(or $(TIME),60)

fuzz-worker: all ## 10000 mutated documents through one worker (DOCUMENTS=n SEED=n)
	@FILOT_BUILD=$(abspath $(BUILD)) tests/fuzz/worker $(or $(DOCUMENTS),10000) $(SEED)

test-aws: all ## all tests of the deployments against AWS' stand-in
	FILOT_BUILD=$(abspath $(BUILD)) bats $(if $(shell command -v parallel),--jobs 2 --no-parallelize-within-files) tests/aws

soak: all ## 2000 jobs under 200 faults (SOAK="[--not-durable] JOBS FAULTS SEED" for others)
	@FILOT_BUILD=$(abspath $(BUILD)) tests/system/faults $(SOAK)

image-test: all ## build both images (twice), run what is in them, and all services under systemd; as root
	FILOT_BUILD=$(abspath $(BUILD)) bats tests/image

lint: ## shellcheck, shfmt and mandoc over scripts and manuals
	shellcheck -x $(SHELL_FILES)
	shfmt -d $(SHELL_FILES)
	mandoc -T lint -W warning man/*.[157]

install: all ## DESTDIR and PREFIX are followed
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/filot $(DESTDIR)$(PREFIX)/share/filot/migrations
	install -m 755 $(filter $(BUILD)/bin/%,$(BINARIES)) $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(filter $(BUILD)/libexec/%,$(BINARIES)) $(DESTDIR)$(PREFIX)/libexec/filot
	install -m 644 migrations/*.sql $(DESTDIR)$(PREFIX)/share/filot/migrations
	for page in man/*.[157]; do \
	  install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/} || exit 1; done

install-systemd: ## units, users and folders for one host; see infra/systemd/README.md
	install -d $(DESTDIR)$(SYSTEMD_LIB)/systemd/system/filot-.service.d
	install -m 644 infra/systemd/filot-.service.d/*.conf $(DESTDIR)$(SYSTEMD_LIB)/systemd/system/filot-.service.d
	for unit in $(UNITS); do sed 's,/usr/local/bin/,$(PREFIX)/bin/,' $$unit | \
	  install -m 644 /dev/stdin $(DESTDIR)$(SYSTEMD_LIB)/systemd/system/$${unit##*/} || exit 1; done
	install -D -m 644 infra/systemd/filot.sysusers $(DESTDIR)$(SYSTEMD_LIB)/sysusers.d/filot.conf
	install -D -m 644 infra/systemd/filot.tmpfiles $(DESTDIR)$(SYSTEMD_LIB)/tmpfiles.d/filot.conf
	install -D -m 644 infra/systemd/filot.conf.example $(DESTDIR)$(PREFIX)/share/filot/filot.conf.example

uninstall:
	rm -f $(patsubst %,$(DESTDIR)$(PREFIX)/bin/%,$(filter-out $(INTERNAL),$(COMMANDS)))
	rm -rf $(DESTDIR)$(PREFIX)/libexec/filot $(DESTDIR)$(PREFIX)/share/filot
	for page in man/*.[157]; do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/}; done
	rm -f $(patsubst infra/systemd/%,$(DESTDIR)$(SYSTEMD_LIB)/systemd/system/%,$(UNITS)) $(foreach kind,sysusers tmpfiles,$(DESTDIR)$(SYSTEMD_LIB)/$(kind).d/filot.conf)
	rm -rf $(DESTDIR)$(SYSTEMD_LIB)/systemd/system/filot-.service.d

clean:
	rm -rf $(BUILD)/bin $(BUILD)/libexec $(BUILD)/embed $(BUILD)/common $(BUILD)/cmd $(BUILD)/tests $(BUILD)/bench $(BUILD)/libfilot.a

help:
	@grep -hE '^[a-z%-]+:.*##' Makefile | sed -E 's/:.*##/\t/'

-include $(COMMON_OBJ:.o=.d) $(patsubst %.c,$(BUILD)/%.d,$(wildcard cmd/*/*.c tests/unit/*.c tests/gpu/*.c tests/system/*.c tests/bench/*.c tests/fuzz/*.c)) $(FUZZ_REPLAYS:.o=.d)
