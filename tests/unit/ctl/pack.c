/* SPDX-License-Identifier: GPL-3.0-or-later */

#include <dirent.h>

#include "tests/unit/ctl/capture.h"

static size_t entries_of(const char *directory)
{
        DIR *dir = opendir(directory);
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void a_package_is_written_whole(void **state)
{
        char root[32], app[64], out[64];
        _cleanup_free_ char *text = NULL, *checked = NULL;
        Options options = {.legend = true, .output = out};
        struct stat st;

        tree_make(root);
        snprintf(app, sizeof(app), "%s/app", root);
        snprintf(out, sizeof(out), "%s/shop.cspkg", root);
        assert_int_equal(verb_capture(verb_pack, &options, (char *[]) {app, NULL}, &text), 0);
        assert_non_null(strstr(text, "2 roles"));
        assert_int_equal(stat(out, &st), 0);
        assert_int_equal(entries_of(root), 5); /* nothing but ., .., app, static and it */
        assert_int_equal(verb_capture(verb_check, &options, (char *[]) {out, NULL}, &checked), 0);
        assert_non_null(strstr(checked, "shop.cspkg/ServiceDefinition.csdef:1"));
        tree_remove(root);
}

static void what_is_wrong_leaves_nothing(void **state)
{
        char root[32], app[64], out[64], program[64];
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
        Options options = {.legend = true, .output = out};

        tree_make(root);
        snprintf(app, sizeof(app), "%s/app", root);
        snprintf(out, sizeof(out), "%s/shop.cspkg", root);
        snprintf(program, sizeof(program), "%s/app/work/bin/work", root);
        assert_int_equal(unlink(program), 0);
        assert_int_equal(verb_capture(verb_pack, &options, (char *[]) {app, NULL}, &a), CTL_FAILED);
        assert_int_equal(entries_of(root), 4);
        put(root, "app/ServiceDefinition.csdef", DEFINITION("<WorkerRole name='w'/>"), 0644);
        assert_int_equal(verb_capture(verb_pack, &options, (char *[]) {app, NULL}, &b), CTL_FAILED);
        put(root, "app/ServiceDefinition.csdef", "<x", 0644);
        assert_int_equal(verb_capture(verb_pack, &options, (char *[]) {app, NULL}, &c), CTL_USAGE);
        assert_int_equal(entries_of(root), 4);
        tree_remove(root);
}

static void both_halves_of_a_signature_or_none(void **state)
{
        char root[32];
        _cleanup_free_ char *text = NULL;
        Options options = {.sign_key = "key.pem"};

        tree_make(root);
        assert_int_equal(verb_capture(verb_pack, &options, (char *[]) {root, NULL}, &text),
                         CTL_USAGE);
        tree_remove(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_package_is_written_whole),
                cmocka_unit_test(what_is_wrong_leaves_nothing),
                cmocka_unit_test(both_halves_of_a_signature_or_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
