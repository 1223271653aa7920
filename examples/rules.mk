# SPDX-License-Identifier: GPL-3.0-or-later
# The examples: directories ready for `troupectl pack`, in $(BUILD)/examples. Their programs are static, as the
# guest OS has no libraries to speak of.

MUSL_CC := musl-gcc -static -std=gnu17 -O2 -Wall -Wextra -Werror -I. -D_GNU_SOURCE -pthread
GUESTBOOK := $(BUILD)/examples/guestbook
GUESTBOOK_SOURCES := $(wildcard examples/guestbook/*.[ch]) examples/guestbook/ServiceDefinition.csdef \
        examples/guestbook/ServiceConfiguration.Cloud.cscfg

# version 2 is the same application with another version number, for a swap one can see
define guestbook
ALL += $(GUESTBOOK)$(2).built
$(GUESTBOOK)$(2).built: $(GUESTBOOK_SOURCES) examples/rules.mk
	$$(call say,MUSL,$(GUESTBOOK)$(2))
	$$(Q)rm -rf $(GUESTBOOK)$(2) && mkdir -p $(GUESTBOOK)$(2)/web/site $(GUESTBOOK)$(2)/worker
	$$(Q)cp examples/guestbook/ServiceDefinition.csdef examples/guestbook/ServiceConfiguration.Cloud.cscfg $(GUESTBOOK)$(2)/
	$$(Q)$$(MUSL_CC) -DGUESTBOOK_VERSION='"$(1)"' -o $(GUESTBOOK)$(2)/web/guestbook-web examples/guestbook/web.c \
		examples/guestbook/resp.c
	$$(Q)$$(MUSL_CC) -o $(GUESTBOOK)$(2)/worker/guestbook-worker examples/guestbook/worker.c examples/guestbook/resp.c
	$$(Q)printf 'User-agent: *\nDisallow:\n' >$(GUESTBOOK)$(2)/web/site/robots.txt
	$$(Q)touch $$@
endef
$(eval $(call guestbook,1,))
$(eval $(call guestbook,2,-v2))
