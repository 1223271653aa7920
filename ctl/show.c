/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The verbs that show what there is: list, status, hosts. Each asks once for all objects, so what
 * is shown was true at one moment. */

#include <inttypes.h>
#include <stdio.h>

#include "ctl/bus.h"
#include "ctl/pager.h"
#include "ctl/verbs.h"
#include "ctl/view.h"
#include "lib/base/log.h"
#include "lib/base/str.h"

static int read_objects(const Options *options, sd_json_variant **ret)
{
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = bus_open(options, &bus);

        return r != CTL_DONE ? r : bus_objects(bus, ret);
}

static int show_json(sd_json_variant *value, const Options *options)
{
        return sd_json_variant_dump(value, options->json, stdout, NULL);
}

static int show_table(Table *table, const Options *options, const char *things)
{
        int r = table_print(table, stdout, options->legend, options->terminal);

        if (options->legend && things)
                printf("\n%zu %s.\n", table->n_cells / table->n_columns, things);
        table_deinit(table);
        return r;
}

/* Reads, shapes, and shows as JSON or as a table. */
static int show_list(const Options *options, const char *things,
                     int (*view)(sd_json_variant *objects, sd_json_variant **ret),
                     void (*tabulate)(sd_json_variant *view, Table *ret_table))
{
        _cleanup_json_ sd_json_variant *objects = NULL, *list = NULL;
        Table table;
        Pager pager;
        int r = read_objects(options, &objects);

        if (r != CTL_DONE)
                return r;
        r = view(objects, &list);
        if (r < 0)
                return r;
        pager_open(&pager, options);
        if (options->json) {
                r = show_json(list, options);
        } else {
                tabulate(list, &table);
                r = show_table(&table, options, things);
        }
        pager_close(&pager);
        return r;
}

int verb_list(const Options *options, size_t n_arguments, char **arguments)
{
        return show_list(options, "services", view_services, view_services_table);
}

int verb_hosts(const Options *options, size_t n_arguments, char **arguments)
{
        return show_list(options, "hosts", view_hosts, view_hosts_table);
}

static void show_cluster(sd_json_variant *status, const Options *options)
{
        const char *state = view_text(status, "state"), *detail = view_text(status, "detail");
        const char *leader = view_text(status, "leader");

        if (!options->legend)
                return;
        printf("Troupe %s on %s: %s%s%s, leader %s\n", view_text(status, "version"),
               view_text(status, "host"), state, detail[0] ? ": " : "", detail,
               leader[0] ? leader : "none");
        if (view_truth(status, "brake"))
                printf("Healing has stopped itself because many hosts vanished at once.\n");
}

static void show_operation(sd_json_variant *operation)
{
        printf("  operation %s: %s, %.0f %%, %s\n", view_text(operation, "id"),
               view_text(operation, "kind"),
               100 * sd_json_variant_real(sd_json_variant_by_key(operation, "progress")),
               view_text(operation, "message"));
}

static void show_guest_os(sd_json_variant *deployment)
{
        const char *next = view_text(deployment, "os_next");
        const char *failed = view_text(deployment, "os_failed");

        if (!view_text(deployment, "os_current")[0])
                return; /* a hostd of before */
        printf("  guest OS %s/%s", view_text(deployment, "os_family"),
               view_text(deployment, "os_current"));
        if (next[0])
                printf(", going to %s", next);
        if (failed[0])
                printf(", came back from %s: instances did not become Ready", failed);
        putchar('\n');
}

static void show_deployment_heading(sd_json_variant *deployment)
{
        const char *slot = view_text(deployment, "slot"), *vip = view_text(deployment, "vip");
        const char *label = view_text(deployment, "label");
        sd_json_variant *roles = sd_json_variant_by_key(deployment, "roles");

        printf("\n%s %s %s, %s%s%s%s%s\n", view_text(deployment, "service"),
               slot[0] ? slot : "(leaving)", view_text(deployment, "id"),
               view_text(deployment, "state"), vip[0] ? ", VIP " : "", vip,
               label[0] ? ", label " : "", label);
        for (size_t i = 0; i < sd_json_variant_elements(roles); i++) {
                sd_json_variant *role = sd_json_variant_by_index(roles, i);

                printf("%s%s (%s) %" PRIu64 " of %" PRIu64 " ready", i == 0 ? "  " : ", ",
                       view_text(role, "name"), view_text(role, "kind"), view_number(role, "ready"),
                       view_number(role, "count"));
        }
        putchar('\n');
        show_guest_os(deployment);
}

static int show_status(sd_json_variant *status, const Options *options)
{
        sd_json_variant *deployments = sd_json_variant_by_key(status, "deployments");
        sd_json_variant *operations = sd_json_variant_by_key(status, "operations");
        int r = 0;

        show_cluster(status, options);
        for (size_t i = 0; i < sd_json_variant_elements(operations); i++)
                show_operation(sd_json_variant_by_index(operations, i));
        for (size_t i = 0; i < sd_json_variant_elements(deployments) && r >= 0; i++) {
                sd_json_variant *deployment = sd_json_variant_by_index(deployments, i);
                Table table;

                if (options->legend)
                        show_deployment_heading(deployment);
                view_instances_table(deployment, &table);
                r = show_table(&table, options, NULL);
        }
        if (options->legend && sd_json_variant_elements(deployments) == 0)
                puts("No deployments: 'troupectl deploy' makes one.");
        return r;
}

int verb_status(const Options *options, size_t n_arguments, char **arguments)
{
        _cleanup_json_ sd_json_variant *objects = NULL, *status = NULL;
        Pager pager;
        int r = read_objects(options, &objects);

        if (r != CTL_DONE)
                return r;
        for (size_t i = 0; i < n_arguments; i++)
                if (!view_has_service(objects, arguments[i])) {
                        log_error("There is no service '%s'", arguments[i]);
                        log_error("Next: 'troupectl list' shows the services.");
                        return CTL_NOT_FOUND;
                }
        r = view_status(objects, arguments, &status);
        if (r < 0)
                return r;
        pager_open(&pager, options);
        r = options->json ? show_json(status, options) : show_status(status, options);
        pager_close(&pager);
        return r;
}
