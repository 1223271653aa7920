# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,ctl,ctl,base model,libsystemd))
$(eval $(call program,troupectl,ctl/ctl.c,ctl))
