# SPDX-License-Identifier: GPL-2.0-only
#
# The virtual ConnectX's field places against the kernel's mlx5_ifc.h. Adds
# its program to HOST_TESTS, for "check" of the Makefile that includes this;
# runs by itself, too: make -f ifc.mk check LINUX=TREE [O=DIR].

ROOT ?= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
O ?= $(ROOT)/out/tests

IFC_HERE := $(ROOT)/lab/tests
IFC_DEPS := $(IFC_HERE)/ifc-test.c $(IFC_HERE)/tap.h \
	$(ROOT)/qemu/hw/rdma/vhca/ifc.h
IFC_CFLAGS = -std=gnu11 -Wall -Wextra -O1 -g \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-isystem $(LINUX)/include/linux/mlx5 \
	-I$(IFC_HERE)/qemu-shim -I$(ROOT)/qemu

HOST_TESTS += $(O)/ifc-test

$(O)/ifc-test: $(IFC_DEPS)
	@test -n "$(LINUX)" || { echo "ifc-test needs LINUX=TREE" >&2; false; }
	@mkdir -p $(@D)
	$(CC) $(IFC_CFLAGS) $(CFLAGS) -o $@ $<

check-ifc: $(O)/ifc-test
	$<

ifeq ($(words $(MAKEFILE_LIST)),1)
check: check-ifc
endif

.PHONY: check check-ifc
