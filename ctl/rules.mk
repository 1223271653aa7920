# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,ctl,ctl,base model,libsystemd))
$(eval $(call program,troupectl,ctl/ctl.c,ctl))
INSTALLS += ctl/completion/troupectl:$(PREFIX)/share/bash-completion/completions/troupectl
INSTALLS += $(foreach m,$(wildcard docs/man/*),$(m):$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
