# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,watchdog,watchdog,api base,libsystemd))
$(eval $(call program,troupe-watchdog,watchdog/watchdog.c,watchdog))
troupe-watchdog_INSTALL := $(PREFIX)/lib/troupe/troupe-watchdog
INSTALLS += watchdog/org.troupe.Watchdog1.conf:$(PREFIX)/share/dbus-1/system.d/org.troupe.Watchdog1.conf
