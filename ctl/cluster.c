/* SPDX-License-Identifier: GPL-3.0-or-later */

/* cluster: which cluster this host is in, who carries its state, how others get in, and what to do
 * when most of those that carry it are lost. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/bus.h"
#include "ctl/table.h"
#include "ctl/verbs.h"
#include "ctl/view.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

#define JOIN_TIMEOUT_US (60 * USEC_PER_SEC)
#define TOKEN_MAX       1024

static int token(const Options *options)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        const char *text;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "MakeJoinToken", &error,
                               &reply, "t", UINT64_C(0));
        if (r >= 0)
                r = sd_bus_message_read(reply, "st", &text, NULL);
        if (r < 0)
                return bus_failed(r, &error, "Making a token");
        printf("%s\n", text);
        return CTL_DONE;
}

/* From standard input it is in no list of processes. */
static int read_token(char text[static TOKEN_MAX])
{
        if (!fgets(text, TOKEN_MAX, stdin))
                return log_error("There is no token on standard input"), -EINVAL;
        text[strcspn(text, "\r\n")] = '\0';
        return 0;
}

/* What has no arguments and no answer. */
static int call(const Options *options, const char *method, const char *doing)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, method, &error, NULL,
                               "");
        return r < 0 ? bus_failed(r, &error, "%s", doing) : CTL_DONE;
}

static int join(const Options *options, const char *argument)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        char text[TOKEN_MAX];
        int r;

        if (str_equal(argument, "-") && read_token(text) < 0)
                return CTL_USAGE;
        r = bus_open(options, &bus);
        if (r != CTL_DONE)
                return r;
        r = sd_bus_message_new_method_call(bus, &call, HOST1_NAME, HOST1_PATH, HOST1_MANAGER,
                                           "JoinCluster");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", str_equal(argument, "-") ? text : argument);
        if (r >= 0)
                r = sd_bus_call(bus, call, JOIN_TIMEOUT_US, &error, NULL);
        if (r < 0)
                return bus_failed(r, &error, "Joining");
        return CTL_DONE;
}

/* Nothing that this program can see tells hosts that are lost from hosts that are cut off. */
static int recover(const Options *options)
{
        int r;

        if (!options_confirmed(options,
                               "The other hosts that carry the cluster's state are lost and "
                               "will never start again with it. Go on without them?")) {
                log_error("Nothing was changed");
                return CTL_FAILED;
        }
        r = call(options, "RecoverCluster", "Recovering the cluster");
        if (r == CTL_DONE && !options->quiet)
                printf("This host goes on alone. Next: 'troupectl hosts', and 'troupectl host "
                       "remove' "
                       "for each that is lost.\n");
        return r;
}

/* ---- status */

static int read_members(sd_bus_message *reply, sd_json_variant **list)
{
        const char *host, *address;
        int votes, r;

        r = sd_json_variant_new_array(list, NULL, 0);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssb)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(ssb)", &host, &address, &votes)) > 0) {
                _cleanup_json_ sd_json_variant *one = NULL;

                r = sd_json_buildo(&one, SD_JSON_BUILD_PAIR_STRING("host", host),
                                   SD_JSON_BUILD_PAIR_STRING("address", address),
                                   SD_JSON_BUILD_PAIR_BOOLEAN("votes", votes));
                if (r >= 0)
                        r = sd_json_variant_append_array(list, one);
        }
        return r;
}

/* A text property of the manager; "" when it cannot be read. */
static char *property(sd_bus *bus, const char *name)
{
        char *text = NULL;

        if (sd_bus_get_property_string(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, name, NULL,
                                       &text) < 0)
                return strdup("");
        return text;
}

static int read_status(sd_bus *bus, sd_bus_error *error, sd_json_variant **ret_status)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ sd_json_variant *members = NULL;
        _cleanup_free_ char *id = NULL, *host = NULL, *leader = NULL, *state = NULL, *detail = NULL;
        int r;

        r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "ListMembers", error,
                               &reply, "");
        if (r >= 0)
                r = read_members(reply, &members);
        if (r < 0)
                return r;
        id = property(bus, "ClusterId");
        host = property(bus, "HostName");
        leader = property(bus, "Leader");
        state = property(bus, "State");
        detail = property(bus, "StateDetail");
        if (!id || !host || !leader || !state || !detail)
                return -ENOMEM;
        return sd_json_buildo(ret_status, SD_JSON_BUILD_PAIR_STRING("id", id),
                              SD_JSON_BUILD_PAIR_STRING("host", host),
                              SD_JSON_BUILD_PAIR_STRING("leader", leader),
                              SD_JSON_BUILD_PAIR_STRING("state", state),
                              SD_JSON_BUILD_PAIR_STRING("detail", detail),
                              SD_JSON_BUILD_PAIR_VARIANT("members", members));
}

static int print_status(sd_json_variant *status, const Options *options)
{
        static const char *const headings[] = {"HOST", "ADDRESS", "VOTES"};
        Table table = {.n_columns = ARRAY_SIZE(headings), .headings = headings};
        sd_json_variant *members = sd_json_variant_by_key(status, "members");
        const char *detail = view_text(status, "detail"), *leader = view_text(status, "leader");
        int r;

        printf("Cluster %s: %s%s%s\nThis host: %s; leader: %s\n\n", view_text(status, "id"),
               view_text(status, "state"), detail[0] ? ": " : "", detail, view_text(status, "host"),
               leader[0] ? leader : "none");
        for (size_t i = 0; i < sd_json_variant_elements(members); i++) {
                sd_json_variant *one = sd_json_variant_by_index(members, i);
                bool votes = view_truth(one, "votes");

                table_add(&table, view_text(one, "host"), TABLE_PLAIN);
                table_add(&table, view_text(one, "address"), TABLE_PLAIN);
                table_add(&table, votes ? "yes" : "not yet", TABLE_PLAIN);
        }
        r = table_print(&table, stdout, options->legend, options->terminal);
        table_deinit(&table);
        return r;
}

static int show_status(const Options *options)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ sd_json_variant *status = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        if (r != CTL_DONE)
                return r;
        r = read_status(bus, &error, &status);
        if (r < 0)
                return bus_failed(r, &error, "Asking about the cluster");
        r = options->json ? sd_json_variant_dump(status, options->json, stdout, NULL)
                          : print_status(status, options);
        return MIN(r, 0);
}

/* How many hosts this host's cluster has; CTL_DONE or another exit code, said; negative errno. */
static int count_hosts(sd_bus *bus, size_t *ret_n)
{
        _cleanup_json_ sd_json_variant *objects = NULL, *hosts = NULL;
        int r = bus_objects(bus, &objects);

        if (r != CTL_DONE)
                return r;
        r = view_hosts(objects, &hosts);
        if (r < 0)
                return r;
        *ret_n = sd_json_variant_elements(hosts);
        return CTL_DONE;
}

/* A host that is alone leaves by itself; in a cluster with others it is removed, as the others
 * would remove it, and forgets who it was when it has heard of that. */
static int leave(const Options *options)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *host = NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        size_t n_hosts;
        int r = bus_open(options, &bus);

        if (r == CTL_DONE)
                r = count_hosts(bus, &n_hosts);
        if (r != CTL_DONE)
                return r;
        host = property(bus, "HostName");
        if (!host)
                return -ENOMEM;
        if (n_hosts <= 1)
                r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "LeaveCluster",
                                       &error, NULL, "");
        else
                r = sd_bus_call_method(bus, HOST1_NAME, HOST1_PATH, HOST1_MANAGER, "RemoveHost",
                                       &error, NULL, "sb", host, 0);
        return r < 0 ? bus_failed(r, &error, "Leaving the cluster") : CTL_DONE;
}

int verb_cluster(const Options *options, size_t n_arguments, char **arguments)
{
        if (str_equal(arguments[0], "token") && n_arguments == 1)
                return token(options);
        if (str_equal(arguments[0], "join") && n_arguments == 2)
                return join(options, arguments[1]);
        if (str_equal(arguments[0], "status") && n_arguments == 1)
                return show_status(options);
        if (str_equal(arguments[0], "init") && n_arguments == 1)
                return call(options, "InitCluster", "Making a cluster");
        if (str_equal(arguments[0], "leave") && n_arguments == 1)
                return leave(options);
        if (str_equal(arguments[0], "recover") && n_arguments == 1)
                return recover(options);
        log_error("Write 'troupectl cluster status', 'init', 'token', 'join TOKEN', 'leave' or "
                  "'recover'");
        return CTL_USAGE;
}
