# SPDX-License-Identifier: GPL-3.0-or-later
# One makefile for everything; each folder adds its part with rules.mk. On Debian 13 it builds natively,
# elsewhere each goal is made inside the Debian 13 build tree (tools/tree), which is set up by itself.

.DEFAULT_GOAL := build
MAKEFLAGS += --no-builtin-rules --no-print-directory
BUILD ?= build
export TROUPE_CACHE ?= $(CURDIR)/.cache

GOALS := build check check-long bench demo lint lint-quick asan fuzz format install clean \
         image image-keys image-check host-tree guest-image
.PHONY: $(GOALS) help

ifneq ($(TROUPE_IN_TREE),1)
ifneq ($(shell . /etc/os-release; echo $$ID$$VERSION_ID),debian13)
OUTSIDE := 1
endif
endif

ifdef OUTSIDE
# ---- outside Debian 13: make the same goal inside the build tree
GOALS_INSIDE := $(or $(MAKECMDGOALS),build)
$(firstword $(GOALS_INSIDE)): FORCE
	+@tools/tree enter $(MAKE) $(GOALS_INSIDE) $(MAKEOVERRIDES)
$(wordlist 2,99,$(GOALS_INSIDE)): $(firstword $(GOALS_INSIDE)) ; @:
FORCE:
.PHONY: FORCE
else
ifneq ($(TROUPE_IN_TREE),1)
$(if $(shell tools/tree ensure >&2 && echo ok),,$(error the packages Troupe needs could not be installed))
endif

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

CC := gcc
AR := gcc-ar
PREFIX ?= /usr
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
        -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wno-unused-parameter \
        -Wno-missing-field-initializers -Wno-cast-function-type-mismatch
OPTIMISE ?= -O2 -g
CFLAGS_ALL := -std=gnu17 $(OPTIMISE) $(WARNINGS) -I. -D_GNU_SOURCE -fstack-protector-strong -fPIE \
        -fno-strict-aliasing -fvisibility=hidden $(SANITIZE)
ifeq ($(SANITIZE)$(filter -O0,$(OPTIMISE)),)
CFLAGS_ALL += -D_FORTIFY_SOURCE=2
endif
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANITIZE) $(LDFLAGS)

comma := ,

LIBRARIES :=
PROGRAMS :=
ALL :=
INSTALLS :=

# $(call library,NAME,DIR,LIBRARY DEPS,PKG-CONFIG PACKAGES[,SOURCES LEFT OUT])
# builds $(BUILD)/NAME.a from DIR/*.c without a program's main file (DIR/DIR.c, or what the fifth argument names)
define library
LIBRARIES += $(1)
$(1)_DIR := $(2)
$(1)_DEPS := $(3)
$(1)_PKGS := $(4)
$(1)_SOURCES := $$(filter-out $(or $(5),$(2)/$(notdir $(2)).c),$$(wildcard $(2)/*.c))
ALL += $(BUILD)/$(1).a
endef

# $(call program,NAME,MAIN FILE,LIBRARIES)   $(BUILD)/NAME, installed as /usr/bin/NAME or, with
# NAME_INSTALL := path, there
define program
PROGRAMS += $(1)
$(1)_MAIN := $(2)
$(1)_LIBS := $(3)
ALL += $(BUILD)/$(1)
endef

include $(sort $(wildcard lib/*/rules.mk) $(wildcard */rules.mk) $(wildcard tests/*/rules.mk))

# The dependencies of a list of libraries, each before what it needs, as the linker wants them.
reverse = $(if $(1),$(call reverse,$(wordlist 2,999,$(1))) $(firstword $(1)))
closure_walk = $(foreach l,$(1),$(call closure_walk,$($(l)_DEPS)) $(l))
unique = $(if $(1),$(firstword $(1)) $(call unique,$(filter-out $(firstword $(1)),$(1))))
closure = $(call reverse,$(call unique,$(strip $(call closure_walk,$(1)))))
archives = $(patsubst %,$(BUILD)/%.a,$(call closure,$(1)))
pkg_of = $(sort $(foreach l,$(call closure,$(1)),$($(l)_PKGS)))
# pkg-config is asked once for each distinct list of packages
pkg_cflags = $(if $(1),$(or $(PC_$(subst $() ,_,$(1))_C),$(eval PC_$(subst $() ,_,$(1))_C := $(shell pkg-config --cflags $(1)) )$(PC_$(subst $() ,_,$(1))_C)))
pkg_libs = $(if $(1),$(or $(PC_$(subst $() ,_,$(1))_L),$(eval PC_$(subst $() ,_,$(1))_L := $(shell pkg-config --libs $(1)) )$(PC_$(subst $() ,_,$(1))_L)))

define library_rules
$(1)_OBJECTS := $$(patsubst %.c,$(BUILD)/obj/%.o,$$($(1)_SOURCES))
$$($(1)_OBJECTS): PKGS = $$(call pkg_of,$(1))
$(BUILD)/$(1).a: $$($(1)_OBJECTS)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$($(1)_OBJECTS)
endef
$(foreach l,$(LIBRARIES),$(eval $(call library_rules,$(l))))

define program_rules
$(BUILD)/obj/$$($(1)_MAIN:.c=.o): PKGS = $$(call pkg_of,$$($(1)_LIBS))
$(BUILD)/$(1): $(BUILD)/obj/$$($(1)_MAIN:.c=.o) $$(call archives,$$($(1)_LIBS))
	$$(call say,LD,$$@)
	$$(Q)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ $$(call pkg_libs,$$(call pkg_of,$$($(1)_LIBS))) $$($(1)_LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

# ---- unit tests: tests/unit/DIR/FILE.c is linked with the library of DIR
# and with the failing allocator, which wraps what allocates
UNIT_TESTS :=
WRAP := -Wl,$(subst $() ,$(comma),$(patsubst %,--wrap=%,malloc calloc realloc strdup strndup vasprintf))
define unit_rules
ifneq ($$(wildcard tests/unit/$$($(1)_DIR)/*.c),)
UNIT_TESTS += $$(patsubst %.c,$(BUILD)/%,$$(wildcard tests/unit/$$($(1)_DIR)/*.c))
$$(patsubst %.c,$(BUILD)/obj/%.o,$$(wildcard tests/unit/$$($(1)_DIR)/*.c)): PKGS = $$(call pkg_of,$(1)) cmocka
$(BUILD)/tests/unit/$$($(1)_DIR)/%: $(BUILD)/obj/tests/unit/$$($(1)_DIR)/%.o $(BUILD)/obj/tests/unit/failing.o \
                $$(call archives,$(1) $$($(1)_TEST_LIBS))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(LDFLAGS_ALL) $$(WRAP) -o $$@ $$^ $$(call pkg_libs,$$(call pkg_of,$(1) $$($(1)_TEST_LIBS)) cmocka) $$($(1)_LDLIBS)
endif
endef
$(foreach l,$(LIBRARIES),$(eval $(call unit_rules,$(l))))
TESTS += $(UNIT_TESTS)

# ---- fuzz targets (tests/fuzz/rules.mk), built by a make of their own with other flags
define fuzz_rules
$(BUILD)/obj/tests/fuzz/$(1).o: PKGS = $$(call pkg_of,$$($(1)_FUZZ_LIBS))
$(BUILD)/tests/fuzz/$(1): $(BUILD)/obj/tests/fuzz/$(1).o $$(call archives,$$($(1)_FUZZ_LIBS))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $$@ $$^ $$(call pkg_libs,$$(call pkg_of,$$($(1)_FUZZ_LIBS)))
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rules,$(f))))

.PHONY: fuzz-targets
fuzz-targets: $(patsubst %,$(BUILD)/tests/fuzz/%,$(FUZZ))

fuzz:
	@$(MAKE) BUILD=$(BUILD)-fuzz CC=clang OPTIMISE='-O1 -g' \
		SANITIZE='-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all' fuzz-targets

# what is built with other flags is built anew
FLAGS := $(CC) $(CFLAGS_ALL)
ifneq ($(FLAGS),$(file <$(BUILD)/flags))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/flags,$(FLAGS))
endif

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(CFLAGS) $(call pkg_cflags,$(PKGS)) -MMD -MP -c -o $@ $<

# examples in tests are literals in structs that own their texts elsewhere
$(BUILD)/obj/tests/%.o: CFLAGS += -Wno-write-strings

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.SECONDARY:
.DELETE_ON_ERROR:

build: $(ALL) $(TESTS)

help:
	@sed -n 's/^# goal: //p' Makefile

# goal: build        everything, and the tests, into build/
# goal: check        lint, unit, scenarios, simulator, fuzz smoke, netd in namespaces, the rack (T=part/name for one)
# goal: check-long   what takes longer: chaos, images, long fuzz, model checking
# goal: bench        every budget against its peer (B=name for one)
# goal: demo         boots a rack, deploys examples/guestbook and tells its story: of three hosts one loses its power (HOSTS=1: one host)
# goal: asan         the unit tests under the address and undefined-behaviour sanitizers
# goal: fuzz         the fuzz targets, into build-fuzz/
# goal: lint         every mechanical check of the code (lint-quick: those that take seconds)
# goal: host-tree, guest-image    the operating systems, as the rack needs them
# goal: image        the host's image: a disk to flash, and what updates and network start need (image-keys: the keys that sign it)
# goal: image-check  the image's tests: start, verify, update, install, each in QEMU
check: build compile-commands
	@BUILD=$(BUILD) tools/check $(T)

check-long: build compile-commands
	@BUILD=$(BUILD) tools/check --long $(T)

bench: build
	@BUILD=$(BUILD) tools/bench $(B)

demo: build
	@BUILD=$(BUILD) tools/demo --hosts $(or $(HOSTS),3)

asan:
	@$(MAKE) BUILD=$(BUILD)-asan OPTIMISE='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all' build
	@LSAN_OPTIONS=suppressions=$(CURDIR)/tests/leaks.suppressions:print_suppressions=0 \
		BUILD=$(BUILD)-asan tools/check unit/

lint: build compile-commands
	@BUILD=$(BUILD) tools/lint

lint-quick: build
	@BUILD=$(BUILD) tools/lint --quick

format:
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

host-tree:
	@image/host/build

guest-image: build
	@image/guest/build

image: build
	@image/host/disk

image-keys:
	@image/keys ensure

image-check: image
	@BUILD=$(BUILD) tools/check --long image

.PHONY: compile-commands
compile-commands:
	@tools/compile-commands $(BUILD) '$(CC) $(CFLAGS_ALL)' >compile_commands.json

install: build
	$(Q)for p in $(foreach p,$(PROGRAMS),$(if $(filter none,$($(p)_INSTALL)),,$(p):$(or $($(p)_INSTALL),$(PREFIX)/bin/$(p)))); do \
		install -D -m 755 $(BUILD)/$${p%%:*} "$(DESTDIR)$${p#*:}" || exit 1; done
	$(Q)for f in $(INSTALLS); do install -D -m 644 "$${f%%:*}" "$(DESTDIR)$${f#*:}" || exit 1; done

clean:
	$(Q)rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz compile_commands.json
endif
