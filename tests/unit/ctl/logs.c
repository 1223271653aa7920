/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

static void logs_of_a_service(void **state)
{
        const Options options = {.lines = 7, .role = "web", .follow = true};
        char *words[] = {(char *) "guestbook", NULL};
        _cleanup_free_ char *text = NULL, *calls = NULL;

        assert_int_equal(FAKE_CAPTURE(verb_logs(&options, 1, words), text), CTL_DONE);
        calls = fake_calls();
        assert_string_equal(calls, "ReadLogs 'guestbook' 'web' '' 7 1\n");
        assert_string_equal(text, "Jan 01 00:00:01 web_IN_0: started ?[2J\n"
                                  "Jan 01 00:00:02 web_IN_0: stopped\n");
}

static void events_of_all(void **state)
{
        const Options options = {.lines = UINT64_MAX, .json = SD_JSON_FORMAT_NEWLINE};
        char *words[] = {NULL};
        _cleanup_free_ char *text = NULL, *calls = NULL;

        assert_int_equal(FAKE_CAPTURE(verb_events(&options, 0, words), text), CTL_DONE);
        calls = fake_calls();
        assert_string_equal(calls, "ReadEvents '' '' '' 4294967295 0\n");
        assert_string_equal(text, "{\"time_usec\":1000000,\"kind\":\"deploy\",\"service\":"
                                  "\"guestbook\",\"message\":\"accepted\"}\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(logs_of_a_service),
                cmocka_unit_test(events_of_all),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
