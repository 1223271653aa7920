/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The guestbook's web role: serves the page, queues what visitors write.
 *
 * The platform's web server stands in front and passes requests on to 127.0.0.1:$PORT, one a
 * connection. A few threads each take a connection, answer it, and close it; each has its own
 * connection to the store. Nothing is kept here: an entry is answered with "queued" only after the
 * store has it, so this process may die at any time.
 *
 *   GET  /             the page, and the form
 *   POST /entries      name=...&message=...[&id=...] as a form; id makes a repeated post harmless
 *   GET  /api/entries  the last entries as JSON
 *   GET  /healthz      200 when the store answers
 *
 * Environment: PORT, INSTANCE, VALKEY (HOST:PORT), TITLE. */

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "examples/guestbook/resp.h"

#ifndef GUESTBOOK_VERSION
#define GUESTBOOK_VERSION "1"
#endif

#define THREADS     8
#define REQUEST_MAX (16 * 1024)
#define FIELD_MAX   1000
#define ID_MAX      64
#define SHOWN       20
#define CLIENT_S    10
#define STORE_S     5
#define STRING_(x)  #x
#define STRING(x)   STRING_(x)

static const char *instance, *valkey, *title;
static int listener = -1;

typedef struct Request {
        char text[REQUEST_MAX + 1];
        char *method, *path, *body;
} Request;

typedef struct Answer {
        int status;
        const char *type;
        const char *location;
        char *body;
        size_t length;
        FILE *out;
} Answer;

/* ---- text */

static void put_escaped(FILE *out, const char *text)
{
        for (; *text; text++)
                switch (*text) {
                case '<':
                        fputs("&lt;", out);
                        break;
                case '>':
                        fputs("&gt;", out);
                        break;
                case '&':
                        fputs("&amp;", out);
                        break;
                case '"':
                        fputs("&quot;", out);
                        break;
                default:
                        fputc(*text, out);
                }
}

static void put_json(FILE *out, const char *name, const char *text, const char *after)
{
        fprintf(out, "\"%s\":\"", name);
        for (; text && *text; text++)
                if (*text == '"' || *text == '\\')
                        fprintf(out, "\\%c", *text);
                else if ((unsigned char) *text < 0x20)
                        fprintf(out, "\\u%04x", (unsigned) *text);
                else
                        fputc(*text, out);
        fprintf(out, "\"%s", after);
}

static int unhex(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char) (c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Finds a field of a form and decodes it; false when it is missing, empty or too long. */
static bool form_field(const char *form, const char *name, char *value, size_t size)
{
        size_t length = strlen(name), n = 0;

        while (form && !(strncmp(form, name, length) == 0 && form[length] == '=')) {
                form = strchr(form, '&');
                form += form != NULL;
        }
        if (!form)
                return false;
        for (form += length + 1; *form && *form != '&'; form++) {
                int c = (unsigned char) *form;

                if (n + 1 >= size)
                        return false;
                if (c == '+')
                        c = ' ';
                if (c == '%' && form[1] && form[2] && unhex(form[1]) >= 0 && unhex(form[2]) >= 0) {
                        c = unhex(form[1]) * 16 + unhex(form[2]);
                        form += 2;
                }
                if (c == '\0')
                        return false;
                value[n++] = (char) c;
        }
        value[n] = '\0';
        return n > 0;
}

/* ---- the store */

/* A connection that idled may have died with an earlier life of the store, so a command that fails
 * on one is sent again on a new one. All of ours may be repeated: an entry's id makes a second copy
 * of it harmless. */
static int ask(Resp *resp, RespReply *reply, const char *const *args)
{
        bool idled = resp->fd >= 0;
        int r = resp_call(resp, STORE_S, reply, args);

        return r < 0 && idled ? resp_call(resp, STORE_S, reply, args) : r;
}

static int each_entry(Resp *resp, FILE *out,
                      void (*show)(FILE *out, const RespReply *entry, bool first))
{
        RespReply ids;
        int r = ask(resp, &ids,
                    (const char *[]) {"ZREVRANGE", "guestbook:done", "0", STRING(SHOWN), NULL});

        for (size_t i = 0; r >= 0 && ids.kind == RESP_ARRAY && i < ids.n_items; i++) {
                char key[ID_MAX + 32];
                RespReply entry;

                snprintf(key, sizeof(key), "guestbook:entry:%s",
                         ids.items[i].text ? ids.items[i].text : "");
                r = ask(resp, &entry, (const char *[]) {"HGETALL", key, NULL});
                if (r < 0)
                        break;
                show(out, &entry, i == 0);
                resp_reply_free(&entry);
        }
        if (r >= 0)
                resp_reply_free(&ids);
        return r;
}

static const char *field(const RespReply *entry, const char *name)
{
        const char *value = resp_pair(entry, name);

        return value ? value : "";
}

static void show_html(FILE *out, const RespReply *entry, bool first)
{
        (void) first;
        fputs("<article><p class=message>", out);
        put_escaped(out, field(entry, "message"));
        fputs("</p><p class=meta><b>", out);
        put_escaped(out, field(entry, "name"));
        fprintf(out, "</b> &middot; %s words &middot; taken by %s, worked on by %s</p></article>\n",
                field(entry, "words"), field(entry, "taken_by"), field(entry, "worked_by"));
}

static void show_json(FILE *out, const RespReply *entry, bool first)
{
        fputs(first ? "{" : ",{", out);
        put_json(out, "name", field(entry, "name"), ",");
        put_json(out, "message", field(entry, "message"), ",");
        put_json(out, "loud", field(entry, "loud"), ",");
        put_json(out, "words", field(entry, "words"), ",");
        put_json(out, "taken_by", field(entry, "taken_by"), ",");
        put_json(out, "worked_by", field(entry, "worked_by"), "}");
}

static int count(Resp *resp, const char *verb, const char *key, int64_t *ret)
{
        RespReply reply;
        int r = ask(resp, &reply, (const char *[]) {verb, key, NULL});

        if (r < 0)
                return r;
        *ret = reply.kind == RESP_INTEGER ? reply.integer : 0;
        resp_reply_free(&reply);
        return 0;
}

/* ---- answers */

static const char *const style =
        "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;"
        "color:#222;background:#fbfaf7}h1{margin-bottom:0}form{display:grid;gap:.5rem;margin:1."
        "5rem 0}"
        "input,textarea,button{font:inherit;padding:.5rem;border:1px solid "
        "#bbb;border-radius:.4rem}"
        "button{background:#1f5f8b;color:#fff;border:0}article{border-top:1px solid #ddd}"
        ".message{margin-bottom:0}.meta{margin-top:0;color:#777;font-size:.85rem}";

static int answer_page(Resp *resp, Answer *answer)
{
        int64_t done = 0, waiting = 0;
        int r = count(resp, "ZCARD", "guestbook:done", &done);

        if (r >= 0)
                r = count(resp, "XLEN", "guestbook:queue", &waiting);
        if (r < 0)
                return r;
        answer->type = "text/html; charset=utf-8";
        fputs("<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
              "content='width=device-width'><title>",
              answer->out);
        put_escaped(answer->out, title);
        fprintf(answer->out, "</title><style>%s</style><h1>", style);
        put_escaped(answer->out, title);
        fprintf(answer->out,
                "</h1><p class=meta>version " GUESTBOOK_VERSION " &middot; served by %s "
                "&middot; %lld entries, %lld waiting</p><form method=post action=/entries>"
                "<input name=name placeholder='Your name' required maxlength=80>"
                "<textarea name=message placeholder='What you want to say' required maxlength=900>"
                "</textarea><button>Sign the guestbook</button></form>\n",
                instance, (long long) done, (long long) waiting);
        return each_entry(resp, answer->out, show_html);
}

static int answer_json(Resp *resp, Answer *answer)
{
        int64_t done = 0, waiting = 0;
        int r = count(resp, "ZCARD", "guestbook:done", &done);

        if (r >= 0)
                r = count(resp, "XLEN", "guestbook:queue", &waiting);
        if (r < 0)
                return r;
        answer->type = "application/json";
        fprintf(answer->out,
                "{\"version\":\"" GUESTBOOK_VERSION "\",\"instance\":\"%s\","
                "\"done\":%lld,\"waiting\":%lld,\"entries\":[",
                instance, (long long) done, (long long) waiting);
        r = each_entry(resp, answer->out, show_json);
        fputs("]}\n", answer->out);
        return r;
}

static int answer_health(Resp *resp, Answer *answer)
{
        RespReply reply;
        int r = ask(resp, &reply, (const char *[]) {"PING", NULL});

        if (r < 0)
                return r;
        resp_reply_free(&reply);
        fputs("ok\n", answer->out);
        return 0;
}

static void new_id(char *id, size_t size)
{
        unsigned char bytes[12];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
                abort();
        for (size_t i = 0; i < sizeof(bytes) && 2 * i + 3 <= size; i++)
                snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

static bool id_is_plain(const char *id)
{
        return id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
               '\0';
}

static int take_entry(Resp *resp, const Request *request, Answer *answer)
{
        char id[ID_MAX], name[FIELD_MAX], message[FIELD_MAX], at[32];
        struct timespec now;
        RespReply reply;
        int r;

        if (!form_field(request->body, "name", name, sizeof(name)) ||
            !form_field(request->body, "message", message, sizeof(message))) {
                answer->status = 400;
                fprintf(answer->out, "name and message must be given, below %d bytes each\n",
                        FIELD_MAX);
                return 0;
        }
        if (!form_field(request->body, "id", id, sizeof(id)) || !id_is_plain(id))
                new_id(id, sizeof(id));
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(at, sizeof(at), "%lld", (long long) now.tv_sec * 1000 + now.tv_nsec / 1000000);
        r = ask(resp, &reply,
                (const char *[]) {"XADD", "guestbook:queue", "*", "id", id, "name", name, "message",
                                  message, "at", at, "by", instance, NULL});
        if (r < 0)
                return r;
        if (reply.kind == RESP_ERROR)
                r = -EREMOTEIO;
        resp_reply_free(&reply);
        answer->status = 303;
        answer->location = "/";
        fprintf(answer->out, "queued %s\n", id);
        return r;
}

static int not_found(Answer *answer)
{
        answer->status = 404;
        fputs("there is nothing here\n", answer->out);
        return 0;
}

static int route(Resp *resp, const Request *request, Answer *answer)
{
        bool get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

        if (get && strcmp(request->path, "/") == 0)
                return answer_page(resp, answer);
        if (get && strcmp(request->path, "/api/entries") == 0)
                return answer_json(resp, answer);
        if (get && strcmp(request->path, "/healthz") == 0)
                return answer_health(resp, answer);
        if (strcmp(request->method, "POST") == 0 && strcmp(request->path, "/entries") == 0)
                return take_entry(resp, request, answer);
        return not_found(answer);
}

/* ---- HTTP, as much of it as the web server in front speaks to us */

static size_t content_length(const char *head)
{
        for (const char *line = head; line; line = strstr(line, "\r\n")) {
                line += line == head ? 0 : 2;
                if (strncasecmp(line, "Content-Length:", 15) == 0)
                        return strtoul(line + 15, NULL, 10);
                if (line[0] == '\0')
                        break;
        }
        return 0;
}

static bool read_request(int fd, Request *request)
{
        size_t have = 0, wanted = SIZE_MAX;
        char *end, *query;

        while (have < wanted) {
                ssize_t n = recv(fd, request->text + have, REQUEST_MAX - have, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                have += (size_t) n;
                request->text[have] = '\0';
                end = strstr(request->text, "\r\n\r\n");
                if (end && wanted == SIZE_MAX) {
                        request->body = end + 4;
                        end[2] = '\0';
                        wanted = (size_t) (request->body - request->text) +
                                 content_length(request->text);
                }
                if (wanted > REQUEST_MAX && (wanted != SIZE_MAX || have == REQUEST_MAX))
                        return false;
        }
        request->method = request->text;
        request->path = strchr(request->text, ' ');
        if (!request->path)
                return false;
        *request->path++ = '\0';
        request->path[strcspn(request->path, " \r\n")] = '\0';
        query = strchr(request->path, '?');
        if (query)
                *query = '\0';
        return true;
}

static void send_answer(int fd, const Answer *answer, bool head_only)
{
        const char *reason = answer->status == 200   ? "OK"
                             : answer->status == 303 ? "See Other"
                             : answer->status == 404 ? "Not Found"
                             : answer->status == 400 ? "Bad Request"
                                                     : "Service Unavailable";
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);

        if (!out)
                return;
        fprintf(out,
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nX-Instance: %s\r\n"
                "X-Version: " GUESTBOOK_VERSION
                "\r\nCache-Control: no-store\r\nConnection: close\r\n",
                answer->status, reason, answer->type, answer->length, instance);
        if (answer->location)
                fprintf(out, "Location: %s\r\n", answer->location);
        fputs("\r\n", out);
        if (!head_only)
                fwrite(answer->body, 1, answer->length, out);
        if (fclose(out) == 0)
                for (size_t sent = 0; sent < length;) {
                        ssize_t n = send(fd, text + sent, length - sent, MSG_NOSIGNAL);

                        if (n <= 0)
                                break;
                        sent += (size_t) n;
                }
        free(text);
}

static void serve(int fd, Resp *resp, Request *request)
{
        Answer answer = {.status = 200, .type = "text/plain; charset=utf-8"};
        struct timeval patience = {.tv_sec = CLIENT_S};
        int r;

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        if (!read_request(fd, request))
                return;
        answer.out = open_memstream(&answer.body, &answer.length);
        if (!answer.out)
                return;
        r = route(resp, request, &answer);
        if (r < 0) {
                fprintf(stderr, "%s %s: the store at %s: %s\n", request->method, request->path,
                        valkey, strerror(-r));
                fclose(answer.out);
                free(answer.body);
                answer = (Answer) {.status = 503, .type = "text/plain; charset=utf-8"};
                answer.out = open_memstream(&answer.body, &answer.length);
                if (!answer.out)
                        return;
                fputs("the store does not answer, try again soon\n", answer.out);
        }
        if (fclose(answer.out) == 0)
                send_answer(fd, &answer, strcmp(request->method, "HEAD") == 0);
        free(answer.body);
}

static void *thread(void *unused)
{
        Request *request = malloc(sizeof(*request));
        Resp resp;

        (void) unused;
        if (!request || resp_init(&resp, valkey) < 0)
                abort();
        for (;;) {
                int fd = accept(listener, NULL, NULL);

                if (fd < 0)
                        continue;
                serve(fd, &resp, request);
                close(fd);
        }
        return NULL;
}

static int listen_at(const char *port)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        at.sin_port = htons((uint16_t) strtoul(port, NULL, 10));
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, (struct sockaddr *) &at, sizeof(at)) < 0 || listen(fd, 512) < 0) {
                fprintf(stderr, "guestbook-web: 127.0.0.1:%s: %s\n", port, strerror(errno));
                return -1;
        }
        return fd;
}

int main(void)
{
        const char *port = getenv("PORT");
        pthread_t threads[THREADS];
        Resp probe;

        instance = getenv("INSTANCE");
        valkey = getenv("VALKEY");
        title = getenv("TITLE") ? getenv("TITLE") : "Guestbook";
        if (!port || !instance || resp_init(&probe, valkey) < 0) {
                fprintf(stderr, "guestbook-web: PORT, INSTANCE and VALKEY=HOST:PORT must be set\n");
                return 2;
        }
        listener = listen_at(port);
        if (listener < 0)
                return 1;
        printf("version " GUESTBOOK_VERSION " listens on 127.0.0.1:%s\n", port);
        fflush(stdout);
        for (unsigned i = 0; i < THREADS; i++)
                if (pthread_create(&threads[i], NULL, thread, NULL) != 0)
                        return 1;
        pthread_join(threads[0], NULL);
        return 1;
}
