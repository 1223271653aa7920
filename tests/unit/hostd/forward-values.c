/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/forward-values.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

static sd_bus *bus;

static sd_bus_message *message_new(void)
{
        sd_bus_message *message;

        assert_true(sd_bus_message_new_method_call(bus, &message, "a.b", "/a", "a.b", "C") >= 0);
        return message;
}

static void seal(sd_bus_message *message)
{
        assert_true(sd_bus_message_seal(message, 1, 0) >= 0);
}

static void values_go_both_ways(void **state)
{
        sd_bus_message *there = message_new(), *back = message_new();
        sd_json_variant *values = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL, *text_again = NULL;

        assert_true(sd_bus_message_append(there, "ssutbq", "shop", "", 7, UINT64_MAX, 1, 9) >= 0);
        assert_true(sd_bus_message_append(there, "a{su}", 2, "web", 3, "worker", 4) >= 0);
        assert_true(sd_bus_message_append(there, "as", 2, "h1", "h2") >= 0);
        assert_true(sd_bus_message_append(there, "o", "/org/troupe") >= 0);
        seal(there);
        assert_true(forward_encode(there, NULL, &values) >= 0);
        assert_true(sd_json_variant_format(values, 0, &text) >= 0);
        assert_string_equal(text, "[\"shop\",\"\",7,\"18446744073709551615\",true,9,"
                                  "[[\"web\",3],[\"worker\",4]],[\"h1\",\"h2\"],\"/org/troupe\"]");
        assert_int_equal(forward_decode(back, "ssutbqa{su}aso", values, NULL), 0);
        seal(back);
        assert_true(forward_encode(back, NULL, &again) >= 0);
        assert_true(sd_json_variant_format(again, 0, &text_again) >= 0);
        assert_string_equal(text, text_again);
        sd_json_variant_unref(values);
        sd_json_variant_unref(again);
        sd_bus_message_unref(there);
        sd_bus_message_unref(back);
}

static void what_does_not_fit_is_refused(void **state)
{
        static const struct {
                const char *signature, *json;
        } wrong[] = {
                {"s", "[]"},       {"s", "[1]"},          {"s", "[\"a\",\"b\"]"},
                {"u", "[-1]"},     {"u", "[4294967296]"}, {"q", "[65536]"},
                {"t", "[1]"},      {"b", "[1]"},          {"h", "[1]"},
                {"v", "[1]"},      {"a{su", "[[]]"},      {"a{su}", "[[[\"a\"]]]"},
                {"a{su}", "[{}]"}, {"as", "[[1]]"},       {"as", "[\"a\"]"},
                {"au", "[[1]]"},   {"s", "{}"},           {"o", "[\"no path\"]"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                sd_bus_message *message = message_new();
                sd_json_variant *values = NULL;

                assert_true(sd_json_parse(wrong[i].json, 0, &values, NULL, NULL) >= 0);
                assert_true(forward_decode(message, wrong[i].signature, values, NULL) < 0);
                sd_json_variant_unref(values);
                sd_bus_message_unref(message);
        }
}

/* The descriptor that comes out is another one of the same file. */
static void descriptors_are_numbers_among_the_files(void **state)
{
        sd_bus_message *there = message_new(), *back = message_new();
        sd_json_variant *values = NULL, *wrong = NULL;
        ForwardFiles files = {}, again = {};
        _cleanup_free_ char *text = NULL;
        int pipe_fds[2];
        char byte = 0;

        assert_int_equal(pipe(pipe_fds), 0);
        assert_true(sd_bus_message_append(there, "sh", "shop", pipe_fds[0]) >= 0);
        seal(there);
        assert_true(forward_encode(there, NULL, &values) < 0);
        assert_true(sd_bus_message_rewind(there, true) >= 0);
        assert_int_equal(forward_encode(there, &files, &values), 0);
        assert_int_equal(files.n_fds, 1);
        assert_true(sd_json_variant_format(values, 0, &text) >= 0);
        assert_string_equal(text, "[\"shop\",0]");
        assert_int_equal(forward_decode(back, "sh", values, &files), 0);
        seal(back);
        sd_json_variant_unref(values);
        assert_int_equal(forward_encode(back, &again, &values), 0);
        assert_int_equal(write(pipe_fds[1], "x", 1), 1);
        assert_int_equal(read(again.fds[0], &byte, 1), 1);
        assert_int_equal(byte, 'x');
        assert_true(sd_json_parse("[\"shop\",1]", 0, &wrong, NULL, NULL) >= 0);
        sd_bus_message_unref(back);
        back = message_new();
        assert_int_equal(forward_decode(back, "sh", wrong, &files), -EBADMSG);
        sd_json_variant_unref(values);
        sd_json_variant_unref(wrong);
        sd_bus_message_unref(there);
        sd_bus_message_unref(back);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
}

/* A connection that is good for making messages. */
static int set_up(void **state)
{
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
                         0);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_fd(bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_negotiate_fds(bus, true) >= 0);
        assert_true(sd_bus_start(bus) >= 0);
        *state = (void *) (intptr_t) fds[1];
        return 0;
}

static int tear_down(void **state)
{
        sd_bus_close_unref(bus);
        close((int) (intptr_t) *state);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_go_both_ways),
                cmocka_unit_test(what_does_not_fit_is_refused),
                cmocka_unit_test(descriptors_are_numbers_among_the_files),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
