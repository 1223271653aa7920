/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/role-facts.h"

#include "lib/base/str.h"
#include "tests/unit/agent/example.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static void facts_are_json(void **state)
{
        AgentConfig config = example();
        char *json = NULL;
        sd_json_variant *v = NULL;

        assert_int_equal(role_facts_json(&config, &json), 0);
        assert_int_equal(json[strlen(json) - 1], '\n');
        assert_true(sd_json_parse(json, 0, &v, NULL, NULL) >= 0);
        assert_string_equal(sd_json_variant_string(sd_json_variant_by_key(
                                    sd_json_variant_by_key(v, "settings"), "Colour")),
                            "blue");
        assert_int_equal(sd_json_variant_elements(
                                 sd_json_variant_by_key(sd_json_variant_by_key(v, "roles"), "web")),
                         2);
        sd_json_variant_unref(v);
        free(json);
}

static void facts_are_variables(void **state)
{
        bool port = false, greeting = false, socket = false;
        AgentConfig config = example();
        char **list = NULL;

        assert_int_equal(role_facts_variables(&config, 8080, &list), 0);
        assert_string_equal(list[0], "TROUPE_SERVICE=shop");
        for (size_t i = 0; list[i]; i++) {
                port |= str_equal(list[i], "PORT=8080");
                greeting |= str_equal(list[i], "GREETING=hello \"you\"");
        }
        assert_true(port && greeting);
        role_facts_variables_free(list);
        assert_int_equal(role_facts_variables(&config, 0, &list), 0);
        for (size_t i = 0; list[i]; i++)
                socket |= str_after(list[i], "PORT=") || str_after(list[i], "TROUPE_SOCKET=");
        assert_false(socket);
        role_facts_variables_free(list);
        role_facts_variables_free(NULL);
}

static int variables_of(const AgentConfig *config)
{
        char **list = NULL;
        int r = role_facts_variables(config, 80, &list);

        role_facts_variables_free(list);
        return r;
}

static void short_memory_is_told(void **state)
{
        AgentConfig config = example();

        FAILING_EACH(variables_of(&config));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(facts_are_json),
                cmocka_unit_test(facts_are_variables),
                cmocka_unit_test(short_memory_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
