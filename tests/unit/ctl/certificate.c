/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/capture.h"
#include "tests/unit/ctl/fake-host1.h"

#define W(text) ((char *) (text))
#define CERTIFICATE(options, out, ...)                                                             \
        verb_capture(verb_certificate, (options), (char *[]) {__VA_ARGS__, NULL}, (out))

static const Options plain = {.legend = true};
static const Options json = {.json = SD_JSON_FORMAT_NEWLINE};

static void assert_called(const char *expected)
{
        _cleanup_free_ char *calls = fake_calls();

        assert_string_equal(calls, expected);
}

static void add_sends_the_file_and_shows_the_thumbprint(void **state)
{
        _cleanup_free_ char *out = NULL, *nothing = NULL;
        char path[96];

        snprintf(path, sizeof(path), "%s/in.pem", fake_dir);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, "PEM", 3, 0600), 0);
        assert_int_equal(CERTIFICATE(&plain, &out, W("add"), path), CTL_DONE);
        assert_string_equal(out, "AB12\n");
        assert_called("AddCertificate [PEM]\n");
        unlink(path);
        assert_int_equal(CERTIFICATE(&plain, &nothing, W("add"), path), CTL_USAGE);
        assert_called("");
}

static void list_shows_no_more_than_there_is_to_know(void **state)
{
        _cleanup_free_ char *table = NULL, *text = NULL;

        assert_int_equal(CERTIFICATE(&plain, &table, W("list")), CTL_DONE);
        assert_non_null(strstr(table, "AB12"));
        assert_non_null(strstr(table, "2033-05-18"));
        assert_non_null(strstr(table, "CN = shop"));
        assert_int_equal(CERTIFICATE(&json, &text, W("list")), CTL_DONE);
        assert_string_equal(text,
                            "[{\"sha1\":\"AB12\",\"sha256\":\"CD34\",\"subject\":\"CN = shop\","
                            "\"expires_usec\":2000000000000000,\"added_usec\":1000000}]\n");
}

static void remove_names_what_is_not_there(void **state)
{
        _cleanup_free_ char *out = NULL, *nothing = NULL;

        assert_int_equal(CERTIFICATE(&plain, &out, W("remove"), W("AB12")), CTL_DONE);
        assert_int_equal(CERTIFICATE(&plain, &nothing, W("remove"), W("FF")), CTL_NOT_FOUND);
        assert_called("RemoveCertificate AB12\nRemoveCertificate FF\n");
}

static void anything_else_is_usage(void **state)
{
        _cleanup_free_ char *one = NULL, *two = NULL, *three = NULL;

        assert_int_equal(CERTIFICATE(&plain, &one, W("add")), CTL_USAGE);
        assert_int_equal(CERTIFICATE(&plain, &two, W("list"), W("x")), CTL_USAGE);
        assert_int_equal(CERTIFICATE(&plain, &three, W("show")), CTL_USAGE);
        assert_called("");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(add_sends_the_file_and_shows_the_thumbprint),
                cmocka_unit_test(list_shows_no_more_than_there_is_to_know),
                cmocka_unit_test(remove_names_what_is_not_there),
                cmocka_unit_test(anything_else_is_usage),
        };

        return cmocka_run_group_tests(tests, fake_start, fake_stop);
}
