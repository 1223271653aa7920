/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/lines.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#include "lib/base/file.h"
#include "lib/base/str.h"

static const LinesFormat format = {.who = {"service", "instance"}, .otherwise = "host"};

static char *text_of(const char *json, bool colour)
{
        _cleanup_json_ sd_json_variant *object = NULL;

        assert_int_equal(sd_json_parse(json, 0, &object, NULL, NULL), 0);
        return lines_text(object, &format, colour);
}

static void a_line_has_time_origin_and_message(void **state)
{
        _cleanup_free_ char *plain = text_of("{\"time_usec\":1000000,\"instance\":\"web_IN_0\","
                                             "\"priority\":6,\"message\":\"hello\"}",
                                             true),
                            *red = text_of("{\"time_usec\":0,\"instance\":\"a\",\"priority\":3,"
                                           "\"message\":\"bad\"}",
                                           true),
                            *host = text_of("{\"host\":\"h1\",\"message\":\"x\"}", false),
                            *both = text_of("{\"host\":\"h1\",\"service\":\"s\",\"instance\":"
                                            "\"web_IN_0\",\"message\":\"x\"}",
                                            false);

        assert_string_equal(plain, "Jan 01 00:00:01 web_IN_0: hello");
        assert_non_null(strstr(red, "\033[0;1;31mbad\033[0m"));
        assert_non_null(strstr(host, " h1: x"));
        assert_non_null(strstr(both, " s/web_IN_0: x"));
}

static void guests_cannot_write_to_the_terminal(void **state)
{
        _cleanup_free_ char *text = text_of("{\"instance\":\"a\\u001b]0;x\\u0007\",\"message\":"
                                            "\"\\u001b[2J\\r\\u009bmore\"}",
                                            false);

        for (const unsigned char *c = (unsigned char *) text; *c; c++)
                assert_true(*c >= 0x20 && *c != 0x9b);
}

/* Shows what is written to a pipe; the output, to free(). */
static char *show(const char *input, size_t length, const Options *options, int expected)
{
        char name[] = "/tmp/ctl-lines-XXXXXX", *text = NULL;
        int ends[2], saved = dup(STDOUT_FILENO), fd = mkstemp(name);

        unlink(name);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
        assert_int_equal(file_write_all(ends[1], input, length), 0);
        close(ends[1]);
        fflush(stdout);
        dup2(fd, STDOUT_FILENO);
        assert_int_equal(lines_show(ends[0], &format, options), expected);
        fflush(stdout);
        dup2(saved, STDOUT_FILENO);
        close(saved);
        close(ends[0]);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(file_read_fd(fd, MIB, &text, NULL), 0);
        close(fd);
        return text;
}

static void streams_are_shown_line_by_line(void **state)
{
        static const char input[] = "{\"instance\":\"a\",\"message\":\"1\"}\nno json\033[2J\n"
                                    "{\"instance\":\"a\",\"message\":\"last";
        const Options plain = {}, json = {.json = SD_JSON_FORMAT_NEWLINE};
        _cleanup_free_ char *text = show(input, sizeof(input) - 1, &plain, 0),
                            *objects = show("{\"b\":  1}\n", 10, &json, 0);

        assert_string_equal(text, "Jan 01 00:00:00 a: 1\nno json?[2J\n"
                                  "{\"instance\":\"a\",\"message\":\"last\n");
        assert_string_equal(objects, "{\"b\":1}\n");
}

static void a_line_without_end_is_cut(void **state)
{
        size_t length = 3 * LINES_LENGTH_MAX;
        _cleanup_free_ char *input = malloc(length), *text = NULL;
        const Options plain = {};

        memset(input, 'x', length);
        memcpy(input + length - 8, "\nbehind\n", 8);
        text = show(input, length, &plain, 0);
        assert_true(strlen(text) < LINES_LENGTH_MAX + 100);
        assert_non_null(strstr(text, "\nbehind\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_has_time_origin_and_message),
                cmocka_unit_test(guests_cannot_write_to_the_terminal),
                cmocka_unit_test(streams_are_shown_line_by_line),
                cmocka_unit_test(a_line_without_end_is_cut),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
