/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The channel to hostd. The port is watched edge-triggered: a virtio-serial port without a host at
 * its other end is permanently "hung up" to poll(), and a level-triggered watch would spin. Each
 * wake-up therefore reads and writes until the kernel has no more. */

#include "agent/channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "lib/api/agent-stream.h"
#include "lib/base/file.h"

#define READ_BYTES      (16 * KIB)
#define PORT_NAME_MAX   256
#define READS_EACH_WAKE 64 /* then other events have their turn */

struct Channel {
        int fd;
        sd_event_source *io;
        ChannelHandler *handler;
        void *userdata;
        AgentStream stream;
        char *queue; /* n_queue bytes, of which the first n_sent are gone */
        size_t n_queue, n_sent;
};

int channel_find_port(const char *sysfs, const char *name, char **ret_path)
{
        DIR *dir = opendir(sysfs);
        struct dirent *entry;
        int r = -ENOENT;

        if (!dir)
                return -ENOENT;
        while (r == -ENOENT && (entry = readdir(dir))) {
                _cleanup_free_ char *path = NULL, *text = NULL;

                if (!str_after(entry->d_name, "vport"))
                        continue;
                path = str_printf("%s/%s/name", sysfs, entry->d_name);
                if (!path)
                        r = -ENOMEM;
                else if (file_read(AT_FDCWD, path, PORT_NAME_MAX, &text, NULL) == 0) {
                        text[strcspn(text, "\n")] = '\0';
                        if (!str_equal(text, name))
                                continue;
                        *ret_path = str_printf("/dev/%s", entry->d_name);
                        r = *ret_path ? 0 : -ENOMEM;
                }
        }
        closedir(dir);
        return r;
}

static void channel_flush(Channel *channel)
{
        while (channel->n_sent < channel->n_queue) {
                ssize_t n = write(channel->fd, channel->queue + channel->n_sent,
                                  channel->n_queue - channel->n_sent);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                channel->n_sent += (size_t) n;
        }
        if (channel->n_sent > 0)
                memmove(channel->queue, channel->queue + channel->n_sent,
                        channel->n_queue - channel->n_sent);
        channel->n_queue -= channel->n_sent;
        channel->n_sent = 0;
        if (channel->n_queue == 0) {
                free(channel->queue);
                channel->queue = NULL;
        }
}

static void channel_take(Channel *channel, const char *data, size_t length)
{
        AgentMessage message;
        int r;

        while ((r = agent_stream_next(&channel->stream, &data, &length, &message)) != 0)
                if (r == AGENT_STREAM_MESSAGE) {
                        channel->handler(channel->userdata, &message);
                        agent_message_deinit(&message);
                }
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Channel *channel = userdata;
        char data[READ_BYTES];

        for (unsigned i = 0; i < READS_EACH_WAKE; i++) {
                ssize_t n = read(fd, data, sizeof(data));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0) /* the host has gone: what it had begun to say is void */
                        agent_stream_deinit(&channel->stream);
                if (n <= 0) {
                        channel_flush(channel);
                        return 0;
                }
                channel_take(channel, data, (size_t) n);
        }
        /* Re-arming makes the kernel say again that there is more. */
        return sd_event_source_set_io_events(source, EPOLLIN | EPOLLOUT | EPOLLET);
}

int channel_new(sd_event *event, int fd, ChannelHandler *handler, void *userdata,
                Channel **ret_channel)
{
        _cleanup_(channel_freep) Channel *channel = calloc(1, sizeof(*channel));
        int r;

        if (!channel) {
                fd_close(fd);
                return -ENOMEM;
        }
        *channel = (Channel) {.fd = fd,
                              .handler = handler,
                              .userdata = userdata,
                              .stream = {.from = AGENT_FROM_HOST}};
        r = sd_event_add_io(event, &channel->io, fd, EPOLLIN | EPOLLOUT | EPOLLET, on_io, channel);
        if (r < 0)
                return r;
        *ret_channel = TAKE_PTR(channel);
        return 0;
}

Channel *channel_free(Channel *channel)
{
        if (!channel)
                return NULL;
        sd_event_source_disable_unref(channel->io);
        agent_stream_deinit(&channel->stream);
        free(channel->queue);
        fd_close(channel->fd);
        free(channel);
        return NULL;
}

int channel_send(Channel *channel, const AgentMessage *message)
{
        _cleanup_free_ char *data = NULL;
        size_t length = 0;
        char *queue;
        int r;

        r = agent_message_encode(message, AGENT_FROM_GUEST, &data, &length);
        if (r < 0)
                return r;
        if (length > channel_room(channel))
                channel_flush(channel);
        if (length > channel_room(channel))
                return -ENOBUFS;
        queue = realloc(channel->queue, channel->n_queue + length);
        if (!queue)
                return -ENOMEM;
        memcpy(queue + channel->n_queue, data, length);
        channel->queue = queue;
        channel->n_queue += length;
        channel_flush(channel);
        return 0;
}

size_t channel_room(const Channel *channel)
{
        return CHANNEL_QUEUE_BYTES_MAX - channel->n_queue;
}

uint64_t channel_refused(const Channel *channel)
{
        return channel->stream.n_refused;
}
