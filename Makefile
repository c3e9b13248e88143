# make          build the static binaries director and director-bench; GOAMD64=v3 for that level
#               and above, PGO=off without the profile, BINARY=director.a for another name
# make demo     build the lab in network namespaces and show every way of forwarding (root)
# make test     all tests, then the linters; as root the namespace tests too
# make lint     vet, staticcheck, golangci-lint, govulncheck
# make bench        both benchmarks for the record, into bench/results (the second needs root)
# make bench-micro  how fast the data plane is on this machine, in memory: BENCHFLAGS="--cpus=2-3 --json"
# make bench-lab    how fast beside the kernel, over veth pairs (root): BENCHFLAGS="--only=^xsk --duration=5s"
# make bench-compare  two binaries in turn: A=./director.a B="./director.b --huge-pages=false" ONLY='/hit/'
# make paper        the LVS paper's evaluation, taken again into bench/report (root, an hour): BENCHFLAGS="--price=1000"
# make paper-deps   install what it compares with: Apache, nginx, HAProxy, httperf, wrk, ...
# make report       draw the evaluation again from the data in bench/report
# make pgo      take the profile that the compiler goes by from then on: cmd/director/default.pgo
# make scale    a director with ten thousand services: start, changes, listings, memory, end (root)
# make soak     change and ask a director for an hour, and see that it comes to rest (root): DURATION=10m
# make bench-once   every Go benchmark once, to see that it works
# make mutate   plant faults in the short way of a packet, one at a time: the tests must find
#               each (an hour): make mutate ONLY='^tunnel'
# make fuzz     each fuzz target for a while: make fuzz FUZZTIME=5m
# make install, make deb, make release, make package-test   see packaging/install.mk
# make generate compile the BPF programs again (needs clang, llvm and libbpf-dev)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: build build-director build-bench demo test test-deps paper-deps paper unit lint vuln bench bench-micro bench-lab bench-compare report scale soak pgo bench-once mutate fuzz generate generated

FUZZTIME ?= 10s
BENCHFLAGS ?=
BINARY ?= director
BENCH = $(dir $(BINARY))director-bench
PGO ?= auto
# Not LDFLAGS, which builders of distributions set for the C linker.
GO_LDFLAGS ?=
# Whether the commit and the tag are stamped: auto, unless GOFLAGS forbids it. A release
# must have them.
GO_VCS ?=
A ?= ./director.a
B ?= ./director.b
ONLY ?=

# The go command stamps the commit into the binary, and fails where git refuses
# to read the repository (another user's, or an unpacked archive).
ifneq ($(shell git status >/dev/null 2>&1 && echo ok),ok)
export GOFLAGS += -buildvcs=false
endif

# Tests would need everything compiled once more with the profile, a minute's
# work, and find nothing else.
unit lint vuln bench-once: export GOFLAGS += -pgo=off

# The level of the instruction set is the go command's own variable.
ifdef GOAMD64
export GOAMD64
endif

build: build-director build-bench

# -pgo=auto takes cmd/director/default.pgo if it is there.
build-director:
	CGO_ENABLED=0 go build -trimpath -pgo=$(PGO) $(GO_VCS:%=-buildvcs=%) -ldflags='$(GO_LDFLAGS)' -o $(BINARY) ./cmd/director

# "director bench" finds it in the directory of director.
build-bench:
	CGO_ENABLED=0 go build -trimpath -pgo=off $(GO_VCS:%=-buildvcs=%) -ldflags='$(GO_LDFLAGS)' -o $(BENCH) ./cmd/director-bench

demo: build-director
	./$(BINARY) demo

test: unit lint

# Other people's programs that tests drive, each as COMMAND:PACKAGE, and the C
# compiler that the race detector needs; nothing else here does. With them come
# services that Debian would start, now and at each boot, unless it is told not to.
TESTDEPS = gcc:gcc curl:curl vsftpd:vsftpd nginx:nginx-light ldirectord:ldirectord ipvsadm:ipvsadm \
	clang:clang llvm-strip:llvm nft:nftables httperf:httperf wrk:wrk haproxy:haproxy apache2:apache2 tshark:tshark promtool:prometheus chromium:chromium man:man-db systemd-analyze:systemd
# The stream module and the headers for BPF programs have no command.
NGINXSTREAM = /usr/lib/nginx/modules/ngx_stream_module.so
LIBBPF = /usr/include/bpf/bpf_helpers.h
TESTDAEMONS = vsftpd nginx haproxy apache2 ldirectord ipvsadm prometheus

# The evaluation compares with nothing that the tests do not drive as well.
paper-deps: test-deps

test-deps:
	@PATH=$$PATH:/usr/sbin:/sbin; packages=; \
	for d in $(TESTDEPS); do command -v $${d%:*} >/dev/null || packages="$$packages $${d#*:}"; done; \
	packages=$${packages/ gcc/ gcc libc6-dev}; \
	[ -e $(NGINXSTREAM) ] || packages="$$packages libnginx-mod-stream"; \
	[ -e $(LIBBPF) ] || packages="$$packages libbpf-dev"; \
	if [ -z "$$packages" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "not installed:$$packages: without gcc the tests run without the race detector, others are skipped"; exit 0; \
	fi; \
	services=; for s in $(TESTDAEMONS); do command -v $$s >/dev/null || services="$$services $$s"; done; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
		trap "rm -f $$policy" EXIT; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; \
	fi; \
	apt-get update -q && \
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove $$packages </dev/null || \
		echo "not installed:$$packages: see above; what needs them is skipped"; \
	for s in $$services; do \
		if command -v systemctl >/dev/null && command -v $$s >/dev/null; then systemctl disable --quiet $$s; fi; \
	done

# Everything once with the race detector. Packages that work with network
# namespaces or measure run one at a time, because they drive both CPUs; the
# others keep each other's compiler and linker company. Under the detector an
# allocation count means little and tables lie on the Go heap: packages that care
# run a second time without it, and with them every benchmark once. The go
# command need not vet here what "make lint" vets more fully.
ALONE = director/(internal/(lab|nettest)|bench/micro)
unit: test-deps
	@race=; if command -v gcc >/dev/null; then race=-race; fi; \
	strict=; if [ "$$(id -u)" = 0 ] || [ "$${CI:-}" = true ]; then strict=-strict; fi; \
	with() { grep -rlE --include="$$1" "$$2" . | xargs -n1 dirname | sort -u; }; \
	plain=$$(with '*.go' 'AllocsPerRun|^//go:build .*race'); \
	bench=$$(with '*_test.go' '^func Benchmark' | grep -vxF "$$plain"); \
	alone=$$(go list -f '{{.ImportPath}} {{.Deps}} {{.TestImports}} {{.XTestImports}}' ./... | grep -E '$(ALONE)' | cut -d' ' -f1); \
	together=$$(go list ./... | grep -vxF "$$alone"); \
	test() { go test -json -vet=off -count=1 -timeout=20m "$$@" || true; }; \
	go build $$race ./...; \
	{ test $$race $$together; \
	  test $$race -p=1 $$alone; \
	  test -p=1 -bench=. -benchtime=1x $$plain; \
	  test -p=1 -bench=. -benchtime=1x -run='^$$' $$bench; \
	} | go run ./internal/house/summary $$strict

lint: vuln generated
	go vet ./...
	go vet -tags manual ./cmd/...
	CGO_ENABLED=0 GOARCH=arm64 go vet ./...
	CGO_ENABLED=0 GOOS=darwin go build -o /dev/null ./cmd/director
	CGO_ENABLED=0 GOOS=darwin go vet ./cmd/director
	go tool staticcheck ./...
	go tool -modfile=tools/go.mod golangci-lint run ./...

# A check that could not be made is not a failure, but it is not silent either.
vuln:
	@if report=$$(go tool govulncheck ./... 2>&1); then echo "$$report"; \
	elif [[ $$report == *"fetching vulnerabilities:"* ]]; then \
		echo "NOT CHECKED for known vulnerabilities, the database is out of reach: $$report"; \
	else echo "$$report"; exit 1; fi

# The go command stamps no commit in a linked work tree, or where GOFLAGS forbids
# it; what was built just now is known nevertheless.
bench: build-director
	./$(BINARY) bench record --out=bench/results \
		--commit="$$(git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null)" $(BENCHFLAGS)

bench-micro: build-director
	./$(BINARY) bench micro $(BENCHFLAGS)

bench-lab: build-director
	./$(BINARY) bench lab $(BENCHFLAGS)

# The values go to the shell as they are: make would take a $$ in them for a variable.
bench-compare:
	go run ./bench/compare --a='$(value A)' --b='$(value B)' --only='$(value ONLY)' $(BENCHFLAGS)

# An interrupted run goes on where it ended; remove the CSV to begin another.
paper: build paper-deps
	./$(BINARY) bench paper --suite=bench/paper/suite.flags --out=bench/report \
		--commit="$$(git describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null)" $(BENCHFLAGS)

report: build
	./$(BINARY) bench paper --report-only --out=bench/report $(BENCHFLAGS)

# Each service with an address of its own, then a hundred services at each address.
scale: build
	first=0; ./$(BINARY) bench scale $(BENCHFLAGS) || first=$$?; echo; \
	./$(BINARY) bench scale --addresses=100 $(BENCHFLAGS) && exit $$first

DURATION ?= 1h
soak: build
	./$(BINARY) bench scale --soak=$(DURATION) --services=100 --servers=10 $(BENCHFLAGS)

# What the workers do in rows of all kinds, few flows and many; the rest of the
# benchmark is cut off, and so are the labels.
PGOROWS = ^(nat-in|nat-reply|dr|tun)/(hit|new)/(1k|1M)$$
pgo: build-director
	./$(BINARY) bench micro --only='$(PGOROWS)' --cpuprofile=director.pprof $(BENCHFLAGS)
	go tool pprof -proto -focus='dataplane\.\(\*Worker\)\.Step$$' -ignore='micro\.\(\*port\)' -taghide=. -output=cmd/director/default.pgo $(BINARY) director.pprof
	rm director.pprof

# A test binary is linked for nothing where there is no benchmark.
bench-once:
	go test -run '^$$' -bench . -benchtime 1x -p=1 -timeout=10m \
		$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)

mutate:
	go run ./internal/house/mutate -only='$(value ONLY)'

fuzz:
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func / /' | sort | \
	while read -r file name; do \
		echo "$$name in $$(dirname "$$file"), $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
	done

# The version of clang that compiled the objects in the repository: other versions
# may compile the same sources to other code. Change it together with the objects.
CLANG = clang version 14.0.6
generate:
	go generate ./...

# The objects in the repository must be those of the sources beside them.
generated:
	@found="$$(clang --version 2>/dev/null | grep -o 'clang version [0-9.]*' || true)"; \
	if [ "$$found" != "$(CLANG)" ] || [ ! -e $(LIBBPF) ]; then \
		echo "NOT CHECKED whether the BPF objects are up to date: that needs $(CLANG), llvm and libbpf-dev, found: $${found:-no clang}"; exit 0; \
	fi; \
	sums() { find . -name '*_bpfel.*' -exec sha256sum {} + | sort -k2; }; \
	before=$$(sums); go generate ./...; after=$$(sums); \
	diff <(echo "$$before") <(echo "$$after") || { echo "these BPF objects were not up to date: commit what was generated now"; exit 1; }

include packaging/install.mk
