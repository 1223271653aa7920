/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "hostd/domain-xml.h"

#include <string.h>

#include "tests/unit/failing.h"
#include "tests/unit/test.h"

static DomainSpec spec(void)
{
        return (DomainSpec) {
                .name = "troupe-d1-web_IN_0-1",
                .type = "qemu",
                .n_vcpus = 2,
                .memory_bytes = 512 * MIB,
                .kernel = "/os/vmlinuz",
                .initramfs = "/os/initrd",
                .command_line = "quiet a=<b> & 'c'",
                .root = "/e/root.qcow2",
                .image = "/os/root.raw",
                .image_format = "raw",
                .payload = "/b/payload",
                .agent_socket = "/run/a.sock",
                .tap = "tv00000001",
                .mac = "52:54:00:00:00:01",
        };
}

static void what_comes_from_outside_is_escaped(void **state)
{
        DomainSpec given = spec();
        char *xml;

        assert_int_equal(domain_xml(&given, &xml), 0);
        assert_non_null(strstr(xml, "<cmdline>quiet a=&lt;b&gt; &amp; &apos;c&apos;</cmdline>"));
        free(xml);
}

static void parts_that_are_not_wanted_are_absent(void **state)
{
        DomainSpec given = spec();
        char *xml;

        assert_int_equal(domain_xml(&given, &xml), 0);
        assert_non_null(strstr(xml, "tv00000001"));
        assert_non_null(strstr(xml, "<serial>payload</serial>"));
        assert_null(strstr(xml, "<serial>local</serial>"));
        assert_null(strstr(xml, "memtune"));
        assert_null(strstr(xml, "sysinfo"));
        assert_null(strstr(xml, "<console"));
        free(xml);
        given.tap = NULL;
        given.local = "/e/local";
        given.limits_memory = true;
        assert_int_equal(domain_xml(&given, &xml), 0);
        assert_null(strstr(xml, "<interface"));
        assert_non_null(strstr(xml, "<serial>local</serial>"));
        assert_non_null(strstr(xml, "<hard_limit unit='b'>1073741824</hard_limit>"));
        free(xml);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_comes_from_outside_is_escaped),
                cmocka_unit_test(parts_that_are_not_wanted_are_absent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
