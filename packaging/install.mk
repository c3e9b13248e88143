# Installing, and packages; the Makefile includes it.
#
# make install    below $(DESTDIR)$(PREFIX), and a flags file in $(DESTDIR)/etc unless there is one
# make uninstall  removes what install put there, except for the flags file
# make deb        the Debian packages director and director-bench in build/: DEB_VERSION,
#                 DEB_MAINTAINER, GOARCH=arm64
# make package-test  builds the packages, checks their content, and installs them below a directory (root)

.PHONY: build/manual build/manual-bench install install-director install-bench uninstall deb stage package-test

PREFIX ?= /usr/local
DESTDIR ?=
SBIN = $(DESTDIR)$(PREFIX)/sbin
LIB = $(DESTDIR)$(PREFIX)/lib/director
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERS = $(DESTDIR)$(PREFIX)/lib/sysusers.d
MAN = $(DESTDIR)$(PREFIX)/share/man/man8
DOC = $(DESTDIR)$(PREFIX)/share/doc/director
BASH = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCUMENTS = README.md ARCHITECTURE.md CHANGELOG.md docs

# The last tag and the commit, or only the commit. Versions of Debian begin with a digit.
DEB_VERSION ?= $(or $(patsubst v%,%,$(shell git describe --tags --match='v[0-9]*' 2>/dev/null)),0.0.0~$(or $(shell git log -1 --format=%cd.%h --date=format:%Y%m%d 2>/dev/null),unknown))
DEB_MAINTAINER ?= $(or $(shell git config user.name 2>/dev/null),director) <$(or $(shell git config user.email 2>/dev/null),root@localhost)>
DEB_ARCH = $(or $(GOARCH),$(shell go env GOARCH))
SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct 2>/dev/null)

# Man pages and completions. Programs that are built with the tag manual write them to
# MANUAL. The building machine runs these programs, so GOOS and GOARCH are not used.
MANUAL = build/manual
MANUALS = GOARCH= GOOS= CGO_ENABLED=0 go run -pgo=off -tags manual

build/manual:
	rm -rf $(MANUAL)/director
	$(MANUALS) ./cmd/director $(MANUAL)/director

build/manual-bench:
	rm -rf $(MANUAL)/director-bench
	$(MANUALS) ./cmd/director-bench $(MANUAL)/director-bench

# Installs the man pages and completions of $(1).
define install-manual
install -d $(MAN) $(BASH) $(ZSH) $(FISH)
for p in $(MANUAL)/$(1)/man8/*.8; do gzip -9nc $$p >$(MAN)/$${p##*/}.gz && chmod 644 $(MAN)/$${p##*/}.gz; done
install -m 644 $(MANUAL)/$(1)/bash/$(1) $(BASH)/$(1)
install -m 644 $(MANUAL)/$(1)/zsh/_$(1) $(ZSH)/_$(1)
install -m 644 $(MANUAL)/$(1)/fish/$(1).fish $(FISH)/$(1).fish
endef

install: install-director install-bench

install-bench: build-bench build/manual-bench
	install -d $(SBIN)
	install -m 755 $(BENCH) $(SBIN)/director-bench
	$(call install-manual,director-bench)

install-director: build-director build/manual
	install -d $(SBIN) $(LIB) $(UNITS) $(SYSUSERS) $(DOC)/examples
	install -m 755 $(BINARY) $(SBIN)/director
	ln -sf director $(SBIN)/ipvsadm
	install -m 755 packaging/scripts/ipvsadm-save packaging/scripts/ipvsadm-restore $(SBIN)
	install -m 755 packaging/scripts/director-stop $(LIB)
	sed 's|/usr/sbin/|$(PREFIX)/sbin/|; s|/usr/lib/director/|$(PREFIX)/lib/director/|' packaging/director.service >build/director.service
	install -m 644 build/director.service $(UNITS)/director.service
	install -m 644 packaging/sysusers.conf $(SYSUSERS)/director.conf
	$(call install-manual,director)
	cp -R $(DOCUMENTS) $(DOC)
	rm -f $(DOC)/docs/*.go
	install -m 644 LICENSE $(DOC)/copyright
	install -m 644 packaging/director.flags packaging/pin-interrupts.conf $(DOC)/examples
	chmod -R u=rwX,go=rX $(DOC)
	install -d $(DESTDIR)/etc/director
	if [ ! -e $(DESTDIR)/etc/director/director.flags ]; then \
		install -m 644 packaging/director.flags $(DESTDIR)/etc/director/director.flags; fi

uninstall:
	rm -f $(SBIN)/director $(SBIN)/director-bench $(SBIN)/ipvsadm $(SBIN)/ipvsadm-save $(SBIN)/ipvsadm-restore
	rm -rf $(LIB)
	rm -f $(UNITS)/director.service $(SYSUSERS)/director.conf
	rm -f $(MAN)/director.8.gz $(MAN)/director-*.8.gz $(MAN)/ipvsadm.8.gz $(MAN)/ipvsadm-*.8.gz
	rm -f $(BASH)/director $(ZSH)/_director $(FISH)/director.fish
	rm -f $(BASH)/director-bench $(ZSH)/_director-bench $(FISH)/director-bench.fish
	rm -rf $(DOC)

stage: export GOOS = linux
stage:
	rm -rf build/root build/root-bench
	$(MAKE) install-director DESTDIR=build/root PREFIX=/usr BINARY=build/director
	$(MAKE) install-bench DESTDIR=build/root-bench PREFIX=/usr BINARY=build/director

deb: export DEB_VERSION := $(DEB_VERSION)
deb: export DEB_MAINTAINER := $(DEB_MAINTAINER)
deb: export DEB_ARCH := $(DEB_ARCH)
deb: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
deb: stage
	rm -f build/director_*_$(DEB_ARCH).deb build/director-bench_*_$(DEB_ARCH).deb
	for c in packaging/nfpm.yaml packaging/nfpm-bench.yaml; do \
		GOARCH= GOOS= go tool -modfile=tools/nfpm.mod nfpm package --config $$c --packager deb --target build/; done

package-test: deb
	go vet -tags deb ./packaging
	go test -tags deb -count=1 ./packaging
