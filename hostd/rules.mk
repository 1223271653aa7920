# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,hostd,hostd,io fabric api base model,libsystemd libvirt libcrypto))
$(eval $(call program,troupe-hostd,hostd/hostd.c,hostd))
troupe-hostd_INSTALL := $(PREFIX)/lib/troupe/troupe-hostd
