SHELL := /bin/bash
.DEFAULT_GOAL := help
# A Node that `make setup` had to fetch goes first.
export PATH := $(CURDIR)/.sandbox/node/bin:$(PATH)

.PHONY: help setup build test test-all test-fault check demo bench-failover bench-binlog clean distclean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 24

setup: ## install what is missing, build; does nothing when all is there
	@bash scripts/setup.sh

build: setup ## src -> dist
	@npm run -s build

check: setup ## types, lint, format, unused code
	@npm run -s check

test: setup ## check and all tests; PHASE=unit (check, unit, scenario, contract, integration, fault) for some
	@npm run -s test -- $(PHASE)

test-all: setup ## the same with those that take too long for every day (about an hour and a half)
	@DCMHA_TESTS=all npm run -s test -- $(PHASE)

test-fault: setup ## networks cut, processes halted and killed, under a workload
	@DCMHA_TESTS=all npm run -s test -- fault

demo: setup ## a real failover on this machine, with a printed timeline
	@node dist/cli/main.js demo

bench-failover: setup ## the outage of a failover: ten runs
	@npm run -s bench:failover

bench-binlog: setup ## the speed of the binlog engine
	@npm run -s bench:binlog

# A sandbox that still runs is taken down first; its processes would outlive its folder.
clean: ## remove dist, coverage, the sandboxes' folders and what killed test runs left
	@if [ -e node_modules/tsx ]; then node --import tsx scripts/sweep.ts || true; fi
	@for dir in .sandbox/run/*/; do \
	  if [ -d "$$dir" ] && [ -e dist/cli/main.js ]; then node dist/cli/main.js sandbox down --dir "$$dir" || true; fi; \
	done
	@rm -rf dist coverage .sandbox/run

distclean: clean ## remove node_modules and .sandbox, too
	@rm -rf node_modules .sandbox
