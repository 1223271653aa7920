/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/manager.h"
#include "agent/channel.h"
#include "lib/base/log.h"
#include <fcntl.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

struct Manager {
        ManagerConfig config;
        sd_event *event;
        Channel *channel;
};
static char boot_id[64];
static void hello(Manager *m)
{
        AgentMessage message = {.type = AGENT_HELLO,
                                .hello = {.protocol = AGENT_PROTOCOL_VERSION,
                                          .agent_version = (char *) (uintptr_t) "1",
                                          .boot_id = boot_id}};
        channel_send(m->channel, &message);
}
static void on_message(void *u, AgentMessage *message)
{
        if (message->type == AGENT_HELLO)
                hello(u);
}
int manager_new(const ManagerConfig *config, Manager **ret)
{
        Manager *m = calloc(1, sizeof(*m));
        m->config = *config;
        *ret = m;
        return sd_event_new(&m->event);
}
Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;
        channel_free(m->channel);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}
int manager_startup(Manager *m)
{
        _cleanup_free_ char *path = m->config.port ? strdup(m->config.port) : NULL;
        int fd, r;

        r = path ? 0 : channel_find_port("/sys/class/virtio-ports", AGENT_PORT_NAME, &path);
        if (r < 0)
                return log_error_errno(r, "no port");
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return log_error_errno(-errno, "%s", path);
        r = channel_new(m->event, fd, on_message, m, &m->channel);
        hello(m);
        sd_notify(0, "READY=1");
        return r;
}
int manager_run(Manager *m)
{
        return sd_event_loop(m->event);
}
