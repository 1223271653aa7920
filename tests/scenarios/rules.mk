# SPDX-License-Identifier: GPL-3.0-or-later
# The driver of the stories in the directories beside it.
$(shell mkdir -p $(BUILD)/tests/scenarios)
$(eval $(call program,tests/scenarios/stories,tests/scenarios/stories.c,world))
tests/scenarios/stories_INSTALL := none
