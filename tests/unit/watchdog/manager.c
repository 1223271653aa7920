/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole watchdog with real control groups and a pipe for a device, without a bus. */

#include "watchdog/manager.h"

#include <sys/mman.h>

#include "tests/unit/watchdog/ground.h"

#define LEASE_NS (3 * NSEC_PER_SEC)

typedef struct Fixture {
        Ground ground;
        Settings settings;
        Manager *manager;
        int device;
        unsigned n_fed;
        char last_fed; /* what was written to the device then */
} Fixture;

static void look_at_device(Fixture *fixture)
{
        char seen[64];
        ssize_t n = read(fixture->device, seen, sizeof(seen));

        if (n > 0) {
                fixture->n_fed += (unsigned) n;
                fixture->last_fed = seen[n - 1];
        }
}

static void start(Fixture *fixture)
{
        assert_int_equal(manager_new(&fixture->settings, &fixture->manager), 0);
}

/* Turns the loop, and takes what is written to the device, until the condition holds. */
#define WATCH_UNTIL(fixture, condition)                                                            \
        RUN_UNTIL((fixture)->manager->event, (look_at_device(fixture), (condition)))

static int setup(void **state)
{
        static Fixture fixture;
        char path[128];

        fixture = (Fixture) {.device = -1};
        ground_begin(&fixture.ground);
        settings_init(&fixture.settings);
        fixture.settings.realtime = false;
        /* L = 1 s, the shortest: S = 0.6, K = 0.1 */
        fixture.settings.times.lease_ns = NSEC_PER_SEC;
        snprintf(fixture.settings.directory, sizeof(fixture.settings.directory), "%.100s",
                 fixture.ground.dir);
        snprintf(fixture.settings.cgroups, sizeof(fixture.settings.cgroups), "%.120s",
                 fixture.ground.root);
        snprintf(fixture.settings.bus, sizeof(fixture.settings.bus), "unix:path=%.200s/no-bus",
                 fixture.ground.dir);
        snprintf(fixture.settings.qemu_user, sizeof(fixture.settings.qemu_user), "nobody");
        snprintf(path, sizeof(path), "%.100s/device", fixture.ground.dir);
        assert_int_equal(mkfifo(path, 0600), 0);
        fixture.device = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        snprintf(fixture.settings.device, sizeof(fixture.settings.device), "%.120s", "none");
        *state = &fixture;
        return 0;
}

static int teardown(void **state)
{
        Fixture *fixture = *state;

        manager_free(fixture->manager);
        close(fixture->device);
        ground_end(&fixture->ground);
        return 0;
}

static Guard *guard_of(Fixture *fixture)
{
        return &fixture->manager->remembered.guard;
}

static void fences_by_itself(void **state)
{
        Fixture *fixture = *state;
        uint64_t sent_ns;
        pid_t vm;

        fixture->settings.times.lease_ns = LEASE_NS;
        start(fixture);
        ground_group(&fixture->ground, "machine");
        vm = ground_spawn(&fixture->ground, "machine", GROUND_USER);
        sent_ns = clock_boottime_ns();
        assert_int_equal(guard_hold(guard_of(fixture), sent_ns, sent_ns), 0);
        manager_changed(fixture->manager);
        WATCH_UNTIL(fixture, guard_of(fixture)->state == GUARD_FENCED);
        assert_true(ground_dies(vm));
        assert_true(guard_of(fixture)->fence_ns >= sent_ns + guard_of(fixture)->times.soft_ns);
        assert_true(guard_of(fixture)->fenced_ns < sent_ns + LEASE_NS);
        /* whatever appears now is killed */
        vm = ground_spawn(&fixture->ground, "machine", GROUND_USER);
        WATCH_UNTIL(fixture, !ground_lives(vm));
}

static void one_that_was_killed_goes_on(void **state)
{
        Fixture *fixture = *state;
        uint64_t sent_ns;
        pid_t vm;

        fixture->settings.times.lease_ns = LEASE_NS;
        start(fixture);
        ground_group(&fixture->ground, "machine");
        vm = ground_spawn(&fixture->ground, "machine", GROUND_USER);
        sent_ns = clock_boottime_ns();
        assert_int_equal(guard_hold(guard_of(fixture), sent_ns, sent_ns), 0);
        manager_changed(fixture->manager);
        manager_free(fixture->manager);
        start(fixture);
        assert_int_equal(guard_of(fixture)->state, GUARD_HELD);
        assert_int_equal(guard_of(fixture)->sent_ns, sent_ns);
        WATCH_UNTIL(fixture, !ground_lives(vm));
        assert_true(guard_of(fixture)->fence_ns >= sent_ns + guard_of(fixture)->times.soft_ns);
}

static void the_hardware_is_fed_as_long_as_it_may(void **state)
{
        uint64_t begun_ns = clock_boottime_ns(), sent_ns, fed_ns = 0;
        Fixture *fixture = *state;
        Guard *guard;
        pid_t vm;

        fixture->settings.times.lease_ns = LEASE_NS; /* H = 2.7 s, W = 1 s */
        fixture->settings.times.soft_ns = 1800 * NSEC_PER_MSEC;
        snprintf(fixture->settings.device, sizeof(fixture->settings.device), "%.110s/device",
                 fixture->ground.dir);
        start(fixture);
        guard = guard_of(fixture);
        WATCH_UNTIL(fixture, fixture->n_fed >= 6); /* five times in W, no more */
        assert_true(clock_boottime_ns() - begun_ns >= 800 * NSEC_PER_MSEC);
        ground_group(&fixture->ground, "machine");
        vm = ground_spawn(&fixture->ground, "machine", 65534);
        sent_ns = clock_boottime_ns();
        assert_int_equal(guard_hold(guard, sent_ns, sent_ns), 0);
        manager_changed(fixture->manager);
        while (guard->state == GUARD_HELD) {
                fed_ns = fixture->manager->last_fed_ns;
                assert_true(clock_boottime_ns() < sent_ns + LOOP_PATIENCE_NS);
                assert_true(sd_event_run(fixture->manager->event, 2000) >= 0);
                look_at_device(fixture);
        }
        assert_true(guard->fence_ns >= sent_ns + 1800 * NSEC_PER_MSEC);
        assert_true(fed_ns > sent_ns);
        assert_true(fed_ns <= sent_ns + 1700 * NSEC_PER_MSEC); /* H - W */
        WATCH_UNTIL(fixture, !ground_lives(vm));
        /* nothing runs: fed again */
        WATCH_UNTIL(fixture, fixture->manager->last_fed_ns > guard->fence_ns);
}

/* What process 1 of the host is. */
static void process_one_is(Fixture *fixture, const char *name)
{
        char path[256];
        int fd;

        snprintf(fixture->settings.proc, sizeof(fixture->settings.proc), "%.110s/proc",
                 fixture->ground.dir);
        assert_true(mkdir(fixture->settings.proc, 0700) == 0);
        snprintf(path, sizeof(path), "%s/1", fixture->settings.proc);
        assert_true(mkdir(path, 0700) == 0);
        snprintf(path, sizeof(path), "%s/1/comm", fixture->settings.proc);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, name, strlen(name)), (ssize_t) strlen(name));
        close(fd);
}

/* A guarding watchdog with a device, and a role VM beside it, ends by SIGTERM. */
static pid_t terminate_guarding(Fixture *fixture)
{
        uint64_t sent_ns = clock_boottime_ns();
        pid_t vm;

        fixture->settings.times.lease_ns = 10 * NSEC_PER_SEC;
        snprintf(fixture->settings.device, sizeof(fixture->settings.device), "%.110s/device",
                 fixture->ground.dir);
        start(fixture);
        assert_int_equal(guard_hold(guard_of(fixture), sent_ns, sent_ns), 0);
        ground_group(&fixture->ground, "machine");
        vm = ground_spawn(&fixture->ground, "machine", GROUND_USER);
        assert_int_equal(raise(SIGTERM), 0); /* blocked: the loop finds it */
        assert_int_equal(manager_run(fixture->manager), 0);
        fixture->manager = manager_free(fixture->manager);
        look_at_device(fixture);
        assert_true(fixture->n_fed > 0);
        return vm;
}

static void one_that_ends_while_it_guards_leaves_the_hardware_armed(void **state)
{
        Fixture *fixture = *state;
        pid_t vm;

        process_one_is(fixture, "systemd\n");
        vm = terminate_guarding(fixture);
        assert_true(ground_lives(vm));
        assert_int_not_equal(fixture->last_fed, 'V');
        kill(vm, SIGKILL);
        assert_true(ground_dies(vm));
}

static void a_host_that_is_switched_off_is_fenced_and_not_reset(void **state)
{
        Fixture *fixture = *state;
        pid_t vm;

        process_one_is(fixture, "systemd-shutdow\n");
        vm = terminate_guarding(fixture);
        assert_true(ground_dies(vm));
        assert_int_equal(fixture->last_fed, 'V');
}

static void settings_that_let_an_instance_run_twice_are_refused(void **state)
{
        Fixture *fixture = *state;
        VipPool none[1] = {};
        char why[INEQUALITY_WHY_MAX] = "";

        fixture->settings.times.soft_ns = 950 * NSEC_PER_MSEC;
        assert_int_equal(manager_new(&fixture->settings, &fixture->manager), -EINVAL);
        fixture->settings.times.soft_ns = 0;
        start(fixture);
        assert_int_equal(
                manager_guard(fixture->manager, 10 * NSEC_PER_SEC, NSEC_PER_SEC, none, 0, why),
                INEQUALITY_BROKEN);
        assert_non_null(strstr(why, "D >= K"));
        assert_int_equal(guard_of(fixture)->times.lease_ns, NSEC_PER_SEC);
        assert_int_equal(
                manager_guard(fixture->manager, 10 * NSEC_PER_SEC, 2 * NSEC_PER_SEC, none, 0, why),
                0);
        assert_int_equal(guard_of(fixture)->times.soft_ns, 7 * NSEC_PER_SEC);
}

static void what_is_not_known_any_more_is_fenced(void **state)
{
        Fixture *fixture = *state;
        char path[256];
        pid_t vm;
        int fd;

        snprintf(path, sizeof(path), "%.120s/guard", fixture->settings.directory);
        fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
        ground_group(&fixture->ground, "machine");
        vm = ground_spawn(&fixture->ground, "machine", GROUND_USER);
        start(fixture);
        WATCH_UNTIL(fixture, guard_of(fixture)->state == GUARD_FENCED);
        assert_true(ground_dies(vm));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(fences_by_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(one_that_was_killed_goes_on, setup, teardown),
                cmocka_unit_test_setup_teardown(the_hardware_is_fed_as_long_as_it_may, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        one_that_ends_while_it_guards_leaves_the_hardware_armed, setup, teardown),
                cmocka_unit_test_setup_teardown(a_host_that_is_switched_off_is_fenced_and_not_reset,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(settings_that_let_an_instance_run_twice_are_refused,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_not_known_any_more_is_fenced, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
