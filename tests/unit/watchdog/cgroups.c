/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real control groups with real processes. */

#include "watchdog/cgroups.h"

#include "tests/unit/watchdog/ground.h"

static void kills_machines_and_libvirtd_and_nothing_else(void **state)
{
        Ground ground;
        Cgroups *cgroups;
        pid_t vm, emulator, libvirtd, hostd;

        ground_begin(&ground);
        ground_group(&ground, "machine");
        ground_group(&ground, "machine/qemu-1-a.libvirt-qemu");
        ground_group(&ground, "machine/qemu-1-a.libvirt-qemu/emulator");
        vm = ground_spawn(&ground, "machine/qemu-1-a.libvirt-qemu", GROUND_USER);
        emulator = ground_spawn(&ground, "machine/qemu-1-a.libvirt-qemu/emulator", GROUND_USER);
        libvirtd = ground_spawn(&ground, "system.slice/libvirtd.service", 0);
        hostd = ground_spawn(&ground, "system.slice/troupe-hostd.service", GROUND_USER + 1);
        assert_int_equal(cgroups_open(ground.root, GROUND_USER, &cgroups), 0);
        assert_true(cgroups_running(cgroups));
        kill(vm, SIGSTOP); /* a frozen one dies all the same */
        assert_int_equal(cgroups_kill(cgroups), 0);
        assert_true(ground_dies(vm) && ground_dies(emulator));
        assert_true(ground_dies(libvirtd));
        assert_true(ground_lives(hostd));
        assert_false(cgroups_running(cgroups));
        ground_reap(hostd);
        cgroups_close(cgroups);
        ground_end(&ground);
}

/* Where libvirt can make no groups, QEMUs are in its own, told from it by their user. */
static void finds_qemus_in_libvirtds_group(void **state)
{
        Ground ground;
        Cgroups *cgroups;
        pid_t libvirtd, vm;

        ground_begin(&ground);
        assert_int_equal(cgroups_open(ground.root, GROUND_USER, &cgroups), 0);
        assert_false(cgroups_running(cgroups));
        libvirtd = ground_spawn(&ground, "system.slice/libvirtd.service", 0);
        assert_false(cgroups_running(cgroups));
        vm = ground_spawn(&ground, "system.slice/libvirtd.service", GROUND_USER);
        assert_true(cgroups_running(cgroups));
        assert_int_equal(cgroups_kill(cgroups), 0);
        assert_true(ground_dies(vm) && ground_dies(libvirtd));
        assert_false(cgroups_running(cgroups));
        cgroups_close(cgroups);
        ground_end(&ground);
}

static void a_hierarchy_without_kill_is_refused(void **state)
{
        char dir[] = "/tmp/troupe-watchdog-XXXXXX";
        Cgroups *cgroups;

        assert_non_null(mkdtemp(dir));
        assert_int_equal(cgroups_open(dir, GROUND_USER, &cgroups), -EOPNOTSUPP);
        assert_int_equal(rmdir(dir), 0);
        assert_int_equal(cgroups_open(dir, GROUND_USER, &cgroups), -ENOENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(kills_machines_and_libvirtd_and_nothing_else),
                cmocka_unit_test(finds_qemus_in_libvirtds_group),
                cmocka_unit_test(a_hierarchy_without_kill_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
