/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Two files, `config` in the form of the channel and `state` as role_run_save() writes it. */

#include "agent/saved.h"

#include <fcntl.h>
#include <string.h>

#include "lib/api/agent-stream.h"
#include "lib/base/file.h"
#include "lib/base/str.h"

#define STATE_BYTES_MAX (4 * KIB)

static int write_file(const Saved *saved, const char *name, const char *data, size_t length)
{
        _cleanup_free_ char *path = str_printf("%s/%s", saved->directory, name);

        return path ? file_write_atomic(AT_FDCWD, path, data, length, 0600) : -ENOMEM;
}

static int read_file(const Saved *saved, const char *name, size_t max, char **ret_data,
                     size_t *ret_length)
{
        _cleanup_free_ char *path = str_printf("%s/%s", saved->directory, name);

        return path ? file_read(AT_FDCWD, path, max, ret_data, ret_length) : -ENOMEM;
}

int saved_write_config(Saved *saved, const AgentMessage *message)
{
        _cleanup_free_ char *data = NULL;
        size_t length = 0;
        int r;

        r = agent_message_encode(message, AGENT_FROM_HOST, &data, &length);
        return r < 0 ? r : write_file(saved, "config", data, length);
}

int saved_write_state(Saved *saved, const char *text)
{
        int r;

        if (str_equal(text, saved->state))
                return 0;
        r = write_file(saved, "state", text, strlen(text));
        return r < 0 ? r : str_set(&saved->state, text);
}

static int parse_config(const char *data, size_t length, AgentMessage *ret_config)
{
        AgentStream stream = {.from = AGENT_FROM_HOST};
        AgentMessage message = {};
        int r = agent_stream_next(&stream, &data, &length, &message);

        agent_stream_deinit(&stream);
        if (r != AGENT_STREAM_MESSAGE)
                return r < 0 ? r : -EINVAL;
        if (message.type != AGENT_CONFIG) {
                agent_message_deinit(&message);
                return -EINVAL;
        }
        *ret_config = message;
        return 0;
}

int saved_read(const Saved *saved, AgentMessage *ret_config, char **ret_state)
{
        _cleanup_free_ char *data = NULL, *state = NULL;
        size_t length;
        int r;

        r = read_file(saved, "config", AGENT_FROM_HOST_BYTES_MAX + 2, &data, &length);
        if (r < 0)
                return r;
        r = read_file(saved, "state", STATE_BYTES_MAX, &state, NULL);
        if (r < 0) /* both are there, or the one that is left is of no use */
                return r == -ENOENT ? -EINVAL : r;
        r = parse_config(data, length, ret_config);
        if (r < 0)
                return r;
        *ret_state = TAKE_PTR(state);
        return 0;
}

void saved_deinit(Saved *saved)
{
        free(saved->state);
        saved->state = NULL;
}
