/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The protocol client. Everything a server sends is bounded: it is another machine. */

#include "examples/guestbook/resp.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 2

int resp_init(Resp *resp, const char *address)
{
        const char *colon = address ? strrchr(address, ':') : NULL;

        *resp = (Resp) {.fd = -1};
        if (!colon || colon == address || !colon[1] || strlen(address) >= sizeof(resp->address))
                return -EINVAL;
        memcpy(resp->address, address, strlen(address) + 1);
        return 0;
}

void resp_close(Resp *resp)
{
        if (resp->fd >= 0)
                close(resp->fd);
        resp->fd = -1;
        resp->start = resp->end = 0;
}

static void set_timeout(int fd, unsigned seconds)
{
        struct timeval t = {.tv_sec = (time_t) seconds};

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static int connect_server(Resp *resp)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
        char host[sizeof(resp->address)], *colon;
        int r = -ECONNREFUSED;

        memcpy(host, resp->address, sizeof(host));
        colon = strrchr(host, ':');
        *colon = '\0';
        if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
                return -EHOSTUNREACH;
        for (struct addrinfo *a = found; a && resp->fd < 0; a = a->ai_next) {
                int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

                if (fd < 0)
                        continue;
                set_timeout(fd, CONNECT_TIMEOUT_S);
                if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
                        resp->fd = fd;
                } else {
                        r = -errno;
                        close(fd);
                }
        }
        freeaddrinfo(found);
        return resp->fd >= 0 ? 0 : r;
}

static int send_all(int fd, const char *data, size_t length)
{
        while (length > 0) {
                ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                data += n;
                length -= (size_t) n;
        }
        return 0;
}

static int send_command(Resp *resp, const char *const *args)
{
        char *text = NULL;
        size_t length = 0, count = 0;
        FILE *out = open_memstream(&text, &length);
        int r;

        if (!out)
                return -ENOMEM;
        while (args[count])
                count++;
        fprintf(out, "*%zu\r\n", count);
        for (size_t i = 0; i < count; i++)
                fprintf(out, "$%zu\r\n%s\r\n", strlen(args[i]), args[i]);
        if (fclose(out) != 0) {
                free(text);
                return -ENOMEM;
        }
        r = send_all(resp->fd, text, length);
        free(text);
        return r;
}

static int fill(Resp *resp)
{
        ssize_t n;

        if (resp->start == resp->end)
                resp->start = resp->end = 0;
        if (resp->end == sizeof(resp->buffer)) {
                memmove(resp->buffer, resp->buffer + resp->start, resp->end - resp->start);
                resp->end -= resp->start;
                resp->start = 0;
        }
        if (resp->end == sizeof(resp->buffer))
                return -EPROTO;
        do
                n = recv(resp->fd, resp->buffer + resp->end, sizeof(resp->buffer) - resp->end, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        if (n == 0)
                return -ECONNRESET;
        resp->end += (size_t) n;
        return 0;
}

/* Gives one line without its end; valid until the next read. */
static int read_line(Resp *resp, char **ret_line)
{
        for (;;) {
                char *begin = resp->buffer + resp->start;
                char *end = memchr(begin, '\n', resp->end - resp->start);
                int r;

                if (end) {
                        if (end == begin || end[-1] != '\r')
                                return -EPROTO;
                        end[-1] = '\0';
                        resp->start += (size_t) (end - begin) + 1;
                        *ret_line = begin;
                        return 0;
                }
                r = fill(resp);
                if (r < 0)
                        return r;
        }
}

static int read_bytes(Resp *resp, char *data, size_t length)
{
        while (length > 0) {
                size_t n = resp->end - resp->start;
                int r;

                if (n == 0) {
                        r = fill(resp);
                        if (r < 0)
                                return r;
                        continue;
                }
                n = n < length ? n : length;
                memcpy(data, resp->buffer + resp->start, n);
                resp->start += n;
                data += n;
                length -= n;
        }
        return 0;
}

static int read_number(const char *text, int64_t max, int64_t *ret)
{
        char *end;
        long long value;

        errno = 0;
        value = strtoll(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || value > max)
                return -EPROTO;
        *ret = value;
        return 0;
}

static int read_string(Resp *resp, int64_t length, RespReply *reply)
{
        char end[2];
        int r;

        reply->text = malloc((size_t) length + 1);
        if (!reply->text)
                return -ENOMEM;
        reply->kind = RESP_STRING;
        reply->text[length] = '\0';
        r = read_bytes(resp, reply->text, (size_t) length);
        if (r < 0)
                return r;
        r = read_bytes(resp, end, 2);
        if (r < 0)
                return r;
        return memcmp(end, "\r\n", 2) == 0 ? 0 : -EPROTO;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most RESP_DEPTH_MAX deep */
static int read_reply(Resp *resp, unsigned depth, RespReply *reply)
{
        char *line;
        int64_t n;
        int r;

        r = read_line(resp, &line);
        if (r < 0)
                return r;
        switch (line[0]) {
        case '+':
        case '-':
                reply->kind = line[0] == '+' ? RESP_STRING : RESP_ERROR;
                reply->text = strdup(line + 1);
                return reply->text ? 0 : -ENOMEM;
        case ':':
                reply->kind = RESP_INTEGER;
                return read_number(line + 1, INT64_MAX, &reply->integer);
        case '$':
                r = read_number(line + 1, RESP_TEXT_MAX, &n);
                if (r < 0 || n < 0)
                        return r;
                return read_string(resp, n, reply);
        case '*':
                r = read_number(line + 1, RESP_ITEMS_MAX, &n);
                if (r < 0 || n < 0)
                        return r;
                if (depth >= RESP_DEPTH_MAX)
                        return -EPROTO;
                reply->kind = RESP_ARRAY;
                reply->items = calloc((size_t) n + 1, sizeof(*reply->items));
                if (!reply->items)
                        return -ENOMEM;
                for (; reply->n_items < (size_t) n; reply->n_items++) {
                        r = read_reply(resp, depth + 1, &reply->items[reply->n_items]);
                        if (r < 0) {
                                reply->n_items++;
                                return r;
                        }
                }
                return 0;
        default:
                return -EPROTO;
        }
}

int resp_call(Resp *resp, unsigned timeout_s, RespReply *ret_reply, const char *const *args)
{
        RespReply reply = {.kind = RESP_NIL};
        int r = 0;

        if (resp->fd < 0)
                r = connect_server(resp);
        if (r >= 0) {
                set_timeout(resp->fd, timeout_s);
                r = send_command(resp, args);
        }
        if (r >= 0)
                r = read_reply(resp, 0, &reply);
        if (r < 0) {
                resp_reply_free(&reply);
                resp_close(resp);
                return r;
        }
        *ret_reply = reply;
        return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as read_reply() went */
void resp_reply_free(RespReply *reply)
{
        for (size_t i = 0; i < reply->n_items; i++)
                resp_reply_free(&reply->items[i]);
        free(reply->items);
        free(reply->text);
        *reply = (RespReply) {.kind = RESP_NIL};
}

const char *resp_pair(const RespReply *reply, const char *name)
{
        if (reply->kind != RESP_ARRAY)
                return NULL;
        for (size_t i = 0; i + 1 < reply->n_items; i += 2)
                if (reply->items[i].kind == RESP_STRING &&
                    strcmp(reply->items[i].text, name) == 0 &&
                    reply->items[i + 1].kind == RESP_STRING)
                        return reply->items[i + 1].text;
        return NULL;
}
