/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A version's files out of a real HTTP server, whole or not at all. */

#include "hostd/os-source.h"

#include <dirent.h>

#include "tests/unit/hostd/source-world.h"

typedef struct Fixture {
        SourceWorld world;
        char directory[64];
        sd_event *event;
        Worker *worker;
        OsSource *source;
        OsOfferResult result;
        unsigned n_done;
} Fixture;

static void on_done(void *userdata, const OsOfferResult *result)
{
        Fixture *f = userdata;

        f->result = *result;
        f->n_done++;
}

static int set_up(void **state)
{
        Fixture *f = calloc(1, sizeof(*f));

        *state = f;
        source_world_init(&f->world);
        snprintf(f->directory, sizeof(f->directory), "%s/os-source", f->world.dir);
        source_shell(&f->world, "mkdir -p os-source/blobs os-source/gpg; echo x >os-source/blobs/"
                                ".part-x; echo x >os-source/gpg/SHA256SUMS");
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(worker_new(f->event, 2, &f->worker), 0);
        assert_int_equal(os_source_new(&(OsSourceConfig) {.event = f->event,
                                                          .worker = f->worker,
                                                          .directory = f->directory,
                                                          .keyring = f->world.keyring,
                                                          .userdata = f,
                                                          .done = on_done},
                                       &f->source),
                         0);
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        os_source_stop(f->source);
        worker_free(f->worker);
        os_source_free(f->source);
        sd_event_unref(f->event);
        source_world_deinit(&f->world);
        free(f);
        return 0;
}

/* What is there besides the directory of blobs, and in it. */
static size_t count_files(Fixture *f)
{
        _cleanup_free_ char *blobs = str_printf("%s/blobs", f->directory);
        const char *const directories[] = {f->directory, blobs};
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
                DIR *dir = opendir(directories[i]);
                const struct dirent *entry;

                assert_non_null(dir);
                while ((entry = readdir(dir)))
                        n += !str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..") &&
                             !str_equal(entry->d_name, "blobs");
                closedir(dir);
        }
        return n;
}

static void wait_until_idle(Fixture *f)
{
        OsSourceProgress progress;

        os_source_progress(f->source, &progress);
        while (progress.url[0]) {
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
                os_source_progress(f->source, &progress);
        }
        assert_int_equal(count_files(f), 0);
}

static void fetch(Fixture *f)
{
        f->n_done = 0;
        assert_int_equal(os_source_fetch(f->source, f->world.url, "", NULL, 0), 0);
        assert_int_equal(os_source_fetch(f->source, f->world.url, "", NULL, 0), -EBUSY);
        while (f->n_done == 0)
                assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
        assert_int_equal(f->n_done, 1);
}

static void all_of_it_comes(void **state)
{
        OsSourceProgress progress;
        Fixture *f = *state;

        assert_int_equal(count_files(f), 0); /* of the one that was killed */
        fetch(f);
        assert_null(f->result.error);
        assert_string_equal(f->result.os.version, "2");
        assert_non_null(strstr(f->result.manifest, "debian-13"));
        for (size_t i = 0; i < f->result.os.n_files; i++)
                assert_true(blob_exists(os_source_blobs(f->source), f->result.os.files[i].digest));
        os_source_progress(f->source, &progress);
        assert_string_equal(progress.url, f->world.url);
        assert_string_equal(progress.version, "2");
        assert_int_equal(progress.bytes, progress.size);
        assert_true(progress.size > 3000000);
        assert_int_equal(os_source_fetch(f->source, f->world.url, "", NULL, 0), -EBUSY);
        os_source_end(f->source);
        wait_until_idle(f);
        assert_int_equal(f->n_done, 1);
}

static void expect_error(Fixture *f, const char *script, const char *error, const char *why)
{
        _cleanup_free_ char *all = str_printf("version 2; sign right; cd source; "
                                              "p=troupe-guest_debian-13_2; %s",
                                              script);

        source_shell(&f->world, all);
        fetch(f);
        assert_non_null(f->result.error);
        assert_string_equal(f->result.error, error);
        if (!strstr(f->result.message, why))
                fail_msg("'%s' is not in: %s", why, f->result.message);
        wait_until_idle(f);
}

static void a_wrong_file_is_refused_by_name(void **state)
{
        Fixture *f = *state;

        expect_error(f, "printf x | dd of=$p.root.raw bs=1 seek=9 conv=notrunc status=none",
                     "GuestOsInvalid", "root.raw: host 127.0.0.1:");
        expect_error(f, "truncate -s -1 $p.root.raw", "GuestOsInvalid",
                     "has only 3000006 bytes of 3000007");
        expect_error(f, "echo more >>$p.vmlinuz", "GuestOsInvalid", "vmlinuz: host");
        expect_error(f, "rm $p.vmlinuz", "SourceUnavailable", "answers with status 404");
        expect_error(
                f, "rm $p.vmlinuz; mkdir $p.vmlinuz", /* the server redirects to it with a slash */
                "SourceUnavailable", "answers with status 301");
        source_shell(&f->world, "rm -r source/troupe-guest_debian-13_2.vmlinuz");
        expect_error(f,
                     "sed -i 's/\"size_bytes\":3000007/\"size_bytes\":999999999999999/' "
                     "$p.manifest.json; cd ..; sums; sign right",
                     "GuestOsInvalid", "root.raw: is larger than 8 GiB");
        expect_error(f, "cd ..; sign wrong", "GuestOsInvalid", "is not signed");
        source_shell(&f->world, "version 2; sign right");
}

static void nothing_is_left_of_what_was_cancelled(void **state)
{
        Fixture *f = *state;

        for (unsigned turns = 0; turns < 40; turns++) {
                f->n_done = 0;
                assert_int_equal(os_source_fetch(f->source, f->world.url, "", NULL, 0), 0);
                for (unsigned i = 0; i < turns; i++)
                        assert_true(sd_event_run(f->event, 5000) >= 0);
                os_source_cancel(f->source);
                wait_until_idle(f);
        }
        fetch(f);
        assert_null(f->result.error);
        os_source_end(f->source);
        wait_until_idle(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_of_it_comes),
                cmocka_unit_test(a_wrong_file_is_refused_by_name),
                cmocka_unit_test(nothing_is_left_of_what_was_cancelled),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
