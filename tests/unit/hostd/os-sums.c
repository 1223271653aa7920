/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists as sha256sum writes them, and as somebody else might. */

#include "hostd/os-sums.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/str.h"
#include "tests/unit/test.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define HOST   A "  troupe_20260101.120000.efi\n"
#define NINE   A "  troupe-guest_debian-13_9.1.manifest.json\n"
#define TEN    B " *troupe-guest_debian-13_10.0.manifest.json\n"
#define FILES  A "  troupe-guest_debian-13_10.0.root.raw\n"
#define OTHER  B "  troupe-guest_other_1.manifest.json\n"
#define NO_END B "  troupe-guest_debian-13_10.0.manifest.json"

static void expect(const char *text, const char *wanted, const char *version, const char *digest)
{
        char message[OS_SUMS_MESSAGE_MAX] = "";
        OsSums sums;

        if (os_sums_pick(text, strlen(text), wanted, &sums, message) != 0)
                fail_msg("%s", message);
        assert_string_equal(sums.version, version);
        assert_string_equal(sums.manifest, digest);
}

static void the_newest_or_the_one_asked_for(void **state)
{
        expect(HOST NINE TEN FILES, "", "10.0", B);
        expect(TEN FILES NINE HOST, "", "10.0", B);
        expect(NO_END, "", "10.0", B);
        expect(HOST NINE TEN, "debian-13/9.1", "9.1", A);
        expect(OTHER NINE TEN, "other/1", "1", B);
        expect(TEN TEN, "", "10.0", B);
}

static void expect_refusal(int expected, const char *text, size_t length, const char *wanted,
                           const char *why)
{
        char message[OS_SUMS_MESSAGE_MAX] = "";
        OsSums sums;

        assert_int_equal(os_sums_pick(text, length, wanted, &sums, message), expected);
        if (!strstr(message, why))
                fail_msg("'%s' is not in: %s", why, message);
}

static void what_is_no_list_is_refused(void **state)
{
        static const char *const bad[] = {
                "x\n",
                "\n",
                A "\n",
                A "  \n",
                A " troupe\n",
                A "a  name\n",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  name\n",
                "<html>\n",
        };
        char *page = malloc(MIB);

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_free_ char *text = str_printf(HOST TEN "%s", bad[i]);

                expect_refusal(OS_SUMS_BAD, text, strlen(text), "", "line 3");
        }
        expect_refusal(OS_SUMS_BAD, HOST "\0" TEN, sizeof(HOST "\0" TEN) - 1, "", "line 2");
        assert_non_null(page);
        memset(page, 'a', MIB);
        expect_refusal(OS_SUMS_BAD, page, MIB, "", "line 1 is too long");
        free(page);
        expect_refusal(OS_SUMS_BAD, TEN A "  troupe-guest_debian-13_10.0.manifest.json\n",
                       sizeof(TEN A "  troupe-guest_debian-13_10.0.manifest.json\n") - 1, "",
                       "twice");
}

static void what_is_not_listed_is_said(void **state)
{
        static const char *const none[] = {
                "",
                HOST,
                FILES,
                A "  ../troupe-guest_debian-13_9.manifest.json\n",
                A "  troupe-guest_debian-13_../9.manifest.json\n",
                A "  troupe-guest_.._9.manifest.json\n",
                A "  troupe-guest__9.manifest.json\n",
                A "  troupe-guest_debian-13_.manifest.json\n",
                A "  troupe-guest_debian-13.manifest.json\n",
                A "  troupe-guest_debian-13_" B B ".manifest.json\n",
                A "  troupe-guest_" B B "_1.manifest.json\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(none); i++)
                expect_refusal(OS_SUMS_NONE, none[i], strlen(none[i]), "", "lists no guest OS");
        expect_refusal(OS_SUMS_NONE, NINE, sizeof(NINE) - 1, "debian-13/9", "debian-13/9");
        expect_refusal(OS_SUMS_NONE, NINE, sizeof(NINE) - 1, "debian-1/9.1", "debian-1/9.1");
        expect_refusal(OS_SUMS_NONE, NINE OTHER, sizeof(NINE OTHER) - 1, "",
                       "families debian-13 and other");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_newest_or_the_one_asked_for),
                cmocka_unit_test(what_is_no_list_is_refused),
                cmocka_unit_test(what_is_not_listed_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
