# SPDX-License-Identifier: GPL-3.0-or-later
# Fuzz targets: tests/fuzz/NAME.c with LLVMFuzzerTestOneInput(), its seeds in tests/fuzz/corpus/NAME/.
# They are built by `make fuzz` with clang and all sanitizers into $(BUILD)-fuzz/tests/fuzz/, and run by the
# tests/fuzz/smoke test: every seed, then some seconds of new inputs each.
#
# A line `$(eval $(call fuzz,NAME,LIBRARIES))` per target; each part adds its own below.

FUZZ :=
define fuzz
FUZZ += $(1)
$(1)_FUZZ_LIBS := $(2)
endef

$(eval $(call fuzz,records,api))
$(eval $(call fuzz,csdef,model))
$(eval $(call fuzz,cscfg,model))
$(eval $(call fuzz,package,model))
$(eval $(call fuzz,net1,netd))
$(eval $(call fuzz,agent-protocol,api))
$(eval $(call fuzz,http-range,io))
$(eval $(call fuzz,os-sums,hostd))
