/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "model/xpath.h"

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define CURRENT "/RoleEnvironment/CurrentInstance"

#define TEXT(text) ((char *) (text)) /* the model owns its strings, a constant role does not */

static Setting settings[] = {{TEXT("Queue"), TEXT("q1")}, {TEXT("Empty"), NULL}};
static LocalResource resources[] = {{TEXT("scratch"), 512, true}};
static Endpoint endpoints[] = {
        {.name = TEXT("HttpIn"),
         .protocol = PROTOCOL_HTTP,
         .public_first = 80,
         .local_first = 8080},
};
static const Role role = {
        .name = TEXT("web"),
        .settings = settings,
        .n_settings = 2,
        .resources = resources,
        .n_resources = 1,
        .endpoints = endpoints,
        .n_endpoints = 1,
};
static const InstanceFacts facts = {"d0123abcd", "web_IN_3",  &role,       3,
                                    1,           "10.64.0.7", "/var/lib/x"};

static void every_published_path_has_its_value(void **state)
{
        static const char *const pairs[][2] = {
                {"/RoleEnvironment/Deployment/@emulated", "false"},
                {" /RoleEnvironment/Deployment/@id\n", "d0123abcd"},
                {CURRENT "/@id", "web_IN_3"},
                {CURRENT "/@roleName", "web"},
                {CURRENT "/@updateDomain", "3"},
                {CURRENT "/@faultDomain", "1"},
                {CURRENT "/ConfigurationSettings/ConfigurationSetting[@name='Queue']/@value", "q1"},
                {CURRENT "/ConfigurationSettings/ConfigurationSetting[@name='Empty']/@value", ""},
                {CURRENT "/LocalResources/LocalResource[@name=\"scratch\"]/@path",
                 "/var/lib/x/scratch"},
                {CURRENT "/LocalResources/LocalResource[@name='scratch']/@sizeInMB", "512"},
                {CURRENT "/Endpoints/Endpoint[@name='HttpIn']/@protocol", "http"},
                {CURRENT "/Endpoints/Endpoint[@name='HttpIn']/@address", "10.64.0.7"},
                {CURRENT "/Endpoints/Endpoint[@name='HttpIn']/@port", "8080"},
        };
        unsigned kinds = 0;

        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                _cleanup_free_ char *value = NULL;
                XPath xpath;

                assert_int_equal(xpath_parse(pairs[i][0], &xpath), 0);
                kinds |= 1U << xpath.kind;
                assert_int_equal(model_xpath_value(&facts, pairs[i][0], &value), 0);
                assert_string_equal(value, pairs[i][1]);
        }
        assert_int_equal(kinds, (1U << _XPATH_KIND_MAX) - 1);
}

static void nothing_else_has(void **state)
{
        static const char *const others[] = {
                "",
                "/",
                "//@id",
                "/RoleEnvironment/Deployment/@emulated/x",
                "/RoleEnvironment/Deployment",
                CURRENT "/Endpoints/Endpoint[@name='HttpIn']/@publicPort",
                CURRENT "/Endpoints/Endpoint[@name='HttpIn'/@port",
                CURRENT "/Endpoints/Endpoint[@name='']/@port",
                CURRENT "/Endpoints/Endpoint[@name='None']/@port",
                CURRENT "/Endpoints/Endpoint[@name='HttpIn\"]/@port",
                CURRENT "/LocalResources/LocalResource[@name='HttpIn']/@path",
                CURRENT "/ConfigurationSettings/ConfigurationSetting[@name='x']/@value",
        };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                char *value = (char *) "untouched";

                assert_int_equal(model_xpath_value(&facts, others[i], &value), MODEL_XPATH_UNKNOWN);
                assert_string_equal(value, "untouched");
        }
}

static void long_names_do_not_overflow(void **state)
{
        StrBuffer text = {};
        XPath xpath;

        str_buffer_add(&text, CURRENT "/Endpoints/Endpoint[@name='");
        for (unsigned i = 0; i < 257; i++)
                str_buffer_add(&text, "x");
        str_buffer_add(&text, "']/@port");
        assert_int_equal(xpath_parse(text.data, &xpath), MODEL_XPATH_UNKNOWN);
        for (unsigned i = 0; i < 4000; i++)
                str_buffer_add(&text, "x");
        assert_int_equal(xpath_parse(text.data, &xpath), MODEL_XPATH_UNKNOWN);
        str_buffer_deinit(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_published_path_has_its_value),
                cmocka_unit_test(nothing_else_has),
                cmocka_unit_test(long_names_do_not_overflow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
