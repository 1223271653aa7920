/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What came with the host image and what was put together below the state directory, found out by
 * real jobs on a real worker. */

#include "hostd/os-shelf.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/os-assemble.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MANIFEST                                                                                   \
        "{\"family\":\"debian-13\",\"version\":\"1\",\"files\":["                                  \
        "{\"name\":\"root.raw\",\"size_bytes\":5,\"sha256\":\"" DIGEST "\"}]}"

typedef struct Fixture {
        char top[32], image_dir[64], fetched_dir[64];
        sd_event *event;
        Worker *worker;
        BlobStore *blobs;
        OsShelf *shelf;
        unsigned n_changed, n_assembled;
} Fixture;

static void on_changed(void *userdata, bool assembled)
{
        Fixture *fixture = userdata;

        fixture->n_changed++;
        fixture->n_assembled += assembled;
}

static void put(const char *directory, const char *name, const char *text)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

        assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

static void image_with_version_1(const Fixture *fixture)
{
        _cleanup_free_ char *family = str_printf("%s/debian-13", fixture->image_dir);
        _cleanup_free_ char *version = str_printf("%s/1", family);

        assert_int_equal(mkdir(fixture->image_dir, 0755), 0);
        assert_int_equal(mkdir(family, 0755), 0);
        assert_int_equal(mkdir(version, 0755), 0);
        put(version, "root.raw", "12345");
        put(version, "manifest.json", MANIFEST);
}

static int set_up(void **state)
{
        Fixture *fixture = calloc(1, sizeof(*fixture));
        OsShelfConfig config;
        char blobs_dir[64];

        strcpy(fixture->top, "/tmp/troupe-shelf-XXXXXX");
        assert_non_null(mkdtemp(fixture->top));
        snprintf(blobs_dir, sizeof(blobs_dir), "%s/blobs", fixture->top);
        snprintf(fixture->image_dir, sizeof(fixture->image_dir), "%s/image", fixture->top);
        snprintf(fixture->fetched_dir, sizeof(fixture->fetched_dir), "%s/os", fixture->top);
        assert_int_equal(mkdir(blobs_dir, 0755), 0);
        image_with_version_1(fixture);
        assert_int_equal(sd_event_new(&fixture->event), 0);
        assert_int_equal(worker_new(fixture->event, 1, &fixture->worker), 0);
        assert_int_equal(blob_store_open(blobs_dir, &fixture->blobs), 0);
        config = (OsShelfConfig) {.worker = fixture->worker,
                                  .blobs = fixture->blobs,
                                  .host = "h1",
                                  .image_dir = fixture->image_dir,
                                  .fetched_dir = fixture->fetched_dir,
                                  .userdata = fixture,
                                  .changed = on_changed};
        assert_int_equal(os_shelf_new(&config, &fixture->shelf), 0);
        *state = fixture;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *fixture = *state;
        _cleanup_free_ char *command = str_printf("rm -rf %s", fixture->top);

        worker_free(fixture->worker);
        os_shelf_free(fixture->shelf);
        blob_store_close(fixture->blobs);
        sd_event_unref(fixture->event);
        free(fixture);
        return system(command);
}

static void run_until_changed(Fixture *fixture, unsigned n)
{
        while (fixture->n_changed < n)
                assert_true(sd_event_run(fixture->event, UINT64_MAX) >= 0);
}

static OsRecord version_2(Fixture *fixture)
{
        OsRecord os = {.family = "debian-13", .version = "2", .n_files = 1};
        char message[BLOB_MESSAGE_MAX];
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(file_write_all(fds[1], "second", 6), 0);
        close(fds[1]);
        assert_int_equal(blob_ingest(fixture->blobs, fds[0], 100, NULL, os.files[0].digest,
                                     &os.files[0].size_bytes, message),
                         0);
        close(fds[0]);
        strcpy(os.files[0].name, "root.raw");
        memcpy(os.digest, os.files[0].digest, sizeof(os.digest));
        return os;
}

static void what_came_with_the_image_is_found(void **state)
{
        Fixture *fixture = *state;
        const OsHere *here;

        assert_false(os_shelf_is_known(fixture->shelf));
        os_shelf_look(fixture->shelf);
        os_shelf_look(fixture->shelf); /* one is under way */
        run_until_changed(fixture, 1);
        assert_true(os_shelf_is_known(fixture->shelf));
        assert_int_equal(map_size(os_shelf_systems(fixture->shelf)), 1);
        here = map_get(os_shelf_systems(fixture->shelf), "debian-13/1");
        assert_non_null(here);
        assert_false(here->fetched);
        assert_string_equal(here->os.holders[0], "h1");
        assert_true(str_equal(strrchr(os_shelf_file(fixture->shelf, DIGEST), '/'), "/root.raw"));
        assert_null(os_shelf_file(fixture->shelf, "other"));
        assert_int_equal(fixture->n_assembled, 0);
}

static void one_is_put_together_and_removed(void **state)
{
        Fixture *fixture = *state;
        OsRecord os = version_2(fixture), other = os;
        const OsHere *here;

        os_shelf_assemble(fixture->shelf, &os);
        os_shelf_remove(fixture->shelf, &os); /* not while that is under way */
        run_until_changed(fixture, 1);
        assert_int_equal(fixture->n_assembled, 1);
        assert_int_equal(map_size(os_shelf_systems(fixture->shelf)), 2);
        here = map_get(os_shelf_systems(fixture->shelf), "debian-13/2");
        assert_true(here && here->fetched);
        assert_true(os_shelf_has(fixture->shelf, &os));
        memset(other.files[0].digest, 'f', RECORD_DIGEST_MAX);
        assert_false(os_shelf_has(fixture->shelf, &other));

        os_shelf_remove(fixture->shelf, &os);
        run_until_changed(fixture, 2);
        assert_false(os_shelf_has(fixture->shelf, &os));
        assert_int_equal(fixture->n_assembled, 1);
        assert_int_equal(map_size(os_shelf_systems(fixture->shelf)), 1);
}

static void what_was_put_there_is_found_when_told(void **state)
{
        Fixture *fixture = *state;
        OsRecord os = version_2(fixture);

        os_shelf_look(fixture->shelf);
        run_until_changed(fixture, 1);
        os_shelf_look(fixture->shelf); /* too soon: nothing begins */
        os_shelf_outdated(fixture->shelf);
        os_shelf_look(fixture->shelf);
        os_shelf_assemble(fixture->shelf, &os); /* not while that is under way */
        run_until_changed(fixture, 2);
        assert_false(os_shelf_has(fixture->shelf, &os));
}

/* A scan that was under way when something was put there may not have seen it. */
static void what_was_put_there_in_a_scan_is_found_by_the_next(void **state)
{
        Fixture *fixture = *state;
        OsRecord os = version_2(fixture);

        assert_false(os_shelf_is_outdated(fixture->shelf));
        os_shelf_look(fixture->shelf);
        assert_int_equal(os_assemble(fixture->blobs, fixture->fetched_dir, &os), 0);
        os_shelf_outdated(fixture->shelf);
        os_shelf_look(fixture->shelf); /* one is under way */
        run_until_changed(fixture, 1);
        assert_true(os_shelf_is_outdated(fixture->shelf));
        os_shelf_look(fixture->shelf);
        run_until_changed(fixture, 2);
        assert_false(os_shelf_is_outdated(fixture->shelf));
        assert_true(os_shelf_has(fixture->shelf, &os));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_came_with_the_image_is_found, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(one_is_put_together_and_removed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_was_put_there_is_found_when_told, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_was_put_there_in_a_scan_is_found_by_the_next,
                                                set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
