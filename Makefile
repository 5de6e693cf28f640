# SPDX-License-Identifier: GPL-2.0
# The commands of p2p-tph; each says what it needs and builds that first.

# The demo's tag, hint, namespace and topology; lab/demo has the defaults.
export ST PH NS TOPOLOGY STMODE
# Another of the kernels that the series is for, or a kernel tree of the user's
# instead of the packaged source.
export BASE LINUX
# Who signs the mails of "make series" off.
export AUTHOR

.PHONY: help demo check check-asan check-build check-debug fuzz bench series apply
.PHONY: setup clean

help:
	@echo 'make demo [ST=0x5a] [PH=1] [NS=8|16] [STMODE=table|direct] [TOPOLOGY=name]'
	@echo '            from nothing to the proof: a steering tag travels from the'
	@echo '            accelerator'"'"'s owner to the wire; leaves out/demo/'
	@echo '            TOPOLOGY: one of lab/topologies/'
	@echo 'make check  all tests, on both kernels; the last line counts'
	@echo 'make check-build'
	@echo '            the series as tools see it, on both kernels: each commit by itself,'
	@echo '            warnings, sparse, options off, modules, arm64, clang, coccinelle,'
	@echo '            documentation (half an hour and more)'
	@echo 'make series [AUTHOR="Name <mail>"]'
	@echo '            the patches as mails, in out/series/'
	@echo 'make apply LINUX=TREE'
	@echo '            the patches on a branch of your own git tree'
	@echo 'make check-debug'
	@echo '            all of it in a kernel with sanitizers, lock checks and failing'
	@echo '            allocations, a stress, and a search for data races (20 minutes, and'
	@echo '            half an hour for two kernels the first time)'
	@echo 'make check-asan  QEMU'"'"'s tests and fuzz corpus, with sanitizers'
	@echo 'make fuzz [SECONDS=600] [SEED=n] [ASAN=1]'
	@echo '            a hostile guest against fabric and devices'
	@echo 'make bench  benchmarks, as ratios; leaves out/bench/'
	@echo 'make clean  remove out/ and this checkout'"'"'s build trees'
	@echo 'lab/run     boot the lab and run a command in it, see lab/run --help'
	@echo
	@echo 'BASE=7.2|7.3 with any of these: that kernel (7.2 if nothing is said); results'
	@echo 'are in out/BASE/ then. LINUX=TREE: a kernel tree of your own.'

setup:
	@scripts/setup

demo: setup
	@lab/demo

check: setup
	@lab/check

check-build: setup
	@SUITES=lab/suites-build lab/check

series: setup
	@scripts/series

apply: setup
	@scripts/apply

check-debug: setup
	@SUITES=lab/suites-debug lab/check

check-asan: setup
	@SUITES=lab/suites-asan lab/check

export SEED INPUTS LOG
SECONDS ?= 600
fuzz: setup
	@lab/fuzz $(if $(ASAN),--asan) $(SECONDS)

bench: setup
	@lab/bench

clean:
	@scripts/clean
