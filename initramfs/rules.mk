# SPDX-License-Identifier: GPL-3.0-or-later
# The guest's early boot: one static program, small because musl is.
ALL += $(BUILD)/guest-init

$(BUILD)/guest-init: initramfs/guest/main.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)musl-gcc -std=gnu17 -Os -static $(WARNINGS) -D_GNU_SOURCE -Wl,--strip-all -o $@ $<
