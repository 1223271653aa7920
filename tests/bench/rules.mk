# SPDX-License-Identifier: GPL-3.0-or-later
# Benches that are programs; each prints its rows (tools/bench).
$(shell mkdir -p $(BUILD)/tests/bench)
$(eval $(call program,tests/bench/placement,tests/bench/placement.c,fabric))
tests/bench/placement_INSTALL := none
$(eval $(call program,tests/bench/thousand-hosts,tests/bench/thousand-hosts.c,hostd))
tests/bench/thousand-hosts_INSTALL := none
