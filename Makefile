# The build of `pipe`.  `make` builds it, `make demo` shows it, `make test`
# proves it.  What has to be installed is installed on the way (tools/setup.sh).
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
SHELL   := /bin/sh
BUILD   ?= build
PREFIX  ?= /usr/local
CC      := $(if $(filter default undefined,$(origin CC)),cc,$(CC))
AR      := $(if $(filter default undefined,$(origin AR)),ar,$(AR))
CFLAGS  ?= -O2 -g
VERSION := $(shell cat VERSION)

# As many compilers at once as there are processors. The targets that call make
# again share its folders: those run one after the other, however many are asked for.
JOBS      ?= $(shell getconf _NPROCESSORS_ONLN)
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(JOBS)
endif
ifneq ($(filter test asan demo bench fuzz valgrind layers lint install,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

.PHONY: all setup demo test asan layers lint bench fuzz valgrind install clean

# Until there is a main, the rooms alone.
all: $(if $(wildcard interp/main.c),$(BUILD)/pipe,$(BUILD)/libpipe.a)

# Made by setup, which make therefore runs before anything else is looked at.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
include $(BUILD)/config.mk
endif
$(BUILD)/config.mk: tools/setup.sh
	@tools/setup.sh --config $@ build

setup:
	@tools/setup.sh --config $(BUILD)/config.mk build test tools

# ---- compiling -------------------------------------------------------------

WARN   := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wmissing-prototypes -Werror
SYSTEM := $(shell uname -s)
DEFS   := -D_POSIX_C_SOURCE=200809L -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE \
          $(if $(filter Darwin,$(SYSTEM)),-D_DARWIN_C_SOURCE) \
          -DPL_VERSION_TEXT='"$(VERSION)"'
# What is done, in a word; the whole command with V=1.
SAY     = $(if $(V),,@echo '  $(1)'; )
COMPILE = $(CC) -std=c11 $(DEFS) $(WARN) $(CFLAGS) -fvisibility=hidden \
          -ffunction-sections -fdata-sections $(LIB_CFLAGS) -MMD -MP
STRIP  := $(if $(filter Darwin,$(SYSTEM)),-Wl,-dead_strip,-Wl,--gc-sections -Wl,-z,lazy)
LINK    = $(CC) $(CFLAGS) $(STRIP) $(LDFLAGS)

SOURCES := $(sort $(wildcard interp/*/*.c))
LUA     := $(sort $(shell find stdlib -name '*.lua'))
UNITS   := $(sort $(wildcard tests/unit/test_*.c))
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
# The names of all sources, in a file that changes when one comes or goes.
NAMES   := $(shell mkdir -p $(BUILD)/gen; echo '$(SOURCES) $(LUA)' | \
             cmp -s - $(BUILD)/gen/sources || echo '$(SOURCES) $(LUA)' >$(BUILD)/gen/sources)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/gen/stdlib.o

$(BUILD)/pipe: $(BUILD)/interp/main.o $(BUILD)/libpipe.a
	$(call SAY,ld $@)$(LINK) -o $@ $^ $(LIBS)

# Anew each time: an archive keeps members whose source is gone.
$(BUILD)/libpipe.a: $(OBJECTS) $(BUILD)/gen/sources
	@rm -f $@
	$(call SAY,ar $@)$(AR) rcs $@ $(OBJECTS)

$(BUILD)/%.o: %.c VERSION Makefile $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call SAY,cc $<)$(COMPILE) -c -o $@ $<

$(BUILD)/gen/stdlib.o: $(BUILD)/gen/stdlib.c
	$(call SAY,cc $<)$(COMPILE) -I interp/bind -c -o $@ $<

$(BUILD)/gen/stdlib.c: $(BUILD)/tools/embed $(LUA) $(BUILD)/gen/sources
	$(call SAY,embed stdlib)$(BUILD)/tools/embed $@ $(LUA)

$(BUILD)/tools/embed: tools/embed.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(call SAY,cc $<)$(CC) -std=c11 $(WARN) $(CFLAGS) -o $@ $<

# ---- tests -----------------------------------------------------------------

# `make test` runs everything once; T= takes options of tests/run, as in
# make test T='-k journal -v'.
test: $(BUILD)/config.mk
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all units
	@$(MAKE) --no-print-directory replays $(ASAN)
	@tests/contract/install || test $$? = 77
	@tests/tools/supabase_cli >/dev/null || test $$? = 77
	@tests/run --build $(BUILD) $(T)

ASAN := BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all'

asan: $(BUILD)/config.mk
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all units replays $(ASAN)
	@tests/contract/install || test $$? = 77
	@tests/tools/supabase_cli >/dev/null || test $$? = 77
	@tests/run --build $(BUILD)/asan $(T)

.PHONY: units replays fuzzers
units: $(UNITS:%.c=$(BUILD)/%)
replays: $(FUZZERS:%.c=$(BUILD)/%)
fuzzers: $(FUZZERS:%.c=$(BUILD)/%)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libpipe.a
	$(call SAY,ld $@)$(LINK) -o $@ $^ $(LIBS)

# With libFuzzer's own main where the flags ask for it, else with one that
# replays the files it is given.
REPLAY := $(if $(findstring fuzzer,$(CFLAGS)),,$(BUILD)/tests/fuzz/replay.o)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(REPLAY) $(BUILD)/libpipe.a
	$(call SAY,ld $@)$(LINK) $(if $(REPLAY),,-fsanitize=fuzzer) -o $@ $^ $(LIBS)

FUZZ_SECONDS ?= 60
FUZZ := BUILD=$(BUILD)/fuzz CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all'

fuzz: $(BUILD)/config.mk
	@tools/setup.sh tools
	@$(MAKE) --no-print-directory fuzzers $(FUZZ)
	@tools/fuzz $(BUILD)/fuzz $(FUZZ_SECONDS)

demo: $(BUILD)/config.mk
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all
	@tools/demo.sh $(BUILD)/pipe

VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full \
            --errors-for-leak-kinds=definite --show-leak-kinds=definite \
            --suppressions=tests/valgrind.supp

valgrind: $(BUILD)/config.mk
	@tools/setup.sh test tools
	@$(MAKE) --no-print-directory all
	@PIPE_WRAP='$(VALGRIND)' tools/demo.sh $(BUILD)/pipe

bench: $(BUILD)/config.mk
	@tools/setup.sh test
	@$(MAKE) --no-print-directory all $(BUILD)/tests/bench/bench
	@$(BUILD)/tests/bench/bench $(BUILD)/pipe

$(BUILD)/tests/bench/bench: $(BUILD)/tests/bench/bench.o
	$(call SAY,ld $@)$(LINK) -o $@ $^

# ---- what may be wrong without a test noticing -----------------------------

layers:
	@tools/setup.sh test
	@tools/layers --self-test
	@tools/layers && echo 'layers: the rooms keep to their walls'

lint:
	@tools/setup.sh test tools
	@tools/lint

# ---- installing ------------------------------------------------------------

DATA := README.md ARCHITECTURE.md docs pipe.yaml pipelines examples stdlib/types

install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/pipe'
	install -m 755 $(BUILD)/pipe '$(DESTDIR)$(PREFIX)/bin/pipe'
	tar -cf - $(wildcard $(DATA)) | tar -xf - -C '$(DESTDIR)$(PREFIX)/share/pipe'

clean:
	rm -rf '$(BUILD)'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
