# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,lbtable,lb,base,))
$(eval $(call library,lbprobe,lb/prober,base,libsystemd,none))
