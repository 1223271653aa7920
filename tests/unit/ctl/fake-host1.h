/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* A bus of our own with something on it that answers as org.troupe.Host1 does, so that troupectl's
 * verbs run through a real dbus-daemon without a host. It has one service, guestbook, with a
 * production deployment of web_IN_0. It writes each call to a file; an operation on the service
 * `failing` fails, one on `stuck` never ends, one on `gone` vanishes, and `none` is refused. */

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "lib/base/file.h"
#include "lib/base/str.h"

#define FAKE_MANAGER "org.troupe.Host1.Manager"
#define FAKE_ROOT    "/org/troupe/Host1"
#define FAKE_STEP    (30 * 1000) /* microseconds from one state of an operation to the next */

static char fake_dir[64];
static pid_t fake_pids[2];

static struct {
        sd_bus *bus;
        sd_event *event;
        sd_event_source *timer; /* the next step of the one operation */
        char path[64];
        char service[64];
        const char *state;
        double progress;
        int n_operations;
        char typed[256]; /* into the shell that is open */
        size_t n_typed;
        unsigned n_shells;
        int shell; /* our end of the last one */
} fake;

static void fake_note(const char *format, ...)
{
        char path[96], line[512];
        va_list args;
        int fd;

        va_start(args, format);
        vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        snprintf(path, sizeof(path), "%s/calls", fake_dir);
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || file_write_all(fd, line, strlen(line)) < 0)
                abort();
        close(fd);
}

static int fake_get_text(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        static const char *const values[][2] = {
                {"Version", "1"},       {"HostName", "h1"},       {"Leader", "h1"},
                {"StateDetail", ""},    {"Name", "guestbook"},    {"ProductionVip", "198.18.1.1"},
                {"StagingVip", ""},     {"Id", "d00000001"},      {"Service", "guestbook"},
                {"Slot", "production"}, {"Vip", "198.18.1.1"},    {"Label", ""},
                {"Role", "web"},        {"Status", "ReadyRole"},  {"Host", "h1"},
                {"Detail", ""},         {"FaultDomain", "rack1"}, {"Address", "10.64.0.2"},
                {"Kind", "scale"},      {"Target", "d00000001"},  {"Message", "one of two"},
        };

        if (str_equal(property, "State")) {
                bool operation = str_equal(interface, "org.troupe.Host1.Operation");

                return sd_bus_message_append(reply, "s", operation ? fake.state : "running");
        }
        if (str_equal(property, "Error"))
                return sd_bus_message_append(
                        reply, "s",
                        str_equal(fake.state, "failed") ? "org.troupe.Error.NoRoom" : "");
        if (str_equal(property, "Name") && strstr(path, "/instance/"))
                return sd_bus_message_append(reply, "s", "web_IN_0");
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                if (str_equal(values[i][0], property))
                        return sd_bus_message_append(reply, "s", values[i][1]);
        return -ENOENT;
}

static int fake_get_other(sd_bus *bus, const char *path, const char *interface,
                          const char *property, sd_bus_message *reply, void *userdata,
                          sd_bus_error *error)
{
        if (str_equal(property, "ProductionDeployment") || str_equal(property, "Deployment"))
                return sd_bus_message_append(reply, "o", FAKE_ROOT "/deployment/d00000001");
        if (str_equal(property, "StagingDeployment") || str_equal(property, "Operation"))
                return sd_bus_message_append(reply, "o", "/");
        if (str_equal(property, "Roles"))
                return sd_bus_message_append(reply, "a(ssuu)", 1, "web", "web", 1, 1);
        if (str_equal(property, "Brake") || str_equal(property, "InRotation"))
                return sd_bus_message_append(reply, "b", str_equal(property, "InRotation"));
        if (str_equal(property, "Progress"))
                return sd_bus_message_append(reply, "d", fake.progress);
        if (str_equal(property, "Incarnation") || str_equal(property, "EndedUsec"))
                return sd_bus_message_append(reply, "t", UINT64_C(3));
        return sd_bus_message_append(reply, "u", 0);
}

#define FAKE_TEXT(name)                                                                            \
        SD_BUS_PROPERTY(name, "s", fake_get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
#define FAKE_OTHER(name, type)                                                                     \
        SD_BUS_PROPERTY(name, type, fake_get_other, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable fake_operation_vtable[] = {
        SD_BUS_VTABLE_START(0),       FAKE_TEXT("Id"),     FAKE_TEXT("Kind"),
        FAKE_TEXT("Service"),         FAKE_TEXT("Target"), FAKE_TEXT("State"),
        FAKE_TEXT("Message"),         FAKE_TEXT("Error"),  FAKE_OTHER("Progress", "d"),
        FAKE_OTHER("EndedUsec", "t"), SD_BUS_VTABLE_END,
};
static const sd_bus_vtable fake_service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        FAKE_TEXT("Name"),
        FAKE_TEXT("ProductionVip"),
        FAKE_TEXT("StagingVip"),
        FAKE_OTHER("ProductionDeployment", "o"),
        FAKE_OTHER("StagingDeployment", "o"),
        FAKE_OTHER("Operation", "o"),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable fake_deployment_vtable[] = {
        SD_BUS_VTABLE_START(0), FAKE_TEXT("Id"),
        FAKE_TEXT("Service"),   FAKE_TEXT("Slot"),
        FAKE_TEXT("Vip"),       FAKE_TEXT("Label"),
        FAKE_TEXT("State"),     FAKE_OTHER("Roles", "a(ssuu)"),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable fake_instance_vtable[] = {
        SD_BUS_VTABLE_START(0),
        FAKE_TEXT("Name"),
        FAKE_TEXT("Service"),
        FAKE_OTHER("Deployment", "o"),
        FAKE_TEXT("Role"),
        FAKE_OTHER("Number", "u"),
        FAKE_OTHER("Incarnation", "t"),
        FAKE_TEXT("Status"),
        FAKE_TEXT("Host"),
        FAKE_TEXT("FaultDomain"),
        FAKE_OTHER("UpgradeDomain", "u"),
        FAKE_TEXT("Address"),
        FAKE_OTHER("InRotation", "b"),
        FAKE_TEXT("Detail"),
        SD_BUS_VTABLE_END,
};

static void fake_check(int r)
{
        if (r < 0) {
                fprintf(stderr, "the fake host failed: %s\n", strerror(-r));
                abort();
        }
}

static int fake_step_later(void);

/* running 0 -> running 0.5 -> succeeded or failed */
static int fake_advance(sd_event_source *source, uint64_t usec, void *userdata)
{
        bool failing = str_equal(fake.service, "failing");

        if (str_equal(fake.service, "gone")) {
                fake_check(sd_bus_emit_interfaces_removed(fake.bus, fake.path,
                                                          "org.troupe.Host1.Operation", NULL));
                fake.path[0] = '\0';
                return 0;
        }
        if (fake.progress < 0.5) {
                fake.progress = 0.5;
                if (!str_equal(fake.service, "stuck"))
                        fake_check(fake_step_later());
        } else {
                fake.progress = failing ? 0.5 : 1;
                fake.state = failing ? "failed" : "succeeded";
        }
        fake_check(sd_bus_emit_properties_changed(fake.bus, fake.path, "org.troupe.Host1.Operation",
                                                  "State", "Progress", "Message", "Error", NULL));
        return 0;
}

static int fake_step_later(void)
{
        sd_event_source_disable_unref(fake.timer);
        fake.timer = NULL;
        return sd_event_add_time_relative(fake.event, &fake.timer, CLOCK_MONOTONIC, FAKE_STEP, 1,
                                          fake_advance, NULL);
}

static int fake_operation_find(sd_bus *bus, const char *path, const char *interface, void *userdata,
                               void **ret_found, sd_bus_error *error)
{
        *ret_found = &fake;
        return fake.path[0] && str_equal(path, fake.path);
}

/* Notes the arguments, of whatever types, and starts an operation. */
static int fake_start_operation(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        StrBuffer line = {};
        const char *service = "", *text, *contents;
        char type;

        str_buffer_add(&line, sd_bus_message_get_member(message));
        while (sd_bus_message_peek_type(message, &type, &contents) > 0) {
                if (type == 's') {
                        sd_bus_message_read_basic(message, type, &text);
                        str_buffer_addf(&line, " %s", text);
                        service = service[0] ? service : text;
                } else if (type == 'h') {
                        _cleanup_free_ char *data = NULL;
                        int fd;

                        sd_bus_message_read_basic(message, type, &fd);
                        fake_check(file_read_fd(fd, MIB, &data, NULL));
                        str_buffer_addf(&line, " [%s]", data);
                } else if (type == 'a') {
                        uint32_t count;

                        sd_bus_message_enter_container(message, type, contents);
                        while (str_equal(contents, "s")
                                       ? sd_bus_message_read(message, "s", &text) > 0
                                       : sd_bus_message_read(message, "{su}", &text, &count) > 0)
                                if (str_equal(contents, "s"))
                                        str_buffer_addf(&line, " %s", text);
                                else
                                        str_buffer_addf(&line, " %s=%u", text, count);
                        sd_bus_message_exit_container(message);
                } else {
                        sd_bus_message_skip(message, (char[]) {type, 0});
                }
        }
        str_buffer_append(&line, "\n", 1);
        fake_note("%s", line.data);
        snprintf(fake.service, sizeof(fake.service), "%s", service);
        str_buffer_deinit(&line);
        if (str_equal(fake.service, "none"))
                return sd_bus_error_set(error, "org.troupe.Error.NoSuchService",
                                        "there is no service none");
        snprintf(fake.path, sizeof(fake.path), FAKE_ROOT "/operation/%d", ++fake.n_operations);
        fake.state = "running";
        fake.progress = 0;
        fake_check(fake_step_later());
        return sd_bus_reply_method_return(message, "o", fake.path);
}

/* No two have the same: the end of one may be told when the next has begun. */
static const char *fake_shell_name(unsigned number, char name[static 16])
{
        snprintf(name, 16, "sh%u", number);
        return name;
}

/* The shell says back what it is told; `exit N` and ^D end it. What it is told is a stream: it
 * comes in any pieces, and with what was typed before. */
static int fake_shell_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        char *data = fake.typed + fake.n_typed, name[16];
        ssize_t n = read(fd, data, sizeof(fake.typed) - 1 - fake.n_typed);
        int status = 0;

        if (n > 0) {
                fake.n_typed += (size_t) n;
                fake.typed[fake.n_typed] = '\0';
                fake_check(file_write_all(fd, data, (size_t) n));
                data = strstr(fake.typed, "exit ");
                if ((!data || sscanf(data, "exit %d", &status) != 1) && !strchr(fake.typed, '\004'))
                        return 0;
        }
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
        fake_shell_name((unsigned) (uintptr_t) userdata, name);
        fake_check(sd_bus_emit_signal(fake.bus, FAKE_ROOT, FAKE_MANAGER, "ShellEnded", "sis", name,
                                      n > 0 ? status : 129, ""));
        close(fd);
        return 0;
}

static int fake_open_shell(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *service, *slot, *instance;
        uint16_t rows, columns;
        char name[16];
        int ends[2];

        fake_check(
                sd_bus_message_read(message, "sssqq", &service, &slot, &instance, &rows, &columns));
        fake_note("OpenShell %s %s %s\n", service, slot, instance);
        if (str_equal(instance, "web_IN_9"))
                return sd_bus_error_set(error, "org.troupe.Error.NotReady", "its agent is away");
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        fake.n_shells++;
        fake_check(sd_event_add_io(fake.event, NULL, ends[0], EPOLLIN, fake_shell_input,
                                   (void *) (uintptr_t) fake.n_shells));
        fake_check(sd_bus_reply_method_return(message, "hs", ends[1],
                                              fake_shell_name(fake.n_shells, name)));
        close(ends[1]);
        fake.shell = ends[0];
        fake.n_typed = 0;
        return 1;
}

static int fake_read_lines(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        static const char logs[] =
                "{\"time_usec\":1000000,\"service\":\"guestbook\",\"role\":\"web\",\"instance\":"
                "\"web_IN_0\",\"host\":\"h1\",\"priority\":6,\"message\":\"started \\u001b[2J\"}\n"
                "{\"time_usec\":2000000,\"service\":\"guestbook\",\"role\":\"web\",\"instance\":"
                "\"web_IN_0\",\"host\":\"h1\",\"priority\":3,\"message\":\"stopped\"}\n";
        static const char events[] = "{\"time_usec\":1000000,\"kind\":\"deploy\",\"service\":"
                                     "\"guestbook\",\"message\":\"accepted\"}\n";
        bool is_logs = str_equal(sd_bus_message_get_member(message), "ReadLogs");
        const char *text = is_logs ? logs : events;
        const char *service, *role = "", *instance = "";
        uint32_t lines;
        int follow, ends[2];

        fake_check(is_logs ? sd_bus_message_read(message, "sssub", &service, &role, &instance,
                                                 &lines, &follow)
                           : sd_bus_message_read(message, "sub", &service, &lines, &follow));
        fake_note("%s '%s' '%s' '%s' %u %d\n", sd_bus_message_get_member(message), service, role,
                  instance, lines, follow);
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        fake_check(file_write_all(ends[1], text, strlen(text)));
        close(ends[1]);
        fake_check(sd_bus_reply_method_return(message, "h", ends[0]));
        close(ends[0]);
        return 1;
}

static int fake_cluster(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *member = sd_bus_message_get_member(message), *token;
        uint64_t lifetime_s;

        if (str_equal(member, "ListMembers"))
                return sd_bus_reply_method_return(message, "a(ssb)", 2, "h1", "192.0.2.1", 1, "h2",
                                                  "192.0.2.2", 0);
        if (str_equal(member, "MakeJoinToken")) {
                fake_check(sd_bus_message_read(message, "t", &lifetime_s));
                fake_note("%s %d\n", member, (int) lifetime_s);
                return sd_bus_reply_method_return(message, "st", "troupe1/token",
                                                  UINT64_C(2000000000000000));
        }
        if (!str_equal(member, "JoinCluster")) {
                fake_note("%s\n", member);
                return sd_bus_reply_method_return(message, "");
        }
        fake_check(sd_bus_message_read(message, "s", &token));
        fake_note("%s %s\n", member, token);
        return str_equal(token, "good")
                       ? sd_bus_reply_method_return(message, "")
                       : sd_bus_error_set(error, "org.troupe.Error.JoinRefused", "not this one");
}

static int fake_certificate(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *member = sd_bus_message_get_member(message), *thumbprint;
        _cleanup_free_ char *pem = NULL;
        int fd;

        if (str_equal(member, "ListCertificates"))
                return sd_bus_reply_method_return(message, "a(ssstt)", 1, "AB12", "CD34",
                                                  "CN = shop", UINT64_C(2000000000000000),
                                                  UINT64_C(1000000));
        if (str_equal(member, "RemoveCertificate")) {
                fake_check(sd_bus_message_read(message, "s", &thumbprint));
                fake_note("%s %s\n", member, thumbprint);
                return str_equal(thumbprint, "AB12")
                               ? sd_bus_reply_method_return(message, "")
                               : sd_bus_error_set(error, "org.troupe.Error.NoSuchCertificate",
                                                  "there is none");
        }
        fake_check(sd_bus_message_read(message, "h", &fd));
        fake_check(file_read_fd(fd, MIB, &pem, NULL));
        fake_note("%s [%s]\n", member, pem);
        return sd_bus_reply_method_return(message, "ss", "AB12", "CD34");
}

static int fake_os_import(sd_bus_message *message)
{
        int fd;

        fake_check(sd_bus_message_read(message, "h", &fd));
        fake_note("ImportGuestOs");
        for (bool first = true; first || sd_bus_message_read(message, "h", &fd) > 0;) {
                _cleanup_free_ char *text = NULL;

                fake_check(file_read_fd(fd, MIB, &text, NULL));
                fake_note(" [%.8s]", text);
                if (first)
                        fake_check(sd_bus_message_enter_container(message, 'a', "h"));
                first = false;
        }
        fake_note("\n");
        return sd_bus_reply_method_return(message, "ss", "debian-13", "7");
}

static int fake_os(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *member = sd_bus_message_get_member(message), *family, *version;

        if (str_equal(member, "ImportGuestOs"))
                return fake_os_import(message);
        if (str_equal(member, "FetchGuestOs")) {
                fake_check(sd_bus_message_read(message, "ss", &family, &version));
                fake_note("FetchGuestOs %s %s\n", family, version);
                return sd_bus_reply_method_return(message, "ss", "debian-13", "7");
        }
        if (str_equal(member, "ListGuestOs"))
                return sd_bus_reply_method_return(message, "a(ssbbttuas)", 1, "debian-13", "7", 1,
                                                  1, 3 * MIB, UINT64_C(5), 4u, 2, "h1", "h2");
        fake_check(sd_bus_message_read(message, "ss", &family, &version));
        fake_note("%s %s %s\n", member, family, version);
        return str_equal(version, "7")
                       ? sd_bus_reply_method_return(message, "")
                       : sd_bus_error_set(error, "org.troupe.Error.NoGuestOs", "there is none");
}

static int fake_host(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *member = sd_bus_message_get_member(message), *host;
        int force;

        if (str_equal(member, "ReleaseBrake")) {
                fake_note("%s\n", member);
        } else if (str_equal(member, "RemoveHost")) {
                fake_check(sd_bus_message_read(message, "sb", &host, &force));
                fake_note("%s %s %d\n", member, host, force);
        } else {
                fake_check(sd_bus_message_read(message, "s", &host));
                fake_note("%s %s\n", member, host);
        }
        return sd_bus_reply_method_return(message, "");
}

static int fake_resize(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name;
        uint16_t rows, columns;
        char text[64];

        fake_check(sd_bus_message_read(message, "sqq", &name, &rows, &columns));
        snprintf(text, sizeof(text), "resized %u %u\n", rows, columns);
        fake_check(file_write_all(fake.shell, text, strlen(text)));
        return sd_bus_reply_method_return(message, "");
}

#define FAKE_STARTS(name, in)                                                                      \
        SD_BUS_METHOD(name, in, "o", fake_start_operation, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable fake_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        FAKE_STARTS("Deploy", "sshhst"),
        FAKE_STARTS("Scale", "ssa{su}"),
        FAKE_STARTS("Configure", "ssh"),
        FAKE_STARTS("Swap", "s"),
        FAKE_STARTS("DeleteDeployment", "ss"),
        FAKE_STARTS("DeleteService", "s"),
        FAKE_STARTS("Reboot", "sss"),
        FAKE_STARTS("Reimage", "sss"),
        FAKE_STARTS("Rebuild", "sss"),
        FAKE_STARTS("DrainHost", "s"),
        FAKE_STARTS("UpdateHosts", "ass"),
        SD_BUS_METHOD("CordonHost", "s", "", fake_host, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("UncordonHost", "s", "", fake_host, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RemoveHost", "sb", "", fake_host, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ReleaseBrake", "", "", fake_host, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("OpenShell", "sssqq", "hs", fake_open_shell, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ResizeShell", "sqq", "", fake_resize, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ReadLogs", "sssub", "h", fake_read_lines, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ReadEvents", "sub", "h", fake_read_lines, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("MakeJoinToken", "t", "st", fake_cluster, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("InitCluster", "", "", fake_cluster, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("LeaveCluster", "", "", fake_cluster, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RecoverCluster", "", "", fake_cluster, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("JoinCluster", "s", "", fake_cluster, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListMembers", "", "a(ssb)", fake_cluster, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("AddCertificate", "h", "ss", fake_certificate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RemoveCertificate", "s", "", fake_certificate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListCertificates", "", "a(ssstt)", fake_certificate,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("FetchGuestOs", "ss", "ss", fake_os, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ImportGuestOs", "hah", "ss", fake_os, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RemoveGuestOs", "ss", "", fake_os, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("DisableGuestOs", "ss", "", fake_os, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("EnableGuestOs", "ss", "", fake_os, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListGuestOs", "", "a(ssbbttuas)", fake_os, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("ShellEnded", "sis", 0),
        FAKE_TEXT("Version"),
        FAKE_TEXT("HostName"),
        FAKE_TEXT("Leader"),
        FAKE_TEXT("State"),
        FAKE_TEXT("StateDetail"),
        FAKE_OTHER("Brake", "b"),
        SD_BUS_VTABLE_END,
};

static int fake_operation_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                               sd_bus_error *error)
{
        char **nodes = calloc(2, sizeof(char *));

        if (nodes && fake.path[0])
                nodes[0] = strdup(fake.path);
        *ret_nodes = nodes;
        return nodes ? 0 : -ENOMEM;
}

static void fake_run(int ready)
{
        fake_check(sd_event_default(&fake.event));
        fake_check(sd_bus_open_system(&fake.bus));
        fake_check(sd_bus_attach_event(fake.bus, fake.event, 0));
        fake_check(sd_bus_add_object_manager(fake.bus, NULL, FAKE_ROOT));
        fake_check(sd_bus_add_object_vtable(fake.bus, NULL, FAKE_ROOT, FAKE_MANAGER,
                                            fake_manager_vtable, NULL));
        fake_check(sd_bus_add_object_vtable(fake.bus, NULL, FAKE_ROOT "/service/guestbook",
                                            "org.troupe.Host1.Service", fake_service_vtable, NULL));
        fake_check(sd_bus_add_object_vtable(fake.bus, NULL, FAKE_ROOT "/deployment/d00000001",
                                            "org.troupe.Host1.Deployment", fake_deployment_vtable,
                                            NULL));
        fake_check(sd_bus_add_object_vtable(fake.bus, NULL, FAKE_ROOT "/instance/web",
                                            "org.troupe.Host1.Instance", fake_instance_vtable,
                                            NULL));
        fake_check(sd_bus_add_fallback_vtable(fake.bus, NULL, FAKE_ROOT "/operation",
                                              "org.troupe.Host1.Operation", fake_operation_vtable,
                                              fake_operation_find, NULL));
        fake_check(sd_bus_add_node_enumerator(fake.bus, NULL, FAKE_ROOT "/operation",
                                              fake_operation_list, NULL));
        fake_check(sd_bus_request_name(fake.bus, "org.troupe.Host1", 0));
        fake_check(file_write_all(ready, "r", 1));
        sd_event_loop(fake.event);
        _exit(1);
}

/* Waits until the other end of the pipe has written something, and returns it. */
static void fake_wait(int fd, char *ret_text, size_t size)
{
        ssize_t n = read(fd, ret_text, size - 1);

        if (n <= 0) {
                fprintf(stderr, "dbus-daemon or the fake host did not start\n");
                abort();
        }
        ret_text[n] = '\0';
        ret_text[strcspn(ret_text, "\n")] = '\0';
}

static pid_t fake_start_bus(int ends[2])
{
        static const char configuration[] =
                "<busconfig><type>system</type><listen>unix:dir=%s</listen><policy "
                "context='default'><allow send_destination='*'/><allow eavesdrop='true'/><allow "
                "own='*'/><allow user='*'/></policy></busconfig>";
        char path[96], option[128], print[32];
        FILE *file;
        pid_t pid;

        snprintf(path, sizeof(path), "%s/bus.conf", fake_dir);
        file = fopen(path, "we");
        fprintf(file, configuration, fake_dir);
        fclose(file);
        snprintf(option, sizeof(option), "--config-file=%s", path);
        pid = fork();
        if (pid == 0) {
                int fd = dup(ends[1]); /* without CLOEXEC */

                snprintf(print, sizeof(print), "--print-address=%d", fd);
                execlp("dbus-daemon", "dbus-daemon", "--nofork", option, print, NULL);
                _exit(127);
        }
        return pid;
}

/* cmocka group setup: starts both; the caller's system bus is the fake's from now on. */
static int fake_start(void **state)
{
        char text[512];
        int ends[2];

        signal(SIGPIPE, SIG_IGN);
        strcpy(fake_dir, "/tmp/ctl-test-XXXXXX");
        if (!mkdtemp(fake_dir) || pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        fake_pids[0] = fake_start_bus(ends);
        fake_wait(ends[0], text, sizeof(text));
        setenv("DBUS_SYSTEM_BUS_ADDRESS", text, 1);
        fflush(NULL);
        fake_pids[1] = fork();
        if (fake_pids[1] == 0)
                fake_run(ends[1]);
        fake_wait(ends[0], text, sizeof(text));
        close(ends[0]);
        close(ends[1]);
        return 0;
}

static int fake_stop(void **state)
{
        static const char *const files[] = {"bus.conf", "calls", "out", "in"};
        char path[96];

        for (size_t i = 0; i < 2; i++) {
                kill(fake_pids[1 - i], SIGTERM);
                waitpid(fake_pids[1 - i], NULL, 0);
        }
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(path, sizeof(path), "%s/%s", fake_dir, files[i]);
                unlink(path);
        }
        return rmdir(fake_dir);
}

/* What has been called since the last time, one line each, to free(). */
static _unused_ char *fake_calls(void)
{
        char path[96], *text = NULL;

        snprintf(path, sizeof(path), "%s/calls", fake_dir);
        if (file_read(AT_FDCWD, path, MIB, &text, NULL) < 0)
                return strdup("");
        unlink(path);
        return text;
}

/* Runs what is given with standard output going to a file; gives its result and the text. */
#define FAKE_CAPTURE(expression, text)                                                             \
        ({                                                                                         \
                char capture_path[96];                                                             \
                int capture_saved = dup(STDOUT_FILENO), capture_fd, capture_r;                     \
                snprintf(capture_path, sizeof(capture_path), "%s/out", fake_dir);                  \
                capture_fd = open(capture_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);     \
                fflush(stdout);                                                                    \
                dup2(capture_fd, STDOUT_FILENO);                                                   \
                capture_r = (expression);                                                          \
                fflush(stdout);                                                                    \
                dup2(capture_saved, STDOUT_FILENO);                                                \
                close(capture_saved);                                                              \
                lseek(capture_fd, 0, SEEK_SET);                                                    \
                assert_int_equal(file_read_fd(capture_fd, MIB, &(text), NULL), 0);                 \
                close(capture_fd);                                                                 \
                capture_r;                                                                         \
        })
