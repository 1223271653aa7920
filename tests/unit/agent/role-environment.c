/* SPDX-License-Identifier: GPL-3.0-or-later */

/* On a real bus of its own: a dbus-daemon, the agent's connection, and a role's. */

#include "agent/role-environment.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-json.h>

#include "lib/base/array.h"
#include "lib/base/file.h"
#include "tests/unit/agent/example.h"
#include "tests/unit/test.h"

#define PATH "/org/troupe/RoleEnvironment1"
#define NAME "org.troupe.RoleEnvironment1"

static pid_t daemon_pid;
static char address[256];

/* What the role asked for. */
static struct {
        unsigned ready, busy, recycle, progress;
        uint64_t until;
        char reason[64];
} asked;

static void set_ready(void *userdata)
{
        asked.ready++;
}

static void set_busy(void *userdata, uint64_t until_ns)
{
        asked.busy++;
        asked.until = until_ns;
}

static void request_recycle(void *userdata, const char *reason)
{
        asked.recycle++;
        snprintf(asked.reason, sizeof(asked.reason), "%s", reason);
}

static void progress(void *userdata, uint64_t deadline_ns)
{
        asked.progress++;
}

static const RoleEnvironmentSink sink = {NULL, set_ready, set_busy, request_recycle, progress};

static int start_bus(void **state)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -1;
        daemon_pid = fork();
        if (daemon_pid == 0) {
                dup2(ends[1], 3);
                execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile",
                       "--print-address=3", "--address=unix:tmpdir=/tmp", NULL);
                _exit(127);
        }
        close(ends[1]);
        for (size_t n = 0; n < sizeof(address) - 1 && (n == 0 || address[n - 1] != '\n'); n++)
                if (read(ends[0], address + n, 1) != 1)
                        return -1;
        address[strcspn(address, "\n")] = '\0';
        close(ends[0]);
        return 0;
}

static int stop_bus(void **state)
{
        kill(daemon_pid, SIGTERM);
        return waitpid(daemon_pid, NULL, 0) == daemon_pid ? 0 : -1;
}

static sd_bus *connect_bus(void)
{
        sd_bus *bus = NULL;

        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, 1) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        return bus;
}

typedef struct Pair {
        RoleEnvironment *environment;
        sd_bus *agent, *role;
} Pair;

static void pair_begin(Pair *pair)
{
        AgentConfig config = example();
        const char *unique;

        memset(&asked, 0, sizeof(asked));
        pair->agent = connect_bus();
        pair->role = connect_bus();
        assert_true(sd_bus_get_unique_name(pair->agent, &unique) >= 0);
        assert_int_equal(role_environment_new(&sink, &pair->environment), 0);
        assert_int_equal(role_environment_set_config(pair->environment, &config), 0);
        assert_true(role_environment_attach(pair->environment, pair->agent) >= 0);
        assert_true(sd_bus_flush(pair->agent) >= 0);
}

static void pair_end(Pair *pair)
{
        role_environment_free(pair->environment);
        sd_bus_flush_close_unref(pair->agent);
        sd_bus_flush_close_unref(pair->role);
}

typedef struct Reply {
        sd_bus_message *message;
} Reply;

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Reply *reply = userdata;

        reply->message = sd_bus_message_ref(m);
        return 0;
}

/* Calls from the role's connection while the agent's is served; both are in this one thread. */
static sd_bus_message *call(Pair *pair, const char *interface, const char *member,
                            const char *types, ...)
{
        const char *destination;
        sd_bus_message *m = NULL;
        Reply reply = {};
        va_list args;

        assert_true(sd_bus_get_unique_name(pair->agent, &destination) >= 0);
        assert_true(sd_bus_message_new_method_call(pair->role, &m, destination, PATH, interface,
                                                   member) >= 0);
        va_start(args, types);
        if (types)
                assert_true(sd_bus_message_appendv(m, types, args) >= 0);
        va_end(args);
        assert_true(sd_bus_call_async(pair->role, NULL, m, on_reply, &reply, 5 * USEC_PER_SEC) >=
                    0);
        sd_bus_message_unref(m);
        while (!reply.message) {
                int r = sd_bus_process(pair->agent, NULL);

                r |= sd_bus_process(pair->role, NULL);
                if (r == 0)
                        sd_bus_wait(pair->role, 1000);
        }
        return reply.message;
}

static void expect_property(Pair *pair, const char *property, const char *expected)
{
        sd_bus_message *m =
                call(pair, "org.freedesktop.DBus.Properties", "Get", "ss", NAME, property);
        const char *value = NULL;

        assert_true(sd_bus_message_read(m, "v", "s", &value) >= 0);
        assert_string_equal(value, expected);
        sd_bus_message_unref(m);
}

static void properties_are_there(void **state)
{
        sd_bus_message *m;
        const char *id, *at, *contents;
        Pair pair;

        pair_begin(&pair);
        expect_property(&pair, "Service", "shop");
        expect_property(&pair, "Slot", "staging");
        expect_property(&pair, "InstanceId", "web_IN_0");
        expect_property(&pair, "Status", "Unknown");
        role_environment_set_status(pair.environment, "ReadyRole");
        expect_property(&pair, "Status", "ReadyRole");
        m = call(&pair, "org.freedesktop.DBus.Properties", "Get", "ss", NAME, "Roles");
        assert_true(sd_bus_message_peek_type(m, NULL, &contents) > 0);
        assert_string_equal(contents, "a{sa(ssuua(sssqq))}");
        assert_true(sd_bus_message_enter_container(m, 'v', contents) > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "{sa(ssuua(sssqq))}") > 0);
        assert_true(sd_bus_message_enter_container(m, 'e', "sa(ssuua(sssqq))") > 0);
        assert_true(sd_bus_message_read(m, "s", &id) > 0);
        assert_string_equal(id, "web");
        assert_true(sd_bus_message_enter_container(m, 'a', "(ssuua(sssqq))") > 0);
        assert_true(sd_bus_message_skip(m, "(ssuua(sssqq))") > 0);
        assert_true(sd_bus_message_enter_container(m, 'r', "ssuua(sssqq)") > 0);
        assert_true(sd_bus_message_read(m, "ss", &id, &at) > 0);
        assert_string_equal(id, "web_IN_1");
        assert_string_equal(at, "10.64.1.5");
        sd_bus_message_unref(m);
        pair_end(&pair);
}

static void methods_reach_the_agent(void **state)
{
        Pair pair;
        sd_bus_message *m;

        pair_begin(&pair);
        sd_bus_message_unref(call(&pair, NAME, "SetBusy", "u", UINT32_C(0)));
        assert_int_equal(asked.busy, 1);
        assert_true(asked.until == UINT64_MAX);
        sd_bus_message_unref(call(&pair, NAME, "SetReady", NULL));
        assert_int_equal(asked.ready, 1);
        sd_bus_message_unref(call(&pair, NAME, "RequestRecycle", "s", "new colour"));
        assert_string_equal(asked.reason, "new colour");
        sd_bus_message_unref(call(&pair, NAME, "Progress", "u", UINT32_C(30)));
        assert_int_equal(asked.progress, 1);
        m = call(&pair, NAME, "SetBusy", "s", "nonsense");
        assert_true(sd_bus_message_is_method_error(m, NULL));
        sd_bus_message_unref(m);
        assert_int_equal(asked.busy, 1);
        pair_end(&pair);
}

typedef struct Seen {
        char text[256];
} Seen;

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Seen *seen = userdata;
        const char *name;
        size_t n = strlen(seen->text);

        n += (size_t) snprintf(seen->text + n, sizeof(seen->text) - n, "%s(",
                               sd_bus_message_get_member(m));
        if (sd_bus_message_enter_container(m, 'a', "s") > 0)
                while (sd_bus_message_read(m, "s", &name) > 0)
                        n += (size_t) snprintf(seen->text + n, sizeof(seen->text) - n, "%s ", name);
        snprintf(seen->text + n, sizeof(seen->text) - n, ") ");
        return 0;
}

static void changes_are_announced(void **state)
{
        AgentPair newer[] = {{"Colour", "red"}, {"Size", "4"}, {"Taste", "sweet"}};
        AgentConfig config = example();
        Seen seen = {};
        Pair pair;

        pair_begin(&pair);
        assert_true(sd_bus_match_signal(pair.role, NULL, NULL, PATH, NAME, NULL, on_signal,
                                        &seen) >= 0);
        assert_int_equal(role_environment_set_config(pair.environment, &config), 0);
        config.settings = newer;
        config.n_settings = 3;
        config.topology[0].n_instances = 1;
        assert_int_equal(role_environment_set_config(pair.environment, &config), 0);
        config.topology[0].n_instances = 2;
        expect_property(&pair, "Slot", "staging");
        assert_string_equal(seen.text,
                            "Changing(Colour Taste @topology ) Changed(Colour Taste @topology ) ");
        pair_end(&pair);
}

/* The members of our interface, as `tag name type` lines in order of name. */
static char *members_of(const char *xml)
{
        const char *p = strstr(xml, "<interface name=\"" NAME "\"");
        char *lines[128], *text;
        size_t n = 0;
        StrBuffer out = {};

        assert_non_null(p);
        for (const char *end = strstr(p, "</interface>");
             (p = strchr(p + 1, '<')) && p < end && n < 128;) {
                char tag[16] = "", name[64] = "", type[64] = "", part[512];
                const char *at;

                snprintf(part, sizeof(part), "%.*s", (int) strcspn(p, ">"), p);
                if (sscanf(part, "<%15[a-z]", tag) != 1 ||
                    !(str_equal(tag, "method") || str_equal(tag, "signal") ||
                      str_equal(tag, "property") || str_equal(tag, "arg")))
                        continue;
                if ((at = strstr(part, " name=\"")))
                        sscanf(at, " name=\"%63[^\"]", name);
                if ((at = strstr(part, " type=\"")))
                        sscanf(at, " type=\"%63[^\"]", type);
                lines[n++] = str_printf("%s %s %s\n", tag, name, type);
        }
        for (size_t i = 0; i < n; i++)
                for (size_t k = i + 1; k < n; k++)
                        if (strcmp(lines[k], lines[i]) < 0) {
                                char *swap = lines[i];

                                lines[i] = lines[k];
                                lines[k] = swap;
                        }
        for (size_t i = 0; i < n; i++) {
                str_buffer_add(&out, lines[i]);
                free(lines[i]);
        }
        assert_int_equal(str_buffer_take(&out, &text), 0);
        return text;
}

static void the_xml_is_the_contract(void **state)
{
        char *file, *ours, *theirs;
        const char *introspected;
        sd_bus_message *m;
        Pair pair;

        pair_begin(&pair);
        m = call(&pair, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
        assert_true(sd_bus_message_read(m, "s", &introspected) > 0);
        assert_int_equal(
                file_read(AT_FDCWD, "lib/api/org.troupe.RoleEnvironment1.xml", MIB, &file, NULL),
                0);
        ours = members_of(file);
        theirs = members_of(introspected);
        assert_string_equal(ours, theirs);
        assert_true(strlen(ours) > 200);
        free(ours);
        free(theirs);
        free(file);
        sd_bus_message_unref(m);
        pair_end(&pair);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(properties_are_there),
                cmocka_unit_test(methods_reach_the_agent),
                cmocka_unit_test(changes_are_announced),
                cmocka_unit_test(the_xml_is_the_contract),
        };

        return cmocka_run_group_tests(tests, start_bus, stop_bus);
}
