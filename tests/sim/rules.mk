# SPDX-License-Identifier: GPL-3.0-or-later
# The world on virtual time, and the simulator that throws faults at it.
$(shell mkdir -p $(BUILD)/tests/sim)
$(eval $(call library,world,tests/sim,fabric api base,,tests/sim/simulator.c))
$(eval $(call program,tests/sim/simulator,tests/sim/simulator.c,world))
tests/sim/simulator_INSTALL := none
