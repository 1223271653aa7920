/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/capture.h"
#include "tests/unit/ctl/fake-host1.h"

#define W(text) ((char *) (text))
#define CLUSTER(options, out, ...)                                                                 \
        verb_capture(verb_cluster, (options), (char *[]) {__VA_ARGS__, NULL}, (out))

static const Options plain = {.legend = true};
static const Options json = {.json = SD_JSON_FORMAT_NEWLINE};

static void assert_called(const char *expected)
{
        _cleanup_free_ char *calls = fake_calls();

        assert_string_equal(calls, expected);
}

static void token_is_all_that_is_printed(void **state)
{
        _cleanup_free_ char *out = NULL;

        assert_int_equal(CLUSTER(&plain, &out, W("token")), CTL_DONE);
        assert_string_equal(out, "troupe1/token\n");
        assert_called("MakeJoinToken 0\n");
}

static void join_says_why_not(void **state)
{
        _cleanup_free_ char *out = NULL, *nothing = NULL;

        assert_int_equal(CLUSTER(&plain, &out, W("join"), W("good")), CTL_DONE);
        assert_int_equal(CLUSTER(&plain, &nothing, W("join"), W("bad")), CTL_FAILED);
        assert_called("JoinCluster good\nJoinCluster bad\n");
        free(TAKE_PTR(out));
        assert_int_equal(CLUSTER(&plain, &out, W("leave")), CTL_DONE);
        free(TAKE_PTR(out));
        assert_int_equal(CLUSTER(&plain, &out, W("init")), CTL_DONE);
        assert_called("LeaveCluster\nInitCluster\n");
        free(TAKE_PTR(out));
        assert_int_equal(CLUSTER(&plain, &out, W("recover")), CTL_DONE);
        assert_non_null(strstr(out, "goes on alone"));
        assert_called("RecoverCluster\n");
}

static void status_shows_who_carries_the_state(void **state)
{
        _cleanup_free_ char *table = NULL, *text = NULL;

        assert_int_equal(CLUSTER(&plain, &table, W("status")), CTL_DONE);
        assert_non_null(strstr(table, "192.0.2.2"));
        assert_non_null(strstr(table, "not yet"));
        assert_int_equal(CLUSTER(&json, &text, W("status")), CTL_DONE);
        assert_non_null(strstr(text, "\"members\":[{\"host\":\"h1\",\"address\":\"192.0.2.1\","
                                     "\"votes\":true},{\"host\":\"h2\",\"address\":"
                                     "\"192.0.2.2\",\"votes\":false}]"));
}

static void what_it_does_not_know_is_usage(void **state)
{
        _cleanup_free_ char *a = NULL, *b = NULL;

        assert_int_equal(CLUSTER(&plain, &a, W("join")), CTL_USAGE);
        assert_int_equal(CLUSTER(&plain, &b, W("explode")), CTL_USAGE);
        assert_called("");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(token_is_all_that_is_printed),
                cmocka_unit_test(join_says_why_not),
                cmocka_unit_test(status_shows_who_carries_the_state),
                cmocka_unit_test(what_it_does_not_know_is_usage),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
