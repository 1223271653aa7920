# SPDX-License-Identifier: GPL-3.0-or-later
# The load generator of the rack's tests, the demo and the benches.
$(eval $(call program,troupe-load,tests/load/load.c,base))
troupe-load_INSTALL := none
