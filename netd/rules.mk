# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,netd,netd,api lbtable lbprobe base,libsystemd libnftnl libmnl libnl-3.0 libnl-route-3.0))
$(eval $(call program,troupe-netd,netd/netd.c,netd))
troupe-netd_INSTALL := $(PREFIX)/lib/troupe/troupe-netd
INSTALLS += netd/org.troupe.Net1.conf:$(PREFIX)/share/dbus-1/system.d/org.troupe.Net1.conf
