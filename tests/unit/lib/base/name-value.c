/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/base/name-value.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/troupe-name-value-XXXXXX";
static StrBuffer seen;

static int set(void *userdata, const char *where, const char *name, const char *value)
{
        str_buffer_addf(&seen, "%s%s%s;", name, value ? "=" : "", value ?: "");
        return str_equal(name, "stop") ? 7 : 0;
}

static void put(const char *name, const char *text)
{
        assert_int_equal(file_write_atomic(AT_FDCWD, name, text, strlen(text), 0600), 0);
}

static int load(const char *text, const char *credential)
{
        static const char *const names[] = {"one", "two", NULL};
        NameValueSource source = {
                .path = "file",
                .credentials = credential ? "." : NULL,
                .prefix = "p.",
                .names = names,
                .bytes_max = 64,
                .set = set,
        };

        str_buffer_deinit(&seen);
        unlink("file");
        unlink("p.two");
        if (text)
                put("file", text);
        if (credential)
                put("p.two", credential);
        return name_value_load(&source);
}

static void lines_and_then_credentials(void **state)
{
        assert_int_equal(load("# no\n\n one = a b \r\ntwo=\n", " c\n"), 0);
        assert_string_equal(seen.data, "one=a b;two=;two=c;");
        assert_int_equal(load(NULL, "c"), 0);
        assert_string_equal(seen.data, "two=c;");
        assert_int_equal(load("three=x=y", NULL), 0);
        assert_string_equal(seen.data, "three=x=y;");
}

static void what_is_no_pair_is_told_as_such(void **state)
{
        assert_int_equal(load("  nonsense \nx=1", NULL), 0);
        assert_string_equal(seen.data, "nonsense;x=1;");
}

static void whoever_takes_them_may_end_it(void **state)
{
        assert_int_equal(load("stop=1\nx=1", "c"), 7);
        assert_string_equal(seen.data, "stop=1;");
}

static void what_is_too_long_is_an_error(void **state)
{
        char text[80];

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(load(text, NULL), -EFBIG);
        assert_int_equal(load(NULL, text), -EFBIG);
}

static int set_up(void **state)
{
        assert_non_null(mkdtemp(dir));
        return chdir(dir);
}

static int tear_down(void **state)
{
        str_buffer_deinit(&seen);
        unlink("file");
        unlink("p.two");
        return rmdir(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines_and_then_credentials),
                cmocka_unit_test(what_is_no_pair_is_told_as_such),
                cmocka_unit_test(whoever_takes_them_may_end_it),
                cmocka_unit_test(what_is_too_long_is_an_error),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
