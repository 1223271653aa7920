/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The files' half of the jobs; what libvirt does of them is tests/rack's, with real VMs. */

#include "hostd/vm-job.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/str.h"
#include "tests/unit/hostd/service.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        char dir[32];
        char *paths[5];
        sd_event *event;
        VmPlace place;
        VmNames names;
        VmJob job;
} Fixture;

static void on_changed(void *userdata)
{
}

static int setup(void **state)
{
        static const char *const dirs[] = {"intents", "ephemeral", "sockets", "incarnations",
                                           "blobs"};
        static Fixture fixture;

        fixture = (Fixture) {.dir = "/tmp/troupe-job-XXXXXX"};
        assert_non_null(mkdtemp(fixture.dir));
        for (int i = 0; i < 5; i++) {
                fixture.paths[i] = str_printf("%s/%s", fixture.dir, dirs[i]);
                assert_int_equal(mkdir(fixture.paths[i], 0755), 0);
        }
        assert_int_equal(sd_event_new(&fixture.event), 0);
        fixture.place = (VmPlace) {
                .dirs = {fixture.paths[0], fixture.paths[1], fixture.paths[2]},
                .incarnations = fixture.paths[3],
                .os_dir = "/nonexistent",
                .type = "test",
        };
        assert_int_equal(blob_store_open(fixture.paths[4], &fixture.place.blobs), 0);
        assert_int_equal(hypervisor_new(fixture.event, "test:///default", on_changed, NULL,
                                        &fixture.place.hypervisor),
                         0);
        assert_int_equal(vm_names_init(&fixture.names, &fixture.place.dirs,
                                       "troupe-d00000001-web_IN_0-1", "00000001"),
                         0);
        fixture.job = (VmJob) {
                .place = &fixture.place,
                .names = &fixture.names,
                .instance = test_instance("d00000001", "web", 0, "h1"),
        };
        memset(fixture.job.instance.package, 'a', RECORD_DIGEST_MAX);
        fixture.job.intent =
                (Intent) {.id = fixture.job.instance.id, .incarnation = 1, .tag = "00000001"};
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;
        char command[128];

        vm_names_deinit(&fixture->names);
        hypervisor_free(fixture->place.hypervisor);
        blob_store_close(fixture->place.blobs);
        sd_event_unref(fixture->event);
        for (int i = 0; i < 5; i++)
                free(fixture->paths[i]);
        snprintf(command, sizeof(command), "rm -r %s", fixture->dir);
        return system(command);
}

static void the_intent_comes_before_anything_that_can_fail(void **state)
{
        Fixture *fixture = *state;
        uint64_t highest;
        Intent intent;

        fixture->job.action = VM_DO_PREPARE;
        assert_true(vm_job_run(&fixture->job) < 0); /* there is no such package */
        assert_non_null(strstr(fixture->job.message, "no payload"));
        assert_int_equal(intent_read(fixture->names.intent, &intent), 0);
        assert_int_equal(intent.incarnation, 1);
        assert_int_equal(
                incarnation_highest(fixture->paths[3], &fixture->job.instance.id, &highest), 0);
        assert_int_equal(highest, 1);
}

static void cleaning_leaves_nothing_and_may_be_done_twice(void **state)
{
        Fixture *fixture = *state;

        assert_int_equal(intent_write(fixture->names.intent, &fixture->job.intent), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, fixture->names.root, "x", 1, 0600), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, fixture->names.local, "x", 1, 0600), 0);
        assert_int_equal(file_write_atomic(AT_FDCWD, fixture->names.agent_socket, "x", 1, 0600), 0);
        fixture->job.action = VM_DO_CLEAN;
        for (int i = 0; i < 2; i++) {
                assert_int_equal(vm_job_run(&fixture->job), 0);
                assert_int_equal(access(fixture->names.intent, F_OK), -1);
                assert_int_equal(access(fixture->names.root, F_OK), -1);
                assert_int_equal(access(fixture->names.local, F_OK), -1);
                assert_int_equal(access(fixture->names.agent_socket, F_OK), -1);
        }
}

static void an_absent_domain_is_destroyed_already_but_cannot_be_reset(void **state)
{
        Fixture *fixture = *state;

        fixture->job.action = VM_DO_DESTROY;
        assert_int_equal(vm_job_run(&fixture->job), 0);
        fixture->job.action = VM_DO_RESET;
        assert_true(vm_job_run(&fixture->job) < 0);
        assert_non_null(strstr(fixture->job.message, "cannot reset the VM"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_intent_comes_before_anything_that_can_fail,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(cleaning_leaves_nothing_and_may_be_done_twice,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                        an_absent_domain_is_destroyed_already_but_cannot_be_reset, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
