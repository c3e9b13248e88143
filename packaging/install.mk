# Installing, and packages; the Makefile includes it.
#
# make install    below $(DESTDIR)$(PREFIX), and a flags file in $(DESTDIR)/etc unless there is one
# make uninstall  removes what install put there, except for the flags file
# make deb        the Debian packages director and director-bench in build/: DEB_VERSION,
#                 DEB_MAINTAINER, GOARCH=arm64
# make release    what is published for a tag: packages, archives, SBOMs and hashes in
#                 build/release; RELEASE=v0.1.0 rehearses it without a tag
# make package-test  builds the packages, checks their content, also by lintian, and installs
#                 them below a directory (root)

.PHONY: build/manual build/manual-bench install install-director install-bench uninstall deb stage release package-test

PREFIX ?= /usr/local
DESTDIR ?=
SBIN = $(DESTDIR)$(PREFIX)/sbin
LIB = $(DESTDIR)$(PREFIX)/lib/director
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERS = $(DESTDIR)$(PREFIX)/lib/sysusers.d
MAN = $(DESTDIR)$(PREFIX)/share/man
DOC = $(DESTDIR)$(PREFIX)/share/doc/director
LICENSES = third-party-licenses.gz
BASH = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
DOCUMENTS = README.md ARCHITECTURE.md CHANGELOG.md docs

# The last tag and the commits since then: v0.1.0-5-gabc is 0.1.0+5.gabc, which is newer than
# 0.1.0, and v0.2.0-rc.1 is 0.2.0~rc.1, which is older than 0.2.0. Without a tag it is
# a version before the first release.
to-debian = sed -E 's/^v//; s/-([0-9]+)-(g[0-9a-f]+)$$/+\1.\2/; s/-/~/'
DEB_VERSION ?= $(or $(shell git describe --tags --match='v[0-9]*' 2>/dev/null | $(to-debian)),0.1.0~$(or $(shell git log -1 --format=%cd.%h --date=format:%Y%m%d 2>/dev/null),unknown))
# The author of the commit, so that everybody builds the same package.
DEB_MAINTAINER ?= $(or $(shell git log -1 --format='%an <%ae>' 2>/dev/null),director <director@example.org>)
DEB_ARCH = $(or $(GOARCH),$(shell go env GOARCH))
SOURCE_DATE_EPOCH = $(or $(shell git log -1 --format=%ct 2>/dev/null),0)

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
install -d $(BASH) $(ZSH) $(FISH)
cd $(MANUAL)/$(1); for p in man*/*; do install -d $(abspath $(MAN))/$${p%/*}; gzip -9nc $$p >$(abspath $(MAN))/$$p.gz; chmod 644 $(abspath $(MAN))/$$p.gz; done
install -m 644 $(MANUAL)/$(1)/bash/* $(BASH)
install -m 644 $(MANUAL)/$(1)/zsh/* $(ZSH)
install -m 644 $(MANUAL)/$(1)/fish/* $(FISH)
endef

# Writes the software bill of materials of the program $(1) to $(2).
define write-sbom
GOARCH= GOOS= CGO_ENABLED=0 go run -pgo=off ./packaging/sbom $(1) >$(2)
endef

# Writes the licenses of the modules that the program $(1) is built from to $(2).
define write-licenses
GOARCH= GOOS= CGO_ENABLED=0 go run -pgo=off ./packaging/licenses $(1) | gzip -9nc >$(2)
endef

# Writes the changelog of the package $(1) to $(2). "make deb" exports the variables.
define write-changelog
GOARCH= GOOS= CGO_ENABLED=0 go run -pgo=off ./packaging/changelog $(1) "$$DEB_VERSION" "$$DEB_MAINTAINER" "$$SOURCE_DATE_EPOCH" <CHANGELOG.md | gzip -9nc >$(2)
endef

install: install-director install-bench

install-bench: build-bench build/manual-bench
	install -d $(SBIN) $(DOC)-bench
	install -m 755 $(BENCH) $(SBIN)/director-bench
	$(call write-licenses,$(BENCH),$(DOC)-bench/$(LICENSES))
	chmod -R u=rwX,go=rX $(DOC)-bench
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
	install -m 644 LICENSE $(DOC)
	$(call write-licenses,$(BINARY),$(DOC)/$(LICENSES))
	$(call write-sbom,$(BINARY),$(DOC)/director.cdx.json)
	install -m 644 packaging/director.flags packaging/pin-interrupts.conf $(DOC)/examples
	chmod -R u=rwX,go=rX $(DOC)
	install -d $(DESTDIR)/etc/director
	if [ ! -e $(DESTDIR)/etc/director/director.flags ]; then \
		install -m 644 packaging/director.flags $(DESTDIR)/etc/director/director.flags; fi

uninstall:
	rm -f $(SBIN)/director $(SBIN)/director-bench $(SBIN)/ipvsadm $(SBIN)/ipvsadm-save $(SBIN)/ipvsadm-restore
	rm -rf $(LIB)
	rm -f $(UNITS)/director.service $(SYSUSERS)/director.conf
	rm -f $(MAN)/man7/director.7.gz
	rm -f $(MAN)/man8/director.8.gz $(MAN)/man8/director-*.8.gz $(MAN)/man8/ipvsadm.8.gz $(MAN)/man8/ipvsadm-*.8.gz
	for p in director director-bench ipvsadm; do rm -f $(BASH)/$$p $(ZSH)/_$$p $(FISH)/$$p.fish; done
	rm -rf $(DOC) $(DOC)-bench

# What is published has no symbol table and no DWARF. Stack traces and CPU profiles name
# functions and lines all the same, because Go has a table of its own for them. Only perf
# and debuggers need the binaries that "make" builds.
stage: export GOOS = linux
stage: export GO_LDFLAGS = -s -w
stage:
	rm -rf build/root build/root-bench
	$(MAKE) install-director DESTDIR=build/root PREFIX=/usr BINARY=build/director
	rm build/root/usr/share/doc/director/LICENSE
	$(MAKE) install-bench DESTDIR=build/root-bench PREFIX=/usr BINARY=build/director

deb: export DEB_VERSION := $(DEB_VERSION)
deb: export DEB_MAINTAINER := $(DEB_MAINTAINER)
deb: export DEB_ARCH := $(DEB_ARCH)
deb: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
deb: stage
	rm -f build/director_*_$(DEB_ARCH).deb build/director-bench_*_$(DEB_ARCH).deb
	for p in director director-bench; do $(call write-changelog,$$p,build/$$p.changelog.gz); done
	for c in packaging/nfpm.yaml packaging/nfpm-bench.yaml; do \
		GOARCH= GOOS= go tool -modfile=tools/nfpm.mod nfpm package --config $$c --packager deb --target build/; done

# The version is that of the tag at HEAD. The go command stamps it into the binaries.
RELEASE ?= $(shell git describe --exact-match --tags --match='v[0-9]*' 2>/dev/null)
RELEASE_DIR = build/release
RELEASE_ARCHS = amd64 arm64
release:
	@[ -n "$(RELEASE)" ] || { echo "HEAD has no tag v…: git tag -a v0.1.0 -m v0.1.0"; exit 1; }
	@[ -z "$$(git status --porcelain)" ] || { echo "commit everything first: the release is built from HEAD"; exit 1; }
	@grep -q '^## $(RELEASE:v%=%) - ' CHANGELOG.md || { echo "CHANGELOG.md has no section \"## $(RELEASE:v%=%) - DATE\""; exit 1; }
	rm -rf $(RELEASE_DIR) && mkdir -p $(RELEASE_DIR)
	tagged=$$(git tag --points-at=HEAD --list '$(RELEASE)'); \
	for arch in $(RELEASE_ARCHS); do \
		$(MAKE) deb GOARCH=$$arch DEB_VERSION=$$(echo $(RELEASE) | $(to-debian)) GO_VCS=true; \
		version=$$(go version -m build/director | sed -n 's/^\tmod\tdirector\t\([^\t]*\).*/\1/p'); \
		[ -z "$$tagged" ] || [ "$$version" = "$(RELEASE)" ] || { echo "build/director has the version $$version, not $(RELEASE)"; exit 1; }; \
		mv build/director_*_$$arch.deb build/director-bench_*_$$arch.deb $(RELEASE_DIR); \
		$(MAKE) archive ARCHIVE=director-$(RELEASE)-linux-$$arch; \
	done
	cd $(RELEASE_DIR) && sha256sum * >SHA256SUMS

# What "make stage" has installed and the license, as one archive, and the SBOMs beside it.
TAR = tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@$(SOURCE_DATE_EPOCH) --transform='s,^\.,$(ARCHIVE),'
.PHONY: archive
archive:
	for p in director director-bench; do \
		$(call write-sbom,build/$$p,$(RELEASE_DIR)/$$p-$(ARCHIVE:director-%=%).cdx.json); done
	$(TAR) -C build/root -cf build/$(ARCHIVE).tar .
	$(TAR) -C build/root-bench -rf build/$(ARCHIVE).tar .
	$(TAR) -rf build/$(ARCHIVE).tar ./LICENSE
	gzip -9nc build/$(ARCHIVE).tar >$(RELEASE_DIR)/$(ARCHIVE).tar.gz && rm build/$(ARCHIVE).tar

# Lintian looks at each package alone, as whoever gets only one of them sees it.
package-test: deb
	@command -v lintian >/dev/null || { echo "lintian is not installed: apt-get install lintian"; exit 1; }
	go vet -tags deb ./packaging
	go test -tags deb -count=1 ./packaging
	for p in build/director_*_$(DEB_ARCH).deb build/director-bench_*_$(DEB_ARCH).deb; do \
		lintian --allow-root --tag-display-limit=0 --fail-on=error,warning $$p; done
