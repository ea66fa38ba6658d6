# The front door. Behind it: CMake presets and Ninja, tools/run-tests, tools/*.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BUILD_PACKAGES := gcc:gcc libc6-dev cmake:cmake ninja:ninja-build pkg-config:pkgconf libuv1-dev \
	libpcre2-dev libsodium-dev libssl-dev libcjson-dev zlib1g-dev
DOC_PACKAGES   := scdoc:scdoc
TEST_PACKAGES  := $(DOC_PACKAGES) libcmocka-dev clang-16:clang-16 libclang-rt-16-dev \
	llvm-profdata-16:llvm-16 clang-format:clang-format uftrace:uftrace /usr/bin/python3:python3 \
	python3-pika python3-amqp python3-kombu python3-celery python3-stomp python3-paho-mqtt \
	mosquitto_sub:mosquitto-clients \
	amqp-publish:amqp-tools go:golang-go golang-github-rabbitmq-amqp091-go-dev \
	javac:default-jdk-headless librabbitmq-client-java npm:npm openssl:openssl \
	mosquitto_passwd:mosquitto
BENCH_PACKAGES := rabbitmq-server

JOBS      ?= $(shell nproc)
SEEDS     ?= 1000
FUZZ_SECS ?= 30
PREFIX    ?= /usr/local
RELEASE   := build/release
# What ThreadSanitizer watches; of the tests tools/run-tests takes the same ones.
WITH_THREADS := godwitd godwit tests_base tests_node tests_io

# $(call build,PRESET,TARGETS): configures and builds; where nobody looks, it says only what goes
# wrong.
define build
	@mkdir -p build && cmake --preset $(1) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }
	@ninja -C build/$(1) -j $(JOBS) $(if $(MAKE_TERMOUT),,--quiet) $(2)
endef

.PHONY: help run build test check bench sim walk fuzz coverage soak fmt docs install clean \
	build-packages test-packages

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: build-packages ## builds the broker and starts it (ARGS="--set key=value")
	$(call build,release,godwitd godwit)
	@exec $(RELEASE)/godwitd $(ARGS)

build: build-packages ## build/release/godwitd, godwit and godwit-sim
	$(call build,release,programs)

test: test-packages ## every test; T="words" runs those with a word in their name
	$(call build,dev,all)
	$(call build,asan,tests programs)
	$(call build,tsan,$(WITH_THREADS))
	$(call build,release,programs)
	$(call build,clang,all)
	@test/lib/authority.py # the certificates of tests
	@tools/run-tests $(T)

check: test-packages ## floors, purity, tidy and the format
	$(call build,dev,all)
	@tools/floors.py && tools/purity.sh build/dev && tools/tidy.py --build build/dev && \
		tools/format.sh --check

bench: build ## CPU per message, beside RabbitMQ and the machine's floor
	@tools/need $(BENCH_PACKAGES) /usr/bin/python3:python3
	@bench/run --release $(RELEASE) $(ARGS)

sim: build ## SEEDS=n runs of the simulator
	@$(RELEASE)/godwit-sim --seeds $(SEEDS)

walk: build test-packages ## the calls of one durable message, against their budget
	@tools/walk $(RELEASE)

fuzz: test-packages ## each fuzz target for FUZZ_SECS=n seconds; new inputs join its corpus
	$(call build,fuzz,tests)
	@tools/fuzz build/fuzz $(FUZZ_SECS)

coverage: test-packages ## which lines the tests run; build/coverage/html has them
	@tools/need gcovr:gcovr
	$(call build,coverage,tests programs)
	@tools/coverage build/coverage

soak: build test-packages ## ten million messages in 1 GiB; 100,000 queues and other rows of scale
	@test/soak/run-soak $(RELEASE) && test/soak/run-scale $(RELEASE)

fmt: test-packages ## formats the C files
	@tools/format.sh

docs: build-packages ## the manual pages, into build/man
	@tools/need $(DOC_PACKAGES)
	@tools/manual.py build/man

install: build docs ## into DESTDIR and PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man
	install -m 755 $(RELEASE)/godwitd $(RELEASE)/godwit $(DESTDIR)$(PREFIX)/bin
	cp -R build/man/. $(DESTDIR)$(PREFIX)/share/man/

clean: ## removes build/
	rm -rf build

build-packages:
	@tools/need $(BUILD_PACKAGES)

test-packages: build-packages
	@tools/need $(TEST_PACKAGES)
