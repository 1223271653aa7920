/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "ctl/files.h"

#include "tests/unit/model/packed.h"

static int load(const char *root, const char *a, const char *b, ServiceFiles *files)
{
        _cleanup_free_ char *one = str_printf("%s/%s", root, a),
                            *two = b ? str_printf("%s/%s", root, b) : NULL;
        char *words[] = {one, two, NULL};

        return files_load(words, b ? 2 : 1, files, NULL);
}

static void what_a_word_names(void **state)
{
        char root[32];
        ServiceFiles files;

        tree_make(root);
        put(root, "app/ServiceConfiguration.Cloud.cscfg", "<cloud/>", 0644);
        assert_int_equal(load(root, "app", NULL, &files), CTL_DONE);
        assert_int_equal(files.definition.length, strlen(PACK_DEFINITION));
        assert_string_equal(files.configuration.text, "<cloud/>");
        files_deinit(&files);
        put(root, "app/ServiceConfiguration.cscfg", "<plain/>", 0644);
        assert_int_equal(load(root, "app", NULL, &files), CTL_DONE);
        assert_string_equal(files.configuration.text, "<plain/>");
        files_deinit(&files);
        assert_int_equal(load(root, "app", "app/ServiceConfiguration.Cloud.cscfg", &files),
                         CTL_DONE);
        assert_string_equal(files.configuration.text, "<cloud/>");
        files_deinit(&files);
        assert_int_equal(
                load(root, "app/ServiceConfiguration.cscfg", "app/ServiceDefinition.csdef", &files),
                CTL_DONE);
        assert_string_equal(files.configuration.text, "<plain/>");
        files_deinit(&files);
        assert_int_equal(load(root, "app/ServiceDefinition.csdef", NULL, &files), CTL_DONE);
        assert_null(files.configuration.text);
        files_deinit(&files);
        put(root, "app/production.xml", "<?xml version='1.0'?><ServiceConfiguration/>", 0644);
        assert_int_equal(load(root, "app/ServiceDefinition.csdef", "app/production.xml", &files),
                         CTL_DONE);
        assert_non_null(files.configuration.text);
        files_deinit(&files);
        tree_remove(root);
}

static void what_cannot_be_used(void **state)
{
        char root[32];
        ServiceFiles files;

        tree_make(root);
        put(root, "app/a.cscfg", "<a/>", 0644);
        assert_int_equal(load(root, "none", NULL, &files), CTL_USAGE);
        files_deinit(&files);
        assert_int_equal(load(root, "static", NULL, &files), CTL_USAGE);
        files_deinit(&files);
        assert_int_equal(load(root, "app/a.cscfg", NULL, &files), CTL_USAGE);
        files_deinit(&files);
        assert_int_equal(load(root, "app", "app/ServiceDefinition.csdef", &files), CTL_USAGE);
        files_deinit(&files);
        tree_remove(root);
}

static void a_package_is_opened(void **state)
{
        _cleanup_free_ char *whole = NULL;
        char root[32], path[64], message[PACK_MESSAGE_MAX];
        VerdictList verdicts = {};
        ServiceModel *model = NULL;
        PackageError fault = {};
        ServiceFiles files;
        size_t length;
        int fd, r;

        tree_make(root);
        fd = tree_pack(root, NULL, NULL, &r, message);
        assert_int_equal(r, 0);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(file_read_fd(fd, 16 * MIB, &whole, &length), 0);
        snprintf(path, sizeof(path), "%s/shop.cspkg", root);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, whole, length, 0644), 0);
        assert_int_equal(load(root, "shop.cspkg", NULL, &files), CTL_DONE);
        assert_non_null(files.package);
        assert_int_equal(files_check(&files, &verdicts, &model), 0);
        assert_int_equal(model->n_roles, 2);
        model_free(model);
        verdict_list_deinit(&verdicts);
        files_deinit(&files);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, whole, length - 1, 0644), 0);
        assert_int_equal(files_load((char *[]) {path, NULL}, 1, &files, &fault), CTL_USAGE);
        assert_int_equal(fault.fault, PACKAGE_TRUNCATED);
        files_deinit(&files);
        fd_close(fd);
        tree_remove(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_word_names),
                cmocka_unit_test(what_cannot_be_used),
                cmocka_unit_test(a_package_is_opened),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
