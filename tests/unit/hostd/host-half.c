/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/host-half.h"

#include "tests/unit/test.h"

static void starts_on_an_empty_host(void **state)
{
        char dir[] = "/tmp/troupe-half-XXXXXX";
        HostHalfConfig config = {.host = "h1", .libvirt_uri = "test:///default"};
        sd_event *event;
        HostHalf *half;

        assert_non_null(mkdtemp(dir));
        config.state_dir = config.runtime_dir = config.os_dir = dir;
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(host_half_new(event, &config, &(HostHalfSink) {}, &half), 0);
        assert_int_equal(host_half_start(half), 0);
        host_half_free(half);
        sd_event_unref(event);
        rmdir(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(starts_on_an_empty_host),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
