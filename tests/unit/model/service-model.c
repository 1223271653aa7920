/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "tests/unit/model/helper.h"

static void half_built_models_are_freed(void **state)
{
        ServiceModel *model = calloc(1, sizeof(*model));

        assert_non_null(model);
        model->roles = calloc(2, sizeof(*model->roles));
        assert_non_null(model->roles);
        model->n_roles = 2;
        assert_null(model_free(model));
        assert_null(model_free(NULL));
}

static void lookups_are_exact(void **state)
{
        Checked checked =
                check_texts(DEFINITION("<WebRole name='web'>" HTTP_IN "</WebRole>"), NULL);
        const Role *role = model_role(checked.model, "web");

        assert_non_null(role);
        assert_non_null(role_endpoint(role, "In"));
        assert_null(role_endpoint(role, "in"));
        assert_null(role_endpoint(role, ""));
        assert_null(model_role(checked.model, "we"));
        checked_deinit(&checked);
}

static void protocols_have_their_words(void **state)
{
        assert_string_equal(protocol_to_string(PROTOCOL_HTTP), "http");
        assert_string_equal(protocol_to_string(PROTOCOL_HTTPS), "https");
        assert_string_equal(protocol_to_string(PROTOCOL_TCP), "tcp");
        assert_string_equal(protocol_to_string(PROTOCOL_UDP), "udp");
        assert_string_equal(protocol_to_string(PROTOCOL_ANY), "any");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(half_built_models_are_freed),
                cmocka_unit_test(lookups_are_exact),
                cmocka_unit_test(protocols_have_their_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
