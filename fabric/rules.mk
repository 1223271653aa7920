# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,fabric,fabric,api base,,none))
