/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "netd/sysctl.h"

#include <fcntl.h>

#include "lib/base/file.h"
#include "tests/unit/netd/example.h"

static void the_namespace_forwards(void **unused)
{
        char *text = NULL;

        example_namespace();
        assert_int_equal(sysctl_for_host(), 0);
        assert_int_equal(file_read(AT_FDCWD, "/proc/self/net/../../sys/net/ipv4/ip_forward", 16,
                                   &text, NULL),
                         0);
        assert_int_equal(text[0], '1');
        free(text);
        sysctl_for_bridge("nowhere"); /* an interface that is gone again is no error */
        sysctl_for_tap("nowhere");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_namespace_forwards),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
