/* SPDX-License-Identifier: GPL-3.0-or-later */

/* An Instance on libvirt's test driver, where a start fails for want of a package: what is looked
 * at is that each outcome comes back to the loop and is told. */

#include "hostd/instance.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/str.h"
#include "tests/unit/hostd/service.h"
#include "tests/unit/test.h"

typedef struct Fixture {
        char dir[32];
        char *paths[5];
        VmPlace place;
        InstanceOwner owner;
        unsigned n_changed, n_network, n_cut;
        Instance *instance;
} Fixture;

static void on_domains(void *userdata)
{
}

static void on_changed(void *userdata, Instance *instance)
{
        ((Fixture *) userdata)->n_changed++;
}

static void on_network(void *userdata)
{
        ((Fixture *) userdata)->n_network++;
}

static void on_cut(void *userdata, Instance *instance)
{
        ((Fixture *) userdata)->n_cut++;
}

static void on_config(void *userdata, Instance *instance)
{
}

static void on_message(void *userdata, Instance *instance, const AgentMessage *message)
{
}

static int setup(void **state)
{
        static const char *const dirs[] = {"intents", "ephemeral", "sockets", "incarnations",
                                           "blobs"};
        static Fixture fixture;

        fixture = (Fixture) {.dir = "/tmp/troupe-instance-XXXXXX"};
        assert_non_null(mkdtemp(fixture.dir));
        for (int i = 0; i < 5; i++) {
                fixture.paths[i] = str_printf("%s/%s", fixture.dir, dirs[i]);
                assert_int_equal(mkdir(fixture.paths[i], 0755), 0);
        }
        fixture.place = (VmPlace) {
                .dirs = {fixture.paths[0], fixture.paths[1], fixture.paths[2]},
                .incarnations = fixture.paths[3],
                .os_dir = "/nonexistent",
                .type = "test",
        };
        fixture.owner = (InstanceOwner) {.place = &fixture.place,
                                         .host = "h1",
                                         .userdata = &fixture,
                                         .changed = on_changed,
                                         .network_changed = on_network,
                                         .cut = on_cut,
                                         .wants_config = on_config,
                                         .message = on_message};
        assert_int_equal(sd_event_new(&fixture.owner.event), 0);
        assert_int_equal(worker_new(fixture.owner.event, 1, &fixture.owner.worker), 0);
        assert_int_equal(blob_store_open(fixture.paths[4], &fixture.place.blobs), 0);
        assert_int_equal(hypervisor_new(fixture.owner.event, "test:///default", on_domains, NULL,
                                        &fixture.place.hypervisor),
                         0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;
        char command[128];

        worker_free(fixture->owner.worker);
        instance_free(fixture->instance);
        hypervisor_free(fixture->place.hypervisor);
        blob_store_close(fixture->place.blobs);
        sd_event_unref(fixture->owner.event);
        for (int i = 0; i < 5; i++)
                free(fixture->paths[i]);
        snprintf(command, sizeof(command), "rm -r %s", fixture->dir);
        return system(command);
}

/* Steps and lets jobs end, until the status is @wanted or ten seconds have passed. */
static void run_until(Fixture *fixture, VmState wanted)
{
        uint64_t end = clock_boottime_ns() + 10 * NSEC_PER_SEC;

        while (vm_state(&fixture->instance->vm) != wanted) {
                assert_true(clock_boottime_ns() < end);
                instance_step(fixture->instance, 1, clock_boottime_ns());
                if (vm_state(&fixture->instance->vm) == VM_UNPLUGGING &&
                    vm_busy(&fixture->instance->vm))
                        instance_network_done(fixture->instance, true, NULL);
                assert_true(sd_event_run(fixture->owner.event, 10000) >= 0);
        }
}

static void a_failed_start_is_told_and_tried_again(void **state)
{
        Fixture *fixture = *state;
        InstanceRecord record = test_instance("d00000001", "web", 0, "h1");
        ObservedRecord observed;

        memset(record.package, 'a', RECORD_DIGEST_MAX);
        record.wanted[ACTION_REBOOT] = 5;
        assert_int_equal(instance_new(&fixture->owner, &record, "00000001", &fixture->instance), 0);
        instance_report(fixture->instance, &observed);
        assert_int_equal(observed.status, STATUS_CREATING_VM);
        assert_int_equal(observed.done[ACTION_REBOOT], 5); /* made before it: not for it to do */
        run_until(fixture, VM_DOWN);
        instance_report(fixture->instance, &observed);
        assert_int_equal(observed.status, STATUS_FAILED_STARTING_VM);
        assert_non_null(strstr(observed.detail, "no payload"));
        assert_string_equal(observed.host, "h1");
        assert_true(instance_deadline(fixture->instance) > clock_boottime_ns());
        while (clock_boottime_ns() < instance_deadline(fixture->instance))
                assert_true(sd_event_run(fixture->owner.event, 10000) >= 0);
        instance_step(fixture->instance, 1, clock_boottime_ns());
        assert_int_equal(vm_state(&fixture->instance->vm), VM_PREPARING);
}

static void what_is_not_wanted_any_more_goes(void **state)
{
        Fixture *fixture = *state;
        InstanceRecord record = test_instance("d00000001", "web", 0, "h1");

        memset(record.package, 'a', RECORD_DIGEST_MAX);
        assert_int_equal(instance_new(&fixture->owner, &record, "00000001", &fixture->instance), 0);
        run_until(fixture, VM_DOWN);
        record.power = POWER_STOPPED;
        instance_set_record(fixture->instance, &record);
        run_until(fixture, VM_GONE);
        assert_true(instance_has_gone(fixture->instance));
        assert_true(fixture->n_network > 0);
        assert_int_equal(access(fixture->instance->names.intent, F_OK), -1);
}

static void listings_from_before_an_action_do_not_count(void **state)
{
        Fixture *fixture = *state;
        Intent intent = {.id = {.deployment = "d00000001", .role = "web"},
                         .incarnation = 1,
                         .tag = "00000001"};

        assert_int_equal(
                instance_adopt(&fixture->owner, &intent, DOMAIN_RUNNING, &fixture->instance), 0);
        fixture->instance->stale_before = 5;
        instance_domain_seen(fixture->instance, 4, DOMAIN_ABSENT);
        assert_int_equal(fixture->instance->facts.domain, DOMAIN_RUNNING);
        instance_domain_seen(fixture->instance, 5, DOMAIN_PAUSED);
        assert_int_equal(fixture->instance->facts.domain, DOMAIN_PAUSED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_failed_start_is_told_and_tried_again, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_not_wanted_any_more_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(listings_from_before_an_action_do_not_count, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
