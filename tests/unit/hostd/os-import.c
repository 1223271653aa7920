/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/os-import.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char folder[] = "/tmp/troupe-os-XXXXXX";

static int setup(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static void clean(void)
{
        _cleanup_free_ char *command = str_printf("rm -rf '%s' && mkdir '%s'", folder, folder);

        assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
        clean();
        return rmdir(folder);
}

static void put(const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/debian-13/%s", folder, name);
        _cleanup_free_ char *family = str_printf("%s/debian-13", folder), *version = strdup(path);

        mkdir(family, 0755);
        *strrchr(version, '/') = '\0';
        mkdir(version, 0755);
        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

#define MANIFEST(version, size)                                                                    \
        "{\"family\":\"debian-13\",\"version\":\"" version "\",\"files\":["                        \
        "{\"name\":\"root.raw\",\"size_bytes\":" size ",\"sha256\":\"" DIGEST "\"}]}"

static void finds_what_is_whole(void **state)
{
        OsImport found = {};

        put("1.0/root.raw", "12345");
        put("1.0/manifest.json", MANIFEST("1.0", "5"));
        put("1.1/root.raw", "12345");
        put("1.1/manifest.json", MANIFEST("1.1", "6"));
        put("1.2/manifest.json", MANIFEST("1.2", "6"));
        put("1.3/manifest.json", MANIFEST("1.0", "5"));
        put("1.4/manifest.json", "{");
        put("1.5/manifest.json",
            "{\"family\":\"debian-13\",\"version\":\"1.5\",\"files\":[{\"name\":\"../x\"}]}");
        put("1.6/note", "no manifest");
        assert_int_equal(os_import_scan(folder, "h1", &found), 0);
        assert_int_equal(found.n_systems, 1);
        assert_string_equal(found.systems[0].family, "debian-13");
        assert_string_equal(found.systems[0].version, "1.0");
        assert_string_equal(found.systems[0].digest, DIGEST);
        assert_string_equal(found.systems[0].holders[0], "h1");
        assert_non_null(strstr(found.complaints, "/1.1: root.raw is 5 bytes, its manifest says 6"));
        assert_non_null(
                strstr(found.complaints, "/1.2: root.raw is in the manifest but is not a file"));
        assert_non_null(
                strstr(found.complaints, "/1.3: manifest.json: is of another family or version"));
        assert_non_null(strstr(found.complaints, "/1.4: manifest.json: is not a JSON object"));
        assert_non_null(strstr(found.complaints, "/1.5: manifest.json: a file has no name"));
        assert_non_null(strstr(found.complaints, "/1.6: manifest.json: No such file"));
        os_import_deinit(&found);
}

static void no_directory_is_none(void **state)
{
        OsImport found = {.n_systems = 7};

        assert_int_equal(os_import_scan("/nonexistent/os", "h1", &found), 0);
        assert_int_equal(found.n_systems, 0);
        os_import_deinit(&found);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_what_is_whole),
                cmocka_unit_test(no_directory_is_none),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
