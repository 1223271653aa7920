/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A real etcd of one member on loopback ports of its own, for the tests of the client. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "lib/io/etcd.h"
#include "tests/unit/loop.h"
#include "tests/unit/test.h"

#define SERVER_PORTS_MAX 4

typedef struct Server {
        pid_t pid;
        unsigned port, peer_port;
        int ports[SERVER_PORTS_MAX]; /* hold them, see server_take_port() */
        size_t n_ports;
        const char *quota_bytes; /* NULL: default */
        char dir[64];
        char url[64];
} Server;

/* A port of its own until it is removed: nobody else is given it while a socket is bound to it, and
 * etcd may listen there all the same, as both ask for SO_REUSEADDR and this one does not listen. */
static _unused_ unsigned server_take_port(Server *server)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t length = sizeof(address);

        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) {1}, sizeof(int)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, length), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &length), 0);
        assert_true(server->n_ports < SERVER_PORTS_MAX);
        server->ports[server->n_ports++] = fd;
        return ntohs(address.sin_port);
}

static _unused_ void server_start_at(Server *server, unsigned port)
{
        _cleanup_free_ char *client = str_printf("http://127.0.0.1:%u", port);
        _cleanup_free_ char *peer = str_printf("http://127.0.0.1:%u", server->peer_port);
        _cleanup_free_ char *cluster = str_printf("m=%s", peer);
        const char *quota = server->quota_bytes ?: "0";

        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0) {
                int log = open("/dev/null", O_WRONLY | O_CLOEXEC);

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                dup2(log, STDOUT_FILENO);
                dup2(log, STDERR_FILENO);
                execlp("etcd", "etcd", "--name=m", "--data-dir", server->dir,
                       "--listen-client-urls", client, "--advertise-client-urls", client,
                       "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                       "--initial-cluster", cluster, "--unsafe-no-fsync", "--quota-backend-bytes",
                       quota, NULL);
                _exit(127);
        }
}

/* Where it will be; it does not run yet. */
static _unused_ void server_init(Server *server)
{
        strcpy(server->dir, "/tmp/troupe-etcd-XXXXXX");
        assert_non_null(mkdtemp(server->dir));
        server->port = server_take_port(server);
        server->peer_port = server_take_port(server);
        snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u", server->port);
}

/* It runs, and will listen in a moment. */
static _unused_ void server_start(Server *server)
{
        if (!server->dir[0])
                server_init(server);
        server_start_at(server, server->port);
}

/* When this returns, none of its threads runs any more. */
static _unused_ void server_freeze(Server *server)
{
        int status;

        kill(server->pid, SIGSTOP);
        assert_int_equal(waitpid(server->pid, &status, WUNTRACED), server->pid);
        assert_true(WIFSTOPPED(status));
}

static _unused_ void server_thaw(Server *server)
{
        kill(server->pid, SIGCONT);
}

static _unused_ void server_kill(Server *server)
{
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
}

static _unused_ void server_remove(Server *server)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", server->dir);

        if (server->pid)
                server_kill(server);
        while (server->n_ports > 0)
                close(server->ports[--server->n_ports]);
        assert_int_equal(system(command), 0);
}

static _unused_ void server_ctl_at(Server *server, unsigned port, const char *arguments)
{
        _cleanup_free_ char *command =
                str_printf("ETCDCTL_API=3 etcdctl --endpoints=http://127.0.0.1:%u "
                           "--dial-timeout=60s --command-timeout=60s %s >/dev/null",
                           port, arguments);

        assert_int_equal(system(command), 0);
}

/* A client of it; 0: with the client's own timeout. */
static _unused_ Etcd *server_client(const Server *server, sd_event *event, uint64_t timeout_ns)
{
        EtcdConfig config = {.endpoints = (const char *[]) {server->url},
                             .n_endpoints = 1,
                             .timeout_ns = timeout_ns};
        Etcd *etcd;

        assert_int_equal(etcd_new(event, &config, &etcd), 0);
        return etcd;
}

static _unused_ void server_on_answer(void *userdata, const EtcdReply *reply)
{
        *(int *) userdata = (int) reply->outcome;
}

/* Until it answers: a client of one member does not wait for it by itself. */
static _unused_ void server_await(Etcd *etcd, sd_event *event)
{
        int outcome;

        do {
                outcome = -1;
                assert_int_equal(etcd_range(etcd, "/none", false, server_on_answer, &outcome, NULL),
                                 0);
                RUN_UNTIL(event, outcome >= 0);
        } while (outcome != ETCD_OK);
}
