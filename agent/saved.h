/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* What must survive the agent: the configuration as it came, and the state of the role's run. Both
 * are replaced atomically, in a directory on a tmpfs: they do not survive the guest's reboot, and
 * then everything begins anew. */

#include "lib/api/agent-protocol.h"

typedef struct Saved {
        const char *directory; /* borrowed */
        char *state;           /* as it was last written */
} Saved;

/**
 * saved_write_config() - Keep the configuration
 * @saved:   where
 * @message: AGENT_CONFIG
 *
 * Return: 0; -ENOMEM; a negative errno of the file.
 */
int saved_write_config(Saved *saved, const AgentMessage *message);

/**
 * saved_write_state() - Keep the state of the role's run
 * @saved: where
 * @text:  one line; nothing is written when it is what was written last
 *
 * Return: 0; -ENOMEM; a negative errno of the file.
 */
int saved_write_state(Saved *saved, const char *text);

/**
 * saved_read() - Read what an earlier agent has kept
 * @saved:       where
 * @ret_config:  AGENT_CONFIG; agent_message_deinit() frees it
 * @ret_state:   owned
 *
 * Return: 0; -ENOENT when there was none; -EINVAL when it is not whole; -ENOMEM; a negative errno
 * of the files. On anything but 0 nothing is to be freed.
 */
int saved_read(const Saved *saved, AgentMessage *ret_config, char **ret_state);

/** saved_deinit() - Free what it holds; the files stay */
void saved_deinit(Saved *saved);
