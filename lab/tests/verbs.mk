# SPDX-License-Identifier: GPL-2.0-only
#
# The verbs engine on the host: QEMU's sources, with a shim for what of QEMU
# they call. Adds its program to HOST_TESTS, for "check" of the Makefile that
# includes this; runs by itself, too: make -f verbs.mk check [O=DIR].

ROOT ?= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
O ?= $(ROOT)/out/tests

VERBS_HERE := $(ROOT)/lab/tests
VERBS_VHCA := $(ROOT)/qemu/hw/rdma/vhca
VERBS_SRC := $(wildcard $(VERBS_VHCA)/verbs*.c) $(VERBS_HERE)/verbs-mock.c \
	$(VERBS_HERE)/verbs-test.c $(VERBS_HERE)/qemu-shim/shim.c
VERBS_HDR := $(wildcard $(VERBS_VHCA)/verbs*.h) $(VERBS_HERE)/verbs-mock.h \
	$(wildcard $(VERBS_HERE)/qemu-shim/*.h $(VERBS_HERE)/qemu-shim/*/*.h)
# QEMU is built with -fwrapv and without strict aliasing.
VERBS_CFLAGS = -std=gnu11 -Wall -Wextra -O1 -g -fwrapv -fno-strict-aliasing \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-I$(VERBS_HERE)/qemu-shim -I$(ROOT)/qemu \
	$(shell pkg-config --cflags glib-2.0)

HOST_TESTS += $(O)/verbs-test

$(O)/verbs-test: $(VERBS_SRC) $(VERBS_HDR)
	@mkdir -p $(@D)
	$(CC) $(VERBS_CFLAGS) $(CFLAGS) -o $@ $(VERBS_SRC) \
		$(shell pkg-config --libs glib-2.0)

check-verbs: $(O)/verbs-test
	$<

ifeq ($(words $(MAKEFILE_LIST)),1)
check: check-verbs
endif

.PHONY: check check-verbs
