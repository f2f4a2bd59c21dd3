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
COMPILE = $(CC) -std=c11 $(DEFS) $(WARN) $(CFLAGS) -fvisibility=hidden \
          -ffunction-sections -fdata-sections $(LIB_CFLAGS) -MMD -MP
STRIP  := $(if $(filter Darwin,$(SYSTEM)),-Wl,-dead_strip,-Wl,--gc-sections -Wl,-z,lazy)
LINK    = $(CC) $(CFLAGS) $(STRIP) $(LDFLAGS)

SOURCES := $(sort $(wildcard interp/*/*.c))
LUA     := $(sort $(shell find stdlib -name '*.lua'))
UNITS   := $(sort $(wildcard tests/unit/test_*.c))
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/gen/stdlib.o

$(BUILD)/pipe: $(BUILD)/interp/main.o $(BUILD)/libpipe.a
	$(LINK) -o $@ $^ $(LIBS)

# Anew each time: an archive keeps members whose source is gone.
$(BUILD)/libpipe.a: $(OBJECTS) $(BUILD)/gen/sources
	@rm -f $@
	$(AR) rcs $@ $(OBJECTS)

$(BUILD)/%.o: %.c VERSION Makefile $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/gen/stdlib.o: $(BUILD)/gen/stdlib.c
	$(COMPILE) -I interp/bind -c -o $@ $<

$(BUILD)/gen/stdlib.c: $(BUILD)/tools/embed $(LUA) $(BUILD)/gen/sources
	$(BUILD)/tools/embed $@ $(LUA)

$(BUILD)/tools/embed: tools/embed.c $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(CFLAGS) -o $@ $<

# The names of all sources: changes when one comes or goes.
$(BUILD)/gen/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES) $(LUA)' | cmp -s - $@ || echo '$(SOURCES) $(LUA)' >$@
.PHONY: FORCE
FORCE:

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libpipe.a
	$(LINK) -o $@ $^ $(LIBS)

.PHONY: units
units: $(UNITS:%.c=$(BUILD)/%)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
