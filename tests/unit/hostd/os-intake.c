/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors become a version's directory, or are refused by name and leave nothing. */

#include "hostd/os-intake.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/os-import.h"
#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/test.h"

/* SHA-256 of "root". */
#define ROOT "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"

#define MANIFEST                                                                                   \
        "{\"family\":\"debian-13\",\"version\":\"7\",\"files\":["                                  \
        "{\"name\":\"root.raw\",\"size_bytes\":4,\"sha256\":\"" ROOT "\"}]}"

static char top[32];
static BlobStore *blobs;
static sd_event *event;
static Worker *worker;
static OsIntake *done;

static int setup(void **state)
{
        char path[64];

        strcpy(top, "/tmp/troupe-osi-XXXXXX");
        assert_non_null(mkdtemp(top));
        snprintf(path, sizeof(path), "%s/blobs", top);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(worker_new(event, 1, &worker), 0);
        return blob_store_open(path, &blobs);
}

static int teardown(void **state)
{
        _cleanup_free_ char *command = str_printf("rm -rf %s", top);

        worker_free(worker);
        event = sd_event_unref(event);
        blobs = blob_store_close(blobs);
        return system(command);
}

static void on_done(OsIntake *intake)
{
        done = intake;
}

static int make_fd(const char *text)
{
        int fd = open(top, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        return fd;
}

/* The intake after it is done; NULL ends the files, "blob" is one that is in the store already. */
static OsIntake *take(const OsRecord *known, const char *manifest, const char *const *files)
{
        OsIntake *intake = os_intake_new();

        assert_non_null(intake);
        intake->blobs = blobs;
        intake->directory = str_printf("%s/os", top);
        intake->manifest_fd = make_fd(manifest);
        for (; *files; files++)
                intake->fds[intake->n_fds++] = str_equal(*files, "blob") ? -1 : make_fd(*files);
        if (known) {
                intake->known = malloc(sizeof(*known));
                assert_non_null(intake->known);
                intake->known[intake->n_known++] = *known;
        }
        intake->done = on_done;
        done = NULL;
        os_intake_start(intake, worker);
        while (!done)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        return done;
}

static size_t count_systems(void)
{
        _cleanup_free_ char *directory = str_printf("%s/os", top);
        OsImport found = {};
        size_t n;

        assert_int_equal(os_import_scan(directory, "h1", &found), 0);
        n = found.n_systems;
        os_import_deinit(&found);
        return n;
}

static void expect_refusal(const OsRecord *known, const char *manifest, const char *const *files,
                           const char *error, const char *message)
{
        OsIntake *intake = take(known, manifest, files);

        assert_non_null(intake->error);
        assert_string_equal(intake->error, error);
        if (!strstr(intake->message, message))
                fail_msg("'%s' is not in: %s", message, intake->message);
        os_intake_free(intake);
        assert_int_equal(count_systems(), 0);
}

static void test_refusals(void **state)
{
        OsRecord known = {.family = "debian-13", .version = "7", .n_files = 1};

        expect_refusal(NULL, "x", (const char *[]) {"root", NULL}, "GuestOsInvalid",
                       "manifest.json");
        expect_refusal(NULL, MANIFEST, (const char *[]) {NULL}, "GuestOsInvalid",
                       "names 1 files, and 0 were given");
        expect_refusal(NULL, MANIFEST, (const char *[]) {"rood", NULL}, "GuestOsInvalid",
                       "root.raw: ");
        expect_refusal(NULL, MANIFEST, (const char *[]) {"root and more", NULL}, "GuestOsInvalid",
                       "root.raw: ");
        expect_refusal(&known, MANIFEST, (const char *[]) {"root", NULL}, "RefusedNow",
                       "with other files");
        expect_refusal(NULL,
                       "{\"family\":\"a\",\"version\":\"7\",\"files\":[{\"name\":\"root\","
                       "\"size_bytes\":4,\"sha256\":\"" ROOT "\"}]}",
                       (const char *[]) {"root", NULL}, "GuestOsInvalid", "no root image");
}

static void test_import(void **state)
{
        OsIntake *intake;
        OsRecord known;

        intake = take(NULL, MANIFEST, (const char *[]) {"root", NULL});
        assert_null(intake->error);
        assert_string_equal(intake->os.version, "7");
        assert_string_equal(intake->os.digest, ROOT);
        known = intake->os;
        os_intake_free(intake);
        assert_int_equal(count_systems(), 1);
        assert_false(blob_exists(blobs, ROOT)); /* it is in its directory now */
        intake = take(&known, MANIFEST, (const char *[]) {"root", NULL}); /* again */
        assert_null(intake->error);
        os_intake_free(intake);
        assert_int_equal(count_systems(), 1);
}

static void test_blobs_are_taken_as_they_are(void **state)
{
        char digest[BLOB_DIGEST_LENGTH + 1], message[BLOB_MESSAGE_MAX];
        int fd = make_fd("root");
        OsIntake *intake;
        uint64_t bytes;

        intake = take(NULL, MANIFEST, (const char *[]) {"blob", NULL}); /* it is not there */
        assert_string_equal(intake->error, "Internal");
        os_intake_free(intake);
        assert_int_equal(count_systems(), 0);
        lseek(fd, 0, SEEK_SET);
        assert_int_equal(blob_ingest(blobs, fd, 100, ROOT, digest, &bytes, message), 0);
        close(fd);
        intake = take(NULL, MANIFEST, (const char *[]) {"blob", NULL});
        assert_null(intake->error);
        os_intake_free(intake);
        assert_int_equal(count_systems(), 1);
        assert_false(blob_exists(blobs, ROOT));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
                cmocka_unit_test_setup_teardown(test_import, setup, teardown),
                cmocka_unit_test_setup_teardown(test_blobs_are_taken_as_they_are, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
