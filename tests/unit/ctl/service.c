/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/unit/test.h"

#include "ctl/verbs.h"
#include "tests/unit/ctl/fake-host1.h"

#define RUN(verb, options, ...)                                                                    \
        ({                                                                                         \
                char *words[] = {__VA_ARGS__, NULL};                                               \
                verb((options), ARRAY_SIZE(words) - 1, words);                                     \
        })
#define W(text) ((char *) (text))

static const Options quiet = {.quiet = true, .timeout_s = UINT64_MAX, .wait = true};
static const Options staging = {.quiet = true, .slot = "staging", .timeout_s = UINT64_MAX};
static char package[96], configuration[96];

static void assert_called(const char *expected)
{
        _cleanup_free_ char *calls = fake_calls();

        assert_string_equal(calls, expected);
}

static void deploy_sends_both_files(void **state)
{
        assert_int_equal(RUN(verb_deploy, &quiet, W("guestbook"), package, configuration),
                         CTL_DONE);
        assert_called("Deploy guestbook production [PACKAGE] [<cscfg/>] \n");
        assert_int_equal(RUN(verb_deploy, &staging, W("guestbook"), package, configuration),
                         CTL_DONE);
        assert_called("Deploy guestbook staging [PACKAGE] [<cscfg/>] \n");
}

static void files_that_cannot_be_read_are_usage(void **state)
{
        assert_int_equal(RUN(verb_deploy, &quiet, W("guestbook"), W("/no/such"), configuration),
                         CTL_USAGE);
        assert_int_equal(RUN(verb_deploy, &quiet, W("guestbook"), fake_dir, configuration),
                         CTL_USAGE);
        assert_int_equal(RUN(verb_configure, &quiet, W("guestbook"), W("/no/such")), CTL_USAGE);
        assert_called("");
}

static void configure_sends_its_file(void **state)
{
        assert_int_equal(RUN(verb_configure, &quiet, W("guestbook"), configuration), CTL_DONE);
        assert_called("Configure guestbook production [<cscfg/>]\n");
}

static void scale_reads_counts(void **state)
{
        assert_int_equal(RUN(verb_scale, &quiet, W("guestbook"), W("web=4"), W("worker=0")),
                         CTL_DONE);
        assert_called("Scale guestbook production web=4 worker=0\n");
        assert_int_equal(RUN(verb_scale, &quiet, W("guestbook"), W("web")), CTL_USAGE);
        assert_int_equal(RUN(verb_scale, &quiet, W("guestbook"), W("=4")), CTL_USAGE);
        assert_int_equal(RUN(verb_scale, &quiet, W("guestbook"), W("web=-1")), CTL_USAGE);
        assert_int_equal(RUN(verb_scale, &quiet, W("guestbook"), W("web=1001")), CTL_USAGE);
        assert_called("");
}

static void swap_and_delete(void **state)
{
        assert_int_equal(RUN(verb_swap, &quiet, W("guestbook")), CTL_DONE);
        assert_int_equal(RUN(verb_delete, &staging, W("guestbook")), CTL_DONE);
        assert_int_equal(RUN(verb_delete, &quiet, W("guestbook")), CTL_DONE);
        assert_called("Swap guestbook\nDeleteDeployment guestbook staging\n"
                      "DeleteService guestbook\n");
}

static void what_is_refused_keeps_its_exit_code(void **state)
{
        assert_int_equal(RUN(verb_scale, &quiet, W("none"), W("web=1")), CTL_NOT_FOUND);
        assert_int_equal(RUN(verb_scale, &quiet, W("failing"), W("web=1")), CTL_FAILED);
}

static void put(char *path, size_t size, const char *name, const char *text)
{
        snprintf(path, size, "%s/%s", fake_dir, name);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

static int start(void **state)
{
        int r = fake_start(state);

        put(package, sizeof(package), "in", "PACKAGE");
        put(configuration, sizeof(configuration), "in.cscfg", "<cscfg/>");
        return r;
}

static int stop(void **state)
{
        unlink(configuration);
        return fake_stop(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(deploy_sends_both_files),
                cmocka_unit_test(files_that_cannot_be_read_are_usage),
                cmocka_unit_test(configure_sends_its_file),
                cmocka_unit_test(scale_reads_counts),
                cmocka_unit_test(swap_and_delete),
                cmocka_unit_test(what_is_refused_keeps_its_exit_code),
        };

        return cmocka_run_group_tests(tests, start, stop);
}
