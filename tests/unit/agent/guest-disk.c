/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "agent/guest-disk.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "tests/unit/test.h"

#define T(text) ((char *) (uintptr_t) (text))

static char root[] = "/tmp/troupe-disk-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
        return remove(path);
}

static int setup(void **state)
{
        return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
        return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
        _cleanup_free_ char *whole = str_printf("%s/%s", root, path);

        assert_int_equal(file_write_atomic(AT_FDCWD, whole, text, strlen(text), 0644), 0);
}

static bool there(const char *path)
{
        _cleanup_free_ char *whole = str_printf("%s/%s", root, path);
        struct stat st;

        return lstat(whole, &st) == 0;
}

static void make(const char *path)
{
        _cleanup_free_ char *whole = str_printf("%s/%s", root, path);

        assert_int_equal(mkdir(whole, 0755), 0);
}

static void disk_is_found_by_its_serial(void **state)
{
        _cleanup_free_ char *sysfs = str_printf("%s/block", root);
        char path[GUEST_DISK_PATH_MAX];

        make("block");
        assert_int_equal(guest_disk_find(sysfs, "payload", path), -ENODEV);
        make("block/vda");
        make("block/vdb");
        make("block/sda");
        put("block/vda/serial", "root");
        put("block/vdb/serial", "payload\n");
        put("block/sda/serial", "local");
        assert_int_equal(guest_disk_find(sysfs, "payload", path), 0);
        assert_string_equal(path, "/dev/vdb");
        assert_int_equal(guest_disk_find(sysfs, "local", path), -ENODEV);
        assert_int_equal(guest_disk_find("/nonexistent", "local", path), -ENODEV);
}

static void recycle_empties_what_is_defined_so(void **state)
{
        AgentResource resources[] = {{.name = T("scratch"), .clean_on_recycle = true},
                                     {.name = T("keep")}};
        AgentConfig config = {.resources = resources, .n_resources = 2};
        _cleanup_free_ char *local = str_printf("%s/local", root), *link = NULL, *target = NULL;

        make("local");
        put("outside", "x");
        assert_int_equal(guest_disk_resources(local, &config, false, getuid(), getgid()), 0);
        make("local/scratch/deep");
        put("local/scratch/deep/file", "x");
        put("local/keep/file", "x");
        link = str_printf("%s/scratch/link", local);
        target = str_printf("%s/local/keep", root);
        assert_int_equal(symlink(target, link), 0);
        assert_int_equal(guest_disk_resources(local, &config, false, getuid(), getgid()), 0);
        assert_true(there("local/scratch/deep/file"));
        assert_int_equal(guest_disk_resources(local, &config, true, getuid(), getgid()), 0);
        assert_true(there("local/scratch"));
        assert_false(there("local/scratch/deep"));
        assert_false(there("local/scratch/link"));
        assert_true(there("local/keep/file"));
}

static void names_do_not_lead_elsewhere(void **state)
{
        AgentResource resource = {.name = T("../x")};
        AgentCertificate certificate = {.name = T("../x"), .certificate = T("c")};
        AgentConfig config = {.resources = &resource,
                              .n_resources = 1,
                              .certificates = &certificate,
                              .n_certificates = 1};

        assert_int_equal(guest_disk_resources(root, &config, true, 0, 0), -EINVAL);
        assert_int_equal(guest_disk_certificates(root, &config, 0), -EINVAL);
}

static void keys_are_kept_from_others(void **state)
{
        AgentCertificate certificates[] = {
                {.name = T("a"), .certificate = T("cert"), .key = T("key")},
                {.name = T("b"), .certificate = T("cert"), .key = T("key"), .elevated_only = true},
                {.name = T("c"), .certificate = T("cert")}};
        AgentConfig config = {.certificates = certificates, .n_certificates = 3};
        _cleanup_free_ char *directory = str_printf("%s/certificates", root);
        _cleanup_free_ char *a = str_printf("%s/a.key", directory),
                            *b = str_printf("%s/b.key", directory);
        struct stat st;

        if (getuid() != 0)
                skip();
        assert_int_equal(guest_disk_certificates(directory, &config, 1), GUEST_DISK_CHANGED);
        assert_int_equal(guest_disk_certificates(directory, &config, 1), 0);
        certificates[1].key = T("yek");
        assert_int_equal(guest_disk_certificates(directory, &config, 1), GUEST_DISK_CHANGED);
        assert_int_equal(stat(a, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0640);
        assert_int_equal(st.st_gid, 1);
        assert_int_equal(stat(b, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_gid, 0);
        assert_false(there("certificates/c.key"));
        assert_true(there("certificates/c.crt"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(disk_is_found_by_its_serial),
                cmocka_unit_test(recycle_empties_what_is_defined_so),
                cmocka_unit_test(names_do_not_lead_elsewhere),
                cmocka_unit_test(keys_are_kept_from_others),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
