# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,agent,agent,io api base,libsystemd))
$(eval $(call program,troupe-agent,agent/agent.c,agent))
# It belongs into the guest, where image/guest/build puts it.
troupe-agent_INSTALL := none
