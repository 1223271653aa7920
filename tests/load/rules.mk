# SPDX-License-Identifier: GPL-3.0-or-later
# Load generators of the rack's tests, the demo and the benches; they are not installed.
$(eval $(call program,troupe-load,tests/load/load.c,base))
troupe-load_INSTALL := none
$(eval $(call program,troupe-bus-latency,tests/load/bus-latency.c,base))
troupe-bus-latency_INSTALL := none
troupe-bus-latency_LDLIBS := -lsystemd
