# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,agent,agent,api base,libsystemd))
