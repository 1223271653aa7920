/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/view.h"

#include <string.h>

#include "tests/unit/test.h"

#include "tests/unit/failing.h"

static const char text[] =
        "{\"/org/troupe/Host1\":{\"org.troupe.Host1.Manager\":{\"version\":\"1\",\"host_name\":"
        "\"h1\",\"leader\":\"h1\",\"state\":\"running\",\"state_detail\":\"\",\"brake\":false}},"
        "\"/s/b\":{\"org.troupe.Host1.Service\":{\"name\":\"b\",\"production_vip\":\"198.18.1.1\","
        "\"staging_vip\":\"\",\"production_deployment\":\"/d/2\",\"staging_deployment\":\"/\"}},"
        "\"/s/a\":{\"org.troupe.Host1.Service\":{\"name\":\"a\",\"production_vip\":\"\","
        "\"staging_vip\":\"\",\"production_deployment\":\"/\",\"staging_deployment\":\"/\"}},"
        "\"/d/1\":{\"org.troupe.Host1.Deployment\":{\"id\":\"d1\",\"service\":\"b\",\"slot\":"
        "\"staging\",\"vip\":\"\",\"roles\":[],\"definition\":\"<x/>\",\"configuration\":\"<x/"
        ">\"}},"
        "\"/d/2\":{\"org.troupe.Host1.Deployment\":{\"id\":\"d2\",\"service\":\"b\",\"slot\":"
        "\"production\",\"vip\":\"198.18.1.1\",\"roles\":[[\"web\",\"web\",2,1]]}},"
        "\"/i/10\":{\"org.troupe.Host1.Instance\":{\"name\":\"web_IN_10\",\"role\":\"web\","
        "\"number\":10,\"deployment\":\"/d/2\",\"service\":\"b\",\"status\":\"CyclingRole\","
        "\"host\":\"h1\",\"fault_domain\":\"rack1\",\"upgrade_domain\":1,\"incarnation\":3,"
        "\"address\":\"10.64.0.5\",\"in_rotation\":false,\"detail\":\"exit 1\"}},"
        "\"/i/9\":{\"org.troupe.Host1.Instance\":{\"name\":\"web_IN_9\",\"role\":\"web\","
        "\"number\":9,\"deployment\":\"/d/2\",\"service\":\"b\",\"status\":\"ReadyRole\","
        "\"in_rotation\":true}},"
        "\"/o/1\":{\"org.troupe.Host1.Operation\":{\"id\":\"1\",\"service\":\"b\",\"state\":"
        "\"running\",\"kind\":\"scale\",\"progress\":0.5}},"
        "\"/o/2\":{\"org.troupe.Host1.Operation\":{\"id\":\"2\",\"service\":\"b\",\"state\":"
        "\"succeeded\"}},"
        "\"/h/1\":{\"org.troupe.Host1.Host\":{\"name\":\"h1\",\"fault_domain\":\"rack1\",\"state\":"
        "\"up\",\"leader\":true,\"vcpus\":4,\"vcpus_used\":1,\"memory_bytes\":1073741824}}}";

static sd_json_variant *objects;

static sd_json_variant *at(sd_json_variant *array, size_t index)
{
        return sd_json_variant_by_index(array, index);
}

static void services_are_ordered_and_name_their_deployments(void **state)
{
        _cleanup_json_ sd_json_variant *services = NULL;

        assert_int_equal(view_services(objects, &services), 0);
        assert_int_equal(sd_json_variant_elements(services), 2);
        assert_string_equal(view_text(at(services, 0), "service"), "a");
        assert_true(sd_json_variant_is_null(sd_json_variant_by_key(at(services, 0), "staging")));
        assert_string_equal(view_text(at(services, 1), "production"), "d2");
        assert_true(view_has_service(objects, "a"));
        assert_false(view_has_service(objects, "c"));
}

static void status_has_what_scripts_read(void **state)
{
        _cleanup_json_ sd_json_variant *status = NULL;
        sd_json_variant *deployments, *instances, *role;
        static const char *const members[] = {
                "name", "role",         "number",         "incarnation", "status",
                "host", "fault_domain", "upgrade_domain", "address",     "in_rotation"};

        assert_int_equal(view_status(objects, NULL, &status), 0);
        deployments = sd_json_variant_by_key(status, "deployments");
        assert_int_equal(sd_json_variant_elements(deployments), 2);
        assert_string_equal(view_text(at(deployments, 0), "slot"), "production");
        assert_string_equal(view_text(at(deployments, 0), "vip"), "198.18.1.1");
        assert_string_equal(view_text(at(deployments, 1), "slot"), "staging");
        assert_null(sd_json_variant_by_key(at(deployments, 1), "definition"));
        role = at(sd_json_variant_by_key(at(deployments, 0), "roles"), 0);
        assert_int_equal(view_number(role, "count"), 2);
        instances = sd_json_variant_by_key(at(deployments, 0), "instances");
        assert_int_equal(sd_json_variant_elements(instances), 2);
        assert_string_equal(view_text(at(instances, 0), "name"), "web_IN_9");
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                assert_non_null(sd_json_variant_by_key(at(instances, 1), members[i]));
        assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(status, "operations")), 1);
}

static void status_of_one_service_leaves_others_out(void **state)
{
        _cleanup_json_ sd_json_variant *status = NULL;
        char *services[] = {(char *) "a", NULL};

        assert_int_equal(view_status(objects, services, &status), 0);
        assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(status, "deployments")),
                         0);
        assert_int_equal(sd_json_variant_elements(sd_json_variant_by_key(status, "operations")), 0);
}

static void tables_show_the_same(void **state)
{
        _cleanup_json_ sd_json_variant *status = NULL, *hosts = NULL, *services = NULL;
        Table table;

        assert_int_equal(view_status(objects, NULL, &status), 0);
        view_instances_table(at(sd_json_variant_by_key(status, "deployments"), 0), &table);
        assert_int_equal(table.n_cells, 2 * table.n_columns);
        assert_string_equal(table.cells[1].text, "ReadyRole");
        assert_int_equal(table.cells[1].colour, TABLE_GREEN);
        assert_string_equal(table.cells[table.n_columns + 2].text, "out");
        table_deinit(&table);

        assert_int_equal(view_hosts(objects, &hosts), 0);
        view_hosts_table(hosts, &table);
        assert_int_equal(table.n_cells, table.n_columns);
        assert_string_equal(table.cells[7].text, "1/4");
        table_deinit(&table);

        assert_int_equal(view_services(objects, &services), 0);
        view_services_table(services, &table);
        assert_int_equal(table.n_cells, 2 * table.n_columns);
        table_deinit(&table);
}

/* What another version of hostd might send, or nothing at all. */
static void missing_and_strange_members_do_no_harm(void **state)
{
        _cleanup_json_ sd_json_variant *strange = NULL, *status = NULL, *hosts = NULL;

        assert_int_equal(sd_json_parse("{\"/a\":{\"org.troupe.Host1.Deployment\":{\"id\":7,"
                                       "\"roles\":\"x\"}},\"/b\":[],\"/i\":"
                                       "{\"org.troupe.Host1.Instance\":{}}}",
                                       0, &strange, NULL, NULL),
                         0);
        assert_int_equal(view_status(strange, NULL, &status), 0);
        assert_int_equal(view_hosts(strange, &hosts), 0);
        assert_string_equal(view_text(strange, "none"), "");
        assert_int_equal(view_number(NULL, "none"), 0);
        assert_false(view_truth(NULL, "none"));
}

static int all_views(void)
{
        _cleanup_json_ sd_json_variant *status = NULL, *services = NULL;
        int r = view_status(objects, NULL, &status);

        return r < 0 ? r : view_services(objects, &services);
}

static void short_memory_is_reported(void **state)
{
        FAILING_EACH(all_views());
}

static int parse(void **state)
{
        return sd_json_parse(text, 0, &objects, NULL, NULL);
}

static int drop(void **state)
{
        objects = sd_json_variant_unref(objects);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(services_are_ordered_and_name_their_deployments),
                cmocka_unit_test(status_has_what_scripts_read),
                cmocka_unit_test(status_of_one_service_leaves_others_out),
                cmocka_unit_test(tables_show_the_same),
                cmocka_unit_test(missing_and_strange_members_do_no_harm),
                cmocka_unit_test(short_memory_is_reported),
        };

        return cmocka_run_group_tests(tests, parse, drop);
}
