# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,api,lib/api,base,libsystemd))
