# SPDX-License-Identifier: GPL-3.0-or-later
$(eval $(call library,model,model,base,libxml-2.0 libarchive libcrypto libsystemd))
INSTALLS += model/sizes.conf:$(PREFIX)/share/troupe/sizes.conf
$(BUILD)/obj/model/sizes.o: model/sizes.conf
