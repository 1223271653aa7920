/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/operation.h"

#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

#define SWAP(service, ...)                                                                         \
        ({                                                                                         \
                const Options options = {__VA_ARGS__};                                             \
                char *words[] = {(char *) (service), NULL};                                        \
                verb_swap(&options, 1, words);                                                     \
        })

static void accepted_is_enough_without_wait(void **state)
{
        _cleanup_free_ char *text = NULL;

        assert_int_equal(FAKE_CAPTURE(SWAP("stuck", .timeout_s = UINT64_MAX), text), CTL_DONE);
        assert_non_null(strstr(text, "Swapping stuck: accepted as operation "));
}

static void waiting_ends_with_the_operation(void **state)
{
        _cleanup_free_ char *text = NULL, *quiet = NULL;

        assert_int_equal(
                FAKE_CAPTURE(SWAP("guestbook", .wait = true, .timeout_s = UINT64_MAX), text),
                CTL_DONE);
        assert_string_equal(text, "Swapping guestbook: done, one of two.\n");
        assert_int_equal(FAKE_CAPTURE(SWAP("guestbook", .wait = true, .quiet = true,
                                           .timeout_s = UINT64_MAX),
                                      quiet),
                         CTL_DONE);
        assert_string_equal(quiet, "");
}

static void a_failed_operation_fails(void **state)
{
        assert_int_equal(SWAP("failing", .wait = true, .timeout_s = UINT64_MAX), CTL_FAILED);
}

static void a_refused_one_has_its_own_exit_code(void **state)
{
        assert_int_equal(SWAP("none", .wait = true, .timeout_s = UINT64_MAX), CTL_NOT_FOUND);
}

static void waiting_has_a_limit_when_asked(void **state)
{
        assert_int_equal(SWAP("stuck", .wait = true, .timeout_s = 1), CTL_TIMEOUT);
}

static void a_vanished_operation_is_a_failure(void **state)
{
        assert_int_equal(SWAP("gone", .wait = true, .timeout_s = UINT64_MAX), CTL_FAILED);
}

static void what_was_never_there_is_a_failure(void **state)
{
        const Options options = {.timeout_s = UINT64_MAX};
        _cleanup_bus_ sd_bus *bus = NULL;

        assert_int_equal(bus_open(&options, &bus), CTL_DONE);
        assert_int_equal(operation_wait(&options, bus, HOST1_PATH "/operation/none", "Testing"),
                         CTL_FAILED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accepted_is_enough_without_wait),
                cmocka_unit_test(waiting_ends_with_the_operation),
                cmocka_unit_test(a_failed_operation_fails),
                cmocka_unit_test(a_refused_one_has_its_own_exit_code),
                cmocka_unit_test(waiting_has_a_limit_when_asked),
                cmocka_unit_test(a_vanished_operation_is_a_failure),
                cmocka_unit_test(what_was_never_there_is_a_failure),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
