/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In a network namespace of its own, whose addresses are looked at with ip(8). */

#include "watchdog/vips.h"

#include <sched.h>
#include <stdio.h>

#include "tests/unit/test.h"

static void run(const char *command)
{
        assert_int_equal(system(command), 0);
}

static VipPool pool(const char *first, const char *last)
{
        VipPool made;

        assert_int_equal(ip_parse(first, &made.first), 0);
        assert_int_equal(ip_parse(last, &made.last), 0);
        return made;
}

static void takes_vips_and_leaves_the_rest(void **state)
{
        VipPool pools[] = {pool("198.18.100.1", "198.18.100.254"), pool("fd00:1::1", "fd00:1::ff")};
        size_t removed = 0;
        Vips *vips;

        if (unshare(CLONE_NEWNET) < 0)
                skip();
        run("ip link set lo up && ip link add uplink type veth peer name outside && ip link set "
            "uplink up");
        run("ip addr add 198.18.0.1/15 dev uplink && ip addr add 198.18.99.9/32 dev uplink");
        run("ip addr add 198.18.100.1/32 dev uplink && ip addr add 198.18.100.254/32 dev lo");
        run("ip addr add fd00:1::9/128 dev uplink && ip addr add fd00:2::9/64 dev uplink");
        for (unsigned i = 2; i < 254; i++) {
                char command[96];

                snprintf(command, sizeof(command), "ip addr add 198.18.100.%u/32 dev uplink", i);
                run(command);
        }
        assert_int_equal(vips_open(&vips), 0);
        assert_int_equal(vips_remove(vips, pools, 0, &removed), 0);
        assert_int_equal(removed, 0);
        assert_int_equal(vips_remove(vips, pools, 2, &removed), 0);
        assert_int_equal(removed, 255);
        run("! ip addr | grep -q '198.18.100\\|fd00:1:'");
        run("ip addr | grep -q '198.18.0.1/15'");
        run("ip addr | grep -q '198.18.99.9/32'");
        run("ip addr | grep -q 'fd00:2::9/64'");
        assert_int_equal(vips_remove(vips, pools, 2, &removed), 0);
        assert_int_equal(removed, 0);
        vips_close(vips);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_vips_and_leaves_the_rest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
